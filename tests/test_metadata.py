"""Front matter, dates and tags."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.reading.metadata import MAX_BLOCK, parse_date, parse_tags, read_front_matter
from rag.types import ParseWarning

INVALID = ParseWarning("front_matter_lines")
UNENDED = ParseWarning("front_matter_open")


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        ("title: x", {"title": ["x"]}),
        ("Title: x\nTAGS: [a, b]", {"title": ["x"], "tags": ["a", "b"]}),
        ("tag: \n\n- Tag technology\nauthor: ft", {"tag": ["Tag technology"], "author": ["ft"]}),
        ("title: 'it''s'\ndate: \"2024: May\"", {"title": ["it's"], "date": ["2024: May"]}),
        ("a: NO\nb: 12:30\nc: 1.10\nd: 0123", {"a": ["NO"], "b": ["12:30"], "c": ["1.10"], "d": ["0123"]}),
        ("date: 2024-05-21\nok: true", {"date": ["2024-05-21"], "ok": ["true"]}),
        ("title:\nurl: ~\nauthor: null\ntag: ''", {}),
        ("# a comment\ntitle: x", {"title": ["x"]}),
        ("title: x\ntitle: y", {"title": ["y"]}),
        ("1: x\ntitle: y", {"1": ["x"], "title": ["y"]}),
        ("title: |\n  a\n  b", {"title": ["a\nb"]}),
        ("author: {name: x}\ntitle: y", {"title": ["y"]}),
    ],
)
def test_values_are_strings_as_they_were_written(block: str, fields: dict[str, list[str]]) -> None:
    found = read_front_matter(f"---\n{block}\n---\nBody")
    assert (found.fields, found.warnings) == (fields, ())


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        ("title: a: b", {"title": ["a: b"]}),
        ("title:\tx\n\tdate: y", {"title": ["x"], "date": ["y"]}),
        ('title: "open', {"title": ["open"]}),
        ("标题：你好\n日期：2024年5月21日", {"标题": ["你好"], "日期": ["2024年5月21日"]}),
        ("title: x\n? [a, b]\n: c", {"title": ["x"]}),
        ("title: @x\ntag:\n- Tag y\n- z", {"title": ["@x"], "tag": ["Tag y", "z"]}),
        ("title: x\ndescription: long text\nover two lines", {"title": ["x"], "description": ["long text"]}),
    ],
)
def test_a_block_that_is_no_yaml_is_read_line_by_line(block: str, fields: dict[str, list[str]]) -> None:
    found = read_front_matter(f"---\n{block}\n---\nBody")
    assert (found.fields, found.warnings) == (fields, (INVALID,))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Text",
        "---",
        "---\n---\nBody",
        "---\nA text between rules.\n\nWarning: it goes on.\n---\nMore",
        "---\n- a\n- b\n---\nBody",
        "Text\n---\ntitle: x\n---\n",
        "***\ntitle: x\n***",
    ],
)
def test_text_without_metadata_stays_text(text: str) -> None:
    found = read_front_matter(text)
    assert (found.fields, found.body_start, found.warnings) == ({}, 0, ())


@pytest.mark.parametrize(
    "text",
    [
        "---\ntitle: x\nText of the article.",
        "---\ntitle: x\ndate: y\n\nText of the article.\n\n---\n\nIts other half",
        "---\ntitle: a: b\n\n文章的正文。\n\n---\n\nIts other half",
        "---\ntitle: x\n" + "a: b\n" * MAX_BLOCK + "---\nText",
    ],
)
def test_a_missing_end_marker_loses_no_text(text: str) -> None:
    found = read_front_matter(text)
    assert (found.fields, found.body_start, found.warnings) == ({}, 0, (UNENDED,))


@pytest.mark.parametrize("text", ["---\ntitle: x\n---\nB", "\n\n--- \ntitle: x\n----\nB"])
def test_the_body_starts_after_the_second_rule(text: str) -> None:
    found = read_front_matter(text)
    assert (found.first("title"), text[found.body_start :]) == ("x", "B")


def test_tags_of_executable_types_run_nothing() -> None:
    block = "x: !!python/object/apply:os.system ['exit 1']\ny: !!python/name:os.system\ntitle: z"
    found = read_front_matter(f"---\n{block}\n---\n")
    assert found.fields == {"x": ["exit 1"], "title": ["z"]}


def test_nested_aliases_do_not_grow() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)), "title: z"]
    found = read_front_matter("---\n" + "\n".join(lines) + "\n---\n")
    assert found.fields == {"a0": ["x", "x"], "title": ["z"]}


@pytest.mark.parametrize("block", ["title: " + "[" * 5000, "title: x\n" + "- " * 5000, "title: " + "{a: " * 3000])
def test_deep_nesting_is_survived(block: str) -> None:
    assert read_front_matter(f"---\n{block}\n---\nBody").warnings == (INVALID,)


def test_a_key_of_many_spaces_comes_back() -> None:
    assert read_front_matter("---\na" + " " * (MAX_BLOCK - 50) + "b\ntitle: x\n---\n").fields == {}


def test_first_takes_the_first_key_that_has_a_value() -> None:
    found = read_front_matter("---\nurl:\nlink: b\nsource: c\n---\n")
    assert (found.first("url", "link", "source"), found.all("source", "link"), found.first("x")) == (
        "b",
        ["c", "b"],
        None,
    )


@given(st.text("abc:-#[]{}&*!|>'\"\n\t ：中~", max_size=80))
@example('- "')
@example('a: " "\nb: c: d')
@settings(max_examples=100, deadline=None)
def test_any_block_is_read_or_left_alone(block: str) -> None:
    text = f"---\ntitle: x\n{block}\n---\nBody"
    found = read_front_matter(text)
    assert 0 <= found.body_start <= len(text)
    assert all(value.strip() for values in found.fields.values() for value in values)


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2024-05-21", "2024-05-21"),
        ("2024-05-21T10:00:36.580Z", "2024-05-21"),
        ("2024-05-21T23:30:00-08:00", "2024-05-21"),
        ("2024-05-21 10:00", "2024-05-21"),
        ("2024-5-3", "2024-05-03"),
        ("2024/05/21", "2024-05-21"),
        ("May 21, 2024", "2024-05-21"),
        ("21 May 2024", "2024-05-21"),
        ("1st of March 2023", "2023-03-01"),
        ("Tue, 21 May 2024 10:00:36 GMT", "2024-05-21"),
        ("21. Mai 2024", "2024-05-21"),
        ("21. März 2024", "2024-03-21"),
        ("21.05.2024", "2024-05-21"),
        ("Montag, 21. Mai 2024", "2024-05-21"),
        ("03/04/2024", "2024-04-03"),
        ("2024年5月21日", "2024-05-21"),
        ("2024年05月21日 10:00", "2024-05-21"),
        (" 2024-05-21 ", "2024-05-21"),
    ],
)
def test_dates_as_people_write_them(written: str, date: str) -> None:
    assert parse_date(written) == date


@pytest.mark.parametrize(
    "written",
    ["", "soon", "2024-13-45", "2024", "Mai 2024", "yesterday", "heute", "今天", "3 days ago", "vor 3 Tagen", "now",
     "1716285636", "12:30", "monday", "x" * 100_000],
)  # fmt: skip
def test_what_names_no_calendar_day_is_no_date(written: str) -> None:
    assert parse_date(written) is None


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_date_or_none(text: str) -> None:
    found = parse_date(text)
    assert found is None or len(found) == len("2024-05-21")


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        (["Tag technology"], ("technology",)),
        (["AI, markets; stocks"], ("AI", "markets", "stocks")),
        (["人工智能、芯片，市场"], ("人工智能", "芯片", "市场")),
        (["#KI", "KI"], ("KI",)),
        (["[a, 'b']"], ("a", "b")),
        (["Tag der Arbeit"], ("Tag der Arbeit",)),
        (["Tag"], ("Tag",)),
        ([" ", ",", "#"], ()),
        ([], ()),
    ],
)
def test_tags(values: list[str], tags: tuple[str, ...]) -> None:
    assert parse_tags(values) == tags
