"""Likeness of answers and golds, by the encoder inside the product and by one that a person can follow."""

from __future__ import annotations

import pytest
from conftest import SubjectEmbedder

from eval.likeness import Likeness
from rag.encoders.embedding import UseEmbedding


@pytest.fixture(scope="module")
def likeness() -> Likeness:
    return Likeness(UseEmbedding())


@pytest.mark.parametrize(
    ("text", "gold", "other"),
    [
        ("The tunnel is 57 kilometres long.", "Its length is 57 km.", "She won the Nobel Prize."),
        ("Der Tunnel ist 57 Kilometer lang.", "Seine Länge beträgt 57 km.", "Sie bekam den Nobelpreis."),
        ("隧道长57公里。", "它的长度是57公里。", "她获得了诺贝尔奖。"),
        ("隧道长57公里。", "The tunnel is 57 kilometres long.", "Sie bekam den Nobelpreis."),
    ],
)
def test_the_same_in_other_words_or_languages_is_more_alike(
    likeness: Likeness, text: str, gold: str, other: str
) -> None:
    near, far = likeness(text, [gold]), likeness(text, [other])
    assert near is not None
    assert far is not None
    assert 0 <= far < near <= 1
    assert likeness(text, [other, gold]) == pytest.approx(near, abs=1e-5)  # the nearest gold counts
    assert likeness(text, [text]) == pytest.approx(1.0)


def test_nothing_said_is_not_alike_and_without_a_gold_nothing_is_measured(likeness: Likeness) -> None:
    assert likeness("", ["57 km"]) == 0.0
    assert likeness("57 km", ["", " "]) is None


def test_a_gold_is_embedded_once(embedder: SubjectEmbedder) -> None:
    likeness = Likeness(embedder)
    likeness("a cat", ["die Katze"])
    likeness("狗", ["die Katze"])
    assert embedder.embedded == ["a cat", "die Katze", "狗"]
