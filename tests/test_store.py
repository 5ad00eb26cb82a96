"""The truth in SQLite."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import SubjectEmbedder

from rag.errors import IndexMismatchError
from rag.ingesting.ingestion import Ingestor, stamp_of
from rag.language.text import tokens
from rag.storage.store import Store
from rag.types import Filters, Lang

CATS = "---\ntitle: Cats\ndate: 2020-01-05\ntag: pets\nauthor: paw\n---\n\nA cat sleeps all day long.\n"
HUNDE = "---\ntitle: Hunde\ndate: 2022-03-01\ntags: [pets, dogs]\nauthor: wau\n---\n\nEin Hund bellt laut im Garten.\n"
MOON = "# 月亮\n\n月亮绕着地球转。\n\n## 问与答：\n\n- 月亮绕着什么转？\n  - 答：月亮绕着地球转。\n"


@pytest.fixture
def store(tmp_path: Path, write: Callable[..., Path], embedder: SubjectEmbedder) -> Store:
    store = Store(tmp_path / "articles.sqlite3")
    Ingestor(store, embedder).run([write(cats=CATS, hunde=HUNDE, moon=MOON)])
    return store


def forget(store: Store, article_id: str) -> None:
    store.forget([known.path for known in store.known(article_id=article_id)])


def chosen(store: Store, filters: Filters, *, include_qa: bool) -> list[str]:
    keys = store.select(filters, include_qa=include_qa)
    assert keys is not None
    return list(store.ids(keys.tolist()).values())


def titles(store: Store, ids: list[str]) -> set[str]:
    return {stored.passage.title for stored in store.load(ids)}


def test_what_was_written_is_read_back_with_exact_offsets(store: Store) -> None:
    for stored in store.load(store.passage_ids()):
        text = store.text(stored.passage.article_id)
        assert text is not None
        assert text[stored.passage.start : stored.passage.end] == stored.passage.text
        for start, end in stored.sentences:
            assert stored.passage.start <= start < end <= stored.passage.end


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(lang=("de", "zh")), {"Hunde", "月亮"}),
        (Filters(tags=("dogs",)), {"Hunde"}),
        (Filters(authors=("paw",)), {"Cats"}),
        (Filters(date_from="2020-01-05", date_to="2020-12-31"), {"Cats"}),
        (Filters(date_from="1900-01-01"), {"Cats", "Hunde"}),  # what has no date is in no range
        (Filters(tags=("pets",), lang=("en",)), {"Cats"}),
        (Filters(authors=("'; DROP TABLE articles; --",)), set()),
    ],
)
def test_a_filter_selects_the_passages_that_fit_all_of_it(store: Store, filters: Filters, expected: set[str]) -> None:
    assert titles(store, chosen(store, filters, include_qa=True)) == expected


def test_pairs_are_left_out_on_request(store: Store) -> None:
    assert store.select(Filters(), include_qa=True) is None
    kept = store.load(chosen(store, Filters(), include_qa=False))
    assert {stored.passage.kind for stored in kept} == {"body"}


@pytest.mark.parametrize(
    ("asked", "lang", "title"),
    [("sleeping", "en", "Cats"), ("Gärten", "de", "Hunde"), ("地球", "zh", "月亮"), ("绕", "zh", "月亮")],
)
def test_words_are_found_in_each_language(store: Store, asked: str, lang: Lang, title: str) -> None:
    assert titles(store, store.lexical(tokens(asked, lang), 1)) == {title}


def test_words_that_look_like_query_syntax_are_only_words(store: Store) -> None:
    assert store.lexical(["AND", "NEAR(", "*", "^q"], 5) == []
    assert store.lexical([], 5) == []


def test_the_document_frequency_counts_passages(store: Store) -> None:
    assert store.document_frequency(["地球", "cat", "tesla"]) == {"地球": 2, "cat": 1}


def test_a_removed_article_leaves_nothing_behind(store: Store) -> None:
    gone = next(summary.id for summary in store.summaries() if summary.title == "月亮")
    forget(store, gone)
    assert store.lexical(["地球"], 5) == []
    assert store.count() == (2, 2)
    assert store.text(gone) is None


def test_a_failed_transaction_leaves_the_old_version(store: Store) -> None:
    before = store.summaries()
    with pytest.raises(sqlite3.IntegrityError), store.transaction() as db:
        db.execute("DELETE FROM articles")
        db.execute("INSERT INTO meta VALUES ('revision', 'twice')")
    assert store.summaries() == before


def test_every_change_raises_the_revision(store: Store) -> None:
    before = store.revision()
    forget(store, store.summaries()[0].id)
    assert store.revision() > before


def test_an_index_made_by_another_embedder_says_what_to_run(store: Store, embedder: SubjectEmbedder) -> None:
    store.check_stamp(stamp_of(embedder))
    with pytest.raises(IndexMismatchError, match=r"embedder 'subjects', now 'other'.*ingest\.py --rebuild"):
        store.check_stamp({**stamp_of(embedder), "embedder": "other"})


def test_a_second_connection_sees_what_the_first_wrote(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "articles.sqlite3")
    assert other.count() == store.count()
    forget(store, store.summaries()[0].id)
    assert other.count() == store.count()


def test_unit_vectors_survive_half_precision(store: Store) -> None:
    for stored in store.load(store.passage_ids()):
        assert np.allclose(np.linalg.norm(stored.units, axis=1), 1.0, atol=2e-3)
        assert len(stored.unit_of) == len(stored.units)


def test_the_connections_of_threads_that_ended_are_closed(store: Store, tmp_path: Path) -> None:
    for _ in range(40):
        thread = threading.Thread(target=store.count)
        thread.start()
        thread.join()
    opened = [file.resolve() for file in Path("/proc/self/fd").iterdir()]
    assert 0 < opened.count(tmp_path / "articles.sqlite3") < 6
    assert store.count()[0] > 0


def test_a_store_that_is_closed_lets_a_statement_of_another_thread_end(tmp_path: Path) -> None:
    store = Store(tmp_path / "articles.sqlite3")
    count = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 3000000) SELECT count(*) FROM c"
    begun, counted = threading.Event(), []

    def work() -> None:
        with store.transaction() as db:
            db.set_progress_handler(begun.set, 1000)
            counted.append(db.execute(count).fetchone()[0])

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(60)
    store.close()
    thread.join(60)
    assert counted == [3_000_000]
