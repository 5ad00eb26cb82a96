"""Measures: pure functions over plain values, each with its source and an example worked by hand.

All run from 0 to 1, higher is better, ranks start at 1. What cannot be measured is None, never zero.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.types import Lang

RESAMPLES = 2000  # the ends of a 95 % interval then rest on 50 draws each
_ARTICLES = {
    "en": re.compile(r"\b(a|an|the)\b"),
    "de": re.compile(r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
}
_HAN = re.compile(r"([\u4e00-\u9fa5])")


# --- Retrieval ---------------------------------------------------------------------------------------------


def hit_at(relevant: Sequence[bool], k: int) -> float:
    """1 when one of the first ``k`` results is right, else 0; nothing found is 0.

    Source: success at k (Manning et al., Introduction to Information Retrieval, chapter 8).

    >>> hit_at([False, True, False], 1), hit_at([False, True, False], 2), hit_at([], 5)
    (0.0, 1.0, 0.0)
    """
    return float(any(relevant[:k]))


def reciprocal_rank(relevant: Sequence[bool]) -> float:
    """1 / rank of the first right result; 0 when there is none. Its mean is MRR.

    Source: Voorhees, The TREC-8 Question Answering Track Report (1999).

    >>> reciprocal_rank([False, True, True]), reciprocal_rank([False]), reciprocal_rank([])
    (0.5, 0.0, 0.0)
    """
    return next((1 / rank for rank, right in enumerate(relevant, start=1) if right), 0.0)


# --- Answers -----------------------------------------------------------------------------------------------


def normalise(text: str, lang: Lang) -> list[str]:
    """The words by which answers are compared: lower case, no punctuation, no en/de articles.

    Source: MLQA's evaluation script (Lewis et al. 2020). There Chinese characters are split in Chinese only;
    here in every language, because the answer to a German question may quote a Chinese article. Text in one
    language comes out the same.

    >>> normalise("The $1bn round, led by Accel.", "en")
    ['1bn', 'round', 'led', 'by', 'accel']
    >>> normalise("Die Bewertung des Startups", "de")
    ['bewertung', 'startups']
    >>> normalise("估值140亿美元，OpenAI 说。", "zh")
    ['估', '值', '140', '亿', '美', '元', 'openai', '说']
    """
    kept = "".join(char for char in text.lower() if not _is_punctuation(char))
    if lang in _ARTICLES:
        kept = _ARTICLES[lang].sub(" ", kept)
    return _HAN.sub(r" \1 ", kept).split()


def count_words(text: str, lang: Lang) -> float:
    """How long a text is in words of ``normalise``; a Chinese word has two characters, in the middle.

    >>> count_words("the two CTLs", "en"), count_words("细胞毒性 CTLs", "de")
    (2.0, 3.0)
    """
    return sum(0.5 if _HAN.fullmatch(word) else 1.0 for word in normalise(text, lang))


def _is_punctuation(char: str) -> bool:
    return char in string.punctuation or unicodedata.category(char).startswith("P")


def exact_match(text: str, golds: Sequence[str], lang: Lang) -> float | None:
    """1 when the text is one of the golds after ``normalise``, else 0; None without a gold that has words.

    Source: SQuAD (Rajpurkar et al. 2016), normalised as in MLQA.

    >>> exact_match("The Board.", ["board", "council"], "en"), exact_match("a board member", ["board"], "en")
    (1.0, 0.0)
    >>> exact_match("board", ["?"], "en") is None
    True
    """
    return _best(lambda words, gold: float(words == gold), text, golds, lang)


def token_f1(text: str, golds: Sequence[str], lang: Lang) -> float | None:
    """Harmonic mean of the precision and recall of words, for the gold that fits best; None without one.

    Source: SQuAD (Rajpurkar et al. 2016), normalised as in MLQA.

    Two of three words are right, and two of four are found: P = 2/3, R = 1/2, F1 = 2PR / (P + R) = 4/7.

    >>> round(token_f1("raised one billion", ["one billion US dollars"], "en"), 4)
    0.5714
    >>> token_f1("", ["one billion"], "en")
    0.0
    """
    return _best(_f1, text, golds, lang)


def _f1(words: list[str], gold: list[str]) -> float:
    return 2 * _shared(words, gold) / (len(words) + len(gold))  # 2PR / (P + R) in terms of counts


def token_recall(text: str, golds: Sequence[str], lang: Lang, *, truncated: bool = False) -> float | None:
    """Share of the gold's words that the text says, for the gold that fits best; None without one.

    Source: recall of SQuAD's F1. It fits golds of several sentences, and golds that were cut off
    (``truncated``): what is there is asked for and what is missing is not. The last word of such a gold may
    be half a word and is left out, unless it is a Chinese character, which is always whole.

    >>> token_recall("Scale sells labelled data to OpenAI.", ["OpenAI and Meta"], "en")
    0.3333333333333333
    >>> token_recall("A strategic contract.", ["the strategic contract in the te"], "en", truncated=True)
    0.6666666666666666
    >>> token_recall("训练人工智能", ["训练生成式人工"], "zh", truncated=True)
    0.5714285714285714
    """
    return _best(lambda words, gold: _shared(words, gold) / len(gold), text, golds, lang, truncated=truncated)


def contains(text: str, golds: Sequence[str], lang: Lang) -> float | None:
    """1 when the words of a gold stand in the text side by side, else 0; None without a gold that has words.

    Source: "has answer" of DPR (Karpukhin et al. 2020), on the words of ``normalise``.

    >>> contains("It was founded in 2016 by Wang.", ["in 2016"], "en"), contains("20160人", ["2016"], "zh")
    (1.0, 0.0)
    >>> contains("", ["2016"], "en")
    0.0
    """
    return _best(_has_run, text, golds, lang)


def _has_run(words: list[str], gold: list[str]) -> float:
    return float(any(words[at : at + len(gold)] == gold for at in range(len(words) - len(gold) + 1)))


def _shared(words: list[str], gold: list[str]) -> int:
    return (Counter(words) & Counter(gold)).total()


def _best(
    measure: Callable[[list[str], list[str]], float],
    text: str,
    golds: Sequence[str],
    lang: Lang,
    *,
    truncated: bool = False,
) -> float | None:
    known = [normalise(gold, lang) for gold in golds]
    if truncated:
        known = [gold if gold and _HAN.fullmatch(gold[-1]) else gold[:-1] for gold in known]
    words = normalise(text, lang)
    return max((measure(words, gold) for gold in known if gold), default=None)


# --- Citations ---------------------------------------------------------------------------------------------


def quote_stands(text: str, start: int, end: int, quote: str) -> bool:
    """Whether the quote is the article's text at its offsets, character for character, and not empty.

    >>> quote_stands("It doubled.", 3, 10, "doubled"), quote_stands("It doubled.", 2, 10, "doubled")
    (True, False)
    >>> quote_stands("It doubled.", -8, -1, "doubled"), quote_stands("It doubled.", 3, 3, "")
    (False, False)
    """
    return 0 <= start < end <= len(text) and text[start:end] == quote


def share(flags: Sequence[bool]) -> float | None:
    """Share of what holds: of citations whose quote stands, of sentences with a citation; None of nothing.

    >>> share([True, True, False, True]), share([])
    (0.75, None)
    """
    return sum(flags) / len(flags) if flags else None


# --- Refusals ----------------------------------------------------------------------------------------------


def refusal_precision(*, answerable: bool, refused: bool) -> float | None:
    """Of the refusals, which were right: 1 or 0 for a refusal, None for an answer. Its mean is the precision.

    Source: precision, with "refused" as the finding and "cannot be answered" as the truth. It hangs on how many
    of the questions can be answered, so compare it only between runs over the same cases.

    >>> refusal_precision(answerable=False, refused=True), refusal_precision(answerable=True, refused=True)
    (1.0, 0.0)
    >>> refusal_precision(answerable=True, refused=False) is None
    True
    """
    return float(not answerable) if refused else None


def refusal_recall(*, answerable: bool, refused: bool) -> float | None:
    """Of the questions that cannot be answered, which were refused; None for others. Its mean is the recall.

    >>> refusal_recall(answerable=False, refused=True), refusal_recall(answerable=False, refused=False)
    (1.0, 0.0)
    >>> refusal_recall(answerable=True, refused=True) is None
    True
    """
    return None if answerable else float(refused)


def roc_auc(answerable: Sequence[float], unanswerable: Sequence[float]) -> float | None:
    """How often a question that can be answered gets the higher confidence; ties are half. None without both.

    Source: area under the ROC curve as the Mann-Whitney statistic (Hanley and McNeil 1982). 0.5 is chance.

    Of the four pairs, .9 > .4, .9 > .6 and .5 > .4 are in order, .5 < .6 is not.

    >>> roc_auc([0.9, 0.5], [0.4, 0.6]), roc_auc([0.5], [0.5]), roc_auc([], [0.5])
    (0.75, 0.5, None)
    """
    if not len(answerable) or not len(unanswerable):
        return None
    lower = np.sort(np.asarray(unanswerable, dtype=float))
    below = np.searchsorted(lower, answerable, side="left")
    not_above = np.searchsorted(lower, answerable, side="right")
    return float((below + not_above).mean() / (2 * len(lower)))


# --- Doubt -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of ``n`` values, with the ends of its 95 % interval."""

    n: int
    mean: float
    low: float
    high: float


def estimate_mean(values: Sequence[float], *, seed: int = 0) -> Estimate | None:
    """The mean of the values and its 95 % interval; None of nothing. The same values give the same interval.

    Source: the percentile bootstrap (Efron and Tibshirani 1993), 2000 resamples.

    >>> estimate_mean([1.0, 1.0, 1.0])
    Estimate(n=3, mean=1.0, low=1.0, high=1.0)
    >>> estimate_mean([0.0, 1.0])  # both drawn alike in half of the resamples
    Estimate(n=2, mean=0.5, low=0.0, high=1.0)
    >>> estimate_mean([]) is None
    True
    """
    if not len(values):
        return None
    known = np.asarray(values, dtype=float)
    draws = np.random.default_rng(seed).integers(0, len(known), size=(RESAMPLES, len(known)))
    return _interval(len(known), float(known.mean()), known[draws].mean(axis=1))


def estimate_auc(answerable: Sequence[float], unanswerable: Sequence[float], *, seed: int = 0) -> Estimate | None:
    """``roc_auc`` and its 95 % interval, both groups resampled apart; None without both.

    >>> estimate_auc([0.9, 0.8], [0.1])
    Estimate(n=3, mean=1.0, low=1.0, high=1.0)
    """
    mean = roc_auc(answerable, unanswerable)
    if mean is None:
        return None
    rng = np.random.default_rng(seed)
    yes, no = np.asarray(answerable, dtype=float), np.asarray(unanswerable, dtype=float)
    draws = [roc_auc(rng.choice(yes, len(yes)).tolist(), rng.choice(no, len(no)).tolist()) for _ in range(RESAMPLES)]
    return _interval(len(yes) + len(no), mean, np.asarray(draws, dtype=float))


def _interval(n: int, mean: float, draws: NDArray[np.float64]) -> Estimate:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(n, mean, float(low), float(high))
