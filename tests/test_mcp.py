"""The tools at ``/mcp``, called by the official client over a real port: old revisions of the protocol and the new."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

import anyio
import pytest
from browsing import serving
from fastapi.testclient import TestClient
from mcp import Client
from mcp_types import CallToolResult, Tool
from test_model_answers import LINKS, QUESTIONS, ingested, product_at
from web_fakes import HandMadeAssistant, make_citation, make_passage

from rag.types import LANGS, Found, Lang, Update
from rag.web.api import create_api
from rag.web.mcp.api import MCP_PATH

MODES: list[Literal["auto", "legacy"]] = ["auto", "legacy"]  # without a handshake, and with it
LIMIT = 100
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
HEADERS = {"accept": "application/json, text/event-stream"}


class Waiting(HandMadeAssistant):
    """Finds something, then waits until it is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.found, self.cancelled = threading.Event(), threading.Event()

    def stream(self, question: str, *, cancelled: threading.Event | None = None, **asked: Any) -> Iterator[Update]:
        if "wait" not in question:
            yield from super().stream(question, cancelled=cancelled, **asked)
            return
        assert cancelled
        yield Found((make_passage(),))
        self.found.set()
        if cancelled.wait(20):
            self.cancelled.set()


@pytest.fixture(scope="module")
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture(scope="module")
def address(waiting: Waiting) -> Iterator[str]:
    with serving(create_api(waiting, max_question_chars=LIMIT)) as served:
        yield f"{served}{MCP_PATH}"


@pytest.fixture
def client(waiting: Waiting) -> TestClient:
    return TestClient(create_api(waiting), base_url="http://localhost:7860", raise_server_exceptions=False)


def using(address: str, use: Callable[[Client], Awaitable[Any]], mode: Literal["auto", "legacy"] = "auto") -> Any:
    """What somebody does with a client that is connected."""

    async def connected() -> Any:
        async with Client(address, mode=mode) as client:
            return await use(client)

    return asyncio.run(connected())


def called(address: str, tool: str, arguments: dict[str, Any], mode: Literal["auto", "legacy"] = "auto") -> Any:
    return using(address, lambda client: client.call_tool(tool, arguments), mode)


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert content.type == "text"
    return content.text


# --- The tools ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_the_tools_say_what_they_take_and_give_and_that_they_only_read(
    address: str, mode: Literal["auto", "legacy"]
) -> None:
    tools: list[Tool] = using(address, lambda client: client.list_tools(), mode).tools
    assert [tool.name for tool in tools] == ["ask", "search"]
    for tool in tools:
        assert tool.title and tool.description and tool.annotations
        assert (tool.annotations.read_only_hint, tool.annotations.open_world_hint) == (True, False)
        assert "$ref" not in json.dumps([tool.input_schema, tool.output_schema])
        assert tool.input_schema["additionalProperties"] is False
        assert all(
            field.get("description") for field in tool.input_schema["properties"].values() if "anyOf" not in field
        )
    ask, search = tools
    assert ask.input_schema["required"] == ["question"]
    assert search.input_schema["required"] == ["query"]
    cited = (ask.output_schema or {})["properties"]["citations"]["items"]["properties"]
    assert {"title", "url", "date", "quote", "start", "end"} <= set(cited)


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_comes_as_a_value_and_as_text_with_links(address: str, mode: Literal["auto", "legacy"]) -> None:
    result = called(address, "ask", {"question": "Was fraß die Katze?"}, mode)
    assert not result.is_error
    (citation,) = result.structured_content["citations"]
    expected = make_citation()
    assert (citation["quote"], citation["start"], citation["end"]) == (expected.quote, expected.start, expected.end)
    assert result.structured_content["answered"] is True
    assert "passages" not in result.structured_content
    text = text_of(result)
    assert "[1](https://www.example.org/cats?a=1&b=2)" in text
    assert "Von Katzen & Hunden · Tierblatt · 21. Mai 2024" in text
    assert f"> [1] “Die Katze fraß 3 Mäuse.” ({expected.start}–{expected.end})" in text


def test_a_refusal_is_an_answer_and_no_error(address: str) -> None:
    result = called(address, "ask", {"question": "天气怎么样？"})
    assert not result.is_error
    assert result.structured_content["answered"] is False
    assert text_of(result) == "这些文章没有回答这个问题。"


def test_a_search_gives_passages_with_their_sources(address: str) -> None:
    result = called(address, "search", {"query": "Katze", "top_k": 1})
    (found,) = result.structured_content["results"]
    assert found["text"] == make_passage().text
    first, second = text_of(result).splitlines()
    assert first.startswith("[1] Von Katzen & Hunden · Tierblatt · 2024-05-21 · https://www.example.org/cats?a=1&b=2")
    assert "Die Katze fraß 3 Mäuse." in second


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("ask", {}, "question: this field is required"),
        ("ask", {"question": "x" * (LIMIT + 1)}, f"question: it has more than {LIMIT} characters; shorten it"),
        ("ask", {"question": "x", "model": "gpt"}, "model: there is no such field"),
        ("ask", {"question": "x", "answerer": "llm"}, "answerer: no chat model is set up here"),
        ("ask", {"question": "x", "filters": {"lang": ["fr"]}}, "filters.lang.0: Input should be 'zh', 'en' or 'de'"),
        (
            "ask",
            {"question": "x", "filters": {"tags": ["AI"]}},
            "filters.tags: no article has 'AI'; there are: Tag animals",
        ),
        (
            "ask",
            {"question": "x", "filters": {"authors": ["ft"]}},
            "filters.authors: no article has 'ft'; there are: none",
        ),
        ("search", {"query": "x", "filters": {"article_ids": ["b"]}}, "filters.article_ids: no article has 'b'"),
        ("search", {"query": "x", "top_k": 51}, "top_k: Input should be less than or equal to 50"),
        ("search", {"top_k": "9"}, "query: this field is required\ntop_k: Input should be a valid integer"),
        ("ask", {"question": "fail"}, "the articles cannot be searched right now; try again in a moment"),
        ("search", {"query": "fail"}, "the articles cannot be searched right now; try again in a moment"),
        ("ask", {"question": "crash"}, "something went wrong on our side; it has been logged"),
    ],
)
def test_what_goes_wrong_is_told_to_the_model(address: str, tool: str, arguments: dict[str, Any], message: str) -> None:
    result = called(address, tool, arguments)
    assert result.is_error
    assert result.structured_content is None
    assert text_of(result).startswith(message)
    assert "secret" not in text_of(result)


@pytest.mark.parametrize("mode", MODES)
def test_progress_is_told_while_the_answer_is_made(address: str, mode: Literal["auto", "legacy"]) -> None:
    told: list[tuple[float, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async def use(client: Client) -> None:
        await client.call_tool("ask", {"question": "Was fraß die Katze?"}, progress_callback=on_progress)

    using(address, use, mode)
    assert told == [(1.0, "1 passages found"), (2.0, "Die Katze **fraß** 3 Mäuse.")]


@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_leaves_ends_the_work(address: str, waiting: Waiting, mode: Literal["auto", "legacy"]) -> None:
    waiting.found.clear()
    waiting.cancelled.clear()

    async def use(client: Client) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "ask", {"question": "wait"})
            await asyncio.to_thread(waiting.found.wait, 20)
            group.cancel_scope.cancel()

    using(address, use, mode)
    assert waiting.cancelled.wait(10)


@pytest.mark.parametrize("lang", LANGS)
def test_the_real_product_cites_the_article(real: str, lang: Lang) -> None:
    result = called(real, "ask", {"question": QUESTIONS[lang], "filters": {"lang": lang}})
    assert result.structured_content["answered"] is True
    assert f"]({LINKS[lang]})" in text_of(result)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = ingested(tmp_path_factory.mktemp("real"), embed_model="local-fast")
    with (
        product_at(data, None, chat_model=None, embed_model="local-fast") as assistant,
        serving(create_api(assistant)) as at,
    ):
        yield f"{at}{MCP_PATH}"


# --- The address --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_both_addresses_answer_without_a_redirect(client: TestClient, path: str) -> None:
    response = client.post(path, json=CALL, headers=HEADERS, follow_redirects=False)
    assert response.status_code == 200
    assert '"name":"ask"' in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_are_no_sessions_to_open_or_end(client: TestClient, method: str) -> None:
    response = client.request(method, "/mcp")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_nothing_else_lies_below(client: TestClient) -> None:
    response = client.post("/mcp/ask", json=CALL, headers=HEADERS)
    assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://localhost:7860"}, 200),
        ({"origin": "http://127.0.0.1:7860", "host": "127.0.0.1:7860"}, 200),
        ({"origin": "http://[::1]:7860", "host": "[::1]:7860"}, 200),
        ({"origin": "http://localhost:3000"}, 403),  # another program of this machine
        ({"origin": "http://evil.example:7860", "host": "evil.example:7860"}, 403),  # its domain points at this machine
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_pages_of_other_sites_are_turned_away(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.post("/mcp", json=CALL, headers={**HEADERS, **headers}).status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b'"x"', 400), (b"\xff", 400), (b" " * (257 * 1024), 413)],
)
def test_what_is_no_message_is_refused(client: TestClient, body: bytes, status: int) -> None:
    response = client.post("/mcp", content=body, headers={**HEADERS, "content-type": "application/json"})
    assert response.status_code == status
