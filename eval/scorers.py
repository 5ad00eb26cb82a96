"""Scores of one case: what each measure says of an answer, and why; None where a measure does not apply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from eval import metrics
from eval.dataset import Case
from rag.citations import ENOUGH_SUPPORT, support
from rag.language.sentences import sentences
from rag.language.text import identify, plain
from rag.types import Answer, Citation, Lang, Passage

ArticleText = Callable[[str], str | None]  # an article's id to its whole text, None when there is no such article
Similarity = Callable[[str, Sequence[str]], float | None]  # a text and its golds
Scores = dict[str, "Score"]

RETRIEVAL = ("hit@1", "hit@5", "mrr", "ndcg@5", "recall@5")
ANSWER = (
    *("right", "contains_first", "contains", "token_recall", "token_f1", "exact_match", "chrf", "similarity"),
    "answer_lang",
)
CITATION = ("citation_recall", "citation_precision", "quote_exact", "cited_gold", "gold_cited", "dropped")
REFUSAL = ("answer_rate", "refusal_precision", "refusal_recall")
JUDGE = ("judge_faithful", "judge_relevant", "judge_correct")
LOWER_IS_BETTER = frozenset({"dropped"})

# Words of a gold answer, two Chinese characters counting as one. A longer gold is prose, and so is a whole sentence: a
# right answer puts it in other words, and asking for its own measures nothing. 99 % of XQuAD's answers are this short
# in each language, and 21 in 8,000 end like a sentence.
SHORT_GOLD = 16
SENTENCE_WORDS = 3
SENTENCE_ENDS = (".", "!", "?", "。", "！", "？")
# An answer is read this far when words are looked for in it, as far as the product itself goes. Whoever says
# everything would hold every answer.
READ_SENTENCES = 3
# The share of a prose gold's words that a right answer says. Chosen on 91 answers in three languages that the
# developers labelled with the scores in sight, of which it judges 83 alike: no independent check. It can't see a
# changed number or a "not", which citations are checked for.
PROSE_IS_RIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Score:
    """What a measure says, 0 to 1, and why; None where it does not apply."""

    value: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer and its scores. ``by_article_lang`` has the retrieval of right articles of one language alone."""

    answer: Answer
    scores: Scores
    by_article_lang: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Tools:
    """What scoring looks things up with. ``langs`` has an article's language by its link and by its id."""

    article_text: ArticleText
    similarity: Similarity
    langs: Mapping[str, str]


def score_case(case: Case, answer: Answer, tools: Tools) -> Outcome:
    """Every measure of one case, in the order of the report."""
    text = score_text(case, answer, tools.similarity)
    citations = score_citations(case, answer, tools.article_text)
    scores = {
        **score_retrieval(case, answer.passages),
        "right": score_verdict(case, answer, text, citations["cited_gold"]),
        **text,
        **citations,
        **score_refusal(case, answer),
    }
    return Outcome(answer, scores, retrieval_by_lang(case, answer.passages, tools.langs))


# --- Retrieval ---------------------------------------------------------------------------------------------


def score_retrieval(case: Case, passages: Sequence[Passage]) -> Scores:
    """Whether a passage of a right article was found, and at which rank; ranks count passages."""
    if not case.answerable or not case.has_gold_article:
        reason = "cannot be answered" if not case.answerable else "the right article is not known"
        return dict.fromkeys(RETRIEVAL, Score(None, reason))
    relevant = [case.is_gold(passage.article_id, passage.url) for passage in passages]
    found = f"of {len(relevant)} passages"
    reason = f"rank {relevant.index(True) + 1} {found}" if any(relevant) else f"none {found} is of a right article"
    first = _first_of_each(case, passages)
    share = f"{sum(first[:5])} of {case.gold_total} right articles in the first 5"
    return {
        "hit@1": Score(metrics.hit_at(relevant, 1), reason),
        "hit@5": Score(metrics.hit_at(relevant, 5), reason),
        "mrr": Score(metrics.reciprocal_rank(relevant), reason),
        "ndcg@5": Score(metrics.ndcg_at(first, case.gold_total, 5), share),
        "recall@5": Score(metrics.recall_at(first, case.gold_total, 5), share),
    }


def _first_of_each(case: Case, passages: Sequence[Passage]) -> list[bool]:
    """For each passage whether it is the first of an article to be found; those of ``also_links`` are taken out."""
    seen: set[str] = set()
    first = []
    for passage in passages:
        key = case.gold_key(passage.article_id, passage.url)
        if key is None and case.is_gold(passage.article_id, passage.url):
            continue  # neither asked for nor wrong
        first.append(key is not None and key not in seen)
        if key is not None:
            seen.add(key)
    return first


def retrieval_by_lang(case: Case, passages: Sequence[Passage], langs: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Retrieval of the right articles of each language, as if there were no others to be found.

    Some sets have every text in three languages: an English question may find the English one and never the German.
    """
    if not case.answerable:
        return {}
    wanted: dict[str, list[str]] = {}
    for key in case.source_links or case.article_ids:
        if key in langs:
            wanted.setdefault(langs[key], []).append(key)
    keys = [case.gold_key(passage.article_id, passage.url) for passage in passages]
    return {lang: _retrieval_of(golds, keys) for lang, golds in sorted(wanted.items())}


def _retrieval_of(golds: Sequence[str], keys: Sequence[str | None]) -> dict[str, float]:
    relevant = [key in golds for key in keys]
    found = len({key for key in keys[:5] if key in golds})
    return {
        "hit@1": metrics.hit_at(relevant, 1),
        "hit@5": metrics.hit_at(relevant, 5),
        "mrr": metrics.reciprocal_rank(relevant),
        "recall@5": found / len(golds),
    }


# --- Answers -----------------------------------------------------------------------------------------------


def score_text(case: Case, answer: Answer, similarity: Similarity) -> Scores:
    """How well the words of the answer agree with the gold answers. A refusal says nothing, which is 0."""
    lang = _score_lang(case, answer)
    measures = [measure for measure in ANSWER if measure not in ("right", "answer_lang")]
    if not case.answerable or not case.answers:
        reason = "cannot be answered" if not case.answerable else "no gold answer"
        return {**dict.fromkeys(measures, Score(None, reason)), "answer_lang": lang}
    reason = "against the gold answer" if answer.answered else "refused"
    read = said_sentences(answer)[:READ_SENTENCES]
    recall = metrics.token_recall(" ".join(read), case.answers, case.question_lang, truncated=case.truncated)
    if case.truncated:
        partial = Score(recall, f"{reason}, which breaks off: only what is there counts")
        breaks_off = dict.fromkeys(measures, Score(None, "the gold answer breaks off"))
        return {**breaks_off, "token_recall": partial, "answer_lang": lang}
    short = [gold for gold in case.answers if not is_prose(gold, case.question_lang)]
    standing = reason if short else "the gold answer is prose"
    said, golds, in_lang = spoken(answer), case.answers, case.question_lang
    return {
        "contains_first": Score(metrics.contains(read[0] if read else "", short, in_lang), standing),
        "contains": Score(metrics.contains(" ".join(read), short, in_lang), standing),
        "token_recall": Score(recall, reason),
        "token_f1": Score(metrics.token_f1(said, golds, in_lang), reason),
        "exact_match": Score(metrics.exact_match(said, golds, in_lang), reason),
        "chrf": Score(metrics.chrf(said, golds), reason),
        "similarity": Score(similarity(said, golds), reason),
        "answer_lang": lang,
    }


def is_prose(gold: str, lang: Lang) -> bool:
    """Whether a gold answer is said in other words by a right answer: it is long, or a whole sentence.

    >>> is_prose("Around 75,000 a year.", "en"), is_prose("Apple Inc.", "en"), is_prose("是日本的吉野彰。", "zh")
    (True, False, True)
    """
    words = metrics.count_words(gold, lang)
    return words > SHORT_GOLD or (words >= SENTENCE_WORDS and gold.rstrip().endswith(SENTENCE_ENDS))


def _score_lang(case: Case, answer: Answer) -> Score:
    if not answer.answered:
        return Score(None, "refused")
    said = spoken(answer)
    matches = metrics.in_language(said, case.question_lang)
    if matches is None:
        return Score(None, "too short to tell its language")
    return Score(matches, f"asked in {case.question_lang}, answered in {identify(said)[0]}")


def spoken(answer: Answer) -> str:
    """What the answer says, without the numbers of its citations; nothing for a refusal."""
    if not answer.answered:
        return ""
    return " ".join(sentence.text for sentence in answer.sentences) or answer.answer


def said_sentences(answer: Answer) -> list[str]:
    """The sentences of what is said, however the answerer cut it."""
    if not answer.answered:
        return []
    parts = [sentence.text for sentence in answer.sentences] or [answer.answer]
    return [part[start:end] for part in parts for start, end in sentences(part, identify(part)[0])]


def score_verdict(case: Case, answer: Answer, text: Scores, cited_gold: Score) -> Score:
    """The one verdict of a case: answered rightly or rightly refused is 1, all else 0; None where nothing tells.

    An answer is right when it says the words asked for (of a prose gold, a third of its words) and, where the right
    article is known, cites it.
    """
    if not case.answerable:
        return Score(float(not answer.answered), "answered, though no article does" if answer.answered else "refused")
    if not answer.answered:
        return Score(0.0, "refused, though an article answers it")
    if cited_gold.value == 0:
        return Score(0.0, "rests on a wrong article")
    contains, recall = text["contains"].value, text["token_recall"].value
    says_it = recall is not None and recall >= PROSE_IS_RIGHT if contains is None else contains == 1
    if contains is None and recall is None:
        return Score(cited_gold.value and 1.0, "no gold answer: judged by the article it rests on")
    return Score(float(says_it), "says what was asked for" if says_it else "does not say what was asked for")


# --- Citations ---------------------------------------------------------------------------------------------


def score_citations(case: Case, answer: Answer, article_text: ArticleText) -> Scores:
    """Whether what is said is proven by its citations, and whether these are the right ones."""
    dropped = metrics.dropped_share(len(answer.sentences), len(answer.dropped))
    scores = {"dropped": Score(dropped, f"{len(answer.dropped)} dropped, {len(answer.sentences)} kept")}
    if not answer.answered:
        return {**dict.fromkeys(CITATION, Score(None, "refused")), **scores}
    cited = _cited(answer)
    recall = metrics.citation_recall(cited, entails)
    precision = metrics.citation_precision(cited, entails)
    said = f"of {len(cited)} sentences"
    return {
        # Answered without a sentence of its own: nothing of it is proven.
        "citation_recall": Score(recall if cited else 0.0, f"{round((recall or 0.0) * len(cited))} {said} supported"),
        "citation_precision": Score(precision, f"of {sum(len(quotes) for _, quotes in cited)} citations"),
        "quote_exact": _quote_exact(answer.citations, article_text),
        **_against_gold(case, answer),
        **scores,
    }


def entails(quotes: Sequence[str], sentence: str) -> bool:
    """Whether quotes together support a sentence, by the rule with which the product grants citations."""
    quoted = "\n".join(plain(quote) for quote in quotes)
    return plain(sentence) in quoted or support(sentence, quoted) >= ENOUGH_SUPPORT


def _cited(answer: Answer) -> list[metrics.Cited]:
    quotes = {citation.number: citation.quote for citation in answer.citations}
    return [(one.text, [quotes.get(number) for number in one.citations]) for one in answer.sentences]


def _quote_exact(citations: Sequence[Citation], article_text: ArticleText) -> Score:
    stands = []
    for citation in citations:
        text = article_text(citation.article_id) or ""
        stands.append(metrics.quote_stands(text, citation.start, citation.end, citation.quote))
    return Score(metrics.share(stands), f"{sum(stands)} of {len(stands)} quotes")


def _against_gold(case: Case, answer: Answer) -> Scores:
    """Precision and recall of the cited articles against the right ones."""
    if not case.answerable or not case.has_gold_article:
        reason = "cannot be answered" if not case.answerable else "the right article is not known"
        return dict.fromkeys(("cited_gold", "gold_cited"), Score(None, reason))
    cited = {citation.article_id: citation.url for citation in answer.citations}
    right = [case.is_gold(article_id, url) for article_id, url in cited.items()]
    keys = {case.gold_key(article_id, url) for article_id, url in cited.items()} - {None}
    total = case.gold_total
    return {
        # An answer that cites nothing rests on no right article.
        "cited_gold": Score(metrics.share(right) or 0.0, f"{sum(right)} of {len(right)} articles cited are right"),
        "gold_cited": Score(len(keys) / total if total else None, f"{len(keys)} of {total} right articles cited"),
    }


# --- Refusals ----------------------------------------------------------------------------------------------


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
