"""The routes that answer: a question with its proven answer, and a search for passages alone."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import asdict
from threading import Event
from typing import Any

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rag.assistant import Assistant
from rag.types import Answer, AnswererName, Found, Said, Update
from rag.web.errors import ApiError, describe
from rag.web.openapi import ANSWERS, LINKS, WITH_BODY, errors, example
from rag.web.schemas import AskRequest, QuestionIn, SearchRequest, SearchResults
from rag.web.streaming import GONE, EventStream, Make, updates, while_connected


def ask_routes(assistant: Assistant, max_question_chars: int) -> APIRouter:
    """The routes, to be included under ``/api``."""
    router = APIRouter(tags=[ANSWERS], responses=errors(*WITH_BODY))

    @router.post(
        "/ask",
        response_model=Answer,
        summary="Ask a question",
        responses=example("answer", "refusal", events="events", links=LINKS, meaning="The answer, or a refusal"),
    )
    async def ask(http: Request, request: AskRequest) -> Response:
        """Answer a question, or refuse in its language: a refusal is an answer too, with `answered` false.

        With `stream`, server-sent events: `passages`, one `sentence` each, `answer` (the whole); or `error`.
        """
        await to_thread.run_sync(check_question, assistant, request.question, request.answerer, max_question_chars)

        def make(cancelled: Event) -> Iterator[Update]:
            return assistant.stream(request.question, cancelled=cancelled, **asked(request))

        if request.stream:
            return EventStream(_events(make, request.include_passages))
        return await _whole(http, make, request.include_passages)

    @router.post(
        "/search",
        response_model=SearchResults,
        summary="Search for passages",
        responses=example("search", meaning="The passages"),
    )
    def search(request: SearchRequest) -> Response:
        """The passages that fit a query best, best first."""
        filters = request.filters.to_filters() if request.filters else None
        found = assistant.search(request.query, filters=filters, top_k=request.top_k, include_qa=request.include_qa)
        return JSONResponse({"results": [asdict(passage) for passage in found]})

    return router


def check_question(assistant: Assistant, question: str, answerer: AnswererName | None, max_chars: int) -> None:
    """Refuse what cannot be asked here.

    Raises:
        ApiError: the question is too long, or the answerer is not set up.
    """
    if len(question) > max_chars:
        raise ApiError(422, f"question: it has more than {max_chars} characters; shorten it", "question")
    if answerer == "llm" and assistant.health().model is None:
        raise ApiError(422, "answerer: no chat model is set up here; leave it out or use extractive", "answerer")


def asked(request: QuestionIn) -> dict[str, Any]:
    """How to ask, as the assistant takes it."""
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
