"""The plots of a run as inline SVG: no scripts, readable in light and dark, the same run drawn the same."""

from __future__ import annotations

import io
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eval.report.figures import ARROW, ordered
from eval.report.wording import KNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = Mapping[str, Any]

BAR = 0.5  # the confidence from which on a question is answered
_LANG_NAMES = {"zh": "Chinese", "en": "English", "de": "German"}

# Drawn in these, and replaced by what follows the page's light or dark colours.
_INK, _QUIET, _FIRST, _SECOND, _PAPER = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f"
_LIVE = {
    _INK: "currentColor",
    _QUIET: "var(--quiet)",
    _FIRST: "var(--series-1)",
    _SECOND: "var(--series-2)",
    _PAPER: "var(--sheet)",
}
_SIZE = (4.7, 3.4)  # inches of 72 units: on a phone a unit is about a pixel, so that text of 10 can be read


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot with its title, how many it shows, and the same in words; without ``svg``, ``words`` says why."""

    id: str
    title: str
    n: str
    words: str
    svg: str | None = None


@dataclass(frozen=True, slots=True)
class _Drawing:
    n: str
    words: str
    draw: Callable[[Axes], None]


def render_plots(results: Results) -> list[Plot]:
    """Every plot of a run. One that has nothing to show says so in its words and has no SVG."""
    makers: tuple[tuple[str, str, Callable[[Results], _Drawing | str]], ...] = (
        ("pairs", "By language of question and article", _pairs),
        ("risk", "Risk and coverage: answering less, erring less", _risk_coverage),
        ("roc", "Answerable told from unanswerable (ROC curve)", _roc),
        ("confidence", "Confidence, answerable against unanswerable", _confidence),
        ("latency", "Time to answer", _latency),
        ("lengths", "Length of answer sentences", _lengths),
    )
    return [_plot(name, title, make(results)) for name, title, make in makers]


def _plot(name: str, title: str, made: _Drawing | str) -> Plot:
    if isinstance(made, str):
        return Plot(name, title, "", f"Left out: {made}")
    return Plot(name, title, made.n, made.words, _to_svg(name, made))


# --- What is drawn -----------------------------------------------------------------------------------------


def _pairs(results: Results) -> _Drawing | str:
    groups = results["summary"].get("by_pair") or {}
    series = [("hit@1", "o", _FIRST, -0.14), ("recall@5", "s", _SECOND, 0.14)]
    shown = [one for one in series if any(group.get(one[0]) for group in groups.values())]
    pairs = [pair for pair in _ordered_pairs(groups) if any(groups[pair].get(one[0]) for one in shown)]
    if not pairs:
        return "no answerable question has an article whose language is known."

    def draw(axes: Axes) -> None:
        for measure, marker, colour, shift in shown:
            known = [(at, groups[pair][measure]) for at, pair in enumerate(pairs) if groups[pair].get(measure)]
            means = [one["mean"] for _, one in known]
            # A bootstrap's interval holds its mean, but for the last digit of a float.
            spread = [
                [max(0.0, one["mean"] - one["low"]) for _, one in known],
                [max(0.0, one["high"] - one["mean"]) for _, one in known],
            ]
            rows = [at + shift for at, _ in known]
            filled = colour if marker == "o" else _PAPER
            axes.errorbar(
                means, rows, xerr=spread, fmt=marker, color=colour, markerfacecolor=filled, capsize=2,
                label=KNOWN[measure].name,
            )  # fmt: skip
        names = [f"{pair}  n={_n_of(groups[pair])}" for pair in pairs]
        axes.set_yticks(range(len(pairs)), names)
        axes.set_ylim(len(pairs) - 0.5, -0.5)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("mean, 0 to 1, with its 95 % interval")
        axes.set_ylabel("question → article")
        _legend(axes)

    said = [
        f"{pair}: "
        + ", ".join(f"{KNOWN[one].name} {groups[pair][one]['mean']:.2f}" for one, *_ in shown if groups[pair].get(one))
        for pair in pairs
    ]
    cases = sum(_n_of(groups[pair]) for pair in pairs)
    return _Drawing(f"n = {cases:,} questions and their articles", "; ".join(said) + ".", draw)


def _ordered_pairs(groups: Mapping[str, Any]) -> list[str]:
    langs = ordered({lang for pair in groups for lang in pair.split(ARROW)})
    return sorted(groups, key=lambda pair: [langs.index(lang) for lang in pair.split(ARROW)])


def _n_of(group: Mapping[str, Any]) -> int:
    return max((one["n"] for one in group.values() if one), default=0)


def _risk_coverage(results: Results) -> _Drawing | str:
    curves = results["summary"].get("curves") or {}
    points = curves.get("risk_coverage") or []
    if not points:
        return "no case was answered or refused."
    coverage, risk = [point[0] for point in points], [point[1] for point in points]
    shipped = curves.get("threshold_coverage")
    at_bar = _risk_at(points, shipped) if shipped is not None else None

    def draw(axes: Axes) -> None:
        axes.plot(coverage, risk, color=_FIRST, label="best passage of no right article")
        if shipped is not None and at_bar is not None:
            axes.axvline(shipped, color=_INK, linestyle="--", linewidth=1, label=f"as shipped: {shipped:.0%} answered")
            axes.plot([shipped], [at_bar], "o", color=_INK, markersize=5)
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, min(1.02, max(0.1, *risk) * 1.05))
        axes.set_xlabel("coverage: share of questions answered")
        axes.set_ylabel("risk: share of these led astray")
        _legend(axes)

    words = (
        "Led astray is a question whose best passage is of no right article, as that of every unanswerable one."
        f" If all were answered, that would be {risk[-1]:.0%}."
    )
    if at_bar is not None:
        words = f"As shipped, {shipped:.0%} of the questions are answered, {at_bar:.0%} of these led astray. {words}"
    n = len([case for case in results["cases"] if case["answer"]])
    return _Drawing(f"n = {n:,} cases", words, draw)


def _risk_at(points: Sequence[Sequence[float]], coverage: float) -> float | None:
    """The risk of the last bar that covers no more than ``coverage``; None when each covers more."""
    return next((risk for covered, risk in reversed(points) if covered <= coverage + 1e-9), None)


def _roc(results: Results) -> _Drawing | str:
    points = (results["summary"].get("curves") or {}).get("roc") or []
    if not points:
        return "it needs questions that an article answers and questions that none does."
    yes, no = _confidences(results)
    auc = results["summary"]["overall"].get("confidence_auc")

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=_QUIET, linestyle=":", linewidth=1, label="chance")
        axes.plot([x for x, _ in points], [y for _, y in points], color=_FIRST, label="every bar on the confidence")
        if yes and no:
            axes.plot(_reach(no), _reach(yes), "o", color=_INK, markersize=6, label=f"as shipped: bar at {BAR:g}")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.04)
        axes.set_xlabel("share of the unanswerable that is answered")
        axes.set_ylabel("share of the answerable")
        _legend(axes)

    words = "The nearer the line comes to the upper left corner, the better."
    if yes and no:
        words = (
            f"At the shipped bar {_reach(yes):.0%} of the answerable questions and {_reach(no):.0%} of the"
            f" unanswerable are answered. {words}"
        )
    if auc:
        words = f"The area under the curve is {auc['mean']:.2f} [{auc['low']:.2f}, {auc['high']:.2f}]. {words}"
    n = f"n = {len(yes):,} answerable, {len(no):,} unanswerable"
    return _Drawing(n, words, draw)


def _confidences(results: Results) -> tuple[list[float], list[float]]:
    asked = [case for case in results["cases"] if case["answer"]]
    yes = [case["answer"]["confidence"] for case in asked if case["gold"]["answerable"]]
    return yes, [case["answer"]["confidence"] for case in asked if not case["gold"]["answerable"]]


def _reach(confidences: Sequence[float]) -> float:
    return sum(one >= BAR for one in confidences) / len(confidences)


def _confidence(results: Results) -> _Drawing | str:
    yes, no = _confidences(results)
    if not yes and not no:
        return "no case was answered or refused."
    bins = [step / 20 for step in range(21)]

    def draw(axes: Axes) -> None:
        if yes:
            axes.hist(yes, bins=bins, weights=_shares(yes), color=_FIRST, alpha=0.35, label="answerable (filled)")
        if no:
            axes.hist(
                no, bins=bins, weights=_shares(no), histtype="step", color=_SECOND, linewidth=1.8,
                hatch="////", label="unanswerable (hatched)",
            )  # fmt: skip
        axes.axvline(BAR, color=_INK, linestyle="--", linewidth=1, label=f"bar for answering: {BAR:g}")
        axes.set_xlim(0, 1)
        axes.set_xlabel("confidence, 0 to 1")
        axes.set_ylabel("share of its group")
        _legend(axes)

    parts = [
        f"{name}: median {statistics.median(group):.2f}, {_reach(group):.0%} at {BAR:g} or above"
        for name, group in (("Answerable", yes), ("unanswerable", no))
        if group
    ]
    n = f"n = {len(yes):,} answerable, {len(no):,} unanswerable"
    return _Drawing(n, "; ".join(parts) + ".", draw)


def _shares(values: Sequence[float]) -> list[float]:
    return [1 / len(values)] * len(values)


def _latency(results: Results) -> _Drawing | str:
    times = [time for case in results["cases"] if (time := _milliseconds(case))]  # a logarithm needs more than 0
    if not times:
        return "no case has a time."
    marks = results["summary"].get("latency_ms") or {}

    def draw(axes: Axes) -> None:
        axes.hist(times, bins=_log_bins(times), color=_FIRST, alpha=0.35)
        axes.set_xscale("log")
        for (name, time), style in zip(marks.items(), ("-", "--", ":"), strict=False):
            axes.axvline(time, color=_INK, linestyle=style, linewidth=1.2, label=f"{name}: {time:,.0f} ms")
        _plain_ticks(axes, times)
        axes.set_xlabel("time, in milliseconds (log scale)")
        axes.set_ylabel("cases")
        if marks:
            _legend(axes, columns=3)

    said = ", ".join(f"{name} {time:,.0f} ms" for name, time in marks.items())
    words = f"{said}; from {min(times):,.0f} to {max(times):,.0f} ms." if said else f"Up to {max(times):,.0f} ms."
    return _Drawing(f"n = {len(times):,} cases", words, draw)


def _milliseconds(case: Mapping[str, Any]) -> float | None:
    if not case["answer"]:
        return None
    # As a caller waits for it; of a run that did not keep that, as the product counts it.
    return float(case["seconds"]) * 1000 if case.get("seconds") else case["answer"]["timings_ms"].get("total")


def _log_bins(times: Sequence[float]) -> list[float]:
    """Thirty bins, each wider than the one before by the same factor; the ends a little beyond the values."""
    low, high = min(times) * 0.98, max(times) * 1.02
    return [low * (high / low) ** (step / 30) for step in range(31)]


def _plain_ticks(axes: Axes, times: Sequence[float]) -> None:
    """Ticks at 1, 2 and 5 as plain numbers; of a log scale's own, a narrow range has none or too many."""
    from matplotlib.ticker import NullFormatter, NullLocator  # noqa: PLC0415

    steps = [digit * 10.0**power for power in range(-3, 7) for digit in (1, 2, 5)]
    low, high = min(times) * 0.98, max(times) * 1.02
    inside = [step for step in steps if low <= step <= high]
    shown = inside if len(inside) > 1 else [low, high]
    axes.set_xticks(shown, [f"{step:,.3g}" if step < 1000 else f"{step:,.0f}" for step in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(low, high)


def _lengths(results: Results) -> _Drawing | str:
    lengths: dict[str, list[int]] = {}
    for case in results["cases"]:
        for sentence, lang in spoken_sentences(case):
            lengths.setdefault(lang, []).append(len(sentence))
    if not lengths:
        return "no answer has a sentence."
    langs = ordered(lengths)

    def draw(axes: Axes) -> None:
        axes.boxplot(
            [lengths[lang] for lang in langs], orientation="horizontal", whis=(5, 95), showfliers=False, widths=0.5,
            boxprops={"color": _FIRST}, whiskerprops={"color": _FIRST}, capprops={"color": _FIRST},
            medianprops={"color": _INK, "linewidth": 2},
        )  # fmt: skip
        names = [f"{_LANG_NAMES.get(lang, lang)}\nn={len(lengths[lang]):,}" for lang in langs]
        axes.set_yticks(range(1, len(langs) + 1), names)
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        axes.set_xlabel("characters; lines at 5, 25, 50, 75 and 95 %")
        axes.set_ylabel("language of the sentence")

    said = [f"{_LANG_NAMES.get(lang, lang)}: median {statistics.median(lengths[lang]):.0f}" for lang in langs]
    total = sum(len(group) for group in lengths.values())
    return _Drawing(f"n = {total:,} sentences", "; ".join(said) + " characters.", draw)


def spoken_sentences(case: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The sentences of a case's answer, each with its language: a quotation has that of the article it is from.

    >>> cited = {"number": 1, "lang": "de", "quote": "Er misst 57 km; mehr nicht."}
    >>> said = [{"text": "Er misst 57 km", "citations": [1]}, {"text": "It is long.", "citations": [1]}]
    >>> spoken_sentences({"question_lang": "en", "answer": {"sentences": said, "citations": [cited]}})
    [('Er misst 57 km', 'de'), ('It is long.', 'en')]
    """
    answer = case["answer"]
    if not answer:
        return []
    sources = {citation["number"]: citation for citation in answer["citations"]}
    found = []
    for sentence in answer["sentences"]:
        cited = [sources[number] for number in sentence["citations"] if number in sources]
        quoted = next((one["lang"] for one in cited if sentence["text"].rstrip(".。") in one["quote"]), None)
        found.append((sentence["text"], quoted or case["question_lang"]))
    return found


# --- How it is drawn ---------------------------------------------------------------------------------------


def _legend(axes: Axes, columns: int = 1) -> None:
    # Above the plot, where it hides nothing.
    figure = axes.get_figure(root=True)
    assert figure is not None  # the axes were made by it
    figure.legend(loc="outside upper left", ncols=columns, frameon=False, fontsize=9)


def _to_svg(name: str, drawing: _Drawing) -> str:
    # Imported here: it takes a second, which whoever wants no report need not wait.
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    style = {
        "svg.fonttype": "none",  # text as text: it can be searched and takes the page's font
        "svg.hashsalt": name,
        "font.size": 10,
        "axes.edgecolor": _QUIET,
        "axes.labelcolor": _INK,
        "text.color": _INK,
        "xtick.color": _QUIET,
        "ytick.color": _QUIET,
        "xtick.labelcolor": _INK,
        "ytick.labelcolor": _INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "hatch.linewidth": 0.7,
    }
    with rc_context(style):  # type: ignore[arg-type, unused-ignore]
        figure = Figure(figsize=_SIZE, layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        drawing.draw(axes)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(written.getvalue(), name, drawing)


def _inline(svg: str, name: str, drawing: _Drawing) -> str:
    """An SVG file's text as a part of a page: own ids, the page's font and colours, a title and a description."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)  # that style is for "*"
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    for drawn, live in _LIVE.items():
        svg = svg.replace(drawn, live)
    size = re.search(r'viewBox="[^"]*"', svg)
    opening = (
        f'<svg class="plot" role="img" aria-labelledby="plot-{name}-title plot-{name}-words" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" {size.group() if size else ""}>'
    )
    return re.sub(r"\n\s*", "\n", opening + svg[svg.index(">") + 1 :]).strip()
