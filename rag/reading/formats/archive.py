"""Zip archives, opened within bounds: an archive may say anything of itself, and may be made to fill a disk."""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from typing import Literal

from rag.errors import ArticleError
from rag.types import Unreadable

ARCHIVE = ".zip"
MAX_RATIO = 100  # text shrinks to a twentieth at best; only a bomb to less than a hundredth
RATIO_FROM = 2**20  # bytes; a small file does no harm, however often it repeats itself
MOST_FILES = 20_000  # of an archive in a folder of articles, and
MOST_UNPACKED = 500 * 2**20  # bytes of them all
BESIDE = "__MACOSX/"  # what macOS puts beside every file of an archive
_DIRECTORY_ENTRY = b"PK\x01\x02"
# Pairs of high bytes alone: a Chinese name in GB 2312. German umlauts stand one by one.
_GB_2312 = re.compile(rb"(?:[\x00-\x7f]|[\xa1-\xf7][\xa1-\xfe])*")
_WHY = {
    "encrypted": "is encrypted",
    "compression": "is packed in an unusual way; make the archive with the usual method, deflate",
    "link": "is a link to another file",
}
BROKEN = (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, ValueError, NotImplementedError)


def members(data: bytes, suffixes: tuple[str, ...], most: int) -> Iterator[tuple[str, bytes] | Unreadable]:
    """The files with these suffixes in an archive, each with its path and content, of at most so many bytes.

    Raises:
        ArticleError: it is damaged, or holds more than an archive may.
    """
    if lists_more_than(data, MOST_FILES):
        raise ArticleError(f"holds more than the {MOST_FILES} files an archive may have")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except BROKEN as error:
        raise ArticleError("is a damaged zip archive; make it anew") from error
    room = MOST_UNPACKED
    for entry in archive.infolist():
        name = name_of(entry)
        is_hidden = any(part.startswith(".") for part in name.split("/"))
        if is_hidden or name.startswith(BESIDE) or not name.lower().endswith(suffixes):
            continue
        if wrong := wrong_packing(entry):
            yield Unreadable(name, _WHY[wrong])
            continue
        content = read(archive, entry, min(most, room) + 1)
        if content is None:
            yield Unreadable(name, "is damaged")
        elif is_bomb(entry, content):
            yield Unreadable(name, "would unpack to more than a hundred times its size, which text does not")
        elif len(content) > most:
            yield Unreadable(name, f"is larger than the {most // 2**20} MB a file may have")
        elif len(content) > room:
            yield Unreadable(name, f"and what is behind it: more than {MOST_UNPACKED // 2**20} MB; divide the archive")
            return
        else:
            yield name, content
        room -= len(content or b"")


def lists_more_than(data: bytes, files: int) -> bool:
    """Whether an archive lists so many entries that reading the mere list could fill the memory."""
    return data.count(_DIRECTORY_ENTRY) > 20 * files + 1000


def wrong_packing(entry: zipfile.ZipInfo) -> Literal["encrypted", "compression", "link"] | None:
    """Why an entry can't be unpacked, or must not be."""
    if entry.flag_bits & 1:
        return "encrypted"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "link"
    # The module unpacks the other methods by the block, however much comes of one.
    return None if entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) else "compression"


def is_bomb(entry: zipfile.ZipInfo, content: bytes) -> bool:
    """Whether an entry unpacks to more than text could; what it says of its own size may be a lie."""
    return len(content) > MAX_RATIO * max(1, entry.compress_size) and len(content) > RATIO_FROM


def read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes | None:
    """So many bytes of an entry at most; None when it is damaged."""
    try:
        with archive.open(entry) as file:
            return file.read(limit)
    except (*BROKEN, zlib.error, EOFError):
        return None


def name_of(entry: zipfile.ZipInfo) -> str:
    """The path of an entry. Where the archive does not say that it is UTF-8, it is that or GB 2312, or it stays.

    >>> name_of(zipfile.ZipInfo("新闻.md".encode("gb2312").decode("cp437")))
    '新闻.md'
    """
    if entry.flag_bits & 0x800 or entry.filename.isascii():
        return entry.filename
    try:
        raw = entry.filename.encode("cp437")  # which is how it was read
    except UnicodeEncodeError:
        return entry.filename
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace") if _GB_2312.fullmatch(raw) else entry.filename
