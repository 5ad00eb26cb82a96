"""PDF: its text with paragraphs mended, where the extra for it is installed."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rag.errors import ArticleError
from rag.language.text import HAN
from rag.reading.formats.document import Document, Field, filled

PROGRAM = Path(__file__).with_name("pdf_pages.py")
MAX_SECONDS = 300
MAX_MEMORY = 2 * 2**30  # bytes
_HEAD_LINES = 2  # lines at the top and at the bottom of a page that may be the same on all
_FULL_LINE = 0.75  # of the usual width: a shorter line ends its paragraph if it ends a sentence
_DIGITS = re.compile(r"\d+")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]$")
_SENTENCE_END = re.compile(r"[.!?。！？:：…][\"'”’」』)）\]]*$")
_HAN_END = re.compile(f"[{HAN}，。、；：！？”）》]$")
_HAN_START = re.compile(f"[{HAN}，。、；：！？“（《]")
_OPENS = re.compile(r"[-*•–·]\s|\d{1,3}[.)、]\s?|[（(][一二三四五六七八九十\d]+[)）]|[一二三四五六七八九十]+、")
_PDF_DATE = re.compile(r"D?:?(\d{4})(\d{2})(\d{2})")


def is_installed() -> bool:
    """Whether PDF files can be read."""
    return importlib.util.find_spec("pypdf") is not None


def read_pdf(data: bytes) -> Iterator[Document]:
    """The text of a PDF file, page after page."""
    if not is_installed():
        raise ArticleError("is a PDF file; to read these, run pip install 'ask-the-articles[pdf]'")
    if b"%PDF-" not in data[:1024]:
        raise ArticleError("is not a PDF file, though it is called so")
    told = _told(data)
    if reason := told.get("refused"):
        raise ArticleError(reason)
    pages = [page.splitlines() for page in told["pages"]]
    text = "\n\n".join(filter(None, map(_mended, _without_running_heads(pages))))
    if not any(map(str.isalnum, text)):
        raise ArticleError("is a PDF file without text, such as a scan; recognise its text (OCR) first")
    yield Document(text, fields=_fields(told["metadata"]))


def _told(data: bytes) -> dict[str, Any]:
    """What a process of its own reads of a file: one can be made so that it takes for ever, or all memory."""
    command = [sys.executable, "-P", str(PROGRAM), str(MAX_SECONDS + 1), str(MAX_MEMORY)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=MAX_SECONDS, check=True)
    except subprocess.TimeoutExpired:
        raise ArticleError(f"is a PDF file that takes more than {MAX_SECONDS} s; divide it, or save it anew") from None
    except subprocess.CalledProcessError:  # it was ended from outside, as where the memory is full
        raise ArticleError("is a PDF file at which its reader broke off; save it anew, or as text") from None
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _fields(metadata: Mapping[str, str]) -> dict[Field, list[str]]:
    date = _PDF_DATE.match(metadata.get("/CreationDate", ""))
    return filled(
        title=metadata.get("/Title"),
        author=metadata.get("/Author"),
        date=date and "-".join(date.groups()),
        description=metadata.get("/Subject"),
        tags=metadata.get("/Keywords"),
    )


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
