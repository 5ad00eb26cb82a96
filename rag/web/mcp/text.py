"""What the tools give, as text with links, for clients that read nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from rag.reading.links import checked_url
from rag.types import Answer, Citation, Passage
from rag.web.openai.text import CitedText
from rag.web.prose import to_plain


def answer_text(answer: Answer) -> str:
    """The answer with its markers as links, its sources, and the words that each citation rests on."""
    said = CitedText()
    for _ in said.end(answer):
        pass
    quotes = "\n".join(map(_quote, answer.citations))
    return f"{said.text}\n\n{quotes}" if quotes else said.text


def _quote(citation: Citation) -> str:
    return f"> [{citation.number}] “{to_plain(citation.quote)}” ({citation.start}–{citation.end})"


def results_text(found: Sequence[Passage]) -> str:
    """The passages, numbered, each with its source above it."""
    return (
        "\n\n".join(f"[{number}] {_result(passage)}" for number, passage in enumerate(found, 1)) or "no passage found"
    )


def _result(passage: Passage) -> str:
    where = f"{passage.start}–{passage.end}"
    facts = [to_plain(passage.title), passage.author, passage.date, checked_url(passage.url) or passage.file, where]
    return f"{' · '.join(fact for fact in facts if fact)}\n> {to_plain(passage.text)}"
