"""Making the index anew where its file is damaged: the file is kept aside, the articles are read again."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from rag.errors import DamagedError, StoreError
from rag.maintenance.evidence import reading, structure
from rag.storage.sqlite import Connection, set_aside
from rag.storage.store import Store


def open_for_rebuild(path: Path, stamp: dict[str, str]) -> tuple[Store, list[Path], Path | None]:
    """The index at ``path`` if its articles can be replaced one by one, else an empty one in its place; the folders
    that it was made from, as far as that can still be read; and where the file was kept aside, if it was damaged.

    Raises:
        StoreError: the folder can't be written, or the disk is full.
    """
    roots: list[Path] = []
    try:
        store = Store(path)
        try:
            roots = _roots(path)
            if not _can_stay(path, same=store.stamp() == stamp):
                _note(path, roots)
                store.clear()  # nobody can be reading it, or should
        except BaseException:
            store.close()
            raise
    except (DamagedError, sqlite3.DatabaseError):  # the latter: it has other tables than ours
        _note(path, roots)
        aside = set_aside(path)
    else:
        return store, roots, None
    return Store(path), roots, aside


def unfinished(path: Path) -> list[Path]:
    """The folders that a rebuild which was cut off began with: an ingest must take them in, too."""
    try:
        return [Path(name) for name in json.loads(_noted(path).read_text(encoding="utf-8")) if Path(name).is_dir()]
    except (OSError, ValueError):
        return []


def finish(path: Path) -> None:
    """Say that all of them are in."""
    _noted(path).unlink(missing_ok=True)


def _noted(path: Path) -> Path:
    return path.with_name("rebuilding.json")


def _note(path: Path, roots: list[Path]) -> None:
    try:
        _noted(path).write_text(json.dumps([str(root) for root in {*roots, *unfinished(path)}]), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be written: {error}") from error


def _roots(path: Path) -> list[Path]:
    with reading(path) as db:
        for table in ("files", "articles"):  # an older version kept them there
            try:
                rows = db.execute(f"SELECT DISTINCT root FROM {table}").fetchall()
            except (DamagedError, sqlite3.DatabaseError):
                continue
            return [root for (name,) in rows if (root := Path(name)).is_dir()]
    return []


def _can_stay(path: Path, *, same: bool) -> bool:
    """Whether what is in it is of the version and embedder of today, and hangs together.

    Raises:
        DamagedError: the file itself is damaged.
    """
    with reading(path) as db:
        _examine(db)
        return same and not any(True for _ in structure(db))


def _examine(db: Connection) -> None:
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise DamagedError(f"{db.path} is damaged: {found}")
