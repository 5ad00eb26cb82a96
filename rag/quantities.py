"""Amounts in Chinese, English and German text, as numbers that can be compared; pure functions.

"$14bn", "14,000,000,000 dollars", "14 Milliarden US-Dollar" and "140亿美元" are the same amount.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.types import Lang

# A number as it is written; what its points and commas mean hangs on the language.
_DIGITS = r"\d+(?:[.,’' \u00a0\u202f]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?"
# Small numbers as words count only before a scale: "sieben Milliarden", not "sieben Jahre" (which has no unit here).
_WORDS: dict[Lang, tuple[tuple[str, ...], ...]] = {  # each with those that mean the same; the first is 1
    "en": (
        ("a", "one"),
        ("two",),
        ("three",),
        ("four",),
        ("five",),
        ("six",),
        ("seven",),
        ("eight",),
        ("nine",),
        ("ten",),
    ),
    "de": (
        *(("eine", "einer", "ein"), ("zwei",), ("drei",), ("vier",), ("fünf",)),
        *(("sechs",), ("sieben",), ("acht",), ("neun",), ("zehn",)),
    ),
    "zh": (("一",), ("二", "两"), ("三",), ("四",), ("五",), ("六",), ("七",), ("八",), ("九",), ("十",)),
}
_WORD_VALUES = {lang: {word: n for n, names in enumerate(rows, 1) for word in names} for lang, rows in _WORDS.items()}
_SCALES: dict[Lang, dict[str, float]] = {
    "en": {
        **dict.fromkeys(("thousand", "k"), 1e3),
        **dict.fromkeys(("million", "millions", "mn", "mln", "m"), 1e6),
        **dict.fromkeys(("billion", "billions", "bn", "b"), 1e9),
        **dict.fromkeys(("trillion", "trillions", "tn"), 1e12),
    },
    "de": {
        **dict.fromkeys(("tausend", "tsd."), 1e3),
        **dict.fromkeys(("million", "millionen", "mio.", "mio"), 1e6),
        **dict.fromkeys(("milliarde", "milliarden", "mrd.", "mrd"), 1e9),
        **dict.fromkeys(("billion", "billionen", "bio."), 1e12),  # a German Billion is an English trillion
    },
    "zh": {"万亿": 1e12, "千亿": 1e11, "百亿": 1e10, "亿": 1e8, "千万": 1e7, "百万": 1e6, "万": 1e4, "千": 1e3},
}
_UNITS = {
    "USD": ("us$", "$", "usd", "us dollars", "us dollar", "dollars", "dollar", "us-dollar", "美元", "美金"),
    "EUR": ("€", "eur", "euros", "euro", "欧元"),
    "GBP": ("£", "gbp", "pounds", "pfund", "英镑"),
    "CNY": ("cny", "rmb", "yuan", "元人民币", "人民币", "元"),
    "%": ("%", "％", "percent", "per cent", "prozent"),
    "km": ("km", "kilometres", "kilometers", "kilometern", "kilometer", "公里", "千米"),
    "m": ("metres", "meters", "metern", "meter", "米"),
    "kg": ("kg", "kilograms", "kilogramm", "kilos", "公斤", "千克"),
    "t": ("tonnes", "tons", "tonnen", "吨"),
}
_UNIT_OF = {name: unit for unit, names in _UNITS.items() for name in names}
_BEFORE = r"US\$|[$€£]|USD|EUR|GBP"


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount with its unit, at ``text[start:end]``."""

    value: float
    unit: str
    start: int
    end: int


def quantities(text: str, lang: Lang) -> list[Quantity]:
    """The amounts of a text that have a unit of money, share, length or mass, in order.

    >>> [(q.value, q.unit) for q in quantities("Scale raised $1bn at 13.8 billion dollars.", "en")]
    [(1000000000.0, 'USD'), (13800000000.0, 'USD')]
    >>> [(q.value, q.unit) for q in quantities("Bewertung: 13,8 Milliarden Dollar, plus 20 Prozent", "de")]
    [(13800000000.0, 'USD'), (20.0, '%')]
    >>> [(q.value, q.unit) for q in quantities("筹集10亿美元，估值翻倍至140亿美元", "zh")]
    [(1000000000.0, 'USD'), (14000000000.0, 'USD')]
    """
    found = []
    for match in _PATTERNS[lang].finditer(text):
        unit = _UNIT_OF.get((match["before"] or match["after"] or "").casefold())
        if unit is None or not (match["digits"] or match["scale"]):  # "ein Euro" is no amount to compare
            continue
        scale = _SCALES[lang][match["scale"].casefold()] if match["scale"] else 1.0
        found.append(Quantity(_number(match, lang) * scale, unit, match.start(), match.end()))
    return found


def _number(match: re.Match[str], lang: Lang) -> float:
    if match["word"]:
        return float(_WORD_VALUES[lang][match["word"].casefold()])
    return number(match["digits"], lang)


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
    words = "|".join(sorted(map(re.escape, _WORD_VALUES[lang]), key=len, reverse=True))
    scales = "|".join(sorted(map(re.escape, _SCALES[lang]), key=len, reverse=True))
    units = "|".join(sorted(map(re.escape, _UNIT_OF), key=len, reverse=True))
    # In Chinese nothing stands between words; elsewhere a scale or unit must end where its word ends.
    end = "" if lang == "zh" else r"(?!\w)"
    start = "" if lang == "zh" else r"(?<![\w.,])"
    return re.compile(
        rf"(?P<before>{_BEFORE})?\s?{start}(?:(?P<digits>{_DIGITS})|(?P<word>{words})(?=[\s-]?(?:{scales}){end}))"
        rf"(?:[\s-]?(?P<scale>{scales}){end})?(?:[\s-]?(?P<after>{units}){end})?",
        re.IGNORECASE,
    )


_PATTERNS = {lang: _pattern(lang) for lang in ("zh", "en", "de")}
