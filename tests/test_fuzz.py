"""Some of the inputs that ``make fuzz`` sends by the hundred thousand."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_fuzz", ROOT / "bench" / "fuzz.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_odd_inputs_crash_nothing(bench: ModuleType) -> None:
    told: list[str] = []
    ended = bench.fuzz(160, seed=20, told=told.append)
    assert sum(ended.values()) == 160
    # Inputs that nothing takes would prove nothing.
    assert {"parser: parsed", "upload: kept", "ask: 200", "completions: 200"} <= set(ended)
    assert len(told) == 2


def test_the_same_seed_makes_the_same_inputs(bench: ModuleType) -> None:
    first, again, other = (bench.Fuzzer(seed) for seed in (1, 1, 2))
    made = [first.data() for _ in range(5)]
    assert made == [again.data() for _ in range(5)]
    assert made != [other.data() for _ in range(5)]
