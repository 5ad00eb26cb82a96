"""Write the table of scale.md and its picture from the figures in scale.json, which bench/scale.py makes.

python docs/growth.py
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FIGURES, DOCUMENT = HERE / "scale.json", HERE / "scale.md"
PICTURE = HERE / "pictures" / "scale.svg"

Figures = Mapping[str, Any]  # of one size
Reading = Callable[[Figures], str]


def _times(name: str) -> Reading:
    return lambda figures: f"{figures[name]['median']:.1f}, {figures[name]['p99']:.0f}"


def _plain(name: str, digits: int = 0) -> Reading:
    return lambda figures: f"{figures[name]:,.{digits}f}"


def _of(name: str, part: str, digits: int = 1) -> Reading:
    return lambda figures: f"{figures[name][part]:,.{digits}f}"


ROWS: dict[str, Reading] = {
    "written, passages a second": _plain("written_per_second"),
    "Chroma alone, passages a second": _plain("chroma_per_second"),
    "closing Chroma, s": _plain("closing_s", 2),
    "truth on disk, kB a passage": _of("disk_kb", "truth"),
    "Chroma on disk, kB a passage": _of("disk_kb", "chroma"),
    "start to `/health`, s": _of("start_s", "health"),
    "start to the first answer, s": _of("start_s", "first_answer"),
    "start to Chroma in use, s": _of("start_s", "chroma"),
    "memory of the server, MB": _of("memory_mb", "resident", 0),
    "ask, ms": _times("ask_ms"),
    "… times as long as at the smallest, asked in turn": _of("ask_times", "of_medians", 2),
    "search, ms": _times("search_ms"),
    "… times as long as at the smallest, in turn": _of("search_times", "of_medians", 2),
    "… with a filter, ms": _times("search_filtered_ms"),
    "of which encoding the question, ms": _times("encoding_ms"),
    "Chroma's bare query, ms": _times("chroma_query_ms"),
    "product with all vectors, ms": _times("dot_product_ms"),
    "plain pipeline, ms": _times("plain_ms"),
    "list of all articles, from the disk, s": _plain("list_s", 3),
    "… after one of them changed, s": _plain("list_again_s", 3),
}
CURVES = {
    "ask": "ask_ms",
    "search": "search_ms",
    "search with a filter": "search_filtered_ms",
    "encoding the question": "encoding_ms",
    "plain pipeline": "plain_ms",
    "Chroma's bare query": "chroma_query_ms",
    "product with all vectors": "dot_product_ms",
}


def table(figures: Mapping[str, Figures]) -> str:
    """As Markdown; times are median and 99th percentile.

    >>> print(table({"1000": {"list_s": 0.003}}), end="")
    | | 1,000 |
    |---|---|
    | list of all articles, from the disk, s | 0.003 |
    """
    lines = [f"| | {' | '.join(f'{int(size):,}' for size in figures)} |", f"|---|{'---|' * len(figures)}"]
    for name, reading in ROWS.items():
        cells = [_cell(reading, of) for of in figures.values()]
        if any(cell != "–" for cell in cells):
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(reading: Reading, figures: Figures) -> str:
    try:
        return reading(figures)
    except KeyError:  # not measured at this size
        return "–"


def filled(document: str, figures: Mapping[str, Figures]) -> str:
    """A document with the table between its marks."""
    return re.sub(
        r"(<!-- table growth -->)\n.*?(<!-- end -->)",
        lambda mark: f"{mark[1]}\n{table(figures)}{mark[2]}",
        document,
        flags=re.DOTALL,
    )


def draw(figures: Mapping[str, Figures], picture: Path) -> None:
    """Times against the number of passages, both on logarithmic scales."""
    from matplotlib import rc_context  # noqa: PLC0415  slow, and of no use to who only fills the table
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context({"svg.hashsalt": "scale", "svg.fonttype": "none"}):  # the same file from the same figures
        figure = Figure(figsize=(8, 5))
        axes = figure.subplots()
        for label, name in CURVES.items():
            points = [(int(size), of[name]["median"]) for size, of in figures.items() if name in of]
            axes.plot(*zip(*points, strict=True), marker="o", label=label)
        axes.set(xscale="log", yscale="log", xlabel="passages", ylabel="median, ms")
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.savefig(picture, bbox_inches="tight", metadata={"Date": None})


def main() -> int:
    """Fill the document and draw the picture."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8"), figures), encoding="utf-8")
    draw(figures, PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
