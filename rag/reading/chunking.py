"""Passages: a section's body and its question-and-answer pairs, cut for retrieval with their offsets kept."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rag.language.sentences import sentences
from rag.language.text import plain
from rag.reading.qa import complete_end
from rag.types import Article, Block, Kind, Lang, Passage, Section, Span

VERSION = "1"  # part of the index's stamp: raise it when the cut changes
# Characters. A Chinese character carries about as much as three Latin letters. A paragraph is a passage unless it
# is only a line or two, or longer than about 300 tokens.
MERGE_BELOW = {"zh": 60, "en": 180, "de": 180}
SPLIT_ABOVE = {"zh": 500, "en": 1300, "de": 1300}


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage and the spans of its sentences, which are what an extractive answer may say."""

    passage: Passage
    sentences: tuple[Span, ...]


def chunk(article: Article) -> list[Chunk]:
    """All passages of an article that say something, in order: of each section its body, then its pairs."""
    said = [made for section in article.sections for made in _of_section(article, section) if made.sentences]
    seen: Counter[tuple[Kind, str]] = Counter()
    return [replace(made, passage=_identified(made.passage, seen)) for made in said]


def _identified(passage: Passage, seen: Counter[tuple[Kind, str]]) -> Passage:
    """The passage with an id that its text and its article have made, not its place: what is written before it, such
    as a date in the front matter, leaves the id and what was derived by it as they are."""
    nth = seen[passage.kind, passage.text]
    seen[passage.kind, passage.text] += 1
    return replace(passage, passage_id=passage_id(passage.article_id, passage.kind, nth, passage.text))


def passage_id(article_id: str, kind: Kind, nth: int, text: str) -> str:
    """The id of a passage: of its article, and of this text and kind in it the ``nth``, from 0."""
    key = f"{article_id}\x00{kind}\x00{nth}\x00{text}"
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _of_section(article: Article, section: Section) -> Iterator[Chunk]:
    for start, end, heading in _body_spans(article.text, section):
        yield _make(article, section.lang, heading, "body", start, end, sentences_from=start)
    for pair in section.qa:
        end_of_answer = complete_end(pair, section.lang)
        if end_of_answer is not None:  # nothing of the answer is a finished sentence: nothing to show
            start = pair.question.start
            # The question finds the passage; only the answer may be said.
            yield _make(article, section.lang, None, "qa", start, end_of_answer, sentences_from=pair.answer.start)


def _body_spans(text: str, section: Section) -> Iterator[tuple[int, int, str | None]]:
    """Short neighbouring blocks joined, long ones cut between sentences."""
    for start, end, heading in _joined(text, section.blocks, MERGE_BELOW[section.lang]):
        if end - start <= SPLIT_ABOVE[section.lang]:
            yield start, end, heading
            continue
        for a, b in _halved(sentences(text[start:end], section.lang), SPLIT_ABOVE[section.lang]):
            yield start + a, start + b, heading


def _joined(text: str, blocks: tuple[Block, ...], limit: int) -> list[tuple[int, int, str | None]]:
    joined: list[tuple[int, int, str | None]] = []
    for block in blocks:
        span = block.span
        if joined:
            start, end, heading = joined[-1]
            adjacent = heading == block.heading and not text[end : span.start].strip()
            if adjacent and min(end - start, span.end - span.start) < limit and span.end - start < 3 * limit:
                joined[-1] = (start, span.end, heading)
                continue
        joined.append((span.start, span.end, block.heading))
    return joined


def _halved(spans: list[tuple[int, int]], limit: int) -> Iterator[tuple[int, int]]:
    """Runs of sentences, each within the limit if it can be, and of about equal length."""
    if not spans:
        return
    start, end = spans[0][0], spans[-1][1]
    if end - start <= limit or len(spans) == 1:
        yield start, end
        return
    middle = (start + end) / 2
    cut = min(range(1, len(spans)), key=lambda i: abs(spans[i][0] - middle))
    yield from _halved(spans[:cut], limit)
    yield from _halved(spans[cut:], limit)


def _make(
    article: Article, lang: Lang, heading: str | None, kind: Kind, start: int, end: int, *, sentences_from: int
) -> Chunk:
    passage = Passage(
        passage_id="",  # by _identified
        article_id=article.id,
        title=article.title,
        url=article.url,
        author=article.author,
        date=article.date,
        lang=lang,
        heading=heading,
        kind=kind,
        text=article.text[start:end],
        start=start,
        end=end,
        file=article.file,
    )
    said = article.text[sentences_from:end]
    spans = (
        Span(sentences_from + a, sentences_from + b, said[a:b])
        for a, b in sentences(said, lang)
        if any(c.isalnum() for c in plain(said[a:b]))
    )
    return Chunk(passage, tuple(spans))
