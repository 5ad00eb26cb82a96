"""The chat page: what it is made of and what happens when someone asks."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Mount

from rag.assistant import Assistant
from rag.errors import RagError
from rag.types import LANGS, Answer, Filters, Found, Lang, Said, Turn, Update
from rag.web.evaluation import build_evaluation_tab, serve_reports
from rag.web.export_door import serve_exports
from rag.web.gradio_setup import gr
from rag.web.i18n import reader_lang, t
from rag.web.library_tab import build_library_tab
from rag.web.rating import Rater, bar_showing, build_rating_bar, connect
from rag.web.render import (
    make_anchor,
    render_answer,
    render_cards,
    render_masthead,
    render_no_sources,
    render_notice,
    render_question,
    render_so_far,
    render_sources,
    render_welcome,
)
from rag.web.streaming import updates
from rag.web.strings import LANG_NAMES, TEXTS
from rag.web.theme import build_theme, colour_variables
from rag.web.upload_door import guard_uploads

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
AT_ONCE = 8  # answers under way; more would only make two cores switch between them
WAITING = 64  # questions in line before one is turned away
HISTORY = 12  # messages that go with a question, so that a follow-up can be understood
STALE_SECONDS = 3600  # after which a file that was uploaded and never taken in is thrown away
ALL_LANGS = "all"
LOGIN_COOKIES = ("access-token", "access-token-unsecure")  # Gradio's, over https and over http
# How events are handled that only take a moment.
QUICK: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one browser tab has said and heard. Kept by the server; the browser never sends it back."""

    messages: tuple[tuple[str, str], ...] = ()  # role and HTML
    turns: tuple[Turn, ...] = ()
    asked: int = 0

    def say(self, role: str, html: str) -> Conversation:
        """The conversation with one more message."""
        return replace(self, messages=(*self.messages, (role, html)))

    def shown(self) -> list[dict[str, str]]:
        """The messages as the chat component takes them."""
        return [{"role": role, "content": html} for role, html in self.messages]


class Chat:
    """The handlers of the page's events."""

    def __init__(self, assistant: Assistant, max_question_chars: int) -> None:
        self._assistant = assistant
        self._max_chars = max_question_chars

    def greet(self, request: gr.Request) -> tuple[Any, ...]:
        """On load: what there is to answer from, and what stands where an answer will be."""
        lang = reader_lang(request)
        examples: list[str] = []
        try:
            found = self._assistant.health()
            health = found if found.status == "ok" else None
            if health:
                examples = self._assistant.examples(lang)
        except RagError as error:
            log.warning("no health: %s", error)
            health = None
        welcome = gr.update(placeholder=render_welcome(examples, lang))
        return render_masthead(health, lang), welcome, render_no_sources("0", lang)

    async def reply(
        self, question: str, conversation: Conversation, choice: str, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        """The question at once, then its answer: yields (box, chat, sources, conversation, ask, stop, *rating bar)."""
        lang = reader_lang(request)
        question = question.strip()
        if not question:
            yield tuple(gr.skip() for _ in (*range(6), *bar_showing(None)))
            return
        if len(question) > self._max_chars:
            message = TEXTS[lang]["too_long"].format(length=len(question), limit=self._max_chars)
            told = conversation.say("assistant", render_notice(message))
            the_bar_stays = (gr.skip() for _ in bar_showing(None))
            yield gr.skip(), told.shown(), gr.skip(), told, *_buttons(busy=False), *the_bar_stays
            return
        asked = conversation.say("user", render_question(question))
        asked = replace(asked, asked=asked.asked + 1)
        waiting = asked.say("assistant", render_notice(TEXTS[lang]["searching"]))
        no_sources = render_no_sources(f"{asked.asked}-", lang)
        yield "", waiting.shown(), no_sources, asked, *_buttons(busy=True), *bar_showing(None)
        said: list[Said] = []
        try:
            async for update in updates(lambda cancelled: self._stream(asked, question, choice, cancelled)):
                if isinstance(update, Found):
                    shown = asked.say("assistant", render_notice(_reading(update, lang)))
                    yield gr.skip(), shown.shown(), *(gr.skip() for _ in (*range(4), *bar_showing(None)))
                elif isinstance(update, Said):
                    said.append(update)
                    anchor = f"{asked.asked}-"
                    shown = asked.say("assistant", render_so_far(said, anchor, lang))
                    cards = render_cards(question, update.citations, anchor, lang)
                    yield gr.skip(), shown.shown(), cards, *(gr.skip() for _ in (*range(3), *bar_showing(None)))
                elif isinstance(update, Answer):
                    answered, sources = _answered(asked, question, update, lang)
                    yield gr.skip(), answered.shown(), sources, answered, *_buttons(busy=False), *bar_showing(update.id)
        except RagError as error:
            log.warning("cannot answer: %s", error)
            yield _failed(asked, TEXTS[lang]["unavailable"])
        except Exception:
            log.exception("unexpected error")
            yield _failed(asked, TEXTS[lang]["failed"])

    def _stream(self, asked: Conversation, question: str, choice: str, cancelled: Event) -> Iterator[Update]:
        filters = Filters(lang=tuple(known for known in LANGS if known == choice))
        return self._assistant.stream(question, history=asked.turns[-HISTORY:], filters=filters, cancelled=cancelled)

    def stop(self, conversation: Conversation, request: gr.Request) -> tuple[Any, ...]:
        """The reply was cancelled: say so, and be ready for the next question."""
        stopped = conversation.say("assistant", render_notice(TEXTS[reader_lang(request)]["stopped"]))
        return stopped.shown(), stopped, *_buttons(busy=False)

    def clear(self, request: gr.Request) -> tuple[Any, ...]:
        """Start over."""
        no_sources = render_no_sources("0", reader_lang(request))
        return [], no_sources, Conversation(), *_buttons(busy=False), *bar_showing(None)


def _reading(found: Found, lang: Lang) -> str:
    """What goes on between the search and the first sentence."""
    articles = len({passage.article_id for passage in found.passages})
    return TEXTS[lang]["reading_one" if articles == 1 else "reading_many"].format(articles=articles)


def _answered(asked: Conversation, question: str, answer: Answer, lang: Lang) -> tuple[Conversation, str]:
    """The conversation with the answer, and its sources."""
    anchor = make_anchor(asked.asked, answer.id)
    said = asked.say("assistant", render_answer(answer, anchor, lang))
    words = answer.refusal.message if answer.refusal else answer.answer
    turns = (*asked.turns, Turn("user", question), Turn("assistant", words))
    return replace(said, turns=turns), render_sources(answer, anchor, lang)


def _failed(asked: Conversation, message: str) -> tuple[Any, ...]:
    told = asked.say("assistant", render_notice(message))
    return gr.skip(), told.shown(), gr.skip(), told, *_buttons(busy=False), *bar_showing(None)


def build_chat(assistant: Assistant, *, runs: Path, max_question_chars: int = 2000) -> gr.Blocks:
    """The page, ready to be mounted: the chat, and beside it the evaluation runs in a folder."""
    handlers = Chat(assistant, max_question_chars)
    blocks = gr.Blocks(
        title="Ask the Articles", analytics_enabled=False, fill_width=True, delete_cache=(STALE_SECONDS, STALE_SECONDS)
    )
    with blocks:
        masthead = gr.Markdown(render_masthead(None, "en", loading=True), elem_id="masthead")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(t("tab_chat"), elem_id="tab-chat", render_children=True):
                chat, sources = _chat_tab(handlers, Rater(assistant))
            build_library_tab(assistant, masthead)
            build_evaluation_tab(runs)
        blocks.load(handlers.greet, None, [masthead, chat, sources], **QUICK)
    blocks.queue(max_size=WAITING, default_concurrency_limit=AT_ONCE, api_open=False)
    return blocks


def _chat_tab(handlers: Chat, rater: Rater) -> tuple[gr.Chatbot, gr.Markdown]:
    """The conversation and its sources, with their events."""
    conversation = gr.State(Conversation())
    with gr.Row(elem_id="columns", equal_height=False):
        with gr.Column(scale=3, min_width=300, elem_id="talk"):
            chat = _chatbot()
            bar = build_rating_bar()
            with gr.Row(elem_id="composer", equal_height=False):
                box = _question_box()
                ask = gr.Button(t("ask"), variant="primary", elem_id="ask", min_width=96, scale=0)
                stop = gr.Button(t("stop"), elem_id="stop", min_width=96, scale=0, visible=False)
            with gr.Row(elem_id="below", equal_height=False):
                choice = _filters()
                new = gr.Button(t("new"), elem_id="new", size="sm", min_width=140, scale=0)
        with gr.Column(scale=2, min_width=300, elem_id="aside"):
            sources = gr.Markdown(elem_id="sources", latex_delimiters=[])
    replying = gr.on(
        [ask.click, box.submit],
        handlers.reply,
        [box, conversation, choice],
        [box, chat, sources, conversation, ask, stop, *bar.outputs],
        show_progress="hidden",
        # A second Enter waits for the first to be done; "once" would swallow one that comes right after a stop.
        trigger_mode="always_last",
        concurrency_limit=AT_ONCE,
        api_visibility="private",
    )
    stop.click(handlers.stop, conversation, [chat, conversation, ask, stop], cancels=replying, **QUICK)
    cleared = [chat, sources, conversation, ask, stop, *bar.outputs]
    new.click(handlers.clear, None, cleared, cancels=replying, **QUICK)
    connect(bar, rater, **QUICK)
    return chat, sources


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
        height=None,
        group_consecutive_messages=False,
    )


def _question_box() -> gr.Textbox:
    return gr.Textbox(
        elem_id="question",
        label=t("question"),
        placeholder=t("placeholder"),
        lines=1,  # with one line Enter sends and Shift+Enter breaks
        max_lines=6,
        scale=1,
        container=True,
    )


def _filters() -> gr.Radio:
    with gr.Accordion(t("filters"), open=False, elem_id="filters"):
        choices: list[tuple[Any, str]] = [(t("all_langs"), ALL_LANGS)]
        choices += [(LANG_NAMES[lang], lang) for lang in LANGS]
        return gr.Radio(choices, value=ALL_LANGS, label=t("filter_lang"), elem_id="filter-lang")


def mount(
    api: FastAPI, blocks: gr.Blocks, *, runs: Path, users: Sequence[tuple[str, str]] = (), max_upload_mb: int = 50
) -> FastAPI:
    """Serve the page at ``/`` of the API's app; the routes that are there already go first.

    With ``users`` (name and password) the page asks who is there, and the reports of the ``runs`` ask for the same.
    """

    guard_uploads(api, lambda: _pages(api)[0], (lambda request: _is_logged_in(api, request)) if users else None)
    serve_reports(api, runs, lambda request: not users or _is_logged_in(api, request))
    serve_exports(api, lambda request: not users or _is_logged_in(api, request))
    gr.mount_gradio_app(
        api,
        blocks,
        path="/",
        theme=build_theme(),
        css=colour_variables() + (HERE / "page.css").read_text("utf-8"),
        head=f"<script>{(HERE / 'page.js').read_text('utf-8')}</script>",
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


def _buttons(*, busy: bool) -> tuple[Any, Any]:
    return gr.update(interactive=not busy), gr.update(visible=busy)
