"""What of a passage is embedded: its sentences, their clauses and, of a pair, the question; pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from rag.language.sentences import clauses
from rag.language.text import for_embedding, plain
from rag.types import Passage


def units_of(passage: Passage, spans: Sequence[tuple[int, int]]) -> tuple[list[str], tuple[int, ...]]:
    """The texts to embed of a passage and the sentence that each belongs to; -1 is the question of a pair.

    A sentence comes first, then its clauses if it has several: a long sentence hides what one clause says.
    """
    texts: list[str] = []
    unit_of: list[int] = []
    if passage.kind == "qa":
        texts.append(for_embedding(passage.text[: spans[0][0] - passage.start]))
        unit_of.append(-1)
    for index, (start, end) in enumerate(spans):
        whole = plain(passage.text[start - passage.start : end - passage.start])
        parts = clauses(whole, passage.lang)
        for text in (whole, *(parts if len(parts) > 1 else ())):
            texts.append(for_embedding(text))
            unit_of.append(index)
    return texts, tuple(unit_of)


def is_whole(unit_of: Sequence[int]) -> list[bool]:
    """Which units are whole sentences or the question, not clauses."""
    return [i == 0 or unit_of[i] != unit_of[i - 1] for i in range(len(unit_of))]


def parts_of(texts: Sequence[str], unit_of: Sequence[int]) -> list[list[str]]:
    """The clauses of each sentence (and question), or the sentence itself where it has one only.

    >>> parts_of(["He came, saw and won.", "He came", "saw and won.", "All left."], [0, 0, 0, 1])
    [['He came', 'saw and won.'], ['All left.']]
    """
    of_sentences = (
        [text for _, text in group] for _, group in groupby(zip(unit_of, texts, strict=True), key=itemgetter(0))
    )
    return [units[1:] or units for units in of_sentences]
