"""Connections of many threads to one SQLite file, which a rebuild may put aside while they are open."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.storage.sqlite import Connection, connect


class Connections:
    """Each thread has its own; writers go one at a time, by SQLite's own lock, and readers are never blocked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._all: list[tuple[threading.Thread, Connection]] = []
        self._all_lock = threading.Lock()
        self._inode = -1  # of the file that the connections are to

    @property
    def db(self) -> Connection:
        """This thread's."""
        db: Connection | None = getattr(self._local, "db", None)
        if db is None or self._local.inode != self._inode:
            db = connect(self._path)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            self._local.db, self._local.inode = db, self._inode
            self._keep(db)
        return db

    def follow_file(self) -> None:
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

    def begin(self) -> None:
        """Say that the file is there now, made or migrated over this thread's connection."""
        self.follow_file()
        self._local.inode = self._inode

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing; one writer at a time."""
        db = self.db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # SQLite itself rolls back where the disk is full
                db.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connection of this thread, and let go of the others'.

        SQLite must not be closed under a statement, or the process ends: each of the others closes as soon as its
        thread is done with it.
        """
        with self._all_lock:
            for thread, db in self._all:
                if thread is threading.current_thread():
                    db.close()
            self._all.clear()
        self._local = threading.local()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """All that is read within is of one moment."""
        db = self.db
        db.execute("BEGIN")
        try:
            yield db
        finally:
            db.execute("ROLLBACK")
