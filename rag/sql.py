"""Scripts of SQL, a statement at a time: SQLite's own ``executescript`` would commit half of one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator


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
