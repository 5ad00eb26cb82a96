"""What /metrics tells: the numbers are those of what happened, and no label holds what somebody sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import settings_for
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from test_migrations import made
from web_fakes import HandMadeAssistant, make_answer, make_refusal

from rag.assembly.serving import open_assistant
from rag.keys import Keyring
from rag.types import Answer, Health, LastIngest, Usage
from rag.web.api import create_api
from rag.web.metrics import Measures
from rag.web.wall import Access


class Looked(HandMadeAssistant):
    """One whose questions are measured as those of the real one are, and with every state set."""

    def ask(self, question: str, **how: object) -> Answer:
        with self._watch("extractive") as answered:
            answer = super().ask(question, **how)  # type: ignore[arg-type]
            answered(answer)
            return answer

    def health(self) -> Health:
        return replace(
            super().health(),
            refined=1,
            usage=Usage(3, 100, 20, 0.5),
            model_failures=2,
            model_resting=True,
            revision=7,
            last_ingest=LastIngest(0.0, 1.5, 4),
            warnings=("the disk is full",),
        )


def numbers(text: str) -> dict[str, float]:
    """Every number, by its name and labels as they are written."""
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(one.labels.items()))
            found[f"{one.name}{{{labels}}}" if labels else one.name] = one.value
    return found


def page(api: FastAPI) -> None:
    """Something mounted at the root, as the page is, with a route whose name looks like one of ours."""
    inner = Starlette(routes=[Route("/gradio_api/{rest:path}", lambda _: PlainTextResponse("x"))])
    api.router.routes.append(Mount("/", inner))


@pytest.fixture
def client() -> Iterator[TestClient]:
    api = create_api(Looked())
    page(api)
    with TestClient(api, raise_server_exceptions=False) as opened:
        yield opened


def scrape(client: TestClient, **headers: str) -> dict[str, float]:
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return numbers(response.text)


def test_questions_are_counted_by_what_became_of_them(client: TestClient) -> None:
    for question in ("Was fraß die Katze?", "What of the weather?", "天气怎么样？", "fail", "crash"):
        client.post("/api/ask", json={"question": question})
    told = scrape(client)
    assert told["rag_questions_total{answerer=extractive}"] == 5
    assert told["rag_answers_total{answerer=extractive,outcome=answered}"] == 1
    assert told["rag_answers_total{answerer=extractive,outcome=no_evidence}"] == 2
    assert told["rag_answers_total{answerer=extractive,outcome=failed}"] == 2
    assert told["rag_answers_running"] == 0


def test_requests_are_counted_by_their_route_as_it_is_declared(client: TestClient) -> None:
    client.get("/api/articles/cats")
    client.get("/api/articles/secret")
    client.get("/api/answers/secret?key=secret")
    client.request("BREW", "/api/secret")
    client.get("/gradio_api/secret")
    client.get("/secret")
    text = client.get("/metrics").text
    told = numbers(text)
    assert told["rag_http_requests_total{method=GET,route=/api/articles/{article_id},status=200}"] == 1
    assert told["rag_http_requests_total{method=GET,route=/api/articles/{article_id},status=404}"] == 1
    assert told["rag_http_requests_total{method=GET,route=page,status=200}"] == 1
    assert "secret" not in text
    assert "BREW" not in text


def test_a_question_under_way_is_seen_running(client: TestClient) -> None:
    measures = Measures()
    with measures.question("llm"):
        assert numbers(measures.render().decode())["rag_answers_running"] == 1
    told = numbers(measures.render().decode())
    assert told["rag_answers_running"] == 0
    assert told["rag_answers_total{answerer=llm,outcome=cancelled}"] == 1


def test_times_go_into_histograms_by_stage() -> None:
    measures = Measures()
    timings = {"retrieve": 9.0, "answer": 400.0, "verify": 2.0, "total": 411.0}
    with measures.question("extractive") as answered:
        answered(replace(make_answer("x"), timings_ms=timings))
    with measures.question("extractive") as answered:
        answered(make_refusal("x"))
    told = numbers(measures.render().decode())
    assert told["rag_answer_seconds_sum{stage=answer}"] == pytest.approx(0.4)
    assert told["rag_answer_seconds_bucket{le=0.005,stage=retrieve}"] == 0
    assert told["rag_answer_seconds_bucket{le=0.01,stage=retrieve}"] == 1
    assert told["rag_answer_seconds_bucket{le=0.5,stage=whole}"] == 1


def test_the_state_of_index_and_models_is_told(client: TestClient) -> None:
    told = scrape(client)
    expected = {
        "rag_ready": 1,
        "rag_articles": 1,
        "rag_passages": 2,
        "rag_passages_unrefined": 1,
        "rag_index_revision": 7,
        "rag_dense_state{state=exact}": 1,
        "rag_dense_state{state=chroma}": 0,
        "rag_ingest_failed_files": 4,
        "rag_ingest_seconds": 1.5,
        "rag_ingest_running": 0,
        "rag_warnings": 1,
        "rag_model_calls_total": 3,
        "rag_model_failures_total": 2,
        "rag_model_resting": 1,
        "rag_model_tokens_total{direction=in}": 100,
        "rag_model_tokens_total{direction=out}": 20,
        "rag_model_cost_total": 0.5,
        "rag_answers_waiting": 0,
    }
    assert {name: told[name] for name in expected} == expected
    assert told["rag_ingest_age_seconds"] > 1e9  # since 1970
    assert told["rag_threads"] >= 1
    assert any(re.fullmatch(r"rag_info\{.*version=0\.1\.0.*\}", name) for name in told)


def test_the_process_is_told(client: TestClient) -> None:
    told = scrape(client)
    assert told["process_resident_memory_bytes"] > 1e6
    assert told["process_open_fds"] > 1
    assert told["process_cpu_seconds_total"] > 0


@contextmanager
def locked(rate: int) -> Iterator[TestClient]:
    with TestClient(create_api(Looked(), access=Access(Keyring(["k"]), rate_per_minute=rate))) as opened:
        yield opened


def test_where_there_are_keys_it_needs_one_and_takes_nothing_from_its_rate() -> None:
    with locked(1) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
        for _ in range(3):
            scrape(client, Authorization="Bearer k")
        articles = [client.get("/api/articles", headers={"Authorization": "Bearer k"}) for _ in range(2)]
        assert [response.status_code for response in articles] == [200, 429]
        told = scrape(client, Authorization="Bearer k")
        assert told["rag_http_requests_total{method=GET,route=/api/*,status=429}"] == 1


def test_nothing_but_reading_is_possible(client: TestClient) -> None:
    response = client.post("/metrics")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET"


def test_the_real_assistant_is_measured_through_every_door(tmp_path: Path) -> None:
    made("schema-2.sqlite3.gz", tmp_path)
    assistant = open_assistant(settings_for(tmp_path, embed_model="local-fast"))
    question = "How long is the longest quay?"
    try:
        with TestClient(create_api(assistant)) as client:
            client.post("/api/ask", json={"question": question})
            client.post("/api/ask", json={"question": question, "stream": True})
            messages = [{"role": "user", "content": question}]
            client.post("/v1/chat/completions", json={"model": "articles", "messages": messages})
            told = scrape(client)
    finally:
        assistant.close()
    assert told["rag_answers_total{answerer=extractive,outcome=answered}"] == 3
    assert told["rag_answer_seconds_count{stage=whole}"] == 3
    assert told["rag_passages"] == 4
