"""Bringing the index in line with files and folders."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from rag.assembly.base import Base, chroma_home, note_ingest, open_base, open_refiner
from rag.assembly.encoders import open_embedder, open_encoder
from rag.assembly.folder import INGEST_LOCK
from rag.encoders.embedding import Embedder
from rag.errors import DenseIndexError, LockedError
from rag.ingesting.indexing import Reading
from rag.ingesting.ingestion import Ingestor, IngestReport, Step, stamp_of
from rag.ingesting.workers import ProcessWorkers, RayWorkers, Workers
from rag.search.dense import DenseIndex, Progress
from rag.settings import Settings
from rag.storage.truth import Truth

log = logging.getLogger(__name__)


def run_ingest(
    settings: Settings,
    paths: Sequence[Path],
    *,
    include_qa: bool = True,
    rebuild: bool = False,
    dry_run: bool = False,
    workers: int = 1,
    progress: Step | None = None,
) -> IngestReport:
    """Bring the index in line with files and folders. A running server picks the changes up by itself.

    Files are read by so many ``workers``, processes of this machine, or by the Ray cluster that the settings name.

    Raises:
        LockedError: another ingest is writing.
        IndexMismatchError: the index was made otherwise and ``rebuild`` is not set.
        ArticleError: a path does not exist.
        WorkersError: the Ray cluster can't be used.
    """
    base = open_base(settings)
    writer = base.lock(INGEST_LOCK)
    try:
        writer.acquire("start a second ingest")
        embedder = open_embedder(settings)
        notes: tuple[str, ...] = ()
        if rebuild and not dry_run:
            store, roots, aside = base.open_for_rebuild(stamp_of(embedder))
            paths = [*paths, *roots]
            notes = (_told_aside(aside),) if aside else ()
        else:
            store = base.open_store()
        try:
            if not dry_run:
                paths = [*paths, *base.unfinished()]
            store.check_stamp(stamp_of(embedder))
            # Before anything is written: a running server may refine it at once, and that must stay.
            refiner = None if dry_run else open_refiner(base, store, open_encoder(settings))
            with _reading(settings, workers, include_qa=include_qa) as others:
                ingestor = Ingestor(
                    store,
                    embedder,
                    include_qa=include_qa,
                    anew=rebuild,
                    json_fields=settings.json_places,
                    workers=others,
                )
                report = ingestor.run(paths, dry_run=dry_run, progress=progress)
            if not dry_run:
                note_ingest(store, report)
                base.finish()
                _derive(settings, base, store, embedder, progress, anew=rebuild)
                if refiner:
                    refiner.run(progress)
            return replace(report, notes=notes)
        finally:
            store.close()
    finally:
        writer.release()


@contextmanager
def _reading(settings: Settings, number: int, *, include_qa: bool) -> Iterator[Workers | None]:
    """The processes that read files for this one, if it should not do so itself."""
    if settings.ray_address is None and number == 1:
        yield None
        return
    reading = Reading(include_qa=include_qa, json_fields=settings.json_places)
    # Each opens an encoder of its own. Keys come along, as the settings hold them: to machines of one's own.
    opened = partial(open_embedder, settings)
    workers: Workers = (
        RayWorkers(settings.ray_address, opened, reading)
        if settings.ray_address
        else ProcessWorkers(number, opened, reading)
    )
    try:
        yield workers
    finally:
        workers.close()


def _derive(
    settings: Settings, base: Base, store: Truth, embedder: Embedder, progress: Step | None, *, anew: bool
) -> None:
    """Bring Chroma in line, unless a running server owns it: that one does it by itself."""
    lock = base.folder_lock
    try:
        lock.acquire("build its dense index")
        home, ownership = chroma_home(settings, embedder), base.ownership(store)
        dense = DenseIndex(store, home, ownership)
        try:
            if anew and (ownership is None or ownership.look() == "owner"):
                home.discard()  # its ids would say that it is in line, whatever its vectors are
            report: Progress | None = (lambda done, of: progress("dense index", done, of)) if progress else None
            dense.sync(report)
        finally:
            dense.close()
    except LockedError:
        return
    except DenseIndexError as error:  # a server that comes by later does it
        log.warning("%s; all is written, and searched exactly until then", error)
    finally:
        lock.release()


def _told_aside(aside: Path) -> str:
    return (
        f"the damaged index was kept aside as {aside}; delete it when you no longer need it. Folders that were indexed "
        "and are not named here go in by `python ingest.py FOLDER`"
    )
