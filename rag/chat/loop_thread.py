"""An event loop in a thread of its own: work that can be cancelled, for callers that wait without one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE = 3.0  # seconds in which work that is cancelled must end when the loop is closed


class LoopThread:
    """Starts with the first work. A daemon: it does not keep the process alive."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        """Work begun on the loop; cancelling the future cancels it.

        Raises:
            RuntimeError: the loop is closed.
        """
        with self._lock:  # held to the end, so that nothing is put on a loop that is being closed
            if self._closed:
                raise RuntimeError(f"{self._name} is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work(), self._loop)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel what is under way, do ``last``, and end the thread. Work that was cancelled raises in its future."""
        with self._lock:
            closed, self._closed = self._closed, True
            loop, thread = self._loop, self._thread
        if closed or loop is None or thread is None:
            return
        with suppress(TimeoutError):  # what does not end in time is left to the end of the process
            asyncio.run_coroutine_threadsafe(_wind_up(last), loop).result(2 * PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        if not thread.is_alive():
            loop.close()


async def _wind_up(last: Callable[[], Coroutine[Any, Any, None]]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=PATIENCE)
    await last()
