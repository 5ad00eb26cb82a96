"""Two articles that give different amounts: both are shown and named; what agrees is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import settings_for

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.language.disagreement import conflict
from rag.types import Lang


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("en", "It is valued at $14bn."), ("de", "Es ist 13,8 Milliarden Dollar wert.")),
        (("zh", "估值为140亿美元。"), ("en", "Its valuation is 13.8 billion dollars.")),
        (("de", "Die Quote liegt bei 20 Prozent."), ("zh", "比例为25%。")),
    ],
)
def test_near_amounts_that_differ_are_a_disagreement(one: tuple[Lang, str], other: tuple[Lang, str]) -> None:
    assert conflict(one[1], one[0], other[1], other[0]) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("en", "It is valued at $14bn."), ("de", "Es ist 14 Milliarden Dollar wert.")),  # the same
        (("en", "It is valued at $14bn."), ("zh", "筹集了10亿美元，估值140亿美元。")),  # the same among others
        (("en", "It raised $1bn."), ("de", "Es ist 14 Milliarden Dollar wert.")),  # of different things
        (("en", "It is valued at $14bn."), ("de", "Es ist 14 Milliarden Euro wert.")),  # other units
        (("de", "Er ist 57 Kilometer lang."), ("zh", "隧道长56公里。")),  # lengths are not compared
        (("en", "It was founded in 2016."), ("de", "Es wurde 2017 gegründet.")),  # no unit
    ],
)
def test_what_is_the_same_or_of_something_else_is_none(one: tuple[Lang, str], other: tuple[Lang, str]) -> None:
    assert conflict(one[1], one[0], other[1], other[0]) is None


@pytest.mark.parametrize("question", ["What is Scale AI's valuation?", "Scale AI的估值是多少？"])
@pytest.mark.parametrize("include_qa", [True, False])
def test_the_seeds_disagree_about_a_valuation_and_both_are_shown(
    seeds: Assistant, question: str, include_qa: bool
) -> None:
    answer = seeds.ask(question, include_qa=include_qa)
    (found,) = answer.disagreements
    cited = [citation for citation in answer.citations if citation.number in found.citations]
    assert len({citation.article_id for citation in cited}) == 2
    assert {citation.lang for citation in cited} == {answer.question_lang, "de"}
    assert "14" in found.about
    assert "13,8 Milliarden Dollar" in found.about
    assert answer.to_dict()["disagreements"] == ({"about": found.about, "citations": found.citations},)


def test_articles_that_agree_have_no_disagreement(write: Callable[..., Path], tmp_path: Path) -> None:
    folder = write(
        a="# Brücke\n\nDie neue Brücke kostet die Stadt 14 Millionen Euro.\n",
        b="# Bridge\n\nThe new bridge costs the city 14 million euros.\n",
        c="# 大桥\n\n新大桥花费该市1400万欧元。\n",
    )
    settings = settings_for(tmp_path / "data")
    run_ingest(settings, [folder])
    assistant = open_assistant(settings)
    try:
        for question in ("Was kostet die neue Brücke?", "What does the new bridge cost?", "新大桥花费多少？"):
            assert assistant.ask(question).answered
            assert assistant.ask(question).disagreements == ()
    finally:
        assistant.close()
