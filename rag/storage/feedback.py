"""Answers that were given and what people said of them, in one SQLite file (WAL) of their own.

Apart from the index, so that rebuilding or deleting it never loses what people took the trouble to say.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from rag.errors import FeedbackError, StoreError, UnknownAnswerError
from rag.storage.sql import Statements
from rag.storage.sqlite import set_aside
from rag.types import Answer

log = logging.getLogger(__name__)

Verdict = Literal["up", "down"]

UNRATED_KEPT = 10_000  # answers; with their passages a few kilobytes each
PATIENCE = 2.0  # seconds to wait for another process that is writing; an answer waits no longer for its record

# Every text is JSON in ASCII, the ids too: unlike SQLite's own texts it can hold lone surrogates and NUL.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
  key INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, answer TEXT NOT NULL, settings TEXT NOT NULL,
  rating TEXT, rated_at TEXT
);
CREATE INDEX IF NOT EXISTS unrated ON answers(key) WHERE rating IS NULL;
CREATE INDEX IF NOT EXISTS rated ON answers(rated_at, key) WHERE rating IS NOT NULL;
"""


@dataclass(frozen=True, slots=True)
class Rating:
    """What someone says of an answer. Of a refusal, ``up`` says that refusing was right."""

    answer_id: str
    rating: Verdict
    comment: str | None = None
    correct_answer: str | None = None


@dataclass(frozen=True, slots=True)
class Rated:
    """A rated answer: ``when`` it was rated (ISO 8601, UTC), the answer as JSON values with the ids of all
    passages retrieved as ``passage_ids``, and the settings that it was given under."""

    rating: Verdict
    comment: str | None
    correct_answer: str | None
    when: str
    answer: dict[str, Any]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was given, without its passages, and the scores of these by their ids, best first."""

    answer: Answer
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Found:
    """What is kept of the passages; they themselves are in the index."""

    passage_ids: tuple[str, ...]
    passage_scores: tuple[float, ...] = ()  # an older version kept none


_ANSWER, _FOUND = TypeAdapter(Answer), TypeAdapter(_Found)


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class FeedbackStore:
    """One file, opened when it is first needed. Safe to call from many threads, which take turns."""

    _table = "answers"

    def __init__(self, path: Path, *, keep: int = UNRATED_KEPT, now: Callable[[], datetime] = utc_now) -> None:
        self._path = path
        self._keep = keep
        self._now = now
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._complained = False

    @property
    def is_failing(self) -> bool:
        """Whether the last answer could not be kept."""
        return self._complained

    def record(self, answer: Answer, settings: Mapping[str, Any]) -> None:
        """Keep an answer, so that it can be rated. Of those that nobody rated only the newest are kept.

        An answer must not fail because it can't be kept: that is logged, once until it works again.
        """
        kept = answer.to_dict() | {
            "passage_ids": [passage.passage_id for passage in answer.passages],
            "passage_scores": [passage.score for passage in answer.passages],
        }
        try:
            with self._transaction() as db:
                db.execute(
                    f"INSERT INTO {self._table} (id, answer, settings) VALUES (?, ?, ?)",
                    (json.dumps(answer.id), json.dumps(kept), json.dumps(dict(settings))),
                )
                db.execute(
                    f"DELETE FROM {self._table} WHERE rating IS NULL AND key <= "
                    f"(SELECT key FROM {self._table} WHERE rating IS NULL ORDER BY key DESC LIMIT 1 OFFSET ?)",
                    (self._keep,),
                )
        except FeedbackError as error:
            if not self._complained:
                log.warning("answers are given but cannot be rated: %s", error)
            self._complained = True
        else:
            self._complained = False

    def rate(self, rating: Rating) -> None:
        """Keep what someone says of an answer, in place of what was said of it before.

        Raises:
            UnknownAnswerError: no answer with this id is kept.
            FeedbackError: the file can't be written.
        """
        said = {"rating": rating.rating, "comment": rating.comment, "correct_answer": rating.correct_answer}
        with self._transaction() as db:
            found = db.execute(
                f"UPDATE {self._table} SET rating = ?, rated_at = ? WHERE id = ?",
                (json.dumps(said), self._now().isoformat(timespec="milliseconds"), json.dumps(rating.answer_id)),
            ).rowcount
        if not found:
            raise UnknownAnswerError(
                f"no answer {rating.answer_id!r} is kept; of unrated answers only the newest {self._keep:,} are. "
                "Ask again and rate the new answer by its id"
            )

    def kept(self, answer_id: str) -> Kept | None:
        """An answer by its id, rated or not; None where none is kept, or one that can't be read any more.

        Raises:
            FeedbackError: the file can't be read.
        """
        with self._transaction() as db:
            row = db.execute(f"SELECT answer FROM {self._table} WHERE id = ?", (json.dumps(answer_id),)).fetchone()
        if row is None:
            return None
        try:
            answer = _ANSWER.validate_json(row[0], strict=True)
            found = _FOUND.validate_json(row[0], strict=True)
        except ValidationError as error:
            log.warning("the answer %s was kept and cannot be read: %s", answer_id, error.errors()[0]["msg"])
            return None
        scores = found.passage_scores or (0.0,) * len(found.passage_ids)
        return Kept(answer, dict(zip(found.passage_ids, scores, strict=False)))

    def rated(self) -> list[Rated]:
        """Everything that was rated, oldest rating first.

        Raises:
            FeedbackError: the file can't be read.
        """
        with self._transaction() as db:
            rows = db.execute(
                "SELECT rating, rated_at, answer, settings "
                f"FROM {self._table} WHERE rating IS NOT NULL ORDER BY rated_at, key"
            ).fetchall()
        return [
            Rated(**json.loads(rating), when=when, answer=json.loads(answer), settings=json.loads(settings))
            for rating, when, answer, settings in rows
        ]

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            if self._db is not None:
                self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[Statements]:
        """All or nothing, one thread at a time; whatever fails becomes a ``FeedbackError``."""
        with self._lock:
            try:
                if self._db is None:
                    self._db = self._opened()
                with self._db:  # commits, or rolls back
                    yield self._db
            except (sqlite3.Error, OSError) as error:
                if _is_damage(error):
                    self._set_aside(error)  # so that the next call begins a new one
                raise FeedbackError(
                    f"{self._path} cannot be used: {error}. Check that it may be written and that the disk is not "
                    "full, or move it away to begin a new one"
                ) from error

    def _opened(self) -> sqlite3.Connection:
        try:
            return _open(self._path)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            self._set_aside(error)
            return _open(self._path)

    def _set_aside(self, error: Exception) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        try:
            aside = set_aside(self._path)
        except StoreError as failed:
            log.error("%s", failed)
            return
        log.error(
            "%s is damaged (%s). It was kept aside as %s with the ratings in it, and a new one was begun. "
            "`sqlite3 FILE .recover` may read what is left of it",
            *(self._path, error, aside),
        )


def _is_damage(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db
