"""JSON and JSON Lines: objects that are articles, whatever their writer called the fields."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rag.errors import ArticleError
from rag.language.text import INVISIBLE
from rag.reading.decoding import decode
from rag.reading.formats.document import Document, JsonFields, filled
from rag.reading.formats.web_page import html_to_text
from rag.types import ParseWarning, Unreadable

# In lower case, without "_", "-" and spaces; of several that are there, the first that says something.
NAMES: dict[str, tuple[str, ...]] = {
    "text": (
        "text", "body", "content", "contenttext", "markdown", "contentmarkdown", "articlebody", "fulltext", "bodytext",
        "contenthtml", "bodyhtml", "html", "正文", "内容", "inhalt", "description", "summary", "abstract", "excerpt",
    ),
    "title": ("title", "headline", "name", "标题", "titel"),
    "url": ("url", "link", "sourceurl", "canonical", "canonicalurl", "permalink", "weburl", "externalurl", "链接"),
    "author": ("author", "authors", "byline", "creator", "outlet", "publisher", "source", "作者", "autor"),
    "date": (
        "date", "published", "pubdate", "datepublished", "publishedat", "publicationdate", "publishdate", "created",
        "createdat", "datecreated", "timestamp", "日期", "datum",
    ),
    "description": ("description", "summary", "abstract", "excerpt", "standfirst", "teaser", "摘要"),
    "tags": ("tags", "tag", "keywords", "categories", "category", "topics", "标签"),
    "id": ("id", "guid", "uuid", "identifier"),
}  # fmt: skip
LISTS = ("articles", "items", "data", "entries", "results", "posts", "documents", "records")
INNER = ("rendered", "name", "value", "text", "html", "raw", "url", "href", "title", "label")  # what an object says
MAX_PART = 200  # characters of a key; a longer one is hashed
_HTML = re.compile(
    r"\s*<(?:!doctype|html|body|div|p|article|section|h[1-6]|ul|ol|span|table)\b|</(?:p|div|li|h[1-6])>", re.I
)
_MILLISECONDS_FROM = 10**11  # seconds until the year 5138, and the milliseconds until 1973
TOO_DEEP = "is nested too deeply"


def read_json(data: bytes, fields: JsonFields) -> Iterator[Document | Unreadable]:
    """The articles of a JSON file: one object, an array of them, or an object that has them under one of LISTS."""
    text, warning = decode(data)
    if not text.strip():
        raise ArticleError("is empty")
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ArticleError(TOO_DEEP) from error
    except ValueError as error:
        raise ArticleError(f"is not valid JSON: {_told(error)}") from error
    warnings = (warning,) if warning else ()
    entries = _entries(value, fields)
    if entries is None:
        one = _document(value, fields, warnings)
        if isinstance(one, str):
            raise ArticleError(one)
        yield Document(one.text, fields=one.fields, warnings=one.warnings)
        return
    for number, entry in enumerate(entries, 1):
        one = _document(entry, fields, warnings)
        yield Unreadable(f"entry {number}", one) if isinstance(one, str) else one


def read_json_lines(data: bytes, fields: JsonFields) -> Iterator[Document | Unreadable]:
    """The articles of a JSON Lines file, one object a line. A broken line is told, and the others are read."""
    text, warning = decode(data)
    warnings = (warning,) if warning else ()
    start, number = 0, 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line, start, number = text[start:end], end + 1, number + 1
        if not line.strip():
            continue
        one = _line(line, fields, warnings)
        yield Unreadable(f"line {number}", one) if isinstance(one, str) else one


def _line(line: str, fields: JsonFields, warnings: tuple[ParseWarning, ...]) -> Document | str:
    try:
        return _document(json.loads(line), fields, warnings)
    except RecursionError:
        return TOO_DEEP
    except ValueError as error:
        return f"is not valid JSON: {_told(error)}"


def _told(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} in line {error.lineno}, column {error.colno}"
    return "a number has too many digits"


def _entries(value: Any, fields: JsonFields) -> list[Any] | None:
    """The list of articles; None where the value is one itself."""
    if isinstance(value, list):
        return list(value)
    if isinstance(value, dict):
        plain = {_plain(name): inner for name, inner in value.items()}
        lists = [plain[name] for name in LISTS if isinstance(plain.get(name), list)]
        if lists and not _find(value, "text", fields):
            return list(lists[0])
    return None


def _document(entry: Any, fields: JsonFields, warnings: tuple[ParseWarning, ...]) -> Document | str:
    """The article of one entry, or why it is none."""
    if not isinstance(entry, dict):
        return "is no JSON object"
    text = "\n\n".join(_find(entry, "text", fields))
    if _HTML.match(text) or "</p>" in text:
        text = html_to_text(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        return f"has no text; its fields are {', '.join(map(repr, list(entry)[:10]))}" if entry else "has no text"
    url = _find(entry, "url", fields)
    described = filled(
        title=_find(entry, "title", fields)[:1],
        url=url,
        author=_names(entry, fields),
        date=_find(entry, "date", fields),
        description=[one for one in _find(entry, "description", fields) if one != text],
        tags=_find(entry, "tags", fields),
    )
    key = next(iter([*_find(entry, "id", fields), *url]), None) or _hash("\n".join([*described.get("title", []), text]))
    return Document(text, part=part_key(key), fields=described, warnings=warnings)


def _find(entry: dict[str, Any], name: str, fields: JsonFields) -> list[str]:
    """What an entry says under a field's name, as strings, none of them empty."""
    if path := fields.get(name):
        value: Any = entry
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        return _strings(value, name)
    plain = {_plain(key): value for key, value in reversed(entry.items())}
    found = (_strings(plain[key], name) for key in NAMES[name] if key in plain)
    return next((strings for strings in found if strings), [])


def _plain(key: str) -> str:
    return re.sub(r"[\s_-]", "", key).casefold()


def _strings(value: Any, name: str) -> list[str]:
    if isinstance(value, dict):
        plain = {_plain(key): inner for key, inner in value.items()}
        value = next((plain[key] for key in INNER if isinstance(plain.get(key), str)), None)
    if isinstance(value, list):
        found = (_strings(one, name) for one in value if not isinstance(one, list))
        return [string for strings in found for string in strings]
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int | float):
        return [_day(value) if name == "date" else str(value)]
    return [str(value)] if str(value).strip() else []


def _day(seconds: float) -> str:
    """The date of a time stamp in seconds or milliseconds; a year or a day written as a number as it is."""
    if not 10**8 < seconds < 10**14:
        return str(seconds)
    return datetime.fromtimestamp(seconds / (1000 if seconds > _MILLISECONDS_FROM else 1), UTC).date().isoformat()


def _names(entry: dict[str, Any], fields: JsonFields) -> str:
    return ", ".join(_find(entry, "author", fields))


def part_key(key: str) -> str:
    """A key as it can be kept and shown: on one line, not too long.

    >>> part_key(" https://a.org/1\\n"), len(part_key("x" * 500))
    ('https://a.org/1', 32)
    """
    shown = " ".join(INVISIBLE.sub("", key.encode("utf-8", "replace").decode()).split())
    return shown if 0 < len(shown) <= MAX_PART else _hash(key)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
