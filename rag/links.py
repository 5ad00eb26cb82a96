"""The link to the publisher's page: where articles put it, and which links may be shown at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_SOURCE_LABEL = re.compile(
    r"(?:原文|来源|出处|阅读原文|源)\s*(?:链接|地址|网址)?|(?:the\s+)?(?:original\s+)?(?:source|article|link|url)"
    r"(?:\s+(?:link|article|url))?|original|read\s+(?:the\s+)?(?:original|more|full article)|"
    r"(?:original)?quelle(?:nlink)?|zum\s+(?:original)?artikel|original(?:artikel|beitrag)?|link\s+zum\s+artikel",
    re.IGNORECASE,
)
# "Quelle: " or "[来源]：" before a link, with the marks of a list, a quotation or emphasis around it.
_LEAD = r"[ \t>*_-]*+(?:(?P<lead>[^:：\n]{1,30})[:：][ \t*_]*+)?"
_MARKDOWN_LINK = re.compile(
    _LEAD + r"\[(?P<label>[^\[\]\n]*)\]\([ \t]*<?(?P<url>(?:[^\s()<>]|\([^\s()<>]*\))++)>?[^()\n]*\)[ \t*_.。]*"
)
_BARE_LINK = re.compile(_LEAD + r"<?(?P<url>[a-z][a-z0-9+.-]*://[^\s<>]+)>?[ \t*_]*", re.IGNORECASE)
_AFTER_URL = ".,;:!?*_。，；：！？、"  # marks of the sentence or of emphasis, not of the link
_LINE = re.compile(r"[^\n]+")


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line that holds nothing but the link to the source."""

    start: int
    end: int
    url: str


def checked_url(url: str | None) -> str | None:
    """The link if it may be shown to a reader: http or https, with a host, without a password in it.

    >>> checked_url("https://ft.com/content/1"), checked_url("javascript:alert(1)"), checked_url("https://")
    ('https://ft.com/content/1', None, None)
    """
    if url is None or any(not c.isprintable() or c in " <>\"'`\\" for c in url):
        return None  # white space, control, invisible and direction characters could disguise where it leads
    try:
        parts = urlsplit(url)
        allowed = parts.scheme.lower() in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:  # e.g. a broken IPv6 host
        return None
    return url if allowed else None


def find_source_lines(text: str, start: int) -> list[SourceLine]:
    """The lines from ``start`` on that name the source, surest kind first: labelled as the source, then bare.

    >>> text = "https://a.org/1\\n[Quelle](https://b.org)\\nSee [x](http://c.org)."
    >>> [line.url for line in find_source_lines(text, 0)]
    ['https://b.org', 'https://a.org/1']
    """
    labelled: list[SourceLine] = []
    bare: list[SourceLine] = []
    for line in _LINE.finditer(text, start):
        match = _MARKDOWN_LINK.fullmatch(line.group()) or _BARE_LINK.fullmatch(line.group())
        if not match:
            continue
        named = match.groupdict()
        labels = [label for label in (named["lead"], named.get("label")) if label]
        found = SourceLine(*line.span(), named["url"].rstrip(_AFTER_URL))
        if any(_SOURCE_LABEL.fullmatch(label.strip(" *_:：[]")) for label in labels):
            labelled.append(found)
        elif not labels:
            bare.append(found)
    return labelled + bare
