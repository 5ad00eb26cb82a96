"""Refinement: the second, finer encoder reads what ingestion has made searchable.

It is several times slower than the embedder, so that it follows in its own time: a passage is found by the embedder and
by words at once, and better once it is refined. What is written stays; whoever comes next goes on from there.
"""

from __future__ import annotations

import logging
import threading
from itertools import compress

import numpy as np

from rag.encoders.embedding import FineEncoder, Matrix, unit
from rag.errors import LockedError, StoreError
from rag.ingesting.ingestion import Step
from rag.reading.units import is_whole, parts_of, units_of
from rag.search.following import Follower
from rag.storage.locks import Lock
from rag.storage.truth import Refined, StoredPassage, Truth
from rag.types import LANGS, Lang

log = logging.getLogger(__name__)

METHOD = "2"  # how passages are read; what was read by another is read anew
BATCH = 32  # passages written at a time: what is lost when the process is killed, and how often an index is re-read
POLL_SECONDS = 0.5
RETRY_SECONDS = 5.0


class Refiner:
    """Brings the fine encoder's vectors in line with the passages. One process at a time, by a lock."""

    def __init__(self, store: Truth, encoder: FineEncoder, lock: Lock) -> None:
        self._store = store
        self._encoder = encoder
        self._lock = lock
        self._follower = Follower("refiner", self._step)
        self._seen = self._failed_at = -1  # revisions of the truth

    def run(self, progress: Step | None = None) -> None:
        """Refine all that is not; does nothing while another process is at it."""
        try:
            self._lock.acquire("refine its passages")
        except LockedError:
            return
        try:
            _, passages = self._store.count()
            while not self._follower.is_told_to_stop and (waiting := self._store.unrefined(BATCH)):
                if progress:
                    progress("second reading (the index can be searched)", self._store.refined(), passages)
                for lang in LANGS:
                    if of_lang := [stored for stored in waiting if stored.passage.lang == lang]:
                        self._store.refine(self._read(of_lang, lang))
        finally:
            self._lock.release()

    def follow(self, *, after: threading.Event | None = None) -> None:
        """Start to refine whatever any process writes to the truth, in the background, once ``after`` is set."""
        self._follower.start(after=after)

    def close(self) -> None:
        """Stop following after the batch at hand; safe to call twice."""
        self._follower.close()

    def _step(self) -> float:
        try:
            self._seen, (_, passages) = self._store.revision(), self._store.count()
            if self._seen != self._failed_at and self._store.refined() < passages:
                self.run()
        except StoreError as error:
            log.warning("the second reading waits: %s", error)
            return RETRY_SECONDS
        except Exception:
            # Whatever went wrong, with one passage or the disk, questions must be answered. It is tried again
            # when something changes.
            log.exception("the second reading stopped")
            self._failed_at = self._seen
        return POLL_SECONDS

    def _read(self, passages: list[StoredPassage], lang: Lang) -> dict[str, Refined]:
        """A passage is read twice, whole and clause by clause; a sentence by itself is the mean of its clauses. All
        in one call, since texts of like length go through the encoder together."""
        units = [units_of(stored.passage, stored.sentences) for stored in passages]
        wholes = [list(compress(texts, is_whole(of))) for texts, of in units]
        parts = [parts_of(*of_one) for of_one in units]
        read = self._encoder.read([*wholes, *([part] for of_one in parts for of in of_one for part in of)], lang)
        vectors = (vector for vector, _ in read[len(passages) :])
        found = {}
        for stored, of_one, (vector, contexts) in zip(passages, parts, read, strict=False):
            rows = [row for of in of_one for row in _with_mean(of, [next(vectors) for _ in of])]
            of_sentences = contexts[len(contexts) - len(stored.sentences) :]  # without the question of a pair
            found[stored.passage.passage_id] = Refined(vector, np.array(rows), of_sentences)
        return found


def _with_mean(parts: list[str], vectors: list[Matrix]) -> list[Matrix]:
    """The vector of a sentence before those of its clauses, if it has several: their mean, the longer counting more."""
    if len(parts) == 1:
        return vectors
    mean = np.average(vectors, axis=0, weights=[len(part) for part in parts])
    return [unit(mean[None])[0], *vectors]
