"""Amounts in Chinese, English and German text, as numbers that can be compared; pure functions.

"$14bn", "14,000,000,000 dollars", "14 Milliarden US-Dollar" and "140亿美元" are the same amount.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from rag.language.quantity_words import SCALES, SPAN_OF, UNIT_OF, UNITS, VALUES, ZH_MEASURE, ZH_NUMERALS, ZH_PLACES
from rag.types import LANGS, Lang

# A number as it is written; what its points and commas mean hangs on the language.
_DIGITS = r"\d+(?:[.,’' \u00a0\u202f]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?"
_BEFORE = r"US\$|HK\$|[$€£¥]|USD|EUR|GBP|CHF"


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount with its unit, at ``text[start:end]``."""

    value: float
    unit: str
    start: int
    end: int
    worded: bool = False  # a small number in words, which is often no amount: "one of them"

    def agrees(self, other: Quantity, *, rough: bool = False) -> bool:
        """Whether two amounts are the same; a unit that one leaves out counts as said. Rough: give or take 5 percent.

        >>> Quantity(14e9, "USD", 0, 1).agrees(Quantity(13.8e9, "USD", 0, 1), rough=True)
        True
        >>> Quantity(14e9, "USD", 0, 1).agrees(Quantity(14e9, "EUR", 0, 1))
        False
        """
        if self.unit != other.unit and self.unit and other.unit:
            return False
        return abs(self.value - other.value) <= (0.05 if rough else 1e-9) * max(abs(self.value), abs(other.value))


def quantities(text: str, lang: Lang) -> list[Quantity]:
    """The amounts of a text that have a unit of money, share, length or mass, in order.

    >>> [(q.value, q.unit) for q in quantities("Scale raised $1bn at 13.8 billion dollars.", "en")]
    [(1000000000.0, 'USD'), (13800000000.0, 'USD')]
    >>> [(q.value, q.unit) for q in quantities("Bewertung: 13,8 Milliarden Dollar, plus 20 Prozent", "de")]
    [(13800000000.0, 'USD'), (20.0, '%')]
    >>> [(q.value, q.unit) for q in quantities("筹集10亿美元，估值翻倍至140亿美元", "zh")]
    [(1000000000.0, 'USD'), (14000000000.0, 'USD')]
    """
    # "ein Euro" is no amount to compare
    return [amount for amount in amounts(text, lang) if amount.unit in UNITS and not amount.worded]


def amounts(text: str, lang: Lang) -> list[Quantity]:
    """All numbers of a text, in order: with a unit, as a length of time (unit "s"), or bare counts (unit "").

    >>> [(q.value, q.unit) for q in amounts("Zwölf von 3.200 Mitarbeitern, sechs Prozentpunkte", "de")]
    [(12.0, ''), (3200.0, ''), (6.0, 'pp')]
    >>> [(q.value, q.unit) for q in amounts("1.7万人，九成以上，两百名员工，三小时", "zh")]
    [(17000.0, ''), (90.0, '%'), (200.0, ''), (10800.0, 's')]
    """
    found = [amount for match in _PATTERNS[lang].finditer(text) if (amount := _amount(match, lang))]
    return _whole_spans([_with_unit_of(a, b, text, lang) for a, b in zip_longest(found, found[1:])], text)


def _whole_spans(found: Sequence[Quantity], text: str) -> list[Quantity]:
    """Amounts with the parts of a length of time put together: "five years and six months"."""
    whole: list[Quantity] = []
    for one in found:
        last = whole[-1] if whole else None
        if (
            last
            and last.unit == one.unit == "s"
            and last.value > one.value
            and _PART.fullmatch(text[last.end : one.start])
        ):
            whole[-1] = replace(last, value=last.value + one.value, end=one.end)
        else:
            whole.append(one)
    return whole


def _with_unit_of(one: Quantity, following: Quantity | None, text: str, lang: Lang) -> Quantity:
    """A bare number with the scale and the unit that only the next one has, where the two are one phrase.

    >>> [(q.value, q.unit) for q in amounts("von 210 auf 180 Millionen Euro", "de")]
    [(210000000.0, 'EUR'), (180000000.0, 'EUR')]
    """
    if one.unit or one.worded or following is None or not following.unit or following.unit == "s":
        return one
    if not _RANGE.fullmatch(text[one.end : following.start]) or not text[one.start : one.end].strip()[-1:].isdigit():
        return one
    written = text[following.start : following.end]
    scale = next((times for name, times in _SCALES[lang] if _has_scale(written, name, lang)), 1.0)
    return replace(one, value=one.value * scale, unit=following.unit)


def _has_scale(written: str, name: str, lang: Lang) -> bool:
    end = "" if lang == "zh" else r"(?!\w)"
    return re.search(rf"[\d\s-]{re.escape(name)}{end}", written, re.IGNORECASE) is not None


def _amount(match: re.Match[str], lang: Lang) -> Quantity | None:
    value = number(match["digits"], lang) if match["digits"] else _worded(match["word"], lang)
    if match["scale"]:
        value *= SCALES[lang][match["scale"].casefold()]
    after = (match["after"] or "").casefold()
    unit = UNIT_OF.get((match["before"] or "").casefold()) or UNIT_OF.get(after, "")
    if after in SPAN_OF and not match.string.startswith("-old", match.end()):  # "a 47-year-old": 47, as in "aged 47"
        value, unit = value * SPAN_OF[after], "s"
    elif after == "成":
        value, unit = value * 10, "%"
    if unit in ("", "s") and not match["scale"] and match["word"] and value in (1.0, SPAN_OF.get(after)):
        return None  # an article: "a", "eine", "一"
    start = match.start("before") if match["before"] else match.start("digits" if match["digits"] else "word")
    return Quantity(value, unit, start, match.end(), worded=bool(match["word"]) and not match["scale"])


def _worded(word: str, lang: Lang) -> float:
    """The value of a number word.

    >>> _worded("einundzwanzig", "de"), _worded("twenty-five", "en"), _worded("三千五百", "zh"), _worded("十二", "zh")
    (21.0, 25.0, 3500.0, 12.0)
    """
    if lang != "zh":
        return VALUES[lang][re.sub(r"\s", " ", word.casefold())]
    total = digit = 0.0
    for char in word:
        if char in ZH_PLACES:
            total += (digit or 1.0) * ZH_PLACES[char]
            digit = 0.0
        else:
            digit = VALUES["zh"].get(char, 0.0)
    return total + digit


def number(digits: str, lang: Lang) -> float:
    """A number as it is written in a language.

    >>> number("1,234.5", "en"), number("1.234,5", "de"), number("13,8", "de"), number("1,234", "zh")
    (1234.5, 1234.5, 13.8, 1234.0)
    >>> number("14 000 000", "de"), number("7.53450", "en")
    (14000000.0, 7.5345)
    """
    decimal = "," if lang == "de" else "."
    thousands = "." if lang == "de" else ","
    plain = re.sub(r"[’' \u00a0\u202f]", "", digits)
    # One mark that leaves no group of three is a decimal mark in any language: "3.5" in a German text.
    if plain.count(thousands) == 1 and decimal not in plain and not re.search(rf"\{thousands}\d{{3}}$", plain):
        decimal, thousands = thousands, decimal
    return float(plain.replace(thousands, "").replace(decimal, "."))


def differ(one: float, other: float) -> bool:
    """Whether two amounts are told apart by more than how they were rounded: by over half a percent.

    >>> differ(14e9, 13.8e9), differ(14e9, 14.02e9), differ(0.0, 0.0)
    (True, False, False)
    """
    return abs(one - other) > 0.005 * max(abs(one), abs(other))


def _pattern(lang: Lang) -> re.Pattern[str]:
    def any_of(names: Iterable[str]) -> str:
        return "|".join(sorted(map(re.escape, names), key=len, reverse=True))

    scales = any_of(SCALES[lang])
    units = any_of([*UNIT_OF, *SPAN_OF, *(("成",) if lang == "zh" else ())])
    # In Chinese nothing stands between words; elsewhere a scale or unit must end where its word ends.
    end = "" if lang == "zh" else r"(?!\w)"
    start = "" if lang == "zh" else r"(?<![\w.,])"
    words = any_of(VALUES[lang])
    word = rf"{ZH_NUMERALS}(?=(?:{scales})|\s?(?:{units})|{ZH_MEASURE})" if lang == "zh" else rf"(?:{words})(?!\w)"
    ordinal = r"(?:st|nd|rd|th)(?!\w)" if lang == "en" else "[余多几]" if lang == "zh" else r"(?!)"
    return re.compile(
        rf"(?P<before>{_BEFORE})?\s?{start}(?:(?P<digits>{_DIGITS})|(?P<word>{word}))(?:{ordinal})?"
        rf"(?:[\s-]?(?P<scale>{scales}){end})?[多余]?(?:[\s-]?(?P<after>{units}){end})?",
        re.IGNORECASE,
    )


_PATTERNS = {lang: _pattern(lang) for lang in LANGS}
_SCALES = {lang: sorted(SCALES[lang].items(), key=lambda one: -len(one[0])) for lang in LANGS}
_PART = re.compile(r"\s?(?:and|und|又|零|)\s?")
_RANGE = re.compile(r"\s?(?:auf|bis|to|[–-]|至|到)\s?")
