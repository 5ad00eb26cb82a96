"""Answers told as they come: blocking steps for a client that may leave at any moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, suppress
from contextvars import copy_context
from typing import TypeVar

import anyio
from anyio import to_thread
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from rag.types import Update

T = TypeVar("T")
Make = Callable[[threading.Event], Iterator[Update]]

GONE = 499  # the status of a response that nobody is there to read, as the logs of servers call it
HEARTBEAT = 15.0  # seconds; proxies wait for 30 or 60 before they give up
COMMENT = ": still here\n\n"  # which every reader of events passes over
STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # no proxy may hold events back


class _Steps:
    """A blocking iterator, taken step by step in whichever thread is free."""

    def __init__(self, make: Make) -> None:
        self.cancelled = threading.Event()
        self._make = make
        self._steps: Iterator[Update] | None = None
        self._turn = threading.Lock()
        self._context = copy_context()  # one for all steps: a variable set in one may be reset in another

    def take(self) -> Update | None:
        """The next step; None after the last. Blocks."""
        with self._turn:
            return self._context.run(self._next)

    def _next(self) -> Update | None:
        if self.cancelled.is_set():
            return None
        if self._steps is None:
            self._steps = self._make(self.cancelled)
        return next(self._steps, None)

    def leave(self) -> None:
        """Tell it that nobody listens any more, without waiting for the step under way."""
        self.cancelled.set()
        threading.Thread(target=self._close, name="close-stream", daemon=True).start()

    def _close(self) -> None:
        with self._turn:
            if (close := getattr(self._steps, "close", None)) is not None:
                self._context.run(close)


async def updates(make: Make) -> AsyncGenerator[Update]:
    """The steps of a blocking iterator. Once the consumer is gone, the event that ``make`` was given is set.

    The iterator is closed as soon as its step under way ends. Nothing here waits for that.
    """
    steps = _Steps(make)
    ended = False
    try:
        while (step := await to_thread.run_sync(steps.take, abandon_on_cancel=True)) is not None:
            yield step
        ended = True
    finally:
        if not ended:
            steps.leave()


async def batches(steps: AsyncGenerator[Update], pause: float) -> AsyncGenerator[list[Update]]:
    """The same steps, those together that come within ``pause`` seconds of each other; closes what they come from."""
    waiting = asyncio.ensure_future(anext(steps, None))
    try:
        while (step := await waiting) is not None:
            batch = [step]
            waiting = asyncio.ensure_future(anext(steps, None))
            while (await asyncio.wait({waiting}, timeout=pause))[0] and (step := await waiting) is not None:
                batch.append(step)
                waiting = asyncio.ensure_future(anext(steps, None))
            yield batch
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await waiting
        await steps.aclose()


async def begun(steps: AsyncGenerator[T], within: float) -> AsyncGenerator[T]:
    """The same steps, once the first is there or ``within`` seconds are over. What goes wrong until then is raised."""
    first = asyncio.ensure_future(anext(steps))
    try:
        await asyncio.wait({first}, timeout=within)
    except BaseException:
        first.cancel()
        raise
    if first.done():
        first.result()

    async def all_of_them() -> AsyncGenerator[T]:
        async with aclosing(steps):
            yield await first
            async for step in steps:
                yield step

    return all_of_them()


async def _alive(events: AsyncGenerator[str], every: float) -> AsyncGenerator[str]:
    """The same events, with a comment wherever none came for ``every`` seconds: a proxy would take it for the end."""
    waiting = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            if not (await asyncio.wait({waiting}, timeout=every))[0]:
                yield COMMENT
            elif (event := await waiting) is None:
                return
            else:
                yield event
                waiting = asyncio.ensure_future(anext(events, None))
    finally:
        waiting.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({waiting})
            await events.aclose()


async def while_connected(receive: Receive, work: Callable[[], Awaitable[None]]) -> None:
    """Do some work, which is cancelled when the client disconnects. The body must have been read."""
    failed: list[Exception] = []

    async def listen() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        try:
            await work()
        except Exception as error:  # noqa: BLE001  raised below, where the group cannot wrap it
            failed.append(error)
        group.cancel_scope.cancel()
    if failed:
        raise failed[0]


class EventStream(StreamingResponse):
    """Server-sent events. Their source is closed the moment that the client disconnects.

    ``heartbeat`` are the seconds of silence after which a comment says that there is more to come.
    """

    def __init__(self, events: AsyncGenerator[str], heartbeat: float = HEARTBEAT) -> None:
        self._events = _alive(events, heartbeat)
        super().__init__(self._events, media_type="text/event-stream", headers=STREAM_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it."""
        # Without this a client that leaves while something is sent would be noticed by the garbage collector.
        async with aclosing(self._events):
            await while_connected(receive, lambda: self.stream_response(send))
