"""The tables of the README and of docs/quality.md are what the commands they name print."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest
from conftest import ROOT, shared_folder

from eval.__main__ import main
from rag.types import LANGS, Lang

RECORDED: dict[str, Any] = json.loads((ROOT / "docs" / "figures.json").read_text(encoding="utf-8"))
SAMPLE = ROOT / "tests" / "data" / "xquad-sample.json"  # what `make quality` last found
EVERY, ASKED = 6, 150  # each sixth text of XQuAD, and so many of its questions: all of it takes a quarter of an hour
# Another processor adds in another order: a near tie may fall the other way in two or three questions of these.
ALIKE = 0.02


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


@pytest.mark.parametrize("lang", LANGS)
def test_a_sample_of_xquad_is_found_and_answered_as_well_as_before(lang: Lang, tmp_path: Path) -> None:
    recorded = json.loads(SAMPLE.read_text(encoding="utf-8"))[lang]
    found = sample_of_xquad(lang, tmp_path)
    assert found["run"] == recorded["run"]
    assert differences(found["summary"], recorded["summary"]) == []


def sample_of_xquad(lang: Lang, folder: Path) -> dict[str, Any]:
    """The figures of some questions over some texts, by the commands that print those of all; without the rivals."""
    whole = json.loads((shared_folder("bench/raw") / f"xquad.{lang}.json").read_text(encoding="utf-8"))
    folder.mkdir(exist_ok=True)
    source, made, out = folder / "some.json", folder / "xquad", folder / "run"
    source.write_text(json.dumps({**whole, "data": whole["data"][::EVERY]}), encoding="utf-8")
    assert main(["import", "squad", str(source), "--lang", lang, "--out", str(made)]) == 0
    questions = ["--articles", str(made / "articles"), "--questions", str(made / "questions.jsonl")]
    assert main(["run", "--limit", str(ASKED), *questions, "--out", str(out)]) == 0
    kept: dict[str, Any] = figures_module().kept(json.loads((out / "results.json").read_text(encoding="utf-8")))
    return kept


def differences(found: Any, recorded: Any, path: str = "") -> list[str]:
    """The places at which two trees of figures differ by more than another processor makes of it."""
    if isinstance(recorded, dict):
        missing = [f"{path}/{key}" for key in found.keys() ^ recorded.keys()]
        shared = found.keys() & recorded.keys()
        return missing + [
            line for key in sorted(shared) for line in differences(found[key], recorded[key], f"{path}/{key}")
        ]
    # How many were answered, or refused, can hang on a near tie as well: a share of all that were asked.
    alike = ALIKE * (ASKED if path.endswith("/n") else 1)
    return [] if abs(found - recorded) <= alike else [f"{path}: {found}, recorded {recorded}"]


def test_a_figure_that_changed_is_told() -> None:
    assert differences({"a": {"mean": 0.93}}, {"a": {"mean": 0.9}}) == ["/a/mean: 0.93, recorded 0.9"]
    assert differences({"n": 140}, {"n": 143}) == []
    assert differences({"n": 5}, {"n": 9}) == ["/n: 5, recorded 9"]
    assert differences({"a": {}}, {"b": {}}) in (["/a", "/b"], ["/b", "/a"])


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        figures = {lang: sample_of_xquad(lang, Path(place) / lang) for lang in LANGS}
    SAMPLE.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
