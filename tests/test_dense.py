"""Chroma, derived from the truth."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromadb.api.models.Collection import Collection
from conftest import SubjectEmbedder

from rag.encoders.embedding import embed_question
from rag.errors import DenseIndexError, LockedError
from rag.ingesting.ingestion import Ingestor
from rag.search import dense
from rag.search.chroma import EmbeddedHome
from rag.search.chroma_server import ServerHome
from rag.search.dense import DenseIndex
from rag.search.flat import FlatIndex
from rag.storage.locks import OwnerLock
from rag.storage.store import Store
from rag.types import Filters

TEXTS = {
    "cats": "A cat sleeps all day long in the house.\n",
    "dogs": "Ein Hund bellt laut im Garten.\n",
    "moon": "月亮绕着地球转，已经很久很久了。\n",
}


@pytest.fixture
def folder(write: Callable[..., Path]) -> Path:
    return write(**TEXTS)


@pytest.fixture
def store(tmp_path: Path, folder: Path, embedder: SubjectEmbedder) -> Store:
    store = Store(tmp_path / "articles.sqlite3")
    Ingestor(store, embedder).run([folder])
    return store


@pytest.fixture
def chroma(tmp_path: Path) -> Path:
    return tmp_path / "chroma"


@pytest.fixture
def build(store: Store, chroma: Path) -> Iterator[Callable[[], DenseIndex]]:
    made: list[DenseIndex] = []

    def open_index() -> DenseIndex:
        made.append(DenseIndex(store, EmbeddedHome(chroma, "articles-test")))
        made[-1].sync()
        return made[-1]

    yield open_index
    for index in made:
        index.close()


def nearest(index: DenseIndex | FlatIndex, store: Store, embedder: SubjectEmbedder, question: str) -> str:
    (passage_id, _), *_ = index.search(embed_question(embedder, question), 1)
    return store.load([passage_id])[0].passage.title


def state(index: DenseIndex) -> str:
    return index.state


def test_chroma_and_the_flat_search_agree(
    build: Callable[[], DenseIndex], store: Store, embedder: SubjectEmbedder
) -> None:
    index, flat = build(), FlatIndex(store)
    for question in ("a cat", "welcher Hund", "月"):
        vector = embed_question(embedder, question)
        mine, other = index.search(vector, 3), flat.search(vector, 3)
        assert [passage_id for passage_id, _ in mine] == [passage_id for passage_id, _ in other]
        assert np.allclose([s for _, s in mine], [s for _, s in other], atol=5e-3)
    assert index.state == "chroma"


def test_an_index_that_was_closed_is_opened_again_not_rebuilt(build: Callable[[], DenseIndex], chroma: Path) -> None:
    build().close()
    build().close()
    assert [path.name for path in chroma.iterdir() if path.is_dir()] == ["gen-1"]


def test_an_index_that_was_closed_is_left_to_its_next_owner(
    build: Callable[[], DenseIndex], store: Store, embedder: SubjectEmbedder, write: Callable[..., Path]
) -> None:
    closed = build()
    closed.close()
    Ingestor(store, embedder).run([write(more="A dog sleeps all day long in the garden.\n")])
    closed.sync()
    assert closed.state == "exact"


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "random", "no_segment", "no_pointer", "unsealed"])
def test_a_damaged_index_is_rebuilt_without_embedding_again(
    build: Callable[[], DenseIndex], store: Store, embedder: SubjectEmbedder, chroma: Path, damage: str
) -> None:
    build().close()
    before = len(embedder.embedded)
    harm(chroma, damage)
    index = build()
    assert index.state == "chroma"
    assert nearest(index, store, embedder, "ein Hund") == "dogs"
    assert len(index.search(embed_question(embedder, "cat"), 10)) == 3
    assert len(embedder.embedded) == before


def harm(chroma: Path, damage: str) -> None:
    generation = chroma / "gen-1"
    files = sorted(path for path in generation.rglob("*") if path.is_file() and path.stat().st_size)
    match damage:
        case "missing":
            for file in [*files, *chroma.glob("*.seal")]:
                file.unlink()
        case "empty":
            (generation / "chroma.sqlite3").write_bytes(b"")
        case "truncated":
            for file in files:
                file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        case "random":
            files[-1].write_bytes(np.random.default_rng(0).bytes(files[-1].stat().st_size))
        case "no_segment":
            for file in generation.glob("*/*"):
                file.unlink()
        case "no_pointer":
            (chroma / "CURRENT").unlink()
        case "unsealed":  # what a killed owner leaves
            for seal in chroma.glob("*.seal"):
                seal.unlink()


def test_what_another_process_writes_is_picked_up(
    build: Callable[[], DenseIndex], store: Store, folder: Path, embedder: SubjectEmbedder
) -> None:
    index = build()
    (folder / "money.md").write_text("Money is counted in dollar and cent.", encoding="utf-8")
    (folder / "cats.md").unlink()
    Ingestor(store, embedder).run([folder])
    index.sync()
    assert nearest(index, store, embedder, "how much money") == "money"
    found = {store.load([i])[0].passage.title for i, _ in index.search(embed_question(embedder, "cat"), 10)}
    assert found == {"money", "dogs", "moon"}


def test_a_question_is_answered_exactly_when_chroma_fails(
    build: Callable[[], DenseIndex],
    store: Store,
    embedder: SubjectEmbedder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    index = build()

    def fail(**_: object) -> None:
        raise RuntimeError("Error executing plan")

    assert index._collection is not None
    monkeypatch.setattr(type(index._collection), "query", lambda self, **values: fail(**values))
    with caplog.at_level(logging.ERROR):
        assert nearest(index, store, embedder, "ein Hund") == "dogs"
    assert state(index) == "exact"
    assert "Chroma failed" in caplog.text
    monkeypatch.undo()
    index.sync()  # the next look at the truth repairs it
    assert state(index) == "chroma"


def test_a_selection_is_searched_alone(
    build: Callable[[], DenseIndex], store: Store, embedder: SubjectEmbedder
) -> None:
    index = build()
    vector = embed_question(embedder, "cat")
    chosen = store.select(Filters(lang=("zh",)), include_qa=True)
    assert chosen is not None
    assert [store.load([found])[0].passage.title for found, _ in index.search(vector, 5, chosen)] == ["moon"]
    assert index.search(vector, 5, np.array([99])) == []
    assert index.search(vector, 5, chosen[:0]) == []


def test_a_second_owner_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    first, second = OwnerLock(tmp_path / "owner.lock"), OwnerLock(tmp_path / "owner.lock")
    first.acquire("serve")
    with pytest.raises(LockedError, match=rf"process {os.getpid()}; stop it before you serve"):
        second.acquire("serve")
    first.release()
    first.release()
    second.acquire("serve")
    second.release()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real Chroma server on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chroma = Path(sys.executable).with_name("chroma")
    command = [str(chroma), "run", "--path", str(tmp_path / "server"), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


def test_a_chroma_server_that_is_not_there_leaves_exact_search(store: Store, embedder: SubjectEmbedder) -> None:
    index = DenseIndex(store, ServerHome("http://127.0.0.1:9", None, "articles-test"))
    with pytest.raises(DenseIndexError, match=r"Chroma at http://127\.0\.0\.1:9"):
        index.sync()
    assert nearest(index, store, embedder, "ein Hund") == "dogs"
    index.close()


def test_a_chroma_server_serves_as_well_as_the_embedded_one(
    server: str, store: Store, folder: Path, embedder: SubjectEmbedder
) -> None:
    first = DenseIndex(store, ServerHome(server, None, "articles-test"))
    first.sync()
    assert nearest(first, store, embedder, "ein Hund") == "dogs"
    first.close()
    (folder / "cats.md").unlink()
    Ingestor(store, embedder).run([folder])
    second = DenseIndex(store, ServerHome(server, "token", "articles-test"))
    second.sync()
    assert state(second) == "chroma"
    assert len(second.search(embed_question(embedder, "cat"), 10)) == 2
    second.close()


def test_an_index_that_could_not_be_put_in_place_is_tried_again(
    store: Store, chroma: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: EmbeddedHome) -> None:
        raise OSError("no space left on device")

    index = DenseIndex(store, EmbeddedHome(chroma, "articles-test"))
    with monkeypatch.context() as patched:
        patched.setattr(EmbeddedHome, "publish", fail)
        with pytest.raises(DenseIndexError, match="no space left"):
            index.sync()
    assert state(index) == "exact"
    index.sync()
    assert state(index) == "chroma"
    index.close()


@pytest.fixture
def building(
    store: Store, chroma: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[DenseIndex, list[str], threading.Event]]:
    """An index that is being built in the background and waits after its first passage; what is written of it, and
    what lets it go on."""
    written: list[str] = []
    begun, go = threading.Event(), threading.Event()
    real = Collection.upsert

    def upsert(self: Collection, ids: list[str], **rest: Any) -> None:
        real(self, ids=ids, **rest)
        written.extend(ids)
        begun.set()
        go.wait(60)

    monkeypatch.setattr(dense, "BATCH_SERVED", 1)
    monkeypatch.setattr(Collection, "upsert", upsert)
    index = DenseIndex(store, EmbeddedHome(chroma, "articles-test"))
    index.follow()
    assert begun.wait(60)
    yield index, written, go
    go.set()
    index.close()


def test_a_build_that_is_stopped_goes_on_at_the_next_start(
    building: tuple[DenseIndex, list[str], threading.Event], build: Callable[[], DenseIndex], store: Store
) -> None:
    index, written, go = building
    closing = threading.Thread(target=index.close)
    closing.start()
    while not index._follower.is_told_to_stop:
        time.sleep(0.01)
    go.set()
    closing.join(60)
    assert len(written) == 1
    assert build().state == "chroma"
    assert sorted(written) == sorted(store.passage_ids())  # none a second time


def test_who_writes_beside_a_build_does_not_wait_for_it_and_is_found(
    building: tuple[DenseIndex, list[str], threading.Event],
    store: Store,
    embedder: SubjectEmbedder,
    write: Callable[..., Path],
) -> None:
    index, _, go = building
    Ingestor(store, embedder).run([write(more="# Money\n\nMoney is counted in dollar and cent.\n")])
    index.sync(patience=0)
    assert nearest(index, store, embedder, "how many dollar") == "Money"
    assert not go.is_set()
