"""Errors of the HTTP API: one JSON shape for all, the right status, and nothing of our insides."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from rag.errors import FeedbackError, QuestionError, RagError, StoreError, UnknownAnswerError
from rag.logs import request_id
from rag.web.schemas import ErrorBody, ErrorDetail, ErrorType
from rag.web.security import SECURITY_HEADERS

log = logging.getLogger(__name__)

REQUEST_ID = "X-Request-ID"  # the header
UNAVAILABLE = "the articles cannot be searched right now; try again in a moment"
NOT_KEPT = "the rating could not be kept; try again in a moment"
INTERNAL = "something went wrong on our side; it has been logged"

_TYPES: dict[int, ErrorType] = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    429: "rate_limited",
    503: "unavailable",
    504: "timeout",
}
_MESSAGES = {
    400: "the body is not valid JSON",
    404: "there is nothing at this address; the routes are listed at /docs",
}


class ApiError(Exception):
    """A refusal with its status, raised by a route."""

    def __init__(
        self, status: int, message: str, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.headers = headers

    @property
    def detail(self) -> ErrorDetail:
        """What its body says."""
        return ErrorBody.of(_TYPES[self.status], self.message, self.field).error


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII: it can repeat whatever a client sent, even text that UTF-8 cannot hold."""

    def render(self, content: object) -> bytes:
        """The bytes of the response."""
        return json.dumps(content).encode("ascii")


def error_response(
    status: int,
    type: ErrorType,
    message: str,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The one shape. Security headers too, and the id: a response to a crash never passes through the middleware."""
    body = ErrorBody.of(type, message, field).to_dict()
    known = {REQUEST_ID: request_id.get()} if request_id.get() else {}
    return AsciiJSONResponse(body, status, headers={**SECURITY_HEADERS, **known, **(headers or {})})


def install_handlers(app: FastAPI) -> None:
    """Answer every error of the app in the one shape."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RagError, _on_rag_error)
    app.add_exception_handler(Exception, _on_crash)


def describe(error: Exception) -> tuple[int, ErrorBody]:
    """Status and body for an error that came out of the core; the details go to the log alone."""
    if isinstance(error, QuestionError):
        return 422, ErrorBody.of("invalid", str(error))
    if isinstance(error, UnknownAnswerError):
        return 404, ErrorBody.of("not_found", str(error), "answer_id")
    if isinstance(error, FeedbackError):
        log.warning("cannot keep a rating: %s", error)
        return 503, ErrorBody.of("unavailable", NOT_KEPT)
    if isinstance(error, StoreError):
        log.error("cannot answer: %s", error)
        return 503, ErrorBody.of("unavailable", error.said)
    if isinstance(error, RagError):
        log.warning("cannot answer: %s", error)
        return 503, ErrorBody.of("unavailable", UNAVAILABLE)
    log.error("unexpected error", exc_info=error)
    return 500, ErrorBody.of("internal", INTERNAL)


async def _on_api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error.status, _TYPES[error.status], error.message, error.field, error.headers)


async def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return error_response(400, "bad_request", f"the body is not valid JSON: {first['ctx']['error']}")
    field = ".".join(str(part) for part in first["loc"][1:]) or None
    if field is None:
        return error_response(422, "invalid", "send a JSON object, with the header Content-Type: application/json")
    return error_response(422, "invalid", f"{field}: {reason(first)}", field)


def reason(error: Mapping[str, Any]) -> str:
    """What is wrong with a field, of what pydantic says."""
    if error["type"] == "extra_forbidden":
        return "there is no such field"
    if error["type"] == "missing":
        return "this field is required"
    if error["type"] == "string_unicode":
        return "this text is not valid Unicode"
    return str(error["msg"]).removeprefix("Value error, ")


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    type_ = _TYPES.get(error.status_code, "bad_request")
    message = _MESSAGES.get(error.status_code, error.detail)
    return error_response(error.status_code, type_, message, headers=error.headers)


async def _on_rag_error(_: Request, error: Exception) -> Response:
    status, body = describe(error)
    return error_response(status, body.error.type, body.error.message, body.error.field)


async def _on_crash(_: Request, error: Exception) -> Response:
    # Logged by the server, which sees the error once more after this.
    return error_response(500, "internal", INTERNAL)
