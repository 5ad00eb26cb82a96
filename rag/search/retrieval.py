"""Retrieval: dense and lexical candidates, scored on one absolute scale.

A passage scores its similarity (the mean of the question's cosine with the passage and with its best sentence or
clause; that of the fine encoder twice, that of the embedder once) plus twice the square of its coverage (BM25 as a
share of the most that the question's words could score). Squared, because a passage in the question's language always
shares some everyday words with it: coverage must not lift it over the right passage in another language until it is
high. Absolute scores, because fusing ranks throws away how sure each search is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from rag.encoders.embedding import Embedder, FineEncoder, Matrix, embed_question
from rag.language.quantities import amounts
from rag.language.text import content_tokens, for_embedding, identify, plain, tokens
from rag.nodes import Question, ScoredSentence, to_node
from rag.reading.units import is_whole
from rag.search.dense import DenseIndex
from rag.search.flat import FlatIndex
from rag.storage.changes import Keys
from rag.storage.truth import StoredPassage, Truth
from rag.support.polarity import negations
from rag.types import Lang, Passage

# From each of the searches: of 775 questions on XQuAD the first passage was the same with 50, 40, 30 and 20, and the
# first eight in 775, 774, 765 and 722.
CANDIDATES = 30
# What the fine encoder's cosine is expected to be where the embedder's is known, so that a passage that it has not read
# yet, or never will, is scored on the same scale: a line through the 20 best passages of each question (XQuAD).
EXPECTED_SLOPE, EXPECTED_START = 0.6, 0.09
# A passage in another language that says what one of the best in the question's language says is as good as that one,
# nearly: it can't earn the words. Between these cosines (of the embedder) a passage becomes a translation: of XQuAD's
# paragraphs 95 % of the translations have one above .65, 99 % of the others one below .41. Of four such pairs and three
# numbers of best passages, chosen by how often the right article in another language is among the first five.
TRANSLATED_FROM, TRANSLATED_TO = 0.4, 0.7
TRANSLATED_BEST = 3
TRANSLATION = 0.98  # never before what it translates
# Passages of one article, in one language, that are so near and share so many of their words are one: who repeats a
# paragraph with a word changed, to be found in place of all others, is found once.
SAME_AGAIN, SAME_WORDS = 0.95, 0.5
# Of two articles of one story more words must be the same, all amounts and negations: a reader must see a correction.
# But of no more than so many, or thirty copies with a time of their own would be all that is found.
COPIED_WORDS = 0.8
VERSIONS = 2
AS_GOOD = 0.98  # the share of the best copy's score with which another one may stand for it
MOST_CANDIDATES = 20 * CANDIDATES  # where copies crowd out the others, so many are looked at
SPARE = 3  # passages kept for each one asked for, since ranking takes copies and translations out
MAX_TERMS = 40  # the rarest tokens of a long question; the rest add work and little evidence
# BM25's usual constants (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond").
K1, B = 1.2, 0.75
# In a pair the question stands for its answer. Two questions are more alike than a question and its answer, by
# about this much, also when they ask different things. Chosen by trying a dozen questions on the sample articles.
PAIR_DISCOUNT = 0.15


def idf(term_frequency: Mapping[str, int], terms: Iterable[str], passages: int) -> dict[str, float]:
    """Weight of each token: rarer is higher, and a token in no passage is highest.

    >>> {t: round(w, 2) for t, w in idf({"scale": 9, "accel": 1}, ["scale", "accel", "tesla"], 10).items()}
    {'scale': 0.15, 'accel': 1.99, 'tesla': 3.09}
    """
    return {term: math.log(1 + (passages - (n := term_frequency.get(term, 0)) + 0.5) / (n + 0.5)) for term in terms}


def bm25_coverage(weights: Mapping[str, float], text: Sequence[str], mean_length: float) -> float:
    """BM25 of a token sequence as a share of the most these terms could score; 0 to 1.

    Terms that stand nowhere count in the denominator, so that a question about something else stays low.

    >>> round(bm25_coverage({"a": 1.0, "b": 1.0}, ["a", "x", "x", "x"], 4.0), 3)  # half of the terms, 1 / 2.2 each
    0.227
    """
    most = (K1 + 1) * sum(weights.values())
    if not most:
        return 0.0
    counts = Counter(filter(weights.__contains__, text))
    norm = K1 * (1 - B + B * len(text) / mean_length)
    return sum(weights[t] * f * (K1 + 1) / (f + norm) for t, f in counts.items()) / most


def term_coverage(weights: Mapping[str, float], text: Iterable[str]) -> float:
    """The weight of the terms that stand in a text, as a share of all; 0 to 1.

    >>> term_coverage({"a": 3.0, "b": 1.0}, ["x", "a"])
    0.75
    """
    total = sum(weights.values())
    present = set(text)
    return sum(w for t, w in weights.items() if t in present) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Scoring:
    """What each part of the evidence counts. An evaluation leaves parts out to see what they are worth."""

    embedder: float = 1.0
    fine: float = 2.0  # of 1, 1.5, 2 and 2.5, which differ by less than .01
    coverage: float = 2.0
    # Words count within a language only; a passage in another can't earn them and has its similarity raised in their
    # place. Of six factors up to 1.3, on XQuAD: with 1.1 the right article in another language comes first in .87 in
    # place of .85 of the questions, the right one in the question's language in .964 in place of .967; above that the
    # second suffers.
    other_language: float = 1.1
    clauses: bool = True  # whether a sentence counts by its best clause, too
    contexts: bool = True  # whether a sentence counts as it is understood in its passage, too


AS_SHIPPED = Scoring()


class HybridRetriever(BaseRetriever):
    """Finds passages by meaning and by words. Takes a ``Question``; a plain query gets its language told."""

    def __init__(
        self,
        store: Truth,
        dense: DenseIndex | FlatIndex,
        embedder: Embedder,
        encoder: FineEncoder | None = None,
        scoring: Scoring = AS_SHIPPED,
    ) -> None:
        super().__init__()
        self._store = store
        self._dense = dense
        self._embedder = embedder
        self._encoder = encoder
        self._scoring = scoring
        self._fine = FlatIndex(store, "fine")

    def load(self) -> None:
        """Read what searching needs in memory, so that no question has to wait for it."""
        self._dense.load()
        if self._encoder is not None:
            self._fine.load()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        question = query_bundle
        if not isinstance(question, Question):
            question = Question(query_bundle.query_str, lang=identify(query_bundle.query_str)[0])
        allowed = self._store.select(question.filters, include_qa=question.include_qa)
        _, passages = self._store.count()
        if not passages or (allowed is not None and not len(allowed)):
            return []
        forms = [question.query_str] if question.standalone is None else [question.standalone, question.query_str]
        asked = [self._asked(text, question.lang, passages) for text in forms]
        found = {passage_id for form in asked for passage_id in self._candidates(form, allowed)}
        scored = [_better([_score(form, stored) for form in asked]) for stored in self._store.load(found)]
        ranked = sorted(_with_translations(scored, question.lang), key=lambda s: -s.score)
        stories = self._store.stories_of(s.stored.passage.passage_id for s in ranked)
        best = _once(ranked, stories)[: SPARE * question.top_k]
        return [
            to_node(replace(s.stored.passage, score=s.score), partial(_sentences, s), s.stored.vector.tolist())
            for s in best
        ]

    def _asked(self, text: str, lang: Lang, passages: int) -> _Asked:
        weights = self._weights(text, lang, passages)
        embedded = for_embedding(text)
        vector = embed_question(self._embedder, embedded)
        fine = self._encoder.question(embedded, lang) if self._encoder else None
        return _Asked(lang, vector, fine, weights, self._store.mean_length(), self._scoring)

    def _candidates(self, asked: _Asked, allowed: Keys | None) -> set[str]:
        def dense(limit: int) -> list[str]:
            return [passage_id for passage_id, _ in self._dense.search(asked.vector, limit, allowed)]

        def fine(limit: int) -> list[str]:
            vector = asked.fine
            return [] if vector is None else [found for found, _ in self._fine.search(vector, limit, allowed)]

        def lexical(limit: int) -> list[str]:
            return self._store.lexical(list(asked.weights), limit, allowed)

        return {passage_id for search in (dense, fine, lexical) for passage_id in self._not_crowded(search)}

    def _not_crowded(self, search: Callable[[int], list[str]]) -> list[str]:
        """What a search finds, more of it where much of that may be copies of the rest."""
        limit = CANDIDATES
        while True:
            found = search(limit)
            if len(found) < limit or limit >= MOST_CANDIDATES or len(found) - self._copies(found) >= CANDIDATES:
                return found
            limit *= 2

    def _copies(self, found: Sequence[str]) -> int:
        """How many of these passages may be copies: of each story those of all its articles but one."""
        of_articles: dict[int, Counter[str]] = {}
        for story, article_id in self._store.stories_of(found).values():
            of_articles.setdefault(story, Counter())[article_id] += 1
        return sum(counts.total() - max(counts.values()) for counts in of_articles.values())

    def _weights(self, text: str, lang: Lang, passages: int) -> dict[str, float]:
        terms = dict.fromkeys(content_tokens(text, lang) or tokens(text, lang))
        weights = idf(self._store.document_frequency(terms), terms, passages)
        rarest = sorted(weights, key=lambda term: -weights[term])[:MAX_TERMS]
        return {term: weights[term] for term in rarest}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What passages are scored by: the question's vectors and the weights of its words."""

    lang: Lang
    vector: Matrix
    fine: Matrix | None
    weights: Mapping[str, float]
    mean_length: float
    scoring: Scoring


@dataclass(frozen=True, slots=True)
class _Scored:
    """A passage with its score and the similarity of each of its units, on the scale of the score."""

    stored: StoredPassage
    score: float
    units: Matrix
    asked: _Asked


def _once(ranked: Iterable[_Scored], stories: Mapping[str, tuple[int, str]]) -> list[_Scored]:
    """Scored passages in their order, without those that say what one before them says: in the same article, or in
    another of its story, of which the one to show takes the place."""
    kept: list[_Scored] = []
    before: dict[tuple[str | int, Lang], list[int]] = {}
    for scored in ranked:
        passage = scored.stored.passage
        story = stories.get(passage.passage_id, (passage.article_id,))[0]
        places = before.setdefault((story, passage.lang), [])
        near = [i for i in places if _says_nearly(scored.stored, kept[i].stored)]
        again = next((i for i in near if _says_again(scored.stored.passage, kept[i].stored.passage)), None)
        if again is None:
            if len(near) < VERSIONS:
                places.append(len(kept))
                kept.append(scored)
        elif _is_to_show(scored, kept[again]):
            kept[again] = replace(scored, score=kept[again].score)
    return kept


def _is_to_show(scored: _Scored, best: _Scored) -> bool:
    """Whether a passage is to stand for its copy in another article: what can be opened, then the newest; but not one
    that lacks what makes the best answer the question."""
    one, other = scored.stored.passage, best.stored.passage
    if one.article_id == other.article_id or scored.score < AS_GOOD * best.score:
        return False
    return (one.url is not None, one.date or "") > (other.url is not None, other.date or "")


def _says_nearly(one: StoredPassage, other: StoredPassage) -> bool:
    if float(one.vector @ other.vector) < SAME_AGAIN:
        return False
    if one.passage.article_id == other.passage.article_id:
        words, others = (set(content_tokens(stored.passage.text, stored.passage.lang)) for stored in (one, other))
        return len(words & others) >= SAME_WORDS * len(words | others)
    words, others = set(one.tokens), set(other.tokens)
    return len(words & others) >= COPIED_WORDS * len(words | others)


def _says_again(one: Passage, other: Passage) -> bool:
    """Whether of two passages that say nearly the same one is enough."""
    return one.article_id == other.article_id or one.text == other.text or _facts(one) == _facts(other)


def _facts(passage: Passage) -> tuple[list[tuple[float, str]], int]:
    """The amounts of a passage, and how many negations it has."""
    text = plain(passage.text)
    found = sorted((amount.value, amount.unit) for amount in amounts(text, passage.lang))
    return found, len(negations(text, passage.lang))


def _better(forms: Sequence[_Scored]) -> _Scored:
    return max(forms, key=lambda scored: scored.score)


def _score(asked: _Asked, stored: StoredPassage) -> _Scored:
    of, scoring = np.array(stored.unit_of), asked.scoring
    discount = PAIR_DISCOUNT * (of == -1)
    if not scoring.clauses:
        discount = np.where(is_whole(stored.unit_of), discount, np.inf)
    units = stored.units @ asked.vector - discount
    similarity = (float(stored.vector @ asked.vector) + float(units.max())) / 2
    refined = stored.refined
    if asked.fine is None or refined is None:
        finer, fine_units = expected(similarity), expected(units)
        contexts = fine_units
    else:
        fine_units = refined.units @ asked.fine - discount
        finer = (float(refined.vector @ asked.fine) + float(fine_units.max())) / 2
        contexts = np.where(of == -1, fine_units, (refined.sentences @ asked.fine)[of])
    coverage = bm25_coverage(asked.weights, stored.tokens, asked.mean_length)
    meaning = scoring.embedder * similarity + scoring.fine * finer
    if stored.passage.lang != asked.lang:
        meaning *= scoring.other_language
    score = meaning + scoring.coverage * coverage**2
    # A sentence counts by itself and as it is understood in its passage, in equal parts.
    of_sentences = (fine_units + contexts) / 2 if scoring.contexts else fine_units
    return _Scored(stored, score, scoring.embedder * units + scoring.fine * of_sentences, asked)


def _with_translations(scored: Sequence[_Scored], lang: Lang) -> list[_Scored]:
    own = [s for s in scored if s.stored.passage.lang == lang]
    best = sorted(own, key=lambda s: -s.score)[:TRANSLATED_BEST]

    def worth(one: _Scored) -> float:
        if one.stored.passage.lang == lang:
            return one.score
        return max([one.score, *(TRANSLATION * s.score * likeness(s.stored.vector, one.stored.vector) for s in best)])

    return [replace(one, score=worth(one)) for one in scored]


def likeness(one: Matrix, other: Matrix) -> float:
    """How surely one passage is a translation of the other, by their vectors; 0 to 1."""
    return min(1.0, max(0.0, (float(one @ other) - TRANSLATED_FROM) / (TRANSLATED_TO - TRANSLATED_FROM)))


def expected(similarity: Any) -> Any:
    """What the fine encoder's cosine is expected to be where only the embedder's is known.

    >>> round(expected(0.5), 2)
    0.39
    """
    return EXPECTED_SLOPE * similarity + EXPECTED_START


def _sentences(scored: _Scored) -> list[ScoredSentence]:
    passage, spans = scored.stored.passage, scored.stored.sentences
    of = np.array(scored.stored.unit_of)
    is_pair = passage.kind == "qa"
    pair_similarity = float(scored.units[of == -1].max()) if is_pair else -math.inf
    asked = passage.text[: spans[0][0] - passage.start] if is_pair else ""
    found = []
    for i, (start, end) in enumerate(spans):
        own = float(scored.units[of == i].max())
        # Tokenised as the question's language, so that a name counts in a sentence of any language.
        words = tokens(asked or passage.text[start - passage.start : end - passage.start], scored.asked.lang)
        found.append(ScoredSentence(start, end, max(own, pair_similarity), term_coverage(scored.asked.weights, words)))
    return found
