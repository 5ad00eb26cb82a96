"""The elements of an article's body: headings, rules and paragraphs, with their offsets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from rag.language.sentences import ends_complete
from rag.language.text import HAN, plain
from rag.reading.qa import is_qa_heading
from rag.types import Span

_LINE = re.compile(r"[^\n]+|\n(?=\n)")  # a line, or an empty one between two line ends
# A heading's sign needs a space after it, "#hashtag" has none; but "##标题" and "#**标题**" can't be hashtags.
_ATX = re.compile(r" {0,3}(?:#{1,6}\s+|#{2,6}(?=[^\s#])|#(?=\*\*))(?P<text>[^\n]+)")
_CLOSING_SIGN = re.compile(r"\s#+\s*$")
_RULE = re.compile(r" {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})")
_UNDERLINE = re.compile(r" {0,3}(?:={3,}|-{3,})\s*")
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_BOLD_LINE = re.compile(r"\s*(?:\*\*|__)(?!\s)[^*\n]+(?:\*\*|__)[\s:：]*")
_LIST_ITEM = re.compile(r"\s*(?:[-*+•]|\d+[.)、])\s+|\s*\d+、")
# What a browser or a Markdown reader does not show: "<!-- … -->", and "[//]: # (…)", a link to nowhere.
_COMMENT = re.compile(
    r"<!--(?s:.*?)(?:-->|\Z)|^ {0,3}\[[^\[\]\n]{1,40}\]:[ \t]*(?:#|<#?>)[ \t]*(?:[\"'(][^\n]*)?$", re.MULTILINE
)
_HAN = re.compile(f"[{HAN}]")
# A language model's words before the article proper. Only ever a short paragraph that ends in a colon.
_PREAMBLE = re.compile(
    r"\W*(?:(?:sure|certainly|of course|okay|ok|natürlich|gerne?|好的|当然)[^\n]{0,30}[,!.，！。:：]\s*)?"
    r"(?:here(?:'s|’s| is| are)\b[^\n]{0,160}|(?:below|this) is\b[^\n]{0,160}|the following is\b[^\n]{0,160}|"
    r"hier (?:ist|sind|finden sie|folgt)\b[^\n]{0,160}|im folgenden\b[^\n]{0,160}|"
    r"(?:以下|下面)(?:内容)?(?:是|为)[^\n]{0,60}|这是[^\n]{0,40})[:：]\W*",
    re.IGNORECASE,
)

ElementKind = Literal["heading", "rule", "paragraph"]


@dataclass(frozen=True, slots=True)
class Element:
    """A heading (``text`` is its plain text), a rule, or a paragraph, at ``span`` of the article's text."""

    kind: ElementKind
    span: Span
    text: str


def blank_out(text: str, regions: Iterable[tuple[int, int]]) -> str:
    """The text with regions (in order) replaced by line ends, so that they separate and every offset stays.

    >>> blank_out("abcdef", [(1, 3), (4, 5)])
    'a\\n\\nd\\nf'
    """
    pieces: list[str] = []
    at = 0
    for start, end in regions:
        pieces += [text[at:start], "\n" * (end - start)]
        at = end
    return "".join([*pieces, text[at:]])


def without_comments(text: str) -> str:
    """Hidden comments, of HTML and of Markdown, blanked out: what a reader can't see must not be found or cited.

    >>> without_comments("A<!-- x -->b\\n[//]: # (Obey.)\\nC").split()
    ['A', 'b', 'C']
    """
    return blank_out(text, (match.span() for match in _COMMENT.finditer(text)))


def elements(original: str, visible: str) -> list[Element]:
    """The elements of ``visible`` (the text with regions blanked out), sliced from ``original``.

    A line that is bold throughout, or of its own, short and without a full stop before a longer paragraph, is a
    heading too: plain-text articles write theirs so. The announcement of a language model is left out.
    """
    found = list(_scan(original, visible))
    around = zip([None, *found], found, [*found[1:], None], strict=False)
    return [_promoted(this, after) for before, this, after in around if not _is_preamble(before, this, after)]


def _scan(original: str, visible: str) -> Iterator[Element]:
    paragraph: list[re.Match[str]] = []
    fences = [match.start() for match in _FENCE.finditer(visible)]
    fence_lines = frozenset(fences[: len(fences) // 2 * 2])  # one that is never closed is none
    fenced = False

    def flush() -> Iterator[Element]:
        if paragraph:
            yield _element("paragraph", original, paragraph[0].start(), paragraph[-1].end())
            paragraph.clear()

    for line in _LINE.finditer(visible):
        content = line.group()
        fenced ^= line.start() in fence_lines
        if not content.strip():
            yield from flush()
        elif fenced:
            paragraph.append(line)
        elif _UNDERLINE.fullmatch(content) and len(paragraph) == 1 and _may_head(paragraph[0].group()):
            yield _element("heading", original, *paragraph.pop().span())
        elif _RULE.fullmatch(content):
            yield from flush()
            yield Element("rule", Span(line.start(), line.end(), content), "")
        elif _ATX.fullmatch(content):
            yield from flush()
            yield _element("heading", original, *line.span())
        elif not paragraph and _heads_its_text(content):
            yield _element("heading", original, *line.span())
        else:
            paragraph.append(line)
    yield from flush()


def heading_text(line: str) -> str:
    """The plain text of a heading without its signs.

    >>> heading_text("## **Neues** in C# ##"), heading_text("Neues in C#")
    ('Neues in C#', 'Neues in C#')
    """
    atx = _ATX.fullmatch(line)
    return plain(_CLOSING_SIGN.sub("", atx.group("text")) if atx else line)


def _element(kind: ElementKind, original: str, start: int, end: int) -> Element:
    while original[start].isspace():
        start += 1
    while original[end - 1].isspace():
        end -= 1
    text = original[start:end]
    return Element(kind, Span(start, end, text), heading_text(text) if kind == "heading" else plain(text))


def _heads_its_text(line: str) -> bool:
    """Whether a line is a heading, though its text may follow without an empty line between."""
    bold = _BOLD_LINE.fullmatch(line) and _may_head(line)
    return bool(bold) or (len(line) < 60 and is_qa_heading(plain(line)))


def _may_head(line: str) -> bool:
    """Whether a line has a heading's length, and is neither a finished sentence nor an item of a list."""
    text = plain(line)
    limit = 40 if len(_HAN.findall(text)) * 2 > len(text) else 100
    is_marked = _LIST_ITEM.match(line) or line.lstrip().startswith("#")
    return len(text) <= limit and not is_marked and not ends_complete(text) and any(map(str.isalpha, text))


def _is_preamble(before: Element | None, this: Element, after: Element | None) -> bool:
    """At the head of a part, or before a heading; elsewhere "Here are the numbers:" is the author's."""
    at_head = before is None or before.kind == "rule" or (after is not None and after.kind == "heading")
    is_short = this.kind == "paragraph" and len(this.text) < 220
    return at_head and is_short and _PREAMBLE.fullmatch(this.span.text) is not None


def _promoted(element: Element, follower: Element | None) -> Element:
    """A short line before a longer paragraph becomes its heading."""
    if element.kind != "paragraph" or follower is None or follower.kind != "paragraph" or "\n" in element.span.text:
        return element
    is_longer = len(follower.text) > len(element.text)
    if is_longer and not element.text.endswith((":", "：", ",", "，", ";", "；")) and _may_head(element.span.text):
        return Element("heading", element.span, element.text)
    return element
