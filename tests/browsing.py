"""A real browser whose pages are watched, and a real server: what the tests of every page share."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Queue

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from rag.web.server import Server, bind

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
QUIET += ["--disable-sync", "--no-first-run"]  # without these Chromium itself calls its maker


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    installed = next((path for name in names if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=installed, args=QUIET)
        yield launched
        launched.close()


class Watch:
    """Notes what pages fetch from elsewhere and what goes wrong in them."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.strangers: list[str] = []
        self.complaints: list[str] = []

    def over(self, page: Page, *own: str, levels: tuple[str, ...] = ("error",)) -> Page:
        """The page, watched: ``own`` is how the addresses begin that it may fetch from."""

        def fetched(request: Request) -> None:
            if not request.url.startswith((*own, "data:", "blob:")):
                self.strangers.append(request.url)

        def said(message: ConsoleMessage) -> None:
            if message.type in levels:
                self.complaints.append(message.text)

        self.pages.append(page)
        page.on("request", fetched)
        page.on("console", said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page


@pytest.fixture
def watch() -> Iterator[Watch]:
    """At the end nothing may have gone to another host, and nothing wrong to the console."""
    watching = Watch()
    yield watching
    for page in watching.pages:
        page.close()
    assert watching.strangers == []
    assert watching.complaints == []


@contextmanager
def serving(api: FastAPI, leave: Callable[[FastAPI], None] = lambda _: None, port: int = 0) -> Iterator[str]:
    """The address of an app on a port of loopback (0: a free one), as long as it is served."""
    ready: Queue[str] = Queue()
    server = Server(api, ready.put, leave)
    with bind("127.0.0.1", port) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield ready.get(timeout=60)
        finally:
            server.should_exit = True
            thread.join(20)
