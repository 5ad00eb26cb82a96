"""The dense index: Chroma, derived from the truth in SQLite, disposable and rebuilt at need.

It is kept in line with the truth by ids, which are made from content: all of them are compared when it is opened, and
from then on those that changed. A collection that can't be trusted is rebuilt from SQLite without embedding again, in
the background, and until then a search over the codes of all vectors (``flat.py``) answers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from rag.encoders.embedding import Matrix
from rag.errors import DenseIndexError, StoreError
from rag.search.chroma import ChromaHome
from rag.search.flat import FlatIndex, Hits
from rag.search.following import Follower
from rag.search.ownership import Ownership, Standing
from rag.storage.changes import Keys, Mark
from rag.storage.truth import Truth

if TYPE_CHECKING:  # takes a second to import
    from chromadb.api.models.Collection import Collection

log = logging.getLogger(__name__)

BATCH = 200  # upstream recommends 50 to 250
# Chroma keeps Python's lock while it writes, a fifth of a second for 200 vectors, and a question takes that lock some
# hundred times. A server writes less at a time, and while questions come little, with rests for as long as that took.
BATCH_SERVED, BATCH_ASKED = 50, 5
LULL = 10.0  # seconds without a question after which none is expected
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
        self._follower = Follower("dense-index", self._step)
        self._complaint = ""  # the last of the thread that follows
        self._asked = float("-inf")  # when the last question came

    @property
    def state(self) -> Literal["chroma", "exact"]:
        """What answers a question without filters at this moment."""
        return "exact" if self._collection is None else "chroma"

    def search(self, vector: Matrix, limit: int, keys: Keys | None = None) -> Hits:
        """The passages most similar to a question's vector by cosine, among those with these keys when given."""
        self._asked = time.monotonic()
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

    def sync(self, progress: Progress | None = None, *, patience: float = -1) -> None:
        """Bring Chroma in line with the truth; a collection that can't be trusted is built anew.

        Where another thread is at it, this returns after so many seconds of ``patience`` (less than 0: waits): that
        thread comes by what was written, and until it has, the search goes on without Chroma.

        Raises:
            DenseIndexError: it can be neither opened nor built.
            StoreError: the truth can't be read.
        """
        if not self._writing.acquire(timeout=patience):
            return
        try:
            if self._follower.is_told_to_stop:  # once closed, Chroma may have another owner
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
            except _StoppedError:
                self._collection, self._mark = None, None
                self._home.close()  # sound as far as it goes: the next to open it compares what is in it
            except Exception as error:
                self._collection, self._mark = None, None
                raise DenseIndexError(f"Chroma at {self._home.where} can't be used: {error}") from error
            finally:
                self._busy = False
        finally:
            self._writing.release()

    def follow(self, *, after: threading.Event | None = None) -> None:
        """Start to keep in line with whatever any process writes, in the background, once ``after`` is set."""
        self._follower.start(after=after)

    def close(self) -> None:
        """Stop following and seal what is built; safe to call twice."""
        self._follower.close()
        with self._writing:
            if self._collection is not None:
                self._collection = None
                self._home.close()
            if self._ownership is not None:
                self._ownership.end()

    def _step(self) -> float:
        try:
            self.sync()
        except (DenseIndexError, StoreError) as error:
            if str(error) != self._complaint:  # once, and not every few seconds of a long night
                self._complain(error)
            self._complaint = str(error)
            # The truth may be rebuilt beside us at any moment.
            return RETRY_SECONDS if isinstance(error, DenseIndexError) else POLL_SECONDS
        if self._complaint:
            log.warning("the articles and Chroma at %s can be used again", self._home.where)
        self._complaint = ""
        return POLL_SECONDS

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
            except (StoreError, _StoppedError):  # which say nothing of Chroma
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
        try:
            self._apply(collection, progress)
        except _StoppedError:
            if self._ownership is None:  # nobody else will take it for whole
                self._home.publish()
            raise
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
        for ids in self._batches(gone):
            collection.delete(ids=list(ids))
        done = 0
        for wanted in self._batches(missing):
            ids, matrix = self._store.vectors(wanted)
            if ids:  # an article may have gone since its ids were read
                collection.upsert(ids=ids, embeddings=matrix)
            done += len(wanted)
            if progress:
                progress(done, len(missing))
        self._mark = mark

    def _batches(self, ids: Sequence[str]) -> Iterator[Sequence[str]]:
        """So many at a time as others can bear.

        Raises:
            _StoppedError: the product ends meanwhile.
        """
        at = 0
        while at < len(ids):
            if self._follower.is_told_to_stop:
                raise _StoppedError
            started = time.monotonic()
            is_asked = started - self._asked < LULL
            size = (BATCH_ASKED if is_asked else BATCH_SERVED) if self._follower.is_running else BATCH
            yield ids[at : at + size]
            at += size
            if self._follower.is_running and is_asked:
                self._follower.wait(time.monotonic() - started)


class _StoppedError(Exception):
    """The product ends before all is in line; the next start goes on from there."""


def _compared(collection: Collection, wanted: set[str]) -> tuple[list[str], list[str]]:
    """The ids that a collection lacks, and those that it has too many."""
    there = set(collection.get(include=[])["ids"])
    return sorted(wanted - there), sorted(there - wanted)
