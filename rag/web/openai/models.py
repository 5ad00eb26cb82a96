"""The ways to answer, as models: as the server is set, each answerer, and one that never looks into the articles."""

from __future__ import annotations

from dataclasses import dataclass

from rag.assistant import Assistant
from rag.types import AnswererName
from rag.web.errors import ApiError

DEFAULT = "articles"
EXTRACTIVE = f"{DEFAULT}-extractive"
PLAIN = f"{DEFAULT}-plain"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to answer. ``answerer`` None: as the server is set to."""

    answerer: AnswererName | None = None
    retrieves: bool = True
    writes: bool = True  # a chat model may be asked, where there is one


def ways(assistant: Assistant) -> dict[str, Way]:
    """All there are, by the names that clients see."""
    named = {DEFAULT: Way(), EXTRACTIVE: Way("extractive", writes=False)}
    plain = {PLAIN: Way(retrieves=False)}
    model = assistant.health().model
    writing = {f"{DEFAULT}-{model}": Way("llm")} if model else {}
    return writing | named | plain if writing.keys() & (named | plain).keys() else named | writing | plain


def find_way(assistant: Assistant, model: str) -> Way:
    """The one of a name, or a refusal that says which names there are."""
    known = ways(assistant)
    if model not in known:
        raise ApiError(404, f"there is no model {model!r} here, but {', '.join(known)}", "model")
    return known[model]
