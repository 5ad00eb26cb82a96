"""Search by looking at all vectors, fast and in little memory.

Of each passage memory holds a byte a dimension, and its signs, a bit a dimension. The vectors with most signs in common
with the question's, the larger numbers counting more, are compared by their bytes: of the 30 nearest of 100,000 it
finds 99 in 100, and of the first eight nearly all (docs/scale.md). What others write is followed change by change.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from rag.encoders.embedding import Matrix
from rag.storage.changes import Keys, Kind, Mark, Rows, decode
from rag.storage.truth import Truth

Hits = list[tuple[str, float]]  # (passage id, cosine similarity), most similar first

# So many, or this share of all, are compared by their bytes after the signs.
LOOKED_AT, SHARE_LOOKED_AT = 2_000, 0.005
BLOCK = 1 << 15  # vectors whose signs are compared at a time: they stay in the processor's cache
FAR = np.uint16(65_535)
LARGE = 0.95  # the quantile of a question's numbers from which on they count most
ROOM = 1.25  # what arrays grow by; memory that is not written to is not taken
MOST_ROWS = 2  # for each passage
_WORD = 64
_T = TypeVar("_T", bound=np.generic)


@dataclass(slots=True)
class _Shelf:
    """Codes in growing arrays: shapes (room,), (words, room), (room, dimensions) and (room,).

    A row, once used, stays with its key; without a vector it is far from everything. A search may run while rows
    change: of such a row it sees the one or the other.
    """

    dimensions: int
    count: int = 0
    keys: Keys = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    signs: npt.NDArray[np.uint64] = field(init=False)
    numbers: npt.NDArray[np.int8] = field(init=False)
    scales: Matrix = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    away: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))  # without a vector

    def __post_init__(self) -> None:
        self.signs = np.zeros((-(-self.dimensions // _WORD), 0), dtype=np.uint64)
        self.numbers = np.zeros((0, self.dimensions), dtype=np.int8)

    def reserve(self, count: int) -> None:
        """Make room for so many rows."""
        room = len(self.keys)
        if count <= room:
            return
        room = max(count, int(room * ROOM))
        self.keys = _longer(self.keys, (room,))
        self.signs = _longer(self.signs, (len(self.signs), room))
        self.numbers = _longer(self.numbers, (room, self.dimensions))
        self.scales = _longer(self.scales, (room,))
        self.away = _longer(self.away, (room,))

    def put(self, rows: Rows) -> bool:
        """Write codes, keys ascending; False when a new key stands between older ones, where there is no room."""
        keys = np.array([key for key, _ in rows], dtype=np.int64)
        known = self.keys[: self.count]
        at = np.searchsorted(known, keys)
        is_new = (at == self.count) | (known[np.minimum(at, self.count - 1)] != keys) if self.count else at == 0
        fresh = keys[is_new]
        if len(fresh) and self.count and fresh[0] < known[-1]:
            return False
        self.reserve(self.count + len(fresh))
        at[is_new] = self.count + np.arange(len(fresh))
        self.keys[at] = keys
        there = np.array([code is not None for _, code in rows])
        self.away[at] = ~there
        if there.any():
            numbers, scales = decode([code for _, code in rows if code is not None])
            self.numbers[at[there]], self.scales[at[there]] = numbers, scales
            self.signs[:, at[there]] = _signs(numbers)
        self.count += len(fresh)  # last: a search that runs must not see rows that are not written
        return True


class FlatIndex:
    """All passages by their codes: while Chroma is built, for filtered questions (a filter makes Chroma slower than
    this), and for the second encoder's vectors. Safe to search from many threads."""

    def __init__(self, store: Truth, kind: Kind = "embedder") -> None:
        self._store = store
        self._kind: Kind = kind
        self._lock = threading.Lock()
        self._mark: Mark | None = None
        self._shelf: _Shelf | None = None

    def search(self, vector: Matrix, limit: int, keys: Keys | None = None) -> Hits:
        """The passages most similar to a question's vector, among those with these keys when given."""
        shelf = self._fresh()
        if shelf is None or shelf.dimensions != len(vector):
            return []
        rows = None if keys is None else _rows_of(shelf, keys)
        near = _nearest_by_signs(shelf, vector, rows)
        similarity = (shelf.numbers[near].astype(np.float32) @ vector) * shelf.scales[near]
        best = np.argsort(-similarity, kind="stable")[:limit]
        ids = self._store.ids(shelf.keys[near[best]].tolist())
        found = ((ids.get(int(shelf.keys[near[i]])), float(similarity[i])) for i in best)
        return [(passage_id, similar) for passage_id, similar in found if passage_id is not None]

    def load(self) -> None:
        """Read what has changed, all of it the first time, so that no question has to wait for it."""
        self._fresh()

    def _fresh(self) -> _Shelf | None:
        with self._lock:
            if self._mark is None or self._store.mark() != self._mark:
                self._read()
            return self._shelf

    def _read(self) -> None:
        with self._store.codes(self._kind, self._mark) as (mark, since, blocks):
            shelf = self._shelf if since else None
            for rows in blocks:
                code = next((code for _, code in rows if code is not None), None)
                if shelf is None and code is not None:
                    shelf = _Shelf(len(code) - 4)
                    shelf.reserve(self._store.count()[1])
                if shelf is not None and not shelf.put(rows):
                    self._mark = None
                    break
            else:
                # Rows of passages that are gone are used again only when everything is read anew.
                is_wasteful = shelf is not None and shelf.count > MOST_ROWS * (self._store.count()[1] + BLOCK)
                self._shelf, self._mark = shelf, None if is_wasteful else mark
                return
        self._read()


def _rows_of(shelf: _Shelf, keys: Keys) -> npt.NDArray[np.intp]:
    known = shelf.keys[: shelf.count]
    at = np.searchsorted(known, keys)
    at = at[at < len(known)]
    found: npt.NDArray[np.intp] = at[known[at] == keys[: len(at)]]
    return found


def _nearest_by_signs(shelf: _Shelf, vector: Matrix, rows: npt.NDArray[np.intp] | None) -> npt.NDArray[np.intp]:
    """The rows with a vector whose signs are most like the question's, in no order; all of them where they are few."""
    count = shelf.count
    away, few = shelf.away[:count], max(LOOKED_AT, int(count * SHARE_LOOKED_AT))
    if rows is None and count <= few:
        rows = np.arange(count)
    if rows is not None:
        rows = rows[~away[rows]]
        if len(rows) > few:
            rows = rows[np.argpartition(_apart(shelf.signs[:, rows], vector), few)[:few]]
        return rows
    apart = _apart(shelf.signs[:, :count], vector)
    apart[away] = FAR
    near = np.argpartition(apart, few)[:few]
    return near[~away[near]]


def _apart(signs: npt.NDArray[np.uint64], vector: Matrix) -> npt.NDArray[np.uint16]:
    """In how many signs each differs from the vector, those of its larger numbers counting more: 0 to 3."""
    asked, planes = _signs(vector[None])[:, 0], _planes(vector)
    apart = np.zeros(signs.shape[1], dtype=np.uint16)
    for at in range(0, len(apart), BLOCK):
        part = apart[at : at + BLOCK]
        for word, own, ones, twos in zip(signs, asked, *planes, strict=True):
            differs = word[at : at + BLOCK] ^ own
            part += np.bitwise_count(differs & ones)
            part += np.bitwise_count(differs & twos) << np.uint8(1)
    return apart


def _planes(vector: Matrix) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """What each number of a vector counts, as two bits: those that count 1 and those that count 2."""
    size = np.abs(vector)
    most = max(float(np.quantile(size, LARGE)), 1e-12)
    weight = np.minimum(np.rint(3 * size / most), 3).astype(np.int8)
    return _signs((weight & 1)[None])[:, 0], _signs((weight & 2)[None])[:, 0]


def _signs(rows: npt.NDArray[np.int8] | Matrix) -> npt.NDArray[np.uint64]:
    """Shape (words, rows)."""
    bits = np.packbits(rows > 0, axis=1)
    bits = np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8)))
    return np.ascontiguousarray(bits).view(np.uint64).T


def _longer(array: npt.NDArray[_T], shape: tuple[int, ...]) -> npt.NDArray[_T]:
    longer = np.empty(shape, dtype=array.dtype)
    longer[tuple(slice(size) for size in array.shape)] = array
    return longer
