"""What runs statements of SQL, and scripts, a statement at a time: SQLite's own ``executescript`` would commit half."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Protocol


class Rows(Protocol):
    """What a statement found."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[Any]:
        """All rows."""


class Statements(Protocol):
    """A transaction, or a connection, of SQLite or of another database that is asked in its words."""

    def execute(self, sql: str, values: Sequence[Any] = ..., /) -> Rows:
        """Run a statement; its values stand as question marks."""


def statements(script: str) -> Iterator[str]:
    """The statements of a script, triggers whole; each begins on a line of its own.

    >>> script = "SELECT 1;\\nCREATE TRIGGER t AFTER DELETE ON x BEGIN\\n  SELECT 2;\\nEND;\\n"
    >>> [len(one.splitlines()) for one in statements(script)]
    [1, 3]
    """
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
