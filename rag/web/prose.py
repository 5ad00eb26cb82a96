"""Slices of an article, raw Markdown, as safe HTML: emphasis is kept, everything else is only text.

A slice may begin or end in the middle of an emphasis, and the words to mark may overlap one. So nothing is
parsed into a tree: every character is looked up in masks (hidden, strong, emphasised, marked) and runs of
equal characters are wrapped. Whatever is not one of our own tags is escaped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from itertools import groupby

from rag.language.text import INVISIBLE

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# No pattern looks further than a mark of its own kind: a line of nothing but marks must not take quadratic time.
_LINK = re.compile(r"(!?\[)[^\[\]\n]*(\]\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\))")
_HEADING = re.compile(r"^( {0,3}#{1,6}[ \t]+)(.*)$", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$", re.MULTILINE)
_QUOTE_SIGN = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*([-*+])[ \t]+", re.MULTILINE)
_STRONG = re.compile(r"(\*{2,3}|__)(?=\S)((?:(?!\1).)+)(?<=\S)(\1)")
# Only at the edges of words: "Kund*innen und Leser*innen" holds no emphasis.
_EMPHASIS = re.compile(r"(?<![\w*])([*_])(?=[^\s*_])([^*_\n]+?)(?<=\S)(\1)(?![\w*])")
_LEFT_OVER = re.compile(r"\*{2,}|`+")
_BACKSLASH = re.compile(r"\\(?=[\\`*_{}\[\]()#+.!>~-])")
_WHITE = re.compile("[\x0b-\x0d\x1c-\x1f]")  # which HTML or Markdown could take for the end of a line

_UNSEEN = ("Cc", "Cf", "Cs")  # control, format (direction, zero width, tags) and lone surrogate characters

_SHOWN, _HIDDEN, _AS_DASH = 0, 1, 2


@lru_cache(maxsize=4096)  # passages come up again and again; some eight megabytes
def to_html(text: str, mark: tuple[int, int] | None = None) -> str:
    """One line of HTML; ``mark`` is the span of characters to put in ``<mark>``.

    >>> to_html("Scale <b>raised **$1bn**", (9, 19))
    'Scale &lt;b&gt;<mark>raised <strong>$</strong></mark><strong>1bn</strong>'
    >>> to_html("- **Kund*innen** und Leser*innen\\n- 2 * 3 < 7")
    '– <strong>Kund*innen</strong> und Leser*innen<br>– 2 * 3 &lt; 7'
    """
    show, strong, emphasised = _masks(text)
    first, last = mark or (0, 0)
    styles = [(first <= i < last, strong[i], emphasised[i]) for i in range(len(text)) if show[i] != _HIDDEN]
    shown = ["–" if show[i] == _AS_DASH else text[i] for i in range(len(text)) if show[i] != _HIDDEN]
    return "".join(_wrapped(zip(shown, styles, strict=True))).strip()


def to_plain(text: str) -> str:
    """The words alone, on one line, not escaped: for a tooltip.

    >>> to_plain("**Scale**\\nraised *$1bn*")
    'Scale raised $1bn'
    """
    show, _, _ = _masks(text)
    return " ".join("".join(char for char, how in zip(text, show, strict=True) if how != _HIDDEN).split())


def one_line(text: str) -> str:
    """A text on one line, without what no reader can see.

    >>> one_line(" Wer\\n\\u202efragt ?")
    'Wer fragt ?'
    """
    return "".join(
        char for char in " ".join(INVISIBLE.sub("", text).split()) if unicodedata.category(char) not in _UNSEEN
    )


def _masks(text: str) -> tuple[bytearray, bytearray, bytearray]:
    show, strong, emphasised = bytearray(len(text)), bytearray(len(text)), bytearray(len(text))

    def hide(start: int, end: int) -> None:
        show[start:end] = bytes([_HIDDEN]) * (end - start)

    for pattern, mask in ((_STRONG, strong), (_EMPHASIS, emphasised)):
        for match in pattern.finditer(text):
            mask[match.start(2) : match.end(2)] = b"\1" * len(match[2])
            hide(*match.span(1))
            hide(*match.span(3))
    for match in _HEADING.finditer(text):
        hide(*match.span(1))
        strong[match.start(2) : match.end(2)] = b"\1" * len(match[2])
    for match in _LINK.finditer(text):
        hide(*match.span(1))
        hide(*match.span(2))
    for match in _BULLET.finditer(text):
        hide(match.start(), match.start(1))
        show[match.start(1)] = _AS_DASH
    for pattern in (_RULE, _QUOTE_SIGN, _LEFT_OVER, _BACKSLASH, INVISIBLE, _WHITE, _COMMENT):
        for match in pattern.finditer(text):
            hide(*match.span())
    return show, strong, emphasised


def _wrapped(chars: Iterator[tuple[str, tuple[bool, int, int]]]) -> Iterator[str]:
    for marked, of_mark in groupby(chars, key=lambda char: char[1][0]):
        yield "<mark>" if marked else ""
        for (_, strong, emphasised), run in groupby(of_mark, key=lambda char: char[1]):
            words = re.sub(r"\n+", "<br>", escape("".join(char for char, _ in run)))
            words = f"<em>{words}</em>" if emphasised else words
            yield f"<strong>{words}</strong>" if strong else words
        yield "</mark>" if marked else ""
