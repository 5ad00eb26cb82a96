"""A run: an assistant is asked every case, without the articles' own answers in its reach, and is scored."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr
from rich.console import Console
from rich.progress import track

from eval.baseline import Baseline
from eval.dataset import Case, articles_checksum, cases_checksum
from eval.scorers import ArticleText, Outcome, score_case, score_refusal, score_retrieval, score_text
from eval.summary import Summary, summarise
from rag.assembly import open_assistant, open_embedder, run_ingest
from rag.assistant import Assistant
from rag.errors import QuestionError
from rag.settings import Settings
from rag.types import Answer, AnswererName, Article, Health, Lang


class Rival(Protocol):
    """Whatever else is asked the same questions in the same run."""

    def ask(self, question: str, question_lang: Lang) -> Answer:
        """Its answer, with the passages it found, best first."""


class LeakError(Exception):
    """The articles' own answers came back although they were shut out: figures would measure nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask, of what, and how."""

    name: str
    articles: Path
    cases: tuple[Case, ...]
    answerer: AnswererName | None = None  # None: as set
    baseline: bool = False


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case. A failed case has an error and no outcome."""

    case: Case
    ours: Outcome | None = None
    rival: Outcome | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """All that is needed to read the figures, to repeat them and to compare them with another run's."""

    name: str
    started: datetime
    commit: str | None
    version: str
    settings: dict[str, Any]  # without secrets
    cases_checksum: str
    articles_checksum: str
    results: tuple[CaseResult, ...]
    summary: Summary
    rival_summary: Summary | None

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        """The cases that raised an error; they are in no mean."""
        return tuple(result for result in self.results if result.error is not None)


def run(plan: Plan, settings: Settings, articles: Sequence[Article]) -> Run:
    """Index the plan's folder, ask every case, and forget the index. ``articles`` are its files, parsed."""
    started = datetime.now(UTC)
    rival = Baseline(articles, open_embedder(settings)) if plan.baseline else None
    with throwaway_assistant(settings, plan.articles) as assistant:
        health = assistant.health()
        results = evaluate(assistant, plan.cases, answerer=plan.answerer, rival=rival)
    return Run(
        name=plan.name,
        started=started,
        commit=git_commit(),
        version=health.version,
        settings=run_settings(settings, health, plan),
        cases_checksum=cases_checksum(plan.cases),
        articles_checksum=articles_checksum(articles),
        results=results,
        summary=summarise([(result.case, result.ours) for result in results]),
        rival_summary=summarise([(result.case, result.rival) for result in results]) if rival else None,
    )


def evaluate(
    assistant: Assistant,
    cases: Sequence[Case],
    *,
    answerer: AnswererName | None = None,
    rival: Rival | None = None,
) -> tuple[CaseResult, ...]:
    """Ask every case and score it; a case that raises becomes a failed case, and the run goes on.

    Raises:
        QuestionError: the answerer asked for is not set up; no case could do better than the first.
    """
    text_of = article_text(assistant)

    def result(case: Case) -> CaseResult:
        try:
            ours = ask_case(assistant, case, text_of, answerer)
            return CaseResult(case, ours, ask_rival(rival, case) if rival else None)
        except QuestionError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the other cases still want to be asked
            return CaseResult(case, error=f"{type(error).__name__}: {error}")

    return tuple(result(case) for case in track(cases, description="Asking", console=Console(stderr=True)))


def ask_case(assistant: Assistant, case: Case, text_of: ArticleText, answerer: AnswererName | None = None) -> Outcome:
    """Ask one case, with the articles' own answers shut out, and score it.

    Raises:
        LeakError: they came back all the same.
    """
    answer = assistant.ask(case.question, include_qa=False, answerer=answerer)
    kinds = {passage.kind for passage in answer.passages} | {citation.kind for citation in answer.citations}
    if "qa" in kinds:
        raise LeakError("a passage of a Q&A section came back in spite of include_qa=False")
    return Outcome(answer, score_case(case, answer, text_of))


def ask_rival(rival: Rival, case: Case) -> Outcome:
    """Ask a rival, and score what it has: it finds passages and says something, without citing sentences."""
    answer = rival.ask(case.question, case.question_lang)
    return Outcome(answer, {**score_retrieval(case, answer), **score_text(case, answer), **score_refusal(case, answer)})


def article_text(assistant: Assistant) -> ArticleText:
    """Looks up an article's whole text by its id, each once."""

    @cache
    def text_of(article_id: str) -> str | None:
        found = assistant.article(article_id)
        return found[1] if found else None

    return text_of


@contextmanager
def throwaway_assistant(settings: Settings, articles: Path) -> Iterator[Assistant]:
    """An assistant over a fresh index of this folder, which is gone afterwards."""
    # On Windows a file that Chroma still holds cannot be deleted; that must not cost the run its results.
    with tempfile.TemporaryDirectory(prefix="eval-", ignore_cleanup_errors=True) as folder:
        # Embedded, also where a Chroma server is set: that one holds what people are using.
        own = settings.model_copy(
            update={"data_dir": Path(folder), "articles": articles, "chroma_url": None, "chroma_token": None}
        )
        # Shut out twice, here and in each question: the answer key must not even weigh in the words' rarity.
        run_ingest(own, [articles], include_qa=False)
        assistant = open_assistant(own)
        try:
            yield assistant
        finally:
            assistant.close()


def run_settings(settings: Settings, health: Health, plan: Plan) -> dict[str, Any]:
    """The settings of a run as JSON values, without secrets, and what they came to.

    Keys, tokens, and passwords in a link are left out; so are the data folder and the Chroma server, which a
    run does not use.
    """
    secret = {key for key, value in settings if _is_secret(value)}
    shown = settings.model_dump(mode="json", exclude={*secret, "data_dir", "chroma_url", "chroma_token"})
    public = {key: _without_password(value) if isinstance(value, str) else value for key, value in shown.items()}
    return {
        **public,
        "articles": str(plan.articles),
        "answerer": plan.answerer or health.answerer,
        "chat_model": health.model,
        "embed_model": health.embed_model,
        "include_qa": False,
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
