"""What the page shows, as HTML: escaping, marks, links and words in three languages."""

from __future__ import annotations

import re
import string
import time
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_fakes import QUOTE, TEXT, make_answer, make_citation, make_refusal

from rag.types import LANGS, Disagreement, Health, Lang, Sent, Sentence, Usage
from rag.web.frame import render_masthead, render_notice
from rag.web.prose import to_html, to_plain
from rag.web.render import make_anchor, render_answer, render_no_sources, render_question, render_sources
from rag.web.strings import TEXTS, format_date, format_duration, page_lang

HOSTILE = (
    "<img src=x onerror=alert(1)> \"quoted\" 'single' & <!-- x --> "
    "![i](http://evil.test/a.png) [l](javascript:alert(1))"
)


class Tags(HTMLParser):
    """Collects the tags and attributes that a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def marked(html: str) -> str:
    """The words inside ``<mark>``, as a reader sees them."""
    return unescape(re.sub(r"<[^>]+>", "", "".join(re.findall(r"<mark>(.*?)</mark>", html))))


# --- Slices of articles -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a **b** c", "a <strong>b</strong> c"),
        ("**AI数据**标注", "<strong>AI数据</strong>标注"),
        ("*leise* und _laut_", "<em>leise</em> und <em>laut</em>"),
        ("***beides***", "<strong>beides</strong>"),
        ("Kund*innen und Leser*innen", "Kund*innen und Leser*innen"),
        ("snake_case_name", "snake_case_name"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("cut **off", "cut off"),
        ("# Head\nbody", "<strong>Head</strong><br>body"),
        ("- one\n- two", "– one<br>– two"),
        ("see [the page](https://a.org/b)", "see the page"),
        ("![alt](https://a.org/b.png)", "alt"),
        ("the [Tier](https://a.org/Katze_(Tier)) here", "the Tier here"),
        ("**one *two* three** four", "<strong>one </strong><strong><em>two</em></strong><strong> three</strong> four"),
        ("seen<!-- hidden -->", "seen"),
        ("a\u200b\u202eb\x00", "ab"),
        ("", ""),
    ],
)
def test_emphasis_is_kept_and_other_markdown_is_only_text(text: str, html: str) -> None:
    assert to_html(text) == html


def test_a_mark_may_begin_inside_an_emphasis() -> None:
    assert to_html("a **b c** d", (6, 11)) == "a <strong>b </strong><mark><strong>c</strong> d</mark>"


@given(st.text(alphabet=st.sampled_from(string.printable + "*_[]()<>&\"'`猫é\u200b"), max_size=80), st.data())
def test_whatever_a_slice_holds_only_our_own_tags_come_out(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    html = to_html(text, (start, data.draw(st.integers(start, len(text)))))
    tags = Tags(html)
    assert {tag for tag, _ in tags.seen} <= {"strong", "em", "mark", "br"}
    assert not any(attrs for _, attrs in tags.seen)
    assert not tags.open
    assert "\n" not in html


def test_plain_words_are_on_one_line() -> None:
    assert to_plain("**Scale**\n\nraised [$1bn](http://a.org)") == "Scale raised $1bn"


@pytest.mark.parametrize("signs", ["[", "[a](", "**x ", "__x ", "***x", "*x ", "<!--", "`", "\\", "- "])
def test_a_line_of_nothing_but_marks_takes_no_quadratic_time(signs: str) -> None:
    def seconds(length: int) -> float:
        text = (signs * length)[:length]
        started = time.process_time()
        to_html(text)
        return time.process_time() - started

    seconds(1000)
    assert seconds(80_000) < 50 * max(seconds(8000), 0.002)  # ten times the text; quadratic would be a hundred


# --- Answers and refusals -----------------------------------------------------------------------------------


def test_every_sentence_is_followed_by_links_to_its_cards() -> None:
    answer = make_answer(
        sentences=(Sentence("Eins.", (1,), 1.0), Sentence("Zwei.", (1, 2), 1.0)),
        citations=(make_citation(1), make_citation(2, lang="zh")),
    )
    links = [attrs for tag, attrs in Tags(render_answer(answer, "1-a", "de")).seen if tag == "a"]
    assert [link["href"] for link in links] == ["#source-1-a-1", "#source-1-a-1", "#source-1-a-2"]
    assert [link.get("id") for link in links] == ["cite-1-a-1", None, "cite-1-a-2"]


def test_the_cards_carry_the_ids_that_the_links_point_to() -> None:
    answer = make_answer()
    cards = Tags(render_sources(answer, "1-a", "de")).seen
    assert [attrs["id"] for tag, attrs in cards if tag == "article"] == ["source-1-a-1"]
    assert any(attrs.get("href") == "#cite-1-a-1" for tag, attrs in cards if tag == "a")


def test_a_quotation_carries_the_language_of_its_article() -> None:
    html = render_answer(make_answer(question_lang="en"), "1-a", "en")
    assert '<span class="sentence" lang="de">Die Katze <strong>fraß</strong> 3 Mäuse.</span>' in html


@pytest.mark.parametrize(
    ("lang", "note"),
    [
        ("en", "Answered in 18 ms, without a model."),
        ("de", "In 18 ms beantwortet, ohne Modell."),
        ("zh", "用时 18 毫秒，未使用模型。"),
    ],
)
def test_a_quiet_line_says_how_the_answer_was_made(lang: Lang, note: str) -> None:
    assert f'<p class="note">{note}</p>' in render_answer(make_answer(), "1-a", lang)


def test_the_quiet_line_names_the_model() -> None:
    answer = make_answer(answerer="llm", model="small<1>")
    assert "with small&lt;1&gt;." in render_answer(answer, "1-a", "en")


def test_disagreeing_sources_are_named() -> None:
    answer = make_answer(disagreements=(Disagreement("die Zahl der Mäuse", (1,)),))
    html = render_answer(answer, "1-a", "de")
    assert "Die Quellen widersprechen sich bei die Zahl der Mäuse:" in html
    assert html.count('class="cite"') == 2


def test_a_refusal_shows_its_message_and_no_source() -> None:
    refused = make_refusal("<b>天气</b>？", "zh")
    assert render_answer(refused, "1-r", "en") == (
        '<div class="refusal"><p lang="zh">这些文章没有回答这个问题。</p></div>'
    )
    assert render_sources(refused, "1-r", "en") == render_no_sources("1-r", "en")
    assert "article" not in render_sources(refused, "1-r", "en")


# --- Cards --------------------------------------------------------------------------------------------------


def test_the_exact_quote_is_marked_in_its_passage() -> None:
    html = render_sources(make_answer(), "1-a", "de")
    assert marked(html) == QUOTE.replace("**", "")
    assert "Der Hund &lt;b&gt;schlief&lt;/b&gt;." in html


def test_offsets_count_from_the_start_of_the_passage() -> None:
    citation = make_citation(start=1000 + TEXT.index(QUOTE), passage_start=1000)
    assert marked(render_sources(make_answer(citations=(citation,)), "1-a", "de")) == QUOTE.replace("**", "")


def test_nothing_is_marked_where_the_quote_does_not_stand() -> None:
    html = render_sources(make_answer(citations=(make_citation(start=3),)), "1-a", "de")
    assert "<mark>" not in html
    assert "Die Katze <strong>fraß</strong> 3 Mäuse." in html


@pytest.mark.parametrize(("lang", "date"), [("en", "21 May 2024"), ("de", "21. Mai 2024"), ("zh", "2024年5月21日")])
def test_a_card_names_outlet_date_language_and_heading(lang: Lang, date: str) -> None:
    html = re.sub(r"<[^>]+>", "", render_sources(make_answer(), "1-a", lang))
    assert f"Tierblatt · {date} · Deutsch · Nachts" in html
    assert "[1] Von Katzen &amp; Hunden" in html


def test_a_card_without_an_outlet_names_the_host() -> None:
    html = render_sources(make_answer(citations=(make_citation(author=None),)), "1-a", "en")
    assert '<span class="outlet">example.org</span>' in html


def test_a_card_opens_the_article_in_a_new_tab() -> None:
    html = render_sources(make_answer(), "1-a", "en")
    assert (
        '<a href="https://www.example.org/cats?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">'
        "Open the article at example.org</a>"
    ) in html


@pytest.mark.parametrize("url", [None, "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", 'http://"x'])
def test_a_card_without_a_safe_link_names_the_file(url: str | None) -> None:
    html = render_sources(make_answer(citations=(make_citation(url=url),)), "1-a", "en")
    assert "File: cats.md" in html
    assert "_blank" not in html


def test_a_card_says_that_it_comes_from_the_articles_own_answers() -> None:
    html = render_sources(make_answer(citations=(make_citation(kind="qa"),)), "1-a", "zh")
    assert '<span class="kind">问与答</span>' in html


# --- Nothing hostile comes through --------------------------------------------------------------------------


def test_hostile_text_stays_text_wherever_it_stands() -> None:
    citation = make_citation(
        title=HOSTILE, author=HOSTILE, heading=HOSTILE, file=HOSTILE, date=HOSTILE, url=None, passage=HOSTILE
    )
    answer = make_answer(
        question=HOSTILE,
        id=HOSTILE,
        sentences=(Sentence(HOSTILE, (1,), 1.0),),
        citations=(citation,),
        disagreements=(Disagreement(HOSTILE, (1,)),),
        answerer="llm",
        model=HOSTILE,
    )
    anchor = make_anchor(1, answer.id)
    html = render_question(HOSTILE, 1) + render_notice(HOSTILE)
    html += render_answer(answer, anchor, "en") + render_sources(answer, anchor, "en")
    tags = Tags(html).seen
    assert not {tag for tag, _ in tags} & {"img", "script", "iframe", "b"}
    assert not [name for _, attrs in tags for name in attrs if name.startswith("on")]
    assert {link.get("href", "")[:7] for tag, link in tags if tag == "a"} <= {"#source", "#cite-1"}  # type: ignore[index]
    assert "\n" not in html


def test_a_question_keeps_its_lines_and_loses_its_blank_ones() -> None:
    assert render_question("eins\n\n# zwei\r\n*drei*", 2) == (
        '<div class="asked" id="asked-2">eins<br># zwei<br>*drei*</div>'
    )


# --- Words --------------------------------------------------------------------------------------------------


def test_every_language_has_every_text_with_the_same_blanks() -> None:
    def blanks(lang: Lang) -> dict[str, set[str | None]]:
        return {
            key: {name for _, name, _, _ in string.Formatter().parse(text) if name} for key, text in TEXTS[lang].items()
        }

    assert blanks("de") == blanks("en") == blanks("zh")
    assert set(TEXTS) == set(LANGS)


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("de-AT", "de"),
        ("fr, en-GB;q=0.3, de;q=0.7", "de"),
        ("fr-FR", "en"),
        ("*", "en"),
        (";;q=x,,", "en"),
        (None, "en"),
    ],
)
def test_the_page_speaks_the_first_language_that_the_browser_accepts(header: str | None, lang: Lang) -> None:
    assert page_lang(header) == lang


def test_what_is_no_date_stays_as_it_is() -> None:
    assert format_date("im Mai", "de") == "im Mai"


def test_a_duration_from_one_second_on_is_in_seconds() -> None:
    assert [format_duration(1500, lang) for lang in LANGS] == ["1.5 秒", "1.5 s", "1,5 s"]


@pytest.mark.parametrize(
    ("lang", "told"), [("en", "120 of 662 passages"), ("de", "120 von 662 Passagen"), ("zh", "662 段中已完成 120 段")]
)
def test_the_head_of_the_page_tells_of_the_second_reading_while_it_goes_on(lang: Lang, told: str) -> None:
    going = Health("ok", 30, 662, "m", "extractive", None, "chroma", 120, "0.1.0")
    assert told in render_masthead(going, lang)
    assert told not in render_masthead(replace(going, refined=662), lang)
    assert "662" not in render_masthead(replace(going, refined=None), lang)


@pytest.mark.parametrize(
    ("lang", "nothing", "something"),
    [
        ("en", "Nothing is sent to other servers.", "found for them go to https://models.example.com (small)."),
        ("de", "An andere Server wird nichts geschickt.", "gehen an https://models.example.com (small)."),
        ("zh", "不向其他服务器发送任何内容。", "段落会发送至 https://models.example.com（small）。"),
    ],
)
def test_the_head_of_the_page_tells_what_leaves_the_server(lang: Lang, nothing: str, something: str) -> None:
    quiet = Health("ok", 30, 662, "m", "extractive", None, "chroma", None, "0.1.0")
    sending = replace(quiet, sent=(Sent("chat", "https://models.example.com", "small"),))
    assert nothing in render_masthead(quiet, lang)
    assert something in render_masthead(sending, lang)
    assert nothing not in render_masthead(sending, lang)


def test_the_head_of_the_page_tells_that_the_model_is_failing() -> None:
    resting = Health("ok", 30, 662, "m", "llm", "small", "chroma", None, "0.1.0", model_resting=True)
    assert "Das Sprachmodell ist gestört" in render_masthead(resting, "de")
    assert "Sprachmodell" not in render_masthead(replace(resting, model_resting=False), "de")


@pytest.mark.parametrize(
    ("lang", "note"),
    [
        ("en", "Tokens: 12,345 read, 67 written. Price: 0.0012."),
        ("de", "Tokens: 12.345 gelesen, 67 geschrieben. Preis: 0,0012."),
        ("zh", "读入 12,345 个词元，写出 67 个。 费用：0.0012。"),
    ],
)
def test_a_quiet_line_says_what_a_model_took(lang: Lang, note: str) -> None:
    asked = make_answer(answerer="llm", model="small", usage=Usage(1, 12345, 67, 0.00123))
    assert note in render_answer(asked, "1-a", lang)
    assert "67" not in render_answer(replace(asked, usage=None), "1-a", lang)


@pytest.mark.parametrize(
    ("lang", "told"),
    [("en", "Understood as: Who led &lt;it&gt;?"), ("de", "Verstanden als: "), ("zh", "理解为：Who led")],
)
def test_a_follow_up_shows_how_it_was_understood(lang: Lang, told: str) -> None:
    for answer in (make_answer(), make_refusal("?")):
        assert told in render_answer(replace(answer, standalone_question="Who led <it>?"), "1-a", lang)
        assert "as:" not in render_answer(answer, "1-a", lang)
