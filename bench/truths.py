"""What the truth costs in PostgreSQL and in SQLite: writing, words, reading passages and all vectors.

    python bench/truths.py --database postgresql://user@host/name --articles DIR --questions FILE.jsonl

The database's schema is emptied. Vectors are random, so that what is measured is the store alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from rag.language.text import content_tokens, identify
from rag.reading.articles import read_articles
from rag.reading.chunking import chunk
from rag.storage.database import Database
from rag.storage.postgres import PostgresStore
from rag.storage.store import Store
from rag.storage.truth import EmbeddedChunk, Truth
from rag.types import Article, Unreadable

SIZE, UNITS = 512, 12  # numbers of a vector, vectors of a passage's sentences and clauses


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True)
    parser.add_argument("--articles", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--passages", type=int, default=5000)
    parser.add_argument("--asked", type=int, default=100)
    args = parser.parse_args()
    found = [one for path in sorted(args.articles.glob("*.md")) for one in read_articles(path, args.articles)]
    articles = [one for one in found if not isinstance(one, Unreadable)]
    lines = args.questions.read_text("utf-8").splitlines()
    step = max(1, len(lines) // args.asked)
    questions = [str(json.loads(line)["question"]) for line in lines[::step]][: args.asked]
    asked = [list(dict.fromkeys(content_tokens(text, identify(text)[0]))) for text in questions]
    with tempfile.TemporaryDirectory() as folder:
        large = PostgresStore(Database(args.database))
        large.clear()
        truths: dict[str, Truth] = {"SQLite": Store(Path(folder) / "articles.sqlite3"), "PostgreSQL": large}
        first = {name: measure(name, truth, articles, asked, args.passages) for name, truth in truths.items()}
        same = [len(set(a) & set(b)) / max(1, len(a)) for a, b in zip(*first.values(), strict=True)]
        print(f"of the first 30 by words both find {statistics.mean(same):.1%}")
        for truth in truths.values():
            truth.close()
    return 0


def measure(name: str, truth: Truth, articles: list[Article], asked: list[list[str]], most: int) -> list[list[str]]:
    """Print what it costs; returns the first passages of each question."""
    chance, started, passages = np.random.default_rng(1), time.perf_counter(), 0
    preparing = 0.0
    for number, article in copies(articles):
        before = time.perf_counter()
        made = [embedded(one, chance) for one in chunk(article)]
        preparing += time.perf_counter() - before
        truth.put(article, f"/{number}.md", "/", "1", made)
        passages += len(made)
        if passages >= most:
            break
    writing = time.perf_counter() - started - preparing
    words, found = timed(truth.lexical, [(terms, 30) for terms in asked])
    frequency, _ = timed(truth.document_frequency, [(terms,) for terms in asked])
    reading, _ = timed(truth.load, [(ids[:30],) for ids in found])
    whole, _ = timed(truth.vectors, [()] * 3)
    print(
        f"{name}: {passages} passages, {passages / writing:.0f} a second written; words {shown(words)}, frequencies "
        f"{shown(frequency)}, 30 passages {shown(reading)}, all vectors {shown(whole)}",
        flush=True,
    )
    return found


def copies(articles: list[Article]) -> Iterator[tuple[int, Article]]:
    """The articles again and again, each time as others."""
    for number in count():
        article = articles[number % len(articles)]
        yield number, replace(article, id=f"{article.id}{number}")


def embedded(one: object, chance: np.random.Generator) -> EmbeddedChunk:
    """A passage with vectors that mean nothing."""
    units = chance.random((UNITS, SIZE), dtype=np.float32)
    return EmbeddedChunk(one, chance.random(SIZE, dtype=np.float32), units, (0,) * UNITS)  # type: ignore[arg-type]


def timed(call: Callable[..., object], arguments: list[tuple[object, ...]]) -> tuple[list[float], list[list[str]]]:
    """Milliseconds of each call, and what it returned."""
    took, found = [], []
    for values in arguments:
        before = time.perf_counter()
        found.append(call(*values))
        took.append(1000 * (time.perf_counter() - before))
    return took, found  # type: ignore[return-value]


def shown(took: list[float]) -> str:
    """Median and 99th percentile."""
    return f"{statistics.median(took):.1f} ms (99th percentile {np.percentile(took, 99):.1f})"


if __name__ == "__main__":
    sys.exit(main())
