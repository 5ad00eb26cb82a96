"""Proving the index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rag.assembly.base import chroma_home, open_base
from rag.assembly.encoders import open_embedder
from rag.assembly.folder import OWNER_LOCK, STORE_FILE
from rag.encoders.embedding import Embedder
from rag.errors import DamagedError, LockedError, StoreError
from rag.ingesting.ingestion import Step, stamp_of
from rag.maintenance.checking import check_truth
from rag.maintenance.checking_dense import check_dense
from rag.maintenance.evidence import Evidence
from rag.maintenance.findings import REBUILD, Finding, Verification
from rag.settings import Settings


def verify_index(settings: Settings, paths: Sequence[Path], progress: Step | None = None) -> Verification:
    """Prove the index against the files of these paths and against itself. Nothing is written but Chroma's own notes;
    a running server may answer and an ingest may write meanwhile.

    Raises:
        StoreError: there is no index, or it can't be read.
    """
    base, report = open_base(settings), Verification()
    embedder = open_embedder(settings)
    lock = base.lock(OWNER_LOCK) if base.is_shared and settings.chroma_url else base.folder_lock
    try:
        with base.evidence() as evidence:
            check_truth(evidence, stamp_of(embedder), paths, report, progress, settings.json_places)
            if report.off.keys() & {"file", "stamp", "passage"}:
                report.notes.append("Chroma was left out: what it is held against must be mended first")
            else:
                lock.acquire("verify its dense index")
                _verify_dense(settings, embedder, evidence, report, progress)
    except DamagedError as error:
        report.add([Finding("file", str(settings.data_dir / STORE_FILE), str(error), REBUILD)])
    except LockedError as error:
        report.notes.append(f"Chroma was left out: {error}")
    finally:
        lock.release()
    return report


def _verify_dense(
    settings: Settings, embedder: Embedder, evidence: Evidence, report: Verification, progress: Step | None
) -> None:
    home = chroma_home(settings, embedder)
    remedy = f"delete {home.where} while no server runs; it is built anew, with nothing embedded"
    try:
        collection = home.open()
        if collection is None:
            report.notes.append(f"Chroma at {home.where} was not closed in order; the next start builds it anew")
        else:
            report.add(check_dense(evidence, collection, remedy, report, progress))
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001  whatever Chroma raises: its error types are many and undocumented
        report.add([Finding("chroma", home.where, f"cannot be searched: {error}", remedy)])
        home.close(sound=False)
    else:
        home.close()  # which vouches for it
