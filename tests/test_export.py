"""A conversation taken away: as Markdown, as HTML, as text to copy, and through the page's door."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from web_fakes import QUOTE, REFUSALS, TEXT, HandMadeAssistant, make_answer, make_citation, make_refusal

from rag.types import LANGS, Answer, Citation, Disagreement, Dropped, Filters, Lang, Sentence
from rag.web.api import create_api
from rag.web.chat import build_chat, mount
from rag.web.entries import Entry, to_json
from rag.web.export_copy import answer_as_html, answer_as_text
from rag.web.export_door import NAME_CHARS, disposition
from rag.web.export_html import conversation_as_html
from rag.web.export_markdown import as_text, conversation_as_markdown
from rag.web.prose import one_line, to_html, to_plain
from rag.web.references import refer

MADE = datetime(2024, 6, 1, 9, 5, tzinfo=UTC)
WORDS = "Die Katze fraß 3 Mäuse."  # what a reader sees of QUOTE
HOSTILE = [
    "[x](javascript:alert(1))",
    "[x][1] ![](http://evil.test/a.png) <https://evil.test> https://evil.test www.evil.test a@evil.test",
    "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>",
    "```\ncode\n```\n~~~",
    "[^1]: forged\n\n[^1]: https://evil.test [^1]",
    "safe\u202egpj.exe\u2066\u061c\u200b\x00\u2028x",
    "a\n\n# Heading\r\n===\n---\n- one\n+ two\n1. three\n2) four\n> quote\n    code",
    "| a | b |\n| - | - |\n| 1 | 2 |",
    "**bold** _it_ ~~gone~~ ==mark== $x$ &lt; &#60; \\* trailing \\",
    "# #",
    "- - -",
    "1. Juni",
    "Wow!",
    '" onclick="alert(1)" \'',
    "<!-- hidden",
    "",
]
LINKS = [
    "javascript:alert(1)",
    "https://a.org/) [x](y",
    "https://a.org/\n\n# x",
    "https://u:p@a.org/",
    "data:text/html,x",
]


def cite(number: int, quote: str, **changes: object) -> Citation:
    """A citation of a passage that is nothing but its quote."""
    span = {"quote": quote, "passage": quote, "start": 0, "end": len(quote)}
    return make_citation(number, **{**span, **changes})


def long_conversation(length: int) -> list[Entry]:
    """Answers with two sources each, the second of which they all share."""
    return [
        Entry(
            f"Frage {n}?",
            answer=make_answer(
                id=f"a{n}",
                sentences=(Sentence(f"Satz {n}.", (7,), 1.0), Sentence("Gemeinsam.", (7, 3), 1.0)),
                citations=(cite(3, "Gemeinsames Zitat."), cite(7, f"Zitat Nummer {n}.", title=f"Titel {n}")),
            ),
        )
        for n in range(1, length + 1)
    ]


def hostile_answer(text: str, **changes: object) -> Answer:
    """An answer in which everything that comes from outside is this text."""
    said = f"S{text}"
    citation = cite(1, said, title=text, author=text, date=text, heading=text, file=text, **changes)
    return make_answer(
        question=text,
        sentences=(Sentence(text, (1,), 1.0), Sentence(said, (1,), 1.0)),
        citations=(citation,),
        disagreements=(Disagreement(text, (1,)),),
        standalone_question=text,
        answerer="llm",
        model=text,
        note=text,
        dropped=(Dropped(text, "unsupported"),),
    )


def hostile_entry(text: str, **changes: object) -> Entry:
    """The same as an entry."""
    filters = Filters(tags=(text,), authors=(text,), date_from=text, date_to=text)
    return Entry(text, filters, hostile_answer(text, **changes))


# --- Markdown -----------------------------------------------------------------------------------------------


def parsed(markdown: str) -> list[Token]:
    """What CommonMark with tables and struck text makes of it; footnotes stay as they are written."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)


def inline(tokens: list[Token]) -> Iterator[Token]:
    """The tokens inside of lines."""
    return chain.from_iterable(token.children or () for token in tokens)


def blocks(markdown: str) -> list[str]:
    """The text of each heading and paragraph as a reader sees it, footnotes marked as ``[^n]``."""
    return [
        "".join(child.content for child in token.children or ()) for token in parsed(markdown) if token.type == "inline"
    ]


def footnotes(markdown: str) -> tuple[list[int], list[int]]:
    """The numbers that are referred to and those that are defined, in the order of the document."""
    lines = re.sub(r"\\.", "", markdown).split("\n")  # an escaped bracket is no footnote's
    defined = [int(match[1]) for line in lines if (match := re.match(r"\[\^(\d+)\]: ", line))]
    body = "\n".join(line for line in lines if not re.match(r"\[\^\d+\]: ", line))
    return [int(number) for number in re.findall(r"\[\^(\d+)\]", body)], defined


@pytest.mark.parametrize(
    ("lang", "made", "note"),
    [
        ("en", "A conversation, saved on 1 June 2024, 09:05 UTC.", "Answered in 18 ms, without a model."),
        ("de", "Ein Gespräch, gesichert am 1. Juni 2024, 09:05 UTC.", "In 18 ms beantwortet, ohne Modell."),
        ("zh", "对话，保存于 2024年6月1日 09:05 UTC。", "用时 18 毫秒，未使用模型。"),
    ],
)
def test_markdown_has_the_question_the_answer_and_the_source(lang: Lang, made: str, note: str) -> None:
    markdown = conversation_as_markdown([Entry("Was fraß die Katze?", answer=make_answer())], lang, made=MADE)
    *told, source = blocks(markdown)
    assert told == ["Ask the Articles", made, "Was fraß die Katze?", f"{WORDS}[^1]", note]
    assert source.startswith("[^1]: Von Katzen & Hunden (Tierblatt")
    assert WORDS in source
    assert [child.attrs["href"] for child in inline(parsed(markdown)) if child.type == "link_open"] == [
        "https://www.example.org/cats?a=1&b=2"
    ]


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", "Asked only of articles: in Deutsch, 中文 · with the tag KI · by FT · from 1 May 2024 · 2 chosen"),
        ("de", "Nur Artikel: auf Deutsch, 中文 · mit dem Stichwort KI · von FT · ab 1. Mai 2024 · 2 ausgewählte"),
        ("zh", "仅限文章：语言 Deutsch、中文 · 标签 KI · 媒体 FT · 日期自 2024年5月1日 起 · 选定的 2 篇文章"),
    ],
)
def test_filters_are_told_in_the_readers_words(lang: Lang, words: str) -> None:
    entry = Entry("?", Filters(("de", "zh"), ("KI",), ("FT",), "2024-05-01", None, ("a", "b")), make_answer())
    assert words in blocks(conversation_as_markdown([entry], lang, made=MADE))
    assert words in Read(conversation_as_html([entry], lang, made=MADE)).text


@pytest.mark.parametrize(
    ("lang", "understood", "dropped", "disagreement"),
    [
        ("en", "Understood as: Wer? (Katze)", "1 sentence was left out", "The sources disagree about kg:"),
        ("de", "Verstanden als: Wer? (Katze)", "1 Satz wurde weggelassen", "Die Quellen widersprechen sich bei kg:"),
        ("zh", "理解为：Wer? (Katze)", "有 1 句话因没有依据而略去", "各出处对kg说法不一："),
    ],
)
def test_what_the_reader_should_know_comes_along(lang: Lang, understood: str, dropped: str, disagreement: str) -> None:
    answer = make_answer(
        standalone_question="Wer? (Katze)",
        dropped=(Dropped("Der Hund flog.", "unsupported"),),
        disagreements=(Disagreement("kg", (1,)),),
        answerer="llm",
        model="qwen_2*",
    )
    entries = [Entry("Wer?", answer=answer)]
    for text in (
        "\n".join(blocks(conversation_as_markdown(entries, lang, made=MADE))),
        Read(conversation_as_html(entries, lang, made=MADE)).text,
    ):
        assert understood in text
        assert dropped in text
        assert disagreement in text
        assert "qwen_2*" in text


@pytest.mark.parametrize("lang", LANGS)
def test_refusals_and_troubles_are_told(lang: Lang) -> None:
    refused = Entry("天气？", answer=make_refusal("天气？", "zh"))
    stopped, interrupted, failed, unavailable = (
        Entry(name, trouble=name) for name in ("stopped", "interrupted", "failed", "unavailable")
    )
    entries = [refused, stopped, interrupted, failed, unavailable, Entry("nothing at all")]
    texts = blocks(conversation_as_markdown(entries, lang, made=MADE))
    assert REFUSALS["zh"] in texts
    told = [texts[texts.index(entry.question) + 1] for entry in entries[1:]]
    assert len(set(told[:4])) == 4
    assert told[4] == told[1]  # without an answer and a reason, it was interrupted
    page = Read(conversation_as_html(entries, lang, made=MADE)).text
    assert all(text in page for text in (REFUSALS["zh"], *told))
    assert answer_as_text(stopped, lang) == told[0]
    assert answer_as_text(refused, lang) == REFUSALS["zh"]


@pytest.mark.parametrize("lang", LANGS)
def test_footnotes_are_numbered_on_and_the_same_source_is_one(lang: Lang) -> None:
    markdown = conversation_as_markdown(long_conversation(30), lang, made=MADE)
    referred, defined = footnotes(markdown)
    assert defined == list(range(1, 32))  # one for each answer, and the one they share
    assert referred[:6] == [1, 1, 2, 3, 3, 2]
    assert sorted(set(referred)) == defined
    sources = blocks(markdown)[-31:]
    assert "Gemeinsames Zitat." in sources[1]
    assert all(f"Zitat Nummer {n}." in sources[n if n > 1 else 0] for n in range(1, 31))


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_no_markdown(text: str, lang: Lang) -> None:
    markdown = conversation_as_markdown([hostile_entry(text)], lang, made=MADE)
    tokens = parsed(markdown)
    assert {token.type for token in tokens} == {
        "heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline"
    }  # fmt: skip
    kinds = {token.type for token in inline(tokens)}
    assert kinds <= {
        "text",
        "text_special",
        "em_open",
        "em_close",
        "strong_open",
        "strong_close",
        "link_open",
        "link_close",
    }
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2"]
    assert [child.attrs["href"] for child in inline(tokens) if child.type == "link_open"] == [
        "https://www.example.org/cats?a=1&b=2"
    ]
    texts = blocks(markdown)
    assert texts[2] == (one_line(text) or "…")
    assert any(f"{one_line(to_plain(text))}[^1] {one_line(to_plain('S' + text))}[^1]".strip() == one for one in texts)
    assert one_line(to_plain("S" + text)) in texts[-1]
    assert texts[-1].startswith("[^1]: ")
    assert footnotes(markdown) == ([1, 1, 1], [1])


def test_a_sign_before_a_number_makes_no_picture_of_it() -> None:
    answer = make_answer(sentences=(Sentence("Wow!", (1,), 1.0),))
    markdown = conversation_as_markdown([Entry("?", answer=answer)], "en", made=MADE)
    assert "Wow\\![^1]" in markdown  # some programs read ![^1] as the start of an image, and lose the sign


@given(st.text(alphabet=st.sampled_from("\\`*_[](){}<>#+-=.!|~^$&:@1a \n\t\u202e中ß/"), max_size=40))
def test_any_text_in_markdown_shows_as_itself(text: str) -> None:
    for before, after in (("", ""), ("## ", ""), ("*x", "x*"), ("**x", "x** y")):
        shown = blocks(f"{before}{as_text(text)}{after}\n")
        bare = before.strip("#* ") + one_line(text) + after.replace("*", "")
        assert "".join(shown).strip() == bare.strip()


@pytest.mark.parametrize(
    "text", ["<!-- hidden", "<?php", "<!DOCTYPE x", "<![CDATA[ x", "</script", "<pre", "&amp; &#60;"]
)
def test_a_paragraph_that_begins_like_html_is_text(text: str) -> None:
    assert blocks(as_text(text)) == [text]


def test_readable_text_is_left_readable() -> None:
    words = "Am 3. Mai kostete es 10-12 % mehr – „sehr viel“ (laut Müller): 1,5 Mio. Euro, 屠呦呦！"
    assert as_text(words) == words


@pytest.mark.parametrize("url", LINKS)
def test_only_checked_links_come_out(url: str) -> None:
    entries = [Entry("?", answer=make_answer(citations=(make_citation(url=url),)))]
    markdown = conversation_as_markdown(entries, "en", made=MADE)
    assert not [token for token in inline(parsed(markdown)) if token.type == "link_open"]
    assert "File: cats.md" in markdown
    hrefs = Read(conversation_as_html(entries, "en", made=MADE)).hrefs + Read(answer_as_html(entries[0], "en")).hrefs
    assert all(href.startswith("#") for href in hrefs)
    assert url not in answer_as_text(entries[0], "en")


def test_a_link_with_signs_of_markdown_in_it_stays_whole() -> None:
    url = "https://de.example.org/wiki/Katze_(Tier)_*x*?a=[1]&copy=2#)"
    entries = [Entry("?", answer=make_answer(citations=(make_citation(url=url),)))]
    markdown = conversation_as_markdown(entries, "en", made=MADE)
    links = [child for child in inline(parsed(markdown)) if child.type == "link_open"]
    assert [unquote(str(link.attrs["href"])) for link in links] == [url]
    assert url in Read(conversation_as_html(entries, "en", made=MADE)).hrefs


# --- HTML ---------------------------------------------------------------------------------------------------

VOID = {"meta", "br"}


class Read(HTMLParser):
    """A document as a browser reads it; every tag must be closed where it was opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    @property
    def text(self) -> str:
        """All that is read."""
        return "".join(text for tag, text in self.texts if tag != "style")

    @property
    def hrefs(self) -> list[str]:
        """Where links lead."""
        return [attrs["href"] or "" for tag, attrs in self.tags if tag == "a"]

    @property
    def ids(self) -> list[str]:
        """The names of places."""
        return [attrs["id"] or "" for _, attrs in self.tags if "id" in attrs]


TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "p",
    "article",
    "h2",
    "h3",
    "span",
    "section",
    "blockquote",
    "mark",
    "strong",
    "em",
    "br",
    "a",
    "div",
}
ATTRIBUTES = {
    "lang",
    "charset",
    "name",
    "content",
    "http-equiv",
    "class",
    "id",
    "href",
    "title",
    "aria-label",
    "target",
    "rel",
}


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_no_html(text: str, lang: Lang) -> None:
    entry = hostile_entry(text)
    for html in (conversation_as_html([entry], lang, made=MADE), answer_as_html(entry, lang)):
        read = Read(html)
        assert {tag for tag, _ in read.tags} <= TAGS
        assert {name for _, attrs in read.tags for name in attrs} <= ATTRIBUTES
        assert all(href.startswith(("#", "https://www.example.org/")) for href in read.hrefs)
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u061c\u200b\x00]", html)
        assert len([text for tag, text in read.texts if tag == "title"]) <= 1


@pytest.mark.parametrize("lang", LANGS)
def test_the_document_loads_nothing_and_says_its_language(lang: Lang) -> None:
    html = conversation_as_html([Entry("Was fraß die Katze?", answer=make_answer())], lang, made=MADE)
    tags = Read(html).tags
    assert ("html", {"lang": lang}) in tags
    policy = {"http-equiv": "Content-Security-Policy", "content": "default-src 'none'; style-src 'unsafe-inline'"}
    assert ("meta", policy) in tags
    assert ("meta", {"charset": "utf-8"}) in tags
    assert not re.search(r"url\(|@import|<link|<script|\ssrc=", html)
    for rule in ("(prefers-color-scheme: dark)", "@media print"):
        assert rule in html
    assert ("h2", {"lang": "de"}) in tags
    assert ("blockquote", {"lang": "de"}) in tags
    assert "<title>Was fraß die Katze? – Ask the Articles</title>" in html


def test_a_quotation_is_in_its_own_language_and_marked_in_its_passage() -> None:
    citation = make_citation()
    answer = make_answer(question_lang="en", citations=(citation,))
    html = conversation_as_html([Entry("What?", answer=answer)], "zh", made=MADE)
    assert f'<span lang="de">{to_html(QUOTE)}</span>' in html
    assert f"<mark>{to_html(QUOTE)}</mark>" in html
    assert to_html(TEXT[TEXT.index("Der Hund") :]) in html


def test_links_lead_to_the_sources_and_back_from_each() -> None:
    read = Read(conversation_as_html(long_conversation(30), "de", made=MADE))
    assert len(read.ids) == len(set(read.ids))
    inner = [href[1:] for href in read.hrefs if href.startswith("#")]
    assert set(inner) == set(read.ids)
    sources = [name for name in read.ids if name.startswith("source-")]
    assert sources == [f"source-{n}" for n in range(1, 32)]
    assert inner.count("source-2") == 30
    assert len([name for name in inner if name.startswith("cite-2-")]) == 30
    outer = [attrs for tag, attrs in read.tags if tag == "a" and not (attrs["href"] or "").startswith("#")]
    assert len(outer) == 31
    assert all(link["target"] == "_blank" and "noopener" in (link["rel"] or "") for link in outer)


def test_every_quote_is_in_full_in_every_form() -> None:
    quote = "Ein Satz mit **Betonung**.\n\n" + "Sehr lang, " * 400 + "Ende."
    entry = Entry("?", answer=make_answer(citations=(cite(1, quote),)))
    words = one_line(to_plain(quote))
    assert words in blocks(conversation_as_markdown([entry], "de", made=MADE))[-1]
    assert f"<mark>{to_html(quote)}</mark>" in conversation_as_html([entry], "de", made=MADE)
    assert words in answer_as_text(entry, "de")
    assert words in Read(answer_as_html(entry, "de")).text


# --- References ---------------------------------------------------------------------------------------------


def test_a_number_without_a_source_is_not_shown_nor_a_source_that_nothing_cites() -> None:
    answer = make_answer(
        sentences=(Sentence("Satz.", (9, 2, 2), 1.0),), citations=(make_citation(1), make_citation(2, title="Zwei"))
    )
    told = refer([Entry("?", answer=answer)])
    assert [one.title for one in told.references.values()] == ["Zwei"]
    assert told.entries[0].answer is not None
    assert told.entries[0].answer.sentences[0].citations == (1,)


def test_equal_words_of_other_passages_stay_apart() -> None:
    citations = (make_citation(1), make_citation(2, article_id="dogs"), make_citation(3))
    answer = make_answer(citations=citations, sentences=(Sentence("Satz.", (3, 1, 2), 1.0),))
    told = refer([Entry("?", answer=answer), Entry("?", answer=answer)])
    assert [one.citation.article_id for one in told.references.values()] == ["cats", "cats", "dogs"]
    assert [one.number for one in told.references.values()] == [1, 2, 3]


# --- To copy ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lang", "line"),
    [
        ("en", f"[1] Von Katzen & Hunden, Tierblatt, 21 May 2024, https://www.example.org/cats?a=1&b=2 — “{WORDS}”"),
        ("de", f"[1] Von Katzen & Hunden, Tierblatt, 21. Mai 2024, https://www.example.org/cats?a=1&b=2 — „{WORDS}“"),
        ("zh", f"[1] Von Katzen & Hunden，Tierblatt，2024年5月21日，https://www.example.org/cats?a=1&b=2 — “{WORDS}”"),
    ],
)
def test_an_answer_is_copied_with_a_line_for_each_source(lang: Lang, line: str) -> None:
    entry = Entry("Was fraß die Katze?", answer=make_answer(disagreements=(Disagreement("kg", (1,)),)))
    said, disagreement, references = answer_as_text(entry, lang).split("\n\n")
    assert said == f"{WORDS}[1]"
    assert "kg" in disagreement
    assert disagreement.endswith("[1]")
    assert references == line
    read = Read(answer_as_html(entry, lang))
    assert read.hrefs == ["https://www.example.org/cats?a=1&b=2"] * 3
    assert ("div", {"lang": "de"}) in read.tags


# --- The door -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def client(runs: Path) -> TestClient:
    """A browser before the page without a login."""
    assistant = HandMadeAssistant()
    site = mount(create_api(assistant, api_keys=["a-key"]), build_chat(assistant, runs=runs), runs=runs)
    return TestClient(site, raise_server_exceptions=False)


ENTRIES = [Entry("Was fraß die Katze?", Filters(lang=("de",)), make_answer()), Entry("Und dann?", trouble="stopped")]


def error(response: Response) -> tuple[int, str]:
    """Status and type of an error in the one shape."""
    body = response.json()["error"]
    assert body["message"]
    return response.status_code, body["type"]


@pytest.mark.parametrize("lang", LANGS)
def test_a_conversation_comes_back_as_a_file(client: TestClient, lang: Lang) -> None:
    for kind, suffix, media_type in (("markdown", "md", "text/markdown"), ("html", "html", "text/html")):
        response = client.post(f"/export/{kind}?lang={lang}", content=to_json(ENTRIES))
        assert response.status_code == 200
        assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
        assert response.headers["content-disposition"].startswith('attachment; filename="2')
        assert response.headers["content-disposition"].endswith(f"-Was-fra%C3%9F-die-Katze.{suffix}")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "Was fraß die Katze?" in response.text
        assert "Und dann?" in response.text
    made = client.post("/export/markdown", params={"lang": lang}, content=to_json(ENTRIES)).text
    assert blocks(made)[2:] == blocks(conversation_as_markdown(ENTRIES, lang, made=MADE))[2:]


def test_one_answer_comes_back_to_copy(client: TestClient) -> None:
    copied = client.post("/export/copy?lang=de", content=to_json(ENTRIES[:1])).json()
    assert copied == {"text": answer_as_text(ENTRIES[0], "de"), "html": answer_as_html(ENTRIES[0], "de")}
    assert error(client.post("/export/copy?lang=de", content=to_json(ENTRIES))) == (422, "invalid")


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", '[{"question": 1}]', '[{"question": "\\ud800"}]', b"\xff", "[" * 9999]
)
def test_what_is_no_conversation_is_refused_with_a_remedy(client: TestClient, body: str | bytes) -> None:
    response = client.post("/export/html?lang=en", content=body)
    assert error(response) == (422, "invalid")
    assert re.search("reload the page|ask a question", response.json()["error"]["message"])


@pytest.mark.parametrize("number", ["NaN", "-1e999", "1e999"])
def test_a_number_that_nobody_can_write_is_refused(client: TestClient, number: str) -> None:
    body = to_json(ENTRIES[:1]).replace("18.2", number)
    assert error(client.post("/export/markdown?lang=en", content=body)) == (422, "invalid")


def test_unknown_kinds_and_languages_are_refused(client: TestClient) -> None:
    assert error(client.post("/export/pdf?lang=en", content=to_json(ENTRIES))) == (404, "not_found")
    assert error(client.post("/export/html?lang=fr", content=to_json(ENTRIES))) == (422, "invalid")
    assert error(client.post("/export/html", content=to_json(ENTRIES))) == (422, "invalid")


def test_a_page_of_another_site_exports_nothing(client: TestClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert error(client.post("/export/copy?lang=en", content="[]", headers=headers)) == (403, "forbidden")


def test_with_logins_an_export_needs_one(runs: Path) -> None:
    assistant = HandMadeAssistant()
    page = build_chat(assistant, runs=runs)
    site = mount(create_api(assistant, api_keys=["a-key"]), page, runs=runs, users=[("anna", "geheim")])
    locked = TestClient(site, raise_server_exceptions=False)
    key = {"Authorization": "Bearer a-key"}
    assert error(locked.post("/export/html?lang=en", content=to_json(ENTRIES), headers=key)) == (401, "unauthorized")
    assert locked.post("/login", data={"username": "anna", "password": "geheim"}).status_code == 200
    assert locked.post("/export/html?lang=en", content=to_json(ENTRIES)).status_code == 200


def test_long_conversations_fit_and_there_is_an_end_to_it(client: TestClient) -> None:
    def chunks(count: int) -> Iterator[bytes]:
        yield from (b" " * 2**20 for _ in range(count))
        yield to_json(ENTRIES).encode()

    for kind in ("markdown", "html"):
        assert client.post(f"/export/{kind}?lang=en", content=to_json(long_conversation(150))).status_code == 200
        assert client.post(f"/export/{kind}?lang=en", content=b"".join(chunks(7))).status_code == 200
        assert client.post(f"/export/{kind}?lang=en", content=chunks(7)).status_code == 200
        assert error(client.post(f"/export/{kind}?lang=en", content=b"".join(chunks(9)))) == (413, "too_large")
        assert error(client.post(f"/export/{kind}?lang=en", content=chunks(9))) == (413, "too_large")


def test_exports_are_not_in_the_openapi_document(client: TestClient) -> None:
    assert not [path for path in client.get("/openapi.json").json()["paths"] if "export" in path]


@pytest.mark.parametrize(
    ("question", "plain", "full"),
    [
        ("屠呦呦因为什么获得诺贝尔奖？", "2024-06-01-conversation", "2024-06-01-屠呦呦因为什么获得诺贝尔奖"),
        ("Wie groß?", "2024-06-01-Wie-gro", "2024-06-01-Wie-groß"),
        ('../../"; filename="x.exe\r\nSet-Cookie: a', "2024-06-01-filename-x-exe-Set-Cookie-a", None),
        ("\u202egpj.exe", "2024-06-01-gpj-exe", None),
        ("?!", "2024-06-01-conversation", None),
        ("a" * 500, "2024-06-01-" + "a" * NAME_CHARS, None),
    ],
)
def test_a_file_is_named_by_its_date_and_question(question: str, plain: str, full: str | None) -> None:
    header = disposition([Entry(question)], "md", MADE)
    match = re.fullmatch(r"attachment; filename=\"([\w-]+\.md)\"; filename\*=UTF-8''([\w.%-]+)", header, re.ASCII)
    assert match
    assert match[1] == f"{plain}.md"
    assert unquote(match[2]) == f"{full or plain}.md"
