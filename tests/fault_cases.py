"""Faults of the machine, each put upon a real index: what a user sees, and a proof that nothing is lost.

Shared by test_faults.py and bench/faults.py. A fault is a function over an ``Index``; it returns what was seen.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest import mock

from crash_rounds import EMBEDDER, question_of, text_of

from rag.assembly import encoders
from rag.assembly.folder import FEEDBACK_FILE, INGEST_LOCK, STORE_FILE
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assembly.verify import verify_index
from rag.assistant import Assistant
from rag.errors import EmbeddingError, RagError
from rag.ingesting.ingestion import stamp_of
from rag.maintenance.checking import check_truth
from rag.maintenance.evidence import SqliteEvidence, reading
from rag.maintenance.findings import Verification
from rag.settings import Settings
from rag.storage.locks import OwnerLock
from rag.storage.store import Store

NAMES = ("a0", "a1", "a2")  # an article in each language
NOBODY = 65534
PATIENCE = 120.0

Fault = Callable[["Index"], str]
FAULTS: dict[str, Fault] = {}


def fault(what: str) -> Callable[[Fault], Fault]:
    """Name a fault for the table."""

    def named(function: Fault) -> Fault:
        FAULTS[what] = function
        return function

    return named


class Index:
    """Three articles and their index in folders of one's own."""

    def __init__(self, home: Path, **values: Any) -> None:
        self.home, self.articles, self.data = home, home / "articles", home / "data"
        self.articles.mkdir()
        for name in NAMES:
            self.write(name)
        self.settings = Settings(  # type: ignore[call-arg]
            _env_file=None, data_dir=self.data, articles=self.articles, embed_model="local-fast", **values
        )
        self.ingest()

    @property
    def file(self) -> Path:
        """The truth."""
        return self.data / STORE_FILE

    def write(self, name: str, version: int = 1) -> None:
        """Put a version of an article into the folder."""
        (self.articles / f"{name}.md").write_text(text_of(name, version), encoding="utf-8")

    def ingest(self, **values: Any) -> Any:
        """Bring the index in line."""
        return run_ingest(self.settings, [self.articles], **values)

    def refused(self, call: Callable[[], object]) -> str:
        """What a user reads where something can't be done."""
        try:
            call()
        except RagError as error:
            return str(error)
        raise AssertionError("it was done")

    def answers(self, opened: Assistant | None = None, *names: str, version: int = 1) -> bool:
        """Whether every article answers its question, by a server that is open or one that starts."""
        if opened is None:
            with self.served() as started:
                return self.answers(started, *names, version=version)
        asked = {name: opened.ask(question_of(name, version)) for name in names or NAMES}
        return all(answer.answered and f"{name}x{version}x" in answer.answer for name, answer in asked.items())

    @contextmanager
    def served(self) -> Iterator[Assistant]:
        """A server's core over it."""
        opened = open_assistant(self.settings)
        try:
            yield opened
        finally:
            opened.close()

    def nothing_lost(self) -> None:
        """Every article is in, whole, and answers; every check of ``--verify`` passes."""
        assert self.answers(), "an article does not answer"
        report = verify_index(self.settings, [self.articles])
        assert report.clean, report.findings
        assert report.checked["vectors"] == report.checked["passages"] > 0, report


@contextmanager
def fast_product() -> Iterator[None]:
    """The product with an embedder that costs nothing."""
    real = encoders._embedded
    encoders._embedded = lru_cache(lambda: EMBEDDER)
    try:
        yield
    finally:
        encoders._embedded = real


def wait_for(condition: Callable[[], object]) -> None:
    """Until something is so; an error if it does not come to be."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


# --- Disks and rights ---------------------------------------------------------------------------------------


class SmallDisk:
    """A disk of a few megabytes where this may mount one, else a limit on how long a file may get."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
        self._mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0

    def fill(self) -> None:
        """Leave room for nothing."""
        if not self._mounted:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
            return
        with (self.folder / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(b"\x00" * 4096):
                pass

    def free(self) -> None:
        """Have room again."""
        (self.folder / "filler").unlink(missing_ok=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def close(self) -> None:
        """Take the disk away."""
        self.free()
        if self._mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)


@contextmanager
def small_disk(home: Path) -> Iterator[tuple[Index, SmallDisk]]:
    """An index on a disk of its own."""
    disk = SmallDisk(home / "disk")
    try:
        yield Index(disk.folder), disk
    finally:
        disk.close()


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user without rights, since root may do all."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@contextmanager
def closed_to_others(folder: Path) -> Iterator[None]:
    """A folder and its files that may be read and not written."""
    below = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in below}
    for path in below:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


@fault("the disk is full during an ingest")
def full_disk(index: Index) -> str:
    with small_disk(index.home) as (small, disk):
        small.write("a3")
        small.write("a0", 2)
        disk.fill()
        seen = small.refused(small.ingest)
        disk.free()
        assert small.answers(None, "a1", "a2")
        assert not verify_index(small.settings, [small.articles]).off.keys() - {"behind"}
        small.ingest()
        assert small.answers(None, "a0", version=2)
        assert small.answers(None, "a3")
    return seen


@fault("the disk is full while people ask")
def full_disk_while_asking(index: Index) -> str:
    with small_disk(index.home) as (small, disk), small.served() as opened:
        disk.fill()
        assert small.answers(opened)
        disk.free()
        opened.rate(opened.ask(question_of("a0", 1)).id, "up")
    return "the answer, which can't be rated while the disk is full; the log says so once"


@fault("the data folder can't be written (read-only disk, another owner)")
def read_only(index: Index) -> str:
    with closed_to_others(index.home), as_nobody():
        index.refused(lambda: open_assistant(index.settings))
        return index.refused(index.ingest)


@fault("an article can't be read")
def closed_article(index: Index) -> str:
    index.write("a0", 2)
    index.home.chmod(0o777)
    for path in [*index.data.rglob("*"), index.data]:
        path.chmod(0o777)
    article = index.articles / "a0.md"
    article.chmod(0)
    with as_nobody():
        (failed,) = index.ingest().failed
    article.chmod(0o644)
    assert index.answers(None, "a0")  # by its version before
    index.ingest()
    assert index.answers(None, "a0", version=2)
    index.write("a0")
    index.ingest()
    return f"failed: {Path(failed.path).name}: {failed.detail}"


# --- Files that are damaged ---------------------------------------------------------------------------------


def _rebuilt(index: Index, damage: Callable[[Path], object]) -> str:
    """Damage the truth; what is said of it; a rebuild brings all back, keeps it aside and leaves ratings alone."""
    with index.served() as opened:
        rated = opened.ask(question_of("a0", 1)).id
        opened.rate(rated, "up")
    ratings = (index.data / FEEDBACK_FILE).read_bytes()
    damage(index.file)
    seen = index.refused(lambda: open_assistant(index.settings))
    assert "python ingest.py --rebuild" in seen
    (note,) = index.ingest(rebuild=True).notes
    aside = next(index.data.glob(f"{STORE_FILE}.damaged-1"))
    assert str(aside) in note
    assert (index.data / FEEDBACK_FILE).read_bytes() == ratings
    return seen


@fault("the index is cut short")
def truncated(index: Index) -> str:
    return _rebuilt(index, lambda file: os.truncate(file, file.stat().st_size // 3 // 4096 * 4096))


@fault("the index is full of other bytes")
def garbage(index: Index) -> str:
    return _rebuilt(index, lambda file: file.write_bytes(b"no database " * 4096))


@fault("a folder is in the place of the index")
def folder_in_place(index: Index) -> str:
    def damage(file: Path) -> None:
        file.unlink()
        file.mkdir()

    return _rebuilt(index, damage)


@fault("the index has 0 bytes")
def emptied(index: Index) -> str:
    index.file.write_bytes(b"")
    with index.served() as opened:
        seen = opened.health().status
    index.ingest()
    return seen


@fault("the journals of the index (-wal, -shm) are garbage or gone")
def journals(index: Index) -> str:
    for ending in ("-wal", "-shm"):
        index.file.with_name(index.file.name + ending).write_bytes(b"\xff" * 40_000)
    assert index.answers()
    return "nothing; what was written last comes back with the next ingest"


@fault("the power fails: the journal of the index ends anywhere")
def power_cut(index: Index) -> str:
    with reading(index.file) as db:  # a reader, for whom the journal stays
        db.execute("SELECT count(*) FROM articles").fetchone()
        index.write("a0", 2)
        index.write("a3")
        index.ingest()
        journal = index.file.with_name(index.file.name + "-wal")
        main, written = index.file.read_bytes(), journal.read_bytes()
    seen = set()
    for cut in (0, 31, *random.Random(1).sample(range(len(written)), 10), len(written)):
        index.file.write_bytes(main)
        journal.write_bytes(written[:cut])
        Store(index.file).close()
        report = Verification()
        with reading(index.file) as db:
            check_truth(SqliteEvidence(db), stamp_of(EMBEDDER), None, report)
        assert report.clean, report.findings
        seen.add(report.checked["articles"])
    assert seen == {3, 4}  # some cuts took the last article, and some did not
    index.file.write_bytes(main)
    index.ingest()
    assert index.answers(None, "a0", version=2)
    assert index.answers(None, "a3")
    index.write("a0")
    return "the last articles may be missing until the next ingest"


@fault("the index is damaged while a server reads it")
def damaged_while_serving(index: Index) -> str:
    with index.served() as opened:
        size = index.file.stat().st_size
        with index.file.open("r+b") as file:
            file.write(b"\x00" * size)
        for ending in ("-wal", "-shm"):
            index.file.with_name(index.file.name + ending).unlink(missing_ok=True)
        wait_for(lambda: opened.health().status != "ok")
        seen = opened.health().status
        index.refused(lambda: opened.ask(question_of("a0", 1)))
        index.ingest(rebuild=True)
        wait_for(lambda: opened.health().status == "ok" and index.answers(opened))  # without a restart
    return seen


@fault("the file of ratings is damaged")
def damaged_ratings(index: Index) -> str:
    (index.data / FEEDBACK_FILE).write_bytes(b"no database " * 4096)
    with _logged("rag.storage.feedback") as lines, index.served() as opened:
        assert index.answers(opened)
        opened.rate(opened.ask(question_of("a0", 1)).id, "up")
    assert next(index.data.glob(f"{FEEDBACK_FILE}.damaged-1")).read_bytes().startswith(b"no database")
    return lines[0]


@contextmanager
def _logged(name: str) -> Iterator[list[str]]:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Keep()
    logging.getLogger(name).addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger(name).removeHandler(handler)


def _harmed_chroma(index: Index, harm: Callable[[Path], None]) -> str:
    """Harm the dense index; a server answers at once, by exact search, and has built it anew a moment later."""
    harm(index.data / "chroma")
    with index.served() as opened:
        assert index.answers(opened)
        wait_for(lambda: opened.health().dense == "chroma")
        assert index.answers(opened)
    return "answers at once, by exact search; Chroma is built anew in the background"


@fault("files of Chroma are cut short, zeroed or deleted")
def chroma_files(index: Index) -> str:
    def harm_all(harm: Callable[[Path], object]) -> Callable[[Path], None]:
        return lambda folder: [harm(path) for path in folder.glob("gen-*/**/*") if path.is_file()].clear()

    _harmed_chroma(index, harm_all(lambda file: os.truncate(file, file.stat().st_size // 2)))
    _harmed_chroma(index, harm_all(lambda file: file.write_bytes(b"\x00" * file.stat().st_size)))
    return _harmed_chroma(index, harm_all(Path.unlink))


@fault("a file is in the place of Chroma's folder")
def chroma_is_a_file(index: Index) -> str:
    def harm(folder: Path) -> None:
        shutil.rmtree(folder)
        folder.write_text("a file")

    seen = _harmed_chroma(index, harm)
    assert (index.data / "chroma.damaged-1").read_text() == "a file"
    return seen


@fault("files of Chroma grow without end")
def chroma_grows(index: Index) -> str:
    with index.served() as opened:
        wait_for(lambda: opened.health().dense == "chroma")
        (generation,) = (index.data / "chroma").glob("gen-*")
        with (generation / "link_lists.bin").open("wb") as file:
            file.truncate(1 << 30)
        index.write("a3")
        index.ingest()
        wait_for(lambda: not generation.exists() and opened.health().dense == "chroma")
        assert index.answers(opened, *NAMES, "a3")
    return "answers; Chroma is built anew in the background, and the log says why"


@contextmanager
def chroma_server(folder: Path, port: int) -> Iterator[None]:
    """A real Chroma server, killed at the end."""
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(folder), "--host", "127.0.0.1"]
    command += ["--port", str(port)]
    with subprocess.Popen(command, cwd=folder.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: _listens(port))
            yield
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@fault("a Chroma server is killed and started again")
def chroma_server_killed(index: Index) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = index.home / "other"
    home.mkdir()
    with contextlib.ExitStack() as opened_last:
        with chroma_server(home / "server", port):
            other = Index(home, chroma_url=f"http://127.0.0.1:{port}")
            opened = opened_last.enter_context(other.served())
            wait_for(lambda: opened.health().dense == "chroma")
        assert other.answers(opened)
        assert opened.health().dense == "exact"
        with chroma_server(home / "server", port):
            wait_for(lambda: opened.health().dense == "chroma")
            assert other.answers(opened)
            opened_last.close()
            other.nothing_lost()
    return "answers, by exact search until it is there again"


# --- Time, the embedder, other processes --------------------------------------------------------------------


@fault("the clock jumps back and forth")
def clock(index: Index) -> str:
    real = time.time_ns
    for version, years in ((2, 3), (3, -3), (1, 0)):
        index.write("a0", version)
        with mock.patch("time.time_ns", lambda years=years: real() + years * 365 * 86_400 * 10**9):
            index.ingest()
        assert index.answers(None, "a0", version=version)
    return "nothing"


@fault("the embedder fails half-way")
def embedder_fails(index: Index) -> str:
    index.write("a0", 2)
    index.write("a1", 2)
    real = EMBEDDER.get_text_embedding_batch

    def fail(texts: list[str], **values: Any) -> Any:
        if any("a1x2" in text for text in texts):
            raise EmbeddingError("the server of embeddings answered 500")
        return real(texts, **values)

    object.__setattr__(EMBEDDER, "get_text_embedding_batch", fail)
    try:
        seen = index.refused(index.ingest)
    finally:
        object.__delattr__(EMBEDDER, "get_text_embedding_batch")
    assert index.answers(None, "a0", version=2)
    assert index.answers(None, "a1", "a2")
    index.write("a0")
    index.write("a1")
    index.ingest()
    return seen


@fault("two ingests at once")
def two_ingests(index: Index) -> str:
    lock = OwnerLock(index.data / INGEST_LOCK)
    lock.acquire("test")
    try:
        seen = index.refused(index.ingest)
    finally:
        lock.release()
    assert f"process {os.getpid()}" in seen
    return seen.replace(str(os.getpid()), "4711")


@fault("two servers on one data folder")
def two_servers(index: Index) -> str:
    with index.served():
        seen = index.refused(lambda: open_assistant(index.settings))
    assert f"process {os.getpid()}" in seen
    return seen.replace(str(os.getpid()), "4711")
