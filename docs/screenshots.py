"""Take the pictures of the documentation anew, from the product itself over the sample articles.

python docs/screenshots.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "bench"))

from product import serving  # noqa: E402  (bench holds scripts, not a package)

PICTURES = ROOT / "docs" / "pictures"
REPORTS = ROOT / "docs"
SEEDS = ROOT.parent / "shared" / "seeds"  # articles beside the checkout, two of which disagree
HEIGHTS = {390: 844, 768: 1024, 1440: 900}  # by the width of the window
LOOKS = ("light", "dark")
LOCALES = {"en": "en-GB", "de": "de-DE", "zh": "zh-CN"}
QUESTIONS = {
    "en": "How quickly must a data breach be reported?",
    "de": "Wie lang ist der Gotthard-Basistunnel?",
    "zh": "屠呦呦从哪本古书得到启发？",
}
EARLIER = ("Who won the Nobel Prize for the lithium-ion battery?", "Wie viel kostet die Euclid-Mission?")
UNANSWERED = "Which city will host the next marathon championship?"
DISPUTED = "What is Scale AI's valuation?"
COLOURS = 192  # of a picture; the palette makes it a third as large


def main() -> int:
    """Run the evaluation, start the product, ask, and take each picture."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as runs, sync_playwright() as playwright:
        measure = [sys.executable, "-m", "eval", "run", "--articles", "articles", "--baseline"]
        subprocess.run([*measure, "--out", f"{runs}/articles"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        os.environ["RAG_RUNS"] = runs
        installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        browser = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        with serving(ROOT / "articles") as served:
            take_all(browser, served.address)
        if SEEDS.is_dir():
            with serving(SEEDS) as served:
                take_disagreement(browser, served.address)
        browser.close()
    return 0


def take_all(browser: Browser, address: str) -> None:
    """Every picture of the sample articles."""
    for lang in QUESTIONS:
        for look in LOOKS:
            for width in HEIGHTS:
                take_chat(browser, address, lang, look, width)
    take_refusal(browser, address)
    take_preview(browser, address)
    take_conversations(browser, address)
    take_articles(browser, address)
    take_reports(browser, address)


def take_chat(browser: Browser, address: str, lang: str, look: str, width: int) -> None:
    """An answer with its sources; the English one has been offered what to ask next, the German one is of a time."""
    with opened(browser, address, lang, look, width) as page:
        if lang == "de":
            page.locator("#filters > button").click()
            page.locator("#filter-from input[type=date]").fill("2016-01-01")
            page.locator("#filters-chosen .chip").wait_for()
            page.locator("#filters > button").click()
            page.mouse.move(0, 0)
        ask(page, QUESTIONS[lang])
        if lang == "en":
            page.locator("#followups a.offered").first.wait_for()
        keep(page, PICTURES / f"chat-{lang}-{look}-{width}.png", whole=width < 1000)


def take_refusal(browser: Browser, address: str) -> None:
    """A question that no article answers, and the nearest ones."""
    with opened(browser, address, "en", "light", 1440) as page:
        ask(page, UNANSWERED)
        page.locator("#chat .refusal .nearest").wait_for()
        keep(page, PICTURES / "refusal.png")


def take_preview(browser: Browser, address: str) -> None:
    """What a citation shows to whoever points at it."""
    with opened(browser, address, "zh", "light", 1440) as page:
        ask(page, QUESTIONS["zh"])
        page.locator("#chat a.cite").first.hover()
        page.locator("#preview").wait_for()
        keep(page, PICTURES / "preview.png")


def take_conversations(browser: Browser, address: str) -> None:
    """Conversations of before, and the page that one of them is saved as."""
    with opened(browser, address, "de", "dark", 1440) as page:
        for question in (*EARLIER, QUESTIONS["de"]):
            page.locator("#new").click()
            page.locator("#chat .welcome").wait_for()
            ask(page, question)
        page.locator("#history > summary").click()
        page.locator("#history .open-conversation").nth(len(EARLIER)).wait_for()
        keep(page, PICTURES / "conversations.png")
        page.locator("#export > summary").click()
        with page.expect_download() as saved:
            page.locator("#save-html").click()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "conversation.html"
            saved.value.save_as(file)
            page.goto(file.as_uri())
            keep(page, PICTURES / "export.png")


def take_articles(browser: Browser, address: str) -> None:
    """The tab of articles, with one open."""
    with opened(browser, address, "en", "light", 1440) as page:
        page.locator("#tab-articles-button").click()
        page.locator("#articles a.open-article").nth(2).click()
        page.locator("#article .reading").wait_for()
        keep(page, PICTURES / "articles.png")


def take_reports(browser: Browser, address: str) -> None:
    """The list of runs on the page, then the report of the one there is: its ten worst, and one case on a phone."""
    with opened(browser, address, "en", "light", 1440) as page:
        page.locator("#tab-evaluation-button").click()
        page.locator("#runs .run").first.wait_for()
        keep(page, REPORTS / "evaluation.png")
        with page.context.expect_page() as report:
            page.locator("#runs .run a").first.click()
        report.value.set_viewport_size({"width": 1440, "height": HEIGHTS[1440]})
        report.value.locator("#cases details").first.wait_for()
        report.value.evaluate("document.querySelector('#worst').scrollIntoView()")
        keep(report.value, REPORTS / "report.png")
        link = report.value.url
    with opened(browser, link, "en", "light", 390) as page:
        page.locator("#worst a").first.click()
        page.locator("#cases details[open] mark").first.wait_for()
        keep(page, REPORTS / "report-phone.png")


def take_disagreement(browser: Browser, address: str) -> None:
    """Two articles that give different amounts."""
    with opened(browser, address, "en", "light", 1440) as page:
        ask(page, DISPUTED)
        page.locator("#chat .disagreement").wait_for()
        keep(page, PICTURES / "disagreement.png")


@contextmanager
def opened(browser: Browser, address: str, lang: str, look: Any, width: int) -> Iterator[Page]:
    """A page in a browser of its own."""
    size: Any = {"width": width, "height": HEIGHTS[width]}
    touched = width < 1000  # else the page takes the focus at once, as where there is a keyboard
    kind: Any = {"viewport": size, "is_mobile": touched, "has_touch": touched}
    with browser.new_context(locale=LOCALES[lang], color_scheme=look, **kind) as context:
        page = context.new_page()
        page.goto(address)
        page.locator("#tools .tools, #cases").first.wait_for()  # of the page or of a report
        yield page


def ask(page: Page, question: str) -> None:
    """Ask, and wait until all that comes after an answer has come, too."""
    box = page.locator("#question textarea")
    box.fill(question)
    box.press("Enter")
    page.locator("#chat .acts").wait_for()
    page.locator("#followups .followups").wait_for(state="attached")
    page.locator("html:not(.stale)").wait_for(state="attached")


def keep(page: Page, file: Path, *, whole: bool = False) -> None:
    """Take a picture, with as few colours as it needs."""
    page.evaluate("document.fonts.ready")
    taken = Image.open(BytesIO(page.screenshot(full_page=whole, animations="disabled", caret="hide")))
    palette = taken.convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette.save(file, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
