"""Prompts that chat front ends send by themselves, and the model that never looks into the articles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from browsing import serving
from model_server import HOLD, Given, Reply, Request, ScriptedServer, refuse, scripted_server
from openai_fakes import ToldAssistant, ask, chunks, connect, content_of, deltas, extra
from test_streaming import SOON, posted

from rag.answering.plain import MOST_CHARS, MOST_TOKENS, PlainWriter
from rag.chat.model import ChatModel, Limits
from rag.types import Usage, Written
from rag.web.api import create_api
from rag.web.openai.chores import LOOKED_AT, TITLE_CHARS, Chore, recognise, reply_to
from rag.web.openai.text import without_links

RECORDED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data/front_ends.json").read_text("utf-8"))
QUESTIONS = [one for one in RECORDED if "question" in one]
CHORES = [one for one in RECORDED if "task" in one]
TITLE = "Provide a concise, 5-word-or-less title for the conversation.\n\nConversation:\nUser: Who?\nAI: Accel."
RETRIEVING = ("articles", "articles-extractive")


def names(one: object) -> str:
    return str(one["name"]) if isinstance(one, dict) else str(one)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[ToldAssistant, str]]:
    assistant = ToldAssistant()
    with serving(create_api(assistant)) as address:
        yield assistant, address


@pytest.fixture
def told(served: tuple[ToldAssistant, str]) -> ToldAssistant:
    """The assistant without a chat model, as if nobody had asked it yet."""
    assistant = served[0]
    assistant.forget()
    assistant.prompts.clear()
    assistant.model = assistant.written = None
    return assistant


@pytest.fixture
def client(served: tuple[ToldAssistant, str], told: ToldAssistant) -> Iterator[openai.OpenAI]:
    with connect(served[1]) as opened:
        yield opened


def sent(site: str, request: dict[str, Any], **changes: Any) -> str:
    """What is replied to a request as it was recorded."""
    response = httpx2.post(f"{site}/v1/chat/completions", json={**request, **changes}, timeout=60)
    assert response.status_code == 200, response.text
    if not {**request, **changes}["stream"]:
        return str(response.json()["choices"][0]["message"]["content"])
    *events, done = response.text.strip().split("\n\n")
    assert done == "data: [DONE]"
    choices = [choice for one in events for choice in json.loads(one.removeprefix("data: "))["choices"]]
    assert choices[0]["delta"]["role"] == "assistant"
    assert choices[-1]["finish_reason"] == "stop"
    return "".join(choice["delta"].get("content", "") for choice in choices)


# --- What is a chore, and what is none ----------------------------------------------------------------------


@pytest.mark.parametrize("one", QUESTIONS, ids=names)
def test_what_front_ends_ask_for_people_is_asked_of_the_articles(
    served: tuple[ToldAssistant, str], told: ToldAssistant, one: dict[str, Any]
) -> None:
    for stream in (True, False):
        assert "Scale raised $1bn [1](" in sent(served[1], one["request"], stream=stream)
    assert [asked["question"] for asked in told.asked] == [one["question"]] * 2


@pytest.mark.parametrize("one", CHORES, ids=names)
def test_a_chore_is_done_without_the_articles_and_without_a_model(
    served: tuple[ToldAssistant, str], told: ToldAssistant, one: dict[str, Any]
) -> None:
    for model in (*RETRIEVING, "articles-plain"):
        assert sent(served[1], one["request"], model=model) == one["reply"]
    assert sent(served[1], one["request"], stream=not one["request"]["stream"]) == one["reply"]
    assert told.asked == []
    assert told.prompts == []


@pytest.mark.parametrize("one", CHORES, ids=names)
def test_its_kind_is_recognised(one: dict[str, Any]) -> None:
    chore = recognise(one["request"]["messages"])
    assert chore
    assert chore.task == one["task"]


@pytest.mark.parametrize(
    "question",
    [
        "Generate a title for my essay on Scale AI?",
        "What does the article say about a concise, 3-5 word title?",
        "Welche Aufgabe hat die Kommission?",
        "请为这篇文章写一个标题",
        "### Task: who led the round?",
        '### Task:\nAnswer from this context.\n<context>\n{"title": "x"}\n</context>\nWho led it?',
        'What is <chat_history>USER: x</chat_history> with "title": 1?',
        "Write a concise title",
        "",
    ],
)
def test_a_question_is_none(question: str) -> None:
    assert recognise([{"role": "user", "content": question}]) is None
    asked_before = [{"role": "user", "content": TITLE}, {"role": "assistant", "content": "Accel"}]
    assert recognise([*asked_before, {"role": "user", "content": question}]) is None


def test_a_chore_without_a_conversation_has_a_reply_too() -> None:
    assert recognise([]) is None
    assert reply_to(Chore("title", ())) == '{"title": ""}'
    assert reply_to(Chore("tags", ("?!",))) == '{"tags": []}'
    assert reply_to(Chore("queries", ())) == '{"queries": []}'


def test_a_long_and_hostile_conversation_is_done_in_no_time() -> None:
    for text in ("<chat_history>" * 5000, "USER:" * 20000, '"title"' * 10000, "###" * 30000, "USER: " + "[" * 90000):
        prompt = f'### Task:\n{{"title": ""}}\n<chat_history>\n{text}\n</chat_history>'
        chore = recognise([{"role": "user", "content": prompt}])
        assert chore
        assert len(reply_to(chore)) < LOOKED_AT
    title = json.loads(reply_to(Chore("title", ("![x](https://evil.example) **Was** `fraß` \u202edie\nKatze?" * 9,))))
    assert "\n" not in title["title"]
    assert len(title["title"]) <= TITLE_CHARS


# --- With a chat model --------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", CHORES, ids=names)
def test_a_chat_model_is_given_the_prompt_as_it_is(
    served: tuple[ToldAssistant, str], told: ToldAssistant, one: dict[str, Any]
) -> None:
    told.model = "smol"
    told.written = lambda: Written('{"title": "Scale"}', "smol", usage=Usage(1, 40, 6))
    for model in ("articles", "articles-smol", "articles-plain"):
        assert sent(served[1], one["request"], model=model) == '{"title": "Scale"}'
    assert told.prompts == [one["request"]["messages"]] * 3
    assert told.asked == []


def test_who_asks_for_quotes_alone_sends_nothing_to_a_model(told: ToldAssistant, client: openai.OpenAI) -> None:
    told.model = "smol"
    assert content_of(ask(client, TITLE, model="articles-extractive")) == "Who"
    assert told.prompts == []


def test_a_model_that_fails_does_not_fail_a_chore(told: ToldAssistant, client: openai.OpenAI) -> None:
    told.model = "smol"
    assert content_of(ask(client, TITLE)) == "Who"
    assert deltas(chunks(client, TITLE)) == "Who"
    assert len(told.prompts) == 2


def test_a_plain_prompt_is_answered_by_the_model_alone(told: ToldAssistant, client: openai.OpenAI) -> None:
    told.model = "smol"
    told.written = lambda: Written("Hello Anna, hello Ben.", "smol", cut_off=True, usage=Usage(1, 40, 6))
    for completion in (
        ask(client, "Say hello", model="articles-plain"),
        ask(client, "Say hello", model="articles-plain", stop=[", hello"]),
    ):
        assert completion.usage
        assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (40, 6)
        assert extra(completion) == {"citations": [], "search_results": [], "answer_id": None}
        assert completion.choices[0].message.annotations == []
    assert content_of(completion) == "Hello Anna"
    assert completion.choices[0].finish_reason == "stop"
    assert ask(client, "Say hello", model="articles-plain").choices[0].finish_reason == "length"
    assert told.asked == []


def test_without_a_model_a_plain_prompt_is_refused_with_the_remedy(told: ToldAssistant, client: openai.OpenAI) -> None:
    for send in (ask, chunks):
        with pytest.raises(openai.BadRequestError, match="ask the model articles") as caught:
            client.chat.completions.create(
                model="articles-plain", messages=[{"role": "user", "content": "Say hello"}], stream=send is chunks
            )
        assert caught.value.param == "model"


def test_a_model_that_fails_is_told_in_words_of_ours(told: ToldAssistant, client: openai.OpenAI) -> None:
    told.model = "smol"
    with pytest.raises(openai.InternalServerError, match="cannot be asked right now") as caught:
        ask(client, "Say hello", model="articles-plain")
    assert caught.value.status_code == 503
    assert caught.value.response.headers["retry-after"] == "5"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"title": "![x](https://evil.example/?q=1)"}', '{"title": "[x] (evil.example/?q=1)"}'),
        ("<img src=https://evil.example>", "‹img src=evil.example>"),
        ("[a][b]\n\n[b]: javascript://evil", "[a] [b]\n\n[b] : evil"),
        ("w//ww.evil.example and ht\u200btp://evil.example", "evil.example and evil.example"),
        ('{"queries": ["a", "b [1]"]}', '{"queries": ["a", "b [1]"]}'),
        ("3 < 4 and 天气 😊", "3 < 4 and 天气 😊"),
        ("!![a](b)", "[a] (b)"),
    ],
)
def test_nothing_that_a_model_says_by_itself_can_be_opened(text: str, shown: str) -> None:
    assert without_links(text) == shown
    assert without_links(shown) == shown


# --- The model behind its limits ----------------------------------------------------------------------------


class WritingAssistant(ToldAssistant):
    """Has a real client of a scripted model."""

    def __init__(self, model: ChatModel) -> None:
        super().__init__("small")
        self.write = PlainWriter(model).write  # type: ignore[method-assign]


@contextmanager
def model_behind(reply: Given, **settings: Any) -> Iterator[tuple[str, ScriptedServer, ChatModel]]:
    def script(_: Request) -> Given:
        return reply

    with scripted_server(script) as server:
        model = ChatModel("small", base_url=server.base_url, api_key="sk-secret", limits=Limits(retries=0), **settings)
        try:
            with serving(create_api(WritingAssistant(model))) as site:
                yield site, server, model
        finally:
            model.close()


def test_a_prompt_and_its_reply_are_bounded() -> None:
    settings = {"max_tokens": 4000, "context_window": 16_384}
    with model_behind("Hello.", **settings) as (site, server, model), connect(site) as client:
        messages: Any = [
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Say hello"}]},
            {"role": "tool", "content": "42", "tool_call_id": "1"},
            {"role": "assistant", "content": None},
        ]
        limits: list[Any] = [{}, {"max_tokens": 100_000}, {"max_completion_tokens": 7, "max_tokens": 9}]
        for limit in limits:
            client.chat.completions.create(model="articles-plain", messages=messages, temperature=2, **limit)
        with pytest.raises(openai.BadRequestError, match="16000 are possible") as caught:
            ask(client, "x" * (MOST_CHARS + 1), model="articles-plain")
        assert caught.value.param == "messages"
        with pytest.raises(openai.BadRequestError, match="too long for the context"):
            ask(client, "Ü字" * (MOST_CHARS // 2), model="articles-plain")
        assert content_of(ask(client, TITLE + "x" * MOST_CHARS)) == "Who"
    assert [request["max_tokens"] for request in server.asked] == [MOST_TOKENS, MOST_TOKENS, 7]
    for request in server.asked:
        assert request["temperature"] == 0  # the server's, not what was sent
        assert request["messages"] == [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Say hello"},
        ]
    assert model.usage.calls == 3


def test_a_reply_that_reaches_its_limit_says_so() -> None:
    with model_behind(Reply("A title that does", finish="length")) as (site, _, _), connect(site) as client:
        completion = ask(client, TITLE, max_tokens=4)
        assert content_of(completion) == "A title that does"
        assert completion.choices[0].finish_reason == "length"
        assert chunks(client, TITLE)[-1].choices[0].finish_reason == "length"


def test_a_model_that_fails_again_and_again_is_left_alone() -> None:
    with model_behind(refuse(500, "down")) as (site, server, model), connect(site) as client:
        for _ in range(5):
            assert content_of(ask(client, TITLE)) == "Who"
        assert model.is_resting
        with pytest.raises(openai.InternalServerError):
            ask(client, "Say hello", model="articles-plain")
        assert len(server.asked) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_ends_the_call_of_the_model(stream: bool) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": TITLE}], "stream": stream})
    with model_behind(HOLD) as (site, server, _):
        with posted(site, "/v1/chat/completions", body):
            while not server.asked:
                assert not server.gone.wait(0.01)
        assert server.gone.wait(SOON)
