"""Backup: the truth, the feedback, the keys and the files that nothing else brings back, in one zip file; and restore.

Chroma is not in it: it is derived from the truth. Both commands can run while a server answers and others write; what
comes back is the state of one moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from rag.errors import BackupError

FORMAT = 1  # of the zip file
MANIFEST = "manifest.json"
INDEX, FEEDBACK, KEYS = "articles.sqlite3", "feedback.sqlite3", "keys.json"  # names in the zip
REMOVED, UPLOADS = "removed", "uploads"  # folders in it
_PAGES = 2000  # of SQLite, between two reports of progress: eight megabytes
_BLOCK = 1 << 20
_PATIENCE = 60.0  # seconds

Progress = Callable[[str, int, int], None]  # what is going on, done, of


@dataclass(frozen=True, slots=True)
class Places:
    """Where what is kept lies. ``uploads`` None: they are left out."""

    index: Path
    feedback: Path
    keys: Path
    removed: Path
    articles: Path  # the folder that articles are indexed from
    uploads: Path | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a backup."""

    format: int
    version: str  # of the product
    made: str  # ISO 8601, UTC
    stamp: dict[str, str] | None  # what made the index; None where it is empty
    articles_folder: str
    counts: dict[str, int]
    members: dict[str, dict[str, Any]]  # sha256 and size, by name


def back_up(places: Places, target: Path, *, version: str, progress: Progress | None = None) -> Manifest:
    """Write a backup, beside its place first: what has this name is whole and was read back.

    Raises:
        BackupError: there is no index, ``target`` is there already, the disk is full, or the index is damaged.
    """
    if not places.index.is_file():
        raise BackupError(f"there is no index at {places.index}; name its folder by --data-dir")
    if target.exists():
        raise BackupError(f"{target} is there already; give the backup another name")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _check_space(places, target.parent)
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as folder:
            made = _write(places, Path(folder), version, progress or _silent)
            check(made, progress=progress)
            made.chmod(0o600)  # the keys in it are hashes, but the feedback holds what people asked
            made.replace(target)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"no backup was made: {error}") from error
    return read_manifest(target)


def check(file: Path, progress: Progress | None = None) -> Manifest:
    """Read a whole backup and compare every member with the manifest.

    Raises:
        BackupError: it is no backup, or not as it was made.
    """
    manifest = read_manifest(file)
    if odd := next((name for name in manifest.members if not _is_safe(name)), None):
        raise BackupError(f"{file} is no backup of this product: it has a member {odd!r}")
    total = sum(of["size"] for of in manifest.members.values())
    done = 0
    try:
        with zipfile.ZipFile(file) as packed:
            for name, of in manifest.members.items():
                with packed.open(name) as member:
                    found, size = _digest(member)
                if (found, size) != (of["sha256"], of["size"]):
                    raise BackupError(f"{file} is damaged: {name} is not as it was made; take another backup")
                done += size
                if progress:
                    progress("checking", done, total)
    except (OSError, zipfile.BadZipFile, KeyError, EOFError) as error:
        raise BackupError(f"{file} is damaged: {error}; take another backup") from error
    return manifest


def read_manifest(file: Path) -> Manifest:
    """What a backup says of itself.

    Raises:
        BackupError: it is no backup, or one of a newer version.
    """
    try:
        with zipfile.ZipFile(file) as packed:
            told = json.loads(packed.read(MANIFEST))
        if told["format"] > FORMAT:
            raise BackupError(f"{file} was made by a newer version ({told['version']}); restore it with that one")
        return Manifest(**told)
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise BackupError(f"{file} is no backup: {error}") from error


def _write(places: Places, folder: Path, version: str, progress: Progress) -> Path:
    index = _snapshot(places.index, folder / INDEX, progress)
    sources = {INDEX: index}
    counts, stamp = _counts(index)
    if places.feedback.is_file():
        sources[FEEDBACK] = _snapshot(places.feedback, folder / FEEDBACK, progress)
        counts["answers"] = _one(sources[FEEDBACK], "SELECT count(*) FROM answers")
    if places.keys.is_file():
        sources[KEYS] = places.keys
    for name, below in ((REMOVED, places.removed), (UPLOADS, places.uploads)):
        sources |= {f"{name}/{path.relative_to(below).as_posix()}": path for path in _files(below)} if below else {}
    packed = folder / "backup.zip"
    members: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for done, (name, path) in enumerate(sources.items()):
            progress("packing", done, len(sources))
            with suppress(FileNotFoundError), path.open("rb") as source:  # removed since it was listed
                with file.open(name, "w", force_zip64=True) as member:
                    digest, size = _digest(source, member)
                members[name] = {"sha256": digest, "size": size}
        made = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(FORMAT, version, made, stamp, str(places.articles.resolve()), counts, members)
        file.writestr(MANIFEST, json.dumps(asdict(manifest), ensure_ascii=False, indent=1))
    with packed.open("rb") as written:
        os.fsync(written.fileno())
    return packed


def _snapshot(source: Path, copy: Path, progress: Progress) -> Path:
    """A copy of an SQLite file as it is at this moment, checked, whoever reads and writes it meanwhile."""

    def step(_status: int, remaining: int, total: int) -> None:
        progress(f"copying {source.name}", total - remaining, total)

    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE)) as db,
        closing(sqlite3.connect(copy)) as kept,
    ):
        db.execute("BEGIN")  # a reader is never blocked here, and without it a writer would make the copy begin anew
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        db.backup(kept, pages=_PAGES, progress=step)
        kept.execute("PRAGMA journal_mode = DELETE")  # one file, without what WAL puts beside it
        progress(f"checking {source.name}", 0, 1)
        if (found := kept.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            raise BackupError(f"{source} is damaged ({found}); run `python ingest.py --rebuild`, then back up again")
    return copy


def _counts(index: Path) -> tuple[dict[str, int], dict[str, str] | None]:
    counts = {table: _one(index, f"SELECT count(*) FROM {table}") for table in ("articles", "passages")}
    stamp = _one(index, "SELECT max(value) FROM meta WHERE key = 'stamp'")
    return counts, json.loads(stamp) if stamp else None


def _one(file: Path, sql: str) -> Any:
    with closing(sqlite3.connect(file)) as db:
        return db.execute(sql).fetchone()[0]


def _files(folder: Path) -> Iterator[Path]:
    """What is in a folder, but for what is hidden (half of a file, on its way in) and for links."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not any(p.startswith(".") for p in path.parts[-1:]):
            yield path


def _check_space(places: Places, folder: Path) -> None:
    """Twice, since what is packed was copied first."""
    needed = 2 * sum(path.stat().st_size for path in (places.index, places.feedback) if path.is_file())
    if (free := shutil.disk_usage(folder).free) < needed:
        raise BackupError(
            f"a backup needs up to {needed // 2**20 + 1} MB on the disk of {folder}, which has {free // 2**20} MB left"
        )


def _digest(source: IO[bytes], copy: IO[bytes] | None = None) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while block := source.read(_BLOCK):
        digest.update(block)
        size += len(block)
        if copy:
            copy.write(block)
    return digest.hexdigest(), size


def _is_safe(name: str) -> bool:
    """Whether a member is one of ours, which can't lead out of a folder.

    >>> [_is_safe(name) for name in ("keys.json", "removed/a.md", "removed/../keys.json", "/etc/x", "removed/C:\\\\x")]
    [True, True, False, False, False]
    """
    parts = PurePosixPath(name).parts
    if name in (INDEX, FEEDBACK, KEYS):
        return True
    return parts[:1] in ((REMOVED,), (UPLOADS,)) and ".." not in parts and not set(name) & set(":\\\0")


def _silent(what: str, done: int, of: int) -> None:
    """Tell nobody."""
