"""Errors as OpenAI's clients read them, whichever layer of the server refused: routes, keys, limits, validation."""

from __future__ import annotations

import json
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.web.callers import OPENAI as PREFIX
from rag.web.callers import is_below, path_of
from rag.web.errors import ApiError, describe, error_response
from rag.web.schemas import ErrorDetail

__all__ = ["PREFIX", "OpenAIErrors", "error_event", "openai_error"]

RETRY_AFTER = "5"  # seconds; clients of OpenAI's wait so long by themselves, and try again
_STATUS = {422: 400}  # OpenAI's servers know no 422, and clients look for the 400
_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_TYPES = {429: "requests"}  # of what there were too many


def openai_error(status: int, error: dict[str, Any]) -> dict[str, Any]:
    """One of our errors in OpenAI's shape.

    >>> openai_error(422, {"type": "invalid", "message": "n: too many", "field": "n"})
    {'message': 'n: too many', 'type': 'invalid_request_error', 'param': 'n', 'code': 'invalid'}
    """
    kind, field = error["type"], error["field"]
    return {
        "message": error["message"],
        "type": _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error"),
        "param": field,
        "code": "model_not_found" if (kind, field) == ("not_found", "model") else _CODES.get(status, kind),
    }


def error_event(error: Exception) -> dict[str, Any]:
    """An error after the first byte of a stream."""
    status, detail = _described(error)
    return {"error": openai_error(status, detail.model_dump())}


def refusal(error: Exception) -> Response:
    """An error before it."""
    status, detail = _described(error)
    return error_response(status, detail.type, detail.message, detail.field)


def _described(error: Exception) -> tuple[int, ErrorDetail]:
    if isinstance(error, ApiError):
        return error.status, error.detail
    status, body = describe(error)
    return status, body.error


class OpenAIErrors:
    """Puts the errors under ``/v1`` into OpenAI's shape. Pure ASGI; what is no error passes untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and is_below(path_of(scope), PREFIX):
            send = _Reshaped(send, scope["method"] == "HEAD")
        await self.app(scope, receive, send)


class _Reshaped:
    """Sends on, but holds an error back until its body is whole."""

    def __init__(self, send: Send, is_head: bool) -> None:
        self._send = send
        self._is_head = is_head
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
        status = start["status"]
        error = {"type": "error", "message": _phrase(status), "field": None}  # of a layer that has no words of ours
        with suppress(ValueError, KeyError, TypeError):
            error = {**error, **json.loads(self._body)["error"]}
        body = b"" if self._is_head else json.dumps({"error": openai_error(status, error)}).encode("ascii")
        start["status"] = _STATUS.get(status, status)
        headers = MutableHeaders(scope=start)
        headers["content-type"] = "application/json"
        headers["content-length"] = str(len(body))
        if status in (429, 503):
            headers.setdefault("retry-after", RETRY_AFTER)
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _phrase(status: int) -> str:
    with suppress(ValueError):
        return HTTPStatus(status).phrase
    return "the request failed"
