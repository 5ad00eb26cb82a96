"""The plots of a run as inline SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest
from report_fakes import empty_run, large_run, small_run

from eval.report.plots import render_plots

PLOTS = ["pairs", "risk", "roc", "confidence", "latency", "lengths"]
TEXT = "{http://www.w3.org/2000/svg}text"


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    """The SVG of each plot, by its id."""
    return {plot.id: plot.svg or "" for plot in render_plots(small_run())}


def texts(svg: str) -> str:
    inside = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return " | ".join("".join(one.itertext()) for one in ET.fromstring(inside).iter(TEXT))


def test_every_plot_is_drawn(drawn: dict[str, str]) -> None:
    assert list(drawn) == PLOTS
    assert all(svg.startswith("<svg ") for svg in drawn.values())


@pytest.mark.parametrize(
    ("plot", "labels"),
    [
        ("pairs", ["question → article", "mean, 0 to 1", "en→de", "n=11", "right article first"]),
        ("risk", ["coverage: share of questions answered", "risk", "as shipped: 60% answered"]),
        ("roc", ["share of the unanswerable", "share of the answerable", "as shipped: bar at 0.5"]),
        (
            "confidence",
            ["confidence, 0 to 1", "answerable (filled)", "unanswerable (hatched)", "bar for answering: 0.5"],
        ),
        ("latency", ["milliseconds", "cases", "p50: 30 ms", "p95: 33 ms", "p99: 34 ms"]),
        ("lengths", ["characters", "Chinese", "English", "German", "n=1"]),
    ],
)
def test_axes_and_marks_are_named(drawn: dict[str, str], plot: str, labels: list[str]) -> None:
    said = texts(drawn[plot])
    assert [label for label in labels if label not in said] == []


def test_a_plot_says_in_words_how_many_it_shows_and_what() -> None:
    plots = {plot.id: plot for plot in render_plots(small_run())}
    # Answered or refused: the German, Chinese, English and hostile ones with an article, and two without.
    assert plots["roc"].n == "n = 4 answerable, 2 unanswerable"
    assert plots["roc"].words.startswith(
        "At the shipped bar 75% of the answerable questions and 50% of the unanswerable"
    )
    assert plots["risk"].words.startswith("As shipped, 60% of the questions are answered, 20% of these led astray.")
    assert plots["pairs"].words == "en→de: right article first 0.91, right articles in the first five 1.00."


def test_each_plot_is_named_and_described_for_those_who_do_not_see_it(drawn: dict[str, str]) -> None:
    for name, svg in drawn.items():
        assert svg.startswith(f'<svg class="plot" role="img" aria-labelledby="plot-{name}-title plot-{name}-words"')


def test_plots_take_the_colours_and_the_font_of_the_page(drawn: dict[str, str]) -> None:
    for svg in drawn.values():
        assert "currentColor" in svg
        assert re.findall(r"#[0-9a-f]{6}\b", svg) == []
        assert "font-family" not in svg
        assert "<style" not in svg


def test_no_two_plots_of_a_page_share_an_id(drawn: dict[str, str]) -> None:
    ids = re.findall(r'\bid="([^"]+)"', " ".join(drawn.values()))
    assert len(ids) == len(set(ids))


def test_what_a_plot_refers_to_is_in_it(drawn: dict[str, str]) -> None:
    for svg in drawn.values():
        used = {*re.findall(r'href="#([^"]+)"', svg), *re.findall(r"url\(#([^)]+)\)", svg)}
        assert used <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_the_same_run_is_drawn_the_same() -> None:
    assert render_plots(small_run()) == render_plots(small_run())


def test_drawing_leaves_the_settings_of_others_alone() -> None:
    before = dict(mpl.rcParams)
    render_plots(small_run())
    assert dict(mpl.rcParams) == before


def test_a_plot_without_data_is_left_out_and_says_why() -> None:
    plots = render_plots(empty_run())
    assert [plot.id for plot in plots] == PLOTS
    assert all(plot.svg is None and plot.words.startswith("Left out: ") for plot in plots)


def test_one_value_is_enough_for_a_plot() -> None:
    assert all(plot.svg for plot in render_plots({**small_run(), "cases": large_run(1)["cases"]}))
