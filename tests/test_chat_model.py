"""A chat model behind an OpenAI-compatible server: what is sent, what comes back, and what is said when it fails."""

from __future__ import annotations

import asyncio
import socket
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import SAMPLES
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.prompts import PromptTemplate
from llama_index.core.utils import get_tokenizer
from model_server import Reply, prompt_of, refuse, scripted_server

from rag.chat.model import ChatModel
from rag.errors import ChatModelError, ChatModelSetupError, ReplyError, SettingsError
from rag.types import Usage

KEY = "sk-very-secret"
TEXTS = ["How long is it?", "Wie lang ist die Röhre, in Metern?", "隧道有多长？"]


def model_at(base_url: str | None, **options: Any) -> ChatModel:
    return ChatModel("small", **{"base_url": base_url, "api_key": KEY, "max_retries": 0, **options})


def failure_of(model: ChatModel) -> ChatModelError:
    with pytest.raises(ChatModelError) as caught:
        model.complete("hello")
    return caught.value


# --- Asking ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", TEXTS)
def test_a_prompt_is_sent_as_it_is_and_its_reply_comes_back(text: str) -> None:
    with scripted_server(lambda request: f"You said: {prompt_of(request)}") as server:
        model = model_at(server.base_url, max_tokens=50)
        assert model.complete(text).text == f"You said: {text}"
    assert server.asked == [
        {"model": "small", "messages": [{"role": "user", "content": text}], "temperature": 0.0, "max_tokens": 50}
    ]
    assert server.keys == [f"Bearer {KEY}"]


def test_a_conversation_keeps_its_roles() -> None:
    said = [ChatMessage(role=MessageRole.SYSTEM, content="Be brief."), ChatMessage(role="user", content="Hallo")]
    with scripted_server(lambda request: "Hallo!") as server:
        model = model_at(server.base_url)
        replies = [model.chat(said), asyncio.run(model.achat(said))]
    assert [reply.message.content for reply in replies] == ["Hallo!", "Hallo!"]
    sent = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hallo"}]
    assert [request["messages"] for request in server.asked] == [sent, sent]


def test_event_loops_follow_each_other() -> None:
    with scripted_server(lambda request: "yes") as server:
        model = model_at(server.base_url)
        assert [asyncio.run(model.acomplete("x")).text for _ in range(3)] == ["yes"] * 3


def test_a_stream_is_the_whole_reply_in_one_piece() -> None:
    with scripted_server(lambda request: "all of it") as server:
        pieces = list(model_at(server.base_url).stream_complete("x"))
    assert [(piece.text, piece.delta) for piece in pieces] == [("all of it", "all of it")]


def test_llama_index_asks_it_as_a_chat_model() -> None:
    with scripted_server(lambda request: "57 km") as server:
        said = model_at(server.base_url).predict(PromptTemplate("Wie lang ist {what}?"), what="der {Tunnel}")
    assert (said, server.prompts) == ("57 km", ["Wie lang ist der {Tunnel}?"])


def test_text_that_cannot_be_encoded_is_sent_with_a_stand_in() -> None:
    with scripted_server(lambda request: "ok") as server:
        model_at(server.base_url).complete("lone \ud800 surrogate")
    assert server.prompts == ["lone \ufffd surrogate"]


def test_replies_and_tokens_are_counted_in_all_threads_cut_off_ones_too() -> None:
    def reply(request: dict[str, Any]) -> Reply:
        return Reply("…", finish="length" if prompt_of(request) == "long" else "stop")

    with scripted_server(reply) as server:
        model = model_at(server.base_url)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(model.complete, ["short"] * 19))
        with pytest.raises(ReplyError):
            model.complete("long")
    assert model.usage == Usage(calls=20, tokens_in=400, tokens_out=60)


# --- Failing -----------------------------------------------------------------------------------------------


def test_a_reply_that_is_cut_off_is_no_reply() -> None:
    with scripted_server(lambda request: Reply("YES, because", finish="length")) as server:
        error = failure_of(model_at(server.base_url, max_tokens=7))
    assert isinstance(error, ReplyError)
    assert (str(error), error.text) == ("small was cut off: it did not finish within 7 tokens", "YES, because")


@pytest.mark.parametrize("text", ["", " \n", None])
def test_an_empty_reply_is_no_reply(text: str | None) -> None:
    with scripted_server(lambda request: Reply(text)) as server:
        error = failure_of(model_at(server.base_url))
    assert isinstance(error, ReplyError)
    assert str(error) == "small replied nothing (finish reason: stop)"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply("57", finish=None), "small was cut off: its server ended before the reply did"),
        (Reply("57", finish="content_filter"), "small refused to reply; ask in other words"),
        (Reply(None, more={"refusal": "I can't."}), "small refused to reply: I can't.; ask in other words"),
        (Reply("x" * 1000), "the model does not stop: more than 160 characters came"),
    ],
)
def test_a_reply_that_did_not_end_as_it_should_is_no_reply(reply: Reply, message: str) -> None:
    with scripted_server(lambda request: reply) as server:
        error = failure_of(model_at(server.base_url, max_tokens=10))
    assert isinstance(error, ReplyError)
    assert str(error).startswith(message)


@pytest.mark.parametrize(
    "body",
    [
        {"object": "chat.completion", "choices": []},
        {"object": "chat.completion"},
        {"error": "in a 200"},
        [1],
        b"<html>a page</html>",
        b"no json",
    ],
)
def test_what_is_no_completion_at_all_names_the_address(body: object) -> None:
    with scripted_server(lambda request: Reply(body=body)) as server:
        error = failure_of(model_at(server.base_url))
    assert server.base_url in str(error)
    assert "see whether OPENAI_BASE_URL is an OpenAI-compatible server" in str(error)
    assert type(error) is ChatModelError


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (400, ChatModelError, "so it goes"),
        (401, ChatModelSetupError, "set OPENAI_API_KEY to a key that it takes"),
        (403, ChatModelSetupError, "set OPENAI_API_KEY to a key that may use this model"),
        (404, ChatModelSetupError, "name a model that it serves, and see whether OPENAI_BASE_URL should end in /v1"),
        (429, ChatModelError, "wait, or look at the quota of the key"),
        (500, ChatModelError, "try again later, or look into its log"),
        (503, ChatModelError, "try again later, or look into its log"),
    ],
)
def test_a_status_of_failure_is_told_with_the_server_its_words_and_a_remedy(
    status: int, kind: type[ChatModelError], remedy: str
) -> None:
    with scripted_server(lambda request: refuse(status, f"{KEY} said: so it goes")) as server:
        error = failure_of(model_at(server.base_url))
    verb = "failed" if status >= 500 else "refused"
    assert type(error) is kind
    assert str(error).startswith(f"{server.base_url} {verb} to run small ({status}): … said: so it goes")
    assert str(error).endswith(remedy)


def test_an_overload_that_passes_is_not_noticed() -> None:
    replies: list[Reply | str] = [refuse(500, "busy"), refuse(429, "busy"), "here I am"]
    with scripted_server(lambda request: replies.pop(0)) as server:
        model = model_at(server.base_url, max_retries=2)
        assert model.complete("x").text == "here I am"
    assert model.usage.calls == 1


@pytest.mark.parametrize("secret", ["user:pass-word@", ""])
def test_no_server_at_all_is_told_without_what_is_secret(secret: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else answers here
        port = taken.getsockname()[1]
        model = model_at(f"http://{secret}127.0.0.1:{port}/v1?token=query-secret")
        error = failure_of(model)
        with pytest.raises(ChatModelSetupError):
            asyncio.run(model.acomplete("x"))
    assert isinstance(error, ChatModelSetupError)
    assert str(error).startswith(f"http://127.0.0.1:{port}/v1 cannot be reached: ")
    assert str(error).endswith("start the server, or set OPENAI_BASE_URL to its address")
    told = "".join(traceback.format_exception(error))
    assert not any(word in told for word in (KEY, "pass-word", "query-secret"))


def test_a_server_that_takes_too_long_is_told_with_the_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        error = failure_of(model_at(f"http://127.0.0.1:{silent.getsockname()[1]}/v1", timeout=0.2))
    assert "did not answer within 0.2 seconds" in str(error)
    assert type(error) is ChatModelError


def test_a_key_that_the_server_repeats_is_in_no_traceback() -> None:
    with scripted_server(lambda request: refuse(401, f"Incorrect API key provided: {KEY}")) as server:
        error = failure_of(model_at(server.base_url))
    assert KEY not in "".join(traceback.format_exception(error)) + repr(error)
    assert "Incorrect API key provided: …" in str(error)


# --- Setting up --------------------------------------------------------------------------------------------


def test_a_key_in_the_environment_alone_sends_nothing_anywhere() -> None:
    with pytest.raises(SettingsError, match="the model small needs OPENAI_BASE_URL of a server, or OPENAI_API_KEY"):
        model_at(None, api_key=None)
    with scripted_server(lambda request: "ok") as server:  # conftest puts a key there
        model_at(server.base_url, api_key=None).complete("x")
    assert server.keys == ["Bearer none"]


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "ftp://host/v1", "http://", "http://[::1/v1", "http://host:port/"]
)
def test_an_address_that_is_none_is_refused_at_the_door(url: str) -> None:
    with pytest.raises(SettingsError, match="OPENAI_BASE_URL is no web address"):
        model_at(url)


@pytest.mark.parametrize("key", ["sk-\nsecret", "sk-schlüssel", "sk-\x00"])
def test_a_key_that_could_not_be_sent_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(SettingsError, match="OPENAI_API_KEY") as caught:
        model_at("http://127.0.0.1:9/v1", api_key=key)
    assert key not in str(caught.value)


# --- Tokens ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.md")), ids=lambda path: path.stem)
def test_tokens_are_never_counted_too_low_and_not_far_too_high(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tokenize = get_tokenizer()  # GPT-4's, which comes with LlamaIndex
    windows = [text[start : start + 400] for start in range(0, len(text), 400)]
    assert all(len(tokenize(window)) <= ChatModel.count_tokens(window) for window in windows)
    assert ChatModel.count_tokens(text) < 2.3 * len(tokenize(text))


@pytest.mark.parametrize("text", ["🚄" * 40, "ελληνικά", "\ud800", "\x00\x01", "日本語のテキスト", "عربى"])
def test_what_nobody_writes_about_counts_as_its_bytes_at_least(text: str) -> None:
    assert ChatModel.count_tokens(text) >= len(get_tokenizer()(text.encode("utf-8", "replace").decode()))


def test_no_text_has_no_tokens_but_those_around_it() -> None:
    assert ChatModel.count_tokens("") == 2
