"""The time that a question names, in three languages, and what it does to the order of passages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from conftest import settings_for
from llama_index.core.schema import NodeWithScore

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.language.periods import period_of, wants_newest
from rag.nodes import Question, to_node
from rag.search.ranking import TimelyFirst
from rag.types import Lang, Passage

TODAY = date(2024, 3, 15)


@pytest.mark.parametrize(
    ("lang", "question", "first", "last"),
    [
        ("en", "What happened on 5 May 2023?", "2023-05-05", "2023-05-05"),
        ("en", "What happened on May 5, 2023?", "2023-05-05", "2023-05-05"),
        ("en", "Who resigned in February 2024?", "2024-02-01", "2024-02-29"),
        ("en", "Who resigned in May?", "2023-05-01", "2023-05-31"),
        ("en", "What was the revenue last month?", "2024-02-01", "2024-02-29"),
        ("en", "How many were sold last year?", "2023-01-01", "2023-12-31"),
        ("en", "How many were sold in 2021?", "2021-01-01", "2021-12-31"),
        ("de", "Was geschah am 5. Mai 2023?", "2023-05-05", "2023-05-05"),
        ("de", "Wer trat im Februar 2024 zurück?", "2024-02-01", "2024-02-29"),
        ("de", "Wer trat im Mai zurück?", "2023-05-01", "2023-05-31"),
        ("de", "Wie hoch war der Umsatz im letzten Monat?", "2024-02-01", "2024-02-29"),
        ("de", "Wie viele wurden voriges Jahr verkauft?", "2023-01-01", "2023-12-31"),
        ("de", "Was gilt dieses Jahr?", "2024-01-01", "2024-12-31"),
        ("zh", "2023年5月5日发生了什么？", "2023-05-05", "2023-05-05"),
        ("zh", "2024年2月谁辞职了？", "2024-02-01", "2024-02-29"),
        ("zh", "5月谁辞职了？", "2023-05-01", "2023-05-31"),
        ("zh", "上个月的营收是多少？", "2024-02-01", "2024-02-29"),
        ("zh", "去年卖出了多少？", "2023-01-01", "2023-12-31"),
        ("zh", "2021年卖出了多少？", "2021-01-01", "2021-12-31"),
    ],
)
def test_the_most_exact_time_of_a_question_is_its_period(lang: Lang, question: str, first: str, last: str) -> None:
    found = period_of(question, lang, TODAY)
    assert found is not None
    assert (found.first.isoformat(), found.last.isoformat()) == (first, last)
    assert found.holds(first)
    assert found.holds(last)
    assert not found.holds(None)


@pytest.mark.parametrize(
    ("lang", "question"),
    [
        ("en", "Who may apply, and how many march?"),
        ("en", "What does article 14 say about 2,024 cases?"),
        ("de", "Wer ist Herr Mai?"),
        ("de", "Was steht in Artikel 14?"),
        ("zh", "月球有多大？"),
        ("zh", "第14条说了什么？"),
    ],
)
def test_a_question_without_a_time_has_none(lang: Lang, question: str) -> None:
    assert period_of(question, lang, TODAY) is None
    assert not wants_newest(question, lang)


ROUNDS = {"2021": ("2021-04-13", 7), "2023": ("2023-05-20", 9), "2024": ("2024-05-21", 14)}


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    """Three reports of the same thing at three times, in each language, and something else that is newer."""
    folder = tmp_path_factory.mktemp("rounds")
    for name, (day, worth) in ROUNDS.items():
        head = f"---\ndate: {day}\n---\n"
        texts = {
            "en": f"# Nordlys valued anew\n\nThe start-up Nordlys is valued at {worth} billion dollars.\n",
            "de": f"# Nordlys neu bewertet\n\nDas Startup Nordlys wird mit {worth} Milliarden Euro bewertet.\n",
            "zh": f"# Nordlys 估值更新\n\n初创公司 Nordlys 的估值为{worth}0亿元。\n",
        }
        for lang, text in texts.items():
            (folder / f"{name}-{lang}.md").write_text(head + text, encoding="utf-8")
    other = "---\ndate: 2024-11-01\n---\n# Harbour\n\nThe harbour of Ulvik was dredged and is nine metres deep.\n"
    (folder / "other.md").write_text(other, encoding="utf-8")
    settings = settings_for(tmp_path_factory.mktemp("data"))
    run_ingest(settings, [folder])
    opened = open_assistant(settings)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("question", "day"),
    [
        ("What is the latest valuation of Nordlys?", "2024-05-21"),
        ("What was the valuation of Nordlys in 2021?", "2021-04-13"),
        ("What was the valuation of Nordlys in May 2023?", "2023-05-20"),
        ("Wie lautet die neueste Bewertung von Nordlys?", "2024-05-21"),
        ("Mit wie viel wurde Nordlys 2021 bewertet?", "2021-04-13"),
        ("Mit wie viel wurde Nordlys im Mai 2023 bewertet?", "2023-05-20"),
        ("Nordlys 最新估值是多少？", "2024-05-21"),
        ("Nordlys 在2021年的估值是多少？", "2021-04-13"),
        ("Nordlys 在2023年5月的估值是多少？", "2023-05-20"),
    ],
)
def test_the_article_of_the_time_asked_about_answers(rounds: Assistant, question: str, day: str) -> None:
    answer = rounds.ask(question)
    assert answer.answered
    assert answer.citations[0].date == day
    assert rounds.search(question)[0].date == day


def test_what_is_newest_of_another_subject_does_not_come_first(rounds: Assistant) -> None:
    assert rounds.ask("What is the latest on the valuation of Nordlys?").citations[0].date == "2024-05-21"


@pytest.mark.parametrize(
    "question",
    [
        "What is the latest news about the volcano on Iceland?",
        "Wer gewann 2024 die Wahl in Norwegen?",
        "2024年谁赢得了奥运会的金牌？",
    ],
)
def test_a_date_is_no_evidence_that_a_question_is_answered(rounds: Assistant, question: str) -> None:
    answer = rounds.ask(question)
    timeless = rounds.ask(question.replace("2024年", "").replace(" 2024", "").replace("latest ", ""))
    assert not answer.answered
    assert answer.confidence <= timeless.confidence + 0.1


def node(day: str | None, score: float) -> NodeWithScore:
    """A passage of an article of that day."""
    name = f"{day}-{score}"
    passage = Passage(name, name, "T", None, None, day, "en", None, "body", "Text.", 0, 5, "a.md", score)
    return to_node(passage, list, [1.0])


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is it worth?", ["2021-04-13", "2024-05-21", None, "2024-11-01"]),
        ("What was it worth in 1999?", ["2021-04-13", "2024-05-21", None, "2024-11-01"]),
        # The newest of those that are about the same; what scores far less is about something else.
        ("What is its latest worth?", ["2024-05-21", "2021-04-13", None, "2024-11-01"]),
        ("What was it worth in May 2024?", ["2024-05-21", "2021-04-13", None, "2024-11-01"]),
    ],
)
def test_a_date_decides_among_passages_about_the_same_and_raises_no_score(
    question: str, expected: list[str | None]
) -> None:
    nodes = [node("2021-04-13", 1.0), node("2024-05-21", 0.9), node(None, 0.85), node("2024-11-01", 0.3)]
    ranked = TimelyFirst(today=lambda: TODAY).postprocess_nodes(nodes, query_bundle=Question(question, lang="en"))
    assert [one.node.metadata["date"] for one in ranked] == expected
    before = {one.node_id: one.score or 0.0 for one in nodes}
    assert all((one.score or 0.0) <= before[one.node_id] for one in ranked)
    assert [one.score for one in nodes] == [1.0, 0.9, 0.85, 0.3]  # which were handed in stay as they were


def test_without_any_date_nothing_is_newest() -> None:
    nodes = [node(None, 1.0), node(None, 0.9)]
    ranked = TimelyFirst().postprocess_nodes(nodes, query_bundle=Question("What is the latest?", lang="en"))
    assert ranked == nodes
