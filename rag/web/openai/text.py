"""An answer as Markdown for clients that show nothing but text: each marker is a link, and the sources follow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from rag.citations import with_markers
from rag.engine import join
from rag.language.text import INVISIBLE
from rag.reading.links import checked_url
from rag.types import Answer, Citation, Lang, Sentence
from rag.web.also import Outlet, also_in_words, outlets
from rag.web.openai.cutting import Cut
from rag.web.prose import one_line, to_plain
from rag.web.strings import TEXTS, format_date

# What could begin a link, an image, a definition, HTML or code, or undo our own escaping. Single brackets stay as
# they are: many clients take a backslash before one for the start of a formula. Addresses are not to become links.
_BEGINS = re.compile(
    r"[\\`]|\](?=[(\[:])|!(?=\[)|<(?=[A-Za-z/!?])|:(?=//)|(?<=www)\.|(?<=mailto):|(?<=xmpp):|(?<=[\w.+-])@(?=[\w-])",
    re.IGNORECASE,
)
_OPENS_IMAGE = re.compile(r"!+(?=\[)")
_OPENS_LINK = re.compile(r"(\])(?=[(\[:])")
_OPENS_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]{0,30}:)?//+(?=\S)|\bwww\.(?=\S)", re.IGNORECASE)
_IN_LINK = str.maketrans({"(": "%28", ")": "%29"})
_IN_PATH = str.maketrans({"[": "%5B", "]": "%5D"})  # in a host they hold an IPv6 address
_OUR_LINK = re.compile(r"\[(\d+)\]\([^()\s]+\)")
_OUR_SOURCES = re.compile(
    rf"\n\n\*\*(?:{'|'.join(re.escape(texts['sources']) for texts in TEXTS.values())})\*\*\n\n- \[\d.*\Z", re.DOTALL
)


@dataclass
class CitedText:
    """The text so far, and where in it the links to articles are: code points, end exclusive.

    ``cut`` says which sentences are part of it. Where one is not, none after it is, and nothing tells of what only
    those would have cited.
    """

    cut: Cut = field(default_factory=Cut)
    lists_sources: bool = True
    text: str = ""
    annotations: list[dict[str, Any]] = field(default_factory=list)
    _said: int = 0
    _cited: set[int] = field(default_factory=set)

    def say(self, sentence: Sentence, citations: Sequence[Citation]) -> str:
        """Add a sentence; what was added."""
        self._said += 1
        words = self.cut.admit(to_plain(sentence.text))
        if not words:
            return ""
        plain = _escaped(words)
        numbers = [n for n in sentence.citations if any(n == citation.number for citation in citations)]
        self._cited.update(numbers)
        markers = "".join(f"[{number}]" for number in numbers)
        marked = with_markers(plain, numbers) if numbers else plain
        piece = join([self.text, marked])[len(self.text) :] if self.text else marked
        if not numbers:
            return self._add(piece)
        before, _, after = piece.rpartition(markers)  # only marks that end the sentence can follow
        return self._add(before) + self._cite(numbers, citations) + self._add(after)

    def end(self, answer: Answer) -> Iterator[str]:
        """Add what was not said yet, then what readers should know and the sources; what was added, piece by piece."""
        if answer.refusal is not None:
            yield self._add(answer.answer)
        for sentence in answer.sentences[self._said :]:
            yield self.say(sentence, answer.citations)
        for disagreement in answer.disagreements:
            if not self._cited.issuperset(disagreement.citations):
                continue
            told = TEXTS[answer.question_lang]["disagreement"].format(about=_safe(disagreement.about))
            yield self._add(f"\n\n{told} ") + self._cite(disagreement.citations, answer.citations)
        if answer.note and self.text:
            yield self._add(f"\n\n{_safe(answer.note)}")
        if self.lists_sources and (cited := self.cited(answer)):
            yield self._add(_sources(cited, answer.question_lang))

    def cited(self, answer: Answer) -> list[Citation]:
        """The citations of what was said, the one with number n at n-1."""
        return [citation for citation in answer.citations if citation.number in self._cited]

    def _add(self, piece: str) -> str:
        self.text += piece
        return piece

    def _cite(self, numbers: Sequence[int], citations: Sequence[Citation]) -> str:
        by_number = {citation.number: citation for citation in citations}
        return "".join(self._mark(by_number[number]) for number in numbers if number in by_number)

    def _mark(self, citation: Citation) -> str:
        url = checked_url(citation.url)
        marker = _marker(str(citation.number), url)
        if url is not None:
            place = {"start_index": len(self.text), "end_index": len(self.text) + len(marker)}
            cited = {**place, "url": url, "title": to_plain(citation.title)}
            self.annotations.append({"type": "url_citation", "url_citation": cited})
        return self._add(marker)


def search_results(citations: Sequence[Citation]) -> list[dict[str, Any]]:
    """The citations as Perplexity lists them, with where to find the words: offsets into the article's text in code
    points. The one with number n stands at n-1. The link may be empty."""
    return [
        {
            "title": to_plain(citation.title),
            "url": checked_url(citation.url) or "",
            "date": citation.date,
            "snippet": INVISIBLE.sub("", citation.quote),
            "passage_id": citation.passage_id,
            "article_id": citation.article_id,
            "start": citation.start,
            "end": citation.end,
        }
        for citation in citations
    ]


def without_sources(text: str) -> str:
    """An answer of ours, come back as part of a conversation, without links and list of sources.

    >>> without_sources("It raised $1bn [1](https://a.org/x).\\n\\n**Sources**\\n\\n- [1](https://a.org/x) On $1bn")
    'It raised $1bn [1].'
    """
    return _OUR_LINK.sub(r"[\1]", _OUR_SOURCES.sub("", text))


def without_links(text: str) -> str:
    """What a model replied by itself, without anything that a client could open or load: nothing in it is cited.

    >>> without_links("![x](https://evil.example/?q=1) <img src=//evil.example> [a]: www.evil.example")
    '[x] (evil.example/?q=1) ‹img src=evil.example> [a] : evil.example'
    """
    shown = "".join(line if line.isspace() else one_line(line) for line in re.split(r"(\s+)", text))
    while (bare := _SCHEME.sub("", shown)) != shown:  # what is left may join to another
        shown = bare
    return _OPENS_TAG.sub("‹", _OPENS_LINK.sub(r"\1 ", _OPENS_IMAGE.sub("", shown)))


def _safe(text: str) -> str:
    r"""A text that Markdown shows as it is.

    >>> print(_safe("**Up** [sic], [[a](http://b)](http://c) and <img src=x>"))
    Up [sic], [a\](http\://c) and \<img src=x>
    """
    return _escaped(to_plain(text))


def _escaped(plain: str) -> str:
    return _BEGINS.sub(r"\\\g<0>", plain)


def _marker(numbers: str, url: str | None) -> str:
    return f"[{numbers}]({_markdown_url(url)})" if url else f"[{numbers}]"


def _markdown_url(url: str) -> str:
    """A link that nothing in it can end.

    >>> _markdown_url("https://a.org/x_(y)?q=[z]")
    'https://a.org/x_%28y%29?q=%5Bz%5D'
    """
    end_of_host = url.index("//") + 2 + len(urlsplit(url).netloc)
    return (url[:end_of_host] + url[end_of_host:].translate(_IN_PATH)).translate(_IN_LINK)


def _sources(citations: Sequence[Citation], lang: Lang) -> str:
    """A line for each article, with the numbers of its citations."""
    order: Mapping[str, int] = {c.article_id: -c.number for c in reversed(citations)}
    by_article = sorted(citations, key=lambda c: (-order[c.article_id], c.number))
    lines = [_source(list(cited), lang) for _, cited in groupby(by_article, key=lambda c: c.article_id)]
    return f"\n\n**{TEXTS[lang]['sources']}**\n\n" + "\n".join(lines)


def _source(cited: Sequence[Citation], lang: Lang) -> str:
    first = cited[0]
    url = checked_url(first.url)
    outlet = first.author or ((urlsplit(url).hostname or "").removeprefix("www.") if url else "")
    facts = [first.title, outlet, format_date(first.date, lang) if first.date else ""]
    if url is None:
        facts.append(TEXTS[lang]["file"].format(file=first.file))
    numbers = ", ".join(str(citation.number) for citation in cited)
    return f"- {_marker(numbers, url)} {' · '.join(_safe(fact) for fact in facts if fact)}{_also(cited, lang)}"


def _also(cited: Sequence[Citation], lang: Lang) -> str:
    """The other outlets in which some of it stands; a program finds in ``also`` which words do."""

    def write(one: Outlet) -> str:
        return f"[{_safe(one.name)}]({_markdown_url(one.url)})" if one.url else _safe(one.name)

    told = also_in_words(outlets(also for citation in cited for also in citation.also), lang, write)
    return f" · {told}" if told else ""
