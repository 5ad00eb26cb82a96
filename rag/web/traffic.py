"""The requests under way: how many there are, and how the last of them ends when the server is told to stop."""

from __future__ import annotations

import asyncio
import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from rag.web.callers import HEALTH, MCP, METRICS, is_below, path_of
from rag.web.errors import error_response

log = logging.getLogger(__name__)

STOPPING = "stopping"  # the state of health
RETRY_SECONDS = 10  # after which another server, or the next one here, may answer
_REFUSAL = "this server is stopping; try again in a moment"
_TICK = 0.05  # seconds
# What an open page holds for as long as it is open, which nobody waits for.
_HELD = "/gradio_api/heartbeat"
# What a page hears the answers from that it has asked for.
_HEARING = "/gradio_api/queue/data"


class Traffic:
    """What goes on in a server; of one event loop."""

    def __init__(self) -> None:
        self.stopping = False
        self.under_way = 0  # requests
        self.waiting = 0  # questions and searches of them that wait in line

    async def finish(self, seconds: float) -> None:
        """Let in nothing new from now on, and wait until all is done; no longer than so many seconds."""
        self.stopping = True
        log.info("stopping: %d requests under way have %g s to finish", self.under_way, seconds)
        until = asyncio.get_running_loop().time() + seconds
        while self.under_way and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(_TICK)
        if self.under_way:
            log.warning(
                "%d requests were not done in time and are broken off; RAG_STOP_SECONDS gives them more",
                self.under_way,
            )


class Door:
    """Counts the requests under way, and lets in none while the server stops. Pure ASGI, for the sake of streams."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self.app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or _is_outside(scope):
            await self.app(scope, receive, send)
            return
        if self._traffic.stopping and path_of(scope) != _HEARING:
            headers = {"Retry-After": str(RETRY_SECONDS), "Connection": "close"}
            await error_response(503, "unavailable", _REFUSAL, headers=headers)(scope, receive, send)
            return
        self._traffic.under_way += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._traffic.under_way -= 1


def _is_outside(scope: Scope) -> bool:
    """What is answered until the end, and what is held open without end."""
    return scope["method"] in ("GET", "HEAD") and is_below(path_of(scope), HEALTH, METRICS, MCP, _HELD)
