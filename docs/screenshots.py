"""Take the pictures of the documentation anew, from the product itself over the sample articles.

python docs/screenshots.py
"""

from __future__ import annotations

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
    """Start the product, ask, and take each picture."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "chat_app.py", "--port", "0", "--articles", "articles", "--data-dir", data]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            address = server.stdout.readline().removeprefix("Ask the Articles: ").strip()
            installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
                for name, locale, look, size, question in PICTURES:
                    _take(browser, address, ROOT / "docs" / name, question, locale=locale, color_scheme=look, **size)
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


if __name__ == "__main__":
    sys.exit(main())
