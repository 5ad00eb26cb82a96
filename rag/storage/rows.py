"""From values to what a database keeps of them, and back: alike in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
from typing import Any, Protocol

import numpy as np

from rag.storage.truth import Refined, StoredPassage
from rag.types import ArticleSummary, Passage


class Row(Protocol):
    """A row whose columns have names."""

    def __getitem__(self, name: str, /) -> Any: ...


def fine_blob(fine: Refined) -> bytes:
    """The fine encoder's vectors of a passage in one value."""
    return np.vstack([fine.vector[None], fine.units, fine.sentences]).astype(np.float16).tobytes()


def stored_passage(row: Row) -> StoredPassage:
    """A passage from the columns of its own, its article's and its tokens."""
    unit_of, spans = tuple(json.loads(row["unit_of"])), json.loads(row["sentences"])
    units = np.frombuffer(row["units"], dtype=np.float16).astype(np.float32)
    passage = Passage(
        **{name: row[name] for name in Passage.__dataclass_fields__ if name != "score"},
    )
    return StoredPassage(
        passage=passage,
        sentences=tuple((a, b) for a, b in spans),
        vector=np.frombuffer(row["vector"], dtype=np.float32),
        units=units.reshape(len(unit_of), -1),
        unit_of=unit_of,
        tokens=tuple(row["tokens"].split()),
        refined=_refined(row["refined"], len(unit_of), len(spans)),
    )


def _refined(blob: bytes | None, units: int, sentences: int) -> Refined | None:
    if blob is None:
        return None
    rows = np.frombuffer(blob, dtype=np.float16).astype(np.float32).reshape(1 + units + sentences, -1)
    return Refined(rows[0], rows[1 : 1 + units], rows[1 + units :])


def article_summary(row: Row) -> ArticleSummary:
    """What the list of articles shows of one."""
    fields = {name: row[name] for name in ArticleSummary.__dataclass_fields__}
    for name in ("langs", "tags", "same_as"):
        fields[name] = tuple(json.loads(fields[name]))
    if not fields["same_as"]:
        fields["story"] = None  # the others are gone
    return ArticleSummary(**fields)
