"""The query engine that page, API and evaluation call: retrieve, rank, draft, verify, sentence by sentence."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import Response
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from rag.answering import Answerer
from rag.chat.prompts import MENTIONS_PASSAGES, note, refusal
from rag.citations import Gate, Judge, Sources, with_markers
from rag.errors import CancelledReplyError, ChatModelError
from rag.language.disagreement import find_disagreements
from rag.language.text import content_tokens, identify
from rag.nodes import Question, passage_of
from rag.types import (
    Answer,
    Claim,
    Draft,
    Dropped,
    Found,
    Lang,
    NoteReason,
    Passage,
    RefusalReason,
    Said,
    Sentence,
    Update,
)

log = logging.getLogger(__name__)

# A model that says that the passages do not answer is believed where the evidence is not much above the bar of .5; with
# more of it the sentences that are the evidence are quoted. A guess: small models say it of anything.
MODEL_DECIDES_BELOW = 0.6
SURE_OF_LANGUAGE = 0.9  # from which on a sentence in another language is not said


@dataclass
class CitedResponse(Response):
    """LlamaIndex's response with the whole answer in it."""

    answer: Answer = field(kw_only=True)


@dataclass(slots=True)
class _Outcome:
    """What came of a draft."""

    draft: Draft
    gate: Gate
    dropped: list[Dropped] = field(default_factory=list)
    note: NoteReason | None = None
    verifying: float = 0.0  # seconds


class CitedQueryEngine(BaseQueryEngine):
    """Answers a ``Question`` with sentences that all passed verification, or refuses.

    ``judge`` makes the judge of an answer's sentences; without one only quotations pass. ``fallback`` answers where
    none of the answerer's sentences can be proven. ``sources`` knows the other articles that say what is cited.
    """

    def __init__(
        self,
        retriever: BaseRetriever,
        postprocessors: Sequence[BaseNodePostprocessor],
        answerer: Answerer,
        *,
        judge: Callable[[Question], Judge] | None = None,
        fallback: Answerer | None = None,
        sources: Callable[[Question], Sources] | None = None,
    ) -> None:
        super().__init__(callback_manager=None)
        self._retriever = retriever
        self._postprocessors = postprocessors
        self._answerer = answerer
        self._judge = judge
        self._fallback = fallback
        self._sources = sources

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

    def stream(self, question: Question) -> Iterator[Update]:
        """What was found, each sentence as soon as it is proven, and last the answer that ``ask`` returns.

        Raises:
            CancelledReplyError: ``question.cancelled`` was set while a language model was writing.
        """
        started = perf_counter()
        nodes = self.retrieve(question)
        yield from self._answering(question, nodes, started)

    def _query(self, query_bundle: QueryBundle) -> CitedResponse:
        started = perf_counter()
        question = _as_question(query_bundle)
        nodes = self.retrieve(question)
        return self._respond(question, nodes, started)

    async def _aquery(self, query_bundle: QueryBundle) -> CitedResponse:
        return self._query(query_bundle)

    def synthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
    ) -> CitedResponse:
        """The answer from passages that are given."""
        return self._respond(_as_question(query_bundle), [*nodes, *(additional_source_nodes or ())], perf_counter())

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}  # the base class asks for it

    def _respond(self, question: Question, nodes: list[NodeWithScore], started: float) -> CitedResponse:
        (answer,) = (told for told in self._answering(question, nodes, started) if isinstance(told, Answer))
        return CitedResponse(answer.answer, source_nodes=nodes, answer=answer)

    def _answering(self, question: Question, nodes: list[NodeWithScore], started: float) -> Iterator[Update]:
        retrieved = perf_counter()
        passages = tuple(passage_of(node) for node in nodes)
        yield Found(passages)
        outcome = yield from self._said(self._answerer, question, nodes, passages)
        if not outcome.gate.sentences and self._fallback and not _is_believed(outcome):
            first = outcome
            outcome = yield from self._said(self._fallback, question, nodes, passages)
            outcome.dropped = [*first.dropped, *outcome.dropped]
            outcome.verifying += first.verifying
            if outcome.gate.sentences:
                outcome.note = first.note or "nothing_proven"
        yield _answer(question, passages, outcome, (started, retrieved, perf_counter()))

    def _said(
        self,
        answerer: Answerer,
        question: Question,
        nodes: Sequence[NodeWithScore],
        passages: Sequence[Passage],
    ) -> Generator[Update, None, _Outcome]:
        """The sentences of an answerer that may be said, as they come, and what came of it."""
        judge = self._judge(question) if self._judge else None
        draft = answerer.draft(question, nodes)
        sources = self._sources(question) if self._sources else None
        outcome = _Outcome(draft, Gate(passages, question.lang, judge, draft.evidence, sources))
        try:
            for claim in outcome.draft.claims:
                begun = perf_counter()
                granted = _unsayable(claim, outcome.gate.sentences, question.lang) or outcome.gate.grant(claim)
                outcome.verifying += perf_counter() - begun
                if isinstance(granted, Dropped):
                    outcome.dropped.append(granted)
                else:
                    yield Said(granted, tuple(outcome.gate.citations))
        except CancelledReplyError:
            raise
        except ChatModelError as error:
            log.warning("%s", error)
            outcome.note = "cut_off" if outcome.gate.sentences else "model_failed"
        return outcome


def _is_believed(outcome: _Outcome) -> bool:
    return outcome.draft.telling.found_nothing and outcome.draft.confidence < MODEL_DECIDES_BELOW


def _unsayable(claim: Claim, said: Sequence[Sentence], lang: Lang) -> Dropped | None:
    """Why a sentence in an answerer's own words is not even looked at: it is in another language, speaks of
    the passages, or was said."""
    if any(claimed.start is not None for claimed in claim.claimed):
        return None
    of, sure = identify(claim.text)
    if of != lang and sure >= SURE_OF_LANGUAGE:
        return Dropped(claim.text, "language")
    if MENTIONS_PASSAGES[lang].search(claim.text):
        return Dropped(claim.text, "about the passages")
    words = set(content_tokens(claim.text, lang))
    if any(words <= set(content_tokens(sentence.text, lang)) for sentence in said):
        return Dropped(claim.text, "repetition")
    return None


def _answer(
    question: Question, passages: tuple[Passage, ...], outcome: _Outcome, times: tuple[float, float, float]
) -> Answer:
    draft, gate = outcome.draft, outcome.gate
    started, retrieved, ended = times
    reason: RefusalReason | None = None
    if not gate.sentences:
        reason = "unsupported" if outcome.dropped and not _is_believed(outcome) else "no_evidence"
    refused = refusal(reason, question.lang) if reason else None
    said = join(with_markers(s.text, s.citations) for s in gate.sentences)
    return Answer(
        id=uuid.uuid4().hex,
        question=question.query_str,
        question_lang=question.lang,
        answered=refused is None,
        answer=refused.message if refused else said,
        sentences=tuple(gate.sentences),
        citations=tuple(gate.citations),
        refusal=refused,
        dropped=tuple(outcome.dropped),
        disagreements=find_disagreements(gate.citations),
        confidence=round(draft.confidence, 4),
        answerer=draft.answerer,
        model=draft.model,
        standalone_question=question.standalone,
        note=note(outcome.note, question.lang) if outcome.note and not refused else None,
        timings_ms={
            "retrieve": _ms(started, retrieved),
            "answer": round((ended - retrieved - outcome.verifying) * 1000, 2),
            "verify": round(outcome.verifying * 1000, 2),
            "total": _ms(started, ended),
        },
        usage=question.bill.usage,
        passages=passages,
    )


def join(said: Iterable[str]) -> str:
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
