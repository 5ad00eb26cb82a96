"""Means of scores with their doubt: over all cases, by language of the question, and by kind of case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval.dataset import Case
from eval.metrics import Estimate, estimate_auc, estimate_mean
from eval.scorers import ANSWER, CITATION, REFUSAL, RETRIEVAL, Outcome
from rag.types import LANGS

AUC = "confidence_auc"  # of a set of cases, not of one
MEASURES = (*RETRIEVAL, *ANSWER, *CITATION, *REFUSAL, AUC)

Scored = tuple[Case, Outcome | None]  # None for a case that failed
Estimates = dict[str, Estimate | None]  # a measure's estimate; None where it applied to no case


@dataclass(frozen=True, slots=True)
class Summary:
    """Estimates of every measure. Languages and kinds that no case has are left out."""

    cases: int
    failed: int
    truncated: int
    refused: int
    overall: Estimates
    by_lang: dict[str, Estimates]
    by_kind: dict[str, Estimates]


def summarise(scored: Sequence[Scored]) -> Summary:
    """Summarise a run. Failed cases are counted and are in no mean."""
    kinds = sorted({case.kind for case, _ in scored if case.kind})
    langs = [lang for lang in LANGS if any(case.question_lang == lang for case, _ in scored)]
    return Summary(
        cases=len(scored),
        failed=sum(outcome is None for _, outcome in scored),
        truncated=sum(case.truncated for case, _ in scored),
        refused=sum(outcome is not None and not outcome.answer.answered for _, outcome in scored),
        overall=estimates(scored),
        by_lang={lang: estimates([one for one in scored if one[0].question_lang == lang]) for lang in langs},
        by_kind={kind: estimates([one for one in scored if one[0].kind == kind]) for kind in kinds},
    )


def estimates(scored: Sequence[Scored]) -> Estimates:
    """Every measure over these cases, from those to which it applies."""
    return {
        **{measure: estimate_mean(values_of(scored, measure)) for measure in MEASURES if measure != AUC},
        AUC: estimate_auc(_confidences(scored, answerable=True), _confidences(scored, answerable=False)),
    }


def values_of(scored: Sequence[Scored], measure: str) -> list[float]:
    """One measure's values, of the cases to which it applies."""
    found = (outcome.scores.get(measure) for _, outcome in scored if outcome)
    return [score.value for score in found if score and score.value is not None]


def _confidences(scored: Sequence[Scored], *, answerable: bool) -> list[float]:
    return [one.answer.confidence for case, one in scored if one and case.answerable == answerable]
