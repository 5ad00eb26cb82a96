"""Replies to prompts that are no questions: a language model's own words, within limits, nothing of them proven."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from rag.chat.model import TOKENS_A_MESSAGE, ChatModel
from rag.conversation.rewriting import Message
from rag.errors import CutOffError, QuestionError
from rag.types import Bill, Written

# Chat front ends ask for titles and tags of a conversation. Both limits leave room for the longest of such prompts, and
# make of a model that is paid for nothing worth borrowing. A smaller context and shorter replies of its own count too.
MOST_CHARS = 16_000  # of all messages together
MOST_TOKENS = 512  # of a reply


class PlainWriter:
    """Passes prompts on to a chat model: never a passage with them, never more than the limits."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    def write(
        self, messages: Sequence[Message], *, max_tokens: int | None = None, cancelled: Event | None = None
    ) -> Written:
        """The reply, cut off where it reaches its limit of tokens.

        Raises:
            QuestionError: the prompt is longer than it may be.
            ChatModelError: the model failed, or is left alone because it did so before.
            CancelledReplyError: it was cancelled.
        """
        model, bill = self._model, Bill()
        limit = min(MOST_TOKENS, model.max_tokens, max_tokens or MOST_TOKENS)
        self._check(messages, limit)
        said = [ChatMessage(role=MessageRole(one["role"]), content=one["content"]) for one in messages]
        try:
            text = "".join(model.stream(said, cancelled=cancelled, max_tokens=limit, spent=bill.add))
        except CutOffError as error:
            return Written(error.text, model.model, cut_off=True, usage=bill.usage)
        return Written(text, model.model, usage=bill.usage)

    def _check(self, messages: Sequence[Message], limit: int) -> None:
        length = sum(len(one["content"]) for one in messages)
        if length > MOST_CHARS:
            raise QuestionError(f"the prompt has {length} characters where {MOST_CHARS} are possible; shorten it")
        tokens = sum(self._model.count_tokens(one["content"]) + TOKENS_A_MESSAGE for one in messages)
        if tokens + limit > self._model.context_window:
            raise QuestionError("the prompt is too long for the context of the chat model; shorten it")
