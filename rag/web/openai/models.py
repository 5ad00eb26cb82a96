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
    known = {DEFAULT: Way(), EXTRACTIVE: Way("extractive", writes=False)}
    model = assistant.health().model
    if model and (name := f"{DEFAULT}-{model}") not in (EXTRACTIVE, PLAIN):
        known[name] = Way("llm")
    return {**known, PLAIN: Way(retrieves=False)}


def find_way(assistant: Assistant, model: str) -> Way:
    """The one of a name, or a refusal that says which names there are."""
    known = ways(assistant)
    if model not in known:
        raise ApiError(404, f"there is no model {model!r} here, but {', '.join(known)}", "model")
    return known[model]
