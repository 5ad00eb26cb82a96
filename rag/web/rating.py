"""The bar under the conversation that takes what people say of the latest answer."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from rag.assistant import Assistant
from rag.errors import RagError
from rag.feedback import Verdict
from rag.types import Lang
from rag.web.frame import render_notice
from rag.web.gradio_setup import gr
from rag.web.i18n import reader_lang, t
from rag.web.schemas import MAX_SAID_CHARS
from rag.web.strings import TEXTS

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RatingBar:
    """Its parts. ``rated`` holds the id of the answer it is about, None when there is none."""

    rated: gr.State
    bar: gr.Column
    up: gr.Button
    down: gr.Button
    told: gr.Markdown
    correction: gr.Row
    correct: gr.Textbox
    send: gr.Button

    @property
    def outputs(self) -> list[Any]:
        """What changes, in the order of ``bar_showing``."""
        return [self.rated, self.bar, self.up, self.down, self.told, self.correction, self.correct]


def build_rating_bar() -> RatingBar:
    """The bar, hidden until there is an answer."""
    rated = gr.State(None)
    with gr.Column(elem_id="feedback", visible=False) as bar:
        with gr.Row(elem_id="feedback-verdict"):
            up = gr.Button(t("right"), elem_id="feedback-up", size="sm", min_width=60, scale=0)
            down = gr.Button(t("wrong"), elem_id="feedback-down", size="sm", min_width=60, scale=0)
            told = gr.Markdown(elem_id="feedback-told", latex_delimiters=[])
        with gr.Row(elem_id="feedback-correction", equal_height=False, visible=False) as correction:
            correct = gr.Textbox(
                elem_id="feedback-correct", label=t("correct"), lines=1, max_lines=4, max_length=MAX_SAID_CHARS, scale=1
            )
            send = gr.Button(t("send"), elem_id="feedback-send", min_width=96, scale=0)
    return RatingBar(rated, bar, up, down, told, correction, correct, send)


def bar_showing(
    answer_id: str | None, chosen: Verdict | None = None, message: str = "", *, correction: bool = False
) -> tuple[Any, ...]:
    """The bar for an answer (None: no bar), with what was chosen, a message, and the box for a right answer."""
    return (
        answer_id,
        gr.update(visible=answer_id is not None),
        gr.update(elem_classes=["chosen"] if chosen == "up" else []),
        gr.update(elem_classes=["chosen"] if chosen == "down" else []),
        render_notice(message),
        gr.update(visible=correction),
        gr.update(value=""),
    )


class Rater:
    """The handlers of the bar's events."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    def up(self, answer_id: str | None, request: gr.Request) -> tuple[Any, ...]:
        """The answer is right."""
        return self._rate(answer_id, "up", None, reader_lang(request))

    def down(self, answer_id: str | None, request: gr.Request) -> tuple[Any, ...]:
        """The answer is wrong: keep that at once, and ask what is right."""
        return self._rate(answer_id, "down", None, reader_lang(request))

    def correct(self, answer_id: str | None, text: str, request: gr.Request) -> tuple[Any, ...]:
        """What is right instead. Nothing is no answer, and more than the box takes was not typed into it."""
        if not text.strip() or len(text) > MAX_SAID_CHARS:
            return tuple(gr.skip() for _ in bar_showing(None))
        return self._rate(answer_id, "down", text.strip(), reader_lang(request))

    def _rate(self, answer_id: str | None, verdict: Verdict, correct: str | None, lang: Lang) -> tuple[Any, ...]:
        if answer_id is None:  # the bar was just hidden
            return bar_showing(None)
        texts = TEXTS[lang]
        try:
            self._assistant.rate(answer_id, verdict, correct_answer=correct)
        except RagError as error:
            log.warning("cannot keep a rating: %s", error)
            shown = bar_showing(answer_id, None, texts["not_kept"], correction=correct is not None)
            return *shown[:-1], gr.skip()  # what was typed stays
        wants_more = verdict == "down" and correct is None
        return bar_showing(answer_id, verdict, texts["thanks"], correction=wants_more)


def connect(bar: RatingBar, rater: Rater, **how: Any) -> None:
    """Let the bar's events reach their handlers."""
    bar.up.click(rater.up, bar.rated, bar.outputs, **how)
    bar.down.click(rater.down, bar.rated, bar.outputs, **how)
    sent = [bar.send.click, bar.correct.submit]
    # "once" would swallow a click that comes while an earlier one is under way, and with it what was typed since.
    gr.on(sent, rater.correct, [bar.rated, bar.correct], bar.outputs, trigger_mode="always_last", **how)
