"""The list of all articles, kept in memory: after a change only what changed is read, however many there are."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from rag.storage.changes import Mark
from rag.storage.truth import Relisted, Truth
from rag.types import ArticleSummary

Place = tuple[str, str, str]  # date or nothing, start of the title, id
TITLE = 100  # characters of it: a place stands in addresses of the API, which are bounded


class Listing:
    """All articles of a truth, newest first, those without a date last. Safe to read from many threads."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._lock = threading.Lock()  # who comes while it is read waits for that, and does not read it too
        self._contents = ""
        self._mark: Mark | None = None
        self._all: list[ArticleSummary] = []

    def read(self) -> list[ArticleSummary]:
        """The list as it is now.

        Raises:
            StoreError: the truth can't be read.
        """
        contents = self._truth.contents()  # before the list is read, so that a change in between is seen the next time
        with self._lock:
            if contents != self._contents:
                told = self._truth.relisted(self._mark) if self._mark else None
                if told is None:
                    self._mark = self._truth.mark()
                    self._all = in_order(self._truth.summaries())
                else:
                    self._follow(told)
                self._contents = contents
            return list(self._all)

    def _follow(self, told: Relisted) -> None:
        fresh = {one.id: one for one in self._truth.summaries(told.changed)}
        # Articles name others that tell the same, and so are other than they were when one of those comes or goes.
        touched = [one for one in self._all if one.id in told.changed or one.id not in told.ids]
        touched += fresh.values()
        stories = {one.story for one in touched if one.story is not None}
        linked = {other for one in touched for other in one.same_as}
        linked |= {one.id for one in self._all if one.story in stories}
        fresh |= {one.id: one for one in self._truth.summaries((linked & told.ids) - told.changed)}
        kept = (one for one in self._all if one.id in told.ids and one.id not in fresh)
        self._mark, self._all = told.mark, in_order([*kept, *fresh.values()])


def in_order(articles: Iterable[ArticleSummary]) -> list[ArticleSummary]:
    """Newest first, those without a date last; of one day by title, and no two at the same place."""
    by_title = sorted(articles, key=lambda one: place_of(one)[1:])
    return sorted(by_title, key=lambda one: one.date or "", reverse=True)  # stable: titles stay in order


def place_of(one: ArticleSummary) -> Place:
    """Where in the list an article stands."""
    return one.date or "", one.title[:TITLE], one.id
