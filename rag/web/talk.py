"""What happens on the page when someone asks, asks again, stops, goes on with an old conversation or starts anew."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

from rag.assistant import Assistant
from rag.errors import RagError
from rag.types import Answer, Found, Lang, Said, Update
from rag.web.conversation import HISTORY, Conversation
from rag.web.entries import Entry, Trouble, read_entries, turns_of
from rag.web.filter_bar import FilterBar, render_chips, without
from rag.web.frame import (
    render_followups,
    render_ledger,
    render_masthead,
    render_notice,
    render_searching,
    render_tools,
    render_waiting_sources,
    render_welcome,
)
from rag.web.gradio_setup import gr
from rag.web.i18n import reader_lang
from rag.web.library_tab import article_id_of
from rag.web.rating import RatingBar, bar_showing
from rag.web.render import render_cards, render_no_sources, render_so_far, render_sources
from rag.web.streaming import updates
from rag.web.strings import TEXTS

log = logging.getLogger(__name__)

_Changes = dict[Any, Any]  # components and their new values; what is not in it stays


@dataclass(frozen=True, slots=True)
class Parts:
    """The components of the page that an event may change.

    ``at``, ``restore`` and ``ledger`` are between the server and the scripts: the number of the question that is asked
    anew; a conversation that comes out of the browser; and what is to be kept there.
    """

    masthead: gr.Markdown
    tools: gr.Markdown
    chat: gr.Chatbot
    followups: gr.Markdown
    rating: RatingBar
    box: gr.Textbox
    ask: gr.Button
    stop: gr.Button
    new: gr.Button
    sources: gr.Markdown
    earlier: gr.Markdown
    filters: FilterBar
    conversation: gr.State
    at: gr.Textbox
    restore: gr.Textbox
    ledger: gr.Markdown

    @property
    def all(self) -> list[Any]:
        """Every one that the handlers change."""
        own = [self.masthead, self.tools, self.chat, self.followups, self.box, self.ask, self.stop, self.sources]
        hidden = [self.earlier, self.conversation, self.at, self.restore, self.ledger]
        return [*own, *hidden, *self.rating.outputs, *self.filters.outputs]


class Talk:
    """The handlers of the events of the conversation."""

    def __init__(self, assistant: Assistant, parts: Parts, max_question_chars: int) -> None:
        self._assistant = assistant
        self._parts = parts
        self._max_chars = max_question_chars

    def greet(self, request: gr.Request) -> _Changes:
        """On load: what there is to answer from, and what stands where an answer will be."""
        lang, parts = reader_lang(request), self._parts
        examples: list[str] = []
        try:
            found = self._assistant.health()
            health = found if found.status == "ok" else None
            if health:
                examples = self._assistant.examples(lang)
            choices = parts.filters.choices(self._assistant.articles())
        except RagError as error:
            log.warning("no health: %s", error)
            health, choices = None, {}
        return {
            parts.masthead: render_masthead(health, lang),
            parts.tools: render_tools(lang),
            parts.chat: gr.update(placeholder=render_welcome(examples, lang)),
            parts.sources: render_no_sources("0", lang),
            **choices,
        }

    async def reply(
        self, request: gr.Request, question: str, conversation: Conversation, at: str, *chosen: Any
    ) -> AsyncIterator[_Changes]:
        """The question at once, then its answer as it comes. ``at``: the number of the question that it replaces."""
        lang, parts = reader_lang(request), self._parts
        question = question.strip()
        if not question:
            yield self._nothing()
            return
        if len(question) > self._max_chars:
            message = TEXTS[lang]["too_long"].format(length=len(question), limit=self._max_chars)
            told = conversation.say("assistant", render_notice(message))
            yield {parts.chat: told.shown(), parts.conversation: told, **self._busy(False)}
            return
        if at.isdecimal():
            conversation = conversation.until(int(at), lang)
        entry = Entry(question, parts.filters.read(chosen), trouble="interrupted")
        asked = conversation.ask(entry)
        yield {
            parts.box: "",
            parts.at: "",
            parts.conversation: asked,
            parts.chat: asked.say("assistant", render_searching(lang)).shown(),
            parts.sources: render_waiting_sources(asked.anchor, lang),
            parts.followups: "",
            parts.ledger: render_ledger(len(asked.entries), {"entry": entry.to_dict()}),
            **self._busy(True),
            **self._rating(None),
        }
        said: list[Said] = []
        try:
            async for update in updates(lambda cancelled: self._stream(conversation, entry, cancelled)):
                if isinstance(update, Found):
                    shown = asked.say("assistant", render_searching(lang, update))
                    yield {parts.chat: shown.shown()}
                elif isinstance(update, Said):
                    said.append(update)
                    shown = asked.say("assistant", render_so_far(said, asked.anchor, lang))
                    cards = render_cards(question, update.citations, asked.anchor, lang)
                    yield {parts.chat: shown.shown(), parts.sources: cards}
                elif isinstance(update, Answer):
                    yield self._ended(asked, lang, answer=update)
        except RagError as error:
            log.warning("cannot answer: %s", error)
            yield self._ended(asked, lang, trouble="unavailable")
        except Exception:
            log.exception("unexpected error")
            yield self._ended(asked, lang, trouble="failed")

    def suggest(self, request: gr.Request, conversation: Conversation, *chosen: Any) -> _Changes:
        """What could be asked next, each of which the articles answer."""
        lang, parts = reader_lang(request), self._parts
        answer = conversation.entries[-1].answer if conversation.entries else None
        if answer is None:
            return {parts.followups: ""}
        earlier = [entry.question for entry in conversation.entries]
        try:
            offered = self._assistant.suggest(answer, filters=parts.filters.read(chosen), asked=earlier)
        except RagError as error:
            log.warning("nothing to suggest: %s", error)
            offered = []
        return {parts.followups: render_followups(offered, answer.question_lang, lang)}

    def stop(self, conversation: Conversation, request: gr.Request) -> _Changes:
        """The reply was cancelled: say so, and be ready for the next question."""
        if not conversation.entries or conversation.entries[-1].trouble != "interrupted":
            return self._busy(False)
        return self._ended(conversation, reader_lang(request), trouble="stopped")

    def clear(self, request: gr.Request) -> _Changes:
        """Start a new conversation."""
        return self._showing(Conversation(), reader_lang(request))

    def restore(self, wanted: str, request: gr.Request) -> _Changes:
        """Go on with what the browser kept, or with an answer that was given before.

        ``wanted`` is a number that makes each wish a change, a line break, and entries as JSON or ``answer:<id>``.
        """
        lang, parts = reader_lang(request), self._parts
        _, _, kept = wanted.partition("\n")
        if not kept:
            return self._nothing()
        try:
            entries = self._recalled(kept.removeprefix("answer:")) if kept.startswith("answer:") else read_entries(kept)
            conversation = Conversation.of(entries, lang)
            changes = self._showing(conversation, lang)
        except (ValueError, OverflowError, TypeError, RagError) as error:
            log.info("a conversation cannot be shown: %s", error)
            told = Conversation().say("assistant", render_notice(TEXTS[lang]["not_restored"]))
            return {**self._showing(told, lang), parts.restore: ""}
        whole = {"entries": [entry.to_dict() for entry in entries]}
        if entries:
            changes |= parts.filters.showing(entries[-1].filters, self._assistant.articles(), lang)
        return {**changes, parts.restore: "", parts.ledger: render_ledger(0, whole)}

    def narrow(self, request: gr.Request, *chosen: Any) -> _Changes:
        """Other articles were chosen: their chips."""
        filters = self._parts.filters.read(chosen)
        return {self._parts.filters.chips: render_chips(filters, self._assistant.articles(), reader_lang(request))}

    def widen(self, request: gr.Request, dropped: str, *chosen: Any) -> _Changes:
        """A chip was clicked, which takes its value away."""
        if not dropped:
            return self._nothing()
        bar = self._parts.filters
        return bar.showing(without(bar.read(chosen), dropped), self._assistant.articles(), reader_lang(request))

    def only(self, request: gr.Request, open_id: str, *chosen: Any) -> _Changes:
        """The article that is read is to answer."""
        bar = self._parts.filters
        filters = replace(bar.read(chosen), article_ids=(article_id_of(open_id),))
        return bar.showing(filters, self._assistant.articles(), reader_lang(request))

    def _recalled(self, answer_id: str) -> tuple[Entry, ...]:
        answer = self._assistant.recall(answer_id)
        if answer is None:
            raise ValueError("no answer with this id is kept")
        return (Entry(answer.question, answer=answer),)

    def _stream(self, before: Conversation, entry: Entry, cancelled: Event) -> Iterator[Update]:
        history = turns_of(before.entries)[-HISTORY:]
        return self._assistant.stream(entry.question, history=history, filters=entry.filters, cancelled=cancelled)

    def _ended(
        self, asked: Conversation, lang: Lang, *, answer: Answer | None = None, trouble: Trouble | None = None
    ) -> _Changes:
        """The newest question has its answer, or it is known why it has none."""
        parts = self._parts
        entry = replace(asked.entries[-1], answer=answer, trouble=trouble)
        ended = replace(asked, entries=(*asked.entries[:-1], entry)).told(lang)
        sources = render_sources(answer, ended.anchor, lang) if answer else render_no_sources(ended.anchor, lang)
        return {
            parts.chat: ended.shown(),
            parts.sources: sources,
            parts.conversation: ended,
            parts.ledger: render_ledger(len(ended.entries), {"entry": entry.to_dict()}),
            **self._busy(False),
            **self._rating(answer),
        }

    def _showing(self, conversation: Conversation, lang: Lang) -> _Changes:
        """A whole conversation, with the sources of its latest answer."""
        parts = self._parts
        sources = conversation.sources(lang)
        latest = conversation.entries[-1].answer if conversation.entries else None
        return {
            parts.chat: conversation.shown(),
            parts.conversation: conversation,
            parts.sources: sources[-1] if sources else render_no_sources("0", lang),
            parts.earlier: "".join(sources[:-1]),
            parts.followups: "",
            parts.at: "",
            **self._busy(False),
            **self._rating(latest),
        }

    def _nothing(self) -> _Changes:
        return {self._parts.at: gr.skip()}  # Gradio takes an empty dictionary for one value

    def _busy(self, busy: bool) -> _Changes:
        return {self._parts.ask: gr.update(interactive=not busy), self._parts.stop: gr.update(visible=busy)}

    def _rating(self, answer: Answer | None) -> _Changes:
        return dict(zip(self._parts.rating.outputs, bar_showing(answer.id if answer else None), strict=True))
