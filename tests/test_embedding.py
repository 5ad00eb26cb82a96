"""The embedded encoder, and one behind an OpenAI-compatible server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from rag.encoders.embedding import UseEmbedding, embed_question, embed_texts
from rag.encoders.remote import OpenAIEmbedding
from rag.errors import EmbeddingError, SettingsError

Answer = Callable[[dict[str, Any]], tuple[int, object]]


@pytest.fixture(scope="module")
def encoder() -> UseEmbedding:
    return UseEmbedding()


@pytest.mark.parametrize(
    ("question", "near", "far"),
    [
        ("Who founded the company?", "Das Unternehmen wurde von zwei Studenten gegründet.", "Es regnet in Hamburg."),
        ("这家公司的估值是多少？", "The company is valued at $14bn.", "Cats sleep most of the day."),
        ("Wie lang ist der Tunnel?", "隧道全长57公里。", "猫整天都在睡觉。"),
    ],
)
def test_the_embedded_encoder_knows_meaning_across_languages(
    encoder: UseEmbedding, question: str, near: str, far: str
) -> None:
    similar, other = embed_texts(encoder, [near, far]) @ embed_question(encoder, question)
    assert similar > other + 0.1


def test_vectors_have_length_one_and_the_order_of_their_texts(encoder: UseEmbedding) -> None:
    texts = ["a" * 2000, "", "猫", "\x00", "\ud800 lone", "Straße " * 3000, "🤖"]
    vectors = embed_texts(encoder, texts)
    assert vectors.shape == (7, encoder.dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert np.allclose(vectors[2], embed_texts(encoder, ["猫"])[0], atol=1e-5)
    assert embed_texts(encoder, []).size == 0


# --- A server ----------------------------------------------------------------------------------------------


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], OpenAIEmbedding]]:
    """An embedding model on a real HTTP server of this machine, asked by the real client."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> OpenAIEmbedding:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, value = answer(asked)
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return OpenAIEmbedding("small", base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key=None)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def reversed_lengths(asked: dict[str, Any]) -> tuple[int, object]:
    """A vector by the length of the text, the answers out of order, as the protocol allows."""
    rows = [
        {"object": "embedding", "index": i, "embedding": [float(len(t)), 1.0]} for i, t in enumerate(asked["input"])
    ]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return 200, {"object": "list", "model": asked["model"], "data": rows[::-1], "usage": usage}


def test_a_server_is_asked_by_the_model_named_and_its_order_is_mended(
    serve: Callable[[Answer], OpenAIEmbedding],
) -> None:
    asked: list[str] = []

    def answer(request: dict[str, Any]) -> tuple[int, object]:
        asked.append(request["model"])
        return reversed_lengths(request)

    embedder = serve(answer)
    vectors = embed_texts(embedder, ["", "three wise words"])
    assert vectors[0][0] < vectors[1][0]
    assert (embedder.model_name, embedder.dimension, set(asked)) == ("openai:small", 2, {"small"})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda asked: (404, {"error": {"message": "no such model"}}), "did not embed with small.*no such model"),
        (lambda asked: (401, {"error": {"message": "bad key"}}), "bad key"),
        (lambda asked: (200, {"object": "list", "data": [], "model": "small"}), "0 vectors for 2 texts|No embedding"),
        (
            lambda asked: (200, {**dict(reversed_lengths(asked)[1]), "data": [  # type: ignore[call-overload]
                {"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]}),
            "vectors of different lengths",
        ),
    ],
)  # fmt: skip
def test_a_server_that_fails_is_named_with_the_reason(
    serve: Callable[[Answer], OpenAIEmbedding], answer: Answer, message: str
) -> None:
    with pytest.raises(EmbeddingError, match=message):
        embed_texts(serve(answer), ["one", "two"])


def test_a_key_in_the_environment_alone_sends_nothing_anywhere() -> None:
    with pytest.raises(SettingsError, match=r"RAG_EMBED_MODEL=openai:small needs OPENAI_API_KEY"):
        OpenAIEmbedding("small", base_url=None, api_key=None)
