"""The report of a run in a real browser: from a file, offline, and under the server's content security policy."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from browsing import Watch
from playwright.sync_api import Browser, Locator, Page, expect
from report_fakes import END_OF_SCRIPT, HOSTILE, WORST_FIRST, empty_run, large_run, small_run

from eval.report.html import render_html
from rag.web.theme import COLOURS

pytest_plugins = ["browsing"]

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:"
)
MANY = 3561

OpenReport = Callable[..., Page]


@cache
def small() -> str:
    """The report of the small run, made once."""
    return render_html(small_run())


@cache
def many() -> str:
    return render_html(large_run(MANY))


@pytest.fixture
def open_report(browser: Browser, watch: Watch, tmp_path: Path) -> OpenReport:
    """Open a run's report from a file; it asks nothing of anyone and opens no dialog."""

    def opened(report: str, *, address: str | None = None, fragment: str = "", **kind: Any) -> Page:
        file = tmp_path / "report.html"
        file.write_text(report, encoding="utf-8")
        own = (file.as_uri(), address or file.as_uri())
        page = watch.over(browser.new_page(**kind), *own, levels=("error", "warning"))
        page.on("dialog", lambda d: watch.complaints.append(f"a dialog said {d.message}"))
        page.goto(f"{address}/report.html{fragment}" if address else file.as_uri() + fragment)
        return page

    return opened


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serves the folder of the report as the product's server would."""

    class Handler(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", POLICY)
            super().end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path)) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join(20)


def row(page: Page, text: str) -> Locator:
    return page.locator(".case", has_text=text)


def unfold(page: Page, text: str) -> Locator:
    """The inside of the case with this text in its row."""
    row(page, text).locator("summary").click()
    return row(page, text).locator(".inside")


def questions(page: Page) -> list[str]:
    return page.locator(".case .heading .question").all_inner_texts()


# --- What stands without a script --------------------------------------------------------------------------


def test_without_javascript_the_figures_the_plots_and_the_ten_worst_can_be_read(open_report: OpenReport) -> None:
    page = open_report(small(), java_script_enabled=False)
    expect(page.locator("h1")).to_have_text("Evaluation of articles")
    expect(page.locator("#headline-table")).to_contain_text("right article first")
    expect(page.locator("figure svg")).to_have_count(6)
    reasons = page.locator(".worst .why").all_inner_texts()
    assert [text.split(" · ")[0] for text in reasons] == [reason for _, reason in WORST_FIRST]
    expect(page.get_by_text("Without JavaScript they stay out")).to_be_visible()


def test_the_heading_says_what_was_run_and_how_it_went(open_report: OpenReport) -> None:
    page = open_report(small())
    facts = page.locator(".facts")
    for text in ("extractive", "use-multilingual-v3", "0.1.0, commit 149d846debdf", "25 November 2026, 02:16 UTC"):
        expect(facts).to_contain_text(text)
    expect(page.locator(".counts")).to_have_text("7 cases2 refused1 failed1 with a gold answer that breaks off0 leaked")
    expect(page.locator("[role=alert]")).to_have_text(
        "1 of 7 cases failed and are in no mean; the worst cases below say with what."
    )


def test_a_leak_is_said_loudly(open_report: OpenReport) -> None:
    run = small_run()
    page = open_report(render_html({**run, "summary": {**run["summary"], "leaked": 2}}))
    expect(page.locator("[role=alert]")).to_contain_text("These figures are not valid: for 2 of 7 questions")


def test_a_run_that_went_well_has_no_banner(open_report: OpenReport) -> None:
    expect(open_report(render_html(large_run(3))).locator("[role=alert]")).to_have_count(0)


def test_the_best_of_the_rivals_is_marked_in_words_too(open_report: OpenReport) -> None:
    page = open_report(small())
    best = page.locator("#headline-table tr", has_text="hit@1").locator(".best")
    expect(best).to_have_text("★ best: 0.75")


def test_a_measure_says_what_it_is_on_hover_and_in_the_legend(open_report: OpenReport) -> None:
    page = open_report(small())
    meaning = "The first passage found is of a right article."
    expect(page.locator("#headline-table th[scope=row]").first).to_have_attribute("title", meaning)
    page.locator(".legend > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".legend")).to_contain_text(meaning)
    expect(page.locator(".legend dl").first).to_be_visible()


def test_a_run_without_cases_has_a_report_too(open_report: OpenReport) -> None:
    page = open_report(render_html(empty_run()))
    expect(page.locator("figure svg")).to_have_count(0)
    expect(page.locator("figure").first).to_contain_text("Left out: no answerable question")
    expect(page.locator("#count")).to_contain_text("No case is like that.")


# --- Every case --------------------------------------------------------------------------------------------


def test_cases_stand_worst_first_each_with_its_reason(open_report: OpenReport) -> None:
    page = open_report(small())
    expect(page.locator(".case")).to_have_count(7)
    assert page.locator(".case .why").all_inner_texts() == [reason for _, reason in WORST_FIRST]
    expect(page.locator(".case .verdict").first).to_have_text("! failed")
    expect(page.locator("#count")).to_have_text("7 of 7 cases; 7 shown")


def test_unfolding_a_case_shows_the_quote_marked_in_its_passage(open_report: OpenReport) -> None:
    inside = unfold(open_report(small()), "Wie lang ist der Tunnel?")
    expect(inside.locator("mark")).to_have_text("Er misst 57 Kilometer.")
    expect(inside.locator("blockquote")).to_have_text(
        "Der Tunnel wurde 2016 eröffnet. Er misst 57 Kilometer. Er kostete 12 Milliarden Franken."
    )
    source = inside.locator(".source a")
    expect(source).to_have_attribute("href", "https://news.example/de")
    expect(source).to_have_attribute("rel", re.compile("noopener"))
    expect(inside.locator("del")).to_have_text("Er ist rot.")


def test_a_quote_is_marked_rightly_after_a_character_outside_the_basic_plane(open_report: OpenReport) -> None:
    inside = unfold(open_report(small()), "谁创立了Scale？")
    expect(inside.locator("mark")).to_have_text("1899")
    expect(inside.locator("blockquote")).to_have_text("𠮷野家创立于1899年。它卖牛肉饭。")
    expect(inside.locator("blockquote")).to_have_attribute("lang", "zh")
    expect(inside.locator(".source")).to_contain_text("吉野家 zh · zh.md")  # without a link, its file names it


def test_a_case_says_what_was_wanted_found_scored_and_said_by_others(open_report: OpenReport) -> None:
    inside = unfold(open_report(small()), "Wie lang ist der Tunnel?")
    for text in (
        *("57 Kilometer", "Found: 2 passages, the right article at rank 2", "Said by: plain pipeline"),
        *("Der Tunnel wurde 2016 eröffnet.", "Said by: with Q&A", "57 Kilometer, steht da.", "why token_recall"),
    ):
        expect(inside).to_contain_text(text)
    expect(inside.locator(".ranks .gold")).to_contain_text("Gotthard de · 0.80 right article")


def test_the_number_of_a_citation_leads_to_its_passage(open_report: OpenReport) -> None:
    inside = unfold(open_report(small()), "Wie lang ist der Tunnel?")
    inside.get_by_role("button", name="citation 1").press("Enter")
    expect(inside.locator(".source")).to_be_focused()


def test_a_failed_case_shows_its_error(open_report: OpenReport) -> None:
    expect(unfold(open_report(small()), "Wer war es?").locator(".error")).to_have_text("TimeoutError: 30 s | x")


def test_a_quote_that_does_not_stand_in_its_passage_is_told(open_report: OpenReport) -> None:
    run = small_run()
    run["cases"][0]["answer"]["citations"][0]["start"] += 1
    inside = unfold(open_report(render_html(run)), "Wie lang ist der Tunnel?")
    expect(inside.locator(".source")).to_contain_text("This quote does not stand in its passage.")


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("reason", "answered_unanswerable", ["What did the moon cost?"]),
        ("reason", "is:right", ["Wie lang ist der Tunnel?", "现在几点？"]),
        ("lang", "zh", ["谁创立了Scale？", "现在几点？"]),
        ("kind", "unanswerable_subject", ["现在几点？"]),
        ("article", "de", ["Wer war es?", "How long is the tunnel?", "Wie lang ist der Tunnel?"]),
        ("answered", "refused", ["How long is the tunnel?", "现在几点？"]),
    ],
)
def test_filters_leave_the_cases_that_were_asked_for(
    open_report: OpenReport, name: str, value: str, found: list[str]
) -> None:
    page = open_report(small())
    page.locator(f"select[name={name}]").select_option(value)
    assert questions(page) == found
    expect(page.locator("#count")).to_have_text(f"{len(found)} of 7 cases; {len(found)} shown")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("几点", ["现在几点？"]),  # in a question
        ("没有回答", ["现在几点？"]),  # in an answer
        ("alexandr", ["谁创立了Scale？"]),  # in a gold answer, in other case
        ("ＴＵＮＮＥＬ wurde", ["Wie lang ist der Tunnel?"]),  # in the gold text, in full width
        ("none-en", ["What did the moon cost?"]),  # in an id
        ("nobody says this", []),
    ],
)
def test_search_finds_text_of_question_answer_gold_and_id(open_report: OpenReport, text: str, found: list[str]) -> None:
    page = open_report(small())
    page.locator("input[type=search]").fill(text)
    assert questions(page) == found


def test_cases_can_be_ordered_by_confidence_and_by_a_measure_with_those_without_last(open_report: OpenReport) -> None:
    page = open_report(small())
    page.locator("select[name=order]").select_option(":confidence")
    assert questions(page)[0] == "Wie lang ist der Tunnel?"
    assert questions(page)[-1] == "Wer war es?"
    page.locator("select[name=order]").select_option("token_recall")
    page.locator("input[name=reversed]").check()
    assert questions(page)[0] == "Wie lang ist der Tunnel?"
    assert questions(page)[-1] in ("现在几点？", "Wer war es?", "What did the moon cost?")


def test_a_link_to_a_case_opens_it_on_top(open_report: OpenReport) -> None:
    page = open_report(small(), fragment="#case-gotthard.md%231")
    first = page.locator(".case").first
    expect(first).to_have_attribute("open", "")
    expect(first).to_contain_text("Wie lang ist der Tunnel?")


def test_a_worst_case_leads_to_itself_through_any_filter(open_report: OpenReport) -> None:
    page = open_report(small())
    page.locator("input[type=search]").fill("nobody says this")
    link = page.locator(".worst a", has_text=HOSTILE)
    for _ in range(2):  # the second time the address does not change
        link.click()
        expect(page.locator(".case").first).to_have_attribute("open", "")
        expect(page.locator(".case").first).to_contain_text(HOSTILE)
        page.locator("select[name=lang]").select_option("zh")


def test_text_that_looks_like_html_stays_text(open_report: OpenReport) -> None:
    page = open_report(small())
    inside = unfold(page, HOSTILE)
    expect(page.locator(".case .question", has_text=HOSTILE)).to_be_visible()
    expect(inside.locator("mark")).to_have_text(HOSTILE)
    expect(inside.locator(".prose").first).to_contain_text(END_OF_SCRIPT.split()[0])
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2


def test_a_link_that_is_not_to_a_web_page_is_no_link(open_report: OpenReport) -> None:
    inside = unfold(open_report(small()), "What did the moon cost?")
    expect(inside.locator(".source")).to_contain_text("Gotthard")
    expect(inside.locator(".source a")).to_have_count(0)


# --- The page ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_never_scrolls_sideways(open_report: OpenReport, width: int, scheme: str) -> None:
    page = open_report(small(), viewport={"width": width, "height": 800}, color_scheme=scheme)
    for at in range(7):
        page.locator(".case > summary").nth(at).click()
    page.locator(".legend > summary").click()
    page.get_by_text("Settings and checksums").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_it_works_under_the_policy_of_the_products_server(open_report: OpenReport, server: str) -> None:
    page = open_report(small(), address=server)
    expect(page.locator(".case")).to_have_count(7)
    expect(unfold(page, "Wie lang ist der Tunnel?").locator("mark")).to_be_visible()


def test_thousands_of_cases_are_shown_in_pages_and_searched_whole(open_report: OpenReport) -> None:
    page = open_report(many())
    expect(page.locator("#count")).to_have_text("3,561 of 3,561 cases; 50 shown")
    assert questions(page)[0] == "Question 3560?"  # the surest
    page.get_by_role("button", name="Show 50 more").press("Enter")
    expect(page.locator(".case")).to_have_count(100)
    expect(page.locator(".case > summary").nth(50)).to_be_focused()
    page.locator("input[type=search]").fill("gold 1799")
    assert questions(page) == ["Question 1799?"]
    page.locator("select[name=order]").select_option("chrf")
    expect(unfold(page, "Question 1799?").locator("mark")).to_have_count(3)


def test_a_report_of_thousands_of_cases_is_small_enough_to_pass_on() -> None:
    assert 'data-encoding="gzip"' in many()
    assert len(many().encode()) < 10_000_000


def test_the_same_run_makes_the_same_file() -> None:
    assert render_html(small_run()) == small()


def test_its_colours_are_those_of_the_chat_page() -> None:
    css = files("eval.report").joinpath("report.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    for mode, text in enumerate((light, dark)):
        own = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", text))
        for name, pair in COLOURS.items():
            assert own[name.replace("_", "-")] == pair[mode]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours by WCAG 2, 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_of_text_stands_out_from_both_grounds() -> None:
    css = files("eval.report").joinpath("report.css").read_text(encoding="utf-8")
    for text in re.findall(r":root \{(.*?)\}", css, re.DOTALL):
        own = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", text))
        for name in ("ink", "quiet", "accent", "bad", "good", "series-1", "series-2"):
            assert min(contrast(own[name], own["paper"]), contrast(own[name], own["sheet"])) >= 4.5
        assert contrast(own["ink"], own["mark"]) >= 4.5
