"""Locks of the operating system: one owner of the dense index, one writer of the truth."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from rag.errors import LockedError, StoreError

log = logging.getLogger(__name__)


def holder(path: Path) -> int | None:
    """The process that has a lock, without asking for it; None when none has, or the one that had it was killed."""
    try:
        pid = int(path.with_suffix(".pid").read_text())
        if sys.platform != "win32":  # where this would end the process
            os.kill(pid, 0)
    except PermissionError:  # it is there, and somebody else's
        return pid
    except (OSError, ValueError):
        return None
    return pid


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
        self._path = path
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
            StoreError: the folder can't be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=wait)
        except Timeout:
            holder = self._pid.read_text() if self._pid.is_file() else "unknown"
            raise LockedError(
                f"{self._pid.parent} is in use by process {holder}; stop it before you {purpose}"
            ) from None
        except OSError as error:
            raise StoreError(
                f"{self._path.parent} cannot be written: {error}. Make it a folder that the user of this process may "
                "write to, on a disk that is not full or read-only, or choose another with --data-dir"
            ) from error
        try:
            self._pid.write_text(str(os.getpid()))
        except OSError:  # a full disk: the lock holds, and only its message will not say by whom
            log.warning("%s cannot be written", self._pid)

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
