"""What stands in front of the routes, in its order: the outermost first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from rag.keys import Keyring
from rag.web.body_limit import BodyLimit
from rag.web.callers import GUARDED, is_below, path_of
from rag.web.deadline import Deadline
from rag.web.errors import REQUEST_ID
from rag.web.gate import Gate, describe_keys
from rag.web.metrics import Measured, Measures
from rag.web.openai.errors import OpenAIErrors
from rag.web.proxy import LocalOnly, Proxied
from rag.web.rates import Rates
from rag.web.request_ids import RequestIds
from rag.web.security import SecurityHeaders
from rag.web.traffic import Door, Traffic
from rag.web.turnstile import AT_ONCE_WRITTEN, Turnstile


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in, how often, and for how long. As it is: everybody, for tests and for parts of other programs."""

    keys: Keyring = field(default_factory=Keyring)
    rate_per_minute: int = 0  # 0: as often as they like
    answers_at_once: int = AT_ONCE_WRITTEN
    answers_waiting: int = 256
    request_timeout: float = 300.0  # seconds
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    root_path: str = ""
    local_only: bool = False  # for this machine alone: whoever comes by another name or through a proxy is refused


def surround(
    app: FastAPI, access: Access, *, larger_bodies: Mapping[str, int], traffic: Traffic, measures: Measures
) -> None:
    """Put the middleware in front of the routes. What is added last comes first."""
    app.add_middleware(Turnstile, at_once=access.answers_at_once, waiting=access.answers_waiting, traffic=traffic)
    app.add_middleware(BodyLimit, larger=larger_bodies)
    app.add_middleware(Deadline, seconds=access.request_timeout)
    app.add_middleware(Gate, keys=access.keys, rates=Rates(access.rate_per_minute), friends=access.cors_origins)
    app.add_middleware(Door, traffic=traffic)
    app.add_middleware(OpenAIErrors)
    if access.cors_origins:
        app.add_middleware(_Cors, origins=access.cors_origins)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Measured, measures=measures)
    app.add_middleware(RequestIds)
    app.add_middleware(Proxied, trusted=access.trusted_proxies, root_path=access.root_path)
    if access.local_only:
        app.add_middleware(LocalOnly)
    describe_keys(app, access.keys)


class _Cors:
    """Lets pages of named sites call the API; never with cookies, so that the page's login does not count for them."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self.app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=[REQUEST_ID, "Retry-After", "WWW-Authenticate"],
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        is_api = scope["type"] == "http" and is_below(path_of(scope), *GUARDED)
        await (self._open if is_api else self.app)(scope, receive, send)
