"""The evaluation over the two articles that its first user gave, as that user would run it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import shared_folder

from eval.__main__ import main


def test_the_own_questions_of_two_articles_are_asked_with_and_without_their_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = shared_folder("seeds")
    assert main(["run", "--articles", str(seeds), "--qa", "both", "--baseline", "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    rows = [line for line in printed.splitlines() if re.match(r"│ 000_e658993c50ce0a53\.txt#\d", line)]
    assert len(rows) == 7
    assert [row.split("│")[2].strip() for row in rows] == ["zh"] * 2 + ["en"] * 5
    assert sum("breaks off …" in row for row in rows) == 2
    assert all(heading in printed for heading in ("right with Q&A", "all, with Q&A", "plain pipeline", "lexical only"))
    assert "leak guard: the most of a question that a passage holds is 0." in printed

    results = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
    asked = [case for case in results["cases"] if case["gold"]["kind"] == "own_qa"]
    assert [case["truncated"] for case in asked].count(True) == 2
    # With the answers in the index each question finds itself; without, no passage of a pair may come back.
    assert all(case["with_qa"]["scores"]["token_recall"] > 0.5 for case in asked if not case["truncated"])
    assert not any(citation["kind"] == "qa" for case in asked for citation in case["answer"]["citations"])
    assert max(case["leak"] for case in asked) < 0.97
    with_qa, without = results["summary"]["with_qa"]["overall"], results["summary"]["overall"]
    assert with_qa["token_f1"]["mean"] > 2 * without["token_f1"]["mean"]
