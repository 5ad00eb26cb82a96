"""A bound on the size of a request, kept before anything parses its body."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.web.callers import path_of
from rag.web.errors import ApiError, error_response

MAX_BODY_BYTES = 256 * 1024


class BodyLimit:
    """Refuses a request whose body is too large. Pure ASGI, like the security headers.

    The ``larger`` paths take more, and read their bodies bit by bit themselves.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES, larger: Mapping[str, int] | None = None) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.larger.get(path_of(scope), self.max_bytes)
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            await error_response(413, "too_large", _refusal(limit))(scope, receive, send)
        elif "transfer-encoding" not in headers:  # the server lets no more through than the length that was announced
            await self.app(scope, receive, send)
        elif path_of(scope) in self.larger:
            await self.app(scope, _counted(receive, limit), send)
        else:
            await self._buffer(scope, receive, send)

    async def _buffer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A body of unknown length: read it up to the limit, then hand it on in one piece."""
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":  # the client left
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.max_bytes:
                await error_response(413, "too_large", _refusal(self.max_bytes))(scope, receive, send)
                return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)


def _counted(receive: Receive, limit: int) -> Receive:
    """A body of unknown length that is too large to hold: whoever reads too much of it is stopped."""
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > limit:
            raise ApiError(413, _refusal(limit))
        return message

    return counted


def _refusal(limit: int) -> str:
    size = f"{limit // 2**20} MB" if limit >= 2**20 else f"{limit // 1024} KiB"
    return f"the request is larger than {size}; send less at once"
