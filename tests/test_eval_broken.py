"""The evaluator evaluated: eight answerers that are broken on purpose, over the sample articles.

Each must be caught by the measure that is there to catch it, and must look better than the honest one in none. They are
asked the questions that the honest one gets right, so that whatever they lose or win is their own doing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import SAMPLES, made_index, settings_for

from eval.dataset import Case, choose_cases, gold_langs, read_articles
from eval.likeness import Likeness
from eval.metrics import Estimate
from eval.parties import Parties, article_text
from eval.progress import progress_bar
from eval.runner import evaluate
from eval.scorers import LOWER_IS_BETTER, Tools
from eval.summary import MEASURES, Summary, summarise
from rag.assembly.encoders import open_embedder
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.engine import refuse
from rag.language.sentences import sentences
from rag.types import LANGS, Answer, AnswererName, Citation, Filters, Lang, Passage, Sentence, Turn

Break = Callable[[Answer], Answer]


@dataclass
class Broken(Assistant):
    """An assistant whose answers go through something that breaks them."""

    honest: Assistant
    how: Break
    include_qa: bool = False  # whatever is asked for

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
        return self.how(self.honest.ask(question, top_k=top_k, include_qa=self.include_qa))


def cite(passage: Passage, start: int, end: int) -> Citation:
    """A true citation of a part of a passage, in offsets of the passage."""
    fields: dict[str, Any] = {
        name: getattr(passage, name) for name in Citation.__dataclass_fields__ if hasattr(passage, name)
    }
    span: dict[str, Any] = {
        "start": passage.start + start,
        "end": passage.start + end,
        "quote": passage.text[start:end],
    }
    return Citation(**{**fields, **span, "number": 1, "passage": passage.text, "passage_start": passage.start})


def say(answer: Answer, passage: Passage, start: int = 0, end: int | None = None) -> Answer:
    """The same answer with a part of a passage as its one sentence, truly cited; all of it without ``end``."""
    cited = cite(passage, start, len(passage.text) if end is None else end)
    said = Sentence(cited.quote, (1,), 1.0)
    return replace(answer, answered=True, refusal=None, answer=said.text, sentences=(said,), citations=(cited,))


def first_passage_always(answer: Answer) -> Answer:
    return say(answer, answer.passages[0]) if answer.passages else answer


def always_refuses(answer: Answer) -> Answer:
    refused = refuse(answer.question, answer.question_lang, "no_evidence")
    return replace(refused, passages=answer.passages, confidence=answer.confidence)


def never_refuses(answer: Answer) -> Answer:
    if answer.answered or not answer.passages:
        return answer
    best = answer.passages[0]
    return say(answer, best, *sentences(best.text, best.lang)[0])


def cites_off_by_one(answer: Answer) -> Answer:
    said = (replace(one, citations=tuple(number + 1 for number in one.citations)) for one in answer.sentences)
    return replace(answer, sentences=tuple(said))


def invents_a_number(answer: Answer) -> Answer:
    said = (replace(one, text=f"{one.text.rstrip('.。')} 4711.") for one in answer.sentences)
    return replace(answer, sentences=tuple(said))


@dataclass(frozen=True)
class Workshop:
    """What the answerers are made of, and the honest one's figures."""

    assistant: Assistant
    leaky: Assistant
    cases: tuple[Case, ...]
    tools: Tools
    honest: Summary

    def summary(self, assistant: Assistant) -> Summary:
        return summarise(evaluate(Parties(assistant, self.tools), self.cases, progress_bar()))

    def random_passage(self) -> Break:
        everything = [hit for case in self.cases for hit in self.assistant.search(case.question, include_qa=False)]
        draw = random.Random(7)
        return lambda answer: say(answer, draw.choice(everything)) if answer.answered else answer

    def in_another_language(self, answer: Answer) -> Answer:
        if not answer.answered:
            return answer
        other: Lang = LANGS[(LANGS.index(answer.question_lang) + 1) % 3]
        best = self.assistant.search(answer.question, filters=Filters(lang=(other,)), include_qa=False)[0]
        return say(answer, best, *sentences(best.text, best.lang)[0])


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    opened = []
    for name in ("without", "with"):
        data = made_index(tmp_path_factory, SAMPLES, include_qa=name == "with")
        opened.append(open_assistant(settings_for(data)))
    assistant, leaky = opened
    articles, _ = read_articles(SAMPLES)
    tools = Tools(article_text(assistant), Likeness(open_embedder(settings_for(Path("unused")))), gold_langs(articles))
    parties = Parties(assistant, tools)
    records = evaluate(parties, choose_cases(articles, [], []), progress_bar())
    right = [record for record in records if record.scores["right"].value == 1]
    # Enough of each language and of both kinds to mean something.
    for lang in LANGS:
        for answerable in (True, False):
            assert sum((r.case.question_lang, r.case.answerable) == (lang, answerable) for r in right) >= 4
    yield Workshop(assistant, leaky, tuple(record.case for record in right), tools, summarise(right))
    for one in opened:
        one.close()


def mean(estimate: Estimate | None) -> float | None:
    return estimate.mean if estimate else None


def better_than_honest(found: Summary, honest: Summary) -> dict[str, tuple[float, float]]:
    """The measures in which a broken answerer looks better: its mean and the honest one's."""
    looks = {}
    for measure in MEASURES:
        its, fair = mean(found.overall[measure]), mean(honest.overall[measure])
        if its is None or fair is None:
            continue
        if (its < fair - 1e-9) if measure in LOWER_IS_BETTER else (its > fair + 1e-9):
            looks[measure] = (its, fair)
    return looks


BROKEN: dict[str, tuple[Callable[[Workshop], Break], dict[str, float]]] = {
    # What is broken, and the highest means by which it is caught; the honest one has 1 in each.
    "first passage always": (lambda _: first_passage_always, {"refusal_recall": 0.0, "right": 0.7}),
    "random passage": (Workshop.random_passage, {"cited_gold": 0.2, "right": 0.6}),
    "always refuses": (lambda _: always_refuses, {"answer_rate": 0.0, "refusal_precision": 0.6, "right": 0.6}),
    "never refuses": (lambda _: never_refuses, {"refusal_recall": 0.0, "right": 0.8}),
    "citations off by one": (lambda _: cites_off_by_one, {"citation_recall": 0.3, "citation_precision": 0.3}),
    "in the wrong language": (lambda workshop: workshop.in_another_language, {"answer_lang": 0.0}),
    "invents one number": (lambda _: invents_a_number, {"citation_recall": 0.0, "citation_precision": 0.0}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answerer_is_caught_and_looks_better_in_nothing(workshop: Workshop, name: str) -> None:
    how, caught_by = BROKEN[name]
    found = workshop.summary(Broken(workshop.assistant, how(workshop)))
    for measure, most in caught_by.items():
        caught = mean(found.overall[measure])
        assert caught is not None
        assert caught <= most, measure
        assert mean(workshop.honest.overall[measure]) == 1.0, measure
    assert better_than_honest(found, workshop.honest) == {}


def test_an_answerer_that_leaks_the_answers_is_caught_by_the_guard_and_gets_no_score(workshop: Workshop) -> None:
    found = workshop.summary(Broken(workshop.leaky, lambda answer: answer, include_qa=True))
    answerable = sum(case.answerable for case in workshop.cases)
    assert found.leaked >= answerable
    assert found.failed == found.leaked
    assert found.overall["right"] is None or found.overall["right"].n == len(workshop.cases) - found.leaked
    assert found.overall["token_f1"] is None
    assert better_than_honest(found, workshop.honest) == {}
