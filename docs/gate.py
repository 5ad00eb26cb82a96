"""Write the tables of verification.md, and the README's of claims, anew: what the gate keeps, which follow-ups are
understood.

python docs/gate.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from eval import claims, followups
from rag.assembly.encoders import open_embedder, open_encoder
from rag.settings import load_settings
from rag.support.judge import SupportJudge

HERE = Path(__file__).parent
PAGES = (HERE / "verification.md", HERE.parent / "README.md")
DATA = HERE.parent / "eval" / "data"
HALVES = ("development", "held_out")


def claim_tables() -> Iterator[tuple[str, Table]]:
    """The claims of each half before the gate, by kind and by language."""
    settings = load_settings()
    judge = SupportJudge(open_embedder(settings), open_encoder(settings))
    for half in HALVES:
        judged = claims.judge_claims(claims.load_claims(DATA / "claims" / f"{half}.jsonl"), judge)
        yield f"claims-{half}-kinds", claims.table("kind", judged, lambda claim: claim.kind)
        yield f"claims-{half}-languages", claims.table("claim→passage", judged, lambda claim: claim.pair)
        yield f"claims-{half}-sides", claims.table("languages", judged, side)


def side(claim: claims.LabelledClaim) -> str:
    """Whether a claim and its passage are in one language."""
    return "within a language" if claim.claim_lang == claim.passage_lang else "across languages"


def followup_tables() -> Iterator[tuple[str, Table]]:
    """The conversations of each half, over the sample articles."""
    for half in HALVES:
        outcomes = followups.ask_file(DATA / "followups" / f"{half}.jsonl", HERE.parent / "articles")
        yield f"followups-{half}", followups.table(outcomes)


def as_markdown(table: Table) -> str:
    """A table of the terminal as one of Markdown."""
    table.box, table.title = box.MARKDOWN, None
    text = StringIO()
    Console(file=text, width=1000).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().strip().splitlines())


def filled(page: str, tables: dict[str, str]) -> str:
    """The page with these tables between its marks ``<!-- table NAME -->`` and ``<!-- end -->``; others stay."""
    marks = re.compile(r"(<!-- table ([\w-]+) -->)\n.*?(<!-- end -->)", re.DOTALL)
    return marks.sub(lambda m: f"{m[1]}\n{tables[m[2]]}\n{m[3]}" if m[2] in tables else m[0], page)


def main() -> int:
    """Fill the page."""
    tables = {name: as_markdown(table) for name, table in (*claim_tables(), *followup_tables())}
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
