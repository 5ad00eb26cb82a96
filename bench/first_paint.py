"""How soon the page is there in a browser that has never been to it, beside a bare Gradio page with one text box.

python bench/first_paint.py [LOADS]
"""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright
from product import ROOT, serving

from rag.web.gradio_setup import gr

LOADS = 5
QUIET_MS = 1000
GOAL = 2000  # milliseconds, for the median of the first paint
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

# Told to the page before anything of it is loaded, since shifts and the largest paint are not kept for later.
OBSERVER = """
window.shifted = 0;
new PerformanceObserver(list => list.getEntries().forEach(one => {
  if (!one.hadRecentInput) window.shifted += one.value;
})).observe({type: 'layout-shift', buffered: true});
"""
MEASURED = """() => {
  const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  return {
    paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    shift: window.shifted,
    requests: all.length,
    kilobytes: all.reduce((sum, one) => sum + one.transferSize, 0) / 1024,
  };
}"""


def main() -> int:
    """Print the medians of both pages; 0 if the first paint is within the goal."""
    loads = int(sys.argv[1]) if len(sys.argv) > 1 else LOADS
    installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright, serving(ROOT / "articles") as ours, _bare() as bare:
        browser = playwright.chromium.launch(executable_path=installed, args=QUIET)
        found: dict[str, list[dict[str, float]]] = {"the page": [], "a bare Gradio page": []}
        for _ in range(loads):  # in turns, so that a busy moment of the machine meets both
            for name, address in zip(found, (ours.address, bare), strict=True):
                found[name].append(_load(browser, address))
        browser.close()
    for name, all_loads in found.items():
        print(f"{name}: {_told(all_loads)}")
    return 0 if statistics.median(one["paint"] for one in found["the page"]) < GOAL else 1


@contextmanager
def _bare() -> Iterator[str]:
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.Textbox(elem_id="question", label="Question")
    _, address, _ = blocks.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
    yield address
    blocks.close(verbose=False)


def _load(browser: Browser, address: str) -> dict[str, float]:
    """One load with an empty cache: milliseconds until something is seen and until one can type, and what it took."""
    with browser.new_context(locale="en-US", viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        page.add_init_script(OBSERVER)
        started = time.perf_counter()
        page.goto(address, wait_until="commit")
        _type(page)
        usable = (time.perf_counter() - started) * 1000
        _settle(page)
        measured: dict[str, float] = page.evaluate(MEASURED)
        return {"usable": usable, **measured}


def _type(page: Page) -> None:
    box = page.locator("#question textarea, #question input")
    box.fill("x")
    box.evaluate("box => { if (box.value !== 'x') throw new Error('what was typed is not there') }")


def _settle(page: Page) -> None:
    """Wait until nothing more was fetched for a while; a connection stays open, so the network is never idle."""
    before = -1
    while (fetched := page.evaluate("performance.getEntriesByType('resource').length")) != before:
        before = fetched
        page.wait_for_timeout(QUIET_MS)


def _told(loads: list[dict[str, float]]) -> str:
    middle = {what: statistics.median(one[what] for one in loads) for what in loads[0]}
    return (
        f"first paint {middle['paint']:.0f} ms, usable after {middle['usable']:.0f} ms, "
        f"layout shift {middle['shift']:.3f}, {middle['requests']:.0f} requests, {middle['kilobytes']:.0f} kB, "
        f"n={len(loads)}"
    )


if __name__ == "__main__":
    sys.exit(main())
