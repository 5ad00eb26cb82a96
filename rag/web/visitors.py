"""Who is at the page, whether they may change the articles, and how often they may ask."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from rag.web.gradio_setup import gr
from rag.web.rates import Rates


class Visitors:
    """The people at the page, by the names of their logins. Where there is no login, whoever sits at the machine."""

    def __init__(self, rates: Rates | None = None, read_only: Sequence[str] = ()) -> None:
        self._rates = rates or Rates(0)
        self._read_only = frozenset(read_only)

    def may_write(self, request: gr.Request) -> bool:
        """Whether they may upload and remove."""
        return _login(request) not in self._read_only

    def wait(self, request: gr.Request) -> int:
        """The seconds until they may ask again; 0: they may now, which is counted."""
        login = _login(request)
        return ceil(self._rates.wait(f"user {login}")) if login else 0

    @staticmethod
    def name(request: gr.Request) -> str:
        """Who they are, for the audit log."""
        login, client = _login(request), getattr(request, "client", None)
        return f"user {login}" if login else f"page at {client.host if client else 'an unknown address'}"


def _login(request: gr.Request) -> str | None:
    name = getattr(request, "username", None)
    return str(name) if name else None
