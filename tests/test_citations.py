"""The gate: what an answerer claims is granted or dropped."""

from __future__ import annotations

import pytest

from rag.citations import support, verify, with_markers
from rag.types import Claim, Claimed, Draft, Lang, Passage

TEXT = "**Scale AI** raised $1bn in May. It was founded in 2016 by Alexandr Wang. Its value did not fall."
ZH = "Scale AI由Alexandr Wang创立于2016年。估值翻倍至140亿美元。"
DE = "Angeführt wurde die Serie F von Accel. Die Bewertung stieg auf 13,8 Milliarden Dollar."


def passage(text: str = TEXT, lang: Lang = "en", passage_id: str = "p1", start: int = 100) -> Passage:
    return Passage(
        passage_id, "a1", "Title", "https://ft.com/1", "ft", "2024-05-21", lang, None, "body", text, start,
        start + len(text), "a.md",
    )  # fmt: skip


def draft(*claims: Claim) -> Draft:
    return Draft(claims, 0.9)


def quoting(text: str, words: str, said: str | None = None, offset: int = 0, passage_id: str = "p1") -> Claim:
    start = 100 + text.index(words) + offset
    return Claim(said or words, (Claimed(passage_id, start, start + len(words)),))


def test_a_quotation_is_granted_with_its_exact_offsets_and_its_emphasis_taken_off_the_sentence() -> None:
    verified = verify(
        draft(quoting(TEXT, "**Scale AI** raised $1bn in May.", "Scale AI raised $1bn in May.")), [passage()]
    )
    (sentence,), (citation,) = verified.sentences, verified.citations
    assert (sentence.text, sentence.citations, sentence.support) == ("Scale AI raised $1bn in May.", (1,), 1.0)
    assert (citation.quote, citation.start, citation.end) == ("**Scale AI** raised $1bn in May.", 100, 132)


@pytest.mark.parametrize(
    "claim",
    [
        quoting(TEXT, "It was founded in 2016", "It was founded in 2017"),  # not what stands there
        quoting(TEXT, "It was founded in 2016 by Alexandr Wang.", offset=1),  # off by one
        quoting(TEXT, "raised", offset=-90),  # outside of the passage
        Claim("Scale AI raised $2bn in May.", (Claimed("p1"),)),  # a number that stands nowhere
        Claim("Scale AI was founded in 2016 by Sam Altman.", (Claimed("p1"),)),  # a name that stands nowhere
        Claim("Investors are worried about the future of chips.", (Claimed("p1"),)),  # other words
    ],
)
def test_what_the_passage_does_not_say_is_dropped(claim: Claim) -> None:
    verified = verify(draft(claim), [passage()])
    assert verified.sentences == []
    assert verified.citations == []
    assert [(d.text, d.reason) for d in verified.dropped] == [(claim.text, "unsupported")]


@pytest.mark.parametrize("claimed", [(), (Claimed("p2"),), (Claimed("https://evil.example"),)])
def test_a_citation_that_was_not_handed_out_does_not_count(claimed: tuple[Claimed, ...]) -> None:
    verified = verify(draft(Claim("Scale AI raised $1bn in May.", claimed)), [passage()])
    assert [dropped.reason for dropped in verified.dropped] == ["no_citation"]


@pytest.mark.parametrize(
    ("lang", "text", "said", "quote"),
    [
        ("en", TEXT, "In May Scale AI raised $1bn.", "**Scale AI** raised $1bn in May."),
        (
            "de",
            DE,
            "Auf 13,8 Milliarden Dollar stieg die Bewertung.",
            "Die Bewertung stieg auf 13,8 Milliarden Dollar.",
        ),
        ("zh", ZH, "Alexandr Wang于2016年创立Scale AI。", "Scale AI由Alexandr Wang创立于2016年。"),
    ],
)
def test_a_sentence_in_other_words_gets_the_sentence_that_supports_it_as_its_quote(
    lang: Lang, text: str, said: str, quote: str
) -> None:
    verified = verify(draft(Claim(said, (Claimed("p1"),))), [passage(text, lang)])
    assert [citation.quote for citation in verified.citations] == [quote]


def test_a_name_that_only_the_neighbouring_sentence_holds_is_no_proof() -> None:
    claim = Claim("Scale AI was founded in 2016 by Alexandr Wang.", (Claimed("p1"),))  # the passage says "It was ..."
    assert [dropped.reason for dropped in verify(draft(claim), [passage()]).dropped] == ["unsupported"]


def test_citations_are_numbered_by_appearance_and_one_quote_has_one_number() -> None:
    first, second = passage(), passage(DE, "de", "p2")
    claims = (
        quoting(DE, "Angeführt wurde die Serie F von Accel.", passage_id="p2"),
        quoting(TEXT, "It was founded in 2016 by Alexandr Wang."),
        quoting(DE, "Angeführt wurde die Serie F von Accel.", passage_id="p2"),
    )
    verified = verify(draft(*claims), [first, second])
    assert [sentence.citations for sentence in verified.sentences] == [(1,), (2,), (1,)]
    assert [(c.number, c.passage_id) for c in verified.citations] == [(1, "p2"), (2, "p1")]


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("Es waren 13,8 Milliarden Dollar.", "Die Bewertung stieg auf 13,9 Milliarden Dollar."),
        ("估值翻倍至150亿美元。", "估值翻倍至140亿美元。"),
        ("It was founded in 2017.", "It was founded in 2016."),
        ("The round was led by Accel.", "The round was led by Tiger Global."),
    ],
)
def test_a_changed_number_or_name_leaves_no_support(sentence: str, quote: str) -> None:
    assert support(sentence, quote) == 0.0
    assert support(quote, quote) == 1.0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Scale raised $1bn.", "Scale raised $1bn [1]."),
        ("公司筹集了10亿美元。", "公司筹集了10亿美元[1]。"),
        ("„Es ist eine Wahl.“", "„Es ist eine Wahl [1].“"),
        ("Around 75,000 a year", "Around 75,000 a year [1]"),
        ("他说：“太好了！”", "他说：“太好了[1]！”"),
    ],
)
def test_markers_stand_before_the_final_mark(text: str, shown: str) -> None:
    assert with_markers(text, (1,)) == shown
