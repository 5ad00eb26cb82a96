"""A reply as ``/v1/responses`` sends it: one value, or named events."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from itertools import count
from typing import Any

from rag.web.errors import ApiError
from rag.web.openai.asked import prompt_of
from rag.web.openai.completion import event
from rag.web.openai.errors import error_event
from rag.web.openai.response_schemas import ResponsesRequest
from rag.web.openai.telling import Telling, Told

_Event = dict[str, Any]


def refuse_unsupported(asked: ResponsesRequest) -> None:
    """Refuse what a client would miss in the response."""
    unsupported = {
        "store": asked.store and "no response is stored; leave it out or send false",
        "previous_response_id": asked.previous_response_id and "no response is stored; send the conversation as input",
        "conversation": asked.conversation and "no conversation is stored; send it as input",
        "background": asked.background and "responses are not made in the background; leave it out",
        "tool_choice": asked.tool_choice not in (None, "none", "auto") and "no tool is called here; leave it out",
        "text.format": asked.text
        and asked.text.format
        and asked.text.format.type != "text"
        and "answers are text with citations; leave it out",
    }
    for field, reason in unsupported.items():
        if reason:
            raise ApiError(422, f"{field}: {reason}", field)


class Responding:
    """One response on its way."""

    def __init__(self, asked: ResponsesRequest) -> None:
        self._asked = asked
        self._item = f"msg_{uuid.uuid4().hex}"
        self._begun = {
            "id": f"resp_{uuid.uuid4().hex}",
            "object": "response",
            "created_at": int(time.time()),
            "model": asked.model,
            "error": None,
            "instructions": None,
            "metadata": {},
            "parallel_tool_calls": False,
            "previous_response_id": None,
            "store": False,
            "temperature": None,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "max_output_tokens": asked.max_output_tokens,
        }

    def whole(self, told: Told) -> dict[str, Any]:
        """All of it."""
        cut = told.finish == "length"
        taken, given = told.tokens(prompt_of(self._asked.messages))
        usage = {
            "input_tokens": taken,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": given,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": taken + given,
        }
        ended = {
            "status": "incomplete" if cut else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "output": [self._message(told)],
            "usage": usage,
        }
        return self._begun | ended | told.beside

    async def events(self, telling: Telling) -> AsyncGenerator[str]:
        """The same as server-sent events, numbered. What goes wrong on the way is the last of them."""
        numbers = count()
        async with aclosing(telling):
            try:
                async for value in self._values(telling):
                    yield event({**value, "sequence_number": next(numbers)}, value["type"])
            except Exception as error:  # noqa: BLE001  whatever it is, the client must hear of it, and it is logged
                told = error_event(error)["error"]
                words = {"code": told["code"], "message": told["message"], "param": told["param"]}
                yield event({"type": "error", **words, "sequence_number": next(numbers)}, "error")

    async def _values(self, telling: Telling) -> AsyncGenerator[_Event]:
        started = self._begun | {"status": "in_progress", "incomplete_details": None, "output": [], "usage": None}
        place = {"item_id": self._item, "output_index": 0, "content_index": 0}
        yield {"type": "response.created", "response": started}
        yield {"type": "response.in_progress", "response": started}
        opened = {"id": self._item, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        yield {"type": "response.output_item.added", "output_index": 0, "item": opened}
        yield {"type": "response.content_part.added", **place, "part": _part("", [])}
        async for piece in telling:
            if isinstance(piece, Told):
                for value in self._ending(piece, place):
                    yield value
            elif piece:
                yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}

    def _ending(self, told: Told, place: dict[str, Any]) -> Iterator[_Event]:
        message, whole = self._message(told), self.whole(told)
        (part,) = message["content"]
        for index, annotation in enumerate(part["annotations"]):
            added = {"annotation_index": index, "annotation": annotation}
            yield {"type": "response.output_text.annotation.added", **place, **added}
        yield {"type": "response.output_text.done", **place, "text": told.text, "logprobs": []}
        yield {"type": "response.content_part.done", **place, "part": part}
        yield {"type": "response.output_item.done", "output_index": 0, "item": message}
        yield {"type": f"response.{whole['status']}", "response": whole}

    def _message(self, told: Told) -> dict[str, Any]:
        status = "incomplete" if told.finish == "length" else "completed"
        annotations = [{"type": one["type"], **one["url_citation"]} for one in told.annotations]
        content = [_part(told.text, annotations)]
        return {"id": self._item, "type": "message", "role": "assistant", "status": status, "content": content}


def _part(text: str, annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}
