"""The headline of a run's report as Markdown, for a pull request or a terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eval.report.figures import Figure, Matrix, Table, by_kind, headline, pair_matrix
from eval.report.html import WORST, banner_lines, judge_line, shorten_commit, started, wanted_words
from eval.report.verdicts import finding, shorten, worst_first
from eval.report.wording import HOW_TO_READ, kind_in_words

Results = Mapping[str, Any]

_CELL_CHARS = 300


def render_markdown(results: Results) -> str:
    """The headline of a run, from the values of ``results.json``: figures, and the ten worst cases."""
    summary = results["summary"]
    parts = [
        _heading(results),
        *(f"> **{escape_line(line)}**" for line in banner_lines(summary)),
        "\n".join(f"- {line}" for line in HOW_TO_READ),
        _table(headline(summary)),
        *([escape_line(judge_line(summary["judge"]))] if summary.get("judge") else []),
        "## By kind of case",
        _table(by_kind(summary)),
        *_pairs(summary),
        "## The ten worst cases",
        *(_worst(rank, case) for rank, case in enumerate(worst_first(results["cases"])[:WORST], start=1)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape_line(text: str) -> str:
    """Text as one line of Markdown that shows it as it is, in a table too.

    >>> escape_line("a|b\\n<img> *c*")
    'a\\\\|b &lt;img> \\\\*c\\\\*'
    """
    line = re.sub(r"([\\`*_\[\]|~#])", r"\\\1", " ".join(text.split()))
    line = line.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub("[\x00-\x1f\x7f\ud800-\udfff]", "\ufffd", line)


def _heading(results: Results) -> str:
    run, summary, settings = results["run"], results["summary"], results["settings"]
    answerer = f"{settings.get('answerer', 'unknown')} answers, embedded with {settings.get('embed_model', 'unknown')}"
    made = f"version {run['version']}, commit {shorten_commit(run['commit'])}, {started(run['started'])}"
    counts = (
        f"{summary['cases']:,} cases: {summary['refused']:,} refused, {summary['failed']:,} failed,"
        f" {summary['truncated']:,} with a gold answer that breaks off, {summary['leaked']:,} leaked."
    )
    return f"# Evaluation of {escape_line(run['name'])}\n\n{escape_line(f'{answerer}; {made}.')}\n{counts}"


def _table(table: Table) -> str:
    if not table.columns:
        return "No case has a kind."
    lines = [_row("measure", *map(escape_line, table.columns)), _row(*["---"] * (len(table.columns) + 1))]
    for block, rows in table.blocks:
        lines.append(_row(f"**{block}**", *[""] * len(table.columns)))
        for measure, figures in rows:
            name = f"{measure.name} `{measure.id}`{' (lower is better)' if measure.lower_is_better else ''}"
            lines.append(_row(name, *map(_figure, figures)))
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _figure(figure: Figure) -> str:
    return f"**★ {figure.mean}** {figure.interval} n={figure.n:,}" if figure.best else str(figure)


def _pairs(summary: Results) -> list[str]:
    matrices = [matrix for measure in ("hit@1", "recall@5") if (matrix := pair_matrix(summary, measure))]
    return ["## By language of question and article", *map(_matrix, matrices)] if matrices else []


def _matrix(matrix: Matrix) -> str:
    lines = [_row("question ↓ article →", *matrix.columns), _row(*["---"] * (len(matrix.columns) + 1))]
    lines += [_row(lang, *map(_figure, row)) for lang, row in zip(matrix.rows, matrix.figures, strict=True)]
    return f"{matrix.measure.name} `{matrix.measure.id}`\n\n" + "\n".join(lines)


def _worst(rank: int, case: Results) -> str:
    gold, answer = case["gold"], case["answer"]
    said = f"Said: {_short(answer['answer'])}" if answer else f"Error: {_short(case['error'] or '')}"
    confidence = f", confidence {answer['confidence']:.2f}" if answer else ""
    about = f"{case['question_lang']}, {kind_in_words(gold['kind'])}{confidence}; {case['id']}"
    return (
        f"{rank}. **{escape_line(finding(case).text)}** ({escape_line(about)})\n"
        f"    - Question: {_short(case['question'])}\n    - {said}\n    - Wanted: {_short(wanted_words(gold))}"
    )


def _short(text: str) -> str:
    return escape_line(shorten(text, _CELL_CHARS))
