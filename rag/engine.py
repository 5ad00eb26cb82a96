"""The query engine that page, API and evaluation call: retrieve, rank, draft, verify."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import Response
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from rag.answering import Answerer
from rag.answering.prompts import refusal
from rag.citations import verify, with_markers
from rag.disagreement import find_disagreements
from rag.nodes import Question, passage_of
from rag.text import identify
from rag.types import Answer, Lang, RefusalReason


@dataclass
class CitedResponse(Response):
    """LlamaIndex's response with the whole answer in it."""

    answer: Answer = field(kw_only=True)


class CitedQueryEngine(BaseQueryEngine):
    """Answers a ``Question`` with sentences that all passed verification, or refuses."""

    def __init__(
        self, retriever: BaseRetriever, postprocessors: Sequence[BaseNodePostprocessor], answerer: Answerer
    ) -> None:
        super().__init__(callback_manager=None)
        self._retriever = retriever
        self._postprocessors = postprocessors
        self._answerer = answerer

    def retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """The passages for a question, ranked, best first."""
        nodes: list[NodeWithScore] = self._retriever.retrieve(query_bundle)
        for postprocessor in self._postprocessors:
            nodes = postprocessor.postprocess_nodes(nodes, query_bundle=query_bundle)
        return nodes

    def ask(self, question: Question) -> Answer:
        """The answer itself, for callers that need no other LlamaIndex part around it."""
        response = self.query(question)
        assert isinstance(response, CitedResponse)
        return response.answer

    def _query(self, query_bundle: QueryBundle) -> CitedResponse:
        started = perf_counter()
        question = _as_question(query_bundle)
        nodes = self.retrieve(question)
        return self._respond(question, nodes, started, perf_counter())

    async def _aquery(self, query_bundle: QueryBundle) -> CitedResponse:
        return self._query(query_bundle)

    def synthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
    ) -> CitedResponse:
        """The answer from passages that are given."""
        now = perf_counter()
        return self._respond(_as_question(query_bundle), [*nodes, *(additional_source_nodes or ())], now, now)

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}  # the base class asks for it

    def _respond(
        self, question: Question, nodes: list[NodeWithScore], started: float, retrieved: float
    ) -> CitedResponse:
        passages = tuple(passage_of(node) for node in nodes)
        draft = self._answerer.draft(question, nodes)
        drafted = perf_counter()
        verified = verify(draft, passages)
        ended = perf_counter()
        reason: RefusalReason | None = None
        if not verified.sentences:
            reason = "unsupported" if draft.claims else "no_evidence"
        said = [with_markers(s.text, s.citations) for s in verified.sentences]
        refused = refusal(reason, question.lang) if reason else None
        answer = Answer(
            id=uuid.uuid4().hex,
            question=question.query_str,
            question_lang=question.lang,
            answered=refused is None,
            answer=refused.message if refused else join(said),
            sentences=tuple(verified.sentences),
            citations=tuple(verified.citations),
            refusal=refused,
            dropped=tuple(verified.dropped),
            disagreements=find_disagreements(verified.citations),
            confidence=round(draft.confidence, 4),
            answerer=draft.answerer,
            model=draft.model,
            timings_ms={
                "retrieve": _ms(started, retrieved),
                "answer": _ms(retrieved, drafted),
                "verify": _ms(drafted, ended),
                "total": _ms(started, ended),
            },
            passages=passages,
        )
        return CitedResponse(answer.answer, source_nodes=nodes, answer=answer)


def join(said: Sequence[str]) -> str:
    """Sentences as running text; between Chinese ones stands no space.

    >>> join(["公司筹集了10亿美元[1]。", "估值翻倍[2]。"]), join(["A [1].", "B [2]."])
    ('公司筹集了10亿美元[1]。估值翻倍[2]。', 'A [1]. B [2].')
    """
    text = ""
    for sentence in said:
        text += ("" if not text or text.endswith(("。", "！", "？")) else " ") + sentence
    return text


def refuse(question: str, lang: Lang, reason: RefusalReason) -> Answer:
    """An answer that says nothing, without looking for anything."""
    refused = refusal(reason, lang)
    return Answer(uuid.uuid4().hex, question, lang, answered=False, answer=refused.message, refusal=refused)


def _as_question(bundle: QueryBundle) -> Question:
    if isinstance(bundle, Question):
        return bundle
    return Question(bundle.query_str, lang=identify(bundle.query_str)[0])


def _ms(start: float, end: float) -> float:
    return round((end - start) * 1000, 2)
