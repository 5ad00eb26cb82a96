"""The dense index: Chroma, derived from the truth in SQLite, disposable and rebuilt at need.

It is kept in line with the truth by comparing ids, which are made from content. A collection that can't be trusted is
rebuilt from SQLite without embedding again, in the background, and until then exact search over SQLite's vectors
answers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from chromadb.api.models.Collection import Collection

from rag.chroma import ChromaHome
from rag.embedding import Matrix
from rag.errors import DatabaseError, DenseIndexError
from rag.ownership import Ownership, Standing
from rag.truth import Truth

log = logging.getLogger(__name__)

BATCH = 200  # upstream recommends 50 to 250
POLL_SECONDS = 0.3
RETRY_SECONDS = 5.0

Progress = Callable[[int, int], None]  # done, of
Hits = list[tuple[str, float]]  # (passage id, cosine similarity), most similar first


class ExactIndex:
    """Exact search over vectors in SQLite: the fallback while Chroma is rebuilt, the way filtered questions are
    searched (a filter makes Chroma slower than this), the way refined vectors are, and the oracle in tests.

    ``read`` gives ids and vectors, those of the embedder if it is not given.
    """

    def __init__(self, store: Truth, read: Callable[[], tuple[list[str], Matrix]] | None = None) -> None:
        self._store = store
        self._read = read or store.vectors
        self._lock = threading.Lock()
        self._revision = -1
        self._row: dict[str, int] = {}
        self._ids: list[str] = []
        self._matrix: Matrix = np.zeros((0, 0), dtype=np.float32)

    def search(self, vector: Matrix, limit: int, ids: Sequence[str] | None = None) -> Hits:
        """The passages most similar to a question's vector, among ``ids`` when given."""
        with self._lock:
            if (revision := self._store.revision()) != self._revision:
                self._ids, self._matrix = self._read()
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

    def __init__(self, store: Truth, home: ChromaHome, ownership: Ownership | None = None) -> None:
        self._store = store
        self._home = home
        self._ownership = ownership  # of a Chroma that several processes search; None: it is this one's alone
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
            if self._stop.is_set():  # once closed, Chroma may have another owner
                return
            if self._ownership is not None and (standing := self._ownership.look()) != "owner":
                self._follow(standing)
                return
            revision = self._store.revision()
            if revision == self._revision:
                return
            self._busy = True
            try:
                self._collection = self._in_line(progress)
                self._revision = revision
                if self._ownership is not None:
                    self._store.set_derived(revision)
            except Exception as error:
                self._collection = None
                raise DenseIndexError(f"Chroma at {self._home.where} can't be used: {error}") from error
            finally:
                self._busy = False

    def follow(self) -> None:
        """Start to keep in line, in the background, with whatever any process writes to the truth."""

        def run() -> None:
            complaint = ""
            while not self._stop.is_set():
                try:
                    self.sync()
                except (DenseIndexError, DatabaseError) as error:
                    if str(error) != complaint:  # once, and not every few seconds of a long night
                        log.warning("%s; exact search goes on", error)
                    complaint = str(error)
                    self._stop.wait(RETRY_SECONDS)
                else:
                    if complaint:
                        log.warning("Chroma at %s can be used again", self._home.where)
                    complaint = ""
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
            if self._ownership is not None:
                self._ownership.end()

    def _follow(self, standing: Standing) -> None:
        """Search the collection that another process keeps in line, unless it has been behind for too long."""
        self._revision = -1  # who becomes its owner has to look at what is in it
        if standing == "behind":
            self._collection = None
        elif self._collection is None:
            self._collection = self._home.open()

    def _in_line(self, progress: Progress | None) -> Collection:
        known = self._collection if self._revision >= 0 else None
        for opened in (known, None):  # what is open may only have lost its server for a moment
            collection = opened or self._reopen()
            if collection is None:
                break
            try:
                self._apply(collection, progress)
            except Exception:
                log.exception("Chroma failed")
                continue
            return collection
        return self._rebuild(progress)

    def _reopen(self) -> Collection | None:
        try:
            collection = self._home.open()
            if collection is not None:
                self._ids = set(collection.get(include=[])["ids"])
        except DenseIndexError:  # there is no server, and so nothing to build on either
            raise
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
