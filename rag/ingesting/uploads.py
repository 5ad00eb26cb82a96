"""What people upload: names made safe, zip archives opened within bounds, and why a file is not taken.

A file comes with a name and bytes that its sender chose, so neither is trusted: of the name only the last part is
kept, and of an archive never more is unpacked than an upload may hold.
"""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Literal

from rag.errors import ArticleError
from rag.language.text import INVISIBLE
from rag.reading.articles import MAX_BYTES, parse_file
from rag.reading.decoding import decode
from rag.reading.formats import MAX_FILE_BYTES, SUFFIXES, TEXT_SUFFIXES
from rag.reading.formats.archive import ARCHIVE, BESIDE, BROKEN, is_bomb, lists_more_than, name_of, read, wrong_packing
from rag.reading.formats.document import JsonFields
from rag.types import Article

UNPACKED = 4  # times the size of an upload: text shrinks to a third or a quarter in an archive
MAX_STEM = 150  # bytes; with a date, a number and a suffix still below the 255 of file systems
_FORBIDDEN = re.compile(r'[<>:"|?*]')  # on Windows

Reason = Literal[
    "hidden",
    "name",
    "suffix",
    "empty",
    "too_large",
    "not_text",
    "no_text",
    "unreadable",
    "broken_archive",
    "empty_archive",
    "encrypted",
    "compression",
    "link",
    "nested",
    "bomb",
    "too_many",
    "too_much",
    "not_written",
    "not_indexed",
]
REASONS: dict[Reason, str] = {
    "hidden": "it is a hidden file; rename it without the dot in front",
    "name": "its name holds nothing that can be kept; rename it",
    "suffix": f"only {', '.join(SUFFIXES)} and {ARCHIVE} files are taken",
    "empty": "it is empty",
    "too_large": "such a file may have {limit} MB at most",
    "not_text": "it is not a text file, or in an unknown encoding; save it as UTF-8",
    "no_text": "there is no text in it to index",
    "unreadable": "it is damaged, or not what its name says",
    "broken_archive": "the zip archive is damaged; make it anew",
    "empty_archive": "the zip archive holds no files",
    "encrypted": "it is encrypted; make the zip archive without a password",
    "compression": "it is packed in an unusual way; make the zip archive with the usual method, deflate",
    "link": "it is a link to another file; put the file itself into the archive",
    "nested": "an archive inside an archive is not opened; upload it by itself",
    "bomb": "it would unpack to more than a hundred times its size, which text does not",
    "too_many": "at most {limit} files can be uploaded at once; upload the rest after that",
    "too_much": "unpacked, an upload may have {limit} MB at most; upload the rest after that",
    "not_written": "it could not be written to the disk of the server",
    "not_indexed": "it could not be indexed",
}


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much one upload may hold, and how it is read."""

    max_bytes: int = 50 * 2**20
    max_files: int = 200
    json_fields: JsonFields = field(default_factory=dict)  # where in JSON the fields of an article are


@dataclass(frozen=True, slots=True)
class Incoming:
    """An article that can be kept: ``name`` as its sender calls it, ``file`` as it is called here."""

    name: str
    file: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is not taken, and why; ``limit`` is the number in the reason, if it names one.

    ``detail`` says in English what exactly is wrong with it, where the reason alone does not.
    """

    name: str
    reason: Reason
    limit: int | None = None
    detail: str = ""


def explain(reason: Reason, limit: int | None = None) -> str:
    """The reason in English.

    >>> explain("too_large", 10)
    'such a file may have 10 MB at most'
    """
    return REASONS[reason].format(limit=limit)


def safe_name(name: str) -> str:
    """The name under which an upload is kept: its last part alone, without what no reader can see.

    >>> safe_name("../../etc/Straße\\n.md"), safe_name("C:\\\\news\\\\新闻?.md"), safe_name("..")
    ('Straße.md', '新闻_.md', '..')
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    unseen = set(INVISIBLE.findall(last)) - {"\ufe0f"}  # which makes a sign an emoji
    visible = "".join(c for c in last if c.isspace() or (c not in unseen and unicodedata.category(c)[0] != "C"))
    path = PurePosixPath(" ".join(_FORBIDDEN.sub("_", visible).split()))
    stem, suffix = path.name.removesuffix(path.suffix).rstrip(), path.suffix
    encoded = stem.encode()
    if len(encoded) > MAX_STEM:  # two long names that begin alike stay two
        stem = encoded[:MAX_STEM].decode(errors="ignore") + "-" + hashlib.blake2b(encoded, digest_size=4).hexdigest()
    return stem + suffix


def unpack(files: Sequence[tuple[str, bytes]], limits: UploadLimits) -> list[Incoming | Refused]:
    """The articles of an upload, archives opened, each checked; no two of those taken have the same file name."""
    found: list[Incoming | Refused] = []
    for name, data in files:
        if len(found) >= limits.max_files:
            found.append(Refused(_shown(name), "too_many", limits.max_files))
        elif safe_name(name).lower().endswith(ARCHIVE):
            found += _opened(_shown(name), data, limits, taken=found)
        else:
            found.append(_checked(_shown(name), safe_name(name), data, limits.json_fields))
    return _told_apart(found)


def _shown(name: str) -> str:
    """A name as it can be shown and sent: on one line, without characters that are none or that no reader can see."""
    return " ".join(INVISIBLE.sub("", name.encode("utf-8", "replace").decode()).split())[:300] or "?"


def _checked(name: str, file: str, data: bytes, json_fields: JsonFields) -> Incoming | Refused:
    """The file, if an article can be made of it."""
    most = MAX_BYTES if file.lower().endswith(TEXT_SUFFIXES) else MAX_FILE_BYTES
    if len(data) > most:
        return Refused(name, "too_large", most // 2**20)
    if reason := _wrong_name(file):
        return Refused(name, reason)
    return _wrong_content(name, file, data, json_fields) or Incoming(name, file, data)


def _wrong_name(file: str) -> Reason | None:
    if not any(c.isalnum() for c in file):
        return "name"
    if file.startswith("."):
        return "hidden"
    if file.lower().endswith(ARCHIVE):
        return "nested"
    return None if file.lower().endswith(SUFFIXES) else "suffix"


def _wrong_content(name: str, file: str, data: bytes, json_fields: JsonFields) -> Refused | None:
    if not data.strip():
        return Refused(name, "empty")
    try:
        # The first article tells that there are some; the rest is read when they go in.
        if any(isinstance(one, Article) for one in parse_file(data, file, str, json_fields)):
            return None
        detail = ""
    except ArticleError as error:
        detail = str(error)
    if not file.lower().endswith(TEXT_SUFFIXES):
        return Refused(name, "unreadable", detail=f"it {detail}")
    try:
        decode(data)
    except ArticleError:
        return Refused(name, "not_text")
    return Refused(name, "no_text")


def _told_apart(found: list[Incoming | Refused]) -> list[Incoming | Refused]:
    """Files of different folders may have the same name: the later ones are numbered, unless they are the same."""
    contents: dict[str, bytes] = {}
    apart: list[Incoming | Refused] = []
    for one in found:
        if isinstance(one, Incoming):
            path, number, file = PurePosixPath(one.file), 1, one.file
            while contents.setdefault(file, one.data) != one.data:
                number += 1
                file = f"{path.stem} ({number}){path.suffix}"
            apart.append(replace(one, file=file))
        else:
            apart.append(one)
    return apart


# --- Archives ----------------------------------------------------------------------------------------------


def _opened(
    name: str, data: bytes, limits: UploadLimits, taken: Sequence[Incoming | Refused]
) -> list[Incoming | Refused]:
    """The files of an archive, of which there may be as many as are left of the limit."""
    if lists_more_than(data, limits.max_files):
        return [Refused(name, "too_many", limits.max_files)]
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [
                e for e in archive.infolist() if not e.filename.endswith("/") and not e.filename.startswith(BESIDE)
            ]
            if not entries:
                return [Refused(name, "empty_archive")]
            if len(entries) + len(taken) > limits.max_files:
                return [Refused(name, "too_many", limits.max_files)]
            room = UNPACKED * limits.max_bytes - sum(len(one.data) for one in taken if isinstance(one, Incoming))
            return list(_entries(name, archive, entries, room, limits))
    except BROKEN:
        return [Refused(name, "broken_archive")]


def _entries(
    name: str, archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo], room: int, limits: UploadLimits
) -> Iterator[Incoming | Refused]:
    for entry in entries:
        path = name_of(entry)
        shown, file = f"{name}/{_shown(path)}", safe_name(path)
        if reason := _wrong_name(file) or wrong_packing(entry):
            yield Refused(shown, reason)
            continue
        if room <= 0:
            yield Refused(shown, "too_much", UNPACKED * limits.max_bytes // 2**20)
            continue
        data = read(archive, entry, min(MAX_FILE_BYTES, room) + 1)
        if data is None:
            yield Refused(shown, "broken_archive")
        elif is_bomb(entry, data):
            yield Refused(shown, "bomb")
        elif room < len(data) <= MAX_FILE_BYTES:
            yield Refused(shown, "too_much", UNPACKED * limits.max_bytes // 2**20)
        else:
            yield _checked(shown, file, data, limits.json_fields)
        room -= len(data or b"")
