"""The elements of an article's body: headings, rules and paragraphs, with their offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rag.text import HAN, ends_complete, plain
from rag.types import Span

_ATX = re.compile(r" {0,3}#{1,6}(?:\s+|(?=\S))(?P<text>.*?)\s*#*\s*")
_RULE = re.compile(r" {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})")
_UNDERLINE = re.compile(r" {0,3}(?:={3,}|-{3,})\s*")
_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_BOLD_LINE = re.compile(r"\s*(?:\*\*|__)(?!\s)[^*\n]+(?:\*\*|__)[\s:：]*")
_LIST_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HAN = re.compile(f"[{HAN}]")
# A language model's words before the article proper. Only ever a short paragraph that ends in a colon or is
# nothing but the announcement.
_PREAMBLE = re.compile(
    r"\W*(?:(?:sure|certainly|of course|okay|ok|natürlich|gerne?|好的|当然)[^\n]{0,30}[,!.，！。:：]\s*)?"
    r"(?:here(?:'s|’s| is| are)\b[^\n]{0,160}|below is\b[^\n]{0,160}|the following is\b[^\n]{0,160}|"
    r"hier (?:ist|sind|finden sie|folgt)\b[^\n]{0,160}|(?:以下|下面)(?:是|为)[^\n]{0,60}|这是[^\n]{0,40})[:：]\W*",
    re.IGNORECASE,
)

ElementKind = Literal["heading", "rule", "paragraph"]


@dataclass(frozen=True, slots=True)
class Element:
    """A heading (``text`` is its plain text), a rule, or a paragraph, at ``span`` of the article's text."""

    kind: ElementKind
    span: Span
    text: str


def blank_out(text: str, start: int, end: int) -> str:
    """The text with a region replaced by line ends, so that it separates and every offset stays.

    >>> blank_out("abcde", 1, 3)
    'a\\n\\nde'
    """
    return text[:start] + "\n" * (end - start) + text[end:]


def without_comments(text: str) -> str:
    """Hidden HTML comments blanked out: what a reader can't see must not be found or cited."""
    return _COMMENT.sub(lambda match: "\n" * len(match.group()), text)


def elements(original: str, visible: str) -> list[Element]:
    """The elements of ``visible`` (the text with regions blanked out), sliced from ``original``.

    A line of its own that is bold throughout, or short and without a full stop before a longer paragraph,
    is a heading too: plain-text articles write theirs so.
    """
    found = [e for e in _scan(original, visible) if not _is_preamble(e)]
    after: list[Element | None] = [*found[1:], None][: len(found)]
    return [_promoted(element, follower) for element, follower in zip(found, after, strict=True)]


def _scan(original: str, visible: str) -> Iterator[Element]:
    paragraph: list[re.Match[str]] = []
    fenced = False

    def flush() -> Iterator[Element]:
        if paragraph:
            yield _paragraph(original, paragraph[0].start(), paragraph[-1].end())
            paragraph.clear()

    for line in re.finditer(r"[^\n]*", visible):
        content = line.group()
        if not content.strip():
            yield from flush()
            continue
        fenced ^= bool(_FENCE.match(content))
        if not fenced and len(paragraph) == 1 and _UNDERLINE.fullmatch(content):
            start, end = paragraph.pop().span()
            yield Element("heading", Span(start, end, original[start:end]), plain(original[start:end]))
        elif not fenced and _RULE.fullmatch(content):
            yield from flush()
            yield Element("rule", Span(line.start(), line.end(), content), "")
        elif not fenced and (atx := _ATX.fullmatch(content)) and atx.group("text"):
            yield from flush()
            yield Element("heading", Span(line.start(), line.end(), content), plain(atx.group("text")))
        else:
            paragraph.append(line)
    yield from flush()


def _paragraph(original: str, start: int, end: int) -> Element:
    while original[start].isspace():
        start += 1
    while original[end - 1].isspace():
        end -= 1
    text = original[start:end]
    return Element("paragraph", Span(start, end, text), plain(text))


def _is_preamble(element: Element) -> bool:
    return element.kind == "paragraph" and len(element.text) < 220 and bool(_PREAMBLE.fullmatch(element.span.text))


def _promoted(element: Element, follower: Element | None) -> Element:
    if element.kind != "paragraph" or "\n" in element.span.text:
        return element
    bold = _BOLD_LINE.fullmatch(element.span.text) and not ends_complete(element.text)
    if bold or (follower is not None and _is_short_line(element, follower)):
        return Element("heading", element.span, element.text)
    return element


def _is_short_line(element: Element, follower: Element) -> bool:
    text = element.text
    limit = 40 if len(_HAN.findall(text)) * 2 > len(text) else 100
    return (
        follower.kind == "paragraph"
        and len(text) <= limit
        and len(follower.text) > len(text)
        and not _LIST_ITEM.match(element.span.text)
        and not text.endswith((":", "：", ",", "，", ";", "；"))
        and not ends_complete(text)
    )
