"""How the server logs: a line a record, plain or JSON, with the id of the request that it belongs to.

Above the level of debugging a log holds no question, no key and nothing of an article: of an error that nobody
expected it has the type and the places in the code, since its message may hold what it stumbled over, and of an error
of a model's server it leaves out the server's own words, which often repeat what was asked.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, TextIO

Format = Literal["plain", "json"]
Level = Literal["debug", "info", "warning", "error"]

request_id: ContextVar[str] = ContextVar("request_id", default="")

_OWN = "rag"


def configure(form: Format = "plain", level: Level = "info", stream: TextIO | None = None) -> None:
    """Log to ``stream`` (standard error): our own records from ``level`` on, those of libraries from warnings on.

    Libraries are never asked for more: at their lowest levels they log whole requests.
    """
    handler = _Handler(stream)
    shown = _Json() if form == "json" else _Plain()
    shown.all_told = level == "debug"
    handler.setFormatter(shown)
    root = logging.getLogger()
    root.handlers[:] = [*(one for one in root.handlers if not isinstance(one, _Handler)), handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_OWN).setLevel(level.upper())


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to a stream, or to whatever is standard error at the time."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        self._follows = stream is None

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        if self._follows:
            self.stream = sys.stderr
        super().emit(record)


class _Quiet(logging.Formatter):
    """What both formats share."""

    all_told = False  # for debugging: messages of errors too

    def message(self, record: logging.LogRecord) -> str:
        """What the record says."""
        if self.all_told or not isinstance(record.args, tuple):
            return record.getMessage()
        args = tuple(without_words(arg) if isinstance(arg, BaseException) else arg for arg in record.args)
        return str(record.msg) % args if args else str(record.msg)

    def formatException(self, ei: Any) -> str:  # noqa: N802  logging's own name
        """An error as the log has it."""
        return super().formatException(ei) if self.all_told else _places(ei[1])

    def error(self, record: logging.LogRecord) -> str:
        """The error of a record; empty when there is none."""
        return self.formatException(record.exc_info) if record.exc_info and record.exc_info[1] else ""


class _Plain(_Quiet):
    def format(self, record: logging.LogRecord) -> str:
        at = request_id.get()
        fields = " ".join(f"{name}={_json(value)}" for name, value in _fields(record).items())
        head = f"{_time(record)} {record.levelname} {record.name}{f' [{at}]' if at else ''}"
        line = " ".join(filter(None, (head, _one_line(self.message(record)), fields)))
        return "\n".join(filter(None, (line, self.error(record))))


class _Json(_Quiet):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": request_id.get() or None,
            "message": self.message(record),
            "error": self.error(record) or None,
        }
        return _json({name: value for name, value in told.items() if value is not None} | _fields(record))


def without_words(error: BaseException) -> str:
    """What an error says, without the words of somebody else's server that it repeats (see ``ChatModelError``)."""
    words = getattr(error, "words", "")
    return str(error).replace(words, "…") if words else str(error)


def _places(error: BaseException | None) -> str:
    """The types of an error and of what caused it, and where in the code they were raised."""
    told = []
    while error is not None:
        told.append(f"{''.join(_frames(error.__traceback__))}{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\ncaused by\n".join(told)


def _frames(at: TracebackType | None) -> list[str]:
    return [f"  {frame.filename}:{frame.lineno} in {frame.name}\n" for frame in traceback.extract_tb(at)]


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _json(value: Any) -> str:
    # What no stream can write, and what would begin a new line or move a cursor, comes out as an escape.
    text = json.dumps(value, ensure_ascii=False, default=str)
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def _one_line(text: str) -> str:
    """Text in which nothing begins a line or moves a cursor.

    >>> _one_line("a\\nINFO forged\\x1b[2J")
    'a\\\\nINFO forged\\\\x1b[2J'
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
