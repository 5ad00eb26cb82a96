"""A conversation as one HTML file that opens offline: no scripts, nothing loaded, every quote in its passage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from rag.language.text import identify
from rag.types import Answer, Lang
from rag.web.also import render_also
from rag.web.beside import facts_of, origin_of
from rag.web.entries import Entry
from rag.web.prose import one_line, to_html, to_plain
from rag.web.references import (
    Reference,
    Referenced,
    dropped_in_words,
    filters_in_words,
    question_lang,
    refer,
    trouble_of,
)
from rag.web.render import note_of, passage_of
from rag.web.strings import TEXTS, format_moment
from rag.web.theme import SANS, SERIF, font_list, in_dark, in_light

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_TITLE_CHARS = 80


def conversation_as_html(entries: Sequence[Entry], lang: Lang, *, made: datetime) -> str:
    """A document in the reader's language: every question with its answer, and its sources at the end."""
    told = refer(entries)
    first = one_line(entries[0].question)[:_TITLE_CHARS] if entries else ""
    title = f"{first} – Ask the Articles" if first else "Ask the Articles"
    moment = TEXTS[lang]["export_made"].format(moment=format_moment(made, lang))
    mentioned: Counter[int] = Counter()
    shown = "".join(_entry(entry, told, mentioned, lang) for entry in told.entries)
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n"
        f'<header><p class="name">Ask the Articles</p><p class="made">{escape(moment)}</p></header>\n'
        f"<main>\n{shown}{_sources(told, mentioned, lang)}</main>\n</body>\n</html>\n"
    )


def _style() -> str:
    fonts = f"--ask-serif:{font_list(SERIF)};--ask-sans:{font_list(SANS)};"
    # A page is printed in the light colours whatever the screen has.
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n:root{{{in_dark()}}}\n}}\n"
    rules = (Path(__file__).parent / "export.css").read_text("utf-8")
    return f":root{{{in_light()}{fonts}}}\n{dark}{rules}"


def _entry(entry: Entry, told: Referenced, mentioned: Counter[int], lang: Lang) -> str:
    answer = entry.answer
    asides = [filters_in_words(entry.filters, lang)]
    said = ""
    notes = [trouble_of(entry, lang)]
    if answer:
        if answer.standalone_question is not None:
            asides.append(TEXTS[lang]["understood"].format(question=answer.standalone_question))
        said = _said(answer, told, mentioned, lang)
        notes += [*([] if answer.refusal else [note_of(answer, lang)]), dropped_in_words(answer, lang)]
    return (
        f'<article class="entry"><h2 lang="{question_lang(entry)}">{_visible(entry.question)}</h2>'
        f"{_asides(asides)}{said}{_asides(notes)}</article>\n"
    )


def _said(answer: Answer, told: Referenced, mentioned: Counter[int], lang: Lang) -> str:
    if answer.refusal:
        return f'<p class="refusal" lang="{answer.question_lang}">{_visible(answer.refusal.message)}</p>'
    sentences = " ".join(
        f'<span lang="{told.spoken_lang(one, answer.question_lang)}">{to_html(one.text)}</span>'
        f"{_marks(one.citations, mentioned)}"
        for one in answer.sentences
    )
    disagreements = "".join(
        f'<p class="aside">{_visible(TEXTS[lang]["disagreement"].format(about=to_plain(one.about)))} '
        f"{_marks(one.citations, mentioned)}</p>"
        for one in answer.disagreements
    )
    return f'<p class="answer" lang="{answer.question_lang}">{sentences}</p>{disagreements}'


def _marks(numbers: Sequence[int], mentioned: Counter[int]) -> str:
    """The numbers of sources as links to them; the places are counted, for the links back."""
    marks = ""
    for number in numbers:
        mentioned[number] += 1
        place = f"cite-{number}-{mentioned[number]}"
        marks += f'<a class="cite" id="{place}" href="#source-{number}">[{number}]</a>'
    return marks


def _sources(told: Referenced, mentioned: Counter[int], lang: Lang) -> str:
    if not told.references:
        return ""
    cards = "".join(_card(one, mentioned[one.number], lang) for one in told.references.values())
    return f'<section class="sources"><h2>{escape(TEXTS[lang]["sources"])}</h2>\n{cards}</section>\n'


def _card(reference: Reference, mentions: int, lang: Lang) -> str:
    number, one = reference.number, reference.citation
    titled = identify(reference.title)[0]  # an article in two languages has one title
    label = escape(TEXTS[lang]["back"])
    back = " ".join(
        f'<a class="back" href="#cite-{number}-{place}" title="{label}" aria-label="{label}">↩&#xFE0E;</a>'
        for place in range(1, mentions + 1)
    )
    return (
        f'<article class="source" id="source-{number}">'
        f'<h3><span class="number">[{number}]</span> <span lang="{titled}">{escape(reference.title)}</span></h3>'
        f'<p class="meta">{facts_of(one, lang)}</p>'
        f'<blockquote lang="{one.lang}">{passage_of(one)}</blockquote>'
        f'<p class="open">{origin_of(one, lang)} {back}</p>{render_also(one.also, lang)}</article>\n'
    )


def _asides(texts: Sequence[str]) -> str:
    return "".join(f'<p class="aside">{_visible(text)}</p>' for text in texts if text)


def _visible(text: str) -> str:
    """A text in its lines, without what no reader can see."""
    return "<br>".join(escape(line) for line in map(one_line, text.splitlines()) if line)
