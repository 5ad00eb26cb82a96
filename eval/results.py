"""The files of a run: results.json with everything, run.json with the headline, and the report to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from eval.dataset import DatasetError
from eval.records import Json, from_json, to_json
from eval.report.html import render_html
from eval.report.markdown import render_markdown
from eval.runner import Run
from eval.summary import summarise

RESULTS = "results.json"
HEADLINE = ("right", "hit@1", "contains", "answer_rate", "refusal_recall", "citation_recall")


def write_run(run: Run, folder: Path) -> None:
    """Write a run's files into the folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    results = run_json(run)
    _write(folder / RESULTS, json.dumps(results, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    _write(folder / "run.json", json.dumps(headline(run), ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    # Read back as any program would: what the report is given is what the file holds.
    read = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    _write(folder / "report.html", render_html(read))
    _write(folder / "report.md", render_markdown(read))


def _write(path: Path, text: str) -> None:
    # A lone surrogate in a question cannot be written as UTF-8, but as the escape that JSON has for it.
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def run_json(run: Run) -> Json:
    """A run as JSON values."""
    return {
        "run": {
            "name": run.name,
            "started": run.started.isoformat(timespec="seconds"),
            "seconds": round(run.seconds, 1),
            "version": run.version,
            "commit": run.commit,
            "cases_checksum": run.cases_checksum,
            "articles_checksum": run.articles_checksum,
            "leaked": run.summary.leaked,
        },
        "settings": run.settings,
        "summary": {**asdict(run.summary), "judge": run.judge},
        "cases": [to_json(record) for record in run.records],
    }


def headline(run: Run) -> Json:
    """What a list of runs shows."""
    estimates = ((measure, run.summary.overall[measure]) for measure in HEADLINE)
    return {
        "name": run.name,
        "started": run.started.isoformat(timespec="seconds"),
        "seconds": round(run.seconds, 1),
        "version": run.version,
        "commit": run.commit,
        "answerer": run.settings["answerer"],
        "embed_model": run.settings["embed_model"],
        "cases": run.summary.cases,
        "failed": run.summary.failed,
        "leaked": run.summary.leaked,
        "headline": [{"measure": measure, **asdict(found)} for measure, found in estimates if found],
    }


def load_run(path: Path) -> Run:
    """A run from its folder or its results.json; its means are worked out anew from its cases.

    Raises:
        DatasetError: there is none, or it is not of this form.
    """
    file = path / RESULTS if path.is_dir() else path
    try:
        return _run(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "made by another version? run it again"
        raise DatasetError(f"{file}: is no results file of a run ({type(error).__name__}: {error}); {hint}") from error


def _run(value: Mapping[str, Any]) -> Run:
    about, records = value["run"], tuple(from_json(case) for case in value["cases"])
    return Run(
        name=about["name"],
        started=datetime.fromisoformat(about["started"]),
        seconds=about["seconds"],
        commit=about["commit"],
        version=about["version"],
        settings=value["settings"],
        cases_checksum=about["cases_checksum"],
        articles_checksum=about["articles_checksum"],
        records=records,
        summary=summarise(records),
        judge=value["summary"]["judge"],
    )
