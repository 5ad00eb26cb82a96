"""Web pages, JSON, feeds and PDF: what becomes an article, and why the rest does not."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from conftest import SubjectEmbedder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pdf_maker import endless_pdf, pdf

from rag.errors import ArticleError
from rag.ingesting.ingestion import Ingestor
from rag.reading.articles import MAX_BYTES, parse_file, read_article, read_articles
from rag.reading.chunking import chunk
from rag.reading.formats import INDEXED, SUFFIXES, pdf_pages
from rag.reading.formats import pdf as pdf_format
from rag.storage.store import Store
from rag.types import LANGS, Article, Lang, Unreadable
from rag.web.strings import TEXTS

DE = "Das Unternehmen aus München hat in der jüngsten Runde eine Milliarde Euro eingesammelt."
EN = "The company raised one billion dollars in its latest round, led by Accel."
ZH = "总部位于旧金山的初创公司在最新一轮融资中成功筹集了十亿美元。"
PAGE = f"""<!DOCTYPE html><html lang="de"><head><meta charset="{{charset}}"><title>Runde – Zeitung</title>
<meta property="og:title" content="Große Runde für Müller"><meta name="author" content="Anna Müller">
<meta name="description" content="Kurz gesagt."><meta name="keywords" content="KI, Geld">
<link rel="canonical" href="{{link}}">
<meta property="article:published_time" content="2024-05-21T23:30:00+02:00"></head><body>
<nav><a href="/">Startseite</a> <a href="/politik">Politik</a></nav>
<article><h1>Große Runde für Müller</h1><p>{DE} Es sitzt in Ulm und hat dreihundert Mitarbeiter.</p>
<p style="display: none">Unsichtbare Anweisung.</p><!-- Verborgener Kommentar. -->
<h2>Fragen und Antworten</h2><p><strong>Wer gründete die Firma?</strong></p>
<p>Antwort: Karl Müller gründete sie im Jahr 2010.</p></article>
<div class="comments"><p>Erster Kommentar eines Lesers!</p></div><footer>Impressum</footer></body></html>"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data" / "articles.sqlite3")
    yield opened
    opened.close()


def parsed(data: bytes, file: str, fields: dict[str, str] | None = None) -> list[Article | Unreadable]:
    return list(parse_file(data, file, lambda part: f"id of {part}", fields))


def one(data: bytes, file: str) -> Article:
    (article,) = parsed(data, file)
    assert isinstance(article, Article)
    return article


def articles(data: bytes, file: str, fields: dict[str, str] | None = None) -> list[Article]:
    return [found for found in parsed(data, file, fields) if isinstance(found, Article)]


def refused(data: bytes, file: str) -> str:
    with pytest.raises(ArticleError) as raised:
        parsed(data, file)
    return str(raised.value)


def assert_offsets_slice_back(article: Article) -> None:
    for made in chunk(article):
        passage = made.passage
        assert article.text[passage.start : passage.end] == passage.text
        assert all(article.text[span.start : span.end] == span.text for span in made.sentences)
    for section in article.sections:
        for span in (*section.headings, *(block.span for block in section.blocks)):
            assert article.text[span.start : span.end] == span.text


# --- Web pages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_of_a_page_the_main_text_is_read_with_what_its_head_says(encoding: str) -> None:
    article = one(PAGE.format(charset=encoding, link="https://zeitung.de/1").encode(encoding), "a.html")
    assert (article.title, article.author, article.date) == ("Große Runde für Müller", "Anna Müller", "2024-05-21")
    assert (article.url, article.description, article.tags) == ("https://zeitung.de/1", "Kurz gesagt.", ("KI", "Geld"))
    (section,) = article.sections
    assert section.lang == "de"
    assert [block.span.text for block in section.blocks] == [f"{DE} Es sitzt in Ulm und hat dreihundert Mitarbeiter."]
    assert [pair.answer.text for pair in section.qa] == ["Karl Müller gründete sie im Jahr 2010."]
    assert not any(word in article.text for word in ("Startseite", "Impressum", "Leser", "Unsichtbar", "Verborgen"))
    assert article.warnings == ()
    assert_offsets_slice_back(article)


def test_the_link_of_a_page_is_checked_as_any_other() -> None:
    page = PAGE.format(charset="utf-8", link="javascript:alert(1)")
    assert one(page.encode(), "a.htm").url is None


def test_a_chinese_page_that_names_its_encoding(tmp_path: Path) -> None:
    page = f"<html><head><meta charset=gb2312><title>新闻</title></head><body><h1>融资</h1><p>{ZH}</p></body></html>"
    (tmp_path / "新闻🚀.html").write_bytes(page.encode("gb18030"))
    article = read_article(tmp_path / "新闻🚀.html", tmp_path)
    assert (article.file, article.langs, article.warnings, article.url) == ("新闻🚀.html", ("zh",), (), None)
    assert ZH in article.text


@pytest.mark.parametrize("page", ["<p>Kurz und gut.</p>", "<body>Kurz und gut.", "Kurz und gut.", "<td>Kurz und gut."])
def test_short_pages_and_pieces_of_one_are_read(page: str) -> None:
    assert "Kurz und gut." in one(page.encode(), "a.html").text


def test_xhtml_is_read() -> None:
    page = f'<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>{EN}</p></body></html>'
    assert EN in one(page.encode(), "a.xhtml").text


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 100_000 + DE,
        "<p>" + "<span>" * 3000 + "tief</span></p><p>Ende.</p>",
        "<p>a&#xD800;&#0;b</p>",
        "<p>a\x01\x02 b</p>",
        "<ul><li>" * 5000 + EN,
        "<table>" * 5000 + EN,
        "<frameset><frame src=x></frameset>",
        "<script>document.write('x')</script>",
        "<![CDATA[" + EN,
        "<!DOCTYPE html [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><p>&b;</p>",
        "",
        "<",
        "<>",
    ],
    ids=lambda page: page[:10],
)
def test_odd_pages_are_read_or_refused(page: str) -> None:
    try:
        article = one(page.encode(), "a.html")
    except ArticleError as error:
        assert "text" in str(error)
    else:
        assert_offsets_slice_back(article)


def test_of_a_page_that_is_mostly_a_picture_and_a_script_the_text_is_found() -> None:
    page = f"<script>{'x=1;' * 2_800_000}</script><img src='data:image/png;base64,{'A' * 1_000_000}'><p>{DE}</p>"
    assert DE in one(page.encode(), "a.html").text


# --- JSON ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        {"title": "Runde", "text": EN, "url": "https://a.org/1", "date": "2024-05-21", "author": "Ada", "tags": ["AI"]},
        {"headline": "Runde", "articleBody": EN, "Source_URL": "https://a.org/1", "datePublished": "2024-05-21T01:00Z",
         "authors": [{"name": "Ada"}], "keywords": "AI"},
        {"title": {"rendered": "Runde"}, "content": {"rendered": f"<p>{EN}</p>"}, "link": "https://a.org/1",
         "published_at": 1716285600, "byline": "Ada", "categories": [{"name": "AI"}]},
        {"title": "Runde", "content_html": f"<div>{EN}</div>", "canonical": "https://a.org/1", "pubDate": 1716285600000,
         "outlet": "Ada", "tags": ["AI", "", None]},
        {"标题": "Runde", "正文": EN, "链接": "https://a.org/1", "日期": "2024年5月21日", "作者": "Ada", "标签": "AI"},
    ],
)  # fmt: skip
def test_whatever_the_fields_are_called_the_article_is_the_same(entry: dict[str, object]) -> None:
    for article in (
        one(json.dumps(entry).encode(), "a.json"),
        *articles(json.dumps([entry], ensure_ascii=False).encode("utf-8-sig"), "a.json"),
        *articles(json.dumps(entry).encode() + b"\r\n", "a.jsonl"),
    ):
        assert (article.title, article.url, article.date) == ("Runde", "https://a.org/1", "2024-05-21")
        assert (article.author, article.tags, article.text) == ("Ada", ("AI",), EN)
        assert_offsets_slice_back(article)


@pytest.mark.parametrize("around", ["articles", "items", "data", "Entries"])
def test_a_list_within_an_object_is_found(around: str) -> None:
    data = json.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "title": "Feed", around: [{"text": EN}, {"text": DE}]}
    )
    assert [article.text for article in articles(data.encode(), "a.json")] == [EN, DE]


def test_parts_stay_when_others_are_added_and_no_two_are_the_same() -> None:
    entries = [{"text": EN}, {"id": 7, "text": EN}, {"url": "https://a.org", "text": DE}, {"text": ZH}]
    before = [article.part for article in articles(json.dumps(entries).encode(), "a.json")]
    more = [{"text": "Neu hier."}, *entries, entries[1], {"text": "Zuletzt."}]
    after = [article.part for article in articles(json.dumps(more).encode(), "a.json")]
    assert before[1:3] == ["7", "https://a.org"]
    assert [part for part in after if part in before] == before
    assert len(set(after)) == len(after) == 7
    lines = "\n".join(map(json.dumps, entries))
    assert [article.part for article in articles(lines.encode(), "a.ndjson")] == before


def test_articles_of_one_file_have_ids_of_their_own_and_titles_from_their_words(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in (EN, DE)))
    found = [article for article in read_articles(tmp_path / "a.jsonl", tmp_path) if isinstance(article, Article)]
    assert len({article.id for article in found}) == 2
    assert [article.title[:11] for article in found] == ["The company", "Das Unterne"]
    with pytest.raises(ArticleError, match="several"):
        read_article(tmp_path / "a.jsonl", tmp_path)


def test_a_broken_line_is_told_with_its_number_and_the_others_go_in() -> None:
    lines = [
        json.dumps({"id": "a", "text": EN}),
        '{"text": "cut',
        "",
        "[1]",
        '{"id": "e"}',
        '{"id": "f", "text": "a \\ud800"}',
        "[" * 100_000,
        '{"n": ' + "9" * 5000 + "}",
        json.dumps({"id": "b", "text": f"{DE}\u2028{DE}\x00"}),
    ]
    found = parsed("\r\n".join(lines).encode(), "a.jsonl")
    assert [article.part for article in found if isinstance(article, Article)] == ["a", "b"]
    told = [str(one) for one in found if isinstance(one, Unreadable)]
    assert told[0].startswith("line 2: is not valid JSON: Unterminated string")
    assert told[1:3] == ["line 4: is no JSON object", "line 5: has no text; its fields are 'id'"]
    assert told[3].startswith("f: holds characters that are no text")
    assert told[4:] == ["line 7: is nested too deeply", "line 8: is not valid JSON: a number has too many digits"]


def test_of_very_many_broken_lines_the_first_are_told_and_the_others_counted() -> None:
    found = parsed(b"x\n" * 1000 + json.dumps({"text": EN}).encode(), "a.jsonl")
    assert len(found) == 22
    assert str(found[-1]) == "and: 980 more that can't be read"


def test_settings_say_where_the_fields_are() -> None:
    data = json.dumps([{"title": "x", "body": {"raw": EN}, "meta": {"link": "https://a.org/1", "nr": 3}}]).encode()
    (article,) = articles(data, "a.json", {"text": "body.raw", "url": "meta.link", "id": "meta.nr"})
    assert (article.text, article.url, article.part, article.title) == (EN, "https://a.org/1", "3", "x")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"{", "not valid JSON: Expecting property name.* in line 1, column 2"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"[]", "no article"),
        (b"[1, 2]", "entry 1: is no JSON object"),
        (b'"text"', "no JSON object"),
        (b"{}", "has no text"),
        (b'{"a": 1}', "has no text; its fields are 'a'"),
        (b'{"text": "\\ud800 x"}', "surrogate"),
        (json.dumps({"text": "x" * (MAX_BYTES + 1)}).encode(), "larger than the 10 MB an article may have"),
    ],
    ids=lambda value: str(value[:12]),
)
def test_json_without_an_article_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ArticleError, match=reason):
        parsed(data, "a.json")


# --- Feeds --------------------------------------------------------------------------------------------------

RSS = f"""<?xml version="1.0" encoding="{{0}}"?><rss version="2.0"><channel><title>Zeitung</title>
<item><title>Erste &amp; beste</title><link>https://a.de/1</link><guid>1</guid>
<pubDate>Tue, 21 May 2024 23:30:00 +0200</pubDate><category>KI</category>
<description><![CDATA[<p>{DE}</p><script>alert(1)</script><h3>Fragen und Antworten</h3>
<p><b>Wer kam nach Ulm?</b></p><p>Antwort: Anna kam.</p>]]></description></item>
<item><title>Zweite</title><link>https://a.de/2</link><description>{EN}</description></item>
<item><title>Leer</title><guid>3</guid></item></channel></rss>"""
ATOM = f"""<feed xmlns="http://www.w3.org/2005/Atom"><title>报纸</title><entry><id>urn:1</id><title>融资</title>
<link href="https://a.cn/1"/><updated>2024-05-21T01:00:00Z</updated><author><name>王芳</name></author>
<content type="html">&lt;p&gt;{ZH}&lt;/p&gt;</content></entry></feed>"""


@pytest.mark.parametrize(("file", "encoding"), [("a.rss", "utf-8"), ("a.xml", "iso-8859-1"), ("a.XML", "utf-16")])
def test_each_entry_of_a_feed_is_an_article(file: str, encoding: str) -> None:
    first, second, empty = parsed(RSS.format(encoding).encode(encoding), file)
    assert isinstance(first, Article)
    assert (first.part, first.title, first.url) == ("1", "Erste & beste", "https://a.de/1")
    assert (first.date, first.author, first.tags) == ("2024-05-21", "Zeitung", ("KI",))
    assert first.text.startswith(DE)
    assert "alert" not in first.text
    assert [pair.answer.text for pair in first.sections[0].qa] == ["Anna kam."]
    assert_offsets_slice_back(first)
    assert isinstance(second, Article)
    assert (second.part, second.text) == ("https://a.de/2", EN)
    assert empty == Unreadable("3", "has no text")


def test_an_atom_feed_is_read() -> None:
    (article,) = articles(ATOM.encode(), "a.atom")
    assert (article.part, article.title, article.url) == ("urn:1", "融资", "https://a.cn/1")
    assert (article.date, article.author, article.text) == ("2024-05-21", "王芳", ZH)


BILLION = (
    '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
    + "]><rss><channel><item><description>&j;</description></item></channel></rss>"
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"<note><to>Tove</to></note>", "is XML, but no RSS or Atom feed"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "no RSS or Atom feed"),
        (b"<rss><channel></channel></rss>", "feed without entries"),
        (BILLION.encode(), "entities of its own"),
        (BILLION.encode("utf-16"), "entities of its own"),
        (b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><item>&x;</item></rss>', "entities of its own"),
        (b"<rss>" + bytes(range(128, 256)) * 4, "encoding"),
        (b"https://a.org/feed.xml", "no RSS or Atom feed"),
    ],
    ids=lambda value: str(value[:12]),
)
def test_xml_that_is_no_feed_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    assert reason in refused(data, "a.xml")


def test_of_a_feed_that_breaks_off_the_entries_before_are_read() -> None:
    data = RSS.format("utf-8").encode()
    assert articles(data[: data.index(b"<item><title>Leer")], "a.rss")[0].part == "1"


# --- PDF ----------------------------------------------------------------------------------------------------

LINES = [
    "The company raised one billion dollars in its latest round, led by a fund from",
    "the United States. It will spend the money on the develop-",
    "ment of robots.",
    "Background",
    "It was founded in 2010 and has three hundred people in Ulm, where it builds all",
    "of its machines.",
]


def test_a_pdf_is_read_in_paragraphs_with_what_its_metadata_say() -> None:
    info = {"Title": "Robots", "Author": "Ada", "CreationDate": "D:20240521101112Z"}
    article = one(pdf([LINES, ["A second page says that more will follow in the year to come."]], info), "a.pdf")
    assert (article.title, article.author, article.date, article.url) == ("Robots", "Ada", "2024-05-21", None)
    assert article.text.split("\n\n") == [
        "The company raised one billion dollars in its latest round, led by a fund from the United States. It will "
        "spend the money on the development of robots.",
        "Background",
        "It was founded in 2010 and has three hundred people in Ulm, where it builds all of its machines.",
        "A second page says that more will follow in the year to come.",
    ]
    assert [block.heading for block in article.sections[0].blocks][:2] == [None, "Background"]
    assert_offsets_slice_back(article)


def test_what_stands_at_the_rim_of_every_page_is_left_out() -> None:
    said = "Sentence number {} says something that no other one says."
    pages = [["The Daily Robot", said.format(n), f"Page {n}"] for n in range(5)]
    text = one(pdf(pages), "a.pdf").text
    assert "Daily" not in text
    assert "Page" not in text
    assert text.count("Sentence number") == 5


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a PDF file"),
        (b"Text", "not a PDF file"),
        (b"%PDF-1.4\n" + bytes(range(256)) * 20, "damaged PDF file"),
        (pdf([LINES])[:300], "damaged PDF file"),
        (pdf([[]]), "without text, such as a scan"),
        (pdf([LINES], encrypted=True), "is an encrypted PDF file"),
    ],
    ids=["empty", "text", "junk", "cut", "scan", "encrypted"],
)
def test_a_pdf_that_cannot_be_read_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    assert reason in refused(data, "a.pdf")


def test_a_pdf_that_would_take_for_ever_is_refused_and_its_reader_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_format, "MAX_SECONDS", 2)
    assert "takes more than 2 s" in refused(endless_pdf(), "a.pdf")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="what a process ignores is read from /proc")
def test_a_pdf_is_read_to_its_end_though_the_ingest_is_told_to_stop() -> None:
    command = [sys.executable, "-P", str(pdf_format.PROGRAM), "60", str(pdf_format.MAX_MEMORY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        status = Path(f"/proc/{reader.pid}/status")

        def ignored() -> int:
            (line,) = (one for one in status.read_text().splitlines() if one.startswith("SigIgn"))
            return int(line.split()[1], 16)

        deadline = time.monotonic() + 30
        told = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # some of which whoever runs the tests may ignore anyway
        while not all(ignored() & 1 << number - 1 for number in told) and time.monotonic() < deadline:
            time.sleep(0.01)
        for number in told:
            reader.send_signal(number)
        out, _ = reader.communicate(pdf([LINES]), timeout=60)
    assert reader.returncode == 0
    assert "robots" in json.loads(out)["pages"][0]


def test_a_pdf_that_would_take_all_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_format, "MAX_MEMORY", 200 * 2**20)
    page = ["x" * 100] * 300_000
    assert "save it anew" in refused(pdf([page]), "a.pdf")


def test_without_the_extra_a_pdf_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_format, "is_installed", lambda: False)
    assert "pip install 'ask-the-articles[pdf]'" in refused(pdf([LINES]), "a.pdf")


# --- Anything at all ----------------------------------------------------------------------------------------

NAMES = ["text", "content", "title", "url", "date", "author", "tags", "id", "items", "name", "ü"]
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    VALUES | st.sampled_from([EN, DE, ZH, "<p>x</p>"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=15,
)
TAGS = st.sampled_from(
    [
        "<p>", "</p>", "<h2>", "<ul><li>", "<table><tr><td>", "<pre>", "<br>", "<b>", "</div>", "<script>", "<!--",
        "-->",
        "&#0;", "&amp;", "<title>", "<meta charset=gbk>", "<rss>", "<channel>", "<item>", "</item>", "<description>",
        "<![CDATA[", "]]>", "<feed>", "<entry>", "<content type='xhtml'>", "<link href='x'/>", "<guid>", "\x0b",
        "---\n",
        "## Q&A\n", EN, DE, ZH, "😀",
    ]
)  # fmt: skip
MARKUP = st.lists(TAGS, max_size=15).map("".join)
PDF_BYTES = pdf([LINES])


@given(
    st.one_of(
        st.tuples(JSON.map(lambda value: json.dumps(value).encode()), st.sampled_from([".json", ".jsonl"])),
        st.tuples(MARKUP.map(str.encode), st.sampled_from([".html", ".xhtml", ".rss", ".xml"])),
        st.tuples(st.binary(max_size=200), st.sampled_from(INDEXED)),
        st.tuples(MARKUP.map(lambda text: archive({"a.html": text, "b/c.md": text})), st.just(".zip")),
        st.tuples(
            st.tuples(st.integers(0, len(PDF_BYTES)), st.binary(max_size=8)).map(
                lambda cut: PDF_BYTES[: cut[0]] + cut[1] + PDF_BYTES[cut[0] + len(cut[1]) :]
            ),
            st.just(".pdf"),
        ),
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_are_articles_or_refused(case: tuple[bytes, str]) -> None:
    data, suffix = case
    try:
        # A process for each of them would take a minute; in this one what is refused is the same.
        with mock.patch.object(pdf_format, "_told", pdf_pages.told):
            found = parsed(data, f"a{suffix}")
    except ArticleError as error:
        assert str(error)
        return
    read = [article for article in found if isinstance(article, Article)]
    assert read
    assert len({article.part for article in read}) == len(read)
    for article in read:
        assert article.title
        f"{article}".encode()
        assert_offsets_slice_back(article)


# --- In the index -------------------------------------------------------------------------------------------


def test_the_index_follows_each_article_of_a_file(tmp_path: Path, store: Store, embedder: SubjectEmbedder) -> None:
    file = tmp_path / "articles" / "news.jsonl"
    file.parent.mkdir()
    cats, dogs, moon = (
        json.dumps({"id": text[:3], "title": text[:3], "text": text})
        for text in ("Cats eat mice.", "Dogs sleep all day long.", "月亮绕着地球转动。")
    )
    ingestor = Ingestor(store, embedder)

    def titles_after(*lines: str) -> tuple[set[str], str]:
        file.write_text("\n".join(lines), encoding="utf-8")
        (result,) = ingestor.run([file.parent]).results
        return {summary.title for summary in store.summaries()}, result.detail

    assert titles_after(cats, dogs) == ({"Cat", "Dog"}, "")
    ids = {summary.title: summary.id for summary in store.summaries()}
    assert titles_after(moon, dogs, cats) == ({"Cat", "Dog", "月亮绕"}, "")
    assert ids.items() <= {summary.title: summary.id for summary in store.summaries()}.items()
    assert titles_after(moon, cats) == ({"Cat", "月亮绕"}, "")
    titles, detail = titles_after("{broken", cats)
    assert titles == {"Cat", "月亮绕"}  # the broken line may be the one that was there
    assert detail.startswith("line 1: is not valid JSON")


def archive(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name, text)
    return packed.getvalue()


def test_an_archive_holds_what_its_files_hold(tmp_path: Path, store: Store, embedder: SubjectEmbedder) -> None:
    lines = "\n".join(json.dumps({"id": n, "text": f"Dog number {n} sleeps all day long."}) for n in (1, 2))
    files = {
        "news/katzen.md": "# Katzen\n\nKatzen fressen Mäuse im Garten.",
        "news/月亮.txt": "月亮绕着地球转动。",
        "dogs.jsonl": lines,
        "empty.md": "",
        "picture.jpg": "x",
        ".hidden.md": "Hidden.",
        "__MACOSX/news/._katzen.md": "x",
        "inner.zip": "x",
    }
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "pack.zip").write_bytes(archive(files))
    (result,) = Ingestor(store, embedder).run([folder]).results
    assert result.action == "added"
    assert result.detail == "empty.md: has no text"
    assert {(one.file, one.title) for one in store.summaries()} >= {
        ("pack.zip/news/katzen.md", "Katzen"),
        ("pack.zip/news/月亮.txt", "月亮"),
    }
    assert store.count()[0] == 4
    ids = {one.file: one.id for one in store.summaries()}
    del files["news/月亮.txt"], files["empty.md"]
    (folder / "pack.zip").write_bytes(archive(files))
    (result,) = Ingestor(store, embedder).run([folder]).results
    assert (result.action, result.detail, store.count()[0]) == ("updated", "", 3)
    assert {one.file: one.id for one in store.summaries()}.items() <= ids.items()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"PK nothing", "is a damaged zip archive"),
        (archive({"a.jpg": "x"}), "holds no article"),
        (archive({"bomb.md": "0" * 2**24}), "would unpack to more than a hundred times its size"),
    ],
    ids=["damaged", "other kinds", "bomb"],
)
def test_an_archive_without_articles_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ArticleError, match=why):
        list(parse_file(data, "a.zip", str))


@pytest.mark.parametrize("lang", LANGS)
def test_the_page_names_every_suffix_that_is_taken(lang: Lang) -> None:
    said = TEXTS[lang]["articles_reason_suffix"]
    assert all(suffix in said for suffix in SUFFIXES)
