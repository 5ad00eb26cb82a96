"""A second opinion: a language model looks at each sentence that no check speaks against."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from threading import Event

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from rag.chat.model import ChatModel
from rag.chat.prompts import second_opinion_prompt
from rag.errors import CancelledReplyError, ChatModelError
from rag.language.text import plain
from rag.support.judge import SupportJudge
from rag.support.verdict import Supported, Unsupported
from rag.types import Bill, Lang, Passage

log = logging.getLogger(__name__)

SECONDS = 15.0  # for an opinion; without one by then the first stands
_OPINION = re.compile(r"\W*(?:(yes|ja|是|对)|(no|nein|否|不))(?![a-z])", re.IGNORECASE)


class SecondOpinion:
    """Has a model confirm what the first judge finds supported, also what is not certain. Made for one answer."""

    def __init__(self, first: SupportJudge, model: ChatModel, cancelled: Event | None, bill: Bill) -> None:
        self._first = first
        self._model = model
        self._cancelled = cancelled
        self._bill = bill

    def judge(self, claim: str, lang: Lang, passage: Passage) -> Supported | Unsupported:
        """Where a passage says a claim; or what it does not say of it, "judge" where only the model says so.

        A model that fails or says neither yes nor no has no opinion: the first judge's stands, certain or not.

        Raises:
            CancelledReplyError: nobody waits for it any more.
        """
        verdict = self._first.judge(claim, lang, passage)
        if isinstance(verdict, Unsupported):
            return verdict
        confirmed = self._confirms(claim, lang, passage)
        if confirmed is False:
            return Unsupported("judge", verdict.support)
        return replace(verdict, certain=verdict.certain or confirmed is True)

    def _confirms(self, claim: str, lang: Lang, passage: Passage) -> bool | None:
        asked = ChatMessage(role=MessageRole.USER, content=second_opinion_prompt(claim, plain(passage.text), lang))
        pieces = self._model.stream([asked], cancelled=self._cancelled, seconds=SECONDS, spent=self._bill.add)
        try:
            opinion = read_opinion("".join(pieces))
        except CancelledReplyError:
            raise
        except ChatModelError as error:
            log.warning("a sentence has no second opinion: %s", error)
            return None
        if opinion is None:
            log.warning("%s replied neither yes nor no, so a sentence has no second opinion", self._model.model)
        return opinion


def read_opinion(reply: str) -> bool | None:
    """The opinion in a reply; None where there is none.

    >>> [read_opinion(reply) for reply in ("Yes.", "**NEIN** – die Zahl fehlt", "否", "Perhaps", "Nothing")]
    [True, False, False, None, None]
    """
    found = _OPINION.match(reply)
    return bool(found[1]) if found else None
