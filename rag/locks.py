"""Locks of the operating system: one owner of the dense index, one writer of the truth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from rag.errors import LockedError


class Lock(Protocol):
    """What one process at a time has: a data folder's, or with PostgreSQL (``database.py``) that of all machines."""

    @property
    def held(self) -> bool:
        """Whether it is ours, still."""

    def acquire(self, purpose: str, *, wait: float = 0) -> None:
        """Take the lock at once or, with ``wait``, within so many seconds, or not at all.

        Raises:
            LockedError: another process has it; the message names that.
        """

    def release(self) -> None:
        """Let go; safe to call twice."""


class OwnerLock:
    """One process owns a data folder. The operating system lets go of the lock when the process ends."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path)
        self._pid = path.with_suffix(".pid")

    @property
    def held(self) -> bool:
        """See Lock."""
        return self._lock.is_locked

    def acquire(self, purpose: str, *, wait: float = 0) -> None:
        """See Lock.

        Raises:
            LockedError: another process has it; the message names its pid.
        """
        try:
            self._lock.acquire(timeout=wait)
        except Timeout:
            holder = self._pid.read_text() if self._pid.is_file() else "unknown"
            raise LockedError(
                f"{self._pid.parent} is in use by process {holder}; stop it before you {purpose}"
            ) from None
        self._pid.write_text(str(os.getpid()))

    def release(self) -> None:
        """Let go; safe to call twice."""
        if self._lock.is_locked:
            self._pid.unlink(missing_ok=True)
            self._lock.release()


class NoLock:
    """In place of a lock where any number may come in."""

    held = True

    def acquire(self, purpose: str, *, wait: float = 0) -> None:
        """See Lock."""

    def release(self) -> None:
        """See Lock."""
