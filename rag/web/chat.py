"""The chat page: what it is made of and what happens when someone asks."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Response
from starlette.routing import Mount

from rag.assistant import Assistant
from rag.errors import RagError
from rag.types import LANGS, Filters, Lang, Turn
from rag.web.errors import error_response
from rag.web.gradio_setup import gr
from rag.web.render import (
    make_anchor,
    render_answer,
    render_masthead,
    render_no_sources,
    render_notice,
    render_question,
    render_sources,
)
from rag.web.strings import LANG_NAMES, TEXTS, page_lang
from rag.web.theme import build_theme, colour_variables

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
AT_ONCE = 8  # answers under way; more would only make two cores switch between them
WAITING = 64  # questions in line before one is turned away
HISTORY = 12  # messages that go with a question, so that a follow-up can be understood
ALL_LANGS = "all"

_t = gr.I18n(**TEXTS)


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
        """On load: the number of articles, and what stands where an answer will be."""
        lang = _lang(request)
        try:
            health = self._assistant.health()
            articles = health.articles if health.status == "ok" else None
        except RagError as error:
            log.warning("no health: %s", error)
            articles = None
        welcome = gr.update(placeholder=render_notice(TEXTS[lang]["welcome"]))
        return render_masthead(articles, lang), welcome, render_no_sources("0", lang)

    async def reply(
        self, question: str, conversation: Conversation, choice: str, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        """The question at once, then its answer: yields (box, chat, sources, conversation, ask, stop)."""
        lang = _lang(request)
        question = question.strip()
        if not question:
            yield tuple(gr.skip() for _ in range(6))
            return
        if len(question) > self._max_chars:
            message = TEXTS[lang]["too_long"].format(length=len(question), limit=self._max_chars)
            told = conversation.say("assistant", render_notice(message))
            yield gr.skip(), told.shown(), gr.skip(), told, *_buttons(busy=False)
            return
        asked = conversation.say("user", render_question(question))
        asked = replace(asked, asked=asked.asked + 1)
        waiting = asked.say("assistant", render_notice(TEXTS[lang]["searching"]))
        no_sources = render_no_sources(f"{asked.asked}-", lang)
        yield "", waiting.shown(), no_sources, asked, *_buttons(busy=True)
        # In a thread that can be left behind: whoever stops an answer may ask again at once.
        answered, sources = await anyio.to_thread.run_sync(
            self._answered, asked, question, choice, lang, abandon_on_cancel=True
        )
        yield gr.skip(), answered.shown(), sources or gr.skip(), answered, *_buttons(busy=False)

    def _answered(self, asked: Conversation, question: str, choice: str, lang: Lang) -> tuple[Conversation, str | None]:
        filters = Filters(lang=tuple(known for known in LANGS if known == choice))
        try:
            answer = self._assistant.ask(question, history=asked.turns[-HISTORY:], filters=filters)
        except RagError as error:
            log.warning("cannot answer: %s", error)
            return asked.say("assistant", render_notice(TEXTS[lang]["unavailable"])), None
        except Exception:
            log.exception("unexpected error")
            return asked.say("assistant", render_notice(TEXTS[lang]["failed"])), None
        anchor = make_anchor(asked.asked, answer.id)
        said = asked.say("assistant", render_answer(answer, anchor, lang))
        words = answer.refusal.message if answer.refusal else answer.answer
        turns = (*asked.turns, Turn("user", question), Turn("assistant", words))
        return replace(said, turns=turns), render_sources(answer, anchor, lang)

    def stop(self, conversation: Conversation, request: gr.Request) -> tuple[Any, ...]:
        """The reply was cancelled: say so, and be ready for the next question."""
        stopped = conversation.say("assistant", render_notice(TEXTS[_lang(request)]["stopped"]))
        return stopped.shown(), stopped, *_buttons(busy=False)

    def clear(self, request: gr.Request) -> tuple[Any, ...]:
        """Start over."""
        return [], render_no_sources("0", _lang(request)), Conversation(), *_buttons(busy=False)


def build_chat(assistant: Assistant, *, max_question_chars: int = 2000) -> gr.Blocks:
    """The page, ready to be mounted."""
    handlers = Chat(assistant, max_question_chars)
    blocks = gr.Blocks(title="Ask the Articles", analytics_enabled=False, fill_width=True)
    with blocks:
        masthead = gr.Markdown(render_masthead(None, "en", loading=True), elem_id="masthead")
        conversation = gr.State(Conversation())
        with gr.Row(elem_id="columns", equal_height=False):
            with gr.Column(scale=3, min_width=300, elem_id="talk"):
                chat = _chatbot()
                with gr.Row(elem_id="composer", equal_height=False):
                    box = _question_box()
                    ask = gr.Button(_t("ask"), variant="primary", elem_id="ask", min_width=96, scale=0)
                    stop = gr.Button(_t("stop"), elem_id="stop", min_width=96, scale=0, visible=False)
                with gr.Row(elem_id="below", equal_height=False):
                    choice = _filters()
                    new = gr.Button(_t("new"), elem_id="new", size="sm", min_width=140, scale=0)
            with gr.Column(scale=2, min_width=300, elem_id="aside"):
                sources = gr.Markdown(elem_id="sources", latex_delimiters=[])
        outputs = [box, chat, sources, conversation, ask, stop]
        replying = gr.on(
            [ask.click, box.submit],
            handlers.reply,
            [box, conversation, choice],
            outputs,
            show_progress="hidden",
            trigger_mode="once",
            concurrency_limit=AT_ONCE,
            api_visibility="private",
        )
        quick: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
        stop.click(handlers.stop, conversation, [chat, conversation, ask, stop], cancels=replying, **quick)
        new.click(handlers.clear, None, [chat, sources, conversation, ask, stop], cancels=replying, **quick)
        blocks.load(handlers.greet, None, [masthead, chat, sources], **quick)
    blocks.queue(max_size=WAITING, default_concurrency_limit=AT_ONCE, api_open=False)
    return blocks


def _chatbot() -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="chat",
        label=_t("conversation"),
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
        label=_t("question"),
        placeholder=_t("placeholder"),
        lines=1,  # with one line Enter sends and Shift+Enter breaks
        max_lines=6,
        scale=1,
        container=True,
    )


def _filters() -> gr.Radio:
    with gr.Accordion(_t("filters"), open=False, elem_id="filters"):
        choices: list[tuple[Any, str]] = [(_t("all_langs"), ALL_LANGS)]
        choices += [(LANG_NAMES[lang], lang) for lang in LANGS]
        return gr.Radio(choices, value=ALL_LANGS, label=_t("filter_lang"), elem_id="filter-lang")


def mount(api: FastAPI, blocks: gr.Blocks, *, users: Sequence[tuple[str, str]] = ()) -> FastAPI:
    """Serve the page at ``/`` of the API's app; the routes that are there already go first.

    With ``users`` (name and password) the page asks who is there.
    """

    @api.post("/gradio_api/upload", include_in_schema=False)
    def refuse_uploads() -> Response:
        # Gradio takes files from anyone, whether or not the page has a place for them.
        return error_response(404, "not_found", "files cannot be uploaded here")

    gr.mount_gradio_app(
        api,
        blocks,
        path="/",
        theme=build_theme(),
        css=colour_variables() + (HERE / "page.css").read_text("utf-8"),
        head=f"<script>{(HERE / 'page.js').read_text('utf-8')}</script>",
        i18n=_t,
        auth=list(users) or None,
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        max_file_size="1kb",
        ssr_mode=False,
        show_error=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
    )
    return api


def end_streams(api: FastAPI) -> None:
    """Let go of the connections that open pages hold, so that a server can stop at once."""
    for route in api.router.routes:
        if isinstance(route, Mount) and isinstance(route.app, gr.routes.App):
            route.app.stop_event.set()


def _lang(request: gr.Request) -> Lang:
    return page_lang(request.headers.get("accept-language"))


def _buttons(*, busy: bool) -> tuple[Any, Any]:
    return gr.update(interactive=not busy), gr.update(visible=busy)
