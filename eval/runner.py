"""Drives the assistant, and whoever else is asked, over the cases of a run."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr
from rich.progress import Progress

from eval.checkpoint import Checkpoint
from eval.dataset import Case, articles_checksum, cases_checksum, gold_langs
from eval.judge import Agreement, Judge, count_missing
from eval.leak import NEARLY_WORD_FOR_WORD, Leak, find_leak
from eval.likeness import Likeness
from eval.progress import progress_bar
from eval.records import Aside, Record, aside_of, record_of
from eval.rivals import DenseOnly, LexicalOnly, PlainPipeline, Rival
from eval.scorers import (
    ArticleText,
    Scores,
    Tools,
    score_case,
    score_refusal,
    score_retrieval,
    score_text,
    score_verdict,
)
from eval.summary import Summary, summarise
from rag.assembly import STORE_FILE, open_assistant, open_embedder, run_ingest
from rag.assistant import Assistant
from rag.errors import ChatModelSetupError, QuestionError
from rag.settings import Settings
from rag.store import Store
from rag.types import AnswererName, Article, Health

Qa = Literal["without", "both"]


class LeakError(Exception):
    """A passage holds the question nearly word for word: a score would measure nothing."""

    def __init__(self, leak: Leak) -> None:
        super().__init__(
            f"passage {leak.passage_id} of {leak.file} holds the question nearly word for word"
            f" ({leak.overlap:.3f}, from {NEARLY_WORD_FOR_WORD} on a score measures nothing)"
        )
        self.leak = leak


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask, of what, and how."""

    name: str
    articles: Path
    cases: tuple[Case, ...]
    started: datetime
    answerer: AnswererName | None = None  # None: as set
    baseline: bool = False
    qa: Qa = "without"
    judge: Judge | None = None


@dataclass(frozen=True, slots=True)
class Parties:
    """Who is asked, and what scoring needs."""

    assistant: Assistant
    tools: Tools
    answerer: AnswererName | None = None
    rivals: Sequence[Rival] = ()
    with_qa: Assistant | None = None
    judge: Judge | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """All that is needed to read the figures, to repeat them and to compare them with another run's."""

    name: str
    started: datetime
    seconds: float
    commit: str | None
    version: str
    settings: dict[str, Any]  # without secrets
    cases_checksum: str
    articles_checksum: str
    records: tuple[Record, ...]
    summary: Summary
    judge: dict[str, Any] | None

    @property
    def failed(self) -> tuple[Record, ...]:
        """The cases that raised an error; they are in no mean."""
        return tuple(record for record in self.records if record.error is not None)


def run(
    plan: Plan,
    settings: Settings,
    articles: Sequence[Article],
    *,
    keep: Checkpoint | None = None,
    done: Mapping[str, Record] | None = None,
) -> Run:
    """Index the plan's folder, ask every case that is not done yet, and forget the index.

    ``articles`` are the folder's files, parsed. Each new record goes to ``keep`` at once.
    """
    begun = time.perf_counter()
    done = done or {}
    agreement = plan.judge.agreement() if plan.judge else None  # first: a judge that can't be asked stops the run here
    with progress_bar() as progress, open_parties(plan, settings, articles, progress) as parties:
        health = parties.assistant.health()
        records = evaluate(parties, plan.cases, progress, keep=keep, done=done)
    return Run(
        name=plan.name,
        started=plan.started,
        seconds=time.perf_counter() - begun + sum(record.seconds for record in done.values()),
        commit=git_commit(),
        version=health.version,
        settings=run_settings(settings, health, plan),
        cases_checksum=cases_checksum(plan.cases),
        articles_checksum=articles_checksum(articles),
        records=records,
        summary=summarise(records),
        judge=judge_json(plan.judge, agreement, records) if plan.judge and agreement else None,
    )


@contextmanager
def open_parties(plan: Plan, settings: Settings, articles: Sequence[Article], progress: Progress) -> Iterator[Parties]:
    """Everybody who is asked, over fresh indexes that are gone afterwards."""
    with ExitStack() as stack:
        folder = stack.enter_context(throwaway_index(settings, plan.articles, progress))
        assistant = stack.enter_context(throwaway_assistant(settings, folder))
        embedder = open_embedder(settings)
        rivals: list[Rival] = []
        if plan.baseline:
            store = Store(folder / STORE_FILE)
            stack.callback(store.close)
            rivals = [PlainPipeline(articles, embedder), DenseOnly(store, embedder), LexicalOnly(store)]
        with_qa = None
        if plan.qa == "both":
            other = stack.enter_context(throwaway_index(settings, plan.articles, progress, include_qa=True))
            with_qa = stack.enter_context(throwaway_assistant(settings, other))
        tools = Tools(article_text(assistant), Likeness(embedder), gold_langs(articles))
        yield Parties(assistant, tools, plan.answerer, rivals, with_qa, plan.judge)


def evaluate(
    parties: Parties,
    cases: Sequence[Case],
    progress: Progress,
    *,
    keep: Checkpoint | None = None,
    done: Mapping[str, Record] | None = None,
) -> tuple[Record, ...]:
    """Ask every case and score it; a case that raises becomes a failed case, and the run goes on.

    Raises:
        QuestionError: the answerer asked for is not set up; no case could do better than the first.
        ChatModelSetupError: the judge cannot be asked; the same.
    """
    records = dict(done or {})
    bar = progress.add_task("asking", total=len(cases), completed=len(records))
    for case in cases:
        if case.id not in records:
            records[case.id] = _record(parties, case)
            if keep:
                keep.keep(records[case.id])
            progress.advance(bar)
    return tuple(records[case.id] for case in cases)


def _record(parties: Parties, case: Case) -> Record:
    try:
        return ask_case(parties, case)
    except (QuestionError, ChatModelSetupError):
        raise
    except LeakError as error:
        return Record(case, error=f"leak: {error}", leak=error.leak.overlap)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other cases still want to be asked
        return Record(case, error=f"{type(error).__name__}: {error}")


def ask_case(parties: Parties, case: Case) -> Record:
    """Ask one case, with the articles' own answers shut out, and score it.

    Raises:
        LeakError: what was found holds the question, and the answers are not asked for both ways.
    """
    begun = time.perf_counter()
    answer = parties.assistant.ask(case.question, include_qa=False, answerer=parties.answerer)
    seconds = time.perf_counter() - begun
    leak = find_leak(case.question, answer.passages)
    if leak.found and parties.with_qa is None:
        raise LeakError(leak)
    return record_of(
        case,
        score_case(case, answer, parties.tools),
        leak,
        seconds,
        rivals={rival.name: ask_rival(rival, case, parties.tools) for rival in parties.rivals},
        with_qa=ask_with_qa(parties.with_qa, case, parties) if parties.with_qa else None,
        graded=parties.judge.grade(case, answer) if parties.judge else None,
    )


def ask_with_qa(assistant: Assistant, case: Case, parties: Parties) -> Aside:
    """The same question with the articles' own answers in the index."""
    answer = assistant.ask(case.question, include_qa=True, answerer=parties.answerer)
    scores = score_case(case, answer, parties.tools).scores
    return Aside(answer.to_dict(), {measure: score.value for measure, score in scores.items()})


def ask_rival(rival: Rival, case: Case, tools: Tools) -> Aside:
    """Ask a rival, and score what it has: none of them cites sentences, and some only find."""
    answer = rival.ask(case.question, case.question_lang)
    scores: Scores = score_retrieval(case, answer.passages)
    if rival.speaks:
        text = score_text(case, answer, tools.similarity)
        # It says the first passage, so that is what its answer rests on.
        scores |= {**text, "right": score_verdict(case, answer, text, scores["hit@1"]), **score_refusal(case, answer)}
    return aside_of(answer, scores)


def judge_json(judge: Judge, agreement: Agreement, records: Sequence[Record]) -> dict[str, Any]:
    """What is told of a judge, as JSON values; the verdicts that are missing are counted here."""
    unreadable, failed = count_missing(record.scores for record in records)
    return {
        "model": judge.model,
        "unreadable": unreadable,
        "failed": failed,
        "agreement": asdict(agreement),
        "usage": asdict(judge.usage),
    }


def article_text(assistant: Assistant) -> ArticleText:
    """Looks up an article's whole text by its id, each once."""

    @cache
    def text_of(article_id: str) -> str | None:
        found = assistant.article(article_id)
        return found[1] if found else None

    return text_of


@contextmanager
def throwaway_index(
    settings: Settings, articles: Path, progress: Progress, *, include_qa: bool = False
) -> Iterator[Path]:
    """A data folder with a fresh index of these articles, which is gone afterwards."""
    # On Windows a file that Chroma still holds cannot be deleted; that must not cost the run its results.
    with tempfile.TemporaryDirectory(prefix="eval-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        bar = progress.add_task("indexing with Q&A" if include_qa else "indexing", total=None)

        def step(_: str, at: int, of: int) -> None:
            progress.update(bar, completed=at, total=of)

        # Shut out twice, here and in each question: the answer key must not even weigh in the words' rarity.
        run_ingest(_own(settings, folder), [articles], include_qa=include_qa, progress=step)
        yield folder


@contextmanager
def throwaway_assistant(settings: Settings, folder: Path) -> Iterator[Assistant]:
    """An assistant over a data folder of the run's own."""
    assistant = open_assistant(_own(settings, folder))
    try:
        yield assistant
    finally:
        assistant.close()


def _own(settings: Settings, folder: Path) -> Settings:
    # Embedded, also where a Chroma server is set: that one holds what people are using.
    return settings.model_copy(update={"data_dir": folder, "chroma_url": None, "chroma_token": None})


def run_settings(settings: Settings, health: Health, plan: Plan) -> dict[str, Any]:
    """The settings of a run as JSON values, without secrets, and what they came to.

    Keys, tokens, and passwords in a link are left out; so is what a run does not use: where people's own index, its
    Chroma server and the page are.
    """
    unused = {"data_dir", "chroma_url", "chroma_token", "host", "port", "runs"}
    secret = {key for key, value in settings if _is_secret(value)}
    shown = settings.model_dump(mode="json", exclude=secret | unused)
    public = {key: _without_password(value) if isinstance(value, str) else value for key, value in shown.items()}
    return {
        **public,
        "articles": str(plan.articles),
        "answerer": plan.answerer or health.answerer,
        "chat_model": health.model,
        "embed_model": health.embed_model,
        "include_qa": plan.qa,
        "baseline": plan.baseline,
    }


def _is_secret(value: object) -> bool:
    return isinstance(value, SecretStr) or (
        isinstance(value, tuple) and any(isinstance(item, SecretStr) for item in value)
    )


def _without_password(value: str) -> str:
    """A link without the parts that may hold a key; other text as it is.

    >>> _without_password("https://me:secret@llm.example/v1?key=secret"), _without_password("local")
    ('https://llm.example/v1', 'local')
    """
    return re.sub(r"(?<=://)[^/]*@|\?.*", "", value) if "://" in value else value


def git_commit() -> str | None:
    """The commit this code is at, with ``-dirty`` when files differ from it; None outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):  # no git on this machine, or one that hangs
        return None
    return done.stdout.strip() or None
