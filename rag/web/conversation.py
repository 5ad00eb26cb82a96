"""What one browser tab has said and heard, as the server holds it while the tab is open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rag.types import Lang, Role
from rag.web.entries import Entry
from rag.web.frame import render_trouble
from rag.web.render import make_anchor, render_acts, render_answer, render_question, render_sources

HISTORY = 12  # messages that go with a question, so that a follow-up can be understood


@dataclass(frozen=True, slots=True)
class Conversation:
    """Entries, and the messages that show them; between these may stand a word of the page that is no entry."""

    entries: tuple[Entry, ...] = ()
    messages: tuple[tuple[Role, str], ...] = ()  # role and HTML

    @classmethod
    def of(cls, entries: Iterable[Entry], lang: Lang) -> Conversation:
        """A conversation of these entries, told in the reader's language.

        Raises:
            ValueError: the latest has neither an answer nor a reason for having none.
        """
        told = cls()
        for entry in entries:
            told = told.ask(entry).told(lang)
        return told

    @property
    def anchor(self) -> str:
        """Names the latest answer on the page."""
        answer = self.entries[-1].answer if self.entries else None
        return make_anchor(len(self.entries), answer.id if answer else "")

    def say(self, role: Role, html: str) -> Conversation:
        """The conversation with one more message."""
        return replace(self, messages=(*self.messages, (role, html)))

    def ask(self, entry: Entry) -> Conversation:
        """The conversation with one more question."""
        asked = replace(self, entries=(*self.entries, entry))
        return asked.say("user", render_question(entry.question, len(asked.entries)))

    def told(self, lang: Lang) -> Conversation:
        """The conversation with what became of its latest question."""
        entry = self.entries[-1]
        if entry.answer is not None:
            shown = render_answer(entry.answer, self.anchor, lang)
        elif entry.trouble is not None:
            shown = render_trouble(entry.trouble, lang)
        else:
            raise ValueError("an entry has an answer or a reason for having none")
        return self.say("assistant", shown + render_acts(self.anchor, lang, answered=entry.answer is not None))

    def until(self, number: int, lang: Lang) -> Conversation:
        """The conversation before its question with this number, counted from 1."""
        return Conversation.of(self.entries[: max(0, number - 1)], lang)

    def sources(self, lang: Lang) -> list[str]:
        """The sources of each answer."""
        return [
            render_sources(entry.answer, make_anchor(number, entry.answer.id), lang)
            for number, entry in enumerate(self.entries, 1)
            if entry.answer is not None
        ]

    def shown(self) -> list[dict[str, str]]:
        """The messages as the chat component takes them."""
        return [{"role": role, "content": html} for role, html in self.messages]
