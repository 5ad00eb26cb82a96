"""Cases, from the articles' own questions and answers and from files."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from eval.dataset import (
    Case,
    DatasetError,
    articles_checksum,
    cases_checksum,
    check_ids,
    choose_cases,
    load_questions,
    own_cases,
    read_articles,
    sample,
    unanswerable_cases,
    unknown_sources,
)
from rag.types import Article, QAPair, Section, Span


def span(text: str, part: str) -> Span:
    start = text.index(part)
    return Span(start, start + len(part), part)


def article(file: str = "a/one.md", url: str | None = "https://news.example/1") -> Article:
    text = "谁创立了Scale？ Wang创立的 Who are the customers? OpenAI and Me"
    chinese = QAPair(span(text, "谁创立了Scale？"), span(text, "Wang创立的"))
    english = QAPair(span(text, "Who are the customers?"), span(text, "OpenAI and Me"), truncated=True)
    sections = (Section("zh", (), (), (chinese,)), Section("en", (), (), (english,)))
    return Article(id="id1", file=file, title="One", text=text, sections=sections, url=url)


def line(**changes: object) -> str:
    whole = {
        "id": "1",
        "question": "Who?",
        "question_lang": "en",
        "answers": ["Wang"],
        "source_links": ["https://a"],
    }
    return json.dumps({**whole, **changes}, ensure_ascii=False)


def test_own_pairs_become_cases_in_the_language_of_their_section() -> None:
    first, second = own_cases([article()])
    assert first == Case(
        id="a/one.md#1",
        question="谁创立了Scale？",
        question_lang="zh",
        answers=("Wang创立的",),
        source_links=("https://news.example/1",),
        kind="own_qa",
        article_ids=("id1",),
    )
    assert (second.id, second.question_lang, second.truncated) == ("a/one.md#2", "en", True)


def test_an_article_without_a_link_is_known_by_its_id() -> None:
    case = own_cases([article(url=None)])[0]
    assert case.source_links == ()
    assert case.is_gold("id1", None)
    assert not case.is_gold("id2", None)


def test_a_link_may_be_gold_or_hold_the_answer_too() -> None:
    case = Case("1", "Wer?", "de", source_links=("https://a",), also_links=("https://b",))
    assert [case.is_gold("x", url) for url in ("https://a", "https://b", "https://c", None)] == [
        True,
        True,
        False,
        False,
    ]


def test_a_questions_file_is_read_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    other = line(id="2", question="Wer?", question_lang="de", answerable=False, answers=[], source_links=[])
    path.write_text("\ufeff" + line(group="g", also_links=["https://b"]) + "\r\n\n" + other, encoding="utf-8")
    first, second = load_questions(path)
    assert first == Case("1", "Who?", "en", ("Wang",), ("https://a",), also_links=("https://b",))
    assert (second.id, second.answerable, second.question_lang) == ("2", False, "de")


def test_a_line_separator_inside_a_question_does_not_end_its_line(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(line(question="Who\u2028is it?"), encoding="utf-8")
    assert [case.question for case in load_questions(path)] == ["Who\u2028is it?"]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("{", "Expecting property name"),
        ("[]", "must be a JSON object"),
        (line(id=""), '"id" must be text'),
        (line(question=None), '"question" must be text'),
        (line(question_lang="fr"), '"question_lang" must be one of zh, en, de, not "fr"'),
        (line(answers="Wang"), '"answers" must be a list'),
        (line(source_links=[7]), '"source_links" must be a list'),
        (line(answerable="no"), '"answerable" must be true or false'),
        (line(gold_text=["Wang"]), '"gold_text" must be text or null'),
    ],
)
def test_a_malformed_line_is_named_by_file_and_number(tmp_path: Path, bad: str, says: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(line() + "\n" + bad + "\n", encoding="utf-8")
    with pytest.raises(DatasetError) as raised:
        load_questions(path)
    assert str(raised.value).startswith(f"{path}:2: ")
    assert says in str(raised.value)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\xff", b"\n\n"])
def test_a_file_without_questions_is_an_error_that_names_it(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "q.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"q\.jsonl"):
        load_questions(path)


def test_no_folder_answers_eight_questions_of_each_language() -> None:
    cases = unanswerable_cases()
    assert Counter(case.question_lang for case in cases) == {"zh": 8, "en": 8, "de": 8}
    assert not any(case.answerable or case.answers or case.has_gold_article for case in cases)
    assert len({case.question for case in cases}) == 24


def test_own_questions_are_asked_with_some_that_have_no_answer() -> None:
    kinds = Counter(case.answerable for case in choose_cases([article()], [], []))
    assert kinds == {True: 2, False: 24}


def test_a_questions_file_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(line(), encoding="utf-8")
    assert [case.id for case in choose_cases([article()], [path], [])] == ["1"]


def test_articles_without_questions_need_a_file() -> None:
    with pytest.raises(DatasetError, match="--questions"):
        choose_cases([Article("1", "a.md", "A", "text", ())], [], [])


def test_one_id_for_two_questions_is_refused() -> None:
    with pytest.raises(DatasetError, match='"1"'):
        check_ids([Case("1", "Who?", "en"), Case("1", "Wer?", "de")])


def test_a_sample_keeps_its_order_and_does_not_hang_on_the_others() -> None:
    cases = [Case(str(number), "Who?", "en") for number in range(20)]
    chosen = sample(cases, 5)
    assert len(chosen) == 5
    assert chosen == [case for case in cases if case in chosen]
    assert set(sample(cases[::-1], 5)) == set(chosen)
    assert set(sample(cases, 4)) < set(chosen)
    assert sample(cases, 99) == cases


def test_a_checksum_changes_with_a_gold_answer_but_not_with_the_order_or_the_index() -> None:
    one, two = Case("1", "Who?", "en", ("Wang",)), Case("2", "Wer?", "de")
    assert cases_checksum([one, two]) == cases_checksum([two, one])
    assert cases_checksum([one]) == cases_checksum([Case("1", "Who?", "en", ("Wang",), article_ids=("x",))])
    assert cases_checksum([one]) != cases_checksum([Case("1", "Who?", "en", ("Wong",))])
    assert articles_checksum([article()]) != articles_checksum([article(file="b.md")])


def test_sources_that_no_article_has_are_reported() -> None:
    known = Case("1", "Who?", "en", source_links=("https://news.example/1", "https://else"))
    lost = Case("2", "Who?", "en", source_links=("https://else",))
    nobody_knows = Case("3", "Who?", "en", source_links=("https://else",), answerable=False)
    assert unknown_sources([known, nobody_knows], [article()]) == []
    assert unknown_sources([known, lost], [article()]) == [
        "questions with a source that no article here has: 1, the first is 2"
    ]


def test_a_file_that_is_no_article_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("Scale AI raised one billion dollars.", encoding="utf-8")
    (tmp_path / "empty.md").write_text("", encoding="utf-8")
    articles, problems = read_articles(tmp_path)
    assert [found.file for found in articles] == ["good.md"]
    assert len(problems) == 1
    assert "empty.md: left out: " in problems[0]


def test_a_folder_without_articles_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no article"):
        read_articles(tmp_path / "missing")
