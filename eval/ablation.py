"""What each part of the search is worth: the same questions with one part left out at a time.

Each answers with its strongest sentence and never refuses, the first of them with all parts: the bounds from which the
product refuses were chosen for all parts together, and would refuse too much where one is missing.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from rag.answering.extractive import ExtractiveAnswerer, confidence, rank
from rag.encoders.embedding import Embedder, FineEncoder
from rag.engine import CitedQueryEngine
from rag.nodes import Question, passage_of
from rag.search.flat import FlatIndex
from rag.search.ranking import RANKING
from rag.search.retrieval import HybridRetriever, Scoring
from rag.storage.store import Store
from rag.types import Answer, Filters, Lang, Sentence

PARTS = {
    "all parts": Scoring(),
    "without the words": Scoring(coverage=0.0),
    "without the first encoder": Scoring(embedder=0.0),
    "without clauses": Scoring(clauses=False),
    "without sentences in context": Scoring(contexts=False),
    "without raising other languages": Scoring(other_language=1.0),
}


def ablations(store: Store, embedder: Embedder, encoder: FineEncoder | None) -> list[Ablation]:
    """The search with all its parts, and with each of them left out in turn, over an index that is complete."""
    flat = FlatIndex(store)
    retrievers = {name: HybridRetriever(store, flat, embedder, encoder, scoring) for name, scoring in PARTS.items()}
    if encoder:
        retrievers["without the second encoder"] = HybridRetriever(store, flat, embedder)
    answerer, whole = ExtractiveAnswerer(), retrievers["all parts"]
    engines = {name: CitedQueryEngine(retriever, RANKING, answerer) for name, retriever in retrievers.items()}
    return [
        *(Ablation(name, engine) for name, engine in engines.items()),
        Ablation("without ranking by date and twins", CitedQueryEngine(whole, (), answerer)),
        Ablation("in the question's language alone", engines["all parts"], own_language_alone=True),
    ]


@dataclass(frozen=True, slots=True)
class Ablation:
    """A search with a part left out, asked as a rival."""

    name: str
    engine: CitedQueryEngine
    own_language_alone: bool = False

    @property
    def speaks(self) -> bool:
        """Its best sentence is scored."""
        return True

    def ask(self, question: str, question_lang: Lang) -> Answer:
        """The strongest sentence of what is found."""
        filters = Filters(lang=(question_lang,)) if self.own_language_alone else Filters()
        asked = Question(question, lang=question_lang, filters=filters, include_qa=False)
        nodes = self.engine.retrieve(asked)
        best = next(iter(rank(asked, nodes)), None)
        return Answer(
            id=f"ablation-{uuid.uuid4().hex}",
            question=question,
            question_lang=question_lang,
            answered=best is not None,
            answer=best.text if best else "",
            sentences=(Sentence(best.text, (), 0.0),) if best else (),
            confidence=confidence(best.strength) if best else 0.0,
            passages=tuple(passage_of(node) for node in nodes[: asked.top_k]),
        )
