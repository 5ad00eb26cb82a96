"""A run's figures as tables of values, which each report then draws in its own way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eval.report.wording import JUDGED, KNOWN, Measure, blocks_of, kind_in_words
from rag.types import LANGS

Estimate = Mapping[str, Any]  # n, mean, low, high
Estimates = Mapping[str, Estimate | None]
ALL, WITH_QA = "all", "with Q&A"
ARROW = "→"  # between the languages of a pair


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean with its interval and number of cases as people read them; ``best`` among those it is compared with."""

    mean: str
    interval: str = ""
    n: int = 0
    best: bool = False

    def __str__(self) -> str:
        return f"{self.mean} {self.interval} n={self.n:,}" if self.n else self.mean


NONE = Figure("–")


@dataclass(frozen=True, slots=True)
class Table:
    """Figures of measures in named blocks; each row has a figure for each column."""

    columns: tuple[str, ...]
    blocks: tuple[tuple[str, tuple[tuple[Measure, tuple[Figure, ...]], ...]], ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """One measure by language of the question (rows) and language of the right article (columns)."""

    measure: Measure
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    figures: tuple[tuple[Figure, ...], ...]


def figure(estimate: Estimate | None, *, best: bool = False) -> Figure:
    """An estimate as people read it.

    >>> str(figure({"n": 7, "mean": 0.857, "low": 0.714, "high": 1.0})), str(figure(None))
    ('0.86 [0.71, 1.00] n=7', '–')
    """
    if estimate is None:
        return NONE
    return Figure(
        f"{estimate['mean']:.2f}", f"[{estimate['low']:.2f}, {estimate['high']:.2f}]", int(estimate["n"]), best
    )


def headline(summary: Mapping[str, Any]) -> Table:
    """By language of the question, all, each rival over all, and all asked with the articles' own Q&A indexed."""
    rivals = {name: rival["overall"] for name, rival in (summary.get("rivals") or {}).items()}
    columns = {**by_lang(summary["by_lang"]), ALL: summary["overall"], **rivals}
    if summary.get("with_qa"):
        columns[WITH_QA] = summary["with_qa"]["overall"]
    return _table(columns, compared=(ALL, *rivals) if rivals else ())


def by_kind(summary: Mapping[str, Any]) -> Table:
    """By kind of case, the kinds in words."""
    return _table({kind_in_words(kind): group for kind, group in summary["by_kind"].items()})


def by_lang(groups: Mapping[str, Estimates]) -> dict[str, Estimates]:
    """The groups in the order zh, en, de, then others."""
    return {lang: groups[lang] for lang in ordered(groups)}


def ordered(langs: Iterable[str]) -> list[str]:
    """Languages as reports order them.

    >>> ordered({"de", "zh+en", "zh"})
    ['zh', 'de', 'zh+en']
    """
    place: dict[str, int] = {lang: at for at, lang in enumerate(LANGS)}
    return sorted(langs, key=lambda lang: (place.get(lang, len(place)), lang))


def pair_matrix(summary: Mapping[str, Any], measure: str) -> Matrix | None:
    """A measure by pair of languages; None when no pair has a figure."""
    pairs = {tuple(pair.split(ARROW)): group.get(measure) for pair, group in (summary.get("by_pair") or {}).items()}
    known = [pair for pair, estimate in pairs.items() if estimate is not None and len(pair) == 2]
    if not known:
        return None
    rows, columns = ordered({asked for asked, _ in known}), ordered({written for _, written in known})
    cells = tuple(tuple(figure(pairs.get((row, column))) for column in columns) for row in rows)
    return Matrix(KNOWN[measure], tuple(rows), tuple(columns), cells)


def _table(columns: Mapping[str, Estimates], compared: tuple[str, ...] = ()) -> Table:
    # Of a judge that was not asked there is nothing to say, not even that it applies to none.
    measures = [
        measure
        for estimates in columns.values()
        for measure in estimates
        if measure not in JUDGED or any(one.get(measure) for one in columns.values())
    ]
    blocks = []
    for name, block in blocks_of(measures):
        rows = []
        for measure in block:
            best = _best({one: columns[one].get(measure.id) for one in compared}, measure)
            cells = [figure(group.get(measure.id), best=one in best) for one, group in columns.items()]
            rows.append((measure, tuple(cells)))
        blocks.append((name, tuple(rows)))
    return Table(tuple(columns), tuple(blocks))


def _best(estimates: Mapping[str, Estimate | None], measure: Measure) -> set[str]:
    # Told apart as they are shown, with two digits; where all are alike, none is the best.
    means = {name: round(one["mean"], 2) for name, one in estimates.items() if one is not None}
    if len(set(means.values())) < 2:
        return set()
    top = min(means.values()) if measure.lower_is_better else max(means.values())
    return {name for name, mean in means.items() if mean == top}
