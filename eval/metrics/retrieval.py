"""Whether the right articles were found, and how early.

A measure takes ``relevant``: for each result, best first, whether it is a right one. A right article counts once, at
its first passage; its further passages are False. ``total`` is how many right articles there are to find.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def hit_at(relevant: Sequence[bool], k: int) -> float:
    """1 when one of the first ``k`` results is right, else 0; nothing found is 0.

    Source: success at k (Manning et al., Introduction to Information Retrieval, chapter 8).

    >>> hit_at([False, True, False], 1), hit_at([False, True, False], 2), hit_at([], 5)
    (0.0, 1.0, 0.0)
    """
    return float(any(relevant[:k]))


def reciprocal_rank(relevant: Sequence[bool]) -> float:
    """1 / rank of the first right result; 0 when there is none. Its mean is MRR.

    Source: Voorhees, The TREC-8 Question Answering Track Report (1999).

    >>> reciprocal_rank([False, True, True]), reciprocal_rank([False]), reciprocal_rank([])
    (0.5, 0.0, 0.0)
    """
    return next((1 / rank for rank, right in enumerate(relevant, start=1) if right), 0.0)


def ndcg_at(relevant: Sequence[bool], total: int, k: int) -> float | None:
    """How near the first ``k`` results come to all right ones first: discounted gain over the most there could be.

    Source: Järvelin and Kekäläinen 2002, with gains of 0 and 1 and a discount of log2(rank + 1), as trec_eval has it.

    Ranks 1 and 3 of two right ones: (1 + 1/2) / (1 + 1/log2 3) = 1.5 / 1.6309.

    >>> round(ndcg_at([True, False, True], 2, 5), 4), ndcg_at([], 1, 5), ndcg_at([False], 0, 5)
    (0.9197, 0.0, None)
    """
    most = sum(1 / math.log2(rank + 1) for rank in range(1, min(total, k) + 1))
    gained = sum(1 / math.log2(rank + 1) for rank, right in enumerate(relevant[:k], start=1) if right)
    return gained / most if most else None


def recall_at(relevant: Sequence[bool], total: int, k: int) -> float | None:
    """Share of the right articles that are among the first ``k`` results; None when there is none to find.

    >>> recall_at([True, False, True], 4, 2), recall_at([], 1, 5), recall_at([], 0, 5)
    (0.25, 0.0, None)
    """
    return sum(relevant[:k]) / total if total else None
