"""A thread that keeps something in line with the truth, beside questions."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Follower:
    """Takes one step after the other in the background, from ``start`` to ``close``.

    A step returns for how many seconds to rest after it, and looks at ``is_told_to_stop`` where it takes long.
    """

    def __init__(self, name: str, step: Callable[[], float]) -> None:
        self._name = name
        self._step = step
        self._told = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not closed since."""
        return self._thread is not None

    @property
    def is_told_to_stop(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._told.is_set()

    def wait(self, seconds: float) -> None:
        """Rest so long, or until it is told to stop."""
        self._told.wait(seconds)

    def start(self, *, after: threading.Event | None = None) -> None:
        """Begin once ``after`` is set."""

        def run() -> None:
            if after is not None:
                after.wait()
            while not self.is_told_to_stop:
                self.wait(self._step())

        self._thread = threading.Thread(target=run, name=self._name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End after the step at hand; safe to call twice, and before ``start``."""
        self._told.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
