"""Chroma as a server, behind a proxy that checks a token as ``docs/machines.md`` sets it up."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from conftest import SubjectEmbedder, settings_for
from servers import TOKEN, ChromaServer, until

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.encoders.embedding import embed_question
from rag.errors import DenseIndexError
from rag.ingesting.ingestion import Ingestor
from rag.search import dense
from rag.search.chroma_server import ServerHome
from rag.search.dense import DenseIndex
from rag.search.flat import FlatIndex
from rag.storage.store import Store

pytest_plugins = ["servers"]

CATS = "A cat sleeps all day long in the house.\n"
DOGS = "Ein Hund bellt laut im Garten.\n"
MOON = "月亮绕着地球转，已经很久很久了。\n"


@pytest.fixture
def folder(write: Callable[..., Path]) -> Path:
    return write(cats=CATS, dogs=DOGS, moon=MOON)


@pytest.fixture
def store(tmp_path: Path, folder: Path, embedder: SubjectEmbedder) -> Iterator[Store]:
    store = Store(tmp_path / "articles.sqlite3")
    Ingestor(store, embedder).run([folder])
    yield store
    store.close()


@pytest.fixture
def at(store: Store) -> Iterator[Callable[..., DenseIndex]]:
    """The index with its Chroma at an address."""
    made: list[DenseIndex] = []

    name = f"articles-{uuid4().hex}"  # the server is for all tests here

    def open_at(url: str, token: str | None = TOKEN, *, seconds: float = 20) -> DenseIndex:
        made.append(DenseIndex(store, ServerHome(url, token, name, seconds=seconds)))
        return made[-1]

    yield open_at
    for one in made:
        one.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever follows looks again at once."""
    monkeypatch.setattr(dense, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(dense, "RETRY_SECONDS", 0.05)


def nearest(index: DenseIndex, store: Store, embedder: SubjectEmbedder, question: str) -> str:
    (passage_id, _), *_ = index.search(embed_question(embedder, question), 1)
    return store.load([passage_id])[0].passage.title


def test_behind_the_proxy_it_finds_what_exact_search_finds_in_each_language(
    gate: str, at: Callable[..., DenseIndex], store: Store, embedder: SubjectEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "BATCH", 2)  # of more than one batch
    index = at(gate)
    index.sync()
    assert index.state == "chroma"
    for question, title in (("a cat", "cats"), ("welcher Hund", "dogs"), ("月", "moon")):
        assert nearest(index, store, embedder, question) == title
        vector = embed_question(embedder, question)
        mine, oracle = index.search(vector, 3), FlatIndex(store).search(vector, 3)
        assert dict(mine) == pytest.approx(dict(oracle), abs=0.01)


@pytest.mark.parametrize("token", ["wrong", None])
def test_a_wrong_token_is_named_and_exact_search_answers(
    gate: str, at: Callable[..., DenseIndex], store: Store, embedder: SubjectEmbedder, token: str | None
) -> None:
    index = at(gate, token)
    with pytest.raises(DenseIndexError, match=r"refuses the token \(HTTP 401\); set RAG_CHROMA_TOKEN") as refused:
        index.sync()
    assert "<html>" not in str(refused.value)
    assert (index.state, nearest(index, store, embedder, "ein Hund")) == ("exact", "dogs")


def test_a_proxy_whose_chroma_is_away_is_told_from_a_wrong_token(
    gate: str, at: Callable[..., DenseIndex], chroma_server: ChromaServer
) -> None:
    chroma_server.kill()
    with pytest.raises(DenseIndexError, match=r"answers with HTTP 502; is it a Chroma server"):
        at(gate).sync()


def test_a_server_that_hangs_is_given_up(
    at: Callable[..., DenseIndex], store: Store, embedder: SubjectEmbedder
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = at(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=0.2)
        with pytest.raises(DenseIndexError, match="no Chroma server answers"):
            index.sync()
    assert nearest(index, store, embedder, "ein Hund") == "dogs"


def test_a_search_does_not_wait_for_a_server_that_has_begun_to_hang(
    at: Callable[..., DenseIndex], store: Store, embedder: SubjectEmbedder, chroma_server: ChromaServer
) -> None:
    index = at(chroma_server.url, seconds=0.5)
    index.sync()
    chroma_server.kill()
    with socket.create_server(("127.0.0.1", chroma_server.port)):
        assert nearest(index, store, embedder, "ein Hund") == "dogs"
    assert index.state == "exact"


@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_killed_and_started_again_is_used_again_without_writing_it_anew(
    gate: str,
    at: Callable[..., DenseIndex],
    store: Store,
    folder: Path,
    embedder: SubjectEmbedder,
    chroma_server: ChromaServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    index = at(gate)
    index.follow()
    until(lambda: index.state == "chroma")
    chroma_server.kill()
    (folder / "money.md").write_text("Money is counted in dollar and cent.\n", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert nearest(index, store, embedder, "ein Hund") == "dogs"
        Ingestor(store, embedder).run([folder])
        assert nearest(index, store, embedder, "how much money") == "money"
        until(lambda: "search goes on without it" in caplog.text)
        monkeypatch.setattr(ServerHome, "create", lambda self: pytest.fail("what is there was not trusted"))
        chroma_server.start()
        until(lambda: index.state == "chroma")
        until(lambda: "can be used again" in caplog.text)
    assert caplog.text.count("search goes on without it") == 1
    assert nearest(index, store, embedder, "how much money") == "money"


@pytest.mark.usefixtures("impatient")
def test_a_server_that_lost_its_disk_is_filled_anew_without_embedding_again(
    at: Callable[..., DenseIndex], store: Store, embedder: SubjectEmbedder, chroma_server: ChromaServer
) -> None:
    index = at(chroma_server.url)
    index.follow()
    until(lambda: index.state == "chroma")
    before = len(embedder.embedded)
    chroma_server.lose()
    chroma_server.start()
    assert nearest(index, store, embedder, "ein Hund") == "dogs"  # at this search it is noticed
    until(lambda: index.state == "chroma")
    assert len(index.search(embed_question(embedder, "cat"), 10)) == 3
    assert len(embedder.embedded) == before


@pytest.mark.usefixtures("impatient")
def test_the_product_starts_and_answers_without_its_server_and_takes_it_when_it_comes(
    folder: Path, tmp_path: Path, chroma_server: ChromaServer, caplog: pytest.LogCaptureFixture
) -> None:
    chroma_server.kill()
    settings = settings_for(tmp_path / "data", embed_model="local-fast", chroma_url=chroma_server.url)
    with caplog.at_level(logging.WARNING):
        assert run_ingest(settings, [folder]).count("added") == 3
    assert "no Chroma server answers" in caplog.text
    opened = open_assistant(settings)
    try:
        assert (opened.health().dense, opened.health().articles) == ("exact", 3)
        assert "bellt" in opened.ask("Was macht der Hund im Garten?").answer
        chroma_server.start()
        until(lambda: opened.health().dense == "chroma")
        assert "bellt" in opened.ask("Was macht der Hund im Garten?").answer
    finally:
        opened.close()
