"""What SQLite keeps beside the passages, and the search in memory that follows it change by change."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.encoders.embedding import Matrix, unit
from rag.reading.articles import parse_article
from rag.reading.chunking import chunk
from rag.search import flat
from rag.search.chroma import EmbeddedHome
from rag.search.dense import DenseIndex
from rag.search.flat import FlatIndex
from rag.storage import changes, truth
from rag.storage.changes import Mark
from rag.storage.store import Store
from rag.storage.truth import EmbeddedChunk, Refined
from rag.types import Filters, Lang

SIZE = 256
TEXTS: dict[Lang, str] = {
    "en": "Article {n} is about a tower and a lumen{n} in the old town.",
    "de": "Artikel {n} handelt von einem Turm und einem Lumen{n} in der alten Stadt.",
    "zh": "第{n}篇文章讲的是古城里的一座塔和一盏灯。",
}
LANGS = tuple(TEXTS)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "articles.sqlite3")


def directions(count: int, seed: int = 0) -> Matrix:
    """Vectors of length one in a few dozen groups, as passages are about subjects."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(size=(40, SIZE))
    noise = chance.normal(size=(count, SIZE))
    return unit((centres[chance.integers(0, 40, count)] + 0.7 * noise).astype(np.float32))


def put(store: Store, number: int, vector: Matrix, *, refined: Matrix | None = None) -> str:
    """An article of one passage, with its vectors; returns the passage's id."""
    text = TEXTS[LANGS[number % 3]].format(n=number)
    article = parse_article(f"# {number}\n\n{text}\n", f"a{number}", f"{number}.md")
    (cut,) = chunk(article)
    fine = refined if refined is None else Refined(refined, refined[None], refined[None])
    embedded = EmbeddedChunk(cut, vector, vector[None], (0,), fine)
    store.put(article, f"/texts/{number}.md", "/texts", str(number), [embedded])
    return cut.passage.passage_id


def refine(store: Store, passage_id: str, vector: Matrix) -> None:
    store.refine({passage_id: Refined(vector, vector[None], vector[None])})


def nearest(index: FlatIndex, vector: Matrix, limit: int = 1, **chosen: Any) -> list[str]:
    return [passage_id for passage_id, _ in index.search(vector, limit, **chosen)]


def counted(store: Store) -> tuple[int, int, dict[str, int], float]:
    return store.count()[1], store.refined(), store.languages(), round(store.mean_length(), 6)


def really(path: Path) -> tuple[int, int, dict[str, int], float]:
    with sqlite3.connect(path) as db:
        count, refined, length = db.execute("SELECT count(*), count(refined), avg(length) FROM passages").fetchone()
        langs = dict(db.execute("SELECT lang, count(*) FROM passages GROUP BY lang ORDER BY lang").fetchall())
    return count, refined, langs, round(length or 1.0, 6)


def test_totals_are_what_counting_would_say(store: Store, tmp_path: Path) -> None:
    vectors = directions(9)
    ids = [put(store, number, vectors[number]) for number in range(8)]
    assert counted(store) == really(tmp_path / "articles.sqlite3")
    for passage_id in ids[:4]:
        refine(store, passage_id, vectors[8])
    refine(store, "gone", vectors[8])
    put(store, 1, vectors[8])  # in place of a refined one
    put(store, 8, vectors[8], refined=vectors[0])
    store.forget(["/texts/0.md", "/texts/5.md"])
    assert counted(store) == really(tmp_path / "articles.sqlite3")
    assert store.refined() == 3
    store.expect_refiner("another")
    assert store.refined() == 0
    store.clear()
    assert counted(store) == (0, 0, {}, 1.0)


@pytest.mark.parametrize("count", [50, 3_000])
def test_the_flat_search_finds_what_looking_at_every_vector_exactly_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(flat, "LOOKED_AT", 300)
    vectors = directions(count)
    asked = unit(vectors[:30] + directions(30, seed=1))
    index = FlatIndex(a_store_of(vectors))
    right = 0
    for vector in asked:
        exact = np.argsort(-(vectors @ vector), kind="stable")[:10]
        found = index.search(vector, 10)
        right += len({str(i) for i in exact} & {passage_id for passage_id, _ in found})
        similar = [vectors[int(passage_id)] @ vector for passage_id, _ in found]
        assert np.allclose(similar, [similarity for _, similarity in found], atol=0.01)
        assert np.all(np.diff(similar) < 0.01)  # best first
    assert right >= 0.97 * 10 * len(asked)


def a_store_of(vectors: Matrix) -> Store:
    """A stand-in that has codes alone, since thousands of articles take long to write."""

    class Codes(Store):
        def __init__(self) -> None: ...

        def mark(self) -> Mark:
            return Mark("era", 1)

        def count(self) -> tuple[int, int]:
            return len(vectors), len(vectors)

        def ids(self, keys: Sequence[int]) -> dict[int, str]:
            return {key: str(key) for key in keys}

        def codes(self, kind: Any, since: Any) -> Any:
            return nullcontext((Mark("era", 1), None, iter([[(i, changes.encode(v)) for i, v in enumerate(vectors)]])))

    return Codes()


def test_what_is_written_refined_and_removed_is_found_at_once_and_nothing_else_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, read = directions(12), []
    codes = changes.codes

    def spied(*given: Any) -> Any:
        for rows in codes(*given):
            read.extend(rows)
            yield rows

    monkeypatch.setattr(changes, "codes", spied)
    ids = [put(store, number, vectors[number]) for number in range(10)]
    first, fine = FlatIndex(store), FlatIndex(store, "fine")
    assert nearest(first, vectors[3]) == [ids[3]]
    assert nearest(fine, vectors[3]) == []
    assert len(read) == 20
    read.clear()
    assert nearest(first, vectors[4]) == [ids[4]]
    assert read == []  # nothing has changed
    refine(store, ids[7], vectors[10])
    assert nearest(fine, vectors[10]) == [ids[7]]
    assert nearest(first, vectors[7]) == [ids[7]]
    assert len(read) == 2
    read.clear()
    moved = put(store, 2, vectors[11])
    store.forget(["/texts/6.md"])
    assert nearest(first, vectors[11]) == [moved]
    assert len(nearest(first, vectors[6], 20)) == 9
    assert ids[6] not in nearest(first, vectors[6], 20)
    assert len(read) == 3  # the new one, the one it took the place of, the removed one
    refine(store, ids[0], vectors[5])  # before the one that was refined first
    assert nearest(fine, vectors[5], 20) == [ids[0], ids[7]]


def test_a_key_that_is_given_again_belongs_to_the_new_passage(store: Store) -> None:
    vectors = directions(8)
    for number in range(5):
        put(store, number, vectors[number])
    index = FlatIndex(store)
    assert len(nearest(index, vectors[0], 10)) == 5
    store.forget([f"/texts/{number}.md" for number in (2, 3, 4)])
    ids = [put(store, number, vectors[number]) for number in (5, 6, 7)]
    for number, passage_id in zip((5, 6, 7), ids, strict=True):
        assert nearest(index, vectors[number]) == [passage_id]
    assert len(nearest(index, vectors[0], 10)) == 5


def test_what_stood_between_others_and_was_not_there_at_first_is_found_too(store: Store) -> None:
    vectors = directions(8)
    for number in range(6):
        put(store, number, vectors[number])
    store.forget(["/texts/3.md", "/texts/4.md"])
    index = FlatIndex(store)
    assert len(nearest(index, vectors[0], 10)) == 4
    store.forget(["/texts/5.md"])
    ids = [put(store, number, vectors[number]) for number in (6, 7)]
    assert [nearest(index, vectors[number]) for number in (6, 7)] == [[ids[0]], [ids[1]]]


@pytest.mark.parametrize("slept", ["an era", "too long"])
def test_a_reader_that_the_log_says_nothing_to_reads_everything_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch, slept: str
) -> None:
    vectors = directions(8)
    for number in range(4):
        put(store, number, vectors[number])
    index = FlatIndex(store)
    assert len(nearest(index, vectors[0], 10)) == 4
    if slept == "an era":
        store.clear()
    else:
        monkeypatch.setattr(changes, "KEPT", 1)
        store.forget([f"/texts/{number}.md" for number in range(4)])
    ids = {put(store, number, vectors[number]) for number in (5, 6, 7)}
    assert set(nearest(index, vectors[0], 10)) == ids


def test_rows_of_what_is_gone_are_given_back_some_day(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat, "BLOCK", 4)
    vectors = directions(2)
    index = FlatIndex(store)
    for number in range(40):
        last = put(store, number, vectors[number % 2])
        if number:
            store.forget([f"/texts/{number - 1}.md"])
        assert nearest(index, vectors[number % 2], 10) == [last]
    assert index._shelf is not None
    assert index._shelf.count < 20


def test_the_log_forgets_what_is_long_ago(store: Store, tmp_path: Path) -> None:
    put(store, 0, directions(1)[0])
    with sqlite3.connect(tmp_path / "articles.sqlite3") as db:
        db.execute("UPDATE meta SET value = value + 200000 WHERE key = 'revision'")
        assert db.execute("SELECT count(*) FROM changes").fetchone() == (0,)


def test_filters_follow_what_is_written(store: Store) -> None:
    vectors = directions(6)
    german = [put(store, number, vectors[number]) for number in range(5) if number % 3 == 1]
    for number in (0, 2, 3):
        put(store, number, vectors[number])

    def chosen() -> set[str]:
        keys = store.select(Filters(lang=("de",)), include_qa=True)
        assert keys is not None
        assert list(keys) == sorted(keys)
        return set(store.ids(keys.tolist()).values())

    assert chosen() == chosen() == set(german)
    store.forget(["/texts/1.md"])
    assert chosen() == set(german[1:])


@pytest.mark.parametrize(("lang", "word"), [("en", "tower"), ("de", "turm"), ("zh", "塔")])
def test_words_are_found_among_the_chosen_however_many_others_hold_them(store: Store, lang: Lang, word: str) -> None:
    vector = directions(1)[0]
    ids = [put(store, number, vector) for number in range(90)]
    mine = [passage_id for number, passage_id in enumerate(ids) if LANGS[number % 3] == lang]
    last = [key for key, passage_id in enumerate(ids, start=1) if passage_id in mine][-2:]
    assert set(store.lexical([word], 5, np.array(last))) == set(mine[-2:])
    assert store.lexical([word], 5, np.array([], dtype=np.int64)) == []
    assert len(store.lexical([word], 100)) == 30


def test_frequent_words_are_left_out_where_rarer_ones_find_enough(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    vector = directions(1)[0]
    ids = [put(store, number, vector) for number in range(0, 60, 3)]
    assert set(store.lexical(["tower", "3"], 30)) == set(ids)
    monkeypatch.setattr(truth, "MOST_POSTINGS", 10)
    monkeypatch.setattr(truth, "ENOUGH_POSTINGS", 1)
    assert store.lexical(["tower", "3"], 30) == [ids[1]]
    assert set(store.lexical(["tower"], 30)) == set(ids)  # there is nothing rarer


def test_chroma_is_given_only_what_changed(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = directions(8)
    ids = [put(store, number, vectors[number]) for number in range(6)]
    index = DenseIndex(store, EmbeddedHome(tmp_path / "chroma", "articles-test"))
    index.sync()
    given: list[str] = []
    read = store.vectors

    def spied(chosen: Sequence[str] | None = None) -> tuple[list[str], Matrix]:
        given.extend(chosen or [])
        return read(chosen)

    monkeypatch.setattr(store, "vectors", spied)
    monkeypatch.setattr(store, "passage_ids", lambda: pytest.fail("all ids were read"))
    refine(store, ids[0], vectors[7])
    index.sync()
    assert given == []
    new = put(store, 6, vectors[6])
    store.forget(["/texts/5.md"])
    index.sync()
    assert given == [new]
    found = {passage_id for passage_id, _ in index.search(vectors[5], 10)}
    assert found == {*ids[:5], new}
    assert index.state == "chroma"
    index.close()


def test_a_second_reading_changes_no_list_of_articles(store: Store) -> None:
    vectors = directions(2)
    passage_id = put(store, 0, vectors[0])
    before = store.contents()
    refine(store, passage_id, vectors[1])
    assert store.contents() == before
    put(store, 1, vectors[1])
    assert store.contents() != before
