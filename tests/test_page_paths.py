"""The page in a real browser along whole paths: on a phone, by keyboard, over a reload and a restart of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_fixtures import OpenPage, ask, serve
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from web_fakes import HandMadeAssistant

from rag.storage.feedback import FeedbackStore
from rag.types import Turn

pytest_plugins = ["page_fixtures"]

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def fresh(browser: Browser, contexts: dict[str, BrowserContext]) -> Iterator[OpenPage]:
    """Open an address in a browser that has nothing of ours but what it loaded before."""
    pages: list[Page] = []

    def opened(address: str, **kind: Any) -> Page:
        if str(kind) not in contexts:
            contexts[str(kind)] = browser.new_context(**{"locale": "en-US", **kind})
        contexts[str(kind)].clear_cookies()
        page = contexts[str(kind)].new_page()
        pages.append(page)
        page.goto(address)
        expect(page.locator("#tools .tools")).to_be_visible()
        if "?" not in address:
            page.evaluate("localStorage.clear()")
        return page

    yield opened
    for page in pages:
        page.close()


def answered(page: Page) -> Locator:
    """The answers that are complete."""
    return page.locator("#chat .answer:not(.going-on)")


def fits(page: Page) -> bool:
    """Whether nothing needs sideways scrolling."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


# --- In Chinese on a phone ----------------------------------------------------------------------------------


def test_asking_and_reading_in_chinese_on_a_phone(site: str, open_page: OpenPage) -> None:
    page = open_page(site, locale="zh-CN", color_scheme="dark", **PHONE)
    expect(page.locator("#question textarea")).not_to_be_focused()  # the keyboard would cover half the page
    page.locator("#chat .welcome a.offered").first.tap()
    expect(answered(page)).to_have_count(1)
    citation = page.locator("#chat a.cite").first
    citation.tap()
    card = page.locator("#sources .card:target")
    expect(card).to_be_in_viewport()
    expect(card.locator("mark")).not_to_be_empty()
    expect(card.locator(".open a")).to_have_attribute("target", "_blank")
    assert fits(page)
    card.locator(".number").tap()
    expect(citation).to_be_in_viewport()

    followup = page.locator("#followups a.offered").first
    words = followup.inner_text()
    followup.tap()
    expect(page.locator("#chat .asked").last).to_have_text(words)
    expect(answered(page)).to_have_count(2)  # what is suggested can be answered
    expect(page.locator("#sources .for")).to_have_text(words)
    assert fits(page)


# --- In German, by date, and away with it -------------------------------------------------------------------


def test_filtering_by_date_and_exporting_in_german(site: str, fresh: OpenPage, tmp_path: Path) -> None:
    page = fresh(site, locale="de-DE", accept_downloads=True)
    page.locator("#filters").get_by_role("button", name="Filter").click()
    page.get_by_label("Bis", exact=True).fill("2015-12-31")
    chip = page.locator("#filters-chosen .chip")
    expect(chip).to_have_text("bis 31. Dezember 2015")
    ask(page, "Wie viel kostete das Weltraumteleskop Euclid?")
    expect(page.locator("#chat .refusal")).to_be_visible()

    chip.click()
    expect(chip).to_have_count(0)
    page.get_by_label("Ab", exact=True).fill("2016-01-01")
    expect(chip).to_have_text("ab 1. Januar 2016")
    ask(page, "Wie lang ist der Gotthard-Basistunnel?")
    expect(answered(page)).to_contain_text("57 Kilometern")

    page.locator("#export summary").click()
    with page.expect_download() as markdown:
        page.get_by_role("button", name="Als Markdown").click()
    assert markdown.value.suggested_filename.endswith(".md")
    text = markdown.value.path().read_text("utf-8")
    assert "Nur Artikel: ab 1. Januar 2016" in text
    assert "[^1]: **Gotthard-Basistunnel feierlich eröffnet** (eurailpress, 1. Juni 2016, Deutsch)" in text
    assert "„Mit einer Länge von rund 57 Kilometern" in text

    with page.expect_download() as web_page:
        page.get_by_role("button", name="Als Webseite").click()
    saved = tmp_path / "saved.html"
    web_page.value.save_as(saved)
    offline = page.context.new_page()
    offline.goto(saved.as_uri())
    expect(offline.locator("mark").first).to_contain_text("57 Kilometern")
    expect(offline.get_by_role("link", name="eurailpress").first).to_have_attribute("target", "_blank")


# --- By keyboard alone --------------------------------------------------------------------------------------


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the focus is on what is wanted."""
    for _ in range(60):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never comes to {wanted}")


def test_everything_by_keyboard_alone(hand_made_site: str, fresh: OpenPage) -> None:
    page = fresh(hand_made_site, locale="de-DE")
    expect(page.locator("#question textarea")).to_be_focused()
    page.keyboard.type("Was fraß die Katze?")
    page.keyboard.press("Enter")
    expect(answered(page)).to_have_count(1)

    page.keyboard.press("Shift+Tab")  # into the conversation, from behind
    for _ in range(12):
        if page.evaluate("document.activeElement.matches('a.cite')"):
            break
        page.keyboard.press("Shift+Tab")
    preview = page.get_by_role("tooltip")
    expect(preview).to_contain_text("Die Katze fraß 3 Mäuse.")
    page.keyboard.press("Escape")
    expect(preview).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator("#sources .card:target")).to_be_focused()

    page.keyboard.press("/")
    expect(page.locator("#question textarea")).to_be_focused()
    tab_to(page, "#filters button")
    page.keyboard.press("Enter")
    tab_to(page, "#filter-lang input")
    page.keyboard.press("Space")
    expect(page.locator("#filters-chosen .chip")).to_have_text("中文")
    page.keyboard.press("/")  # a check box takes no text
    tab_to(page, "button.chip")
    page.keyboard.press("Enter")
    expect(page.locator("#filters-chosen .chip")).to_have_count(0)

    page.locator("#tools summary").first.focus()
    page.keyboard.press("Enter")
    tab_to(page, ".delete-conversation")
    page.keyboard.press("Enter")
    expect(page.locator("#chat .asked")).to_have_count(0)
    expect(page.locator("#history .empty")).to_contain_text("noch nichts gefragt")
    page.keyboard.press("Escape")
    expect(page.locator("#history")).not_to_have_attribute("open", "")


# --- What is kept in the browser ----------------------------------------------------------------------------


def test_a_reload_in_the_middle_of_an_answer_loses_nothing(
    hand_made_site: str, fresh: OpenPage, hand_made: HandMadeAssistant
) -> None:
    page = fresh(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(answered(page)).to_have_count(1)
    ask(page, "slow")
    expect(page.locator("#chat .searching")).to_be_visible()
    page.locator("#question textarea").fill("half a tho")
    page.reload()
    expect(page.locator("#chat .asked")).to_have_text(["Was fraß die Katze?", "slow"])
    expect(page.locator("#chat .trouble")).to_have_text("The answer was interrupted.")
    expect(page.locator("#question textarea")).to_have_value("half a tho")
    page.locator("#chat a.cite").click()
    expect(page.locator("#sources .card:target mark")).to_have_text("Die Katze fraß 3 Mäuse.")

    hand_made.released.set()
    page.get_by_role("button", name="Ask again").last.click()
    expect(answered(page)).to_have_count(2)
    expect(page.locator("#chat .asked")).to_have_text(["Was fraß die Katze?", "slow"])
    before = (Turn("user", "Was fraß die Katze?"), Turn("assistant", "Die Katze **fraß** 3 Mäuse.[1]"))
    assert hand_made.asked[-1]["history"] == before


def test_the_server_restarts_under_an_open_page(browser: Browser, fresh: OpenPage, tmp_path: Path, runs: Path) -> None:
    feedback = FeedbackStore(tmp_path / "feedback.sqlite3")
    with serve(HandMadeAssistant(feedback=feedback), runs) as address:
        page = fresh(address, locale="de-DE")
        ask(page, "Was fraß die Katze?")
        expect(answered(page)).to_have_count(1)
    page.locator("#question textarea").fill("Und dann?")
    page.locator("#question textarea").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Der Server ist nicht erreichbar")
    expect(page.locator(".toast-body")).to_have_count(0)
    expect(page.locator("#question textarea")).to_have_value("Und dann?")

    again = HandMadeAssistant(feedback=feedback)
    with serve(again, runs, port=int(address.rsplit(":", 1)[1])):
        expect(page.get_by_role("alert")).to_have_count(0, timeout=30_000)
        expect(page.locator("#chat .asked")).to_have_text("Was fraß die Katze?", timeout=30_000)
        expect(page.locator("#question textarea")).to_have_value("Und dann?")
        page.locator("#question textarea").press("Enter")
        expect(answered(page)).to_have_count(2)
        assert again.asked[-1]["history"][0] == Turn("user", "Was fraß die Katze?")
        page.close()
    feedback.close()


def test_what_is_kept_is_bounded_and_the_oldest_goes_first(hand_made_site: str, fresh: OpenPage) -> None:
    page = fresh(hand_made_site)
    entry: dict[str, Any] = {"question": "x" * 900_000, "filters": {}, "answer": None, "trouble": "stopped"}
    kept = {f"ask:conversation:{n}": json.dumps({"at": n, "entries": [entry]}) for n in range(5)}
    page.evaluate("kept => Object.entries(kept).forEach(([key, value]) => localStorage.setItem(key, value))", kept)
    ask(page, "Was fraß die Katze?")
    expect(answered(page)).to_have_count(1)
    page.locator("#history summary").click()
    expect(page.locator(".open-conversation").first).to_contain_text("Was fraß die Katze?")
    assert page.evaluate("localStorage.getItem('ask:conversation:0')") is None
    assert page.evaluate("localStorage.getItem('ask:conversation:4')") is not None


def test_what_a_browser_kept_that_cannot_be_read_is_said(hand_made_site: str, fresh: OpenPage) -> None:
    page = fresh(hand_made_site)
    broken = json.dumps({"at": 1, "entries": [{"question": "Eins?", "answer": {"id": 1}}]})
    page.evaluate("broken => localStorage.setItem('ask:conversation:b', broken)", broken)
    page.evaluate("sessionStorage.setItem('ask:current', 'b')")
    page.reload()
    expect(page.locator("#chat .notice")).to_have_text("This conversation cannot be shown any more.")
    ask(page, "Was fraß die Katze?")
    expect(answered(page)).to_have_count(1)


# --- Asking anew, links, languages --------------------------------------------------------------------------


def test_a_link_opens_an_answer_again_in_another_browser(hand_made_site: str, fresh: OpenPage) -> None:
    page = fresh(hand_made_site, permissions=["clipboard-read", "clipboard-write"])
    ask(page, "Was fraß die Katze?")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    other = fresh(link, locale="zh-CN")
    expect(other.locator("#chat .asked")).to_have_text("Was fraß die Katze?")
    expect(other.locator("#sources .card mark")).to_have_text("Die Katze fraß 3 Mäuse.")
    assert other.url == f"{hand_made_site}/"
    gone = fresh(f"{hand_made_site}/?answer=none")
    expect(gone.locator("#chat .notice")).to_have_text("This conversation cannot be shown any more.")


def test_an_answer_is_copied_with_its_references(hand_made_site: str, fresh: OpenPage) -> None:
    page = fresh(hand_made_site, permissions=["clipboard-read", "clipboard-write"])
    ask(page, "Was fraß die Katze?")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("Die Katze fraß 3 Mäuse.[1]")
    assert "[1] Von Katzen & Hunden, Tierblatt, 21 May 2024, https://www.example.org/cats?a=1&b=2" in text
    html = page.evaluate(
        "navigator.clipboard.read().then(items => items[0].getType('text/html')).then(blob => blob.text())"
    )
    assert 'href="https://www.example.org/cats?a=1&amp;b=2"' in html


def test_the_language_of_the_page_is_chosen_and_kept(hand_made_site: str, fresh: OpenPage) -> None:
    page = fresh(hand_made_site, locale="en-US")
    ask(page, "天气怎么样？")
    expect(page.locator("#chat .refusal")).to_be_visible()
    page.get_by_role("link", name="Deutsch").click()
    expect(page.locator("#ask")).to_have_text("Fragen")
    expect(page.locator("#chat .asked")).to_have_text("天气怎么样？")
    expect(page.get_by_role("button", name="Noch einmal fragen")).to_be_visible()
    page.get_by_role("link", name="中文").click()
    expect(page.locator("#ask")).to_have_text("提问")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.reload()
    expect(page.locator("#ask")).to_have_text("提问")
    expect(page.locator("#masthead")).to_contain_text("篇文章")


def test_an_article_is_asked_alone(site: str, fresh: OpenPage) -> None:
    page = fresh(site, locale="de-DE")
    page.get_by_role("tab", name="Artikel").click()
    page.get_by_role("link", name="Gotthard-Basistunnel feierlich eröffnet").click()
    page.get_by_role("button", name="Nur diesen Artikel befragen").click()
    expect(page.locator("#filters-chosen .chip")).to_have_text("Gotthard-Basistunnel feierlich eröffnet")
    ask(page, "Wie viel kostet die Euclid-Mission?")
    expect(page.locator("#chat .refusal")).to_be_visible()
    page.locator("#filters-chosen .chip").click()
    expect(page.locator("#filters-chosen .chip")).to_have_count(0)
    page.get_by_role("button", name="Noch einmal fragen").click()
    expect(answered(page)).to_contain_text("1,4 Milliarden Euro")


def test_a_citation_is_previewed_under_the_pointer(hand_made_site: str, fresh: OpenPage) -> None:
    page = fresh(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(answered(page)).to_have_count(1)
    preview = page.get_by_role("tooltip")
    page.locator("#chat a.cite").hover()
    expect(preview).to_contain_text("Von Katzen & Hunden")
    expect(preview).to_contain_text("21 May 2024")
    preview.hover()  # to read it, or to select from it
    page.wait_for_timeout(400)  # longer than it would stay without the pointer
    expect(preview).to_be_visible()
    page.locator("#masthead").hover()
    expect(preview).to_be_hidden()
