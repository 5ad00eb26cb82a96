"""The chat page: what it is made of, and how it is mounted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Mount

from rag.assistant import Assistant
from rag.web.conversation import Conversation
from rag.web.evaluation import build_evaluation_tab, serve_reports
from rag.web.filter_bar import build_filter_bar
from rag.web.frame import render_masthead
from rag.web.front_door import serve_front
from rag.web.gradio_setup import gr
from rag.web.i18n import t
from rag.web.library_tab import build_library_tab
from rag.web.rating import Rater, build_rating_bar, connect
from rag.web.talk import Parts, Talk
from rag.web.theme import build_theme, colour_variables
from rag.web.upload_door import guard_uploads

HERE = Path(__file__).parent
AT_ONCE = 8  # answers under way; more would only make two cores switch between them
WAITING = 64  # questions in line before one is turned away
STALE_SECONDS = 3600  # after which a file that was uploaded and never taken in is thrown away
LOGIN_COOKIES = ("access-token", "access-token-unsecure")  # Gradio's, over https and over http
# How events are handled that only take a moment.
QUICK: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}


def build_chat(assistant: Assistant, *, runs: Path, max_question_chars: int = 2000) -> gr.Blocks:
    """The page, ready to be mounted: the chat, and beside it the evaluation runs in a folder."""
    blocks = gr.Blocks(
        title="Ask the Articles", analytics_enabled=False, fill_width=True, delete_cache=(STALE_SECONDS, STALE_SECONDS)
    )
    with blocks:
        masthead = gr.Markdown(render_masthead(None, "en", loading=True), elem_id="masthead")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(t("tab_chat"), elem_id="tab-chat", render_children=True):
                parts = _chat_tab(masthead)
            library = build_library_tab(assistant, masthead)
            build_evaluation_tab(runs)
        talk = Talk(assistant, parts, max_question_chars)
        _connect(parts, talk)
        library.only.click(talk.only, [library.open_id, *parts.filters.inputs], parts.all, **QUICK)
        connect(parts.rating, Rater(assistant), **QUICK)
        blocks.load(talk.greet, None, parts.all, **QUICK)
    blocks.queue(max_size=WAITING, default_concurrency_limit=AT_ONCE, api_open=False)
    return blocks


def _chat_tab(masthead: gr.Markdown) -> Parts:
    """The conversation and its sources."""
    conversation = gr.State(Conversation())
    with gr.Row(elem_id="columns", equal_height=False):
        with gr.Column(scale=3, min_width=300, elem_id="talk"):
            with gr.Row(elem_id="toolbar", equal_height=False):
                tools = gr.Markdown(elem_id="tools", latex_delimiters=[])
                new = gr.Button(t("new"), elem_id="new", size="sm", min_width=140, scale=0)
            with gr.Column(elem_id="reading"):
                chat = _chatbot()
                rating = build_rating_bar()
                followups = gr.Markdown(elem_id="followups", latex_delimiters=[])
            with gr.Row(elem_id="composer", equal_height=False):
                box = _question_box()
                ask = gr.Button(t("ask"), variant="primary", elem_id="ask", min_width=96, scale=0)
                stop = gr.Button(t("stop"), elem_id="stop", min_width=96, scale=0, visible=False)
            filters = build_filter_bar()
        with gr.Column(scale=2, min_width=300, elem_id="aside"):
            sources = gr.Markdown(elem_id="sources", latex_delimiters=[])
            earlier = gr.Markdown(elem_id="earlier", latex_delimiters=[], elem_classes=["wire"])
    at, restore = (gr.Textbox(elem_id=name, container=False, elem_classes=["wire"]) for name in ("at", "restore"))
    ledger = gr.Markdown(elem_id="ledger", latex_delimiters=[], elem_classes=["wire"])
    return Parts(
        masthead=masthead,
        tools=tools,
        chat=chat,
        followups=followups,
        rating=rating,
        box=box,
        ask=ask,
        stop=stop,
        new=new,
        sources=sources,
        earlier=earlier,
        filters=filters,
        conversation=conversation,
        at=at,
        restore=restore,
        ledger=ledger,
    )


def _connect(parts: Parts, talk: Talk) -> None:
    """Let the events of the conversation reach their handlers."""
    bar = parts.filters
    replying = gr.on(
        [parts.ask.click, parts.box.submit],
        talk.reply,
        [parts.box, parts.conversation, parts.at, *bar.inputs],
        parts.all,
        show_progress="hidden",
        # A second Enter waits for the first to be done; "once" would swallow one that comes right after a stop.
        trigger_mode="always_last",
        concurrency_limit=AT_ONCE,
        api_visibility="private",
    )
    replying.then(talk.suggest, [parts.conversation, *bar.inputs], parts.all, **QUICK)
    parts.stop.click(talk.stop, parts.conversation, parts.all, cancels=replying, **QUICK)
    parts.new.click(talk.clear, None, parts.all, cancels=replying, **QUICK)
    restored = parts.restore.change(talk.restore, parts.restore, parts.all, cancels=replying, **QUICK)
    restored.then(talk.suggest, [parts.conversation, *bar.inputs], parts.all, **QUICK)
    gr.on([one.change for one in bar.inputs], talk.narrow, bar.inputs, parts.all, trigger_mode="always_last", **QUICK)
    bar.drop.change(talk.widen, [bar.drop, *bar.inputs], parts.all, **QUICK)


def _chatbot() -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="chat",
        label=t("conversation"),
        show_label=False,
        sanitize_html=True,
        allow_tags=False,
        latex_delimiters=[],
        buttons=[],
        feedback_options=None,
        layout="panel",
        autoscroll=False,  # the page's own script scrolls to the newest question
        height=None,
        group_consecutive_messages=False,
    )


def _question_box() -> gr.Textbox:
    return gr.Textbox(
        elem_id="question",
        label=t("question"),
        show_label=False,  # but for screen readers
        placeholder=t("placeholder"),
        lines=1,  # with one line Enter sends and Shift+Enter breaks
        max_lines=6,
        scale=1,
        container=True,
    )


def mount(
    api: FastAPI, blocks: gr.Blocks, *, runs: Path, users: Sequence[tuple[str, str]] = (), max_upload_mb: int = 50
) -> FastAPI:
    """Serve the page at ``/`` of the API's app; the routes that are there already go first.

    With ``users`` (name and password) the page asks who is there, and the reports of the ``runs`` ask for the same.
    """

    serve_front(api, lambda: _pages(api)[0])
    guard_uploads(api, lambda: _pages(api)[0], (lambda request: _is_logged_in(api, request)) if users else None)
    serve_reports(api, runs, lambda request: not users or _is_logged_in(api, request))
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
    """Whether this browser has logged in to the page, told as Gradio itself tells it: by the cookies of its login."""
    return any(
        request.cookies.get(f"{name}-{page.cookie_id}") in page.tokens for page in _pages(api) for name in LOGIN_COOKIES
    )
