"""Stories: which articles tell the same in nearly the same words, kept beside the articles, in SQLite or PostgreSQL.

An article joins the story of the most similar one that was there before it, if it is also near the first of that
story: chains of small changes do not link what is far apart. A story is only a hint where to look: what two articles
both say is proven sentence by sentence (``copies.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rag.storage.prints import Print, prints_of, read_print
from rag.storage.sql import Statements

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


class Stories:
    """The stories of one database. ``prefix`` begins the names of its tables."""

    def __init__(self, db: Statements, prefix: str = "") -> None:
        self._db = db
        self._prints, self._bands, self._stories = f"{prefix}prints", f"{prefix}bands", f"{prefix}stories"
        self._passages = f"{prefix}passages"

    def enter(self, article_id: str, prints: Sequence[Print]) -> None:
        """Keep the fingerprints of an article that was just written, and link it to the story that it tells."""
        alike = sorted(self._alike(prints))  # before its own are there
        for one in prints:
            self._keep(article_id, one)
        for _, _, other in alike:
            story = self._story(other)
            if story is None:
                (story,) = self._db.execute(f"SELECT coalesce(max(story), 0) + 1 FROM {self._stories}").fetchone()
                self._db.execute(f"INSERT INTO {self._stories} VALUES (?, ?)", (other, story))
            elif not any(_is_near(one, first) for one in prints for first in self._first(story)):
                continue
            self._db.execute(f"INSERT INTO {self._stories} VALUES (?, ?)", (article_id, story))
            return

    def same_as(self, article_id: str) -> tuple[str, ...]:
        """The ids of the other articles that tell the same."""
        rows = self._db.execute(
            f"SELECT other.article_id FROM {self._stories} own JOIN {self._stories} other ON other.story = own.story "
            "WHERE own.article_id = ? AND other.article_id <> own.article_id ORDER BY other.article_id",
            (article_id,),
        ).fetchall()
        return tuple(row[0] for row in rows)

    def of(self, passages: Iterable[str]) -> dict[str, tuple[int, str]]:
        """Those of these passages that are of a story, with the story and the article."""
        ids = list(passages)
        if not ids:
            return {}
        rows = self._db.execute(
            f"SELECT p.passage_id, s.story, s.article_id FROM {self._passages} p "
            f"JOIN {self._stories} s ON s.article_id = p.article_id WHERE p.passage_id IN ({_marks(ids)})",
            ids,
        ).fetchall()
        return {row[0]: (row[1], row[2]) for row in rows}

    def _keep(self, article_id: str, one: Print) -> None:
        (key,) = self._db.execute(
            f"INSERT INTO {self._prints} (article_id, lang, minhash, numbers) VALUES (?, ?, ?, ?) RETURNING key",
            (article_id, one.lang, one.to_bytes(), " ".join(sorted(one.numbers))),
        ).fetchone()
        bands = [(band, key) for band in set(one.bands)]
        rows = ", ".join(["(?, ?)"] * len(bands))
        self._db.execute(f"INSERT INTO {self._bands} VALUES {rows}", [value for band in bands for value in band])

    def _alike(self, prints: Iterable[Print]) -> Iterator[tuple[float, int, str]]:
        """The articles that may tell the same, with how far they are and the order in which they came."""
        for one in prints:
            for key, article_id, other in self._read("key", self._with_common_bands(one)):
                if _is_near(one, other):
                    yield 1 - one.likeness(other), key, article_id

    def _with_common_bands(self, one: Print) -> list[int]:
        common: Counter[int] = Counter()
        sql = f"SELECT print FROM {self._bands} WHERE band = ? ORDER BY print LIMIT ?"
        for band in set(one.bands):
            common.update(int(row[0]) for row in self._db.execute(sql, (band, MOST_LOOKED_AT)).fetchall())
        return [key for key, _ in common.most_common(MOST_LOOKED_AT)]

    def _story(self, article_id: str) -> int | None:
        row = self._db.execute(f"SELECT story FROM {self._stories} WHERE article_id = ?", (article_id,)).fetchone()
        return int(row[0]) if row else None

    def _first(self, story: int) -> list[Print]:
        """The fingerprints of the article of a story that was there first."""
        row = self._db.execute(
            f"SELECT p.article_id FROM {self._stories} s JOIN {self._prints} p ON p.article_id = s.article_id "
            "WHERE s.story = ? ORDER BY p.key LIMIT 1",
            (story,),
        ).fetchone()
        return [found for _, _, found in self._read("article_id", [row[0]])] if row else []

    def _read(self, by: str, values: Sequence[object]) -> list[tuple[int, str, Print]]:
        if not values:
            return []
        rows = self._db.execute(
            f"SELECT key, article_id, lang, minhash, numbers FROM {self._prints} "
            f"WHERE {by} IN ({_marks(values)}) ORDER BY key",
            values,
        ).fetchall()
        return [
            (int(key), str(article), read_print(lang, minhash, numbers))
            for key, article, lang, minhash, numbers in rows
        ]


def fill(db: Statements) -> None:
    """Bring new tables in line with the articles that were there before them."""
    stories = Stories(db)
    sql = (
        'SELECT p.kind, p.lang, substr(a.text, p.start + 1, p."end" - p.start) FROM passages p '
        "JOIN articles a ON a.id = p.article_id WHERE a.id = ? ORDER BY p.key"
    )
    for (article_id,) in db.execute("SELECT id FROM articles ORDER BY rowid").fetchall():
        stories.enter(article_id, prints_of(tuple(row) for row in db.execute(sql, (article_id,)).fetchall()))


def _is_near(one: Print, other: Print) -> bool:
    return one.likeness(other) >= SAME_STORY and not one.is_filled_in_otherwise(other)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
