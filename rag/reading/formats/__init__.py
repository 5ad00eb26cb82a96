"""What files may hold: one reader a format, from a file's bytes to the texts of its articles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rag.errors import ArticleError
from rag.reading.formats import pdf
from rag.reading.formats.archive import ARCHIVE, members
from rag.reading.formats.document import Document, JsonFields, Reader
from rag.reading.formats.feeds import read_feed
from rag.reading.formats.json_entries import read_json, read_json_lines
from rag.reading.formats.markdown_text import read_text
from rag.reading.formats.pdf import read_pdf
from rag.reading.formats.web_page import read_page
from rag.types import Unreadable

TEXT_SUFFIXES = (".md", ".markdown", ".txt")
_READERS: dict[str, Reader] = {
    **dict.fromkeys(TEXT_SUFFIXES, read_text),
    **dict.fromkeys((".html", ".htm", ".xhtml"), read_page),
    **dict.fromkeys((".rss", ".atom", ".xml"), read_feed),
    ".pdf": read_pdf,
}
_JSON = {".json": read_json, **dict.fromkeys((".jsonl", ".ndjson"), read_json_lines)}
SUFFIXES = (*_READERS, *_JSON)
INDEXED = (*SUFFIXES, ARCHIVE)  # what an ingest looks at
MAX_FILE_BYTES = 50 * 2**20  # of a file: pages with their pictures, feeds and lists of many articles
# Raise it when more files can be read: those that failed are then tried again.
READERS = "3" + ("+pdf" if pdf.is_installed() else "")


def documents(data: bytes, file: str, json_fields: JsonFields | None = None) -> Iterator[Document | Unreadable]:
    """The articles in a file's bytes, in order; the file's name says the format. What has no suffix of ours is text.

    Raises:
        ArticleError: nothing of it can be read.

    >>> [one.text for one in documents(b"<p>Kurz.</p>", "a.HTML")], [one.text for one in documents(b"Kurz.", "a")]
    (['Kurz.\\n'], ['Kurz.'])
    """
    name = file.lower()
    if name.endswith(ARCHIVE):
        return _archived(data, json_fields)
    suffix = next((one for one in SUFFIXES if name.endswith(one)), ".txt")
    if reader := _JSON.get(suffix):
        return reader(data, json_fields or {})
    return _READERS[suffix](data)


def _archived(data: bytes, json_fields: JsonFields | None) -> Iterator[Document | Unreadable]:
    """The articles of an archive: those of each file in it, which is read as it would be by itself."""
    for one in members(data, SUFFIXES, MAX_FILE_BYTES):
        if isinstance(one, Unreadable):
            yield one
            continue
        name, content = one
        try:
            for found in documents(content, name, json_fields):
                part = f"{name}/{found.part}" if found.part else name
                yield replace(found, part=part, file=name) if isinstance(found, Document) else replace(found, part=part)
        except ArticleError as error:
            yield Unreadable(name, str(error))
