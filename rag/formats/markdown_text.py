"""Markdown and plain text: the file is the article."""

from __future__ import annotations

from collections.abc import Iterator

from rag.decoding import decode
from rag.formats.document import Document


def read_text(data: bytes) -> Iterator[Document]:
    """The text of the file as it is."""
    text, warning = decode(data)
    yield Document(text, warnings=(warning,) if warning else ())
