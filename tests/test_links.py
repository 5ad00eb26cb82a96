"""The link to the source: where it stands, and which links may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.reading.links import checked_url, find_source_lines


def urls(text: str, start: int = 0) -> list[str]:
    return [line.url for line in find_source_lines(text, start)]


@pytest.mark.parametrize(
    "line",
    [
        "[原文链接](https://a.org/1)",
        "[来源](https://a.org/1)",
        "[Source Link](https://a.org/1)",
        "[Original article](https://a.org/1)",
        "[Read more](https://a.org/1)",
        "[Quelle](https://a.org/1)",
        "[Zum Originalartikel](https://a.org/1)",
        '[Source](https://a.org/1 "A title")',
        "[Source](<https://a.org/1>)",
        "- [Source](https://a.org/1)",
        "**[Quelle](https://a.org/1)**",
        "https://a.org/1",
        "<https://a.org/1>",
        "https://a.org/1.",
        "https://a.org/1。",
        "Source: https://a.org/1",
        "**Source:** https://a.org/1",
        "url: https://a.org/1",
        "link: https://a.org/1",
        "> Quelle: https://a.org/1",
        "来源：https://a.org/1",
        "原文链接：https://a.org/1",
        "来源：[金融时报](https://a.org/1)",
        "Quelle: [Heise](https://a.org/1)",
        "[Source]: https://a.org/1",
        "[](https://a.org/1)",
    ],
)
def test_a_line_that_names_the_source(line: str) -> None:
    text = f"Ein Text.\n\n{line}\n\nNoch ein Text."
    [found] = find_source_lines(text, 0)
    assert (found.url, text[found.start : found.end]) == ("https://a.org/1", line)


@pytest.mark.parametrize(
    "line",
    [
        "See [the source](https://a.org/1) for more.",
        "Mehr unter https://a.org/1 und anderswo.",
        "[Video](https://a.org/1)",
        "Foto: https://a.org/1.jpg",
        "![Source](https://a.org/1.png)",
        "https://a.org/1 https://b.org/2",
        "Source: Financial Times",
        "原文",
    ],
)
def test_a_link_in_running_text_is_not_the_source(line: str) -> None:
    assert urls(line) == []


def test_a_labelled_link_goes_before_a_bare_one() -> None:
    assert urls("https://a.org\n[x](https://b.org) text\n[Quelle](https://c.org)\nhttps://d.org") == [
        "https://c.org",
        "https://a.org",
        "https://d.org",
    ]


def test_lines_before_the_start_are_not_read() -> None:
    text = "link: https://a.org\nhttps://b.org"
    assert urls(text, text.index("\n")) == ["https://b.org"]


def test_a_link_may_hold_brackets() -> None:
    assert urls("[Source](https://en.wikipedia.org/wiki/A_(b)_c)") == ["https://en.wikipedia.org/wiki/A_(b)_c"]


@pytest.mark.parametrize(
    "url", ["https://ft.com/content/1", "http://a.org:8080/x?y=z#w", "HTTPS://A.ORG", "https://例子.测试/路径"]
)
def test_web_links_may_be_shown(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "ft.com/content/1",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "vbscript:x",
        "ftp://a.org/1",
        "//a.org/1",
        "https://",
        "https:///path",
        "https://user:secret@a.org",
        "https://ft.com@a.org",
        "https://[::1",
        "https://a.org/a b",
        "https://a.org/\n",
        'https://a.org/"onclick="x',
        "https://a.org/<b>",
        "https://a.org\\@b.org",
        "https://a.org/\u202egnp.exe",
        "https://a\u200b.org",
        "https://a.org/\ud800",
        "https://a.org/\x00",
    ],
)
def test_other_links_are_refused(url: str | None) -> None:
    assert checked_url(url) is None


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_a_link_that_may_be_shown_is_a_web_link_without_white_space(text: str) -> None:
    for url in (text, f"https://{text}"):
        shown = checked_url(url)
        assert shown is None or (shown.lower().startswith(("http://", "https://")) and not any(map(str.isspace, shown)))


@given(st.text("ab :：/[]()<>*_-.\nhtps", max_size=60))
@settings(max_examples=100, deadline=None)
def test_source_lines_are_whole_lines(text: str) -> None:
    for line in find_source_lines(text, 0):
        assert text[line.start : line.end] in text.split("\n")


@pytest.mark.parametrize("piece", ["[", "[a](", "(", "-", ":", "a", " ", "https://", "[x]((", "<", "a:", "*"])
def test_a_long_line_comes_back(piece: str) -> None:
    line = piece * (200_000 // len(piece))
    assert urls(f"{line} x\nhttps://b.org") == ["https://b.org"]
