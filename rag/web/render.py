"""What the page shows, as HTML: the messages of the conversation and the cards of their sources.

Pure functions. Everything that comes from outside is escaped, links go to http and https alone, and no
result holds a line break, because the conversation reads its messages as Markdown and a blank line would end
the HTML.

An *anchor* names one answer on the page: its citations link to the cards ``source-<anchor>-<number>``, and a
card links back to ``cite-<anchor>-<number>``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from rag.types import Answer, Citation, Lang, Said, Sentence
from rag.web.also import render_also
from rag.web.beside import facts_of, origin_of, render_also_found, render_dropped, render_nearest
from rag.web.frame import lines
from rag.web.prose import to_html, to_plain
from rag.web.strings import TEXTS, format_cost, format_duration, format_number


def make_anchor(number: int, answer_id: str) -> str:
    """An anchor for the answer with this number in the conversation.

    >>> make_anchor(2, "a/b c:9")
    '2-abc9'
    """
    return f"{number}-{re.sub(r'[^A-Za-z0-9_]', '', answer_id)[:16]}"


def render_question(question: str, number: int) -> str:
    """A question as it was typed, with its number in the conversation."""
    return f'<div class="asked" id="asked-{number}">{lines(question)}</div>'


def render_answer(answer: Answer, anchor: str, lang: Lang) -> str:
    """An answer with its citations as links to their cards, or a refusal."""
    if answer.refusal is not None:
        message = lines(answer.refusal.message)
        spoken = f'<p lang="{answer.question_lang}">{message}</p>'
        beside = _understood(answer, lang) + render_nearest(answer, lang) + render_dropped(answer.dropped, lang)
        return f'<div class="refusal">{spoken}{beside}</div>'
    citations = {citation.number: citation for citation in answer.citations}
    linked: set[int] = set()
    sentences = " ".join(
        _sentence(sentence, citations, anchor, linked, answer.question_lang) for sentence in answer.sentences
    )
    return (
        f'<div class="answer"><p lang="{answer.question_lang}">{sentences}</p>'
        f"{_disagreements(answer, citations, anchor, linked, lang)}{_understood(answer, lang)}"
        f'<p class="note">{escape(note_of(answer, lang))}</p>{render_dropped(answer.dropped, lang)}</div>'
    )


def render_acts(anchor: str, lang: Lang, *, answered: bool) -> str:
    """What can be done with a question and its answer."""
    number = anchor.partition("-")[0]
    acts = ["copy", "link", "edit", "again"] if answered else ["edit", "again"]
    buttons = (f'<button class="act {act}" id="{act}-{number}">{escape(TEXTS[lang][act])}</button>' for act in acts)
    return f'<p class="acts" id="acts-{anchor}" lang="{lang}">{" ".join(buttons)}</p>'


def render_so_far(said: Sequence[Said], anchor: str, lang: Lang) -> str:
    """The sentences of an answer that is still being written."""
    citations = {citation.number: citation for citation in said[-1].citations}
    linked: set[int] = set()
    sentences = " ".join(_sentence(one.sentence, citations, anchor, linked, lang) for one in said)
    return f'<div class="answer going-on"><p>{sentences}</p></div>'


def render_sources(answer: Answer, anchor: str, lang: Lang) -> str:
    """The cards of an answer's citations, for the panel beside the conversation."""
    cards = render_cards(answer.question, answer.citations, anchor, lang, asked_in=answer.question_lang)
    return (
        cards.removesuffix("</section>") + render_also_found(answer, lang) + "</section>" if answer.citations else cards
    )


def render_cards(
    question: str, citations: Sequence[Citation], anchor: str, lang: Lang, *, asked_in: Lang | None = None
) -> str:
    """The cards of citations, for a question whose language may not be known yet."""
    if not citations:
        return render_no_sources(anchor, lang)
    cards = "".join(_card(citation, anchor, lang) for citation in citations)
    spoken = f' lang="{asked_in}"' if asked_in else ""
    return (
        f'<section class="sources" id="sources-{anchor}"><h2>{escape(TEXTS[lang]["sources"])}</h2>'
        f'<p class="for"{spoken}>{lines(question)}</p>{cards}</section>'
    )


def render_no_sources(anchor: str, lang: Lang) -> str:
    """The panel when nothing is cited. The anchor makes it differ from the one before, so it is redrawn."""
    return (
        f'<section class="sources" id="sources-{anchor}"><h2>{escape(TEXTS[lang]["sources"])}</h2>'
        f'<p class="empty">{escape(TEXTS[lang]["no_sources"])}</p></section>'
    )


def _sentence(sentence: Sentence, citations: Mapping[int, Citation], anchor: str, linked: set[int], lang: Lang) -> str:
    cited = [citations[number] for number in sentence.citations if number in citations]
    links = "".join(_link(citation, anchor, linked) for citation in cited)
    # A quotation stays in its article's language.
    quoted = next((citation.lang for citation in cited if to_plain(citation.quote) == to_plain(sentence.text)), lang)
    return f'<span class="sentence" lang="{quoted}">{to_html(sentence.text)}</span>{links}'


def _link(citation: Citation, anchor: str, linked: set[int]) -> str:
    number = citation.number
    name = "" if number in linked else f' id="cite-{anchor}-{number}"'  # an id may stand only once
    linked.add(number)
    return f'<a class="cite"{name} href="#source-{anchor}-{number}">[{number}]</a>'


def _disagreements(answer: Answer, citations: dict[int, Citation], anchor: str, linked: set[int], lang: Lang) -> str:
    """What the sources say that contradict each other, side by side."""
    shown = ""
    for disagreement in answer.disagreements:
        about = escape(TEXTS[lang]["disagreement"].format(about=to_plain(disagreement.about)))
        sides = "".join(_side(citations[n], anchor, linked, lang) for n in disagreement.citations if n in citations)
        shown += f'<section class="disagreement"><p lang="{lang}">{about}</p><div class="sides">{sides}</div></section>'
    return shown


def _side(citation: Citation, anchor: str, linked: set[int], lang: Lang) -> str:
    link = _link(citation, anchor, linked)
    return (
        f'<figure><blockquote lang="{citation.lang}">{to_html(citation.quote)}</blockquote>'
        f"<figcaption>{facts_of(citation, lang)} {link}</figcaption></figure>"
    )


def _understood(answer: Answer, lang: Lang) -> str:
    """How a follow-up question was made whole."""
    if answer.standalone_question is None:
        return ""
    told = TEXTS[lang]["understood"].format(question=answer.standalone_question)
    return f'<p class="note" lang="{lang}">{lines(told)}</p>'


def note_of(answer: Answer, lang: Lang) -> str:
    """How an answer came about: without a model or with which, in what time and at what price."""
    texts = TEXTS[lang]
    time = format_duration(answer.timings_ms.get("total", 0.0), lang)
    by_model = answer.answerer == "llm"
    notes = [texts["with_model"].format(time=time, model=answer.model or "?")] if by_model else []
    notes = notes or [texts["without_model"].format(time=time)]
    if answer.usage:
        spent = {"tokens_in": answer.usage.tokens_in, "tokens_out": answer.usage.tokens_out}
        notes.append(texts["tokens"].format(**{name: format_number(count, lang) for name, count in spent.items()}))
        if answer.usage.cost is not None:
            notes.append(texts["cost"].format(cost=format_cost(answer.usage.cost, lang)))
    if answer.note:
        notes.insert(0, answer.note)
    return " ".join(notes)


def _card(citation: Citation, anchor: str, lang: Lang) -> str:
    texts = TEXTS[lang]
    number = citation.number
    back = escape(texts["back"])
    return (
        f'<article class="card" id="source-{anchor}-{number}" tabindex="-1">'
        f'<h3><a class="number" href="#cite-{anchor}-{number}" title="{back}">[{number}]</a> '
        f'<span class="title">{to_html(citation.title)}</span></h3>'
        f'<p class="meta">{facts_of(citation, lang)}</p>'
        f'<blockquote lang="{citation.lang}">{passage_of(citation)}</blockquote>'
        f'<p class="open">{origin_of(citation, lang)}</p>{render_also(citation.also, lang)}</article>'
    )


def passage_of(citation: Citation) -> str:
    """The passage with the quote marked. Where the quote cannot be found in it, nothing is marked."""
    start = citation.start - citation.passage_start
    end = start + len(citation.quote)
    if start >= 0 and citation.passage[start:end] == citation.quote:
        return to_html(citation.passage, (start, end))
    return to_html(citation.passage)
