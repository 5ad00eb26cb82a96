"""Whether the server keeps its contract: requests made up from the OpenAPI document, and all answers held against it.

    python bench/contract.py --cases 5000

Schemathesis makes the requests, right ones and wrong ones, one by one and in sequences, and runs all its checks: no
error of the server, no status, content type, header or body that the document does not have, nothing wrong accepted
and nothing right refused (``contract.toml`` says where a document cannot know). The server is the real one, over three
small articles, on a free port of this machine.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.settings import Settings
from rag.web.api import create_api
from rag.web.server import Server, bind

CONFIG = Path(__file__).with_suffix(".toml")
OPERATIONS = 12  # about as many as there are; the cases are for all of them together
WIDEST = 400  # characters of a line that is shown; a request may have megabytes
ARTICLES = {
    "bridge": "---\ntitle: The harbour bridge\ndate: 2024-03-04\nauthor: Post\ntag:\n  - Bridges\n---\n\n"
    "[Source Link](https://www.example.org/bridge)\n\nThe harbour bridge of Lowmere is 640 metres long.\n",
    "seilbahn": "---\ntitle: Die Seilbahn\ndate: 2023-07-15\n---\n\nDie Strecke der Seilbahn ist 2.400 Meter lang.\n",
    "library": "# 新图书馆\n\n新图书馆共有六层，藏书120万册。\n",
}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a real server over the articles; everything it writes goes into the folder."""
    texts = folder / "articles"
    texts.mkdir()
    for name, text in ARTICLES.items():
        (texts / f"{name}.md").write_text(text, encoding="utf-8")
    values = {"articles": texts, "data_dir": folder / "data", "embed_model": "local-fast"}
    settings = Settings(_env_file=None, **values)  # type: ignore[call-arg,arg-type]
    run_ingest(settings, [texts])
    assistant = open_assistant(settings)
    ready: Queue[str] = Queue()
    server = Server(create_api(assistant), ready.put, lambda _: None)
    try:
        with bind("127.0.0.1", 0) as bound:
            thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
            thread.start()
            try:
                yield ready.get(timeout=60)
            finally:
                server.should_exit = True
                thread.join(20)
    finally:
        assistant.close()


def check(address: str, cases: int, seed: int, phases: str, folder: Path) -> tuple[int, str]:
    """The exit code of Schemathesis, 0 when all is kept, and what it reports."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{address}/openapi.json"]
    command += ["--checks", "all", "--mode", "all", "--phases", phases, "--seed", str(seed), "--no-color"]
    command += ["--max-examples", str(max(1, cases // OPERATIONS)), "--continue-on-failure"]
    # Its database of examples would be kept in the working directory.
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)
    report = "\n".join(line[:WIDEST] for line in (done.stdout + done.stderr).splitlines())
    return done.returncode, report


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0 when the contract was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000, help="about how many are made up (default: 5000)")
    parser.add_argument("--seed", type=int, default=1, help="the same cases come for the same seed (default: 1)")
    parser.add_argument(
        "--phases", default="examples,coverage,fuzzing,stateful", help="kinds of cases (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address:
        began = time.perf_counter()
        code, report = check(address, args.cases, args.seed, args.phases, Path(folder))
        seconds = time.perf_counter() - began
    print(report)
    made = re.search(r"(\d+) generated", report)
    print(f"{made[1] if made else 'no'} cases in {seconds:.0f} s: the contract was {'kept' if code == 0 else 'BROKEN'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
