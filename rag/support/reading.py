"""A text as verification reads it: words in clauses, with the numbers, times, names and turns among them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from rag.language.quantities import Quantity, amounts
from rag.language.sentences import sentences
from rag.support.names import Known, known_names
from rag.support.polarity import Mark, directions, negations
from rag.support.times import Time, times
from rag.support.wording import words_of
from rag.types import Lang

# A clause ends at a mark, and before a word that sets what follows against what was said.
_CLAUSE: dict[Lang, str] = {
    "en": (
        r"[,;:](?!\d)|\s[–—-]\s|[()]|\b(?:while|whereas|although|though|but|because|which|who"
        r"|and (?:\w+ly )?(?:sa(?:id|ys)|then|has|have|had|is|are|was|were|will|would|did|does|do"
        r"|can|could|may|must|no|not))\b"
    ),
    "de": (
        r"[,;:](?!\d)|\s[–—-]\s|[()]|\b(?:während|obwohl|aber|sondern"
        r"|und (?:sagt\w*|kündigt\w*|fordert\w*|ha(?:t|tte|be|ben|tten)|ist|sind|w[ai]r[de]?|wurde|will"
        r"|kann|soll|muss|darf|lehnt\w*|kein\w*|nicht))\b"
    ),
    "zh": r"[，；：]|——|[（）]|而(?!且|言|非)|但(?:是)?",
}
_CLAUSE_END = {lang: re.compile(pattern, re.IGNORECASE) for lang, pattern in _CLAUSE.items()}
_ROUGH = re.compile(
    r"\b(?:about|around|roughly|some|nearly|almost|over|more than|approximately|just under|just over|rund|etwa|circa"
    r"|ca\.|knapp|fast|gut|ungefähr|mehr als|über|nahezu)\b|约|近|大约|左右|超过|逾|多|余|以上|接近",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word at ``text[start:end]``, with the number of its clause and of its sentence.

    ``kind``: content, name, place (what may be the name of one), number, time; empty for words of the grammar.
    """

    text: str
    start: int
    end: int
    clause: int
    sentence: int
    kind: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A text and what it states."""

    text: str
    lang: Lang
    words: tuple[Word, ...]
    spans: tuple[tuple[int, int], ...]  # of its sentences
    numbers: tuple[Quantity, ...]
    times: tuple[Time, ...]
    turns: tuple[Mark, ...]
    negations: tuple[tuple[int, int], ...]
    known: tuple[Known, ...]

    def word_at(self, start: int) -> int:
        """The word at a character, or the next one; the last when there is none."""
        following = (i for i, word in enumerate(self.words) if word.end > start)
        return next(following, len(self.words) - 1)

    def known_at(self, i: int) -> Known | None:
        """The known name that a word is part of."""
        word = self.words[i]
        return next((known for known in self.known if known.start < word.end and word.start < known.end), None)

    def is_negated(self, clause: int) -> bool:
        """Whether a clause is negative: it holds an odd number of negations."""
        inside = (start for start, _ in self.negations if self.words[self.word_at(start)].clause == clause)
        return sum(1 for _ in inside) % 2 == 1

    def is_rough(self, one: Quantity) -> bool:
        """Whether a number is said to be a rough one."""
        return bool(_ROUGH.search(self.text[max(0, one.start - 18) : one.end + 4]))

    def is_title(self, i: int) -> bool:
        """Whether a German word with a capital stands before a name, and so may be a title: "Landrat Pagel"."""
        if self.lang != "de" or i + 1 >= len(self.words):
            return False
        following = self.words[i + 1]
        return following.kind == "name" and following.start - self.words[i].end == 1


@lru_cache(maxsize=512)
def read(text: str, lang: Lang) -> Reading:
    """Read a text.

    >>> [w.text for w in read("Petra Lindner confirmed it on 3 May.", "en").words if w.kind]
    ['Petra', 'Lindner', 'confirmed', '3 May']
    """
    said = times(text, lang)
    taken = [(one.start, one.end) for one in said]
    counted = [one for one in amounts(text, lang) if all(one.end <= a or b <= one.start for a, b in taken)]
    spans = sentences(text, lang)
    facts = sorted([(one.start, one.end, "time") for one in said] + [(one.start, one.end, "number") for one in counted])
    ends = [match.start() for match in _CLAUSE_END[lang].finditer(text)]
    ends = [end for end in ends if not any(a <= end < b for a, b, _ in facts)]
    words = []
    for start, end, kind in _pieces(text, lang, facts):
        sentence = sum(1 for a, _ in spans if a <= start) - 1
        clause = sum(1 for e in ends if e <= start) + sentence
        words.append(Word(text[start:end], start, end, clause, max(0, sentence), kind))
    names = {word.text for word in words if word.kind == "name"}
    words = [replace(word, kind="name") if word.kind == "content" and word.text in names else word for word in words]
    return Reading(
        text, lang, _with_whole_clauses(words), tuple(spans), tuple(counted), tuple(said),
        tuple(directions(text, lang)), tuple(negations(text, lang)), tuple(known_names(text)),
    )  # fmt: skip


def _with_whole_clauses(words: list[Word]) -> tuple[Word, ...]:
    """A clause that says next to nothing is part of the next one of its sentence, the last one of that before it:
    "On 3 May, ...", "..., she said"."""
    told = Counter(word.clause for word in words if word.kind in ("content", "name", "place"))
    told += Counter({clause for clause in told if {"number", "time"} <= {w.kind for w in words if w.clause == clause}})
    sentences_of = {word.clause: word.sentence for word in words}
    order = sorted(sentences_of)
    into: dict[int, int] = {}
    for this, following in pairwise(order):
        if told[this] < 2 and sentences_of[this] == sentences_of[following]:
            into[this] = following
            told[following] += told[this]
    for before, this in pairwise(order):
        if told[this] < 2 and sentences_of[this] == sentences_of[before] and this not in into:
            into[this] = before

    def last(clause: int) -> int:
        seen = {clause}
        while clause in into and into[clause] not in seen:
            clause = into[clause]
            seen.add(clause)
        return clause

    return tuple(replace(word, clause=last(word.clause)) for word in words)


def _pieces(text: str, lang: Lang, facts: list[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    at = 0
    for start, end, kind in [*facts, (len(text), len(text), "")]:
        yield from words_of(text, lang, at, start)
        if end > start:
            yield start, end, kind
        at = end
