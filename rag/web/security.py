"""Security headers on every response, whoever made it: a route, the chat page, an error."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "Content-Security-Policy"
_FRAMED_BY_NOBODY = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# What is no document (JSON, Markdown, a file) loads nothing and runs nothing, should a browser ever show it as one.
NOTHING = f"default-src 'none'; {_FRAMED_BY_NOBODY}; sandbox"
# HTML that is only read: it brings its own styles.
READ_ONLY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; {_FRAMED_BY_NOBODY}"
# A report has scripts inside. They run as if from a host of their own: nothing of ours can be reached from there.
REPORT = "; ".join(
    (
        "default-src 'none'",
        "script-src 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        _FRAMED_BY_NOBODY,
        "sandbox allow-scripts allow-downloads allow-popups",
    )
)

# Nothing of the machine is asked for but the clipboard, which the buttons for copying write to.
_UNUSED = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb", "serial", "hid", "midi")
SECURITY_HEADERS = {
    POLICY: NOTHING,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _UNUSED),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def new_nonce() -> str:
    """The word of one response by which a browser knows the scripts that we put there ourselves."""
    return secrets.token_urlsafe(18)


def page_policy(nonce: str) -> str:
    """What the chat page may do: run the scripts that bear the nonce and the modules that these import.

    An inline script or an event handler that got into the page does not run, nor does an uploaded file as a script.
    Svelte sets styles on elements, which no nonce can allow; icons are data URLs.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'self'",
            "object-src 'none'",
        )
    )


def comes_from_another_site(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of another site made this request. Programs say nothing of the kind.

    >>> comes_from_another_site({"sec-fetch-site": "cross-site"}), comes_from_another_site({})
    (True, False)
    """
    return headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


class SecurityHeaders:
    """Sets the headers. Pure ASGI: Starlette's ``BaseHTTPMiddleware`` would hold streamed responses back.

    A response that comes with a policy keeps it: the page with the nonce of its scripts, a report with its sandbox.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_html = headers.get("content-type", "").startswith("text/html")
                policy = headers.get(POLICY) or (READ_ONLY if is_html else NOTHING)
                headers.update({**SECURITY_HEADERS, POLICY: policy})
            await send(message)

        await self.app(scope, receive, send_with_headers)
