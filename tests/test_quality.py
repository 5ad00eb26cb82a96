"""The tables of the README and of docs/quality.md are what the commands they name print."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import ROOT, shared_folder

from eval.__main__ import main

RECORDED: dict[str, Any] = json.loads((ROOT / "docs" / "figures.json").read_text(encoding="utf-8"))
# Another processor adds in another order: a near tie may fall the other way in one question of some hundred.
ALIKE = 0.005


def figures_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_figures", ROOT / "docs" / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("document", ["README.md", "docs/quality.md"])
def test_the_tables_show_the_recorded_figures(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert "<!-- table " in text
    assert figures_module().filled(text, RECORDED) == text


@pytest.mark.parametrize("lang", ["en", "de", "zh"])
def test_the_commands_print_the_recorded_figures_of_xquad(
    lang: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared_folder("bench/raw") / f"xquad.{lang}.json"
    made, out = tmp_path / f"xquad-{lang}", tmp_path / "run"
    assert main(["import", "squad", str(source), "--lang", lang, "--out", str(made)]) == 0
    assert "240 articles, 1190 questions, 0 of them unanswerable" in capsys.readouterr().out
    questions = ["--articles", str(made / "articles"), "--questions", str(made / "questions.jsonl")]
    assert main(["run", "--baseline", *questions, "--out", str(out)]) == 0
    found = figures_module().kept(json.loads((out / "results.json").read_text(encoding="utf-8")))
    recorded = RECORDED[f"xquad-{lang}"]
    assert found["run"] == recorded["run"]
    assert differences(found["summary"], recorded["summary"]) == []


def differences(found: Any, recorded: Any, path: str = "") -> list[str]:
    """The places at which two trees of figures differ by more than another processor makes of it."""
    if isinstance(recorded, dict):
        missing = [f"{path}/{key}" for key in found.keys() ^ recorded.keys()]
        shared = found.keys() & recorded.keys()
        return missing + [
            line for key in sorted(shared) for line in differences(found[key], recorded[key], f"{path}/{key}")
        ]
    # Of a count of cases the same share: whether an answer is given can hang on a near tie, too.
    return [] if abs(found - recorded) <= ALIKE * max(1, recorded) else [f"{path}: {found}, recorded {recorded}"]


def test_a_figure_that_changed_is_told() -> None:
    assert differences({"a": {"mean": 0.91}}, {"a": {"mean": 0.9}}) == ["/a/mean: 0.91, recorded 0.9"]
    assert differences({"n": 1162}, {"n": 1164}) == []
    assert differences({"n": 1162}, {"n": 1190}) == ["/n: 1162, recorded 1190"]
    assert differences({"a": {}}, {"b": {}}) in (["/a", "/b"], ["/b", "/a"])
