"""When a question is about: a day, a month, a year, or whatever is newest; pure functions in three languages."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import dateparser

from rag.types import Lang

Grain = Literal["day", "month", "year"]

_EN_MONTH = (
    "January|February|March|April|May|June|July|August|September|October|November|December"  # "May" needs a word before
)
_DE_MONTH = "Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"
_YEAR = r"(?:19|20)\d\d"
# Each with what it names, most exact first. What is to be read as a date is the group "date".
_SAID: dict[Lang, tuple[tuple[Grain, str], ...]] = {
    "en": (
        ("day", rf"\b(?P<date>\d{{1,2}} (?:{_EN_MONTH}),? {_YEAR}|(?:{_EN_MONTH}) \d{{1,2}},? {_YEAR})\b"),
        ("day", r"\b(?P<date>yesterday|today)\b"),
        ("month", rf"\b(?P<date>(?:{_EN_MONTH}) {_YEAR})\b"),
        ("month", rf"\b(?:in|of|since|during|last) (?P<date>{_EN_MONTH})\b(?! \d)"),
        ("month", r"\b(?P<date>last month|this month)\b"),
        ("year", r"\b(?P<date>last year|this year)\b"),
        ("year", rf"\b(?P<date>{_YEAR})\b"),
    ),
    "de": (
        ("day", rf"\b(?P<date>\d{{1,2}}\. ?(?:{_DE_MONTH}) {_YEAR})\b"),
        ("day", r"\b(?P<date>gestern|heute)\b"),
        ("month", rf"\b(?P<date>(?:{_DE_MONTH}) {_YEAR})\b"),
        ("month", rf"\b(?:im|seit|vom|letzten) (?P<date>{_DE_MONTH})\b"),
        ("month", r"\b(?:im )?(?P<date>letzten|vorigen|vergangenen|diesen) Monat\b"),
        ("year", r"\b(?:im )?(?P<date>letzte[ns]|vorige[ns]|vergangene[ns]|diese[ms]) Jahr\b"),
        ("year", rf"\b(?P<date>{_YEAR})\b"),
    ),
    "zh": (
        ("day", rf"(?P<date>{_YEAR}年\d{{1,2}}月\d{{1,2}}日)"),
        ("day", r"(?P<date>昨天|今天)"),
        ("month", rf"(?P<date>{_YEAR}年\d{{1,2}}月)"),
        ("month", r"(?P<date>上个月|上月|这个月|本月)"),
        ("month", r"(?<![\d年])(?P<date>\d{1,2}月)(?!\d)"),
        ("year", r"(?P<date>去年|今年)"),
        ("year", rf"(?P<date>{_YEAR})年"),
    ),
}
_NEWEST: dict[Lang, str] = {
    "en": r"\b(?:latest|newest|most recent(?:ly)?)\b",
    "de": r"\b(?:neu(?:e)?st\w*|jüngst\w*|aktuellst\w*|zuletzt)\b",
    "zh": r"最新|最近",
}
_THIS = re.compile(r"this|today|heute|diese|今|本|这")
_LAST = re.compile(r"last|letzte|vorige|vergangene|去|上")


@dataclass(frozen=True, slots=True)
class Period:
    """From a day to a day, both inclusive."""

    first: date
    last: date

    def holds(self, iso: str | None) -> bool:
        """Whether a date (ISO 8601) lies in it; a text without a date lies in none."""
        return iso is not None and self.first.isoformat() <= iso <= self.last.isoformat()


def wants_newest(question: str, lang: Lang) -> bool:
    """Whether a question asks for what is newest.

    >>> wants_newest("What is the latest valuation?", "en"), wants_newest("最新估值是多少？", "zh")
    (True, True)
    >>> wants_newest("Was sagt die jüngste Studie?", "de"), wants_newest("Wer war der letzte Kaiser?", "de")
    (True, False)
    """
    return re.search(_NEWEST[lang], question, re.IGNORECASE) is not None


def period_of(question: str, lang: Lang, today: date) -> Period | None:
    """The period that a question names, the most exact one; None when it names none. A bare month is the last one.

    >>> found = period_of("Was geschah im Mai?", "de", date(2024, 11, 25))
    >>> found.first.isoformat(), found.last.isoformat()
    ('2024-05-01', '2024-05-31')
    >>> period_of("去年发生了什么？", "zh", date(2024, 11, 25)).first.isoformat()
    '2023-01-01'
    >>> period_of("What may happen?", "en", date(2024, 11, 25)) is None
    True
    """
    for grain, pattern in _SAID[lang]:
        match = re.search(pattern, question, re.IGNORECASE)
        day = _day(match["date"], lang, grain, today) if match else None
        if day is not None:
            return _around(day, grain)
    return None


def _day(said: str, lang: Lang, grain: Grain, today: date) -> date | None:
    """A day in what was said."""
    if re.fullmatch(_YEAR, said):
        return date(int(said), 1, 1)
    this, last = _THIS.match(said.casefold()), _LAST.match(said.casefold())
    if grain != "day" and (this or last):  # dateparser reads a year or a month back as one day of it
        return _shifted(today, grain, 0 if this else 1)
    found = dateparser.parse(
        said,
        languages=[lang],
        settings={
            "RELATIVE_BASE": datetime(today.year, today.month, today.day),
            "PREFER_DATES_FROM": "past",
            "PREFER_DAY_OF_MONTH": "first",
        },
    )
    return found.date() if found else None


def _shifted(today: date, grain: Grain, back: int) -> date:
    if grain == "year":
        return date(today.year - back, 1, 1)
    months = today.year * 12 + today.month - 1 - back
    return date(months // 12, months % 12 + 1, 1)


def _around(day: date, grain: Grain) -> Period:
    if grain == "day":
        return Period(day, day)
    if grain == "month":
        return Period(day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1]))
    return Period(date(day.year, 1, 1), date(day.year, 12, 31))
