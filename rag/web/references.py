"""The references of a conversation that is taken away: numbered on through all its answers, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.language.text import identify
from rag.reading.links import checked_url
from rag.types import Answer, Citation, Filters, Lang, Sentence
from rag.web.beside import host_of
from rag.web.entries import Entry
from rag.web.prose import one_line, to_plain
from rag.web.strings import LANG_NAMES, TEXTS, format_date


@dataclass(frozen=True, slots=True)
class Reference:
    """A citation with its number in the whole conversation, and its parts as one line of plain text each."""

    citation: Citation
    title: str
    quote: str
    url: str | None

    @property
    def number(self) -> int:
        """What stands in brackets."""
        return self.citation.number

    def facts(self, lang: Lang) -> list[str]:
        """Outlet and date, as far as they are known."""
        one = self.citation
        facts = (one.author or host_of(self.url), format_date(one.date, lang) if one.date else "")
        return [fact for fact in map(one_line, facts) if fact]

    def place(self, lang: Lang) -> str:
        """The link to the publisher's page, or the file's name."""
        return self.url or one_line(TEXTS[lang]["file"].format(file=self.citation.file))


@dataclass(frozen=True, slots=True)
class Referenced:
    """A conversation whose answers cite by the numbers of its references; what cites nothing known cites nothing."""

    entries: tuple[Entry, ...]
    references: dict[int, Reference]

    def cited(self, numbers: Sequence[int]) -> list[Reference]:
        """The references with these numbers."""
        return [self.references[number] for number in numbers]

    def spoken_lang(self, sentence: Sentence, lang: Lang) -> Lang:
        """The language of a sentence in an answer in ``lang``: a quotation stays in its article's language."""
        words = one_line(to_plain(sentence.text))
        cited = self.cited(sentence.citations)
        return next((one.citation.lang for one in cited if one.quote == words), lang)


def refer(entries: Sequence[Entry]) -> Referenced:
    """Number the citations on, in the order in which they are first cited. The same words of a passage are one."""
    numbers: dict[Citation, int] = {}
    renumbered = tuple(
        replace(entry, answer=_renumbered(entry.answer, numbers)) if entry.answer else entry for entry in entries
    )
    return Referenced(renumbered, {number: _reference(one, number) for one, number in numbers.items()})


def _renumbered(answer: Answer, numbers: dict[Citation, int]) -> Answer:
    known = {one.number: replace(one, number=0) for one in answer.citations}

    def new(old: Sequence[int]) -> tuple[int, ...]:
        cited = dict.fromkeys(known[number] for number in old if number in known)
        return tuple(numbers.setdefault(one, len(numbers) + 1) for one in cited)

    return replace(
        answer,
        sentences=tuple(replace(one, citations=new(one.citations)) for one in answer.sentences),
        disagreements=tuple(replace(one, citations=new(one.citations)) for one in answer.disagreements),
    )


def _reference(citation: Citation, number: int) -> Reference:
    return Reference(
        replace(citation, number=number),
        title=one_line(to_plain(citation.title)) or one_line(citation.file),
        quote=one_line(to_plain(citation.quote)),
        url=checked_url(citation.url),
    )


def question_lang(entry: Entry) -> Lang:
    """The language of an entry's question."""
    return entry.answer.question_lang if entry.answer else identify(entry.question)[0]


def trouble_of(entry: Entry, lang: Lang) -> str:
    """Why there is no answer, or not the whole of it; nothing where nothing went wrong."""
    trouble = entry.trouble or (None if entry.answer else "interrupted")
    return TEXTS[lang][f"export_{trouble}"] if trouble else ""


def filters_in_words(filters: Filters, lang: Lang) -> str:
    """What an entry's question was restricted to; nothing where it was not."""
    texts = TEXTS[lang]
    names = [LANG_NAMES[one] for one in filters.lang]
    lists = {"export_lang": names, "export_tag": filters.tags, "export_outlet": filters.authors}
    told = [texts[key].format(values=texts["export_list"].join(values)) for key, values in lists.items() if values]
    dates = {"export_from": filters.date_from, "export_to": filters.date_to}
    told += [texts[key].format(date=format_date(date, lang)) for key, date in dates.items() if date]
    count = len(filters.article_ids)
    told += [texts["export_chosen_one" if count == 1 else "export_chosen"].format(count=count)] if count else []
    return one_line(texts["export_filters"].format(filters=" · ".join(told))) if told else ""


def dropped_in_words(answer: Answer, lang: Lang) -> str:
    """How many sentences were left out; nothing where none was."""
    count = len(answer.dropped)
    return TEXTS[lang]["dropped_one" if count == 1 else "dropped_many"].format(count=count) if count else ""
