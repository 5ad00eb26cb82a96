"""What an index stands on: its truth, its Chroma, its locks and the answers that were given."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rag.assembly.folder import FEEDBACK_FILE, OWNER_LOCK, REFINE_LOCK, STORE_FILE
from rag.encoders.embedding import Embedder, FineEncoder
from rag.errors import SettingsError, StoreError
from rag.ingesting.ingestion import IngestReport, stamp_of
from rag.maintenance.repair import open_for_rebuild
from rag.search.chroma import ChromaHome, EmbeddedHome, ServerHome
from rag.search.ownership import Ownership
from rag.search.refinement import METHOD, Refiner
from rag.settings import Settings
from rag.storage.feedback import FeedbackStore
from rag.storage.locks import Lock, NoLock, OwnerLock
from rag.storage.store import Store
from rag.storage.truth import Truth
from rag.types import LastIngest

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Base:
    """What an index stands on: where its truth is, and who may do what with it."""

    open_store: Callable[[], Truth]  # to be closed
    # To be closed, too: one whose articles can be replaced one by one, or an empty one; the folders that it was made
    # from; where a damaged one was kept aside.
    open_for_rebuild: Callable[[dict[str, str]], tuple[Truth, list[Path], Path | None]]
    lock: Callable[[str], Lock]
    folder_lock: Lock  # of the Chroma in the data folder
    open_feedback: Callable[[], FeedbackStore]  # to be closed, after all that asks the truth
    file: Path | None = None  # of the truth, where it is one
    shares_chroma: bool = False  # one on a server, with processes on other machines

    def ownership(self, store: Truth) -> Ownership | None:
        """Of a Chroma that is shared."""
        return Ownership(store, self.lock(OWNER_LOCK)) if self.shares_chroma else None


def open_base(settings: Settings) -> Base:
    """In the data folder, or in PostgreSQL where the settings name one."""
    folder = settings.data_dir

    def lock_file(name: str) -> OwnerLock:
        return OwnerLock(folder / name)

    if settings.database_url is None:
        truth = folder / STORE_FILE
        return Base(
            lambda: Store(truth),
            lambda stamp: open_for_rebuild(truth, stamp),
            lock_file,
            lock_file(OWNER_LOCK),
            lambda: FeedbackStore(folder / FEEDBACK_FILE),
            file=truth,
        )
    url = settings.database_url.get_secret_value()
    try:
        from rag.storage.database import Database, DatabaseLock  # noqa: PLC0415  psycopg is installed for who uses it
        from rag.storage.postgres import PostgresStore  # noqa: PLC0415
        from rag.storage.shared_feedback import SharedFeedback  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("psycopg", "psycopg_pool"):
            raise
        raise SettingsError(
            "RAG_DATABASE_URL needs the client of PostgreSQL: pip install 'ask-the-articles[postgres]'"
        ) from error
    database = Database(url)
    return Base(
        lambda: PostgresStore(database),
        lambda stamp: _emptied(PostgresStore(database), stamp),
        lambda name: DatabaseLock(database, name),
        NoLock() if settings.chroma_url else lock_file(OWNER_LOCK),
        lambda: SharedFeedback(database),
        shares_chroma=settings.chroma_url is not None,
    )


def _emptied(store: Truth, stamp: dict[str, str]) -> tuple[Truth, list[Path], None]:
    """One in PostgreSQL for a rebuild, empty if it was made by another version or embedder."""
    try:
        roots = dict.fromkeys(Path(file.root) for file in store.files())
        if store.stamp() != stamp:
            store.clear()  # nobody can be reading it
    except BaseException:
        store.close()
        raise
    return store, [root for root in roots if root.is_dir()], None


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
