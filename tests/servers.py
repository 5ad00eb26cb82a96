"""Servers of others that the product works with, real ones: PostgreSQL, Chroma, and nginx in front of it.

Each listens on loopback alone and ends with the tests that asked for it.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from conftest import ROOT

TOKEN = "token-of-the-test"
POSTGRES_AT = sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # where Debian puts it, out of everybody's way


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for a condition; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def missing(what: str) -> NoReturn:
    """A machine of one's own does without a server of others; a CI run must not."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


class ChromaServer:
    """``chroma run`` on a port of its own, to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, if it does not run, and wait until it answers."""
        if self._process is not None:
            return
        chroma = Path(sys.executable).with_name("chroma")
        command = [str(chroma), "run", "--path", str(self._folder), "--host", "127.0.0.1", "--port", str(self.port)]
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder
        )
        until(lambda: listens(self.port))

    def lose(self) -> None:
        """End it, and all that it has written is gone."""
        self.kill()
        shutil.rmtree(self._folder)

    def kill(self) -> None:
        """End it at once, as a machine ends that loses its power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture(scope="module")
def one_chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    """A Chroma server for the tests of a file, whatever these do to it."""
    server = ChromaServer(tmp_path_factory.mktemp("chroma") / "server")
    yield server
    server.kill()


@pytest.fixture
def chroma_server(one_chroma: ChromaServer) -> ChromaServer:
    """A real Chroma server that runs, on a port of this machine."""
    one_chroma.start()
    return one_chroma


@pytest.fixture
def gate(one_gate: str, chroma_server: ChromaServer) -> str:
    """The address of nginx in front of a Chroma that runs."""
    return one_gate


@pytest.fixture(scope="module")
def one_gate(tmp_path_factory: pytest.TempPathFactory, one_chroma: ChromaServer) -> Iterator[str]:
    """The address of nginx in front of Chroma, as ``docs/machines.md`` sets it up, but for TLS."""
    nginx_at = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if not nginx_at:
        missing("nginx is not installed")
    port = free_port()
    block = re.search(r"```nginx\n(.*?)```", (ROOT / "docs" / "machines.md").read_text("utf-8"), re.DOTALL)
    assert block
    server = re.sub(r"\n *ssl_.*", "", block[1])
    for documented, here in (
        ("listen 8443 ssl", f"listen 127.0.0.1:{port}"),
        ("chroma.internal", "localhost"),
        ("a-long-random-token", TOKEN),
        ("127.0.0.1:8000", f"127.0.0.1:{one_chroma.port}"),
    ):
        assert documented in server
        server = server.replace(documented, here)
    folder = tmp_path_factory.mktemp("nginx")
    temporary = " ".join(f"{name}_temp_path {name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
    around = "daemon off; pid nginx.pid; worker_processes 1; events { worker_connections 100; }"
    body = f"http {{ access_log off; client_body_temp_path body; {temporary}\n{server} }}"
    (folder / "nginx.conf").write_text(f"{around}\n{body}\n")
    with subprocess.Popen([nginx_at, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]) as nginx:
        try:
            until(lambda: listens(port) or nginx.poll() is not None)
            assert nginx.poll() is None, "nginx ended"
            yield f"http://127.0.0.1:{port}"
        finally:
            nginx.terminate()


class Postgres:
    """A PostgreSQL server of its own; ``url()`` is a new, empty schema in it."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._schemas = 0
        self.port = free_port()
        # It refuses to be run by root.
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._run(
            "initdb", "-D", str(folder / "data"), "-U", "articles", "-A", "trust", "-E", "UTF8", "-N", "--no-locale"
        )

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._binaries / name), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            user=self._user.pw_uid,
            group=self._user.pw_gid,
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        fast = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=64MB"
        where = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self._folder}"
        data, log = str(self._folder / "data"), str(self._folder / "log")
        self._run("pg_ctl", "-D", data, "-l", log, "-o", f"{fast} {where}", "-w", "start")

    def stop(self) -> None:
        """Stop it at once, as a crash would."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    def url(self) -> str:
        """Of a new, empty schema."""
        import psycopg  # noqa: PLC0415  where PostgreSQL is missing this may be, too

        self._schemas += 1
        server, name = f"postgresql://articles@127.0.0.1:{self.port}/postgres", f"test_{self._schemas}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{server}?options=-csearch_path%3D{name}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL server, as Debian packages it."""
    if not POSTGRES_AT:
        missing("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path has to be short
    server = Postgres(POSTGRES_AT[-1], folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(postgres: Postgres) -> str:
    """The address of an empty database, for a test alone."""
    return postgres.url()
