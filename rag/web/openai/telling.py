"""What is told to a client, in whatever shape it is then sent: pieces of text, and at last all that belongs to it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any

from anyio import to_thread

from rag.assistant import Assistant
from rag.conversation.rewriting import Message
from rag.errors import ChatModelError, QuestionError
from rag.types import Answer, Found, Said, Turn, Usage
from rag.web.errors import ApiError
from rag.web.openai.chores import Chore, reply_to
from rag.web.openai.cutting import Cut, Finish, count_tokens
from rag.web.openai.models import Way
from rag.web.openai.schemas import Wishes
from rag.web.openai.text import CitedText, search_results, without_links
from rag.web.streaming import updates

log = logging.getLogger(__name__)

_SET_UP = (
    "no chat model is set up here, so this model answers nothing but the prompts for titles, tags, follow-ups and "
    "search queries that chat front ends send; ask the model articles"
)
_RESTING = "the chat model cannot be asked right now; try again in a moment"


@dataclass(frozen=True, slots=True)
class Told:
    """All of a reply. ``beside`` is what OpenAI's replies do not have."""

    text: str
    annotations: Sequence[dict[str, Any]] = ()
    finish: Finish = "stop"
    usage: Usage | None = None  # None: no language model was asked
    beside: dict[str, Any] = field(default_factory=dict)

    def tokens(self, messages: Sequence[Message]) -> tuple[int, int]:
        """Those of the language model, in and out; where none was asked what the texts would have been, estimated."""
        if self.usage is not None:
            return self.usage.tokens_in, self.usage.tokens_out
        return sum(count_tokens(message["content"]) for message in messages), count_tokens(self.text)


Telling = AsyncGenerator[str | Told]  # an empty piece says that it has begun


async def answered(
    assistant: Assistant, way: Way, question: str, history: Sequence[Turn], cut: Cut, wishes: Wishes
) -> Telling:
    """An answer of the articles, sentence by sentence as they are proven."""
    steps = updates(
        lambda cancelled: assistant.stream(question, history=history, answerer=way.answerer, cancelled=cancelled)
    )
    said = CitedText(cut, lists_sources=wishes.source_list)
    async with aclosing(steps):
        async for step in steps:
            if isinstance(step, Found):
                yield ""
            elif isinstance(step, Said):
                yield said.say(step.sentence, step.citations)
            else:
                for piece in said.end(step):
                    yield piece
                beside = _beside(said, step) | ({"articles": step.to_dict()} if wishes.answer else {})
                yield Told(said.text, said.annotations, cut.finish or "stop", step.usage, beside)


async def written(
    assistant: Assistant, way: Way, messages: Sequence[Message], chore: Chore | None, cut: Cut
) -> Telling:
    """A reply that no article is asked for, in one piece: the chat model's, or for a chore one that needs no model."""
    reply = await _by_model(assistant, messages, chore, cut.max_tokens) if _may_ask(assistant, way, chore) else None
    if reply is None:
        assert chore
        reply = Told(reply_to(chore))
    text, stopped = cut.stopped(without_links(reply.text))
    yield text
    beside: dict[str, Any] = {"citations": [], "search_results": [], "answer_id": None}
    yield Told(text, (), "stop" if stopped else reply.finish, reply.usage, beside)


def _may_ask(assistant: Assistant, way: Way, chore: Chore | None) -> bool:
    if way.writes and assistant.health().model:
        return True
    if chore is None:
        raise ApiError(422, f"model: {_SET_UP}", "model")
    return False


async def _by_model(
    assistant: Assistant, messages: Sequence[Message], chore: Chore | None, max_tokens: int | None
) -> Told | None:
    """What the chat model replies; None where it fails at a chore."""
    cancelled = Event()
    try:
        write = partial(assistant.write, messages, max_tokens=max_tokens, cancelled=cancelled)
        reply = await to_thread.run_sync(write, abandon_on_cancel=True)
    except QuestionError as error:
        if chore is None:
            raise ApiError(422, f"messages: {error}", "messages") from error
        log.info("a prompt of a chat front end is answered without the model: %s", error)
    except ChatModelError as error:
        log.warning("%s", error)
        if chore is None:
            raise ApiError(503, _RESTING) from error
    else:
        return Told(reply.text, finish="length" if reply.cut_off else "stop", usage=reply.usage)
    finally:
        cancelled.set()  # nobody waits any more
    return None


def _beside(said: CitedText, answer: Answer) -> dict[str, Any]:
    results = search_results(said.cited(answer))
    return {
        "citations": [result["url"] for result in results],
        "search_results": results,
        "answer_id": answer.id,
    }
