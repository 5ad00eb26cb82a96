"""The lexical index in SQLite: which passages hold a question's words best, and how frequent those are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rag.storage import changes
from rag.storage.changes import Keys
from rag.storage.connections import Connections
from rag.storage.sqlite import Connection
from rag.storage.truth import rarest

SCHEMA = """
CREATE VIRTUAL TABLE lexical USING fts5(tokens, tokenize = "ascii tokenchars '_'");
CREATE VIRTUAL TABLE lexical_terms USING fts5vocab(lexical, row);
CREATE TRIGGER passages_gone AFTER DELETE ON passages BEGIN DELETE FROM lexical WHERE rowid = old.key; END;
"""

# How often a frequent term stands in the index is asked anew when so much of it is new.
FREQUENT, NEW_SHARE = 1_000, 0.01
MOST_FREQUENCIES = 50_000  # remembered


class Lexical:
    """BM25 by FTS5. Remembers how frequent the frequent words are."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._frequencies: dict[str, _Frequency] = {}

    def search(self, terms: Sequence[str], limit: int, keys: Keys | None = None) -> list[str]:
        """The ids of the passages that hold these tokens best by BM25, best first, among those with these keys."""
        searched = rarest(self.frequency(terms))
        if not searched or (keys is not None and not len(keys)):
            return []
        wanted = limit if keys is None else self._widened(limit, keys)
        sql = "SELECT rowid FROM lexical WHERE lexical MATCH ? ORDER BY rank LIMIT ?"
        match = " OR ".join(f'"{term}"' for term in searched)
        while True:
            rows = [row[0] for row in self._connections.db.execute(sql, (match, wanted))]
            found = rows if keys is None else [key for key in rows if _holds(keys, key)]
            if len(found) >= limit or len(rows) < wanted:
                break
            wanted *= 8
        ids = ids_of(self._connections.db, found[:limit])
        return [ids[key] for key in found[:limit] if key in ids]

    def _widened(self, limit: int, keys: Keys) -> int:
        """How many must be found for so many to be among these keys, if they are spread evenly."""
        return 2 * limit * (1 + self._passages() // len(keys))

    def frequency(self, terms: Iterable[str]) -> dict[str, int]:
        """In how many passages each token stands; absent when in none. Of a token that stands in many this may be of
        a moment ago."""
        self._connections.follow_file()
        contents, passages = changes.contents(self._connections.db), self._passages()
        known = self._frequencies
        found, asked = {}, []
        for term in terms:
            before = known.get(term)
            if before is not None and before.is_good(contents, passages):
                found[term] = before.passages
            else:
                asked.append(term)
        rows = self._connections.db.execute(  # FTS5 counts by reading where the token stands: long for a frequent one
            "SELECT term, doc FROM lexical_terms WHERE term IN (SELECT value FROM json_each(?))",
            (json.dumps(asked, ensure_ascii=False),),
        ).fetchall()
        fresh = {row[0]: _Frequency(row[1], contents, passages) for row in rows}
        if len(known) > MOST_FREQUENCIES:
            known = {}
        self._frequencies = known | {term: one for term, one in fresh.items() if one.passages >= FREQUENT}
        found |= {term: one.passages for term, one in fresh.items()}
        return found

    def _passages(self) -> int:
        return changes.totals(self._connections.db).passages


def ids_of(db: Connection, keys: Sequence[int]) -> dict[int, str]:
    """The ids of the passages with these keys; those that are gone are left out."""
    rows = db.execute(
        "SELECT key, passage_id FROM passages WHERE key IN (SELECT value FROM json_each(?))", (json.dumps(list(keys)),)
    )
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True, slots=True)
class _Frequency:
    """In how many passages a token stands, and of how many, when it was last asked."""

    passages: int
    contents: str
    of: int

    def is_good(self, contents: str, passages: int) -> bool:
        return self.contents == contents or abs(passages - self.of) < NEW_SHARE * self.of


def _holds(keys: Keys, key: int) -> bool:
    at = int(np.searchsorted(keys, key))
    return at < len(keys) and int(keys[at]) == key
