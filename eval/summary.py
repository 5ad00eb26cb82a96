"""Means of scores with their doubt: over all cases, by language, by pair of languages and by kind of case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.dataset import Case
from eval.leak import NEARLY_WORD_FOR_WORD
from eval.metrics import Estimate, estimate_auc, estimate_mean, percentiles, risk_coverage, roc_curve
from eval.records import Aside, Record, Values
from eval.scorers import ANSWER, CITATION, JUDGE, REFUSAL, RETRIEVAL
from rag.types import LANGS, Usage

AUC = "confidence_auc"  # of a set of cases, not of one
PER_CASE = (*RETRIEVAL, *ANSWER, *CITATION, *REFUSAL, *JUDGE)
MEASURES = (*PER_CASE, AUC)
PAIRED = ("hit@1", "hit@5", "mrr", "recall@5")  # told apart by the language of the right article
CURVE_POINTS = 200  # enough for the eye

Estimates = dict[str, Estimate | None]  # a measure's estimate; None where it applied to no case
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scored:
    """A case with the values of its measures, in whichever way it was asked. A failed case has none."""

    case: Case
    values: Values | None
    confidence: float = 0.0
    by_article_lang: Mapping[str, Mapping[str, float]] | None = None


@dataclass(frozen=True, slots=True)
class Curves:
    """What another bar on the confidence would do.

    ``roc`` has (share of unanswerable answered, share of answerable answered), ``risk_coverage`` (share of questions
    above the bar, share of these whose best passage is of no right article; an unanswerable question has none).
    ``threshold_coverage`` is the share that was answered. None and empty where nothing tells.
    """

    roc: tuple[Point, ...]
    risk_coverage: tuple[Point, ...]
    threshold_coverage: float | None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Estimates over all cases, by the language of the question and by kind of case."""

    overall: Estimates
    by_lang: dict[str, Estimates]
    by_kind: dict[str, Estimates]


@dataclass(frozen=True, slots=True)
class Summary:
    """Estimates of every measure, and what else is told of a whole run. Groups that no case is in are left out."""

    cases: int
    failed: int
    truncated: int
    refused: int
    leaked: int
    overall: Estimates
    by_lang: dict[str, Estimates]
    by_kind: dict[str, Estimates]
    by_pair: dict[str, Estimates]
    curves: Curves
    latency_ms: dict[str, float]
    usage: Usage
    rivals: dict[str, Breakdown]
    with_qa: Breakdown | None


def summarise(records: Sequence[Record]) -> Summary:
    """Summarise a run. Failed cases are counted and are in no mean."""
    ours = [_scored(record) for record in records]
    groups = breakdown(ours)
    names = dict.fromkeys(name for record in records for name in record.rivals)
    return Summary(
        cases=len(records),
        failed=sum(record.error is not None for record in records),
        truncated=sum(record.case.truncated for record in records),
        refused=sum(record.answer is not None and not record.answer["answered"] for record in records),
        leaked=sum(record.leak >= NEARLY_WORD_FOR_WORD for record in records),
        overall=groups.overall,
        by_lang=groups.by_lang,
        by_kind=groups.by_kind,
        by_pair=by_pair(ours),
        curves=curves(ours),
        latency_ms=latency(records),
        usage=total_usage(records),
        rivals={name: breakdown(_asides(records, name)) for name in names},
        with_qa=breakdown(_asides(records)) if any(record.with_qa for record in records) else None,
    )


def _scored(record: Record) -> Scored:
    confidence = record.answer["confidence"] if record.answer else 0.0
    return Scored(record.case, record.values, confidence, record.by_article_lang)


def _asides(records: Iterable[Record], rival: str | None = None) -> list[Scored]:
    asked = ((record.case, record.rivals.get(rival) if rival else record.with_qa) for record in records)
    return [_aside(case, aside) for case, aside in asked]


def _aside(case: Case, aside: Aside | None) -> Scored:
    return Scored(case, aside.scores, aside.answer["confidence"]) if aside else Scored(case, None)


def breakdown(scored: Sequence[Scored]) -> Breakdown:
    """Estimates over all, by the language of the question and by kind."""
    langs = [lang for lang in LANGS if any(one.case.question_lang == lang for one in scored)]
    by_lang: dict[str, Estimates] = {
        lang: estimates([one for one in scored if one.case.question_lang == lang]) for lang in langs
    }
    kinds = sorted({one.case.kind for one in scored if one.case.kind})
    by_kind = {kind: estimates([one for one in scored if one.case.kind == kind]) for kind in kinds}
    return Breakdown(estimates(scored), by_lang, by_kind)


def estimates(scored: Sequence[Scored]) -> Estimates:
    """Every measure over these cases, from those to which it applies."""
    return {
        **{measure: estimate_mean(values_of(scored, measure)) for measure in PER_CASE},
        AUC: estimate_auc(*_confidences(scored)),
    }


def values_of(scored: Sequence[Scored], measure: str) -> list[float]:
    """One measure's values, of the cases to which it applies."""
    found = (one.values.get(measure) for one in scored if one.values)
    return [value for value in found if value is not None]


def by_pair(scored: Sequence[Scored]) -> dict[str, Estimates]:
    """Retrieval by the languages of question and right article, as ``en→de``; several of one article are ``zh+en``.

    An article counts as found even where one in another language was found before it and would have done.
    """
    groups: dict[str, list[Mapping[str, float]]] = {}
    for one in scored:
        for lang, values in (one.by_article_lang or {}).items():
            groups.setdefault(f"{one.case.question_lang}→{lang}", []).append(values)
    return {
        pair: {measure: estimate_mean([one[measure] for one in values]) for measure in PAIRED}
        for pair, values in sorted(groups.items())
    }


def curves(scored: Sequence[Scored]) -> Curves:
    """ROC and risk–coverage of a run's confidence."""
    told = [
        (one.confidence, one.values.get("hit@1") == 1)
        for one in scored
        if one.values and (not one.case.answerable or one.values.get("hit@1") is not None)
    ]
    # Answered is what was not refused; each case has one of the two measures.
    answered = [v["answer_rate"] == 1 or v["refusal_recall"] == 0 for one in scored if (v := one.values)]
    return Curves(
        roc=_thinned(roc_curve(*_confidences(scored))),
        risk_coverage=_thinned(risk_coverage([c for c, _ in told], [right for _, right in told])),
        threshold_coverage=sum(answered) / len(answered) if answered else None,
    )


def _thinned(points: Sequence[Point]) -> tuple[Point, ...]:
    """Every so many points, the first and the last among them."""
    if len(points) <= CURVE_POINTS:
        return tuple(points)
    return tuple(points[i] for i in np.linspace(0, len(points) - 1, CURVE_POINTS).round().astype(int))


def _confidences(scored: Sequence[Scored]) -> tuple[list[float], list[float]]:
    """Of the answerable cases and of the others."""
    yes = [one.confidence for one in scored if one.values and one.case.answerable]
    return yes, [one.confidence for one in scored if one.values and not one.case.answerable]


def latency(records: Sequence[Record]) -> dict[str, float]:
    """Percentiles of the time to an answer, in milliseconds; empty when nothing was answered."""
    return percentiles([record.seconds * 1000 for record in records if record.error is None])


def total_usage(records: Sequence[Record]) -> Usage:
    """What all answers asked of language models. The cost is that of the answers that have one."""
    used = [Usage(**record.answer["usage"]) for record in records if record.answer and record.answer.get("usage")]
    costs = [one.cost for one in used if one.cost is not None]
    return Usage(
        sum(one.calls for one in used),
        sum(one.tokens_in for one in used),
        sum(one.tokens_out for one in used),
        sum(costs) if costs else None,
    )
