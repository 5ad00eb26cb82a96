"""The rival: a plain LlamaIndex and Chroma quick start over the same files, with the same embedder.

Whole files go through LlamaIndex's own splitter into a Chroma collection, and the best passage's first three
sentences are the answer. It never refuses and proves nothing. The articles' questions and answers are cut
out, so that both are asked on the same terms.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

import chromadb
import numpy as np
from chromadb.config import Settings as ChromaSettings
from llama_index.core import Document
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import BaseNode, MetadataMode

from rag.types import Answer, Article, Lang, Passage, Sentence

TOP_K = 8  # as many passages as the assistant is asked for
ANSWER_SENTENCES = 3
BATCH = 250  # local Chroma refuses more than 5,461 records at once
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")


class Baseline:
    """Answers from the passage nearest to the question."""

    def __init__(self, articles: Sequence[Article], embedder: BaseEmbedding) -> None:
        """Index the articles in memory; at least one of them has text beside its questions and answers."""
        self._embedder = embedder
        self._articles = {article.id: article for article in articles}
        self._nodes = _chunks(articles)
        client = chromadb.EphemeralClient(ChromaSettings(anonymized_telemetry=False))
        # In-memory clients of one process share their collections, so each needs a name of its own.
        self._collection = client.create_collection(
            f"baseline-{uuid.uuid4().hex}",
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine"}},
        )
        for at in range(0, len(self._nodes), BATCH):
            texts = [node.get_content(MetadataMode.EMBED) for node in self._nodes[at : at + BATCH]]
            self._collection.upsert(
                ids=[str(number) for number in range(at, at + len(texts))],
                embeddings=np.asarray(embedder.get_text_embedding_batch(texts), dtype=np.float32),
            )

    def ask(self, question: str, question_lang: Lang) -> Answer:
        """The first sentences of the passage nearest to the question; its confidence is their cosine."""
        passages = self.search(question)
        best = passages[0]
        said = tuple(Sentence(text, (), 0.0) for text in sentences(best.text)[:ANSWER_SENTENCES])
        return Answer(
            id=f"baseline-{best.passage_id}",
            question=question,
            question_lang=question_lang,
            answered=True,
            answer=" ".join(sentence.text for sentence in said),
            sentences=said,
            confidence=best.score,
            passages=tuple(passages),
        )

    def search(self, question: str) -> list[Passage]:
        """The nearest passages, best first, scored with their cosine, -1 to 1."""
        found = self._collection.query(
            query_embeddings=np.asarray([self._embedder.get_query_embedding(question)], dtype=np.float32),
            n_results=min(TOP_K, len(self._nodes)),
            include=["distances"],
        )
        distances = (found["distances"] or [[]])[0]
        # Chroma's cosine distance is 1 - cosine.
        return [
            self._passage(self._nodes[int(number)], 1 - distance)
            for number, distance in zip(found["ids"][0], distances, strict=True)
        ]

    def _passage(self, node: BaseNode, score: float) -> Passage:
        article = self._articles[node.ref_doc_id or ""]
        text = node.get_content(MetadataMode.NONE)
        return Passage(
            passage_id=node.node_id,
            article_id=article.id,
            title=article.title,
            url=article.url,
            author=article.author,
            date=article.date,
            lang=article.langs[0],
            heading=None,
            kind="body",
            text=text,
            start=0,  # offsets into the article are lost with the parts that were cut out
            end=len(text),
            file=article.file,
            score=score,
        )


def without_qa(article: Article) -> str:
    """The text of an article's file without its questions and answers."""
    text = article.text
    pairs = [pair for section in article.sections for pair in section.qa]
    for pair in sorted(pairs, key=lambda pair: pair.question.start, reverse=True):
        text = text[: pair.question.start] + text[max(pair.question.end, pair.answer.end) :]
    return text


def sentences(text: str) -> list[str]:
    """Sentences, split in the plain way.

    >>> sentences("Scale grew. Wang said: more! 估值翻倍。融资完成。")
    ['Scale grew.', 'Wang said: more!', '估值翻倍。', '融资完成。']
    """
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def _chunks(articles: Sequence[Article]) -> list[BaseNode]:
    documents = [Document(text=without_qa(article), doc_id=article.id) for article in articles]
    return [
        node
        for node in SentenceSplitter().get_nodes_from_documents(documents)
        if node.get_content(MetadataMode.NONE).strip()
    ]
