"""Checks of what a claim's numbers and times belong to: a value stands with its own thing, change and owner."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from rag.language.quantities import Quantity
from rag.support.comparison import Comparison
from rag.support.facts import is_former
from rag.support.polarity import Mark
from rag.support.reading import Reading
from rag.support.roles import SAME_NAME, first_of_name, is_aside, is_country, is_place, names_of, speaks
from rag.support.times import Time
from rag.types import Lang

Fact = Quantity | Time

EXCHANGED = 0.04  # by which the words around two values must stand nearer to each other's
COUNTED = 0.3  # by which what is counted must be more like what is counted elsewhere
BEYOND = 0.5  # how much a word tells of a value that it is parted from by another one
FEW = 3  # what is said so in a word is often no amount: "two of them"
COUNT_REACH = 3  # words from a number to what it counts
# What may count anybody, so that it tells nothing of whom.
_ANYBODY: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"(?:people|persons?|men|women|others?)$", re.IGNORECASE),
    "de": re.compile(r"(?:Menschen|Personen|Leuten?|Männern?|Frauen|weiteren?|anderen?)$", re.IGNORECASE),
    "zh": re.compile(r"(?:人|人次|人员|名|个|家|种|位)$"),
}
# Two values said in one breath, whose order tells: "2:1", "6-2", "174 votes to 161".
_JOINED = re.compile(r"\s?(?:[:：–-]|比|对|\b(?:to|zu)\b)\s?")


def exchanged(c: Comparison) -> str | None:
    """Two values of one kind do not stand in each other's place."""
    for one, other in (*_pairs(c.said.numbers), *_pairs(c.said.times)):
        here, there = same(c, one), same(c, other)
        if not here or not there or set(here) & set(there) or not _of_one_kind(one, other):
            continue
        if order := _order(c, one, other, here, there):
            if order < 0:
                return "number"
            continue
        right = _around(c, one, other, here, there) + _around(c, other, one, there, here)
        wrong = _around(c, one, other, there, here) + _around(c, other, one, here, there)
        if wrong > right + EXCHANGED:
            return "number" if isinstance(one, Quantity) else "date"
    return None


def _pairs(facts: Sequence[Fact]) -> Iterator[tuple[Fact, Fact]]:
    return ((one, other) for n, one in enumerate(facts) for other in facts[n + 1 :])


def same(c: Comparison, one: Fact) -> Sequence[Fact]:
    """The values of the passage that a value of the claim repeats."""
    return c.same_numbers(one) if isinstance(one, Quantity) else c.same_times(one)


def _of_one_kind(one: Fact, other: Fact) -> bool:
    if any(isinstance(x, Quantity) and x.worded and x.value <= FEW for x in (one, other)):
        return False
    if isinstance(one, Quantity) and isinstance(other, Quantity):
        return one.unit == other.unit
    return isinstance(one, Time) and isinstance(other, Time) and bool(one.says().keys() & other.says().keys())


def _around(c: Comparison, one: Fact, other: Fact, places: Sequence[Fact], others: Sequence[Fact]) -> float:
    """How far the words around a value of the claim stand around some places of the passage, the best of them. What is
    parted from the value by the other one counts less, on both sides."""
    i, k = c.said.word_at(one.start), c.said.word_at(other.start)
    told = [x for x in c.told() if x not in (i, k)]
    if not told:
        return 0.0
    clause = c.said.words[i].clause
    weight = np.array([1.0 if c.said.words[x].clause == clause else 0.3 for x in told])
    weight /= 1.0 + 0.6 * np.abs(np.array(told) - i)
    weight *= _parted(np.array(told), i, [k])
    apart = [c.text.word_at(place.start) for place in others]
    words = np.arange(len(c.text.words))
    best = 0.0
    for place in places:
        j = c.text.word_at(place.start)
        near = (c.near[told] * (c.proximity(j, 0.1) * _parted(words, j, apart))).max(axis=1)
        best = max(best, float((near * weight).sum() / weight.sum()))
    return best


def _parted(words: npt.NDArray[np.int_], at: int, others: Iterable[int]) -> npt.NDArray[np.float64]:
    """A factor for words: less for those that lie beyond another place than the one they are to tell of."""
    factor = np.ones(len(words))
    for other in others:
        factor[(words >= other) if other > at else (words <= other)] *= BEYOND
    return factor


def _order(c: Comparison, one: Fact, other: Fact, here: Sequence[Fact], there: Sequence[Fact]) -> int:
    """Whether two values are put into an order, in the claim and in the passage: 1 for the same one, -1 for the other.

    A former and a later value are, and values that are joined: "from 3 to 5", "5, after 3", "2:1".
    """
    for ordered in (_is_changed_to, _is_joined):
        said = ordered(c.said, one, other) - ordered(c.said, other, one)
        forth = any(ordered(c.text, a, b) for a in here for b in there)
        back = any(ordered(c.text, b, a) for a in here for b in there)
        if said and forth != back:
            return said if forth else -said
    return 0


def _is_joined(reading: Reading, a: Fact, b: Fact) -> bool:
    return a.end <= b.start and bool(_JOINED.fullmatch(reading.text[a.end : b.start]))


def _is_changed_to(reading: Reading, a: Fact, b: Fact) -> bool:
    """Whether a text says that one value was there before another one."""
    if reading.words[reading.word_at(a.start)].sentence != reading.words[reading.word_at(b.start)].sentence:
        return False
    return is_former(reading, a) and not is_former(reading, b)


def counted(c: Comparison) -> str | None:
    """A bare count counts the things that the passage counts with it: 18 shops are not 18 people."""
    for one in c.said.numbers:
        own = c.same_numbers(one)
        thing = _counted_by(c.said, one)
        if one.unit or not own or thing is None:
            continue
        things = [_counted_by(c.text, other) for other in own]
        others = [_counted_by(c.text, other) for other in c.text.numbers if not other.unit and other not in own]
        if any(j is None for j in things):
            continue
        best = max(float(c.near[thing, j]) for j in things if j is not None)
        if any(j is not None and c.near[thing, j] > best + COUNTED for j in others):
            return "number"
    return None


def _counted_by(reading: Reading, one: Quantity) -> int | None:
    """The word for what a number counts: the next one that tells something; none where that is just anybody."""
    first = reading.word_at(one.start)
    for k in range(first + 1, min(first + 1 + COUNT_REACH, len(reading.words))):
        word = reading.words[k]
        if word.sentence != reading.words[first].sentence or word.kind in ("number", "time"):
            return None
        if _ANYBODY[reading.lang].match(word.text):
            return None
        if word.kind:
            return k
    return None


def changed(c: Comparison) -> str | None:
    """A number by or to which something rises in the claim is not one by or to which it falls in the passage."""
    for one in c.said.numbers:
        marks = _changes(c.said, one)
        own = c.same_numbers(one)
        if own and marks and len({mark.sign for mark in marks}) == 1:
            there = [_changes(c.text, other) for other in own]
            if all(found and all(mark.sign != marks[0].sign for mark in found) for found in there):
                return "direction"
    return None


def _changes(reading: Reading, one: Quantity) -> list[Mark]:
    """The rises and falls in the clause of a number; none where it is negative."""
    clause = reading.words[reading.word_at(one.start)].clause
    if reading.is_negated(clause):
        return []
    marks = [mark for mark in reading.turns if mark.axis == "size" and mark.sign]
    return [mark for mark in marks if reading.words[reading.word_at(mark.start)].clause == clause]


def owned(c: Comparison) -> str | None:
    """What a value is said of is not somebody else in the passage: in its clause there stands no other name alone."""
    said, there = names_of(c)
    if not said or not there:
        return None
    matched = {j for j in there if c.near[said, j].max() >= SAME_NAME[c.same_lang]}
    facts: list[Fact] = [*c.said.numbers, *c.said.times]
    for one in facts:
        i = c.said.word_at(one.start)
        before = [k for k in said if c.said.words[k].clause == c.said.words[i].clause and k < i]
        own = [j for j in matched if before and c.near[before[0], j] >= SAME_NAME[c.same_lang]]
        places = [c.text.word_at(other.start) for other in same(c, one)]
        if own and places and all(_is_of_another(c, before[0], j, own, matched, there) for j in places):
            return "name"
    return None


def _is_of_another(
    c: Comparison, name: int, place: int, own: Sequence[int], matched: set[int], there: Sequence[int]
) -> bool:
    """Whether a value of the passage has another name of the same sort before it in its clause, and not a given one."""
    inside = [j for j in there if c.clause[j] == c.clause[place]]
    if any(j in own for j in inside):
        return False
    rivals = [j for j in inside if j < place and j not in matched and not is_aside(c.text, j) and not speaks(c.text, j)]
    return any(_like(c, name, j) and not _is_partly_said(c, j) for j in rivals)


def _like(c: Comparison, i: int, j: int) -> bool:
    return is_country(c.said, i) == is_country(c.text, j) and is_place(c.said, i) == is_place(c.text, j)


def _is_partly_said(c: Comparison, j: int) -> bool:
    """Whether the claim has a part of a full name of the passage."""
    return bool((c.near[:, first_of_name(c.text, j) : j + 1] >= SAME_NAME[c.same_lang]).any())


def dated(c: Comparison) -> str | None:
    """A value is of the time that the claim gives with it: the passage has no other value of the kind there instead."""
    claimed = [other for one in c.said.numbers for other in c.same_numbers(one)]
    for one in c.said.numbers:
        clause = c.said.words[c.said.word_at(one.start)].clause
        beside = [time for time in c.said.times if c.said.words[c.said.word_at(time.start)].clause == clause]
        if len(beside) != 1:
            continue  # which of two times a value is of can't be told
        here, then = _clauses(c, c.same_numbers(one)), _clauses(c, c.same_times(beside[0]))
        rivals = _clauses(c, [other for other in c.text.numbers if other.unit == one.unit and other not in claimed])
        if here and then and not then & here and then <= rivals:
            return "date"
    return None


def _clauses(c: Comparison, facts: Sequence[Fact]) -> set[int]:
    return {int(c.clause[c.text.word_at(fact.start)]) for fact in facts}
