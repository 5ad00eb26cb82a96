"""The truth: articles, passages, sentence vectors and the lexical index in one SQLite file (WAL).

A transaction holds one whole article, so that it is in the index or it is not. Readers are never blocked.
Chroma (``dense.py``) is derived from here and can be rebuilt at any time without embedding again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, astuple
from pathlib import Path

import numpy as np

from rag.encoders.embedding import Matrix
from rag.errors import StoreError
from rag.language.text import tokens
from rag.storage import changes, lexical, stories
from rag.storage.changes import Keys, Kind, Mark, Rows, Totals
from rag.storage.conditions import conditions
from rag.storage.connections import Connections
from rag.storage.lexical import Lexical, ids_of
from rag.storage.migrations import migrate
from rag.storage.prints import prints_of
from rag.storage.rows import article_summary, fine_blob, stored_passage
from rag.storage.sql import statements
from rag.storage.sqlite import Connection
from rag.storage.stories import Stories
from rag.storage.truth import (
    MOST_RETOLD,
    MOST_SAME,
    EmbeddedChunk,
    Known,
    KnownFile,
    Refined,
    Relisted,
    StoredPassage,
    refuse_other,
)
from rag.types import Article, ArticleSummary, Filters, Lang, LastIngest, Passage

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
-- The manifest: every file that was looked at, and as it was then. Its articles were all written before it.
CREATE TABLE files (
  path TEXT PRIMARY KEY, root TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  checked_ns INTEGER NOT NULL, sha256 TEXT NOT NULL, reader TEXT NOT NULL, failure TEXT, detail TEXT NOT NULL
);
CREATE TABLE articles (
  id TEXT PRIMARY KEY, path TEXT NOT NULL, part TEXT NOT NULL, digest TEXT NOT NULL, file TEXT NOT NULL,
  title TEXT NOT NULL, url TEXT, author TEXT, date TEXT, description TEXT, langs TEXT NOT NULL,
  qa_pairs INTEGER NOT NULL, warnings TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (path, part)
);
CREATE TABLE tags (
  article_id TEXT NOT NULL REFERENCES articles(id) ON DELETE CASCADE, tag TEXT NOT NULL, PRIMARY KEY (article_id, tag)
);
-- A passage's id is made from its content, so that an index derived from here can tell old from new by it alone.
CREATE TABLE passages (
  key INTEGER PRIMARY KEY, passage_id TEXT UNIQUE NOT NULL,
  article_id TEXT NOT NULL REFERENCES articles(id) ON DELETE CASCADE, lang TEXT NOT NULL, heading TEXT,
  kind TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, length INTEGER NOT NULL,
  vector BLOB NOT NULL, sentences TEXT NOT NULL, units BLOB NOT NULL, unit_of TEXT NOT NULL,
  refined BLOB -- the fine encoder's vectors, NULL until it came by
);
CREATE INDEX passages_article ON passages(article_id, lang, kind); -- all that filters need of a passage
CREATE INDEX passages_unrefined ON passages(key) WHERE refined IS NULL;
"""
_SCHEMA += lexical.SCHEMA + changes.SCHEMA + stories.SCHEMA

_PASSAGE = (
    'p.passage_id, p.article_id, p.lang, p.heading, p.kind, p.start, p."end", a.title, a.url, a.author, a.date, '
    'a.file, substr(a.text, p.start + 1, p."end" - p.start) AS text'
)

SELECTIONS = 8  # of filters that are remembered


class Store:
    """One SQLite file. Each thread has its own connection; writers go one at a time, by SQLite's own lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections = Connections(path)
        self._lexical = Lexical(self._connections)
        self._selected: dict[tuple[str, Filters, bool], Keys] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent} cannot be the data folder: {error}. Choose another: --data-dir") from error
        migrate(path)
        with self._connections.transaction() as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                _create(db, revision=0)
            elif _is_empty_and_old(db):
                _recreate(db)
        self._connections.begin()

    def close(self) -> None:
        """See Truth."""
        self._connections.close()

    @property
    def _db(self) -> Connection:
        return self._connections.db

    def transaction(self) -> AbstractContextManager[Connection]:
        """All or nothing; one writer at a time."""
        return self._connections.transaction()

    # --- Stamp and revision ----------------------------------------------------------------------------------

    def stamp(self) -> dict[str, str] | None:
        """See Truth."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'stamp'").fetchone()
        return json.loads(row["value"]) if row else None

    def check_stamp(self, expected: dict[str, str]) -> None:
        """See Truth."""
        refuse_other(self.stamp(), expected, str(self._path.parent))

    def set_stamp(self, stamp: dict[str, str]) -> None:
        """See Truth."""
        with self._connections.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('stamp', ?)", (json.dumps(stamp),))

    def revision(self) -> int:
        """See Truth."""
        return self.mark().revision

    def note_ingest(self, done: LastIngest) -> None:
        """See Truth."""
        with self._connections.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('ingest', ?)", (json.dumps(asdict(done)),))

    def last_ingest(self) -> LastIngest | None:
        """See Truth."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'ingest'").fetchone()
        return LastIngest(**json.loads(row["value"])) if row else None

    def derived(self) -> int:
        """See Truth."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'derived'").fetchone()
        return int(row["value"]) if row else -1

    def set_derived(self, revision: int) -> None:
        """See Truth."""
        with self._connections.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('derived', ?)", (str(revision),))

    def contents(self) -> str:
        """See Truth."""
        self._connections.follow_file()
        return changes.contents(self._db)

    def mark(self) -> Mark:
        """See Truth."""
        self._connections.follow_file()
        return changes.mark(self._db)

    def changed(self, since: Mark) -> tuple[Mark, set[str], set[str]] | None:
        """See Truth."""
        with self._connections.snapshot() as db:
            now = changes.mark(db)
            return (now, *changes.changed(db, since)) if changes.reaches(now, since) else None

    @contextmanager
    def codes(self, kind: Kind, since: Mark | None) -> Iterator[tuple[Mark, Mark | None, Iterator[Rows]]]:
        """See Truth."""
        with self._connections.snapshot() as db:
            now = changes.mark(db)
            reached = since if changes.reaches(now, since) else None
            yield now, reached, changes.codes(db, kind, reached)

    # --- Writing ---------------------------------------------------------------------------------------------

    def put(self, article: Article, path: str, root: str, digest: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """See Truth."""
        passages = (one.chunk.passage for one in chunks)
        prints = prints_of((passage.kind, passage.lang, passage.text) for passage in passages)
        with self._connections.transaction() as db:
            db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, -1, 0, 0, '', '', NULL, '')", (path, root))
            db.execute("DELETE FROM articles WHERE (path = ? AND part = ?) OR id = ?", (path, article.part, article.id))
            db.execute(
                "INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(article.id, path, article.part, digest, article.file),
                    *(article.title, article.url, article.author, article.date, article.description),
                    *(json.dumps(article.langs), sum(len(s.qa) for s in article.sections)),
                    *(json.dumps([str(warning) for warning in article.warnings]), article.text),
                ),
            )
            db.executemany("INSERT INTO tags VALUES (?, ?)", [(article.id, tag) for tag in article.tags])
            for chunk in chunks:
                _insert_passage(db, chunk)
            Stories(db).enter(article.id, prints)
            _bump(db)

    def settle(self, file: KnownFile, gone: Iterable[str] = ()) -> None:
        """See Truth."""
        with self._connections.transaction() as db:
            db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(file))
            if db.executemany("DELETE FROM articles WHERE id = ?", [(i,) for i in gone]).rowcount > 0:
                _bump(db)

    def move(self, old: str, new: str, root: str) -> None:
        """See Truth."""
        with self._connections.transaction() as db:
            db.execute("UPDATE articles SET path = ? WHERE path = ?", (new, old))
            db.execute(
                "UPDATE files SET path = ?, root = ?, sha256 = '', mtime_ns = 0 WHERE path = ?", (new, root, old)
            )
            _bump(db)

    def forget(self, paths: Iterable[str]) -> None:
        """See Truth."""
        with self._connections.transaction() as db:
            for path in paths:
                db.execute("DELETE FROM articles WHERE path = ?", (path,))
                db.execute("DELETE FROM files WHERE path = ?", (path,))
            _bump(db)

    def clear(self) -> None:
        """See Truth."""
        with self._connections.transaction() as db:
            _recreate(db)  # since an index of an older version may have other columns

    def expect_refiner(self, model: str) -> None:
        """See Truth."""
        with self._connections.transaction() as db:
            row = db.execute("SELECT value FROM meta WHERE key = 'refiner'").fetchone()
            if row is None or row["value"] != model:
                db.execute("UPDATE passages SET refined = NULL WHERE refined IS NOT NULL")
                db.execute("UPDATE codes SET fine = NULL WHERE fine IS NOT NULL")
                db.execute("INSERT OR REPLACE INTO meta VALUES ('refiner', ?)", (model,))
                _bump(db, articles=False)

    def refine(self, found: Mapping[str, Refined]) -> None:
        """See Truth."""
        with self._connections.transaction() as db:
            for passage_id, fine in found.items():
                db.execute("UPDATE passages SET refined = ? WHERE passage_id = ?", (fine_blob(fine), passage_id))
                db.execute(
                    "UPDATE codes SET fine = ? WHERE key = (SELECT key FROM passages WHERE passage_id = ?)",
                    (changes.encode(fine.vector), passage_id),
                )
            _bump(db, articles=False)

    # --- Reading ---------------------------------------------------------------------------------------------

    def files(self) -> list[KnownFile]:
        """See Truth."""
        return [KnownFile(*row) for row in self._db.execute("SELECT * FROM files ORDER BY path")]

    def known(self, *, path: str | None = None, article_id: str | None = None) -> list[Known]:
        """See Truth."""
        where = {"path = ?": path, "id = ?": article_id}
        chosen = {condition: value for condition, value in where.items() if value is not None}
        sql = "SELECT id, path, part, digest FROM articles WHERE " + " AND ".join(["true", *chosen])
        return [Known(*row) for row in self._db.execute(sql, list(chosen.values()))]

    def count(self) -> tuple[int, int]:
        """See Truth."""
        (articles,) = self._db.execute("SELECT count(*) FROM articles").fetchone()
        return int(articles), self._totals().passages

    def refined(self) -> int:
        """See Truth."""
        return self._totals().refined

    def _totals(self) -> Totals:
        return changes.totals(self._db)

    def unrefined(self, limit: int) -> list[StoredPassage]:
        """See Truth."""
        rows = self._db.execute(
            "SELECT passage_id FROM passages WHERE refined IS NULL ORDER BY key LIMIT ?", (limit,)
        ).fetchall()
        return self.load(row["passage_id"] for row in rows)

    def languages(self) -> dict[str, int]:
        """See Truth."""
        return self._totals().langs

    def summaries(self, ids: Iterable[str] | None = None) -> list[ArticleSummary]:
        """See Truth."""
        where, values = "", tuple[str, ...]()
        if ids is not None:
            where, values = "WHERE a.id IN (SELECT value FROM json_each(?)) ", (json.dumps(list(ids)),)
        rows = self._db.execute(
            "SELECT a.id, a.file, a.title, a.url, a.author, a.date, a.description, a.langs, a.qa_pairs, "
            "length(a.text) AS characters, count(p.key) AS passages, "
            "(SELECT json_group_array(tag) FROM (SELECT tag FROM tags WHERE article_id = a.id ORDER BY rowid)) AS tags"
            ", (SELECT story FROM stories WHERE article_id = a.id) AS story, "
            "(SELECT json_group_array(article_id) FROM (SELECT other.article_id FROM stories own "
            "JOIN stories other ON other.story = own.story AND other.article_id <> a.id "
            "JOIN articles o ON o.id = other.article_id WHERE own.article_id = a.id ORDER BY o.rowid "
            f"LIMIT {MOST_SAME})) AS same_as "
            f"FROM articles a LEFT JOIN passages p ON p.article_id = a.id {where}"
            "GROUP BY a.id",
            values,
        )
        return [article_summary(row) for row in rows]

    def relisted(self, since: Mark) -> Relisted | None:
        """See Truth."""
        with self._connections.snapshot() as db:
            now = changes.mark(db)
            if not changes.reaches(now, since):
                return None
            ids = {row[0] for row in db.execute("SELECT id FROM articles")}
            return Relisted(now, ids, changes.changed_articles(db, since))

    def same_as(self, article_id: str) -> tuple[str, ...]:
        """See Truth."""
        return Stories(self._db).same_as(article_id)

    def stories_of(self, ids: Iterable[str]) -> dict[str, tuple[int, str]]:
        """See Truth."""
        return Stories(self._db).of(ids)

    def retold(self, article_id: str, lang: Lang, filters: Filters, *, include_qa: bool) -> list[Passage]:
        """See Truth."""
        where, values = conditions(filters, include_qa=include_qa)
        rows = self._db.execute(
            f"SELECT {_PASSAGE} FROM stories own JOIN stories other ON other.story = own.story "
            "JOIN articles a ON a.id = other.article_id JOIN passages p ON p.article_id = a.id "
            f"WHERE {' AND '.join(['own.article_id = ?', 'a.id <> own.article_id', 'p.lang = ?', *where])} "
            "ORDER BY a.url IS NULL, a.date DESC, p.key LIMIT ?",
            [article_id, lang, *values, MOST_RETOLD],
        )
        return [Passage(**dict(zip(row.keys(), row, strict=True))) for row in rows]

    def text(self, article_id: str) -> str | None:
        """See Truth."""
        row = self._db.execute("SELECT text FROM articles WHERE id = ?", (article_id,)).fetchone()
        return row["text"] if row else None

    def select(self, filters: Filters, *, include_qa: bool) -> Keys | None:
        """See Truth."""
        where, values = conditions(filters, include_qa=include_qa)
        if not where:
            return None
        chosen = (self.contents(), filters, include_qa)
        keys = self._selected.get(chosen)
        if keys is None:
            rows = self._db.execute(f"SELECT key FROM passages p WHERE {' AND '.join(where)}", values)
            keys = np.sort(np.fromiter((row[0] for row in rows), dtype=np.int64))
            kept = {one: found for one, found in self._selected.items() if one[0] == chosen[0]}
            self._selected = dict(list(kept.items())[1 - SELECTIONS :]) | {chosen: keys}
        return keys

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """See Truth."""
        return ids_of(self._db, keys)

    def passage_ids(self, article_id: str | None = None) -> set[str]:
        """See Truth."""
        where, values = (" WHERE article_id = ?", (article_id,)) if article_id is not None else ("", ())
        return {row[0] for row in self._db.execute(f"SELECT passage_id FROM passages{where}", values)}

    def vectors(self, ids: Sequence[str] | None = None) -> tuple[list[str], Matrix]:
        """See Truth."""
        sql = "SELECT passage_id, vector FROM passages"
        if ids is not None:
            sql += " WHERE passage_id IN (SELECT value FROM json_each(?))"
        rows = self._db.execute(sql + " ORDER BY key", () if ids is None else (json.dumps(list(ids)),)).fetchall()
        if not rows:
            return [], np.zeros((0, 0), dtype=np.float32)
        matrix = np.frombuffer(b"".join(row["vector"] for row in rows), dtype=np.float32).reshape(len(rows), -1)
        return [row["passage_id"] for row in rows], matrix

    def refined_vectors(self) -> tuple[list[str], Matrix]:
        """See Truth."""
        rows = self._db.execute(
            "SELECT passage_id, substr(refined, 1, length(refined) / (1 + json_array_length(unit_of) "
            "+ json_array_length(sentences))) AS vector FROM passages WHERE refined IS NOT NULL ORDER BY key"
        ).fetchall()
        if not rows:
            return [], np.zeros((0, 0), dtype=np.float32)
        matrix = np.frombuffer(b"".join(row["vector"] for row in rows), dtype=np.float16).reshape(len(rows), -1)
        return [row["passage_id"] for row in rows], matrix.astype(np.float32)

    def lexical(self, terms: Sequence[str], limit: int, keys: Keys | None = None) -> list[str]:
        """See Truth."""
        return self._lexical.search(terms, limit, keys)

    def document_frequency(self, terms: Iterable[str]) -> dict[str, int]:
        """See Truth. Of a token that stands in many this may be of a moment ago."""
        return self._lexical.frequency(terms)

    def mean_length(self) -> float:
        """See Truth."""
        totals = self._totals()
        return totals.tokens / totals.passages if totals.passages else 1.0

    def load(self, ids: Iterable[str]) -> list[StoredPassage]:
        """See Truth."""
        rows = self._db.execute(
            'SELECT p.*, substr(a.text, p.start + 1, p."end" - p.start) AS text, a.title, a.url, a.author, a.date, '
            "a.file, l.tokens FROM passages p JOIN articles a ON a.id = p.article_id JOIN lexical l ON l.rowid = p.key "
            "WHERE p.passage_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        ).fetchall()
        # Sorted here: SQLite would copy all vectors to and fro, which takes longer than reading them.
        return [stored_passage(row) for row in sorted(rows, key=lambda row: row["key"])]


# --- Rows --------------------------------------------------------------------------------------------------


def _create(db: sqlite3.Connection, *, revision: int) -> None:
    for statement in statements(_SCHEMA):
        db.execute(statement)
    db.execute("INSERT INTO meta VALUES ('revision', ?)", (str(revision),))


def _recreate(db: sqlite3.Connection) -> None:
    revision = int(db.execute("SELECT value FROM meta WHERE key = 'revision'").fetchone()["value"])
    tables = ("lexical_terms", "lexical", "tags", "passages", "articles", "files", "meta")
    for table in (*stories.TABLES, *changes.TABLES, *tables):
        db.execute(f"DROP TABLE IF EXISTS {table}")
    _create(db, revision=revision + 1)


def _is_empty_and_old(db: sqlite3.Connection) -> bool:
    """Whether an older version made the tables and never filled them: there is no stamp then to tell it by."""
    stamped = db.execute("SELECT 1 FROM meta WHERE key = 'stamp'").fetchone()
    return not stamped and not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'files'").fetchone()


def _bump(db: sqlite3.Connection, *, articles: bool = True) -> None:
    db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'revision'")
    if articles:
        db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'contents'")


def _insert_passage(db: sqlite3.Connection, embedded: EmbeddedChunk) -> None:
    passage = embedded.chunk.passage
    index_tokens = tokens(passage.text, passage.lang)
    spans = [(span.start, span.end) for span in embedded.chunk.sentences]
    key = db.execute(
        "INSERT INTO passages VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(passage.passage_id, passage.article_id, passage.lang, passage.heading, passage.kind),
            *(passage.start, passage.end, len(index_tokens), embedded.vector.astype(np.float32).tobytes()),
            # Half precision moves a cosine by less than 0.001 and halves the largest part of the file.
            *(json.dumps(spans), embedded.units.astype(np.float16).tobytes(), json.dumps(embedded.unit_of)),
            fine_blob(embedded.refined) if embedded.refined else None,
        ),
    ).lastrowid
    db.execute("INSERT INTO lexical (rowid, tokens) VALUES (?, ?)", (key, " ".join(index_tokens)))
    fine = changes.encode(embedded.refined.vector) if embedded.refined else None
    db.execute("INSERT INTO codes VALUES (?, ?, ?)", (key, changes.encode(embedded.vector), fine))
