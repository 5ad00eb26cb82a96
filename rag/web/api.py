"""The HTTP API: health, ask, search, the list of articles, answers given before, and feedback."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import asdict
from threading import Event
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from rag.assistant import Assistant
from rag.errors import FeedbackError
from rag.keys import Keyring
from rag.types import Answer, Found, Health, Said, Update
from rag.web.articles_api import library_routes
from rag.web.body_limit import MAX_BODY_BYTES
from rag.web.callers import note
from rag.web.errors import ApiError, describe, install_handlers
from rag.web.openai.api import openai_routes
from rag.web.openai.errors import PREFIX
from rag.web.reference import render_reference
from rag.web.schemas import (
    ArticleDetail,
    Articles,
    AskRequest,
    ErrorBody,
    FeedbackKept,
    FeedbackRequest,
    SearchRequest,
    SearchResults,
)
from rag.web.streaming import GONE, EventStream, Make, updates, while_connected
from rag.web.upload_door import UPLOAD_PATH
from rag.web.wall import Access, surround

log = logging.getLogger(__name__)

TITLE = "Ask the Articles"
API_VERSION = "1.0"  # of this contract; the version of the product is in /health
DESCRIPTION = (
    "Questions answered over a folder of articles in Chinese, English and German. Every sentence of an "
    "answer carries a citation with the exact words it rests on; what cannot be proven is not said."
)
UPLOADS = ("/api/ingest", UPLOAD_PATH)  # where more may come in at once; the second is the page's
EVENTS = dict.fromkeys(("/gradio_api/run/predict", "/gradio_api/queue/join"), 4 * 2**20)  # the page's, likewise
EXPORTS = {f"/export/{kind}": 8 * 2**20 for kind in ("markdown", "html", "copy")}  # whole conversations
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": meaning}
    for status, meaning in {
        400: "The body is not JSON",
        401: "The key is missing or wrong",
        413: "The body is too large",
        422: "A field is wrong; the error names it",
        429: "Too many requests; the header Retry-After says in how many seconds to come again",
        503: "It cannot be done right now, e.g. because the articles cannot be searched",
        504: "It took longer than the limit of this server",
    }.items()
}


def create_api(
    assistant: Assistant,
    *,
    api_keys: Sequence[str] = (),
    access: Access | None = None,
    max_question_chars: int = 2000,
    max_upload_mb: int = 50,
    max_upload_files: int = 200,
) -> FastAPI:
    """The API over an assistant. ``access`` says who may come in; ``api_keys`` is short for one with these keys."""
    app = FastAPI(
        title=TITLE,
        version=API_VERSION,
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's own pages load scripts from another host
        redoc_url=None,
    )
    upload = max_upload_mb * 2**20 + MAX_BODY_BYTES  # for what a form puts around its files
    larger = dict.fromkeys(UPLOADS, upload) | EVENTS | EXPORTS
    surround(app, access or Access(Keyring(api_keys)), larger_bodies=larger)
    install_handlers(app)
    app.include_router(_open_routes(app, assistant))
    app.include_router(_api_routes(assistant, max_question_chars), prefix="/api")
    changing = library_routes(assistant, max_files=max_upload_files)
    app.include_router(changing, prefix="/api", responses=_ERRORS)
    app.include_router(openai_routes(assistant, max_question_chars), prefix=PREFIX)
    _refuse_unknown_routes(app)
    return app


def _open_routes(app: FastAPI, assistant: Assistant) -> APIRouter:
    router = APIRouter()

    @router.get("/health", responses={503: {"model": Health, "description": "No question can be answered"}})
    def health() -> Health:
        """Whether questions can be answered, and from what. Needs no key."""
        state = assistant.health()
        if state.status == "ok":
            return JSONResponse(asdict(state))  # type: ignore[return-value]
        error = ErrorBody.of("unavailable", state.status).to_dict()
        return JSONResponse(asdict(state) | error, 503)  # type: ignore[return-value]

    @router.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(render_reference(app.openapi()))

    return router


def _api_routes(assistant: Assistant, max_question_chars: int) -> APIRouter:
    router = APIRouter(responses=_ERRORS)

    @router.post("/ask", response_model=Answer)
    async def ask(http: Request, request: AskRequest) -> Response:
        """Answer a question, or refuse in its language.

        With `stream`, server-sent events: `passages`, one `sentence` each, `answer` (the whole); or `error`.
        """
        await to_thread.run_sync(_check_question, assistant, request, max_question_chars)

        def make(cancelled: Event) -> Iterator[Update]:
            return assistant.stream(request.question, cancelled=cancelled, **_asked(request))

        if request.stream:
            return EventStream(_events(make, request.include_passages))
        return await _whole(http, make, request.include_passages)

    @router.post("/search", response_model=SearchResults)
    def search(request: SearchRequest) -> Response:
        """The passages that fit a query best, best first."""
        filters = request.filters.to_filters() if request.filters else None
        found = assistant.search(request.query, filters=filters, top_k=request.top_k, include_qa=request.include_qa)
        return JSONResponse({"results": [asdict(passage) for passage in found]})

    @router.get("/articles", response_model=Articles)
    def articles() -> Response:
        """What is indexed, newest first, articles without a date last."""
        return JSONResponse({"articles": [asdict(summary) for summary in assistant.articles()]})

    @router.get(
        "/articles/{article_id}",
        response_model=ArticleDetail,
        responses={404: {"model": ErrorBody, "description": "There is no such article"}},
    )
    def article(article_id: str) -> Response:
        """One article and its whole text, into which the offsets of all citations point."""
        found = assistant.article(article_id)
        if found is None:
            raise ApiError(404, "there is no article with this id; GET /api/articles lists them", "article_id")
        summary, text = found
        return JSONResponse(asdict(summary) | {"text": text})

    @router.get(
        "/answers/{answer_id}",
        response_model=Answer,
        responses={404: {"model": ErrorBody, "description": "No answer with this id is kept"}},
    )
    def answer(answer_id: str, include_passages: bool = False) -> Response:
        """An answer that was given before, as it was given. Of those that nobody rated only the newest are kept."""
        try:
            found = assistant.recall(answer_id)
        except FeedbackError as error:
            log.warning("cannot open an answer: %s", error)
            raise ApiError(
                503, "the answers that were given cannot be read right now; try again in a moment"
            ) from error
        if found is None:
            raise ApiError(404, "no answer with this id is kept (any more); ask again with POST /api/ask", "answer_id")
        return JSONResponse(found.to_dict(include_passages=include_passages))

    @router.post(
        "/feedback",
        response_model=FeedbackKept,
        responses={404: {"model": ErrorBody, "description": "No answer with this id is kept"}},
    )
    def feedback(http: Request, request: FeedbackRequest) -> Response:
        """Say whether an answer is right, and if not, what is. It is kept on the server and can become a test."""
        note(http.scope, answer_id=request.answer_id, rating=request.rating)
        assistant.rate(request.answer_id, request.rating, request.comment, request.correct_answer)
        return JSONResponse({"answer_id": request.answer_id, "rating": request.rating})

    return router


def _check_question(assistant: Assistant, request: AskRequest, max_chars: int) -> None:
    if len(request.question) > max_chars:
        raise ApiError(422, f"question: it has more than {max_chars} characters; shorten it", "question")
    if request.answerer == "llm" and assistant.health().model is None:
        raise ApiError(422, "answerer: no chat model is set up here; leave it out or use extractive", "answerer")


def _asked(request: AskRequest) -> dict[str, Any]:
    return {
        "history": [turn.to_turn() for turn in request.history or ()],
        "filters": request.filters.to_filters() if request.filters else None,
        "top_k": request.top_k,
        "include_qa": request.include_qa,
        "answerer": request.answerer,
    }


async def _whole(http: Request, make: Make, include_passages: bool) -> Response:
    """The answer at once; nothing more is done for it when the client leaves."""
    response = Response(status_code=GONE)

    async def work() -> None:
        nonlocal response
        async with aclosing(updates(make)) as steps:
            async for told in steps:
                if isinstance(told, Answer):
                    response = JSONResponse(told.to_dict(include_passages=include_passages))

    await while_connected(http.receive, work)
    return response


async def _events(make: Make, include_passages: bool) -> AsyncGenerator[str]:
    """The answer as server-sent events. Headers are out by now, so an error is an event as well."""
    try:
        async with aclosing(updates(make)) as steps:
            async for told in steps:
                if isinstance(told, Found):
                    yield _event("passages", {"passages": [asdict(passage) for passage in told.passages]})
                elif isinstance(told, Said):
                    yield _event("sentence", asdict(told.sentence))
                else:
                    yield _event("answer", told.to_dict(include_passages=include_passages))
    except Exception as error:  # noqa: BLE001  whatever it is, the client must hear of it, and describe logs it
        yield _event("error", describe(error)[1].to_dict())


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _refuse_unknown_routes(app: FastAPI) -> None:
    """Close our part of the address space: a page mounted at ``/`` must not answer for a mistyped route."""
    known = list(app.router.routes)

    async def refuse(request: Request) -> Response:
        allowed = [m for m in METHODS if any(_serves(route, request.scope, m) for route in known)]
        if allowed:
            message = f"{request.method} is not possible here, but {' and '.join(allowed)}"
            raise ApiError(405, message, headers={"Allow": ", ".join(allowed)})
        raise ApiError(404, "there is nothing at this address; the routes are listed at /docs")

    for path in ("/api", "/api/{rest:path}", PREFIX, f"{PREFIX}/{{rest:path}}", "/health", "/docs", "/openapi.json"):
        app.router.routes.append(Route(path, refuse, methods=METHODS, include_in_schema=False))


def _serves(route: BaseRoute, scope: Scope, method: str) -> bool:
    return route.matches({**scope, "method": method})[0] is Match.FULL
