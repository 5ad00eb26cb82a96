"""What files may hold: one reader a format, from a file's bytes to the texts of its articles."""

from __future__ import annotations

from collections.abc import Iterator

from rag.formats import pdf
from rag.formats.document import Document, JsonFields, Reader
from rag.formats.feeds import read_feed
from rag.formats.json_entries import read_json, read_json_lines
from rag.formats.markdown_text import read_text
from rag.formats.pdf import read_pdf
from rag.formats.web_page import read_page
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
# Raise it when more files can be read: those that failed are then tried again.
READERS = "2" + ("+pdf" if pdf.is_installed() else "")


def documents(data: bytes, file: str, json_fields: JsonFields | None = None) -> Iterator[Document | Unreadable]:
    """The articles in a file's bytes, in order; the file's name says the format. What has no suffix of ours is text.

    Raises:
        ArticleError: nothing of it can be read.

    >>> [one.text for one in documents(b"<p>Kurz.</p>", "a.HTML")], [one.text for one in documents(b"Kurz.", "a")]
    (['Kurz.\\n'], ['Kurz.'])
    """
    name = file.lower()
    suffix = next((one for one in SUFFIXES if name.endswith(one)), ".txt")
    if reader := _JSON.get(suffix):
        return reader(data, json_fields or {})
    return _READERS[suffix](data)
