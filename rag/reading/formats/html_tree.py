"""HTML as a tree, without what a browser does not show, and any of it as Markdown-like text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree, html

from rag.errors import ArticleError

_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w:.-]{1,40})", re.IGNORECASE)
_XML_DECLARED = re.compile(rb"\s{0,99}<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([\w:.-]{1,40})")
XML_DECLARATION = re.compile(r"\s*<\?xml[^>]{0,500}\?>")
_DECLARED_WITHIN = 4096  # bytes; browsers look at the first 1024
# Below each other deeper than this is nobody's page, and the libraries that follow go down by recursion.
MAX_DEPTH = 200
_UNSHOWN = (
    "//*[self::script or self::style or self::template or self::noscript or self::iframe or self::svg or "
    "self::object or self::canvas or @hidden or "
    "contains(translate(@style, ' DISPLAYNOE', 'displaynoe'), 'display:none') or "
    "contains(translate(@style, ' VISBLTYHDEN', 'visbltyhden'), 'visibility:hidden')]"
)
_BLOCKS = re.compile(
    "address|article|aside|blockquote|body|center|dd|details|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6r]|"
    "header|html|main|nav|ol|p|pre|section|summary|table|tbody|tfoot|thead|ul"
)
_HEADING = re.compile(r"h([1-6])")
_SPACES = re.compile(r"\s+")


def declared_encoding(data: bytes) -> str | None:
    """The encoding that the head of an HTML or XML file names.

    >>> declared_encoding(b"<html><meta charset=gbk>"), declared_encoding(b"<?xml version='1.0' encoding='Big5'?>")
    ('gbk', 'Big5')
    """
    head = data[:_DECLARED_WITHIN]
    found = _XML_DECLARED.match(head) or _DECLARED.search(head)
    return found.group(1).decode() if found else None


def parse_html(text: str) -> html.HtmlElement:
    """The tree of a page or of a piece of one, without comments and without what is not shown.

    Raises:
        ArticleError: there is nothing in it.
    """
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        tree = html.document_fromstring(
            XML_DECLARATION.sub("", text, count=1).encode("utf-8", "replace"), parser=parser
        )
    except (etree.ParserError, etree.XMLSyntaxError, AssertionError) as error:
        raise ArticleError("has no text") from error
    for element in tree.xpath(_UNSHOWN):
        if element.getparent() is not None:
            element.drop_tree()
    _flatten(tree)
    return tree


def _flatten(tree: html.HtmlElement) -> None:
    """Take out what is below too much else, its words kept."""
    depth, deepest = 0, []
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if event == "start" and depth == MAX_DEPTH:
            deepest.append(element)
    for element in deepest:
        words = " ".join(element.itertext())
        for child in list(element):
            element.remove(child)
        element.text = words


def text_of(tree: html.HtmlElement) -> str:
    """All of a tree as Markdown-like text: paragraphs, headings, lists; links and pictures without their targets.

    >>> text_of(parse_html("<h2>Ulm</h2><p>Eine <b>alte</b><br>Stadt.</p><ul><li>an der Donau<li>reich</ul>"))
    '## Ulm\\n\\nEine **alte**\\nStadt.\\n\\n- an der Donau\\n- reich'
    """
    lines: list[str] = []
    current: list[str] = []
    for piece in _pieces(tree):
        if piece in ("\n", "\n\n"):
            line = _SPACES.sub(" ", "".join(current)).strip()
            current.clear()
            if line.strip("-# *"):
                lines.append(line)
            if piece == "\n\n" and lines and lines[-1]:
                lines.append("")
        else:
            current.append(piece)
    return "\n".join(lines).strip()


def _pieces(tree: html.HtmlElement) -> Iterator[str]:
    """Texts, and line ends between them; two separate paragraphs."""
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            yield from _before(tag)
            if element.text:
                yield from _lines(element.text) if tag == "pre" else [_as_words(element.text)]
        else:
            yield from _after(tag)
            if element.tail and element is not tree:
                yield _as_words(element.tail)
    yield "\n\n"


def _before(tag: str) -> Iterator[str]:
    if heading := _HEADING.fullmatch(tag):
        yield from ("\n\n", "#" * int(heading.group(1)) + " ")
    elif tag == "li":
        yield from ("\n", "- ")
    elif tag in ("b", "strong"):
        yield "**"
    elif tag in ("br", "tr"):
        yield "\n"
    elif tag in ("td", "th"):
        yield " | "
    elif _BLOCKS.fullmatch(tag):
        yield "\n\n"


def _after(tag: str) -> Iterator[str]:
    if tag in ("b", "strong"):
        yield "**"
    elif tag in ("li", "tr"):
        yield "\n"
    elif _BLOCKS.fullmatch(tag):
        yield "\n\n"


def _lines(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield from (line, "\n")


def _as_words(text: str) -> str:
    return _SPACES.sub(" ", text)
