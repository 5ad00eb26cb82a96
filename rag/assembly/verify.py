"""Proving the index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rag.assembly.base import chroma_home
from rag.assembly.encoders import open_embedder
from rag.assembly.folder import OWNER_LOCK, STORE_FILE
from rag.encoders.embedding import Embedder
from rag.errors import DamagedError, LockedError, SettingsError, StoreError
from rag.ingesting.ingestion import Step, stamp_of
from rag.maintenance.checking import REBUILD, Finding, Verification, check_truth, reading
from rag.maintenance.checking_dense import check_dense
from rag.settings import Settings
from rag.storage.locks import OwnerLock
from rag.storage.sqlite import Connection


def verify_index(settings: Settings, paths: Sequence[Path], progress: Step | None = None) -> Verification:
    """Prove the index against the files of these paths and against itself. Nothing is written but Chroma's own notes;
    a running server may answer and an ingest may write meanwhile.

    Raises:
        SettingsError: it is in PostgreSQL.
        StoreError: there is no index, or it can't be read.
    """
    if settings.database_url:
        raise SettingsError(
            "--verify is for an index in SQLite, and RAG_DATABASE_URL keeps this one in PostgreSQL: its own pg_amcheck "
            "says whether its files are sound, and `python ingest.py --rebuild` reads all articles anew"
        )
    path, report = settings.data_dir / STORE_FILE, Verification()
    if not path.exists():
        raise StoreError(f"there is no index in {settings.data_dir}. Run `python ingest.py` to make it")
    embedder = open_embedder(settings)
    lock = OwnerLock(settings.data_dir / OWNER_LOCK)
    try:
        with reading(path) as db:
            check_truth(db, stamp_of(embedder), paths, report, progress, settings.json_places)
            if report.off.keys() & {"file", "stamp", "passage"}:
                report.notes.append("Chroma was left out: what it is held against must be mended first")
            else:
                lock.acquire("verify its dense index")
                _verify_dense(settings, embedder, db, report, progress)
    except DamagedError as error:
        report.add([Finding("file", str(path), str(error), REBUILD)])
    except LockedError as error:
        report.notes.append(f"Chroma was left out: {error}")
    finally:
        lock.release()
    return report


def _verify_dense(
    settings: Settings, embedder: Embedder, db: Connection, report: Verification, progress: Step | None
) -> None:
    home = chroma_home(settings, embedder)
    remedy = f"delete {home.where} while no server runs; it is built anew, with nothing embedded"
    try:
        collection = home.open()
        if collection is None:
            report.notes.append(f"Chroma at {home.where} was not closed in order; the next start builds it anew")
        else:
            report.add(check_dense(db, collection, remedy, report, progress))
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001  whatever Chroma raises: its error types are many and undocumented
        report.add([Finding("chroma", home.where, f"cannot be searched: {error}", remedy)])
        home.close(sound=False)
    else:
        home.close()  # which vouches for it
