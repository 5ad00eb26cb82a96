"""The gate between every answerer and the answer: a sentence is granted its citations here or it is not said.

A quotation is granted when it is, character for character, a piece of a passage that was handed out. A sentence in
an answerer's own words is granted when a judge finds it supported by a window of sentences of a passage that was
handed out: of one that it cites, or else of another, which is then cited in its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rag.language.text import content_tokens, identify, plain, tokens
from rag.support.verdict import Supported, Unsupported
from rag.types import Also, Citation, Claim, Claimed, Draft, Dropped, Lang, Passage, Sentence

ENOUGH_SUPPORT = 0.6  # share of a sentence's content words that a text must hold to support it by words alone

# Words of a sentence that must stand in its quote as they are: numbers, and Latin names (a capital or a digit
# inside, or a capital that does not just start the sentence).
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LATIN = "A-Za-zÀ-ÖØ-öø-ÿ"
_NAME = re.compile(
    rf"(?<![.!?:“\"„'] )(?<!^)(?<![{_LATIN}\d])[A-ZÀ-ÖØ-Þ][{_LATIN}\d&-]+"
    rf"|(?<![{_LATIN}\d])[{_LATIN}\d]*[a-zß-ÿ\d][A-ZÀ-ÖØ-Þ][{_LATIN}\d]*"
)


class Judge(Protocol):
    """Says whether a passage supports a claim."""

    def judge(self, claim: str, lang: Lang, passage: Passage) -> Supported | Unsupported:
        """Where a passage says a claim, which is in a language; or what it does not say of it."""


class Sources(Protocol):
    """Knows other articles that tell the same."""

    def also(self, passage: Passage, start: int, end: int) -> tuple[Also, ...]:
        """Where the words of an article at ``start:end`` stand in others, word for word."""


@dataclass(slots=True)
class Verified:
    """What a draft may say: sentences with the numbers of their citations, numbered in order of appearance."""

    sentences: list[Sentence] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Quote:
    """A piece of a passage that supports a claim, at its offsets in the article."""

    passage: Passage
    start: int
    end: int
    support: float


class Gate:
    """Grants or drops the claims of one answer, one by one, against the passages that its answerer was given.

    Without a judge only quotations pass. With ``evidence``, the ids of passages that seem to answer the
    question, the first sentence must rest on one of them: what is said of something else may be true, but is no answer.
    With ``sources`` a citation names the other articles in which its quote stands.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        lang: Lang,
        judge: Judge | None = None,
        evidence: frozenset[str] | None = None,
        sources: Sources | None = None,
    ) -> None:
        self._passages = {passage.passage_id: passage for passage in passages}
        self._lang = lang
        self._judge = judge
        self._evidence = evidence
        self._sources = sources
        self._verified = Verified()

    @property
    def verified(self) -> Verified:
        """All that was granted and dropped so far."""
        return self._verified

    @property
    def sentences(self) -> list[Sentence]:
        """The sentences that were granted so far."""
        return self._verified.sentences

    @property
    def citations(self) -> list[Citation]:
        """What they cite, numbered in order of appearance."""
        return self._verified.citations

    @property
    def dropped(self) -> list[Dropped]:
        """The claims that were not granted so far."""
        return self._verified.dropped

    def grant(self, claim: Claim) -> Sentence | Dropped:
        """A claim as a sentence with its citations; or why it is not said: "no_citation" where no passage that was
        handed out is cited, "beside the question", else "unsupported", where known with what is wrong: "unsupported:
        number"."""
        cited = [self._passages[one.passage_id] for one in claim.claimed if one.passage_id in self._passages]
        quotes = [quote for one in claim.claimed if (quote := self._quoted(claim, one))]
        wrong: list[Unsupported] = []
        if not quotes and not any(one.start is not None for one in claim.claimed):
            quotes = self._supporting(claim, cited, wrong)
        if not quotes:
            return self._drop(claim, "unsupported" if cited else "no_citation", wrong[: len(cited)])
        resting_on = {quote.passage.passage_id for quote in quotes}
        if self._evidence is not None and not self.sentences and not resting_on & self._evidence:
            return self._drop(claim, "beside the question", ())
        numbers = tuple(dict.fromkeys(self._number(quote) for quote in quotes))
        sentence = Sentence(claim.text, numbers, round(max(quote.support for quote in quotes), 3))
        self.sentences.append(sentence)
        return sentence

    def _drop(self, claim: Claim, reason: str, wrong: Sequence[Unsupported]) -> Dropped:
        if wrong and reason == "unsupported":
            reason = f"unsupported: {max(wrong, key=lambda one: one.near).reason}"
        dropped = Dropped(claim.text, reason)
        self.dropped.append(dropped)
        return dropped

    def _quoted(self, claim: Claim, claimed: Claimed) -> _Quote | None:
        """The piece of a passage that a claim quotes, where it does so to the letter."""
        passage = self._passages.get(claimed.passage_id)
        if passage is None or claimed.start is None or claimed.end is None:
            return None
        inside = passage.start <= claimed.start < claimed.end <= passage.end
        quote = passage.text[claimed.start - passage.start : claimed.end - passage.start]
        return _Quote(passage, claimed.start, claimed.end, 1.0) if inside and claim.text == plain(quote) else None

    def _supporting(self, claim: Claim, cited: Sequence[Passage], wrong: list[Unsupported]) -> list[_Quote]:
        """The pieces of the cited passages that support a claim; where there is none, the best of another passage.

        Another one must be in the answer's language: a claim is held against many then, and across languages one of
        them too often seems to say it. What each passage does not say is added to ``wrong``, that of the cited first.
        """
        if self._judge is None:
            return []
        found = [quote for passage in cited if (quote := self._judged(claim, passage, wrong))]
        if found:
            return found
        others = [one for one in self._passages.values() if one not in cited and one.lang == self._lang]
        repaired = [quote for passage in others if (quote := self._judged(claim, passage, wrong))]
        return sorted(repaired, key=lambda quote: -quote.support)[:1]

    def _judged(self, claim: Claim, passage: Passage, wrong: list[Unsupported]) -> _Quote | None:
        assert self._judge is not None
        verdict = self._judge.judge(claim.text, self._lang, passage)
        if isinstance(verdict, Supported) and verdict.certain:
            return _Quote(passage, passage.start + verdict.start, passage.start + verdict.end, verdict.support)
        wrong.append(Unsupported("wording", verdict.support) if isinstance(verdict, Supported) else verdict)
        return None

    def _number(self, quote: _Quote) -> int:
        """The number of a quote's citation; a new one when it was not cited before."""
        passage = quote.passage
        for citation in self.citations:
            if (citation.passage_id, citation.start, citation.end) == (passage.passage_id, quote.start, quote.end):
                return citation.number
        self.citations.append(
            Citation(
                number=len(self.citations) + 1,
                passage_id=passage.passage_id,
                article_id=passage.article_id,
                title=passage.title,
                url=passage.url,
                author=passage.author,
                date=passage.date,
                lang=passage.lang,
                heading=passage.heading,
                kind=passage.kind,
                quote=passage.text[quote.start - passage.start : quote.end - passage.start],
                start=quote.start,
                end=quote.end,
                file=passage.file,
                passage=passage.text,
                passage_start=passage.start,
                also=self._sources.also(passage, quote.start, quote.end) if self._sources else (),
            )
        )
        return len(self.citations)


def verify(draft: Draft, passages: Sequence[Passage], lang: Lang, judge: Judge | None = None) -> Verified:
    """Grant or drop each claim of a draft, which is in a language, against the passages that were handed out."""
    gate = Gate(passages, lang, judge)
    for claim in draft.claims:
        gate.grant(claim)
    return gate.verified


def with_markers(text: str, numbers: Sequence[int]) -> str:
    """A sentence with its citation markers before its final mark.

    >>> with_markers("Scale raised $1bn.", (1, 2)), with_markers("公司筹集了10亿美元。", (3,))
    ('Scale raised $1bn [1][2].', '公司筹集了10亿美元[3]。')
    """
    match = re.search(r"[.!?。！？…]*[\"”’“»」』）)]*$", text)
    at = match.start() if match else len(text)
    markers = "".join(f"[{number}]" for number in numbers)
    space = "" if text[at:].startswith(("。", "！", "？")) or identify(text)[0] == "zh" else " "
    return f"{text[:at]}{space}{markers}{text[at:]}"


def support(sentence: str, quote: str) -> float:
    """How much of a sentence's content stands in a quote by words alone, 0 to 1; 0 when a number or a name does not.

    >>> support("Scale raised $1bn in May.", "In May, Scale raised $1bn from investors.")
    1.0
    >>> support("Scale raised $2bn in May.", "In May, Scale raised $1bn from investors.")
    0.0
    """
    sentence, quote = plain(sentence), plain(quote)
    if not _numbers(sentence) <= _numbers(quote):
        return 0.0
    quoted = quote.casefold()
    if any(name.casefold() not in quoted for name in _NAME.findall(sentence)):
        return 0.0
    lang = identify(sentence)[0]
    wanted = set(content_tokens(sentence, lang))
    return len(wanted & set(tokens(quote, lang))) / len(wanted) if wanted else 0.0


def _numbers(text: str) -> set[str]:
    return {token for match in _NUMBER.findall(text) for token in tokens(match, "en")}
