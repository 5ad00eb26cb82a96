"""The gate: what an answerer claims is granted or dropped."""

from __future__ import annotations

import pytest

from rag.citations import Gate, support, verify, with_markers
from rag.support.judge import SupportJudge
from rag.support.verdict import Supported, Unsupported
from rag.types import Claim, Claimed, Draft, Dropped, Lang, Passage, Sentence

TEXT = "**Scale AI** raised $1bn in May. It was founded in 2016 by Alexandr Wang. Its value did not fall."
ZH = "Scale AI由Alexandr Wang创立于2016年。估值翻倍至140亿美元。"
DE = "Angeführt wurde die Serie F von Accel. Die Bewertung stieg auf 13,8 Milliarden Dollar."


def passage(text: str = TEXT, lang: Lang = "en", passage_id: str = "p1", start: int = 100) -> Passage:
    return Passage(
        passage_id, "a1", "Title", "https://ft.com/1", "ft", "2024-05-21", lang, None, "body", text, start,
        start + len(text), "a.md",
    )  # fmt: skip


class KeywordJudge(SupportJudge):
    """Finds a claim supported by the sentence that holds its last word; else says that a number is wrong."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Lang, str]] = []

    def judge(self, claim: str, lang: Lang, passage: Passage) -> Supported | Unsupported:
        self.asked.append((claim, lang, passage.passage_id))
        word = claim.rstrip(".。").split()[-1]
        at = passage.text.find(word)
        if at < 0:
            return Unsupported("number", 0.5)
        return Supported(passage.text.rfind(".", 0, at) + 1, passage.text.index(".", at) + 1, 0.8)


def draft(*claims: Claim) -> Draft:
    return Draft(claims, 0.9)


def quoting(text: str, words: str, said: str | None = None, offset: int = 0, passage_id: str = "p1") -> Claim:
    start = 100 + text.index(words) + offset
    return Claim(said or words, (Claimed(passage_id, start, start + len(words)),))


def test_a_quotation_is_granted_with_its_exact_offsets_and_its_emphasis_taken_off_the_sentence() -> None:
    verified = verify(
        draft(quoting(TEXT, "**Scale AI** raised $1bn in May.", "Scale AI raised $1bn in May.")), [passage()], "en"
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
    ],
)
@pytest.mark.parametrize("judge", [None, KeywordJudge()])
def test_a_quotation_that_is_none_is_dropped_whoever_judges(claim: Claim, judge: SupportJudge | None) -> None:
    verified = verify(draft(claim), [passage()], "en", judge)
    assert verified.sentences == []
    assert verified.citations == []
    assert [(d.text, d.reason) for d in verified.dropped] == [(claim.text, "unsupported")]


def test_without_a_judge_nothing_in_free_wording_is_said() -> None:
    verified = verify(draft(Claim("In May Scale AI raised $1bn.", (Claimed("p1"),))), [passage()], "en")
    assert [dropped.reason for dropped in verified.dropped] == ["unsupported"]


@pytest.mark.parametrize("claimed", [(), (Claimed("p2"),), (Claimed("https://evil.example"),)])
def test_a_citation_that_was_not_handed_out_does_not_count(claimed: tuple[Claimed, ...]) -> None:
    verified = verify(draft(Claim("Scale AI raised $1bn in June.", claimed)), [passage()], "en", KeywordJudge())
    assert [dropped.reason for dropped in verified.dropped] == ["no_citation"]


def test_a_sentence_in_free_wording_gets_the_words_that_support_it_as_its_quote() -> None:
    gate = Gate([passage(TEXT.replace("**", ""), start=40)], "en", KeywordJudge())
    granted = gate.grant(Claim("The founder is Alexandr Wang.", (Claimed("p1"),)))
    (citation,) = gate.citations
    assert granted == Sentence("The founder is Alexandr Wang.", (1,), 0.8)
    assert citation.quote.strip() == "It was founded in 2016 by Alexandr Wang."
    assert TEXT.replace("**", "")[citation.start - 40 : citation.end - 40] == citation.quote


@pytest.mark.parametrize("claimed", [(), (Claimed("p1"),), (Claimed("nowhere"),)])
def test_a_wrong_or_missing_marker_is_repaired_with_a_passage_that_supports_the_claim(
    claimed: tuple[Claimed, ...],
) -> None:
    gate = Gate([passage(), passage("The round was led by Accel.", passage_id="p2")], "en", KeywordJudge())
    gate.grant(Claim("The leader was Accel.", claimed))
    assert [citation.passage_id for citation in gate.citations] == ["p2"]


def test_a_passage_that_supports_its_claim_is_not_exchanged_for_another() -> None:
    judge = KeywordJudge()
    gate = Gate([passage(), passage("The round was led by Accel.", passage_id="p2")], "en", judge)
    gate.grant(Claim("The leader was Accel.", (Claimed("p2"),)))
    assert judge.asked == [("The leader was Accel.", "en", "p2")]


def test_what_was_wrong_is_said_with_the_claim_that_is_dropped() -> None:
    gate = Gate([passage()], "en", KeywordJudge())
    assert gate.grant(Claim("It raised $2bn", (Claimed("p1"),))) == Dropped("It raised $2bn", "unsupported: number")
    assert gate.dropped == [Dropped("It raised $2bn", "unsupported: number")]
    assert gate.sentences == []


def test_a_gate_numbers_citations_across_the_claims_that_come_one_by_one() -> None:
    gate = Gate([passage(), passage("The round was led by Accel.", passage_id="p2")], "en", KeywordJudge())
    said = [gate.grant(Claim(text, ())) for text in ("Led by Accel.", "It is Wang.", "By Accel.", "By nobody-else.")]
    assert [one.citations for one in said if isinstance(one, Sentence)] == [(1,), (2,), (1,)]
    assert (len(gate.sentences), len(gate.citations), len(gate.dropped)) == (3, 2, 1)
    assert gate.verified.sentences == gate.sentences


def test_citations_are_numbered_by_appearance_and_one_quote_has_one_number() -> None:
    first, second = passage(), passage(DE, "de", "p2")
    claims = (
        quoting(DE, "Angeführt wurde die Serie F von Accel.", passage_id="p2"),
        quoting(TEXT, "It was founded in 2016 by Alexandr Wang."),
        quoting(DE, "Angeführt wurde die Serie F von Accel.", passage_id="p2"),
    )
    verified = verify(draft(*claims), [first, second], "en")
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
