"""Stories: which articles tell the same in nearly the same words, kept beside the articles in the store's file.

An article joins the story of the most similar one that was there before it, if it is also near the first of that
story: chains of small changes do not link what is far apart. A story is only a hint where to look: what two articles
both say is proven sentence by sentence (``copies.py``).
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rag.prints import Print, prints_of, read_print

# Chosen on one half of 1,229 texts (XQuAD in three languages, CLAPnq, the samples) and edited copies of them, looked at
# on the other half: docs/duplicates.md.
SAME_STORY = 0.7
MOST_LOOKED_AT = 50  # articles of one template must not make an ingest slow

SCHEMA = """
CREATE TABLE prints (
  key INTEGER PRIMARY KEY, article_id TEXT NOT NULL REFERENCES articles(id) ON DELETE CASCADE, lang TEXT NOT NULL,
  minhash BLOB NOT NULL, numbers TEXT NOT NULL
);
CREATE INDEX prints_article ON prints(article_id);
CREATE TABLE bands (
  band INTEGER NOT NULL, print INTEGER NOT NULL REFERENCES prints(key) ON DELETE CASCADE, PRIMARY KEY (band, print)
) WITHOUT ROWID;
CREATE INDEX bands_print ON bands(print);
CREATE TABLE stories (
  article_id TEXT PRIMARY KEY REFERENCES articles(id) ON DELETE CASCADE, story INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX stories_story ON stories(story);
"""
TABLES = ("stories", "bands", "prints")  # in an order in which they can be dropped


def fill(db: sqlite3.Connection) -> None:
    """Bring new tables in line with the articles that were there before them."""
    sql = (
        'SELECT p.kind, p.lang, substr(a.text, p.start + 1, p."end" - p.start) FROM passages p '
        "JOIN articles a ON a.id = p.article_id WHERE a.id = ? ORDER BY p.key"
    )
    for (article_id,) in db.execute("SELECT id FROM articles ORDER BY rowid").fetchall():
        enter(db, article_id, prints_of(tuple(row) for row in db.execute(sql, (article_id,))))


def enter(db: sqlite3.Connection, article_id: str, prints: Sequence[Print]) -> None:
    """Keep the fingerprints of an article that was just written, and link it to the story that it tells."""
    alike = sorted(_alike(db, prints))  # before its own are there
    for one in prints:
        key = db.execute(
            "INSERT INTO prints VALUES (NULL, ?, ?, ?, ?)",
            (article_id, one.lang, one.to_bytes(), " ".join(sorted(one.numbers))),
        ).lastrowid
        db.executemany("INSERT INTO bands VALUES (?, ?)", [(band, key) for band in set(one.bands)])
    for _, _, other in alike:
        story = _story(db, other)
        if story is None:
            story = int(db.execute("SELECT coalesce(max(story), 0) + 1 FROM stories").fetchone()[0])
            db.execute("INSERT INTO stories VALUES (?, ?)", (other, story))
        elif not any(_is_near(one, first) for one in prints for first in _first(db, story)):
            continue
        db.execute("INSERT INTO stories VALUES (?, ?)", (article_id, story))
        return


def _alike(db: sqlite3.Connection, prints: Iterable[Print]) -> Iterator[tuple[float, int, str]]:
    """The articles that may tell the same, with how far they are and the order in which they came."""
    for one in prints:
        for key, article_id, other in _read(db, "key", _with_common_bands(db, one)):
            if _is_near(one, other):
                yield 1 - one.likeness(other), key, article_id


def _with_common_bands(db: sqlite3.Connection, one: Print) -> list[int]:
    common: Counter[int] = Counter()
    for band in set(one.bands):
        rows = db.execute("SELECT print FROM bands WHERE band = ? ORDER BY print LIMIT ?", (band, MOST_LOOKED_AT))
        common.update(int(row[0]) for row in rows)
    return [key for key, _ in common.most_common(MOST_LOOKED_AT)]


def _is_near(one: Print, other: Print) -> bool:
    return one.likeness(other) >= SAME_STORY and not one.is_filled_in_otherwise(other)


def _story(db: sqlite3.Connection, article_id: str) -> int | None:
    row = db.execute("SELECT story FROM stories WHERE article_id = ?", (article_id,)).fetchone()
    return int(row[0]) if row else None


def _first(db: sqlite3.Connection, story: int) -> list[Print]:
    """The fingerprints of the article of a story that was there first."""
    row = db.execute(
        "SELECT p.article_id FROM stories s JOIN prints p ON p.article_id = s.article_id "
        "WHERE s.story = ? ORDER BY p.key LIMIT 1",
        (story,),
    ).fetchone()
    return [found for _, _, found in _read(db, "article_id", [row[0]])] if row else []


def _read(db: sqlite3.Connection, by: str, values: Sequence[object]) -> list[tuple[int, str, Print]]:
    marks = ", ".join("?" * len(values))
    rows = db.execute(
        f"SELECT key, article_id, lang, minhash, numbers FROM prints WHERE {by} IN ({marks}) ORDER BY key", list(values)
    )
    return [
        (int(key), str(article), read_print(lang, minhash, numbers)) for key, article, lang, minhash, numbers in rows
    ]
