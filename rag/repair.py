"""Making the index anew where its file is damaged: the file is kept aside, the articles are read again."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from rag.errors import DamagedError
from rag.sqlite import connect, set_aside
from rag.store import Store


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
            roots = _roots(store)
            _examine(path)
            if store.stamp() != stamp:
                store.clear()  # what another version or embedder made: nobody can be reading it
        except BaseException:
            store.close()
            raise
    except (DamagedError, sqlite3.DatabaseError):  # the latter: it has other tables than ours
        aside = set_aside(path)
    else:
        return store, roots, None
    store = Store(path)
    # A server that reads the damaged file turns to this one: it must not take it for a state that it knows already.
    store.set_revision(time.time_ns())
    return store, roots, aside


def _roots(store: Store) -> list[Path]:
    try:
        return [root for root in dict.fromkeys(Path(one.root) for one in store.files()) if root.is_dir()]
    except (DamagedError, sqlite3.DatabaseError):
        return []


def _examine(path: Path) -> None:
    db = connect(path)
    try:
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    finally:
        db.close()
    if found != "ok":
        raise DamagedError(f"{path} is damaged: {found}")
