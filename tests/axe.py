"""What axe-core finds wrong with a page: the rules of WCAG 2.2, levels A and AA."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")  # not "best-practice", which is taste
GRAVE = ("serious", "critical")


def grave_findings(page: Page) -> list[str]:
    """The findings of serious or critical impact, one text for each element: rule, element, what would mend it."""
    page.evaluate(_script())
    found = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", TAGS
    )
    return [
        _told(violation, node)
        for violation in found["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


@cache
def _script() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def _told(violation: dict[str, Any], node: dict[str, Any]) -> str:
    target = " ".join(str(part) for part in node["target"])
    return (
        f"{violation['id']} ({violation['impact']}): {violation['help']}\n"
        f"  at {target}\n  {node['html'][:300]}\n  {node['failureSummary']}"
    )
