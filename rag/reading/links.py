"""The link to the publisher's page: where articles put it, and which links may be shown at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from rag.language.text import HAN, INVISIBLE

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
MAX_URL = 2000  # characters; browsers and servers take no more for granted
# A part of a host that a reader of Chinese, English or German can tell from every other: ASCII with letters of German
# and its neighbours, or Chinese. Letters of other scripts look like these ("раypal" with a Cyrillic а).
_LEGIBLE = re.compile(rf"[a-z0-9_ß-öø-ÿ-]+|[a-z0-9{HAN}-]+")


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line that holds nothing but the link to the source."""

    start: int
    end: int
    url: str


def checked_url(url: str | None) -> str | None:
    """The link if it may be shown to a reader: http or https, with a host, without a password in it.

    A host in letters that could pass for others comes in its ASCII form.

    >>> checked_url("https://ft.com/content/1"), checked_url("javascript:alert(1)"), checked_url("https://")
    ('https://ft.com/content/1', None, None)
    >>> checked_url("https://раypal.com/a"), checked_url("https://münchen.de/"), checked_url("https://新闻.中国/")
    ('https://xn--ypal-43d9g.com/a', 'https://münchen.de/', 'https://新闻.中国/')
    """
    if url is None or len(url) > MAX_URL or INVISIBLE.search(url):
        return None
    if any(not c.isprintable() or c in " <>\"'`\\" for c in url):
        return None  # white space, control, invisible and direction characters could disguise where it leads
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            return None
        host = _legible(parts.hostname)
    except ValueError:  # e.g. a broken IPv6 host, a port that is none, a host that has no ASCII form
        return None
    return url if host is None else url.replace(parts.netloc, host + port, 1)


def _legible(host: str) -> str | None:
    """The host in ASCII where it can't be told from another as it is; None where it can stay.

    Raises:
        ValueError: it has no ASCII form, or one that no browser would take.
    """
    if ":" in host or all(_LEGIBLE.fullmatch(part) for part in host.rstrip(".").split(".")):
        return None
    encoded = host.encode("idna").decode()
    if not all(_LEGIBLE.fullmatch(part) for part in encoded.rstrip(".").split(".")):
        raise ValueError(f"{host!r} is no host")
    return encoded


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
