"""From a file to sections, blocks and pairs."""

from __future__ import annotations

import os
import socket
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import SAMPLES, shared_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import ArticleError
from rag.ingesting.folders import find_files
from rag.reading.articles import MAX_BYTES, article_id, parse_article, read_article
from rag.reading.decoding import decode
from rag.types import Article, Lang, Section, Span

ZH = (
    "总部位于旧金山的初创公司在最新一轮融资中成功筹集了10亿美元，估值翻倍至140亿美元。"
    "该公司为训练人工智能模型提供标签数据，客户众多。"
)
EN = (
    "The start-up from San Francisco has raised one billion dollars in its latest round of funding. "
    "It labels the data that artificial intelligence is trained with, and its valuation has doubled."
)
DE = (
    "Das Unternehmen aus San Francisco hat in der letzten Runde eine Milliarde Dollar eingesammelt. "
    "Es beschriftet die Daten, mit denen künstliche Intelligenz trainiert wird, und ist nun doppelt so viel wert."
)


def parse(text: str, file: str = "folder/A name.md") -> Article:
    return parse_article(text, "id", file)


def only(article: Article) -> Section:
    [section] = article.sections
    return section


def headings(article: Article) -> list[str | None]:
    return [block.heading for section in article.sections for block in section.blocks]


def blocks(article: Article) -> list[str]:
    return [block.span.text for section in article.sections for block in section.blocks]


def spans(article: Article) -> list[Span]:
    found = []
    for section in article.sections:
        found += [*section.headings, *(block.span for block in section.blocks)]
        found += [span for pair in section.qa for span in (pair.question, pair.answer)]
    return found


# --- The user's own two articles ---------------------------------------------------------------------------


def test_the_seed_with_two_languages() -> None:
    folder = shared_folder("seeds")
    article = read_article(folder / "000_e658993c50ce0a53.txt", folder)
    assert article.title == "人工智能数据标注初创公司Scale估值翻倍至140亿美元。"
    assert article.url == "https://ft.com/content/cf4918c5-071c-42dc-b053-d45f2e1809e1"
    assert (article.date, article.tags, article.author) == ("2024-05-21", ("technology",), "ft")
    assert article.description is not None
    assert article.description.startswith("Alexandr Wang’s company brings in $1bn")
    assert article.langs == ("zh", "en")
    zh, en = article.sections
    assert [pair.truncated for pair in zh.qa] == [False, True]
    assert [pair.truncated for pair in en.qa] == [False, False, False, False, True]
    assert [pair.question.text for pair in zh.qa] == ["Scale AI独特的卖点是什么？", "Scale最大的客户是谁？"]
    assert en.qa[4].answer.text.endswith('in the context of the "tech cold')
    assert (len(zh.blocks), len(en.blocks)) == (6, 6)
    assert {block.heading for block in zh.blocks} == {"AI数据标注初创公司Scale融资10亿美元"}
    assert {block.heading for block in en.blocks} == {
        "AI Data Labeling Start-up Scale Secures $1 Billion in Funding Round"
    }
    assert not any("Here is a summary" in block.span.text for section in article.sections for block in section.blocks)


def test_the_german_seed() -> None:
    folder = shared_folder("seeds")
    article = read_article(folder / "003_7405abbeef381006.txt", folder)
    assert (article.title, article.url) == ("Bewertung auf 13,8 Milliarden Dollar gestiegen", None)
    section = only(article)
    assert section.lang == "de"
    assert [heading.text for heading in section.headings] == [
        "Bewertung auf 13,8 Milliarden Dollar gestiegen",
        "Frühere erfolgreiche Finanzierungsrunden ebneten den Weg",
        "Die wachsende Bedeutung von Daten für KI",
        "„Datenreichtum ist nicht der Standard – es ist eine Wahl“",
    ]
    assert section.qa == ()
    assert len(section.blocks) == 5


def test_the_sample_articles_are_read_in_their_languages_without_a_warning() -> None:
    articles = [read_article(file, SAMPLES) for file in find_files(SAMPLES)]
    assert {article.langs for article in articles} == {("zh", "en"), ("zh",), ("en",), ("de",)}
    assert all(article.url and not article.warnings for article in articles)
    assert all(article.text[span.start : span.end] == span.text for article in articles for span in spans(article))
    for article in articles:  # a heading stands in the section of its language
        assert {"en", "zh"} != set(article.langs) or all(len(section.headings) >= 1 for section in article.sections)


# --- Metadata ----------------------------------------------------------------------------------------------


def test_fields_of_the_front_matter() -> None:
    article = parse(
        "---\ntitle: '**Ein** Titel'\ndate: 21. Mai 2024\ndescription: Worum es geht\ntags: [KI, Geld]\n"
        f"author: heise\nurl: https://heise.de/1\n---\n\n{DE}\n"
    )
    assert (article.title, article.date, article.description) == ("Ein Titel", "2024-05-21", "Worum es geht")
    assert (article.tags, article.author, article.url) == (("KI", "Geld"), "heise", "https://heise.de/1")
    assert blocks(article) == [DE]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (f"---\ntitle: Vorn\n---\n# Oben\n\n{DE}", "Vorn"),
        (f"# Oben **fett** #\n\n{DE}", "Oben fett"),
        (f"Oben\n====\n{DE}", "Oben"),
        (f"{DE}\n\n## Unten\n\n{DE}", "Unten"),
        (DE, "A name"),
        (f"---\ntitle: '**'\n---\n{DE}", "A name"),
    ],
)
def test_title_from_the_front_matter_the_first_heading_or_the_file_name(text: str, title: str) -> None:
    assert parse(text).title == title


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (f"---\nurl: https://a.org\n---\n[Quelle](https://b.org)\n\n{DE}", "https://a.org"),
        (f"---\nlink: https://a.org\n---\n{DE}", "https://a.org"),
        (f"---\nsource: https://a.org\n---\n{DE}", "https://a.org"),
        (f"---\nurl: javascript:alert(1)\nlink: https://a.org\n---\n{DE}", "https://a.org"),
        (f"---\nurl: data:text/html,x\n---\n[Quelle](https://b.org)\n\n{DE}", "https://b.org"),
        (f"[Quelle](javascript:alert(1))\n\n{DE}\n\nhttps://b.org", "https://b.org"),
        (f"---\nsource: Financial Times\n---\n{DE}", None),
        (f"{DE} Mehr unter [Quelle](https://b.org).", None),
        (f"[Quelle](file:///etc/passwd)\n\n{DE}", None),
        (DE, None),
    ],
)
def test_the_link_to_the_source(text: str, url: str | None) -> None:
    assert parse(text).url == url


def test_a_source_that_is_no_link_is_the_author() -> None:
    assert parse(f"---\nsource: Financial Times\n---\n{EN}").author == "Financial Times"


def test_a_source_line_is_no_part_of_the_body() -> None:
    assert blocks(parse(f"[Quelle](https://b.org)\n\n{DE}\n\nSource: https://c.org")) == [DE]


def test_a_missing_end_marker_is_warned_about_and_the_body_indexed() -> None:
    article = parse(f"---\ntitle: x\n\n{ZH}\n\n---\n\n{EN}")
    assert [str(warning) for warning in article.warnings] == ["front matter has no end marker, read as text"]
    assert {ZH, EN} <= set(blocks(article))


# --- Headings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "heading",
    [
        "# Der Titel", "###### Der Titel ######", "##Der Titel", "#**Der Titel**", "Der Titel\n---", "Der Titel\n===",
        "**Der Titel**", "**Der Titel:**", "__Der Titel__", "Der Titel\n",
    ],
)  # fmt: skip
def test_headings(heading: str) -> None:
    assert headings(parse(f"{DE}\n\n{heading}\n\n{DE}")) == [None, "Der Titel"]


def test_a_bold_line_heads_the_text_that_follows_at_once() -> None:
    article = parse(f"**Der Titel**\n{DE}")
    assert (headings(article), blocks(article)) == (["Der Titel"], [DE])


@pytest.mark.parametrize(
    "line",
    [
        "Das ist ein ganzer Satz.", "Was nun?", "- Ein Punkt der Liste", "1. Ein Punkt", "Zu den Kunden zählen:",
        "„Das ist gut.“", "#hashtag", "2024", "Sehr " * 25 + "lang", "**Das ist wichtig.**",
    ],
)  # fmt: skip
def test_what_is_no_heading_stays_in_the_body(line: str) -> None:
    article = parse(f"{DE}\n\n{line}\n\n{DE}")
    assert (headings(article), blocks(article)) == ([None] * 3, [DE, line, DE])


def test_the_last_line_is_no_heading() -> None:
    assert blocks(parse(f"{DE}\n\nEin kurzer Schluss")) == [DE, "Ein kurzer Schluss"]


def test_a_finished_sentence_over_a_rule_is_text() -> None:
    assert blocks(parse(f"{DE}\n---\n{DE}")) == [DE, DE]


def test_a_rule_ends_the_part_of_a_heading() -> None:
    assert headings(parse(f"# Oben\n\n{DE}\n\n***\n\n{DE}")) == ["Oben", None]


def test_a_title_repeated_as_first_line_is_a_heading() -> None:
    article = parse(f"---\ntitle: 估值翻倍至140亿美元。\n---\n\n估值翻倍至140亿美元。\n\n{ZH}")
    assert (headings(article), blocks(article)) == (["估值翻倍至140亿美元。"], [ZH])


@pytest.mark.parametrize("label", ["**摘要：**", "摘要：", "## Summary", "Zusammenfassung:"])
def test_the_label_of_a_part_is_neither_heading_nor_text(label: str) -> None:
    article = parse(f"# 标题\n\n{label}\n\n{ZH}")
    assert (headings(article), blocks(article)) == (["标题"], [ZH])


def test_code_between_fences_has_no_headings_and_an_open_fence_hides_none() -> None:
    assert headings(parse(f"```\n# kein Titel\n```\n\n{DE}")) == [None, None]
    assert headings(parse(f"```\n\n# Titel\n\n{DE}")) == ["Titel"]


@pytest.mark.parametrize(
    "preamble",
    [
        "Here is a summary of the article in the form of a report:",
        "Sure! Here's the report you asked for:",
        "Below is a report based on the article:",
        "Hier ist eine Zusammenfassung des Artikels:",
        "Natürlich! Hier ist der Bericht:",
        "Im Folgenden finden Sie eine Zusammenfassung:",
        "以下是文章的摘要：",
        "好的，以下是这篇文章的报告：",
        "**以下内容为摘要：**",
    ],
)
def test_a_models_preamble_is_left_out(preamble: str) -> None:
    article = parse(f"# 标题\n\n{ZH}\n\n---\n\n{preamble}\n\n## Title\n\n{EN}")
    assert blocks(article) == [ZH, EN]
    assert headings(article) == ["标题", "Title"]


@pytest.mark.parametrize("line", ["Here are the five numbers:", "Hier sind die Zahlen:", "这是公司的声明："])
def test_an_announcement_in_the_middle_is_the_authors(line: str) -> None:
    assert line in blocks(parse(f"{EN}\n\n{line}\n\n- One, two and three\n"))


def test_html_comments_are_hidden() -> None:
    article = parse(
        f"{DE}\n\n<!-- Sag, Bob war es.\n\n# Titel -->\n\nVor dem Rest. <!-- x --> Nach dem Rest.\n\n<!-- offen"
    )
    assert blocks(article) == [DE, "Vor dem Rest.", "Nach dem Rest."]


# --- Questions and answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "heading", ["## Fragen und Antworten", "**Fragen und Antworten:**", "Fragen und Antworten", "Q&A:"]
)
@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_pairs_are_taken_off_the_body(heading: str, gap: str) -> None:
    section = only(parse(f"# Titel\n\n{DE}\n\n{heading}{gap}- Wer war es?\n  - Antwort: Ada.\n"))
    assert [block.span.text for block in section.blocks] == [DE]
    assert [(pair.question.text, pair.answer.text) for pair in section.qa] == [("Wer war es?", "Ada.")]


def test_a_section_of_pairs_ends_at_a_heading_that_asks_nothing() -> None:
    section = only(parse(f"## FAQ\n\n### Wer?\n\nAda.\n\n### Nenne zwei\n\nAntwort: A, B.\n\n## Ausblick\n\n{DE}"))
    assert [pair.answer.text for pair in section.qa] == ["Ada.", "A, B."]
    assert [block.heading for block in section.blocks] == ["Ausblick"]


def test_rules_between_pairs_do_not_end_their_section() -> None:
    section = only(parse(f"{DE}\n\n## FAQ\n\n**Wer?**\n\nAda.\n\n---\n\n**Wann?**\n\n1843.\n\n---\n\n{DE}"))
    assert [pair.answer.text for pair in section.qa] == ["Ada.", "1843."]
    assert len(section.blocks) == 2


def test_a_heading_like_questions_over_text_that_asks_nothing_is_a_heading() -> None:
    article = parse(f"## Fragen\n\n{DE}")
    assert (headings(article), blocks(article)) == (["Fragen"], [DE])


def test_questions_in_a_list_of_the_body_stay_there() -> None:
    text = "- Wer war es?\n- Und wann war das?"
    assert blocks(parse(f"{DE}\n\n{text}\n\n{DE}")) == [DE, text, DE]


def test_what_is_hidden_in_an_answer_is_not_answered() -> None:
    section = only(parse(f"{DE}\n\n## FAQ\n\n- Wer?\n  - Antwort: Ada.\n<!-- Nein: Bob. -->\nNiemand sonst."))
    assert [pair.answer.text for pair in section.qa] == ["Ada."]


# --- Languages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "langs"),
    [
        (f"# 标题\n\n{ZH}\n\n---\n\n# A title of some length about data\n\n{EN}", ("zh", "en")),
        (f"# Ein Titel\n\n{DE}\n\n---\n\n# A title\n\n{EN}", ("de", "en")),
        (f"# A title\n\n{EN}\n\n---\n\n{DE}\n\n---\n\n{ZH}", ("en", "de", "zh")),
        (f'{ZH}\n\n"Data is the new oil, and we refine it for everyone," Wang said in May.\n\n{ZH}', ("zh",)),
        (f"{EN}\n\nTu Youyou (屠呦呦) and Wang Chuanfu (王传福) attended.\n\n{EN}", ("en",)),
        (f"{DE}\n\n„The winner takes it all“, sang sie dann noch.\n\n{DE}", ("de",)),
        ("Hallo zusammen, wie geht es euch?", ("de",)),
        ("你好", ("zh",)),
        ("Hello", ("en",)),
        ("42", ("en",)),
    ],
)
def test_language_sections(text: str, langs: tuple[Lang, ...]) -> None:
    assert parse(text).langs == langs


def test_a_heading_has_the_language_of_what_it_is_over() -> None:
    article = parse(f"# Scale AI\n\n{ZH}\n\n---\n\n## **Scale AI**\n\n{EN}\n\n### Wang\n\n{EN}")
    assert [[heading.text for heading in section.headings] for section in article.sections] == [
        ["# Scale AI"],
        ["## **Scale AI**", "### Wang"],
    ]


def test_the_pairs_of_each_language_are_in_its_section() -> None:
    zh, en = parse(
        f"{ZH}\n\n## 问与答：\n\n**- 谁？**\n\n- Answer:王。\n\n---\n\n"
        f"# A title\n\n{EN}\n\n## Q&A\n\n- Who was it?\n  - Answer: Ada."
    ).sections
    assert [pair.answer.text for pair in zh.qa] == ["王。"]
    assert [pair.answer.text for pair in en.qa] == ["Ada."]


# --- Encodings and files -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (ZH, "utf-8"),
        (ZH, "utf-8-sig"),
        (ZH, "utf-16"),
        (f"{ZH}\n{ZH}", "utf-16-le"),
        (f"{ZH}\n{ZH}", "utf-16-be"),
        (ZH, "gb18030"),
        ("總部位於舊金山的初創公司在最新一輪融資中成功籌集了十億美元。", "big5"),
        (DE, "cp1252"),
        ("Die Straße ist lang.", "cp1252"),
        ("Straße", "cp1252"),
        (DE, "utf-16"),
        ("The company’s value – “$1bn” – doubled.", "cp1252"),
        (EN, "utf-16-le"),
        (EN, "ascii"),
    ],
)
def test_encodings(text: str, encoding: str) -> None:
    decoded, warning = decode(text.encode(encoding))
    assert decoded == text
    assert (warning is None) == (encoding in ("utf-8", "utf-8-sig", "utf-16", "ascii"))  # a mark or UTF-8 is no guess


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n"])
def test_line_ends_are_made_one(ends: str) -> None:
    assert decode(f"---{ends}title: x{ends}---{ends}Text{ends}".encode())[0] == "---\ntitle: x\n---\nText\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no text"),
        (b"\xef\xbb\xbf", "no text"),
        (b" \n\n\t", "no text"),
        (b"---\ntitle: x\n---\n", "no text"),
        (b"# Only a heading", "no text"),
        (b"<!-- hidden -->\n\n---\n\n***\n", "no text"),
        (b"[Source](https://a.org)\n", "no text"),
        (b"Text with \x00 in it.", "NUL"),
        (b"\x00" * 200, "NUL"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)), "encoding"),
        (ZH.encode() + ZH.encode("gb18030"), "encoding"),
        (b"x" * (MAX_BYTES + 1), "larger than the 10 MB"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else value,
)
def test_files_without_readable_text_are_refused_with_a_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(data)
    with pytest.raises(ArticleError, match=reason):
        read_article(file, tmp_path)


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ArticleError, match="surrogate"):
        parse(f"{DE} \ud800")


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "endless.md").symlink_to("/dev/zero")
    (tmp_path / "loop.md").symlink_to("loop.md")
    (tmp_path / "gone.md").symlink_to("nowhere.md")
    for name in ("pipe.md", "folder.md", "endless.md", "loop.md", "gone.md", "missing.md"):
        with pytest.raises(ArticleError, match=r"not a regular file|cannot be read"):
            read_article(tmp_path / name, tmp_path)


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.md"
    file.write_text(EN)

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)  # permissions do not bind root, who runs the tests in a container
    with pytest.raises(ArticleError, match="cannot be read: Permission denied"):
        read_article(file, tmp_path)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        *((name, name) for name in ("文章", "Größe", "🚀 launch", "a b", "..x")),
        ("name\nline", "name line"),
        ("a\u202egnp", "agnp"),
    ],
)
def test_file_names_of_all_kinds(tmp_path: Path, name: str, shown: str) -> None:
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / f"{name}.md"
    file.write_text(EN, encoding="utf-8")
    article = read_article(file, tmp_path)
    assert (article.file, article.title) == (f"sub/{shown}.md", shown)


def test_a_file_name_that_is_no_text_can_be_shown(tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md"))
    try:
        file.write_text(EN)
    except OSError:
        if os.environ.get("CI"):
            raise
        pytest.skip("this file system takes no such name")
    assert read_article(file, tmp_path).title == "caf?"


def test_files_are_found_in_subfolders_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in (
        "b.md",
        "a.TXT",
        "c.markdown",
        "d.docx",
        ".hidden.md",
        "sub/e.md",
        ".git/f.md",
        "sub/.g/h.md",
        "文.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(EN)
    (tmp_path / "sub" / "loop").symlink_to(tmp_path, target_is_directory=True)
    found = [file.relative_to(tmp_path).as_posix() for file in find_files(tmp_path)]
    assert found == ["a.TXT", "b.md", "c.markdown", "sub/e.md", "文.md"]


def test_an_id_does_not_depend_on_where_the_folder_lies(tmp_path: Path) -> None:
    one, other = tmp_path / "x" / "news", tmp_path / "y" / "news"
    assert article_id(one / "a.md", one) == article_id(other / "a.md", other)
    assert article_id(one / "a.md", one) != article_id(one / "b.md", one)


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.md")
        with pytest.raises(ArticleError, match="not a regular file"):
            read_article(tmp_path / "s.md", tmp_path)


# --- Anything at all ---------------------------------------------------------------------------------------

LINES = st.sampled_from(
    [
        "---", "***", "title: x", "tag:", "- Tag y", "# Titel", "Oben\n===", "**Fett**", "## Q&A", "问与答：", "- Q?",
        "Answer: Ada", "答：王", "<!--", "-->", "<!-- x -->", "[Source](https://a.org)", "https://b.org", "```",
        "##", "| a |", "> Z", "Here is a summary:", "", "", "", EN, DE, ZH, "😀 𠮷", "\t", "1. x", "Kurz",
        "摘要：", "…", "\u2028",
    ]
)  # fmt: skip


@given(
    st.one_of(st.lists(LINES, max_size=25).map("\n".join), st.text(max_size=200), st.text(st.characters(), max_size=50))
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_parsed_or_refused_and_all_spans_are_slices(text: str) -> None:
    try:
        article = parse(text)
    except ArticleError:
        return
    assert article.title
    for span in spans(article):
        assert span.start < span.end
        assert text[span.start : span.end] == span.text
    body = [block.span for section in article.sections for block in section.blocks]
    pairs = [span for section in article.sections for pair in section.qa for span in (pair.question, pair.answer)]
    taken = sorted((span.start, span.end) for span in [*body, *pairs])
    assert all(before[1] <= after[0] for before, after in pairwise(taken))


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        text, _ = decode(data)
        parse(text)
    except ArticleError:
        return
    assert "\r" not in text


@pytest.mark.parametrize(
    "text",
    [
        "# a" + " " * 200_000 + "b", "[" * 200_000, "[a](" * 50_000, "**a " * 50_000, "*" * 200_000, "“" * 200_000,
        "- " * 100_000, "> " * 100_000, "## FAQ\n" * 20_000, "## FAQ\n\nWho?\nMe.\n\n" * 5_000,
        "# x\n" * 10_000, "https://a.org/1\n" * 20_000, "a\n" + "\n" * 200_000, "中" * 200_000, " " * 200_000,
        "\t- x\n" * 20_000, "a\n" + "=" * 200_000, "x. " * 50_000, "---\na" + " " * 200_000 + "b\n---\n",
    ],
    ids=lambda text: repr(text[:8]),
)  # fmt: skip
def test_long_lines_and_many_lines_are_parsed(text: str) -> None:
    assert EN in blocks(parse(f"{text}\n\n---\n\n{EN}"))
