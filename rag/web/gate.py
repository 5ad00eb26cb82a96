"""The gate in front of the API: who may come in, who may change something, how often; and a line on every change.

One middleware for ``/api``, ``/v1`` and ``/mcp``, whatever is mounted there, so that no route can be forgotten. What
is not known to be harmless needs the role ``write``: a new route is closed to readers until it is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.audit import audit
from rag.keys import Key, Keyring
from rag.web.callers import (
    API,
    GUARDED,
    MCP,
    METRICS,
    OPENAI,
    address_of,
    caller_of,
    is_below,
    name_caller,
    noted,
    path_of,
)
from rag.web.errors import error_response
from rag.web.rates import Rates, network_of
from rag.web.security import comes_from_another_site

LOGINS_A_MINUTE = 10  # from one address; keys are too long to be guessed, passwords are not

_SAFE = ("GET", "HEAD", "OPTIONS")
# A rating changes no article, and readers are the ones who know whether an answer is right.
_FOR_READERS = (f"{API}/ask", f"{API}/search", f"{API}/feedback")
_ACTIONS = {("POST", f"{API}/ingest"): "upload", ("POST", f"{API}/feedback"): "feedback"}
_REMOVED = f"{API}/articles/"
_SHOWN = 200  # characters of an id in the audit log

_BEARER = {"WWW-Authenticate": "Bearer"}
_NO_KEY = "send a valid key in the header Authorization: Bearer <key>"
_NO_WRITER = "this key may only read; use one with the role write (python -m rag keys add NAME --role write)"
_TOO_OFTEN = "too many requests; try again in {seconds} s"
_OTHER_SITE = "a page of another site can't change the articles"


def needs_writer(method: str, path: str) -> bool:
    """Whether a request may change articles.

    >>> needs_writer("POST", "/api/ask"), needs_writer("DELETE", "/api/articles/cats"), needs_writer("POST", "/api/new")
    (False, True, True)
    """
    return method not in _SAFE and path not in _FOR_READERS and not is_below(path, OPENAI, MCP)


class Gate:
    """Pure ASGI, so that streams pass through it untouched."""

    def __init__(self, app: ASGIApp, keys: Keyring, rates: Rates, friends: Sequence[str] = ()) -> None:
        self.app = app
        self._keys = keys
        self._rates = rates
        self._friends = frozenset(friends)  # other sites whose pages may do what their key allows
        self._logins = Rates(LOGINS_A_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "websocket" and is_below(path_of(scope), *GUARDED):
            await send({"type": "websocket.close", "code": 1008})  # nothing of ours speaks it
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = path_of(scope)
        if scope["method"] == "POST" and path == "/login":
            refused = _too_often(self._logins.wait(network_of(address_of(scope))))
        elif is_below(path, *GUARDED):
            send = _audited(scope, path, send)
            refused = self._refusal(scope, path)
        elif path == METRICS:
            refused = self._refusal_to_measure(scope)
        else:
            refused = None
        await (refused or self.app)(scope, receive, send)

    def _refusal(self, scope: Scope, path: str) -> ASGIApp | None:
        """Why a request cannot come in."""
        headers = Headers(scope=scope)
        writes = needs_writer(scope["method"], path)
        # Without keys any page that someone has open could send a form here: browsers ask nobody before they do.
        if writes and comes_from_another_site(headers) and headers.get("origin") not in self._friends:
            return error_response(403, "forbidden", _OTHER_SITE)
        if not self._keys.is_locked:  # this machine alone can come here, and may come as often as it likes
            return None
        key = self._keys.holder(_token(headers))
        if key is None:
            return _too_often(self._rates.wait(network_of(address_of(scope)))) or error_response(
                401, "unauthorized", _NO_KEY, headers=_BEARER
            )
        return self._refusal_of(key, scope, writes)

    def _refusal_to_measure(self, scope: Scope) -> ASGIApp | None:
        """As for whatever is read, but a program that comes every few seconds must not use up anybody's requests."""
        if not self._keys.is_locked:
            return None
        if (key := self._keys.holder(_token(Headers(scope=scope)))) is None:
            return error_response(401, "unauthorized", _NO_KEY, headers=_BEARER)
        name_caller(scope, f"key {key.name}")
        return None

    def _refusal_of(self, key: Key, scope: Scope, writes: bool) -> ASGIApp | None:
        name_caller(scope, f"key {key.name}")
        if writes and not key.may_write:
            return error_response(403, "forbidden", _NO_WRITER)
        return _too_often(self._rates.wait(f"key {key.name}"))


def _token(headers: Headers) -> bytes:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    # Headers are decoded so; these are their bytes again.
    return token.strip().encode("latin-1") if scheme.lower() == "bearer" else b""


def _too_often(seconds: float) -> ASGIApp | None:
    if not seconds:
        return None
    wait = str(ceil(seconds))
    return error_response(429, "rate_limited", _TOO_OFTEN.format(seconds=wait), headers={"Retry-After": wait})


def _audited(scope: Scope, path: str, send: Send) -> Send:
    """Write a line once it is known what became of a request that changes something."""
    method = scope["method"]
    what: dict[str, Any] = {}
    action = _ACTIONS.get((method, path))
    if method == "DELETE" and path.startswith(_REMOVED):
        action, what = "removal", {"article_id": path.removeprefix(_REMOVED)[:_SHOWN]}
    if action is None:
        return send
    done = action

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            status = message["status"]
            result = "ok" if status < 400 else f"refused ({status})" if status < 500 else f"failed ({status})"
            audit(done, who=caller_of(scope), address=address_of(scope), **what, **noted(scope), result=result)
        await send(message)

    return told


def describe_keys(app: FastAPI, keys: Keyring) -> None:
    """Say in the OpenAPI document how to send a key, and while there are keys that one is needed."""
    original: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        document = original()
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["key"] = {
            "type": "http",
            "scheme": "bearer",
            "description": "A key that `python -m rag keys add NAME` made, or one of `RAG_API_KEYS`. A server that "
            "only its own machine can reach needs none until there is one.",
        }
        locked = keys.is_locked
        for path, operations in document["paths"].items():
            for operation in operations.values():
                if is_below(path, *GUARDED):
                    operation.pop("security", None)
                    operation.update({"security": [{"key": []}]} if locked else {})
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation says to
