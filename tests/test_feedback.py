"""Answers and what people said of them: kept, bounded, and never in the way of an answer."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import settings_for
from web_fakes import make_answer, make_refusal

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.errors import FeedbackError, UnknownAnswerError
from rag.storage.feedback import FeedbackStore, Kept, Rating
from rag.types import Answer, Usage

SETTINGS = {"embed_model": "subjects", "version": "0.1.0"}
NOON = datetime(2026, 5, 21, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "feedback.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[FeedbackStore]:
    """A store that keeps three unrated answers, and in which every rating comes a minute after the one before."""
    minutes = iter(range(1000))
    opened = FeedbackStore(path, keep=3, now=lambda: NOON + timedelta(minutes=next(minutes)))
    yield opened
    opened.close()


def record(store: FeedbackStore, *ids: str) -> None:
    for answer_id in ids:
        store.record(make_answer(id=answer_id), SETTINGS)


def kept(store: FeedbackStore, *ids: str) -> list[str]:
    """Which of these answers can be rated."""
    found = []
    for answer_id in ids:
        try:
            store.rate(Rating(answer_id, "up"))
        except UnknownAnswerError:
            continue
        found.append(answer_id)
    return found


# --- What is kept -------------------------------------------------------------------------------------------


def test_a_rating_comes_back_with_its_answer_and_settings(store: FeedbackStore) -> None:
    answer = make_answer(id="a1")
    store.record(answer, SETTINGS)
    store.rate(Rating("a1", "down", "zu kurz", "Sie fraß drei Mäuse."))
    [rated] = store.rated()
    assert (rated.rating, rated.comment, rated.correct_answer) == ("down", "zu kurz", "Sie fraß drei Mäuse.")
    assert rated.when == "2026-05-21T12:00:00.000+00:00"
    assert rated.settings == SETTINGS
    assert rated.answer["question"] == "Was fraß die Katze?"
    assert rated.answer["citations"][0]["quote"] == "Die Katze **fraß** 3 Mäuse."
    assert rated.answer["passage_ids"] == ["p1"]
    assert "passages" not in rated.answer


def test_ratings_come_oldest_first(store: FeedbackStore) -> None:
    record(store, "a1", "a2", "a3")
    for answer_id in ("a3", "a1", "a2"):
        store.rate(Rating(answer_id, "up"))
    assert [rated.answer["id"] for rated in store.rated()] == ["a3", "a1", "a2"]


def test_rating_again_replaces_what_was_said(store: FeedbackStore) -> None:
    record(store, "a1")
    store.rate(Rating("a1", "down", "wrong", "3"))
    store.rate(Rating("a1", "up"))
    [rated] = store.rated()
    assert (rated.rating, rated.comment, rated.correct_answer) == ("up", None, None)
    assert rated.when == "2026-05-21T12:01:00.000+00:00"


def test_an_unknown_answer_is_named_with_the_remedy(store: FeedbackStore) -> None:
    record(store, "a1")
    with pytest.raises(UnknownAnswerError, match=r"no answer 'a2' is kept; .* newest 3 .* Ask again"):
        store.rate(Rating("a2", "up"))
    assert store.rated() == []


def test_what_was_kept_outlives_the_process(store: FeedbackStore, path: Path) -> None:
    record(store, "a1", "a2")
    store.rate(Rating("a1", "up"))
    store.close()
    again = FeedbackStore(path)
    again.rate(Rating("a2", "down"))
    assert [rated.rating for rated in again.rated()] == ["up", "down"]
    again.close()


@pytest.mark.parametrize(
    "text",
    [
        "57 Kilometer; „länger“ als jeder andere – größer",
        "是东晋医家葛洪的《肘后备急方》",
        "It’s 72 hours",
        "\ud800 half",
        "a\0b",
        "",
        "'; DROP TABLE answers; --",
        "🦉" * 2000,
    ],
    ids=["de", "zh", "en", "surrogate", "NUL", "empty", "sql", "long"],
)
def test_any_text_comes_back_as_it_was(store: FeedbackStore, text: str) -> None:
    store.record(make_answer(text, id=text, model=text), {"embed_model": text})
    store.rate(Rating(text, "down", text, text))
    [rated] = store.rated()
    assert (rated.comment, rated.correct_answer) == (text, text)
    assert (rated.answer["id"], rated.answer["question"], rated.answer["model"]) == (text, text, text)
    assert rated.settings == {"embed_model": text}


# --- Opened again ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["Was fraß die „Katze“?", "猫吃了什么？", "What’s \0 that? 🦉"], ids=["de", "zh", "en"]
)
def test_an_answer_is_kept_as_it_was_given_rated_or_not_and_outlives_the_process(
    store: FeedbackStore, path: Path, text: str
) -> None:
    answer = make_answer(text, note=text, standalone_question=text, usage=Usage(2, 10, 5, 0.25), confidence=0.1 + 0.2)
    store.record(answer, SETTINGS)
    given = Kept(replace(answer, passages=()), {"p1": 0.5})
    assert store.kept("a1") == given
    store.rate(Rating("a1", "down", "no"))
    assert store.kept("a1") == given
    store.close()
    again = FeedbackStore(path)
    assert again.kept("a1") == given
    again.close()


@pytest.mark.parametrize("answer_id", ["a2", "", "没有", "\0", "\ud800", "'; --"])
def test_an_answer_that_nobody_gave_is_not_kept(store: FeedbackStore, answer_id: str) -> None:
    record(store, "a1")
    assert store.kept(answer_id) is None


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the record of the one answer, as another version would have written it."""
    with sqlite3.connect(path) as db:
        values = json.loads(db.execute("SELECT answer FROM answers").fetchone()[0])
        change(values)
        db.execute("UPDATE answers SET answer = ?", (json.dumps(values),))
    db.close()


def test_an_answer_of_another_version_can_be_opened(store: FeedbackStore, path: Path) -> None:
    record(store, "a1")

    def older(values: dict[str, Any]) -> None:
        for newer in ("passage_scores", "usage", "note", "standalone_question", "timings_ms"):
            del values[newer]
        values["mood"] = "of a version to come"

    rewrite(path, older)
    assert store.kept("a1") == Kept(replace(make_answer(), passages=(), timings_ms={}), {"p1": 0.0})


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.pop("question"),
        lambda values: values.update(question_lang="fr"),
        lambda values: values.update(answered="yes"),
        lambda values: values["citations"][0].pop("quote"),
        lambda values: values.update(passage_ids=None),
    ],
    ids=["no question", "another language", "no boolean", "no quote", "no passages"],
)
def test_a_record_that_cannot_be_read_is_none_and_costs_a_warning(
    store: FeedbackStore, path: Path, caplog: pytest.LogCaptureFixture, change: Callable[[dict[str, Any]], object]
) -> None:
    record(store, "a1")
    rewrite(path, change)
    assert store.kept("a1") is None
    assert "a1" in caplog.text


# --- Bounds -------------------------------------------------------------------------------------------------


def test_only_the_newest_unrated_answers_are_kept(store: FeedbackStore) -> None:
    record(store, "a1", "a2", "a3", "a4", "a5")
    assert kept(store, "a1", "a2", "a3", "a4", "a5") == ["a3", "a4", "a5"]


def test_a_rated_answer_is_kept_for_good_and_takes_no_place(store: FeedbackStore) -> None:
    record(store, "a1", "a2")
    store.rate(Rating("a1", "up"))
    record(store, "a3", "a4")
    assert kept(store, "a2", "a3", "a4") == ["a2", "a3", "a4"]
    record(store, "b1", "b2", "b3", "b4")
    assert kept(store, "a1", "b1", "b2") == ["a1", "b2"]


# --- Threads and faults -------------------------------------------------------------------------------------


def test_many_threads_may_record_and_rate_at_once(path: Path) -> None:
    store = FeedbackStore(path)

    def work(name: str) -> None:
        for number in range(20):
            record(store, f"{name}{number}")
            store.rate(Rating(f"{name}{number}", "up"))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.rated()) == 160
    store.close()


def broken_text(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("This is no database. " * 1000, encoding="utf-8")


def broken_folder(path: Path) -> None:
    path.parent.write_text("a file where the folder should be", encoding="utf-8")


def is_a_folder(path: Path) -> None:
    path.mkdir(parents=True)


@pytest.mark.parametrize("spoil", [broken_folder, is_a_folder])
def test_a_file_that_cannot_be_used_costs_one_warning_and_ratings_say_so(
    path: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None]
) -> None:
    spoil(path)
    store = FeedbackStore(path)
    with caplog.at_level(logging.WARNING):
        record(store, "a1", "a2", "a3")
    [warning] = caplog.records
    assert str(path) in warning.getMessage()
    for use in (lambda: store.rate(Rating("a1", "up")), store.rated):
        with pytest.raises(FeedbackError, match=r"feedback\.sqlite3 cannot be used: .* move it away"):
            use()
    store.close()


def test_a_file_that_another_program_holds_stops_no_answer(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.storage.feedback.PATIENCE", 0.01)
    store = FeedbackStore(path)
    record(store, "a1")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    record(store, "a2")
    with pytest.raises(FeedbackError, match="locked"):
        store.rate(Rating("a1", "up"))
    holder.execute("ROLLBACK")
    holder.close()
    assert kept(store, "a1", "a2") == ["a1"]
    assert len(caplog.records) == 1
    store.close()


def test_a_file_that_works_again_is_used_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    is_a_folder(path)
    store = FeedbackStore(path)
    record(store, "a1")
    path.rmdir()
    record(store, "a2")
    assert kept(store, "a1", "a2") == ["a2"]
    store.close()
    record(store, "a3")
    assert len(caplog.records) == 2


def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken_text(path)
    store = FeedbackStore(path)
    record(store, "a1")
    assert kept(store, "a1") == ["a1"]
    store.close()
    aside = path.with_name("feedback.sqlite3.damaged-1")
    assert aside.read_text(encoding="utf-8").startswith("This is no database.")
    assert str(aside) in caplog.text
    assert [record.levelname for record in caplog.records] == ["ERROR"]


# --- The assistant ------------------------------------------------------------------------------------------


def test_the_assistant_keeps_every_answer_apart_from_the_index(tmp_path: Path, write: Callable[..., Path]) -> None:
    folder = write(cats="# Von Katzen\n\nDie Katze fraß am Montag drei Mäuse im Garten.\n")
    settings = settings_for(tmp_path / "data")
    run_ingest(settings, [folder])
    assistant = open_assistant(settings)
    answer = assistant.ask("Was fraß die Katze am Montag?")
    nothing_asked = assistant.ask("?!")
    refused = assistant.ask("月亮有多远？")
    assistant.rate(answer.id, "up")
    assistant.rate(nothing_asked.id, "down", comment="a riddle")
    assistant.rate(refused.id, "up")
    with pytest.raises(UnknownAnswerError):
        assistant.rate("no such id", "up")
    assistant.close()

    run_ingest(settings, [folder], rebuild=True)
    store = FeedbackStore(tmp_path / "data" / "feedback.sqlite3")
    first, second, third = store.rated()
    store.close()
    assert first.answer["answered"] is True
    assert first.answer["passage_ids"] == [passage.passage_id for passage in answer.passages] != []
    assert first.settings["embed_model"] == "use-multilingual-v3+multilingual-e5-small"
    assert set(first.settings) == {"embed_model", "answerer", "model", "version"}
    assert second.answer["refusal"]["reason"] == "question_empty"
    assert third.answer["answered"] is False


def test_an_answer_is_given_although_it_cannot_be_kept(tmp_path: Path, write: Callable[..., Path]) -> None:
    folder = write(cats="# Von Katzen\n\nDie Katze fraß am Montag drei Mäuse im Garten.\n")
    settings = settings_for(tmp_path / "data")
    run_ingest(settings, [folder])
    (tmp_path / "data" / "feedback.sqlite3").mkdir()
    assistant = open_assistant(settings)
    answer: Answer = assistant.ask("Was fraß die Katze am Montag?")
    assert answer.answered
    with pytest.raises(FeedbackError):
        assistant.rate(answer.id, "up")
    assistant.close()


def test_an_answer_that_was_given_before_is_the_one_that_was_given(tmp_path: Path, write: Callable[..., Path]) -> None:
    cats = "# Von Katzen\n\nDie Katze fraß am Montag drei Mäuse im Garten.\n"
    moon = "# 月亮\n\n月亮每年离地球远三厘米多。\n"
    settings = settings_for(tmp_path / "data", embed_model="local-fast")
    folder = write(cats=cats, moon=moon)
    run_ingest(settings, [folder])
    assistant = open_assistant(settings)
    questions = ("Was fraß die Katze am Montag?", "月亮每年离地球远多少？", "Who won the match?", "?!")
    given = [assistant.ask(question) for question in questions]
    assert [answer.answered for answer in given] == [True, True, False, False]
    assistant.rate(given[0].id, "up")
    assert [assistant.recall(answer.id) for answer in given] == given
    assert assistant.recall("no such id") is None
    assistant.close()

    (folder / "cats.md").write_text(cats.replace("drei", "vier"), encoding="utf-8")
    run_ingest(settings, [folder])
    again = open_assistant(settings)
    first, second = again.recall(given[0].id), again.recall(given[1].id)
    assert first is not None
    assert second is not None
    assert first.citations == given[0].citations  # with the words that it rested on, though they are gone
    assert {passage.title for passage in (*first.passages, *second.passages)} == {"月亮"}
    again.close()


def test_a_file_of_answers_that_cannot_be_read_is_told(path: Path) -> None:
    is_a_folder(path)
    with pytest.raises(FeedbackError):
        FeedbackStore(path).kept("a1")


def test_a_refusal_can_be_rated_too(store: FeedbackStore) -> None:
    store.record(make_refusal("The weather?"), SETTINGS)
    store.rate(Rating("r1", "up"))
    assert store.rated()[0].answer["refusal"]["reason"] == "no_evidence"
