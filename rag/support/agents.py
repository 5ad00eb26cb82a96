"""Checks of who does something, and to whom: "A sued B" is not "B sued A", and is "B was sued by A"."""

from __future__ import annotations

import re

import numpy as np

from rag.support.comparison import Comparison
from rag.support.reading import Reading
from rag.support.roles import SAME_NAME, first_of_name, is_aside, is_country, names_of, speaks
from rag.support.subjects import ASYMMETRIC
from rag.types import Lang

TOLD = 0.8  # of the similarity that words need to say the same: how alike two clauses with the same names must be
# By which the words around a name must stand nearer to another one, within a language and across.
OTHERS = {True: 0.2, False: 0.25}
TOPIC = 1.25  # times that for what a passage is about: it names that once, and tells more of it later
# What may stand between a preposition and the name that it governs: articles, adjectives, a German title.
_INSIDE: dict[Lang, str] = {
    "en": r"(?: (?:the|a|an|its|his|her|their|[a-z-]+)){0,3} $",
    "de": r"(?: (?!und\b|oder\b)[a-zäöüß]+){0,3}(?: [A-ZÄÖÜ][a-zäöüß]+)? $",
    "zh": r"[^，。；、]{0,6}$",
}
_DOER: dict[Lang, str] = {"en": r"\bby", "de": r"\b(?:von|vom|durch)", "zh": r"[被由遭]"}
_OTHER: dict[Lang, str] = {
    "en": r"\b(?:of|in|at|on|from|to|for|with|against|over|about|after|before|than|into|near|under|between|through"
    r"|without|across|as|via|including|like|behind|among|around)",
    "de": r"\b(?:in|im|an|am|auf|aus|bei|beim|mit|nach|seit|zu|zum|zur|für|gegen|um|über|unter|vor|zwischen|ohne"
    r"|gegenüber|wegen|laut|neben|als|des|dem|eines|einem)",
    "zh": r"[在从向对与和同给把将为以于比跟据按因及、]",
}
_GOVERNED = {
    kind: {lang: re.compile(words[lang] + _INSIDE[lang]) for lang in words}
    for kind, words in (("doer", _DOER), ("other", _OTHER))
}
_PASSIVE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:is|are|was|were|be|been|being)\b(?: \w+){0,3} \w+(?:ed|en|ght|ld|un|st|lt|nt|ut|it)\b"),
    "de": re.compile(r"\b(?:wird|wurden?|worden|werden)\b"),
    "zh": re.compile(r"[被由遭]"),
}
_OF = re.compile(r"(?:\b(?:[Tt]he|[Aa]n?) )?\b[a-z-]+ of (?:the )?$")  # "the city of Tarnow" is one who acts
_LISTED = re.compile(r"\W*(?:and|und|or|oder|和|与|及)?\W*|['’]s?\b.*")


def agents(c: Comparison) -> str | None:
    """Of two names of the claim, the same one does something to the other in the passage."""
    said, there = names_of(c)
    for n, a in enumerate(said):
        for b in said[n + 1 :]:
            if (order := _order(c.said, a, b)) and _is_turned(c, a, b, order, there):
                return "name"
    return None


def _is_turned(c: Comparison, a: int, b: int, order: int, there: list[int]) -> bool:
    """Whether the clause of the passage that says most of a claim's clause has two of its names the other way round."""
    told = [k for k in c.told(("content", "number", "time")) if c.said.words[k].clause == c.said.words[a].clause]
    ones, others = _places(c, a, b, there), _places(c, b, a, there)
    found = {int(c.clause[x]): turned for x in ones for y in others if (turned := _order(c.text, x, y))}
    if not told or not found or order in found.values():
        return False
    alike = {clause: float(np.mean(c.near[told][:, c.clause == clause].max(axis=1))) for clause in c.clauses}
    best = max(alike, key=lambda clause: alike[clause])
    return best in found and alike[best] >= TOLD * c.found and not _is_converse(c, best)


def _places(c: Comparison, i: int, other: int, there: list[int]) -> list[int]:
    """Where the passage has a name of the claim; not in compounds, which name something else."""
    nearest = [j for j in there if c.near[i, j] >= max(SAME_NAME[c.same_lang], c.near[other, j] + 0.01)]
    return [j for j in nearest if "-" not in c.text.words[j].text or "-" in c.said.words[i].text]


def _is_converse(c: Comparison, clause: int) -> bool:
    """Whether claim and clause tell the same from the two ends: one buys what the other sells."""
    here = {(mark.axis, -mark.sign) for mark in c.said.turns if mark.axis in ASYMMETRIC}
    there = {(m.axis, m.sign) for m in c.text.turns if c.clause[c.text.word_at(m.start)] == clause}
    return bool(here & there)


def _order(reading: Reading, a: int, b: int) -> int:
    """Which of two names in a clause does something to, or with, the other: 1 for the first one given, -1, or 0."""
    if a > b:
        return -_order(reading, b, a)
    words = reading.words
    if words[a].clause != words[b].clause or words[a].text.endswith(("'s", "’s")):
        return 0
    if _LISTED.fullmatch(reading.text[words[a].end : words[first_of_name(reading, b)].start]):
        return 0
    clause = [word for word in words if word.clause == words[a].clause]
    passive = bool(_PASSIVE[reading.lang].search(reading.text[clause[0].start : clause[-1].end]))
    one, other = _case(reading, a, passive), _case(reading, b, passive)
    if passive:
        return 1 if (one, other) == ("doer", "") else -1 if (one, other) == ("", "doer") else 0
    return 1 if not one else -1 if not other and reading.lang != "zh" else 0


def _case(reading: Reading, i: int, passive: bool) -> str:
    """What a name is by the preposition before it: who does something, in the passive; something other; or nothing."""
    before = reading.text[: reading.words[first_of_name(reading, i)].start][-60:]
    before = _OF.sub("", before) if reading.lang == "en" else before
    if _GOVERNED["doer"][reading.lang].search(before):
        return "doer" if passive else "other"
    return "other" if _GOVERNED["other"][reading.lang].search(before) else ""


def other_names(c: Comparison) -> str | None:
    """What stands around a name of the claim does not stand around another name in the passage, clearly nearer."""
    said, there = names_of(c)
    if not said or not there:
        return None
    claimed = {j for j in there if c.near[said, j].max() >= SAME_NAME[c.same_lang]}
    for i in said:
        own = [j for j in claimed if c.near[i, j] >= SAME_NAME[c.same_lang]]
        rivals = [j for j in there if j not in claimed and not is_aside(c.text, j)]
        rivals = [j for j in rivals if is_country(c.said, i) == is_country(c.text, j)]
        margin = OTHERS[c.same_lang] * (TOPIC if any(c.clause[j] == c.clause[there[0]] for j in own) else 1.0)
        if own and rivals and _told_at(c, i, rivals) > _told_at(c, i, own) + margin:
            return "attribution" if speaks(c.said, i) else "name"
    return None


def _told_at(c: Comparison, i: int, places: list[int]) -> float:
    """How far the words around a name of the claim stand around some places of the passage, the best of them."""
    first = first_of_name(c.said, i)
    told = np.array([k for k in c.told() if not first <= k <= i], dtype=int)
    if not len(told):
        return 0.0
    clause = c.said.words[i].clause
    weight = np.array([1.0 if c.said.words[k].clause == clause else 0.3 for k in told])
    weight /= 1.0 + 0.3 * np.minimum(abs(told - i), abs(told - first))
    scores = [((c.near[told] * c.proximity(j)).max(axis=1) * weight).sum() / weight.sum() for j in places]
    return float(max(scores))
