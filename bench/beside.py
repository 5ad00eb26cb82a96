"""How the API answers while an ingest is under way.

python bench/beside.py [CLIENTS] [SECONDS]

16 clients ask without a pause for 60 seconds while `ingest.py` takes in the articles of a public set beside the server,
again and again; before that the same clients for a third of the time with nobody writing.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from load import measure_load
from product import ROOT, serving
from search import SET

from eval.dataset import load_questions

CLIENTS, SECONDS = 16, 60
IDLE_SHARE = 3
FEW = 40  # articles that the server begins with


def main() -> int:
    """Print both, and how much went in meanwhile; 0 if no question failed."""
    clients, seconds = (int(sys.argv[at]) if len(sys.argv) > at else d for at, d in ((1, CLIENTS), (2, SECONDS)))
    questions = [case.question for case in load_questions(SET / "questions.jsonl")]
    with tempfile.TemporaryDirectory() as name:
        few, data = Path(name) / "few", Path(name) / "data"
        few.mkdir()
        for path in sorted((SET / "articles").iterdir())[:FEW]:
            (few / path.name).write_bytes(path.read_bytes())
        with serving(few, data) as served:
            failed = asyncio.run(
                measure_load("nobody writes", served.address, questions, clients, seconds / IDLE_SHARE)
            )
            with _ingesting(data) as runs:
                failed += asyncio.run(measure_load("beside an ingest", served.address, questions, clients, seconds))
            print(f"{len(runs)} ingests of all articles ended meanwhile")
    return 1 if failed else 0


@contextmanager
def _ingesting(data: Path) -> Iterator[list[int]]:
    stop, runs = threading.Event(), list[int]()

    def ingest() -> None:
        command = [sys.executable, "ingest.py", str(SET / "articles"), "--data-dir", str(data), "--rebuild"]
        while not stop.is_set():
            with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
                while process.poll() is None:
                    if stop.wait(0.1):
                        process.terminate()
                        return
            runs.append(process.returncode)

    thread = threading.Thread(target=ingest)
    thread.start()
    try:
        yield runs
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
