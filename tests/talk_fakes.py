"""The part of the page where one asks, over a hand-made assistant and without a browser."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import Any, NoReturn

from web_fakes import HandMadeAssistant

from rag.types import Filters, Lang
from rag.web.chat_tab import build_chat_tab
from rag.web.conversation import Conversation
from rag.web.gradio_setup import gr
from rag.web.i18n import COOKIE
from rag.web.talk import Talk

LIMIT = 200  # characters of a question

Changes = dict[Any, Any]


def reader(lang: str = "en", chosen: str | None = None) -> gr.Request:
    """Whoever reads the page: in the language of the browser, or in one that was chosen."""
    cookies = {} if chosen is None else {COOKIE: chosen}
    return gr.Request(headers={"accept-language": lang}, cookies=cookies)


class Desk:
    """What the handlers of the page do, one event at a time."""

    def __init__(self, assistant: HandMadeAssistant) -> None:
        self.assistant = assistant
        with gr.Blocks():
            self.parts = build_chat_tab(gr.Markdown())
        self.talk = Talk(assistant, self.parts, LIMIT)

    def reply(
        self,
        question: str,
        before: Conversation | None = None,
        *,
        at: str = "",
        filters: Filters | None = None,
        lang: Lang = "en",
    ) -> list[Changes]:
        """All that changes, step by step, when a question is asked."""
        chosen = self.parts.filters.values(filters or Filters())

        async def steps() -> list[Changes]:
            return [
                step async for step in self.talk.reply(reader(lang), question, before or Conversation(), at, *chosen)
            ]

        return asyncio.run(steps())

    def after(self, *questions: str) -> Conversation:
        """The conversation once these were asked."""
        conversation = Conversation()
        for question in questions:
            conversation = self.reply(question, conversation)[-1][self.parts.conversation]
        return conversation

    def ended(self, conversation: Conversation, lang: str = "en") -> Changes:
        """What changes once an answer is there."""
        return self.talk.after(reader(lang), conversation, *self.parts.filters.values(Filters()))

    def restore(self, kept: str, lang: Lang = "en") -> Changes:
        """What changes when the browser gives something back."""
        return self.talk.restore(f"1\n{kept}", reader(lang))

    def shown(self, changes: Changes) -> str:
        """The messages and the sources, as HTML."""
        messages = "".join(message["content"] for message in changes[self.parts.chat])
        return str(messages + changes.get(self.parts.sources, "") + changes.get(self.parts.earlier, ""))

    def asked(self, changes: Changes) -> list[str]:
        """The questions that the page shows, in order."""
        shown = (re.fullmatch(r'<div class="asked".*?>(.*)</div>', one["content"]) for one in changes[self.parts.chat])
        return [found[1] for found in shown if found]


def kept_in(ledger: str) -> dict[str, Any]:
    """What the browser makes of a ledger."""
    coded = re.fullmatch(r'<div class="ledger">([A-Za-z0-9+/]+=*)</div>', ledger)
    assert coded, ledger[:200]
    told = json.loads(base64.b64decode(coded[1], validate=True).decode("utf-8"), parse_constant=_no_json)
    assert isinstance(told, dict)
    return told


def _no_json(name: str) -> NoReturn:
    raise AssertionError(f"{name} is no JSON; a browser cannot read it")
