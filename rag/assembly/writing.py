"""The parts that a language model needs, or is needed for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from rag.answering import Answerer
from rag.citations import Judge
from rag.conversation.rewriting import Message, ModelRewriter, Rewriter
from rag.encoders.embedding import Embedder, FineEncoder
from rag.nodes import Question
from rag.settings import Settings
from rag.types import Bill

if TYPE_CHECKING:
    from rag.answering.plain import PlainWriter
    from rag.chat.model import ChatModel, Limits


REWRITING_SHARE = 0.25  # of the time for a reply that rewriting the question before it may take


@dataclass(frozen=True, slots=True)
class ModelParts:
    """The parts that a language model needs, or is needed for."""

    answerer: Answerer
    writer: PlainWriter
    judge: Callable[[Question], Judge]
    rewriter: Rewriter
    models: tuple[ChatModel, ...]  # the one that writes, first


def open_model_parts(settings: Settings, embedder: Embedder, encoder: FineEncoder | None) -> ModelParts:
    """What a model that ``RAG_CHAT_MODEL`` names writes with."""
    # Imported here alone: this takes two seconds, which who has no model should not wait for.
    from rag.answering.llm import LlmAnswerer  # noqa: PLC0415
    from rag.answering.plain import PlainWriter  # noqa: PLC0415
    from rag.support.judge import SupportJudge  # noqa: PLC0415
    from rag.support.second import SecondOpinion  # noqa: PLC0415

    assert settings.chat_model
    model = _chat_model(settings, settings.chat_model)
    second = _chat_model(settings, settings.judge_model) if settings.judge_model else None
    first = SupportJudge(embedder, encoder)

    def judge(question: Question) -> Judge:
        return SecondOpinion(first, second, question.cancelled, question.bill) if second else first

    def rewrite(messages: list[Message], cancelled: Event | None, bill: Bill | None) -> str:
        said = [ChatMessage(role=MessageRole(one["role"]), content=one["content"]) for one in messages]
        seconds = settings.chat_timeout * REWRITING_SHARE
        return "".join(model.stream(said, cancelled=cancelled, seconds=seconds, spent=bill.add if bill else None))

    return ModelParts(
        LlmAnswerer(model),
        PlainWriter(model),
        judge,
        ModelRewriter(rewrite, turns=settings.history_turns),
        (model, second) if second else (model,),
    )


def _chat_model(settings: Settings, name: str) -> ChatModel:
    from rag.chat.model import ChatModel  # noqa: PLC0415

    key, prices = settings.openai_api_key, (settings.chat_price_in, settings.chat_price_out)
    return ChatModel(
        name,
        base_url=settings.openai_base_url,
        api_key=key.get_secret_value() if key else None,
        temperature=settings.chat_temperature,
        max_tokens=settings.chat_max_tokens,
        context_window=settings.chat_context,
        limits=_limits(settings.chat_timeout),
        prices=(prices[0], prices[1]) if prices[0] is not None and prices[1] is not None else None,
    )


def _limits(total: float) -> Limits:
    """The usual limits; with more time than usual, a slow machine may also take longer for a token."""
    from rag.chat.model import Limits  # noqa: PLC0415

    usual = Limits()
    slow = max(1.0, total / usual.total)
    return replace(usual, total=total, first_token=usual.first_token * slow, gap=usual.gap * slow)
