"""Two runs side by side: what changed from A to B over the cases that both asked, and what got worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eval.dataset import DatasetError
from eval.metrics import Estimate, estimate_mean
from eval.records import Record, Values
from eval.runner import Run
from eval.scorers import LOWER_IS_BETTER
from eval.summary import AUC, PER_CASE, Estimates
from eval.tables import table
from rag.types import LANGS

ROUNDING = 1e-3  # a similarity of the same two texts may differ by less, since they were encoded beside others


@dataclass(frozen=True, slots=True)
class Worse:
    """A case that lost from A to B: the measures that fell, as (measure, before, after), or its new error."""

    before: Record
    after: Record
    falls: tuple[tuple[str, float, float], ...]

    @property
    def loss(self) -> float:
        """How much it lost over all measures; a wrong verdict loses more than any, an error most."""
        if self.after.error:
            return float("inf")
        return sum(abs(before - after) + 100 * (measure == "right") for measure, before, after in self.falls)


@dataclass(frozen=True, slots=True)
class Comparison:
    """B minus A, over the cases that both runs asked; above zero is better, but for measures of which less is."""

    pairs: int
    only_a: int
    only_b: int
    overall: Estimates
    by_lang: dict[str, Estimates]
    worse: tuple[Worse, ...]  # most lost first
    warnings: tuple[str, ...]


def compare(a: Run, b: Run) -> Comparison:
    """Pair the cases by id; a measure's difference counts where it applies in both runs.

    Raises:
        DatasetError: no case is in both.
    """
    known = {record.case.id: record for record in b.records}
    pairs = [(record, known[record.case.id]) for record in a.records if record.case.id in known]
    if not pairs:
        raise DatasetError("the two runs have no case in common")
    langs = [lang for lang in LANGS if any(before.case.question_lang == lang for before, _ in pairs)]
    worse = [lost for before, after in pairs if (lost := _worse(before, after))]
    return Comparison(
        pairs=len(pairs),
        only_a=len(a.records) - len(pairs),
        only_b=len(b.records) - len(pairs),
        overall=_differences(pairs),
        by_lang={lang: _differences([pair for pair in pairs if pair[0].case.question_lang == lang]) for lang in langs},
        worse=tuple(sorted(worse, key=lambda lost: -lost.loss)),
        warnings=tuple(_warnings(a, b)),
    )


def _warnings(a: Run, b: Run) -> list[str]:
    """What makes a difference mean something else than a better or worse assistant."""
    told = [
        f"{name} is not valid: {run.summary.leaked} questions leaked"
        for name, run in zip("AB", (a, b), strict=True)
        if run.summary.leaked
    ]
    if a.cases_checksum != b.cases_checksum:
        told.append("the questions or their golds differ")
    if a.articles_checksum != b.articles_checksum:
        told.append("the articles differ")
    differ = [
        f"{key} {a.settings.get(key)!r} → {b.settings.get(key)!r}"
        for key in ("embed_model", "answerer", "chat_model")
        if a.settings.get(key) != b.settings.get(key)
    ]
    return told + ([f"settings differ: {', '.join(differ)}"] if differ else [])


def _differences(pairs: Sequence[tuple[Record, Record]]) -> Estimates:
    # Resampling differences, not the two runs apart, is what makes the interval a paired one.
    paired: Estimates = {}
    for measure in PER_CASE:
        both = ((_value(before.values, measure), _value(after.values, measure)) for before, after in pairs)
        paired[measure] = estimate_mean([b - a for a, b in both if a is not None and b is not None])
    return {**paired, AUC: None}  # of a whole run, so it has no pairs


def _value(values: Values | None, measure: str) -> float | None:
    return values.get(measure) if values else None


def _is_worse(measure: str, before: float, after: float) -> bool:
    """Whether a measure fell by more than another order of adding numbers makes of it."""
    fall = after - before if measure in LOWER_IS_BETTER else before - after
    return fall > ROUNDING


def _worse(before: Record, after: Record) -> Worse | None:
    if after.error:
        return None if before.error else Worse(before, after, ())
    falls = []
    for measure in PER_CASE:
        a, b = _value(before.values, measure), _value(after.values, measure)
        if a is not None and b is not None and _is_worse(measure, a, b):
            falls.append((measure, a, b))
    return Worse(before, after, tuple(falls)) if falls else None


def print_comparison(found: Comparison, console: Console, *, worst: int) -> None:
    """The differences as a table, then the ``worst`` cases that lost most with both answers side by side."""
    alone = f"; {found.only_a} only in A, {found.only_b} only in B" if found.only_a or found.only_b else ""
    console.print(f"B − A over {found.pairs} cases in both runs{alone}", highlight=False)
    for warning in found.warnings:
        console.print(f"note: {warning}", markup=False, highlight=False)
    console.print(table("by language of the question", {**found.by_lang, "all": found.overall}, difference))
    console.print("* zero is outside of the interval; of `dropped` less is better", markup=False, highlight=False)
    console.print(f"cases that got worse: {len(found.worse)}", highlight=False)
    for lost in found.worse[:worst]:
        console.print(side_by_side(lost))
    if len(found.worse) > worst:
        console.print(f"  … and {len(found.worse) - worst} more", highlight=False)


def side_by_side(lost: Worse) -> Table:
    """What a case was answered in A and in B, and what fell."""
    case = lost.after.case
    shown = Table("A", "B", title=Text(f"{case.id}  {case.question}"), title_justify="left", expand=True)
    shown.add_row(Text(answer_text(lost.before)), Text(answer_text(lost.after)))
    if case.answers:
        shown.caption = Text(f"gold: {case.answers[0]}")
        shown.caption_justify = "left"
    falls = [f"{name} {before:.2f} → {after:.2f}" for name, before, after in lost.falls]
    half = (len(falls) + 1) // 2
    for left, right in zip_longest(falls[:half], falls[half:], fillvalue=""):
        shown.add_row(Text(left), Text(right))
    return shown


def answer_text(record: Record) -> str:
    """The answer of a record, its refusal, or its error."""
    if record.error or record.answer is None:
        return f"failed: {record.error}"
    mark = "" if record.answer["answered"] else "refused: "
    return f"{mark}{record.answer['answer']}"


def difference(estimate: Estimate | None) -> str:
    """A difference as people read it, with a star when zero is outside its interval.

    >>> difference(Estimate(30, 0.05, 0.01, 0.11)), difference(Estimate(7, -0.1, -0.3, 0.1)), difference(None)
    ('+0.050 [+0.010, +0.110] n=30 *', '-0.100 [-0.300, +0.100] n=7', '–')
    """
    if estimate is None:
        return "–"
    sure = " *" if estimate.low > 0 or estimate.high < 0 else ""
    return f"{estimate.mean:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}] n={estimate.n}{sure}"
