"""Markdown and plain text: the file is the article."""

from __future__ import annotations

from collections.abc import Iterator

from rag.reading.decoding import decode
from rag.reading.formats.document import Document


def read_text(data: bytes) -> Iterator[Document]:
    """The text of the file as it is."""
    text, warning = decode(data)
    yield Document(text, warnings=(warning,) if warning else ())
