"""What a run leaves behind: tables for people, ``results.json`` for programs, ``report.html`` to pass on."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from eval.dataset import Case
from eval.metrics import Estimate
from eval.runner import CaseResult, Run
from eval.scorers import ANSWER, CITATION, REFUSAL, RETRIEVAL, Scores
from eval.summary import AUC, Estimates, Summary

RESULTS = "results.json"
WIDTH = 170  # of tables that do not go to a terminal: six columns of figures side by side
_BLOCKS = (RETRIEVAL, ANSWER, CITATION, (*REFUSAL, AUC))
_NOTE = "mean [95 % interval] n = cases the measure applies to; – applies to none; failed cases are in no mean"


def print_report(run: Run, console: Console) -> None:
    """The figures of a run by language of the question, and by kind of case where that says more."""
    columns = {**run.summary.by_lang, "all": run.summary.overall}
    if run.rival_summary:
        columns["baseline, all"] = run.rival_summary.overall
    console.print(heading(run), markup=False, highlight=False)
    console.print(table("by language of the question", columns, figure))
    if _kinds_differ(run.summary):
        console.print(table("by kind of case", run.summary.by_kind, figure))
    console.print(_NOTE, markup=False, highlight=False)


def _kinds_differ(summary: Summary) -> bool:
    # Each case has one of these two. Where each has one kind of case only, a table by kind says nothing new.
    return any(
        sum(group[measure] is not None for group in summary.by_kind.values()) > 1
        for measure in ("answer_rate", "refusal_recall")
    )


def heading(run: Run) -> str:
    """Which run this is, and how many of its cases stand for what."""
    summary = run.summary
    return (
        f"{run.name} · {run.started:%Y-%m-%d %H:%M} UTC · version {run.version}"
        f" · commit {run.commit or 'unknown'}"
        f"\n{run.settings['answerer']} answers, embedded with {run.settings['embed_model']}"
        f"\n{summary.cases} cases: {summary.refused} refused, {summary.failed} failed,"
        f" {summary.truncated} with a gold answer that breaks off"
    )


def table(title: str, columns: Mapping[str, Estimates], cell: Callable[[Estimate | None], str]) -> Table:
    """Estimates as a table, with a line between retrieval, answers, citations and refusals."""
    shown = Table("measure", *(Column(Text(name)) for name in columns), title=title, title_justify="left")
    for block in _BLOCKS:
        for measure in block:
            shown.add_row(measure, *(Text(cell(estimates[measure])) for estimates in columns.values()))
        shown.add_section()
    return shown


def figure(estimate: Estimate | None) -> str:
    """An estimate as people read it.

    >>> figure(Estimate(7, 0.857, 0.714, 1.0)), figure(None)
    ('0.86 [0.71, 1.00] n=7', '–')
    """
    if estimate is None:
        return "–"
    return f"{estimate.mean:.2f} [{estimate.low:.2f}, {estimate.high:.2f}] n={estimate.n}"


def console_for(file: TextIO) -> Console:
    """A console as wide as the terminal; wide enough for the tables where there is none."""
    console = Console(file=file)
    return console if console.is_terminal else Console(file=file, width=WIDTH)


def write_run(run: Run, folder: Path) -> None:
    """Write ``results.json`` and ``report.html`` into the folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(to_json(run), ensure_ascii=False, indent=1, allow_nan=False)
    # A lone surrogate in a question cannot be written as UTF-8, but as the escape that JSON has for it.
    (folder / RESULTS).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    page = Console(file=io.StringIO(), record=True, width=WIDTH)
    print_report(run, page)
    (folder / "report.html").write_text(page.export_html(inline_styles=True), encoding="utf-8")


def to_json(run: Run) -> dict[str, Any]:
    """A run as JSON values; ``compare`` reads them back."""
    return {
        "run": {
            "name": run.name,
            "started": run.started.isoformat(timespec="seconds"),
            "version": run.version,
            "commit": run.commit,
            "cases_checksum": run.cases_checksum,
            "articles_checksum": run.articles_checksum,
        },
        "settings": run.settings,
        "summary": {
            **asdict(run.summary),
            "baseline": asdict(run.rival_summary) if run.rival_summary else None,
        },
        "cases": [_case_json(result) for result in run.results],
    }


def _case_json(result: CaseResult) -> dict[str, Any]:
    case, ours, rival = result.case, result.ours, result.rival
    value = {
        "id": case.id,
        "question": case.question,
        "question_lang": case.question_lang,
        "truncated": case.truncated,
        "answer": ours.answer.to_dict() if ours else None,
        "gold": _gold_json(case),
        "scores": _scores_json(ours.scores) if ours else {},
        "error": result.error,
    }
    if rival:
        value["baseline"] = {"answer": rival.answer.answer, "scores": _scores_json(rival.scores)}
    return value


def _gold_json(case: Case) -> dict[str, Any]:
    keys = ("answers", "source_links", "also_links", "article_ids", "gold_text", "answerable", "kind")
    return {key: getattr(case, key) for key in keys}


def _scores_json(scores: Scores) -> dict[str, Any]:
    return {measure: asdict(score) for measure, score in scores.items()}
