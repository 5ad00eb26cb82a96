"""The dense index: Chroma, derived from the truth in SQLite, disposable and rebuilt at need.

It is kept in line with the truth by ids, which are made from content: all of them are compared when it is opened, and
from then on those that changed. A collection that can't be trusted is rebuilt from SQLite without embedding again, in
the background, and until then a search over the codes of all vectors (``flat.py``) answers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Literal

from chromadb.api.models.Collection import Collection

from rag.encoders.embedding import Matrix
from rag.errors import DenseIndexError, StoreError
from rag.search.chroma import ChromaHome
from rag.search.flat import FlatIndex, Hits
from rag.search.ownership import Ownership, Standing
from rag.storage.changes import Keys, Mark
from rag.storage.truth import Truth

log = logging.getLogger(__name__)

BATCH = 200  # upstream recommends 50 to 250
POLL_SECONDS = 0.3
RETRY_SECONDS = 5.0

Progress = Callable[[int, int], None]  # done, of


class DenseIndex:
    """Chroma kept in line with the truth, with a flat search behind it. Safe to search from many threads."""

    def __init__(self, store: Truth, home: ChromaHome, ownership: Ownership | None = None) -> None:
        self._store = store
        self._home = home
        self._ownership = ownership  # of a Chroma that several processes search; None: it is this one's alone
        self._flat = FlatIndex(store)
        self._collection: Collection | None = None
        self._mark: Mark | None = None  # what of the truth Chroma holds; None when nobody knows
        self._writing = threading.RLock()
        self._busy = False  # Chroma is thread-safe, but its readers and a writer starve each other
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> Literal["chroma", "exact"]:
        """What answers a question without filters at this moment."""
        return "exact" if self._collection is None else "chroma"

    def search(self, vector: Matrix, limit: int, keys: Keys | None = None) -> Hits:
        """The passages most similar to a question's vector by cosine, among those with these keys when given."""
        collection = self._collection
        if keys is not None or collection is None or self._busy:
            return self._flat.search(vector, limit, keys)
        try:
            found = collection.query(query_embeddings=[vector.tolist()], n_results=limit, include=["distances"])
        except Exception:
            # Whatever Chroma raises (its error types are many and undocumented), the question must be answered.
            log.exception("Chroma failed; searching without it and rebuilding it")
            self._collection, self._mark = None, None
            return self._flat.search(vector, limit)
        distances = (found["distances"] or [[]])[0]
        # Chroma returns a cosine distance, 1 - similarity; nobody after this line sees a distance.
        return [(passage_id, 1.0 - d) for passage_id, d in zip(found["ids"][0], distances, strict=True)]

    def load(self) -> None:
        """Read what the search without Chroma needs, so that no question has to wait for it."""
        self._flat.load()

    def sync(self, progress: Progress | None = None) -> None:
        """Bring Chroma in line with the truth; a collection that can't be trusted is built anew.

        Raises:
            DenseIndexError: it can be neither opened nor built.
            StoreError: the truth can't be read.
        """
        with self._writing:
            if self._stop.is_set():  # once closed, Chroma may have another owner
                return
            if self._ownership is not None and (standing := self._ownership.look()) != "owner":
                self._follow(standing)
                return
            if self._mark is not None and self._store.mark() == self._mark:
                return
            try:
                self._collection = self._in_line(progress)
                if self._ownership is not None and self._mark is not None:
                    self._store.set_derived(self._mark.revision)
            except StoreError:  # Chroma is as it was
                raise
            except Exception as error:
                self._collection, self._mark = None, None
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
                except (DenseIndexError, StoreError) as error:
                    if str(error) != complaint:  # once, and not every few seconds of a long night
                        self._complain(error)
                    complaint = str(error)
                    if isinstance(error, DenseIndexError):  # the truth may be rebuilt beside us at any moment
                        self._stop.wait(RETRY_SECONDS)
                else:
                    if complaint:
                        log.warning("the articles and Chroma at %s can be used again", self._home.where)
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

    def _complain(self, error: DenseIndexError | StoreError) -> None:
        if isinstance(error, StoreError):
            log.error("no question can be answered: %s", error)
        else:
            log.warning("%s; the search goes on without it", error)

    def _follow(self, standing: Standing) -> None:
        """Search the collection that another process keeps in line, unless it has been behind for too long."""
        self._mark = None  # who becomes its owner has to look at what is in it
        if standing == "behind":
            self._collection = None
        elif self._collection is None:
            self._collection = self._home.open()

    def _in_line(self, progress: Progress | None) -> Collection:
        known = self._collection if self._mark else None
        for opened in (known, None):  # what is open may only have lost its server for a moment
            collection = opened or self._reopen()
            if collection is None:
                break
            try:
                self._apply(collection, progress)
            except StoreError:  # which says nothing of Chroma
                raise
            except Exception:
                log.exception("Chroma failed")
                continue
            if not self._is_bloated():
                return collection
            log.warning("the files of Chroma at %s are far larger than they should be; rebuilding it", self._home.where)
            break
        return self._rebuild(progress)

    def _is_bloated(self) -> bool:
        dimension = int((self._store.stamp() or {}).get("dimension", 0))
        return self._home.is_bloated(self._store.count()[1], dimension)

    def _reopen(self) -> Collection | None:
        self._mark = None
        try:
            return self._home.open()
        except DenseIndexError:  # there is no server, and so nothing to build on either
            raise
        except Exception:
            log.exception("the Chroma index can't be opened")
            return None

    def _rebuild(self, progress: Progress | None) -> Collection:
        collection = self._home.create()
        self._mark = None
        self._apply(collection, progress)
        self._home.publish()
        return collection

    def _apply(self, collection: Collection, progress: Progress | None) -> None:
        changed = self._store.changed(self._mark) if self._mark else None
        if changed is None:
            mark = self._store.mark()  # before the ids are read: what comes in between is looked at twice
            missing, gone = _compared(collection, self._store.passage_ids())
        else:
            mark, came, went = changed
            missing, gone = sorted(came), sorted(went)
        self._busy = bool(missing or gone)
        for at in range(0, len(gone), BATCH):
            collection.delete(ids=gone[at : at + BATCH])
        for at in range(0, len(missing), BATCH):
            ids, matrix = self._store.vectors(missing[at : at + BATCH])
            if ids:  # an article may have gone since its ids were read
                collection.upsert(ids=ids, embeddings=matrix)
            if progress:
                progress(min(at + BATCH, len(missing)), len(missing))
        self._mark = mark


def _compared(collection: Collection, wanted: set[str]) -> tuple[list[str], list[str]]:
    """The ids that a collection lacks, and those that it has too many."""
    there = set(collection.get(include=[])["ids"])
    return sorted(wanted - there), sorted(there - wanted)
