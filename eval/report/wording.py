"""The measures in plain words, block by block, as every report names and explains them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure: its id in ``results.json``, its name and meaning in words. All go from 0 to 1."""

    id: str
    name: str
    meaning: str
    lower_is_better: bool = False


BLOCKS: dict[str, tuple[Measure, ...]] = {
    "Finding": (
        Measure("hit@1", "right article first", "The first passage found is of a right article."),
        Measure("hit@5", "right article in the first five", "One of the first five passages is of a right article."),
        Measure("mrr", "how early the right article comes", "1 divided by the rank of its first passage; 0 if none."),
        Measure(
            "ndcg@5",
            "order of the first five",
            "How near the first five articles come to having all right ones on top; a later rank counts less.",
        ),
        Measure("recall@5", "right articles in the first five", "Share of the right articles found among the first 5."),
    ),
    "Answering": (
        Measure(
            "right",
            "right in the end",
            "1 when an answerable question is answered rightly or an unanswerable one is refused, else 0.",
        ),
        Measure(
            "contains_first",
            "words asked for, first sentence",
            "The words of a short gold answer stand side by side in the answer's first sentence.",
        ),
        Measure("contains", "words asked for", "The words of a short gold answer stand side by side in the answer."),
        Measure("token_recall", "words of the gold answer", "Share of the gold answer's words that the answer says."),
        Measure(
            "token_f1",
            "words in common",
            "Words that answer and gold answer share, against the length of both: a long answer loses.",
        ),
        Measure("exact_match", "word for word", "The answer is the gold answer but for case, articles, punctuation."),
        Measure("chrf", "characters in common", "Runs of up to six characters that answer and gold answer share."),
        Measure("similarity", "alike in meaning", "How alike the encoder finds the answer and the gold answer."),
        Measure("answer_lang", "in the question's language", "The answer is in the language of the question."),
    ),
    "Citing": (
        Measure("citation_recall", "sentences proven", "Share of sentences that their citations support together."),
        Measure("citation_precision", "citations needed", "Share of citations that support their sentence."),
        Measure("quote_exact", "quotes exact", "Share of quotes that stand in the article character for character."),
        Measure(
            "cited_gold", "cited articles that are right", "Of the articles an answer cites, the share of right ones."
        ),
        Measure("gold_cited", "right articles that are cited", "Of the right articles, the share an answer cites."),
        Measure("dropped", "sentences dropped", "Share of drafted sentences without proof, left out.", True),
    ),
    "Refusing": (
        Measure("answer_rate", "answerable and answered", "Of the questions that an article answers, those answered."),
        Measure("refusal_precision", "refused and unanswerable", "Of the refusals, those of what no article answers."),
        Measure("refusal_recall", "unanswerable and refused", "Of the questions no article answers, those refused."),
        Measure(
            "confidence_auc",
            "confidence tells them apart",
            "How often an answerable question gets the higher confidence than an unanswerable one; 0.5 is chance.",
        ),
    ),
    "A model's judgement": (
        Measure("judge_faithful", "faithful", "A model finds the answer supported by what it cites."),
        Measure("judge_relevant", "to the point", "A model finds that the answer deals with the question."),
        Measure("judge_correct", "correct", "A model finds that the answer agrees with the gold answer."),
    ),
}
KNOWN: dict[str, Measure] = {measure.id: measure for block in BLOCKS.values() for measure in block}
JUDGED = frozenset(measure.id for measure in BLOCKS["A model's judgement"])
OTHER = "Other"

HOW_TO_READ = (
    "Each figure is a mean over the cases that a measure applies to, from 0 to 1.",
    "Drawn anew from these cases, 95 of 100 such means lie in the interval [low, high]: where two intervals overlap,"
    " the difference may be chance.",
    "n is how many cases a mean is of; a dash says that the measure applies to none of them."
    " Failed cases are in no mean.",
)

KINDS = {
    "own_qa": "the articles' own questions",
    "same_language": "in the article's language",
    "cross_lingual": "in another language",
    "unanswerable": "that no article answers",
    "unanswerable_subject": "of a subject no article has",
    "unanswerable_near": "near an article, yet unanswered",
}


def kind_in_words(kind: str) -> str:
    """A kind of case in words, next to its id; unknown kinds keep their id alone.

    >>> kind_in_words("own_qa"), kind_in_words("my_kind")
    ("the articles' own questions", 'my kind')
    """
    return KINDS.get(kind, kind.replace("_", " "))


def blocks_of(measures: Iterable[str]) -> list[tuple[str, tuple[Measure, ...]]]:
    """These measures in blocks, in the order of reports; a measure without words here comes last under its id.

    >>> [(name, [m.id for m in block]) for name, block in blocks_of(["right", "new", "hit@1"])]
    [('Finding', ['hit@1']), ('Answering', ['right']), ('Other', ['new'])]
    """
    wanted = list(dict.fromkeys(measures))
    known = [(name, tuple(m for m in block if m.id in wanted)) for name, block in BLOCKS.items()]
    other = tuple(Measure(one, one, "A measure without a description.") for one in wanted if one not in KNOWN)
    return [(name, block) for name, block in (*known, (OTHER, other)) if block]
