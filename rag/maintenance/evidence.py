"""What a verification reads of an index: all of one moment, article by article, and never more than that at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rag.maintenance.findings import EXAMPLES, REBUILD, Finding
from rag.storage.rows import Row
from rag.storage.sqlite import Connection, connect
from rag.storage.truth import KnownFile

BATCH = 200  # vectors at a time


class Evidence(Protocol):
    """An index as it is at one moment. Rows of articles and passages have their columns by name, those of passages
    also their ``tokens``, and the ``code`` and ``fine_code`` of their vectors."""

    where: str

    def stamp(self) -> dict[str, str] | None:
        """What made it."""

    def structure(self) -> Iterator[Finding]:
        """The database's own checks, rows that belong to nothing, and what is derived against what it is made from."""

    def count(self) -> tuple[int, int]:
        """Articles and passages, counted."""

    def articles(self) -> Iterable[Row]:
        """All articles."""

    def passages(self, article_id: str) -> Iterable[Row]:
        """The passages of an article in their order."""

    def files(self) -> list[KnownFile]:
        """The manifest."""

    def parts(self, path: str) -> Mapping[str, tuple[str, str]]:
        """What was read of each part of a file: the hash of it, and the text."""

    def vectors(self) -> Iterator[tuple[list[str], list[bytes]]]:
        """The ids of all passages and their vectors, so many at a time, in their order."""

    def vector(self, passage_id: str) -> bytes | None:
        """That of one passage."""


class SqliteEvidence:
    """See ``Evidence``."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self.where = str(db.path)

    def stamp(self) -> dict[str, str] | None:
        """See Evidence."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'stamp'").fetchone()
        return json.loads(row["value"]) if row else None

    def structure(self) -> Iterator[Finding]:
        """See Evidence."""
        return structure(self._db)

    def count(self) -> tuple[int, int]:
        """See Evidence."""
        (articles,) = self._db.execute("SELECT count(*) FROM articles").fetchone()
        (passages,) = self._db.execute("SELECT count(*) FROM passages").fetchone()
        return articles, passages

    def articles(self) -> Iterable[Row]:
        """See Evidence."""
        return self._db.execute("SELECT * FROM articles ORDER BY path, part")

    def passages(self, article_id: str) -> Iterable[Row]:
        """See Evidence."""
        return self._db.execute(
            "SELECT p.*, l.tokens, c.embedder AS code, c.fine AS fine_code FROM passages p "
            "LEFT JOIN lexical l ON l.rowid = p.key LEFT JOIN codes c ON c.key = p.key WHERE article_id = ? "
            "ORDER BY p.key",
            (article_id,),
        )

    def files(self) -> list[KnownFile]:
        """See Evidence."""
        return [KnownFile(*row) for row in self._db.execute("SELECT * FROM files ORDER BY path")]

    def parts(self, path: str) -> Mapping[str, tuple[str, str]]:
        """See Evidence."""
        rows = self._db.execute("SELECT part, digest, text FROM articles WHERE path = ?", (path,))
        return {row["part"]: (row["digest"], row["text"]) for row in rows}

    def vectors(self) -> Iterator[tuple[list[str], list[bytes]]]:
        """See Evidence."""
        rows = self._db.execute("SELECT passage_id, vector FROM passages ORDER BY key")
        while batch := rows.fetchmany(BATCH):
            yield [row[0] for row in batch], [row[1] for row in batch]

    def vector(self, passage_id: str) -> bytes | None:
        """See Evidence."""
        row = self._db.execute("SELECT vector FROM passages WHERE passage_id = ?", (passage_id,)).fetchone()
        return row[0] if row else None


@contextmanager
def reading(path: Path) -> Iterator[Connection]:
    """A connection that can't write and sees the index as it is at this moment, whatever is written meanwhile.

    Raises:
        DamagedError: the file can't be read; the message names what repairs it.
        StoreError: there is none, or it can't be opened.
    """
    db = connect(path, read_only=True)
    try:
        db.execute("BEGIN")
        yield db
    finally:
        db.close()


def structure(db: Connection) -> Iterator[Finding]:
    """SQLite's own checks, rows that belong to nothing, and the lexical index against what it is made from."""
    for (said,) in db.execute(f"PRAGMA integrity_check({EXAMPLES})"):
        if said != "ok":
            yield Finding("file", str(db.path), said, REBUILD)
    for table, row, parent, _ in db.execute("PRAGMA foreign_key_check"):
        yield Finding("orphan", f"{table} {row}", f"belongs to no row of {parent}", REBUILD)
    pairs = {
        "a row of the lexical index without a passage": "SELECT rowid FROM lexical EXCEPT SELECT key FROM passages",
        "a passage that is not in the lexical index": "SELECT key FROM passages EXCEPT SELECT rowid FROM lexical",
        "a passage without codes of its vectors": "SELECT key FROM passages EXCEPT SELECT key FROM codes",
        "codes of a passage that is gone": "SELECT key FROM codes EXCEPT SELECT key FROM passages",
        "an article of no file": "SELECT id FROM articles WHERE path NOT IN (SELECT path FROM files)",
    }
    for what, sql in pairs.items():
        for (key,) in db.execute(sql):
            yield Finding("orphan", str(key), what, REBUILD)
    counted = "SELECT lang, count(*), sum(length), count(refined) FROM passages GROUP BY lang"
    for (lang,) in db.execute(f"SELECT lang FROM ({counted} EXCEPT SELECT * FROM totals)"):
        yield Finding("totals", lang, "its passages are not as many as is kept", REBUILD)
    if _sum_of_rows(db) != _sum_of_index(db):
        yield Finding("lexical", str(db.path), "the lexical index holds other words than its rows", REBUILD)


def _sum_of_rows(db: Connection) -> int:
    """A sum over every word at its place, as the rows have them. One that differs from the index's, or a chance of one
    in 2**64, says that the index finds other passages than it should; FTS5's own check would have to write."""
    rows = db.execute("SELECT rowid, tokens FROM lexical")
    return sum(hash((word, key, at)) for key, words in rows for at, word in enumerate(words.split())) % 2**64


def _sum_of_index(db: Connection) -> int:
    db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.instances USING fts5vocab('main', 'lexical', 'instance')")
    return sum(hash(tuple(row)) for row in db.execute("SELECT term, doc, offset FROM temp.instances")) % 2**64
