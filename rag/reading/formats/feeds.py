"""RSS and Atom: each entry of a feed is an article."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import date
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any

from rag.errors import ArticleError
from rag.reading.decoding import decode
from rag.reading.formats.document import Document, filled
from rag.reading.formats.html_tree import XML_DECLARATION, declared_encoding
from rag.reading.formats.json_entries import part_key
from rag.reading.formats.web_page import html_to_text
from rag.reading.metadata import parse_date
from rag.types import ParseWarning, Unreadable

_ROOT = re.compile(r"<(?:\w+:)?(rss|feed|RDF)\b")
_FIRST = 10_000  # characters in which the root of a feed stands
_OWN_ENTITY = re.compile(r"<!ENTITY\b", re.IGNORECASE)


def read_feed(data: bytes) -> Iterator[Document | Unreadable]:
    """The entries of a feed, those without text told as such."""
    text, warning = decode(data, declared_encoding(data))
    if not text.strip():
        raise ArticleError("is empty")
    if not _ROOT.search(text, 0, _FIRST):
        raise ArticleError("is XML, but no RSS or Atom feed; save it as HTML or text")
    if _OWN_ENTITY.search(text):  # they could fill the memory, and no feed needs them
        raise ArticleError("defines entities of its own (<!ENTITY), which are not taken; save the feed without")
    # Imported here alone: it takes a quarter of a second, which a start without a feed to read should not.
    import feedparser  # noqa: PLC0415

    # As a stream: a string could be taken for an address or a path, and be opened.
    found = feedparser.parse(BytesIO(XML_DECLARATION.sub("", text, count=1).encode()), sanitize_html=True)
    if not found.entries:
        raise ArticleError("is a feed without entries")
    warnings = (warning,) if warning else ()
    for number, entry in enumerate(found.entries, 1):
        yield _document(entry, number, found.feed, warnings)


def _document(entry: Any, number: int, feed: Any, warnings: tuple[ParseWarning, ...]) -> Document | Unreadable:
    pieces = [
        piece for piece in (*entry.get("content", ()), entry.get("summary_detail")) if piece and piece.get("value")
    ]
    text = next((said for piece in pieces if (said := _text(piece))), "")
    link = entry.get("link")
    key = next((one for one in (entry.get("id"), link, entry.get("title")) if one), None)
    if not text:
        return Unreadable(part_key(key) if key else f"entry {number}", "has no text")
    authors = ", ".join(name for one in entry.get("authors", ()) if (name := one.get("name")))
    fields = filled(
        title=entry.get("title") and html_to_text(entry["title"]),
        url=link,
        author=authors or entry.get("author") or feed.get("title"),
        date=_day(entry),
        tags=[tag["term"] for tag in entry.get("tags", ()) if tag.get("term")],
    )
    return Document(text, part=part_key(key or text), fields=fields, warnings=warnings)


def _text(piece: Any) -> str:
    value = str(piece["value"])
    if piece.get("type") == "text/plain" or "<" not in value:  # most feeds call all of it HTML
        return html.unescape(value).strip()
    return html_to_text(value)


def _day(entry: Any) -> str | None:
    """The date that an entry names, in whichever way of feeds."""
    said = entry.get("published") or entry.get("updated") or entry.get("created")
    if not said:
        return None
    try:
        return parsedate_to_datetime(said).date().isoformat()
    except (ValueError, TypeError):
        pass  # not as in a mail: ISO, or a person's way of writing it
    if parsed := parse_date(said):
        return parsed
    moment = entry.get("published_parsed") or entry.get("updated_parsed")
    return date(*moment[:3]).isoformat() if moment else None
