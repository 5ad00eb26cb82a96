"""Claims in free wording: what a passage says is kept, what it does not say is dropped, in three languages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eval.claims import judge_claims, load_claims
from rag.encoders.e5 import E5Encoder, find_weights
from rag.encoders.embedding import UseEmbedding
from rag.language.sentences import sentences
from rag.support.judge import MAX_CLAIM, SupportJudge
from rag.support.verdict import Supported, Unsupported
from rag.types import Lang, Passage

EN = (
    "The brewery Oldfield & Marsh will close its plant in Derby next March, with the loss of 260 jobs, and move "
    "production to Leeds. Managing director Joan Whitcombe blamed energy costs, which have doubled since 2021. The "
    "union Solidar rejected that explanation and called for talks. Output at Leeds will rise by 15 percent to 1.2 "
    "million hectolitres a year. The company made a profit of £34m in 2023, after a loss of £8m the year before."
)
DE = (
    "Die Stadtwerke Jena haben am 7. Februar den Ausbau des Fernwärmenetzes beschlossen. Bis 2032 sollen 4.500 "
    "Haushalte angeschlossen werden, die Kosten betragen 95 Millionen Euro. Geschäftsführerin Ulrike Brandes rechnet "
    "mit sinkenden Preisen. Stadtrat Peter Anhalt (FDP) nannte das Vorhaben zu teuer und stimmte dagegen. Das "
    "Umweltamt hat bisher keine Genehmigung erteilt."
)
ZH = (
    "杭州地铁19号线9月30日开通，全长59公里，设15座车站，总投资约310亿元。市交通局局长沈立群说，从机场到火车西站的时间由"
    "70分钟缩短至39分钟。开通首日客流达到21万人次，高于预期的18万人次。部分市民批评票价过高，地铁集团副总经理周敏回应称，"
    "目前没有降价计划。"
)
TEXTS: dict[Lang, str] = {"en": EN, "de": DE, "zh": ZH}


def passage(lang: Lang, text: str | None = None) -> Passage:
    text = text or TEXTS[lang]
    return Passage("p1", "a1", "T", None, None, None, lang, None, "body", text, 100, 100 + len(text), "a.md")


@pytest.fixture(scope="module")
def judge() -> SupportJudge:
    weights = find_weights()
    if weights is None:
        reason = "the finer encoder's weights are not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return SupportJudge(UseEmbedding(), E5Encoder(weights))


@pytest.mark.parametrize(
    ("text_lang", "lang", "claim", "quoted"),
    [
        ("en", "en", "The brewery earned 34 million pounds in 2023.", "The company made a profit of £34m in 2023"),
        ("en", "en", "Some 260 people will lose their jobs in Derby in March.", "with the loss of 260 jobs"),
        ("de", "de", "Brandes erwartet, dass die Preise sinken.", "Ulrike Brandes rechnet mit sinkenden Preisen."),
        ("de", "de", "Eine Genehmigung des Umweltamts liegt noch nicht vor.", "bisher keine Genehmigung erteilt"),
        ("zh", "zh", "19号线长59公里，共有15个站。", "全长59公里，设15座车站"),
        ("zh", "en", "Hangzhou's metro line 19 is 59 kilometres long and has 15 stations.", "全长59公里"),
        ("zh", "de", "Am ersten Tag zählte die Linie 210.000 Fahrgäste, mehr als erwartet.", "21万人次"),
        ("de", "en", "The expansion of the district heating network will cost 95 million euros.", "95 Millionen Euro"),
        ("de", "zh", "到2032年，将有4500户家庭接入供热网络。", "4.500 Haushalte"),
        ("en", "zh", "这家啤酒厂将关闭德比的工厂，260人将失去工作。", "260 jobs"),
    ],
)
def test_what_a_passage_says_in_other_words_is_kept_with_the_sentences_that_say_it(
    judge: SupportJudge, text_lang: Lang, lang: Lang, claim: str, quoted: str
) -> None:
    verdict = judge.judge(claim, lang, passage(text_lang))
    assert isinstance(verdict, Supported), verdict
    assert quoted in TEXTS[text_lang][verdict.start : verdict.end]
    assert 0.0 < verdict.support <= 1.0


@pytest.mark.parametrize(
    ("text_lang", "lang", "claim", "reason"),
    [
        ("en", "en", "Output at Leeds will rise to 1.2 billion hectolitres a year.", "number"),
        ("en", "en", "The closure of the Derby plant will cost 620 jobs.", "number"),
        ("en", "en", "Output at Leeds will rise by 1.2 million hectolitres a year.", "number"),  # to, not by
        ("en", "en", "The brewery made a profit of £8m in 2023.", "number"),  # that was the loss
        ("en", "en", "The brewery made a profit of €34m in 2023.", "number"),
        ("en", "en", "The brewery made a profit of £34m in 2022.", "date"),
        ("en", "en", "The union Solidar blamed energy costs for the closure.", "name"),
        ("en", "en", "Output at Leeds will fall by 15 percent to 1.2 million hectolitres a year.", "direction"),
        ("de", "de", "Die Kosten betragen 95 Milliarden Euro.", "number"),
        ("de", "de", "Bis 2030 sollen 4.500 Haushalte angeschlossen werden.", "date"),
        ("de", "de", "Ulrike Brandes nannte das Vorhaben zu teuer.", "attribution"),
        ("de", "de", "Das Umweltamt hat die Genehmigung bereits erteilt.", "negation"),
        ("de", "de", "Geschäftsführerin Ulrike Brandes rechnet mit steigenden Preisen.", "direction"),
        ("zh", "zh", "19号线全长59英里。", "number"),
        ("zh", "zh", "从机场到火车西站需要70分钟。", "number"),
        ("zh", "zh", "19号线10月30日开通。", "date"),
        ("zh", "zh", "沈立群批评票价过高。", "attribution"),
        ("zh", "de", "Die Gesamtinvestition beträgt rund 310 Milliarden Yuan.", "number"),
        ("zh", "en", "Hangzhou's metro line 19 opened on September 3.", "date"),
        ("de", "en", "The environment office has already granted a permit.", "negation"),
    ],
)
def test_what_a_passage_does_not_say_is_dropped_with_what_is_wrong(
    judge: SupportJudge, text_lang: Lang, lang: Lang, claim: str, reason: str
) -> None:
    verdict = judge.judge(claim, lang, passage(text_lang))
    assert isinstance(verdict, Unsupported), verdict
    assert verdict.reason == reason


@pytest.mark.parametrize(
    ("lang", "claim"),
    [
        ("en", "Sure, here is the answer"),
        ("en", "Did the brewery close its plant in Derby?"),
        ("en", "The of it."),
        ("en", "..."),
        ("en", ""),
        ("en", "Bananas grow in greenhouses on Iceland."),
        ("en", "The weather will be pleasant for everybody on the beach."),
        ("de", "Gerne, hier ist die Antwort:"),
        ("de", "Wie hoch sind die Kosten?"),
        ("zh", "好的，以下是答案："),
        ("zh", "总投资是多少？"),
        ("en", "The brewery " + "will close its plant in Derby and " * (MAX_CLAIM // 30)),
    ],
)
def test_what_states_nothing_or_something_else_is_dropped(judge: SupportJudge, lang: Lang, claim: str) -> None:
    assert isinstance(judge.judge(claim, lang, passage(lang)), Unsupported)


@pytest.mark.parametrize("text", ["", " ", "?!", "\ud800", "**", "1", "\x00"])
def test_odd_texts_are_no_evidence(judge: SupportJudge, text: str) -> None:
    odd = Passage("p1", "a1", "T", None, None, None, "en", None, "body", text, 0, len(text), "a.md")
    assert isinstance(judge.judge("The plant in Derby will close.", "en", odd), Unsupported)
    assert isinstance(judge.judge(text, "en", passage("en")), Unsupported)


@pytest.mark.parametrize("lang", ["en", "de", "zh"])
def test_every_sentence_of_a_passage_is_supported_by_it(judge: SupportJudge, lang: Lang) -> None:
    for start, end in sentences(TEXTS[lang], lang):
        verdict = judge.judge(TEXTS[lang][start:end], lang, passage(lang))
        assert verdict == Supported(start, end, 1.0), TEXTS[lang][start:end]


def test_the_year_of_a_day_may_come_from_the_date_of_the_article(judge: SupportJudge) -> None:
    text = "The plant will close on 4 May, the company said."
    dated = Passage("p1", "a1", "T", None, None, "2024-05-01", "en", None, "body", text, 0, len(text), "a.md")
    assert isinstance(judge.judge("The plant will close on 4 May 2024.", "en", dated), Supported)
    assert isinstance(judge.judge("The plant will close on 4 May 2023.", "en", dated), Unsupported)


def test_known_names_are_found_under_their_other_names(judge: SupportJudge) -> None:
    text = "英伟达周三宣布，将在德国建设一座数据中心，投资20亿欧元。"
    said = "Nvidia said it would build a data centre in Germany, investing 2 billion euros."
    assert isinstance(judge.judge(said, "en", passage("zh", text)), Supported)
    for wrong in (said.replace("Nvidia", "Intel"), said.replace("Germany", "France")):
        verdict = judge.judge(wrong, "en", passage("zh", text))
        assert verdict == Unsupported("name", verdict.near if isinstance(verdict, Unsupported) else 0.0)


def test_on_claims_of_other_subjects_most_come_out_right(judge: SupportJudge) -> None:
    """The rules were mended on these, too: on claims not seen before it is less, see docs/verification.md."""
    judged = judge_claims(load_claims(Path(__file__).parent / "data" / "claims.jsonl"), judge)
    for supported in (True, False):
        right = [one.right_if_confirmed for one in judged if one.claim.supported is supported]
        assert sum(right) / len(right) > 0.8
    false = [one.right for one in judged if not one.claim.supported]
    assert sum(false) / len(false) > 0.94  # nobody need confirm what is kept


STRANGERS = {
    "en": ("Director Mary Hill said the library can take 8,000 readers a day.", "Blackbeard", "Director Mary Hill"),
    "de": ("Direktorin Maria Hell sagte, die Bibliothek fasse 8.000 Leser am Tag.", "Anna Klein", "Maria Hell"),
    "zh": ("馆长陈雅文说，图书馆每天可接待8000名读者。", "李明", "陈雅文"),
}


@pytest.mark.parametrize("lang", ["en", "de", "zh"])
def test_a_name_that_the_passage_does_not_have_is_never_certain(judge: SupportJudge, lang: Lang) -> None:
    said, stranger, name = STRANGERS[lang]
    verdict = judge.judge(said.replace(name, stranger), lang, passage(lang, said))
    assert isinstance(verdict, Unsupported) or not verdict.certain


@pytest.mark.parametrize(
    ("lang", "text", "said"),
    [
        (
            "en",
            "The library is open from Tuesday to Sunday and closed on Mondays.",
            "The library is closed on Sundays.",
        ),
        (
            "de",
            "Das Museum ist von Dienstag bis Sonntag geöffnet und montags geschlossen.",
            "Das Museum ist sonntags geschlossen.",
        ),
        ("zh", "新图书馆每周二至周日开放，周一闭馆。", "新图书馆周日闭馆。"),
    ],
)
def test_a_value_that_another_stands_nearer_to_is_never_certain(
    judge: SupportJudge, lang: Lang, text: str, said: str
) -> None:
    verdict = judge.judge(said, lang, passage(lang, text))
    assert isinstance(verdict, Unsupported) or not verdict.certain
    assert judge.judge(text, lang, passage(lang, text)) == Supported(0, len(text), 1.0)


@pytest.mark.parametrize(
    "said",
    ["The plant that will close is a testament to the importance of its region.", "It is a key part of a strategy."],
)
def test_what_is_worded_freely_needs_a_second_opinion(judge: SupportJudge, said: str) -> None:
    text = "The plant in Derby will close in May. The company said its region would get help."
    verdict = judge.judge(said, "en", passage("en", text))
    assert isinstance(verdict, Unsupported) or not verdict.certain


def test_a_chinese_word_with_a_wrong_character_is_never_certain(judge: SupportJudge) -> None:
    text = "下一步要测定新粒子的各种性质，判断它究竟是标准模型预言的希格斯玻色子，还是某种更陌生的粒子。"
    said = text.replace("陌生", "陌大").replace("预言", "预訂")
    verdict = judge.judge(said, "zh", passage("zh", text))
    assert isinstance(verdict, Unsupported) or not verdict.certain
    assert judge.judge(text, "zh", passage("zh", text)) == Supported(0, len(text), 1.0)
