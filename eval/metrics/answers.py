"""How well the words of an answer agree with the gold answers, in three languages."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.chrf import CHRF

from rag.language.text import identify
from rag.types import Lang

_ARTICLES = {
    "en": re.compile(r"\b(a|an|the)\b"),
    "de": re.compile(r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
}
_HAN = re.compile(r"([\u4e00-\u9fa5])")
_CHRF = CHRF()
SURE = 0.5  # below it a language is a guess


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


def chrf(text: str, golds: Sequence[str]) -> float | None:
    """Agreement of character n-grams, 1 to 6 long, recall counting twice; for the gold that fits best, None without.

    Source: Popović 2015, as sacrebleu computes it. White space does not count, so that Chinese needs no words.

    Three of the gold's four characters: P = 1; R = 3/4, 2/3 and 1/2 for n = 1, 2 and 3, and there are no longer ones,
    so R = 0.639 and chrF = 5PR / (4P + R).

    >>> round(chrf("十亿美", ["十亿美元"]), 3), chrf("", ["2016"]), chrf("2016", [])
    (0.689, 0.0, None)
    """
    known = [gold for gold in golds if gold.strip()]
    return _CHRF.sentence_score(text, known).score / 100 if known else None


def in_language(text: str, lang: Lang) -> float | None:
    """1 when the text is in this language, else 0; None where it is too short to tell.

    Source: py3langid (Lui and Baldwin 2012, langid.py) among zh, en and de, as the product tells a question's language.

    >>> in_language("Der Tunnel misst 57 Kilometer.", "de"), in_language("隧道长57公里。", "de")
    (1.0, 0.0)
    >>> in_language("57", "de") is None
    True
    """
    found, sure = identify(text)
    return float(found == lang) if sure >= SURE else None


def similarity(text: NDArray[np.float32], golds: NDArray[np.float32]) -> float | None:
    """Cosine of a text and the gold nearest to it, both as unit vectors; 0 for what points apart, None without a gold.

    ``text`` has the shape (dimensions,), ``golds`` (golds, dimensions). Source: semantic answer similarity (Risch et
    al. 2021) with two encodings in place of a cross-encoder. It hangs on the encoder.

    >>> round(similarity(np.array([0.6, 0.8]), np.array([[1.0, 0.0], [0.0, 1.0]])), 2)
    0.8
    >>> similarity(np.array([0.6, 0.8]), np.array([[-1.0, 0.0]])), similarity(np.array([1.0]), np.zeros((0, 1)))
    (0.0, None)
    """
    if not len(golds):
        return None
    return min(1.0, max(0.0, float((golds @ text).max())))  # rounding may lead past 1


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
