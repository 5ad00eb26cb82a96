"""Which articles the page lists, and in which order."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from rag.types import ArticleSummary

Order = Literal["newest", "oldest", "title"]
ORDERS: tuple[Order, ...] = get_args(Order)
ANY = "all"  # languages or tags


@dataclass(frozen=True, slots=True)
class Wanted:
    """What someone looks for. ``words`` must all stand in an article's title, tags, outlet, description or file."""

    words: str = ""
    order: str = "newest"
    lang: str = ANY
    tag: str = ANY


def arrange(summaries: Iterable[ArticleSummary], wanted: Wanted) -> list[ArticleSummary]:
    """The articles that are wanted, in the order that is wanted; those without a date come last."""
    words = _folded(wanted.words).split()
    found = [
        one
        for one in summaries
        if (wanted.lang == ANY or wanted.lang in one.langs)
        and (wanted.tag == ANY or wanted.tag in one.tags)
        and all(word in _searched(one) for word in words)
    ]
    by_title = sorted(found, key=lambda one: _folded(one.title))
    if wanted.order == "title":
        return by_title
    dated = [one for one in by_title if one.date]
    date_of: Callable[[ArticleSummary], str] = lambda one: one.date or ""  # noqa: E731
    return [*sorted(dated, key=date_of, reverse=wanted.order != "oldest"), *(one for one in by_title if not one.date)]


def tags_of(summaries: Sequence[ArticleSummary]) -> list[str]:
    """All tags, the most frequent first."""
    counts = Counter(tag for one in summaries for tag in one.tags)
    return sorted(counts, key=lambda tag: (-counts[tag], _folded(tag)))


def _searched(one: ArticleSummary) -> str:
    return _folded(" ".join([one.title, *one.tags, one.author or "", one.description or "", one.file]))


def _folded(text: str) -> str:
    """Without case and without marks over letters, full-width signs as narrow ones.

    >>> _folded("ＡＩ für Übersee: Straße")
    'ai fur ubersee: strasse'
    """
    spread = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in spread if not unicodedata.combining(c))
