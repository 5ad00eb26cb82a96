"""Hostile articles on the page in a real browser: nothing runs, nothing is fetched, nothing leads elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attack_cases import cases, some
from attack_page import ask_case, wrong_on
from attack_product import Attacked, attacked
from page_fixtures import LIMIT, OpenPage, serve
from playwright.sync_api import Browser, expect

pytest_plugins = ["page_fixtures"]

ASKED = [
    "HTML: image error",
    "HTML: overlay",
    "Markdown: image by reference",
    "Markdown: javascript",
    "Markdown: formula link",
    "HTML in the title",
    "Markdown in the question",
]
# Around them others that a browser could run; what their titles, tags and names say stands in the list of articles.
SHOWN = [
    case
    for at, case in enumerate(some(cases()))
    if case.technique in ASKED or (case.owasp == "LLM10" and len(case.question) <= LIMIT and at % 3 == 0)
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    with attacked(tmp_path_factory.mktemp("hostile"), SHOWN) as opened:
        yield opened


@pytest.fixture(scope="module")
def hostile_site(hostile: Attacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(hostile.assistant, Path(tmp_path_factory.mktemp("runs"))) as address:
        yield address


def test_no_answer_no_list_and_no_article_does_anything(
    hostile: Attacked, hostile_site: str, open_page: OpenPage
) -> None:
    page = open_page(hostile_site)
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    chosen = [next(case for case in SHOWN if case.technique == name) for name in ASKED]
    for number, case in enumerate(chosen, start=1):
        ask_case(page, case, number)
    assert wrong_on(page, hostile.links) == []
    page.locator("#tab-articles-button").click()
    expect(page.locator("#articles .item")).to_have_count(len(SHOWN))
    for case in chosen[:3]:
        page.locator(f"#articles a.open-article[href='#article-{hostile.by_file[case.id]}']").click()
        expect(page.locator(f"#article-{hostile.by_file[case.id]}")).to_be_visible()
        assert wrong_on(page, hostile.links) == []


def test_what_got_into_the_page_by_a_mistake_of_ours_would_not_run(hostile_site: str, browser: Browser) -> None:
    """The policy, tried: each way to run something, put into the page as a hole in our escaping would."""
    page = browser.new_page()
    page.goto(hostile_site)
    expect(page.locator("#question textarea")).to_be_visible()
    page.evaluate(
        """() => {
          window.refused = [];
          document.addEventListener("securitypolicyviolation", (one) => window.refused.push(one.effectiveDirective));
          const hole = document.createElement("div");
          hole.innerHTML = '<img src="data:," onerror="window.pwned=1"><svg onload="window.pwned=1"></svg>' +
            '<iframe srcdoc="<script>parent.pwned=1<\\/script>"></iframe>' +
            '<img src="http://evil.test/p.png"><a id="hole" href="javascript:window.pwned=1">x</a>';
          document.body.append(hole);
          document.getElementById("hole").click();
          const inline = document.createElement("script");
          inline.textContent = "window.pwned=1";
          const parsed = document.createRange().createContextualFragment("<script>window.pwned=1<\\/script>");
          const file = document.createElement("script");
          file.src = "/gradio_api/file=/tmp/x.js";
          document.body.append(inline, parsed, file);
        }"""
    )
    page.wait_for_function("() => window.refused.length >= 7")
    refused = page.evaluate("() => window.refused")
    assert refused.count("img-src") == 1
    assert all(directive.startswith(("script-src", "img-src")) for directive in refused)
    assert page.evaluate("() => window.pwned") is None
    page.close()
