"""An answer with its references, for the clipboard: as text, and as HTML for where links survive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from rag.types import Lang
from rag.web.also import Outlet, also_in_words, as_plain, outlets
from rag.web.entries import Entry
from rag.web.prose import one_line, to_html, to_plain
from rag.web.references import Reference, question_lang, refer, trouble_of
from rag.web.strings import TEXTS


@dataclass(frozen=True, slots=True)
class _Form:
    """How the parts of an answer are written."""

    words: Callable[[str], str]
    mark: Callable[[Reference], str]
    line: Callable[[Reference, Lang], str]
    newline: str


def answer_as_text(entry: Entry, lang: Lang) -> str:
    """The answer with [1] [2], and beneath it a line for each source."""
    form = _Form(lambda text: one_line(to_plain(text)), lambda one: f"[{one.number}]", _line, "\n")
    return "\n\n".join(_paragraphs(entry, lang, form))


def answer_as_html(entry: Entry, lang: Lang) -> str:
    """The same as a piece of HTML, in which a number leads to the publisher's page."""
    form = _Form(to_html, lambda one: _link(f"[{one.number}]", one.url), _linked_line, "<br>")
    shown = "".join(f"<p>{paragraph}</p>" for paragraph in _paragraphs(entry, lang, form))
    return f'<div lang="{question_lang(entry)}">{shown}</div>'


def _paragraphs(entry: Entry, lang: Lang, form: _Form) -> list[str]:
    told = refer([entry])
    answer = told.entries[0].answer

    def marks(numbers: Sequence[int]) -> str:
        return "".join(form.mark(one) for one in told.cited(numbers))

    written: list[str] = []
    if answer and answer.refusal:
        written.append(form.words(answer.refusal.message))
    elif answer:
        written.append(" ".join(form.words(one.text) + marks(one.citations) for one in answer.sentences))
        for one in answer.disagreements:
            text = TEXTS[lang]["disagreement"].format(about=one.about)
            written.append(f"{form.words(text)} {marks(one.citations)}")
    written.append(form.words(trouble_of(entry, lang)))
    written.append(form.newline.join(form.line(one, lang) for one in told.references.values()))
    return [paragraph for paragraph in written if paragraph]


def _line(reference: Reference, lang: Lang) -> str:
    between, quote = TEXTS[lang]["export_between"], TEXTS[lang]["export_quote"].format(quote=reference.quote)
    facts = between.join([reference.title, *reference.facts(lang), reference.place(lang)])
    return f"[{reference.number}] {facts} — {quote}{_also(reference, lang, as_plain)}"


def _linked_line(reference: Reference, lang: Lang) -> str:
    between, quote = TEXTS[lang]["export_between"], TEXTS[lang]["export_quote"].format(quote=reference.quote)
    title = _link(escape(reference.title), reference.url)
    rest = reference.facts(lang) if reference.url else [*reference.facts(lang), reference.place(lang)]
    facts = between.join([title, *(escape(fact) for fact in rest)])
    also = _also(reference, lang, _linked)
    return f'[{reference.number}] {facts} — <span lang="{reference.citation.lang}">{escape(quote)}</span>{also}'


def _also(reference: Reference, lang: Lang, write: Callable[[Outlet], str]) -> str:
    told = also_in_words(outlets(reference.citation.also), lang, write)
    return f" ({told})" if told else ""


def _linked(one: Outlet) -> str:
    return _link(escape(one.name), one.url)


def _link(shown: str, url: str | None) -> str:
    return f'<a href="{escape(url)}">{shown}</a>' if url else shown
