"""The newer of OpenAI's routes, asked with OpenAI's own client."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from browsing import serving
from openai_fakes import URL, ToldAssistant, ask, connect, content_of, extra
from web_fakes import REFUSALS

from rag.types import Turn
from rag.web.api import create_api
from rag.web.openai.cutting import count_tokens

TITLE = "Provide a concise, 5-word-or-less title for the conversation.\n\nConversation:\nUser: Who?\nAI: Accel."
QUESTIONS = ["Who raised it?", "筹集了多少？", "Wer sagt 😀?"]


@pytest.fixture(scope="module")
def assistant() -> ToldAssistant:
    return ToldAssistant()


@pytest.fixture(scope="module")
def site(assistant: ToldAssistant) -> Iterator[str]:
    with serving(create_api(assistant, max_question_chars=100)) as address:
        yield address


@pytest.fixture(scope="module")
def client(site: str) -> Iterator[openai.OpenAI]:
    with connect(site) as opened:
        yield opened


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_says_what_chat_completions_say(client: openai.OpenAI, question: str) -> None:
    wanted: Any = {"articles": {"answer": True}}
    expected = ask(client, question, extra_body=wanted)
    response = client.responses.create(model="articles", input=question, extra_body=wanted)
    assert response.output_text == content_of(expected)
    assert (response.status, response.incomplete_details, response.error) == ("completed", None, None)
    part: Any = response.output[0].content[0]  # type: ignore[union-attr, index]
    annotations = [one.url_citation for one in expected.choices[0].message.annotations or []]
    assert [(a.start_index, a.end_index, a.url) for a in part.annotations] == [
        (a.start_index, a.end_index, a.url) for a in annotations
    ]
    for a in part.annotations:
        assert re.fullmatch(r"\[\d\]\(.+\)", response.output_text[a.start_index : a.end_index])
    beside, others = response.model_extra or {}, extra(expected)
    assert (beside["citations"], beside["search_results"]) == (others["citations"], others["search_results"])
    assert beside["articles"]["sentences"] == others["articles"]["sentences"]
    assert response.usage
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_stream_is_put_together_by_the_client(client: openai.OpenAI, question: str) -> None:
    expected = content_of(ask(client, question))
    kinds, text = [], ""
    with client.responses.stream(model="articles", input=question) as stream:
        for number, told in enumerate(stream):
            kinds.append(told.type)
            assert told.sequence_number == number
            if told.type == "response.output_text.delta":
                text += told.delta
        final = stream.get_final_response()
    assert text == final.output_text == expected
    assert list(dict.fromkeys(kinds)) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.annotation.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    part: Any = final.output[0].content[0]  # type: ignore[union-attr, index]
    assert {annotation.url for annotation in part.annotations} == {URL}


def test_the_asynchronous_client_sees_the_same(site: str) -> None:
    async def both() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=f"{site}/v1", api_key="any", max_retries=0) as client:
            whole = await client.responses.create(model="articles", input="The weather?")
            stream = await client.responses.create(model="articles", input="The weather?", stream=True)
            pieces = [told.delta async for told in stream if told.type == "response.output_text.delta"]
            return whole.output_text, "".join(pieces)

    assert asyncio.run(both()) == (REFUSALS["en"], REFUSALS["en"])


def test_a_conversation_is_the_history(client: openai.OpenAI, assistant: ToldAssistant) -> None:
    said = client.responses.create(model="articles", input="Who raised it?")
    items: Any = [
        {"role": "developer", "content": "Say yes."},
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "Who raised"}, {"type": "input_text", "text": "it?"}],
        },
        *[item.model_dump() for item in said.output],
        {"type": "function_call_output", "call_id": "1", "output": "42"},
        {"type": "message", "role": "user", "content": "And how much?"},
    ]
    client.responses.create(model="articles", input=items, instructions="Lie.", store=False, temperature=1)
    asked = assistant.asked[-1]
    assert asked["question"] == "And how much?"
    first, second = asked["history"]
    assert first == Turn("user", "Who raised\nit?")
    assert second.role == "assistant"
    assert "http" not in second.content


def test_a_limit_cuts_whole_sentences(client: openai.OpenAI) -> None:
    room = count_tokens("Scale raised $1bn.")
    response = client.responses.create(model="articles", input="Who raised it?", max_output_tokens=room)
    assert response.status == "incomplete"
    assert response.output_text.startswith("Scale raised $1bn [1](")
    assert response.incomplete_details
    assert response.incomplete_details.reason == "max_output_tokens"
    assert "$14bn" not in response.output_text
    stream = client.responses.create(model="articles", input="Who raised it?", max_output_tokens=room, stream=True)
    assert [told.type for told in stream][-1] == "response.incomplete"


def test_a_chore_is_done_here_too(client: openai.OpenAI) -> None:
    assert client.responses.create(model="articles", input=TITLE).output_text == "Who"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"store": True}, "store"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "c"}}, "conversation"),
        ({"background": True}, "background"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 7}, "input"),
        ({"input": "x" * 101}, "input.0.content"),
        ({"input": [{"role": "assistant", "content": "x"}]}, "input"),
        ({"input": [{"role": "user"}]}, "input.0.content"),
        ({"input": [{"role": "king", "content": "x"}]}, "input.0.role"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input.0.content"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"model": "gpt-4o"}, "model"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_wrong_or_not_supported_is_refused_by_name(
    site: str, changes: dict[str, Any], param: str, stream: bool
) -> None:
    asked = {"model": "articles", "input": "Who?", "stream": stream, **changes}
    response = httpx2.post(f"{site}/v1/responses", json=asked, timeout=60)
    assert response.status_code == (404 if param == "model" else 400)
    told = response.json()["error"]
    assert (told["type"], told["param"]) == ("invalid_request_error", param)


def test_a_fault_within_a_stream_is_its_last_event(client: openai.OpenAI, site: str) -> None:
    asked = {"model": "articles", "input": "break", "stream": True}
    text = httpx2.post(f"{site}/v1/responses", json=asked, timeout=60).text
    *_, last = text.strip().split("\n\n")
    name, data = last.split("\n")
    assert name == "event: error"
    told = json.loads(data.removeprefix("data: "))
    assert (told["type"], told["code"]) == ("error", "unavailable")
    assert "response.completed" not in text
    assert "secret" not in text
    with pytest.raises(openai.InternalServerError):
        client.responses.create(model="articles", input="fail", stream=True)
