"""Write the tables of the README and of quality.md from the runs that were made for them: ``make quality``.

python docs/figures.py RUN ...

Each run's folder is named after its set. What the tables need of a run is kept in figures.json, so that a test can tell
whether the documents still say what the commands print.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FIGURES = HERE / "figures.json"
DOCUMENTS = (HERE.parent / "README.md", HERE / "quality.md")
LANGS = ("en", "de", "zh")
MEASURES = {
    "hit@1": "right article first",
    "hit@5": "right article in the first five",
    "mrr": "mean reciprocal rank",
    "ndcg@5": "nDCG of the first five",
    "right": "answered rightly, or rightly refused",
    "contains_first": "the answer's words stand in its first sentence",
    "contains": "… in the whole answer",
    "token_recall": "words of the reference in the answer",
    "token_f1": "token F1 with the reference",
    "similarity": "similarity of answer and reference",
    "citation_recall": "sentences that their citations prove",
    "quote_exact": "quotes equal to the article at their offsets",
    "cited_gold": "cited articles that are a right one",
    "answer_rate": "answerable questions answered",
    "refusal_recall": "unanswerable questions refused",
    "refusal_precision": "refusals that were right",
    "confidence_auc": "area under the curve, answerable against not",
}
FINDING = ("hit@1", "hit@5", "mrr", "ndcg@5")
SHORT = ("hit@1", "contains_first", "contains", "answer_rate", "citation_recall")
LONG_FORM = ("hit@1", "token_f1", "answer_rate", "refusal_recall", "confidence_auc", "citation_recall", "quote_exact")

# What the ablation shows: the kind of question (None: all) and the measure.
PARTS = {
    "right article first, same language": ("same_language", "hit@1"),
    "… across languages": ("cross_lingual", "hit@1"),
    "… in the first five": ("cross_lingual", "hit@5"),
    "words in the best sentence, same language": ("same_language", "contains_first"),
    "area under the curve, all": (None, "confidence_auc"),
}
ALONE = "in the question's language alone"

Summary = Mapping[str, Any]
Column = Mapping[str, Any]  # a measure's estimate


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns of estimates over some of the measures."""

    columns: Mapping[str, Column]
    measures: Sequence[str]

    def render(self) -> str:
        """As Markdown; a measure that applies nowhere has no row."""
        rows = [f"| | {' | '.join(self.columns)} |", f"|---|{'---|' * len(self.columns)}"]
        for measure in self.measures:
            found = [column.get(measure) for column in self.columns.values()]
            if any(found):
                rows.append(f"| {MEASURES[measure]} | {' | '.join(map(cell, found))} |")
        return "\n".join(rows) + "\n"


@dataclass(frozen=True, slots=True)
class PartsTable:
    """A row for each way of searching: the measures by kind of question."""

    rows: Mapping[str, Summary]

    def render(self) -> str:
        """As Markdown."""
        lines = [f"| | {' | '.join(PARTS)} |", f"|---|{'---|' * len(PARTS)}"]
        for name, found in self.rows.items():
            lines.append(f"| {name} | {' | '.join(_of_kind(found, *of) for of in PARTS.values())} |")
        return "\n".join(lines) + "\n"


def _of_kind(found: Summary, kind: str | None, measure: str) -> str:
    return cell((found["by_kind"][kind] if kind else found["overall"]).get(measure))


def cell(estimate: Mapping[str, float] | None) -> str:
    """An estimate with its interval and its cases.

    >>> cell({"n": 1190, "mean": 0.954, "low": 0.941, "high": 0.966}), cell(None)
    ('0.95 [0.94, 0.97] n=1,190', '–')
    """
    if not estimate:
        return "–"
    return f"{estimate['mean']:.2f} [{estimate['low']:.2f}, {estimate['high']:.2f}] n={estimate['n']:,}"


def xquad(figures: Mapping[str, Summary], measures: Sequence[str]) -> Table:
    """Each language's own index, ours beside the plain pipeline."""
    columns: dict[str, Column] = {}
    for lang in LANGS:
        summary = figures[f"xquad-{lang}"]["summary"]
        columns[f"{lang}, ours"] = summary["overall"]
        columns[f"{lang}, plain pipeline"] = summary["rivals"]["plain pipeline"]["overall"]
    return Table(columns, measures)


def halves(figures: Mapping[str, Summary]) -> Table:
    """What each half of the search finds alone, on the XQuAD runs."""
    columns: dict[str, Column] = {}
    for lang in LANGS:
        summary = figures[f"xquad-{lang}"]["summary"]
        columns[f"{lang}, both"] = summary["overall"]
        for name in ("dense only", "lexical only"):
            columns[f"{lang}, {name}"] = summary["rivals"][name]["overall"]
    return Table(columns, FINDING)


def whole(figures: Mapping[str, Summary], name: str, measures: Sequence[str] = tuple(MEASURES)) -> Table:
    """One run by language, beside the plain pipeline."""
    summary = figures[name]["summary"]
    columns = {**summary["by_lang"], "all": summary["overall"]} if len(summary["by_lang"]) > 1 else summary["by_lang"]
    return Table({**columns, "plain pipeline": summary["rivals"]["plain pipeline"]["overall"]}, measures)


def kinds(figures: Mapping[str, Summary], name: str) -> Table:
    """One run by kind of question."""
    by_kind = figures[name]["summary"]["by_kind"]
    return Table({kind.replace("_", " "): column for kind, column in by_kind.items()}, list(MEASURES))


def pairs(figures: Mapping[str, Summary], name: str) -> Table:
    """One run by the languages of question and article."""
    return Table(figures[name]["summary"]["by_pair"], ("hit@1", "hit@5", "mrr"))


def parts(figures: Mapping[str, Summary], name: str) -> PartsTable:
    """One run with each part left out in turn."""
    rivals = figures[name]["summary"]["rivals"]
    return PartsTable({rival: found for rival, found in rivals.items() if rival != ALONE})


def crowding(figures: Mapping[str, Summary], name: str) -> Table:
    """The same questions among passages of three languages, and of their own alone."""
    rivals = figures[name]["summary"]["rivals"]
    columns = {}
    for lang in LANGS:
        columns[f"{lang}, three languages"] = rivals["all parts"]["by_lang"][lang]
        columns[f"{lang}, its own alone"] = rivals[ALONE]["by_lang"][lang]
    return Table(columns, FINDING)


BLOCKS: dict[str, Callable[[Mapping[str, Summary]], Table | PartsTable]] = {
    "xquad-short": lambda figures: xquad(figures, SHORT),
    "xquad": lambda figures: xquad(figures, list(MEASURES)),
    "halves": halves,
    "clapnq-short": lambda figures: whole(figures, "clapnq", LONG_FORM),
    "clapnq": lambda figures: whole(figures, "clapnq"),
    "mixed": lambda figures: whole(figures, "mixed"),
    "mixed-kinds": lambda figures: kinds(figures, "mixed"),
    "mixed-pairs": lambda figures: pairs(figures, "mixed"),
    "parts": lambda figures: parts(figures, "parts"),
    "parallel": lambda figures: whole(figures, "parallel"),
    "parallel-pairs": lambda figures: pairs(figures, "parallel"),
    "crowding": lambda figures: crowding(figures, "crowding"),
    "samples": lambda figures: whole(figures, "samples"),
}


def filled(document: str, figures: Mapping[str, Summary]) -> str:
    """A document with the tables of these figures between its marks ``<!-- table NAME -->`` and ``<!-- end -->``; those
    of other names stay as they are."""

    def table(mark: re.Match[str]) -> str:
        if mark[2] not in BLOCKS:
            return mark[0]
        return f"{mark[1]}\n{BLOCKS[mark[2]](figures).render()}{mark[3]}"

    return re.sub(r"(<!-- table ([\w-]+) -->)\n.*?(<!-- end -->)", table, document, flags=re.DOTALL)


def kept(results: Mapping[str, Any]) -> dict[str, Any]:
    """What the tables need of a run, and what names its questions and articles."""
    summary = results["summary"]
    about = {key: results["run"][key] for key in ("version", "cases_checksum", "articles_checksum")}
    return {
        "run": {**about, "embed_model": results["settings"]["embed_model"], "cases": summary["cases"]},
        "summary": {
            **_breakdown(summary),
            "by_pair": {name: _measured(one) for name, one in summary["by_pair"].items()},
            "rivals": {
                # Of the others no table shows more, and these lines would be most of the file.
                name: _breakdown(one) if results["settings"]["ablation"] else {"overall": _measured(one["overall"])}
                for name, one in summary["rivals"].items()
            },
        },
    }


def _breakdown(summary: Mapping[str, Any]) -> dict[str, Any]:
    groups = {key: {name: _measured(one) for name, one in summary[key].items()} for key in ("by_lang", "by_kind")}
    return {"overall": _measured(summary["overall"]), **groups}


def _measured(estimates: Mapping[str, Any]) -> dict[str, Any]:
    found = {measure: estimates.get(measure) for measure in MEASURES}
    return {
        measure: {key: round(value, 4) for key, value in estimate.items()}
        for measure, estimate in found.items()
        if estimate
    }


def main(folders: Sequence[str]) -> int:
    """Keep the figures of these runs and fill the documents."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    for folder in map(Path, folders):
        figures[folder.name] = kept(json.loads((folder / "results.json").read_text(encoding="utf-8")))
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for document in DOCUMENTS:
        document.write_text(filled(document.read_text(encoding="utf-8"), figures), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
