"""What stands in front of the API: keys and roles, rates, places, deadlines, ids, other sites, proxies."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from browsing import serving
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send
from web_fakes import HandMadeAssistant, make_answer

from rag.ingesting.library import Added
from rag.keys import KeyFile, Keyring
from rag.storage.feedback import FeedbackStore
from rag.types import Found, Update
from rag.web.api import create_api
from rag.web.deadline import Deadline
from rag.web.rates import Rates
from rag.web.wall import Access

V1 = {"model": "articles", "messages": [{"role": "user", "content": "Was?"}]}


class Shelf(HandMadeAssistant):
    """Takes files and lets them go."""

    def add(self, files: Any, progress: Any = None) -> list[Added]:
        return [Added(name, "added", article_id="cats") for name, _ in files]

    def remove(self, article_id: str) -> Path:
        return Path("cats.md")


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


def client_of(access: Access, **how: Any) -> TestClient:
    return TestClient(create_api(Shelf(), access=access), raise_server_exceptions=False, **how)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def kind(response: Any) -> tuple[int, str]:
    """Status and type of an error; of OpenAI's shape the code."""
    error = response.json()["error"]
    return response.status_code, error.get("code") or error["type"]


# --- Keys and roles -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/articles"),
        ("POST", "/api/ask"),
        ("POST", "/api/nothing"),
        ("GET", "/v1/models"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/mcp"),
        ("GET", "/mcp/sse"),
        ("PUT", "/api"),
    ],
)
def test_whatever_is_below_the_api_needs_a_key(keys: KeyFile, method: str, path: str) -> None:
    keys.add("a", "read")
    client = client_of(Access(Keyring(file=keys)))
    response = client.request(method, path)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert kind(response)[1] == ("invalid_api_key" if path.startswith("/v1") else "unauthorized")


def test_a_key_is_revoked_while_the_server_runs_and_the_last_one_leaves_it_locked(keys: KeyFile) -> None:
    client = client_of(Access(Keyring(file=keys)))
    assert client.get("/api/articles").status_code == 200  # nobody made a key yet
    token = keys.add("a", "read")
    assert client.get("/api/articles").status_code == 401
    assert client.get("/api/articles", headers=bearer(token)).status_code == 200
    keys.revoke("a")
    for headers in (bearer(token), {}):
        assert client.get("/api/articles", headers=headers).status_code == 401


def test_a_reader_asks_and_rates_but_changes_no_article(keys: KeyFile, tmp_path: Path) -> None:
    reader, writer = bearer(keys.add("reader", "read")), bearer(keys.add("writer", "write"))
    store = FeedbackStore(tmp_path / "feedback.sqlite3")
    shelf = Shelf(feedback=store)
    client = TestClient(create_api(shelf, access=Access(Keyring(file=keys))))
    article = {"name": "a", "text": "# A\n\nb"}
    asked = client.post("/api/ask", json={"question": "Was?"}, headers=reader)
    assert asked.status_code == 200
    rating = {"answer_id": asked.json()["id"], "rating": "up"}
    assert client.post("/api/feedback", json=rating, headers=reader).status_code == 200
    assert client.post("/v1/chat/completions", json=V1, headers=reader).status_code == 200
    assert kind(client.post("/api/ingest", json=article, headers=reader)) == (403, "forbidden")
    assert kind(client.delete("/api/articles/cats", headers=reader)) == (403, "forbidden")
    assert kind(client.post("/api/whatever-comes-next", headers=reader)) == (403, "forbidden")
    assert client.post("/api/ingest", json=article, headers=writer).status_code == 200
    assert client.delete("/api/articles/cats", headers=writer).status_code == 200
    store.close()


def test_the_openapi_document_says_how_and_when_a_key_is_sent(keys: KeyFile) -> None:
    client = client_of(Access(Keyring(file=keys)))
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert "security" not in document["paths"]["/api/ask"]["post"]
    keys.add("a", "read")
    paths = client.get("/openapi.json").json()["paths"]
    assert paths["/api/ask"]["post"]["security"] == paths["/v1/models"]["get"]["security"] == [{"key": []}]
    assert "security" not in paths["/health"]["get"]
    assert {"401", "429", "504"} <= set(paths["/api/ask"]["post"]["responses"])


# --- Rates --------------------------------------------------------------------------------------------------


def test_a_bucket_fills_again_as_time_goes_on() -> None:
    now = 0.0
    rates = Rates(3, clock=lambda: now)
    assert [rates.wait("a") for _ in range(4)] == [0, 0, 0, 20]
    assert rates.wait("b") == 0
    now = 19.0
    assert rates.wait("a") == pytest.approx(1)
    now = 20.0
    assert (rates.wait("a"), rates.wait("a")) == (0, 20)
    now = 10_000.0
    assert [rates.wait("a") for _ in range(4)] == [0, 0, 0, 20]
    assert [Rates(0).wait("a") for _ in range(1000)] == [0] * 1000


def test_no_more_callers_are_kept_than_fit() -> None:
    rates = Rates(3, most=100)
    for number in range(1000):
        rates.wait(str(number))
    assert len(rates) == 100


def test_each_key_has_its_own_count_and_is_told_when_to_come_again(keys: KeyFile) -> None:
    one, other = bearer(keys.add("one", "read")), bearer(keys.add("other", "read"))
    client = client_of(Access(Keyring(file=keys), rate_per_minute=2))
    assert [client.get("/api/articles", headers=one).status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get("/api/articles", headers=one)
    assert kind(refused) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    chat = client.post("/v1/chat/completions", json=V1, headers=one)
    assert kind(chat) == (429, "rate_limit_exceeded")
    assert int(chat.headers["retry-after"]) >= 1
    assert client.get("/api/articles", headers=other).status_code == 200


def test_who_guesses_keys_is_counted_by_address(keys: KeyFile) -> None:
    token = keys.add("a", "read")
    access = Access(Keyring(file=keys), rate_per_minute=2)
    api = create_api(Shelf(), access=access)
    guesser, other = (TestClient(api, client=(address, 5)) for address in ("192.0.2.1", "192.0.2.2"))
    guessed = [guesser.get("/api/articles", headers=bearer(f"ata_{n}")).status_code for n in range(3)]
    assert guessed == [401, 401, 429]
    assert other.get("/api/articles").status_code == 401
    assert guesser.get("/api/articles", headers=bearer(token)).status_code == 200


def test_passwords_are_not_guessed_at_speed() -> None:
    client = client_of(Access())
    assert [client.post("/login").status_code for _ in range(11)].count(429) == 1


def test_on_this_machine_without_keys_one_may_ask_as_often_as_one_likes() -> None:
    client = client_of(Access(rate_per_minute=1))
    assert {client.get("/api/articles").status_code for _ in range(20)} == {200}


# --- Places -------------------------------------------------------------------------------------------------


def test_so_many_answers_at_once_and_so_many_that_wait() -> None:
    slow = HandMadeAssistant()
    api = create_api(slow, access=Access(answers_at_once=1, answers_waiting=1))
    with serving(api) as site, ThreadPoolExecutor(3) as pool:

        def post(path: str, body: Any, seconds: float = 30) -> Future[httpx2.Response]:
            return pool.submit(httpx2.post, f"{site}{path}", json=body, timeout=seconds)

        first = post("/api/ask", {"question": "slow?"})
        while not slow.asked:
            time.sleep(0.01)
        left = post("/api/ask", {"question": "left?"}, 0.3)  # waits in line, and leaves
        assert isinstance(left.exception(30), httpx2.TimeoutException)
        two = [post("/v1/chat/completions", V1), post("/api/search", {"query": "x"})]
        (refused,), (waiting,) = wait(two, 30, FIRST_COMPLETED)
        assert kind(refused.result())[0] == 503
        assert refused.result().headers["retry-after"] == "5"
        assert httpx2.get(f"{site}/api/articles").status_code == 200  # what needs no place goes on
        slow.released.set()
        assert (first.result(30).status_code, waiting.result(30).status_code) == (200, 200)
        assert post("/api/search", {"query": "x"}).result(30).status_code == 200
        assert "left?" not in [one["question"] for one in slow.asked]


# --- Deadlines ----------------------------------------------------------------------------------------------


class Endless(HandMadeAssistant):
    """Finds something, and then nothing more is heard of it until it is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled = threading.Event()

    def stream(self, question: str, *, cancelled: threading.Event | None = None, **asked: Any) -> Iterator[Update]:
        assert cancelled
        if "at once" not in question:
            yield Found(make_answer().passages)
        cancelled.wait(20)
        self.cancelled.set()


@pytest.fixture
def endless() -> Endless:
    return Endless()


@pytest.fixture
def late(endless: Endless) -> Iterator[str]:
    with serving(create_api(endless, access=Access(request_timeout=1.5))) as site:
        yield site


def test_who_waited_long_enough_is_told_so_and_the_work_ends(late: str, endless: Endless) -> None:
    response = httpx2.post(f"{late}/api/ask", json={"question": "Was?"}, timeout=20)
    assert kind(response) == (504, "timeout")
    assert "1.5 s" in response.json()["error"]["message"]
    assert endless.cancelled.wait(20)
    chat = httpx2.post(f"{late}/v1/chat/completions", json=V1, timeout=20)
    assert kind(chat) == (504, "timeout")
    assert chat.json()["error"]["type"] == "server_error"


def test_a_stream_that_takes_too_long_ends_with_its_error_event(late: str, endless: Endless) -> None:
    told = httpx2.post(f"{late}/api/ask", json={"question": "Was?", "stream": True}, timeout=20).text
    first, last = told.strip().split("\n\n")
    assert first.startswith("event: passages\n")
    event, data = last.split("\n")
    assert event == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["type"] == "timeout"
    assert endless.cancelled.wait(20)
    *_, last = httpx2.post(f"{late}/v1/chat/completions", json={**V1, "stream": True}, timeout=20).text.split("data: ")
    assert json.loads(last)["error"]["code"] == "timeout"


def test_work_in_a_thread_is_not_waited_for() -> None:
    slow = HandMadeAssistant()

    async def in_a_thread(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.get_running_loop().run_in_executor(None, slow.released.wait, 20)
        await PlainTextResponse("too late")(scope, receive, send)

    sent: list[Message] = []

    async def ask() -> None:
        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/api/search", "headers": []}
        await Deadline(in_a_thread, 0.05)(scope, _nothing, send)
        slow.released.set()
        await asyncio.sleep(0)

    asyncio.run(ask())
    assert [message.get("status") for message in sent] == [504, None]


async def _nothing() -> Message:
    raise AssertionError("nobody reads the body")


@pytest.mark.parametrize(("method", "path"), [("GET", "/gradio_api/queue/data"), ("GET", "/mcp"), ("GET", "/")])
def test_what_an_open_page_or_a_session_keeps_open_has_no_deadline(method: str, path: str) -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            await asyncio.sleep(0.05)
            yield b"there"

        await StreamingResponse(pieces())(scope, receive, send)

    assert TestClient(Deadline(slow, 0.01)).request(method, path).text == "there"


def test_the_app_starts_and_ends_behind_all_of_it() -> None:
    api = create_api(HandMadeAssistant(), access=Access(local_only=True, cors_origins=("https://a.org",)))
    told: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        told.append("started")
        yield
        told.append("ended")

    api.router.lifespan_context = lifespan
    with TestClient(api):
        pass
    assert told == ["started", "ended"]


# --- Ids ----------------------------------------------------------------------------------------------------


def test_every_response_has_an_id_the_clients_own_where_it_is_plain() -> None:
    client = client_of(Access(answers_at_once=1))
    ids = {client.get(path).headers["x-request-id"] for path in ("/health", "/health", "/nothing", "/api/nothing")}
    assert len(ids) == 4
    assert client.get("/health", headers={"X-Request-ID": "job-7.a"}).headers["x-request-id"] == "job-7.a"
    crash = client.post("/api/ask", json={"question": "crash"}, headers={"X-Request-ID": "c"})
    assert (crash.status_code, crash.headers.get_list("x-request-id")) == (500, ["c"])
    for strange in ("x" * 65, "a b", "a\tb", "<script>", "ä"):
        given = client.get("/health", headers=[(b"x-request-id", strange.encode())]).headers["x-request-id"]
        assert len(given) == 32


# --- Audit --------------------------------------------------------------------------------------------------


@pytest.fixture
def audited(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    caplog.set_level(logging.INFO, "rag.audit")
    return lambda: [
        {"action": record.getMessage(), **vars(record)["fields"]}
        for record in caplog.records
        if record.name == "rag.audit"
    ]


def test_every_change_leaves_a_line(keys: KeyFile, audited: Callable[[], list[dict[str, Any]]]) -> None:
    reader, writer = bearer(keys.add("reader", "read")), bearer(keys.add("writer", "write"))
    client = client_of(Access(Keyring(file=keys)), client=("192.0.2.7", 5))
    files = [("files", ("猫.md", b"# A")), ("files", ("b.md", b"# B"))]
    assert client.post("/api/ingest", files=files, headers=writer).status_code == 200
    client.post("/api/ingest", json={"name": "a", "text": "b"}, headers=reader)
    client.delete("/api/articles/cats", headers=writer)
    client.delete("/api/articles/cats")
    client.post("/api/ask", json={"question": "Was?"}, headers=reader)  # which changes nothing
    address = {"address": "192.0.2.7"}
    upload = {"action": "upload", "who": "key writer", "files": ["猫.md", "b.md"], "outcomes": {"added": 2}}
    assert audited() == [
        {**upload, **address, "result": "ok"},
        {"action": "upload", "who": "key reader", **address, "result": "refused (403)"},
        {"action": "removal", "who": "key writer", **address, "article_id": "cats", "result": "ok"},
        {"action": "removal", "who": "address 192.0.2.7", **address, "article_id": "cats", "result": "refused (401)"},
    ]


def test_a_rating_leaves_a_line_without_its_words(
    tmp_path: Path, audited: Callable[[], list[dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    store = FeedbackStore(tmp_path / "feedback.sqlite3")
    client = TestClient(create_api(HandMadeAssistant(feedback=store)), client=("127.0.0.1", 5))
    answer_id = client.post("/api/ask", json={"question": "Was?"}).json()["id"]
    client.post("/api/feedback", json={"answer_id": answer_id, "rating": "down", "comment": "zebra"})
    client.post("/api/feedback", json={"answer_id": "gone", "rating": "up"})
    assert [(line["who"], line["answer_id"], line["rating"], line["result"]) for line in audited()] == [
        ("address 127.0.0.1", answer_id, "down", "ok"),
        ("address 127.0.0.1", "gone", "up", "refused (404)"),
    ]
    assert "zebra" not in caplog.text
    store.close()


# --- Other sites --------------------------------------------------------------------------------------------

FRIEND, STRANGER = "https://app.example.org", "https://evil.example"


def preflight(client: TestClient, path: str, origin: str) -> Any:
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return client.options(path, headers={**asks, "Access-Control-Request-Headers": "authorization,content-type"})


@pytest.mark.parametrize("path", ["/api/ask", "/v1/chat/completions", "/mcp"])
def test_no_other_site_may_call_unless_it_is_named(keys: KeyFile, path: str) -> None:
    keys.add("a", "read")
    closed = client_of(Access(Keyring(file=keys)))
    assert "access-control-allow-origin" not in preflight(closed, path, FRIEND).headers
    opened = client_of(Access(Keyring(file=keys), cors_origins=(FRIEND,)))
    allowed = preflight(opened, path, FRIEND)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == FRIEND
    assert "access-control-allow-credentials" not in allowed.headers
    assert "access-control-allow-origin" not in preflight(opened, path, STRANGER).headers


def test_a_named_site_reads_answers_and_errors_and_changes_what_its_key_may(keys: KeyFile) -> None:
    token = bearer(keys.add("a", "write"))
    client = client_of(Access(Keyring(file=keys), cors_origins=(FRIEND,)))
    friend = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    for response in (
        client.post("/api/ask", json={"question": "Was?"}, headers={**friend, **token}),
        client.post("/v1/chat/completions", json=V1, headers=friend),
        client.delete("/api/articles/cats", headers={**friend, **token}),
    ):
        assert response.headers["access-control-allow-origin"] == FRIEND
        assert "X-Request-ID" in response.headers["access-control-expose-headers"]
    stranger = {"Origin": STRANGER, "Sec-Fetch-Site": "cross-site"}
    assert client.delete("/api/articles/cats", headers={**stranger, **token}).status_code == 403
    assert "access-control-allow-origin" not in client.get("/docs", headers=friend).headers


# --- Proxies ------------------------------------------------------------------------------------------------


def seen_by(access: Access, peer: str, path: str = "/api/articles", **headers: str) -> dict[str, Any]:
    """What the routes see of a request."""
    api = create_api(Shelf(), access=access)
    seen: dict[str, Any] = {}

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            seen.update(scope)
        await Response()(scope, receive, send)

    api.router.routes.clear()
    api.mount("/", look)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    TestClient(api, client=(peer, 5)).get(path, headers=named)
    return seen


@pytest.mark.parametrize(
    ("trusted", "peer", "expected"),
    [
        ((), "127.0.0.1", "127.0.0.1"),
        (("127.0.0.1",), "127.0.0.1", "203.0.113.9"),
        (("10.0.0.0/8",), "10.1.2.3", "203.0.113.9"),
        (("10.0.0.0/8",), "192.0.2.1", "192.0.2.1"),
        (("127.0.0.1", "203.0.113.9"), "127.0.0.1", "198.51.100.1"),
    ],
)
def test_only_a_trusted_proxy_says_where_a_request_comes_from(
    trusted: tuple[str, ...], peer: str, expected: str
) -> None:
    seen = seen_by(Access(trusted_proxies=trusted), peer, x_forwarded_for="198.51.100.1, 203.0.113.9")
    assert seen["client"][0] == expected


def test_what_a_stranger_says_of_host_and_scheme_is_taken_away() -> None:
    said = {"x_forwarded_host": "evil.example", "x_forwarded_proto": "https", "forwarded": "host=evil.example"}
    stranger = seen_by(Access(trusted_proxies=("10.0.0.1",)), "192.0.2.1", **said)
    assert not [value for _, value in stranger["headers"] if b"evil" in value]
    assert stranger["scheme"] == "http"
    assert seen_by(Access(trusted_proxies=("10.0.0.1",)), "10.0.0.1", **said)["scheme"] == "https"


@pytest.mark.parametrize("path", ["/api/ask", "/articles/api/ask"])
def test_a_prefix_is_known_whether_the_proxy_takes_it_off_or_not(keys: KeyFile, path: str) -> None:
    token = keys.add("a", "read")
    client = client_of(Access(Keyring(file=keys), root_path="/articles"))
    assert kind(client.post(path, json={"question": "Was?"})) == (401, "unauthorized")
    assert client.post(path, json={"question": "Was?"}, headers=bearer(token)).status_code == 200
    big = client.post(path, content=b" " * 300_000, headers={**bearer(token), "Content-Type": "application/json"})
    assert kind(big) == (413, "too_large")
    assert kind(client.get(path.replace("api/ask", "v1/models"))) == (401, "invalid_api_key")
    assert client.get(path.replace("api/ask", "docs")).status_code == 200
    assert client.get("/openapi.json").json()["servers"] == [{"url": "/articles"}]


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860", "LOCALHOST"])
def test_a_server_for_its_machine_alone_answers_by_its_own_names(host: str) -> None:
    client = client_of(Access(local_only=True))
    assert client.get("/api/articles", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:7860"},  # whose name was made to point here
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Host": "127.0.0.1", "X-Forwarded-For": "203.0.113.9"},
        {"Host": "127.0.0.1", "Forwarded": "for=203.0.113.9"},
    ],
)
@pytest.mark.parametrize("path", ["/api/articles", "/v1/models", "/health"])
def test_who_only_seems_to_be_at_the_machine_is_kept_out(path: str, headers: dict[str, str]) -> None:
    response = client_of(Access(local_only=True)).get(path, headers=headers)
    assert response.status_code == 403
    assert "docs/deploy.md" in response.json()["error"]["message"]
