"""Answers cut to what a client wants of them: whole sentences, and only what those cite beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from browsing import serving
from openai_fakes import ANSWERS, URL, ToldAssistant, ask, chunks, connect, content_of, deltas, extra
from web_fakes import REFUSALS

from rag.web.api import create_api
from rag.web.openai.cutting import Cut, count_tokens

FIRST = {
    "Who raised it?": f"Scale raised $1bn [1]({URL})[2].",
    "筹集了多少？": f"公司筹集了10亿美元[1]({URL})。",
}


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with serving(create_api(ToldAssistant())) as site, connect(site) as opened:
        yield opened


def both(client: openai.OpenAI, question: str, **wanted: Any) -> tuple[str, str, dict[str, Any]]:
    """Text, finish reason and what is beside them: the same, streamed or not."""
    completion = ask(client, question, **wanted)
    told = chunks(client, question, **wanted)
    finish = next(chunk for chunk in told if chunk.choices[0].finish_reason)
    assert deltas(told) == content_of(completion)
    assert finish.choices[0].finish_reason == completion.choices[0].finish_reason
    beside = {key: value for key, value in extra(completion).items() if key != "answer_id"}
    assert beside == {key: value for key, value in extra(finish).items() if key != "answer_id"}
    streamed = [a for chunk in told for a in (chunk.choices[0].delta.model_extra or {}).get("annotations", [])]
    message = completion.choices[0].message
    assert streamed == [annotation.model_dump() for annotation in message.annotations or []]
    for annotation in message.annotations or []:
        at = annotation.url_citation
        assert re.fullmatch(r"\[\d\]\(.+\)", content_of(completion)[at.start_index : at.end_index])
    return content_of(completion), completion.choices[0].finish_reason, beside


@pytest.mark.parametrize("question", FIRST)
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_an_answer_ends_before_the_sentence_that_is_too_much(client: openai.OpenAI, question: str, name: str) -> None:
    room = count_tokens(ANSWERS[question].sentences[0].text)
    text, finish, beside = both(client, question, **{name: room})
    assert finish == "length"
    assert text.startswith(FIRST[question])
    second = ANSWERS[question].sentences[1].text
    assert second[:4] not in text
    cited = len(ANSWERS[question].sentences[0].citations)
    assert len(beside["search_results"]) == len(beside["citations"]) == cited
    assert "[3]" not in text
    assert "**" in text  # the list of those that are left
    assert "[3" not in text.rsplit("**", 1)[1]


@pytest.mark.parametrize("question", FIRST)
def test_with_room_for_all_of_it_nothing_is_cut(client: openai.OpenAI, question: str) -> None:
    room = sum(count_tokens(sentence.text) for sentence in ANSWERS[question].sentences)
    assert both(client, question, max_tokens=room)[:2] == both(client, question)[:2]
    assert both(client, question, max_tokens=room - 1)[1] == "length"


def test_of_two_limits_the_lower_one_counts(client: openai.OpenAI) -> None:
    room = count_tokens("Scale raised $1bn.")
    expected = both(client, "Who raised it?", max_tokens=room)
    assert both(client, "Who raised it?", max_tokens=99, max_completion_tokens=room) == expected
    assert both(client, "Who raised it?", max_tokens=room, max_completion_tokens=99) == expected


def test_where_no_sentence_fits_nothing_is_said(client: openai.OpenAI) -> None:
    assert both(client, "Who raised it?", max_tokens=1) == ("", "length", {"citations": [], "search_results": []})
    assert both(client, "Was fraß die Katze?", stop="Katze") == ("", "stop", {"citations": [], "search_results": []})


@pytest.mark.parametrize(
    ("question", "stop"),
    [
        ("Who raised it?", "$14bn"),
        ("Who raised it?", ["nothing of this", "valued at"]),
        ("筹集了多少？", ["翻倍"]),
    ],
)
def test_an_answer_ends_before_the_sentence_with_a_stop_sequence(
    client: openai.OpenAI, question: str, stop: str | list[str]
) -> None:
    text, finish, beside = both(client, question, stop=stop)
    assert finish == "stop"
    assert text.startswith(FIRST[question])
    assert len(beside["citations"]) == len(ANSWERS[question].sentences[0].citations)


def test_the_mark_at_the_end_of_a_sentence_may_be_left_out(client: openai.OpenAI) -> None:
    for question, stop in {"Who raised it?": ".", "筹集了多少？": "。"}.items():
        text, finish, _ = both(client, question, stop=stop, extra_body={"articles": {"source_list": False}})
        assert finish == "stop"
        first = ANSWERS[question].sentences[0].text.rstrip(stop)
        assert text.startswith(first)
        assert ANSWERS[question].sentences[1].text[:3] not in text


def test_stop_sequences_are_looked_for_in_the_words_alone(client: openai.OpenAI) -> None:
    expected = both(client, "Who raised it?")
    assert both(client, "Who raised it?", stop=["\n\n", "Sources", "example.org", "[1]"]) == expected


def test_a_refusal_is_said_whole(client: openai.OpenAI) -> None:
    for question, lang in {"天气怎么样？": "zh", "The weather?": "en", "Wie ist das Wetter?": "de"}.items():
        for wanted in ({"max_tokens": 1}, {"stop": ["。", "."]}):
            assert both(client, question, **wanted)[:2] == (REFUSALS[lang], "stop")  # type: ignore[index]


@pytest.mark.parametrize(
    ("sentence", "stop", "said"),
    [
        ("It cost 2.5 pounds.", ".", ""),  # half a number is another number
        ("It rose by 5 %.", "%", ""),
        ("Sie sagte: „Nein.“", ".", "Sie sagte: „Nein"),
        ("他说：“不。”", "。", "他说：“不"),
        ("It is over!", "?", "It is over!"),
    ],
)
def test_no_sentence_is_cut_into(sentence: str, stop: str, said: str) -> None:
    cut = Cut([stop])
    assert cut.admit(sentence) == said
    assert (cut.finish == "stop") == (stop in sentence)
