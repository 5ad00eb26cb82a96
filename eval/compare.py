"""Two runs side by side: what changed from A to B over the cases that both asked, and what got worse."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from eval.dataset import DatasetError
from eval.metrics import Estimate, estimate_mean
from eval.report import RESULTS, table
from eval.summary import AUC, MEASURES, Estimates
from rag.types import LANGS

PER_CASE = tuple(measure for measure in MEASURES if measure != AUC)


@dataclass(frozen=True, slots=True)
class Result:
    """One case of a run as it was written. ``values`` has the measures that apply."""

    id: str
    question: str
    lang: str
    values: dict[str, float]
    error: str | None


@dataclass(frozen=True, slots=True)
class Worse:
    """A case that lost from A to B: the measures that fell, as (measure, before, after), or its new error."""

    id: str
    question: str
    falls: tuple[tuple[str, float, float], ...]
    error: str | None = None

    @property
    def loss(self) -> float:
        """How much it lost over all measures; an error loses most."""
        return float("inf") if self.error else sum(before - after for _, before, after in self.falls)


@dataclass(frozen=True, slots=True)
class Comparison:
    """B minus A, over the cases that both runs asked; above zero is better."""

    pairs: int
    only_a: int
    only_b: int
    overall: Estimates
    by_lang: dict[str, Estimates]
    worse: tuple[Worse, ...]  # most lost first


def load_results(path: Path) -> dict[str, Result]:
    """The cases of a run by id, from its folder or its ``results.json``.

    Raises:
        DatasetError: there is none, or it is not of this form.
    """
    file = path / RESULTS if path.is_dir() else path
    try:
        cases = json.loads(file.read_text(encoding="utf-8"))["cases"]
        results = [_result(case) for case in cases]
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{file}: is no results file of a run ({type(error).__name__}: {error})") from error
    return {result.id: result for result in results}


def _result(case: Mapping[str, Any]) -> Result:
    values = {measure: score["value"] for measure, score in case["scores"].items() if score["value"] is not None}
    return Result(case["id"], case["question"], case["question_lang"], values, case.get("error"))


def compare(a: Mapping[str, Result], b: Mapping[str, Result]) -> Comparison:
    """Pair the cases by id; a measure's difference counts where it applies in both runs.

    Raises:
        DatasetError: no case is in both.
    """
    pairs = [(a[id_], b[id_]) for id_ in a if id_ in b]
    if not pairs:
        raise DatasetError("the two runs have no case in common")
    langs = [lang for lang in LANGS if any(before.lang == lang for before, _ in pairs)]
    worse = [lost for before, after in pairs if (lost := _worse(before, after))]
    return Comparison(
        pairs=len(pairs),
        only_a=len(a) - len(pairs),
        only_b=len(b) - len(pairs),
        overall=_differences(pairs),
        by_lang={lang: _differences([pair for pair in pairs if pair[0].lang == lang]) for lang in langs},
        worse=tuple(sorted(worse, key=lambda lost: -lost.loss)),
    )


def _differences(pairs: Sequence[tuple[Result, Result]]) -> Estimates:
    # Resampling differences, not the two runs apart, is what makes the interval a paired one.
    paired = {
        measure: estimate_mean(
            [
                after.values[measure] - before.values[measure]
                for before, after in pairs
                if measure in before.values and measure in after.values
            ]
        )
        for measure in PER_CASE
    }
    return {**paired, AUC: None}  # of a whole run, so it has no pairs


def _worse(before: Result, after: Result) -> Worse | None:
    if after.error and not before.error:
        return Worse(after.id, after.question, (), after.error)
    falls = tuple(
        (measure, before.values[measure], after.values[measure])
        for measure in PER_CASE
        if measure in before.values and after.values.get(measure, 1.0) < before.values[measure]
    )
    return Worse(after.id, after.question, falls) if falls else None


def print_comparison(found: Comparison, console: Console, *, worst: int) -> None:
    """The differences as a table, then the ``worst`` cases that lost most."""
    alone = f"; {found.only_a} only in A, {found.only_b} only in B" if found.only_a or found.only_b else ""
    console.print(f"B − A over {found.pairs} cases in both runs{alone}", highlight=False)
    console.print(table("by language of the question", {**found.by_lang, "all": found.overall}, difference))
    console.print(f"cases that got worse: {len(found.worse)}", highlight=False)
    for lost in found.worse[:worst]:
        falls = ", ".join(f"{name} {before:.2f} → {after:.2f}" for name, before, after in lost.falls)
        console.print(escape(f"  {lost.id}  {lost.question}\n    {lost.error or falls}"), highlight=False)
    if len(found.worse) > worst:
        console.print(f"  … and {len(found.worse) - worst} more", highlight=False)


def difference(estimate: Estimate | None) -> str:
    """A difference as people read it, with a star when zero is outside its interval.

    >>> difference(Estimate(30, 0.05, 0.01, 0.11)), difference(Estimate(7, -0.1, -0.3, 0.1)), difference(None)
    ('+0.050 [+0.010, +0.110] n=30 *', '-0.100 [-0.300, +0.100] n=7', '–')
    """
    if estimate is None:
        return "–"
    sure = " *" if estimate.low > 0 or estimate.high < 0 else ""
    return f"{estimate.mean:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}] n={estimate.n}{sure}"
