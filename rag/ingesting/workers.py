"""Reading files in several processes, of this machine or of many: parsed and embedded there, written by one.

Whoever writes takes the files in their order, and not more of them are under way than twice the number of workers: so
memory stays bounded, and a run that is broken off has written the first of them.
"""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rag.encoders.embedding import Embedder
from rag.errors import ArticleError, WorkersError
from rag.ingesting.indexing import USUAL, ReadFile, Reading, read_file

# Ray tells its makers how it is used, unless it is told not to before it is imported.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

OpenEmbedder = Callable[[], Embedder]  # called once in each process, and so to be pickled
Wait = Callable[[], ReadFile]
Job = TypeVar("Job")


class Workers(Protocol):
    """Processes that read files."""

    @property
    def number(self) -> int:
        """How many files are read at a time."""

    def start(self, path: Path, root: Path) -> Wait:
        """Have a file read; what is returned waits for it.

        Raises:
            ArticleError: (the waiting) the file can't be read, or reading it ended the process.
            EmbeddingError: (the waiting) the embedder failed.
            WorkersError: (the waiting) no process can read any file.
        """

    def close(self) -> None:
        """End the processes."""


def in_order(
    workers: Workers, jobs: Iterable[tuple[Job, tuple[Path, Path] | None]]
) -> Iterator[tuple[Job, Wait | None]]:
    """Have the files of jobs read, a bounded number at a time; each job with what waits for its file, in order.

    A job without a file is only passed on.
    """
    waiting: deque[tuple[Job, Wait | None]] = deque()
    for job, file in jobs:
        waiting.append((job, workers.start(*file) if file else None))
        if len(waiting) >= 2 * workers.number or waiting[0][1] is None:
            yield waiting.popleft()
    yield from waiting


class ProcessWorkers:
    """Processes of this machine; each loads the encoder once."""

    def __init__(self, number: int, open_embedder: OpenEmbedder, reading: Reading = USUAL) -> None:
        self._number = number
        self._open_embedder = open_embedder
        self._reading = reading
        self._pool = self._new_pool(number)
        self._spare: ProcessPoolExecutor | None = None  # for files that were under way when a process ended

    @property
    def number(self) -> int:
        """See Workers."""
        return self._number

    def start(self, path: Path, root: Path) -> Wait:
        """See Workers."""
        try:
            future = self._submit(self._pool, path, root)
        except BrokenProcessPool:  # by a file before this one
            self._pool.shutdown(wait=False)
            self._pool = self._new_pool(self._number)
            future = self._submit(self._pool, path, root)
        return lambda: self._wait(future, path, root)

    def close(self) -> None:
        """See Workers."""
        for pool in (self._pool, self._spare):
            if pool is not None:
                pool.shutdown(cancel_futures=True)

    def _new_pool(self, number: int) -> ProcessPoolExecutor:
        # Forked processes would inherit locks that threads of this one hold. The encoder uses one core by itself.
        return ProcessPoolExecutor(number, multiprocessing.get_context("spawn"), _embedder, (self._open_embedder,))

    def _submit(self, pool: ProcessPoolExecutor, path: Path, root: Path) -> Future[ReadFile]:
        return pool.submit(_read, self._open_embedder, path, root, self._reading)

    def _wait(self, future: Future[ReadFile], path: Path, root: Path) -> ReadFile:
        try:
            return future.result()
        except BrokenProcessPool:
            return self._alone(path, root)

    def _alone(self, path: Path, root: Path) -> ReadFile:
        """Read a file by itself after a process has ended: it may have been another that ended it."""
        self._spare = self._spare or self._new_pool(1)
        try:
            return self._submit(self._spare, path, root).result()
        except BrokenProcessPool:
            self._spare = None
            raise ArticleError("reading it ended the process (it may need more memory than there is)") from None


class RayWorkers:
    """Tasks of a Ray cluster, one a core; ``address`` is its head's, or "local" for processes of this machine.

    Its machines have the product installed and see the articles under the same path. A task whose machine dies is
    started on another.
    """

    def __init__(
        self, address: str, open_embedder: OpenEmbedder, reading: Reading = USUAL, *, number: int | None = None
    ) -> None:
        try:
            ray: Any = importlib.import_module("ray")  # an extra, for those who have a cluster
        except ModuleNotFoundError as error:
            raise WorkersError("--ray needs Ray: pip install 'ask-the-articles[ray]'") from error
        self._ray = ray
        self._open_embedder = open_embedder
        self._reading = reading
        local = {"num_cpus": number, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        try:
            here = local if address == "local" else {}
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **here)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise WorkersError(f"no Ray cluster answers at {address}: {error}") from error
        self._read = ray.remote(num_cpus=1)(_read)
        self._number = max(1, int(ray.cluster_resources().get("CPU", 1)))

    @property
    def number(self) -> int:
        """See Workers."""
        return self._number

    def start(self, path: Path, root: Path) -> Wait:
        """See Workers."""
        reference = self._read.remote(self._open_embedder, path, root, self._reading)
        return lambda: self._wait(reference)

    def close(self) -> None:
        """See Workers."""
        self._ray.shutdown()

    def _wait(self, reference: object) -> ReadFile:
        try:
            found: ReadFile = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None  # as it was raised over there
        except self._ray.exceptions.RaySystemError as error:
            why = str(error).strip().splitlines()[0]
            raise WorkersError(
                f"a machine of the Ray cluster can't run the product; install it there: {why}"
            ) from error
        except self._ray.exceptions.RayError as error:
            raise ArticleError(f"reading it ended the process: {error}") from error
        return found


_opened: list[Embedder] = []  # the one of this process, which works for one run


def _embedder(open_embedder: OpenEmbedder) -> Embedder:
    if not _opened:
        _opened.append(open_embedder())
    return _opened[0]


def _read(open_embedder: OpenEmbedder, path: Path, root: Path, reading: Reading) -> ReadFile:
    return read_file(path, root, _embedder(open_embedder), reading)
