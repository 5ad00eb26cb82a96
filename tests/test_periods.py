"""The time that a question names, in three languages, and what it does to the order of passages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from conftest import settings_for

from rag.assembly import open_assistant, run_ingest
from rag.assistant import Assistant
from rag.periods import period_of, wants_newest
from rag.types import Lang

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
