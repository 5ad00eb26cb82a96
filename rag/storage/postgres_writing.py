"""What writing and removing articles does to the tables of PostgreSQL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field

import numpy as np
from psycopg import Connection
from psycopg.rows import DictRow

from rag.language.text import tokens
from rag.storage import postgres_tables as tables
from rag.storage.rows import fine_blob
from rag.storage.truth import EmbeddedChunk, KnownFile


@dataclass(slots=True)
class Change:
    """What a transaction adds to the totals, less what it takes away; ``revision`` is the one that it makes."""

    revision: int
    contents: bool = False  # articles came, went or changed
    reading: bool = False  # passages were read a second time, or are to be again
    articles: int = 0
    refined: int = 0
    tokens: int = 0
    langs: Counter[str] = field(default_factory=Counter)  # passages of each


def set_meta(db: Connection[DictRow], key: str, value: str) -> None:
    """Keep a value by its name."""
    db.execute(
        "INSERT INTO rag_meta VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value", (key, value)
    )


def replace_file(db: Connection[DictRow], file: KnownFile) -> None:
    """Write a file into the manifest."""
    db.execute("DELETE FROM rag_files WHERE path = %s", (file.path,))
    db.execute("INSERT INTO rag_files VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", astuple(file))


def insert(db: Connection[DictRow], change: Change, chunks: Sequence[EmbeddedChunk]) -> None:
    """Write passages with all that belongs to them."""
    keys = db.execute(
        "SELECT nextval('rag_passage_keys') AS key FROM generate_series(1, %s)", (len(chunks),)
    ).fetchall()
    said = {row["key"]: tokens(c.chunk.passage.text, c.chunk.passage.lang) for row, c in zip(keys, chunks, strict=True)}
    rows = [_row(key, chunk, said[key]) for key, chunk in zip(said, chunks, strict=True)]
    db.cursor().executemany(
        "INSERT INTO rag_passages VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %b, %s, %b, %s, %s, %b)", rows
    )
    tables.index(db, said)
    tables.encoded(db, dict(zip(said, chunks, strict=True)))
    passages = [one.chunk.passage for one in chunks]
    tables.note(db, change.revision, [(key, one.passage_id) for key, one in zip(said, passages, strict=True)])
    change.contents = True
    change.langs.update(one.lang for one in passages)
    change.refined += sum(chunk.refined is not None for chunk in chunks)
    change.tokens += sum(map(len, said.values()))


def _row(key: int, embedded: EmbeddedChunk, words: list[str]) -> tuple[object, ...]:
    passage = embedded.chunk.passage
    spans = [(span.start, span.end) for span in embedded.chunk.sentences]
    return (
        *(key, passage.passage_id, passage.article_id, passage.lang, passage.heading, passage.kind),
        *(passage.start, passage.end, passage.text, embedded.vector.astype(np.float32).tobytes()),
        *(json.dumps(spans), embedded.units.astype(np.float16).tobytes(), json.dumps(embedded.unit_of)),
        *(" ".join(words), fine_blob(embedded.refined) if embedded.refined else None),
    )


def remove(db: Connection[DictRow], change: Change, which: str, values: Sequence[object]) -> None:
    """Remove articles and all that belongs to them."""
    articles = [row["id"] for row in db.execute(f"SELECT id FROM rag_articles WHERE {which}".encode(), values)]
    if not articles:
        return
    rows = db.execute(
        "SELECT key, passage_id, lang, refined IS NOT NULL AS refined, "
        "CASE WHEN tokens = '' THEN 0 ELSE cardinality(string_to_array(tokens, ' ')) END AS tokens "
        "FROM rag_passages WHERE article_id = ANY(%s)",
        (articles,),
    ).fetchall()
    keys = [row["key"] for row in rows]
    tables.forget(db, keys)
    tables.note(db, change.revision, [(row["key"], row["passage_id"]) for row in rows])
    db.execute("DELETE FROM rag_codes WHERE key = ANY(%s)", (keys,))
    db.execute("DELETE FROM rag_passages WHERE article_id = ANY(%s)", (articles,))
    db.execute("DELETE FROM rag_articles WHERE id = ANY(%s)", (articles,))
    change.contents = True
    change.articles -= len(articles)
    change.langs.subtract(row["lang"] for row in rows)
    change.refined -= sum(row["refined"] for row in rows)
    change.tokens -= sum(row["tokens"] for row in rows)
