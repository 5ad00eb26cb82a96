"""Who else is asked the same questions in the same run.

The plain pipeline is what one would build in an afternoon: whole files through LlamaIndex's own splitter into a
Chroma collection with the same embedder, and the first three sentences of the nearest chunk as the answer, without the
front matter and the link that may stand before them. It never refuses and proves nothing. The other two only find: each
is one half of our own retrieval, over our own passages.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import chromadb
import numpy as np
from chromadb.config import Settings as ChromaSettings
from llama_index.core import Document
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import BaseNode, MetadataMode

from rag.encoders.embedding import Embedder, embed_question
from rag.language.text import content_tokens, for_embedding, tokens
from rag.storage.store import Store
from rag.types import Answer, Article, Lang, Passage, Sentence

TOP_K = 8  # as many passages as the assistant is asked for
ANSWER_SENTENCES = 3
BATCH = 250  # local Chroma refuses more than 5,461 records at once
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_LINK_LINE = re.compile(r"^\[[^\]]*\]\([^)]*\)\s*$", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")


class Rival(Protocol):
    """Whatever else is asked the same questions. ``speaks`` says whether it has answers or passages alone."""

    @property
    def name(self) -> str:
        """What its figures stand under."""

    @property
    def speaks(self) -> bool:
        """Whether its answers are scored, or what it found alone."""

    def ask(self, question: str, question_lang: Lang) -> Answer:
        """Its answer, with the passages it found, best first."""


class PlainPipeline:
    """Answers from the chunk nearest to the question."""

    name = "plain pipeline"
    speaks = True

    def __init__(self, articles: Sequence[Article], embedder: BaseEmbedding) -> None:
        """Index the articles in memory; at least one of them has text beside its questions and answers."""
        self._embedder = embedder
        self._articles = {article.id: article for article in articles}
        self._nodes = _chunks(articles)
        client = chromadb.EphemeralClient(ChromaSettings(anonymized_telemetry=False))
        # In-memory clients of one process share their collections, so each needs a name of its own.
        self._collection = client.create_collection(
            f"plain-{uuid.uuid4().hex}",
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
        said = tuple(Sentence(text, (), 0.0) for text in sentences(without_head(best.text))[:ANSWER_SENTENCES])
        return Answer(
            id=f"plain-{best.passage_id}",
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


def without_head(text: str) -> str:
    """A chunk without front matter and lines that are a link alone: nobody wants these for an answer.

    >>> without_head("---\\ntitle: Scale\\n---\\n[Source Link](https://a.example)\\n\\nScale grew.").strip()
    'Scale grew.'
    """
    return _LINK_LINE.sub("", _FRONT_MATTER.sub("", text))


def sentences(text: str) -> list[str]:
    """Sentences, split in the plain way, each on one line.

    >>> sentences("Scale grew. Wang said:\\nmore! 估值翻倍。融资完成。")
    ['Scale grew.', 'Wang said: more!', '估值翻倍。', '融资完成。']
    """
    return [" ".join(part.split()) for part in _SENTENCE_END.split(text) if part.strip()]


def _chunks(articles: Sequence[Article]) -> list[BaseNode]:
    documents = [Document(text=without_qa(article), doc_id=article.id) for article in articles]
    return [
        node
        for node in SentenceSplitter().get_nodes_from_documents(documents)
        if node.get_content(MetadataMode.NONE).strip()
    ]


class _Finder:
    """A search over an index of ours: it finds passages and says nothing."""

    speaks = False

    def __init__(self, store: Store) -> None:
        self._store = store

    def _answer(self, question: str, question_lang: Lang, scored: Sequence[tuple[str, float]]) -> Answer:
        found = {stored.passage.passage_id: stored.passage for stored in self._store.load([id_ for id_, _ in scored])}
        return Answer(
            id=f"rival-{uuid.uuid4().hex}",
            question=question,
            question_lang=question_lang,
            answered=True,
            answer="",
            confidence=scored[0][1] if scored else 0.0,
            passages=tuple(replace(found[id_], score=score) for id_, score in scored if id_ in found),
        )


class DenseOnly(_Finder):
    """Our passages by the cosine of their vectors alone, searched exactly."""

    name = "dense only"

    def __init__(self, store: Store, embedder: Embedder) -> None:
        super().__init__(store)
        self._embedder = embedder
        self._ids, self._matrix = store.vectors()

    def ask(self, question: str, question_lang: Lang) -> Answer:
        """The nearest passages."""
        cosines = self._matrix @ embed_question(self._embedder, for_embedding(question))
        best = np.argsort(-cosines, kind="stable")[:TOP_K]
        return self._answer(question, question_lang, [(self._ids[i], float(cosines[i])) for i in best])


class LexicalOnly(_Finder):
    """Our passages by BM25 over our own tokens alone, as SQLite ranks them."""

    name = "lexical only"

    def ask(self, question: str, question_lang: Lang) -> Answer:
        """The passages that hold the question's words best; the score is one over the rank."""
        terms = content_tokens(question, question_lang) or tokens(question, question_lang)
        ids = self._store.lexical(list(dict.fromkeys(terms)), TOP_K)
        return self._answer(question, question_lang, [(id_, 1 / rank) for rank, id_ in enumerate(ids, start=1)])
