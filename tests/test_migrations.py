"""An index that an older version made opens, with all that it holds; one of a newer version is refused."""

from __future__ import annotations

import gzip
import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import settings_for

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.errors import IndexMismatchError, LockedError
from rag.settings import Settings
from rag.storage.locks import OwnerLock
from rag.storage.store import Store
from rag.storage.truth import SCHEMA_VERSION
from rag.types import Answer

INDEXES = Path(__file__).parent / "data" / "indexes"
KEPT = (
    "vector",
    "units",
    "unit_of",
    "sentences",
    "start",
    "length",
    "lang",
    "kind",
    "heading",
    "refined",
)


def made(kept: str, folder: Path) -> Path:
    """A data folder with an index as an older version left it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "articles.sqlite3"
    path.write_bytes(gzip.decompress((INDEXES / kept).read_bytes()))
    return path


def as_schema_1(path: Path) -> None:
    """What the first format lacked of the second."""
    with sqlite3.connect(path) as db:
        db.execute("DROP INDEX passages_unrefined")
        db.execute("ALTER TABLE passages DROP COLUMN refined")
        restamp(db, schema="1")
    db.close()


def restamp(db: sqlite3.Connection, **changes: str) -> None:
    stamp = json.loads(db.execute("SELECT value FROM meta WHERE key = 'stamp'").fetchone()[0])
    db.execute("UPDATE meta SET value = ? WHERE key = 'stamp'", (json.dumps(stamp | changes),))


def rows(path: Path, sql: str) -> list[Any]:
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The articles of the old index, where that says they are not."""
    articles = tmp_path / "articles"
    shutil.copytree(INDEXES / "articles", articles)
    return settings_for(tmp_path / "data", articles=articles, embed_model="local-fast")


def moved(path: Path, articles: Path) -> None:
    """Have the index say that its articles are here."""
    with sqlite3.connect(path) as db:
        db.execute("UPDATE articles SET path = replace(path, '/articles', ?), root = ?", (str(articles), str(articles)))
    db.close()


@pytest.mark.parametrize("kept", sorted(path.name for path in INDEXES.glob("*.gz")))
def test_an_index_of_every_format_opens_with_all_its_passages_and_vectors(kept: str, tmp_path: Path) -> None:
    path = made(kept, tmp_path)
    columns = ", ".join(KEPT)
    before = rows(path, f"SELECT {columns} FROM passages ORDER BY key")
    words = rows(path, "SELECT rowid, tokens FROM lexical ORDER BY rowid")
    store = Store(path)
    stamp, articles = store.stamp() or {}, store.summaries()
    store.close()
    assert stamp["schema"] == SCHEMA_VERSION
    assert rows(path, f"SELECT {columns} FROM passages ORDER BY key") == before
    assert rows(path, "SELECT rowid, tokens FROM lexical ORDER BY rowid") == words
    assert [(one.title, one.tags, one.langs) for one in articles] == [
        ("The harbour of Emden", ("ports",), ("en",)),
        ("Der alte Turm", (), ("de",)),
        ("老桥", (), ("zh",)),
    ]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def shape(path: Path) -> list[Any]:
    """The columns of every table, and the indices and triggers."""
    tables = [name for (name,) in rows(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    columns = [(name, rows(path, f"PRAGMA table_info({name})")) for name in tables if name != "lexical_terms"]
    others = "SELECT type, name, tbl_name FROM sqlite_master WHERE type <> 'table' ORDER BY name"
    keys = rows(path, "PRAGMA foreign_key_list(passages)") + rows(path, "PRAGMA foreign_key_list(tags)")
    return [columns, rows(path, others), keys]


@pytest.mark.parametrize("older", [lambda path: None, as_schema_1], ids=["2", "1"])
def test_an_upgraded_index_has_the_shape_of_a_new_one(older: Callable[[Path], None], tmp_path: Path) -> None:
    path = made("schema-2.sqlite3.gz", tmp_path / "old")
    older(path)
    Store(path).close()
    Store(tmp_path / "new.sqlite3").close()
    assert shape(path) == shape(tmp_path / "new.sqlite3")


def test_after_an_upgrade_answers_are_given_nothing_is_embedded_and_one_line_tells_of_it(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    path = made("schema-2.sqlite3.gz", settings.data_dir)
    moved(path, settings.articles)
    vectors = rows(path, "SELECT key, vector FROM passages ORDER BY key")
    with caplog.at_level(logging.WARNING, logger="rag"):
        report = run_ingest(settings, [settings.articles])
    assert [result.action for result in report.results] == ["unchanged"] * 3
    assert rows(path, "SELECT key, vector FROM passages ORDER BY key") == vectors
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "from format 2 to 3" in told[0]
    assert "articles.sqlite3.schema2.bak" in told[0]
    opened = open_assistant(settings)
    try:
        answers: list[Answer] = [
            opened.ask(question)
            for question in ("How long is the longest quay?", "Wann wurde der Turm gebaut?", "这座桥有多长？")
        ]
    finally:
        opened.close()
    assert [answer.answered for answer in answers] == [True, True, True]
    assert ["320 metres" in answers[0].answer, "1786" in answers[1].answer, "200米" in answers[2].answer] == [True] * 3


def test_a_file_that_changed_since_is_read_anew_and_keeps_its_id(settings: Settings) -> None:
    path = made("schema-2.sqlite3.gz", settings.data_dir)
    moved(path, settings.articles)
    ids = rows(path, "SELECT id FROM articles ORDER BY id")
    changed = settings.articles / "harbour.md"
    changed.write_text(changed.read_text("utf-8").replace("320 metres", "330 metres"), "utf-8")
    report = run_ingest(settings, [settings.articles])
    assert sorted(result.action for result in report.results) == ["unchanged", "unchanged", "updated"]
    assert rows(path, "SELECT id FROM articles ORDER BY id") == ids
    assert rows(path, "SELECT count(*) FROM articles WHERE text LIKE '%330 metres%'") == [(1,)]


def test_the_index_as_it_was_is_kept(tmp_path: Path) -> None:
    path = made("schema-2.sqlite3.gz", tmp_path)
    before = rows(path, "SELECT * FROM articles")
    Store(path).close()
    kept = tmp_path / "articles.sqlite3.schema2.bak"
    assert rows(kept, "SELECT * FROM articles") == before
    assert rows(kept, "PRAGMA integrity_check") == [("ok",)]
    assert [one.name for one in sorted(tmp_path.iterdir())] == ["articles.sqlite3", kept.name]


def test_an_upgrade_that_fails_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    path = made("schema-2.sqlite3.gz", tmp_path)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("INSERT INTO tags VALUES ('nobody', 'x')")
    db.close()
    before = rows(path, "SELECT * FROM articles")
    with pytest.raises(IndexMismatchError, match=r"ingest\.py --rebuild"):
        Store(path)
    assert rows(path, "SELECT * FROM articles") == before


def test_an_index_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = made("schema-2.sqlite3.gz", tmp_path)
    with sqlite3.connect(path) as db:
        restamp(db, schema="999")
    db.close()
    before = path.read_bytes()
    with pytest.raises(IndexMismatchError, match=r"made by a newer version of this \(format 999"):
        Store(path)
    assert path.read_bytes() == before


def test_an_index_of_another_embedder_is_upgraded_and_then_refused_by_name(settings: Settings) -> None:
    path = made("schema-2.sqlite3.gz", settings.data_dir)
    with sqlite3.connect(path) as db:
        restamp(db, embedder="another")
    db.close()
    with pytest.raises(IndexMismatchError, match=r"embedder .another.*--rebuild"):
        open_assistant(settings)
    report = run_ingest(settings, [settings.articles], rebuild=True)
    assert report.articles == 3


def test_an_older_version_that_serves_the_index_must_be_stopped_first(tmp_path: Path) -> None:
    path = made("schema-2.sqlite3.gz", tmp_path)
    lock = OwnerLock(tmp_path / "owner.lock")
    lock.acquire("serve")
    try:
        (tmp_path / "owner.pid").write_text(str(os.getppid()))  # as if another process had it
        with pytest.raises(LockedError, match=f"process {os.getppid()}, an older version"):
            Store(path)
    finally:
        lock.release()
    assert json.loads(rows(path, "SELECT value FROM meta WHERE key = 'stamp'")[0][0])["schema"] == "2"


def test_an_empty_index_of_an_older_version_is_made_anew(tmp_path: Path) -> None:
    path = made("schema-2.sqlite3.gz", tmp_path)
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM meta WHERE key = 'stamp'")
        for table in ("tags", "passages", "articles"):
            db.execute(f"DELETE FROM {table}")
    db.close()
    store = Store(path)
    assert store.files() == []
    store.close()
