"""What a reader should look at first, and why."""

from __future__ import annotations

from typing import Any

import pytest
from report_fakes import (
    WORST_FIRST,
    Json,
    answered,
    answered_what_nobody_knows,
    case,
    passage,
    refused,
    refused_what_is_known,
    right_in_german,
    scores,
    small_run,
)

from eval.report.verdicts import REASONS, badness, finding, gold_rank, worst_first


def answered_case(confidence: float = 0.9, **values: float | None) -> Json:
    return case("1", "en", "Who?", answered((), (), confidence), article_lang="en", scores=scores(**values))


def test_a_run_is_read_from_the_worst_case_to_the_best() -> None:
    ordered = worst_first(small_run()["cases"])
    assert [(one["id"], finding(one).text) for one in ordered] == WORST_FIRST


def test_the_surest_wrong_answer_is_the_worst() -> None:
    sure, unsure = answered_case(0.9, right=0.0), answered_case(0.6, right=0.0)
    assert badness(sure) > badness(unsure)


def test_the_surest_wrong_refusal_is_the_worst_one() -> None:
    known = refused_what_is_known()
    near = {**known, "answer": refused("The articles do not answer this question.", 0.49)}
    assert badness(known) > badness(near)


def test_a_wrong_answer_is_worse_than_a_wrong_refusal_however_unsure() -> None:
    assert badness(answered_case(0.5, right=0.0)) > badness(refused_what_is_known())


def test_among_right_answers_the_one_that_says_least_of_the_gold_comes_first() -> None:
    assert badness(answered_case(right=1.0, token_recall=0.6)) > badness(answered_case(right=1.0, token_recall=0.9))


def test_a_leaked_case_is_as_bad_as_a_failed_one_even_when_its_answer_is_right() -> None:
    leaked = {**right_in_german(), "leak": 0.99}
    assert finding(leaked).key == "leaked"
    assert badness(leaked)[0] == badness(small_run()["cases"][-1])[0]


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"right": 0.0, "cited_gold": 0.0, "contains": 0.0}, "wrong_article"),
        ({"right": 0.0, "cited_gold": 1.0, "contains": 0.0}, "words_missing"),
        ({"right": 0.0, "cited_gold": None, "contains": None, "token_recall": 0.2}, "words_missing"),
        ({"right": 0.0}, "wrong"),
        ({"right": 1.0, "quote_exact": 0.5}, "unproven"),
        ({"right": 1.0, "citation_recall": 0.5}, "unproven"),
        ({"right": 1.0, "cited_gold": 0.5}, "also_wrong_article"),
        ({"right": 1.0, "contains_first": 0.0}, "not_first"),
        ({"right": 1.0}, "right"),
        ({"right": None}, "unjudged"),
        ({}, "unjudged"),
    ],
)
def test_an_answer_is_told_by_its_gravest_fault(values: dict[str, Any], key: str) -> None:
    assert finding(answered_case(**values)).key == key


def test_a_refusal_whose_article_was_not_found_says_so() -> None:
    lost = {**refused_what_is_known(), "found": [passage("Mond", "de", gold=False)]}
    assert finding(lost).text == "refused: the right article was not found"


def test_where_the_right_article_is_not_known_nothing_is_said_of_its_rank() -> None:
    wrong = answered_case(right=0.0, cited_gold=0.0)
    wrong["gold"]["source_links"] = []
    assert finding(wrong).text == "cites a wrong article"


def test_a_verdict_is_one_of_four_words() -> None:
    verdicts = {finding(one).verdict for one in small_run()["cases"]}
    assert verdicts == {"failed", "wrong", "right"}
    assert finding(answered_case(right=None)).verdict == "unjudged"


def test_answering_what_no_article_answers_is_wrong_without_a_score_too() -> None:
    assert finding({**answered_what_nobody_knows(), "scores": {}}).verdict == "wrong"


def test_reasons_are_listed_worst_first() -> None:
    levels = [level for level, _ in REASONS.values()]
    assert levels == sorted(levels, reverse=True)


def test_the_rank_of_the_right_article_is_that_of_its_first_passage() -> None:
    assert gold_rank({"found": [passage("a", "en", gold=False), passage("b", "zh", gold=True)]}) == (2, "b")
