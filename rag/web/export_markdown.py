"""A conversation as Markdown with footnotes, to be kept outside the page.

Whatever comes from outside is only text: all that could be structure in it is escaped, and it stands on one line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from rag.types import Answer, Lang
from rag.web.also import Outlet, also_in_words, outlets
from rag.web.entries import Entry
from rag.web.prose import one_line, to_plain
from rag.web.references import (
    Reference,
    Referenced,
    dropped_in_words,
    filters_in_words,
    refer,
    trouble_of,
)
from rag.web.render import note_of
from rag.web.strings import LANG_NAMES, TEXTS, format_moment

# Signs of CommonMark and of what is often added to it: footnotes, tables, formulas, marks, addresses.
_SIGNS = re.compile(r"[\\`*_\[\]{}<>&#|~^$=@]|!(?=\[|\Z)|:(?=//)|(?<=www)\.|\A[-+](?=[\s+-]|\Z)", re.IGNORECASE)
_LIST_NUMBER = re.compile(r"\A(\d{1,9})([.)])")


def conversation_as_markdown(entries: Sequence[Entry], lang: Lang, *, made: datetime) -> str:
    """A document in the reader's language: every question with its answer, and a footnote for each source."""
    told = refer(entries)
    lines = ["# Ask the Articles", as_text(TEXTS[lang]["export_made"].format(moment=format_moment(made, lang)))]
    for entry in told.entries:
        lines += [f"## {as_text(entry.question) or '…'}", *_entry(entry, told, lang)]
    lines += [_footnote(reference, lang) for reference in told.references.values()]
    return "\n\n".join(lines) + "\n"


def as_text(text: str) -> str:
    """A text as Markdown that shows just this text, on one line.

    >>> print(as_text("- [x](y) cost $5 & 10-12 %!"))
    \\- \\[x\\](y) cost \\$5 \\& 10-12 %\\!
    """
    escaped = _SIGNS.sub(r"\\\g<0>", one_line(text))
    return _LIST_NUMBER.sub(r"\1\\\2", escaped)


def _entry(entry: Entry, told: Referenced, lang: Lang) -> list[str]:
    asides = [filters_in_words(entry.filters, lang)]
    said: list[str] = []
    notes: list[str] = []
    if entry.answer:
        if entry.answer.standalone_question is not None:
            asides.append(TEXTS[lang]["understood"].format(question=entry.answer.standalone_question))
        said = _said(entry.answer, told, lang)
        notes = [] if entry.answer.refusal else [note_of(entry.answer, lang)]
        notes.append(dropped_in_words(entry.answer, lang))
    notes.insert(0, trouble_of(entry, lang))
    return [*(_aside(one) for one in asides if one), *said, *(_aside(one) for one in notes if one)]


def _said(answer: Answer, told: Referenced, lang: Lang) -> list[str]:
    if answer.refusal:
        return [as_text(answer.refusal.message)]
    sentences = [as_text(to_plain(one.text)) + _marks(one.citations) for one in answer.sentences]
    disagreements = [
        f"{as_text(TEXTS[lang]['disagreement'].format(about=to_plain(one.about)))} {_marks(one.citations)}"
        for one in answer.disagreements
    ]
    return [" ".join(sentences), *disagreements]


def _marks(numbers: Sequence[int]) -> str:
    return "".join(f"[^{number}]" for number in numbers)


def _aside(text: str) -> str:
    return f"*{as_text(text)}*"


def _footnote(reference: Reference, lang: Lang) -> str:
    known = [*reference.facts(lang), LANG_NAMES[reference.citation.lang]]
    facts = TEXTS[lang]["export_between"].join(known)
    place = f"<{reference.url}>" if reference.url else as_text(reference.place(lang))
    quote = TEXTS[lang]["export_quote"].format(quote=as_text(reference.quote))
    said = f"{place} — {quote}{_also(reference, lang)}"
    return f"[^{reference.number}]: **{as_text(reference.title)}** ({as_text(facts)}) {said}"


def _also(reference: Reference, lang: Lang) -> str:
    def write(one: Outlet) -> str:
        return f"{as_text(one.name)} <{one.url}>" if one.url else as_text(one.name)

    told = also_in_words(outlets(reference.citation.also), lang, write)
    return f" ({told})" if told else ""
