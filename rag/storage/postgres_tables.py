"""The tables of the truth in PostgreSQL, and its lexical index: postings, ranked as SQLite's FTS5 ranks.

A posting says how often a token stands in a passage, and how long that is, so that BM25 is worked out from an index
alone. What would take a pass over a table, such as how many passages there are, is kept in one row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from psycopg import Connection
from psycopg.rows import DictRow, tuple_row

from rag.storage.changes import BLOCK, KEPT, Kind, Mark, Rows, encode
from rag.storage.truth import EmbeddedChunk

TABLES = (
    *("totals", "langs", "meta", "files", "articles", "passages", "codes", "changes", "terms", "postings"),
    *("prints", "bands", "stories"),
)
_SCHEMA = """
-- An era ends when the tables are made anew: what a reader knows of one says nothing about the next.
CREATE TABLE rag_totals (
  era text NOT NULL, revision bigint NOT NULL, contents bigint NOT NULL, articles bigint NOT NULL,
  passages bigint NOT NULL, refined bigint NOT NULL, tokens bigint NOT NULL
);
CREATE TABLE rag_langs (lang text PRIMARY KEY, passages bigint NOT NULL);
CREATE TABLE rag_meta (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE rag_files (
  path text COLLATE "C" PRIMARY KEY, root text NOT NULL, size bigint NOT NULL, mtime_ns bigint NOT NULL,
  checked_ns bigint NOT NULL, sha256 text NOT NULL, reader text NOT NULL, failure text, detail text NOT NULL
);
CREATE TABLE rag_articles (
  id text COLLATE "C" PRIMARY KEY, path text COLLATE "C" NOT NULL, part text COLLATE "C" NOT NULL,
  digest text NOT NULL, file text NOT NULL, title text COLLATE "C" NOT NULL, url text, author text,
  date text COLLATE "C", description text, langs text NOT NULL, qa_pairs integer NOT NULL, warnings text NOT NULL,
  tags text[] NOT NULL, characters integer NOT NULL, text text NOT NULL, UNIQUE (path, part)
);
CREATE INDEX ON rag_articles USING gin (tags);
CREATE TABLE rag_passages (
  key integer PRIMARY KEY, passage_id text COLLATE "C" UNIQUE NOT NULL,
  article_id text COLLATE "C" NOT NULL REFERENCES rag_articles(id), lang text NOT NULL, heading text,
  kind text NOT NULL, start integer NOT NULL, "end" integer NOT NULL, text text NOT NULL,
  vector bytea NOT NULL, sentences text NOT NULL, units bytea NOT NULL,
  unit_of text NOT NULL, tokens text NOT NULL, refined bytea
);
CREATE SEQUENCE rag_passage_keys AS integer OWNED BY rag_passages.key;
CREATE INDEX ON rag_passages (article_id);
CREATE INDEX ON rag_passages (key) WHERE refined IS NULL;
CREATE TABLE rag_codes (key integer PRIMARY KEY, embedder bytea NOT NULL, fine bytea);
CREATE TABLE rag_changes (
  revision bigint NOT NULL, key integer NOT NULL, passage_id text NOT NULL, refined boolean NOT NULL
);
CREATE INDEX ON rag_changes (revision, key);
CREATE TABLE rag_terms (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, term text COLLATE "C" UNIQUE NOT NULL, passages integer NOT NULL
) WITH (fillfactor = 70);
CREATE TABLE rag_postings (
  term integer NOT NULL, passage integer NOT NULL, times smallint NOT NULL, length smallint NOT NULL
);
CREATE INDEX ON rag_postings (term, passage) INCLUDE (times, length);
CREATE TABLE rag_prints (
  key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  article_id text COLLATE "C" NOT NULL REFERENCES rag_articles(id) ON DELETE CASCADE, lang text NOT NULL,
  minhash bytea NOT NULL, numbers text NOT NULL
);
CREATE INDEX ON rag_prints (article_id);
CREATE TABLE rag_bands (
  band integer NOT NULL, print integer NOT NULL REFERENCES rag_prints(key) ON DELETE CASCADE, PRIMARY KEY (band, print)
);
CREATE INDEX ON rag_bands (print);
CREATE TABLE rag_stories (
  article_id text COLLATE "C" PRIMARY KEY REFERENCES rag_articles(id) ON DELETE CASCADE, story integer NOT NULL
);
CREATE INDEX ON rag_stories (story);
-- Vectors do not get smaller by compression, and to try takes time.
ALTER TABLE rag_passages ALTER vector SET STORAGE EXTERNAL, ALTER units SET STORAGE EXTERNAL,
  ALTER refined SET STORAGE EXTERNAL;
-- Of what grows with every passage the statistics and the visibility map must not grow old.
ALTER TABLE rag_postings SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
"""

MOST = 32_000  # what a column for lengths and times can hold; no passage is as long

# Okapi BM25 with the constants, and the floor for words that stand in every other passage, of SQLite's bm25().
_BEST = """
WITH totals AS (SELECT passages AS n, tokens::float8 / greatest(passages, 1) AS mean FROM rag_totals),
asked AS (
  SELECT id, greatest(ln((n - passages + 0.5::float8) / (passages + 0.5::float8)), 1e-6) AS weight
  FROM rag_terms, totals WHERE term = ANY(%(terms)s) AND passages > 0
)
SELECT passage_id FROM (
  SELECT p.passage, sum(weight * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * length / mean))) AS score
  FROM asked JOIN rag_postings p ON p.term = asked.id, totals
  WHERE %(keys)s::integer[] IS NULL OR p.passage = ANY(%(keys)s)
  GROUP BY p.passage ORDER BY score DESC, p.passage LIMIT %(limit)s
) best JOIN rag_passages ON key = best.passage ORDER BY score DESC, key
"""
_FORGET = """
WITH said AS (
  SELECT DISTINCT t.id, p.key FROM rag_passages p, unnest(string_to_array(p.tokens, ' ')) word
  JOIN rag_terms t ON t.term = word WHERE p.key = ANY(%(keys)s)
), gone AS (
  DELETE FROM rag_postings USING said WHERE term = said.id AND passage = said.key RETURNING term
)
UPDATE rag_terms SET passages = passages - g.many
FROM (SELECT term, count(*) AS many FROM gone GROUP BY term) g WHERE id = g.term
"""


def exist(db: Connection[DictRow]) -> bool:
    """Whether the tables are there."""
    found = db.execute("SELECT to_regclass(current_schema() || '.rag_totals') IS NOT NULL AS it").fetchone()
    return bool(found and found["it"])


def create(db: Connection[DictRow], *, revision: int = 0) -> None:
    """Make the tables, empty."""
    db.execute(_SCHEMA.encode())
    db.execute("INSERT INTO rag_totals VALUES (gen_random_uuid()::text, %s, 0, 0, 0, 0, 0)", (revision,))


def drop(db: Connection[DictRow]) -> None:
    """Remove them, whatever columns those of an older version have."""
    db.execute(f"DROP TABLE IF EXISTS {', '.join(f'rag_{name}' for name in TABLES)} CASCADE".encode())


def best(db: Connection[DictRow], terms: Sequence[str], limit: int, keys: Sequence[int] | None) -> list[str]:
    """The ids of the passages that hold these tokens best, best first, among those with these keys when given."""
    found = db.execute(_BEST, {"terms": list(terms), "limit": limit, "keys": keys})
    return [row["passage_id"] for row in found]


def index(db: Connection[DictRow], passages: dict[int, list[str]]) -> None:
    """Make the tokens of new passages, by their keys, found."""
    counted = {key: Counter(tokens) for key, tokens in passages.items()}
    holding = Counter(term for counts in counted.values() for term in counts)
    rows = db.execute(
        "INSERT INTO rag_terms (term, passages) SELECT * FROM unnest(%s::text[], %s::integer[]) "
        "ON CONFLICT (term) DO UPDATE SET passages = rag_terms.passages + EXCLUDED.passages RETURNING id, term",
        (list(holding), list(holding.values())),
    )
    ids = {row["term"]: row["id"] for row in rows}
    with db.cursor().copy("COPY rag_postings FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "int4", "int2", "int2"])
        for key, counts in counted.items():
            length = min(counts.total(), MOST)
            for term, times in counts.items():
                copy.write_row((ids[term], key, min(times, MOST), length))


def forget(db: Connection[DictRow], keys: Sequence[int]) -> None:
    """Passages that are about to go are no longer found."""
    db.execute(_FORGET, {"keys": list(keys)})


# --- The log of changes, and the codes of vectors ----------------------------------------------------------


def mark(db: Connection[DictRow]) -> Mark:
    """The point that everything read in the same transaction is of."""
    row = db.execute("SELECT era, revision FROM rag_totals").fetchone()
    assert row is not None
    return Mark(row["era"], row["revision"])


def changed(db: Connection[DictRow], since: Mark) -> tuple[set[str], set[str]]:
    """The ids of the passages that came and that went since then; of one that did both, how it ended."""
    rows = db.execute(
        "SELECT DISTINCT c.passage_id, p.key IS NOT NULL AS there FROM rag_changes c "
        "LEFT JOIN rag_passages p USING (passage_id) WHERE c.revision > %s AND NOT c.refined",
        (since.revision,),
    ).fetchall()
    came = {row["passage_id"] for row in rows if row["there"]}
    return came, {row["passage_id"] for row in rows} - came


def changed_articles(db: Connection[DictRow], since: Mark) -> set[str]:
    """The ids of the articles that came or changed since then: each change writes all passages of an article anew."""
    rows = db.execute(
        "SELECT DISTINCT p.article_id FROM rag_changes c JOIN rag_passages p ON p.key = c.key "
        "WHERE c.revision > %s AND NOT c.refined",
        (since.revision,),
    )
    return {row["article_id"] for row in rows}


def codes(db: Connection[DictRow], kind: Kind, since: Mark | None) -> Iterator[Rows]:
    """The codes of all passages, or of those that changed since then, block by block, keys ascending."""
    sql = f"SELECT key, {kind} FROM rag_codes ORDER BY key"
    if since is not None:
        sql = (
            f"SELECT key, {kind} FROM (SELECT DISTINCT key FROM rag_changes WHERE revision > %s) c "
            "LEFT JOIN rag_codes USING (key) ORDER BY key"
        )
    with db.cursor("codes", row_factory=tuple_row) as cursor:
        cursor.itersize = BLOCK
        cursor.execute(sql.encode(), () if since is None else (since.revision,), binary=True)
        while block := cursor.fetchmany(BLOCK):
            yield block


def note(db: Connection[DictRow], revision: int, passages: Sequence[tuple[int, str]], *, refined: bool = False) -> None:
    """Write into the log, of a revision to be, which passages came, went or were read a second time."""
    db.cursor().executemany(
        "INSERT INTO rag_changes VALUES (%s, %s, %s, %s)", [(revision, *passage, refined) for passage in passages]
    )
    db.execute("DELETE FROM rag_changes WHERE revision <= %s", (revision - KEPT,))


def encoded(db: Connection[DictRow], passages: dict[int, EmbeddedChunk]) -> None:
    """Write the codes of new passages."""
    db.cursor().executemany(
        "INSERT INTO rag_codes VALUES (%s, %b, %b)",
        [
            (key, encode(one.vector), encode(one.refined.vector) if one.refined else None)
            for key, one in passages.items()
        ],
    )
