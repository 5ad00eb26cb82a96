"""How many true and false claims about passages the gate keeps: ``python -m eval claims FILE``.

A file has one claim a line: ``{"id", "passage", "passage_lang", "claim", "claim_lang", "supported", "kind"}``.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from eval.dataset import DatasetError
from eval.tables import console_for
from rag.assembly.encoders import open_embedder, open_encoder
from rag.citations import Gate
from rag.settings import load_settings
from rag.support.judge import SupportJudge
from rag.types import LANGS, Claim, Claimed, Dropped, Lang, Passage

LEFT = "unsupported: wording"  # the reason of what only a second opinion can keep
NORMAL_95 = 1.96  # standard deviations that hold 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class LabelledClaim:
    """A claim about a passage, and whether the passage supports it. ``kind`` says what it turns on."""

    id: str
    passage: str
    passage_lang: Lang
    claim: str
    claim_lang: Lang
    supported: bool
    kind: str

    @property
    def pair(self) -> str:
        """The languages of claim and passage."""
        same = self.claim_lang == self.passage_lang
        return self.claim_lang if same else f"{self.claim_lang}→{self.passage_lang}"


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a claim: kept, or dropped for a reason."""

    claim: LabelledClaim
    reason: str | None  # None: kept

    @property
    def right(self) -> bool:
        """Whether a true claim was kept, or a false one dropped."""
        return (self.reason is None) == self.claim.supported

    @property
    def right_if_confirmed(self) -> bool:
        """The same, if all that is left to a second opinion were confirmed: the most that can be kept."""
        return (self.reason in (None, LEFT)) == self.claim.supported


def load_claims(path: Path) -> list[LabelledClaim]:
    """The claims of a file.

    Raises:
        DatasetError: a line is no claim; the message names it.
    """
    claims = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            claims.append(_claim(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"{path}:{number} is no claim: {error}") from error
    return claims


def _claim(row: dict[str, Any]) -> LabelledClaim:
    for field in ("passage_lang", "claim_lang"):
        if row[field] not in LANGS:
            raise ValueError(f"{field} must be one of {', '.join(LANGS)}")
    if not isinstance(row["supported"], bool):
        raise ValueError("supported must be true or false")
    return LabelledClaim(
        str(row["id"]),
        str(row["passage"]),
        row["passage_lang"],
        str(row["claim"]),
        row["claim_lang"],
        row["supported"],
        str(row["kind"]),
    )


def judge_claims(claims: Iterable[LabelledClaim], judge: SupportJudge) -> list[Judged]:
    """Each claim before the gate, citing its passage as the only one that was handed out."""
    judged = []
    for claim in claims:
        name, text = claim.id, claim.passage
        passage = Passage(
            name, name, name, None, None, None, claim.passage_lang, None, "body", text, 0, len(text), file=name
        )
        granted = Gate([passage], claim.claim_lang, judge).grant(Claim(claim.claim, (Claimed(claim.id),)))
        judged.append(Judged(claim, granted.reason if isinstance(granted, Dropped) else None))
    return judged


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share. Source: Wilson 1927; it holds where nearly all are right, too.

    >>> [round(end, 3) for end in wilson(10, 10)], [round(end, 3) for end in wilson(5, 10)]
    ([0.722, 1.0], [0.237, 0.763])
    """
    if not n:
        return 0.0, 1.0
    share, z2 = right / n, NORMAL_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_95 / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def table(title: str, judged: Sequence[Judged], group: Callable[[LabelledClaim], str]) -> Table:
    """True claims that were kept and false ones that were dropped, in groups and together; beside each, how many if
    a second opinion confirmed all that is left to one."""
    groups = sorted({group(one.claim) for one in judged})
    shown = Table(
        title, "true: kept", "… if all is confirmed", "false: dropped", "… if all is confirmed", title_justify="left"
    )
    for name in [*groups, "all"]:
        own = [one for one in judged if name in (group(one.claim), "all")]
        cells = []
        for side in (True, False):
            of_side = [one for one in own if one.claim.supported is side]
            cells += [_share([one.right for one in of_side]), _share([one.right_if_confirmed for one in of_side])]
        shown.add_row(Text(name), *map(Text, cells))
    return shown


def _share(judged: Sequence[bool]) -> str:
    if not judged:
        return "–"
    right, n = sum(judged), len(judged)
    low, high = wilson(right, n)
    return f"{right}/{n}  {right / n:.2f} [{low:.2f}, {high:.2f}]"


def claims_command(args: Namespace) -> int:
    """Judge the claims of files and show by kind and by languages how many came out right."""
    claims = [claim for path in args.files for claim in load_claims(path)]
    settings = load_settings()
    judged = judge_claims(claims, SupportJudge(open_embedder(settings), open_encoder(settings)))
    console = console_for(sys.stdout)
    for title, group in (("kind", lambda claim: claim.kind), ("claim→passage", lambda claim: claim.pair)):
        console.print(table(title, judged, group))
    if args.failures:
        for one in judged:
            if not one.right:
                became = f"dropped, {one.reason}" if one.reason else "kept"
                truth = "true" if one.claim.supported else "false"
                line = f"{one.claim.id} {one.claim.pair} {one.claim.kind}, {truth} but {became}: {one.claim.claim}"
                console.print(line, markup=False, highlight=False)
    return 0
