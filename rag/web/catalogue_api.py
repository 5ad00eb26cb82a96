"""The routes that tell what is indexed: the list of articles, page by page, and one article with its text."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import dropwhile
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rag.assistant import Assistant
from rag.storage.listing import Place, place_of
from rag.types import ArticleSummary
from rag.web.errors import ApiError
from rag.web.openapi import ARTICLES, Responses, errors, example
from rag.web.schemas import ArticleDetail, Articles

MOST = 1000  # articles of one page
USUAL = 100
MAX_CURSOR = 2000
_ETAG = {"ETag": {"description": "For If-None-Match next time", "schema": {"type": "string"}}}
_UNCHANGED: Responses = {304: {"description": "Nothing has changed since the ETag in If-None-Match"}}

_PLACE: TypeAdapter[Place] = TypeAdapter(Place, config={"strict": True})


def catalogue_routes(assistant: Assistant) -> APIRouter:
    """The routes, to be included under ``/api``."""
    router = APIRouter(tags=[ARTICLES])

    @router.get(
        "/articles",
        response_model=Articles,
        summary="List the articles",
        responses=_with_etag(example("articles", meaning="A page of the list")) | errors(422) | _UNCHANGED,
    )
    def list_articles(
        http: Request,
        limit: Annotated[int, Query(ge=1, le=MOST, description="how many at most")] = USUAL,
        cursor: Annotated[str | None, Query(max_length=MAX_CURSOR, description="`next` of the page before")] = None,
    ) -> Response:
        """What is indexed, newest first, articles without a date last; a page of them, and where the next one begins.

        An article that is added or removed on the way moves no other from one page to another. With `If-None-Match`
        the answer is 304 while the page is the same.
        """
        listed = assistant.articles()
        after = listed if cursor is None else beyond(_read_cursor(cursor), listed)
        page = after[:limit]
        following = _cursor(page[-1]) if len(after) > limit else None
        told = {"articles": [asdict(one) for one in page], "total": len(listed), "next": following}
        return _unless_known(http, told)

    @router.get(
        "/articles/{article_id}",
        response_model=ArticleDetail,
        summary="Read an article",
        responses=_with_etag(example("article", meaning="The article")) | errors(404, 422) | _UNCHANGED,
    )
    def get_article(http: Request, article_id: str) -> Response:
        """One article and its whole text, into which the offsets of all citations point."""
        found = assistant.article(article_id)
        if found is None:
            raise ApiError(404, "there is no article with this id; GET /api/articles lists them", "article_id")
        summary, text = found
        return _unless_known(http, asdict(summary) | {"text": text})

    return router


# --- Pages --------------------------------------------------------------------------------------------------


def beyond(place: Place, listed: Sequence[ArticleSummary]) -> list[ArticleSummary]:
    """What of a list in order stands after a place, whether or not an article is there still."""
    date, *rest = place

    def not_after(one: ArticleSummary) -> bool:
        its_date, *its_rest = place_of(one)
        return its_date > date or (its_date == date and its_rest <= rest)

    return list(dropwhile(not_after, listed))


def _cursor(one: ArticleSummary) -> str:
    packed = json.dumps(place_of(one), ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")


def _read_cursor(cursor: str) -> Place:
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return _PLACE.validate_json(packed)
    except ValueError as error:  # pydantic's errors are values'
        raise ApiError(422, "cursor: this is no `next` of a page; leave it out to begin anew", "cursor") from error


# --- What a client knows already ----------------------------------------------------------------------------


def _unless_known(http: Request, told: dict[str, Any]) -> Response:
    """The value with its ETag; or 304 to a client that has just this already."""
    response = JSONResponse(told)
    etag = f'"{hashlib.blake2b(bytes(response.body), digest_size=16).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}  # kept by the client alone, who asks each time
    if _knows(http.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


def _knows(known: str, etag: str) -> bool:
    """Whether a header If-None-Match names an ETag, which a proxy that compresses has made a weak one.

    >>> _knows('"a", W/"b"', '"b"'), _knows("*", '"b"'), _knows('"a"', '"b"')
    (True, True, False)
    """
    return any(one.strip().removeprefix("W/") in (etag, "*") for one in known.split(","))


def _with_etag(responses: Responses) -> Responses:
    return {status: {**response, "headers": _ETAG} for status, response in responses.items()}
