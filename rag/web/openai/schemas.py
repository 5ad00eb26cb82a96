"""What the OpenAI-compatible routes take and give.

A request may hold fields that are not here, for clients send many; those that are must have the right type.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt

from rag.types import Answer
from rag.web.schemas import Text

MAX_MESSAGES = 2000  # clients send the whole conversation, each time
DEFAULT_MODEL = "articles"
WITHOUT_EFFECT = "taken, without effect"
MAX_STOPS = 4  # as many as OpenAI takes


def as_text(content: object) -> object:
    """The text of a message that comes in parts. Anything else stays, to be refused by its type."""
    if not isinstance(content, list):
        return content
    texts = []
    for part in content:
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise ValueError('a part of a message must be an object like {"type": "text", "text": "..."}')
        if part["type"] not in ("text", "refusal"):
            raise ValueError(f"parts of type {part['type'][:40]} are not supported here; send text alone")
        if not isinstance(text := part.get(part["type"]), str):
            raise ValueError(f"a part of type {part['type']} needs its words in the field {part['type']}")
        texts.append(text)
    return "\n".join(texts)


class Lenient(BaseModel):
    """A request, or a part of one, that may hold more than we know."""

    model_config = ConfigDict(extra="ignore", strict=True)


class ChatMessage(Lenient):
    """One message. Those of a system, a developer or a tool are taken, without effect on what articles answer."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[
        Text | None,
        BeforeValidator(as_text, json_schema_input_type=str | list[dict[str, Any]] | None),
        Field(description="a text, or a list of parts of the type text"),
    ] = None


class StreamOptions(Lenient):
    """What a stream holds besides the answer."""

    include_usage: Annotated[bool | None, Field(description="a last chunk with the tokens")] = None


class ResponseFormat(Lenient):
    """The form of the reply; text is the only one."""

    type: str


class Wishes(BaseModel):
    """What OpenAI's requests have no field for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    answer: Annotated[bool, Field(description="the whole answer as well, as POST /api/ask gives it")] = False
    source_list: Annotated[bool, Field(description="the list of sources at the end of the text")] = True


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


_Stop = Annotated[str, Field(min_length=1, max_length=200)]
_Stops = Annotated[list[_Stop], Field(max_length=MAX_STOPS)]  # on the list: null has no length
Stops = Annotated[
    _Stops | None,
    BeforeValidator(_as_list, json_schema_input_type=_Stop | _Stops | None),
    Field(description="the answer ends before the sentence that holds one of these"),
]
Tokens = Annotated[
    PositiveInt | None,
    Field(description="the answer ends before the sentence that goes over this; the words alone count, not the links"),
]


class ChatRequest(Lenient):
    """A conversation as OpenAI's clients send it. The last message of the user is the question."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model": "articles", "messages": [{"role": "user", "content": "How much did Scale AI raise?"}]}
            ]
        }
    )

    model: Annotated[str, Field(max_length=200, description="one of GET /v1/models")] = DEFAULT_MODEL
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES, description="oldest first")]
    stream: Annotated[bool | None, Field(description="server-sent events instead of one JSON value")] = None
    stream_options: StreamOptions | None = None
    n: Annotated[int | None, Field(description="1 alone is possible")] = None
    tool_choice: Annotated[str | dict[str, Any] | None, Field(description="no tool is ever called")] = None
    function_call: Annotated[str | dict[str, Any] | None, Field(description="as tool_choice, in older clients")] = None
    response_format: ResponseFormat | None = None
    modalities: Annotated[list[str] | None, Field(description="text alone is possible")] = None
    logprobs: Annotated[bool | None, Field(description="there are none")] = None
    temperature: Annotated[float | None, Field(description=WITHOUT_EFFECT)] = None
    top_p: Annotated[float | None, Field(description=WITHOUT_EFFECT)] = None
    max_tokens: Tokens = None
    max_completion_tokens: Tokens = None
    stop: Stops = None
    seed: Annotated[int | None, Field(description=WITHOUT_EFFECT)] = None
    user: Annotated[str | None, Field(description=WITHOUT_EFFECT)] = None
    articles: Annotated[Wishes | None, Field(description="what only this server knows")] = None

    @property
    def most_tokens(self) -> int | None:
        """The lower of the two limits."""
        return min(filter(None, (self.max_tokens, self.max_completion_tokens)), default=None)


class Model(BaseModel):
    """A way to answer, as a model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class Models(BaseModel):
    """All ways to answer."""

    object: Literal["list"] = "list"
    data: list[Model]


class UrlCitation(BaseModel):
    """A link in the text. The indices count Unicode code points, the end exclusive."""

    start_index: int
    end_index: int
    url: str
    title: str


class Annotation(BaseModel):
    """A citation whose article has a link."""

    type: Literal["url_citation"]
    url_citation: UrlCitation


class SaidMessage(BaseModel):
    """The answer as Markdown, with links as markers and the sources at its end."""

    role: Literal["assistant"]
    content: str
    refusal: None
    annotations: list[Annotation]


class Choice(BaseModel):
    """The one answer. A refusal is an answer too."""

    index: int
    message: SaidMessage
    logprobs: None
    finish_reason: Literal["stop", "length"]


class TokenUsage(BaseModel):
    """The tokens of a language model; where none was asked, what the texts would have been, estimated."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class SearchResult(BaseModel):
    """A citation, as Perplexity gives it."""

    title: str
    url: Annotated[str, Field(description="empty where the article has no link")]
    date: str | None
    snippet: Annotated[str, Field(description="the exact words of the article")]
    passage_id: str
    article_id: Annotated[str, Field(description="for GET /api/articles/{id}, which has the text")]
    start: Annotated[int, Field(description="where in that text the words begin, in Unicode code points")]
    end: Annotated[int, Field(description="where they end, exclusive")]


class Completion(BaseModel):
    """An answer as OpenAI's clients read it, with more beside it."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: TokenUsage
    citations: Annotated[list[str], Field(description="the links, that of [1] first; empty where there is none")]
    search_results: list[SearchResult]
    answer_id: Annotated[str | None, Field(description="for POST /api/feedback; null where no article was asked")]
    articles: Annotated[
        Answer | None, Field(description="the answer as POST /api/ask gives it, where it was asked for; else left out")
    ] = None


class OpenAIErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(BaseModel):
    """The body of every response under /v1 that is not a success."""

    error: OpenAIErrorDetail
