"""What happens when someone asks, asks again, stops or starts anew, without a browser."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from talk_fakes import LIMIT, Desk, kept_in, reader
from web_fakes import SUGGESTED, HandMadeAssistant, make_answer, make_refusal

from rag.errors import LockedError
from rag.types import LANGS, Filters, Health, Lang, Turn
from rag.web.conversation import HISTORY, Conversation
from rag.web.entries import Entry, turns_of
from rag.web.gradio_setup import gr
from rag.web.strings import TEXTS

ANSWER = "Die Katze **fraß** 3 Mäuse.[1]"


@pytest.fixture
def desk() -> Desk:
    return Desk(HandMadeAssistant())


def questions(conversation: Conversation) -> list[str]:
    return [entry.question for entry in conversation.entries]


# --- What a conversation is ---------------------------------------------------------------------------------


def test_what_was_answered_and_refused_goes_with_the_next_question_and_nothing_else() -> None:
    entries = [
        Entry("Eins?", answer=make_answer("Eins?")),
        Entry("Zwei?", trouble="failed"),
        Entry("天气？", answer=replace(make_refusal("天气？", "zh"), answer="")),
        Entry("Drei?", trouble="stopped"),
    ]
    assert turns_of(entries) == (
        Turn("user", "Eins?"),
        Turn("assistant", ANSWER),
        Turn("user", "天气？"),
        Turn("assistant", "这些文章没有回答这个问题。"),
    )
    assert turns_of([]) == ()


@pytest.mark.parametrize(
    ("number", "left"), [(0, []), (1, []), (2, ["A?"]), (3, ["A?", "B?"]), (99, ["A?", "B?", "C?"])]
)
def test_the_conversation_before_a_question(number: int, left: list[str]) -> None:
    entries = [Entry("A?", answer=make_answer()), Entry("B?", trouble="failed"), Entry("C?", answer=make_answer())]
    before = Conversation.of(entries, "de").until(number, "de")
    assert questions(before) == left
    assert before == Conversation.of(entries[: len(left)], "de")


def test_words_of_the_page_are_not_kept_when_a_question_is_asked_anew() -> None:
    said = Conversation.of([Entry("A?", trouble="failed")], "en").say("assistant", "too long")
    assert "too long" in str(said.shown())
    assert "too long" not in str(said.until(2, "en").shown())


def test_an_anchor_names_the_latest_answer() -> None:
    told = Conversation.of([Entry("A?", answer=make_answer(id="a/1")), Entry("B?", trouble="failed")], "en")
    assert Conversation().anchor == "0-"
    assert told.until(2, "en").anchor == "1-a1"
    assert told.anchor == "2-"
    assert told.ask(Entry("C?")).anchor == "3-"


@pytest.mark.parametrize("lang", LANGS)
def test_each_answer_has_its_sources_under_its_own_number(lang: Lang) -> None:
    answers = [make_answer("A?", id="x"), make_answer("C?", id="z")]
    told = Conversation.of(
        [Entry("A?", answer=answers[0]), Entry("B?", trouble="failed"), Entry("C?", answer=answers[1])], lang
    )
    first, last = told.sources(lang)
    assert 'id="sources-1-x"' in first
    assert 'id="source-3-z-1"' in last
    assert TEXTS[lang]["sources"] in first
    links = "".join(message["content"] for message in told.shown())
    assert 'href="#source-1-x-1"' in links
    assert 'href="#source-3-z-1"' in links


def test_every_question_and_answer_can_be_acted_upon_by_its_number() -> None:
    told = Conversation.of([Entry("A?", answer=make_answer()), Entry("B?", trouble="failed")], "en").shown()
    assert 'id="asked-1"' in told[0]["content"]
    assert all(f'id="{act}-1"' in told[1]["content"] for act in ("copy", "link", "edit", "again"))
    assert all(f'id="{act}-2"' in told[3]["content"] for act in ("edit", "again"))
    assert 'id="copy-2"' not in told[3]["content"]  # there is nothing to copy


# --- Asking -------------------------------------------------------------------------------------------------


def test_a_question_is_kept_at_once_and_its_answer_when_it_is_there(desk: Desk) -> None:
    filters = Filters(lang=("de",), article_ids=("cats",))
    first, *_, last = desk.reply("  Was fraß die Katze? ", filters=filters)
    parts = desk.parts
    begun = kept_in(first[parts.ledger])
    assert (begun["number"], begun["entry"]["trouble"], begun["entry"]["answer"]) == (1, "interrupted", None)
    ended = kept_in(last[parts.ledger])
    assert (ended["number"], ended["entry"]["trouble"], ended["entry"]["answer"]["id"]) == (1, None, "a1")
    assert ended["entry"]["question"] == "Was fraß die Katze?"
    assert ended["entry"]["filters"]["article_ids"] == ["cats"]
    assert [asked["filters"] for asked in desk.assistant.asked] == [filters]
    assert desk.ended(last[parts.conversation])[parts.rating.rated] == "a1"


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(("question", "trouble"), [("fail", "unavailable"), ("crash", "failed")])
def test_a_fault_is_kept_as_what_it_was_and_the_conversation_goes_on(
    desk: Desk, question: str, trouble: str, lang: Lang
) -> None:
    last = desk.reply(question, lang=lang)[-1]
    assert TEXTS[lang][trouble] in desk.shown(last)
    assert "secret" not in str(last)
    assert kept_in(last[desk.parts.ledger])["entry"]["trouble"] == trouble
    assert desk.ended(last[desk.parts.conversation])[desk.parts.rating.rated] is None
    following = desk.reply("Was fraß die Katze?", last[desk.parts.conversation], lang=lang)[-1]
    assert kept_in(following[desk.parts.ledger])["number"] == 2
    assert desk.assistant.asked[-1]["history"] == ()


@pytest.mark.parametrize("lang", LANGS)
def test_a_question_that_is_too_long_is_told_and_neither_asked_nor_kept(desk: Desk, lang: Lang) -> None:
    before = desk.after("Eins?")
    (only,) = desk.reply("猫" * (LIMIT + 1), before, at="1", lang=lang)
    assert "201" in desk.shown(only)
    assert "200" in desk.shown(only)
    assert [asked["question"] for asked in desk.assistant.asked] == ["Eins?"]
    assert only[desk.parts.conversation].entries == before.entries
    assert desk.parts.ledger not in only  # by which the page would know that it may empty the box


def test_as_many_characters_as_there_may_be_are_asked(desk: Desk) -> None:
    desk.reply("猫" * LIMIT)
    assert len(desk.assistant.asked) == 1


@pytest.mark.parametrize("question", ["", "  \n\t", "\u3000"])
def test_nothing_is_no_question(desk: Desk, question: str) -> None:
    (only,) = desk.reply(question, at="1")
    assert list(only.values()) == [gr.skip()]
    assert desk.assistant.asked == []


def test_only_so_much_of_a_conversation_goes_with_a_question(desk: Desk) -> None:
    entries = [Entry(f"{number}?", answer=make_answer()) for number in range(HISTORY)]
    desk.reply("Und dann?", Conversation.of(entries, "de"))
    history = desk.assistant.asked[-1]["history"]
    assert len(history) == HISTORY
    assert history[-2] == Turn("user", f"{HISTORY - 1}?")


# --- Asking anew --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "left", "history"), [("1", [], []), ("2", ["A?"], ["A?"]), ("3", ["A?", "B?"], ["A?", "B?"])]
)
def test_a_question_that_is_asked_anew_replaces_itself_and_what_followed(
    desk: Desk, at: str, left: list[str], history: list[str]
) -> None:
    before = desk.after("A?", "B?", "C?")
    steps = desk.reply("Neu?", before, at=at)
    last, parts = steps[-1], desk.parts
    assert questions(last[parts.conversation]) == [*left, "Neu?"]
    assert desk.asked(last) == [*left, "Neu?"]
    assert all(desk.asked(step) == [*left, "Neu?"] for step in steps)
    assert last[parts.conversation].entries[: len(left)] == before.entries[: len(left)]
    assert kept_in(last[parts.ledger])["number"] == int(at)
    assert [turn.content for turn in desk.assistant.asked[-1]["history"] if turn.role == "user"] == history


@pytest.mark.parametrize("at", ["", "4", "99", "-1", " 2", "2.0", "²", "x"])
def test_what_is_no_number_of_a_question_replaces_nothing(desk: Desk, at: str) -> None:
    before = desk.after("A?", "B?", "C?")
    last = desk.reply("Neu?", before, at=at)[-1]
    assert questions(last[desk.parts.conversation]) == ["A?", "B?", "C?", "Neu?"]
    assert kept_in(last[desk.parts.ledger])["number"] == 4


def test_a_question_that_was_stopped_can_be_asked_anew(desk: Desk) -> None:
    before = Conversation.of([Entry("Eins?", trouble="stopped")], "en")
    assert questions(desk.reply("Eins?", before, at="1")[-1][desk.parts.conversation]) == ["Eins?"]


# --- Stopping and starting anew -----------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGS)
def test_what_was_stopped_is_kept_as_stopped(desk: Desk, lang: Lang) -> None:
    under_way = desk.reply("Was fraß die Katze?")[0][desk.parts.conversation]
    changes = desk.talk.stop(under_way, reader(lang))
    assert TEXTS[lang]["stopped"] in desk.shown(changes)
    assert kept_in(changes[desk.parts.ledger])["entry"]["trouble"] == "stopped"
    assert changes[desk.parts.conversation].entries[-1].trouble == "stopped"


@pytest.mark.parametrize("asked", [[], ["Was fraß die Katze?"], ["fail"]])
def test_where_nothing_is_under_way_nothing_is_stopped(desk: Desk, asked: list[str]) -> None:
    changes = desk.talk.stop(desk.after(*asked), reader())
    assert list(changes.values()) == [gr.skip()]


def test_a_new_conversation_is_empty(desk: Desk) -> None:
    changes, parts = desk.talk.clear(reader()), desk.parts
    assert changes[parts.conversation] == Conversation()
    assert changes[parts.chat] == []
    assert "card" not in changes[parts.sources]
    assert (changes[parts.earlier], changes[parts.followups]) == ("", "")
    assert changes[parts.rating.rated] is None


# --- What is offered ----------------------------------------------------------------------------------------


def suggested(desk: Desk, conversation: Conversation, lang: str = "en") -> str:
    return str(desk.ended(conversation, lang)[desk.parts.followups])


@pytest.mark.parametrize("lang", LANGS)
def test_what_could_be_asked_next_is_offered_once(desk: Desk, lang: Lang) -> None:
    html = suggested(desk, desk.after("Was fraß die Katze?"), lang)
    assert TEXTS[lang]["followups"] in html
    assert f'<ul lang="de"><li><a class="offered" href="#question">{SUGGESTED}</a>' in html
    assert "offered" not in suggested(desk, desk.after(SUGGESTED, "Was fraß die Katze?"), lang)


@pytest.mark.parametrize("last", ["weather", "fail", "crash"])
def test_where_nothing_was_answered_nothing_is_offered(desk: Desk, last: str) -> None:
    assert "offered" not in suggested(desk, desk.after("Was fraß die Katze?", last))
    assert "offered" not in suggested(desk, Conversation())


def test_nothing_is_suggested_while_others_wait_for_answers(desk: Desk) -> None:
    conversation = desk.after("Was fraß die Katze?")
    told: list[str] = []

    async def meanwhile() -> None:
        async for _ in desk.talk.reply(
            reader(), "Und dann?", Conversation(), "", *desk.parts.filters.values(Filters())
        ):
            told.append(suggested(desk, conversation))

    asyncio.run(meanwhile())
    assert "offered" not in told[-1]  # the answer is told, and its reply not yet at its end
    assert "offered" in suggested(desk, conversation)


class Gone(HandMadeAssistant):
    """Its index cannot be read."""

    def health(self) -> Health:
        raise LockedError("/secret/path")

    def suggest(self, answer: object, **asked: object) -> list[str]:
        raise LockedError("/secret/path")


@pytest.mark.parametrize("lang", LANGS)
def test_the_page_opens_although_nothing_can_be_searched(lang: Lang) -> None:
    desk = Desk(Gone())
    changes = desk.talk.greet(reader(lang))
    assert TEXTS[lang]["unavailable"] in changes[desk.parts.masthead]
    assert TEXTS[lang]["history"] in changes[desk.parts.tools]
    assert TEXTS[lang]["welcome"] in changes[desk.parts.chat]["placeholder"]
    assert "secret" not in str(changes)
    assert "offered" not in suggested(desk, desk.after("Was fraß die Katze?"))


def test_examples_are_in_the_readers_language(desk: Desk) -> None:
    assert "Was fraß die Katze?" in desk.talk.greet(reader("de"))[desk.parts.chat]["placeholder"]
    assert "offered" not in desk.talk.greet(reader("en"))[desk.parts.chat]["placeholder"]
    assert "Was fraß die Katze?" in desk.talk.greet(reader("en", chosen="de"))[desk.parts.chat]["placeholder"]


# --- The language of whoever reads --------------------------------------------------------------------------


@pytest.mark.parametrize("header", [*LANGS, "fr"])
@pytest.mark.parametrize("chosen", LANGS)
def test_a_chosen_language_goes_before_that_of_the_browser(desk: Desk, header: str, chosen: Lang) -> None:
    assert TEXTS[chosen]["history"] in desk.talk.greet(reader(header, chosen))[desk.parts.tools]


@pytest.mark.parametrize("chosen", ["fr", "", "DE", "de-AT", "de; x", "<b>", "zh\x00"])
def test_a_language_that_the_page_has_not_is_not_chosen(desk: Desk, chosen: str) -> None:
    assert TEXTS["zh"]["history"] in desk.talk.greet(reader("zh-CN", chosen))[desk.parts.tools]
    assert TEXTS["en"]["history"] in desk.talk.greet(reader("fr", chosen))[desk.parts.tools]
