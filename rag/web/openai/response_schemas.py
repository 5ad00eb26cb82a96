"""What ``/v1/responses`` takes and gives: the newer of OpenAI's two ways to ask."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from rag.types import Answer
from rag.web.openai.schemas import (
    DEFAULT_MODEL,
    MAX_MESSAGES,
    WITHOUT_EFFECT,
    ChatMessage,
    Lenient,
    SearchResult,
    Tokens,
    Wishes,
    as_text,
)
from rag.web.schemas import Text

_PARTS = {"input_text": "text", "output_text": "text"}


def _as_text(content: object) -> object:
    """The text of a message that comes in parts, which have other names here than in chat completions."""
    if not isinstance(content, list):
        return content
    known = [
        {**part, "type": _PARTS.get(part["type"], part["type"])}
        if isinstance(part, dict) and isinstance(part.get("type"), str)
        else part
        for part in content
    ]
    return as_text(known)


class InputItem(Lenient):
    """A message; what is none, as a call of a tool or a reasoning, is taken, without effect."""

    type: str = "message"
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: Annotated[
        Text | None, BeforeValidator(_as_text, json_schema_input_type=str | list[dict[str, Any]] | None)
    ] = None

    def to_message(self) -> ChatMessage:
        """The message as chat completions know it; something without effect where it is none."""
        if self.type != "message" or self.role is None:
            return ChatMessage(role="tool")
        return ChatMessage(role=self.role, content=self.content)


def _as_items(value: object) -> object:
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


class TextFormat(Lenient):
    """The form of the reply; text is the only one."""

    type: str


class TextOptions(Lenient):
    """How the reply is written."""

    format: TextFormat | None = None


class ResponsesRequest(Lenient):
    """A question, or a conversation whose last message of the user is the question."""

    model: Annotated[str, Field(max_length=200, description="one of GET /v1/models")] = DEFAULT_MODEL
    input: Annotated[
        list[InputItem],
        BeforeValidator(_as_items, json_schema_input_type=str | list[InputItem]),
        Field(min_length=1, max_length=MAX_MESSAGES, description="the question, or messages, oldest first"),
    ]
    stream: Annotated[bool | None, Field(description="server-sent events instead of one JSON value")] = None
    max_output_tokens: Tokens = None
    store: Annotated[bool | None, Field(description="nothing is stored to be gone on with; false alone")] = None
    previous_response_id: Annotated[str | None, Field(description="not possible: send the conversation")] = None
    conversation: Annotated[str | dict[str, Any] | None, Field(description="not possible: send it whole")] = None
    background: Annotated[bool | None, Field(description="not possible")] = None
    tool_choice: Annotated[str | dict[str, Any] | None, Field(description="no tool is ever called")] = None
    text: TextOptions | None = None
    instructions: Annotated[str | None, Field(description=WITHOUT_EFFECT)] = None
    articles: Annotated[Wishes | None, Field(description="what only this server knows")] = None

    @property
    def messages(self) -> list[ChatMessage]:
        """The messages as chat completions know them."""
        return [item.to_message() for item in self.input]


class ResponsesUsage(BaseModel):
    """The tokens, under the names that they have here."""

    input_tokens: int
    input_tokens_details: dict[str, int]
    output_tokens: int
    output_tokens_details: dict[str, int]
    total_tokens: int


class Response(BaseModel):
    """An answer as OpenAI's clients read it, with more beside it. Its annotations stand in the text of its output."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["in_progress", "completed", "incomplete"]
    incomplete_details: dict[str, str] | None
    model: str
    output: list[dict[str, Any]]
    usage: ResponsesUsage | None
    citations: list[str] = []
    search_results: list[SearchResult] = []
    answer_id: str | None = None
    articles: Answer | None = None
