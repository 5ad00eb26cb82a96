"""What to ask next: every suggestion is answered when it is asked, adds something, and comes from what may be used."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import settings_for
from web_fakes import make_answer, make_citation, make_passage, make_refusal

from rag.answering.suggesting import MOST_TRIED, suggestions
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.language.text import identify
from rag.types import Answer, Filters, Lang, OfferedQuestion, Passage, Turn

QUESTIONS: list[tuple[Lang, str]] = [
    ("zh", "屠呦呦是哪一年获得诺贝尔奖的？"),
    ("zh", "大型强子对撞机的隧道有多长？"),
    ("en", "How quickly does a data breach have to be reported?"),
    ("en", "Which rocket launched the Webb telescope?"),
    ("de", "Wie lang ist der Gotthard-Basistunnel?"),
    ("de", "Welche Kernkraftwerke wurden im April 2023 abgeschaltet?"),
]

# --- Over the sample articles -------------------------------------------------------------------------------


@pytest.mark.parametrize(("lang", "question"), QUESTIONS)
def test_every_suggestion_is_answered_in_the_conversation_and_alone(
    assistant: Assistant, lang: Lang, question: str
) -> None:
    answer = assistant.ask(question)
    suggested = assistant.suggest(answer)
    assert 1 <= len(suggested) <= 3
    history = [Turn("user", question), Turn("assistant", answer.answer)]
    for one in suggested:
        assert identify(one)[0] == lang
        assert assistant.ask(one, history=history).answered
        assert assistant.ask(one).answered


@pytest.mark.parametrize(("lang", "question"), QUESTIONS)
def test_following_the_suggestions_never_asks_the_same_twice(assistant: Assistant, lang: Lang, question: str) -> None:
    asked: list[str] = []
    said: list[tuple[str, int]] = []
    while question:
        answer = assistant.ask(question)
        said.append((answer.citations[0].article_id, answer.citations[0].start))
        suggested = assistant.suggest(answer, asked=asked, count=1)
        asked.append(question)
        question = suggested[0] if suggested and len(asked) < 8 else ""
    assert len(asked) >= 3
    assert len(set(asked)) == len(asked)
    assert all(one != next_one for one, next_one in pairwise(said))


@pytest.mark.parametrize(
    ("question", "same"),
    [
        ("隧道的长度是多少，大型强子对撞机的？", "大型强子对撞机的隧道有多长？"),
        ("How fast does a data breach have to be reported?", "How quickly does a data breach have to be reported?"),
        ("Welche Länge hat der Gotthard-Basistunnel?", "Wie lang ist der Gotthard-Basistunnel?"),
    ],
)
def test_the_question_in_other_words_is_not_suggested(assistant: Assistant, question: str, same: str) -> None:
    suggested = assistant.suggest(assistant.ask(question), count=12)
    assert suggested
    assert same not in suggested


@pytest.mark.parametrize(("lang", "question"), QUESTIONS)
def test_an_article_that_is_filtered_out_offers_nothing(assistant: Assistant, lang: Lang, question: str) -> None:
    answer = assistant.ask(question)
    cited = answer.citations[0].article_id
    others = tuple(one.id for one in assistant.articles() if one.id != cited)
    own = _offered(assistant, cited)
    assert set(assistant.suggest(answer)) & own
    assert not set(assistant.suggest(answer, filters=Filters(article_ids=others), count=12)) & own
    assert set(assistant.suggest(answer, filters=Filters(article_ids=(cited,)), count=12)) <= own


def _offered(assistant: Assistant, article_id: str) -> set[str]:
    view = assistant.read(article_id)
    assert view is not None
    return {question.text for question in view.questions}


# --- Articles that can't keep what they offer ---------------------------------------------------------------

CUT_OFF: dict[Lang, tuple[str, str, str, str]] = {  # the article, what is asked, what can be answered, what can't
    "zh": (
        "海豚餐厅位于青岛，2019年由王丽开办。\n\n餐厅每天供应四十种海鲜。\n\n## 问与答：\n\n"
        "**海豚餐厅是谁开办的？**\n\n答：王丽。\n\n**餐厅每天供应多少种海鲜？**\n\n答：四十种。\n\n"
        "**明年的扩建计划要花多少钱？**\n\n答：根据目前公布的计划，扩建的费用预计将达到大约，\n",
        "海豚餐厅是谁开办的？",
        "餐厅每天供应多少种海鲜？",
        "明年的扩建计划要花多少钱？",
    ),
    "en": (
        "The Dolphin restaurant in Dover was opened by Ann Lee in 2019.\n\nIt serves forty kinds of fish.\n\n"
        "## Questions & Answers:\n\n**Who opened the Dolphin restaurant?**\n\nAnswer: Ann Lee.\n\n"
        "**How many kinds of fish does it serve?**\n\nAnswer: Forty kinds.\n\n"
        "**What will next year's enlargement cost?**\n\nAnswer: According to the plans so far, the cost of it,\n",
        "Who opened the Dolphin restaurant?",
        "How many kinds of fish does it serve?",
        "What will next year's enlargement cost?",
    ),
    "de": (
        "Das Gasthaus Delfin in Kiel eröffnete Anna Lehmann im Jahr 2019.\n\nEs bietet vierzig Sorten Fisch an.\n\n"
        "## Fragen und Antworten\n\n**Wer eröffnete das Gasthaus Delfin?**\n\nAntwort: Anna Lehmann.\n\n"
        "**Wie viele Sorten Fisch bietet es an?**\n\nAntwort: Vierzig Sorten.\n\n"
        "**Was kostet der Umbau im nächsten Jahr?**\n\nAntwort: Nach den bisherigen Plänen betragen die Kosten,\n",
        "Wer eröffnete das Gasthaus Delfin?",
        "Wie viele Sorten Fisch bietet es an?",
        "Was kostet der Umbau im nächsten Jahr?",
    ),
}


@pytest.mark.parametrize("lang", CUT_OFF)
def test_a_question_whose_answer_breaks_off_is_not_suggested_and_trying_keeps_nothing(
    tmp_path: Path, write: Callable[..., Path], lang: Lang
) -> None:
    text, asked, answerable, cut_off = CUT_OFF[lang]
    settings = settings_for(tmp_path / "data", embed_model="local-fast")
    run_ingest(settings, [write(dolphin=text)])
    opened = open_assistant(settings)
    try:
        answer = opened.ask(asked)
        (article,) = opened.articles()
        assert cut_off in _offered(opened, article.id)
        before = _kept(tmp_path)
        assert opened.suggest(answer, count=5) == [answerable]
        assert _kept(tmp_path) == before == 1
    finally:
        opened.close()


def _kept(folder: Path) -> int:
    with sqlite3.connect(folder / "data" / "feedback.sqlite3") as db:
        return int(db.execute("SELECT count(*) FROM answers").fetchone()[0])


# --- The order and the bounds -------------------------------------------------------------------------------


class Offers:
    """Articles that offer questions, and how each is answered; it remembers what was tried."""

    def __init__(self, **offers: Sequence[str]) -> None:
        self.offers = offers
        self.tried: list[str] = []
        self.answers: dict[str, Answer] = {}

    def offered(self, article_id: str) -> list[OfferedQuestion]:
        return [OfferedQuestion(text, identify(text)[0]) for text in self.offers[article_id]]

    def ask(self, question: str) -> Answer:
        self.tried.append(question)
        article = next(name for name, texts in self.offers.items() if question in texts)
        own = make_citation(passage_id=question, article_id=article, quote=question)
        return self.answers.get(question, make_answer(question, question_lang=identify(question)[0], citations=(own,)))

    def suggest(self, answer: Answer, nearest: Sequence[Passage] = (), *asked: str, count: int = 3) -> list[str]:
        return suggestions(answer, nearest, offered=self.offered, ask=self.ask, asked=asked, count=count)


def near(article_id: str) -> Passage:
    return replace(make_passage(), article_id=article_id)


def test_the_article_that_is_cited_first_offers_first_and_trying_stops_at_enough() -> None:
    offers = Offers(
        near=["Wo schläft das Pferd?"],
        dogs=["Wann bellt der Hund?"],
        cats=["Wer kaufte die Katze?", "Wem gehört der Kater?", "Why do cats purr?"],
    )
    answer = make_answer(citations=(make_citation(1), make_citation(2, article_id="dogs")))
    nearest = [near("near"), near("cats")]
    assert offers.suggest(answer, nearest, count=4) == [
        "Wer kaufte die Katze?",
        "Wem gehört der Kater?",
        "Wann bellt der Hund?",
        "Wo schläft das Pferd?",
    ]
    offers.tried.clear()
    assert offers.suggest(answer, nearest, count=1) == offers.tried == ["Wer kaufte die Katze?"]


def test_a_refusal_is_offered_questions_of_the_articles_that_are_near() -> None:
    offers = Offers(cats=["Why do cats purr?"])
    assert offers.suggest(make_refusal("Do cats like tea?"), [near("cats")]) == ["Why do cats purr?"]
    assert offers.suggest(make_refusal("Do cats like tea?")) == []


def test_what_was_asked_before_is_not_suggested_nor_the_same_in_other_words_twice() -> None:
    offers = Offers(cats=["Wie alt wird die Katze?", "Wem gehört der Kater?", "Wem gehörte der Kater?", "Wer?"])
    assert offers.suggest(make_answer(), (), "Wie alt die Katze wird?") == ["Wem gehört der Kater?", "Wer?"]


def test_an_answer_that_was_told_already_or_comes_from_elsewhere_is_not_suggested() -> None:
    offers = Offers(cats=["Wer jagte Mäuse?", "Wo wohnt der Kater?", "Wie heißt der Hof?", "Wann kam der Fuchs?"])
    offers.answers = {
        "Wer jagte Mäuse?": make_answer(),
        "Wo wohnt der Kater?": make_answer(citations=(make_citation(article_id="dogs", passage_id="p9"),)),
        "Wie heißt der Hof?": make_refusal("?", "de"),
    }
    assert offers.suggest(make_answer()) == ["Wann kam der Fuchs?"]


def test_only_so_many_are_tried() -> None:
    beasts = (
        "Adler",
        "Biene",
        "Dachs",
        "Elch",
        "Fuchs",
        "Gans",
        "Hase",
        "Igel",
        "Kuh",
        "Luchs",
        "Maus",
        "Otter",
        "Pfau",
    )
    offers = Offers(cats=[f"Wo lebt: {beast}?" for beast in beasts])
    offers.answers = {question: make_refusal(question, "de") for question in offers.offers["cats"]}
    assert offers.suggest(make_answer()) == []
    assert len(offers.tried) == MOST_TRIED
