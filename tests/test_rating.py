"""What people say of an answer in the bar under it, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from talk_fakes import Desk, reader
from web_fakes import HandMadeAssistant

from rag.storage.feedback import FeedbackStore
from rag.types import LANGS, Lang
from rag.web.rating import Rater, RatingBar
from rag.web.schemas import MAX_SAID_CHARS
from rag.web.strings import TEXTS


class Bar:
    """The bar under one answer, as someone uses it."""

    def __init__(self, store: FeedbackStore) -> None:
        self.store = store
        self.assistant = HandMadeAssistant(feedback=store)
        desk = Desk(self.assistant)
        answer = desk.after("Was fraß die Katze?").entries[0].answer
        assert answer is not None
        self.answer_id = answer.id
        self.parts: RatingBar = desk.parts.rating
        self.rater = Rater(self.assistant)

    def up(self, lang: Lang = "en") -> dict[Any, Any]:
        return self._named(self.rater.up(self.answer_id, reader(lang)))

    def down(self, lang: Lang = "en") -> dict[Any, Any]:
        return self._named(self.rater.down(self.answer_id, reader(lang)))

    def say(self, verdict: Any, correct: str, comment: str, lang: Lang = "en") -> dict[Any, Any]:
        return self._named(self.rater.say(self.answer_id, verdict, correct, comment, reader(lang)))

    def kept(self) -> list[tuple[str, str | None, str | None]]:
        """Verdict, right answer and comment of each answer that was rated."""
        return [(rated.rating, rated.correct_answer, rated.comment) for rated in self.store.rated()]

    def _named(self, values: tuple[Any, ...]) -> dict[Any, Any]:
        return dict(zip(self.parts.outputs, values, strict=True))


@pytest.fixture
def bar(tmp_path: Path) -> Iterator[Bar]:
    store = FeedbackStore(tmp_path / "feedback.sqlite3")
    yield Bar(store)
    store.close()


@pytest.mark.parametrize("lang", LANGS)
def test_a_verdict_is_kept_at_once_and_more_may_be_said(bar: Bar, lang: Lang) -> None:
    right = bar.up(lang)
    assert bar.kept() == [("up", None, None)]
    assert TEXTS[lang]["thanks"] in right[bar.parts.told]
    assert right[bar.parts.more]["visible"] is True
    assert right[bar.parts.correct]["visible"] is False  # what is right is known
    wrong = bar.down(lang)
    assert bar.kept() == [("down", None, None)]
    assert wrong[bar.parts.more]["visible"] is True
    assert wrong[bar.parts.correct]["visible"] is True
    assert (wrong[bar.parts.up]["elem_classes"], wrong[bar.parts.down]["elem_classes"]) == ([], ["chosen"])


@pytest.mark.parametrize(
    ("verdict", "correct", "comment", "kept"),
    [
        ("down", "Drei Mäuse.", "", ("down", "Drei Mäuse.", None)),
        ("down", "", "语气不对 🐈", ("down", None, "语气不对 🐈")),
        ("down", " Drei Mäuse.\n", "  Too short. ", ("down", "Drei Mäuse.", "Too short.")),
        ("down", " \t\n", "x", ("down", None, "x")),
        ("up", "", "Schön kurz.", ("up", None, "Schön kurz.")),
        ("up", "", "<b>x</b>\n\x00", ("up", None, "<b>x</b>\n\x00")),
        ("down", "猫" * MAX_SAID_CHARS, "x" * MAX_SAID_CHARS, ("down", "猫" * MAX_SAID_CHARS, "x" * MAX_SAID_CHARS)),
    ],
)
def test_what_is_said_is_kept_with_its_verdict(bar: Bar, verdict: str, correct: str, comment: str, kept: Any) -> None:
    changes = bar.say(verdict, correct, comment)
    assert bar.kept() == [kept]
    assert changes[bar.parts.chosen] == verdict
    assert changes[bar.parts.more]["visible"] is False  # it was said
    assert (changes[bar.parts.correct]["value"], changes[bar.parts.comment]["value"]) == ("", "")
    assert "Thank you." in changes[bar.parts.told]


@pytest.mark.parametrize(
    ("verdict", "correct", "comment"),
    [
        ("down", "", ""),
        ("up", "", ""),
        ("down", " \n", "\t\u3000"),
        (None, "Drei Mäuse.", "x"),
        ("down", "x" * (MAX_SAID_CHARS + 1), ""),
        ("down", "Drei Mäuse.", "x" * (MAX_SAID_CHARS + 1)),
        ("up", "", "猫" * (MAX_SAID_CHARS + 1)),
    ],
)
def test_what_cannot_be_kept_as_it_stands_changes_nothing(bar: Bar, verdict: Any, correct: str, comment: str) -> None:
    bar.down()
    changes = bar.say(verdict, correct, comment)
    assert bar.kept() == [("down", None, None)]
    assert all(change == {"__type__": "update"} for change in changes.values())


def test_a_second_thought_takes_the_place_of_the_first(bar: Bar) -> None:
    bar.say("down", "Drei Mäuse.", "x")
    bar.up()
    assert bar.kept() == [("up", None, None)]


@pytest.mark.parametrize("lang", LANGS)
def test_what_was_typed_stays_when_it_cannot_be_kept(bar: Bar, lang: Lang) -> None:
    bar.assistant._feedback = None
    changes = bar.say("down", "Drei Mäuse.", "x", lang)
    assert TEXTS[lang]["not_kept"] in changes[bar.parts.told]
    assert changes[bar.parts.more]["visible"] is True
    assert "value" not in changes[bar.parts.correct]
    assert "value" not in changes[bar.parts.comment]
    assert changes[bar.parts.chosen] == "down"  # it can be sent again


def test_a_verdict_that_cannot_be_kept_is_not_shown_as_chosen(bar: Bar) -> None:
    bar.assistant._feedback = None
    changes = bar.up()
    assert changes[bar.parts.chosen] is None
    assert changes[bar.parts.up]["elem_classes"] == []
    assert changes[bar.parts.more]["visible"] is False
    assert "could not be kept" in changes[bar.parts.told]


def test_an_answer_that_is_not_kept_cannot_be_rated(bar: Bar) -> None:
    changes = dict(zip(bar.parts.outputs, bar.rater.up("gone", reader()), strict=True))
    assert "could not be kept" in changes[bar.parts.told]
    assert bar.kept() == []


def test_a_bar_that_was_just_hidden_rates_nothing(bar: Bar) -> None:
    changes = dict(zip(bar.parts.outputs, bar.rater.down(None, reader()), strict=True))
    assert changes[bar.parts.bar]["visible"] is False
    assert bar.kept() == []
