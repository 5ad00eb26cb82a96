"""PDF: its text with paragraphs mended, where the extra for it is installed."""

from __future__ import annotations

import importlib.util
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from time import monotonic
from typing import TYPE_CHECKING

from rag.errors import ArticleError
from rag.language.text import HAN
from rag.reading.formats.document import Document, Field, filled

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PAGES = 5000
MAX_TEXT = 12 * 2**20  # characters; an article has less
MAX_SECONDS = 300  # a page may be made to take for ever; the next one is then not begun
_HEAD_LINES = 2  # lines at the top and at the bottom of a page that may be the same on all
_FULL_LINE = 0.75  # of the usual width: a shorter line ends its paragraph if it ends a sentence
_DIGITS = re.compile(r"\d+")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]$")
_SENTENCE_END = re.compile(r"[.!?。！？:：…][\"'”’」』)）\]]*$")
_HAN_END = re.compile(f"[{HAN}，。、；：！？”）》]$")
_HAN_START = re.compile(f"[{HAN}，。、；：！？“（《]")
_OPENS = re.compile(r"[-*•–·]\s|\d{1,3}[.)、]\s?|[（(][一二三四五六七八九十\d]+[)）]|[一二三四五六七八九十]+、")
_PDF_DATE = re.compile(r"D?:?(\d{4})(\d{2})(\d{2})")

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of each flaw that it gets over


def is_installed() -> bool:
    """Whether PDF files can be read."""
    return importlib.util.find_spec("pypdf") is not None


def read_pdf(data: bytes) -> Iterator[Document]:
    """The text of a PDF file, page after page."""
    if not is_installed():
        raise ArticleError("is a PDF file; to read these, run pip install 'ask-the-articles[pdf]'")
    if b"%PDF-" not in data[:1024]:
        raise ArticleError("is not a PDF file, though it is called so")
    try:
        yield _read(data)
    except ArticleError:
        raise
    except Exception as error:
        raise ArticleError(f"is a damaged PDF file ({type(error).__name__}); save it anew, or as text") from error


def _read(data: bytes) -> Document:
    from pypdf import PdfReader  # noqa: PLC0415  an extra

    reader = PdfReader(BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise ArticleError("is an encrypted PDF file; save it without a password")
    pages = [page.splitlines() for page in _pages(reader)]
    text = "\n\n".join(filter(None, map(_mended, _without_running_heads(pages))))
    if not any(map(str.isalnum, text)):
        raise ArticleError("is a PDF file without text, such as a scan; recognise its text (OCR) first")
    return Document(text, fields=_fields(reader))


def _pages(reader: PdfReader) -> Iterator[str]:
    count = len(reader.pages)
    if count > MAX_PAGES:
        raise ArticleError(f"has {count} pages; {MAX_PAGES} are the most that are read: divide it")
    until, characters = monotonic() + MAX_SECONDS, 0
    for page in reader.pages:
        text = page.extract_text().encode("utf-8", "replace").decode().replace("\x00", "")
        characters += len(text)
        if characters > MAX_TEXT or monotonic() > until:
            raise ArticleError("is a PDF file with too much in it to be read; divide it")
        yield text


def _fields(reader: PdfReader) -> dict[Field, list[str]]:
    try:
        told: Mapping[str, object] = reader.metadata or {}
        date = _PDF_DATE.match(str(told.get("/CreationDate") or ""))
        return filled(
            title=_label(told.get("/Title")),
            author=_label(told.get("/Author")),
            date=date and "-".join(date.groups()),
            description=_label(told.get("/Subject")),
            tags=_label(told.get("/Keywords")),
        )
    except Exception:  # noqa: BLE001  broken metadata are none; the text was read
        return {}


def _label(value: object) -> str | None:
    return str(value).encode("utf-8", "replace").decode().replace("\x00", "") if value else None


def _without_running_heads(pages: Sequence[list[str]]) -> list[list[str]]:
    """The lines of each page without those that stand at the top or the bottom of most, whatever their number says."""
    lines = [[line.strip() for line in page] for page in pages]
    at_rim = Counter(shape for page in lines for shape in {_shape(page[i]) for i in _rim(page)})
    running = {shape for shape, count in at_rim.items() if count > max(2, len(pages) / 2)}
    return [_trimmed(page, running) for page in lines]


def _shape(line: str) -> str:
    return _DIGITS.sub("0", line)


def _rim(page: list[str]) -> set[int]:
    """Where the first and the last lines of a page are."""
    filled_at = [i for i, line in enumerate(page) if line]
    count = min(_HEAD_LINES, len(filled_at) // 3)
    return {*filled_at[:count], *filled_at[len(filled_at) - count :]}


def _trimmed(page: list[str], running: set[str]) -> list[str]:
    rim = _rim(page)
    return [line for i, line in enumerate(page) if not (i in rim and _shape(line) in running)]


def _mended(lines: list[str]) -> str:
    """The paragraphs of a page, each on one line."""
    widths = sorted(len(line) for line in lines if line)
    usual = widths[len(widths) * 3 // 4] if widths else 0
    paragraphs: list[str] = []
    is_open = False
    for line in lines:
        if not line:
            is_open = False
            continue
        if is_open and not _OPENS.match(line):
            paragraphs[-1] = _joined(paragraphs[-1], line)
        else:
            paragraphs.append(line)
        # A short line is the last of its paragraph, or a heading.
        is_open = len(line) > _FULL_LINE * usual or not (_SENTENCE_END.search(line) or len(line) < usual / 2)
    return "\n\n".join(paragraphs)


def _joined(before: str, line: str) -> str:
    """A line put to those before it: a word that was divided is one again.

    >>> _joined("Die Regie-", "rung"), _joined("nord-", "Süd"), _joined("公司筹集了", "十亿"), _joined("a b", "c")
    ('Die Regierung', 'nord-Süd', '公司筹集了十亿', 'a b c')
    """
    if _HYPHEN.search(before):
        return before[:-1] + line if line[0].islower() else before + line
    if _HAN_END.search(before) and _HAN_START.match(line):
        return before + line
    return f"{before} {line}"
