"""The bar under the conversation that takes what people say of the latest answer."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from rag.assistant import Assistant
from rag.audit import audit
from rag.errors import RagError
from rag.storage.feedback import Verdict
from rag.web.frame import render_notice
from rag.web.gradio_setup import gr
from rag.web.i18n import reader_lang, t
from rag.web.schemas import MAX_SAID_CHARS
from rag.web.strings import TEXTS
from rag.web.visitors import Visitors

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RatingBar:
    """Its parts. ``rated`` holds the id of the answer it is about, None when there is none; ``chosen`` the verdict."""

    rated: gr.State
    chosen: gr.State
    bar: gr.Column
    up: gr.Button
    down: gr.Button
    told: gr.Markdown
    more: gr.Column
    correct: gr.Textbox
    comment: gr.Textbox
    send: gr.Button

    @property
    def outputs(self) -> list[Any]:
        """What changes, in the order of ``bar_showing``."""
        return [self.rated, self.chosen, self.bar, self.up, self.down, self.told, self.more, self.correct, self.comment]


def build_rating_bar() -> RatingBar:
    """The bar, hidden until there is an answer."""
    rated, chosen = gr.State(None), gr.State(None)
    with gr.Column(elem_id="feedback", visible=False) as bar:
        with gr.Row(elem_id="feedback-verdict"):
            up = gr.Button(t("right"), elem_id="feedback-up", size="sm", min_width=60, scale=0)
            down = gr.Button(t("wrong"), elem_id="feedback-down", size="sm", min_width=60, scale=0)
            told = gr.Markdown(elem_id="feedback-told", latex_delimiters=[])
        with gr.Column(elem_id="feedback-more", visible=False) as more:
            correct = _box("feedback-correct", t("correct"))
            with gr.Row(elem_id="feedback-comment-row", equal_height=False):
                comment = _box("feedback-comment", t("comment"))
                send = gr.Button(t("send"), elem_id="feedback-send", min_width=96, scale=0)
    return RatingBar(rated, chosen, bar, up, down, told, more, correct, comment, send)


def _box(name: str, label: Any) -> gr.Textbox:
    return gr.Textbox(elem_id=name, label=label, lines=1, max_lines=4, max_length=MAX_SAID_CHARS, scale=1)


def bar_showing(
    answer_id: str | None, chosen: Verdict | None = None, message: str = "", *, more: bool = False
) -> tuple[Any, ...]:
    """The bar for an answer (None: no bar), with what was chosen, a message, and with ``more`` the boxes for a comment
    and, where the answer is wrong, for the right one."""
    return (
        answer_id,
        chosen,
        gr.update(visible=answer_id is not None),
        gr.update(elem_classes=["chosen"] if chosen == "up" else []),
        gr.update(elem_classes=["chosen"] if chosen == "down" else []),
        render_notice(message),
        gr.update(visible=more),
        gr.update(value="", visible=chosen == "down"),
        gr.update(value=""),
    )


class Rater:
    """The handlers of the bar's events."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    def up(self, answer_id: str | None, request: gr.Request) -> tuple[Any, ...]:
        """The answer is right."""
        return self._rate(answer_id, "up", request)

    def down(self, answer_id: str | None, request: gr.Request) -> tuple[Any, ...]:
        """The answer is wrong: keep that at once, and ask what is right."""
        return self._rate(answer_id, "down", request)

    def say(
        self, answer_id: str | None, verdict: Verdict | None, correct: str, comment: str, request: gr.Request
    ) -> tuple[Any, ...]:
        """What is right instead, or a word on it. Nothing is no word, and more than a box takes was not typed."""
        said = [text.strip() or None for text in (correct, comment)]
        if verdict is None or not any(said) or any(len(text or "") > MAX_SAID_CHARS for text in said):
            return tuple(gr.skip() for _ in bar_showing(None))
        return self._rate(answer_id, verdict, request, *said)

    def _rate(
        self,
        answer_id: str | None,
        verdict: Verdict,
        request: gr.Request,
        correct: str | None = None,
        comment: str | None = None,
    ) -> tuple[Any, ...]:
        if answer_id is None:  # the bar was just hidden
            return bar_showing(None)
        texts, said_more = TEXTS[reader_lang(request)], bool(correct or comment)
        who = Visitors.name(request)
        try:
            self._assistant.rate(answer_id, verdict, comment, correct)
        except RagError as error:
            log.warning("cannot keep a rating: %s", error)
            audit("feedback", who=who, answer_id=answer_id, rating=verdict, result="failed")
            shown = bar_showing(answer_id, verdict if said_more else None, texts["not_kept"], more=said_more)
            return *shown[:-2], gr.skip(), gr.skip()  # what was typed stays
        audit("feedback", who=who, answer_id=answer_id, rating=verdict, result="ok")
        return bar_showing(answer_id, verdict, texts["thanks"], more=not said_more)


def connect(bar: RatingBar, rater: Rater, **how: Any) -> None:
    """Let the bar's events reach their handlers."""
    bar.up.click(rater.up, bar.rated, bar.outputs, **how)
    bar.down.click(rater.down, bar.rated, bar.outputs, **how)
    sent = [bar.send.click, bar.correct.submit, bar.comment.submit]
    # "once" would swallow a click that comes while an earlier one is under way, and with it what was typed since.
    said = [bar.rated, bar.chosen, bar.correct, bar.comment]
    gr.on(sent, rater.say, said, bar.outputs, trigger_mode="always_last", **how)
