"""A hand-made assistant for the tests of the API and the page: it answers three questions and fails on request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from rag.assistant import Assistant
from rag.errors import EmbeddingError, QuestionError
from rag.storage.feedback import FeedbackStore
from rag.types import (
    Answer,
    AnswererName,
    ArticleSummary,
    Citation,
    Dropped,
    Filters,
    Found,
    Health,
    Lang,
    Passage,
    Refusal,
    Said,
    Sentence,
    Turn,
    Update,
)

TEXT = "Vorher.\n\nDie Katze **fraß** 3 Mäuse. Der Hund <b>schlief</b>."
QUOTE = "Die Katze **fraß** 3 Mäuse."
START = TEXT.index(QUOTE)
SUGGESTED = "Und der Hund?"
REFUSALS: dict[Lang, str] = {
    "zh": "这些文章没有回答这个问题。",
    "en": "The articles do not answer this question.",
    "de": "Die Artikel beantworten diese Frage nicht.",
}


def make_citation(number: int = 1, **changes: Any) -> Citation:
    """A citation of ``QUOTE``, marked in ``TEXT``."""
    values: dict[str, Any] = {
        "number": number,
        "passage_id": f"p{number}",
        "article_id": "cats",
        "title": "Von Katzen & Hunden",
        "url": "https://www.example.org/cats?a=1&b=2",
        "author": "Tierblatt",
        "date": "2024-05-21",
        "lang": "de",
        "heading": "Nachts",
        "kind": "body",
        "quote": QUOTE,
        "start": START,
        "end": START + len(QUOTE),
        "file": "cats.md",
        "passage": TEXT,
        "passage_start": 0,
    }
    return Citation(**{**values, **changes})


def make_answer(question: str = "Was fraß die Katze?", **changes: Any) -> Answer:
    """An answer of one sentence with one citation."""
    values: dict[str, Any] = {
        "id": "a1",
        "question": question,
        "question_lang": "de",
        "answered": True,
        "answer": f"{QUOTE}[1]",
        "sentences": (Sentence(QUOTE, (1,), 1.0),),
        "citations": (make_citation(),),
        "timings_ms": {"retrieve": 9.0, "answer": 6.0, "verify": 2.0, "total": 18.2},
        "passages": (make_passage(),),
    }
    return Answer(**{**values, **changes})


def make_refusal(question: str, lang: Lang = "en") -> Answer:
    """A refusal in a language."""
    refusal = Refusal("no_evidence", REFUSALS[lang])
    return Answer("r1", question, lang, answered=False, answer=refusal.message, refusal=refusal)


def make_passage() -> Passage:
    """The passage around ``QUOTE``."""
    return Passage(
        passage_id="p1",
        article_id="cats",
        title="Von Katzen & Hunden",
        url="https://www.example.org/cats?a=1&b=2",
        author="Tierblatt",
        date="2024-05-21",
        lang="de",
        heading="Nachts",
        kind="body",
        text=TEXT,
        start=0,
        end=len(TEXT),
        file="cats.md",
        score=0.5,
    )


def write_run(runs: Path, folder: str, **changes: Any) -> Path:
    """A run of the evaluation in a folder of runs, as the evaluation leaves it behind."""
    values: dict[str, Any] = {
        "name": folder,
        "started": "2024-05-21T09:05:00+00:00",
        "seconds": 12.5,
        "version": "0.1.0",
        "commit": "149d846",
        "answerer": "extractive",
        "embed_model": "use-multilingual-v3",
        "cases": 88,
        "failed": 0,
        "leaked": 0,
        "headline": [{"measure": "hit@1", "n": 64, "mean": 0.976, "low": 0.95, "high": 1.0}],
    }
    made = runs / folder
    made.mkdir(parents=True)
    (made / "run.json").write_text(json.dumps(values | changes, ensure_ascii=False), encoding="utf-8")
    (made / "report.html").write_text(f"<!doctype html><h1>Report of {folder}</h1>", encoding="utf-8")
    return made


SUMMARY = ArticleSummary(
    id="cats",
    file="cats.md",
    title="Von Katzen & Hunden",
    url=None,
    author=None,
    date="2024-05-21",
    description=None,
    tags=("Tag animals",),
    langs=("de",),
    passages=2,
    qa_pairs=1,
    characters=len(TEXT),
)


class HandMadeAssistant(Assistant):
    """Answers by a word in the question: weather is refused, fail and crash raise, slow waits to be released.

    Its answers have the ids a1, a2, …; with a feedback store it keeps them and their ratings as the real one does.
    """

    def __init__(self, status: str = "ok", feedback: FeedbackStore | None = None) -> None:
        self.status = status
        self._feedback = feedback
        self._embed_model = "subjects"
        self._version = "0.1.0"
        self._ids = count(1)
        self.forget()

    def forget(self) -> None:
        """Start again, as if nobody had asked yet."""
        self.asked: list[dict[str, Any]] = []
        self.released = threading.Event()

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
        self.asked.append(
            {
                "question": question,
                "history": tuple(history),
                "filters": filters,
                "top_k": top_k,
                "include_qa": include_qa,
                "answerer": answerer,
            }
        )
        answer = self._answer(question, answerer)
        return self._kept(replace(answer, id=f"a{next(self._ids)}"))

    def stream(self, question: str, *, cancelled: threading.Event | None = None, **asked: Any) -> Iterator[Update]:
        answer = self.ask(question, **asked)
        yield Found(answer.passages)
        for sentence in answer.sentences:
            yield Said(sentence, answer.citations)
        yield answer

    def _answer(self, question: str, answerer: AnswererName | None) -> Answer:
        if answerer == "llm":
            raise QuestionError("answerer llm is not set up; available: extractive")
        if "fail" in question:
            raise EmbeddingError("http://secret-host:9 said no")
        if "crash" in question:
            raise ValueError("/secret/path")
        if "slow" in question:
            self.released.wait(20)
        if "weather" in question:
            return make_refusal(question)
        if "天气" in question:
            return make_refusal(question, "zh")
        return make_answer(question, dropped=(Dropped("Der Hund flog.", "unsupported"),))

    def suggest(
        self, answer: Answer, *, filters: Filters | None = None, asked: Sequence[str] = (), count: int = 3
    ) -> list[str]:
        known = (answer.question, *asked)
        return [SUGGESTED] if answer.answered and answer.question_lang == "de" and SUGGESTED not in known else []

    def _passages(self, ids: Iterable[str]) -> list[Passage]:
        return [make_passage()] if "p1" in ids else []

    def search(
        self, query: str, *, filters: Filters | None = None, top_k: int = 10, include_qa: bool = True
    ) -> list[Passage]:
        if "fail" in query:
            raise EmbeddingError("http://secret-host:9 said no")
        return [make_passage()]

    def articles(self) -> list[ArticleSummary]:
        return [SUMMARY]

    def examples(self, lang: Lang, count: int = 4) -> list[str]:
        return ["Was fraß die Katze?"] if lang == "de" else []

    def article(self, article_id: str) -> tuple[ArticleSummary, str] | None:
        return (SUMMARY, TEXT) if article_id == SUMMARY.id else None

    def health(self) -> Health:
        return Health(self.status, 1, 2, "subjects", "extractive", None, "exact", None, "0.1.0")

    def close(self) -> None:
        self.released.set()
