"""Turns: who came first to an encoder is served first."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class Turns:
    """A lock that is taken in the order of asking (a ticket lock).

    Python's own goes to whoever is quickest, and that is a thread which gives it back only to take it again: beside one
    that reads a thousand passages a question would wait until all are read.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._line: deque[object] = deque()  # whose turn it is, then those who wait

    def __enter__(self) -> None:
        """Wait for one's turn."""
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            try:
                self._changed.wait_for(lambda: self._line[0] is ticket)
            except BaseException:  # a Ctrl+C meanwhile
                self._line.remove(ticket)
                self._changed.notify_all()
                raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let the next one in."""
        with self._changed:
            self._line.popleft()
            self._changed.notify_all()
