"""The page's HTML on its way out: what must run before Gradio's own scripts is put in front of them.

Gradio adds the scripts that it is given once its own run. By then it has taken its language from the browser, and
nothing was painted yet.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.web.i18n import COOKIE
from rag.web.strings import SCRIPT_WORDS, TEXTS

HERE = Path(__file__).parent
SCRIPTS = ("page.js", "conversations.js", "answers.js", "connection.js", "shelf.js")


def serve_front(api: FastAPI, page: Callable[[], ASGIApp]) -> None:
    """Serve the page's HTML with its scripts in front. Must be called before the page is mounted."""
    api.router.routes.append(Route("/", _Front(page, _front()), methods=["GET", "HEAD"], include_in_schema=False))


def _front() -> bytes:
    """What goes first: the words of the scripts, then the scripts."""
    words = {lang: {name: TEXTS[lang][name] for name in SCRIPT_WORDS} for lang in TEXTS}
    # "<" would let a word end the script.
    told = json.dumps({"words": words, "cookie": COOKIE}).replace("<", "\\u003c")
    scripts = "\n".join((HERE / name).read_text("utf-8") for name in SCRIPTS)
    # Without this a browser looks for the icon at the root of the host, which under a prefix is not ours.
    icon = '<link rel="icon" href="favicon.ico">'
    return f"<script>window.ask = {told};\n{scripts}</script>{icon}".encode()


class _Front:
    """An ASGI app in front of the page."""

    def __init__(self, page: Callable[[], ASGIApp], front: bytes) -> None:
        self._page = page
        self._front = front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        started: Message | None = None
        body = b""

        async def changed(message: Message) -> None:
            nonlocal started, body
            if message["type"] == "http.response.start":
                started = message
                return
            if message["type"] != "http.response.body" or started is None:
                await send(message)
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            headers = MutableHeaders(scope=started)
            if headers.get("content-type", "").startswith("text/html"):
                body = body.replace(b"<head>", b"<head>" + self._front, 1)
                headers["content-length"] = str(len(body) or int(headers["content-length"]) + len(self._front))
            await send(started)
            await send({"type": "http.response.body", "body": body})

        await self._page()(scope, receive, changed)
