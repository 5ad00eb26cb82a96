"""The headline of a run as Markdown."""

from __future__ import annotations

import pytest
from report_fakes import WORST_FIRST, empty_run, small_run

from eval.report.markdown import render_markdown


@pytest.fixture(scope="module")
def text() -> str:
    return render_markdown(small_run())


def test_the_heading_says_what_was_run(text: str) -> None:
    assert text.startswith(
        "# Evaluation of articles\n\nextractive answers, embedded with use-multilingual-v3; version 0.1.0,"
        " commit 149d846debdf, 25 November 2026, 02:16 UTC.\n7 cases: 2 refused, 1 failed,"
        " 1 with a gold answer that breaks off, 0 leaked.\n"
    )


def test_the_table_has_intervals_numbers_and_the_best(text: str) -> None:
    row = next(line for line in text.splitlines() if "`hit@1`" in line)
    assert row == (
        "| right article first `hit@1` | – | 0.50 [0.40, 0.60] n=4 | 0.50 [0.40, 0.60] n=4 | 0.50 [0.40, 0.60] n=4"
        " | **★ 0.75** [0.65, 0.85] n=4 | 0.50 [0.40, 0.60] n=4 | 0.99 [0.89, 1.00] n=4 |"
    )


def test_pairs_of_languages_are_a_matrix(text: str) -> None:
    assert "| question ↓ article → | de |\n| --- | --- |\n| en | 0.91 [0.81, 1.00] n=11 |" in text


def test_every_row_of_a_table_has_as_many_cells_as_its_head(text: str) -> None:
    for table in [part for part in text.split("\n\n") if part.startswith("|")]:
        assert len({line.replace("\\|", "").count("|") for line in table.splitlines()}) == 1


def test_the_worst_cases_come_with_their_reason(text: str) -> None:
    listed = [line for line in text.splitlines() if line[:1].isdigit() and ". **" in line]
    assert len(listed) == len(WORST_FIRST)
    assert listed[1].startswith("2. **cites a wrong article, though “Scale grows” stands at rank 2** (zh, in another")
    assert "    - Question: 谁创立了Scale？\n    - Said: 1899 \\[1\\]\n    - Wanted: Alexandr Wang" in text


def test_text_of_cases_is_shown_as_it_is(text: str) -> None:
    assert "<img" not in text
    assert "Error: TimeoutError: 30 s \\| x" in text
    text.encode()  # a lone surrogate could not be written


def test_the_judge_is_judged(text: str) -> None:
    assert "Judged by judge-1; 3 of its verdicts could not be read. Of 30 verdicts of people it agrees with 90%" in text


def test_a_leak_is_said_at_the_top() -> None:
    run = small_run()
    leaked = render_markdown({**run, "summary": {**run["summary"], "leaked": 3}})
    assert "> **These figures are not valid: for 3 of 7 questions" in leaked.split("| measure")[0]


def test_a_run_without_cases_is_told_too() -> None:
    assert "0 cases" in render_markdown(empty_run())
