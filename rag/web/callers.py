"""Who makes a request, and on what route: what the middleware in front of the routes tells each other."""

from __future__ import annotations

from typing import Any

from starlette.types import Scope

API, OPENAI, MCP = "/api", "/v1", "/mcp"
GUARDED = (API, OPENAI, MCP)  # what programs use, and what needs a key where there are keys
HEALTH, METRICS = "/health", "/metrics"  # for those who look after the server; the second needs a key likewise


def path_of(scope: Scope) -> str:
    """The path below the prefix that a proxy serves us under.

    >>> path_of({"path": "/articles/api/ask", "root_path": "/articles"})
    '/api/ask'
    """
    path, prefix = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(prefix) :] if prefix and f"{path}/".startswith(f"{prefix}/") else path


def is_below(path: str, *parts: str) -> bool:
    """Whether a path is one of these parts of the address space or inside it.

    >>> is_below("/api/ask", "/api"), is_below("/apis", "/api")
    (True, False)
    """
    return any(path == part or path.startswith(f"{part}/") for part in parts)


def route_of(scope: Scope) -> str:
    """The route that a request came to as it is declared, since a path may hold what someone asked.

    ``/api/*`` and the like: refused in front of the routes, or none of them.
    """
    route = str(getattr(scope.get("route"), "path", "/*"))
    part = next((part for part in GUARDED if is_below(path_of(scope), part)), "")
    return route if is_below(route, part) else part + route  # a route within a router does not name the prefix of that


def address_of(scope: Scope) -> str:
    """Where a request comes from."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def name_caller(scope: Scope, caller: str) -> None:
    """Keep who it is with the request."""
    scope.setdefault("state", {})["caller"] = caller


def caller_of(scope: Scope) -> str:
    """Who it is: the name of a key or, where there are none, an address."""
    return str(scope.get("state", {}).get("caller") or f"address {address_of(scope)}")


def note(scope: Scope, **what: Any) -> None:
    """What a request changes, for the line about it in the audit log: ids and file names, never what they say."""
    scope.setdefault("state", {}).setdefault("changed", {}).update(what)


def noted(scope: Scope) -> dict[str, Any]:
    """What was noted."""
    changed: dict[str, Any] = scope.get("state", {}).get("changed", {})
    return changed
