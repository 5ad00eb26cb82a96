"""Restore: a backup becomes the data folder, and what was there before is kept aside."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rag.errors import BackupError
from rag.maintenance.backup import INDEX, UPLOADS, Manifest, Progress, check, read_manifest
from rag.storage.locks import OwnerLock

ASIDE = "before-restore-"  # begins the name of the folder with what was there
_STAGING = ".restoring-"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored; ``aside`` is where that is which was there before, ``differing`` are uploads that were left
    as they are because a file of that name says something else."""

    manifest: Manifest
    aside: Path | None
    relocated: bool  # the articles lie in another folder than when it was made
    uploads: int
    differing: tuple[str, ...]


def restore(
    file: Path,
    data_dir: Path,
    articles: Path,
    *,
    newest_schema: int,
    locks: tuple[str, ...],
    progress: Progress | None = None,
) -> Restored:
    """Put a backup in place of a data folder, after all of it was read and compared with its hashes.

    ``locks`` are the names of those that a server and an ingest hold.

    Raises:
        BackupError: it is damaged, or was made by a newer version; nothing was changed.
        LockedError: a process uses the folder; the message names its pid.
    """
    manifest = check(file, progress)
    schema = (manifest.stamp or {}).get("schema", "0")
    if int(schema) > newest_schema:
        raise BackupError(
            f"{file} holds an index of a newer version of this (format {schema}, where this one knows "
            f"{newest_schema}); restore it with version {manifest.version}"
        )
    try:
        with _alone(data_dir, locks):
            staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=data_dir))
            try:
                _extract(file, staging)
                relocated = _relocate(staging / INDEX, Path(manifest.articles_folder), articles.resolve())
                uploads, differing = _put_uploads(staging / UPLOADS, articles / UPLOADS)
                aside = _swap(staging, data_dir, locks)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except (OSError, sqlite3.Error, zipfile.BadZipFile) as error:
        raise BackupError(f"{file} could not be restored: {error}; what was in {data_dir} is there still") from error
    return Restored(manifest, aside, relocated, uploads, differing)


@contextmanager
def _alone(data_dir: Path, names: tuple[str, ...]) -> Iterator[None]:
    locks = [OwnerLock(data_dir / name) for name in names]
    taken = []
    try:
        for lock in locks:
            lock.acquire("restore a backup into it")
            taken.append(lock)
        yield
    finally:
        for lock in taken:
            lock.release()


def _extract(file: Path, staging: Path) -> None:
    with zipfile.ZipFile(file) as packed:
        for name in read_manifest(file).members:
            target = staging / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(name) as member, target.open("wb") as out:
                shutil.copyfileobj(member, out, 1 << 20)


def _relocate(index: Path, before: Path, now: Path) -> bool:
    """Have the index name its articles' files where they are now: else each would be taken for a new one."""
    if before == now:
        return False
    with closing(sqlite3.connect(index)) as db, db:
        for table in ("articles", "files"):
            for column in {row[1] for row in db.execute(f"PRAGMA table_info({table})")} & {"path", "root"}:
                db.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (str(now), len(str(before)) + 1, str(before), len(str(before)) + 1, f"{before}/"),
                )
    return True


def _put_uploads(staged: Path, uploads: Path) -> tuple[int, tuple[str, ...]]:
    """Uploaded files that are missing from the folder of articles; none that is there is written over."""
    put, differing = 0, []
    for path in sorted(path for path in staged.rglob("*") if path.is_file()):
        name = path.relative_to(staged)
        target = uploads / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
            put += 1
        elif target.read_bytes() != path.read_bytes():
            differing.append(name.as_posix())
    shutil.rmtree(staged, ignore_errors=True)
    return put, tuple(differing)


def _swap(staging: Path, data_dir: Path, locks: tuple[str, ...]) -> Path | None:
    """Move what is there aside and what is new in. Within the folder, which may be a disk of its own."""
    own = {Path(name).stem for name in locks}
    there = [
        path
        for path in data_dir.iterdir()
        if path.stem not in own and not path.name.startswith((ASIDE, _STAGING)) and path.suffix != ".lock"
    ]
    aside = None
    if there:
        aside = data_dir / f"{ASIDE}{datetime.now():%Y%m%d-%H%M%S}"
        aside.mkdir()
        for path in there:
            path.rename(aside / path.name)
    for path in staging.iterdir():
        path.rename(data_dir / path.name)
    return aside
