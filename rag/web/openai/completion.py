"""A reply as ``/v1/chat/completions`` sends it: one value, or chunks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from rag.web.openai.asked import prompt_of
from rag.web.openai.errors import error_event
from rag.web.openai.schemas import ChatRequest
from rag.web.openai.telling import Telling, Told


def completion(asked: ChatRequest, told: Told) -> dict[str, Any]:
    """The whole at once."""
    message = {"role": "assistant", "content": told.text, "refusal": None, "annotations": list(told.annotations)}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": told.finish}
    return {**_head(asked, "chat.completion"), "choices": [choice], "usage": _usage(asked, told)} | told.beside


async def chunk_events(asked: ChatRequest, telling: Telling) -> AsyncGenerator[str]:
    """The chunks as server-sent events. Headers are out by now, so an error is an event as well."""
    async with aclosing(telling):
        try:
            async for chunk in _chunks(asked, telling):
                yield event(chunk)
            yield "data: [DONE]\n\n"
        except Exception as error:  # noqa: BLE001  whatever it is, the client must hear of it, and it is logged
            yield event(error_event(error))


def event(data: dict[str, Any], name: str | None = None) -> str:
    """A server-sent event."""
    named = f"event: {name}\n" if name else ""
    return f"{named}data: {json.dumps(data, ensure_ascii=False)}\n\n"


async def _chunks(asked: ChatRequest, telling: Telling) -> AsyncGenerator[dict[str, Any]]:
    with_usage = bool(asked.stream_options and asked.stream_options.include_usage)
    head = _head(asked, "chat.completion.chunk") | ({"usage": None} if with_usage else {})

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    async for piece in telling:
        if isinstance(piece, Told):
            if piece.annotations:
                yield chunk({"annotations": list(piece.annotations)})
            yield chunk({}, piece.finish) | piece.beside
            if with_usage:
                yield {**head, "choices": [], "usage": _usage(asked, piece)}
        elif piece:
            yield chunk({"content": piece})


def _head(asked: ChatRequest, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": asked.model}


def _usage(asked: ChatRequest, told: Told) -> dict[str, int]:
    taken, given = told.tokens(prompt_of(asked.messages))
    return {"prompt_tokens": taken, "completion_tokens": given, "total_tokens": taken + given}
