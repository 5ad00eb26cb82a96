"""Security headers on every response, whoever made it: a route, the chat page, an error."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What the chat page needs and nothing more: Gradio's page has inline scripts and styles, draws its icons from
# data URLs, and needs no eval as long as neither gr.HTML nor a js= argument is used.
SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'self'",
            "object-src 'none'",
        )
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def comes_from_another_site(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of another site made this request. Programs say nothing of the kind.

    >>> comes_from_another_site({"sec-fetch-site": "cross-site"}), comes_from_another_site({})
    (True, False)
    """
    return headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


class SecurityHeaders:
    """Sets the headers. Pure ASGI: Starlette's ``BaseHTTPMiddleware`` would hold streamed responses back."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)
