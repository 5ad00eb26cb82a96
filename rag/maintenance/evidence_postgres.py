"""What a verification reads of an index in PostgreSQL; see ``evidence.py``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from psycopg import Connection
from psycopg.rows import DictRow

from rag.errors import StoreError
from rag.maintenance.evidence import BATCH
from rag.maintenance.findings import REBUILD, Finding
from rag.storage import postgres_tables as tables
from rag.storage.database import Database
from rag.storage.rows import Row
from rag.storage.truth import KnownFile

_WORDS = "CASE WHEN tokens = '' THEN 0 ELSE cardinality(string_to_array(tokens, ' ')) END"
_SAID = (
    "SELECT p.key, word, count(*) FROM rag_passages p, unnest(string_to_array(p.tokens, ' ')) word "
    "WHERE word <> '' GROUP BY p.key, word"
)
_FOUND = "SELECT o.passage AS key, t.term AS word, o.times FROM rag_postings o JOIN rag_terms t ON t.id = o.term"
# What is wrong with each row that one of these finds; the first column says where.
_ORPHANS = {
    "codes of a passage that is gone": "SELECT key FROM rag_codes EXCEPT SELECT key FROM rag_passages",
    "a passage without codes of its vectors": "SELECT key FROM rag_passages EXCEPT SELECT key FROM rag_codes",
    "an article of no file": "SELECT id FROM rag_articles WHERE path NOT IN (SELECT path FROM rag_files)",
}
_LEXICAL = {
    "its words are not all found by the lexical index": f"SELECT DISTINCT key FROM ({_SAID} EXCEPT {_FOUND}) x",
    "the lexical index finds it by other words": f"SELECT DISTINCT key FROM ({_FOUND} EXCEPT {_SAID}) x",
    "the lexical index says another length of it": (
        f"SELECT DISTINCT key FROM rag_passages JOIN rag_postings ON passage = key WHERE length <> {_WORDS}"
    ),
    "is not in as many passages as the lexical index says": (
        "SELECT term FROM rag_terms t LEFT JOIN (SELECT o.term AS id, count(*) AS n FROM rag_postings o GROUP BY 1) c "
        "USING (id) WHERE t.passages <> coalesce(c.n, 0)"
    ),
}
_PASSAGE = {
    "its text is not its article's at its offsets": (
        "SELECT key FROM rag_passages p JOIN rag_articles a ON a.id = p.article_id "
        'WHERE p.text <> substr(a.text, p.start + 1, p."end" - p.start)'
    ),
}
_TOTALS = {
    "are not as many as is kept": (
        "SELECT lang FROM (SELECT lang, count(*) FROM rag_passages GROUP BY lang EXCEPT SELECT * FROM rag_langs) x"
    ),
    "in all are not as many as is kept": (
        "SELECT 'passages' FROM rag_totals t WHERE (t.articles, t.passages, t.refined, t.tokens) <> ("
        "(SELECT count(*) FROM rag_articles), (SELECT count(*) FROM rag_passages), "
        "(SELECT count(refined) FROM rag_passages), "
        f"(SELECT coalesce(sum({_WORDS}), 0) FROM rag_passages))"
    ),
}
_CHECKS = {"orphan": _ORPHANS, "lexical": _LEXICAL, "passage": _PASSAGE, "totals": _TOTALS}


class PostgresEvidence:
    """See ``Evidence``."""

    def __init__(self, db: Connection[DictRow], where: str) -> None:
        self._db = db
        self.where = where

    def stamp(self) -> dict[str, str] | None:
        """See Evidence."""
        row = self._db.execute("SELECT value FROM rag_meta WHERE key = 'stamp'").fetchone()
        return json.loads(row["value"]) if row else None

    def structure(self) -> Iterator[Finding]:
        """See Evidence. The files of the database itself are for its own pg_amcheck."""
        for kind, checks in _CHECKS.items():
            for what, sql in checks.items():
                for row in self._db.execute(sql.encode()).fetchall():
                    yield Finding(kind, str(next(iter(row.values()))), what, REBUILD)

    def count(self) -> tuple[int, int]:
        """See Evidence."""
        row = self._db.execute(
            "SELECT (SELECT count(*) FROM rag_articles) AS articles, (SELECT count(*) FROM rag_passages) AS passages"
        ).fetchone()
        assert row is not None
        return row["articles"], row["passages"]

    def articles(self) -> Iterable[Row]:
        """See Evidence."""
        with self._db.cursor("articles") as cursor:
            cursor.itersize = BATCH
            yield from cursor.execute("SELECT * FROM rag_articles ORDER BY path, part")

    def passages(self, article_id: str) -> Iterable[Row]:
        """See Evidence."""
        return self._db.execute(
            f"SELECT p.*, {_WORDS} AS length, c.embedder AS code, c.fine AS fine_code FROM rag_passages p "
            "LEFT JOIN rag_codes c USING (key) WHERE article_id = %s ORDER BY key",
            (article_id,),
        ).fetchall()

    def files(self) -> list[KnownFile]:
        """See Evidence."""
        return [KnownFile(**row) for row in self._db.execute("SELECT * FROM rag_files ORDER BY path")]

    def parts(self, path: str) -> Mapping[str, tuple[str, str]]:
        """See Evidence."""
        rows = self._db.execute("SELECT part, digest, text FROM rag_articles WHERE path = %s", (path,))
        return {row["part"]: (row["digest"], row["text"]) for row in rows}

    def vectors(self) -> Iterator[tuple[list[str], list[bytes]]]:
        """See Evidence."""
        with self._db.cursor("vectors") as cursor:
            cursor.execute("SELECT passage_id, vector FROM rag_passages ORDER BY key")
            while batch := cursor.fetchmany(BATCH):
                yield [row["passage_id"] for row in batch], [row["vector"] for row in batch]

    def vector(self, passage_id: str) -> bytes | None:
        """See Evidence."""
        row = self._db.execute("SELECT vector FROM rag_passages WHERE passage_id = %s", (passage_id,)).fetchone()
        return row["vector"] if row else None


@contextmanager
def reading(database: Database) -> Iterator[PostgresEvidence]:
    """The index as it is at this moment, whatever is written meanwhile.

    Raises:
        DatabaseError: the database is away.
        StoreError: there is no index in it.
    """
    database.open()
    try:
        with database.snapshot() as db:
            if not tables.exist(db):
                raise StoreError(f"there is no index at {database.where}. Run `python ingest.py` to make it")
            yield PostgresEvidence(db, database.where)
    finally:
        database.close()
