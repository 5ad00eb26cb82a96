"""The pages of a PDF file as they are stored. ``pdf.py`` runs this as a program of its own, which can be ended.

It reads the file from its standard input and writes ``{"pages": [text], "metadata": {name: text}}`` or ``{"refused":
reason}`` as JSON. It imports nothing of ours, so that it begins at once.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PAGES = 5000
MAX_TEXT = 12 * 2**20  # characters; an article has less
METADATA = ("/Title", "/Author", "/CreationDate", "/Subject", "/Keywords")


def told(data: bytes) -> dict[str, Any]:
    """What there is to tell of a file."""
    from pypdf import PdfReader  # noqa: PLC0415  an extra

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of each flaw that it gets over
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            return {"refused": "is an encrypted PDF file; save it without a password"}
        if len(reader.pages) > MAX_PAGES:
            return {"refused": f"has {len(reader.pages)} pages; {MAX_PAGES} are the most that are read: divide it"}
        pages, characters = [], 0
        for page in reader.pages:
            pages.append(_clean(page.extract_text()))
            characters += len(pages[-1])
            if characters > MAX_TEXT:
                return {"refused": "is a PDF file with too much in it to be read; divide it"}
        return {"pages": pages, "metadata": dict(_metadata(reader))}
    except Exception as error:  # noqa: BLE001  whatever pypdf meets in it
        return {"refused": f"is a damaged PDF file ({type(error).__name__}); save it anew, or as text"}


def _metadata(reader: PdfReader) -> Iterator[tuple[str, str]]:
    try:
        metadata: Mapping[str, object] = reader.metadata or {}
        for name in METADATA:
            if value := metadata.get(name):
                yield name, _clean(str(value))
    except Exception:  # noqa: BLE001  broken metadata are none; the text was read
        return


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def _bound(seconds: int, memory: int) -> None:
    """End when the time is over, whoever waits for this or not; have no more memory than this many bytes.

    Who stops an ingest stops its processes, too: it still finishes the article at hand, which must not look damaged.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform != "win32":  # where there is none of these
        import resource  # noqa: PLC0415

        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.alarm(seconds)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    _bound(*map(int, sys.argv[1:]))
    sys.stdout.write(json.dumps(told(sys.stdin.buffer.read())))
