"""Conversations as they are measured: read, asked in order with the real answers, and shown by language."""

from __future__ import annotations

import io
import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eval.dataset import DatasetError
from eval.followups import Asked, Outcome, followups_command, load_conversations, print_outcomes, wrong

TALKS: dict[str, dict[str, str]] = {
    "en": {
        "bridge": "The Tamm Bridge was opened in 1931. The architect of the Tamm Bridge was Ida Moll.",
        "tower": "The Kelm Tower was opened in 1904. The architect of the Kelm Tower was Otto Brand.",
    },
    "de": {
        "bruecke": "Die Tamm-Brücke wurde 1931 eröffnet. Die Architektin der Tamm-Brücke war Ida Moll.",
        "turm": "Der Kelm-Turm wurde 1904 eröffnet. Der Architekt des Kelm-Turms war Otto Brand.",
    },
    "zh": {
        "qiao": "塔姆大桥于1931年通车。塔姆大桥的设计师是伊达·莫尔。",
        "ta": "凯尔姆高塔于1904年建成。凯尔姆高塔的设计师是奥托·布兰德。",
    },
}
QUESTIONS: dict[str, list[tuple[str, str | None, bool]]] = {
    "en": [
        ("When was the Tamm Bridge opened?", "bridge.md", False),
        ("Who was the architect?", "bridge.md", True),
        ("When was the Kelm Tower opened?", "tower.md", False),
        ("And who was its architect?", "tower.md", True),
        ("What is the capital of France?", None, False),
    ],
    "de": [
        ("Wann wurde der Kelm-Turm eröffnet?", "turm.md", False),
        ("Und wer war der Architekt?", "turm.md", True),
        ("Wann wurde die Tamm-Brücke eröffnet?", "bruecke.md", False),
    ],
    "zh": [
        ("凯尔姆高塔是哪一年建成的？", "ta.md", False),
        ("设计师是谁？", "ta.md", True),
        ("塔姆大桥是哪一年通车的？", "qiao.md", False),
    ],
}


def lines() -> list[dict[str, Any]]:
    return [
        {
            "id": f"talk-{lang}",
            "lang": lang,
            "turns": [{"question": q, "article": article, "follow_up": hangs} for q, article, hangs in turns],
        }
        for lang, turns in QUESTIONS.items()
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "talks.jsonl"
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines()), encoding="utf-8")
    return path


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    for texts in TALKS.values():
        for name, text in texts.items():
            (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    return folder


def test_every_question_is_asked_with_what_was_said_before(
    file: Path, articles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert followups_command(Namespace(file=file, articles=articles)) == 0
    shown = capsys.readouterr().out
    rows = {row[0]: row[1:] for line in shown.splitlines() if "│" in line for row in [cells(line)]}
    assert rows["follow-ups: right article first"] == [
        "1.00 [1.00, 1.00] n=1",
        "1.00 [1.00, 1.00] n=2",
        "1.00 [1.00, 1.00] n=1",
        "1.00 [1.00, 1.00] n=4",
    ]
    assert rows["topic changes: right article first"][-1] == "1.00 [1.00, 1.00] n=3"
    assert rows["follow-ups rewritten"][-1] == "1.00 [1.00, 1.00] n=4"
    assert rows["others left as they are"][-1] == "1.00 [1.00, 1.00] n=7"


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│").split("│")]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", ":1: "),
        ("[]", "an object"),
        ('{"id": "1", "lang": "fr", "turns": []}', '"lang" must be one of'),
        ('{"id": "1", "lang": "en", "turns": []}', '"turns" must be'),
        ('{"id": "1", "lang": "en", "turns": [1]}', "a turn is an object"),
        ('{"id": "1", "lang": "en", "turns": [{"question": "Why?", "article": "a.md"}]}', "true or false"),
        ("", "holds no conversation"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "talks.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(DatasetError, match=problem.replace("[", r"\[")) as raised:
        load_conversations(path)
    assert str(path) in str(raised.value)


def outcome(found: str, standalone: str | None, *, follow_up: bool, first: bool = False) -> Outcome:
    return Outcome("1", "en", Asked("Why?", "a.md", follow_up), first, standalone, found, "b.md", answered=True)


def test_figures_count_what_they_say_and_name_what_went_wrong() -> None:
    outcomes = [
        outcome("a.md", None, follow_up=False, first=True),
        outcome("a.md", "Why is it so?", follow_up=True),
        outcome("b.md", None, follow_up=True),
        outcome("b.md", "Why? (a)", follow_up=False),
    ]
    console = Console(file=io.StringIO(), width=200)
    print_outcomes(outcomes, console)
    assert isinstance(console.file, io.StringIO)
    rows = {row[0]: row[-1] for line in console.file.getvalue().splitlines() if "│" in line for row in [cells(line)]}
    assert rows["follow-ups: right article first"].startswith("0.50")
    assert rows["follow-ups: right article first"].endswith("n=2")
    assert rows["topic changes: right article first"].endswith("n=1")
    assert rows["follow-ups rewritten"].startswith("0.50")
    assert rows["others left as they are"].startswith("0.50")
    assert [line.rsplit(": ", 1)[1] for line in wrong(outcomes)] == ["found b.md in place of a.md"] * 2
    assert wrong([outcome("a.md", None, follow_up=True)]) == ["1: 'Why?' asked as it is: found rightly"]
