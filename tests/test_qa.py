"""Question-and-answer sections."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.language.sentences import ends_complete
from rag.language.text import plain
from rag.reading.qa import asks, complete_end, is_qa_heading, parse_pairs
from rag.types import LANGS, Lang, QAPair, Span


def pairs(text: str) -> list[tuple[str, str]]:
    return [(pair.question.text, pair.answer.text) for pair in parse_pairs(text, text, 0, len(text))]


@pytest.mark.parametrize(
    "heading",
    [
        "问与答：", "问答", "问答环节", "问题与答案", "问题与解答：", "常见问题", "常见问题解答", "五、问与答",
        "Questions & Answers:", "Questions and Answers", "Question & Answer", "Questions/Answers", "Q&A", "Q & A:",
        "FAQ", "FAQs", "Frequently Asked Questions", "Questions", "3. Questions & Answers", "Question (Q&A)",
        "Fragen und Antworten", "Fragen & Antworten:", "Häufige Fragen", "Häufig gestellte Fragen", "**Fragen**",
    ],
)  # fmt: skip
def test_headings_that_announce_questions_and_answers(heading: str) -> None:
    assert is_qa_heading(heading)


@pytest.mark.parametrize(
    "heading",
    [
        "",
        "Questions remain",
        "The Question of Answers",
        "Offene Fragen bleiben",
        "问题何在",
        "Answers",
        "Wer fragt?",
        "A",
    ],
)
def test_other_headings(heading: str) -> None:
    assert not is_qa_heading(heading)


@pytest.mark.parametrize(
    "text",
    [
        "**- 谁创立了公司？** \n\n    - Answer:王创立了公司。 \n",
        "- 谁创立了公司？\n  - 答：王创立了公司。",
        "问：谁创立了公司？\n答：王创立了公司。",
        "问题1：谁创立了公司？\n\n答案1：王创立了公司。",
        "1、谁创立了公司？\n回答：王创立了公司。",
        "**谁创立了公司？**\n\n王创立了公司。",
        "谁创立了公司？ 答：王创立了公司。",
    ],
)
def test_chinese_pairs(text: str) -> None:
    assert pairs(text) == [("谁创立了公司？", "王创立了公司。")]


@pytest.mark.parametrize(
    "text",
    [
        "- Who founded it?\n   - Answer: Ada did.\n",
        "- **Who founded it?**\n- Answer: Ada did.",
        "* Who founded it?\n\n  Answer: Ada did.",
        "**Q: Who founded it?**\n\n**A:** Ada did.",
        "Q1. Who founded it?\nA1: Ada did.",
        "**Question:** Who founded it?\n**Answer:** Ada did.",
        "1. Who founded it?\n   Ada did.",
        "### Who founded it?\n\nAda did.",
        "> Who founded it?\n> Answer: Ada did.",
        "**Who founded it?** Ada did.",
        "Q: Who founded it? A: Ada did.",
        "\tWho founded it?\n\t\tanswer : Ada did.",
    ],
)
def test_english_pairs(text: str) -> None:
    assert pairs(text) == [("Who founded it?", "Ada did.")]


@pytest.mark.parametrize(
    "text",
    [
        "- Wer hat es gegründet?\n  - Antwort: Ada war es.",
        "**Wer hat es gegründet?**\n\nAntwort: Ada war es.",
        "Frage 1: Wer hat es gegründet?\nAntwort 1: Ada war es.",
        "F: x\nFrage: Wer hat es gegründet?\nAda war es.",
        "1) Wer hat es gegründet?\n    - **Antwort:** Ada war es.",
    ],
)
def test_german_pairs(text: str) -> None:
    assert pairs(text) == [("Wer hat es gegründet?", "Ada war es.")]


def test_a_question_without_its_mark_is_known_by_its_answer() -> None:
    assert pairs("- Name the founders\n  - Answer: Ada and Bob.") == [("Name the founders", "Ada and Bob.")]


def test_a_question_without_an_answer_is_left_out() -> None:
    assert pairs("- Who?\n- When?\n  - Answer: In 2016.\n- Why?") == [("When?", "In 2016.")]


def test_an_answer_may_have_several_lines() -> None:
    text = "- Which?\n  - Answer: Two of them.\n\n    They are big.\n- Who?\n  - Answer:\n    - Ada\n    - Bob"
    assert pairs(text) == [
        ("Which?", "Two of them.\n\n    They are big."),
        ("Who?", "- Ada\n    - Bob"),
    ]


def test_what_is_hidden_after_an_answer_ends_it() -> None:
    text = "- Who?\n  - Answer: Ada.\n<!-- say Bob -->\nAnd nobody else."
    visible = text.replace("<!-- say Bob -->", "\n" * len("<!-- say Bob -->"))
    [pair] = parse_pairs(text, visible, 0, len(text))
    assert pair.answer.text == "Ada."


def test_only_the_region_is_read() -> None:
    text = "Who? \nMe.\n- Why?\n- Answer: So.\nWhen?\nNow."
    start, end = text.index("- Why"), text.index("When")
    assert [pair.question.text for pair in parse_pairs(text, text, start, end)] == ["Why?"]


@pytest.mark.parametrize(
    "answer",
    [
        "训练其生成式人工智能模型的数据来自这些公司的内部系统以及公开互联网上的大量网页和各种其他文件",
        "十亿美元。这些公司利用数据训练其生成式人工",
        'It highlights the importance in the context of the "tech cold',
        "OpenAI, Meta,",
        "Ada did. Then she",
        "Das hat mehrere Gründe:",
        "Meta（前身为",
        "Es war Ada. Danach kam",
        "A venture capitalist expressed concern about the revenue concentration of the company among few",
    ],
)
def test_an_answer_that_breaks_off_is_truncated(answer: str) -> None:
    [pair] = parse_pairs(text := f"Who?\nAnswer: {answer}", text, 0, len(text))
    assert pair.truncated


@pytest.mark.parametrize(
    "answer",
    [
        "2016", "Around 75,000 a year", "Around 3.5 million dollars", "王", "王传福。", "Dr. Meier", "the U.S. Senate",
        "Ulm, z. B. im Jahr 1990", "Am 3. Oktober", "OpenAI、Meta（前身为Facebook）和微软", "13,8 Milliarden",
        "- OpenAI\n- Meta\n- Microsoft", "“Yes.”", "Ada did.", "**Ada.**",
    ],
)  # fmt: skip
def test_a_name_a_number_or_a_finished_sentence_is_complete(answer: str) -> None:
    [pair] = parse_pairs(text := f"Who?\nAnswer: {answer}", text, 0, len(text))
    assert not pair.truncated


@pytest.mark.parametrize(
    ("answer", "truncated", "shown", "lang"),
    [
        ("十亿美元。这些公司利用数据训练其生成式人工", True, "十亿美元。", "zh"),
        ("Ada did. Then she", True, "Ada did.", "en"),
        ("Dr. Meier kam am 3. Oktober. Danach war", True, "Dr. Meier kam am 3. Oktober.", "de"),
        ("训练其生成式人工", True, None, "zh"),
        ("2016", False, "2016", "en"),
    ],
)
def test_of_a_truncated_answer_the_finished_sentences_are_shown(
    answer: str, truncated: bool, shown: str | None, lang: Lang
) -> None:
    pair = QAPair(Span(0, 4, "Who?"), Span(5, 5 + len(answer), answer), truncated)
    end = complete_end(pair, lang)
    assert (None if end is None else f"Who? {answer}"[5:end]) == shown


def test_a_text_asks_when_one_of_its_lines_does() -> None:
    assert asks("Eins.\n**Was nun?**\nZwei.")
    assert asks("**Who?** Ada.")
    assert not asks("Was nun? Das weiß niemand.")


LINES = st.sampled_from(
    [
        "- Who?",
        "**Wer?** ",
        "谁？",
        "Answer: Ada.",
        "  - 答：王",
        "Antwort:",
        "A:",
        "Q: x",
        "text",
        "",
        " ",
        "**",
        "1. ",
        "?",
        "**Q?** A",
    ]
)


@given(
    st.one_of(st.lists(LINES, max_size=12).map("\n".join), st.text("QA:?？答- *\n1.x", max_size=60)),
    st.sampled_from(LANGS),
)
@settings(max_examples=100, deadline=None)
def test_pairs_are_slices_in_order_and_end_in_finished_sentences(text: str, lang: Lang) -> None:
    found = parse_pairs(text, text, 0, len(text))
    at = 0
    for pair in found:
        for span in (pair.question, pair.answer):
            assert at <= span.start < span.end
            assert text[span.start : span.end] == span.text
            at = span.end
        end = complete_end(pair, lang)
        assert end is None or not pair.truncated or ends_complete(plain(text[pair.answer.start : end]))


@pytest.mark.parametrize("piece", [" ", "- ", "*", "1. ", "Q", "Q ", "A:", "?", "? ", "[", "。", "**? "])
def test_a_long_line_comes_back(piece: str) -> None:
    line = piece * (200_000 // len(piece))
    assert ("Who?", "Ada.") in pairs(f"{line}x\nAnswer: y\n{line} z?\nb\nWho?\nAnswer: Ada.")
