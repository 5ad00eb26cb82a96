"""What a client asks: refused where it would miss something in the answer, else a question and what was said before."""

from __future__ import annotations

from collections.abc import Sequence

from rag.conversation.rewriting import Message
from rag.types import Turn
from rag.web.errors import ApiError
from rag.web.openai.schemas import ChatMessage, ChatRequest
from rag.web.openai.text import without_sources
from rag.web.schemas import MAX_TURNS


def refuse_unsupported(asked: ChatRequest) -> None:
    """Refuse what a client would miss in the answer; what only shapes its wording is ignored."""
    unsupported = {
        "n": asked.n not in (None, 1) and "one answer is given, so leave it out or send 1",
        "tool_choice": asked.tool_choice not in (None, "none", "auto") and "no tool is called here; leave it out",
        "function_call": asked.function_call not in (None, "none", "auto") and "no tool is called here; leave it out",
        "response_format": asked.response_format
        and asked.response_format.type != "text"
        and "answers are text with citations; leave it out",
        "modalities": asked.modalities not in (None, ["text"]) and "answers are text; leave it out",
        "logprobs": asked.logprobs and "there are none, because sentences are proven; leave it out",
    }
    for field, reason in unsupported.items():
        if reason:
            raise ApiError(422, f"{field}: {reason}", field)


def prompt_of(messages: Sequence[ChatMessage]) -> list[Message]:
    """The messages as a chat model takes them; those of tools, and empty ones, are left out."""
    roles = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}
    said = ((roles.get(message.role), message.content) for message in messages)
    return [{"role": role, "content": content} for role, content in said if role and content]


def conversation_of(messages: Sequence[ChatMessage], max_chars: int, field: str = "messages") -> tuple[str, list[Turn]]:
    """The last message of the user, and what was said before it. ``field`` is where in the request they were."""
    last = max((at for at, message in enumerate(messages) if message.role == "user"), default=None)
    if last is None:
        raise ApiError(422, f"{field}: one of the role user is needed; the last of them is the question", field)
    question, place = messages[last].content, f"{field}.{last}.content"
    if question is None:
        raise ApiError(422, f"{place}: the question is missing", place)
    if len(question) > max_chars:
        raise ApiError(422, f"{place}: the question has more than {max_chars} characters; shorten it", place)
    return question, [turn for message in messages[:last] if (turn := _turn(message))][-MAX_TURNS:]


def _turn(message: ChatMessage) -> Turn | None:
    if message.role == "user" and message.content:
        return Turn("user", message.content)
    if message.role == "assistant" and message.content:
        return Turn("assistant", without_sources(message.content))
    return None
