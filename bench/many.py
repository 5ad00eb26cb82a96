"""Many passages soon: copies with noise, since real ones in such a number take a quarter of an hour to read."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag.storage.changes import encode

NOISE = 0.03  # on each number of a vector of length one
_VECTORS = {"vector": (np.float32, 512), "units": (np.float16, 512), "refined": (np.float16, 384)}


def multiply(path: Path, count: int) -> int:
    """Copy passages until there are as many; how many there are then."""
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    chance = np.random.default_rng(0)
    rows = db.execute("SELECT p.*, l.tokens FROM passages p JOIN lexical l ON l.rowid = p.key").fetchall()
    for number in range(count - len(rows)):
        copy = dict(rows[number % len(rows)])
        tokens = copy.pop("tokens")
        copy |= {"key": None, "passage_id": uuid.UUID(int=number).hex}
        copy |= {column: _noisy(copy[column], kind, size, chance) for column, (kind, size) in _VECTORS.items()}
        names = ", ".join(f'"{column}"' for column in copy)
        key = db.execute(
            f"INSERT INTO passages ({names}) VALUES ({', '.join('?' * len(copy))})", tuple(copy.values())
        ).lastrowid
        db.execute("INSERT INTO lexical (rowid, tokens) VALUES (?, ?)", (key, tokens))
        of_embedder = encode(np.frombuffer(copy["vector"], dtype=np.float32))
        of_fine = encode(np.frombuffer(copy["refined"], dtype=np.float16)[: _VECTORS["refined"][1]].astype(np.float32))
        db.execute("INSERT INTO codes VALUES (?, ?, ?)", (key, of_embedder, of_fine))
    db.execute("UPDATE meta SET value = value + 1 WHERE key IN ('revision', 'contents')")
    db.commit()
    (found,) = db.execute("SELECT count(*) FROM passages").fetchone()
    db.close()
    return int(found)


def _noisy(blob: bytes, kind: npt.DTypeLike, size: int, chance: np.random.Generator) -> bytes:
    rows = np.frombuffer(blob, dtype=kind).astype(np.float32).reshape(-1, size)
    rows = rows + NOISE * chance.normal(size=rows.shape).astype(np.float32)
    return bytes((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(kind).tobytes())
