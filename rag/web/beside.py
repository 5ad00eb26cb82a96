"""What stands folded beside an answer: what else was found, what was left out, what to read when nothing answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import urlsplit

from rag.answering.extractive import worth_reading
from rag.reading.links import checked_url
from rag.types import Answer, Citation, Dropped, Lang, Passage
from rag.web.prose import one_line, to_html, to_plain
from rag.web.strings import LANG_NAMES, TEXTS, format_date

NEAREST = 3  # articles that a refusal offers


def render_also_found(answer: Answer, lang: Lang) -> str:
    """The passages that were found and are not cited, folded; they prove nothing that is said."""
    cited = {citation.passage_id for citation in answer.citations}
    others = [passage for passage in answer.passages if passage.passage_id not in cited]
    if not others:
        return ""
    cards = "".join(
        f'<article class="found"><h3>{to_html(one.title)}</h3><p class="meta">{facts_of(one, lang)}</p>'
        f'<blockquote lang="{one.lang}">{to_html(one.text)}</blockquote>'
        f'<p class="open">{origin_of(one, lang)}</p></article>'
        for one in others
    )
    label = escape(TEXTS[lang]["also_found"].format(count=len(others)))
    return f'<details class="also-found"><summary>{label}</summary>{cards}</details>'


def render_dropped(dropped: Sequence[Dropped], lang: Lang) -> str:
    """The sentences that the gate left out, struck, folded under their number."""
    if not dropped:
        return ""
    texts = TEXTS[lang]
    items = "".join(
        f'<li><s>{to_html(one.text)}</s> <span class="why">{escape(_why(one.reason, lang))}</span></li>'
        for one in dropped
    )
    count = len(dropped)
    label = escape(texts["dropped_one" if count == 1 else "dropped_many"].format(count=count))
    return f'<details class="dropped"><summary>{label}</summary><ul>{items}</ul></details>'


def render_nearest(answer: Answer, lang: Lang) -> str:
    """The articles near to a question that none answers, to read; they are no sources. Nothing when none is near."""
    nearest: dict[str, Passage] = {}
    for passage in worth_reading(answer.passages, answer.question_lang):
        nearest.setdefault(passage.article_id, passage)
    if not nearest:
        return ""
    items = "".join(f"<li>{_titled(one, lang)}</li>" for one in _first(nearest.values(), NEAREST))
    return f'<div class="nearest"><p>{escape(TEXTS[lang]["nearest"])}</p><ul>{items}</ul></div>'


def facts_of(one: Citation | Passage, lang: Lang) -> str:
    """Outlet, date, language, heading and kind, as far as they are known."""
    facts = [
        ("outlet", one.author or host_of(checked_url(one.url))),
        ("date", format_date(one.date, lang) if one.date else ""),
        ("lang", LANG_NAMES[one.lang]),
        ("heading", to_plain(one.heading or "")),
        ("kind", TEXTS[lang]["qa"] if one.kind == "qa" else ""),
    ]
    return " · ".join(f'<span class="{name}">{escape(one_line(value))}</span>' for name, value in facts if value)


def origin_of(one: Citation | Passage, lang: Lang) -> str:
    """A link to the publisher's page, or the file's name."""
    texts = TEXTS[lang]
    url = checked_url(one.url)
    if url is None:
        return f'<span class="file">{escape(one_line(texts["file"].format(file=one.file)))}</span>'
    label = escape(texts["open_article"].format(host=host_of(url)))
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{label}</a>'


def host_of(url: str | None) -> str:
    """The host of a link as people call it; nothing for no link."""
    return (urlsplit(url).hostname or "").removeprefix("www.") if url else ""


def _titled(passage: Passage, lang: Lang) -> str:
    title, url = to_html(passage.title), checked_url(passage.url)
    if url:
        title = f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{title}</a>'
    facts = [passage.author or host_of(url), format_date(passage.date, lang) if passage.date else ""]
    known = " · ".join(escape(one_line(fact)) for fact in facts if fact)
    return f'{title} <span class="meta">{known}</span>' if known else title


def _why(reason: str, lang: Lang) -> str:
    """Why a sentence was left out, in the reader's language."""
    texts = TEXTS[lang]
    return texts.get(f"why_{reason.removeprefix('unsupported: ').replace(' ', '_')}", texts["why_unsupported"])


def _first(passages: Iterable[Passage], count: int) -> list[Passage]:
    return [passage for passage, _ in zip(passages, range(count), strict=False)]
