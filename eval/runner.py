"""Drives the assistant, and whoever else is asked, over the cases of a run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from rich.progress import Progress

from eval.checkpoint import Checkpoint
from eval.dataset import Case, articles_checksum, cases_checksum
from eval.judge import Agreement, Judge, count_missing
from eval.leak import NEARLY_WORD_FOR_WORD, Leak, find_leak
from eval.parties import Parties, open_parties
from eval.plan import Plan
from eval.progress import progress_bar
from eval.provenance import git_commit, run_settings
from eval.records import Aside, Record, aside_of, record_of
from eval.rivals import Rival
from eval.scorers import Scores, Tools, score_case, score_refusal, score_retrieval, score_text, score_verdict
from eval.summary import Summary, summarise
from rag.assistant import Assistant
from rag.errors import ChatModelSetupError, QuestionError
from rag.settings import Settings
from rag.types import Article


class LeakError(Exception):
    """A passage holds the question nearly word for word: a score would measure nothing."""

    def __init__(self, leak: Leak) -> None:
        super().__init__(
            f"passage {leak.passage_id} of {leak.file} holds the question nearly word for word"
            f" ({leak.overlap:.3f}, from {NEARLY_WORD_FOR_WORD} on a score measures nothing)"
        )
        self.leak = leak


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
    leak = find_leak(case.question, answer.passages, answerable=case.answerable)
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
