"""docs/verification.md says what the gate really keeps and drops."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest
from conftest import ROOT

# Another processor adds in another order: a near tie may fall the other way.
ALIKE = 3
CELL = re.compile(r"(\d+)/(\d+)")


@pytest.fixture(scope="module")
def gate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_gate", ROOT / "docs" / "gate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_claims_are_what_the_gate_keeps(gate: ModuleType) -> None:
    page = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")
    for name, table in gate.claim_tables():
        shown = re.search(rf"<!-- table {name} -->\n(.*?)<!-- end -->", page, re.DOTALL)
        if shown is None:
            continue
        said, found = (CELL.findall(text) for text in (shown[1], gate.as_markdown(table)))
        assert [n for _, n in said] == [n for _, n in found]
        assert all(abs(int(a) - int(b)) <= ALIKE for (a, _), (b, _) in zip(said, found, strict=True)), name


def test_the_readme_shows_the_half_that_was_set_aside(gate: ModuleType) -> None:
    tables = {}
    for page in gate.PAGES:
        text = page.read_text(encoding="utf-8")
        tables[page.name] = re.search(r"<!-- table claims-held_out-sides -->\n(.*?)<!-- end -->", text, re.DOTALL)
    shown = {table[1] for table in tables.values() if table}
    assert len(tables) == 2
    assert len(shown) == 1
    assert CELL.search(shown.pop())
