"""The dense index: Chroma, derived from the truth in SQLite, disposable and rebuilt at need.

An embedded Chroma is written by one process, its owner (an OS lock). Each build goes into a new generation
folder; a pointer file names the current one. When its owner closes a generation it seals it with a checksum of
its files. A generation without a matching seal (its owner was killed, a file was damaged or deleted) is never
opened, since a damaged Chroma may crash the process: it is rebuilt from SQLite without embedding again, in the
background, and until then exact search over SQLite's vectors answers.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol, cast
from urllib.parse import urlsplit

import chromadb
import numpy as np
from chromadb.api import ClientAPI
from chromadb.api.client import Client
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import NotFoundError
from filelock import FileLock, Timeout

from rag.embedding import Matrix
from rag.errors import DenseIndexError, LockedError
from rag.store import Store

log = logging.getLogger(__name__)

BATCH = 200  # upstream recommends 50 to 250
POLL_SECONDS = 0.3
RETRY_SECONDS = 5.0

Progress = Callable[[int, int], None]  # done, of
Hits = list[tuple[str, float]]  # (passage id, cosine similarity), most similar first


class OwnerLock:
    """One process owns a data folder. The operating system lets go of the lock when the process ends."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path)
        self._pid = path.with_suffix(".pid")

    def acquire(self, purpose: str) -> None:
        """Take the lock at once or not at all.

        Raises:
            LockedError: another process has it; the message names its pid.
        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            holder = self._pid.read_text() if self._pid.is_file() else "unknown"
            raise LockedError(
                f"{self._pid.parent} is in use by process {holder}; stop it before you {purpose}"
            ) from None
        self._pid.write_text(str(os.getpid()))

    def release(self) -> None:
        """Let go; safe to call twice."""
        if self._lock.is_locked:
            self._pid.unlink(missing_ok=True)
            self._lock.release()


# --- Where Chroma lives ------------------------------------------------------------------------------------


class ChromaHome(Protocol):
    """Opens and closes the current collection, and makes a new one for a rebuild."""

    @property
    def where(self) -> str:
        """The place, for messages."""

    def open(self) -> Collection | None:
        """The current collection if it can be trusted, else None."""

    def create(self) -> Collection:
        """A new, empty collection, not yet the current one."""

    def publish(self) -> None:
        """Make the created collection the current one."""

    def close(self) -> None:
        """Leave the current collection in a state that ``open`` trusts."""


class EmbeddedHome:
    """Generations of an embedded Chroma in a folder; ``name`` is the collection's."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._client: Client | None = None
        self._generation: Path | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def where(self) -> str:
        """See ChromaHome."""
        return str(self._folder)

    def open(self) -> Collection | None:
        """See ChromaHome."""
        pointer = self._folder / "CURRENT"
        generation = self._folder / pointer.read_text().strip() if pointer.is_file() else None
        if generation is None or not generation.is_dir() or not _sealed(generation):
            return None
        _seal_of(generation).unlink()  # from here on the files change: only a clean close seals them again
        self._generation = generation
        self._client = self._connect(generation)
        return self._client.get_collection(self._name, embedding_function=None)

    def create(self) -> Collection:
        """See ChromaHome."""
        numbers = [int(p.name[4:]) for p in self._folder.glob("gen-*") if p.is_dir() and p.name[4:].isdigit()]
        self._stop()
        self._generation = self._folder / f"gen-{max(numbers, default=0) + 1}"
        self._client = self._connect(self._generation)
        return self._client.create_collection(
            self._name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )

    def publish(self) -> None:
        """See ChromaHome."""
        assert self._generation is not None
        fresh = self._folder / "CURRENT.new"
        fresh.write_text(self._generation.name)
        fresh.replace(self._folder / "CURRENT")
        for old in self._folder.glob("gen-*"):
            if old.is_dir() and old != self._generation:
                shutil.rmtree(old, ignore_errors=True)
                _seal_of(old).unlink(missing_ok=True)

    def close(self) -> None:
        """See ChromaHome."""
        self._stop()
        if self._generation is not None and self._generation.is_dir():
            _seal_of(self._generation).write_text(_checksum(self._generation))
            self._generation = None

    def _connect(self, folder: Path) -> Client:
        client = chromadb.PersistentClient(str(folder), settings=ChromaSettings(anonymized_telemetry=False))
        return cast(Client, client)  # annotated as an interface that lacks close()

    def _stop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class ServerHome:
    """Collections on a Chroma server, for one owner. The server looks after its files."""

    def __init__(self, url: str, token: str | None, name: str) -> None:
        self._url = url
        self._token = token
        self._name = name

    @property
    def where(self) -> str:
        """See ChromaHome."""
        return self._url

    @cached_property
    def _client(self) -> ClientAPI:
        # Made at first use, since making it asks the server: an unreachable one must not stop the product.
        parts = urlsplit(self._url)
        return chromadb.HttpClient(
            host=parts.hostname or "",
            port=parts.port or (443 if parts.scheme == "https" else 80),
            ssl=parts.scheme == "https",
            headers={"Authorization": f"Bearer {self._token}"} if self._token else {},
            settings=ChromaSettings(anonymized_telemetry=False),
        )

    def open(self) -> Collection | None:
        """See ChromaHome."""
        names = [collection.name for collection in self._client.list_collections()]
        if self._name not in names:
            return None
        return self._client.get_collection(self._name, embedding_function=None)

    def create(self) -> Collection:
        """See ChromaHome."""
        building = f"{self._name}-building"
        with contextlib.suppress(NotFoundError):
            self._client.delete_collection(building)
        self._building = self._client.create_collection(
            building, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        return self._building

    def publish(self) -> None:
        """See ChromaHome."""
        with contextlib.suppress(NotFoundError):
            self._client.delete_collection(self._name)
        self._building.modify(name=self._name)

    def close(self) -> None:
        """See ChromaHome."""


def _seal_of(generation: Path) -> Path:
    return generation.with_name(generation.name + ".seal")


def _sealed(generation: Path) -> bool:
    seal = _seal_of(generation)
    return seal.is_file() and seal.read_text() == _checksum(generation)


def _checksum(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()}\x00{file.stat().st_size}\x00".encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


# --- The index ---------------------------------------------------------------------------------------------


class ExactIndex:
    """Exact search over the vectors in SQLite: the fallback while Chroma is rebuilt, the way filtered questions
    are searched (a filter makes Chroma slower than this), and the oracle in tests."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._revision = -1
        self._row: dict[str, int] = {}
        self._ids: list[str] = []
        self._matrix: Matrix = np.zeros((0, 0), dtype=np.float32)

    def search(self, vector: Matrix, limit: int, ids: Sequence[str] | None = None) -> Hits:
        """The passages most similar to a question's vector, among ``ids`` when given."""
        with self._lock:
            if (revision := self._store.revision()) != self._revision:
                self._ids, self._matrix = self._store.vectors()
                self._row = {passage_id: row for row, passage_id in enumerate(self._ids)}
                self._revision = revision
            chosen, matrix, row_of = self._ids, self._matrix, self._row
        if ids is not None:
            chosen = [passage_id for passage_id in ids if passage_id in row_of]
            matrix = matrix[[row_of[passage_id] for passage_id in chosen]]
        if not chosen:
            return []
        similarity = matrix @ vector
        best = np.argsort(-similarity, kind="stable")[:limit]
        return [(chosen[i], float(similarity[i])) for i in best]


class DenseIndex:
    """Chroma kept in line with the truth, with exact search behind it. Safe to search from many threads."""

    def __init__(self, store: Store, home: ChromaHome) -> None:
        self._store = store
        self._home = home
        self._exact = ExactIndex(store)
        self._collection: Collection | None = None
        self._ids: set[str] = set()
        self._revision = -1
        self._writing = threading.RLock()
        self._busy = False  # Chroma is thread-safe, but its readers and a writer starve each other
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> Literal["chroma", "exact"]:
        """What answers a question without filters at this moment."""
        return "exact" if self._collection is None else "chroma"

    def search(self, vector: Matrix, limit: int, ids: Sequence[str] | None = None) -> Hits:
        """The passages most similar to a question's vector by cosine, among ``ids`` when given."""
        collection = self._collection
        if ids is not None or collection is None or self._busy:
            return self._exact.search(vector, limit, ids)
        try:
            found = collection.query(query_embeddings=[vector.tolist()], n_results=limit, include=["distances"])
        except Exception:
            # Whatever Chroma raises (its error types are many and undocumented), the question must be answered.
            log.exception("Chroma failed; searching exactly and rebuilding it")
            self._collection, self._revision = None, -1
            return self._exact.search(vector, limit)
        distances = (found["distances"] or [[]])[0]
        # Chroma returns a cosine distance, 1 - similarity; nobody after this line sees a distance.
        return [(passage_id, 1.0 - d) for passage_id, d in zip(found["ids"][0], distances, strict=True)]

    def sync(self, progress: Progress | None = None) -> None:
        """Bring Chroma in line with the truth; a collection that can't be trusted is built anew.

        Raises:
            DenseIndexError: it can be neither opened nor built.
        """
        with self._writing:
            revision = self._store.revision()
            if revision == self._revision:
                return
            self._busy = True
            try:
                self._collection = self._in_line(progress)
                self._revision = revision
            except Exception as error:
                self._collection = None
                raise DenseIndexError(f"Chroma at {self._home.where} can't be used: {error}") from error
            finally:
                self._busy = False

    def follow(self) -> None:
        """Start to keep in line, in the background, with whatever any process writes to the truth."""

        def run() -> None:
            while not self._stop.is_set():
                try:
                    self.sync()
                except DenseIndexError as error:
                    log.warning("%s; exact search goes on", error)
                    self._stop.wait(RETRY_SECONDS)
                self._stop.wait(POLL_SECONDS)

        self._thread = threading.Thread(target=run, name="dense-index", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following and seal what is built; safe to call twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._writing:
            if self._collection is not None:
                self._collection = None
                self._home.close()

    def _in_line(self, progress: Progress | None) -> Collection:
        collection = self._collection or self._reopen() or self._rebuild(progress)
        try:
            self._apply(collection, progress)
        except Exception:
            log.exception("Chroma failed; rebuilding it")
            collection = self._rebuild(progress)
        return collection

    def _reopen(self) -> Collection | None:
        try:
            collection = self._home.open()
            if collection is not None:
                self._ids = set(collection.get(include=[])["ids"])
        except Exception:
            log.exception("the Chroma index can't be opened")
            return None
        return collection

    def _rebuild(self, progress: Progress | None) -> Collection:
        collection = self._home.create()
        self._ids = set()
        self._apply(collection, progress)
        self._home.publish()
        return collection

    def _apply(self, collection: Collection, progress: Progress | None) -> None:
        wanted = self._store.passage_ids()
        missing, gone = sorted(wanted - self._ids), sorted(self._ids - wanted)
        for at in range(0, len(gone), BATCH):
            collection.delete(ids=gone[at : at + BATCH])
            self._ids -= set(gone[at : at + BATCH])
        for at in range(0, len(missing), BATCH):
            ids, matrix = self._store.vectors(missing[at : at + BATCH])
            if ids:  # an article may have gone since its ids were read
                collection.upsert(ids=ids, embeddings=matrix)
                self._ids |= set(ids)
            if progress:
                progress(min(at + BATCH, len(missing)), len(missing))
