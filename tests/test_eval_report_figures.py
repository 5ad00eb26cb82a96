"""A run's figures as tables of values."""

from __future__ import annotations

from report_fakes import empty_run, estimate, small_run

from eval.report.figures import NONE, Table, by_kind, headline, pair_matrix
from eval.report.wording import KNOWN
from eval.scorers import ANSWER, CITATION, JUDGE, LOWER_IS_BETTER, REFUSAL, RETRIEVAL
from eval.summary import AUC


def row_of(table: Table, measure: str) -> list[str]:
    return next([str(one) for one in cells] for _, rows in table.blocks for m, cells in rows if m.id == measure)


def best_of(table: Table, measure: str) -> list[str]:
    cells = next(cells for _, rows in table.blocks for m, cells in rows if m.id == measure)
    return [name for name, one in zip(table.columns, cells, strict=True) if one.best]


def test_columns_are_languages_then_all_then_rivals_then_the_run_with_the_answers_indexed() -> None:
    assert headline(small_run()["summary"]).columns == (
        *("zh", "en", "de", "all"),
        *("plain pipeline", "dense only", "with Q&A"),
    )


def test_a_cell_has_mean_interval_and_number_and_a_dash_where_a_measure_applies_to_none() -> None:
    row = row_of(headline(small_run()["summary"]), "hit@1")
    assert row[0] == "–"
    assert row[1] == "0.50 [0.40, 0.60] n=4"


def test_the_best_is_that_of_all_and_rivals_and_never_that_with_the_answers_indexed() -> None:
    assert best_of(headline(small_run()["summary"]), "hit@1") == ["plain pipeline"]


def test_means_that_look_alike_are_best_together() -> None:
    assert best_of(headline(small_run()["summary"]), "right") == ["all", "dense only"]


def test_of_what_is_better_lower_the_lowest_is_best() -> None:
    assert best_of(headline(small_run()["summary"]), "dropped") == ["all"]


def test_without_a_rival_nothing_is_best() -> None:
    summary = {**small_run()["summary"], "rivals": {}}
    assert best_of(headline(summary), "hit@1") == []


def test_a_judge_that_was_not_asked_has_no_row() -> None:
    summary = small_run()["summary"]
    asked = {**summary["overall"], "judge_correct": estimate(0.5), "judge_faithful": None}
    ids = [m.id for _, rows in headline({**summary, "overall": asked}).blocks for m, _ in rows]
    assert "judge_correct" in ids
    assert "judge_faithful" not in ids


def test_kinds_are_in_words() -> None:
    assert by_kind(small_run()["summary"]).columns == ("in another language", "the articles' own questions")


def test_a_pair_that_was_not_asked_is_a_dash() -> None:
    summary = small_run()["summary"]
    pairs = {"zh→en": {"hit@1": estimate(0.25)}, "en→de": {"hit@1": estimate(0.5)}}
    matrix = pair_matrix({**summary, "by_pair": pairs}, "hit@1")
    assert matrix is not None
    assert (matrix.rows, matrix.columns) == (("zh", "en"), ("en", "de"))
    assert matrix.figures[0][1] == NONE
    assert [[one.mean for one in row] for row in matrix.figures] == [["0.25", "–"], ["–", "0.50"]]


def test_a_run_without_cases_has_tables_without_figures() -> None:
    summary = empty_run()["summary"]
    assert row_of(headline(summary), "hit@1") == ["–"]
    assert by_kind(summary).columns == ()
    assert pair_matrix(summary, "hit@1") is None


def test_every_measure_of_a_run_has_words() -> None:
    assert set(KNOWN) == {*RETRIEVAL, *ANSWER, *CITATION, *REFUSAL, *JUDGE, AUC}
    assert {one.id for one in KNOWN.values() if one.lower_is_better} == LOWER_IS_BETTER
