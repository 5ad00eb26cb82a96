"""Checks of a claim's turns: what rises in it rises in the passage, what it denies is denied there."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from rag.support.comparison import Comparison, Near
from rag.support.reading import Reading
from rag.support.subjects import is_told_from_the_other_end
from rag.types import Lang

REFUSAL = "consent"  # the axis of agreeing and refusing
TURNED = 0.1  # by which an opposite must stand nearer
SCOPE = 4  # words that a negation is about
# Share of what a passage denies that a claim must speak of to state it, within a language and across.
MET = {True: 0.6, False: 0.5}
DENIED = 0.3  # share of what is denied that must be denied on the other side


def directions(c: Comparison) -> str | None:
    """What rises in the claim does not fall in the passage; and so with all that has an opposite."""
    first, last = c.quoted
    for mark in c.said.turns:
        i = c.said.word_at(mark.start)
        odd = _odd_at(c.said, mark.start)
        on_axis = [other for other in c.text.turns if other.axis == mark.axis]
        on_axis = [other for other in on_axis if first <= other.start < last]
        if mark.axis == REFUSAL:  # whose negative end is a negation itself
            same = [other.start for other in on_axis if _odd_at(c.text, other.start) == odd]
            opposite = [other.start for other in on_axis if _odd_at(c.text, other.start) != odd]
        else:
            same = [other.start for other in on_axis if other.sign == mark.sign]
            # No change is the opposite of a change, put as a negation ("unchanged") or not ("stable").
            opposite = [
                other.start
                for other in on_axis
                if other.sign != mark.sign and (_odd_at(c.text, other.start) == odd or (other.sign == 0 and not odd))
            ]
        if not same and is_told_from_the_other_end(c, mark):
            continue
        against, own = c.best(i, opposite), c.best(i, same)
        if against > max(own + (TURNED if same else 0.0), 0.3):
            return "negation" if mark.axis == REFUSAL else "direction"
    return None


def _odd_at(reading: Reading, at: int) -> bool:
    return reading.is_negated(reading.words[reading.word_at(at)].clause)


def negations(c: Comparison) -> str | None:
    """What the claim denies is denied in the passage, and what the passage denies the claim does not state."""
    odd_here = np.array([c.said.is_negated(word.clause) for word in c.said.words])
    odd_there = np.array([c.text.is_negated(word.clause) for word in c.text.words])
    for start, end in c.said.negations:
        if not odd_here[c.said.word_at(start)] or _is_negative_otherwise(c, start, end):
            continue
        scope = [i for i in _scope(c.said, start) if c.near[i].max() >= c.found]
        if scope and _share(c.near[scope], odd_there) < DENIED:
            return "negation"
    first, last = c.quoted
    for start, _ in c.text.negations:
        if not first <= start < last or not odd_there[c.text.word_at(start)]:
            continue
        scope = _scope(c.text, start)
        met = [j for j in scope if c.near[:, j].max() >= c.found]
        enough = len(met) >= (MET[c.same_lang] * len(scope) if len(scope) > 2 else len(scope))
        if met and enough and _share(c.near[:, met].T, odd_here) < DENIED:
            return "negation"
    return None


def _is_negative_otherwise(c: Comparison, start: int, end: int) -> bool:
    """Whether the clause that says most of a negative clause is negative, or says the same without a negation: what
    happened for the first time had never happened, what opens on Monday at the earliest does not open before."""
    clause = c.said.words[c.said.word_at(start)].clause
    told = [i for i in c.told() if c.said.words[i].clause == clause]
    if not told:
        return False
    score = {there: c.said_in(told, there) for there in c.clauses}
    best = max(score, key=lambda there: score[there])
    if c.text.is_negated(best):
        return True
    words = [word for word in c.text.words if word.sentence == c.sentence[c.clause == best][0]]
    there = c.text.text[words[0].start : words[-1].end]
    if _NEVER[c.said.lang].search(c.said.text, start, end + 10) and _FIRST[c.text.lang].search(there):
        return True
    return bool(_UNTIL[c.said.lang].search(c.said.text) and _EARLIEST[c.text.lang].search(there))


_NEVER: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\bnever\b|\bnot\b.*\bbefore\b"),
    "de": re.compile(r"\b(?:nie|niemals|nie zuvor)\b"),
    "zh": re.compile(r"从未|从没|从来没有"),
}
_FIRST: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\bfirst\b"),
    "de": re.compile(r"\b(?:erst(?:e[nrsm]?|mals|malig\w*))\b"),
    "zh": re.compile(r"首次|第一次|首度|首个|首位|首例"),
}
_UNTIL: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:before|until)\b"),
    "de": re.compile(r"\b(?:vor|bis|ehe|bevor)\b", re.IGNORECASE),
    "zh": re.compile(r"之?前"),
}
_EARLIEST: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\bearliest\b|\bonly (?:on|in|after|from)\b"),
    "de": re.compile(r"\b(?:frühestens|erst)\b"),
    "zh": re.compile(r"最早|最快|才"),
}


def _scope(reading: Reading, at: int) -> list[int]:
    """The words that a negation is about: the nearest few of its clause, itself left out."""
    n = reading.word_at(at)
    clause = reading.words[n].clause
    back = 1.0 if reading.lang == "de" else 2.5  # a German verb may stand before its negation as well as after
    inside = [i for i, word in enumerate(reading.words) if word.clause == clause and word.kind and i != n]
    ranked = sorted(inside, key=lambda i: (i - n) if i >= n else (n - i) * back)
    telling = [i for i in ranked if reading.words[i].kind in ("content", "place")]
    return (telling if len(telling) > 1 else ranked)[:SCOPE]


def _share(near: Near, odd: npt.NDArray[np.bool_]) -> float:
    """The share of words that stand in negative clauses on the other side."""
    best = near.max(axis=1, keepdims=True)
    return float(np.mean(((near >= best - 0.15) & odd[None, :]).any(axis=1)))
