"""A run in the terminal: tables of figures and, where there are few cases, what became of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from eval.metrics import Estimate
from eval.records import Aside, Record
from eval.runner import Run
from eval.scorers import ANSWER, CITATION, JUDGE, REFUSAL, RETRIEVAL
from eval.summary import AUC, PAIRED, Estimates, Summary

WIDTH = 250  # of tables that do not go to a terminal: nine columns of figures side by side
FEW = 40  # cases that are listed one by one
_BLOCKS = (RETRIEVAL, ANSWER, CITATION, (*REFUSAL, AUC), JUDGE)
_NOTE = "mean [95 % interval] n = cases the measure applies to; – applies to none; failed cases are in no mean"


def print_report(run: Run, console: Console) -> None:
    """The figures of a run by language of the question, by pair of languages and kind of case where these say more."""
    summary = run.summary
    console.print(heading(run), markup=False, highlight=False)
    own = [record for record in run.records if record.case.answerable]
    if len(own) <= FEW:
        console.print(case_table(own, with_qa=summary.with_qa is not None))
    columns = {**summary.by_lang, "all": summary.overall}
    if summary.with_qa:
        columns = {**columns, "all, with Q&A": summary.with_qa.overall}
    columns |= {name: rival.overall for name, rival in summary.rivals.items()}
    console.print(table("by language of the question", columns, figure))
    if len(summary.by_pair) > len(summary.by_lang):
        console.print(pair_table(summary.by_pair))
    if _kinds_differ(summary):
        console.print(table("by kind of case", summary.by_kind, figure))
    for line in (_NOTE, *remarks(run)):
        console.print(line, markup=False, highlight=False)


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
        f"{run.name} · {run.started:%Y-%m-%d %H:%M} UTC · {run.seconds:.0f} s · version {run.version}"
        f" · commit {run.commit or 'unknown'}"
        f"\n{run.settings['answerer']} answers, embedded with {run.settings['embed_model']}"
        f"\n{summary.cases} cases: {summary.refused} refused, {summary.failed} failed,"
        f" {summary.truncated} with a gold answer that breaks off"
    )


def remarks(run: Run) -> list[str]:
    """What a table has no place for: leaks, time, tokens, the judge."""
    summary = run.summary
    lines = []
    if summary.leaked:
        lines.append(
            f"NOT VALID: for {summary.leaked} of {summary.cases} questions a passage was found that holds the question"
            " nearly word for word"
        )
    if record := max(run.records, key=lambda record: record.leak, default=None):
        lines.append(f"leak guard: the most of a question that a passage holds is {record.leak:.2f} ({record.case.id})")
    if summary.latency_ms:
        lines.append("time to an answer: " + ", ".join(f"{q} {ms:.0f} ms" for q, ms in summary.latency_ms.items()))
    if (used := summary.usage).calls:
        cost = "" if used.cost is None else f", cost {used.cost:.4f}"
        lines.append(f"models asked: {used.calls} calls, {used.tokens_in} tokens in, {used.tokens_out} out{cost}")
    return lines + (judge_remarks(run.judge) if run.judge else [])


def judge_remarks(judge: Mapping[str, Any]) -> list[str]:
    """How far the judge can be trusted, what it did not say, and what it used."""
    found, used = judge["agreement"], judge["usage"]
    unread = ", ".join(f"{count} of {measure}" for measure, count in judge["unreadable"].items())
    lines = [
        f"judge {judge['model']}: verdicts that could not be read: {unread}; that did not come: {judge['failed']}",
        f"judge and labels agree on {_share(found['agreement'])} of {found['n']} verdicts, "
        f"Cohen's kappa {_share(found['kappa'])}; {found['unreadable']} more could not be read, {found['failed']} did "
        "not come",
    ]
    for measure, one in found["by_measure"].items():
        lines.append(f"  {measure}: {_share(one['agreement'])} of {one['n']}, kappa {_share(one['kappa'])}")
    return [*lines, f"  it was asked {used['calls']} times: {used['tokens_in']} tokens in, {used['tokens_out']} out"]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def case_table(records: list[Record], *, with_qa: bool) -> Table:
    """What became of each case; a mark where the gold answer breaks off."""
    columns = ["case", "lang", "question", "gold", "right"] + (["right with Q&A"] if with_qa else []) + ["why"]
    shown = Table(*columns, title="the questions", title_justify="left")
    for record in records:
        gold = "breaks off …" if record.case.truncated else "whole"
        right = record.scores.get("right")
        cells = [record.case.id, record.case.question_lang, record.case.question, gold, _verdict(record.values)]
        cells += [_verdict(_values(record.with_qa))] if with_qa else []
        shown.add_row(*(Text(cell) for cell in (*cells, record.error or (right.reason if right else ""))))
    return shown


def _values(aside: Aside | None) -> Mapping[str, float | None] | None:
    return aside.scores if aside else None


def _verdict(values: Mapping[str, float | None] | None) -> str:
    verdict = values.get("right") if values else None
    return "–" if verdict is None else ("yes" if verdict else "no")


def pair_table(by_pair: Mapping[str, Estimates]) -> Table:
    """Retrieval by the languages of question and right article."""
    shown = Table("question→article", *PAIRED, title="by pair of languages", title_justify="left")
    for pair, estimates in by_pair.items():
        shown.add_row(Text(pair), *(Text(figure(estimates[measure])) for measure in PAIRED))
    return shown


def table(title: str, columns: Mapping[str, Estimates], cell: Callable[[Estimate | None], str]) -> Table:
    """Estimates as a table, with a line between retrieval, answers, citations, refusals and the judge's verdicts."""
    shown = Table("measure", *(Column(Text(name)) for name in columns), title=title, title_justify="left")
    for block in _BLOCKS:
        # Of the judge's block nothing is shown where no judge was asked.
        told = [measure for measure in block if block != JUDGE or any(one.get(measure) for one in columns.values())]
        for measure in told:
            shown.add_row(measure, *(Text(cell(estimates.get(measure))) for estimates in columns.values()))
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
