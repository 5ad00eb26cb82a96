"""A circuit breaker: a server that fails again and again is left alone for a while, so that nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from rag.errors import CancelledReplyError, ChatModelError

# Written here because the libraries for it do not fit: circuitbreaker has no lock and lets every caller through once
# the pause is over, pybreaker holds its lock during a call, and both take a call that was cancelled for a success.


class Circuit:
    """Closed: calls are made. After ``failures`` in a row it is open: none is made for ``pause`` seconds.

    After the pause one call at a time is let through as a probe. If it succeeds the circuit is closed; if it fails, or
    is not heard of for another pause, the next probe waits for a pause. Safe to use from several threads.
    """

    def __init__(self, failures: int = 3, pause: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = failures
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0  # in a row
        self._ever = 0
        self._reason = ""  # of the last failure
        self._words = ""  # those of it that are the server's own
        self._next_probe = 0.0  # by the clock; counts while the circuit is open

    @property
    def is_open(self) -> bool:
        """Whether the last calls failed, and none succeeded since."""
        with self._lock:
            return self._failed >= self._most

    @property
    def failures(self) -> int:
        """How many calls failed, all in all."""
        with self._lock:
            return self._ever

    @contextmanager
    def call(self) -> Iterator[None]:
        """One call, which fails with an error that is ``by_server`` and proves nothing when it is given up.

        Raises:
            ChatModelError: the circuit is open; says until when, and how the last call failed.
        """
        probe = self._enter()
        try:
            yield
        except CancelledReplyError:
            self._given_up(probe)
            raise
        except ChatModelError as error:
            if error.by_server:
                self._failure(probe, error)
            else:
                self._success()
            raise
        except BaseException:  # whoever reads the reply went away, or failed by itself
            self._given_up(probe)
            raise
        else:
            self._success()

    def _enter(self) -> bool:
        """Whether the call that may be made now is a probe."""
        with self._lock:
            if self._failed < self._most:
                return False
            left = self._next_probe - self._clock()
            if left > 0:
                raise ChatModelError(self._refusal(left), words=self._words)
            self._next_probe = self._clock() + self._pause
            return True

    def _success(self) -> None:
        with self._lock:
            self._failed = 0

    def _failure(self, probe: bool, error: ChatModelError) -> None:
        with self._lock:
            self._ever += 1
            if self._failed < self._most:
                self._failed += 1
            elif not probe:
                return  # from before the circuit opened: it does not make the pause longer
            self._reason, self._words = str(error), error.words
            self._next_probe = self._clock() + self._pause

    def _given_up(self, probe: bool) -> None:
        with self._lock:
            if probe:
                self._next_probe = self._clock()  # the next call is a probe

    def _refusal(self, left: float) -> str:
        until = datetime.now() + timedelta(seconds=left)
        return (
            f"the language model is not asked until {until:%H:%M:%S}, for another {left:.0f} seconds, "
            f"because it failed {self._most} times in a row; the last time: {self._reason}"
        )
