"""Behind a proxy: whom to believe about where a request comes from, and under which prefix it came."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from rag.settings import LOOPBACK
from rag.web.callers import address_of
from rag.web.errors import error_response

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
THROUGH_A_PROXY = (
    "this server lets in whoever sits at its machine, and this request came through a proxy; "
    "set RAG_TRUSTED_PROXIES and make a key (see docs/deploy.md)"
)
OTHER_NAME = (
    "this server answers its own machine alone; open it at http://127.0.0.1 with its port, or let others in as "
    "docs/deploy.md says"
)


class Proxied:
    """Believes the headers of a ``trusted`` proxy, takes those of others away, and puts the path under the prefix.

    A proxy may have taken the prefix off the path or not.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[str] = (), root_path: str = "") -> None:
        self.app = app
        self._believing = ProxyHeadersMiddleware(self._prefixed, list(trusted))  # type: ignore[arg-type]
        self._networks = [ipaddress.ip_network(one, strict=False) for one in trusted]
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif self._is_trusted(address_of(scope)):
            await self._believing(scope, receive, send)  # type: ignore[arg-type]
        else:
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name.decode() not in FORWARDED]
            await self._prefixed(scope, receive, send)

    def _is_trusted(self, address: str) -> bool:
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self._networks)

    async def _prefixed(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = self._root_path
        if prefix:
            scope["root_path"] = prefix
            if not f"{scope['path']}/".startswith(f"{prefix}/"):
                scope["path"] = prefix + scope["path"]
                scope["raw_path"] = prefix.encode() + scope.get("raw_path", b"")
        await self.app(scope, receive, send)


class LocalOnly:
    """In front of a server that lets in whoever sits at its machine: keeps out who only seems to.

    A page of another site can have its own name point to 127.0.0.1 and then passes for this one; and a proxy on this
    machine brings everybody along.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if any(name in headers for name in FORWARDED):
                await error_response(403, "forbidden", THROUGH_A_PROXY)(scope, receive, send)
                return
            if host_name(headers.get("host", "")) not in LOOPBACK:
                await error_response(403, "forbidden", OTHER_NAME)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def host_name(host: str) -> str:
    """The name in a Host header, without the port.

    >>> host_name("localhost:7860"), host_name("[::1]:7860"), host_name("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
