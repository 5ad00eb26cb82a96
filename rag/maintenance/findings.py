"""What a verification finds, and how it tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

EXAMPLES = 20  # findings of a kind that are told one by one; of the rest, their number
REBUILD = "python ingest.py --rebuild"
BEHIND = "behind"  # the kind of finding that says no more than that files have changed since

Step = Callable[[str, int, int], None]  # what is going on, done, of


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is off: what kind of thing, where, what about it, and the command that mends it."""

    kind: str
    where: str
    what: str
    remedy: str


@dataclass(slots=True)
class Verification:
    """What a verification found. ``checked`` counts what was looked at, ``off`` the findings of each kind; of these
    the first ones of each kind are in ``findings``. ``notes`` are no faults."""

    checked: dict[str, int] = field(default_factory=dict)
    off: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is off."""
        return not self.off

    def count(self, what: str) -> None:
        """Say that one more of these was looked at."""
        self.checked[what] = self.checked.get(what, 0) + 1

    def add(self, found: Iterable[Finding]) -> None:
        """Take findings in."""
        for one in found:
            self.off[one.kind] = self.off.get(one.kind, 0) + 1
            if self.off[one.kind] <= EXAMPLES:
                self.findings.append(one)
