"""The other articles that say what a citation quotes, as a reader sees them: outlets by name, with links."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape

from rag.reading.links import checked_url
from rag.types import Also, ArticleSummary, Lang
from rag.web.beside import host_of
from rag.web.prose import one_line, to_plain
from rag.web.strings import TEXTS


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where an article can be read: the outlet's name, else the title, else the file, and the link if it has one."""

    name: str
    url: str | None


def outlets(also: Iterable[Also | ArticleSummary]) -> list[Outlet]:
    """The outlets of articles, each once, as plain text on one line."""
    return list(dict.fromkeys(map(_outlet, also)))


def also_in_words(found: Iterable[Outlet], lang: Lang, write: Callable[[Outlet], str]) -> str:
    """In which other outlets the same stands, each as it is written; nothing where in none."""
    names = TEXTS[lang]["export_between"].join(map(write, found))
    return TEXTS[lang]["also_in"].format(names=names) if names else ""


def render_also(also: Iterable[Also], lang: Lang) -> str:
    """The same as a paragraph of HTML with links."""
    told = also_in_words(outlets(also), lang, as_link)
    return f'<p class="also">{told}</p>' if told else ""


def as_link(one: Outlet) -> str:
    """An outlet in HTML, as a link where it has one."""
    name = escape(one.name)
    return f'<a href="{escape(one.url)}" target="_blank" rel="noopener noreferrer">{name}</a>' if one.url else name


def as_plain(one: Outlet) -> str:
    """An outlet with its address."""
    return f"{one.name} {one.url}" if one.url else one.name


def _outlet(one: Also | ArticleSummary) -> Outlet:
    url = checked_url(one.url)
    names = (one.author or "", host_of(url), to_plain(one.title), one.file)
    return Outlet(next(name for name in map(one_line, names) if name), url)
