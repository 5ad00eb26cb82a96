"""Errors as OpenAI's clients read them, whichever layer of the server refused: routes, keys, limits, validation."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.web.callers import OPENAI as PREFIX
from rag.web.callers import is_below, path_of
from rag.web.schemas import ErrorBody

__all__ = ["PREFIX", "OpenAIErrors", "error_event", "openai_error"]

_STATUS = {422: 400}  # OpenAI's servers know no 422, and clients look for the 400
_CODES = {"unauthorized": "invalid_api_key", "rate_limited": "rate_limit_exceeded"}
_KINDS = {"rate_limited": "rate_limit_error", **dict.fromkeys(("unavailable", "timeout", "internal"), "server_error")}


def openai_error(error: dict[str, Any]) -> dict[str, Any]:
    """One of our errors in OpenAI's shape.

    >>> openai_error({"type": "invalid", "message": "n: too many", "field": "n"})
    {'message': 'n: too many', 'type': 'invalid_request_error', 'param': 'n', 'code': 'invalid'}
    """
    kind, field = error["type"], error["field"]
    return {
        "message": error["message"],
        "type": _KINDS.get(kind, "invalid_request_error"),
        "param": field,
        "code": "model_not_found" if (kind, field) == ("not_found", "model") else _CODES.get(kind, kind),
    }


def error_event(body: ErrorBody) -> dict[str, Any]:
    """An error after the first byte of a stream."""
    return {"error": openai_error(body.error.model_dump())}


class OpenAIErrors:
    """Puts the errors under ``/v1`` into OpenAI's shape. Pure ASGI; what is no error passes untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and is_below(path_of(scope), PREFIX):
            send = _Reshaped(send)
        await self.app(scope, receive, send)


class _Reshaped:
    """Sends on, but holds an error back until its body is whole."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_error(self._start)

    async def _send_error(self, start: Message) -> None:
        body = self._body
        with suppress(ValueError, KeyError, TypeError):  # not one of ours, or no body at all
            body = json.dumps({"error": openai_error(json.loads(body)["error"])}).encode("ascii")
        start["status"] = _STATUS.get(start["status"], start["status"])
        MutableHeaders(scope=start)["content-length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
