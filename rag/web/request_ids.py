"""An id for each request, in its response and in every line that is logged for it; and a line for each one."""

from __future__ import annotations

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.logs import request_id
from rag.web.callers import GUARDED, caller_of, is_below, path_of, route_of
from rag.web.errors import REQUEST_ID

_log = logging.getLogger("rag.access")
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """Gives a request its id: the client's own where it is short and plain, else a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        chosen = given if _PLAIN.fullmatch(given) else uuid.uuid4().hex
        request_id.set(chosen)  # stays until the end of this request's task: a crash is answered after this
        began, status = time.monotonic(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = chosen
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            _tell(scope, status, time.monotonic() - began)


def _tell(scope: Scope, status: int, seconds: float) -> None:
    """A line for a request; for those of the page only for debugging."""
    level = logging.INFO if is_below(path_of(scope), *GUARDED) else logging.DEBUG
    fields = {"status": status or "gone", "ms": round(seconds * 1000), "who": caller_of(scope)}
    _log.log(level, "%s %s", scope["method"], route_of(scope), extra={"fields": fields})
