"""The tab of articles as values and HTML: what is listed, in which order, and that nothing hostile gets through."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from typing import get_args

import pytest

from rag.ingesting.library import Added
from rag.ingesting.uploads import REASONS, Reason
from rag.reading.articles import offered_questions, parse_article
from rag.reading.chunking import chunk
from rag.types import LANGS, ArticleSummary, ArticleView, Lang, ParseWarning, WarningCode
from rag.web.library_list import Wanted, arrange, outlets_of, tags_of
from rag.web.library_render import (
    LISTED,
    render_article,
    render_hint,
    render_list,
    render_notice,
    render_progress,
    render_results,
    say_more,
)
from rag.web.strings import TEXTS

ARTICLE = ArticleSummary(
    id="a1",
    file="a.md",
    title="Über Katzen",
    url="https://www.example.org/cats?a=1&b=2",
    author="Tierblatt",
    date="2024-05-21",
    description="Von Mäusen",
    tags=("animals", "Garten"),
    langs=("de",),
    passages=2,
    qa_pairs=1,
    characters=100,
)
OTHERS = (
    replace(ARTICLE, id="a2", title="人工智能", date="2023-01-01", tags=("animals",), langs=("zh", "en"), author="ft"),
    replace(ARTICLE, id="a3", title="Apples", date=None, tags=(), langs=("en",), author=None, description=None),
    replace(ARTICLE, id="a4", title="zebra", date=None, tags=(), langs=("en",), author=None, description=None),
)
ALL = (OTHERS[2], ARTICLE, *OTHERS[:2])
HOSTILE = '<img src=x onerror=alert(1)>\n\n"><script>x()</script> [l](javascript:x())'


class _Tags(HTMLParser):
    """The elements of a page, with the attributes that lead somewhere or do something."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.hrefs: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.hrefs += [value or "" for name, value in attrs if name == "href"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def parsed(html: str) -> _Tags:
    assert "\n" not in html, "a blank line would end the HTML inside Markdown"
    tags = _Tags()
    tags.feed(html)
    return tags


def make_view(text: str) -> ArticleView:
    article = parse_article(text, "a1", "a.md")
    passages = tuple(one.passage for one in chunk(article))
    summary = replace(ARTICLE, title=article.title, url=article.url, passages=len(passages))
    return ArticleView(summary, text, passages, offered_questions(text))


# --- The list -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), ["a1", "a2", "a3", "a4"]),
        (Wanted(order="oldest"), ["a2", "a1", "a3", "a4"]),
        (Wanted(order="title"), ["a3", "a1", "a4", "a2"]),
        (Wanted("uber KATZEN"), ["a1"]),
        (Wanted("mausen uber"), ["a1"]),
        (Wanted("智能"), ["a2"]),
        (Wanted("garten tierblatt"), ["a1"]),
        (Wanted("garten ft"), []),
        (Wanted(lang="en"), ["a2", "a3", "a4"]),
        (Wanted(tag="animals"), ["a1", "a2"]),
        (Wanted("ft", "title", "zh", "animals"), ["a2"]),
        (Wanted(outlet="Tierblatt"), ["a1"]),
        (Wanted(outlet="example.org"), ["a3", "a4"]),
        (Wanted("example.org"), ["a3", "a4"]),
        (Wanted(outlet="ft", lang="de"), []),
        (Wanted(order="no such order"), ["a1", "a2", "a3", "a4"]),
    ],
)
def test_articles_are_found_and_ordered(wanted: Wanted, found: list[str]) -> None:
    assert [one.id for one in arrange(ALL, wanted)] == found


def test_tags_come_by_how_often_they_are_given() -> None:
    assert tags_of(ALL) == ["animals", "Garten"]


def test_outlets_are_authors_or_else_hosts_by_how_much_they_published() -> None:
    assert outlets_of(ALL) == ["example.org", "ft", "Tierblatt"]
    assert outlets_of([replace(ARTICLE, author=None, url=None)]) == []


def test_a_long_list_grows_by_steps_and_the_button_says_by_how_much() -> None:
    many = [replace(ARTICLE, id=str(n)) for n in range(LISTED + 1234)]
    html = render_list(many, 5000, "de")
    assert html.count('class="item"') == LISTED
    assert "1.434 von 5.000 Artikeln" in html
    assert render_list(many, 5000, "de", 2 * LISTED).count('class="item"') == 2 * LISTED
    assert (say_more(1234, "en"), say_more(34, "de"), say_more(1234, "zh")) == (
        "Show 200 more",
        "34 weitere zeigen",
        "再显示 200 篇",
    )
    assert say_more(0, "en") == say_more(-5, "de") == ""


@pytest.mark.parametrize("lang", LANGS)
def test_nothing_indexed_and_nothing_found_are_said(lang: Lang) -> None:
    assert TEXTS[lang]["articles_none"] in render_list([], 0, lang)
    assert TEXTS[lang]["articles_no_match"] in render_list([], 3, lang)
    assert TEXTS[lang]["articles_count_one"] in render_list([ARTICLE], 1, lang)


# --- One article --------------------------------------------------------------------------------------------


def test_an_article_shows_all_its_text_but_the_front_matter_with_each_passage_once() -> None:
    text = (
        "---\ntitle: Von Katzen\nauthor: Tierblatt\n---\n\n[Quelle](https://example.org/1)\n\n# Von Katzen\n\n"
        "Die Katze **fraß** am Montag drei Mäuse im Garten, und das dauerte den ganzen Tag.\n\n"
        "<!-- secret\n\nnote -->\n\n"
        "## Nachts\n\nDer Hund schlief vor dem Haus, bis am Morgen die Katze wiederkam.\n\n"
        "## Fragen und Antworten\n\n- Was fraß die Katze?\n  - Antwort: Drei Mäuse.\n"
    )
    view = make_view(text)
    html = render_article(view, "de")
    assert [html.count(f'id="passage-{one.passage_id}"') for one in view.passages] == [1] * len(view.passages)
    assert "Die Katze <strong>fraß</strong> am Montag" in html
    assert "<strong>Nachts</strong>" in html
    assert "author:" not in html
    assert "secret" not in html
    assert "note" not in html
    assert '<a class="offered" href="#question">Was fraß die Katze?</a>' in html
    assert 'href="https://example.org/1" target="_blank" rel="noopener noreferrer"' in html


def test_an_article_without_link_and_questions_names_its_file() -> None:
    html = render_article(make_view("Die Katze schlief den ganzen Tag im Garten."), "en")
    assert "File: a.md" in html
    assert "offered" not in html


# --- Uploads ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("reason", get_args(Reason))
def test_every_reason_is_told_in_every_language(reason: Reason, lang: Lang) -> None:
    html = render_results([Added("a.md", "failed", reason, 7, "detail")], lang)
    assert TEXTS[lang][f"articles_reason_{reason}"].format(limit=7) in html
    assert ("{limit}" in REASONS[reason]) == ("{limit}" in TEXTS[lang][f"articles_reason_{reason}"])


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("code", get_args(WarningCode))
def test_every_warning_is_told_in_every_language(code: WarningCode, lang: Lang) -> None:
    warning = ParseWarning(code, "gb18030")
    html = render_results([Added("a.md", "added", detail=str(warning), warnings=(warning,))], lang)
    told = TEXTS[lang][f"articles_warning_{code}"].format(value="gb18030")
    assert f'<span class="why">{escape(told)}</span>' in html
    assert ("gb18030" in told) == ("gb18030" in str(warning))
    assert str(warning) not in html


def test_results_are_counted_and_linked() -> None:
    results = [
        Added("a.md", "added", article_id="a1"),
        Added("b.md", "unchanged", article_id="a2"),
        Added("c.md", "failed", "empty"),
    ]
    html = render_results(results, "en")
    assert "2 taken, 1 not taken" in html
    assert '<a class="open-article" href="#article-a1">a.md</a>' in html


@pytest.mark.parametrize("lang", LANGS)
def test_nothing_hostile_gets_through(lang: Lang) -> None:
    summary = replace(
        ARTICLE, id='"><b>', title=HOSTILE, url="javascript:x()", author=HOSTILE, tags=(HOSTILE,), file=HOSTILE
    )
    line = HOSTILE.splitlines()[0]
    view = make_view(f"# {line}\n\n{HOSTILE}\n\n## Q&A\n\n**Who {line} came?**\n\nAnswer: Anna.\n")
    hostile = ParseWarning("encoding", HOSTILE)
    pages = [
        render_list([summary], 1, lang),
        render_article(replace(view, summary=summary), lang),
        render_results([Added(HOSTILE, "added", detail=HOSTILE, article_id='"><i>', warnings=(hostile,))], lang),
        render_progress(HOSTILE, 1, 0, lang),
        render_notice(HOSTILE.replace("\n", " "), lang),
        render_hint(lang),
    ]
    for page in pages:
        tags = parsed(page)
        assert not tags.names & {"img", "script", "b", "i"}
        assert tags.handlers == []
        assert all(href.startswith("#") for href in tags.hrefs)
