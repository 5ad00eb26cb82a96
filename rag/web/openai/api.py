"""The OpenAI-compatible routes: any client of OpenAI's asks the articles by changing its base URL."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from math import ceil
from typing import Any

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rag.assistant import Assistant
from rag.types import Answer, AnswererName, Said, Turn, Update
from rag.web.errors import ApiError, describe, error_response
from rag.web.openai.errors import error_event
from rag.web.openai.schemas import DEFAULT_MODEL, ChatMessage, ChatRequest, Completion, Model, Models, OpenAIError
from rag.web.openai.text import CitedText, search_results, without_sources
from rag.web.schemas import MAX_TURNS
from rag.web.streaming import GONE, EventStream, updates, while_connected

_OWNER = "ask-the-articles"
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": OpenAIError, "description": meaning}
    for status, meaning in {
        400: "The body is not JSON, or a field is wrong or asks for what is not supported; the error names it",
        401: "The key is missing or wrong",
        404: "There is no such model",
        413: "The body is too large",
        429: "Too many requests; the header Retry-After says in how many seconds to come again",
        503: "It cannot be done right now, e.g. because the articles cannot be searched",
        504: "It took longer than the limit of this server",
    }.items()
}
_HAN = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")

_Steps = AsyncGenerator[Update]


def openai_routes(assistant: Assistant, max_question_chars: int) -> APIRouter:
    """The routes, to be put under ``/v1``."""
    router = APIRouter(responses=_ERRORS)
    created = int(time.time())

    def model(name: str) -> Model:
        return Model(id=name, created=created, owned_by=_OWNER)

    @router.get("/models")
    def models() -> Models:
        """The ways to answer: `articles` as the server is set to, and each answerer by its name."""
        return Models(data=[model(name) for name in _answerers(assistant)])

    @router.get("/models/{model_id:path}")
    def one_model(model_id: str) -> Model:
        """One of them."""
        _answerer(assistant, model_id)
        return model(model_id)

    @router.post("/chat/completions", response_model=Completion)
    async def complete(request: Request, asked: ChatRequest) -> Response:
        """Answer the last message of the user from the articles; the messages before it are the conversation.

        With `stream`, server-sent events: chunks as OpenAI sends them, one for each sentence that was proven, one with
        the annotations, and one with `citations`, `search_results`, `answer_id` and `articles` as it finishes.
        """
        _refuse_unsupported(asked)
        question, history = _conversation(asked.messages, max_question_chars)
        answerer = await to_thread.run_sync(_answerer, assistant, asked.model)
        steps = updates(
            lambda cancelled: assistant.stream(question, history=history, answerer=answerer, cancelled=cancelled)
        )
        return await _respond(request, asked, steps)

    return router


# --- What is asked ------------------------------------------------------------------------------------------


def _answerers(assistant: Assistant) -> dict[str, AnswererName | None]:
    names: dict[str, AnswererName | None] = {DEFAULT_MODEL: None, f"{DEFAULT_MODEL}-extractive": "extractive"}
    return names if assistant.health().model is None else {**names, f"{DEFAULT_MODEL}-llm": "llm"}


def _answerer(assistant: Assistant, model: str) -> AnswererName | None:
    known = _answerers(assistant)
    if model not in known:
        raise ApiError(404, f"there is no model {model!r} here, but {', '.join(known)}", "model")
    return known[model]


def _refuse_unsupported(asked: ChatRequest) -> None:
    """Refuse what a client would miss in the answer; what only shapes its wording is ignored."""
    unsupported = {
        "n": asked.n not in (None, 1) and "one answer is given, so leave it out or send 1",
        "tool_choice": asked.tool_choice not in (None, "none", "auto") and "no tool is called here; leave it out",
        "response_format": asked.response_format
        and asked.response_format.type != "text"
        and "answers are text with citations; leave it out",
        "modalities": asked.modalities not in (None, ["text"]) and "answers are text; leave it out",
        "logprobs": asked.logprobs and "there are none, because sentences are proven; leave it out",
    }
    for field, reason in unsupported.items():
        if reason:
            raise ApiError(422, f"{field}: {reason}", field)


def _conversation(messages: Sequence[ChatMessage], max_chars: int) -> tuple[str, list[Turn]]:
    """The last message of the user, and what was said before it."""
    last = max((at for at, message in enumerate(messages) if message.role == "user"), default=None)
    if last is None:
        raise ApiError(422, "messages: one of the role user is needed; the last of them is the question", "messages")
    question = messages[last].content
    if question is None:
        raise ApiError(422, f"messages.{last}.content: the question is missing", f"messages.{last}.content")
    if len(question) > max_chars:
        reason = f"the question has more than {max_chars} characters; shorten it"
        raise ApiError(422, f"messages.{last}.content: {reason}", f"messages.{last}.content")
    return question, [turn for message in messages[:last] if (turn := _turn(message))][-MAX_TURNS:]


def _turn(message: ChatMessage) -> Turn | None:
    if message.role == "user" and message.content:
        return Turn("user", message.content)
    if message.role == "assistant" and message.content:
        return Turn("assistant", without_sources(message.content))
    return None


# --- What is answered ---------------------------------------------------------------------------------------


async def _respond(request: Request, asked: ChatRequest, steps: _Steps) -> Response:
    """The response once it is known whether it can be given; an error until then has its own status."""
    response = Response(status_code=GONE)

    async def work() -> None:
        nonlocal response
        if asked.stream:
            first = await anext(steps)
            response = EventStream(_events(asked, first, steps))
            return
        async with aclosing(steps):
            async for step in steps:
                if isinstance(step, Answer):
                    response = JSONResponse(_completion(asked, step))

    try:
        await while_connected(request.receive, work)
    except Exception as error:  # noqa: BLE001  whatever it is, the client must hear of it, and describe logs it
        status, body = describe(error)
        return error_response(status, body.error.type, body.error.message, body.error.field)
    return response


def _completion(asked: ChatRequest, answer: Answer) -> dict[str, Any]:
    said = CitedText()
    for _ in said.end(answer):
        pass
    message = {"role": "assistant", "content": said.text, "refusal": None, "annotations": said.annotations}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {
        **_head(asked, "chat.completion"),
        "choices": [choice],
        "usage": _usage(asked, answer, said.text),
    } | _beside(answer)


async def _events(asked: ChatRequest, first: Update, rest: _Steps) -> AsyncGenerator[str]:
    """The chunks as server-sent events. Headers are out by now, so an error is an event as well."""
    async with aclosing(rest):
        try:
            async for chunk in _chunks(asked, first, rest):
                yield _event(chunk)
            yield "data: [DONE]\n\n"
        except Exception as error:  # noqa: BLE001  as above
            yield _event(error_event(describe(error)[1]))


async def _chunks(asked: ChatRequest, first: Update, rest: _Steps) -> AsyncGenerator[dict[str, Any]]:
    with_usage = bool(asked.stream_options and asked.stream_options.include_usage)
    head = _head(asked, "chat.completion.chunk") | ({"usage": None} if with_usage else {})

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}

    said = CitedText()
    yield chunk({"role": "assistant", "content": ""})
    step = first
    while not isinstance(step, Answer):
        if isinstance(step, Said):
            yield chunk({"content": said.say(step.sentence, step.citations)})
        step = await anext(rest)
    for piece in said.end(step):
        yield chunk({"content": piece})
    if said.annotations:
        yield chunk({"annotations": said.annotations})
    yield {**chunk({}, "stop"), **_beside(step)}
    if with_usage:
        yield {**head, "choices": [], "usage": _usage(asked, step, said.text)}


def _head(asked: ChatRequest, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": asked.model}


def _beside(answer: Answer) -> dict[str, Any]:
    """What OpenAI's answers do not have."""
    results = search_results(answer.citations)
    return {
        "citations": [result["url"] for result in results],
        "search_results": results,
        "answer_id": answer.id,
        "articles": answer.to_dict(),
    }


def _usage(asked: ChatRequest, answer: Answer, content: str) -> dict[str, int]:
    if answer.usage is not None:
        taken, given = answer.usage.tokens_in, answer.usage.tokens_out
    else:
        taken, given = sum(_tokens(message.content or "") for message in asked.messages), _tokens(content)
    return {"prompt_tokens": taken, "completion_tokens": given, "total_tokens": taken + given}


def _tokens(text: str) -> int:
    """About how many tokens a text has: one a Chinese character, one for four of other scripts.

    >>> _tokens("Scale AI"), _tokens("公司筹集了10亿美元。")
    (2, 10)
    """
    han = len(_HAN.findall(text))
    return han + ceil((len(text) - han) / 4)


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
