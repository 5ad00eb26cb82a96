"""Measures, against values worked by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest

from eval.metrics import (
    chrf,
    contains,
    estimate_auc,
    estimate_mean,
    exact_match,
    hit_at,
    normalise,
    quote_stands,
    reciprocal_rank,
    risk_coverage,
    roc_auc,
    roc_curve,
    token_f1,
    token_recall,
)
from rag.types import Lang


@pytest.mark.parametrize(
    ("relevant", "first", "five", "rank"),
    [
        ([], 0.0, 0.0, 0.0),
        ([True], 1.0, 1.0, 1.0),
        ([False, False, True, True], 0.0, 1.0, 1 / 3),
        ([False] * 5 + [True], 0.0, 0.0, 1 / 6),
    ],
)
def test_retrieval_looks_for_the_first_right_result(
    relevant: list[bool], first: float, five: float, rank: float
) -> None:
    assert (hit_at(relevant, 1), hit_at(relevant, 5), reciprocal_rank(relevant)) == (first, five, rank)


@pytest.mark.parametrize(
    ("text", "lang", "words"),
    [
        ("The  Board, an U.S. body!", "en", ["board", "us", "body"]),
        ("Anders als der Rat – »das« Ganze", "de", ["anders", "als", "rat", "ganze"]),
        ("The Rat", "de", ["the", "rat"]),  # the article of another language is a word
        ("《数据》就是新石油 data oil", "zh", ["数", "据", "就", "是", "新", "石", "油", "data", "oil"]),
        (
            "Er sagte: 数据",
            "de",
            ["er", "sagte", "数", "据"],
        ),  # a quote in another language than the question
        ("。，!?", "zh", []),
        ("", "en", []),
    ],
)
def test_words_are_normalised_as_in_mlqa(text: str, lang: Lang, words: list[str]) -> None:
    assert normalise(text, lang) == words


@pytest.mark.parametrize(
    ("text", "golds", "lang", "exact", "f1"),
    [
        ("The 14 billion dollars.", ["14 billion dollars"], "en", 1.0, 1.0),
        ("14 billion", ["14 billion dollars"], "en", 0.0, 0.8),  # P = 1, R = 2/3
        ("14 billion", ["nothing", "14 billion"], "en", 1.0, 1.0),  # any gold will do
        ("die Bewertung", ["Bewertung"], "de", 1.0, 1.0),
        ("140亿美元", ["140 亿"], "zh", 0.0, 2 / 3),  # 140 亿 美 元 against 140 亿: P = 1/2, R = 1
        ("a a b", ["b b"], "zh", 0.0, 0.4),  # a word counts as often as both have it: P = 1/3, R = 1/2
        ("", ["14 billion"], "en", 0.0, 0.0),
    ],
)
def test_answers_are_compared_by_their_words(text: str, golds: list[str], lang: Lang, exact: float, f1: float) -> None:
    assert exact_match(text, golds, lang) == exact
    assert token_f1(text, golds, lang) == pytest.approx(f1)


@pytest.mark.parametrize("golds", [[], [""], ["!"], ["the"]])
def test_nothing_to_compare_with_is_not_zero(golds: list[str]) -> None:
    measures = (exact_match, token_f1, token_recall, contains)
    assert [measure("anything", golds, "en") for measure in measures] == [None] * 4


@pytest.mark.parametrize(
    ("text", "gold", "lang", "stands"),
    [
        ("It was founded in 2016, by Wang.", "by Wang", "en", 1.0),
        ("Wang by it", "by Wang", "en", 0.0),  # the words, but not side by side
        ("founded in 20160", "2016", "en", 0.0),
        ("由王涛于2016年创立", "2016年", "zh", 1.0),
        ("Das Geld gab die Bank von England.", "Bank von England", "de", 1.0),
        ("short", "longer than the text", "en", 0.0),
    ],
)
def test_a_gold_stands_in_a_text_when_its_words_do_side_by_side(
    text: str, gold: str, lang: Lang, stands: float
) -> None:
    assert contains(text, [gold], lang) == stands


@pytest.mark.parametrize(
    ("text", "gold", "lang", "recall"),
    [
        (
            "contract with Department",
            "contract with the Department of Def",
            "en",
            0.75,
        ),  # "Def" is not asked for
        ("Vertrag mit dem Ministerium", "Vertrag mit dem Minist", "de", 1.0),
        ("训练模型", "训练模型和应", "zh", 4 / 6),  # Chinese characters are whole
    ],
)
def test_a_gold_that_breaks_off_is_asked_for_as_far_as_it_goes(text: str, gold: str, lang: Lang, recall: float) -> None:
    assert token_recall(text, [gold], lang, truncated=True) == pytest.approx(recall)


def test_half_a_word_is_no_gold() -> None:
    assert token_recall("anything", ["Def"], "en", truncated=True) is None


def test_a_quote_stands_only_where_it_says_it_does() -> None:
    text = "估值翻倍。It doubled."
    assert quote_stands(text, 0, 4, "估值翻倍")
    assert not quote_stands(text, 1, 5, "估值翻倍")
    assert not quote_stands(text, 5, 99, "It doubled.")
    assert not quote_stands(text, -11, -1, "It doubled")


def test_confidence_that_tells_nothing_has_half_the_area() -> None:
    assert roc_auc([0.5, 0.5], [0.5]) == 0.5


def test_confidence_the_wrong_way_round_has_no_area() -> None:
    assert roc_auc([0.1, 0.2], [0.8, 0.9]) == 0.0


def test_there_is_no_area_without_both_kinds() -> None:
    assert (roc_auc([0.5], []), estimate_auc([], [0.5])) == (None, None)


def test_an_interval_is_the_same_every_time_and_holds_its_mean() -> None:
    values = [0.0, 0.25, 0.5, 1.0, 1.0, 0.75, 0.0, 1.0]
    found = estimate_mean(values)
    assert found == estimate_mean(values)
    assert found is not None
    assert found.mean == 0.5625
    assert 0.0 < found.low < 0.5625 < found.high < 1.0


def test_an_interval_narrows_with_the_number_of_values() -> None:
    few, many = estimate_mean([0.0, 1.0] * 10), estimate_mean([0.0, 1.0] * 1000)
    assert few is not None
    assert many is not None
    # 1.96 standard errors of a fair coin: 0.219 for 20 values, 0.022 for 2000.
    assert few.high - few.mean == pytest.approx(0.219, abs=0.04)
    assert many.high - many.mean == pytest.approx(0.022, abs=0.004)


@pytest.mark.parametrize(
    ("near", "far", "gold"),
    [
        ("Scale raised one billion dollars.", "The tunnel is long.", "Scale raised $1 billion."),
        ("Scale sammelte eine Milliarde ein.", "Der Tunnel ist lang.", "Scale sammelte 1 Milliarde Dollar ein."),
        ("Scale筹集了10亿美元。", "隧道很长。", "Scale公司筹集10亿美元。"),
    ],
)
def test_characters_in_common_tell_near_from_far_without_words(near: str, far: str, gold: str) -> None:
    close, distant = chrf(near, [gold]), chrf(far, [gold])
    assert close is not None
    assert distant is not None
    assert close > 2 * distant
    assert chrf(gold, ["something else", gold]) == pytest.approx(1.0)
    assert chrf("", [gold]) == 0.0
    assert chrf(gold, ["", "  "]) is None


def test_a_curve_goes_through_every_bar_once_and_its_area_is_the_auc() -> None:
    yes, no = [0.9, 0.8, 0.8, 0.3], [0.8, 0.2]
    curve = roc_curve(yes, no)
    assert curve == [(0.0, 0.0), (0.0, 0.25), (0.5, 0.75), (0.5, 1.0), (1.0, 1.0)]
    area = sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(curve))
    assert area == pytest.approx(roc_auc(yes, no))


def test_risk_grows_where_confidence_is_wrong() -> None:
    assert risk_coverage([0.2, 0.9], [True, False]) == [(0.5, 1.0), (1.0, 0.5)]


def test_an_interval_of_an_area_holds_it_and_narrows_with_more_cases() -> None:
    few, many = (estimate_auc([0.9, 0.4] * n, [0.6, 0.3] * n) for n in (3, 300))
    assert few is not None
    assert many is not None
    assert few.mean == many.mean == 0.75
    assert few.low <= many.low < 0.75 < many.high <= few.high
