"""The page's HTML on its way out: what must run before Gradio's own scripts is put in front of them.

Gradio adds the scripts that it is given once its own run. By then it has taken its language from the browser, and
nothing was painted yet. Every script of the HTML gets the nonce of its response, without which a browser runs none:
nothing in it comes from an article or a reader, those are loaded later as data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.web.i18n import COOKIE
from rag.web.security import POLICY, new_nonce, page_policy
from rag.web.strings import SCRIPT_WORDS, TEXTS

HERE = Path(__file__).parent
SCRIPTS = ("page.js", "conversations.js", "answers.js", "connection.js", "shelf.js")
_SCRIPT = re.compile(rb"<script(?=[\s>])")
# Gradio's script for pages inside a frame of another site, which ours never is: it loads one more, without a nonce.
_FRAMED = re.compile(rb"<script>(?:(?!</script>).)*?iframeResizer\.contentWindow(?:(?!</script>).)*</script>", re.S)


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
                nonce = new_nonce()
                body = with_nonce(_FRAMED.sub(b"", body).replace(b"<head>", b"<head>" + self._front, 1), nonce)
                headers[POLICY] = page_policy(nonce)
                headers["content-length"] = str(len(body))
            await send(started)
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

        # HEAD is told the length of what GET would send, and that is known once it is there.
        await self._page()({**scope, "method": "GET"}, receive, changed)


def with_nonce(html: bytes, nonce: str) -> bytes:
    """HTML whose scripts all bear a nonce, and which says it to them, for what they load.

    >>> with_nonce(b"<head><script src=x></script></head>", "abc")
    b'<head><meta property="csp-nonce" nonce="abc"><script nonce="abc" src=x></script></head>'
    """
    told = f'<head><meta property="csp-nonce" nonce="{nonce}">'.encode()  # where Vite's loader looks for it
    return _SCRIPT.sub(f'<script nonce="{nonce}"'.encode(), html).replace(b"<head>", told, 1)
