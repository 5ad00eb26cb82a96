"""How the API holds out when many programs ask without a pause.

python bench/load.py [CLIENTS] [SECONDS] [PASSAGES]

Every client asks its next question as soon as it has an answer. Beside it, on the same machine and from as many
clients: a bare FastAPI route that returns a constant. The clients share the cores with the server.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import httpx2
from many import multiply
from product import Served, serving
from search import SET
from timing import told

from eval.dataset import load_questions
from rag.assembly.folder import STORE_FILE
from rag.assembly.ingest import run_ingest
from rag.settings import load_settings

CLIENTS = 200
SECONDS = 300
PASSAGES = 10_000
WARM = 15  # seconds of the same load before anything is measured: caches fill, threads start
BARE_SECONDS = 20
PATIENCE = 120  # seconds for one answer
GROWTH = 1.05  # of the memory, at most
BARE = """
import sys, uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.post("/api/ask")
def ask(): return {"answer": "constant"}
print("ready", flush=True)
uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""


def main() -> int:
    """Print both throughputs and the memory before and after; 0 if nothing failed and the memory did not grow."""
    clients, seconds, passages = (
        int(sys.argv[at]) if len(sys.argv) > at else default
        for at, default in ((1, CLIENTS), (2, SECONDS), (3, PASSAGES))
    )
    questions = [case.question for case in load_questions(SET / "questions.jsonl")]
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        run_ingest(load_settings(data_dir=data), [SET / "articles"])
        print(f"{multiply(data / STORE_FILE, passages)} passages, {clients} clients, {seconds} s")
        with serving(SET / "articles", data) as served:
            good = asyncio.run(_measure(served, questions, clients, seconds))
    with _bare() as address:
        asyncio.run(measure_load("a bare route", address, questions, clients, BARE_SECONDS))
    return 0 if good else 1


async def _measure(served: Served, questions: Sequence[str], clients: int, seconds: float) -> bool:
    await measure_load("warming up", served.address, questions, clients, WARM)
    before = served.megabytes()
    failed = await measure_load("POST /api/ask", served.address, questions, clients, seconds)
    after = served.megabytes()
    print(f"memory: {before:.0f} MB before, {after:.0f} MB after ({after / before - 1:+.1%})")
    return not failed and after < before * GROWTH


async def measure_load(what: str, address: str, questions: Sequence[str], clients: int, seconds: float) -> int:
    """Ask from all clients until the time is over, print a line, and return how many requests failed."""
    times: list[float] = []
    failures: list[str] = []
    waiting = cycle(questions)
    end = time.monotonic() + seconds
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)

    async def ask_on(client: httpx2.AsyncClient) -> None:
        while time.monotonic() < end:
            started = time.perf_counter()
            try:
                response = await client.post("/api/ask", json={"question": next(waiting)})
                response.raise_for_status()
                times.append((time.perf_counter() - started) * 1000)
            except httpx2.HTTPError as error:
                failures.append(f"{type(error).__name__}: {error}")

    started = time.monotonic()
    async with httpx2.AsyncClient(base_url=address, timeout=PATIENCE, limits=limits) as client:
        await asyncio.gather(*(ask_on(client) for _ in range(clients)))
    rate = len(times) / (time.monotonic() - started)
    p99 = statistics.quantiles(times, n=100)[-1]
    print(f"{told(what, times)}, p99 {p99:.0f} ms, {rate:.1f} a second, {len(failures)} failed", flush=True)
    for failure in sorted(set(failures))[:5]:
        print(f"  {failure}")
    return len(failures)


@contextmanager
def _bare() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", BARE, "7899"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        server.stdout.readline()
        time.sleep(1)  # it listens a moment after
        try:
            yield "http://127.0.0.1:7899"
        finally:
            server.terminate()


if __name__ == "__main__":
    sys.exit(main())
