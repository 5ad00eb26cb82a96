"""Whether a passage says what a sentence says, in one language or across languages.

A sentence in free wording is compared word by word. That its words stand in the passage is the lesser part: each of
its numbers, times, names, negations and directions must stand there, and belong to the same thing.
"""

from __future__ import annotations

import threading

from rag.encoders.embedding import Embedder, FineEncoder
from rag.language.text import plain
from rag.support import agents, bindings, facts, roles, standing, subjects, turns
from rag.support.alignment import Aligner
from rag.support.certainty import features, is_certain, is_doubtful
from rag.support.comparison import Comparison
from rag.support.reading import Reading, read
from rag.support.verdict import Supported, Unsupported
from rag.types import Lang, Passage

# In this order, so that the reason given is the plainest.
_CHECKS = (
    facts.numbers,
    facts.times,
    facts.names,
    bindings.exchanged,
    bindings.counted,
    bindings.changed,
    bindings.owned,
    bindings.dated,
    standing.former,
    standing.reached,
    standing.replaced,
    standing.parts,
    standing.of_later,
    agents.agents,
    agents.other_names,
    roles.names_in_role,
    subjects.not_swapped,
    subjects.subjects_of_verbs,
    subjects.plain_subject,
    turns.directions,
    turns.negations,
)
MAX_CLAIM = 1000  # characters: what is longer is no sentence, and comparing takes the square of the length
ENOUGH = {True: 0.45, False: 0.38}  # mean similarity of a claim's words, within a language and across


class SupportJudge:
    """Checks claims in free wording against passages, one at a time."""

    def __init__(self, embedder: Embedder, encoder: FineEncoder | None = None) -> None:
        self._aligner = Aligner(embedder, encoder)
        self._lock = threading.Lock()  # vectors of words are kept, and the encoders take one text at a time anyway

    def judge(self, claim: str, lang: Lang, passage: Passage) -> Supported | Unsupported:
        """Where a passage says a claim, which is in a language; or what it does not say of it."""
        if len(claim) > MAX_CLAIM:
            return Unsupported("words")
        repeated = _sentence_repeated(claim, lang, passage)
        if repeated:
            return Supported(*repeated, 1.0)
        year = int(passage.date[:4]) if passage.date and passage.date[:4].isdigit() else None
        compared = self._compared(claim, lang, passage.text, passage.lang, year)
        if isinstance(compared, Unsupported):
            return compared
        start, end = compared.quoted
        certain = is_certain(compared, self._meaning(compared))
        return Supported(start, end, round(compared.window.covered, 3), certain)

    def features(self, claim: str, lang: Lang, text: str, text_lang: Lang) -> list[float] | None:
        """What tells whether a claim is true, see ``certainty``; None where a check speaks against it, or a doubt."""
        compared = self._compared(claim, lang, text, text_lang, None)
        if isinstance(compared, Unsupported) or is_doubtful(compared):
            return None
        return features(compared, self._meaning(compared))

    def _compared(
        self, claim: str, lang: Lang, text: str, text_lang: Lang, year: int | None
    ) -> Comparison | Unsupported:
        """A claim beside a text, where no check speaks against it."""
        said, there = read(plain(claim), lang), read(text, text_lang)
        if not _states(said) or not there.words:
            return Unsupported("empty")
        with self._lock:
            near = self._aligner.similarities(said, there)
        compared = Comparison(said, there, near, year)
        covered = compared.window.covered
        for check in _CHECKS:
            if reason := check(compared):
                return Unsupported(reason, covered)
        if covered < ENOUGH[compared.same_lang]:
            return Unsupported("words" if compared.same_lang else "meaning", covered)
        return compared

    def _meaning(self, compared: Comparison) -> float:
        start, end = compared.quoted
        with self._lock:
            return self._aligner.meaning(compared.said.text, compared.text.text[start:end])


def _sentence_repeated(claim: str, lang: Lang, passage: Passage) -> tuple[int, int] | None:
    """The sentence of the passage that a claim repeats whole, but for marks and capitals."""
    letters = _letters(claim)
    if lang != passage.lang or not letters or not _states(read(plain(claim), lang)):
        return None
    spans = read(passage.text, passage.lang).spans
    return next(((a, b) for a, b in spans if _letters(plain(passage.text[a:b])) == letters), None)


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _states(said: Reading) -> bool:
    """Whether a sentence states something: it is no question and has words that tell something."""
    asks = said.text.rstrip(" \"'”’»“」』）)").endswith(("?", "？"))
    return not asks and sum(word.kind != "" for word in said.words) >= 2
