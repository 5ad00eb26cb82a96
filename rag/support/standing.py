"""Checks of what the passage gives a value or a name as: the present one or a former one, the whole or a part."""

from __future__ import annotations

import re

from rag.language.quantities import Quantity
from rag.support.bindings import same
from rag.support.comparison import Comparison
from rag.support.facts import by_or_to, is_former
from rag.support.reading import Reading
from rag.support.roles import SAME_NAME, first_of_name, names_of, says
from rag.types import Lang

LESS_ALIKE = 0.15  # words that are so much less like one than the nearest one are others
# By which a text says that it speaks of what was before, or of what something is compared with.
_PAST: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:before|earlier|previous\w*|prior|original\w*|former\w*|initial\w*|had|against|after|from|than|instead"
        r"|compared|versus|once|last)\b",
        re.IGNORECASE,
    ),
    "de": re.compile(
        r"\b(?:zuvor|vorher\w*|bisher\w*|bislang|früher\w*|ursprünglich\w*|vorjahr\w*|vormonat\w*|hatten?|noch|zunächst"
        r"|nach|von|gegenüber|als|statt|vergangen\w*|letzt\w*|damals)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"此前|原|去年|上年|之前|曾|由|从|高于|低于|超过|比|上月|上季|同期|前|基础"),
}
# What follows is valid no more: "not in London", "instead of Ms Smith".
_NOT_THIS: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:instead of|rather than|replac(?:es|ed|ing))(?: [a-z]+){0,3} $"),
    "de": re.compile(r"\b(?:statt|anstatt|anstelle von|anstelle)(?: [a-zäöü]+){0,3} $"),
    "zh": re.compile(r"(?:而不是|而非|不是)[^，。；]{0,8}$"),
}
_PART: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:of which|of them|of whom|including|among them)(?: \w+){0,2} $"),
    "de": re.compile(r"\b(?:davon|darunter|von denen)(?: \w+){0,2} $"),
    "zh": re.compile(r"(?:其中|包括)[^，。；、]{0,6}$"),
}
_WHOLE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:in total|in all|altogether|overall|a total of)\b", re.IGNORECASE),
    "de": re.compile(r"\b(?:insgesamt|zusammen|alles in allem)\b", re.IGNORECASE),
    "zh": re.compile(r"共|总计|合计"),
}


def former(c: Comparison) -> str | None:
    """A value that the passage only compares the present one with is not given as the present one."""
    for one in c.said.numbers:
        own = c.same_numbers(one)
        if not own or _PAST[c.said.lang].search(c.said.text):
            continue
        if all(is_former(c.text, other) and _has_present(c.text, other) for other in own):
            return "number"
    return None


def reached(c: Comparison) -> str | None:
    """What something rises or falls to is the value that it does so to in the passage, not one beside that."""
    claimed = [other for one in c.said.numbers for other in c.same_numbers(one)]
    for one in c.said.numbers:
        own = c.same_numbers(one)
        if not own or by_or_to(c.said, one) >= 0 or any(by_or_to(c.text, other) < 0 for other in own):
            continue
        ends = [other for other in c.text.numbers if by_or_to(c.text, other) < 0 and other not in claimed]
        i, near = c.said.word_at(one.start), c.best(c.said.word_at(one.start), [other.start for other in own])
        ends = [end for end in ends if end.unit == one.unit and c.best(i, [end.start]) >= near]
        if all(any(_in_one_sentence(c.text, other, end) for end in ends) for other in own):
            return "number"
    return None


def _in_one_sentence(reading: Reading, one: Quantity, other: Quantity) -> bool:
    return reading.words[reading.word_at(one.start)].sentence == reading.words[reading.word_at(other.start)].sentence


def _has_present(reading: Reading, former: Quantity) -> bool:
    """Whether the sentence of a former value has one that came after it."""
    sentence = reading.words[reading.word_at(former.start)].sentence
    inside = (one for one in reading.numbers if reading.words[reading.word_at(one.start)].sentence == sentence)
    return any(one != former and one.unit == former.unit and not is_former(reading, one) for one in inside)


def replaced(c: Comparison) -> str | None:
    """A name that the passage only has as replaced by another one is not given as valid."""
    said, there = names_of(c)
    for i in said:
        if _NOT_THIS[c.said.lang].search(_before_name(c.said, i)) or c.said.negations:
            continue
        own = [j for j in there if c.near[i, j] >= SAME_NAME[c.same_lang]]
        if own and all(_NOT_THIS[c.text.lang].search(_before_name(c.text, j)) for j in own):
            return "name"
    return None


def _before_name(reading: Reading, i: int) -> str:
    return reading.text[: reading.words[first_of_name(reading, i)].start][-60:]


def parts(c: Comparison) -> str | None:
    """The whole is not a part: "of them 65 for the first time" is not "65 in all"."""
    if not _WHOLE[c.said.lang].search(c.said.text) or len(c.said.numbers) != 1:
        return None
    own = c.same_numbers(c.said.numbers[0])
    is_part = own and all(_PART[c.text.lang].search(c.text.text[: other.start][-60:]) for other in own)
    return "number" if is_part else None


def of_later(c: Comparison) -> str | None:
    """What is named in a sentence only after a value, with a value of its own, does not own the one before it."""
    for one in c.said.numbers:
        i, own = c.said.word_at(one.start), same(c, one)
        clause = c.said.words[i].clause
        before = [k for k in c.told(("content", "name")) if k < i and c.said.words[k].clause == clause]
        before = [k for k in before if not _may_be_verb(c.said, k)]
        if not own or not before:
            continue
        places = [c.text.word_at(other.start) for other in own]
        if any(all(_is_of_later(c, k, place, one) for place in places) for k in before):
            return "name"
    return None


def _may_be_verb(reading: Reading, k: int) -> bool:
    """Whether a word may be a verb: in Chinese, only those that say what rises or falls, or that somebody says it."""
    word = reading.words[k]
    if reading.lang != "zh" and not word.text[0].isupper():
        return True
    return says(reading, k) or any(
        mark.axis == "size" and mark.start < word.end and word.start < mark.end for mark in reading.turns
    )


def _is_of_later(c: Comparison, subject: int, place: int, one: Quantity) -> bool:
    """Whether a word before a claim's value stands in the passage just once: after a value, beside another one."""
    alike = max(SAME_NAME[c.same_lang], float(c.near[subject].max()) - LESS_ALIKE)
    found = [j for j, word in enumerate(c.text.words) if word.kind and c.near[subject, j] >= alike]
    rivals = [c.text.word_at(other.start) for other in c.text.numbers if other.unit == one.unit]
    return len(found) == 1 and all(
        c.sentence[j] == c.sentence[place]
        and j > place
        and c.clause[j] > c.clause[place]
        and any(c.clause[k] == c.clause[j] for k in rivals)
        for j in found
    )
