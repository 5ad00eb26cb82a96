"""What stands folded beside an answer: what else was found, what was left out, what to read when nothing answers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from web_fakes import make_answer, make_passage, make_refusal

from rag.assistant import Assistant
from rag.types import LANGS, Dropped, Lang, Passage
from rag.web.beside import render_also_found, render_dropped, render_nearest
from rag.web.prose import to_html
from rag.web.strings import TEXTS

EVIL = '<img src=x onerror="alert(1)"> **bold** [a](javascript:alert(1))'
REASONS = [
    "unsupported",
    "no_citation",
    "language",
    "repetition",
    "about the passages",
    "beside the question",
    *(f"unsupported: {why}" for why in ("number", "date", "name", "attribution", "direction", "negation")),
    *(f"unsupported: {why}" for why in ("words", "meaning", "wording", "judge", "empty")),
]


def found(number: int, **changes: object) -> Passage:
    values = {"passage_id": f"p{number}", "article_id": f"a{number}", "title": f"Article {number}", "score": 1.2}
    return replace(make_passage(), **{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("lang", LANGS)
def test_every_reason_for_leaving_a_sentence_out_is_told_in_the_readers_language(lang: Lang) -> None:
    told = [re.findall(r'class="why">([^<]+)<', render_dropped((Dropped("x y", why),), lang))[0] for why in REASONS]
    assert all(told)
    assert len(set(told)) >= len(REASONS) - 4  # some are one to a reader: words and meaning, direction and negation
    assert {key for key in TEXTS[lang] if key.startswith("why_")} == {
        key for key in TEXTS["en"] if key.startswith("why_")
    }


def test_sentences_that_were_left_out_are_struck_and_folded() -> None:
    html = render_dropped((Dropped("It has 5 wheels.", "unsupported: number"), Dropped(EVIL, "unsupported")), "en")
    assert html.startswith('<details class="dropped"><summary>2 sentences were left out')
    assert "<s>It has 5 wheels.</s>" in html
    assert "<img" not in html
    assert "href" not in html
    assert "\n" not in html
    assert render_dropped((), "en") == ""


def test_what_was_found_and_is_not_cited_is_folded_under_the_sources() -> None:
    answer = make_answer(
        passages=(make_passage(), found(2), found(3, text=f"One.\n\n{EVIL}", url="javascript:alert(1)"))
    )
    html = render_also_found(answer, "de")
    assert "Außerdem gefunden, nicht zitiert: 2 Textstellen" in html
    assert "Article 2" in html
    assert "Katzen &amp; Hunden" not in html  # the cited one
    assert "<img" not in html
    assert "javascript:" not in html.replace("](javascript:", "")
    assert "\n" not in html
    assert render_also_found(make_answer(), "de") == ""


@pytest.mark.parametrize("lang", LANGS)
def test_a_refusal_offers_the_nearest_articles_to_read_each_once(lang: Lang) -> None:
    passages = (found(1), found(2, article_id="a1", title="Article 1"), found(3), found(4, url=None), found(5))
    html = render_nearest(replace(make_refusal("?"), passages=passages), lang)
    assert TEXTS[lang]["nearest"] in html
    assert re.findall(r"Article \d", html) == ["Article 1", "Article 3", "Article 4"]
    assert html.count('rel="noopener noreferrer"') == 2  # one has no link
    assert "source-" not in html  # nothing of it is a source
    assert render_nearest(make_refusal("?"), lang) == ""


@pytest.mark.parametrize("lang", LANGS)
def test_an_article_that_is_far_from_the_question_is_not_offered(lang: Lang) -> None:
    far = (found(2, score=0.6), found(3, score=0.2), found(4, score=-0.1))
    refused = replace(make_refusal("?", lang), passages=(found(1, lang=lang, score=1.0), *far))
    assert re.findall(r"Article \d", render_nearest(refused, lang)) == ["Article 1"]
    assert render_nearest(replace(refused, passages=far), lang) == ""


NOWHERE: list[tuple[Lang, str]] = [  # no sample article speaks of it
    ("zh", "超级碗的冠军是哪支球队？"),
    ("zh", "成吉思汗是哪一年出生的？"),
    ("en", "Which team won the Super Bowl in 2016?"),
    ("en", "How do I bake sourdough bread?"),
    ("de", "Wann wurde Dschingis Khan geboren?"),
    ("de", "Wie backe ich ein Sauerteigbrot?"),
]
NEAR: list[tuple[Lang, str, str]] = [  # what no article says, and the article that is about it
    ("zh", "锂电池的回收率是多少？", "lithium-ion-nobel-2019.md"),
    ("en", "What does Croatia's flag look like?", "croatia-euro-2022.md"),
    ("de", "Wer leitet das Kernkraftwerk Emsland?", "atomausstieg-2023.md"),
]


@pytest.mark.parametrize(("lang", "question"), NOWHERE)
def test_what_no_article_speaks_of_offers_no_article_and_no_question(
    assistant: Assistant, lang: Lang, question: str
) -> None:
    answer = assistant.ask(question)
    assert not answer.answered
    assert answer.passages
    assert render_nearest(answer, lang) == ""
    assert assistant.suggest(answer) == []


@pytest.mark.parametrize(("lang", "question", "file"), NEAR)
def test_what_an_article_is_about_and_does_not_answer_offers_that_article_and_its_questions(
    assistant: Assistant, lang: Lang, question: str, file: str
) -> None:
    answer = assistant.ask(question)
    assert not answer.answered
    (article,) = (one for one in assistant.articles() if one.file == file)
    first = re.findall(r"<li>(.*?)</li>", render_nearest(answer, lang))[0]
    assert to_html(article.title) in first
    suggested = assistant.suggest(answer)
    assert suggested
    assert assistant.ask(suggested[0]).citations[0].file == file
