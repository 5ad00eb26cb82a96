"""The assistant that people and programs ask."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rag.answering.extractive import ExtractiveAnswerer
from rag.assembly.base import Base, chroma_home, note_ingest, open_base, open_refiner, open_truth
from rag.assembly.encoders import open_embedder, open_encoder
from rag.assembly.folder import INGEST_LOCK, REMOVED
from rag.assembly.writing import open_model_parts
from rag.assistant import Assistant
from rag.citations import Sources
from rag.conversation.rewriting import HeuristicRewriter
from rag.encoders.embedding import Embedder, FineEncoder
from rag.engine import CitedQueryEngine
from rag.errors import DenseIndexError, EmbeddingError, StoreError
from rag.ingesting.ingestion import Ingestor, IngestReport, Step
from rag.ingesting.library import Ingest, Library, Writing
from rag.ingesting.uploads import UploadLimits
from rag.language.text import identify
from rag.maintenance.upkeep import Upkeep
from rag.nodes import Question
from rag.privacy import what_is_sent
from rag.search.copies import Copies
from rag.search.dense import DenseIndex
from rag.search.ranking import RANKING
from rag.search.retrieval import HybridRetriever
from rag.settings import Settings
from rag.storage.locks import Lock
from rag.storage.truth import Truth
from rag.types import AnswererName
from rag.version import app_version

log = logging.getLogger(__name__)
DENSE_PATIENCE = 2.0  # seconds that they wait for Chroma, which may be being built anew for long
PATIENCE = 20.0  # seconds that someone who adds or removes an article waits for an ingest under way


def open_assistant(settings: Settings, *, later: bool = False) -> Assistant:
    """The assistant over the data folder, whose owner this process becomes until ``close``.

    What goes on in the background begins at once, or ``later``, with ``Assistant.begin``.

    Raises:
        LockedError: another process owns the data folder; the message names its pid.
        IndexMismatchError: the index was made by another embedder or version.
        DatabaseError: PostgreSQL is to be used and can't be.
    """
    base = open_base(settings)
    lock = base.folder_lock
    lock.acquire("start a second server on it")
    try:
        embedder, encoder = open_embedder(settings), open_encoder(settings)
        store = open_truth(base, embedder)
        refiner = open_refiner(base, store, encoder)
        dense = DenseIndex(store, chroma_home(settings, embedder), base.ownership(store))
    except BaseException:
        lock.release()
        raise

    warm = threading.Event()  # the first question can be answered, which work in the background would hold up

    def begin() -> None:
        dense.follow(after=warm)
        if refiner:
            refiner.follow(after=warm)

    def stop() -> None:
        warm.set()  # who still waits for it has to end
        if refiner:
            refiner.close()
        dense.close()

    library = _library(settings, base, store, embedder, dense)
    assistant = _assistant(
        settings,
        base,
        store,
        dense,
        (embedder, encoder),
        library=library,
        warmed=warm.set,
        begin=begin,
        stop=stop,
        lock=lock,
    )
    if not later:
        assistant.begin()
    return assistant


def open_beside(settings: Settings) -> Assistant:
    """An assistant that only reads the data folder, whether or not a server owns it: the search is exact, from SQLite.

    It starts nothing that goes on in the background, and can't add or remove articles.

    Raises:
        IndexMismatchError: the index was made by another embedder or version.
    """
    embedder, encoder = open_embedder(settings), open_encoder(settings)
    base = open_base(settings)
    store = open_truth(base, embedder)
    dense = DenseIndex(store, chroma_home(settings, embedder))  # never brought in line, so that Chroma is left alone
    return _assistant(settings, base, store, dense, (embedder, encoder), library=None, stop=dense.close)


def _assistant(
    settings: Settings,
    base: Base,
    store: Truth,
    dense: DenseIndex,
    encoders: tuple[Embedder, FineEncoder | None],
    *,
    library: Library | None,
    warmed: Callable[[], None] = lambda: None,
    begin: Callable[[], None] = lambda: None,
    stop: Callable[[], None],
    lock: Lock | None = None,
) -> Assistant:
    embedder, encoder = encoders
    retriever = HybridRetriever(store, dense, embedder, encoder)

    def sources(question: Question) -> Sources:
        return Copies(store, question.filters, include_qa=question.include_qa)

    engines: dict[AnswererName, CitedQueryEngine] = {
        "extractive": CitedQueryEngine(retriever, RANKING, ExtractiveAnswerer(), sources=sources)
    }
    writing = open_model_parts(settings, embedder, encoder) if settings.chat_model else None
    if writing:
        engines["llm"] = CitedQueryEngine(
            retriever, RANKING, writing.answerer, judge=writing.judge, fallback=ExtractiveAnswerer(), sources=sources
        )
    feedback = base.open_feedback()

    def warm_up() -> None:
        try:
            _warm_up(embedder, encoder, retriever)
        finally:
            warmed()

    # Loads weights and language model now, rather than in the first user's question.
    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()

    def close() -> None:
        for model in writing.models if writing else ():
            model.close()
        stop()
        feedback.close()
        store.close()
        if lock:
            lock.release()

    return Assistant(
        store,
        dense,
        engines,
        default="llm" if writing else "extractive",
        embed_model=f"{embedder.model_name}+{encoder.model_name}" if encoder else embedder.model_name,
        models=writing.models if writing else (),
        sent=what_is_sent(settings),
        version=app_version(),
        on_begin=begin,
        on_close=close,
        refines=encoder is not None,
        feedback=feedback,
        rewriter=writing.rewriter if writing else HeuristicRewriter(settings.history_turns),
        library=library,
        writer=writing.writer if writing else None,
        upkeep=Upkeep(settings.data_dir, settings.data_dir / INGEST_LOCK, feedback, shared=base.is_shared),
    )


def _warm_up(embedder: Embedder, encoder: FineEncoder | None, retriever: HybridRetriever) -> None:
    identify("warm up")
    try:
        embedder.get_query_embedding("warm up")
        if encoder:
            encoder.question("warm up", "en")
    except EmbeddingError as error:
        log.warning("%s", error)
    # Closed meanwhile, or damaged, which every question then tells.
    with contextlib.suppress(sqlite3.ProgrammingError, StoreError):
        retriever.load()


def _library(settings: Settings, base: Base, store: Truth, embedder: Embedder, dense: DenseIndex) -> Library:
    limits = UploadLimits(settings.max_upload_mb * 2**20, settings.max_upload_files, settings.json_places)
    ingestor = Ingestor(store, embedder, json_fields=settings.json_places)
    writing = _writing_beside(ingestor, base, store, dense)
    return Library(settings.articles, settings.data_dir / REMOVED, store, writing, limits=limits)


def _writing_beside(ingestor: Ingestor, base: Base, store: Truth, dense: DenseIndex) -> Writing:
    """Ingesting within a running server, whose own threads then read the passages a second time."""

    def run(paths: Sequence[Path], *, progress: Step | None = None) -> IngestReport:
        report = ingestor.run(paths, progress=progress)
        note_ingest(store, report)
        try:
            dense.sync(patience=DENSE_PATIENCE)  # now, rather than when the thread that follows comes by
        except DenseIndexError as error:
            log.warning("%s; the search goes on without it", error)
        return report

    @contextmanager
    def writing() -> Iterator[Ingest]:
        lock = base.lock(INGEST_LOCK)
        try:
            lock.acquire("change its articles", wait=PATIENCE)
            yield run
        finally:
            lock.release()

    return writing
