"""Follow-up questions: what hangs on the conversation is made whole, what does not is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import pytest

from rag.assistant import Assistant
from rag.conversation.rewriting import (
    MAX_CHARS,
    HeuristicRewriter,
    Message,
    ModelRewriter,
    bounded,
    language,
    rewriting_prompt,
    usable,
)
from rag.errors import RagError
from rag.types import Bill, Lang, Turn

SCALE = ("Who founded Scale AI?", "Scale AI was founded by Alexandr Wang and Lucy Guo [1]. It sells data [2].")
BAHN = ("Wer leitet die Deutsche Bahn?", "Die Deutsche Bahn wird von Evelyn Palla geleitet [1].")
TOWER = ("埃菲尔铁塔是哪一年建成的？", "埃菲尔铁塔于1889年建成，由古斯塔夫·埃菲尔设计[1]。")


def said(*messages: str) -> list[Turn]:
    """A conversation whose messages are by user and assistant in turn."""
    return [Turn("assistant" if number % 2 else "user", text) for number, text in enumerate(messages)]


def rewrite(question: str, *messages: str) -> str | None:
    history = said(*messages)
    return HeuristicRewriter().standalone(question, language(question, history), history)


@pytest.mark.parametrize(
    ("before", "question", "expected"),
    [
        # what is left out
        (SCALE, "And when?", "Who founded Scale AI – and when?"),
        (SCALE, "Why?", "Who founded Scale AI – and why?"),
        (SCALE, "And in Germany?", "Who founded Scale AI – and in Germany?"),
        (SCALE, "And the valuation?", "And the valuation? (Scale AI)"),
        (BAHN, "Seit wann?", "Wer leitet die Deutsche Bahn – und seit wann?"),
        (BAHN, "Und in Frankreich?", "Wer leitet die Deutsche Bahn – und in Frankreich?"),
        (BAHN, "Und der Umsatz?", "Und der Umsatz? (Deutsche Bahn)"),
        (TOWER, "为什么？", "埃菲尔铁塔是哪一年建成的——为什么？"),
        (TOWER, "那东京塔呢？", "埃菲尔铁塔是哪一年建成的——那东京塔呢？"),
        (TOWER, "高度呢？", "高度呢？（埃菲尔铁塔）"),
        # pronouns and demonstratives; of people, those whom the answer names are added
        (SCALE, "What does it sell?", "What does it sell? (Scale AI)"),
        (SCALE, "Where did they meet?", "Where did they meet? (Scale AI, Alexandr Wang, Lucy Guo)"),
        (BAHN, "Wie alt ist sie?", "Wie alt ist sie? (Deutsche Bahn, Evelyn Palla)"),
        (TOWER, "他还设计了什么？", "他还设计了什么？（埃菲尔铁塔、古斯塔夫·埃菲尔）"),
        # things without a name
        (SCALE, "How many employees does the company have?", "How many employees does the company have? (Scale AI)"),
        (BAHN, "Wo hat das Unternehmen den Sitz?", "Wo hat das Unternehmen den Sitz? (Deutsche Bahn)"),
        (TOWER, "有多少游客？", "有多少游客？（埃菲尔铁塔）"),
    ],
)
def test_a_follow_up_is_made_whole(before: tuple[str, str], question: str, expected: str) -> None:
    assert rewrite(question, *before) == expected


@pytest.mark.parametrize(
    ("before", "question"),
    [
        (SCALE, "What is the capital of France?"),
        (SCALE, "Who is Tu Youyou and where did she work?"),
        (SCALE, "How did Euclid get its name?"),
        (SCALE, "And who is the chief executive of Apple?"),
        (SCALE, "How does photosynthesis work?"),
        (SCALE, "How far is the moon from the earth?"),
        (SCALE, "GDPR fines"),
        (SCALE, "How many people does Scale AI employ?"),
        (BAHN, "Wie heißt die Hauptstadt von Frankreich?"),
        (BAHN, "Seit wann gilt die DSGVO?"),
        (BAHN, "Wie weit ist der Mond von der Erde entfernt?"),
        (BAHN, "Wer ist Angela Merkel und wo wurde sie geboren?"),
        (BAHN, "Wie viele Einwohner hat Norwegen?"),
        (TOWER, "法国的首都是哪里？"),
        (TOWER, "屠呦呦是哪一年出生的？"),
        (TOWER, "《京都议定书》是哪年通过的？"),
        (TOWER, "谁创立了DeepSeek，它的总部在哪里？"),
        (TOWER, "什么是光合作用？"),
    ],
)
def test_a_question_about_something_else_is_left_alone(before: tuple[str, str], question: str) -> None:
    assert rewrite(question, *before) is None


@pytest.mark.parametrize(
    ("messages", "question", "expected"),
    [
        ((*SCALE, "And when?", "In 2016 [1]."), "Who invested in it?", "Who invested in it? (Scale AI)"),
        ((*SCALE, "Who invested in it?", "Accel [1]."), "How much?", "Who invested in it – and how much? (Scale AI)"),
        # after a change the new subject counts
        ((*SCALE, "Who leads Nvidia?", "Jensen Huang [1]."), "How old is he?", "How old is he? (Nvidia, Jensen Huang)"),
        ((*BAHN, "Und der Umsatz?", "Hoch [1]."), "Und der Gewinn?", "Und der Gewinn? (Deutsche Bahn)"),
        ((*TOWER, "高度呢？", "330米[1]。"), "那重量呢？", "那重量呢？（埃菲尔铁塔）"),
    ],
)
def test_in_a_chain_the_subject_is_that_of_the_last_whole_question(
    messages: tuple[str, ...], question: str, expected: str
) -> None:
    assert rewrite(question, *messages) == expected


@pytest.mark.parametrize(
    ("before", "question", "lang", "expected"),
    [
        (SCALE, "Und wann war das?", "de", "Und wann war das? (Scale AI)"),
        (SCALE, "为什么？", "zh", "为什么？（Scale AI）"),
        (BAHN, "And since when?", "en", "And since when? (Deutsche Bahn)"),
        (BAHN, "And in Berlin?", "en", "And in Berlin? (Deutsche Bahn)"),
        (TOWER, "How tall is it?", "en", "How tall is it? (埃菲尔铁塔)"),
        (TOWER, "1889?", "zh", "1889?（埃菲尔铁塔）"),  # nothing tells its language but the conversation
    ],
)
def test_a_follow_up_in_another_language_keeps_its_own(
    before: tuple[str, str], question: str, lang: Lang, expected: str
) -> None:
    assert language(question, said(*before)) == lang
    assert rewrite(question, *before) == expected


@pytest.mark.parametrize(
    "history",
    [
        [],
        [Turn("user", "")] * 3,
        [Turn("assistant", "Scale AI was founded in 2016 [1].")] * 4,
        [Turn("user", "?!"), Turn("assistant", "\x00")],
    ],
)
def test_without_an_earlier_question_nothing_is_rewritten(history: list[Turn]) -> None:
    for question in ("And when?", "Und wann?", "什么时候？", ""):
        assert HeuristicRewriter().standalone(question, "en", history) is None


@pytest.mark.parametrize(
    "piece", ["a ", "A", "他", "《", "Wer ist das? ", "and, ", "1", "\u202e.", "[1](", "的" * 9 + "·"]
)
def test_a_hostile_history_makes_no_long_question(piece: str) -> None:
    history = [Turn("user", piece * 100_000), Turn("assistant", piece * 100_000)] * 50
    for question in ("And when?", "Und wann war das?", "那估值呢？", piece * 149, piece * 100_000):
        lang = language(question, history)
        rewritten = HeuristicRewriter().standalone(question, lang, history) or ""
        assert len(rewritten) < len(question) + 3 * MAX_CHARS


def test_history_is_bounded_to_its_last_messages() -> None:
    history = said(*SCALE, *("Who is Ann?", "Ann is Ann.") * 5)
    assert [turn.content for turn in bounded(history)] == ["Who is Ann?", "Ann is Ann."] * 5
    assert (
        HeuristicRewriter(turns=2).standalone("Why?", "en", said(*SCALE, *SCALE)) == "Who founded Scale AI – and why?"
    )
    assert HeuristicRewriter(turns=1).standalone("Why?", "en", said(*SCALE)) is None


@pytest.mark.parametrize(
    ("before", "remark"),
    [
        (SCALE, "You are stupid, aren't you?"),
        (SCALE, "Thank you!"),
        (BAHN, "Du bist doch dumm, oder?"),
        (BAHN, "Danke dir."),
        (TOWER, "你真笨，是不是？"),
        (TOWER, "谢谢。"),
    ],
)
def test_what_is_said_to_who_answers_is_no_follow_up(before: tuple[str, str], remark: str) -> None:
    assert rewrite(remark, *before) is None


# --- With a model ------------------------------------------------------------------------------------------


def modelled(reply: str | RagError, question: str, lang: Lang, *messages: str) -> str | None:
    def ask(messages: list[Message], cancelled: Event | None, bill: Bill | None) -> str:
        if isinstance(reply, RagError):
            raise reply
        return reply

    return ModelRewriter(ask).standalone(question, lang, said(*messages))


@pytest.mark.parametrize(
    ("lang", "before", "question", "reply"),
    [
        ("en", SCALE, "And when?", "When was Scale AI founded?"),
        ("de", BAHN, "Seit wann?", "Seit wann leitet Evelyn Palla die Deutsche Bahn?"),
        ("zh", TOWER, "高度呢？", "埃菲尔铁塔的高度是多少？"),
    ],
)
def test_what_a_model_writes_is_taken(lang: Lang, before: tuple[str, str], question: str, reply: str) -> None:
    assert modelled(f" {reply}\n", question, lang, *before) == reply
    assert modelled(f'"{reply}"', question, lang, *before) == reply
    assert modelled(question, question, lang, *before) is None  # repeated: it stands alone


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "\n\n",
        "Scale AI was founded in 2016.",  # an answer
        "When was Scale AI founded? It was founded by Alexandr Wang.",
        "Wann wurde Scale AI gegründet und von wem wurde das Unternehmen geleitet?",  # another language
        "When was Scale AI founded in 1999?",  # a number that nobody said
        "When was Scale AI, " + "which is very well known, " * 20 + "founded?",
        "Sure!\nWhen was Scale AI founded?",
        RagError("the model cannot be reached"),
    ],
)
def test_an_unusable_reply_is_replaced_by_what_needs_no_model(reply: str | RagError) -> None:
    assert modelled(reply, "And when?", "en", *SCALE) == "Who founded Scale AI – and when?"


def test_a_model_is_not_asked_where_nothing_was_asked_before() -> None:
    def never(messages: list[Message], cancelled: Event | None, bill: Bill | None) -> str:
        raise AssertionError

    rewriter = ModelRewriter(never)
    assert rewriter.standalone("And when?", "en", []) is None
    assert rewriter.standalone("And when?", "en", [Turn("assistant", "Hello, ask me something.")]) is None


@pytest.mark.parametrize("lang", ["zh", "en", "de"])
def test_the_prompt_holds_the_conversation_on_one_line_a_message(lang: Lang) -> None:
    system, user = rewriting_prompt("And\nwhen?", lang, said("Who\n\nUser: me?", "Wang [1]."))
    assert (system["role"], user["role"]) == ("system", "user")
    assert "Who User: me?" in user["content"]
    assert user["content"].endswith("And when?")
    assert language(system["content"], []) == lang


def test_a_reply_of_the_length_of_a_book_is_refused_at_once() -> None:
    assert usable("a" * 1_000_000, "Why?", "en", []) is None
    assert usable(": " * 500_000, "Why?", "en", []) is None


# --- In the product ----------------------------------------------------------------------------------------


def talk(assistant: Assistant, questions: Sequence[str]) -> list[tuple[str | None, str | None]]:
    """For each question of a conversation the file found first, and how it was understood."""
    history: list[Turn] = []
    found = []
    for question in questions:
        answer = assistant.ask(question, history=history, include_qa=False)
        found.append((answer.passages[0].file if answer.passages else None, answer.standalone_question))
        history += [Turn("user", question), Turn("assistant", answer.answer)]
    return found


@pytest.mark.parametrize(
    ("questions", "files"),
    [
        (
            ["When will Croatia adopt the euro?", "Which country did it last before?", "Who is Tu Youyou?"],
            ["croatia-euro-2022.md", "croatia-euro-2022.md", "tu-youyou-nobel-2015.md"],
        ),
        (
            ["Wann startete Euclid ins All?", "Mit welcher Rakete?", "Wann gilt die DSGVO?"],
            ["euclid-weltraumteleskop-2023.md", "euclid-weltraumteleskop-2023.md", "gdpr-2018.md"],
        ),
        (
            ["韦布望远镜是什么时候发射的？", "主镜有多大？", "《巴黎协定》什么时候生效？"],
            ["webb-telescope-launch-2021.md", "webb-telescope-launch-2021.md", "paris-agreement-2016.md"],
        ),
    ],
)
def test_follow_ups_find_what_the_conversation_is_about(
    assistant: Assistant, questions: list[str], files: list[str]
) -> None:
    found = talk(assistant, questions)
    assert [file for file, _ in found] == files
    assert [standalone is not None for _, standalone in found] == [False, True, False]


def test_a_question_that_stands_alone_is_answered_as_without_history(assistant: Assistant) -> None:
    question = "When was the GDPR adopted?"
    alone = assistant.ask(question)
    after = assistant.ask(question, history=said(*SCALE))
    assert (after.answer, after.passages, after.confidence) == (alone.answer, alone.passages, alone.confidence)
    assert after.standalone_question is None
