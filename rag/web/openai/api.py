"""The OpenAI-compatible routes: any client of OpenAI's asks the articles by changing its base URL."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rag.assistant import Assistant
from rag.web.openai.asked import conversation_of, prompt_of, refuse_unsupported
from rag.web.openai.chores import recognise
from rag.web.openai.completion import chunk_events, completion
from rag.web.openai.cutting import Cut
from rag.web.openai.errors import refusal
from rag.web.openai.models import find_way, ways
from rag.web.openai.response_schemas import Response as ResponseValue
from rag.web.openai.response_schemas import ResponsesRequest
from rag.web.openai.responses import Responding
from rag.web.openai.responses import refuse_unsupported as refuse_response
from rag.web.openai.schemas import ChatRequest, Completion, Model, Models, OpenAIError, Wishes
from rag.web.openai.telling import Telling, Told, answered, written
from rag.web.streaming import GONE, HEARTBEAT, EventStream, begun, while_connected

_OWNER = "ask-the-articles"
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": OpenAIError, "description": meaning}
    for status, meaning in {
        400: "The body is not JSON, or a field is wrong or asks for what is not supported; the error names it",
        401: "The key is missing or wrong",
        403: "The key may not do this",
        404: "There is no such model",
        413: "The body is too large",
        429: "Too many requests; Retry-After says how many seconds to wait",
        503: "It cannot be done right now, e.g. because the articles cannot be searched",
        504: "It took longer than the limit of this server",
    }.items()
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream`, events",
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "object",
                    "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
                    "required": ["data"],
                }
            }
        },
    }
}


def openai_routes(assistant: Assistant, max_question_chars: int) -> APIRouter:
    """The routes, to be put under ``/v1``."""
    router = APIRouter(responses=_ERRORS)
    created, tell = int(time.time()), partial(_tell, assistant, max_question_chars)

    def model(name: str) -> Model:
        return Model(id=name, created=created, owned_by=_OWNER)

    @router.get("/models", summary="List the models")
    def models() -> Models:
        """The ways to answer: `articles` as the server is set to, each answerer by its name, and `articles-plain`,
        which never looks into the articles."""
        return Models(data=[model(name) for name in ways(assistant)])

    @router.get("/models/{model_id:path}", summary="One model")
    def one_model(model_id: str) -> Model:
        """One of them."""
        find_way(assistant, model_id)
        return model(model_id)

    @router.post("/chat/completions", response_model=Completion, summary="Answer a chat", responses=_STREAM)
    async def complete(request: Request, asked: ChatRequest) -> Response:
        """Answer the last message of the user from the articles; the messages before it are the conversation.

        With `stream`, server-sent events: chunks as OpenAI sends them, one for each sentence that was proven, one with
        the annotations, and one with `citations`, `search_results` and `answer_id` as it finishes.

        Prompts for titles, tags, follow-ups and search queries, which chat front ends send by themselves, are answered
        without the articles, whichever model they are sent to.
        """
        refuse_unsupported(asked)
        cut = Cut(asked.stop or (), asked.most_tokens)
        telling = await to_thread.run_sync(tell, asked, cut)
        if asked.stream:
            return await respond_streaming(request, telling, lambda told: chunk_events(asked, told))
        return await respond(request, telling, lambda told: completion(asked, told))

    @router.post("/responses", response_model=ResponseValue, summary="Answer an input", responses=_STREAM)
    async def answer(request: Request, asked: ResponsesRequest) -> Response:
        """Answer as `/v1/chat/completions` does, in the newer shape.

        With `stream`, events by their names, from `response.created` to `response.completed`. Nothing is stored: the
        conversation is sent with every question.
        """
        refuse_response(asked)
        telling = await to_thread.run_sync(tell, asked, Cut((), asked.max_output_tokens))
        responding = Responding(asked)
        if asked.stream:
            return await respond_streaming(request, telling, responding.events)
        return await respond(request, telling, responding.whole)

    return router


def _tell(assistant: Assistant, max_question_chars: int, asked: ChatRequest | ResponsesRequest, cut: Cut) -> Telling:
    """What will be told; nothing is done for it yet."""
    way, messages = find_way(assistant, asked.model), asked.messages
    prompt = prompt_of(messages)
    chore = recognise(prompt)
    if chore or not way.retrieves:
        return written(assistant, way, prompt, chore, cut)
    field = "messages" if isinstance(asked, ChatRequest) else "input"
    question, history = conversation_of(messages, max_question_chars, field)
    return answered(assistant, way, question, history, cut, asked.articles or Wishes())


async def respond(request: Request, telling: Telling, to_value: Callable[[Told], dict[str, Any]]) -> Response:
    """The response when all is told. Nothing more is done for it once the client leaves."""
    response = Response(status_code=GONE)

    async def work() -> None:
        nonlocal response
        async with aclosing(telling):
            async for piece in telling:
                if isinstance(piece, Told):
                    response = JSONResponse(to_value(piece))

    try:
        await while_connected(request.receive, work)
    except Exception as error:  # noqa: BLE001  whatever it is, the client must hear of it, and it is logged
        return refusal(error)
    return response


async def respond_streaming(
    request: Request, telling: Telling, to_events: Callable[[Telling], AsyncGenerator[str]]
) -> Response:
    """The response once it is known whether it can be given, or has taken long; an error until then has its status."""
    response = Response(status_code=GONE)

    async def work() -> None:
        nonlocal response
        response = EventStream(to_events(await begun(telling, HEARTBEAT)))

    try:
        await while_connected(request.receive, work)
    except Exception as error:  # noqa: BLE001  as above
        return refusal(error)
    return response
