"""The leak guard: a question that stands in a passage is seen, one that does not is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eval_fakes import passage

from eval.leak import find_leak, overlap


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Who founded Scale AI?", "Some text.\n\n- **Who founded Scale AI?**\n  Answer: Wang."),
        ("Who founded Scale AI?", "q: who  founded scale ai"),
        ("谁创立了Scale公司？", "## 问与答：\n1. **谁创立了 Scale 公司？**\n答：王。"),
        ("Wer hat „Scale AI“ gegründet?", 'Fragen: Wer hat "Scale AI" gegründet? Antwort: Wang.'),
    ],
)
def test_a_question_in_the_text_is_a_leak_whatever_its_markup(question: str, text: str) -> None:
    assert overlap(question, text) == 1.0
    assert find_leak(question, [passage("de1"), replace(passage("en1"), text=text)]).found


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Who founded Scale AI?", "Alexandr Wang founded Scale AI in 2016."),
        ("What is the process of constructing a building?", "Construction is the process of constructing a building."),
        ("谁创立了Scale公司？", "亚历山大·王创立了Scale公司。"),
        ("Wer hat Scale AI gegründet?", "Alexandr Wang hat Scale AI gegründet."),
        ("谁？", "谁？我不知道。"),
    ],
)
def test_a_text_that_answers_is_no_leak(question: str, text: str) -> None:
    assert not find_leak(question, [replace(passage("en1"), text=text)]).found


def test_a_question_and_answer_passage_is_a_leak_whatever_it_says() -> None:
    found = find_leak("Wie spät ist es?", [passage("en1"), replace(passage("zh1"), kind="qa")])
    assert (found.overlap, found.file, found.found) == (1.0, "zh1.md", True)


@pytest.mark.parametrize("title", ["Who am I? (What's My Name?)", "你是谁？我是谁？", "Wer wird Millionär?"])
def test_what_cannot_be_answered_may_be_the_title_of_something(title: str) -> None:
    found = [replace(passage("en1"), text=f"“{title}” was a success.")]
    assert find_leak(title, found).found
    assert not find_leak(title, found, answerable=False).found
    assert find_leak(title, [replace(passage("en1"), kind="qa")], answerable=False).found


def test_nothing_found_leaks_nothing() -> None:
    assert (find_leak("Who?", []).overlap, find_leak("Who?", []).passage_id) == (0.0, None)
