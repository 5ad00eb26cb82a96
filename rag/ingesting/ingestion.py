"""Ingestion: parse, embed, write, and only then drop the old. A file that fails is reported; the rest goes in.

The manifest in the store says how each file was when it was last read. A file that looks as it did is not opened, one
that reads as it did is not parsed, and a passage whose text stood in the same article before is not embedded again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from rag.encoders.embedding import Embedder
from rag.errors import ArticleError
from rag.ingesting.indexing import Indexer, ReadFile
from rag.ingesting.planning import make_plan
from rag.ingesting.workers import Wait, Workers, in_order
from rag.reading.articles import read_articles
from rag.reading.chunking import VERSION
from rag.reading.formats import MAX_FILE_BYTES, READERS
from rag.reading.formats.document import JsonFields
from rag.storage.truth import SCHEMA_VERSION, EmbeddedChunk, KnownFile, Truth
from rag.types import Article, ParseWarning, Unreadable

Action = Literal["added", "updated", "moved", "unchanged", "removed", "failed"]
ACTIONS: tuple[Action, ...] = get_args(Action)
Step = Callable[[str, int, int], None]  # what is going on, done, of


@dataclass(frozen=True, slots=True)
class FileResult:
    """What happened to one file. ``detail`` says why it failed, or what the ``warnings`` say; ``news`` is false where
    that was said at an earlier run, too. ``same_as`` are the ids of other articles that tell the same in nearly the
    same words.
    """

    path: str
    action: Action
    detail: str = ""
    warnings: tuple[ParseWarning, ...] = ()
    moved_from: str | None = None
    news: bool = True
    same_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What a run did and what the index holds after it."""

    results: tuple[FileResult, ...]
    articles: int
    passages: int
    langs: dict[str, int] = field(default_factory=dict)  # passages of each language
    seconds: float = 0.0
    others: dict[str, int] = field(default_factory=dict)  # files of no kind that can be read, by suffix
    notes: tuple[str, ...] = ()  # what else whoever started it should know

    def count(self, action: Action) -> int:
        """How many files this happened to."""
        return sum(result.action == action for result in self.results)

    @property
    def changed(self) -> bool:
        """Whether anything is to be told that was not told before."""
        return any(result.news for result in self.results)

    @property
    def duplicates(self) -> int:
        """How many of the files that went in tell what another article tells."""
        return sum(bool(result.same_as) for result in self.results)

    @property
    def failed(self) -> tuple[FileResult, ...]:
        """The files that did not go in."""
        return tuple(result for result in self.results if result.action == "failed")


def stamp_of(embedder: Embedder) -> dict[str, str]:
    """What makes an index; another stamp means that the index must be built anew."""
    dimension = str(embedder.dimension)
    return {"embedder": embedder.model_name, "dimension": dimension, "chunker": VERSION, "schema": SCHEMA_VERSION}


# A file may be written again so soon after its last change that no file system's clock tells the two apart.
TRUSTED_AFTER_NS = 2_000_000_000
FORGOTTEN_AT_ONCE = 100  # removed files a transaction: nobody who reads or writes waits longer than for these


@dataclass(frozen=True, slots=True)
class _ToRead:
    """A file that is new or has changed, as it is now, and the path that it had before."""

    path: Path
    now: KnownFile
    moved: str | None


class Ingestor:
    """Brings the truth in line with files, folders and patterns.

    With ``anew`` all is read and embedded again, each article in place of what is there. ``json_fields`` says where in
    JSON the fields of an article are. ``workers`` read and embed files in other processes; this one writes.
    """

    def __init__(
        self,
        store: Truth,
        embedder: Embedder,
        *,
        include_qa: bool = True,
        anew: bool = False,
        json_fields: JsonFields | None = None,
        workers: Workers | None = None,
    ) -> None:
        self._store = store
        self._workers = workers
        # An evaluation's index must not hold the answers.
        self._indexer = Indexer(store, embedder, stamp_of(embedder), include_qa=include_qa, anew=anew)
        self._anew = anew
        self._json_fields = json_fields

    def run(self, paths: Sequence[Path], *, dry_run: bool = False, progress: Step | None = None) -> IngestReport:
        """Index what is new or changed under these paths and remove what is gone from there.

        Files indexed from elsewhere stay. With ``dry_run`` nothing is written.

        Raises:
            ArticleError: a path does not exist and nothing was indexed from it.
            EmbeddingError: the embedder failed; what was written before stays.
        """
        started = time.perf_counter()
        known = {entry.path: entry for entry in self._store.files()}
        plan = make_plan(paths, known.values())
        results = [FileResult(str(path), "failed", f"can't be opened: {why}") for path, why in plan.unreadable]
        # A file that is gone here and new there, with the same content, has only moved.
        gone = {known[path].sha256: path for path in plan.gone if known[path].sha256}
        for result in self._all(plan.wanted, known, gone, dry_run=dry_run):
            if progress:
                progress(Path(result.path).name, len(results), len(plan.wanted))
            results.append(result)
        if progress:
            progress("", len(plan.wanted), len(plan.wanted))
        removed = sorted(plan.gone - {result.moved_from for result in results})
        results += [FileResult(path, "removed") for path in removed]
        if not dry_run:
            for at in range(0, len(removed), FORGOTTEN_AT_ONCE):
                self._store.forget(removed[at : at + FORGOTTEN_AT_ONCE])
        articles, passages = self._store.count()
        seconds = round(time.perf_counter() - started, 2)
        return IngestReport(tuple(results), articles, passages, self._store.languages(), seconds, dict(plan.others))

    def _all(
        self, wanted: Mapping[Path, Path], known: Mapping[str, KnownFile], gone: dict[str, str], *, dry_run: bool
    ) -> Iterator[FileResult]:
        """What becomes of each file, in order."""
        looked = (self._look(path, root, known.get(str(path)), gone, dry_run=dry_run) for path, root in wanted.items())
        if self._workers is None or dry_run:
            for one in looked:
                yield one if isinstance(one, FileResult) else self._read(one, dry_run=dry_run)
        else:
            for one, wait in in_order(self._workers, map(_job, looked)):
                yield one if isinstance(one, FileResult) else self._read(one, wait)

    def _look(
        self, path: Path, root: Path, before: KnownFile | None, gone: dict[str, str], *, dry_run: bool
    ) -> FileResult | _ToRead:
        """What is to be said of a file, or that it has to be read."""
        known = None if self._anew else before
        try:
            now = _seen(path, root)
            if known and _is_as_it_was(now, known):
                return _as_before(known)
            now = replace(now, sha256=file_hash(path, now.size))
        except OSError as error:
            kept = " (the version indexed before stays)" if before and before.sha256 else ""
            return FileResult(str(path), "failed", f"cannot be read: {error.strerror}{kept}")
        if known and known.sha256 == now.sha256 and not _is_worth_another_try(known):
            if not dry_run:
                self._store.settle(replace(now, failure=known.failure, detail=known.detail))
            return _as_before(known)
        moved = None if before else _moved(path, now, gone)
        if moved and not dry_run:
            self._store.move(moved, str(path), str(root))
        return _ToRead(path, now, moved)

    def _read(self, file: _ToRead, wait: Wait | None = None, *, dry_run: bool = False) -> FileResult:
        """Read a file that is new or has changed, or ``wait`` for who reads it, and write what is new in it."""
        now, moved = file.now, file.moved
        known = {entry.part: entry for entry in self._store.known(path=moved if moved and dry_run else now.path)}
        read: list[Article] = []
        unread: list[Unreadable] = []
        try:
            for one, ready in self._here(file) if wait is None else _there(wait()):
                if isinstance(one, Unreadable):
                    unread.append(one)
                    continue
                read.append(replace(one, text=""))
                if not dry_run:
                    self._indexer.put(one, known.get(one.part), now, ready)
            if not read:
                raise ArticleError("; ".join(map(str, unread)) or "has no text")
        except ArticleError as error:
            kept = " (the version indexed before stays)" if known else ""
            failure = f"{error}{kept}"
            if not dry_run:
                self._store.settle(replace(now, failure=failure))
            return FileResult(now.path, "failed", failure, moved_from=moved)
        warnings = tuple(dict.fromkeys(warning for article in read for warning in article.warnings))
        detail = "; ".join(map(str, [*warnings, *unread]))
        # What can't be read may be one of the articles that were there before: that one stays.
        gone = known.keys() - {article.part for article in read} if not unread else ()
        if not dry_run:
            self._store.settle(replace(now, detail=detail), [known[part].id for part in gone])
        action: Action = "moved" if moved else "updated" if known else "added"
        same_as = () if dry_run else self._retold(now.path)
        return FileResult(now.path, action, detail, warnings, moved, same_as=same_as)

    def _here(self, file: _ToRead) -> Iterator[tuple[Article | Unreadable, None]]:
        return ((one, None) for one in read_articles(file.path, Path(file.now.root), self._json_fields))

    def _retold(self, path: str) -> tuple[str, ...]:
        """The articles of other files that tell what those of a file tell."""
        own = {entry.id for entry in self._store.known(path=path)}
        return tuple(dict.fromkeys(other for one in own for other in self._store.same_as(one) if other not in own))


def _there(found: ReadFile) -> Iterator[tuple[Article | Unreadable, Sequence[EmbeddedChunk] | None]]:
    yield from found.articles
    yield from ((one, None) for one in found.unread)


def _job(one: FileResult | _ToRead) -> tuple[FileResult | _ToRead, tuple[Path, Path] | None]:
    return one, (one.path, Path(one.now.root)) if isinstance(one, _ToRead) else None


def _seen(path: Path, root: Path) -> KnownFile:
    now, found = time.time_ns(), path.stat()
    return KnownFile(str(path), str(root), found.st_size, found.st_mtime_ns, now, "", READERS)


def _is_as_it_was(now: KnownFile, known: KnownFile) -> bool:
    """Whether a file need not be opened: size and time are as they were, and that time had passed when it was read."""
    return (
        (now.size, now.mtime_ns, now.root, True) == (known.size, known.mtime_ns, known.root, bool(known.sha256))
        and known.mtime_ns + TRUSTED_AFTER_NS < known.checked_ns
        and not _is_worth_another_try(known)
    )


def _is_worth_another_try(known: KnownFile) -> bool:
    """Whether a file that failed was read by other readers than there are now."""
    return known.failure is not None and known.reader != READERS


def file_hash(path: Path, size: int) -> str:
    """What tells whether a file of this size says the same as before; of what is too large, its size alone."""
    if size > MAX_FILE_BYTES or not path.is_file():  # it is refused in any case: a disk image need not be read for that
        return f"{size} bytes"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _moved(path: Path, now: KnownFile, gone: dict[str, str]) -> str | None:
    """The path that a new file had before; it is then no longer among those that are gone."""
    old = gone.get(now.sha256)
    return gone.pop(now.sha256) if old and Path(old).suffix.lower() == path.suffix.lower() else None


def _as_before(known: KnownFile) -> FileResult:
    if known.failure is not None:
        return FileResult(known.path, "failed", f"{known.failure}; not tried again until it changes", news=False)
    return FileResult(known.path, "unchanged", news=False)
