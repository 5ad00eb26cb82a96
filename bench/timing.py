"""How long each call takes: what the benchmarks of questions share."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence


def milliseconds(ask: Callable[[str], object], questions: Sequence[str], rounds: int = 1) -> list[float]:
    """The time of each call, after one unmeasured round."""
    times = []
    for measured in (False, *(True,) * rounds):
        for question in questions:
            started = time.perf_counter()
            ask(question)
            if measured:
                times.append((time.perf_counter() - started) * 1000)
    return times


def told(what: str, times: Sequence[float]) -> str:
    """Median and 95th percentile in words.

    >>> told("ask", [1.0, 2.0, 3.0])
    'ask: median 2.0 ms, p95 3.8 ms, n=3'
    """
    p95 = statistics.quantiles(times, n=20)[-1]
    return f"{what}: median {statistics.median(times):.1f} ms, p95 {p95:.1f} ms, n={len(times)}"
