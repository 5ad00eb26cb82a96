"""The chat page in a real browser, on a person's path. No request may leave this machine."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from web_fakes import HandMadeAssistant

from rag.assistant import Assistant
from rag.types import Filters, Turn
from rag.web.api import create_api
from rag.web.chat import build_chat, end_streams, mount
from rag.web.server import Server, bind

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
QUIET += ["--disable-sync", "--no-first-run"]  # without these Chromium itself calls its maker
LIMIT = 200

OpenPage = Callable[..., Page]


@contextmanager
def serve(assistant: Assistant) -> Iterator[str]:
    """The whole app on a free port, as ``chat_app.py`` serves it."""
    api = create_api(assistant, max_question_chars=LIMIT)
    mount(api, build_chat(assistant, max_question_chars=LIMIT))
    ready: Queue[str] = Queue()
    server = Server(api, ready.put, end_streams)
    with bind("127.0.0.1", 0) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield ready.get(timeout=60)
        finally:
            server.should_exit = True
            thread.join(20)


@pytest.fixture(scope="module")
def site(assistant: Assistant) -> Iterator[str]:
    """The address of the real product over the sample articles."""
    with serve(assistant) as address:
        yield address


@pytest.fixture(scope="module")
def served_by_hand() -> Iterator[tuple[HandMadeAssistant, str]]:
    assistant = HandMadeAssistant()
    with serve(assistant) as address:
        yield assistant, address


@pytest.fixture
def hand_made(served_by_hand: tuple[HandMadeAssistant, str]) -> Iterator[HandMadeAssistant]:
    """The hand-made assistant, as if nobody had asked it yet."""
    served_by_hand[0].forget()
    yield served_by_hand[0]
    served_by_hand[0].close()


@pytest.fixture
def hand_made_site(hand_made: HandMadeAssistant, served_by_hand: tuple[HandMadeAssistant, str]) -> str:
    return served_by_hand[1]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    installed = next((path for name in names if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=installed, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def contexts(browser: Browser) -> dict[str, BrowserContext]:
    """One browser context a kind, so that Gradio's parts are loaded into its cache once."""
    return {}


@pytest.fixture
def open_page(browser: Browser, contexts: dict[str, BrowserContext]) -> Iterator[OpenPage]:
    """Open an address; at the end nothing may have gone to another host, and nothing wrong to the console."""
    strangers: list[str] = []
    complaints: list[str] = []
    pages: list[Page] = []

    def opened(address: str, **kind: Any) -> Page:
        if str(kind) not in contexts:
            contexts[str(kind)] = browser.new_context(**{"locale": "en-US", **kind})
        page = contexts[str(kind)].new_page()
        pages.append(page)
        local = (address, "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(local) else strangers.append(r.url))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.goto(address)
        expect(page.locator("#question textarea")).to_be_visible()
        expect(page.locator("#sources .empty")).to_be_visible()
        return page

    yield opened
    for page in pages:
        page.close()
    assert strangers == []
    assert complaints == []


def ask(page: Page, question: str) -> None:
    """Type a question and send it with Enter."""
    page.locator("#question textarea").fill(question)
    page.locator("#question textarea").press("Enter")


# --- A person's path, over the real product -----------------------------------------------------------------


def test_a_chinese_question_is_answered_and_its_citation_opens_the_marked_passage(
    site: str, open_page: OpenPage
) -> None:
    page = open_page(site, locale="zh-CN")
    page.locator("#question textarea").fill("屠呦呦从哪本古书得到启发？")
    page.locator("#ask").click()
    expect(page.locator("#chat .asked")).to_have_text("屠呦呦从哪本古书得到启发？")
    expect(page.locator("#chat .answer")).to_contain_text("肘后备急方")
    expect(page.locator("#chat .note")).to_contain_text("未使用模型")

    citation = page.locator("#chat a.cite").first
    expect(citation).to_have_text("[1]")
    citation.click()
    card = page.locator("#sources .card:target")
    expect(card).to_be_in_viewport()
    expect(card.locator("mark")).to_contain_text("肘后备急方")
    expect(card.locator(".title")).to_contain_text("屠呦呦")
    expect(card.locator(".meta")).to_contain_text("2015年10月5日 · 中文")
    link = card.locator(".open a")
    expect(link).to_have_attribute("href", "https://www.nobelprize.org/prizes/medicine/2015/press-release/")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener noreferrer")


@pytest.mark.parametrize(
    ("locale", "button", "question", "expected"),
    [
        ("de-AT", "Fragen", "Wie lang ist der Gotthard-Basistunnel?", "57"),
        ("en-GB", "Ask", "How quickly does a data breach have to be reported?", "72 hours"),
    ],
)
def test_the_page_speaks_the_language_of_its_reader(
    site: str, open_page: OpenPage, locale: str, button: str, question: str, expected: str
) -> None:
    page = open_page(site, locale=locale)
    expect(page.locator("#ask")).to_have_text(button)
    ask(page, question)
    expect(page.locator("#chat .answer")).to_contain_text(expected)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(site: str, open_page: OpenPage, scheme: str) -> None:
    page = open_page(site, viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True)
    ask(page, "How quickly does a data breach have to be reported? " + "x" * 60)
    page.locator("#chat a.cite").first.click()
    expect(page.locator("#sources .card:target")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(22, 24, 27)") == (scheme == "dark")


# --- Sending ------------------------------------------------------------------------------------------------


def test_enter_sends_and_shift_enter_breaks_the_line(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    box = page.locator("#question textarea")
    box.fill("Was fraß")
    box.press("Shift+Enter")
    box.press_sequentially("die Katze?")
    box.press("Enter")
    expect(page.locator("#chat .asked")).to_have_text("Was fraßdie Katze?")  # the break is an element
    expect(page.locator("#chat .asked br")).to_have_count(1)
    expect(page.locator("#chat .answer")).to_be_visible()
    expect(box).to_have_value("")


def test_an_empty_question_does_nothing(hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant) -> None:
    page = open_page(hand_made_site)
    ask(page, "  ")
    page.locator("#ask").click()
    page.wait_for_timeout(300)
    assert hand_made.asked == []
    expect(page.locator("#chat .asked")).to_have_count(0)


def test_a_question_that_is_too_long_is_explained_and_stays_in_the_box(
    hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant
) -> None:
    page = open_page(hand_made_site)
    ask(page, "x" * (LIMIT + 1))
    expect(page.locator("#chat .notice").last).to_contain_text("201 characters; 200 are possible")
    expect(page.locator("#question textarea")).to_have_value("x" * (LIMIT + 1))
    assert hand_made.asked == []


def test_everything_works_by_keyboard(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    expect(page.locator("#question textarea")).to_be_focused()
    page.keyboard.type("Was fraß die Katze?")
    page.keyboard.press("Tab")
    expect(page.locator("#ask")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#chat .answer")).to_be_visible()
    page.locator("#chat a.cite").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sources .card:target")).to_be_focused()


def test_controls_have_names(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    expect(page.get_by_role("textbox", name="Your question")).to_be_visible()
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    page.locator("#filters").get_by_role("button").click()
    expect(page.get_by_role("radio", name="Deutsch")).to_be_visible()


# --- Answers, refusals, faults ------------------------------------------------------------------------------


def test_a_refusal_shows_its_message_and_empties_the_sources(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#sources .card")).to_have_count(1)
    ask(page, "天气怎么样？")
    expect(page.locator("#chat .refusal")).to_have_text("这些文章没有回答这个问题。")
    expect(page.locator("#sources .card")).to_have_count(0)


def test_a_citation_of_an_earlier_answer_brings_its_sources_back(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#sources .for")).to_have_text("Was fraß die Katze?")
    ask(page, "Und der Hund?")
    expect(page.locator("#sources .for")).to_have_text("Und der Hund?")
    page.locator("#chat a.cite").first.click()
    expect(page.locator("#sources .for")).to_have_text("Was fraß die Katze?")
    expect(page.locator("#sources .card:target mark")).to_have_text("Die Katze fraß 3 Mäuse.")
    page.locator("#chat a.cite").last.click()
    expect(page.locator("#sources .for")).to_have_text("Und der Hund?")


@pytest.mark.parametrize(
    ("question", "message"),
    [("fail", "cannot be searched right now"), ("crash", "Something went wrong on our side")],
)
def test_a_fault_is_told_plainly_and_the_next_question_is_answered(
    hand_made_site: str, open_page: OpenPage, question: str, message: str
) -> None:
    page = open_page(hand_made_site)
    ask(page, question)
    expect(page.locator("#chat .notice").last).to_contain_text(message)
    expect(page.locator("body")).not_to_contain_text("secret")
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#chat .answer")).to_be_visible()


def test_a_slow_answer_can_be_stopped_and_another_asked_at_once(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    ask(page, "slow")
    expect(page.locator("#chat .asked")).to_have_text("slow")
    expect(page.locator("#ask")).to_be_disabled()
    page.locator("#stop").click()
    expect(page.locator("#chat .notice").last).to_have_text("Stopped.")
    expect(page.locator("#stop")).to_be_hidden()
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#chat .answer")).to_be_visible()


def test_hostile_words_load_nothing(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    image = '<img src="http://images.test/a.png"> ![i](http://images.test/b.png) [x](javascript:alert(1))'
    ask(page, image)
    expect(page.locator("#chat .asked")).to_have_text(image)
    expect(page.locator("#chat .answer")).to_be_visible()
    expect(page.locator("#chat img, #sources img")).to_have_count(0)


def test_no_source_text_is_read_out_as_a_label(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#chat .answer")).to_be_visible()
    expect(page.locator("#chat [data-testid=bot][aria-label], #chat [data-testid=user][aria-label]")).to_have_count(0)


# --- Conversation and filters -------------------------------------------------------------------------------


def test_a_follow_up_brings_what_was_said(
    hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant
) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#chat .answer")).to_have_count(1)
    ask(page, "Und dann?")
    expect(page.locator("#chat .answer")).to_have_count(2)
    said = (Turn("user", "Was fraß die Katze?"), Turn("assistant", "Die Katze **fraß** 3 Mäuse.[1]"))
    assert [asked["history"] for asked in hand_made.asked] == [(), said]


def test_the_language_filter_reaches_the_assistant(
    hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant
) -> None:
    page = open_page(hand_made_site)
    ask(page, "Eins?")
    expect(page.locator("#chat .answer")).to_have_count(1)
    page.locator("#filters").get_by_role("button").click()
    page.get_by_role("radio", name="中文").check()
    ask(page, "Zwei?")
    expect(page.locator("#chat .answer")).to_have_count(2)
    assert [asked["filters"] for asked in hand_made.asked] == [Filters(), Filters(lang=("zh",))]


def test_a_new_conversation_forgets_the_old_one(
    hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant
) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#sources .card")).to_have_count(1)
    page.locator("#new").click()
    expect(page.locator("#chat .asked")).to_have_count(0)
    expect(page.locator("#sources .card")).to_have_count(0)
    ask(page, "Und dann?")
    expect(page.locator("#chat .answer")).to_have_count(1)
    assert hand_made.asked[-1]["history"] == ()


# --- The server around the page -----------------------------------------------------------------------------


def test_the_page_and_its_parts_have_the_security_headers(hand_made_site: str) -> None:
    for path in ("/", "/config", "/theme.css", "/nothing"):
        assert "default-src 'self'" in httpx2.get(hand_made_site + path).headers["content-security-policy"]


def test_nothing_can_be_uploaded(hand_made_site: str) -> None:
    response = httpx2.post(f"{hand_made_site}/gradio_api/upload", files={"files": ("a.txt", b"a")})
    assert response.status_code == 404


def test_a_mistyped_route_is_not_answered_by_the_page(hand_made_site: str) -> None:
    assert httpx2.get(f"{hand_made_site}/api/aks").json()["error"]["type"] == "not_found"
    assert httpx2.get(f"{hand_made_site}/api/ask").status_code == 405
