"""Take the pictures of the documentation anew, from the product itself over the sample articles.

python docs/screenshots.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parent.parent
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 720}, "device_scale_factor": 2}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}

# file name, browser language, look, size, question
PICTURES: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("chat.png", "zh-CN", "light", WIDE, "屠呦呦从哪本古书得到启发？"),
    ("chat-dark.png", "de-DE", "dark", WIDE, "Wie viel kostet die Euclid-Mission?"),
    ("chat-phone.png", "en-US", "light", PHONE, "How quickly must a data breach be reported?"),
    ("refusal.png", "en-US", "light", WIDE, "What is Tesla's market share in Norway?"),
]


def main() -> int:
    """Run the evaluation, start the product, ask, and take each picture."""
    with tempfile.TemporaryDirectory() as data:
        runs = Path(data) / "runs"
        measure = [sys.executable, "-m", "eval", "run", "--articles", "articles", "--baseline"]
        subprocess.run([*measure, "--out", str(runs / "articles")], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        command = [sys.executable, "chat_app.py", "--port", "0", "--articles", "articles", "--data-dir", data]
        environment = {**os.environ, "RAG_RUNS": str(runs)}
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as server:
            assert server.stdout is not None
            address = server.stdout.readline().removeprefix("Ask the Articles: ").strip()
            installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
                for name, locale, look, size, question in PICTURES:
                    _take(browser, address, ROOT / "docs" / name, question, locale=locale, color_scheme=look, **size)
                _take_report(browser, address)
                browser.close()
            server.terminate()
    return 0


def _take(browser: Browser, address: str, file: Path, question: str, **kind: Any) -> None:
    with browser.new_context(**kind) as context:
        page = context.new_page()
        page.goto(address)
        box = page.locator("#question textarea")
        box.fill(question)
        box.press("Enter")
        page.locator("#chat .answer, #chat .refusal").last.wait_for()
        page.screenshot(path=file)


def _take_report(browser: Browser, address: str) -> None:
    """The list of runs on the page, then the report of the one there is: its ten worst, and one case on a phone."""
    with browser.new_context(**WIDE) as context:
        page = context.new_page()
        page.goto(address)
        page.get_by_role("tab", name="Evaluation").click()
        page.locator("#runs .run").first.wait_for()
        page.screenshot(path=ROOT / "docs" / "evaluation.png")
        with context.expect_page() as opened:
            page.locator("#runs .run a").first.click()
        report = opened.value
        report.locator("#cases details").first.wait_for()
        report.locator("#worst").scroll_into_view_if_needed()
        report.evaluate("document.querySelector('#worst').scrollIntoView()")
        report.screenshot(path=ROOT / "docs" / "report.png")
        link = report.url
    with browser.new_context(**PHONE) as context:
        page = context.new_page()
        page.goto(link)
        page.locator("#worst a").first.click()
        page.locator("#cases details[open] mark").first.wait_for()
        page.screenshot(path=ROOT / "docs" / "report-phone.png")


if __name__ == "__main__":
    sys.exit(main())
