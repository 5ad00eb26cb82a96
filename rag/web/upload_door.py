"""The door through which the page's uploads come in: Gradio would take files from anyone, of any size."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from rag.settings import LOOPBACK
from rag.web.errors import error_response
from rag.web.security import comes_from_another_site

UPLOAD_PATH = "/gradio_api/upload"


def guard_uploads(
    api: FastAPI,
    page: Callable[[], ASGIApp],
    is_logged_in: Callable[[Request], bool] | None,
    may_write: Callable[[Request], bool] = lambda _: True,
) -> None:
    """Let uploads through to the page for those who are logged in; where there is no login (None), from this machine.
    ``may_write``: whether whoever is logged in may change the articles.

    Must be called before the page is mounted, so that this route goes first.
    """
    api.router.routes.append(
        Route(UPLOAD_PATH, _Door(page, is_logged_in, may_write), methods=["POST"], include_in_schema=False)
    )


class _Door:
    """An ASGI app in front of another one."""

    def __init__(
        self,
        page: Callable[[], ASGIApp],
        is_logged_in: Callable[[Request], bool] | None,
        may_write: Callable[[Request], bool],
    ) -> None:
        self._page = page
        self._is_logged_in = is_logged_in
        self._may_write = may_write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        request = Request(scope)
        if comes_from_another_site(request.headers):
            response = error_response(403, "forbidden", "a page of another site can't upload files")
        elif not self._may_enter(request):
            response = error_response(401, "unauthorized", "log in on the page first, then upload files there")
        elif not self._may_write(request):
            response = error_response(403, "forbidden", "with this login articles can be read, but none added")
        elif "content-length" not in request.headers:  # every browser sends it, and it is what bounds the upload
            response = error_response(400, "bad_request", "send the header Content-Length")
        else:
            await self._page()(scope, receive, send)
            return
        await response(scope, receive, send)

    def _may_enter(self, request: Request) -> bool:
        if self._is_logged_in is not None:
            return self._is_logged_in(request)
        return request.client is not None and request.client.host in LOOPBACK
