"""What whoever looks after an installation should know: whether the index can be read, and what will soon need a hand.

A warning says what is the matter and what to do, without a path: anybody may read it.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from rag.errors import StoreError
from rag.storage.feedback import FeedbackStore
from rag.storage.locks import holder
from rag.storage.truth import Truth
from rag.types import LastIngest

LOW_MB = 200  # free on the disk, below which somebody should look
NOT_INDEXED = "no articles are indexed; run `python ingest.py`"
INDEXING = "no article is indexed yet: an ingest is under way, and each article can be asked about once it is in"
_NOT_WRITABLE = "the data folder cannot be written: answers are given, but neither ratings nor new articles are kept"
_LOW = "the disk of the data folder has {free} MB left; soon neither ratings nor new articles can be kept"
_NOT_KEPT = "answers are given but cannot be kept, so that nobody can rate them; the log says why"
_FAILED = "{count} files could not be indexed; `python ingest.py` says which and why"


@dataclass(frozen=True, slots=True)
class IndexState:
    """What the index holds. ``problem`` says why it can't answer; empty when it can."""

    problem: str
    articles: int = 0
    passages: int = 0
    refined: int = 0
    revision: int = 0
    last_ingest: LastIngest | None = None


def look_at(store: Truth, *, refines: bool) -> IndexState:
    """The state of the index; never raises."""
    try:
        articles, passages = store.count()
        refined = store.refined() if refines else 0
        problem = "" if passages else NOT_INDEXED
        return IndexState(problem, articles, passages, refined, store.revision(), store.last_ingest())
    except StoreError as error:
        return IndexState(error.said)


class Upkeep:
    """Looks at a data folder and what is kept in it. What is ``shared`` by several machines is kept elsewhere."""

    def __init__(self, folder: Path, ingest_lock: Path, feedback: FeedbackStore, *, shared: bool = False) -> None:
        self._folder = folder
        self._ingest_lock = ingest_lock
        self._feedback = feedback
        self._shared = shared

    def indexing(self) -> bool:
        """Whether somebody is changing the index at this moment."""
        return holder(self._ingest_lock) is not None

    def warnings(self, state: IndexState) -> tuple[str, ...]:
        """What somebody should look after although questions are answered."""
        found = [] if self._shared else self._of_folder()
        if self._feedback.is_failing:
            found.append(_NOT_KEPT)
        if state.last_ingest and state.last_ingest.failed:
            found.append(_FAILED.format(count=state.last_ingest.failed))
        return tuple(found)

    def _of_folder(self) -> list[str]:
        if not os.access(self._folder, os.W_OK):
            return [_NOT_WRITABLE]
        free = shutil.disk_usage(self._folder).free // 2**20
        return [_LOW.format(free=free)] if free < LOW_MB else []
