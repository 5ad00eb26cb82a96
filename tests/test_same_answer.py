"""One question asked in every way there is: page, API, the OpenAI-compatible routes and MCP give the same answer."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from browsing import serving
from fastapi.testclient import TestClient
from mcp import Client
from mcp_types import CallToolResult, TextContent
from model_server import DIE, Given, Request, Streamed, prompt_of, refuse, said
from test_model_answers import (
    DOUBTFUL,
    FOLLOW_UPS,
    HISTORY,
    LIES,
    QUESTIONS,
    REPLIES,
    UNANSWERABLE,
    Running,
    Script,
    in_conversation,
    ingested,
    marked,
    perfect,
    running_product,
    writing,
)

from rag.assistant import Assistant
from rag.chat.prompts import NOTHING, note
from rag.types import LANGS, Answer, AnswererName, Filters, Lang, Turn
from rag.web.api import create_api
from rag.web.chat_tab import build_chat_tab
from rag.web.conversation import Conversation
from rag.web.entries import Entry
from rag.web.gradio_setup import gr
from rag.web.render import make_anchor, render_acts, render_answer, render_sources
from rag.web.talk import Talk

Told = dict[str, Any]  # an answer as JSON


@dataclass(frozen=True, slots=True)
class Case:
    """A question, what was said before it, and what the model does."""

    name: str
    lang: Lang
    question: str
    script: Script
    history: tuple[Turn, ...] = ()
    answerer: AnswererName | None = None
    fails: bool = False  # the model's server does


def lies(lang: Lang) -> str:
    return " ".join([lie for of, lie, _ in LIES if of == lang][:2])


def breaking_off(request: Request) -> Given:
    """The first half of a perfect reply."""
    lang = next(lang for lang in LANGS if QUESTIONS[lang] in prompt_of(request))
    reply = marked(request, REPLIES[lang])
    return Streamed([said(reply[: len(reply) * 3 // 5]), DIE])


def cases() -> Iterator[Case]:
    for lang in LANGS:
        question = QUESTIONS[lang]
        yield Case("perfect", lang, question, perfect)
        yield Case("some lies", lang, question, writing(f"{lies(lang)} {REPLIES[lang]}"))
        yield Case("all lies", lang, question, writing(lies(lang)))
        yield Case("broken off", lang, question, breaking_off, fails=True)
        yield Case("crashed", lang, question, lambda request: refuse(500, "down"), fails=True)
        yield Case("not answerable", lang, UNANSWERABLE[lang], perfect)
        follow_up, alone, _ = FOLLOW_UPS[lang]
        yield Case("follow-up", lang, follow_up, in_conversation(lang, alone), HISTORY[lang])
        yield Case("quotes asked for", lang, question, perfect, answerer="extractive")
    yield Case("nothing found", "en", DOUBTFUL, writing(NOTHING["en"]))
    yield Case("no question", "en", "?!", perfect)


CASES = list(cases())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ingested(tmp_path_factory.mktemp("same"))


@pytest.fixture(scope="module")
def running(data: Path) -> Iterator[Running]:
    """With a model."""
    with running_product(data, chat_price_in=1, chat_price_out=2) as opened:
        yield opened


@pytest.fixture(scope="module")
def quoting(data: Path) -> Iterator[Running]:
    """Without one."""
    with running_product(shutil.copytree(data, data.parent / "quoting"), chat_model=None) as opened:
        yield opened


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page tells how long an answer took, which is never the same."""
    monkeypatch.setattr("rag.engine.perf_counter", lambda: 0.0)


# --- The ways to ask ----------------------------------------------------------------------------------------


def events(text: str) -> list[tuple[str, Any]]:
    blocks = [block.split("\ndata: ") for block in text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(value)) for name, value in blocks]


def asked_api(client: TestClient, case: Case) -> Told:
    response = client.post("/api/ask", json=api_request(case))
    assert response.status_code == 200
    return dict(response.json())


def asked_api_streaming(client: TestClient, case: Case) -> Told:
    told = events(client.post("/api/ask", json={**api_request(case), "stream": True}).text)
    (name, answer) = told[-1]
    sentences = [value for name, value in told if name == "sentence"]
    assert name == "answer"
    assert sentences == answer["sentences"]
    return dict(answer)


def api_request(case: Case) -> dict[str, Any]:
    return {"question": case.question, "history": turns(case.history), "answerer": case.answerer}


def asked_openai(client: TestClient, case: Case) -> Told:
    response = client.post("/v1/chat/completions", json=openai_request(case))
    assert response.status_code == 200
    return dict(response.json()["articles"])


def asked_openai_streaming(client: TestClient, case: Case) -> Told:
    text = client.post("/v1/chat/completions", json={**openai_request(case), "stream": True}).text
    *chunks, done = [block.removeprefix("data: ") for block in text.strip().split("\n\n")]
    assert done == "[DONE]"
    told = [json.loads(chunk) for chunk in chunks]
    (answer,) = [chunk["articles"] for chunk in told if "articles" in chunk]
    content = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in told if chunk["choices"])
    spoken = "".join(content.split())
    assert all("".join(sentence["text"].rstrip(".。").split()) in spoken for sentence in answer["sentences"])
    return dict(answer)


def openai_request(case: Case) -> dict[str, Any]:
    model = f"articles-{case.answerer}" if case.answerer else "articles"
    messages = [*turns(case.history), {"role": "user", "content": case.question}]
    return {"model": model, "messages": messages, "articles": {"answer": True}}


def asked_mcp(address: str, case: Case) -> Told:
    """The official client, connected over a real port."""

    async def call() -> CallToolResult:
        async with Client(f"{address}/mcp") as client:
            return await client.call_tool("ask", api_request(case))

    result = asyncio.run(call())
    assert not result.is_error
    answer: Told = result.structured_content
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert all(citation["url"] in content.text for citation in answer["citations"])
    return answer


def turns(history: Sequence[Turn]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in history]


def nameless(answer: Told) -> Told:
    """An answer without what differs each time."""
    assert set(answer["timings_ms"]) in ({"retrieve", "answer", "verify", "total"}, set())
    return {name: value for name, value in answer.items() if name not in ("id", "timings_ms")}


def on_page(assistant: Assistant, case: Case) -> list[tuple[str, str]]:
    """All that the page is told to show, step by step: the newest message and the sources."""
    reader: Any = gr.Request(headers={"accept-language": case.lang}, cookies={})
    before = Conversation.of(said_before(case), case.lang)
    with gr.Blocks():
        parts = build_chat_tab(gr.Markdown())
    talk = Talk(assistant, parts, 2000)
    chosen = parts.filters.values(Filters())

    async def reply() -> list[dict[Any, Any]]:
        return [step async for step in talk.reply(reader, case.question, before, "", *chosen)]

    sources, shown = "", []
    for step in asyncio.run(reply()):
        sources = step.get(parts.sources, sources)
        if parts.chat in step:
            shown.append((step[parts.chat][-1]["content"], sources))
    return shown


def said_before(case: Case) -> list[Entry]:
    """The conversation before a case, as the page holds it."""
    if not case.history:
        return []
    question, answer = (turn.content for turn in case.history)
    return [Entry(question, answer=Answer("before", question, case.lang, answered=True, answer=answer))]


def sentences_in(html: str) -> list[str]:
    return re.findall(r'<span class="sentence"[^>]*>(.*?)</span>', html)


def without_id(html: str) -> str:
    return re.sub(r"\b([12])-[0-9a-f]{16}\b", r"\1-ID", html)


# --- One answer ---------------------------------------------------------------------------------------------


def check_same_in_every_way(running: Running, case: Case) -> None:
    """The routes tell the answer that the assistant itself gives, and the page shows that."""
    assistant = running.assistant

    def again(ask: Callable[[], Any]) -> Any:
        with running.following(case.script):
            asked = ask()
        if case.fails:  # three failures in a row, and the server would be left alone
            with running.following(perfect):
                assert assistant.ask(QUESTIONS["en"]).note is None
        return asked

    api = create_api(assistant)
    client = TestClient(api)
    answer: Answer = again(lambda: assistant.ask(case.question, history=case.history, answerer=case.answerer))
    expected = nameless(json.loads(json.dumps(answer.to_dict())))
    assert expected["answered"] != bool(expected["refusal"])
    for way in (asked_api, asked_api_streaming, asked_openai, asked_openai_streaming):
        assert nameless(again(lambda: way(client, case))) == expected, way.__name__  # noqa: B023  called at once
    with serving(api) as address:
        assert nameless(again(lambda: asked_mcp(address, case))) == expected
    if case.answerer is None:  # which the page has no choice of
        check_page(again(lambda: on_page(assistant, case)), answer, case)


def check_page(steps: list[tuple[str, str]], answer: Answer, case: Case) -> None:
    """The page shows an answer with its sources, and showed no other sentence on the way."""
    number, lang = len(said_before(case)) + 1, case.lang
    anchor = make_anchor(number, answer.id)
    shown = [message for message, _ in steps]
    expected = render_answer(answer, anchor, lang) + render_acts(anchor, lang, answered=True)
    assert without_id(shown[-1]) == without_id(expected)
    assert without_id(steps[-1][1]) == without_id(render_sources(answer, anchor, lang))
    final = sentences_in(shown[-1])
    assert len(final) == len(answer.sentences)
    # Sentences that come shortly after each other are shown together, so not each has a step of its own.
    for told in (sentences_in(html) for html in shown[:-1] if "going-on" in html):
        assert told == final[: len(told)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.lang}-{case.name}")
def test_every_way_to_ask_gives_the_same_answer(running: Running, case: Case) -> None:
    check_same_in_every_way(running, case)


@pytest.mark.parametrize("lang", LANGS)
def test_without_a_model_they_do_so_too(quoting: Running, lang: Lang) -> None:
    follow_up = FOLLOW_UPS[lang][0]
    check_same_in_every_way(quoting, Case("quotes", lang, QUESTIONS[lang], perfect))
    check_same_in_every_way(quoting, Case("follow-up", lang, follow_up, perfect, HISTORY[lang]))
    check_same_in_every_way(quoting, Case("not answerable", lang, UNANSWERABLE[lang], perfect))
    assert quoting.server.asked == []


def test_the_cases_are_of_every_kind(running: Running) -> None:
    """Else the tests above would compare less than they seem to."""
    told = {}
    for case in CASES:
        if case.lang == "en":
            with running.following(case.script):
                told[case.name] = running.assistant.ask(case.question, history=case.history, answerer=case.answerer)
    assert {name for name, answer in told.items() if answer.note == note("nothing_proven", "en")} == {"all lies"}
    assert {name for name, answer in told.items() if answer.note == note("model_failed", "en")} == {"crashed"}
    assert {name for name, answer in told.items() if answer.note == note("cut_off", "en")} == {"broken off"}
    assert {name for name, answer in told.items() if answer.refusal} == {
        "not answerable",
        "nothing found",
        "no question",
    }
    assert {name for name, answer in told.items() if answer.standalone_question} == {"follow-up"}
    assert {name for name, answer in told.items() if answer.dropped} == {"some lies", "all lies"}
