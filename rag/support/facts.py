"""Checks of a claim's facts: its numbers, times and names stand in the passage, and stand for the same things."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.language.quantities import Quantity
from rag.support.comparison import Comparison
from rag.support.names import in_sounds
from rag.support.reading import Reading
from rag.support.times import Time
from rag.types import Lang

# By which a rival must stand nearer, within a language and across; twice that where the claim names it too.
MARGIN = {True: 0.075, False: 0.095}
SURE = 0.8  # similarity of words that are the same
SAME_NAME = 0.84  # within a language, how alike a name must be written or meant
NO_NAME = 0.3  # across languages, a name that is nearer to a word than this may be that word
SECONDS_A_YEAR = 31557600.0
# What was, or was meant to be, and is no longer: "2029 instead of 2027", "to 58 from 64", "由1.8%下调至1.7%".
_FORMER: dict[Lang, re.Pattern[str]] = {
    "en": re.compile((
        r"\b(?:instead of|rather than|from|previous\w*|earlier|original\w*|planned|against|after|than"
        r"|before)(?: \S+){0,3}\W*$"
    ), re.IGNORECASE),
    "de": re.compile(r"\b(?:statt|anstatt|anstelle|von|bisher\w*|bislang|zuvor|ursprünglich\w*|geplant\w*|nach|als|vor)"
                     r"(?: \S+){0,3}\W*$", re.IGNORECASE),
    "zh": re.compile(r"(?:由|从|此前|原|去年|上年|上届|此次前|高于|低于|而非|不是)[^，。；]{0,8}$"),
}  # fmt: skip
_REPLACED: dict[Lang, re.Pattern[str]] = {
    "en": re.compile((
        r"\b(?:instead of|rather than|(?:up|down) from|of the planned)(?: the)?(?: planned)?\W*$"
    ), re.IGNORECASE),
    "de": re.compile(r"\b(?:statt|anstatt|anstelle von)\W*$", re.IGNORECASE),
    "zh": re.compile(r"(?:由|而非|不是)$"),
}  # fmt: skip


# What comes before a value that was there before another one.
_BEFORE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:from|against|after|compared (?:with|to)|instead of|rather than|previous\w*|versus|vs\.?)"
        r"(?: (?!to\b)[a-z]+){0,2}\W*$",
        re.IGNORECASE,
    ),
    "de": re.compile(
        r"\b(?:von|nach|statt|anstatt|gegenüber|verglichen mit|zuvor|bisher|vorher)(?: (?!auf\b)[a-zäöü]+){0,2}\W*$",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"(?:由|从|此前的?|原来的?|(?:去年|上年)(?:同期)?的?|上月的?|此前为|比[^，。；]{0,8}的)约?$"),
}


def is_former(reading: Reading, one: Quantity | Time) -> bool:
    """Whether a value is one that was there before another: the 3 of "from 3 to 5" and of "5, after 3"."""
    return bool(_BEFORE[reading.lang].search(reading.text[max(0, one.start - 40) : one.start]))


def numbers(c: Comparison) -> str | None:
    """Every number stands in the passage with its unit, and where the claim's other words stand."""
    for one in c.said.numbers:
        own = c.same_numbers(one)
        if not own:
            if (one.worded and one.value <= 3 and not one.unit) or _derived(one, c.text):
                continue
            return "number"
        rivals = [other for other in c.text.numbers if other.unit == one.unit and other not in own]
        claimed = [same for other in c.said.numbers if other != one for same in c.same_numbers(other)]
        if _replaced(c, one, own) or _only_a_difference(c, one, own) or _other_end(c, one, own):
            return "number"
        if _stands_elsewhere(c, one, own, rivals, claimed):
            return "number"
    return None


def times(c: Comparison) -> str | None:
    """Every time is one that the passage names, and that of the same event."""
    for one in c.said.times:
        own = c.same_times(one)
        if not own:
            return "date"
        rivals = [other for other in c.text.times if other not in own and other.says().keys() & one.says().keys()]
        claimed = [same for other in c.said.times if other != one for same in c.same_times(other)]
        if _replaced(c, one, own) or _stands_elsewhere(c, one, own, rivals, claimed):
            return "date"
    return None


def names(c: Comparison) -> str | None:
    """Every name stands in the passage, maybe in another script or under its other name."""
    there = {known.number for known in c.text.known}
    has_countries = any(known.is_country for known in c.text.known)
    for known in c.said.known:
        absent = known.number not in there and (c.same_lang or c.near[c.said.word_at(known.start)].max() < SURE)
        absent = absent and not (c.same_lang and c.said.text[known.start : known.end] in c.text.text)
        if absent and (has_countries or not known.is_country):
            return "name"
    bar = SAME_NAME if c.same_lang else NO_NAME
    for i in c.told(("name",)):
        word = c.said.words[i]
        # The Chinese segmenter takes some other words for names, too.
        sure = c.said.lang != "zh" or in_sounds(word.text) or word.text.isascii()
        if (
            c.same_lang
            and c.said.lang == "zh"
            and len(word.text) == 2
            and all(char in c.text.text for char in word.text)
        ):
            continue  # short for two names: "雅万"
        if sure and not c.said.is_title(i) and c.near[i].max() < bar:
            return "name"
    return None


def _derived(one: Quantity, text: Reading) -> bool:
    """Whether a number is the difference of two of the passage: points between shares, years between years."""
    if one.unit == "pp":
        shares = [other.value for other in text.numbers if other.unit == "%"]
        return any(abs(abs(a - b) - one.value) < 1e-6 for a in shares for b in shares)
    if one.unit == "s":
        years = [time.year for time in text.times if time.year]
        halves = one.value * 2 == SECONDS_A_YEAR and _HALF_YEAR.search(text.text)
        return bool(halves) or any(abs(abs(a - b) * SECONDS_A_YEAR - one.value) < 1 for a in years for b in years)
    return False


_HALF_YEAR = re.compile(r"半年|\bhalf\b|halbjahr|halben jahr", re.IGNORECASE)


def _replaced(c: Comparison, one: Quantity | Time, own: Sequence[Quantity | Time]) -> bool:
    """Whether a claim gives as valid what the passage only gives as replaced: the 2027 of "2029 instead of 2027"."""
    if _FORMER[c.said.lang].search(c.said.text[: one.start]):
        return False
    return all(_REPLACED[c.text.lang].search(c.text.text[: other.start]) for other in own)


def _other_end(c: Comparison, one: Quantity, own: Sequence[Quantity]) -> bool:
    """Whether a claim says "by" a number where the passage says "to" it, or the other way round."""

    wanted = by_or_to(c.said, one)
    return wanted != 0 and all(by_or_to(c.text, other) == -wanted for other in own)


def by_or_to(reading: Reading, number: Quantity) -> int:
    """Whether something changes by a number, 1, or to it, -1; 0 where neither is said."""
    head = reading.text[max(0, number.start - 20) : number.start]
    by, to = _BY_TO[reading.lang]
    return 1 if by.search(head) else -1 if to.search(head) else 0


_AMOUNT_OF = r"(?: (?:about|around|roughly|nearly|almost|over|rund|etwa|knapp|gut|fast))?\W*$"
_BY_TO: dict[Lang, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "en": (re.compile(r"\bby" + _AMOUNT_OF), re.compile(r"\bto" + _AMOUNT_OF)),
    "de": (re.compile(r"\bum" + _AMOUNT_OF), re.compile(r"\bauf" + _AMOUNT_OF)),
    "zh": (
        re.compile(r"(?:增长|下降|减少|增加|上升|下跌|降低|提高|上涨|下滑)了?约?$"),
        re.compile(r"(?:至|到)约?$"),
    ),
}


def _only_a_difference(c: Comparison, one: Quantity, own: Sequence[Quantity]) -> bool:
    """Whether a claim gives as a count what the passage gives as a difference: "8,700, which was 1,900 more"."""
    if any(mark.axis == "size" for mark in c.said.turns) or one.unit in ("%", "pp", "bp"):
        return False
    more = _MORE[c.text.lang]
    return all(more.search(c.text.text[max(0, other.start - 3) : other.end + 20]) for other in own)


_MORE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"^.{3}\S*(?: \w+)? (?:more|fewer|less|higher|lower|above|below)\b"),
    "de": re.compile(r"^.{3}\S*(?: \w+)? (?:mehr|weniger|höher|niedriger)\b"),
    "zh": re.compile(r"^.{1,2}[多少]"),
}


def _stands_elsewhere(
    c: Comparison,
    one: Quantity | Time,
    own: Sequence[Quantity | Time],
    rivals: Sequence[Quantity | Time],
    claimed: Sequence[object],
) -> bool:
    """Whether what stands around a fact of the claim stands around a rival in the passage."""
    i = c.said.word_at(one.start)
    best = c.best(i, [other.start for other in own])
    for rival in rivals:
        if _REPLACED[c.text.lang].search(c.text.text[: rival.start]):
            continue
        score = c.best(i, [rival.start])
        if score > best + MARGIN[c.same_lang] * (2 if rival in claimed else 1):
            return True
    return False
