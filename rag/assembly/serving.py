"""The assistant that people and programs ask."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rag.answering.extractive import ExtractiveAnswerer
from rag.assembly.base import Base, chroma_home, note_ingest, open_base, open_refiner, open_truth
from rag.assembly.encoders import open_embedder, open_encoder
from rag.assembly.folder import INGEST_LOCK, REMOVED
from rag.assembly.writing import ModelParts, open_model_parts
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
from rag.search.refinement import Refiner
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
        parts = _open_parts(settings, base, owned=True)
    except BaseException:
        lock.release()
        raise
    library = _library(settings, parts)
    assistant = _assistant(settings, parts, library)
    if not later:
        assistant.begin()
    return assistant


def open_beside(settings: Settings) -> Assistant:
    """An assistant that only reads the data folder, whether or not a server owns it: the search is exact, from SQLite.

    It starts nothing that goes on in the background, and can't add or remove articles.

    Raises:
        IndexMismatchError: the index was made by another embedder or version.
    """
    return _assistant(settings, _open_parts(settings, open_base(settings), owned=False), library=None)


@dataclass(slots=True)
class _Parts:
    """What an assistant is made of, opened."""

    base: Base
    store: Truth
    dense: DenseIndex
    embedder: Embedder
    encoder: FineEncoder | None
    refiner: Refiner | None
    lock: Lock | None  # of the data folder, for who owns it
    # The first question can be answered, which work in the background would hold up.
    warm: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """What an owner does in the background; nothing for who only reads."""
        if self.lock:
            self.dense.follow(after=self.warm)
            if self.refiner:
                self.refiner.follow(after=self.warm)

    def close(self) -> None:
        """End what goes on, then let go of everything."""
        self.warm.set()  # who still waits for it has to end
        if self.refiner:
            self.refiner.close()
        self.dense.close()
        self.store.close()
        if self.lock:
            self.lock.release()


def _open_parts(settings: Settings, base: Base, *, owned: bool) -> _Parts:
    embedder, encoder = open_embedder(settings), open_encoder(settings)
    store = open_truth(base, embedder)
    return _Parts(
        base,
        store,
        # Of who only reads it is never brought in line, so that Chroma is left alone.
        DenseIndex(store, chroma_home(settings, embedder), base.ownership(store) if owned else None),
        embedder,
        encoder,
        open_refiner(base, store, encoder) if owned else None,
        base.folder_lock if owned else None,
    )


def _assistant(settings: Settings, parts: _Parts, library: Library | None) -> Assistant:
    embedder, encoder = parts.embedder, parts.encoder
    retriever = HybridRetriever(parts.store, parts.dense, embedder, encoder)
    writing = open_model_parts(settings, embedder, encoder) if settings.chat_model else None
    feedback = parts.base.open_feedback()

    def close() -> None:
        for model in writing.models if writing else ():
            model.close()
        feedback.close()
        parts.close()

    assistant = Assistant(
        parts.store,
        parts.dense,
        _engines(parts.store, retriever, writing),
        default="llm" if writing else "extractive",
        embed_model=f"{embedder.model_name}+{encoder.model_name}" if encoder else embedder.model_name,
        models=writing.models if writing else (),
        sent=what_is_sent(settings),
        version=app_version(),
        on_begin=parts.begin,
        on_close=close,
        refines=encoder is not None,
        feedback=feedback,
        rewriter=writing.rewriter if writing else HeuristicRewriter(settings.history_turns),
        library=library,
        writer=writing.writer if writing else None,
        upkeep=Upkeep(settings.data_dir, settings.data_dir / INGEST_LOCK, feedback, shared=parts.base.is_shared),
    )
    # Loads weights and language model now, rather than in the first user's question.
    threading.Thread(target=_warm_up, args=(parts, retriever, assistant), name="warm-up", daemon=True).start()
    return assistant


def _engines(
    store: Truth, retriever: HybridRetriever, writing: ModelParts | None
) -> dict[AnswererName, CitedQueryEngine]:
    def sources(question: Question) -> Sources:
        return Copies(store, question.filters, include_qa=question.include_qa)

    quoting = ExtractiveAnswerer()
    engines: dict[AnswererName, CitedQueryEngine] = {
        "extractive": CitedQueryEngine(retriever, RANKING, quoting, sources=sources)
    }
    if writing:
        engines["llm"] = CitedQueryEngine(
            retriever, RANKING, writing.answerer, judge=writing.judge, fallback=quoting, sources=sources
        )
    return engines


def _warm_up(parts: _Parts, retriever: HybridRetriever, assistant: Assistant) -> None:
    # Closed meanwhile, or damaged, which every question then tells.
    with contextlib.suppress(sqlite3.ProgrammingError, StoreError):
        try:
            identify("warm up")
            _encode_something(parts)
            retriever.load()
        finally:
            parts.warm.set()
        if parts.lock:  # of very many articles this takes seconds, for which the page should not wait
            assistant.articles()


def _encode_something(parts: _Parts) -> None:
    try:
        parts.embedder.get_query_embedding("warm up")
        if parts.encoder:
            parts.encoder.question("warm up", "en")
    except EmbeddingError as error:
        log.warning("%s", error)


def _library(settings: Settings, parts: _Parts) -> Library:
    limits = UploadLimits(settings.max_upload_mb * 2**20, settings.max_upload_files, settings.json_places)
    ingestor = Ingestor(parts.store, parts.embedder, json_fields=settings.json_places)
    writing = _writing_beside(ingestor, parts.base, parts.store, parts.dense)
    return Library(settings.articles, settings.data_dir / REMOVED, parts.store, writing, limits=limits)


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
