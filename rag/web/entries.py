"""The entries of a conversation, as the page keeps them in the browser and takes them back after a reload.

An entry is a question and what became of it. What a browser gives back may be anything: it is checked against the
types, bounded, and drawn by the same escaping functions as a fresh answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from rag.types import Answer, Filters, Turn

Trouble = Literal["interrupted", "stopped", "unavailable", "failed"]  # each is a key of the page's words

MAX_ENTRIES = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """A question, the filters it was asked with, and its answer, or why there is none."""

    question: str
    filters: Filters = field(default_factory=Filters)
    answer: Answer | None = None
    trouble: Trouble | None = None

    def to_dict(self) -> dict[str, Any]:
        """The entry as JSON values; the answer with all its passages, for what stands folded beside it."""
        answer = self.answer.to_dict(include_passages=True) if self.answer else None
        return {
            "question": self.question,
            "filters": asdict(self.filters),
            "answer": answer,
            "trouble": self.trouble,
        }


_ENTRIES = TypeAdapter(list[Entry], config=ConfigDict(allow_inf_nan=False))  # no duration or price is written of those


def read_entries(text: str | bytes) -> tuple[Entry, ...]:
    """The entries in a JSON list of them; fields that are not known are let go.

    Raises:
        ValueError: it is no such list, or one of more than ``MAX_ENTRIES``.

    >>> read_entries('[{"question": "Und dann?", "trouble": "stopped"}]')[0].trouble
    'stopped'
    """
    try:
        entries = _ENTRIES.validate_json(text, strict=True)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ValueError(f"these are no entries of a conversation: {where or 'no JSON list'}") from None
    if len(entries) > MAX_ENTRIES:
        raise ValueError(f"a conversation has at most {MAX_ENTRIES} entries")
    return tuple(entries)


def turns_of(entries: Sequence[Entry]) -> tuple[Turn, ...]:
    """What was asked and answered, for a follow-up to be understood by."""
    turns: list[Turn] = []
    for entry in entries:
        if entry.answer is not None:
            words = entry.answer.refusal.message if entry.answer.refusal else entry.answer.answer
            turns += [Turn("user", entry.question), Turn("assistant", words)]
    return tuple(turns)


def to_json(entries: Sequence[Entry]) -> str:
    """What ``read_entries`` reads."""
    return json.dumps([entry.to_dict() for entry in entries], ensure_ascii=False)
