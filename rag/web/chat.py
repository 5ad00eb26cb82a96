"""The chat page: what it is made of, and how it is mounted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Mount

from rag.assistant import Assistant
from rag.web.chat_tab import QUICK, build_chat_tab, connect_chat
from rag.web.evaluation import build_evaluation_tab, serve_reports
from rag.web.export_door import serve_exports
from rag.web.frame import render_masthead
from rag.web.front_door import serve_front
from rag.web.gradio_setup import gr
from rag.web.i18n import t
from rag.web.library_tab import build_library_tab
from rag.web.rating import Rater, connect
from rag.web.talk import Talk
from rag.web.theme import build_theme, colour_variables
from rag.web.turnstile import AT_ONCE_QUOTED, AT_ONCE_WRITTEN
from rag.web.upload_door import guard_uploads
from rag.web.visitors import Visitors

HERE = Path(__file__).parent
WAITING = 64  # questions in line before one is turned away
STALE_SECONDS = 3600  # after which a file that was uploaded and never taken in is thrown away
LOGIN_COOKIES = ("access-token", "access-token-unsecure")  # Gradio's, over https and over http


def build_chat(
    assistant: Assistant, *, runs: Path, max_question_chars: int = 2000, visitors: Visitors | None = None
) -> gr.Blocks:
    """The page, ready to be mounted: the chat, and beside it the evaluation runs in a folder."""
    at_once = AT_ONCE_QUOTED if assistant.health().model is None else AT_ONCE_WRITTEN
    blocks = gr.Blocks(
        title="Ask the Articles", analytics_enabled=False, fill_width=True, delete_cache=(STALE_SECONDS, STALE_SECONDS)
    )
    with blocks:
        masthead = gr.Markdown(render_masthead(None, "en", loading=True), elem_id="masthead")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(t("tab_chat"), elem_id="tab-chat", render_children=True):
                parts = build_chat_tab(masthead)
            library = build_library_tab(assistant, masthead, visitors or Visitors())
            build_evaluation_tab(runs)
        talk = Talk(assistant, parts, max_question_chars, at_once, visitors)
        connect_chat(parts, talk, at_once)
        library.only.click(talk.only, [library.open_id, *parts.filters.inputs], parts.filters.outputs, **QUICK)
        connect(parts.rating, Rater(assistant), **QUICK)
        blocks.load(talk.greet, None, parts.greeted, **QUICK)
    blocks.queue(max_size=WAITING, default_concurrency_limit=at_once, api_open=False)
    return blocks


def mount(
    api: FastAPI,
    blocks: gr.Blocks,
    *,
    runs: Path,
    users: Sequence[tuple[str, str]] = (),
    read_only: Sequence[str] = (),
    max_upload_mb: int = 50,
    root_path: str = "",
) -> FastAPI:
    """Serve the page at ``/`` of the API's app; the routes that are there already go first.

    With ``users`` (name and password) the page asks who is there, and the reports of the ``runs`` ask for the same.
    Those of them who are ``read_only`` can upload nothing.
    """

    serve_front(api, lambda: _pages(api)[0])
    guard_uploads(
        api,
        lambda: _pages(api)[0],
        (lambda request: _is_logged_in(api, request)) if users else None,
        lambda request: _login(api, request) not in read_only,
    )
    serve_reports(api, runs, lambda request: not users or _is_logged_in(api, request))
    serve_exports(api, lambda request: not users or _is_logged_in(api, request))
    gr.mount_gradio_app(
        api,
        blocks,
        path="/",
        theme=build_theme(),
        css=colour_variables() + (HERE / "page.css").read_text("utf-8"),
        i18n=t,
        auth=list(users) or None,
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        max_file_size=f"{max_upload_mb}mb",
        ssr_mode=False,
        show_error=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        root_path=root_path or None,
    )
    return api


def end_streams(api: FastAPI) -> None:
    """Let go of the connections that open pages hold, so that a server can stop at once."""
    for page in _pages(api):
        page.stop_event.set()


def _pages(api: FastAPI) -> list[gr.routes.App]:
    """Gradio's apps that are mounted in ours."""
    mounted = [route.app for route in api.router.routes if isinstance(route, Mount)]
    return [app for app in mounted if isinstance(app, gr.routes.App)]


def _is_logged_in(api: FastAPI, request: Request) -> bool:
    """Whether this browser has logged in to the page."""
    return _login(api, request) is not None


def _login(api: FastAPI, request: Request) -> str | None:
    """The name under which it has, told as Gradio itself tells it: by the cookies of its login."""
    for page in _pages(api):
        for name in LOGIN_COOKIES:
            if (login := page.tokens.get(request.cookies.get(f"{name}-{page.cookie_id}"))) is not None:
                return str(login)
    return None
