"""Connections to the file of the index whose failures are told in words that help: what happened, what to do."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, cast

from rag.errors import DamagedError, StoreError

REBUILD = "Run `python ingest.py --rebuild`: it keeps the damaged file aside and makes the index anew from the articles"
ROOM = 1 << 20  # bytes without which nothing can be written
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_REMEDIES = {
    sqlite3.SQLITE_FULL: "The disk is full. What was written before is kept; free some space and run it again",
    sqlite3.SQLITE_IOERR: "The disk failed or a limit was met. What was written before is kept; look at the disk",
    sqlite3.SQLITE_READONLY: "Make its folder writable for the user of this process",
    sqlite3.SQLITE_CANTOPEN: "Make its folder readable and writable for the user of this process",
    sqlite3.SQLITE_PERM: "Make its folder readable and writable for the user of this process",
    sqlite3.SQLITE_BUSY: "Another process is writing and did not finish; try again, or stop it",
    sqlite3.SQLITE_LOCKED: "Another process is writing and did not finish; try again, or stop it",
}


def connect(path: Path, *, read_only: bool = False) -> Connection:
    """A connection for any thread, with no transactions of its own accord; ``read_only`` ones never write.

    Raises:
        DamagedError: there is something else than a file.
        StoreError: it can't be opened.
    """
    if path.exists() and not path.is_file():
        raise DamagedError(f"{path} is no file. {REBUILD}")
    uri = f"{path.absolute().as_uri()}?mode=ro" if read_only else path.absolute().as_uri()
    try:
        db = sqlite3.connect(
            uri, uri=True, timeout=30, isolation_level=None, check_same_thread=False, factory=Connection
        )
    except sqlite3.DatabaseError as error:
        raise _in_words(error, path) from error
    db.path = path
    db.row_factory = sqlite3.Row
    return db


class Cursor(sqlite3.Cursor):
    """A cursor that raises StoreError where the file fails, and SQLite's errors where the statement is wrong."""

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor:
        """As SQLite's; see the class."""
        with self._in_words():
            return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        """As SQLite's; see the class."""
        with self._in_words():
            return super().executemany(sql, parameters)

    def fetchone(self) -> Any:
        """As SQLite's; see the class."""
        with self._in_words():
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        """As SQLite's; see the class."""
        with self._in_words():
            return super().fetchall()

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # costs a row less than a __next__ of Python's
        with self._in_words():
            yield from iter(super().fetchone, None)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            told = _in_words(error, cast(Connection, self.connection).path)
            if told is error:
                raise
            raise told from error


class Connection(sqlite3.Connection):
    """A connection whose cursors are ours; ``path`` is its file."""

    path: Path

    def cursor(self, factory: Any = Cursor) -> Any:
        """As SQLite's, with the cursor above."""
        return super().cursor(factory)

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor:
        """As SQLite's, which does not go through ``cursor``."""
        return cast(Cursor, self.cursor().execute(sql, parameters))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        """As SQLite's, which does not go through ``cursor``."""
        return cast(Cursor, self.cursor().executemany(sql, parameters))


def set_aside(path: Path) -> Path:
    """Rename a damaged file, or whatever is in its place, and what SQLite keeps beside it; the new name.

    Raises:
        StoreError: it can't be renamed.
    """
    aside = next(p for n in count(1) if not (p := path.with_name(f"{path.name}.damaged-{n}")).exists())
    try:
        for ending in ("-wal", "-shm", ""):  # the file last: while it is there, the rest belongs to it
            beside = path.with_name(path.name + ending)
            if beside.exists() or beside.is_symlink():
                beside.rename(aside.with_name(aside.name + ending))
    except OSError as error:
        raise StoreError(
            f"{path} is damaged and cannot be renamed: {error}. Stop the programs that use it, or move it away by hand"
        ) from error
    return aside


def _in_words(error: sqlite3.DatabaseError, path: Path) -> Exception:
    """What an error of SQLite's means for who meets it, or itself where the statement was wrong, not the file."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the rest says more than is needed
    if code == sqlite3.SQLITE_IOERR and shutil.disk_usage(path.parent).free < ROOM:
        code = sqlite3.SQLITE_FULL  # as SQLite says it where it finds no room for its shared memory
    if code in _DAMAGED or str(error).startswith("no such table"):
        return DamagedError(f"{path} is damaged: {error}. {REBUILD}")
    if code in _REMEDIES:
        return StoreError(f"{path} cannot be used: {error}. {_REMEDIES[code]}")
    return error
