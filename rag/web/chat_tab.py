"""The tab where one asks: what it is made of, and which event leads to which handler."""

from __future__ import annotations

from typing import Any

from rag.web.conversation import Conversation
from rag.web.filter_bar import build_filter_bar
from rag.web.gradio_setup import gr
from rag.web.i18n import t
from rag.web.rating import build_rating_bar
from rag.web.talk import Parts, Talk

# How events are handled that only take a moment.
QUICK: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}


def build_chat_tab(masthead: gr.Markdown) -> Parts:
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
                stop = gr.Button(t("stop"), elem_id="stop", min_width=96, scale=0)
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


def connect_chat(parts: Parts, talk: Talk, at_once: int) -> None:
    """Let the events of the conversation reach their handlers; so many answers may be under way."""
    bar = parts.filters
    replying = gr.on(
        [parts.ask.click, parts.box.submit],
        talk.reply,
        [parts.box, parts.conversation, parts.at, *bar.inputs],
        parts.told,
        show_progress="hidden",
        # A second Enter waits for the first to be done; "once" would swallow one that comes right after a stop.
        trigger_mode="always_last",
        concurrency_limit=at_once,
        api_visibility="private",
    )
    restored = parts.restore.change(talk.restore, parts.restore, parts.shown, cancels=replying, **QUICK)
    for ended in (replying, restored):
        ended.then(talk.after, [parts.conversation, *bar.inputs], parts.after, **QUICK)
    stopped = parts.stop.click(talk.stop, parts.conversation, parts.told, cancels=replying, **QUICK)
    stopped.then(talk.after, [parts.conversation, *bar.inputs], parts.after, **QUICK)
    parts.new.click(talk.clear, None, parts.shown, cancels=replying, **QUICK)
    picked = [bar.langs.input, bar.tags.input, bar.outlets.input, bar.articles.input, bar.picked.change]
    gr.on(picked, talk.narrow, bar.inputs, bar.chips, trigger_mode="always_last", **QUICK)
    bar.drop.change(talk.widen, [bar.drop, *bar.inputs], bar.outputs, **QUICK)


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
