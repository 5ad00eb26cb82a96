"""Connections to PostgreSQL, for all that several machines share: the truth, the answers, and locks."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row, tuple_row
from psycopg_pool import ConnectionPool, PoolTimeout

from rag.errors import DatabaseError, LockedError
from rag.storage.sql import Rows

log = logging.getLogger(__name__)

MOST = 8  # connections of one process; a question needs one, for a few milliseconds at a time
PATIENCE = 10.0  # seconds to wait for one
# Seconds after which the pool gives up, and tries again when one is wanted next. Until then it waits twice as long
# after each failure, which left to itself goes on for minutes once the database is back.
GIVING_UP = 4.0
LOOK_AGAIN = 0.1  # seconds between two looks at a lock that another has

# A machine that loses its power says no goodbye: both sides notice within seconds, and its locks are free again.
_PATIENT = {
    **{"keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3", "tcp_user_timeout": "12000"},
    "connect_timeout": "5",
}
_SERVER_KEEPALIVE = ("tcp_keepalives_idle=5", "tcp_keepalives_interval=2", "tcp_keepalives_count=3")


class Database:
    """A pool of connections to one database, once it is opened; safe to use from many threads.

    A database that is away, or restarts, is a ``DatabaseError`` until it is back.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
        except psycopg.ProgrammingError:
            # Its own words repeat the address, and with it the password.
            raise DatabaseError(
                "RAG_DATABASE_URL can't be read; write postgresql://user:password@host:5432/name"
            ) from None
        self.where = f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"
        self._conninfo = make_conninfo(**{**_PATIENT, **parts, "application_name": who()})
        self._pool = ConnectionPool(
            self._conninfo,
            connection_class=Connection[DictRow],
            kwargs={"autocommit": True, "row_factory": dict_row},
            min_size=1,
            max_size=MOST,
            timeout=PATIENCE,
            reconnect_timeout=GIVING_UP,
            check=ConnectionPool.check_connection,  # the server may have been restarted since
            configure=_configure,
            open=False,
        )

    def open(self) -> None:
        """Open the pool; safe to call twice.

        Raises:
            DatabaseError: the database is away, or lets us not in.
        """
        if not self._pool.closed:
            return
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # what it warns of is raised here, in words
        self.alone().close()  # which says at once what is the matter, and a pool only that it took too long
        self._pool.open()

    @contextmanager
    def connection(self) -> Iterator[Connection[DictRow]]:
        """A connection on which each statement stands for itself.

        Raises:
            DatabaseError: the database is away, or fails.
        """
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise self.failure(error) from error

    @contextmanager
    def transaction(self) -> Iterator[Connection[DictRow]]:
        """All or nothing.

        Raises:
            DatabaseError: as for ``connection``; nothing was done then.
        """
        with self.connection() as connection, connection.transaction():
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection[DictRow]]:
        """All that is read within is of one moment.

        Raises:
            DatabaseError: as for ``connection``.
        """
        with self.transaction() as db:
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield db

    def alone(self) -> Connection[DictRow]:
        """A connection beside the pool, for whoever keeps it.

        Raises:
            DatabaseError: the database is away.
        """
        try:
            connection = Connection[DictRow].connect(self._conninfo, autocommit=True, row_factory=dict_row)
        except psycopg.OperationalError as error:
            raise self.failure(error) from error
        _configure(connection)
        return connection

    def close(self) -> None:
        """Close all; safe to call twice."""
        self._pool.close()

    def failure(self, error: BaseException) -> DatabaseError:
        """In words for whoever has to mend it."""
        why = str(error).strip().replace("\n", " ") or type(error).__name__
        return DatabaseError(f"the database at {self.where} (RAG_DATABASE_URL) can't be used: {why}")


class Asked:
    """Takes statements as SQLite writes them; rows are told by their places."""

    def __init__(self, db: Connection[DictRow]) -> None:
        self._db = db

    def execute(self, sql: str, values: Sequence[object] = (), /) -> Rows:
        """See Statements."""
        return self._db.cursor(row_factory=tuple_row).execute(sql.replace("?", "%s").encode(), values)


class DatabaseLock:
    """A lock that one process on any machine has. The database lets go of it when its connection ends."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._connection: Connection[DictRow] | None = None  # kept while it is waited for, which may be for days
        self._taken = False

    @property
    def held(self) -> bool:
        """See Lock: the connection that holds it may have been lost."""
        if self._taken and self._connection is not None:
            try:
                self._connection.execute("SELECT 1")
            except psycopg.Error:
                self.release()
        return self._taken

    def acquire(self, purpose: str, *, wait: float = 0) -> None:
        """See Lock.

        Raises:
            LockedError: another process has it; the message names its host and pid.
            DatabaseError: the database is away.
        """
        deadline = time.monotonic() + wait
        try:
            self._connection = self._connection or self._database.alone()
            while not self._try(self._connection):
                if time.monotonic() >= deadline:
                    where, holder = self._database.where, self._holder(self._connection)
                    raise LockedError(f"{where} is in use by {holder}; stop it before you {purpose}")
                time.sleep(LOOK_AGAIN)
        except psycopg.Error as error:
            self.release()
            raise self._database.failure(error) from error
        self._taken = True

    def release(self) -> None:
        """See Lock."""
        if self._connection is not None:
            if self._taken:
                with suppress(psycopg.Error):  # to end the connection is enough, but takes the server a moment
                    _one(self._connection, f"SELECT pg_advisory_unlock({_KEY}) AS it", self._name)
            self._connection.close()
            self._connection = None
        self._taken = False

    def _try(self, connection: Connection[DictRow]) -> bool:
        return bool(_one(connection, f"SELECT pg_try_advisory_lock({_KEY}) AS it", self._name))

    def _holder(self, connection: Connection[DictRow]) -> str:
        """The host and pid of who has it, as it called itself."""
        found = _one(
            connection,
            "SELECT a.application_name AS it FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database()) "
            f"AND (l.classid::bigint << 32) | l.objid::bigint = {_KEY}",
            self._name,
        )
        return str(found).removeprefix(_PRODUCT) if found else "another process"


# Locks are of a whole database; several indexes may share one, each in a schema of its own.
_KEY = "hashtextextended('ask-the-articles ' || current_schema() || ' ' || %s, 0)"
_PRODUCT = "ask-the-articles: "


def who() -> str:
    """This process, as others are told of it.

    >>> who().endswith(f"process {os.getpid()}")
    True
    """
    host = socket.gethostname().encode("ascii", "replace").decode()[:20]  # of 63 characters that there may be
    return f"{_PRODUCT}{host}, process {os.getpid()}"


def _configure(connection: Connection[Any]) -> None:
    if connection.info.host and not connection.info.host.startswith("/"):  # sockets of this machine need none
        for setting in _SERVER_KEEPALIVE:
            connection.execute(f"SET {setting}".encode())


def _one(connection: Connection[DictRow], sql: str, *values: object) -> Any:
    row = connection.execute(sql.encode(), values).fetchone()
    return row["it"] if row else None
