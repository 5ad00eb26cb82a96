"""HTML: the main text of a saved page, and what its head says of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lxml import html

from rag.errors import ArticleError
from rag.reading.decoding import decode
from rag.reading.formats.document import Document, filled
from rag.reading.formats.html_tree import declared_encoding, parse_html, text_of

if TYPE_CHECKING:
    from trafilatura.settings import Document as Extracted

# Dates in the text or the address are guesses: only what the markup says is believed.
MAX_ELEMENTS = (
    50_000  # telling the main text takes a minute from there on; a page so long is a book, with little around it
)
_DATES = {"extensive_search": False, "original_date": True}
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it logs as errors what we answer with a reason


def read_page(data: bytes) -> Iterator[Document]:
    """The main text of a page, without its menus, advertisements and comments."""
    text, warning = decode(data, declared_encoding(data))
    tree = parse_html(text)
    try:
        found = _extract(tree) if sum(1 for _ in tree.iter()) <= MAX_ELEMENTS else None
        main = (found and found.text) or text_of(tree)
    except (ValueError, RecursionError) as error:
        raise ArticleError("is HTML that can't be taken apart; save it as plain text") from error
    if not main.strip():
        raise ArticleError("has no text; a page that scripts fill must be saved as a browser shows it, or as PDF")
    fields = filled()
    if found:
        fields = filled(
            title=found.title,
            url=found.url,
            author=found.author or found.sitename,
            date=found.date,
            description=found.description,
            tags=[*(found.tags or []), *(found.categories or [])],
        )
    yield Document(main, fields=fields, warnings=(warning,) if warning else ())


def html_to_text(piece: str) -> str:
    """All the text of a piece of HTML, such as an entry of a feed, which has nothing around it to be left out.

    >>> html_to_text("<p>Ein <i>Satz</i>.</p><script>alert(1)</script><p hidden>Unsichtbar.</p>")
    'Ein Satz.'
    """
    try:
        return text_of(parse_html(piece))
    except ArticleError:
        return ""


def _extract(tree: html.HtmlElement) -> Extracted | None:
    # Imported here alone: it takes a third of a second, which a start without a page to read should not.
    from trafilatura import bare_extraction  # noqa: PLC0415

    found = bare_extraction(
        tree,
        favor_precision=True,
        include_comments=False,
        include_formatting=True,
        with_metadata=True,
        date_extraction_params=dict(_DATES),
    )
    return None if isinstance(found, dict) else found
