"""The leak guard: is a question of the run written in what was retrieved?

An article's question-and-answer section holds the question and its answer. Where such a text is in the index, a
search finds the question by itself, and every figure looks superb and means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz

from rag.types import Passage

# From here on a passage holds a question nearly word for word; one that is written there comes to 1. The margin is
# thin: among 7,033 answerable questions of CLAPnq, XQuAD and the sample articles, none of which stands in an
# article, the highest is .968, "Constructing a project that fails to adhere to codes does not benefit whom?" beside
# the statement that it asks about.
NEARLY_WORD_FOR_WORD = 0.97
SHORTEST = 4  # letters and digits: "谁？" stands anywhere
_BETWEEN_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Leak:
    """How nearly a passage holds a question, 0 to 1, lower is better; 1 for every question-and-answer passage."""

    overlap: float
    passage_id: str | None = None
    file: str | None = None

    @property
    def found(self) -> bool:
        """Whether the figures of this question would measure nothing."""
        return self.overlap >= NEARLY_WORD_FOR_WORD


def find_leak(question: str, passages: Iterable[Passage], *, answerable: bool = True) -> Leak:
    """The passage that holds the question most nearly.

    A question that cannot be answered has no answer to leak: where a text holds it, say as the title of a song, it only
    is harder to refuse. For it question-and-answer passages alone count.
    """

    def measure(passage: Passage) -> float:
        if passage.kind == "qa":
            return 1.0
        return overlap(question, passage.text) if answerable else 0.0

    measured = (Leak(measure(passage), passage.passage_id, passage.file) for passage in passages)
    return max(measured, key=lambda leak: leak.overlap, default=Leak(0.0))


def overlap(question: str, text: str) -> float:
    """How nearly the question stands in the text, word for word, 0 to 1; case, punctuation and markup don't count.

    Source: the indel similarity of the question and its best matching stretch of the text (rapidfuzz).

    >>> overlap("Who founded Scale?", "Intro. - **Who founded Scale**?")
    1.0
    >>> overlap("谁创立了Scale？", "问与答：**谁创立了 Scale？**")
    1.0
    >>> round(overlap("Wer gründete Scale?", "Wang gründete Scale."), 2), overlap("谁？", "谁？")
    (0.9, 0.0)
    """
    asked, said = _plain(question), _plain(text)
    if len(asked) < SHORTEST or len(said) < len(asked):
        return 0.0
    return fuzz.partial_ratio(asked, said) / 100


def _plain(text: str) -> str:
    # Without spaces: "Scale 公司" and "Scale公司" are the same words.
    return _BETWEEN_WORDS.sub("", text.casefold())
