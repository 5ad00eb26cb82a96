"""Scores of single answers: a perfect one gets 1, each kind of bad one is caught by the measure for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eval_fakes import TEXTS, answer_from, answerable_cases, citation, passage, refusal, unanswerable_cases

from eval.dataset import Case
from eval.scorers import ANSWER, CITATION, RETRIEVAL, Scores, score_case, spoken
from rag.types import Answer, Sentence

KNOWN = answerable_cases()
UNKNOWN = unanswerable_cases()


def scores_of(case: Case, answer: Answer) -> Scores:
    return score_case(case, answer, TEXTS.get)


def values_of(case: Case, answer: Answer) -> dict[str, float | None]:
    return {measure: score.value for measure, score in scores_of(case, answer).items()}


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: case.question_lang)
def test_a_perfect_answer_has_full_marks_wherever_a_measure_applies(case: Case) -> None:
    values = values_of(case, answer_from(case, case.id))
    applying = {measure: value for measure, value in values.items() if value is not None}
    assert set(applying) == {*RETRIEVAL, *ANSWER, *CITATION, "answer_rate"}
    assert set(applying.values()) == {1.0}


@pytest.mark.parametrize("case", UNKNOWN, ids=lambda case: case.question_lang)
def test_a_right_refusal_has_full_marks_and_no_others(case: Case) -> None:
    values = values_of(case, refusal(case))
    applying = {measure: value for measure, value in values.items() if value is not None}
    assert applying == {"refusal_precision": 1.0, "refusal_recall": 1.0}


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: case.question_lang)
def test_refusing_what_an_article_answers_is_caught(case: Case) -> None:
    values = values_of(case, refusal(case))
    assert (values["answer_rate"], values["refusal_precision"]) == (0.0, 0.0)
    assert {values[measure] for measure in ANSWER} == {0.0}
    assert {values[measure] for measure in CITATION} == {None}


@pytest.mark.parametrize("case", UNKNOWN, ids=lambda case: case.question_lang)
def test_answering_what_no_article_answers_is_caught(case: Case) -> None:
    values = values_of(case, answer_from(case, "en1"))
    assert values["refusal_recall"] == 0.0
    assert values["refusal_precision"] is None
    # What it says is proven all the same, and is not compared with a gold that does not exist.
    assert (values["quote_exact"], values["cited_gold"], values["f1"], values["hit@1"]) == (1.0, None, None, None)


def test_the_wrong_article_is_caught_by_retrieval_and_by_citation() -> None:
    case = KNOWN[0]
    values = values_of(case, answer_from(case, "de1"))
    assert [values[measure] for measure in (*RETRIEVAL, "cited_gold")] == [0.0, 0.0, 0.0, 0.0]
    assert values["quote_exact"] == 1.0


def test_ranks_count_passages() -> None:
    case = KNOWN[0]
    answer = replace(answer_from(case, "en1"), passages=(passage("de1"), passage("zh1"), passage("en1")))
    scores = scores_of(case, answer)
    assert [scores[measure].value for measure in RETRIEVAL] == [0.0, 1.0, 1 / 3]
    assert scores["mrr"].reason == "rank 3 of 3 passages"


def test_a_half_right_choice_of_articles_is_half_right() -> None:
    case = KNOWN[0]
    cited = (citation("en1", 1), citation("en1", 2), citation("de1", 3))
    values = values_of(case, replace(answer_from(case, "en1"), citations=cited))
    assert values["cited_gold"] == 0.5  # two articles, however often each is cited


@pytest.mark.parametrize(
    "changes",
    [
        {"start": 1},
        {"quote": "Scale AI was founded in 2017 by Alexandr Wang."},
        {"end": 10_000},
        {"article_id": "nowhere"},
    ],
)
def test_a_quote_that_does_not_stand_in_its_article_is_caught(changes: dict[str, object]) -> None:
    case = KNOWN[0]
    off = replace(citation("en1", 2), **changes)  # type: ignore[arg-type]  # one table for several fields
    scores = scores_of(case, replace(answer_from(case, "en1"), citations=(citation("en1"), off)))
    assert (scores["quote_exact"].value, scores["quote_exact"].reason) == (0.5, "1 of 2 quotes")


@pytest.mark.parametrize("numbers", [(), (2,), (1, 2)])
def test_a_sentence_without_a_citation_that_is_there_is_caught(numbers: tuple[int, ...]) -> None:
    case = KNOWN[0]
    said = (Sentence(TEXTS["en1"], (1,), 1.0), Sentence("Trust me.", numbers, 1.0))
    assert values_of(case, replace(answer_from(case, "en1"), sentences=said))["cited_sentences"] == 0.5


def test_an_answer_that_lists_no_sentence_proves_nothing() -> None:
    case = KNOWN[0]
    bare = replace(answer_from(case, "en1"), sentences=(), citations=(), answer="Wang.")
    values = values_of(case, bare)
    assert (values["cited_sentences"], values["quote_exact"], values["cited_gold"]) == (0.0, None, None)
    assert spoken(bare) == "Wang."


def test_the_first_sentence_is_told_from_the_rest() -> None:
    case = replace(KNOWN[0], answers=("Alexandr Wang",))
    said = (Sentence("It is a firm.", (1,), 1.0), Sentence("Founded by Alexandr Wang.", (1,), 1.0))
    values = values_of(case, replace(answer_from(case, "en1"), sentences=said))
    assert (values["contains_first"], values["contains"]) == (0.0, 1.0)


def test_the_numbers_of_citations_are_no_words_of_the_answer() -> None:
    case = KNOWN[1]
    assert spoken(answer_from(case, "zh1")) == TEXTS["zh1"]


def test_a_short_gold_in_the_article_s_language_counts_for_a_question_in_another() -> None:
    case = replace(KNOWN[0], question_lang="de", answers=("gibt es nicht", "由Alexandr Wang创立于2016年"))
    assert values_of(case, answer_from(case, "zh1"))["contains"] == 1.0


def test_prose_is_not_asked_for_word_by_word() -> None:
    case = replace(KNOWN[0], answers=("Scale AI was founded by Wang " * 4,))
    scores = scores_of(case, answer_from(case, "en1"))
    assert (scores["contains"].value, scores["contains"].reason) == (None, "the gold answer is prose")
    assert scores["recall"].value is not None


@pytest.mark.parametrize(
    ("index", "gold", "recall"),
    [
        (0, "founded by Alexandr Wang and Lucy Gu", 4 / 6),  # "Gu" may be half a word: and, lucy are not said
        (1, "Wang于2016年创办", 5 / 6),  # Chinese characters are whole, so 办 is asked for, and not said
        (2, "2016 gegründet von Wang und Lu", 4 / 5),
    ],
)
def test_a_gold_that_breaks_off_is_scored_on_what_is_there(index: int, gold: str, recall: float) -> None:
    case = replace(KNOWN[index], answers=(gold,), truncated=True)
    values = values_of(case, answer_from(case, case.id))
    assert values["recall"] == pytest.approx(recall)
    assert {values[measure] for measure in ANSWER if measure != "recall"} == {None}


def test_without_gold_only_the_proof_is_scored() -> None:
    case = Case("1", KNOWN[0].question, "en")
    values = values_of(case, answer_from(case, "en1"))
    assert {measure for measure, value in values.items() if value is not None} == {
        "cited_sentences",
        "quote_exact",
        "answer_rate",
    }


def test_every_score_has_a_reason() -> None:
    outcomes = [
        *(scores_of(case, answer_from(case, "en1")) for case in (*KNOWN, *UNKNOWN)),
        *(scores_of(case, refusal(case)) for case in (*KNOWN, *UNKNOWN)),
    ]
    assert all(score.reason for scores in outcomes for score in scores.values())
