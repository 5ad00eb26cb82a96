"""What a run asks, of what, and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from eval.dataset import Case
from eval.judge import Judge
from rag.types import AnswererName

Qa = Literal["without", "both"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask, of what, and how."""

    name: str
    articles: Path
    cases: tuple[Case, ...]
    started: datetime
    answerer: AnswererName | None = None  # None: as set
    baseline: bool = False
    ablation: bool = False
    qa: Qa = "without"
    judge: Judge | None = None
