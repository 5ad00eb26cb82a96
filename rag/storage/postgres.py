"""The truth in PostgreSQL, for several machines: what ``store.py`` is for one.

Writers go one at a time, by a lock on the row of totals; readers see what was there before, and are never blocked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
from psycopg import Connection
from psycopg.rows import DictRow, tuple_row

from rag.encoders.embedding import Matrix
from rag.errors import DatabaseError
from rag.storage import postgres_tables as tables
from rag.storage.changes import Keys, Kind, Mark, Rows, encode, reaches
from rag.storage.database import Asked, Database
from rag.storage.postgres_writing import Change, insert, remove, replace_file, set_meta
from rag.storage.prints import prints_of
from rag.storage.rows import article_summary, fine_blob, stored_passage
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
    rarest,
    refuse_other,
)
from rag.types import Article, ArticleSummary, Filters, Lang, LastIngest, Passage

SELECTIONS = 8  # of filters that are remembered
AT_ONCE = 1000  # rows fetched at a time, where there may be a million


class PostgresStore:
    """See ``Truth``. Its tables begin with ``rag_`` and are made in the first schema of the search path."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._selected: dict[tuple[str, Filters, bool], Keys] = {}
        database.open()
        with database.transaction() as db:
            encoding = db.execute("SHOW server_encoding").fetchone()
            if encoding and encoding["server_encoding"] != "UTF8":
                raise DatabaseError(
                    f"the database at {database.where} is encoded in {encoding['server_encoding']}, which has no room "
                    "for all texts; make one with CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"
                )
            # Two processes may start at once.
            db.execute("SELECT pg_advisory_xact_lock(hashtextextended('ask-the-articles tables', 0))")
            if not tables.exist(db):
                tables.create(db)

    def close(self) -> None:
        """See Truth."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[tuple[Connection[DictRow], Change]]:
        """All or nothing; one writer at a time. What is said of the change goes into the totals at its end."""
        with self._database.transaction() as db:
            before = db.execute("SELECT revision FROM rag_totals FOR UPDATE").fetchone()
            assert before is not None
            change = Change(before["revision"] + 1)
            yield db, change
            if change.contents or change.reading:
                db.execute(
                    "UPDATE rag_totals SET revision = %s, contents = contents + %s, articles = articles + %s, "
                    "passages = passages + %s, refined = refined + %s, tokens = tokens + %s",
                    (
                        *(change.revision, int(change.contents), change.articles),
                        *(sum(change.langs.values()), change.refined, change.tokens),
                    ),
                )
                db.cursor().executemany(
                    "INSERT INTO rag_langs VALUES (%s, %s) "
                    "ON CONFLICT (lang) DO UPDATE SET passages = rag_langs.passages + EXCLUDED.passages",
                    list(change.langs.items()),
                )

    # --- Stamp and revision ----------------------------------------------------------------------------------

    def stamp(self) -> dict[str, str] | None:
        """See Truth."""
        found = self._one("SELECT value AS it FROM rag_meta WHERE key = 'stamp'")
        return json.loads(found) if found else None

    def check_stamp(self, expected: dict[str, str]) -> None:
        """See Truth."""
        refuse_other(self.stamp(), expected, self._database.where)

    def set_stamp(self, stamp: dict[str, str]) -> None:
        """See Truth."""
        with self.transaction() as (db, _):
            set_meta(db, "stamp", json.dumps(stamp))

    def revision(self) -> int:
        """See Truth."""
        return int(self._one("SELECT revision AS it FROM rag_totals"))

    def contents(self) -> str:
        """See Truth."""
        return str(self._one("SELECT era || '-' || contents AS it FROM rag_totals"))

    def mark(self) -> Mark:
        """See Truth."""
        with self._database.connection() as db:
            return tables.mark(db)

    def changed(self, since: Mark) -> tuple[Mark, set[str], set[str]] | None:
        """See Truth."""
        with self._database.snapshot() as db:
            now = tables.mark(db)
            return (now, *tables.changed(db, since)) if reaches(now, since) else None

    @contextmanager
    def codes(self, kind: Kind, since: Mark | None) -> Iterator[tuple[Mark, Mark | None, Iterator[Rows]]]:
        """See Truth."""
        with self._database.snapshot() as db:
            now = tables.mark(db)
            reached = since if reaches(now, since) else None
            yield now, reached, tables.codes(db, kind, reached)

    def note_ingest(self, done: LastIngest) -> None:
        """See Truth."""
        with self._database.connection() as db:
            set_meta(db, "ingest", json.dumps(asdict(done)))

    def last_ingest(self) -> LastIngest | None:
        """See Truth."""
        found = self._one("SELECT value AS it FROM rag_meta WHERE key = 'ingest'")
        return LastIngest(**json.loads(found)) if found else None

    def derived(self) -> int:
        """See Truth."""
        return int(self._one("SELECT value AS it FROM rag_meta WHERE key = 'derived'") or -1)

    def set_derived(self, revision: int) -> None:
        """See Truth."""
        with self._database.connection() as db:
            set_meta(db, "derived", str(revision))

    # --- Writing ---------------------------------------------------------------------------------------------

    def put(self, article: Article, path: str, root: str, digest: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """See Truth."""
        passages = (one.chunk.passage for one in chunks)
        prints = prints_of((passage.kind, passage.lang, passage.text) for passage in passages)
        with self.transaction() as (db, change):
            replace_file(db, KnownFile(path, root, -1, 0, 0, "", ""))
            remove(db, change, "(path = %s AND part = %s) OR id = %s", (path, article.part, article.id))
            db.execute(
                "INSERT INTO rag_articles VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    *(article.id, path, article.part, digest, article.file),
                    *(article.title, article.url, article.author, article.date, article.description),
                    *(json.dumps(article.langs), sum(len(s.qa) for s in article.sections)),
                    *(json.dumps([str(warning) for warning in article.warnings]), list(article.tags)),
                    *(len(article.text), article.text),
                ),
            )
            change.articles += 1
            insert(db, change, chunks)
            _stories(db).enter(article.id, prints)

    def settle(self, file: KnownFile, gone: Iterable[str] = ()) -> None:
        """See Truth."""
        with self.transaction() as (db, change):
            replace_file(db, file)
            remove(db, change, "id = ANY(%s)", (list(gone),))

    def move(self, old: str, new: str, root: str) -> None:
        """See Truth."""
        with self.transaction() as (db, change):
            db.execute("UPDATE rag_articles SET path = %s WHERE path = %s", (new, old))
            db.execute(
                "UPDATE rag_files SET path = %s, root = %s, sha256 = '', mtime_ns = 0 WHERE path = %s", (new, root, old)
            )
            change.contents = True

    def forget(self, paths: Iterable[str]) -> None:
        """See Truth."""
        with self.transaction() as (db, change):
            chosen = list(paths)
            remove(db, change, "path = ANY(%s)", (chosen,))
            db.execute("DELETE FROM rag_files WHERE path = ANY(%s)", (chosen,))
            change.contents = True

    def clear(self) -> None:
        """See Truth."""
        self.start_over([])

    def start_over(self, roots: Sequence[str]) -> None:
        """Remove everything, and note the folders that are to be read anew, until that is done."""
        with self._database.transaction() as db:
            row = db.execute("SELECT revision FROM rag_totals FOR UPDATE").fetchone()
            before = db.execute("SELECT value FROM rag_meta WHERE key = 'rebuilding'").fetchone()
            tables.drop(db)
            tables.create(db, revision=int(row["revision"]) + 1 if row else 0)
            every = [*dict.fromkeys([*(json.loads(before["value"]) if before else []), *roots])]
            if every:
                set_meta(db, "rebuilding", json.dumps(every))

    def expect_refiner(self, model: str) -> None:
        """See Truth."""
        with self.transaction() as (db, change):
            found = db.execute("SELECT value FROM rag_meta WHERE key = 'refiner'").fetchone()
            if found is None or found["value"] != model:
                change.refined = -db.execute(
                    "UPDATE rag_passages SET refined = NULL WHERE refined IS NOT NULL"
                ).rowcount
                db.execute("UPDATE rag_codes SET fine = NULL WHERE fine IS NOT NULL")
                # So many changes are not worth a log: whoever followed it begins anew.
                db.execute("UPDATE rag_totals SET era = gen_random_uuid()::text")
                set_meta(db, "refiner", model)
                change.reading = True

    def refine(self, found: Mapping[str, Refined]) -> None:
        """See Truth."""
        with self.transaction() as (db, change):
            there = db.execute(
                "SELECT key, passage_id, refined IS NULL AS new FROM rag_passages WHERE passage_id = ANY(%s)",
                (list(found),),
            ).fetchall()
            read = [(found[row["passage_id"]], row["key"]) for row in there]
            db.cursor().executemany(
                "UPDATE rag_passages SET refined = %b WHERE key = %s", [(fine_blob(fine), key) for fine, key in read]
            )
            db.cursor().executemany(
                "UPDATE rag_codes SET fine = %b WHERE key = %s", [(encode(fine.vector), key) for fine, key in read]
            )
            tables.note(db, change.revision, [(row["key"], row["passage_id"]) for row in there], refined=True)
            change.refined = sum(row["new"] for row in there)
            change.reading = True

    # --- Reading ---------------------------------------------------------------------------------------------

    def files(self) -> list[KnownFile]:
        """See Truth."""
        return [KnownFile(**row) for row in self._all("SELECT * FROM rag_files ORDER BY path")]

    def known(self, *, path: str | None = None, article_id: str | None = None) -> list[Known]:
        """See Truth."""
        rows = self._all(
            "SELECT id, path, part, digest FROM rag_articles "
            "WHERE (%(path)s::text IS NULL OR path = %(path)s) AND (%(id)s::text IS NULL OR id = %(id)s)",
            {"path": path, "id": article_id},
        )
        return [Known(**row) for row in rows]

    def count(self) -> tuple[int, int]:
        """See Truth."""
        (row,) = self._all("SELECT articles, passages FROM rag_totals")
        return row["articles"], row["passages"]

    def refined(self) -> int:
        """See Truth."""
        return int(self._one("SELECT refined AS it FROM rag_totals"))

    def unrefined(self, limit: int) -> list[StoredPassage]:
        """See Truth."""
        sql = "SELECT passage_id FROM rag_passages WHERE refined IS NULL ORDER BY key LIMIT %s"
        return self.load([row["passage_id"] for row in self._all(sql, (limit,))])

    def languages(self) -> dict[str, int]:
        """See Truth."""
        rows = self._all("SELECT lang, passages FROM rag_langs WHERE passages > 0 ORDER BY lang")
        return {row["lang"]: row["passages"] for row in rows}

    def summaries(self, ids: Iterable[str] | None = None) -> list[ArticleSummary]:
        """See Truth."""
        rows = self._all(
            "SELECT id, file, title, url, author, date, description, langs, qa_pairs, characters, "
            "(SELECT count(*) FROM rag_passages WHERE article_id = a.id) AS passages, to_json(tags)::text AS tags, "
            "(SELECT story FROM rag_stories WHERE article_id = a.id) AS story, "
            "to_json(ARRAY(SELECT other.article_id FROM rag_stories own JOIN rag_stories other "
            "ON other.story = own.story AND other.article_id <> a.id WHERE own.article_id = a.id ORDER BY "
            f"(SELECT min(key) FROM rag_prints WHERE article_id = other.article_id) LIMIT {MOST_SAME}))::text "
            "AS same_as "
            "FROM rag_articles a WHERE %(ids)s::text[] IS NULL OR id = ANY(%(ids)s)",
            {"ids": None if ids is None else list(ids)},
        )
        return [article_summary(row) for row in rows]

    def relisted(self, since: Mark) -> Relisted | None:
        """See Truth."""
        with self._database.snapshot() as db:
            now = tables.mark(db)
            if not reaches(now, since):
                return None
            ids = {row["id"] for row in db.execute("SELECT id FROM rag_articles")}
            return Relisted(now, ids, tables.changed_articles(db, since))

    def same_as(self, article_id: str) -> tuple[str, ...]:
        """See Truth."""
        with self._database.connection() as db:
            return _stories(db).same_as(article_id)

    def stories_of(self, ids: Iterable[str]) -> dict[str, tuple[int, str]]:
        """See Truth."""
        with self._database.connection() as db:
            return _stories(db).of(ids)

    def retold(self, article_id: str, lang: Lang, filters: Filters, *, include_qa: bool) -> list[Passage]:
        """See Truth."""
        where, values = _where(filters, include_qa=include_qa)
        rows = self._all(
            'SELECT p.passage_id, p.article_id, p.lang, p.heading, p.kind, p.start, p."end", p.text, a.title, a.url, '
            "a.author, a.date, a.file FROM rag_stories own JOIN rag_stories other ON other.story = own.story "
            "JOIN rag_articles a ON a.id = other.article_id JOIN rag_passages p ON p.article_id = a.id WHERE "
            f"{' AND '.join(['own.article_id = %s', 'a.id <> own.article_id', 'p.lang = %s', *where])} "
            "ORDER BY a.url IS NULL, a.date DESC NULLS LAST, p.key LIMIT %s",
            [article_id, lang, *values, MOST_RETOLD],
        )
        return [Passage(**row) for row in rows]

    def text(self, article_id: str) -> str | None:
        """See Truth."""
        found = self._one("SELECT text AS it FROM rag_articles WHERE id = %s", (article_id,))
        return None if found is None else str(found)

    def select(self, filters: Filters, *, include_qa: bool) -> Keys | None:
        """See Truth."""
        where, values = _where(filters, include_qa=include_qa)
        if not where:
            return None
        chosen = (self.contents(), filters, include_qa)
        keys = self._selected.get(chosen)
        if keys is None:
            sql = "SELECT p.key FROM rag_passages p JOIN rag_articles a ON a.id = p.article_id WHERE "
            rows = self._all(f"{sql}{' AND '.join(where)} ORDER BY p.key", values)
            keys = np.fromiter((row["key"] for row in rows), dtype=np.int64)
            kept = {one: found for one, found in self._selected.items() if one[0] == chosen[0]}
            self._selected = dict(list(kept.items())[1 - SELECTIONS :]) | {chosen: keys}
        return keys

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """See Truth."""
        rows = self._all("SELECT key, passage_id FROM rag_passages WHERE key = ANY(%s)", (list(keys),))
        return {row["key"]: row["passage_id"] for row in rows}

    def passage_ids(self, article_id: str | None = None) -> set[str]:
        """See Truth."""
        sql = "SELECT passage_id FROM rag_passages WHERE %(id)s::text IS NULL OR article_id = %(id)s"
        return {row["passage_id"] for row in self._all(sql, {"id": article_id})}

    def vectors(self, ids: Sequence[str] | None = None) -> tuple[list[str], Matrix]:
        """See Truth."""
        sql = "SELECT passage_id, vector FROM rag_passages"
        if ids is not None:
            sql += " WHERE passage_id = ANY(%s)"
        found, matrix = self._matrix(f"{sql} ORDER BY key", None if ids is None else (list(ids),), np.float32)
        return found, matrix

    def refined_vectors(self) -> tuple[list[str], Matrix]:
        """See Truth."""
        size = "length(refined) / (1 + json_array_length(unit_of::json) + json_array_length(sentences::json))"
        first = f"substr(refined, 1, {size})"
        sql = f"SELECT passage_id, {first} FROM rag_passages WHERE refined IS NOT NULL ORDER BY key"
        found, matrix = self._matrix(sql, None, np.float16)
        return found, matrix.astype(np.float32)

    def lexical(self, terms: Sequence[str], limit: int, keys: Keys | None = None) -> list[str]:
        """See Truth."""
        searched = rarest(self.document_frequency(terms))
        if not searched or (keys is not None and not len(keys)):
            return []
        with self._database.connection() as db:
            return tables.best(db, searched, limit, None if keys is None else keys.tolist())

    def document_frequency(self, terms: Iterable[str]) -> dict[str, int]:
        """See Truth."""
        sql = "SELECT term, passages FROM rag_terms WHERE term = ANY(%s) AND passages > 0"
        return {row["term"]: row["passages"] for row in self._all(sql, (list(terms),))}

    def mean_length(self) -> float:
        """See Truth."""
        return float(self._one("SELECT tokens::float8 / passages AS it FROM rag_totals WHERE passages > 0") or 1.0)

    def load(self, ids: Iterable[str]) -> list[StoredPassage]:
        """See Truth."""
        rows = self._all(
            "SELECT p.*, a.title, a.url, a.author, a.date, a.file FROM rag_passages p "
            "JOIN rag_articles a ON a.id = p.article_id WHERE p.passage_id = ANY(%s) ORDER BY p.key",
            (list(ids),),
        )
        return [stored_passage(row) for row in rows]

    def _all(self, sql: str, values: Sequence[object] | Mapping[str, object] | None = None) -> list[DictRow]:
        with self._database.connection() as db:
            return db.execute(sql.encode(), values, binary=True).fetchall()

    def _one(self, sql: str, values: Sequence[object] | None = None) -> Any:
        rows = self._all(sql, values)
        return rows[0]["it"] if rows else None

    def _matrix(
        self, sql: str, values: Sequence[object] | None, of: type[np.floating[Any]]
    ) -> tuple[list[str], Matrix]:
        """Ids and vectors, which go into the matrix as they come: there may be gigabytes of them."""
        ids: list[str] = []
        parts: list[bytes] = []
        with (
            self._database.transaction() as db,
            db.cursor("vectors", row_factory=tuple_row) as cursor,
        ):
            cursor.itersize = AT_ONCE
            cursor.execute(sql.encode(), values, binary=True)
            while rows := cursor.fetchmany(AT_ONCE):
                ids += [row[0] for row in rows]
                parts.append(b"".join(row[1] for row in rows))
        if not ids:
            return [], np.zeros((0, 0), dtype=np.float32)
        return ids, np.frombuffer(b"".join(parts), dtype=of).reshape(len(ids), -1)


def _stories(db: Connection[DictRow]) -> Stories:
    return Stories(Asked(db), "rag_")


def _where(filters: Filters, *, include_qa: bool) -> tuple[list[str], list[object]]:
    where: list[str] = [] if include_qa else ["p.kind <> 'qa'"]
    values: list[object] = []
    for condition, allowed in (
        ("p.lang = ANY(%s)", filters.lang),
        ("a.author = ANY(%s)", filters.authors),
        ("a.id = ANY(%s)", filters.article_ids),
        ("a.tags && %s", filters.tags),
    ):
        if allowed:
            where.append(condition)
            values.append(list(allowed))
    for bound, sign in ((filters.date_from, ">="), (filters.date_to, "<=")):
        if bound:  # an article without a date is in no range
            where.append(f"a.date {sign} %s")
            values.append(bound)
    return where, values
