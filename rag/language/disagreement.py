"""Where two sources give different values for the same thing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

from rag.language.quantities import Quantity, differ, quantities
from rag.language.text import plain
from rag.types import Citation, Disagreement, Lang

# Amounts farther apart than this factor are taken for amounts of different things: a valuation and a funding round. A
# guess, as no set of known disagreements was at hand.
SAME_THING = 1.5
# Lengths and masses near each other are mostly of different things: of 3,561 questions of XQuAD five answers had such a
# disagreement, all false. They were left out because of these five, so that XQuAD is no check of what is left.
COMPARED = frozenset({"USD", "EUR", "GBP", "CNY", "%"})


def conflict(one: str, one_lang: Lang, other: str, other_lang: Lang) -> tuple[Quantity, Quantity] | None:
    """The nearest two amounts of one unit in which two sentences differ, when they share none and these are near.

    >>> found = conflict("It is valued at $14bn.", "en", "Es ist 13,8 Milliarden Dollar wert.", "de")
    >>> [quantity.value for quantity in found]
    [14000000000.0, 13800000000.0]
    >>> conflict("It is valued at $14bn.", "en", "它的估值为140亿美元，筹集了130亿美元。", "zh") is None
    True
    """
    amounts = product(quantities(one, one_lang), quantities(other, other_lang))
    pairs = [(a, b) for a, b in amounts if a.unit == b.unit and a.unit in COMPARED]
    agreed = {a.unit for a, b in pairs if not differ(a.value, b.value)}
    near = [(a, b) for a, b in pairs if a.unit not in agreed and 0 < _ratio(a.value, b.value) <= SAME_THING]
    return min(near, key=lambda pair: _ratio(pair[0].value, pair[1].value), default=None)


def _ratio(one: float, other: float) -> float:
    return max(one, other) / min(one, other) if min(one, other) > 0 else 0.0


def find_disagreements(citations: Sequence[Citation]) -> tuple[Disagreement, ...]:
    """The disagreements among the quotes of an answer, each of two articles; ``about`` has both amounts as written."""
    found = []
    for one, other in combinations(citations, 2):
        if one.article_id == other.article_id:
            continue
        quotes = plain(one.quote), plain(other.quote)
        amounts = conflict(quotes[0], one.lang, quotes[1], other.lang)
        if amounts:
            written = [quote[a.start : a.end].strip() for quote, a in zip(quotes, amounts, strict=True)]
            found.append(Disagreement(" / ".join(written), (one.number, other.number)))
    return tuple(found)
