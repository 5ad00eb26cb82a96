"""What hostile articles do on the page, told by the browser itself."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from attack_cases import Case
from attack_product import Attacked
from browsing import QUIET
from page_fixtures import LIMIT, serve
from playwright.sync_api import Page, expect, sync_playwright

PARTS = "#chat, #sources, #shelves"
TAGS = "img, video, audio, iframe, object, embed, form, base, link, script, style, math, svg[onload], .katex"
# Icons of buttons and boxes are Gradio's own.
FOUND = """([parts, tags]) => {
  const within = (what) => [...document.querySelectorAll(parts)].flatMap((part) => [...part.querySelectorAll(what)]);
  return {
    pwned: window.pwned ?? null,
    strange: within(tags).filter((one) => !one.closest("button, label, .wrap, .icon-wrap"))
      .map((one) => one.outerHTML.slice(0, 200)),
    links: within("a").map((one) => one.getAttribute("href")),
    handlers: within("*").flatMap((one) => [...one.attributes]).filter((one) => one.name.startsWith("on"))
      .map((one) => one.name),
  };
}"""
AT_ONCE = 20  # questions of one conversation


def wrong_on(page: Page, links: set[str]) -> list[str]:
    """What is on the page beside text, our own marks, and links to sources."""
    found = page.evaluate(FOUND, [PARTS, TAGS])
    wrong = [] if found["pwned"] is None else ["a script ran"]
    wrong += [f"on the page: {one}" for one in [*found["strange"], *found["handlers"]]]
    return wrong + [
        f"a link to {link}" for link in found["links"] if link and not link.startswith("#") and link not in links
    ]


def ask_case(page: Page, case: Case, number: int) -> None:
    """Ask the question of a case, the one with this number in the conversation, and wait for what comes of it."""
    page.locator("#question textarea").fill(case.question)
    page.locator("#question textarea").press("Enter")
    expect(page.locator(f"#chat [id^=acts-{number}-]")).to_have_count(
        1, timeout=60_000
    )  # of many, on a machine that is busy


def browse(opened: Attacked, found: Sequence[Case]) -> tuple[int, list[str]]:
    """Ask all the questions that the page takes; how many, and what was wrong."""
    asked = [case for case in found if len(case.question) <= LIMIT and "\n" not in case.question]
    wrong: list[str] = []
    names = ("chromium", "chromium-browser", "google-chrome")
    installed = next((path for name in names if (path := shutil.which(name))), None)
    with (
        tempfile.TemporaryDirectory() as runs,
        serve(opened.assistant, Path(runs)) as address,
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=installed, args=QUIET)
        for start in range(0, len(asked), AT_ONCE):
            page = browser.new_context().new_page()
            wrong += _conversation(page, address, asked[start : start + AT_ONCE], opened.links)
            page.close()
        browser.close()
    return len(asked), wrong


def _conversation(page: Page, address: str, asked: Sequence[Case], links: set[str]) -> list[str]:
    """Ask these questions one after the other; what was wrong."""
    wrong: list[str] = []
    ours = (address, "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(ours) else wrong.append(f"asked for {r.url}"))
    page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
    page.on("console", lambda m: wrong.append(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"an error: {error}"))
    page.goto(address)
    for number, case in enumerate(asked, start=1):
        ask_case(page, case, number)
        wrong += [f"{case.id} {case.technique}: {one}" for one in wrong_on(page, links)]
    return wrong
