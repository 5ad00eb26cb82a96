"""An assistant that plays back answers, and values small enough to check by eye, for tests of ``eval``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from eval.dataset import Case
from rag.assistant import Assistant
from rag.types import (
    Answer,
    AnswererName,
    ArticleSummary,
    Citation,
    Filters,
    Health,
    Lang,
    Passage,
    Refusal,
    Sentence,
    Turn,
)

TEXTS = {
    "en1": "Scale AI was founded in 2016 by Alexandr Wang.",
    "zh1": "Scale由Alexandr Wang创立于2016年。",
    "de1": "Scale AI wurde 2016 von Alexandr Wang gegründet.",
}
QUESTIONS: dict[str, tuple[Lang, str]] = {
    "en1": ("en", "Who founded Scale AI?"),
    "zh1": ("zh", "谁创立了Scale？"),
    "de1": ("de", "Wer hat Scale AI gegründet?"),
}
NOBODY_KNOWS: tuple[tuple[Lang, str], ...] = (
    ("en", "What time is it?"),
    ("zh", "现在几点？"),
    ("de", "Wie spät ist es?"),
)


def link(article_id: str) -> str:
    return f"https://news.example/{article_id}"


LANGS_OF = {link(article_id): lang for article_id, (lang, _) in QUESTIONS.items()}


def same_or_nothing(text: str, golds: Sequence[str]) -> float | None:
    """A similarity that a person can tell: 1 for a gold itself, else 0."""
    return float(text in golds) if golds else None


def answerable_cases() -> list[Case]:
    return [
        Case(article_id, question, lang, (TEXTS[article_id], "2016"), (link(article_id),), kind="known")
        for article_id, (lang, question) in QUESTIONS.items()
    ]


def unanswerable_cases() -> list[Case]:
    return [Case(f"none-{lang}", question, lang, answerable=False, kind="unknown") for lang, question in NOBODY_KNOWS]


def passage(article_id: str) -> Passage:
    text = TEXTS[article_id]
    return Passage(
        passage_id=f"{article_id}:0",
        article_id=article_id,
        title=article_id,
        url=link(article_id),
        author=None,
        date=None,
        lang=QUESTIONS[article_id][0],
        heading=None,
        kind="body",
        text=text,
        start=0,
        end=len(text),
        file=f"{article_id}.md",
        score=0.9,
    )


def citation(article_id: str, number: int = 1) -> Citation:
    found = passage(article_id)
    return Citation(
        number=number,
        passage_id=found.passage_id,
        article_id=article_id,
        title=found.title,
        url=found.url,
        author=None,
        date=None,
        lang=found.lang,
        heading=None,
        kind="body",
        quote=found.text,
        start=0,
        end=len(found.text),
        file=found.file,
        passage=found.text,
        passage_start=0,
    )


def answer_from(case: Case, article_id: str) -> Answer:
    """The whole article as the answer, cited as it should be."""
    return Answer(
        id=f"answer-{case.id}",
        question=case.question,
        question_lang=case.question_lang,
        answered=True,
        answer=f"{TEXTS[article_id]} [1]",
        sentences=(Sentence(TEXTS[article_id], (1,), 1.0),),
        citations=(citation(article_id),),
        confidence=0.9,
        passages=(passage(article_id),),
    )


def refusal(case: Case) -> Answer:
    return Answer(
        id=f"refusal-{case.id}",
        question=case.question,
        question_lang=case.question_lang,
        answered=False,
        answer="No article says it.",
        refusal=Refusal("no_evidence", "No article says it."),
        confidence=0.1,
    )


def perfect(cases: Sequence[Case]) -> dict[str, Answer]:
    return {case.question: answer_from(case, case.id) if case.answerable else refusal(case) for case in cases}


@dataclass
class ScriptedAssistant(Assistant):
    """Plays back one answer a question; an exception in the script is raised, one that ends a process too."""

    script: Mapping[str, Answer | BaseException]
    asked: list[tuple[str, bool, AnswererName | None]] = field(default_factory=list)
    closed: bool = False

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
        top_k: int = 8,
        include_qa: bool = True,
        answerer: AnswererName | None = None,
    ) -> Answer:
        self.asked.append((question, include_qa, answerer))
        played = self.script[question]
        if isinstance(played, BaseException):
            raise played
        return replace(played, answerer=answerer or "extractive")

    def article(self, article_id: str) -> tuple[ArticleSummary, str] | None:
        if article_id not in TEXTS:
            return None
        found = passage(article_id)
        summary = ArticleSummary(
            article_id,
            found.file,
            found.title,
            found.url,
            None,
            None,
            None,
            (),
            (found.lang,),
            1,
            0,
            found.end,
        )
        return summary, found.text

    def health(self) -> Health:
        return Health("ok", 3, 3, "fake", "extractive", None, "exact", None, "0.0.0")

    def close(self) -> None:
        self.closed = True
