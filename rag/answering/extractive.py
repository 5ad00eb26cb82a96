"""The extractive answerer: quotes the one to three sentences that answer, verbatim. Needs no model and no key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llama_index.core.schema import NodeWithScore

from rag.language.disagreement import conflict
from rag.language.text import content_tokens, plain
from rag.nodes import Question, passage_of, sentences_of
from rag.reading.qa import is_question
from rag.types import LANGS, AnswererName, Claim, Claimed, Draft, Kind, Lang, Passage

MAX_SENTENCES = 3
# The evidence from which on a sentence counts as an answer: the mean of the sentence's and its passage's score, plus
# the sentence's coverage; in another language words can't be compared, and it is the mean alone. Chosen on one half of
# XQuAD's mixed set (of seven pairs tried), so that at most 5 % of the answerable questions in the article's language
# are refused and about 85 % of those whose subject is missing.
ENOUGH_SAME_LANGUAGE = 1.45
ENOUGH_OTHER_LANGUAGE = 1.08
# Further sentences must come near the best one, those of other passages nearer: weaker ones add noise more often than
# the answer. On XQuAD, in a trial, of .4, .5 and .6 the first made the answers a fifth longer and held the words asked
# for in .006 more of them; the second is not sensitive between .8 and .9.
NEAR_BEST = 0.6
NEAR_BEST_ELSEWHERE = 0.85
# A sentence in the question's language leads when it comes this near to a better one in another: the asker can read it.
# Of three values tried on XQuAD .9 cost least (.01 less than .8, where the right article is in another language). Over
# two articles on one company, of which the German one names it in every sentence, a Chinese question then got German
# sentences. docs/quality.md has what is measured with .8.
OWN_LANGUAGE_FIRST = 0.8
# The score from which on a passage is likely about what was asked. Chosen on half of XQuAD's subjects (of 35 pairs); on
# the other half, of 327 refused questions with an article of their subject among what was found, 60 % have one above
# the bound. Of 563 that were asked over the 14 sample articles, which speak of nothing of the kind, 91 % have none; of
# 62 over 204 articles without their subject 63 %. Nothing in the scores tells these apart from those whose subject is
# there and only the paragraph is missing (33 of 76 shown).
NEAR_SAME_LANGUAGE = 0.95
NEAR_OTHER_LANGUAGE = 0.9
SAME_STATEMENT = 0.7  # share of the shorter sentence's words that stand in the other


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may be said. ``strength`` is its evidence as a multiple of what is enough."""

    passage_id: str
    article_id: str
    start: int
    end: int
    text: str
    lang: Lang
    kind: Kind
    words: frozenset[str]
    strength: float


class ExtractiveAnswerer:
    """Chooses whole sentences by their evidence; refuses when the best is not enough."""

    name: AnswererName = "extractive"

    def draft(self, question: Question, nodes: Sequence[NodeWithScore]) -> Draft:
        """See Answerer. ``confidence`` is .5 where the evidence is just enough."""
        ranked = rank(question, nodes)
        best = max((c.strength for c in ranked), default=0.0)
        chosen = _chosen(ranked) if best >= 1.0 else []
        claims = (Claim(c.text, (Claimed(c.passage_id, c.start, c.end),)) for c in chosen)
        return Draft(tuple(claims), confidence(best), self.name)


def rank(question: Question, nodes: Sequence[NodeWithScore]) -> list[Candidate]:
    """All that may be said, strongest first; but what can be read by who asks leads if it is nearly as strong."""
    ranked = sorted((c for node in nodes for c in _candidates(question, node)), key=lambda c: -c.strength)
    own = next((c for c in ranked if c.lang == question.lang), None)
    if own and own.strength >= max(1.0, OWN_LANGUAGE_FIRST * ranked[0].strength):
        ranked = [own, *(c for c in ranked if c is not own)]
    return ranked


def _chosen(ranked: Sequence[Candidate]) -> list[Candidate]:
    """The first sentence and what adds to it.

    The answer of a pair is shown whole, and only when it is the best: its sentences make sense under its question.
    What comes after is from bodies and in the language of the best, since its reader may not read another one; but a
    sentence that gives another amount is shown in whatever language.
    """
    best = ranked[0]
    chosen = [best]
    if best.kind == "qa":
        chosen = sorted((c for c in ranked if c.passage_id == best.passage_id), key=lambda c: c.start)
    contradicting = next((c for c in ranked if _contradicts(c, best)), None)
    if contradicting:
        chosen.append(contradicting)
    most = max(MAX_SENTENCES, len(chosen))
    for candidate in ranked:
        near = NEAR_BEST if candidate.passage_id == best.passage_id else NEAR_BEST_ELSEWHERE
        enough = candidate.strength >= max(1.0, near * best.strength)
        repeats = any(says_the_same(candidate.words, other.words) for other in chosen)
        if enough and candidate.kind == "body" and candidate.lang == best.lang and not repeats:
            chosen.append(candidate)
    return chosen[:most]


def _contradicts(candidate: Candidate, best: Candidate) -> bool:
    """Whether another article gives another amount, in any language: a reader must see both."""
    # The lower of the two bounds, since with the higher one the one known disagreement was not shown.
    strong = candidate.strength >= max(1.0, NEAR_BEST * best.strength)
    if not strong or candidate.article_id == best.article_id:
        return False
    return conflict(candidate.text, candidate.lang, best.text, best.lang) is not None


def confidence(strength: float) -> float:
    """A strength of evidence (0 and up) on a scale from 0 to 1, .5 at just enough.

    >>> confidence(0.0), confidence(1.0), round(confidence(3.0), 2)
    (0.0, 0.5, 0.9)
    """
    square = max(0.0, strength) ** 2
    return square / (1 + square)


def worth_reading(passages: Iterable[Passage], lang: Lang) -> list[Passage]:
    """Those of the passages found for a question in ``lang`` that are likely about it, answering it or not."""
    bounds = {of: NEAR_SAME_LANGUAGE if of == lang else NEAR_OTHER_LANGUAGE for of in LANGS}
    return [passage for passage in passages if passage.score >= bounds[passage.lang]]


def says_the_same(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two sentences, given as their content words, make the same statement nearly word for word.

    >>> says_the_same(frozenset({"scale", "rais", "billion"}), frozenset({"scale", "rais", "billion", "today"}))
    True
    """
    smaller = min(len(one), len(other))
    return smaller > 0 and len(one & other) / smaller >= SAME_STATEMENT


def _candidates(question: Question, node: NodeWithScore) -> list[Candidate]:
    passage = passage_of(node)
    found = []
    for sentence in sentences_of(node):
        if passage.lang == question.lang:
            evidence = (sentence.similarity + passage.score) / 2 + sentence.coverage
            strength = evidence / ENOUGH_SAME_LANGUAGE
        else:
            strength = (sentence.similarity + passage.score) / 2 / ENOUGH_OTHER_LANGUAGE
        text = plain(passage.text[sentence.start - passage.start : sentence.end - passage.start])
        if passage.kind == "body" and is_question(text):
            continue  # who asks does not answer, however like the reader's question it is
        words = frozenset(content_tokens(text, passage.lang))
        found.append(
            Candidate(
                passage.passage_id,
                passage.article_id,
                sentence.start,
                sentence.end,
                text,
                passage.lang,
                passage.kind,
                words,
                strength,
            )
        )
    return found
