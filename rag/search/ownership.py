"""Who of several processes keeps a shared Chroma in line with the truth: one, which others replace when it dies."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from rag.errors import LockedError
from rag.storage.locks import Lock
from rag.storage.truth import Truth

GRACE = 5.0  # seconds that the owner may take to bring a change into Chroma before the others do without it

Standing = Literal["owner", "in line", "behind"]


class Ownership:
    """Where this process stands: it is the owner, or Chroma is kept in line by another, or by nobody for a while."""

    def __init__(self, store: Truth, lock: Lock, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._lock = lock
        self._clock = clock
        self._awaited: int | None = None  # the revision that Chroma has to be in line with
        self._since = float("-inf")  # when that began to be awaited

    def look(self) -> Standing:
        """Take the ownership if nobody has it, and say where this process stands."""
        if self._lock.held:
            return "owner"
        try:
            self._lock.acquire("keep its Chroma in line")
        except LockedError:
            return self._behind_another()
        return "owner"

    def end(self) -> None:
        """Leave the ownership to others."""
        self._lock.release()

    def _behind_another(self) -> Standing:
        now = self._clock()
        if self._awaited is None:
            self._awaited = self._store.revision()
        if self._store.derived() >= self._awaited:
            # Not whether it is in line with this very moment: in a long ingest it never would be.
            self._awaited, self._since = self._store.revision(), now
        return "in line" if now - self._since < GRACE else "behind"
