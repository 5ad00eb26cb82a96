"""How sure a mean is: percentile bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.metrics.refusals import roc_auc

RESAMPLES = 2000  # the ends of a 95 % interval then rest on 50 draws each


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of ``n`` values, with the ends of its 95 % interval."""

    n: int
    mean: float
    low: float
    high: float


def estimate_mean(values: Sequence[float], *, seed: int = 0) -> Estimate | None:
    """The mean of the values and its 95 % interval; None of nothing. The same values give the same interval.

    Source: the percentile bootstrap (Efron and Tibshirani 1993), 2000 resamples.

    >>> estimate_mean([1.0, 1.0, 1.0])
    Estimate(n=3, mean=1.0, low=1.0, high=1.0)
    >>> estimate_mean([0.0, 1.0])  # both drawn alike in half of the resamples
    Estimate(n=2, mean=0.5, low=0.0, high=1.0)
    >>> estimate_mean([]) is None
    True
    """
    if not len(values):
        return None
    known = np.asarray(values, dtype=float)
    draws = np.random.default_rng(seed).integers(0, len(known), size=(RESAMPLES, len(known)))
    return _interval(len(known), float(known.mean()), known[draws].mean(axis=1))


def estimate_auc(answerable: Sequence[float], unanswerable: Sequence[float], *, seed: int = 0) -> Estimate | None:
    """``roc_auc`` and its 95 % interval, both groups resampled apart; None without both.

    >>> estimate_auc([0.9, 0.8], [0.1])
    Estimate(n=3, mean=1.0, low=1.0, high=1.0)
    """
    mean = roc_auc(answerable, unanswerable)
    if mean is None:
        return None
    rng = np.random.default_rng(seed)
    values = np.unique(np.concatenate([np.asarray(answerable, dtype=float), np.asarray(unanswerable, dtype=float)]))
    yes, no = (_resampled(rng, group, values) for group in (answerable, unanswerable))
    below = np.cumsum(no, axis=1) - no / 2  # what is beaten; of equals, half
    draws = (yes * below).sum(axis=1) / (len(answerable) * len(unanswerable))
    return _interval(len(answerable) + len(unanswerable), mean, draws)


def _resampled(rng: np.random.Generator, group: Sequence[float], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How often each value is drawn, for every resample: shape (resamples, values)."""
    counts = np.bincount(np.searchsorted(values, np.asarray(group, dtype=float)), minlength=len(values))
    return rng.multinomial(len(group), counts / len(group), size=RESAMPLES).astype(float)


def percentiles(values: Sequence[float], shares: Sequence[int] = (50, 95, 99)) -> dict[str, float]:
    """The values below which these shares of the values lie, in percent, interpolated; empty of nothing.

    >>> percentiles([10.0, 20.0, 30.0], (50, 75)), percentiles([])
    ({'p50': 20.0, 'p75': 25.0}, {})
    """
    return {f"p{share}": round(float(np.percentile(values, share)), 2) for share in shares} if len(values) else {}


def _interval(n: int, mean: float, draws: NDArray[np.float64]) -> Estimate:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(n, mean, float(low), float(high))
