"""What /health says beside the counts: why nothing can be answered, and what needs a hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import settings_for
from starlette.testclient import TestClient
from test_migrations import made

from rag.assembly.folder import INGEST_LOCK
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.settings import Settings
from rag.storage.locks import OwnerLock, holder
from rag.web.api import create_api


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path / "data", articles=tmp_path / "texts", embed_model="local-fast")


@pytest.fixture
def opened(settings: Settings) -> Iterator[Assistant]:
    made("schema-2.sqlite3.gz", settings.data_dir)
    assistant = open_assistant(settings)
    yield assistant
    assistant.close()


def test_all_is_well(opened: Assistant) -> None:
    health = opened.health()
    assert (health.status, health.warnings, health.indexing, health.last_ingest) == ("ok", (), False, None)


def test_the_last_ingest_is_told_with_what_failed(settings: Settings) -> None:
    settings.articles.mkdir()
    (settings.articles / "katze.md").write_text("Die Katze schläft im Garten.", encoding="utf-8")
    (settings.articles / "leer.md").write_text("", encoding="utf-8")
    run_ingest(settings, [settings.articles])
    assistant = open_assistant(settings)
    try:
        health = assistant.health()
    finally:
        assistant.close()
    assert health.last_ingest is not None
    assert health.last_ingest.failed == 1
    assert health.status == "ok"
    assert health.warnings == ("1 files could not be indexed; `python ingest.py` says which and why",)


def test_before_the_first_article_it_says_that_an_ingest_is_under_way(settings: Settings) -> None:
    assistant = open_assistant(settings)
    lock = OwnerLock(settings.data_dir / INGEST_LOCK)
    try:
        assert assistant.health().status.startswith("no articles are indexed")
        lock.acquire("ingest")
        response = TestClient(create_api(assistant)).get("/health")
        assert response.status_code == 503
        assert response.json()["indexing"] is True
        assert "an ingest is under way" in response.json()["error"]["message"]
    finally:
        lock.release()
        assistant.close()


def test_an_index_that_cannot_be_read_is_told_with_what_to_do(opened: Assistant, settings: Settings) -> None:
    path = settings.data_dir / "articles.sqlite3"
    opened._store.close()  # so that the next question opens what is there now
    for beside in settings.data_dir.glob("articles.sqlite3-*"):
        beside.unlink()
    path.write_bytes(os.urandom(path.stat().st_size))
    response = TestClient(create_api(opened)).get("/health")
    assert response.status_code == 503
    assert "python ingest.py --rebuild" in response.json()["status"]
    assert str(settings.data_dir) not in response.text


def test_a_disk_that_is_nearly_full_is_a_warning_and_no_failure(
    opened: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100, 99, 50 * 2**20))
    response = TestClient(create_api(opened)).get("/health")
    assert response.status_code == 200
    assert response.json()["warnings"] == [
        "the disk of the data folder has 50 MB left; soon neither ratings nor new articles can be kept"
    ]


def test_a_folder_that_cannot_be_written_is_a_warning(opened: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    assert opened.health().warnings[0].startswith("the data folder cannot be written")


def test_a_lock_of_a_process_that_was_killed_is_nobodys(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    lock.with_suffix(".pid").write_text(str(ended.pid))
    assert holder(lock) is None
    lock.with_suffix(".pid").write_text(str(os.getpid()))
    assert holder(lock) == os.getpid()
    lock.with_suffix(".pid").write_text("")
    assert holder(lock) is None
