"""Reading what a model writes: sentences as they become whole, and the passages that they cite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rag.answering.reply import ReplyReader
from rag.types import Lang

ALLOWED = {1: "a", 2: "b", 3: "c", 4: "d"}
Read = list[tuple[str, str]]  # a sentence, and its passages in one string


def read(reply: str, lang: Lang = "en", size: int = 3) -> Read:
    pieces = [reply[at : at + size] for at in range(0, len(reply), size)]
    return [
        (claim.text, "".join(c.passage_id for c in claim.claimed)) for claim in ReplyReader(ALLOWED, lang).read(pieces)
    ]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("reply", "lang", "expected"),
    [
        ("Scale raised $1bn [1]. Accel led it [2].", "en", [("Scale raised $1bn.", "a"), ("Accel led it.", "b")]),
        ("Scale raised $1bn.[1] Accel led it. [2]", "en", [("Scale raised $1bn.", "a"), ("Accel led it.", "b")]),
        ("It grew [1][2] and fell [3].", "en", [("It grew and fell.", "abc")]),
        ("It grew [1-3]. It fell [2, 4].", "en", [("It grew.", "abc"), ("It fell.", "bd")]),
        ("It grew [9]. It fell [0][77].", "en", [("It grew.", ""), ("It fell.", "")]),
        ("It grew [1†source]. It fell [^2].", "en", [("It grew.", "a"), ("It fell.", "b")]),
        (
            "公司筹集了10亿美元【1】。估值为140亿美元。［2］",
            "zh",
            [("公司筹集了10亿美元。", "a"), ("估值为140亿美元。", "b")],
        ),
        (
            "Am 1. Januar kam Dr. Meier [1]. Er blieb z. B. in Ulm [Absatz 2].",
            "de",
            [("Am 1. Januar kam Dr. Meier.", "a"), ("Er blieb z. B. in Ulm.", "b")],
        ),
        ("Answer: It grew [1].", "en", [("It grew.", "a")]),
        ("Antwort: Es wuchs [1].", "de", [("Es wuchs.", "a")]),
        ("答：它增长了[1]。", "zh", [("它增长了。", "a")]),
        ("- **Scale** grew [1]\n- It fell [2]\n", "en", [("Scale grew", "a"), ("It fell", "b")]),
        ("It grew [1].\n\nSources:\n[1] Financial Times", "en", [("It grew.", "a")]),
        ("Es wuchs [1].\nQuellen: [1] FT", "de", [("Es wuchs.", "a")]),
        ("<think>Maybe [2]. Or not.</think>It grew [1].", "en", [("It grew.", "a")]),
        ("1. It grew [1]\n2. It fell [2]", "en", [("It grew", "a"), ("It fell", "b")]),
        ("1) Es wuchs [1].\n2) Es fiel [2].", "de", [("Es wuchs.", "a"), ("Es fiel.", "b")]),
        ("1、它增长了[1]。\n2、它下降了[2]。", "zh", [("它增长了。", "a"), ("它下降了。", "b")]),
        ("24 people came [1].", "en", [("24 people came.", "a")]),
        ("1.5 Mrd. Euro kamen [1].", "de", [("1.5 Mrd. Euro kamen.", "a")]),
        ("It grew [1", "en", [("It grew", "")]),
        ("[1][2]. ...", "en", []),
        ("", "en", []),
    ],
)
def test_sentences_come_with_what_they_cite(reply: str, lang: Lang, expected: Read, size: int) -> None:
    assert read(reply, lang, size) == expected


@pytest.mark.parametrize(
    ("begun", "lang"),
    [("It grew [1]. It", "en"), ("Es wuchs [1]. Es", "de"), ("它增长了[1]。它", "zh")],
)
def test_a_sentence_comes_as_soon_as_the_next_one_has_begun(begun: str, lang: Lang) -> None:
    def pieces() -> Iterator[str]:
        yield begun
        raise AssertionError("the second piece was asked for before the first sentence came")

    assert next(ReplyReader(ALLOWED, lang).read(pieces())).claimed[0].passage_id == "a"


def test_a_marker_that_comes_late_still_belongs_to_its_sentence() -> None:
    pieces = ["It grew.", " ", "[", "2", "] It fell [1]."]
    assert [claim.claimed[0].passage_id for claim in ReplyReader(ALLOWED, "en").read(pieces)] == ["b", "a"]


@pytest.mark.parametrize(
    ("lang", "first", "piece"), [("en", "It grew [1]. ", "and "), ("zh", "它增长了[1]。", "用中文回答，")]
)
def test_what_comes_after_a_sentence_without_an_end_is_not_read(lang: Lang, first: str, piece: str) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        yield first
        while taken < 100_000:
            taken += 1
            yield piece

    claims = list(ReplyReader(ALLOWED, lang).read(endless()))
    assert [claim.text for claim in claims] == [first.replace(" [1]", "").replace("[1]", "").strip()]
    assert taken < 1000


def test_a_long_thought_is_no_sentence_without_an_end() -> None:
    assert read("<think>" + "maybe, " * 1000 + "</think>It grew [1].") == [("It grew.", "a")]
