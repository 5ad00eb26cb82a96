"""What happens on the page when someone asks, asks again, stops, goes on with an old conversation or starts anew."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Any

from rag.assistant import Assistant
from rag.errors import RagError
from rag.types import Answer, ArticleSummary, Filters, Found, Lang, Said, Update
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
from rag.web.streaming import batches, updates
from rag.web.strings import TEXTS
from rag.web.visitors import Visitors

log = logging.getLogger(__name__)

SETTLED = 0.15  # seconds; what comes within it of each other is shown at once

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

    # Gradio builds every output of an event anew whenever it yields, so each event names as few as it can.

    @property
    def told(self) -> list[Any]:
        """What changes while an answer comes."""
        return [self.chat, self.sources, self.conversation, self.ledger]

    @property
    def after(self) -> list[Any]:
        """What changes once it has come."""
        return [self.followups, *self.rating.outputs]

    @property
    def greeted(self) -> list[Any]:
        """What changes when the page is opened."""
        return [self.masthead, self.tools, self.chat, self.sources, *self.filters.outputs]

    @property
    def shown(self) -> list[Any]:
        """What changes when another conversation is shown."""
        return [*self.told, *self.after, self.earlier, self.restore, *self.filters.outputs]


class Talk:
    """The handlers of the events of the conversation."""

    def __init__(
        self,
        assistant: Assistant,
        parts: Parts,
        max_question_chars: int,
        at_once: int = 2,
        visitors: Visitors | None = None,
    ) -> None:
        self._assistant = assistant
        self._parts = parts
        self._at_once = at_once
        self._max_chars = max_question_chars
        self._visitors = visitors or Visitors()
        self._answering = 0
        self._suggesting = Lock()

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
        """The question at once, then its answer as it comes. ``at``: the number of the question that it replaces.

        The page's scripts see in the ledger that the question has arrived, and empty the box.
        """
        lang, parts = reader_lang(request), self._parts
        question = question.encode("utf-8", "replace").decode().strip()  # half a character would stop the answer
        if not question:
            yield {parts.ledger: gr.skip()}
            return
        if message := self._refusal(question, request):
            told = conversation.say("assistant", render_notice(message))
            yield {parts.chat: told.shown(), parts.conversation: told}
            return
        if at and at.isdecimal() and len(at) < 6:
            conversation = conversation.until(int(at), lang)
        entry = Entry(question, parts.filters.read(chosen), trouble="interrupted")
        asked = conversation.ask(entry)
        yield {
            parts.conversation: asked,
            parts.chat: asked.say("assistant", render_searching(lang)).shown(),
            parts.sources: render_waiting_sources(asked.anchor, lang),
            parts.ledger: render_ledger(len(asked.entries), {"entry": entry.to_dict()}),
        }
        self._answering += 1
        try:
            async for changes in self._answered(conversation, asked, lang):
                yield changes
        except RagError as error:
            log.warning("cannot answer: %s", error)
            yield self._ended(asked, lang, trouble="unavailable")
        except Exception:
            log.exception("unexpected error")
            yield self._ended(asked, lang, trouble="failed")
        finally:
            self._answering -= 1

    def _refusal(self, question: str, request: gr.Request) -> str:
        """Why a question is not even asked; empty when it is."""
        texts = TEXTS[reader_lang(request)]
        if len(question) > self._max_chars:
            return texts["too_long"].format(length=len(question), limit=self._max_chars)
        seconds = self._visitors.wait(request)
        return texts["too_often"].format(seconds=seconds) if seconds else ""

    async def _answered(self, before: Conversation, asked: Conversation, lang: Lang) -> AsyncIterator[_Changes]:
        """An answer as it comes."""
        parts, entry = self._parts, asked.entries[-1]
        said: list[Said] = []
        async for batch in batches(updates(lambda cancelled: self._stream(before, entry, cancelled)), SETTLED):
            said += [update for update in batch if isinstance(update, Said)]
            latest = batch[-1]
            if isinstance(latest, Found):
                yield {parts.chat: asked.say("assistant", render_searching(lang, latest)).shown()}
            elif isinstance(latest, Said):
                shown = asked.say("assistant", render_so_far(said, asked.anchor, lang))
                cards = render_cards(entry.question, latest.citations, asked.anchor, lang)
                yield {parts.chat: shown.shown(), parts.sources: cards}
            else:
                yield self._ended(asked, lang, answer=latest)

    def after(self, request: gr.Request, conversation: Conversation, *chosen: Any) -> _Changes:
        """The bar to rate an answer, and what could be asked next, each of which the articles answer."""
        lang, parts = reader_lang(request), self._parts
        answer = conversation.entries[-1].answer if conversation.entries else None
        offered: list[str] = []
        # To try what is suggested takes as long as several answers, which others may be waiting for.
        idle = self._answering < max(1, self._at_once // 2)
        if answer is not None and idle and self._suggesting.acquire(blocking=False):
            earlier = [entry.question for entry in conversation.entries]
            try:
                offered = self._assistant.suggest(answer, filters=parts.filters.read(chosen), asked=earlier)
            except RagError as error:
                log.warning("nothing to suggest: %s", error)
            finally:
                self._suggesting.release()
        asked_in = answer.question_lang if answer else lang
        return {
            parts.followups: render_followups(offered, conversation.anchor, asked_in, lang),
            **self._rating(answer),
        }

    def stop(self, conversation: Conversation, request: gr.Request) -> _Changes:
        """The reply was cancelled: say so, and be ready for the next question."""
        if not conversation.entries or conversation.entries[-1].trouble != "interrupted":
            return {self._parts.ledger: gr.skip()}
        return self._ended(conversation, reader_lang(request), trouble="stopped")

    def clear(self, request: gr.Request) -> _Changes:
        """Start a new conversation."""
        return self._showing(Conversation(), reader_lang(request))

    def restore(self, wanted: str, request: gr.Request) -> _Changes:
        """Go on with what the browser kept, or with an answer that was given before.

        ``wanted`` is a number that makes each wish a change, a line break, and entries as JSON or ``answer:<id>``.
        """
        lang, parts = reader_lang(request), self._parts
        wish, _, kept = wanted.partition("\n")
        if not kept:
            return {parts.ledger: gr.skip()}
        link = kept.startswith("answer:")
        try:
            entries = self._recalled(kept.removeprefix("answer:")) if link else read_entries(kept)
            changes = self._showing(Conversation.of(entries, lang), lang)
        except (ValueError, OverflowError, TypeError, RagError) as error:
            log.info("a conversation cannot be shown: %s", error)
            told = Conversation().say("assistant", render_notice(TEXTS[lang]["not_restored"]))
            # What is asked next must not take the place of what is kept and cannot be shown.
            return {**self._showing(told, lang), parts.ledger: render_ledger(0, {"wish": wish, "entries": []})}
        if link:
            whole = {"wish": wish, "entries": [entry.to_dict() for entry in entries]}
            changes[parts.ledger] = render_ledger(0, whole)
        if entries and (articles := self._articles()) is not None:
            changes |= parts.filters.showing(entries[-1].filters, articles, lang)
        return changes

    def narrow(self, request: gr.Request, *chosen: Any) -> _Changes:
        """Other articles were chosen: their chips."""
        filters = self._parts.filters.read(chosen)
        return {self._parts.filters.chips: render_chips(filters, self._articles() or [], reader_lang(request))}

    def widen(self, request: gr.Request, dropped: str, *chosen: Any) -> _Changes:
        """A chip was clicked, which takes its value away."""
        bar = self._parts.filters
        return self._choosing(without(bar.read(chosen), dropped), request)

    def only(self, request: gr.Request, open_id: str, *chosen: Any) -> _Changes:
        """The article that is read is to answer."""
        filters = self._parts.filters.read(chosen)
        return self._choosing(replace(filters, article_ids=(article_id_of(open_id),)), request)

    def _choosing(self, filters: Filters, request: gr.Request) -> _Changes:
        bar, articles = self._parts.filters, self._articles()
        return {bar.chips: gr.skip()} if articles is None else bar.showing(filters, articles, reader_lang(request))

    def _articles(self) -> list[ArticleSummary] | None:
        """What is indexed; None when it cannot be told now."""
        try:
            return self._assistant.articles()
        except RagError as error:
            log.warning("the articles cannot be listed: %s", error)
            return None

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
        }

    def _showing(self, conversation: Conversation, lang: Lang) -> _Changes:
        """A whole conversation, with the sources of its latest answer."""
        parts = self._parts
        sources = conversation.sources(lang)
        return {
            parts.chat: conversation.shown(),
            parts.conversation: conversation,
            parts.sources: sources[-1] if sources else render_no_sources("0", lang),
            parts.earlier: "".join(sources[:-1]),
            parts.followups: "",
            **self._rating(None),
        }

    def _rating(self, answer: Answer | None) -> _Changes:
        return dict(zip(self._parts.rating.outputs, bar_showing(answer.id if answer else None), strict=True))
