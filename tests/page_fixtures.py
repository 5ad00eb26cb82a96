"""What the tests of the page in a real browser share: the served app, the browser, and a page that is watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browsing import Watch, serving
from playwright.sync_api import Browser, BrowserContext, Page, expect
from web_fakes import HandMadeAssistant

from rag.assistant import Assistant
from rag.storage.feedback import FeedbackStore
from rag.web.api import create_api
from rag.web.chat import build_chat, end_streams, mount

pytest_plugins = ["browsing"]

LIMIT = 200

expect.set_options(timeout=30_000)  # of a page that is right most comes at once; two cores are busy with other tests

OpenPage = Callable[..., Page]


@contextmanager
def serve(assistant: Assistant, runs: Path, port: int = 0) -> Iterator[str]:
    """The whole app on a port (0: a free one), as ``chat_app.py`` serves it."""
    api = create_api(assistant, max_question_chars=LIMIT)
    mount(api, build_chat(assistant, runs=runs, max_question_chars=LIMIT), runs=runs)
    with serving(api, end_streams, port) as address:
        yield address


@pytest.fixture(scope="module")
def site(assistant: Assistant, runs: Path) -> Iterator[str]:
    """The address of the real product over the sample articles."""
    with serve(assistant, runs) as address:
        yield address


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for evaluation runs; no test but one puts any there."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def feedback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeedbackStore]:
    """Where the answers of the hand-made assistant and their ratings are kept."""
    opened = FeedbackStore(tmp_path_factory.mktemp("feedback") / "feedback.sqlite3")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def served_by_hand(feedback: FeedbackStore, runs: Path) -> Iterator[tuple[HandMadeAssistant, str]]:
    assistant = HandMadeAssistant(feedback=feedback)
    with serve(assistant, runs) as address:
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
def contexts(browser: Browser) -> dict[str, BrowserContext]:
    """One browser context a kind, so that Gradio's parts are loaded into its cache once."""
    return {}


@pytest.fixture
def open_page(browser: Browser, contexts: dict[str, BrowserContext], watch: Watch) -> OpenPage:
    """Open an address."""

    def opened(address: str, **kind: Any) -> Page:
        if str(kind) not in contexts:
            contexts[str(kind)] = browser.new_context(**{"locale": "en-US", **kind})
        page = watch.over(contexts[str(kind)].new_page(), address)
        page.goto(address)
        expect(page.locator("#question textarea")).to_be_visible()
        expect(page.locator("#sources .empty")).to_be_visible()
        return page

    return opened


def ask(page: Page, question: str) -> None:
    """Type a question and send it with Enter."""
    page.locator("#question textarea").fill(question)
    page.locator("#question textarea").press("Enter")
