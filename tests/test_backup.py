"""A backup is made while others write and ask, and brings the same answers back elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import settings_for
from test_migrations import INDEXES, made

from rag.__main__ import main
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.errors import BackupError
from rag.maintenance.backup import check
from rag.settings import Settings
from rag.storage.store import Store

QUESTIONS = ("How long is the longest quay?", "Wann wurde der Turm gebaut?", "这座桥有多长？")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(INDEXES / "articles", folder / "articles")
    return settings_for(folder / "data", articles=folder / "articles", embed_model="local-fast")


@pytest.fixture(scope="module")
def served(settings: Settings) -> Iterator[Assistant]:
    """An index with an answer, a rating, an upload, a removed article and a key; open, as in a running server."""
    run_ingest(settings, [settings.articles])
    opened = open_assistant(settings)
    opened.add([("mond.md", b"# Der Mond\n\nDer Mond ist 384400 Kilometer entfernt.")])
    gone = opened.add([("hund.md", b"# Der Hund\n\nDer Hund bellt im Garten.")])[0].article_id
    assert gone is not None
    opened.remove(gone)
    opened.rate(opened.ask(QUESTIONS[0]).id, "up", "so it is")
    settings.key_file.add("reporting", "read")
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAG_EMBED_MODEL", "local-fast")


def places(settings: Settings) -> list[str]:
    return ["--data-dir", str(settings.data_dir), "--articles", str(settings.articles)]


def passages(data: Path) -> list[Any]:
    db = sqlite3.connect(data / "articles.sqlite3")
    try:
        columns = 'passage_id, article_id, start, "end", vector, units, sentences'
        return db.execute(f"SELECT {columns} FROM passages ORDER BY key").fetchall()
    finally:
        db.close()


def answers(opened: Assistant) -> list[Any]:
    return [(found.answer, found.citations) for found in map(opened.ask, QUESTIONS)]


def test_what_is_restored_elsewhere_answers_alike_with_all_that_was_kept(
    served: Assistant, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", "kept.zip", *places(settings)]) == 0
    assert "4 articles" in capsys.readouterr().out
    there = settings_for(tmp_path / "there", articles=tmp_path / "texts", embed_model="local-fast")
    shutil.copytree(INDEXES / "articles", there.articles)
    assert main(["restore", "kept.zip", *places(there)]) == 0
    assert "1 uploaded files put back" in capsys.readouterr().out
    assert passages(there.data_dir) == passages(settings.data_dir)
    report = run_ingest(there, [there.articles])
    assert {result.action for result in report.results} == {"unchanged"}  # although its articles lie elsewhere now
    opened = open_assistant(there)
    try:
        assert answers(opened) == answers(served)
    finally:
        opened.close()
    assert (there.articles / "uploads" / "mond.md").is_file()
    assert [path.name[11:] for path in (there.data_dir / "removed").iterdir()] == ["hund.md"]
    assert [key.name for key in there.key_file.read()] == ["reporting"]
    with sqlite3.connect(there.data_dir / "feedback.sqlite3") as db:
        assert "so it is" in db.execute("SELECT rating FROM answers WHERE rating IS NOT NULL").fetchone()[0]
    db.close()


def test_a_backup_made_while_others_write_and_read_holds_whole_articles(
    served: Assistant, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.maintenance.backup._PAGES", 1)  # as many steps as can be, for somebody to write in between
    stop, failed, written = threading.Event(), [], threading.Event()

    def work(do: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                do()
        except Exception as error:  # noqa: BLE001  told below, where the test can fail
            failed.append(error)

    store = Store(settings.data_dir / "articles.sqlite3")

    def write() -> None:
        store.set_stamp(store.stamp() or {})
        with store.transaction() as db:  # an article that is always written whole: with its two tags
            db.execute("DELETE FROM tags WHERE tag LIKE 'many%'")
            one = db.execute("SELECT id FROM articles").fetchone()["id"]
            db.executemany("INSERT INTO tags VALUES (?, ?)", [(one, f"many{n}" * 200) for n in range(20)])
        written.set()

    threads = [threading.Thread(target=work, args=(do,)) for do in (write, lambda: served.ask(QUESTIONS[0]))]
    for thread in threads:
        thread.start()
    written.wait(20)
    try:
        assert main(["backup", "busy.zip", *places(settings)]) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        with store.transaction() as db:
            db.execute("DELETE FROM tags WHERE tag LIKE 'many%'")
        store.close()
    assert failed == []
    with zipfile.ZipFile("busy.zip") as packed:
        packed.extract("articles.sqlite3", tmp_path / "out")
    copy = sqlite3.connect(tmp_path / "out" / "articles.sqlite3")
    assert copy.execute("SELECT count(*) FROM tags WHERE tag LIKE 'many%'").fetchone() == (20,)
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()


@pytest.fixture(scope="module")
def kept(served: Assistant, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup to restore."""
    file = tmp_path_factory.mktemp("kept") / "kept.zip"
    assert main(["backup", str(file), *places(settings)]) == 0
    return file


def test_a_folder_in_use_is_not_restored_into(
    kept: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = passages(settings.data_dir)
    assert main(["restore", str(kept), *places(settings)]) == 2
    assert f"in use by process {os.getpid()}; stop it before you restore" in capsys.readouterr().err
    assert passages(settings.data_dir) == before


def test_what_was_there_is_kept_aside_and_named(kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    made("schema-2.sqlite3.gz", data)
    (data / "feedback.sqlite3").write_bytes(b"what people said")
    before = (data / "articles.sqlite3").read_bytes()
    assert main(["restore", str(kept), "--data-dir", str(data), "--articles", str(tmp_path / "a")]) == 0
    (aside,) = data.glob("before-restore-*")
    assert str(aside) in capsys.readouterr().out
    assert (aside / "articles.sqlite3").read_bytes() == before
    assert (aside / "feedback.sqlite3").read_bytes() == b"what people said"
    assert sorted(path.name for path in data.iterdir() if path.suffix != ".lock") == [
        "articles.sqlite3",
        aside.name,
        "feedback.sqlite3",
        "keys.json",
        "removed",
    ]


def test_an_upload_that_says_something_else_by_now_is_left_as_it_is(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "texts" / "uploads" / "mond.md"
    mine.parent.mkdir(parents=True)
    mine.write_text("# Mein Mond", encoding="utf-8")
    assert main(["restore", str(kept), "--data-dir", "data", "--articles", "texts"]) == 0
    assert "mond.md" in capsys.readouterr().err
    assert mine.read_text("utf-8") == "# Mein Mond"


def rewritten(kept: Path, file: Path, change: Callable[[str, bytes], tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(kept) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(*change(name, old.read(name)))
    return file


def flip(name: str, data: bytes) -> tuple[str, bytes]:
    return name, data[:-1] + bytes([data[-1] ^ 1]) if name == "articles.sqlite3" else data


def newer_schema(name: str, data: bytes) -> tuple[str, bytes]:
    if name != "manifest.json":
        return name, data
    manifest = json.loads(data)
    return name, json.dumps(manifest | {"stamp": manifest["stamp"] | {"schema": "999"}}).encode()


def newer_format(name: str, data: bytes) -> tuple[str, bytes]:
    return name, json.dumps(json.loads(data) | {"format": 999}).encode() if name == "manifest.json" else data


def leading_out(name: str, data: bytes) -> tuple[str, bytes]:
    bad = "removed/../../out.md"
    if name == "manifest.json":
        manifest = json.loads(data)
        members = manifest["members"]
        return name, json.dumps(manifest | {"members": members | {bad: members["keys.json"]}}).encode()
    return (bad if name == "keys.json" else name), data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flip, "articles.sqlite3 is not as it was made"),
        (newer_schema, "format 999"),
        (newer_format, "newer version"),
        (leading_out, "no backup of this product"),
        (lambda name, data: (name.replace("manifest", "other"), data), "is no backup"),
    ],
    ids=["damaged", "newer index", "newer backup", "leads out", "no manifest"],
)
def test_what_is_not_whole_or_not_ours_is_refused_before_anything_is_touched(
    kept: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[str, bytes], tuple[str, bytes]],
    message: str,
) -> None:
    file = rewritten(kept, tmp_path / "odd.zip", change)
    data = tmp_path / "data"
    assert main(["restore", str(file), "--data-dir", str(data), "--articles", str(tmp_path / "a")]) == 2
    assert message in capsys.readouterr().err
    assert not data.exists()


def test_a_backup_cut_short_is_refused(kept: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.zip"
    half.write_bytes(kept.read_bytes()[:-100])
    with pytest.raises(BackupError, match="is no backup"):
        check(half)


def test_a_backup_of_an_older_format_is_upgraded_when_it_is_opened(tmp_path: Path) -> None:
    made("schema-2.sqlite3.gz", tmp_path / "old")
    assert main(["backup", "old.zip", "--data-dir", "old", "--articles", "texts"]) == 0
    assert check(Path("old.zip")).stamp == {
        "embedder": "use-multilingual-v3",
        "dimension": "512",
        "chunker": "1",
        "schema": "2",
    }
    assert main(["restore", "old.zip", "--data-dir", "new", "--articles", "texts"]) == 0
    store = Store(tmp_path / "new" / "articles.sqlite3")
    assert store.count()[0] == 3
    store.close()


def test_nothing_is_written_over(kept: Path, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    before = kept.read_bytes()
    assert main(["backup", str(kept), *places(settings)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert kept.read_bytes() == before


def test_without_an_index_there_is_nothing_to_keep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "x.zip", "--data-dir", "nowhere"]) == 2
    assert "there is no index at nowhere" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_index_makes_no_backup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made("schema-2.sqlite3.gz", tmp_path / "data")
    data = bytearray(path.read_bytes())
    page = 4096
    for at in range(3 * page, len(data), 2 * page):
        data[at : at + page] = os.urandom(page)
    path.write_bytes(data)
    assert main(["backup", "x.zip", "--data-dir", "data"]) == 2
    assert "error: " in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(("command", "instead"), [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_of_an_index_in_postgresql_it_says_what_to_use_instead(
    command: str, instead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAG_DATABASE_URL", "postgresql://someone:secret@127.0.0.1:1/articles")
    assert main([command, str(tmp_path / "kept.zip"), "--data-dir", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().err
    assert f"PostgreSQL: use its own {instead} " in said
    assert "secret" not in said
    assert list(tmp_path.iterdir()) == []
