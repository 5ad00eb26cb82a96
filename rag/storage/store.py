"""The truth: articles, passages, sentence vectors and the lexical index in one SQLite file (WAL).

A transaction holds one whole article, so that it is in the index or it is not. Readers are never blocked.
Chroma (``dense.py``) is derived from here and can be rebuilt at any time without embedding again.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import numpy as np

from rag.encoders.embedding import Matrix
from rag.errors import StoreError
from rag.language.text import tokens
from rag.storage import changes, stories
from rag.storage.changes import Keys, Kind, Mark, Rows, Totals
from rag.storage.migrations import migrate
from rag.storage.prints import prints_of
from rag.storage.rows import article_summary, fine_blob, stored_passage
from rag.storage.sql import statements
from rag.storage.sqlite import Connection, connect
from rag.storage.stories import Stories
from rag.storage.truth import (
    MOST_RETOLD,
    MOST_SAME,
    EmbeddedChunk,
    Known,
    KnownFile,
    Refined,
    StoredPassage,
    rarest,
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
CREATE VIRTUAL TABLE lexical USING fts5(tokens, tokenize = "ascii tokenchars '_'");
CREATE VIRTUAL TABLE lexical_terms USING fts5vocab(lexical, row);
CREATE TRIGGER passages_gone AFTER DELETE ON passages BEGIN DELETE FROM lexical WHERE rowid = old.key; END;
"""
_SCHEMA += changes.SCHEMA + stories.SCHEMA

_PASSAGE = (
    'p.passage_id, p.article_id, p.lang, p.heading, p.kind, p.start, p."end", a.title, a.url, a.author, a.date, '
    'a.file, substr(a.text, p.start + 1, p."end" - p.start) AS text'
)

SELECTIONS = 8  # of filters that are remembered
# How often a frequent term stands in the index is asked anew when so much of it is new.
FREQUENT, NEW_SHARE = 1_000, 0.01
MOST_FREQUENCIES = 50_000  # remembered


class Store:
    """One SQLite file. Each thread has its own connection; writers go one at a time, by SQLite's own lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._all: list[tuple[threading.Thread, Connection]] = []
        self._all_lock = threading.Lock()
        self._selected: dict[tuple[str, Filters, bool], Keys] = {}
        self._frequencies: dict[str, _Frequency] = {}
        self._inode = -1  # of the file that the connections are to
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent} cannot be the data folder: {error}. Choose another: --data-dir") from error
        migrate(path)
        with self.transaction() as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                _create(db, revision=0)
            elif _is_empty_and_old(db):
                _recreate(db)
        self._follow_file()
        self._local.inode = self._inode

    # --- Connections -----------------------------------------------------------------------------------------

    @property
    def _db(self) -> Connection:
        db: Connection | None = getattr(self._local, "db", None)
        if db is None or self._local.inode != self._inode:
            db = connect(self._path)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            self._local.db, self._local.inode = db, self._inode
            self._keep(db)
        return db

    def _follow_file(self) -> None:
        """Turn to the file that is there now, where a rebuild put a damaged one aside while it was open here."""
        try:
            self._inode = self._path.stat().st_ino
        except FileNotFoundError:
            return  # between the one and the other

    def _keep(self, db: Connection) -> None:
        """Keep the connection of this thread, and close those of threads that have ended: a server's come and go."""
        with self._all_lock:
            ended = [one for one in self._all if not one[0].is_alive()]
            for _, other in ended:
                other.close()
            self._all = [one for one in self._all if one not in ended]
            self._all.append((threading.current_thread(), db))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; one writer at a time."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # SQLite itself rolls back where the disk is full
                db.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._all_lock:
            for _, db in self._all:
                db.close()
            self._all.clear()
        self._local = threading.local()

    # --- Stamp and revision ----------------------------------------------------------------------------------

    def stamp(self) -> dict[str, str] | None:
        """What made this index (embedder, dimension, chunker, schema); None before anything is in it."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'stamp'").fetchone()
        return json.loads(row["value"]) if row else None

    def check_stamp(self, expected: dict[str, str]) -> None:
        """Refuse an index that was made otherwise.

        Raises:
            IndexMismatchError: naming what differs and what to run.
        """
        refuse_other(self.stamp(), expected, str(self._path.parent))

    def set_stamp(self, stamp: dict[str, str]) -> None:
        """Say what makes this index."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('stamp', ?)", (json.dumps(stamp),))

    def revision(self) -> int:
        """A number that grows with every change."""
        return self.mark().revision

    def note_ingest(self, done: LastIngest) -> None:
        """Say that an ingest has ended."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('ingest', ?)", (json.dumps(asdict(done)),))

    def last_ingest(self) -> LastIngest | None:
        """When and how the last ingest ended; None before the first, or where only older versions did one."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'ingest'").fetchone()
        return LastIngest(**json.loads(row["value"])) if row else None

    def derived(self) -> int:
        """The revision that the dense index was in line with when its owner last said so; -1 before."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'derived'").fetchone()
        return int(row["value"]) if row else -1

    def set_derived(self, revision: int) -> None:
        """Say that the dense index is in line with a revision, to those who only search it."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('derived', ?)", (str(revision),))

    def contents(self) -> str:
        """Another string whenever articles came, went or changed; a second reading changes nothing."""
        mark = self.mark()
        row = self._db.execute("SELECT value FROM meta WHERE key = 'contents'").fetchone()
        return f"{mark.era}-{row[0]}"

    def mark(self) -> Mark:
        """The point in the log of changes that the index is at."""
        self._follow_file()
        return changes.mark(self._db)

    def changed(self, since: Mark) -> tuple[Mark, set[str], set[str]] | None:
        """The point that the index is at, and the ids of the passages that came and that went since another; None when
        that is too long ago to tell."""
        with self._snapshot() as db:
            now = changes.mark(db)
            return (now, *changes.changed(db, since)) if changes.reaches(now, since) else None

    @contextmanager
    def codes(self, kind: Kind, since: Mark | None) -> Iterator[tuple[Mark, Mark | None, Iterator[Rows]]]:
        """The codes of the vectors of passages that changed since a point, or of all where that is too long ago (then
        the second value is None), and the point that they are of."""
        with self._snapshot() as db:
            now = changes.mark(db)
            reached = since if changes.reaches(now, since) else None
            yield now, reached, changes.codes(db, kind, reached)

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        """All that is read within is of one moment."""
        db = self._db
        db.execute("BEGIN")
        try:
            yield db
        finally:
            db.execute("ROLLBACK")

    # --- Writing ---------------------------------------------------------------------------------------------

    def put(self, article: Article, path: str, root: str, digest: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """Write an article and its passages in place of what is there of its part of the file, in one transaction.

        Its file is in the manifest from now on, as not read to its end: should it never be settled, and the file be
        put back as it was, it must not pass for what is written here.
        """
        passages = (one.chunk.passage for one in chunks)
        prints = prints_of((passage.kind, passage.lang, passage.text) for passage in passages)
        with self.transaction() as db:
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
        """Say that a file was read to its end, and remove the articles that are no longer in it."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(file))
            if db.executemany("DELETE FROM articles WHERE id = ?", [(i,) for i in gone]).rowcount > 0:
                _bump(db)

    def move(self, old: str, new: str, root: str) -> None:
        """A file has another path; its articles keep their ids. It counts as not read until it is settled."""
        with self.transaction() as db:
            db.execute("UPDATE articles SET path = ? WHERE path = ?", (new, old))
            db.execute(
                "UPDATE files SET path = ?, root = ?, sha256 = '', mtime_ns = 0 WHERE path = ?", (new, root, old)
            )
            _bump(db)

    def forget(self, paths: Iterable[str]) -> None:
        """Remove files from the manifest with their articles and all that belongs to those."""
        with self.transaction() as db:
            for path in paths:
                db.execute("DELETE FROM articles WHERE path = ?", (path,))
                db.execute("DELETE FROM files WHERE path = ?", (path,))
            _bump(db)

    def clear(self) -> None:
        """Remove everything, the stamp too."""
        with self.transaction() as db:
            _recreate(db)  # since an index of an older version may have other columns

    def expect_refiner(self, model: str) -> None:
        """Say which fine encoder is in use; what another one made is dropped."""
        with self.transaction() as db:
            row = db.execute("SELECT value FROM meta WHERE key = 'refiner'").fetchone()
            if row is None or row["value"] != model:
                db.execute("UPDATE passages SET refined = NULL WHERE refined IS NOT NULL")
                db.execute("UPDATE codes SET fine = NULL WHERE fine IS NOT NULL")
                db.execute("INSERT OR REPLACE INTO meta VALUES ('refiner', ?)", (model,))
                _bump(db, articles=False)

    def refine(self, found: Mapping[str, Refined]) -> None:
        """Write the fine encoder's vectors of these passages; those that are gone are left out."""
        with self.transaction() as db:
            for passage_id, fine in found.items():
                db.execute("UPDATE passages SET refined = ? WHERE passage_id = ?", (fine_blob(fine), passage_id))
                db.execute(
                    "UPDATE codes SET fine = ? WHERE key = (SELECT key FROM passages WHERE passage_id = ?)",
                    (changes.encode(fine.vector), passage_id),
                )
            _bump(db, articles=False)

    # --- Reading ---------------------------------------------------------------------------------------------

    def files(self) -> list[KnownFile]:
        """Every file that was read, in order of their paths."""
        return [KnownFile(*row) for row in self._db.execute("SELECT * FROM files ORDER BY path")]

    def known(self, *, path: str | None = None, article_id: str | None = None) -> list[Known]:
        """The articles of the index, of a file, or the one with an id."""
        where = {"path = ?": path, "id = ?": article_id}
        chosen = {condition: value for condition, value in where.items() if value is not None}
        sql = "SELECT id, path, part, digest FROM articles WHERE " + " AND ".join(["true", *chosen])
        return [Known(*row) for row in self._db.execute(sql, list(chosen.values()))]

    def count(self) -> tuple[int, int]:
        """Articles and passages."""
        (articles,) = self._db.execute("SELECT count(*) FROM articles").fetchone()
        return int(articles), self._totals().passages

    def refined(self) -> int:
        """How many passages have the fine encoder's vectors."""
        return self._totals().refined

    def _totals(self) -> Totals:
        return changes.totals(self._db)

    def unrefined(self, limit: int) -> list[StoredPassage]:
        """The first passages that the fine encoder has not seen."""
        rows = self._db.execute(
            "SELECT passage_id FROM passages WHERE refined IS NULL ORDER BY key LIMIT ?", (limit,)
        ).fetchall()
        return self.load(row["passage_id"] for row in rows)

    def languages(self) -> dict[str, int]:
        """How many passages each language has."""
        return self._totals().langs

    def summaries(self, article_id: str | None = None) -> list[ArticleSummary]:
        """All articles, or one, newest first, those without a date last."""
        where, values = ("WHERE a.id = ? ", (article_id,)) if article_id is not None else ("", ())
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
            "GROUP BY a.id ORDER BY a.date IS NULL, a.date DESC, a.title",
            values,
        )
        return [article_summary(row) for row in rows]

    def same_as(self, article_id: str) -> tuple[str, ...]:
        """The ids of the other articles that tell the same in nearly the same words."""
        return Stories(self._db).same_as(article_id)

    def stories_of(self, ids: Iterable[str]) -> dict[str, tuple[int, str]]:
        """Those of these passages that are of a story which several articles tell, with the story and the article."""
        return Stories(self._db).of(ids)

    def retold(self, article_id: str, lang: Lang, filters: Filters, *, include_qa: bool) -> list[Passage]:
        """What may be used of the other articles that tell the same: those with a link first, the newest first."""
        where, values = _where(filters, include_qa=include_qa)
        rows = self._db.execute(
            f"SELECT {_PASSAGE} FROM stories own JOIN stories other ON other.story = own.story "
            "JOIN articles a ON a.id = other.article_id JOIN passages p ON p.article_id = a.id "
            f"WHERE {' AND '.join(['own.article_id = ?', 'a.id <> own.article_id', 'p.lang = ?', *where])} "
            "ORDER BY a.url IS NULL, a.date DESC, p.key LIMIT ?",
            [article_id, lang, *values, MOST_RETOLD],
        )
        return [Passage(**dict(zip(row.keys(), row, strict=True))) for row in rows]

    def text(self, article_id: str) -> str | None:
        """The whole text of an article, into which all offsets point."""
        row = self._db.execute("SELECT text FROM articles WHERE id = ?", (article_id,)).fetchone()
        return row["text"] if row else None

    def select(self, filters: Filters, *, include_qa: bool) -> Keys | None:
        """The keys of the passages that may be used; None when nothing restricts."""
        where, values = _where(filters, include_qa=include_qa)
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
        """The ids of the passages with these keys; those that are gone are left out."""
        rows = self._db.execute(
            "SELECT key, passage_id FROM passages WHERE key IN (SELECT value FROM json_each(?))",
            (json.dumps(list(keys)),),
        )
        return {row[0]: row[1] for row in rows}

    def passage_ids(self, article_id: str | None = None) -> set[str]:
        """The ids of all passages, or of an article's."""
        where, values = (" WHERE article_id = ?", (article_id,)) if article_id is not None else ("", ())
        return {row[0] for row in self._db.execute(f"SELECT passage_id FROM passages{where}", values)}

    def vectors(self, ids: Sequence[str] | None = None) -> tuple[list[str], Matrix]:
        """Passage vectors with their ids, all of them when ``ids`` is None: shape (passages, dimensions)."""
        sql = "SELECT passage_id, vector FROM passages"
        if ids is not None:
            sql += " WHERE passage_id IN (SELECT value FROM json_each(?))"
        rows = self._db.execute(sql + " ORDER BY key", () if ids is None else (json.dumps(list(ids)),)).fetchall()
        if not rows:
            return [], np.zeros((0, 0), dtype=np.float32)
        matrix = np.frombuffer(b"".join(row["vector"] for row in rows), dtype=np.float32).reshape(len(rows), -1)
        return [row["passage_id"] for row in rows], matrix

    def refined_vectors(self) -> tuple[list[str], Matrix]:
        """The fine encoder's passage vectors with their ids: shape (refined passages, dimensions)."""
        rows = self._db.execute(
            "SELECT passage_id, substr(refined, 1, length(refined) / (1 + json_array_length(unit_of) "
            "+ json_array_length(sentences))) AS vector FROM passages WHERE refined IS NOT NULL ORDER BY key"
        ).fetchall()
        if not rows:
            return [], np.zeros((0, 0), dtype=np.float32)
        matrix = np.frombuffer(b"".join(row["vector"] for row in rows), dtype=np.float16).reshape(len(rows), -1)
        return [row["passage_id"] for row in rows], matrix.astype(np.float32)

    def lexical(self, terms: Sequence[str], limit: int, keys: Keys | None = None) -> list[str]:
        """The ids of the passages that hold these tokens best by BM25, best first, among those with these keys."""
        searched = rarest(self.document_frequency(terms))
        if not searched or (keys is not None and not len(keys)):
            return []
        wanted = limit if keys is None else self._widened(limit, keys)
        sql = "SELECT rowid FROM lexical WHERE lexical MATCH ? ORDER BY rank LIMIT ?"
        match = " OR ".join(f'"{term}"' for term in searched)
        while True:
            rows = [row[0] for row in self._db.execute(sql, (match, wanted))]
            found = rows if keys is None else [key for key in rows if _holds(keys, key)]
            if len(found) >= limit or len(rows) < wanted:
                break
            wanted *= 8
        ids = self.ids(found[:limit])
        return [ids[key] for key in found[:limit] if key in ids]

    def _widened(self, limit: int, keys: Keys) -> int:
        """How many must be found for so many to be among these keys, if they are spread evenly."""
        return 2 * limit * (1 + self._totals().passages // len(keys))

    def document_frequency(self, terms: Iterable[str]) -> dict[str, int]:
        """In how many passages each token stands; absent when in none. Of a token that stands in many this may be of
        a moment ago."""
        contents, passages = self.contents(), self._totals().passages
        known = self._frequencies
        found, asked = {}, []
        for term in terms:
            before = known.get(term)
            if before is not None and before.is_good(contents, passages):
                found[term] = before.passages
            else:
                asked.append(term)
        rows = self._db.execute(  # FTS5 counts by reading where the token stands: long for a frequent one
            "SELECT term, doc FROM lexical_terms WHERE term IN (SELECT value FROM json_each(?))",
            (json.dumps(asked, ensure_ascii=False),),
        ).fetchall()
        fresh = {row[0]: _Frequency(row[1], contents, passages) for row in rows}
        if len(known) > MOST_FREQUENCIES:
            known = {}
        self._frequencies = known | {term: one for term, one in fresh.items() if one.passages >= FREQUENT}
        found |= {term: one.passages for term, one in fresh.items()}
        return found

    def mean_length(self) -> float:
        """The mean number of tokens of a passage; 1 when there is none."""
        totals = self._totals()
        return totals.tokens / totals.passages if totals.passages else 1.0

    def load(self, ids: Iterable[str]) -> list[StoredPassage]:
        """Passages with all that ranking needs; ids that are gone are left out."""
        rows = self._db.execute(
            'SELECT p.*, substr(a.text, p.start + 1, p."end" - p.start) AS text, a.title, a.url, a.author, a.date, '
            "a.file, l.tokens FROM passages p JOIN articles a ON a.id = p.article_id JOIN lexical l ON l.rowid = p.key "
            "WHERE p.passage_id IN (SELECT value FROM json_each(?)) ORDER BY p.key",
            (json.dumps(list(ids)),),
        )
        return [stored_passage(row) for row in rows]


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


def _where(filters: Filters, *, include_qa: bool) -> tuple[list[str], list[object]]:
    """Conditions on passages ``p`` with their values."""
    where: list[str] = [] if include_qa else ["p.kind <> 'qa'"]
    values: list[object] = []
    if filters.lang:
        where.append("p.lang IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(filters.lang)))
    of_articles, article_values = _of_articles(filters)
    if of_articles:
        where.append(f"p.article_id IN (SELECT a.id FROM articles a WHERE {' AND '.join(of_articles)})")
        values += article_values
    return where, values


def _of_articles(filters: Filters) -> tuple[list[str], list[object]]:
    where: list[str] = []
    values: list[object] = []
    for column, allowed in (("a.author", filters.authors), ("a.id", filters.article_ids)):
        if allowed:
            where.append(f"{column} IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(allowed), ensure_ascii=False))
    if filters.tags:
        where.append("a.id IN (SELECT article_id FROM tags WHERE tag IN (SELECT value FROM json_each(?)))")
        values.append(json.dumps(list(filters.tags), ensure_ascii=False))
    for bound, sign in ((filters.date_from, ">="), (filters.date_to, "<=")):
        if bound:  # an article without a date is in no range
            where.append(f"a.date {sign} ?")
            values.append(bound)
    return where, values
