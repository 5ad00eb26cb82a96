"""The gate between every answerer and the answer: a sentence is granted its citations here or it is not said.

A quotation is granted when it is, character for character, a piece of a passage that was handed out. A sentence in
an answerer's own words is granted when one sentence of a cited passage holds every number and name of it and most
of its content words. That is a floor, not a proof of meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rag.sentences import sentences
from rag.text import content_tokens, identify, plain, tokens
from rag.types import Citation, Claim, Claimed, Draft, Dropped, Passage, Sentence

ENOUGH_SUPPORT = 0.6  # share of a sentence's content words that its quote must hold

# Words of a sentence that must stand in its quote as they are: numbers, and Latin names (a capital or a digit
# inside, or a capital that does not just start the sentence).
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LATIN = "A-Za-zÀ-ÖØ-öø-ÿ"
_NAME = re.compile(
    rf"(?<![.!?:“\"„'] )(?<!^)(?<![{_LATIN}\d])[A-ZÀ-ÖØ-Þ][{_LATIN}\d&-]+"
    rf"|(?<![{_LATIN}\d])[{_LATIN}\d]*[a-zß-ÿ\d][A-ZÀ-ÖØ-Þ][{_LATIN}\d]*"
)


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


def verify(draft: Draft, passages: Sequence[Passage]) -> Verified:
    """Grant or drop each claim of a draft against the passages that the answerer was given.

    A claim of a passage that was not handed out is ignored; a claim left without support is dropped.
    """
    by_id = {passage.passage_id: passage for passage in passages}
    verified = Verified()
    for claim in draft.claims:
        quotes = [quote for claimed in claim.claimed for quote in _support(claim, claimed, by_id)]
        if not quotes:
            known = any(claimed.passage_id in by_id for claimed in claim.claimed)
            verified.dropped.append(Dropped(claim.text, "unsupported" if known else "no_citation"))
            continue
        numbers = tuple(dict.fromkeys(_number(quote, verified.citations) for quote in quotes))
        support = round(max(quote.support for quote in quotes), 3)
        verified.sentences.append(Sentence(claim.text, numbers, support))
    return verified


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


def _support(claim: Claim, claimed: Claimed, by_id: dict[str, Passage]) -> Iterator[_Quote]:
    """The quote that supports a claim in one claimed passage, if any does."""
    passage = by_id.get(claimed.passage_id)
    if passage is None:
        return
    if claimed.start is not None and claimed.end is not None:
        inside = passage.start <= claimed.start < claimed.end <= passage.end
        quote = passage.text[claimed.start - passage.start : claimed.end - passage.start]
        if inside and claim.text == plain(quote):
            yield _Quote(passage, claimed.start, claimed.end, 1.0)
        return
    spans = sentences(passage.text, passage.lang)
    scored = [(support(claim.text, passage.text[a:b]), a, b) for a, b in spans]
    best, a, b = max(scored, default=(0.0, 0, 0))
    if best >= ENOUGH_SUPPORT:
        yield _Quote(passage, passage.start + a, passage.start + b, best)


def support(sentence: str, quote: str) -> float:
    """How much of a sentence's content stands in a quote, 0 to 1; 0 when a number or a name does not.

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


def _number(quote: _Quote, citations: list[Citation]) -> int:
    """The number of a quote's citation; a new one when it was not cited before."""
    passage = quote.passage
    for citation in citations:
        if (citation.passage_id, citation.start, citation.end) == (passage.passage_id, quote.start, quote.end):
            return citation.number
    citations.append(
        Citation(
            number=len(citations) + 1,
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
        )
    )
    return len(citations)
