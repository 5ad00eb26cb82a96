"""What is installed beside our own code: every version pinned, every licence one that the product may be used under."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pytest
from conftest import ROOT
from packaging.requirements import Requirement

PINNED = re.compile(r"[A-Za-z0-9][\w.-]*==\d[\w.+!-]*")
# What may be used in a product, changed or not, as long as notices stay; MPL and LGPL bind their own files alone.
ALLOWED = re.compile(
    r"\b(?:MIT(?:-0|-CMU)?|Expat|Apache|BSD|0BSD|ISC|PSF|Python Software Foundation|MPL|Mozilla|Unlicense|Zlib|HPND|"
    r"CC0|LGPL|Lesser General Public|WTFPL|Public Domain)",
    re.IGNORECASE,
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_every_version_is_pinned_exactly_and_once() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not PINNED.fullmatch(line.partition(" ;")[0].strip())] == []
    names = [canonical(line.partition("==")[0]) for line in pins]
    assert len(set(names)) == len(names)


def test_all_that_the_product_needs_is_pinned() -> None:
    pinned = {canonical(line.partition("==")[0]) for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()}
    pinned.add("setuptools")  # which builds, and is what the machine has
    assert {name for name in closure(PROJECT["dependencies"]) if name not in pinned} == set()


def test_all_that_the_product_needs_has_a_licence_that_it_may_be_used_under() -> None:
    told = {name: licence_of(one) for name, one in closure(PROJECT["dependencies"]).items()}
    assert len(told) > 50
    assert {name: said for name, said in told.items() if not ALLOWED.search(said)} == {}


@pytest.mark.parametrize("said", ["GPL-3.0-only", "AGPL-3.0", "Proprietary", "SSPL-1.0", "UNKNOWN", ""])
def test_other_licences_are_told(said: str) -> None:
    assert not ALLOWED.search(said)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(wanted: list[str]) -> dict[str, Distribution]:
    """The distributions that these requirements bring, as far as they are installed here."""
    found: dict[str, Distribution] = {}
    left = [Requirement(one) for one in wanted]
    while left:
        requirement = left.pop()
        extras = {"extra": next(iter(requirement.extras), "")}
        name = canonical(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate(extras)):
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # of an extra, or of another platform
            continue
        for one in found[name].requires or ():
            needed = Requirement(one)
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in ("", *requirement.extras)):
                left.append(Requirement(str(needed).partition(";")[0]))
    return found


def licence_of(one: Distribution) -> str:
    """All that the metadata says of it."""
    told = [said[:200] for key in ("License-Expression", "License") for said in one.metadata.get_all(key) or ()]
    told += [said for said in one.metadata.get_all("Classifier") or () if said.startswith("License")]
    return " ".join(told).strip()
