"""The library: the folder of articles that people add to and remove from while they read.

What is added goes to one subfolder, what is removed to a folder of its own and is never destroyed. The index follows
at once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, Protocol

from rag.errors import ForeignArticleError, LibraryError, UnknownArticleError
from rag.ingesting.ingestion import FileResult, IngestReport, Step
from rag.ingesting.uploads import Incoming, Reason, Refused, UploadLimits, explain, unpack
from rag.storage.truth import Known, Truth
from rag.types import ParseWarning

UPLOADS = "uploads"  # below the folder of articles


class Ingest(Protocol):
    """Brings the index in line with files and folders."""

    def __call__(self, paths: Sequence[Path], *, progress: Step | None = None) -> IngestReport:
        """What happened to each file."""


Writing = Callable[[], AbstractContextManager[Ingest]]  # within it nobody else changes the index


@dataclass(frozen=True, slots=True)
class Added:
    """What happened to one uploaded file.

    ``detail`` says in English why it was not taken, or what was guessed; the ``warnings`` say that with a code each.
    """

    name: str
    outcome: Literal["added", "updated", "unchanged", "failed"]
    reason: Reason | None = None
    limit: int | None = None
    detail: str = ""
    article_id: str | None = None
    warnings: tuple[ParseWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file that was written, and what was there before it (None: nothing)."""

    name: str
    path: Path
    before: bytes | None


class Library:
    """Adds articles to a folder and removes them. Safe to call from many threads and beside other processes."""

    def __init__(
        self,
        folder: Path,
        removed: Path,
        store: Truth,
        writing: Writing,
        *,
        limits: UploadLimits | None = None,
        today: Callable[[], date] = date.today,
    ) -> None:
        self._folder = folder.expanduser().resolve()
        self._removed = removed
        self._store = store
        self._writing = writing
        self._limits = limits or UploadLimits()
        self._today = today

    def add(self, files: Sequence[tuple[str, bytes]], progress: Step | None = None) -> list[Added]:
        """Keep files (name and content, zip archives among them) and make them searchable: one result a file.

        A file replaces the upload of the same name. One that is no article is reported and not kept.

        Raises:
            LockedError: somebody else is changing the index, and it took too long to wait for; nothing was kept.
            LibraryError: the folder for uploads can't be used; nothing was kept.
            EmbeddingError: the embedder failed; what was kept goes in with the next ingest.
        """
        found = unpack(files, self._limits)
        if all(isinstance(one, Refused) for one in found):
            return [_outcome(one, {}, {}) for one in found if isinstance(one, Refused)]
        with self._writing() as ingest:
            uploads = self._uploads()
            tried = [_keep(one, uploads) if isinstance(one, Incoming) else one for one in found]
            report = ingest([self._folder], progress=progress)
            results = {result.path: result for result in report.results}
            ids = {entry.path: entry.id for entry in self._store.known()}
            return [_outcome(one, results, ids) for one in tried]

    def remove(self, article_id: str) -> Path:
        """Take an article out of folder and index; returns where its file is kept from now on.

        Raises:
            UnknownArticleError: there is no such article.
            ForeignArticleError: its file is not in the folder of articles.
            LockedError: somebody else is changing the index, and it took too long to wait for.
            LibraryError: the file can't be moved.
        """
        with self._writing() as ingest:
            known = self._find(article_id)
            path = Path(known.path)
            if not path.is_relative_to(self._folder):
                raise ForeignArticleError(
                    f"{path.name} was indexed from another folder than the articles; "
                    "remove the file there and run `python ingest.py` on that folder"
                )
            kept = self._put_away(path)
            ingest([path])
        return kept

    def _find(self, article_id: str) -> Known:
        found = self._store.known(article_id=article_id)
        if not found:
            raise UnknownArticleError("there is no article with this id; GET /api/articles lists them")
        return found[0]

    def _uploads(self) -> Path:
        uploads = self._folder / UPLOADS
        try:
            uploads.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(f"the folder {UPLOADS} can't be made: {error.strerror}") from error
        if uploads.resolve() != uploads:  # what is behind a link would be written to and never indexed
            raise LibraryError(f"the folder {UPLOADS} leads out of the articles; make it a folder of its own")
        return uploads

    def _put_away(self, path: Path) -> Path:
        """Move a file to the removed ones, under a name that is free."""
        name = f"{self._today().isoformat()}-{path.name}"
        kept, number = self._removed / name, 1
        while kept.exists():
            number += 1
            kept = self._removed / f"{Path(name).stem} ({number}){path.suffix}"
        try:
            self._removed.mkdir(parents=True, exist_ok=True)
            if path.exists():  # somebody may have deleted it already
                shutil.move(path, kept)
        except OSError as error:
            raise LibraryError(f"{path.name} can't be moved to the removed articles: {error.strerror}") from error
        return kept


def _keep(one: Incoming, uploads: Path) -> _Kept | Refused:
    """The file, written whole or not at all."""
    path = uploads / one.file
    try:
        before = path.read_bytes() if path.exists() else None
        if before != one.data:
            _write(path, one.data)
    except OSError:
        return Refused(one.name, "not_written")
    return _Kept(one.name, path, before)


def _outcome(one: Refused | _Kept, results: Mapping[str, FileResult], ids: Mapping[str, str]) -> Added:
    """What became of a file; one that the index did not take is not kept."""
    if isinstance(one, Refused):
        return Added(one.name, "failed", one.reason, one.limit, one.detail or explain(one.reason, one.limit))
    result = results.get(str(one.path))
    # What was there under another name is new to the uploads.
    outcome = "added" if result is not None and result.action == "moved" else result.action if result else "failed"
    if result is not None and outcome in ("added", "updated", "unchanged"):
        known = ids.get(str(one.path))
        return Added(one.name, outcome, detail=result.detail, article_id=known, warnings=result.warnings)
    if one.before is None:
        one.path.unlink(missing_ok=True)
    else:
        _write(one.path, one.before)
    return Added(one.name, "failed", "not_indexed", detail=result.detail if result else explain("not_indexed"))


def _write(path: Path, data: bytes) -> None:
    # Hidden, so that nobody indexes the half of a file.
    handle, name = tempfile.mkstemp(prefix=".upload-", dir=path.parent)
    half = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        half.chmod(0o644)  # a temporary file is for its owner's eyes alone
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
