"""The product as people start it, over a folder of articles: what the benchmarks of the page share."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx2

ROOT = Path(__file__).parent.parent
PATIENCE = 600  # seconds for the second encoder to have read everything


@dataclass(frozen=True)
class Served:
    """A running server."""

    address: str
    pid: int

    def megabytes(self) -> float:
        """The memory it holds; Linux alone tells."""
        (line,) = (one for one in Path(f"/proc/{self.pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@contextmanager
def serving(folder: Path, data: Path | None = None, settings: Mapping[str, str] | None = None) -> Iterator[Served]:
    """The product on a free port, once everything is indexed and both encoders have read it. ``data`` is a data folder
    to use, which may hold an index already; ``settings`` are further variables of its environment.

    Raises:
        TimeoutError: the second encoder was not done in time.
    """
    with nullcontext(data) if data else tempfile.TemporaryDirectory() as kept:
        command = [sys.executable, "chat_app.py", "--port", "0", "--articles", str(folder), "--data-dir", str(kept)]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(settings or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as server:
            try:
                assert server.stdout is not None
                address = server.stdout.readline().removeprefix("Ask the Articles: ").strip()
                _wait_until_refined(address)
                yield Served(address, server.pid)
            finally:
                server.terminate()


def _wait_until_refined(address: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        health = httpx2.get(f"{address}/health").json()
        if health["refined"] in (None, health["passages"]):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {health['refined']} of {health['passages']} passages were read a second time")
        time.sleep(0.5)
