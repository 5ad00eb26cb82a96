"""Scores of single answers: a perfect one gets 1, each kind of bad one is caught by the measure for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eval_fakes import (
    LANGS_OF,
    TEXTS,
    answer_from,
    answerable_cases,
    citation,
    link,
    passage,
    refusal,
    same_or_nothing,
    unanswerable_cases,
)

from eval.dataset import Case
from eval.scorers import ANSWER, CITATION, RETRIEVAL, Scores, Tools, entails, retrieval_by_lang, score_case, spoken
from rag.types import Answer, Citation, Dropped, Lang, Sentence

KNOWN = answerable_cases()
UNKNOWN = unanswerable_cases()
SAYS_IT = "says what was asked for"
TOOLS = Tools(TEXTS.get, same_or_nothing, LANGS_OF)


def scores_of(case: Case, answer: Answer) -> Scores:
    return score_case(case, answer, TOOLS).scores


def values_of(case: Case, answer: Answer) -> dict[str, float | None]:
    return {measure: score.value for measure, score in scores_of(case, answer).items()}


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: case.question_lang)
def test_a_perfect_answer_has_full_marks_wherever_a_measure_applies(case: Case) -> None:
    values = values_of(case, answer_from(case, case.id))
    applying = {measure: value for measure, value in values.items() if value is not None}
    assert set(applying) == {*RETRIEVAL, *ANSWER, *CITATION, "answer_rate"}
    assert applying.pop("dropped") == 0.0
    assert set(applying.values()) == {1.0}


@pytest.mark.parametrize("case", UNKNOWN, ids=lambda case: case.question_lang)
def test_a_right_refusal_has_full_marks_and_no_others(case: Case) -> None:
    values = values_of(case, refusal(case))
    applying = {measure: value for measure, value in values.items() if value is not None}
    assert applying == {"refusal_precision": 1.0, "refusal_recall": 1.0, "right": 1.0}


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: case.question_lang)
def test_refusing_what_an_article_answers_is_caught(case: Case) -> None:
    values = values_of(case, refusal(case))
    assert (values["answer_rate"], values["refusal_precision"]) == (0.0, 0.0)
    assert {values[measure] for measure in ANSWER if measure != "answer_lang"} == {0.0}
    assert {values[measure] for measure in CITATION} == {None}


@pytest.mark.parametrize("case", UNKNOWN, ids=lambda case: case.question_lang)
def test_answering_what_no_article_answers_is_caught(case: Case) -> None:
    values = values_of(case, answer_from(case, "en1"))
    assert values["refusal_recall"] == 0.0
    assert values["refusal_precision"] is None
    # What it says is proven all the same, and is not compared with a gold that does not exist.
    assert (values["quote_exact"], values["cited_gold"], values["token_f1"], values["hit@1"]) == (1.0, None, None, None)
    assert values["right"] == 0.0


def test_the_wrong_article_is_caught_by_retrieval_and_by_citation() -> None:
    case = KNOWN[0]
    values = values_of(case, answer_from(case, "de1"))
    assert {values[measure] for measure in (*RETRIEVAL, "cited_gold", "gold_cited", "right")} == {0.0}
    assert values["quote_exact"] == 1.0


def test_ranks_count_passages() -> None:
    case = KNOWN[0]
    answer = replace(answer_from(case, "en1"), passages=(passage("de1"), passage("zh1"), passage("en1")))
    scores = scores_of(case, answer)
    assert [scores[measure].value for measure in ("hit@1", "hit@5", "mrr")] == [0.0, 1.0, 1 / 3]
    assert scores["ndcg@5"].value == pytest.approx(1 / 2)  # 1 / log2(3 + 1)
    assert scores["mrr"].reason == "rank 3 of 3 passages"


def test_a_right_article_counts_once_and_what_else_would_do_is_neither_right_nor_wrong() -> None:
    case = replace(KNOWN[0], source_links=(link("en1"), link("de1")), also_links=(link("zh1"),))
    found = (passage("zh1"), passage("en1"), passage("en1"), passage("de1"))
    values = values_of(case, replace(answer_from(case, "en1"), passages=found))
    assert (values["hit@1"], values["recall@5"]) == (1.0, 1.0)
    # Without zh1 the articles to be found stand at ranks 1 and 3: (1 + 1/2) / (1 + 1/log2 3).
    assert values["ndcg@5"] == pytest.approx(0.9197, abs=1e-4)


def test_retrieval_is_told_apart_by_the_language_of_the_right_article() -> None:
    case = replace(KNOWN[0], source_links=(link("en1"), link("de1"), link("zh1")))
    found = retrieval_by_lang(case, (passage("de1"), passage("en1")), LANGS_OF)
    assert {lang: values["hit@1"] for lang, values in found.items()} == {"de": 1.0, "en": 0.0, "zh": 0.0}
    assert {lang: values["mrr"] for lang, values in found.items()} == {"de": 1.0, "en": 0.5, "zh": 0.0}


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
    assert values_of(case, replace(answer_from(case, "en1"), sentences=said))["citation_recall"] == 0.5


def test_an_answer_that_lists_no_sentence_proves_nothing() -> None:
    case = KNOWN[0]
    bare = replace(answer_from(case, "en1"), sentences=(), citations=(), answer="Wang.")
    values = values_of(case, bare)
    assert (values["citation_recall"], values["quote_exact"], values["cited_gold"]) == (0.0, None, 0.0)
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
    assert scores["token_recall"].value is not None


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
    assert values["token_recall"] == pytest.approx(recall)
    assert {values[measure] for measure in ANSWER if measure not in ("token_recall", "right", "answer_lang")} == {None}


def test_without_gold_only_the_proof_is_scored() -> None:
    case = Case("1", KNOWN[0].question, "en")
    values = values_of(case, answer_from(case, "en1"))
    assert {measure for measure, value in values.items() if value is not None} == {
        "answer_lang",
        "citation_recall",
        "citation_precision",
        "quote_exact",
        "dropped",
        "answer_rate",
    }


@pytest.mark.parametrize(
    ("lang", "said", "quote", "holds"),
    [
        ("en", "Scale raised $1bn in May.", "In May, Scale raised $1bn.", True),
        ("en", "Scale raised $2bn in May.", "In May, Scale raised $1bn.", False),
        ("de", "Scale sammelte im Mai 1 Milliarde ein.", "Im Mai sammelte Scale 1 Milliarde ein.", True),
        ("de", "Scale sammelte im Mai 2 Milliarden ein.", "Im Mai sammelte Scale 1 Milliarde ein.", False),
        ("zh", "Scale在5月筹集了10亿美元。", "5月，Scale筹集了10亿美元。", True),
        ("zh", "Scale在5月筹集了20亿美元。", "5月，Scale筹集了10亿美元。", False),
    ],
)
def test_a_citation_supports_what_the_product_would_grant_it(lang: Lang, said: str, quote: str, holds: bool) -> None:
    assert entails([quote], said) is holds
    case = Case("1", "?" + said, lang)
    cited: Citation = replace(citation("en1"), quote=quote)
    values = values_of(
        case, replace(answer_from(case, "en1"), sentences=(Sentence(said, (1,), 1.0),), citations=(cited,))
    )
    assert (values["citation_recall"], values["citation_precision"]) == (float(holds), float(holds))


def test_two_quotes_prove_together_what_neither_proves_alone() -> None:
    case = KNOWN[0]
    said = Sentence("Scale raised $1bn, and Accel led the round.", (1, 2), 1.0)
    quotes = ("Scale raised $1bn.", "Accel led the round.")
    cited = tuple(replace(citation("en1", n), quote=quote) for n, quote in enumerate(quotes, start=1))
    values = values_of(case, replace(answer_from(case, "en1"), sentences=(said,), citations=cited))
    assert (values["citation_recall"], values["citation_precision"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("lang", "said", "right"),
    [
        ("en", TEXTS["en1"], 1.0),
        ("en", TEXTS["de1"], 0.0),
        ("de", TEXTS["zh1"], 0.0),
        ("de", TEXTS["de1"], 1.0),
        ("zh", TEXTS["zh1"], 1.0),
        ("zh", TEXTS["en1"], 0.0),
        ("de", "42", None),
    ],
)
def test_an_answer_in_another_language_is_caught(lang: Lang, said: str, right: float | None) -> None:
    case = Case("1", "?", lang)
    answer = replace(answer_from(case, "en1"), sentences=(Sentence(said, (1,), 1.0),))
    assert values_of(case, answer)["answer_lang"] == right


def test_what_the_gate_dropped_is_counted() -> None:
    case = KNOWN[0]
    answer = replace(answer_from(case, "en1"), dropped=(Dropped("Trust me.", "unsupported"),))
    assert values_of(case, answer)["dropped"] == 0.5
    assert values_of(case, replace(refusal(case), dropped=answer.dropped))["dropped"] == 1.0


def test_who_says_everything_does_not_win() -> None:
    case = replace(KNOWN[0], answers=("Alexandr Wang",))
    long = "It is a firm. It is large. It sells data. It was founded by Alexandr Wang."
    values = values_of(case, replace(answer_from(case, "en1"), sentences=(Sentence(long, (1,), 1.0),)))
    assert (values["contains"], values["token_recall"], values["right"]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("answers", "article", "right", "why"),
    [
        (("2016",), "en1", 1.0, SAYS_IT),
        (("1999",), "en1", 0.0, "does not say what was asked for"),
        (("2016",), "de1", 0.0, "rests on a wrong article"),
        (
            ("Scale AI was founded in 2016 by Alexandr Wang, who was then a student of nineteen years old",),
            "en1",
            1.0,
            SAYS_IT,
        ),
        ((), "en1", 1.0, "no gold answer: judged by the article it rests on"),
        ((), "zh1", 0.0, "rests on a wrong article"),
    ],
)
def test_the_verdict_says_why(answers: tuple[str, ...], article: str, right: float, why: str) -> None:
    case = replace(KNOWN[0], answers=answers)
    verdict = scores_of(case, answer_from(case, article))["right"]
    assert (verdict.value, verdict.reason) == (right, why)


def test_every_score_has_a_reason() -> None:
    outcomes = [
        *(scores_of(case, answer_from(case, "en1")) for case in (*KNOWN, *UNKNOWN)),
        *(scores_of(case, refusal(case)) for case in (*KNOWN, *UNKNOWN)),
    ]
    assert all(score.reason for scores in outcomes for score in scores.values())
