"""Whether it was right to answer and right to refuse, and what confidence knows of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def refusal_precision(*, answerable: bool, refused: bool) -> float | None:
    """Of the refusals, which were right: 1 or 0 for a refusal, None for an answer. Its mean is the precision.

    Source: precision, with "refused" as the finding and "cannot be answered" as the truth. It hangs on how many
    of the questions can be answered, so compare it only between runs over the same cases.

    >>> refusal_precision(answerable=False, refused=True), refusal_precision(answerable=True, refused=True)
    (1.0, 0.0)
    >>> refusal_precision(answerable=True, refused=False) is None
    True
    """
    return float(not answerable) if refused else None


def refusal_recall(*, answerable: bool, refused: bool) -> float | None:
    """Of the questions that cannot be answered, which were refused; None for others. Its mean is the recall.

    >>> refusal_recall(answerable=False, refused=True), refusal_recall(answerable=False, refused=False)
    (1.0, 0.0)
    >>> refusal_recall(answerable=True, refused=True) is None
    True
    """
    return None if answerable else float(refused)


def roc_auc(answerable: Sequence[float], unanswerable: Sequence[float]) -> float | None:
    """How often a question that can be answered gets the higher confidence; ties are half. None without both.

    Source: area under the ROC curve as the Mann-Whitney statistic (Hanley and McNeil 1982). 0.5 is chance.

    Of the four pairs, .9 > .4, .9 > .6 and .5 > .4 are in order, .5 < .6 is not.

    >>> roc_auc([0.9, 0.5], [0.4, 0.6]), roc_auc([0.5], [0.5]), roc_auc([], [0.5])
    (0.75, 0.5, None)
    """
    if not len(answerable) or not len(unanswerable):
        return None
    lower = np.sort(np.asarray(unanswerable, dtype=float))
    below = np.searchsorted(lower, answerable, side="left")
    not_above = np.searchsorted(lower, answerable, side="right")
    return float((below + not_above).mean() / (2 * len(lower)))


def roc_curve(answerable: Sequence[float], unanswerable: Sequence[float]) -> list[tuple[float, float]]:
    """For every bar on the confidence, highest first: shares of the unanswerable and of the answerable that reach it.

    Source: receiver operating characteristic (Fawcett 2006). From (0, 0) to (1, 1), higher is better; the area under
    it is ``roc_auc``. Nothing without both.

    >>> roc_curve([0.9, 0.5], [0.5])
    [(0.0, 0.0), (0.0, 0.5), (1.0, 1.0)]
    >>> roc_curve([0.9], [])
    []
    """
    if not len(answerable) or not len(unanswerable):
        return []
    bars = sorted({*answerable, *unanswerable}, reverse=True)
    yes, no = np.sort(np.asarray(answerable, dtype=float)), np.sort(np.asarray(unanswerable, dtype=float))
    reached = [(_share_from(no, bar), _share_from(yes, bar)) for bar in bars]
    return [(0.0, 0.0), *reached]


def _share_from(ordered: NDArray[np.float64], bar: float) -> float:
    return float(1 - np.searchsorted(ordered, bar, side="left") / len(ordered))


def risk_coverage(confidences: Sequence[float], right: Sequence[bool]) -> list[tuple[float, float]]:
    """For every bar on the confidence, highest first: the share of questions above it, and how many of these are wrong.

    Source: El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective Classification". Lower is better.

    >>> risk_coverage([0.9, 0.5, 0.5, 0.1], [True, True, False, False])
    [(0.25, 0.0), (0.75, 0.3333333333333333), (1.0, 0.5)]
    >>> risk_coverage([], [])
    []
    """
    order = sorted(range(len(confidences)), key=lambda i: -confidences[i])
    points, wrong = [], 0
    for count, i in enumerate(order, start=1):
        wrong += not right[i]
        if count == len(order) or confidences[order[count]] < confidences[i]:  # equal confidence is one bar
            points.append((count / len(order), wrong / count))
    return points
