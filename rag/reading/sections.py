"""The sections of an article: its body and its questions and answers, by language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from rag.language.text import brief, identify, plain
from rag.reading.markup import Element
from rag.reading.qa import asks, is_answer, is_qa_heading, parse_pairs
from rag.types import LANGS, Block, Lang, QAPair, Section, Span

MAX_HEADING = 300  # characters
MIN_RUN = {"zh": 60, "en": 160, "de": 160}  # a shorter foreign run is a quotation, not a section

_SECTION_LABEL = re.compile(
    r"(?:摘要|概要|总结|正文|简介|summary|abstract|introduction|zusammenfassung|einleitung)\s*[:：]?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the article in reading order, before it is sorted into language sections."""

    item: Block | QAPair | Span  # a Span is a heading
    sample: str  # plain text to tell the language from


def sections_of(found: list[Element], text: str, visible: str, title: str | None) -> tuple[Section, ...]:
    """The language sections of an article, in order of appearance, from its elements."""
    parts = list(_parts(found, text, visible, title))
    langs = _langs(parts)
    sections = []
    for lang in dict.fromkeys(langs):
        items = [part.item for part, own in zip(parts, langs, strict=True) if own == lang]
        blocks = tuple(item for item in items if isinstance(item, Block))
        pairs = tuple(item for item in items if isinstance(item, QAPair))
        headings = tuple(item for item in items if isinstance(item, Span))
        if blocks or pairs:
            sections.append(Section(lang, headings, blocks, pairs))
    return tuple(sections)


def _parts(found: list[Element], text: str, visible: str, title: str | None) -> Iterator[_Part]:
    title = plain(title) if title else None
    heading: str | None = None
    index = 0
    unasked = 0  # nothing is asked before this element: a section that begins there need not be read to its end again
    while index < len(found):
        element = found[index]
        index += 1
        if element.kind == "rule":
            heading = None
            continue
        if index > unasked and is_qa_heading(element.text):
            stop, asked = _qa_end(found, index)
            if asked:
                for pair in parse_pairs(text, visible, found[index].span.start, found[stop - 1].span.end):
                    yield _Part(pair, plain(pair.question.text + " " + pair.answer.text))
                index = stop
                continue
            unasked = stop
        if _SECTION_LABEL.fullmatch(element.text) or not any(map(str.isalnum, element.text)):
            continue  # says nothing
        elif element.kind == "heading" or element.text == title:
            heading = brief(element.text.rstrip(" :："), MAX_HEADING)
            yield _Part(element.span, element.text)
        else:
            yield _Part(Block(element.span, heading), element.text)


def _qa_end(found: list[Element], start: int) -> tuple[int, bool]:
    """The index after the last element of a Q&A section, and whether anything is asked there.

    It ends at a rule or at a heading that is no question itself.
    """
    asked = False
    for index in range(start, len(found)):
        element = found[index]
        after = found[index + 1].span.text if index + 1 < len(found) else ""
        asks_here = asks(element.span.text) or is_answer(after)
        is_heading = element.kind == "heading" and element.span.text.lstrip().startswith("#")
        if (is_heading and not asks_here) or (element.kind == "rule" and not asks(after)):
            return index, asked
        asked = asked or asks_here
    return len(found), asked


def _langs(parts: list[_Part]) -> list[Lang]:
    """One language a part: short foreign runs are quotations and follow their surroundings."""
    told, main = _told(parts)
    langs: list[Lang] = []
    for lang, run in groupby(zip(told, parts, strict=True), key=itemgetter(0)):
        sizes = [len(part.sample) for _, part in run]
        is_section = lang == main or sum(sizes) >= MIN_RUN[lang]
        langs += [lang if is_section else langs[-1] if langs else main] * len(sizes)
    return langs


def _told(parts: list[_Part]) -> tuple[list[Lang], Lang]:
    """The language of each part as far as it can be told, and the article's main one.

    What is too short to tell is as what it follows; a heading is as what it is over.
    """
    texts = [part.sample for part in parts if not isinstance(part.item, Span)]
    guesses = [identify(text) for text in texts]
    weight = dict.fromkeys(LANGS, 0.0)
    for text, (lang, sure) in zip(texts, guesses, strict=True):
        weight[lang] += len(text) * sure * (3 if lang == "zh" else 1)
    main = max(weight, key=lambda lang: weight[lang])
    told: list[Lang] = []
    for text, (lang, sure) in zip(texts, guesses, strict=True):
        is_sure = lang == "zh" or (sure > 0.9 and len(text) > 20)
        told.append(lang if is_sure else told[-1] if told else main)
    backwards: list[Lang] = []
    for part in reversed(parts):
        over = backwards[-1] if backwards else told[-1] if told else main
        backwards.append(over if isinstance(part.item, Span) else told.pop())
    return backwards[::-1], main
