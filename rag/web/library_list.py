"""Which articles the page lists, and in which order."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from rag.reading.links import checked_url
from rag.types import ArticleSummary
from rag.web.beside import host_of

Order = Literal["newest", "oldest", "title"]
ORDERS: tuple[Order, ...] = get_args(Order)
ANY = "all"  # languages, tags or outlets


@dataclass(frozen=True, slots=True)
class Wanted:
    """What someone looks for. ``words`` must all stand in an article's title, tags, outlet, description or file."""

    words: str = ""
    order: str = "newest"
    lang: str = ANY
    tag: str = ANY
    outlet: str = ANY


def arrange(summaries: Iterable[ArticleSummary], wanted: Wanted) -> list[ArticleSummary]:
    """The articles that are wanted, in the order that is wanted; those without a date come last."""
    words = _folded(wanted.words).split()
    found = [
        one
        for one in summaries
        if (wanted.lang == ANY or wanted.lang in one.langs)
        and (wanted.tag == ANY or wanted.tag in one.tags)
        and (wanted.outlet == ANY or wanted.outlet == outlet_of(one))
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


def outlet_of(one: ArticleSummary) -> str:
    """Who published an article: its author, else the host of its link; nothing when neither is known."""
    return one.author or host_of(checked_url(one.url))


def outlets_of(summaries: Sequence[ArticleSummary]) -> list[str]:
    """All outlets, the most frequent first."""
    counts = Counter(outlet for one in summaries if (outlet := outlet_of(one)))
    return sorted(counts, key=lambda outlet: (-counts[outlet], _folded(outlet)))


def _searched(one: ArticleSummary) -> str:
    return _folded(" ".join([one.title, *one.tags, outlet_of(one), one.description or "", one.file]))


@lru_cache(maxsize=20_000)  # a search folds the same texts at every key
def _folded(text: str) -> str:
    """Without case and without marks over letters, full-width signs as narrow ones.

    >>> _folded("ＡＩ für Übersee: Straße")
    'ai fur ubersee: strasse'
    """
    spread = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in spread if not unicodedata.combining(c))
