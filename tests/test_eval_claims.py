"""The measure of the gate: which claims count as right, in which groups, and how sure that is."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eval import claims
from eval.claims import Judged, LabelledClaim, claims_command, judge_claims, load_claims, table, wilson
from eval.dataset import DatasetError
from rag.support.judge import SupportJudge
from rag.support.verdict import Supported, Unsupported
from rag.types import Lang, Passage

ROW: dict[str, Any] = {
    "id": "1", "passage": "Es kostet 5 Euro.", "passage_lang": "de", "claim": "It costs 5 euros.", "claim_lang": "en",
    "supported": True, "kind": "number",
}  # fmt: skip


class FiveJudge(SupportJudge):
    """Believes what has a five in it."""

    def __init__(self) -> None:
        pass

    def judge(self, claim: str, lang: Lang, passage: Passage) -> Supported | Unsupported:
        return Supported(0, len(passage.text), 1.0) if "5" in claim else Unsupported("number")


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")
    return path


def labelled(said: str, supported: bool, kind: str = "number", lang: Lang = "en") -> LabelledClaim:
    return LabelledClaim(said, "Es kostet 5 Euro.", "de", said, lang, supported, kind)


def test_claims_are_read_line_by_line(tmp_path: Path) -> None:
    (one,) = load_claims(write(tmp_path / "sheet.jsonl", ROW))
    assert (one.id, one.supported, one.pair) == ("1", True, "en→de")


@pytest.mark.parametrize(
    "changed", [{"supported": "yes"}, {"claim_lang": "fr"}, {"claim": ...}], ids=["supported", "lang", "missing"]
)
def test_a_line_that_is_no_claim_is_named(tmp_path: Path, changed: dict[str, Any]) -> None:
    row = {key: value for key, value in (ROW | changed).items() if value is not ...}
    path = write(tmp_path / "sheet.jsonl", ROW, row)
    with pytest.raises(DatasetError, match=r"sheet\.jsonl:2"):
        load_claims(path)


def test_true_claims_are_right_when_kept_and_false_ones_when_dropped() -> None:
    sheet = [labelled("5 a", True), labelled("6 b", True), labelled("5 c", False), labelled("6 d", False)]
    judged = judge_claims(sheet, FiveJudge())
    assert [one.right for one in judged] == [True, False, False, True]
    assert [one.reason for one in judged] == [None, "unsupported: number", None, "unsupported: number"]


def test_the_table_counts_by_group_and_together() -> None:
    judged = [
        Judged(labelled("a", True, "date"), None),
        Judged(labelled("b", False, "date"), "unsupported"),
        Judged(labelled("c", True, "name", "de"), "unsupported: wording"),
        Judged(labelled("d", False, "name", "de"), "unsupported: wording"),
    ]
    console = Console(width=200, record=True)
    console.print(table("kind", judged, lambda claim: claim.kind))
    lines = [line for line in console.export_text().splitlines() if "│" in line]
    all_of_one, none_of_one = "1/1  1.00 [0.21, 1.00]", "0/1  0.00 [0.00, 0.79]"
    half = "1/2  0.50 [0.09, 0.91]"
    assert [_cells(line) for line in lines] == [
        ["date", all_of_one, all_of_one, all_of_one, all_of_one],
        ["name", none_of_one, all_of_one, all_of_one, none_of_one],  # what a second opinion would confirm
        ["all", half, "2/2  1.00 [0.34, 1.00]", "2/2  1.00 [0.34, 1.00]", half],
    ]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│").split("│")]


@pytest.mark.parametrize(("right", "n", "low", "high"), [(95, 100, 0.888, 0.978), (0, 5, 0.0, 0.434), (0, 0, 0.0, 1.0)])
def test_the_interval_is_wilsons(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right, n) == pytest.approx((low, high), abs=0.001)


def test_the_command_prints_both_tables_and_the_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(claims, "SupportJudge", lambda *_: FiveJudge())
    monkeypatch.setattr(claims, "open_embedder", lambda _: None)
    monkeypatch.setattr(claims, "open_encoder", lambda _: None)
    one = write(tmp_path / "a.jsonl", ROW, ROW | {"id": "2", "claim": "It costs 5 dollars.", "supported": False})
    two = write(tmp_path / "b.jsonl", ROW | {"id": "3", "claim": "Es kostet 6 Euro.", "claim_lang": "de"})
    assert claims_command(Namespace(files=[one, two], failures=True)) == 0
    out = capsys.readouterr().out
    assert "kind" in out
    assert "claim→passage" in out
    assert "2 en→de number, false but kept: It costs 5 dollars." in out
    assert "3 de number, true but dropped, unsupported: number: Es kostet 6 Euro." in out
    assert "1 en→de" not in out
