"""Times that Chinese, English and German texts name: years, months, days, weekdays; pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.types import LANGS, Lang

_MONTHS: dict[Lang, str] = {
    "en": "january|jan february|feb march|mar april|apr may june|jun july|jul august|aug september|sept|sep "
    "october|oct november|nov december|dec",
    "de": "januar|jänner februar|feber märz april mai juni juli august september oktober november dezember",
}
_WEEKDAYS: dict[Lang, str] = {
    "en": "monday tuesday wednesday thursday friday saturday sunday",
    "de": "montag dienstag mittwoch donnerstag freitag samstag|sonnabend sonntag",
    "zh": "一 二 三 四 五 六 日|天",
}


def _numbered(words: str) -> dict[str, int]:
    return {name: n for n, names in enumerate(words.split(), 1) for name in names.split("|")}


_MONTH_OF = {lang: _numbered(words) for lang, words in _MONTHS.items()}
_WEEKDAY_OF = {lang: _numbered(words) for lang, words in _WEEKDAYS.items()}
_ZH_NUMBER = _numbered("一 二 三 四 五 六 七 八 九 十 十一 十二")
_YEAR = r"(?:1[5-9]|20)\d\d"


def _alternatives(names: dict[str, int]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))


def _patterns(lang: Lang) -> list[re.Pattern[str]]:
    weekday = _alternatives(_WEEKDAY_OF[lang])
    if lang == "zh":
        month = r"(?P<month>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月"
        return [
            re.compile(rf"(?:(?P<year>{_YEAR})年)?{month}(?!度)(?:(?P<day>[0-3]?\d)[日号])?"),
            re.compile(rf"(?P<year>{_YEAR})\s?年|(?<!\d)(?P<bare>{_YEAR})(?=[-—至到/])"),
            re.compile(rf"(?:周|星期)(?P<weekday>{weekday})"),
        ]
    month = rf"(?P<month>{_alternatives(_MONTH_OF[lang])})"
    day = r"(?P<day>[0-3]?\d)"
    if lang == "en":
        named = [
            rf"\b{day}(?:st|nd|rd|th)?(?: of)? {month}\b(?:,? (?P<year>{_YEAR}))?\b",
            rf"\b{month}\.? {day}(?:st|nd|rd|th)?\b(?!,\d)(?:,? (?P<year>{_YEAR})\b)?",
            rf"\b{month}\.?,? (?P<year>{_YEAR})\b",
        ]
    else:
        named = [
            rf"\b{day}\. ?{month}\b(?: (?P<year>{_YEAR})\b)?",
            rf"\b{day}\.(?P<month_number>[01]?\d)\.(?P<year>{_YEAR})?(?!\d)",
            rf"\b{month} (?P<year>{_YEAR})\b",
        ]
    return [
        re.compile(rf"\b(?P<year>{_YEAR})-(?P<month_number>[01]\d)-(?P<day>[0-3]\d)\b"),
        *(re.compile(pattern, re.IGNORECASE) for pattern in named),
        # A month by itself has its capital: "may" and "march" are other words. "May" at the head of a sentence too.
        re.compile(rf"\b(?<![.!?] )(?<!^)(?-i:(?=[A-ZÄ])){month}\b", re.IGNORECASE),
        re.compile(rf"(?<![\d.,$€£])(?<!\d-)(?P<year>{_YEAR})(?:/\d\d)?(?![\d%]|[.,]\d)"),
        re.compile(rf"\b(?P<weekday>{weekday})s?\b", re.IGNORECASE),
    ]


_PATTERNS = {lang: _patterns(lang) for lang in LANGS}


@dataclass(frozen=True, slots=True)
class Time:
    """A time as far as it is said, at ``text[start:end]``; what is not said is None. Weekdays count from Monday, 1."""

    start: int
    end: int
    year: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None

    def says(self) -> dict[str, int]:
        """The parts that are said."""
        parts = {"year": self.year, "month": self.month, "day": self.day, "weekday": self.weekday}
        return {name: value for name, value in parts.items() if value is not None}

    def fits(self, other: Time, years: frozenset[int] = frozenset()) -> bool:
        """Whether a text that says the other time proves this one. What the other leaves open is not proven, but the
        year, which may be one of those said elsewhere.

        >>> may, fourth = Time(0, 1, 2024, 5), Time(0, 1, 2024, 5, 4)
        >>> may.fits(fourth), fourth.fits(may), fourth.fits(Time(0, 1, None, 5, 4), frozenset({2024}))
        (True, False, True)
        """
        said = other.says()
        if other.year is None and self.year in years:
            said["year"] = self.year or 0
        return all(said.get(name) == value for name, value in self.says().items())


def times(text: str, lang: Lang) -> list[Time]:
    """The times of a text, in order; no two overlap.

    >>> [t.says() for t in times("On May 21, 2024 and in June", "en")]
    [{'year': 2024, 'month': 5, 'day': 21}, {'month': 6}]
    >>> [t.says() for t in times("Am 4.10.2022, im März, am Dienstag, seit 1974", "de")]
    [{'year': 2022, 'month': 10, 'day': 4}, {'month': 3}, {'weekday': 2}, {'year': 1974}]
    >>> [t.says() for t in times("2025年1月3日，六月下旬，周二", "zh")]
    [{'year': 2025, 'month': 1, 'day': 3}, {'month': 6}, {'weekday': 2}]
    """
    found: list[Time] = []
    for pattern in _PATTERNS[lang]:
        for match in pattern.finditer(text):
            if all(match.end() <= one.start or one.end <= match.start() for one in found):
                found.append(_time(match, lang))
    return sorted(found, key=lambda one: one.start)


def _time(match: re.Match[str], lang: Lang) -> Time:
    said = {name: value for name, value in match.groupdict().items() if value}
    month = said.get("month")
    number = said.get("month_number") or (month if month and month.isdigit() else None)
    named = _ZH_NUMBER if lang == "zh" else _MONTH_OF[lang]
    weekday = said.get("weekday")
    year = said.get("year") or said.get("bare")
    return Time(
        match.start(),
        match.end(),
        int(year) if year else None,
        int(number) if number else named[month.casefold()] if month else None,
        int(said["day"]) if "day" in said else None,
        _WEEKDAY_OF[lang][weekday.casefold()] if weekday else None,
    )
