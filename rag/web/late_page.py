"""The page behind an API that listens already: putting it together takes seconds, which no program should wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from rag.web.errors import error_response


class LatePage:
    """An ASGI app at ``/`` of an API, behind its routes. Who asks for the page before it is there waits for it.

    ``make`` is called in a thread once the API starts; ``failed`` if that raises (the ``error``), since a server should
    not go on without its page; ``end`` lets go of what open pages hold.
    """

    def __init__(self, make: Callable[[], FastAPI], failed: Callable[[], None], end: Callable[[FastAPI], None]) -> None:
        self.error: Exception | None = None
        self._make = make
        self._failed = failed
        self._end = end
        self._app: FastAPI | None = None
        self._done: asyncio.Event | None = None  # made, or failed
        self._leaving: asyncio.Event | None = None

    def mount(self, api: FastAPI) -> None:
        """Serve it there; must be called when all other routes are."""
        api.router.lifespan_context = self._beside
        api.router.routes.append(Mount("/", self))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        assert self._done is not None, "the API has not started"
        await self._done.wait()
        if self._app is None:
            await error_response(503, "unavailable", "the page could not be put together")(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def leave(self) -> None:
        """Let go of the connections that open pages hold."""
        if self._app is not None:
            self._end(self._app)

    @asynccontextmanager
    async def _beside(self, api: FastAPI) -> AsyncIterator[None]:
        self._done, self._leaving = asyncio.Event(), asyncio.Event()
        living = asyncio.create_task(self._live(self._done, self._leaving))
        try:
            yield
        finally:
            self._leaving.set()
            await living

    async def _live(self, done: asyncio.Event, leaving: asyncio.Event) -> None:
        """From its making to its end, in one task: what it holds open is closed where it was opened."""
        try:
            app = await to_thread.run_sync(self._make)
        except Exception as error:  # noqa: BLE001  raised by whoever runs the server
            self.error = error
            done.set()
            self._failed()
            return
        async with app.router.lifespan_context(app):
            self._app = app
            done.set()
            await leaving.wait()
