"""How certain it is that a passage says a claim that no check speaks against.

The checks find what is wrong where they know how to look. A sentence in quite other words gives them little to hold on
to, so most false ones that pass them are loosely worded, and a sentence near the passage's own words is nearly always
true. The weights of what tells this were fitted on claims made by hand (``python -m eval fit``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from rag.language.text import content_tokens, tokens
from rag.support.comparison import Comparison

WEIGHTS = Path(__file__).parent / "certainty.json"
SAME = 0.84  # similarity of a Chinese name to itself, and
KNOWN = 0.5  # of a word that may be a name to one that means the same
STANDS = 0.5  # similarity from which a word stands at a place
UNMATCHED = 0.3  # similarity below which a word of the claim stands nowhere in the window
# Of 787 false claims of the fitting and the development set one is within these.
FEW_NEW, LITTLE_DISORDER = 0.1, 0.1
MOST_NEW = 0.3  # share of a claim's content words, within a language, that may stand nowhere in the passage

# What tells, each from 0; in this order. Of the last four more speaks for a claim, of the others against it.
FEATURES = (
    "new",
    "sentences",
    "unmatched",
    "elsewhere",
    "turned",
    "disorder",
    "spread",
    "covered",
    "name",
    "value",
    "meaning",
)
NEW = FEATURES.index("new")
FOR = frozenset({"covered", "name", "value", "meaning"})


def is_certain(compared: Comparison, meaning: float) -> bool:
    """Whether a claim may be said on the word of the passage alone.

    ``meaning`` is the similarity of the claim and its window as sentences, -1 to 1.
    """
    if is_doubtful(compared):
        return False
    found = features(compared, meaning)
    if compared.same_lang and _is_shortened(dict(zip(FEATURES, found, strict=True))):
        return True
    fitted = _fitted()["within" if compared.same_lang else "across"]
    return score(found, fitted) >= float(fitted["bound"])


def _is_shortened(found: dict[str, float]) -> bool:
    """Whether a claim is a sentence of the passage with words left out: however short, it has them in their order."""
    whole = found["sentences"] == 1 and not found["turned"]
    return whole and found["new"] <= FEW_NEW and found["disorder"] <= LITTLE_DISORDER


def is_doubtful(c: Comparison) -> bool:
    """Whether a claim may name or count something else than the passage does."""
    if c.same_lang and _names_a_stranger(c):
        return True
    return any(_belongs_elsewhere(c, *value) for value in _values(c))


def score(found: list[float], fitted: dict[str, Any]) -> float:
    """The log odds that a claim with these features is true; none at all for one of too many new words."""
    if found[NEW] > MOST_NEW:
        return -math.inf
    scaled = (np.array(found) - fitted["mean"]) / fitted["scale"]
    return float(scaled @ np.array(fitted["weights"]) + fitted["intercept"])


def features(c: Comparison, meaning: float) -> list[float]:
    """What tells whether a claim is true, in the order of ``FEATURES``."""
    window = c.window
    inside = (c.sentence >= window.start) & (c.sentence < window.end)
    told = c.told(("content", "name", "place"))
    near = c.near[told][:, inside].max(axis=1) if told else np.zeros(1)
    anywhere = c.near[told].max(axis=1) if told else np.zeros(1)
    names = [k for k, i in enumerate(told) if c.said.words[i].kind in ("name", "place")]
    places = [
        int(np.where(inside, c.near[i], 0.0).argmax()) for i, best in zip(told, near, strict=False) if best >= 0.5
    ]
    steps = np.abs(np.diff(places))
    return [
        _new(c) if c.same_lang else 0.0,
        float(window.end - window.start),
        float((near < UNMATCHED).sum()),
        float((anywhere - near).mean()),
        float(_is_turned(c)),
        _disorder(places),
        float(steps.max()) if len(steps) else 0.0,
        window.covered,
        float(near[names].min()) if names else 1.0,
        _margin(c),
        meaning,
    ]


def _new(c: Comparison) -> float:
    """The share of a claim's content words that stand nowhere in the passage."""
    there = set(tokens(c.text.text, c.text.lang))
    words = content_tokens(c.said.text, c.said.lang)
    return sum(word not in there for word in words) / len(words) if words else 1.0


def _names_a_stranger(c: Comparison) -> bool:
    """Whether the claim names somebody or something that the passage does not, or begins with a word that may be such
    a name: an English one at the head of a sentence looks like any other word there. A Chinese word with a wrong
    character looks like one, too, and is like none of the passage: there every word of more than one is looked at."""
    told = c.told(("content", "name", "place"))
    doubtful = [i for i in told if c.said.words[i].kind == "name" and not c.said.is_title(i)]
    if c.said.lang == "zh":
        doubtful = [i for i in told if len(c.said.words[i].text) > 1]
    if told and c.said.words[told[0]].text[0].isupper():
        doubtful.append(told[0])
    named = [(c.said.words[i].text.casefold(), float(c.near[i].max())) for i in doubtful]
    there = c.text.text.casefold()
    return any(near < (SAME if c.said.lang == "zh" else KNOWN) and text not in there for text, near in named)


def _belongs_elsewhere(c: Comparison, at: int, own: list[int], rivals: list[int]) -> bool:
    """Whether more of what the claim says of a value stands beside another one in the sentence that has the value.

    Words before all values of that sentence are left out: what it is about is said of each of them.
    """
    i = c.said.word_at(at)
    here = [c.text.word_at(place) for place in own]
    for sentence in {int(c.sentence[j]) for j in here}:
        mine = [j for j in here if c.sentence[j] == sentence]
        others = [j for j in map(c.text.word_at, rivals) if c.sentence[j] == sentence]
        told = [k for k in c.told(("content", "name", "place")) if k != i]
        told = [k for k in told if c.said.words[k].clause == c.said.words[i].clause]
        after = c.text.lang == "en" or c.said.words[i].kind == "number"
        votes = [_nearer(c, k, mine, others, after=after) for k in told] if others else []
        if sum(votes) >= 0:
            return False
    return bool(own)


def _nearer(c: Comparison, k: int, mine: list[int], others: list[int], *, after: bool) -> int:
    """1 where a word of the claim stands nearer to one place than to others, -1 where farther, 0 where it tells
    nothing. What stands in the clause is nearer than what does not. Of two as near, the one ``after`` the word counts
    ("closed on Mondays", "藏书120万册"), or the one before it ("montags geschlossen", "周一闭馆")."""
    first = min(*mine, *others)
    near = np.where(c.sentence == c.sentence[mine[0]], c.near[k], 0.0)
    j = int(near.argmax())
    if j < first or near[j] < STANDS:
        return 0

    def far(places: list[int]) -> tuple[bool, int, bool]:
        return min((bool(c.clause[j] != c.clause[at]), abs(j - at), (at > j) != after) for at in places)

    return (far(mine) < far(others)) - (far(mine) > far(others))


def _is_turned(c: Comparison) -> bool:
    """Whether only one of claim and window has an odd number of negations."""
    first, last = c.quoted
    there = sum(first <= start < last for start, _ in c.text.negations)
    return len(c.said.negations) % 2 != there % 2


def _disorder(places: list[int]) -> float:
    """The share of pairs of a claim's words that stand the other way round in the passage (Kendall's distance).

    >>> _disorder([1, 2, 3]), _disorder([3, 2, 1]), _disorder([1])
    (0.0, 1.0, 0.0)
    """
    pairs = [a > b for k, a in enumerate(places) for b in places[k + 1 :]]
    return sum(pairs) / len(pairs) if pairs else 0.0


def _margin(c: Comparison) -> float:
    """By how much the words around the claim's numbers and times stand nearer to them in the passage than to others of
    their kind; the least of all, 1 where nothing can be mistaken."""
    least = 1.0
    for at, own, rivals in _values(c):
        if own and rivals:
            i = c.said.word_at(at)
            least = min(least, c.best(i, own) - c.best(i, rivals))
    return least


def _values(c: Comparison) -> Iterator[tuple[int, list[int], list[int]]]:
    """Where the numbers and times of the claim stand, where they do in the passage, and where others do there."""
    for one in c.said.numbers:
        own = c.same_numbers(one)
        rivals = [other for other in c.text.numbers if other.unit == one.unit and other not in own]
        yield one.start, [o.start for o in own], [o.start for o in rivals]
    for time in c.said.times:
        same = c.same_times(time)
        others = [o for o in c.text.times if o not in same and o.says().keys() & time.says().keys()]
        yield time.start, [o.start for o in same], [o.start for o in others]


@cache
def _fitted() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return found
