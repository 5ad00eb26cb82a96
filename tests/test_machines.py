"""Several app processes on one PostgreSQL and one Chroma server, as on several machines."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT, settings_for
from servers import TOKEN, ChromaServer, Postgres, until

from rag.assembly.folder import INGEST_LOCK, OWNER_LOCK
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.errors import DatabaseError, IndexMismatchError, LockedError
from rag.search import dense
from rag.search.ownership import GRACE, Ownership
from rag.settings import Settings, load_settings
from rag.storage.database import Database, DatabaseLock
from rag.storage.postgres import PostgresStore

pytest_plugins = ["servers"]

CATS = "A cat sleeps all day long in the house.\n"
DOGS = "Ein Hund bellt laut im Garten.\n"
MOON = "月亮绕着地球转，已经很久很久了。\n"
SERVE = """
import sys
from rag.assembly.serving import open_assistant
from rag.settings import load_settings
opened = open_assistant(load_settings())
print("open", flush=True)
for line in sys.stdin:
    print(opened.health().dense if line == "dense\\n" else opened.ask(line).answer, flush=True)
opened.close()
"""


@pytest.fixture
def folder(write: Callable[..., Path]) -> Path:
    return write(cats=CATS, dogs=DOGS, moon=MOON)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def machine(
    tmp_path: Path, database_url: str, gate: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Assistant]]:
    """Another machine, with a data folder of its own: the product on the same two servers."""
    monkeypatch.setattr(dense, "POLL_SECONDS", 0.05)
    opened: list[Assistant] = []

    def another(name: str) -> Assistant:
        opened.append(open_assistant(settings(tmp_path / name, database_url, gate)))
        return opened[-1]

    yield another
    for one in opened:
        one.close()


def settings(data: Path, database_url: str, gate: str) -> Settings:
    servers = {"database_url": database_url, "chroma_url": gate, "chroma_token": TOKEN}
    return settings_for(data, embed_model="local-fast", **servers)


def test_machines_answer_from_one_index_and_see_within_moments_what_any_of_them_writes(
    machine: Callable[[str], Assistant], folder: Path, tmp_path: Path, database_url: str, gate: str
) -> None:
    report = run_ingest(settings(tmp_path / "ingest", database_url, gate), [folder])
    assert (report.count("added"), report.langs) == (3, {"de": 1, "en": 1, "zh": 1})
    first, second = machine("one"), machine("two")
    for one in (first, second):
        until(lambda one=one: one.health().dense == "chroma")  # type: ignore[misc]
        assert "bellt" in one.ask("Was macht der Hund im Garten?").answer
        assert "地球" in one.ask("月亮绕着什么转？").answer
    (folder / "money.md").write_text("Money is counted in dollar and cent.\n", encoding="utf-8")
    (folder / "cats.md").unlink()
    run_ingest(settings(tmp_path / "ingest", database_url, gate), [folder])
    for one in (first, second):
        assert "dollar" in one.ask("What is money counted in?").answer
        assert "sleeps" not in one.ask("Where does the cat sleep all day?").answer
        until(lambda one=one: one.health().dense == "chroma")  # type: ignore[misc]
        assert "dollar" in one.ask("What is money counted in?").answer


def test_when_the_process_that_keeps_chroma_in_line_is_killed_another_goes_on(
    machine: Callable[[str], Assistant], folder: Path, tmp_path: Path, database_url: str, gate: str
) -> None:
    own = settings(tmp_path / "ingest", database_url, gate)
    variables = {"DATABASE_URL": database_url, "CHROMA_URL": gate, "CHROMA_TOKEN": TOKEN, "EMBED_MODEL": "local-fast"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAG_DATA_DIR": str(tmp_path / "killed")}
    environment |= {f"RAG_{name}": value for name, value in variables.items()}
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    ) as owner:
        assert owner.stdin
        assert owner.stdout
        assert owner.stdout.readline() == "open\n"

        def asked(line: str) -> str:
            assert owner.stdin
            assert owner.stdout
            print(line, file=owner.stdin, flush=True)
            return owner.stdout.readline()

        until(lambda: asked("dense") == "chroma\n")
        run_ingest(own, [folder])
        assert "bellt" in asked("Was macht der Hund im Garten?")
        other = machine("other")
        until(lambda: other.health().dense == "chroma")
        with Database(database_url).alone() as looked:  # it is the other process that is the owner
            assert str(owner.pid) in holder(looked, database_url)
        owner.kill()
        owner.wait()
    (folder / "money.md").write_text("Money is counted in dollar and cent.\n", encoding="utf-8")
    run_ingest(own, [folder])
    truth = PostgresStore(Database(database_url))
    until(lambda: truth.derived() == truth.revision())
    until(lambda: other.health().dense == "chroma")
    assert "dollar" in other.ask("What is money counted in?").answer
    truth.close()


def holder(connection: object, database_url: str) -> str:
    """Who the lock says has it."""
    lock = DatabaseLock(Database(database_url), OWNER_LOCK)
    try:
        with pytest.raises(LockedError) as refused:
            lock.acquire("test")
        return str(refused.value)
    finally:
        lock.release()


def test_two_ingests_at_once_wait_for_nobody_and_name_the_other(
    folder: Path, tmp_path: Path, database_url: str, database: Database
) -> None:
    own = settings_for(tmp_path / "ingest", embed_model="local-fast", database_url=database_url)
    lock = DatabaseLock(database, INGEST_LOCK)
    lock.acquire("test")
    host, pid = socket.gethostname()[:20], os.getpid()
    with pytest.raises(LockedError, match=rf"is in use by {host}, process {pid}; stop it before you start a second"):
        run_ingest(own, [folder])
    lock.release()
    assert run_ingest(own, [folder]).count("added") == 3


def test_a_lock_is_waited_for_and_let_go_when_its_connection_ends(database: Database) -> None:
    first, second, elsewhere = (DatabaseLock(database, name) for name in ("owner", "owner", "ingest"))
    first.acquire("test")
    elsewhere.acquire("test")
    with pytest.raises(LockedError):
        second.acquire("test")
    assert (first.held, second.held) == (True, False)
    threading.Timer(0.3, first.release).start()
    second.acquire("test", wait=20)
    assert (first.held, second.held) == (False, True)
    with database.connection() as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
    until(lambda: not second.held)
    first.acquire("test", wait=20)
    for lock in (first, second, elsewhere):
        lock.release()
        lock.release()


def test_who_only_searches_does_without_chroma_when_its_owner_falls_behind(database: Database) -> None:
    now = 100.0
    truth, lock = PostgresStore(database), DatabaseLock(database, "owner")
    mine = Ownership(truth, DatabaseLock(database, "owner"), clock=lambda: now)
    lock.acquire("test")
    assert mine.look() == "behind"  # nobody has said yet that Chroma is in line
    truth.set_derived(truth.revision())
    assert mine.look() == "in line"
    truth.expect_refiner("another")  # a change
    assert mine.look() == "in line"
    now += GRACE - 1
    assert mine.look() == "in line"
    now += 2
    assert mine.look() == "behind"
    truth.set_derived(truth.revision())
    assert mine.look() == "in line"
    lock.release()
    assert mine.look() == "owner"
    mine.end()
    lock.acquire("test")
    lock.release()


def test_a_database_that_restarts_is_an_error_in_words_and_then_used_again(
    folder: Path, tmp_path: Path, database_url: str, postgres: Postgres
) -> None:
    own = settings_for(tmp_path / "data", embed_model="local-fast", database_url=database_url)
    run_ingest(own, [folder])
    opened = open_assistant(own)  # with a Chroma of its own, in its data folder
    try:
        with pytest.raises(LockedError, match=rf"process {os.getpid()}"):
            open_assistant(own)  # which two processes must not write
        until(lambda: opened.health().dense == "chroma")
        postgres.stop()
        with pytest.raises(DatabaseError, match=r"the database at 127\.0\.0\.1:\d+/postgres .* can't be used"):
            opened.ask("Was macht der Hund im Garten?")
        assert "cannot be read right now" in opened.health().status
        postgres.start()
        assert "bellt" in opened.ask("Was macht der Hund im Garten?").answer
    finally:
        opened.close()


def test_an_index_that_was_made_otherwise_is_made_anew_from_the_folders_that_it_was_made_from(
    folder: Path, tmp_path: Path, database_url: str, database: Database
) -> None:
    own = settings_for(tmp_path / "data", embed_model="local-fast", database_url=database_url)
    run_ingest(own, [folder])
    assert run_ingest(own, [], rebuild=True).count("updated") == 3
    truth = PostgresStore(database)
    truth.set_stamp({"embedder": "of last year"})
    with pytest.raises(IndexMismatchError, match="of last year"):
        run_ingest(own, [folder])
    report = run_ingest(own, [], rebuild=True)
    assert (report.count("added"), report.articles, report.notes) == (3, 3, ())
    assert truth.last_ingest()
    assert run_ingest(own, [folder]).count("unchanged") == 3


@pytest.mark.parametrize("url", ["postgresql://anna:secret@127.0.0.1:9/x", "postgresql://anna:secret@[bad/x"])
def test_a_database_that_is_not_there_is_named_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as error:
        open_assistant(settings_for(tmp_path, embed_model="local-fast", database_url=url))
    assert "RAG_DATABASE_URL" in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("RAG_DATABASE_URL", "mysql://anna:secret@db/x", "RAG_DATABASE_URL: write it like postgresql://"),
        ("RAG_CHROMA_URL", "chroma:8000", "RAG_CHROMA_URL=chroma:8000: write it like http://"),
    ],
)
def test_an_address_of_another_kind_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Exception, match=told) as refused:
        load_settings()
    assert "secret" not in str(refused.value)


def test_the_proxy_keeps_strangers_out(gate: str, chroma_server: ChromaServer) -> None:
    import httpx  # noqa: PLC0415  Chroma's

    assert httpx.get(f"{gate}/api/v2/heartbeat").status_code == 401
    wrong = {"Authorization": f"Bearer {TOKEN}x"}
    assert httpx.get(f"{gate}/api/v2/heartbeat", headers=wrong).status_code == 401
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.get(f"{gate}/api/v2/heartbeat", headers=right).status_code == 200
