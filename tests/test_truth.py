"""What everybody relies on of the truth, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES, SubjectEmbedder
from servers import Postgres, until

from rag.encoders.embedding import embed_question
from rag.errors import IndexMismatchError
from rag.ingesting.ingestion import Ingestor, stamp_of
from rag.language.text import content_tokens, identify, tokens
from rag.reading.articles import read_articles
from rag.reading.chunking import chunk
from rag.search.flat import FlatIndex
from rag.storage import postgres, store
from rag.storage.database import Database
from rag.storage.listing import Listing, in_order
from rag.storage.postgres import PostgresStore
from rag.storage.store import Store
from rag.storage.truth import EmbeddedChunk, KnownFile, Refined, Truth
from rag.types import Article, ArticleSummary, Filters, Lang, LastIngest, Unreadable

pytest_plugins = ["servers"]

CATS = "---\ntitle: Cats\ndate: 2020-01-05\ntag: pets\nauthor: paw\n---\n\nA cat sleeps all day long.\n"
HUNDE = "---\ntitle: Hunde\ndate: 2022-03-01\ntags: [pets, dogs]\nauthor: wau\n---\n\nEin Hund bellt laut im Garten.\n"
MOON = "# 月亮\n\n月亮绕着地球转。\n\n## 问与答：\n\n- 月亮绕着什么转？\n  - 答：月亮绕着地球转。\n"
SIZE = 4
Open = Callable[[], Truth]


@pytest.fixture(params=["sqlite", "postgres"])
def open_truth(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open one and the same truth, again and again, as processes do."""
    opened: list[Truth] = []
    url = request.getfixturevalue("database_url") if request.param == "postgres" else None

    def another() -> Truth:
        opened.append(PostgresStore(Database(url)) if url else Store(tmp_path / "articles.sqlite3"))
        return opened[-1]

    yield another
    for one in opened:
        one.close()
        one.close()


@pytest.fixture
def empty(open_truth: Open) -> Truth:
    return open_truth()


@pytest.fixture
def folder(write: Callable[..., Path]) -> Path:
    return write(cats=CATS, hunde=HUNDE, moon=MOON)


@pytest.fixture
def truth(empty: Truth, folder: Path, embedder: SubjectEmbedder) -> Truth:
    Ingestor(empty, embedder).run([folder])
    return empty


def titles(truth: Truth, ids: list[str]) -> set[str]:
    return {stored.passage.title for stored in truth.load(ids)}


def chosen(truth: Truth, filters: Filters, *, include_qa: bool = True) -> list[str]:
    """The ids of the passages that a filter selects."""
    keys = truth.select(filters, include_qa=include_qa)
    assert keys is not None
    assert list(keys) == sorted(keys)
    return list(truth.ids(keys.tolist()).values())


def embedded(article: Article, *, seed: int = 1) -> list[EmbeddedChunk]:
    """Its passages, with vectors that mean nothing."""
    chance = np.random.default_rng(seed)
    return [
        EmbeddedChunk(one, chance.random(SIZE).astype(np.float32), chance.random((2, SIZE), dtype=np.float32), (0, -1))
        for one in chunk(article)
    ]


def article_of(path: Path) -> Article:
    (article,) = (one for one in read_articles(path, path.parent) if not isinstance(one, Unreadable))
    return article


def test_what_was_written_is_read_back_with_exact_offsets(truth: Truth) -> None:
    stored = truth.load(truth.passage_ids())
    assert {one.passage.lang for one in stored} == {"de", "en", "zh"}
    for one in stored:
        text = truth.text(one.passage.article_id)
        assert text is not None
        assert text[one.passage.start : one.passage.end] == one.passage.text
        assert one.tokens == tuple(tokens(one.passage.text, one.passage.lang))
        assert all(one.passage.start <= start < end <= one.passage.end for start, end in one.sentences)
        assert np.allclose(np.linalg.norm(one.units, axis=1), 1.0, atol=2e-3)
        assert len(one.unit_of) == len(one.units)


def test_characters_beyond_the_first_plane_count_as_one(empty: Truth, write: Callable[..., Path]) -> None:
    article = article_of(write(emoji="Die Katze 🐈 schläft tief. Der Hund 🐕‍🦺 bellt 𝔩𝔞𝔲𝔱.\n") / "emoji.md")
    empty.put(article, "/emoji.md", "/", "1", embedded(article))
    (stored,) = empty.load(empty.passage_ids())
    assert empty.text(article.id) == article.text
    assert stored.passage.text == article.text[stored.passage.start : stored.passage.end]
    assert empty.summaries()[0].characters == len(article.text)


def test_articles_are_listed_newest_first_and_undated_last(truth: Truth) -> None:
    listed = Listing(truth).read()
    assert [(one.title, one.tags, one.date) for one in listed] == [
        ("Hunde", ("pets", "dogs"), "2022-03-01"),
        ("Cats", ("pets",), "2020-01-05"),
        ("月亮", (), None),
    ]
    assert (listed[2].langs, listed[2].qa_pairs, listed[2].passages) == (("zh",), 1, 2)
    assert truth.summaries([listed[1].id, "none"]) == [listed[1]]
    assert truth.summaries([]) == []


def test_it_counts_what_it_holds(truth: Truth, folder: Path, embedder: SubjectEmbedder) -> None:
    assert (truth.count(), truth.refined(), truth.languages()) == ((3, 4), 0, {"de": 1, "en": 1, "zh": 2})
    stored = truth.load(truth.passage_ids())
    assert truth.mean_length() == pytest.approx(np.mean([len(one.tokens) for one in stored]))
    (folder / "moon.md").unlink()
    Ingestor(truth, embedder).run([folder])
    assert (truth.count(), truth.languages()) == ((2, 2), {"de": 1, "en": 1})


BRIDGE = (
    "The town of Lowmere opened its new harbour bridge on Monday after four years of work. The bridge is 640 metres "
    "long and has two lanes for bicycles. The ferry will keep running until the summer."
)


def outlet(name: str, *, linked: bool = False) -> str:
    link = f"url: https://{name}.example.org/\n" if linked else ""
    return f"---\ntitle: {name}\ndate: 2024-05-01\nauthor: {name}\n{link}---\n\n{BRIDGE}\n"


def same(truth: Truth) -> dict[str, set[str]]:
    """Which articles tell the same as which, by their titles."""
    listed = truth.summaries()
    names = {one.id: one.title for one in listed}
    assert all((one.story is None) == (not one.same_as) for one in listed)
    assert all(set(truth.same_as(one.id)) == set(one.same_as) for one in listed)
    return {one.title: {names[other] for other in one.same_as} for one in listed}


def test_files_that_tell_the_same_are_linked_until_one_goes(
    empty: Truth, write: Callable[..., Path], embedder: SubjectEmbedder
) -> None:
    folder = write(Aster=outlet("Aster"), Birke=outlet("Birke"), Zeder=outlet("Zeder"), cats=CATS)
    report = Ingestor(empty, embedder).run([folder])
    assert report.duplicates == 2
    assert same(empty) == {
        "Aster": {"Birke", "Zeder"},
        "Birke": {"Aster", "Zeder"},
        "Zeder": {"Aster", "Birke"},
        "Cats": set(),
    }
    of = empty.stories_of(empty.passage_ids())
    assert titles(empty, list(of)) == {"Aster", "Birke", "Zeder"}
    assert len({story for story, _ in of.values()}) == 1
    assert {article for _, article in of.values()} == {one.id for one in empty.summaries() if one.same_as}
    (folder / "Aster.md").unlink()
    (folder / "Birke.md").write_text(CATS.replace("Cats", "Birke").replace("sleeps", "plays"), encoding="utf-8")
    Ingestor(empty, embedder).run([folder])
    assert same(empty) == {"Birke": set(), "Zeder": set(), "Cats": set()}


def test_what_others_tell_again_comes_with_a_link_first_within_the_filters(
    empty: Truth, write: Callable[..., Path], embedder: SubjectEmbedder
) -> None:
    folder = write(Aster=outlet("Aster"), Birke=outlet("Birke"), Zeder=outlet("Zeder", linked=True), hunde=HUNDE)
    Ingestor(empty, embedder).run([folder])
    ids = {one.title: one.id for one in empty.summaries()}

    def retold(title: str, lang: Lang = "en", filters: Filters | None = None) -> list[tuple[str, str]]:
        found = empty.retold(ids[title], lang, filters or Filters(), include_qa=True)
        return [(one.title, one.text) for one in found]

    assert retold("Aster") == [("Zeder", BRIDGE), ("Birke", BRIDGE)]
    assert retold("Aster", filters=Filters(authors=("Birke",))) == [("Birke", BRIDGE)]
    assert (retold("Aster", "de"), retold("Hunde", "de"), empty.stories_of([])) == ([], [], {})


def test_how_the_last_ingest_ended_is_kept_for_all(empty: Truth, open_truth: Open) -> None:
    assert empty.last_ingest() is None
    for done in (LastIngest(1000.5, 2.5, 3), LastIngest(2000.5, 1.5, 0)):
        empty.note_ingest(done)
        assert open_truth().last_ingest() == done


def test_a_file_whose_reading_was_cut_off_passes_for_no_version_of_it(truth: Truth, folder: Path) -> None:
    article = article_of(folder / "moon.md")
    truth.put(article, str(folder / "moon.md"), str(folder), "1", embedded(article))
    (file,) = (one for one in truth.files() if one.path == str(folder / "moon.md"))
    assert (file.sha256, file.mtime_ns) == ("", 0)


def test_an_empty_one_answers_everything(empty: Truth) -> None:
    assert (empty.count(), empty.refined(), empty.mean_length(), empty.stamp()) == ((0, 0), 0, 1.0, None)
    assert (empty.summaries(), empty.files(), empty.known(), empty.languages()) == ([], [], [], {})
    assert (empty.load(["none"]), empty.text("none"), empty.unrefined(5), empty.passage_ids()) == ([], None, [], set())
    assert empty.vectors()[0] == empty.vectors(["none"])[0] == empty.refined_vectors()[0] == []
    assert empty.lexical(["cat"], 5) == []


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
def test_a_filter_selects_the_passages_that_fit_all_of_it(truth: Truth, filters: Filters, expected: set[str]) -> None:
    assert titles(truth, chosen(truth, filters)) == expected


def test_pairs_are_left_out_on_request(truth: Truth) -> None:
    assert truth.select(Filters(), include_qa=True) is None
    kept = truth.load(chosen(truth, Filters(), include_qa=False))
    assert {stored.passage.kind for stored in kept} == {"body"}


@pytest.mark.parametrize(
    ("asked", "lang", "title"),
    [("sleeping", "en", "Cats"), ("Gärten", "de", "Hunde"), ("地球", "zh", "月亮"), ("绕", "zh", "月亮")],
)
def test_words_are_found_in_each_language(truth: Truth, asked: str, lang: Lang, title: str) -> None:
    assert titles(truth, truth.lexical(tokens(asked, lang), 1)) == {title}


def test_words_are_found_among_a_selection_alone(truth: Truth) -> None:
    body = truth.select(Filters(lang=("zh",)), include_qa=False)
    assert len(truth.lexical(["地球"], 5)) == 2
    assert len(truth.lexical(["地球"], 5, body)) == 1
    assert truth.lexical(["地球"], 5, np.zeros(0, dtype=np.int64)) == []


def test_words_that_look_like_query_syntax_are_only_words(truth: Truth) -> None:
    assert truth.lexical(["AND", "NEAR(", "*", "^q", "%", "{}", "'"], 5) == []
    assert truth.lexical([], 5) == []


def test_the_document_frequency_counts_passages(truth: Truth, folder: Path, embedder: SubjectEmbedder) -> None:
    assert truth.document_frequency(["地球", "cat", "tesla"]) == {"地球": 2, "cat": 1}
    (folder / "moon.md").unlink()
    Ingestor(truth, embedder).run([folder])
    assert truth.document_frequency(["地球", "cat"]) == {"cat": 1}


def test_a_changed_article_takes_the_place_of_what_was_there(
    truth: Truth, folder: Path, embedder: SubjectEmbedder
) -> None:
    before = truth.count()
    (folder / "cats.md").write_text(CATS.replace("sleeps", "hunts"), encoding="utf-8")
    Ingestor(truth, embedder).run([folder])
    assert truth.count() == before
    assert truth.lexical(["sleep"], 5) == []
    assert titles(truth, truth.lexical(["hunt"], 5)) == {"Cats"}


def test_a_file_that_moved_keeps_its_articles(truth: Truth, folder: Path) -> None:
    (cats,) = truth.known(path=str(folder / "cats.md"))
    truth.move(cats.path, "/elsewhere/cats.md", "/elsewhere")
    assert truth.known(path="/elsewhere/cats.md")[0].id == cats.id
    assert truth.known(article_id=cats.id)[0].path == "/elsewhere/cats.md"
    assert truth.known(path=cats.path) == []
    assert {file.path for file in truth.files() if not file.sha256} == {"/elsewhere/cats.md"}


def test_what_is_forgotten_or_no_longer_in_its_file_leaves_nothing_behind(truth: Truth, folder: Path) -> None:
    (cats,), (moon,) = truth.known(path=str(folder / "cats.md")), truth.known(path=str(folder / "moon.md"))
    truth.forget([cats.path])
    settled = KnownFile(moon.path, str(folder), 1, 2, 3, "4", "5", "failed", "why")
    truth.settle(settled, [moon.id])
    assert (truth.count(), truth.text(cats.id), truth.known(article_id=moon.id)) == ((1, 1), None, [])
    assert truth.lexical(["cat", "地球"], 5) == []
    assert [file for file in truth.files() if file.path == moon.path] == [settled]
    assert cats.path not in {file.path for file in truth.files()}


def test_every_change_raises_the_revision_and_reading_does_not(truth: Truth, folder: Path) -> None:
    seen = [truth.revision()]
    truth.refine({next(iter(truth.passage_ids())): fine_of(truth)})
    seen.append(truth.revision())
    truth.forget([str(folder / "cats.md")])
    seen.append(truth.revision())
    truth.clear()
    seen.append(truth.revision())
    assert seen == sorted(set(seen))
    truth.summaries()
    assert truth.revision() == seen[-1]


def fine_of(truth: Truth, like: str | None = None) -> Refined:
    stored = truth.load([like or next(iter(truth.passage_ids()))])[0]
    units, sentences = len(stored.units), len(stored.sentences)
    rows = np.arange((1 + units + sentences) * SIZE, dtype=np.float32).reshape(-1, SIZE)
    return Refined(rows[0], rows[1 : 1 + units], rows[1 + units :])


def test_a_second_reading_is_kept_until_another_encoder_comes(truth: Truth) -> None:
    truth.expect_refiner("first")
    ids = truth.passage_ids()
    fine = {passage_id: fine_of(truth, passage_id) for passage_id in ids}
    truth.refine(fine | {"gone": fine_of(truth)})
    truth.refine(fine)  # twice counts once
    assert (truth.refined(), truth.unrefined(9)) == (4, [])
    for stored in truth.load(ids):
        assert stored.refined is not None
        assert np.array_equal(stored.refined.units, fine[stored.passage.passage_id].units)
        assert np.array_equal(stored.refined.sentences, fine[stored.passage.passage_id].sentences)
    found, matrix = truth.refined_vectors()
    assert (set(found), matrix.tolist()) == (ids, [[0, 1, 2, 3]] * 4)
    truth.expect_refiner("first")
    assert truth.refined() == 4
    truth.expect_refiner("second")
    assert (truth.refined(), len(truth.unrefined(3))) == (0, 3)


def test_changes_are_told_since_any_point_of_the_same_era(truth: Truth, folder: Path) -> None:
    start, contents = truth.mark(), truth.contents()
    (cats,) = truth.known(path=str(folder / "cats.md"))
    gone = truth.passage_ids(cats.id)
    truth.forget([cats.path])
    (folder / "more.md").write_text("A dog sleeps in the garden.\n", encoding="utf-8")
    article = article_of(folder / "more.md")
    truth.put(article, "/more.md", "/", "1", embedded(article))
    told = truth.changed(start)
    assert told is not None
    assert told == (truth.mark(), truth.passage_ids(article.id), gone)
    assert truth.contents() != contents
    contents, middle = truth.contents(), truth.mark()
    truth.refine({passage_id: fine_of(truth, passage_id) for passage_id in truth.passage_ids(article.id)})
    assert truth.contents() == contents
    assert truth.changed(middle) == (truth.mark(), set(), set())  # a second reading is no other passage
    with truth.codes("fine", middle) as (now, reached, blocks):
        rows = [row for block in blocks for row in block]
    assert (now, reached, len(rows)) == (truth.mark(), middle, 1)
    assert truth.ids([rows[0][0]]).keys() == {rows[0][0]}
    assert rows[0][1] is not None
    truth.clear()
    assert truth.changed(middle) is None
    with truth.codes("fine", middle) as (_, reached, blocks):
        assert (reached, list(blocks)) == (None, [])


def test_a_search_in_memory_follows_what_is_written(
    truth: Truth, open_truth: Open, folder: Path, embedder: SubjectEmbedder
) -> None:
    index = FlatIndex(open_truth())
    found = [passage_id for passage_id, _ in index.search(embed_question(embedder, "ein Hund"), 1)]
    assert titles(truth, found) == {"Hunde"}
    (folder / "money.md").write_text("Money is counted in dollar and cent.\n", encoding="utf-8")
    (folder / "hunde.md").unlink()
    Ingestor(truth, embedder).run([folder])
    found = [passage_id for passage_id, _ in index.search(embed_question(embedder, "much money"), 1)]
    assert titles(truth, found) == {"money"}
    every = [passage_id for passage_id, _ in index.search(embed_question(embedder, "ein Hund"), 9)]
    assert set(every) == truth.passage_ids()


def test_vectors_come_with_their_ids(truth: Truth) -> None:
    ids, matrix = truth.vectors()
    assert set(ids) == truth.passage_ids()
    own = {stored.passage.passage_id: stored.vector.tolist() for stored in truth.load(ids)}
    assert dict(zip(ids, matrix.tolist(), strict=True)) == own
    some, rows = truth.vectors([ids[2], "gone"])
    assert (some, rows.tolist()) == ([ids[2]], [own[ids[2]]])


def test_an_index_made_by_another_embedder_says_what_to_run(truth: Truth, embedder: SubjectEmbedder) -> None:
    truth.check_stamp(stamp_of(embedder))
    with pytest.raises(IndexMismatchError, match=r"embedder 'subjects', now 'other'.*ingest\.py --rebuild"):
        truth.check_stamp({**stamp_of(embedder), "embedder": "other"})
    truth.clear()
    truth.check_stamp({**stamp_of(embedder), "embedder": "other"})
    assert truth.count() == (0, 0)


def test_another_process_sees_what_the_first_wrote(truth: Truth, open_truth: Open, folder: Path) -> None:
    other = open_truth()
    assert (other.count(), other.stamp()) == (truth.count(), truth.stamp())
    truth.forget([str(folder / "cats.md")])
    assert (other.count(), other.revision()) == (truth.count(), truth.revision())


def test_an_article_that_fails_half_way_leaves_the_old_version(truth: Truth, folder: Path) -> None:
    before = (truth.summaries(), truth.revision(), truth.count(), truth.document_frequency(["cat", "hunt", "dog"]))
    (folder / "cats.md").write_text(CATS.replace("A cat", "A dog"), encoding="utf-8")
    article = article_of(folder / "cats.md")
    twice = embedded(article) * 2  # one id two times
    with pytest.raises(Exception, match=r"(?i)unique"):
        truth.put(article, str(folder / "cats.md"), str(folder), "2", twice)
    after = (truth.summaries(), truth.revision(), truth.count(), truth.document_frequency(["cat", "hunt", "dog"]))
    assert after == before
    assert titles(truth, truth.lexical(["cat"], 5)) == {"Cats"}


def test_readers_are_not_blocked_by_writers_and_see_whole_articles(
    truth: Truth, open_truth: Open, folder: Path
) -> None:
    article = article_of(folder / "moon.md")
    stop, failed = threading.Event(), list[BaseException]()
    seen = set[int]()

    def read(reader: Truth) -> None:
        try:
            while not stop.is_set():
                seen.add(len(reader.load(reader.passage_ids(article.id))))
                reader.lexical(["地球"], 5)
                chosen(reader, Filters(article_ids=(article.id,)))
        except BaseException as error:  # noqa: BLE001  whatever it is, the test says so
            failed.append(error)

    readers = [threading.Thread(target=read, args=(open_truth(),)) for _ in range(2)]
    for reader in readers:
        reader.start()
    for round_ in range(8):
        truth.put(article, str(folder / "moon.md"), str(folder), str(round_), embedded(article, seed=round_))
    until(lambda: seen or failed)
    stop.set()
    for reader in readers:
        reader.join()
    assert (failed, seen) == ([], {2})


def test_two_writers_take_turns(empty: Truth, open_truth: Open, folder: Path) -> None:
    paths = sorted(folder.iterdir())

    def write_all(truth: Truth) -> None:
        for path in paths * 3:
            article = article_of(path)
            truth.put(article, str(path), str(folder), "1", embedded(article))

    writers = [threading.Thread(target=write_all, args=(one,)) for one in (empty, open_truth())]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (empty.count(), empty.languages()) == ((3, 4), {"de": 1, "en": 1, "zh": 2})
    assert empty.document_frequency(["地球", "cat"]) == {"地球": 2, "cat": 1}


QUESTIONS = (
    "Wie lang ist der Gotthard-Basistunnel und wann wurde er eröffnet?",
    "Which drug did Tu Youyou find, and what does it cure?",
    "屠呦呦因为什么获得诺贝尔奖？",
    "How fast did Kelvin Kiptum run the marathon in Chicago?",
)


def test_both_find_the_same_first_passages_by_words(tmp_path: Path, postgres: Postgres) -> None:
    lite, large = Store(tmp_path / "articles.sqlite3"), PostgresStore(Database(postgres.url()))
    for path in sorted(SAMPLES.glob("*.md"))[:20]:
        article = article_of(path)
        for truth in (lite, large):
            truth.put(article, path.name, "", "1", embedded(article))
    assert (lite.count(), lite.mean_length()) == (large.count(), large.mean_length())
    for question in QUESTIONS:
        asked = list(dict.fromkeys(content_tokens(question, identify(question)[0])))
        assert large.document_frequency(asked) == lite.document_frequency(asked)
        mine, theirs = large.lexical(asked, 30), lite.lexical(asked, 30)
        assert len(mine) == len(theirs) > 3
        assert mine == theirs
    lite.close()
    large.close()


# --- The list in memory --------------------------------------------------------------------------------------


def read_counting(listing: Listing, truth: Truth, monkeypatch: pytest.MonkeyPatch) -> tuple[list[ArticleSummary], int]:
    """The list, and how many articles were read for it."""
    read: list[int] = []
    real = truth.summaries

    def counted(ids: Iterable[str] | None = None) -> list[ArticleSummary]:
        found = real(ids)
        read.append(len(found))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(truth, "summaries", counted)
        return listing.read(), sum(read)


def test_the_list_reads_what_changed_and_nothing_else(
    truth: Truth, open_truth: Open, folder: Path, embedder: SubjectEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, listing = open_truth(), Listing(truth)  # another process writes
    assert read_counting(listing, truth, monkeypatch)[1] == 3
    assert read_counting(listing, truth, monkeypatch)[1] == 0
    (folder / "cats.md").write_text(CATS.replace("tag: pets", "tag: beasts"), encoding="utf-8")
    (folder / "hunde.md").unlink()
    (folder / "new.md").write_text("# Mars\n\nMars is red.\n", encoding="utf-8")
    Ingestor(other, embedder).run([folder])
    listed, read = read_counting(listing, truth, monkeypatch)
    assert [(one.title, one.tags) for one in listed] == [("Cats", ("beasts",)), ("Mars", ()), ("月亮", ())]
    assert read == 2
    other.refine({passage_id: fine_of(other, passage_id) for passage_id in other.passage_ids()})
    assert read_counting(listing, truth, monkeypatch) == (listed, 0)
    other.clear()
    assert listing.read() == []


TOLD = (
    *(BRIDGE, BRIDGE.replace("four years", "five years"), BRIDGE + " So the mayor says."),
    *("A cat sleeps all day long.", "Ein Hund bellt laut im Garten.", "月亮绕着地球转。"),
)


@pytest.mark.parametrize("seed", range(8))
def test_the_list_is_what_the_tables_say_whatever_came_and_went(
    empty: Truth, write: Callable[..., Path], embedder: SubjectEmbedder, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    if seed % 2:  # more tell the same than one of them names
        monkeypatch.setattr(store, "MOST_SAME", 1)
        monkeypatch.setattr(postgres, "MOST_SAME", 1)
    chance, folder, listing = random.Random(seed), write(), Listing(empty)
    linked = 0
    for step in range(12):
        for _ in range(chance.randrange(1, 4)):
            path = folder / f"{chance.randrange(7)}.md"
            if chance.random() < 0.3:
                path.unlink(missing_ok=True)
            else:
                path.write_text(f"---\ntitle: {step}\n---\n\n{chance.choice(TOLD)}", encoding="utf-8")
        Ingestor(empty, embedder).run([folder])
        assert listing.read() == in_order(empty.summaries())
        linked += any(one.same_as for one in listing.read())
    assert linked  # some told the same
