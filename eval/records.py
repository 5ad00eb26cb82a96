"""What a run keeps of each case: a value that goes to JSON and comes back.

Everything after the asking (summary, report, comparison, going on after a stop) reads records, so that a run made
yesterday is read as one made just now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from eval.dataset import Case, parse_case
from eval.leak import Leak
from eval.scorers import Outcome, Score, Scores
from rag.types import Answer

Json = dict[str, Any]
Values = Mapping[str, float | None]
_GOLD = ("answers", "source_links", "also_links", "article_ids", "gold_text", "answerable", "kind")


@dataclass(frozen=True, slots=True)
class Aside:
    """The same question asked another way: of a rival, or with the articles' own answers in the index."""

    answer: Json
    scores: Values


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one case. A failed case has an error, no answer and no scores.

    ``by_article_lang`` has the retrieval of the right articles of each language alone; ``leak`` how nearly a passage
    that was found holds the question (0 to 1); ``seconds`` how long the answer took.
    """

    case: Case
    answer: Json | None = None
    found: tuple[Json, ...] = ()
    scores: Scores = field(default_factory=dict)
    by_article_lang: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    leak: float = 0.0
    error: str | None = None
    seconds: float = 0.0
    rivals: Mapping[str, Aside] = field(default_factory=dict)
    with_qa: Aside | None = None

    @property
    def values(self) -> Values | None:
        """The measures alone; None for a failed case."""
        return None if self.error else {measure: score.value for measure, score in self.scores.items()}


def record_of(
    case: Case,
    outcome: Outcome,
    leak: Leak,
    seconds: float,
    *,
    rivals: Mapping[str, Aside] | None = None,
    with_qa: Aside | None = None,
    graded: Scores | None = None,
) -> Record:
    """A record of a case that was answered."""
    return Record(
        case=case,
        answer=outcome.answer.to_dict(),
        found=_found(case, outcome.answer),
        scores={**outcome.scores, **(graded or {})},
        by_article_lang=outcome.by_article_lang,
        leak=round(leak.overlap, 4),
        seconds=round(seconds, 4),
        rivals=rivals or {},
        with_qa=with_qa,
    )


def aside_of(answer: Answer, scores: Scores) -> Aside:
    """What a rival said; of its passages nothing is kept, since they are most of the text and nobody reads them."""
    kept = {"answer": answer.answer, "answered": answer.answered, "confidence": answer.confidence}
    return Aside(kept, {measure: score.value for measure, score in scores.items()})


def _found(case: Case, answer: Answer) -> tuple[Json, ...]:
    return tuple(
        {
            "article_id": passage.article_id,
            "title": passage.title,
            "url": passage.url,
            "file": passage.file,
            "lang": passage.lang,
            "score": round(passage.score, 4),
            "gold": case.answerable and case.is_gold(passage.article_id, passage.url),
        }
        for passage in answer.passages
    )


def to_json(record: Record) -> Json:
    """A record as JSON values."""
    case = record.case
    gold = {key: getattr(case, key) for key in _GOLD}
    return {
        "id": case.id,
        "question": case.question,
        "question_lang": case.question_lang,
        "truncated": case.truncated,
        "gold": {**gold, "article_langs": sorted(record.by_article_lang)},
        "answer": record.answer,
        "found": record.found,
        "scores": {measure: asdict(score) for measure, score in record.scores.items()},
        "by_article_lang": record.by_article_lang,
        "error": record.error,
        "leak": record.leak,
        "seconds": record.seconds,
        "rivals": {name: asdict(aside) for name, aside in record.rivals.items()},
        "with_qa": asdict(record.with_qa) if record.with_qa else None,
    }


def from_json(value: Json) -> Record:
    """The record that ``to_json`` wrote.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    with_qa = value["with_qa"]
    return Record(
        case=parse_case({**value["gold"], **value}),
        answer=value["answer"],
        found=tuple(value["found"]),
        scores={measure: Score(**score) for measure, score in value["scores"].items()},
        by_article_lang=value["by_article_lang"],
        leak=value["leak"],
        error=value["error"],
        seconds=value["seconds"],
        rivals={name: Aside(**aside) for name, aside in value["rivals"].items()},
        with_qa=Aside(**with_qa) if with_qa else None,
    )
