"""A server that is told to stop finishes what was asked, and nothing else; started as a user starts it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from model_server import Given, Reply, Request, ScriptedServer, Streamed, said, scripted_server, stream_of

from rag.web.traffic import Door, Traffic

ARTICLE = "# Von Katzen\n\nhttps://example.org/cats\n\nDie Katze fraß am Montag drei Mäuse im Garten.\n"
WAIT = 180  # seconds, for whatever should come at once


class SlowModel:
    """Begins a reply at once, and goes on when it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def __call__(self, request: Request) -> Given:
        def steps() -> Iterator[bytes]:
            yield said("", role="assistant")
            self.released.wait(WAIT)
            yield from stream_of(Reply("Die Katze fraß am Montag drei Mäuse im Garten [1]."), counted=True)

        return Streamed(steps())


class Running:
    """A server process with a model that is slow."""

    def __init__(self, process: subprocess.Popen[str], url: str, model: SlowModel, server: ScriptedServer) -> None:
        self.process, self.url, self.model, self.server = process, url, model, server

    def ask(self) -> str:
        """The whole stream of an answer."""
        body = json.dumps({"question": "Was fraß die Katze am Montag?", "stream": True}).encode()
        request = urllib.request.Request(f"{self.url}/api/ask", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=WAIT) as response:
            return str(response.read().decode())

    def status(self, path: str) -> tuple[int, dict[str, Any], str | None]:
        """Status, body, and when to come back."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=WAIT) as response:
                return response.status, json.load(response), None
        except urllib.error.HTTPError as error:
            return error.code, json.load(error), error.headers["Retry-After"]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@contextmanager
def running(tmp_path: Path, **environment: str) -> Iterator[Running]:
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "katzen.md").write_text(ARTICLE, encoding="utf-8")
    model = SlowModel()
    with scripted_server(model) as server:
        settings = {
            "RAG_EMBED_MODEL": "local-fast",
            "RAG_CHAT_MODEL": "scripted",
            "RAG_CHAT_TIMEOUT": "600",  # the model is slow on purpose, and must not be given up on busy cores
            "OPENAI_BASE_URL": server.base_url,
        }
        command = [sys.executable, str(ROOT / "chat_app.py"), "--port", "0", "--articles", str(texts)]
        with subprocess.Popen(
            [*command, "--data-dir", str(tmp_path / "data")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **settings, **environment},
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("Ask the Articles: "), process.communicate()[1]
            try:
                yield Running(process, first.split()[-1], model, server)
            finally:
                model.released.set()
                process.kill()


@contextmanager
def asking(one: Running) -> Iterator[Future[str]]:
    """Somebody who has begun to read an answer."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(one.ask)
        until(lambda: bool(one.server.asked) or answer.done())
        yield answer
        one.model.released.set()


def test_an_answer_under_way_is_given_to_its_end_and_nothing_new_is_begun(tmp_path: Path) -> None:
    with running(tmp_path, RAG_LOG_FORMAT="json") as one, asking(one) as answer:
        assert one.status("/health")[0] == 200
        one.process.send_signal(signal.SIGTERM)
        until(lambda: one.status("/health")[1]["status"] == "stopping")
        assert one.status("/health")[0] == 503
        assert one.status("/health/live")[:2] == (200, {"status": "alive"})
        code, body, retry = one.status("/api/articles")
        assert (code, body["error"]["type"], retry) == (503, "unavailable", "10")
        assert not answer.done()
        one.model.released.set()
        told = answer.result(WAIT)
        _, errors = one.process.communicate(timeout=WAIT)
    assert "event: answer" in told
    assert "drei Mäuse im Garten" in told
    assert one.process.returncode == 0
    assert list((tmp_path / "data" / "chroma").glob("*.seal"))
    lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    (start,) = [line for line in lines if line["message"] == "serving"]
    assert {name: start[name] for name in ("articles", "passages", "model", "api", "address")} == {
        "articles": 1,
        "passages": 1,
        "model": "scripted",
        "api": "for everybody on this machine",
        "address": one.url,
    }
    messages = [line["message"] for line in lines]
    assert "stopping: 1 requests under way have 30 s to finish" in messages
    assert messages[-1] == "stopped; the index is sealed"


def test_told_a_second_time_it_ends_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as one, asking(one) as answer:
        one.process.send_signal(signal.SIGTERM)
        until(lambda: one.status("/health")[1]["status"] == "stopping")
        one.process.send_signal(signal.SIGTERM)
        one.process.wait(WAIT)
        assert one.process.returncode == 128 + signal.SIGTERM
        assert answer.exception(WAIT) is not None or "event: answer" not in answer.result()


# --- The traffic alone -----------------------------------------------------------------------------------------


async def _request(door: Door, path: str, method: str = "GET") -> int:
    statuses = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": method, "path": path, "headers": [], "state": {}}
    await door(scope, receive, send)
    return statuses[0] if statuses else 0


def test_what_takes_too_long_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async def run() -> int:
        traffic = Traffic()
        task = asyncio.ensure_future(_request(Door(never, traffic), "/api/ask", "POST"))
        await asyncio.sleep(0)
        await traffic.finish(0.01)
        left = traffic.under_way
        task.cancel()
        return left

    with caplog.at_level(logging.WARNING, logger="rag"):
        assert asyncio.run(run()) == 1
    assert "RAG_STOP_SECONDS" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "comes_in"),
    [
        ("GET", "/health", True),
        ("GET", "/health/live", True),
        ("GET", "/metrics", True),
        ("GET", "/gradio_api/queue/data", True),
        ("GET", "/", False),
        ("POST", "/gradio_api/queue/join", False),
        ("POST", "/api/ask", False),
        ("POST", "/v1/chat/completions", False),
        ("POST", "/mcp", False),
    ],
)
def test_while_it_stops_only_the_state_and_answers_under_way_are_told(method: str, path: str, comes_in: bool) -> None:
    came: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        came.append(scope["path"])

    traffic = Traffic()
    traffic.stopping = True
    status = asyncio.run(_request(Door(app, traffic), path, method))
    assert (came == [path]) is comes_in
    assert status == (0 if comes_in else 503)


@pytest.mark.parametrize("path", ["/gradio_api/heartbeat/tab", "/mcp"])
def test_what_an_open_page_holds_is_not_waited_for(path: str) -> None:
    seen = []
    traffic = Traffic()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(traffic.under_way)

    asyncio.run(_request(Door(app, traffic), path))
    assert seen == [0]


# --- An ingest ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_ingest_finishes_the_article_at_hand(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ingest  # noqa: PLC0415  beside its name
    from rag.storage.store import Store  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAG_EMBED_MODEL", "local-fast")
    texts = tmp_path / "texts"
    texts.mkdir()
    for name in ("a", "b", "c"):
        (texts / f"{name}.md").write_text(f"Die Katze {name} schläft im Garten.", encoding="utf-8")
    put = Store.put

    def told_within(self: Store, *args: Any) -> None:
        os.kill(os.getpid(), number)
        put(self, *args)

    monkeypatch.setattr(Store, "put", told_within)
    before = signal.getsignal(number)
    assert ingest.main([str(texts), "--data-dir", "data"]) == 130
    assert "stopping after this article" in capsys.readouterr().err
    assert signal.getsignal(number) is before
    monkeypatch.setattr(Store, "put", put)
    store = Store(tmp_path / "data" / "articles.sqlite3")
    assert store.count() == (1, 1)
    store.close()
    assert ingest.main([str(texts), "--data-dir", "data"]) == 0
