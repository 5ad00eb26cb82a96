"""A deadline for every request. Whoever waited long enough is told so, whatever is still under way."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.web.callers import API, GUARDED, MCP, OPENAI, is_below, path_of
from rag.web.errors import ApiError, error_response
from rag.web.openai.errors import error_event
from rag.web.schemas import ErrorBody
from rag.web.upload_door import UPLOAD_PATH

log = logging.getLogger(__name__)

UPLOAD_TIMES = 6  # as long: what comes in is embedded before the response says so
UPLOADS = (f"{API}/ingest", UPLOAD_PATH)
LATE = "this took longer than {seconds:g} s, which is the limit here; ask for less at once, or try again later"
LATE_UPLOAD = (
    "this took longer than {seconds:g} s, which is the limit here; what was sent may still go in: "
    "see GET /api/articles before you send it again"
)


class Deadline:
    """Ends a request after so many seconds: with 504, or where an answer is being streamed with its error event.

    The work is cancelled. What runs in a thread ends in its own time, but nobody waits for it any more.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or _may_stay(scope["method"], path_of(scope)):
            await self.app(scope, receive, send)
            return
        is_upload = path_of(scope) in UPLOADS
        seconds = self._seconds * (UPLOAD_TIMES if is_upload else 1)
        line = _Line(scope, receive, send)
        task = asyncio.ensure_future(self.app(scope, receive, line.send))
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            raise
        if done:
            task.result()
            return
        task.add_done_callback(_forget)
        task.cancel()  # takes effect at the next await, when the line is cut already
        await line.cut((LATE_UPLOAD if is_upload else LATE).format(seconds=seconds))


def _may_stay(method: str, path: str) -> bool:
    """What an open page or a session of an agent keeps open, and files, which need no time of ours."""
    return method in ("GET", "HEAD") and (is_below(path, MCP) or not is_below(path, *GUARDED))


def _forget(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("a request that took too long failed in the end", exc_info=error)


class _Line:
    """What is sent to the client, until it is cut."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._start: Message | None = None
        self._ended = False
        self._cut = False

    async def send(self, message: Message) -> None:
        """Send on, unless it was cut."""
        if self._cut:
            return
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
        await self._send(message)

    async def cut(self, message: str) -> None:
        """Tell the client instead of whatever would come now."""
        self._cut = True
        if self._start is None:
            await error_response(504, "timeout", message)(self._scope, self._receive, self._send)
        elif not self._ended:
            last = b""
            if Headers(raw=self._start["headers"]).get("content-type", "").startswith("text/event-stream"):
                last = _event(path_of(self._scope), message).encode()
            await self._send({"type": "http.response.body", "body": last, "more_body": False})


def _event(path: str, message: str) -> str:
    if is_below(path, OPENAI):
        return f"data: {json.dumps(error_event(ApiError(504, message)))}\n\n"
    body = ErrorBody.of("timeout", message).to_dict()
    return f"event: error\ndata: {json.dumps(body)}\n\n" if is_below(path, API) else ""
