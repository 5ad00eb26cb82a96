"""Checks of a claim's subjects: who does something in it does so in the passage."""

from __future__ import annotations

import re

import numpy as np

from rag.support.comparison import Comparison
from rag.support.polarity import Mark
from rag.support.reading import Reading
from rag.support.roles import SAME_NAME, first_of_name, is_country, is_place, named, speaks
from rag.types import Lang

REACH = 6  # words between a verb and its subject or object
CALLED = 3  # words between a name and what its bearer is called
_PASSIVE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:is|are|was|were|be|been|being)\b(?: \w+){0,3} \w+(?:ed|en|ght|ld|aten|on|un)\b.*\bby\b"),
    "de": re.compile(
        r"\b(?:wird|wurden?|worden|werden)\b.*\b(?:von|vom|durch)\b|\b(?:von|vom|durch)\b.*\bw[eou]rden\b"
    ),
    "zh": re.compile(r"被"),
}
_VERB: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"^(?!(?:said|announced|added|noted|reported|confirmed|explained|stressed|insisted|warned|told)$)\w*(?:ed|ade|ave|ook|ent|aw|ew|old|ought|ells?|ays|won|led)$"
    ),
    "de": re.compile(r"(?!)"),
    "zh": re.compile(r"^(?:认为|批评|警告|宣布|强调|预计|呼吁|击败|收购|战胜|起诉|任命|取代)$"),
}
ASYMMETRIC = {"outcome", "trade", "place"}


def subjects_of_verbs(c: Comparison) -> str | None:
    """A verb of the claim has the subject and the object that it has in the passage, where these stand beside it."""
    if c.said.lang == "de" or c.text.lang == "de":
        return None  # whose word order does not tell one from the other
    if _PASSIVE[c.said.lang].search(c.said.text):
        return None
    there = set(named(c.text))
    for i in named(c.said):
        for step in (1, -1):  # the verb after a subject, and before an object
            verb = _beside_name(c.said, i, step)
            if verb is None or c.said.words[verb].kind not in ("content", ""):
                continue
            places = [j for j, word in enumerate(c.text.words) if word.text == c.said.words[verb].text]
            found = [name for j in places if (name := _nearest_name(c.text, j, -step, there)) is not None]
            if found and all(c.near[i, j] < SAME_NAME[c.same_lang] for j in found) and len(found) == len(places):
                return "attribution" if speaks(c.said, i) else "name"
    return None


def _beside_name(reading: Reading, i: int, step: int) -> int | None:
    """The word right after a name, or the one right before it, articles and titles left out."""
    k = i + step if step > 0 else first_of_name(reading, i) - 1
    while (
        0 <= k < len(reading.words)
        and step < 0
        and reading.words[k].text.casefold() in ("the", "a", "an", "its", "his")
    ):
        k -= 1
    if not 0 <= k < len(reading.words) or reading.words[k].clause != reading.words[i].clause:
        return None
    word = reading.words[k]
    between = reading.text[reading.words[i].end : word.start] if step > 0 else ""
    return k if _VERB[reading.lang].search(word.text) and not between.strip() else None


def _nearest_name(reading: Reading, j: int, step: int, names: set[int]) -> int | None:
    """The name that stands nearest before or after a verb in its sentence, a few words away at most."""
    k = j + step
    while (
        0 <= k < len(reading.words) and abs(k - j) <= REACH and reading.words[k].sentence == reading.words[j].sentence
    ):
        if k in names or (step > 0 and reading.words[k].kind == "name"):
            while step > 0 and k not in names:
                k += 1
            return k
        k += step
    return None


def not_swapped(c: Comparison) -> str | None:
    """Of two names, the same one buys, wins or leads: "A bought B" is not "B bought A"."""
    wrong = (mark for mark in c.said.turns if _same_sense(c, mark) is False)
    return "direction" if any(wrong) else None


def is_told_from_the_other_end(c: Comparison, mark: Mark) -> bool:
    """Whether a claim says of two names what the passage says the other way round: "B lost to A", "A beat B"."""
    return _same_sense(c, mark) is True


def _same_sense(c: Comparison, mark: Mark) -> bool | None:
    """Whether the same one of two names does something in claim and passage; None where that can't be told."""
    if mark.axis not in ASYMMETRIC:
        return None
    sentence = c.said.words[c.said.word_at(mark.start)].sentence
    pair = [i for i in named(c.said) if c.said.words[i].sentence == sentence and not _is_adjective(c.said, i)]
    pair = [i for i in pair if not is_place(c.said, i)]
    if len(pair) != 2:
        return None  # who of three does what to whom can't be told
    one, other = pair
    there = _order_there(c, one, other, mark)
    return there == _sense(c.said, mark) if there else None


def _order_there(c: Comparison, a: int, b: int, mark: Mark) -> int:
    """Which of two names comes first in a sentence of the passage with a mark of the same axis, 1 for the first, with
    the sense of that sentence; 0 where that can't be told."""
    for other in c.text.turns:
        if other.axis != mark.axis:
            continue
        sentence = c.text.words[c.text.word_at(other.start)].sentence
        inside = [j for j in range(len(c.text.words)) if c.sentence[j] == sentence]
        one = [j for j in inside if c.near[a, j] >= max(c.found, c.near[b, j] + 0.2)]
        two = [j for j in inside if c.near[b, j] >= max(c.found, c.near[a, j] + 0.2)]
        if one and two and (max(one) < min(two) or max(two) < min(one)):
            return (1 if max(one) < min(two) else -1) * _sense(c.text, other)
    return 0


def _sense(reading: Reading, mark: Mark) -> int:
    sentence = reading.words[reading.word_at(mark.start)].sentence
    start, end = reading.spans[min(sentence, len(reading.spans) - 1)]
    return mark.sign * (-1 if _PASSIVE[reading.lang].search(reading.text[start:end]) else 1)


def _is_adjective(reading: Reading, i: int) -> bool:
    """Whether a country's name only says where somebody is from. In Chinese it may be a firm's: "美国钢铁公司"."""
    following = reading.words[i + 1] if i + 1 < len(reading.words) else None
    firm = reading.lang == "zh" and following is not None and following.start == reading.words[i].end
    return is_country(reading, i) and not firm


def plain_subject(c: Comparison) -> str | None:
    """A claim without names does not say of one group what the passage says of a person that it names."""
    told = c.told(("content", "place"))
    if (
        c.said.lang == "de"
        or named(c.said)
        or len(told) < 3
        or c.said.words[told[0]].sentence != c.said.words[told[-1]].sentence
    ):
        return None
    rest = told[1:]
    scores = {
        s: float(np.mean(c.near[rest][:, c.sentence == s].max(axis=1))) for s in sorted(set(map(int, c.sentence)))
    }
    best = max(scores, key=lambda s: scores[s])
    here = c.sentence == best
    subject = c.near[told[0]]
    verb = int(np.where(here, c.near[rest].max(axis=0), 0.0).argmax())
    persons = [j for j in named(c.text) if here[j] and j < verb and not is_country(c.text, j)]
    elsewhere = subject[here].max() < c.found <= subject.max()
    called = int(subject.argmax())  # "the shipyard Vestmar": who is called so is the subject
    own = [j for j in named(c.text) if abs(j - called) <= CALLED]
    persons = [j for j in persons if all(c.text.words[j].text != c.text.words[k].text for k in own)]
    return "attribution" if elsewhere and persons and scores[best] >= c.found else None
