"""What the HTTP API takes and gives.

Requests are strict: an unknown field, a number in quotes or an overlong list is refused by name. Answers,
passages, articles and health go out as the frozen values of ``rag.types``, so that the API cannot drift from
what the page and the evaluation see; only what the API adds to them has a model here.
"""

from __future__ import annotations

from dataclasses import field
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from rag.ingesting.library import Added
from rag.reading.articles import MAX_BYTES
from rag.storage.feedback import Verdict
from rag.types import AnswererName, ArticleSummary, Filters, Health, Lang, Passage, Role, Turn

MAX_TOP_K = 50
MAX_TURNS = 50  # messages of history; more than any conversation needs to be understood
MAX_CHARS = 100_000  # a bound for any text; the question has a lower one of its own
MAX_ARTICLE_CHARS = MAX_BYTES  # a character takes a byte or more
MAX_SAID_CHARS = 5000  # of a comment and of a right answer; several times the longest answer we give


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _iso_date(value: str) -> str:
    date.fromisoformat(value)
    return value


Text = Annotated[str, Field(max_length=MAX_CHARS)]
Said = Annotated[str, Field(max_length=MAX_SAID_CHARS)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
_NameList = Annotated[list[Name], Field(max_length=100)]
Names = Annotated[_NameList, BeforeValidator(_as_list, json_schema_input_type=Name | _NameList)]
_LangList = Annotated[list[Lang], Field(max_length=3)]
Langs = Annotated[_LangList, BeforeValidator(_as_list, json_schema_input_type=Lang | _LangList)]
IsoDate = Annotated[
    str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", json_schema_extra={"format": "date"}), AfterValidator(_iso_date)
]


class Request(BaseModel):
    """A request body: no unknown fields, no guessing of types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class FiltersIn(Request):
    """Which articles may be used; what is left out does not restrict. One value may do without its list."""

    lang: Annotated[Langs, Field(description="of the article")] = []
    tags: Annotated[Names, Field(description="one of them, as the articles have it")] = []
    authors: Annotated[Names, Field(description="one of them, as the articles have it")] = []
    date_from: Annotated[IsoDate | None, Field(description="first day, inclusive")] = None
    date_to: Annotated[IsoDate | None, Field(description="last day, inclusive")] = None
    article_ids: Annotated[Names, Field(description="these articles alone")] = []

    def to_filters(self) -> Filters:
        """The same as a value of the core."""
        return Filters(
            lang=tuple(self.lang),
            tags=tuple(self.tags),
            authors=tuple(self.authors),
            date_from=self.date_from,
            date_to=self.date_to,
            article_ids=tuple(self.article_ids),
        )


class TurnIn(Request):
    """One earlier message of the conversation."""

    role: Role
    content: Text

    def to_turn(self) -> Turn:
        """The same as a value of the core."""
        return Turn(self.role, self.content)


class QuestionIn(Request):
    """A question, and how to answer it."""

    question: Annotated[Text, Field(description="in Chinese, English or German; the answer is in its language")]
    history: (
        Annotated[
            list[TurnIn], Field(max_length=MAX_TURNS, description="what was said before, oldest first, for a follow-up")
        ]
        | None
    ) = None
    filters: FiltersIn | None = None
    top_k: Annotated[int, Field(ge=1, le=MAX_TOP_K, description="how many passages an answer may use")] = 8
    include_qa: Annotated[bool, Field(description="use the articles' own questions and answers")] = True
    answerer: Annotated[AnswererName | None, Field(description="null: what the server is set to")] = None


class AskRequest(QuestionIn):
    """A question, how to answer it, and what to send of the answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "question": "How much did Scale AI raise?",
                    "filters": {"lang": ["en"], "date_from": "2024-01-01"},
                    "top_k": 8,
                }
            ]
        }
    )

    include_passages: Annotated[bool, Field(description="list everything retrieved, best first")] = False
    stream: Annotated[bool, Field(description="server-sent events instead of one JSON value")] = False


class SearchRequest(Request):
    """A query for passages."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "Scale AI 融资", "top_k": 5}]})

    query: Annotated[Text, Field(description="a question or words, in Chinese, English or German")]
    filters: FiltersIn | None = None
    top_k: Annotated[int, Field(ge=1, le=MAX_TOP_K, description="how many passages at most")] = 10
    include_qa: Annotated[bool, Field(description="find the articles' own questions and answers too")] = True


class SearchResults(BaseModel):
    """The passages that fit best, best first."""

    results: list[Passage]


class FeedbackRequest(Request):
    """What someone says of an answer. Rating it again replaces what was said before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "answer_id": "5f0c1d5e0b7a4b6f9d3a2c8e1f4a7b90",
                    "rating": "down",
                    "correct_answer": "Er misst etwa 57 Kilometer.",
                }
            ]
        }
    )

    answer_id: Annotated[Name, Field(description="the id of the answer")]
    rating: Annotated[Verdict, Field(description="of a refusal, up says that refusing was right")]
    comment: Said | None = None
    correct_answer: Annotated[Said | None, Field(description="what a right answer says")] = None


class FeedbackKept(BaseModel):
    """The rating as it is kept now."""

    answer_id: str
    rating: Verdict


class Articles(BaseModel):
    """What is indexed, newest first: a page of it."""

    articles: list[ArticleSummary]
    total: Annotated[int, Field(description="how many articles there are, on all pages")]
    next: Annotated[str | None, Field(description="the `cursor` of the next page; null on the last")]


@dataclass(frozen=True)
class ArticleDetail(ArticleSummary):
    """One article with its whole text, into which the offsets of all citations point."""

    text: str = field(kw_only=True)


class IngestRequest(Request):
    """One article as text."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "cats.md", "text": "# Cats\n\nThe cat ate three mice.\n"}]}
    )

    name: Annotated[Name, Field(description="as a file would be called; .md where it has no suffix")]
    text: Annotated[str, Field(max_length=MAX_ARTICLE_CHARS, description="Markdown, with front matter or without")]


class IngestResults(BaseModel):
    """What happened to each file, and what is indexed now."""

    results: list[Added]
    articles: int
    passages: int


class ArticleRemoved(BaseModel):
    """An article that is indexed no longer, and the name of its file among the removed ones."""

    article_id: str
    kept_as: str


ErrorType = Literal[
    "bad_request",
    "unauthorized",
    "forbidden",
    "not_found",
    "method_not_allowed",
    "conflict",
    "too_large",
    "invalid",
    "rate_limited",
    "unavailable",
    "timeout",
    "internal",
]


class ErrorDetail(BaseModel):
    """What went wrong, for a program (``type``), a person (``message``), and where (``field``)."""

    type: ErrorType
    message: str
    field: Annotated[str | None, Field(description="dotted path into the request, e.g. filters.lang")] = None


@dataclass(frozen=True)
class Unhealthy(Health):
    """The state in which no question can be answered, and the error beside it."""

    error: ErrorDetail = field(kw_only=True)


class ErrorBody(BaseModel):
    """The body of every response that is not a success."""

    error: ErrorDetail

    @classmethod
    def of(cls, type: ErrorType, message: str, field: str | None = None) -> ErrorBody:
        """An error in one call."""
        return cls(error=ErrorDetail(type=type, message=message, field=field))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return self.model_dump()
