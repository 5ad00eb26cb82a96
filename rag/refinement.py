"""Refinement: the second, finer encoder reads what ingestion has made searchable.

It is several times slower than the embedder, so that it follows in its own time: a passage is found by the embedder and
by words at once, and better once it is refined. What is written stays; whoever comes next goes on from there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np

from rag.embedding import FineEncoder, Matrix
from rag.errors import LockedError
from rag.ingestion import Step, units_of
from rag.locks import OwnerLock
from rag.store import Refined, Store, StoredPassage
from rag.types import LANGS, Lang

log = logging.getLogger(__name__)

METHOD = "2"  # how passages are read; what was read by another is read anew
BATCH = 32  # passages written at a time: what is lost when the process is killed, and how often an index is re-read
POLL_SECONDS = 0.5


class Refiner:
    """Brings the fine encoder's vectors in line with the passages. One process at a time, by a lock."""

    def __init__(self, store: Store, encoder: FineEncoder, lock: OwnerLock) -> None:
        self._store = store
        self._encoder = encoder
        self._lock = lock
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def run(self, progress: Step | None = None) -> None:
        """Refine all that is not; does nothing while another process is at it."""
        try:
            self._lock.acquire("refine its passages")
        except LockedError:
            return
        try:
            _, passages = self._store.count()
            while not self._stop.is_set() and (waiting := self._store.unrefined(BATCH)):
                if progress:
                    progress("second reading (the index can be searched)", self._store.refined(), passages)
                for lang in LANGS:
                    if of_lang := [stored for stored in waiting if stored.passage.lang == lang]:
                        self._store.refine(self._read(of_lang, lang))
        finally:
            self._lock.release()

    def follow(self) -> None:
        """Start to refine, in the background, whatever any process writes to the truth."""

        def run() -> None:
            seen = failed_at = -1
            while not self._stop.is_set():
                try:
                    seen, (_, passages) = self._store.revision(), self._store.count()
                    if seen != failed_at and self._store.refined() < passages:
                        self.run()
                except Exception:
                    # Whatever went wrong, with one passage or the disk, questions must be answered. It is tried again
                    # when something changes.
                    log.exception("the second reading stopped")
                    failed_at = seen
                self._stop.wait(POLL_SECONDS)

        self._thread = threading.Thread(target=run, name="refiner", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following after the batch at hand; safe to call twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _read(self, passages: list[StoredPassage], lang: Lang) -> dict[str, Refined]:
        """A passage is read twice: whole, and sentence by sentence. All in one call, since texts of like length go
        through the encoder together."""
        units = [sentence_parts(*units_of(stored.passage, stored.sentences)) for stored in passages]
        wholes = [["".join(parts) for parts in of_one] for of_one in units]
        vectors = iter(self._encoder.read([*wholes, *(parts for of_one in units for parts in of_one)], lang))
        of_passages = [next(vectors) for _ in passages]
        found = {}
        for stored, parts_of, (vector, contexts) in zip(passages, units, of_passages, strict=True):
            rows: list[Matrix] = []
            for parts in parts_of:
                whole, of_parts = next(vectors)
                rows += [whole, *(of_parts if len(parts) > 1 else ())]
            of_sentences = contexts[len(contexts) - len(stored.sentences) :]  # without the question of a pair
            found[stored.passage.passage_id] = Refined(vector, np.array(rows), of_sentences)
        return found


def sentence_parts(texts: Sequence[str], unit_of: Sequence[int]) -> list[list[str]]:
    """The units of a passage as sentences, each cut where its clauses start; one part where it has none.

    >>> sentence_parts(["He came, saw and won.", "He came", "saw and won.", "All left."], [0, 0, 0, 1])
    [['He came, ', 'saw and won.'], ['All left.']]
    """
    found = []
    for _, group in groupby(zip(unit_of, texts, strict=True), key=itemgetter(0)):
        whole, *clauses = (text for _, text in group)
        starts = [0]
        for clause in clauses[1:]:
            starts.append(whole.find(clause, starts[-1] + 1))
        if min(starts[1:], default=0) < 0:  # written otherwise for the encoder, alone than in its sentence
            found.append(clauses)
        else:
            found.append([whole[a:b] for a, b in pairwise([*starts, len(whole)])])
    return found
