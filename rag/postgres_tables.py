"""The tables of the truth in PostgreSQL, and its lexical index: postings, ranked as SQLite's FTS5 ranks.

A posting says how often a token stands in a passage, and how long that is, so that BM25 is worked out from an index
alone. What would take a pass over a table, such as how many passages there are, is kept in one row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from psycopg import Connection
from psycopg.rows import DictRow

TABLES = ("totals", "meta", "files", "articles", "tags", "passages", "terms", "postings")
_SCHEMA = """
CREATE TABLE rag_totals (
  revision bigint NOT NULL, articles bigint NOT NULL, passages bigint NOT NULL, refined bigint NOT NULL,
  tokens bigint NOT NULL
);
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
CREATE TABLE rag_terms (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, term text COLLATE "C" UNIQUE NOT NULL, passages integer NOT NULL
) WITH (fillfactor = 70);
CREATE TABLE rag_postings (
  term integer NOT NULL, passage integer NOT NULL, times smallint NOT NULL, length smallint NOT NULL
);
CREATE INDEX ON rag_postings (term, passage) INCLUDE (times, length);
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
    db.execute("INSERT INTO rag_totals VALUES (%s, 0, 0, 0, 0)", (revision,))


def drop(db: Connection[DictRow]) -> None:
    """Remove them, whatever columns those of an older version have."""
    db.execute(f"DROP TABLE IF EXISTS {', '.join(f'rag_{name}' for name in TABLES)} CASCADE".encode())


def best(db: Connection[DictRow], terms: Sequence[str], limit: int, ids: Sequence[str] | None) -> list[str]:
    """The ids of the passages that hold these tokens best, best first, among ``ids`` when given."""
    keys = None
    if ids is not None:
        rows = db.execute("SELECT key FROM rag_passages WHERE passage_id = ANY(%s)", (list(ids),))
        keys = [row["key"] for row in rows]
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
