"""How long a warm search and a warm answer take over many passages.

python bench/search.py [PASSAGES] [ARTICLES] [QUESTIONS]

The articles are indexed as always, and then their passages are copied with noise on the vectors until there are enough:
real ones in such a number would take a quarter of an hour to read.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from timing import milliseconds, told

from eval.dataset import load_questions
from rag.assembly import STORE_FILE, open_assistant, run_ingest
from rag.assistant import Assistant
from rag.settings import load_settings

ROOT = Path(__file__).parent.parent
SET = ROOT.parent / "shared" / "bench" / "xquad" / "mixed"
PASSAGES = 10_000
QUESTIONS = 200
NOISE = 0.03  # on each number of a vector of length one
_VECTORS = {"vector": (np.float32, 512), "units": (np.float16, 512), "refined": (np.float16, 384)}


def main() -> int:
    """Print medians and 95th percentiles."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PASSAGES
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else SET / "articles"
    file = Path(sys.argv[3]) if len(sys.argv) > 3 else SET / "questions.jsonl"
    asked = [case.question for case in load_questions(file)]
    questions = asked[:: max(1, len(asked) // QUESTIONS)][:QUESTIONS]
    with tempfile.TemporaryDirectory() as name:
        settings = load_settings(data_dir=Path(name))
        run_ingest(settings, [folder])
        print(f"{_multiply(settings.data_dir / STORE_FILE, count)} passages")
        assistant = open_assistant(settings)
        try:
            _wait_for_chroma(assistant)
            asks: dict[str, Callable[[str], object]] = {"search": assistant.search, "ask": assistant.ask}
            for what, ask in asks.items():
                print(told(what, milliseconds(ask, questions)))
        finally:
            assistant.close()
    return 0


def _multiply(path: Path, count: int) -> int:
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
    db.execute("UPDATE meta SET value = value + 1 WHERE key = 'revision'")
    db.commit()
    (found,) = db.execute("SELECT count(*) FROM passages").fetchone()
    db.close()
    return int(found)


def _noisy(blob: bytes, kind: npt.DTypeLike, size: int, chance: np.random.Generator) -> bytes:
    rows = np.frombuffer(blob, dtype=kind).astype(np.float32).reshape(-1, size)
    rows = rows + NOISE * chance.normal(size=rows.shape).astype(np.float32)
    return bytes((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(kind).tobytes())


def _wait_for_chroma(assistant: Assistant) -> None:
    deadline = time.monotonic() + 600
    while assistant.health().dense != "chroma":
        if time.monotonic() > deadline:
            raise TimeoutError("Chroma was not built within ten minutes")
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
