"""Upgrades: an index that an older version made is brought to today's format when it is opened.

What took time to make (vectors of both encoders, the lexical index) is kept, so that nothing is embedded again. What
can't be had without the articles, such as another embedder or chunker, is not done here: the stamp refuses it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from rag.errors import IndexMismatchError, LockedError
from rag.reading.chunking import passage_id
from rag.storage import changes, stories
from rag.storage.locks import holder
from rag.storage.sql import statements
from rag.storage.sqlite import connect

log = logging.getLogger(__name__)

OWNER_LOCK = "owner.lock"  # whoever has it serves the index

_TO_2 = """
ALTER TABLE passages ADD COLUMN refined BLOB;
CREATE INDEX passages_unrefined ON passages(key) WHERE refined IS NULL;
"""
# Times and sizes are not known: the next ingest reads each file once and finds by its hash that it is as it was.
_TO_3 = """
CREATE TABLE files (
  path TEXT PRIMARY KEY, root TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  checked_ns INTEGER NOT NULL, sha256 TEXT NOT NULL, reader TEXT NOT NULL, failure TEXT, detail TEXT NOT NULL
);
INSERT INTO files SELECT path, root, 0, 0, 0, sha256, '', NULL,
  (SELECT coalesce(group_concat(value, '; '), '') FROM json_each(warnings)) FROM articles;
CREATE TABLE articles_3 (
  id TEXT PRIMARY KEY, path TEXT NOT NULL, part TEXT NOT NULL, digest TEXT NOT NULL, file TEXT NOT NULL,
  title TEXT NOT NULL, url TEXT, author TEXT, date TEXT, description TEXT, langs TEXT NOT NULL,
  qa_pairs INTEGER NOT NULL, warnings TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (path, part)
);
INSERT INTO articles_3 SELECT id, path, '', '', file, title, url, author, date, description, langs, qa_pairs, warnings,
  text FROM articles;
DROP TABLE articles;
ALTER TABLE articles_3 RENAME TO articles;
"""


def _run(script: str) -> Callable[[sqlite3.Connection], None]:
    def step(db: sqlite3.Connection) -> None:
        for statement in statements(script):
            db.execute(statement)

    return step


def _to_3(db: sqlite3.Connection) -> None:
    _run(_TO_3)(db)
    seen: Counter[tuple[str, str, str]] = Counter()
    rows = db.execute(
        'SELECT p.key, p.article_id, p.kind, substr(a.text, p.start + 1, p."end" - p.start) AS text '
        "FROM passages p JOIN articles a ON a.id = p.article_id ORDER BY p.key"
    ).fetchall()
    for key, article_id, kind, text in rows:  # an id was made from its place as well
        fresh = passage_id(article_id, kind, seen[article_id, kind, text], text)
        seen[article_id, kind, text] += 1
        db.execute("UPDATE passages SET passage_id = ? WHERE key = ?", (fresh, key))


# From a format to the next. A step is never changed once it is out: it speaks of the formats of its own time.
STEPS: dict[str, tuple[str, Callable[[sqlite3.Connection], None]]] = {"1": ("2", _run(_TO_2)), "2": ("3", _to_3)}


def migrate(path: Path) -> None:
    """Bring the index in this file to today's format, in one transaction; a copy of it as it was is kept beside it.

    Does nothing to a file that is not there, is in today's format, or that no step leads on from.

    Raises:
        LockedError: an older version is serving it.
        IndexMismatchError: a newer version made it.
    """
    if not path.is_file():
        return
    with closing(connect(path)) as db:
        found = _format_of(db)
        if found not in STEPS:
            _refuse_newer(path, found)
            return
        serving = holder(path.parent / OWNER_LOCK)
        if serving not in (None, os.getpid()):
            raise LockedError(
                f"{path.parent} is in use by process {serving}, an older version of this; stop it before its index is "
                "brought to the new format"
            )
        kept = _keep(db, path, found)
        reached = _upgrade(db)
    copy = f"the index as it was is kept as {kept}" if kept else "there was no space for a copy of it as it was"
    log.warning("the index in %s was brought from format %s to %s; %s", path.parent, found, reached, copy)


def _upgrade(db: sqlite3.Connection) -> str:
    """Take one step after the other; the format that this leads to."""
    db.execute("PRAGMA foreign_keys = OFF")  # a table that is replaced takes nothing along that points to it
    db.execute("BEGIN IMMEDIATE")
    try:
        while (found := _format_of(db)) in STEPS:  # none is left where another process was faster
            following, step = STEPS[found]
            step(db)
            stamp = json.loads(db.execute("SELECT value FROM meta WHERE key = 'stamp'").fetchone()[0])
            db.execute("UPDATE meta SET value = ? WHERE key = 'stamp'", (json.dumps(stamp | {"schema": following}),))
        _derive(db)
        db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'revision'")
        if broken := db.execute("PRAGMA foreign_key_check").fetchall():
            raise IndexMismatchError(
                f"the index can't be brought to the new format: {len(broken)} rows of it belong to nothing. "
                "Run `python ingest.py --rebuild` to make it anew from the articles"
            )
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return found


def _derive(db: sqlite3.Connection) -> None:
    """Make what is kept beside the passages, of today's format, from them."""
    for statement in statements(changes.SCHEMA + stories.SCHEMA):
        db.execute(statement)
    changes.fill(db)
    stories.fill(db)


def _format_of(db: sqlite3.Connection) -> str:
    """The format of an index; empty for what was never filled."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        return ""
    row = db.execute("SELECT value FROM meta WHERE key = 'stamp'").fetchone()
    return str(json.loads(row[0]).get("schema", "")) if row else ""


def _refuse_newer(path: Path, found: str) -> None:
    newest = max(int(following) for following, _ in STEPS.values())
    if found.isdigit() and int(found) > newest:
        raise IndexMismatchError(
            f"the index in {path.parent} was made by a newer version of this (format {found}, where this one knows "
            f"{newest}). Install that version again, or set RAG_DATA_DIR to another folder to index anew"
        )


def _keep(db: sqlite3.Connection, path: Path, found: str) -> Path | None:
    """A copy of the file before anything is changed; None where there is no space for it."""
    kept = path.with_name(f"{path.name}.schema{found}.bak")
    if shutil.disk_usage(path.parent).free < 3 * path.stat().st_size:  # the upgrade itself writes once more
        return None
    fresh = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        with closing(sqlite3.connect(fresh)) as copy:
            db.backup(copy)
        fresh.replace(kept)
    finally:
        fresh.unlink(missing_ok=True)
    return kept
