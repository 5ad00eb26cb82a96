"""What SQLite keeps beside the passages, by triggers, so that nobody has to read all of them: how many there are, which
of them changed, and a short code of each vector.

An index in memory reads everything once. From then on it asks which passages changed since the revision that it knows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from rag.encoders.embedding import Matrix
from rag.errors import DamagedError
from rag.storage.sqlite import REBUILD

Keys = npt.NDArray[np.int64]  # of passages, in SQLite, ascending
Rows = list[tuple[int, bytes | None]]  # keys with codes; None where the passage is gone or has no such vector
Kind = Literal["embedder", "fine"]  # whose vectors

KEPT = 100_000  # revisions; who has slept longer reads everything anew
BLOCK = 5_000  # rows read at a time

# An era ends when the tables are made anew: what a reader knows of one says nothing about the next.
SCHEMA = f"""
INSERT INTO meta VALUES ('era', lower(hex(randomblob(8))));
INSERT INTO meta VALUES ('contents', '0');
CREATE TABLE totals (
  lang TEXT PRIMARY KEY, passages INTEGER NOT NULL, tokens INTEGER NOT NULL, refined INTEGER NOT NULL
);
CREATE TABLE codes (key INTEGER PRIMARY KEY, embedder BLOB NOT NULL, fine BLOB);
CREATE TABLE changes (
  revision INTEGER NOT NULL, key INTEGER NOT NULL, passage_id TEXT NOT NULL, refined INTEGER NOT NULL,
  PRIMARY KEY (revision, key, passage_id, refined)
) WITHOUT ROWID;
CREATE TRIGGER passage_came AFTER INSERT ON passages BEGIN
  INSERT INTO totals VALUES (new.lang, 1, new.length, new.refined IS NOT NULL) ON CONFLICT (lang) DO UPDATE SET
    passages = passages + 1, tokens = tokens + new.length, refined = refined + (new.refined IS NOT NULL);
  INSERT OR IGNORE INTO changes
    SELECT value + 1, new.key, new.passage_id, 0 FROM meta WHERE key = 'revision';
END;
CREATE TRIGGER passage_went AFTER DELETE ON passages BEGIN
  UPDATE totals SET passages = passages - 1, tokens = tokens - old.length, refined = refined - (old.refined IS NOT NULL)
    WHERE lang = old.lang;
  DELETE FROM codes WHERE key = old.key;
  INSERT OR IGNORE INTO changes
    SELECT value + 1, old.key, old.passage_id, 0 FROM meta WHERE key = 'revision';
END;
CREATE TRIGGER passage_refined AFTER UPDATE OF refined ON passages BEGIN
  UPDATE totals SET refined = refined + (new.refined IS NOT NULL) - (old.refined IS NOT NULL) WHERE lang = new.lang;
  INSERT OR IGNORE INTO changes
    SELECT value + 1, new.key, new.passage_id, 1 FROM meta WHERE key = 'revision';
END;
CREATE TRIGGER changes_forgotten AFTER UPDATE OF value ON meta WHEN new.key = 'revision' BEGIN
  DELETE FROM changes WHERE revision <= new.value - {KEPT};
END;
"""
TABLES = ("totals", "codes", "changes")


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a reader has come."""

    era: str
    revision: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Of all passages."""

    passages: int
    tokens: int
    refined: int
    langs: dict[str, int]


def fill(db: sqlite3.Connection) -> None:
    """Bring new tables in line with the passages that were there before them."""
    db.execute("INSERT INTO totals SELECT lang, count(*), sum(length), count(refined) FROM passages GROUP BY lang")
    found = db.execute(
        "SELECT key, vector, substr(refined, 1, length(refined) / (1 + json_array_length(unit_of) "
        "+ json_array_length(sentences))) FROM passages ORDER BY key"
    )
    while rows := found.fetchmany(BLOCK):
        db.executemany(
            "INSERT INTO codes VALUES (?, ?, ?)",
            [(key, _code(own, "<f4"), _code(fine, "<f2")) for key, own, fine in rows],
        )


def _code(vector: bytes | None, kind: str) -> bytes | None:
    return None if vector is None else encode(np.frombuffer(vector, dtype=kind).astype(np.float32))


def mark(db: sqlite3.Connection) -> Mark:
    """The point that everything read in the same transaction is of.

    Raises:
        DamagedError: nothing says so.
    """
    row = db.execute(
        "SELECT value, (SELECT value FROM meta WHERE key = 'era') FROM meta WHERE key = 'revision'"
    ).fetchone()
    if row is None or row[1] is None:
        raise DamagedError(f"the index is damaged: it has no revision. {REBUILD}")
    return Mark(row[1], int(row[0]))


def contents(db: sqlite3.Connection) -> str:
    """Another string whenever articles came, went or changed; a second reading changes nothing."""
    row = db.execute("SELECT value FROM meta WHERE key = 'contents'").fetchone()
    return f"{mark(db).era}-{row[0]}"


def reaches(now: Mark, since: Mark | None) -> bool:
    """Whether the log goes back as far as what a reader knows."""
    return since is not None and since.era == now.era and now.revision - KEPT <= since.revision <= now.revision


def totals(db: sqlite3.Connection) -> Totals:
    """How many passages there are, without counting them."""
    rows = db.execute("SELECT lang, passages, tokens, refined FROM totals WHERE passages > 0 ORDER BY lang").fetchall()
    langs = {row[0]: int(row[1]) for row in rows}
    return Totals(sum(langs.values()), sum(row[2] for row in rows), sum(row[3] for row in rows), langs)


def changed(db: sqlite3.Connection, since: Mark) -> tuple[set[str], set[str]]:
    """The ids of the passages that came and that went since then; of one that did both, how it ended."""
    rows = db.execute(
        "SELECT DISTINCT c.passage_id, p.key IS NOT NULL AS there FROM changes c "
        "LEFT JOIN passages p ON p.passage_id = c.passage_id WHERE c.revision > ? AND c.refined = 0",
        (since.revision,),
    ).fetchall()
    return {row[0] for row in rows if row[1]}, {row[0] for row in rows if not row[1]}


def changed_articles(db: sqlite3.Connection, since: Mark) -> set[str]:
    """The ids of the articles that came or changed since then: each change writes all passages of an article anew."""
    rows = db.execute(
        "SELECT DISTINCT p.article_id FROM changes c JOIN passages p ON p.key = c.key "
        "WHERE c.revision > ? AND c.refined = 0",
        (since.revision,),
    )
    return {row[0] for row in rows}


def codes(db: sqlite3.Connection, kind: Kind, since: Mark | None) -> Iterator[Rows]:
    """The codes of all passages, or of those that changed since then, block by block, keys ascending."""
    if since is None:
        cursor = db.execute(f"SELECT key, {kind} FROM codes ORDER BY key")
    else:
        cursor = db.execute(
            f"SELECT c.key, codes.{kind} FROM (SELECT DISTINCT key FROM changes WHERE revision > ?) c "
            "LEFT JOIN codes ON codes.key = c.key ORDER BY c.key",
            (since.revision,),
        )
    while block := cursor.fetchmany(BLOCK):
        yield [(row[0], row[1]) for row in block]


def encode(vector: Matrix) -> bytes:
    """A vector in a byte a dimension, behind the number that each is to be multiplied with.

    >>> decode([encode(np.array([0.5, -0.25], dtype=np.float32))])[0].tolist()
    [[127, -64]]
    """
    scale = np.float32(max(float(np.abs(vector).max(initial=0.0)) / 127, 1e-12))
    numbers: bytes = np.rint(vector / scale).astype(np.int8).tobytes()
    return scale.tobytes() + numbers


def decode(found: Sequence[bytes]) -> tuple[npt.NDArray[np.int8], Matrix]:
    """What ``encode`` made: shapes (vectors, dimensions) and (vectors,)."""
    raw = np.frombuffer(b"".join(found), dtype=np.uint8).reshape(len(found), -1)
    return raw[:, 4:].view(np.int8), np.ascontiguousarray(raw[:, :4]).view(np.float32)[:, 0]
