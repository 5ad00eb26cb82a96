"""What an index stands on: its truth, its Chroma, its locks and the answers that were given."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from rag.assembly.folder import FEEDBACK_FILE, OWNER_LOCK, REFINE_LOCK, STORE_FILE
from rag.encoders.embedding import Embedder, FineEncoder
from rag.errors import SettingsError, StoreError
from rag.ingesting.ingestion import IngestReport, stamp_of
from rag.maintenance.evidence import Evidence, SqliteEvidence, reading
from rag.maintenance.repair import finish, open_for_rebuild, unfinished
from rag.search.chroma import ChromaHome, EmbeddedHome
from rag.search.ownership import Ownership
from rag.search.refinement import METHOD, Refiner
from rag.settings import Settings
from rag.storage.feedback import FeedbackStore
from rag.storage.locks import Lock, OwnerLock
from rag.storage.store import Store
from rag.storage.truth import Truth
from rag.types import LastIngest

log = logging.getLogger(__name__)


class Base(Protocol):
    """What an index stands on: where its truth is, and who may do what with it."""

    is_shared: bool  # with processes on other machines
    folder_lock: Lock  # of the Chroma in the data folder

    def open_store(self) -> Truth:
        """The truth; to be closed."""

    def open_for_rebuild(self, stamp: dict[str, str]) -> tuple[Truth, list[Path], Path | None]:
        """One whose articles can be replaced one by one, or an empty one, to be closed, too; the folders that it was
        made from; where a damaged one was kept aside."""

    def unfinished(self) -> list[Path]:
        """The folders that a rebuild which was cut off began with: an ingest must take them in, too."""

    def finish(self) -> None:
        """Say that all of them are in."""

    def evidence(self) -> AbstractContextManager[Evidence]:
        """All that is known, at one moment.

        Raises:
            StoreError: there is no index, or it can't be read.
        """

    def lock(self, name: str) -> Lock:
        """What one process at a time has."""

    def ownership(self, store: Truth) -> Ownership | None:
        """Of a Chroma that is shared."""

    def open_feedback(self) -> FeedbackStore:
        """The answers that were given; to be closed, after all that asks the truth."""


class FolderBase:
    """See Base. All is in the data folder, for one machine."""

    is_shared = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._truth = folder / STORE_FILE
        self.folder_lock: Lock = self.lock(OWNER_LOCK)

    def open_store(self) -> Truth:
        """See Base."""
        return Store(self._truth)

    def open_for_rebuild(self, stamp: dict[str, str]) -> tuple[Truth, list[Path], Path | None]:
        """See Base."""
        return open_for_rebuild(self._truth, stamp)

    def unfinished(self) -> list[Path]:
        """See Base."""
        return unfinished(self._truth)

    def finish(self) -> None:
        """See Base."""
        finish(self._truth)

    @contextmanager
    def evidence(self) -> Iterator[Evidence]:
        """See Base."""
        if not self._truth.exists():
            raise StoreError(f"there is no index in {self._folder}. Run `python ingest.py` to make it")
        with reading(self._truth) as db:
            yield SqliteEvidence(db)

    def lock(self, name: str) -> Lock:
        """See Base."""
        return OwnerLock(self._folder / name)

    def ownership(self, store: Truth) -> Ownership | None:
        """None: its Chroma is in the folder, too."""
        return None

    def open_feedback(self) -> FeedbackStore:
        """See Base."""
        return FeedbackStore(self._folder / FEEDBACK_FILE)


def open_base(settings: Settings) -> Base:
    """In the data folder, or in PostgreSQL where the settings name one."""
    if settings.database_url is None:
        return FolderBase(settings.data_dir)
    try:
        from rag.assembly.shared_base import DatabaseBase  # noqa: PLC0415  psycopg is installed for who uses it
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("psycopg", "psycopg_pool"):
            raise
        raise SettingsError(
            "RAG_DATABASE_URL needs the client of PostgreSQL: pip install 'ask-the-articles[postgres]'"
        ) from error
    return DatabaseBase(settings.database_url.get_secret_value(), settings.data_dir, settings.chroma_url)


def open_truth(base: Base, embedder: Embedder) -> Truth:
    """To be closed; one that another embedder made is refused."""
    store = base.open_store()
    try:
        store.check_stamp(stamp_of(embedder))
    except BaseException:
        store.close()
        raise
    return store


def chroma_home(settings: Settings, embedder: Embedder) -> ChromaHome:
    """Where the vectors of this embedder are: in the data folder, or on the Chroma server."""
    stamp = hashlib.blake2b(json.dumps(stamp_of(embedder)).encode(), digest_size=6).hexdigest()
    name = f"articles-{stamp}"
    if settings.chroma_url:
        from rag.search.chroma_server import ServerHome  # noqa: PLC0415  takes a second

        token = settings.chroma_token
        return ServerHome(settings.chroma_url, token.get_secret_value() if token else None, name)
    return EmbeddedHome(settings.data_dir / "chroma", name)


def open_refiner(base: Base, store: Truth, encoder: FineEncoder | None) -> Refiner | None:
    """Whoever reads the passages a second time; None without a fine encoder."""
    if encoder is None:
        return None
    store.expect_refiner(f"{encoder.model_name}, method {METHOD}")
    return Refiner(store, encoder, base.lock(REFINE_LOCK))


def note_ingest(store: Truth, report: IngestReport) -> None:
    """Say when and how it ended."""
    try:
        store.note_ingest(LastIngest(time.time(), report.seconds, len(report.failed)))
    except StoreError as error:  # a full disk: what was found unchanged is no less in line for that
        log.warning("the ingest ended, which cannot be noted: %s", error)


def open_feedback(settings: Settings) -> FeedbackStore | None:
    """The answers and what people said of them; None where no answer was given yet.

    Raises:
        DatabaseError: PostgreSQL is to be used and can't be.
    """
    if settings.database_url is None and not (settings.data_dir / FEEDBACK_FILE).exists():
        return None
    return open_base(settings).open_feedback()
