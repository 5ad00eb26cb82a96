"""Scores of one case: what each measure says of an answer, and why; None where a measure does not apply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eval import metrics
from eval.dataset import Case
from rag.types import Answer, Citation

ArticleText = Callable[[str], str | None]  # an article's id to its whole text, None when there is no such article
Scores = dict[str, "Score"]

RETRIEVAL = ("hit@1", "hit@5", "mrr")
ANSWER = ("contains_first", "contains", "recall", "f1", "exact_match")
CITATION = ("cited_sentences", "quote_exact", "cited_gold")
REFUSAL = ("answer_rate", "refusal_precision", "refusal_recall")

# Words of a gold answer, two Chinese characters counting as one. A longer gold is prose: a right answer puts it in
# other words, and asking for its own measures nothing. 99 % of XQuAD's answers are this short in each language.
SHORT_GOLD = 16


@dataclass(frozen=True, slots=True)
class Score:
    """What a measure says, 0 to 1 and higher is better, and why; None where it does not apply."""

    value: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer and its scores."""

    answer: Answer
    scores: Scores


def score_case(case: Case, answer: Answer, article_text: ArticleText) -> Scores:
    """Every measure of one case, in the order of the report."""
    return {
        **score_retrieval(case, answer),
        **score_text(case, answer),
        **score_citations(case, answer, article_text),
        **score_refusal(case, answer),
    }


def score_retrieval(case: Case, answer: Answer) -> Scores:
    """Whether a passage of a right article was found, and at which rank; ranks count passages."""
    if not case.answerable or not case.has_gold_article:
        reason = "cannot be answered" if not case.answerable else "the right article is not known"
        return dict.fromkeys(RETRIEVAL, Score(None, reason))
    relevant = [case.is_gold(passage.article_id, passage.url) for passage in answer.passages]
    found = f"of {len(relevant)} passages"
    reason = f"rank {relevant.index(True) + 1} {found}" if any(relevant) else f"none {found} is of a right article"
    return {
        "hit@1": Score(metrics.hit_at(relevant, 1), reason),
        "hit@5": Score(metrics.hit_at(relevant, 5), reason),
        "mrr": Score(metrics.reciprocal_rank(relevant), reason),
    }


def score_text(case: Case, answer: Answer) -> Scores:
    """How well the words of the answer agree with the gold answers. A refusal says nothing, which is 0."""
    if not case.answerable or not case.answers:
        reason = "cannot be answered" if not case.answerable else "no gold answer"
        return dict.fromkeys(ANSWER, Score(None, reason))
    lang, golds = case.question_lang, case.answers
    said = spoken(answer)
    first = answer.sentences[0].text if answer.sentences else said
    reason = "against the gold answer" if answer.answered else "refused"
    recall = Score(metrics.token_recall(said, golds, lang, truncated=case.truncated), reason)
    if case.truncated:
        partial = Score(recall.value, f"{reason}, which breaks off: only what is there counts")
        return {**dict.fromkeys(ANSWER, Score(None, "the gold answer breaks off")), "recall": partial}
    short = [gold for gold in golds if metrics.count_words(gold, lang) <= SHORT_GOLD]
    standing = reason if short else "the gold answer is prose"
    return {
        "contains_first": Score(metrics.contains(first, short, lang), standing),
        "contains": Score(metrics.contains(said, short, lang), standing),
        "recall": recall,
        "f1": Score(metrics.token_f1(said, golds, lang), reason),
        "exact_match": Score(metrics.exact_match(said, golds, lang), reason),
    }


def spoken(answer: Answer) -> str:
    """What the answer says, without the numbers of its citations; nothing for a refusal."""
    if not answer.answered:
        return ""
    return " ".join(sentence.text for sentence in answer.sentences) or answer.answer


def score_citations(case: Case, answer: Answer, article_text: ArticleText) -> Scores:
    """Whether all sentences are cited, all quotes stand in their articles, and these are the right ones."""
    if not answer.answered:
        return dict.fromkeys(CITATION, Score(None, "refused"))
    return {
        "cited_sentences": _cited_sentences(answer),
        "quote_exact": _quote_exact(answer.citations, article_text),
        "cited_gold": _cited_gold(case, answer),
    }


def _cited_sentences(answer: Answer) -> Score:
    if not answer.sentences:
        return Score(0.0, "answered without a sentence of its own")
    listed = {citation.number for citation in answer.citations}
    # A number that no citation has proves nothing, so all of a sentence's numbers must be listed.
    cited = [bool(sentence.citations) and listed.issuperset(sentence.citations) for sentence in answer.sentences]
    return Score(metrics.share(cited), f"{sum(cited)} of {len(cited)} sentences")


def _quote_exact(citations: Sequence[Citation], article_text: ArticleText) -> Score:
    stands = []
    for citation in citations:
        text = article_text(citation.article_id) or ""
        stands.append(metrics.quote_stands(text, citation.start, citation.end, citation.quote))
    return Score(metrics.share(stands), f"{sum(stands)} of {len(stands)} quotes")


def _cited_gold(case: Case, answer: Answer) -> Score:
    if not case.answerable or not case.has_gold_article:
        return Score(None, "cannot be answered" if not case.answerable else "the right article is not known")
    cited = {citation.article_id: citation.url for citation in answer.citations}
    right = [case.is_gold(article_id, url) for article_id, url in cited.items()]
    return Score(metrics.share(right), f"{sum(right)} of {len(right)} articles")


def score_refusal(case: Case, answer: Answer) -> Scores:
    """Whether it was right to answer, or right to refuse."""
    refused = not answer.answered
    reason = f"refused: {answer.refusal.reason}" if answer.refusal else "answered"
    kept = {"answerable": case.answerable, "refused": refused}
    return {
        "answer_rate": Score(float(not refused) if case.answerable else None, reason),
        "refusal_precision": Score(metrics.refusal_precision(**kept), reason),
        "refusal_recall": Score(metrics.refusal_recall(**kept), reason),
    }
