"""A claim beside a passage: which words stand for which, and which of two places in the passage a word belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rag.language.quantities import Quantity
from rag.support.reading import Reading
from rag.support.times import Time

Near = npt.NDArray[np.float32]

WINDOW = 3  # adjacent sentences that may be quoted for one claim
SHORTER = 0.04  # what another sentence must add to be quoted too
# Similarity from which two words say the same, within a language and across.
FOUND = {True: 0.5, False: 0.4}
# How much less a word tells of a place that is not in its clause, and not in its sentence.
IN_SENTENCE, ELSEWHERE = 0.75, 0.3


@dataclass(frozen=True, slots=True)
class Window:
    """Adjacent sentences of a passage, end exclusive, and how much of a claim they hold, 0 to 1."""

    start: int
    end: int
    covered: float


class Comparison:
    """The words of a claim (index i) and of a passage (index j), and how near in meaning they are."""

    def __init__(self, said: Reading, text: Reading, near: Near, year: int | None = None) -> None:
        self.said, self.text = said, text
        self.same_lang = said.lang == text.lang
        self.found = FOUND[self.same_lang]
        self.sentence = np.array([word.sentence for word in text.words])
        self.clause = np.array([word.clause for word in text.words])
        self.near: Near = np.where(np.array([bool(word.kind) for word in text.words])[None, :], near, 0.0)
        self.years = frozenset({t.year for t in text.times if t.year} | ({year} if year else set()))
        self.clauses = sorted({word.clause for word in text.words})

    # --- Numbers and times ---------------------------------------------------------------------------------

    def same_numbers(self, one: Quantity) -> list[Quantity]:
        """The numbers of the passage that a number of the claim repeats."""
        rough = self.said.is_rough(one)
        return [other for other in self.text.numbers if one.agrees(other, rough=rough)]

    def same_times(self, one: Time) -> list[Time]:
        """The times of the passage that prove a time of the claim."""
        return [other for other in self.text.times if one.fits(other, self.years)]

    # --- Which sentences ------------------------------------------------------------------------------------

    @cached_property
    def window(self) -> Window:
        """The shortest window of adjacent sentences that covers the claim's words, numbers and times best."""
        count = len(self.text.spans)
        best = Window(0, 1, -1.0)
        for length in range(1, min(WINDOW, count) + 1):
            for start in range(count - length + 1):
                covered = self._covered(start, start + length)
                if covered > best.covered + (SHORTER if length > best.end - best.start else 0.0):
                    best = Window(start, start + length, covered)
        return best

    @property
    def quoted(self) -> tuple[int, int]:
        """The characters of the passage that the window holds."""
        return self.text.spans[self.window.start][0], self.text.spans[self.window.end - 1][1]

    def _covered(self, start: int, end: int) -> float:
        inside = (self.sentence >= start) & (self.sentence < end)
        if not inside.any():
            return 0.0
        first, last = self.text.spans[start][0], self.text.spans[end - 1][1]
        held = [float(self.near[i, inside].max()) for i in self.told(("content", "name", "place"))]
        same = [self.same_numbers(one) for one in self.said.numbers], [self.same_times(one) for one in self.said.times]
        facts = [float(any(first <= other.start < last for other in places)) for kind in same for places in kind]
        return float(np.mean(held + facts + facts)) if held or facts else 0.0  # a fact counts as two words

    def told(self, kinds: Iterable[str] = ("content", "name", "place", "number", "time")) -> list[int]:
        """The claim's words of some kinds."""
        wanted = set(kinds)
        return [i for i, word in enumerate(self.said.words) if word.kind in wanted]

    # --- Which of several places ----------------------------------------------------------------------------

    def context(self, i: int, j: int) -> float:
        """How far the words around a word of the claim stand around a word of the passage, 0 to 1."""
        here, total, weight = self.said.words[i], 0.0, 0.0
        proximity = self.proximity(j)
        for k in self.told():
            if k == i:
                continue
            word = self.said.words[k]
            w = (1.0 if word.clause == here.clause else 0.5) / (1.0 + 0.25 * abs(k - i))
            total += w * float((self.near[k] * proximity).max())
            weight += w
        return total / weight if weight else 0.0

    def proximity(self, j: int, fading: float = 0.04) -> npt.NDArray[np.float64]:
        """How much each word of the passage tells of one of them, 0 to 1; the less the farther away it is."""
        word = self.text.words[j]
        distance = np.abs(np.arange(len(self.text.words)) - j)
        factor = np.where(
            self.clause == word.clause, 1.0, np.where(self.sentence == word.sentence, IN_SENTENCE, ELSEWHERE)
        )
        proximity: npt.NDArray[np.float64] = factor / (1.0 + fading * distance)
        proximity[j] = 0.0
        return proximity

    def best(self, i: int, places: Iterable[int]) -> float:
        """The nearest context of a word of the claim at some characters of the passage; 0 without any."""
        return max((self.context(i, self.text.word_at(place)) for place in places), default=0.0)

    def said_in(self, words: Sequence[int], clause: int) -> float:
        """How far some words of the claim stand in a clause of the passage, the rest of its sentence counting less."""
        here = self.clause == clause
        factor = np.where(here, 1.0, np.where(self.sentence == self.sentence[here][0], 0.6, 0.0))
        return float(np.mean((self.near[list(words)] * factor).max(axis=1)))
