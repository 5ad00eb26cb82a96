"""The answerer that has a language model write. What it writes is claimed, never granted: the gate decides."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.schema import NodeWithScore

from rag.answering.extractive import confidence, rank
from rag.answering.reply import ReplyReader
from rag.chat.model import ChatModel
from rag.chat.prompts import NOTHING, new_boundary, passage_prompt, question_prompt, system_prompt
from rag.language.text import plain
from rag.nodes import Question, passage_of
from rag.types import AnswererName, Claim, Draft, Passage, Telling

log = logging.getLogger(__name__)

MAX_SENTENCES = 8  # of a reply; what comes after is not read
SPARE_TOKENS = 64  # for what a chat template adds
LEAST_TOKENS = 48  # of a passage; less of it says nothing


class LlmAnswerer:
    """Asks a model about the passages that were found, where the evidence says that they hold an answer.

    Whether they do is told as without a model: a small one would answer anything.
    """

    name: AnswererName = "llm"

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    def draft(self, question: Question, nodes: Sequence[NodeWithScore]) -> Draft:
        """See Answerer. The model is asked when the first claim is taken.

        Taking a claim raises ``ChatModelError`` where the model fails.
        """
        ranked = rank(question, nodes)
        evidence = frozenset(c.passage_id for c in ranked if c.strength >= 1.0)
        sure = confidence(max((c.strength for c in ranked), default=0.0))
        telling = Telling()
        claims = self._claims(question, nodes, telling) if evidence else iter(())
        return Draft(claims, sure, self.name, self._model.model, telling, evidence)

    def _claims(self, question: Question, nodes: Sequence[NodeWithScore], telling: Telling) -> Iterator[Claim]:
        messages, allowed = self._messages(question, [passage_of(node) for node in nodes])
        if not allowed:
            log.warning("no passage fits into the model's context beside the question; raise RAG_CHAT_CONTEXT")
            return
        stream = self._model.stream(messages, cancelled=question.cancelled, spent=question.bill.add)
        reader = ReplyReader(allowed, question.lang)
        said: set[str] = set()
        try:
            for claim in reader.read(stream):
                if not said and _letters(claim.text) == _letters(NOTHING[question.lang]):
                    telling.found_nothing = True
                    return
                if claim.text in said or len(said) == MAX_SENTENCES:
                    return  # a small model that repeats itself does not stop
                said.add(claim.text)
                yield claim
        finally:
            stream.close()

    def _messages(self, question: Question, passages: Sequence[Passage]) -> tuple[list[ChatMessage], dict[int, str]]:
        """The conversation that is sent, and the passage behind each number in it: as many as fit, best first."""
        boundary = new_boundary()
        system, asked = system_prompt(question.lang), question.standalone or question.query_str
        count = self._model.count_tokens
        left = self._model.context_window - self._model.max_tokens - SPARE_TOKENS
        left -= count(system) + count(question_prompt(asked, (), question.lang, boundary))
        shown: list[str] = []
        allowed: dict[int, str] = {}
        for number, passage in enumerate(passages, start=1):
            text = self._fitting(passage, number, left, boundary)
            if text is None:
                break
            shown.append(text)
            allowed[number] = passage.passage_id
            left -= count(text)
        user = question_prompt(asked, shown, question.lang, boundary)
        return [
            ChatMessage(role=MessageRole.SYSTEM, content=system),
            ChatMessage(role=MessageRole.USER, content=user),
        ], allowed

    def _fitting(self, passage: Passage, number: int, left: int, boundary: str) -> str | None:
        """A passage as it is shown, cut to what is left; None where that would say nothing."""
        text = plain(passage.text)
        while text:
            shown = passage_prompt(number, passage, text, boundary)
            tokens = self._model.count_tokens(shown)
            if tokens <= left:
                return shown
            if left < LEAST_TOKENS:
                return None
            text = text[: int(len(text) * left / tokens * 0.95)]
        return None


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
