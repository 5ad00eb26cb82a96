"""The page on growth shows the figures that were recorded."""

from __future__ import annotations

import importlib.util
import json
from types import ModuleType

from conftest import ROOT

DOCS = ROOT / "docs"


def growth() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_growth", DOCS / "growth.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_shows_the_recorded_figures() -> None:
    text = (DOCS / "scale.md").read_text(encoding="utf-8")
    figures = json.loads((DOCS / "scale.json").read_text(encoding="utf-8"))
    assert "| ask, ms |" in text
    assert growth().filled(text, figures) == text


def test_what_was_not_measured_at_a_size_is_told_so() -> None:
    figures = {"1000": {"ask_ms": {"median": 50.0, "p99": 90.4}}, "10000": {}}
    assert growth().table(figures) == "| | 1,000 | 10,000 |\n|---|---|---|\n| ask, ms | 50.0, 90 | – |\n"
