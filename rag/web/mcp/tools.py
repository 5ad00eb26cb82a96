"""The tools: what they take and give, and how they are called."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import asdict
from threading import Event
from typing import Any, TypeVar

from anyio import to_thread
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel, ValidationError

from rag.assistant import Assistant
from rag.types import Answer, Filters, Found, Said, Update
from rag.web.ask_api import asked, check_question
from rag.web.errors import ApiError, describe, reason
from rag.web.mcp.schemas import ASK_RESULT, SEARCH_RESULT, inlined
from rag.web.mcp.text import answer_text, results_text
from rag.web.schemas import QuestionIn, SearchRequest
from rag.web.streaming import updates

log = logging.getLogger(__name__)

MOST_NAMED = 20  # values that an error lists

_Context = ServerRequestContext[Any, Any]
_Model = TypeVar("_Model", bound=BaseModel)
_READING = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_TOOLS = [
    Tool(
        name="ask",
        title="Ask the articles",
        description=(
            "Answer a question from the articles, in the question's language (Chinese, English or German). Every "
            "sentence cites the words of an article that it rests on, with a link. When the articles do not answer, "
            "`answered` is false and `refusal` says why; then nothing is known, and searching may show what is near."
        ),
        input_schema=inlined(QuestionIn.model_json_schema()),
        output_schema=ASK_RESULT,
        annotations=_READING,
    ),
    Tool(
        name="search",
        title="Search the articles",
        description=(
            "Find the passages of the articles that fit a query best, best first, whatever their language. They are "
            "what `ask` answers from. Each has its text, its article and link, and where in the article it stands."
        ),
        input_schema=inlined(SearchRequest.model_json_schema()),
        output_schema=SEARCH_RESULT,
        annotations=_READING,
    ),
]


class Tools:
    """The tools over an assistant."""

    def __init__(self, assistant: Assistant, max_question_chars: int) -> None:
        self._assistant = assistant
        self._max_chars = max_question_chars

    async def list(self, context: _Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        """What there is to call."""
        return ListToolsResult(tools=_TOOLS)

    async def call(self, context: _Context, params: CallToolRequestParams) -> CallToolResult:
        """Call one. What goes wrong is told in the result, where a model can read it and do better."""
        arguments = params.arguments or {}
        try:
            if params.name == "ask":
                return await self._ask(context, _read(QuestionIn, arguments))
            if params.name == "search":
                return await self._search(_read(SearchRequest, arguments))
        except ApiError as error:
            return _failed(error.message)
        except Exception as error:  # noqa: BLE001  whatever it is, the client must hear of it, and describe logs it
            return _failed(describe(error)[1].error.message)
        raise MCPError(INVALID_PARAMS, f"there is no tool {params.name!r} here, but ask and search")

    async def _ask(self, context: _Context, request: QuestionIn) -> CallToolResult:
        await to_thread.run_sync(check_question, self._assistant, request.question, request.answerer, self._max_chars)
        how = asked(request)
        await to_thread.run_sync(self._check_filters, how["filters"])

        def make(cancelled: Event) -> Iterator[Update]:
            return self._assistant.stream(request.question, cancelled=cancelled, **how)

        told = 0
        async with aclosing(updates(make)) as steps:
            async for step in steps:
                if isinstance(step, Answer):
                    return CallToolResult(content=_text(answer_text(step)), structured_content=step.to_dict())
                told += 1
                await context.session.report_progress(told, message=_progress(step))
        raise AssertionError("an answer ends with itself")

    async def _search(self, request: SearchRequest) -> CallToolResult:
        filters = request.filters.to_filters() if request.filters else None
        await to_thread.run_sync(self._check_filters, filters)
        found = await to_thread.run_sync(
            lambda: self._assistant.search(
                request.query, filters=filters, top_k=request.top_k, include_qa=request.include_qa
            )
        )
        results = {"results": [asdict(passage) for passage in found]}
        return CallToolResult(content=_text(results_text(found)), structured_content=results)

    def _check_filters(self, filters: Filters | None) -> None:
        """Refuse what no article has: a model that guessed a tag would take nothing found for nothing known."""
        if filters is None or not (filters.tags or filters.authors or filters.article_ids):
            return
        articles = self._assistant.articles()
        known = {
            "tags": dict.fromkeys(tag for one in articles for tag in one.tags),
            "authors": dict.fromkeys(one.author for one in articles if one.author),
            "article_ids": dict.fromkeys(one.id for one in articles),
        }
        for field, values in known.items():
            unknown = [value for value in getattr(filters, field) if value not in values]
            if unknown:
                there = ", ".join(list(values)[:MOST_NAMED]) or "none"
                more = " …" if len(values) > MOST_NAMED else ""
                raise ApiError(422, f"filters.{field}: no article has {unknown[0]!r}; there are: {there}{more}", field)


def _read(model: type[_Model], arguments: dict[str, Any]) -> _Model:
    """The arguments; all that is wrong with them is told at once."""
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        wrong = [(".".join(str(part) for part in one["loc"]), reason(dict(one))) for one in error.errors()]
        raise ApiError(422, "\n".join(f"{field}: {why}" for field, why in wrong)) from error


def _progress(step: Found | Said) -> str:
    return f"{len(step.passages)} passages found" if isinstance(step, Found) else step.sentence.text


def _failed(message: str) -> CallToolResult:
    return CallToolResult(content=_text(message), is_error=True)


def _text(text: str) -> list[Any]:
    return [TextContent(type="text", text=text)]
