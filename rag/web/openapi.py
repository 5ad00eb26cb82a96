"""What the OpenAPI document says around the routes: titles, groups, errors, and examples that were recorded."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute

from rag.web.schemas import ErrorBody, ErrorType

Responses = dict[int | str, dict[str, Any]]

TITLE = "Ask the Articles"
API_VERSION = "1.1"  # of this contract; the version of the product is in /health
DESCRIPTION = (
    "Questions answered over a folder of articles in Chinese, English and German. Every sentence of an "
    "answer carries a citation with the exact words it rests on; what cannot be proven is not said. "
    "The same questions can be asked under /v1 by clients of OpenAI's API and at /mcp by clients of the Model "
    "Context Protocol."
)
ANSWERS, ARTICLES, FEEDBACK, STATE, OPENAI = "Answers", "Articles", "Feedback", "State", "OpenAI-compatible"
TAGS = [
    {"name": ANSWERS, "description": "Asking, and searching without an answer"},
    {"name": ARTICLES, "description": "What is indexed: listed, read, added and removed"},
    {"name": FEEDBACK, "description": "Answers that were given, and what people say of them"},
    {"name": STATE, "description": "Whether questions can be answered"},
    {"name": OPENAI, "description": "For clients of OpenAI's API, which change their base URL alone"},
]
EVENTS_MEANING = (
    "With `stream`, server-sent events: `passages`, one `sentence` each, and `answer`, the whole as without `stream`. "
    "When it fails on the way, the last event is `error`, with the body that errors have."
)
# What can be done with an answer: its id goes into other routes.
LINKS = {
    "open": {"operationId": "get_answer", "parameters": {"answer_id": "$response.body#/id"}},
    "rate": {"operationId": "rate_answer", "requestBody": {"answer_id": "$response.body#/id", "rating": "up"}},
}
EVENT = {
    "title": "Event",
    "type": "object",
    "description": EVENTS_MEANING,
    "properties": {
        "event": {"enum": ["passages", "sentence", "answer", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
# What goes wrong, what it means, and a message as it is sent.
_MEANINGS: dict[int, tuple[ErrorType, str, str, str | None]] = {
    400: ("bad_request", "The body is not JSON", "the body is not valid JSON: Expecting value", None),
    401: (
        "unauthorized",
        "The key is missing or wrong",
        "send a valid key in the header Authorization: Bearer <key>",
        None,
    ),
    403: (
        "forbidden",
        "The key may not do this, or a page of another site sent it",
        "a page of another site can't change the articles",
        None,
    ),
    404: ("not_found", "There is nothing with this id", "there is no article with this id", "article_id"),
    409: (
        "conflict",
        "The article is from another folder; it can be removed there alone",
        "the article is from another folder; remove its file there",
        "article_id",
    ),
    413: ("too_large", "The body is too large", "the request is larger than 256 KiB; send less at once", None),
    422: ("invalid", "A field is wrong; the error names it", "question: this field is required", "question"),
    503: (
        "unavailable",
        "It cannot be done right now, e.g. because the articles cannot be searched",
        "the articles cannot be searched right now; try again in a moment",
        None,
    ),
    504: (
        "timeout",
        "It took longer than the limit of this server",
        "this took longer than 300 s, which is the limit here; ask for less at once, or try again later",
        None,
    ),
}
_TOO_MANY = {"description": "Too many requests; Retry-After says how many seconds to wait", "model": ErrorBody}
EVERYWHERE = (401, 403, 429, 503, 504)
WITH_BODY = (400, 413, 422)


def errors(*statuses: int) -> Responses:
    """How a route may refuse, besides what every route may: each with its meaning and an example."""
    return {status: _error(status) for status in sorted({*EVERYWHERE, *statuses})}


def _error(status: int) -> dict[str, Any]:
    if status == 429:
        return _TOO_MANY
    kind, meaning, message, field = _MEANINGS[status]
    example = ErrorBody.of(kind, message, field).to_dict()
    return {"model": ErrorBody, "description": meaning, "content": {"application/json": {"example": example}}}


def example(
    *names: str, events: str | None = None, links: dict[str, Any] | None = None, meaning: str = "Done"
) -> Responses:
    """Recorded responses of success by their names; ``events`` names a recorded stream, ``links`` what can follow."""
    recorded = {name: {"value": recording().get(name)} for name in names}
    content: dict[str, Any] = {"application/json": {"examples": recorded}}
    if events:
        stream = {"schema": EVENT, "example": recording().get(events)}
        content["text/event-stream"] = stream
    return {200: {"description": meaning, "content": content} | ({"links": links} if links else {})}


@lru_cache(maxsize=1)
def recording() -> dict[str, Any]:
    """What a real server answered; ``docs/record.py`` writes it anew."""
    text = (Path(__file__).parent / "examples.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def operation_id(route: APIRoute) -> str:
    """The name of a route in the document, from which generators make the names of functions."""
    return route.name
