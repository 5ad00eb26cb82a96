"""The OpenAI-compatible routes, asked with OpenAI's own client over a real connection."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest
from browsing import serving
from fastapi.testclient import TestClient
from markdown_it import MarkdownIt
from openai_fakes import ANSWERS, URL, ToldAssistant, ask, chunks, connect, content_of, deltas, extra
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send
from test_streaming import SOON, posted
from web_fakes import QUOTE, REFUSALS, TEXT, make_answer, make_citation, make_passage

from rag.types import Disagreement, Sentence, Turn
from rag.web.api import create_api
from rag.web.openai.errors import OpenAIErrors
from rag.web.openai.models import ways

TITLES = {"Von Katzen & Hunden", "Scale raises $1bn", "融资"}
KEYS = ("first-key", "zweiter-schlüssel")
EVIL = "javascript:alert(1)"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[ToldAssistant, str]]:
    assistant = ToldAssistant()
    with serving(create_api(assistant, max_question_chars=100)) as address:
        yield assistant, address


@pytest.fixture
def told(served: tuple[ToldAssistant, str]) -> ToldAssistant:
    """The assistant, as if nobody had asked it yet."""
    assistant = served[0]
    assistant.forget()
    assistant.waiting.clear()
    assistant.ended.clear()
    return assistant


@pytest.fixture
def site(served: tuple[ToldAssistant, str]) -> str:
    return served[1]


@pytest.fixture
def client(site: str) -> Iterator[openai.OpenAI]:
    with connect(site) as opened:
        yield opened


def links(markdown: str) -> set[str]:
    """Where all links and images of a text lead, as a renderer of Markdown finds them."""
    found = set()
    for block in MarkdownIt("commonmark").parse(markdown):
        for token in [block, *(block.children or [])]:
            assert token.type not in ("html_inline", "html_block", "code_inline", "image"), token
            found |= {str(token.attrs["href"])} if "href" in token.attrs else set()
    return found


# --- Models -------------------------------------------------------------------------------------------------


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["articles", "articles-extractive", "articles-plain"]
    assert client.models.retrieve("articles").owned_by == "ask-the-articles"


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    for name in ("gpt-4o", "articles-llm", "a/b"):
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.retrieve(name)
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
        with pytest.raises(openai.NotFoundError, match="articles-extractive"):
            ask(client, "Who?", model=name)


def test_a_chat_model_is_one_more_way_to_answer() -> None:
    assistant = ToldAssistant("org/smol:latest")
    answering = ["articles", "articles-extractive", "articles-org/smol:latest"]
    with serving(create_api(assistant)) as site, connect(site) as client:
        assert [model.id for model in client.models.list()] == [*answering, "articles-plain"]
        for name in answering:
            assert client.models.retrieve(name).id == name
            assert ask(client, "Who?", model=name).model == name
    assert [asked["answerer"] for asked in assistant.asked] == [None, "extractive", "llm"]


# --- Answers ------------------------------------------------------------------------------------------------

WHOLE = {"articles": {"answer": True}}
CONTENTS = {
    "Was fraß die Katze?": (
        f"Die Katze fraß 3 Mäuse [1]({URL}).\n\n**Quellen**\n\n"
        f"- [1]({URL}) Von Katzen & Hunden · Tierblatt · 21. Mai 2024"
    ),
    "Who raised it?": (
        f"Scale raised $1bn [1]({URL})[2]. It is valued at $14bn [3]({URL})."
        f"\n\nThe sources disagree about $1bn: [1]({URL})[2]\n\nThe model did not answer.\n\n**Sources**\n\n"
        f"- [1, 3]({URL}) Scale raises $1bn · Tierblatt · 21 May 2024\n"
        "- [2] No link · 21 May 2024 · File: other.md"
    ),
    "筹集了多少？": (
        f"公司筹集了10亿美元[1]({URL})。估值翻倍[1]({URL})。\n\n**出处**\n\n- [1]({URL}) 融资 · 财经 · 2024年5月21日"
    ),
    "The weather?": REFUSALS["en"],
    "天气怎么样？": REFUSALS["zh"],
    "Wie ist das Wetter?": REFUSALS["de"],
}


@pytest.mark.parametrize("question", CONTENTS)
def test_the_text_has_links_as_markers_and_the_sources_and_a_stream_says_the_same(
    client: openai.OpenAI, told: ToldAssistant, question: str
) -> None:
    completion = ask(client, question)
    assert content_of(completion) == CONTENTS[question]
    assert completion.choices[0].finish_reason == "stop"
    assert deltas(chunks(client, question)) == CONTENTS[question]


def test_annotations_say_where_the_links_are_in_code_points(client: openai.OpenAI) -> None:
    for question in ("Was fraß die Katze?", "Who raised it?", "筹集了多少？"):
        message = ask(client, question).choices[0].message
        assert message.content
        assert message.annotations
        for annotation in message.annotations:
            at = annotation.url_citation
            assert re.fullmatch(r"\[\d]\(.+\)", message.content[at.start_index : at.end_index])
            assert at.url == URL
        texts = message.content.split("**")[0]  # the list of sources has none
        assert len(message.annotations) == texts.count(f"({URL})")
        assert {annotation.url_citation.title for annotation in message.annotations} <= TITLES


@pytest.mark.parametrize("name", ["extractive", "plain"])
def test_no_name_of_a_chat_model_takes_that_of_another_way(name: str) -> None:
    known = ways(ToldAssistant(name))
    assert list(known) == ["articles", "articles-extractive", "articles-plain"]
    assert known == ways(ToldAssistant())


def test_links_and_quotes_stand_in_the_order_of_their_numbers(client: openai.OpenAI) -> None:
    beside = extra(ask(client, "Who raised it?"))
    assert beside["citations"] == [URL, "", URL]
    assert beside["search_results"][1] == {
        "title": "No link",
        "url": "",
        "date": "2024-05-21",
        "snippet": QUOTE,
        "passage_id": "p2",
        "article_id": "other",
        "start": TEXT.index(QUOTE),
        "end": TEXT.index(QUOTE) + len(QUOTE),
    }
    assert beside["search_results"][2]["snippet"] == "It is valued at $14bn."


def test_the_whole_answer_is_that_of_the_other_route(client: openai.OpenAI, site: str) -> None:
    beside = extra(ask(client, "Who raised it?", extra_body=WHOLE))
    other = httpx2.post(f"{site}/api/ask", json={"question": "Who raised it?"}).json()
    finish = chunks(client, "Who raised it?", extra_body=WHOLE)[-1]
    assert beside["answer_id"] != other["id"] != extra(finish)["answer_id"]
    for given in (beside, extra(finish)):
        assert given["articles"] == other | {"id": given["answer_id"]}
    assert "articles" not in extra(ask(client, "Who raised it?"))
    assert "articles" not in extra(chunks(client, "Who raised it?")[-1])


def test_the_list_of_sources_can_be_left_out(client: openai.OpenAI) -> None:
    for question in ("Who raised it?", "筹集了多少？"):
        without = {"articles": {"source_list": False}}
        completion = ask(client, question, extra_body=without)
        assert content_of(completion) == CONTENTS[question].split("\n\n**")[0]
        assert completion.choices[0].message.annotations == ask(client, question).choices[0].message.annotations
        assert deltas(chunks(client, question, extra_body=without)) == content_of(completion)


def test_tokens_are_those_of_the_model_or_an_estimate(client: openai.OpenAI) -> None:
    usage = ask(client, "By a model?").usage
    assert usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (120, 30, 150)
    estimated = ask(client, "天气怎么样？").usage
    assert estimated
    assert (estimated.prompt_tokens, estimated.completion_tokens) == (6, len(REFUSALS["zh"]))


# --- Streams ------------------------------------------------------------------------------------------------


def test_a_stream_has_the_role_first_then_sentences_sources_annotations_and_the_finish(client: openai.OpenAI) -> None:
    given = chunks(client, "Was fraß die Katze?", stream_options={"include_usage": True})
    assert len({chunk.id for chunk in given}) == 1
    first, sentence, sources, annotations, finish, usage = given
    assert (first.choices[0].delta.role, first.choices[0].delta.content) == ("assistant", "")
    assert sentence.choices[0].delta.content == f"Die Katze fraß 3 Mäuse [1]({URL})."
    assert "**Quellen**" in (sources.choices[0].delta.content or "")
    assert annotations.choices[0].delta.model_extra is not None
    [annotation] = annotations.choices[0].delta.model_extra["annotations"]
    cited = annotation["url_citation"]
    assert deltas(given)[cited["start_index"] : cited["end_index"]] == f"[1]({URL})"
    assert finish.choices[0].finish_reason == "stop"
    assert extra(finish)["citations"] == [URL]
    assert extra(finish)["search_results"][0]["snippet"] == QUOTE
    assert usage.choices == []
    assert usage.usage
    assert usage.usage.total_tokens == usage.usage.prompt_tokens + usage.usage.completion_tokens > 0


def test_the_events_end_with_done_and_no_proxy_may_hold_them_back(site: str) -> None:
    asked = {"model": "articles", "messages": [{"role": "user", "content": "Was fraß die Katze?"}], "stream": True}
    response = httpx2.post(f"{site}/v1/chat/completions", json=asked)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    events = response.text.strip().split("\n\n")
    assert events[-1] == "data: [DONE]"
    assert all("usage" not in json.loads(event.removeprefix("data: ")) for event in events[:-1])


def test_the_stream_helper_of_the_client_puts_the_message_together(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "筹集了多少？"}]
    with client.chat.completions.stream(model="articles", messages=messages) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.content == CONTENTS["筹集了多少？"]
    assert message.annotations
    assert [annotation.url_citation.url for annotation in message.annotations] == [URL, URL]


def test_the_asynchronous_client_sees_the_same(site: str) -> None:
    messages: Any = [{"role": "user", "content": "Who raised it?"}]

    async def both() -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(base_url=f"{site}/v1", api_key="any", max_retries=0) as client:
            whole = await client.chat.completions.create(model="articles", messages=messages)
            stream = await client.chat.completions.create(model="articles", messages=messages, stream=True)
            return whole.choices[0].message.content, deltas([chunk async for chunk in stream])

    assert asyncio.run(both()) == (CONTENTS["Who raised it?"], CONTENTS["Who raised it?"])


# --- Clients that leave -------------------------------------------------------------------------------------


def body(question: str, **more: Any) -> str:
    return json.dumps({"model": "articles", "messages": [{"role": "user", "content": question}], **more})


def test_a_client_that_leaves_a_stream_ends_the_call_upstream(told: ToldAssistant, site: str) -> None:
    with posted(site, "/v1/chat/completions", body("wait", stream=True), until=b"Scale raised"):
        assert told.waiting.wait(20)
    assert told.ended.wait(SOON)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_before_anything_came_does_so_too(told: ToldAssistant, site: str, stream: bool) -> None:
    with posted(site, "/v1/chat/completions", body("first wait", stream=stream)):
        assert told.waiting.wait(20)
    assert told.ended.wait(SOON)


def test_closing_the_stream_of_the_client_is_enough(told: ToldAssistant, client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "wait"}]
    stream = client.chat.completions.create(model="articles", messages=messages, stream=True)
    for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    assert told.waiting.wait(20)
    stream.close()
    assert told.ended.wait(SOON)


# --- What is asked ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["Was fraß die Katze?", "Who raised it?", "筹集了多少？"])
def test_what_was_said_before_is_the_history_without_our_links(
    client: openai.OpenAI, told: ToldAssistant, question: str
) -> None:
    said = content_of(ask(client, question))
    messages: Any = [
        {"role": "system", "content": "Ignore the articles."},
        {"role": "user", "content": [{"type": "text", "text": question}, {"type": "text", "text": "Bitte."}]},
        {"role": "assistant", "content": said},
        {"role": "developer", "content": "Say yes."},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "42", "tool_call_id": "1"},
        {"role": "user", "content": [{"type": "text", "text": "And 她?"}]},
        {"role": "assistant", "content": "Well,"},
    ]
    client.chat.completions.create(model="articles", messages=messages)
    asked = told.asked[-1]
    assert asked["question"] == "And 她?"
    first, second = asked["history"]
    assert first == Turn("user", f"{question}\nBitte.")
    assert second.role == "assistant"
    assert "http" not in second.content
    assert "**" not in second.content
    assert second.content.startswith(said.split("]")[0])


def test_of_a_long_conversation_the_end_counts(client: openai.OpenAI, told: ToldAssistant) -> None:
    messages: Any = [{"role": ("user", "assistant")[i % 2], "content": str(i)} for i in range(201)]
    client.chat.completions.create(model="articles", messages=messages)
    assert told.asked[0]["question"] == "200"
    assert [turn.content for turn in told.asked[0]["history"]] == [str(i) for i in range(150, 200)]


def test_what_changes_nothing_is_taken(client: openai.OpenAI) -> None:
    tools: Any = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    completion = ask(
        client,
        "The weather?",
        temperature=1,
        top_p=0.5,
        max_tokens=1,
        max_completion_tokens=1,
        seed=7,
        user="anna",
        n=1,
        stop=["."],
        tools=tools,
        tool_choice="auto",
        response_format={"type": "text"},
        extra_body={"anything": {"else": []}},
    )
    assert content_of(completion) == REFUSALS["en"]


IMAGE = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"n": 2}, "n"),
        ({"n": "1"}, "n"),
        ({"n": 0}, "n"),
        ({"function_call": {"name": "f"}}, "function_call"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": "9"}, "max_completion_tokens"),
        ({"stop": 7}, "stop"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": [""]}, "stop.0"),
        ({"articles": True}, "articles"),
        ({"articles": {"sources": False}}, "articles.sources"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"logprobs": True}, "logprobs"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
        ({"temperature": "hot"}, "temperature"),
        ({"model": 7}, "model"),
        ({"messages": "Who?"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": IMAGE}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": "x" * 101}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages.0.content"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_wrong_or_not_supported_is_refused_by_name(
    site: str, changes: dict[str, Any], param: str, stream: bool
) -> None:
    asked = json.dumps({**json.loads(body("Who?", stream=stream)), **changes})
    response = post(site, asked)
    assert response.status_code == 400
    told = error(response)
    assert (told["type"], told["param"], told["code"]) == ("invalid_request_error", param, "invalid")
    assert told["message"].startswith(f"{param}: ")


def post(site: str, content: Any, **headers: str) -> httpx2.Response:
    sent = {"Content-Type": "application/json", **headers}
    return httpx2.post(f"{site}/v1/chat/completions", content=content, headers=sent)


def error(response: httpx2.Response) -> dict[str, Any]:
    """An error in OpenAI's shape."""
    told: dict[str, Any] = response.json()["error"]
    assert set(response.json()) == {"error"}
    assert set(told) == {"message", "type", "param", "code"}
    assert "default-src" in response.headers["content-security-policy"]
    return told


def test_an_image_is_refused_in_words_that_the_client_shows(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": IMAGE}]
    with pytest.raises(openai.BadRequestError, match="image_url are not supported here; send text alone"):
        client.chat.completions.create(model="articles", messages=messages)


# --- Errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("question", "status"), [("fail", 503), ("crash", 500)])
def test_a_fault_before_the_first_byte_has_its_status(
    client: openai.OpenAI, question: str, status: int, stream: bool
) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        ask(client, question, stream=stream)
    assert caught.value.status_code == status
    assert caught.value.type == "server_error"
    assert "secret" not in str(caught.value)


def test_a_fault_within_a_stream_is_an_event_and_no_end(client: openai.OpenAI, site: str) -> None:
    with pytest.raises(openai.APIError, match="try again in a moment"):
        chunks(client, "break")
    text = post(site, body("break", stream=True)).text
    assert "Scale raised" in text
    assert "[DONE]" not in text
    assert '"finish_reason": "stop"' not in text
    assert "secret" not in text
    last = json.loads(text.strip().split("\n\n")[-1].removeprefix("data: "))
    assert last["error"]["type"] == "server_error"


def test_without_its_stream_the_same_fault_has_a_status(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError):
        ask(client, "break")


@pytest.mark.parametrize(("content", "status"), [("{", 400), ("[]", 400), (" " * 300_000, 413)])
def test_a_body_that_cannot_be_read_is_refused(site: str, content: str, status: int) -> None:
    response = post(site, content)
    assert response.status_code == status
    assert error(response)["type"] == "invalid_request_error"


def test_a_body_of_unknown_length_is_bounded_too(site: str) -> None:
    response = post(site, iter([b" " * 1024] * 300))
    assert (response.status_code, error(response)["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/v1/", 404, "not_found"),
        ("POST", "/v1/embeddings", 404, "not_found"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_is_told_in_the_same_shape(site: str, method: str, path: str, status: int, code: str) -> None:
    response = httpx2.request(method, f"{site}{path}")
    assert (response.status_code, error(response)["code"]) == (status, code)
    assert ("allow" in response.headers) == (status == 405)


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize(
    ("status", "shown", "kind", "code"),
    [
        (401, 401, "invalid_request_error", "invalid_api_key"),
        (404, 404, "invalid_request_error", None),
        (405, 405, "invalid_request_error", None),
        (408, 408, "invalid_request_error", None),
        (413, 413, "invalid_request_error", None),
        (422, 400, "invalid_request_error", None),
        (429, 429, "requests", "rate_limit_exceeded"),
        (500, 500, "server_error", None),
        (503, 503, "server_error", None),
        (504, 504, "server_error", None),
    ],
)
def test_whatever_layer_refuses_its_error_has_the_same_shape(
    ours: bool, status: int, shown: int, kind: str, code: str | None
) -> None:
    words = {"error": {"type": "whatever", "message": "no", "field": "n"}}

    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = JSONResponse(words, status) if ours else PlainTextResponse("no", status)
        await refusal(scope, receive, send)

    client = TestClient(OpenAIErrors(refusing))
    response = client.post("/v1/chat/completions")
    assert response.status_code == shown
    assert response.headers["content-type"] == "application/json"
    told = response.json()["error"]
    assert set(told) == {"message", "type", "param", "code"}
    assert (told["type"], told["param"]) == (kind, "n" if ours else None)
    assert told["code"] == (code or ("whatever" if ours else "error"))
    assert told["message"] == "no" if ours else len(told["message"]) > 5
    assert ("retry-after" in response.headers) == (status in (429, 503))
    assert client.head("/v1/models").content == b""
    assert client.post("/v2/chat/completions").status_code == status


def test_a_time_to_wait_that_is_told_stays() -> None:
    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({}, 429, headers={"Retry-After": "7"})(scope, receive, send)

    assert TestClient(OpenAIErrors(refusing)).get("/v1/models").headers["retry-after"] == "7"


def test_clients_are_told_when_to_try_again(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        ask(client, "fail")
    assert caught.value.response.headers["retry-after"] == "5"


def test_the_other_routes_keep_their_errors(site: str) -> None:
    assert set(httpx2.get(f"{site}/v1x").json()["error"]) == {"type", "message", "field"}
    assert httpx2.post(f"{site}/api/ask", json={}).status_code == 422


@pytest.fixture(scope="module")
def locked() -> Iterator[str]:
    with serving(create_api(ToldAssistant(), api_keys=KEYS)) as address:
        yield address


def test_a_known_key_opens_and_another_does_not(locked: str) -> None:
    with connect(locked, KEYS[0]) as client:
        assert content_of(ask(client, "The weather?")) == REFUSALS["en"]
    with connect(locked, "wrong") as client:
        for refused in (client.models.list, lambda: ask(client, "Who?"), lambda: chunks(client, "Who?")):
            with pytest.raises(openai.AuthenticationError) as caught:
                refused()
            assert (caught.value.code, caught.value.type) == ("invalid_api_key", "invalid_request_error")


def test_without_a_key_nothing_is_told(locked: str) -> None:
    response = httpx2.get(f"{locked}/v1/models")
    assert (response.status_code, error(response)["code"]) == (401, "invalid_api_key")
    assert response.headers["www-authenticate"] == "Bearer"


# --- Hostile articles ---------------------------------------------------------------------------------------

HOSTILE = [
    f"Buy](https://evil.example) [now]({EVIL}",
    "![x](https://evil.example/?q=1) seen",
    f"[[a](https://evil.example)]({EVIL})",
    "[1]: https://evil.example\n\n[1]",
    "[x][y]\n\n[y]: https://evil.example",
    "<img src=https://evil.example> and <script>alert(1)</script>",
    "<https://evil.example>",
    f"<{EVIL}>",
    "`code and ```fences",
    "ends with a backslash \\",
    "quotes \" ' and \u202edirections\u200b",
    "a\r\n\r\n- [1](https://evil.example)\r\n# b",
    "猫[x](https://evil.example)\\",
    "\\[x\\](https://evil.example)",
    "\\\\[x](https://evil.example)",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("url", [URL, None])
def test_nothing_in_an_article_becomes_a_link(
    monkeypatch: pytest.MonkeyPatch, client: openai.OpenAI, text: str, url: str | None
) -> None:
    citation = make_citation(title=text, author=text, url=url, date=text, file=text)
    hostile = make_answer("Evil?", sentences=(Sentence(text, (1,), 1.0),) * 2, citations=(citation,), note=text)
    hostile = replace(hostile, disagreements=(Disagreement(text, (1,)),))
    monkeypatch.setitem(ANSWERS, "Evil?", hostile)
    content = content_of(ask(client, "Evil?"))
    assert links(content) == ({URL} if url else set())
    assert content.count("\n") == 8  # our own four blank lines
    assert deltas(chunks(client, "Evil?")) == content


@pytest.mark.parametrize(
    "url",
    [
        EVIL,
        "data:text/html,x",
        "https://a.org/ x",
        'https://a.org/"onclick="x',
        "https://a.org/<b>",
        "https://a.org/\n[x](https://evil.example)",
        "https://user@a.org/",
        "//a.org",
        "",
    ],
)
def test_a_link_that_may_not_be_shown_is_none(monkeypatch: pytest.MonkeyPatch, client: openai.OpenAI, url: str) -> None:
    monkeypatch.setitem(ANSWERS, "Evil?", make_answer("Evil?", citations=(make_citation(url=url),)))
    completion = ask(client, "Evil?")
    assert links(content_of(completion)) == set()
    assert completion.choices[0].message.annotations == []
    assert extra(completion)["citations"] == [""]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.org/x_(y)", "https://a.org/x_%28y%29"),
        ("https://a.org/)[x](https://evil.example", "https://a.org/%29%5Bx%5D%28https://evil.example"),
        ("https://zh.wikipedia.org/wiki/猫", "https://zh.wikipedia.org/wiki/%E7%8C%AB"),  # the renderer's own doing
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
    ],
)
def test_nothing_in_a_link_ends_it(
    monkeypatch: pytest.MonkeyPatch, client: openai.OpenAI, url: str, shown: str
) -> None:
    monkeypatch.setitem(ANSWERS, "Evil?", make_answer("Evil?", citations=(make_citation(url=url),)))
    completion = ask(client, "Evil?")
    assert links(content_of(completion)) == {shown}
    assert extra(completion)["citations"] == [url]


def test_the_passages_found_are_not_sent(client: openai.OpenAI) -> None:
    assert make_passage() in make_answer().passages
    assert "passages" not in extra(ask(client, "Was fraß die Katze?", extra_body=WHOLE))["articles"]


# --- The product --------------------------------------------------------------------------------------------


def test_the_openapi_document_has_the_routes_and_their_values(site: str) -> None:
    document = httpx2.get(f"{site}/openapi.json").json()
    assert {"/v1/models", "/v1/models/{model_id}", "/v1/chat/completions"} <= set(document["paths"])
    assert "articles" in document["components"]["schemas"]["Completion"]["properties"]
