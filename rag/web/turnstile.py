"""How many questions are answered at once: so many, a line of more that wait, and whoever comes then is sent away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.web.callers import API, MCP, OPENAI, is_below, path_of
from rag.web.errors import error_response
from rag.web.streaming import while_connected
from rag.web.traffic import Traffic

# Answers under way. Quoting keeps a core busy: more at once only take turns. A model is waited for.
AT_ONCE_QUOTED, AT_ONCE_WRITTEN = 3, 16
RETRY_SECONDS = 5
FULL = f"too many questions are waiting for an answer; try again in {RETRY_SECONDS} s"


def is_work(scope: Scope) -> bool:
    """Whether a request needs a model, or the processor for longer than a moment."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    path = path_of(scope)
    return path in (f"{API}/ask", f"{API}/search") or is_below(path, OPENAI, MCP)


class Turnstile:
    """Lets ``at_once`` of such requests through, ``waiting`` more wait. Their bodies are read first, and are small.

    A place is taken until the whole answer is sent; whoever leaves gives it back, also in the line.
    """

    def __init__(self, app: ASGIApp, at_once: int, waiting: int, traffic: Traffic) -> None:
        self.app = app
        self._free = anyio.Semaphore(at_once)
        self._most = waiting
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if not is_work(scope):
            await self.app(scope, receive, send)
            return
        body = await _read(receive)  # before a place is taken: who sends slowly keeps nobody else waiting
        if body is None:
            return
        async with self._place(receive) as taken:
            if taken:
                await self.app(scope, _replayed(body, receive), send)
            elif taken is False:
                await error_response(503, "unavailable", FULL, headers={"Retry-After": str(RETRY_SECONDS)})(
                    scope, receive, send
                )

    @asynccontextmanager
    async def _place(self, receive: Receive) -> AsyncIterator[bool | None]:
        """Whether there is a place; None when the client left before there was one."""
        try:
            self._free.acquire_nowait()
        except anyio.WouldBlock:
            if self._traffic.waiting >= self._most:
                yield False
                return
            if not await self._wait(receive):
                yield None
                return
        try:
            yield True
        finally:
            self._free.release()

    async def _wait(self, receive: Receive) -> bool:
        taken = False

        async def take() -> None:
            nonlocal taken
            await self._free.acquire()
            taken = True

        self._traffic.waiting += 1
        try:
            await while_connected(receive, take)
        except BaseException:
            if taken:
                self._free.release()
            raise
        finally:
            self._traffic.waiting -= 1
        return taken


async def _read(receive: Receive) -> bytes | None:
    """A whole body, whose size others have bounded; None when the client left."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
