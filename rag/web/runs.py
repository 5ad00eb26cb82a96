"""The runs of the evaluation that lie in a folder: reading, and nothing of the web.

A run is a folder with a report and a small ``run.json``. What is no run, or a broken one, is left out and logged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

log = logging.getLogger(__name__)

REPORT = "report.html"
MAX_BYTES = 64 * 1024  # of a run.json; ours have two or three kilobytes

Share = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class Figure(BaseModel):
    """The mean of a measure over ``n`` cases, with its 95 % interval."""

    model_config = ConfigDict(frozen=True)

    measure: str
    n: Count
    mean: Share
    low: Share
    high: Share


class Run(BaseModel):
    """What a run says of itself. One in which cases leaked proves nothing."""

    model_config = ConfigDict(frozen=True)

    name: str
    started: AwareDatetime
    version: str
    commit: str | None
    answerer: str
    embed_model: str
    cases: Count
    failed: Count
    leaked: Count
    headline: tuple[Figure, ...]


def list_runs(folder: Path) -> dict[str, Run]:
    """The runs by the names of their folders, newest first; empty when ``folder`` is not there."""
    runs = {inside.name: run for inside in _folders(folder) if (run := _read(inside)) is not None}
    return dict(sorted(runs.items(), key=lambda item: item[1].started, reverse=True))


def find_report(folder: Path, name: str) -> Path | None:
    """The report of the run in the folder of this name; None when there is none.

    The name is only compared with what lies in the folder, so that no name can lead out of it.
    """
    for inside in _folders(folder):
        report = inside / REPORT
        if inside.name == name and report.is_file() and report.resolve().parent == inside.resolve():
            return report
    return None


def _folders(folder: Path) -> Iterator[Path]:
    """The folders directly inside; a link to somewhere else is none of them, nor is a name nobody can type."""
    try:
        root = folder.resolve()
        inside = sorted(root.iterdir())
    except OSError as error:
        log.info("no runs in %s: %s", folder, error)
        return
    yield from (p for p in inside if p.name.isprintable() and p.is_dir() and p.resolve().parent == root)


def _read(inside: Path) -> Run | None:
    file = inside / "run.json"
    try:
        with file.open("rb") as opened:
            text = opened.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES // 1024} KiB")
        return Run.model_validate_json(text)
    except FileNotFoundError:
        log.info("no run.json in %s", inside)
    except (OSError, ValueError) as error:  # pydantic's errors are values'
        log.warning("left out of the list of runs: %s: %s", file, error)
    return None
