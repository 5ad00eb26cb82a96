"""Answers and ratings in PostgreSQL: whichever machine gave an answer, any can show and rate it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg

from rag.errors import DatabaseError, FeedbackError
from rag.storage.database import Asked, Database
from rag.storage.feedback import UNRATED_KEPT, FeedbackStore, utc_now
from rag.storage.sql import Statements

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rag_answers (
  key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text COLLATE "C" UNIQUE NOT NULL, answer text NOT NULL,
  settings text NOT NULL, rating text, rated_at text
);
CREATE INDEX IF NOT EXISTS rag_unrated ON rag_answers (key) WHERE rating IS NULL;
CREATE INDEX IF NOT EXISTS rag_rated ON rag_answers (rated_at, key) WHERE rating IS NOT NULL;
"""


class SharedFeedback(FeedbackStore):
    """See FeedbackStore. Its table is no part of the index: to rebuild that loses none of it."""

    _table = "rag_answers"

    def __init__(self, database: Database, *, keep: int = UNRATED_KEPT, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(Path(database.where), keep=keep, now=now)
        self._database = database
        self._made = False
        database.open()

    def close(self) -> None:
        """See FeedbackStore."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[Statements]:
        try:
            with self._database.transaction() as db:
                if not self._made:
                    db.execute("SELECT pg_advisory_xact_lock(hashtextextended('ask-the-articles tables', 0))")
                    db.execute(_SCHEMA.encode())
                    self._made = True
                yield Asked(db)
        except (DatabaseError, psycopg.Error) as error:
            self._made = False  # what was made in a transaction that failed is not there
            raise FeedbackError(f"answers can't be kept: {error}") from error
