"""The HTTP API: shapes, errors, keys, limits and headers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from web_fakes import SUMMARY, TEXT, HandMadeAssistant, make_answer, make_passage

from rag.storage.feedback import FeedbackStore
from rag.types import Filters, Turn
from rag.web.api import create_api

KEYS = ("first-key", "zweiter-schlüssel")
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def hand_made() -> HandMadeAssistant:
    return HandMadeAssistant()


@pytest.fixture
def client(hand_made: HandMadeAssistant) -> TestClient:
    return TestClient(create_api(hand_made, max_question_chars=100), raise_server_exceptions=False)


def error(response: Response) -> tuple[int, str, str | None]:
    """Status, type and field of an error in the one shape."""
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"type", "message", "field"}
    assert body["error"]["message"]
    return response.status_code, body["error"]["type"], body["error"]["field"]


def events(response: Response) -> list[tuple[str, Any]]:
    """The server-sent events of a response."""
    blocks = [block.split("\n") for block in response.text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


# --- Answers ------------------------------------------------------------------------------------------------


def test_an_answer_has_the_fields_of_the_core_and_no_passages(client: TestClient) -> None:
    response = client.post("/api/ask", json={"question": "Was fraß die Katze?"})
    assert response.status_code == 200
    body = response.json()
    expected = json.loads(json.dumps(make_answer().to_dict()))
    assert set(body) == set(expected)
    assert body["citations"] == expected["citations"]
    assert body["dropped"] == [{"text": "Der Hund flog.", "reason": "unsupported"}]


def test_the_quote_of_a_citation_is_a_slice_of_its_article(client: TestClient) -> None:
    citation = client.post("/api/ask", json={"question": "Was?"}).json()["citations"][0]
    text = client.get(f"/api/articles/{citation['article_id']}").json()["text"]
    assert text[citation["start"] : citation["end"]] == citation["quote"]


def test_passages_come_when_they_are_asked_for(client: TestClient) -> None:
    body = client.post("/api/ask", json={"question": "Was?", "include_passages": True}).json()
    assert body["passages"] == [asdict(make_passage())]


def test_every_field_of_a_request_reaches_the_assistant(client: TestClient, hand_made: HandMadeAssistant) -> None:
    filters = {
        "lang": ["de", "zh"],
        "tags": ["a"],
        "authors": ["b"],
        "date_from": "2024-01-01",
        "date_to": "2024-02-29",
        "article_ids": ["cats"],
    }
    request = {
        "question": "Was?",
        "history": [{"role": "user", "content": "Hallo"}, {"role": "assistant", "content": "Ja?"}],
        "filters": filters,
        "top_k": 3,
        "include_qa": False,
        "answerer": "extractive",
    }
    assert client.post("/api/ask", json=request).status_code == 200
    assert hand_made.asked == [
        {
            "question": "Was?",
            "history": (Turn("user", "Hallo"), Turn("assistant", "Ja?")),
            "filters": Filters(("de", "zh"), ("a",), ("b",), "2024-01-01", "2024-02-29", ("cats",)),
            "top_k": 3,
            "include_qa": False,
            "answerer": "extractive",
        }
    ]


def test_optional_fields_may_be_null(client: TestClient, hand_made: HandMadeAssistant) -> None:
    request = {"question": "Was?", "history": None, "filters": None, "answerer": None}
    assert client.post("/api/ask", json=request).status_code == 200
    assert hand_made.asked[0]["filters"] is None


def test_one_filter_value_may_do_without_its_list(client: TestClient, hand_made: HandMadeAssistant) -> None:
    assert client.post("/api/ask", json={"question": "Was?", "filters": {"lang": "zh"}}).status_code == 200
    assert hand_made.asked[0]["filters"] == Filters(lang=("zh",))


def test_a_refusal_is_an_answer(client: TestClient) -> None:
    response = client.post("/api/ask", json={"question": "天气怎么样？"})
    assert response.status_code == 200
    body = response.json()
    assert body["answered"] is False
    assert body["refusal"] == {"reason": "no_evidence", "message": "这些文章没有回答这个问题。"}
    assert body["citations"] == []


# --- Streams ------------------------------------------------------------------------------------------------


def test_a_stream_holds_passages_then_sentences_then_the_whole_answer(client: TestClient) -> None:
    response = client.post("/api/ask", json={"question": "Was fraß die Katze?", "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    names, data = zip(*events(response), strict=True)
    assert names == ("passages", "sentence", "answer")
    assert data[0]["passages"][0]["text"] == TEXT
    assert data[1] == {"text": "Die Katze **fraß** 3 Mäuse.", "citations": [1], "support": 1.0}
    assert data[2]["id"] == "a1"
    assert "passages" not in data[2]


def test_a_streamed_refusal_has_no_sentences(client: TestClient) -> None:
    response = client.post("/api/ask", json={"question": "The weather?", "stream": True})
    assert [name for name, _ in events(response)] == ["passages", "answer"]


@pytest.mark.parametrize(("question", "type_"), [("fail", "unavailable"), ("crash", "internal")])
def test_a_stream_that_fails_ends_with_an_error_event(client: TestClient, question: str, type_: str) -> None:
    [(name, body)] = events(client.post("/api/ask", json={"question": question, "stream": True}))
    assert name == "error"
    assert body["error"]["type"] == type_
    assert "secret" not in json.dumps(body)


# --- Search and articles ------------------------------------------------------------------------------------


def test_search_gives_passages(client: TestClient) -> None:
    response = client.post("/api/search", json={"query": "Katze", "top_k": 1, "filters": {"lang": ["de"]}})
    assert response.json() == {"results": [asdict(make_passage())]}


def test_the_list_of_articles_has_languages_dates_tags_and_counts(client: TestClient) -> None:
    listed = [json.loads(json.dumps(asdict(SUMMARY)))]
    assert client.get("/api/articles").json() == {"articles": listed, "total": 1, "next": None}


def test_one_article_comes_with_its_text(client: TestClient) -> None:
    body = client.get("/api/articles/cats").json()
    assert body["text"] == TEXT
    assert body["title"] == SUMMARY.title


def test_an_unknown_article_is_not_found(client: TestClient) -> None:
    assert error(client.get("/api/articles/dogs")) == (404, "not_found", "article_id")


# --- Feedback -----------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FeedbackStore]:
    opened = FeedbackStore(tmp_path / "feedback.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def rating(store: FeedbackStore) -> TestClient:
    """The API over an assistant that keeps its answers."""
    return TestClient(create_api(HandMadeAssistant(feedback=store)), raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("question", "correct"),
    [("Was fraß die Katze?", "Drei Mäuse."), ("天气怎么样？", "晴天。"), ("Is there weather in it?", "It’s sunny.")],
)
def test_an_answer_is_rated_by_its_id(rating: TestClient, store: FeedbackStore, question: str, correct: str) -> None:
    answer_id = rating.post("/api/ask", json={"question": question}).json()["id"]
    request = {"answer_id": answer_id, "rating": "down", "comment": "no", "correct_answer": correct}
    response = rating.post("/api/feedback", json=request)
    assert response.status_code == 200
    assert response.json() == {"answer_id": answer_id, "rating": "down"}
    [rated] = store.rated()
    assert (rated.rating, rated.comment, rated.correct_answer) == ("down", "no", correct)
    assert rated.answer["question"] == question


def test_a_rating_alone_is_enough_and_a_later_one_replaces_it(rating: TestClient, store: FeedbackStore) -> None:
    answer_id = rating.post("/api/ask", json={"question": "Was?"}).json()["id"]
    for verdict in ("down", "up"):
        assert rating.post("/api/feedback", json={"answer_id": answer_id, "rating": verdict}).status_code == 200
    assert [(rated.rating, rated.comment) for rated in store.rated()] == [("up", None)]


def test_a_streamed_answer_can_be_rated(rating: TestClient) -> None:
    answer = events(rating.post("/api/ask", json={"question": "Was?", "stream": True}))[-1][1]
    response = rating.post("/api/feedback", json={"answer_id": answer["id"], "rating": "up"})
    assert response.status_code == 200


@pytest.mark.parametrize("answer_id", ["a99", "没有", "\0", "'; --"])
def test_an_answer_that_nobody_gave_is_not_found(rating: TestClient, answer_id: str) -> None:
    response = rating.post("/api/feedback", json={"answer_id": answer_id, "rating": "up"})
    assert error(response) == (404, "not_found", "answer_id")
    assert "Ask again and rate the new answer by its id" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"answer_id": None}, "answer_id"),
        ({"answer_id": ""}, "answer_id"),
        ({"answer_id": 1}, "answer_id"),
        ({"answer_id": "\ud800"}, "answer_id"),
        ({"answer_id": "x" * 201}, "answer_id"),
        ({"rating": "good"}, "rating"),
        ({"rating": True}, "rating"),
        ({"rating": None}, "rating"),
        ({"comment": "x" * 5001}, "comment"),
        ({"comment": ["x"]}, "comment"),
        ({"correct_answer": "x" * 5001}, "correct_answer"),
        ({"stars": 5}, "stars"),
    ],
)
def test_a_wrong_field_of_a_rating_is_named(rating: TestClient, changes: dict[str, Any], field: str) -> None:
    body = json.dumps({"answer_id": "a1", "rating": "up", **changes})
    assert error(rating.post("/api/feedback", content=body, headers=JSON)) == (422, "invalid", field)


def test_a_rating_that_cannot_be_kept_is_told_without_our_insides(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("no folder")
    store = FeedbackStore(tmp_path / "secret" / "feedback.sqlite3")
    client = TestClient(create_api(HandMadeAssistant(feedback=store)))
    assert client.post("/api/ask", json={"question": "Was?"}).status_code == 200
    response = client.post("/api/feedback", json={"answer_id": "a1", "rating": "up"})
    assert error(response) == (503, "unavailable", None)
    assert "the rating could not be kept" in response.json()["error"]["message"]
    assert "secret" not in response.text


@pytest.mark.parametrize("question", ["Was fraß die Katze?", "天气怎么样？", "Is there weather in it?"])
def test_an_answer_can_be_opened_again_by_its_id(rating: TestClient, question: str) -> None:
    given = rating.post("/api/ask", json={"question": question, "include_passages": True}).json()
    address = f"/api/answers/{given['id']}"
    with_passages = {"include_passages": True}
    assert rating.get(address, params=with_passages).json() == given
    rating.post("/api/feedback", json={"answer_id": given["id"], "rating": "down"})
    assert rating.get(address, params=with_passages).json() == given
    del given["passages"]
    assert rating.get(address).json() == given


@pytest.mark.parametrize("answer_id", ["a99", "没有", "%00", "'; --"])
def test_an_answer_that_is_not_kept_cannot_be_opened(rating: TestClient, answer_id: str) -> None:
    response = rating.get(f"/api/answers/{answer_id}")
    assert error(response) == (404, "not_found", "answer_id")
    assert "ask again" in response.json()["error"]["message"]


def test_answers_that_cannot_be_read_are_told_without_our_insides(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("no folder")
    store = FeedbackStore(tmp_path / "secret" / "feedback.sqlite3")
    response = TestClient(create_api(HandMadeAssistant(feedback=store))).get("/api/answers/a1")
    assert error(response) == (503, "unavailable", None)
    assert "cannot be read right now" in response.json()["error"]["message"]
    assert "secret" not in response.text


def test_whether_passages_come_along_is_yes_or_no(rating: TestClient) -> None:
    response = rating.get("/api/answers/a1", params={"include_passages": "perhaps"})
    assert error(response) == (422, "invalid", "include_passages")


def test_the_openapi_document_has_the_rating_and_its_errors(rating: TestClient) -> None:
    document = rating.get("/openapi.json").json()
    operation = document["paths"]["/api/feedback"]["post"]
    assert {"200", "400", "401", "404", "413", "422", "503"} <= set(operation["responses"])
    assert document["components"]["schemas"]["FeedbackRequest"]["properties"]["rating"]["enum"] == ["up", "down"]


# --- Requests that are refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({}, "question"),
        ({"question": None}, "question"),
        ({"question": 7}, "question"),
        ({"question": "x" * 101}, "question"),
        ({"question": "\ud800"}, "question"),
        ({"question": "x", "top_k": 0}, "top_k"),
        ({"question": "x", "top_k": 51}, "top_k"),
        ({"question": "x", "top_k": "5"}, "top_k"),
        ({"question": "x", "top_k": True}, "top_k"),
        ({"question": "x", "include_qa": 1}, "include_qa"),
        ({"question": "x", "answerer": "oracle"}, "answerer"),
        ({"question": "x", "answerer": "llm"}, "answerer"),
        ({"question": "x", "model": "gpt"}, "model"),
        ({"question": "x", "filters": {"langs": ["en"]}}, "filters.langs"),
        ({"question": "x", "filters": {"lang": ["en", "fr"]}}, "filters.lang.1"),
        ({"question": "x", "filters": {"date_from": "2024-02-30"}}, "filters.date_from"),
        ({"question": "x", "filters": {"date_to": "yesterday"}}, "filters.date_to"),
        ({"question": "x", "filters": {"tags": ["a", 1]}}, "filters.tags.1"),
        ({"question": "x", "filters": {"tags": ["a"] * 101}}, "filters.tags"),
        ({"question": "x", "history": [{"role": "system", "content": "y"}]}, "history.0.role"),
        ({"question": "x", "history": [{"role": "user"}]}, "history.0.content"),
        ({"question": "x", "history": [{"role": "user", "content": "y"}] * 51}, "history"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_field_is_named(client: TestClient, request_: dict[str, Any], field: str, stream: bool) -> None:
    body = json.dumps({**request_, "stream": stream})
    response = client.post("/api/ask", content=body, headers=JSON)
    assert error(response) == (422, "invalid", field)
    assert response.json()["error"]["message"].startswith(f"{field}: ")


def test_a_search_without_a_query_names_the_field(client: TestClient) -> None:
    assert error(client.post("/api/search", json={"question": "x"}))[2] == "query"


@pytest.mark.parametrize("body", ["{", '{"question": ', "[" * 50_000, '{"top_k": ' + "9" * 5000 + "}", b"\xff\xfe{"])
def test_what_is_not_json_is_a_bad_request(client: TestClient, body: str) -> None:
    assert error(client.post("/api/ask", content=body, headers=JSON)) == (400, "bad_request", None)


@pytest.mark.parametrize("body", ["", "[]", '"x"', "null"])
def test_json_that_is_no_object_is_refused(client: TestClient, body: str) -> None:
    assert error(client.post("/api/ask", content=body, headers=JSON)) == (422, "invalid", None)


def test_json_under_another_type_says_what_to_send(client: TestClient) -> None:
    response = client.post("/api/ask", content='{"question": "x"}', headers={"Content-Type": "text/plain"})
    assert error(response) == (422, "invalid", None)
    assert "Content-Type: application/json" in response.json()["error"]["message"]


def chunks(size: int) -> Iterator[bytes]:
    """A body of unknown length."""
    for _ in range(size // 1024):
        yield b" " * 1024


@pytest.mark.parametrize("body", [b" " * (257 * 1024), chunks(300 * 1024)], ids=["announced", "chunked"])
def test_a_body_that_is_too_large_is_refused(client: TestClient, body: Any) -> None:
    assert error(client.post("/api/ask", content=body, headers=JSON)) == (413, "too_large", None)


def test_a_chunked_body_within_the_limit_is_read(client: TestClient) -> None:
    parts = iter([b'{"question"', b': "Was?"}'])
    assert client.post("/api/ask", content=parts, headers=JSON).status_code == 200


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/", "/api/nothing", "/api/ask/", "/health/x"])
def test_an_unknown_route_is_not_found(client: TestClient, path: str) -> None:
    assert error(client.get(path)) == (404, "not_found", None)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/ask", "POST"),
        ("PUT", "/api/search", "POST"),
        ("PUT", "/api/articles/cats", "GET, DELETE"),
        ("GET", "/api/ingest", "POST"),
        ("GET", "/api/feedback", "POST"),
        ("POST", "/health", "GET"),
        ("POST", "/docs", "GET"),
    ],
)
def test_another_method_is_not_allowed(client: TestClient, method: str, path: str, allowed: str) -> None:
    response = client.request(method, path)
    assert error(response) == (405, "method_not_allowed", None)
    assert response.headers["allow"] == allowed


# --- Faults -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "expected"), [("fail", (503, "unavailable", None)), ("crash", (500, "internal", None))]
)
def test_a_fault_is_told_plainly_and_without_our_insides(
    client: TestClient, question: str, expected: tuple[int, str, None]
) -> None:
    response = client.post("/api/ask", json={"question": question})
    assert error(response) == expected
    assert "secret" not in response.text


def test_a_fault_of_the_search_is_told_too(client: TestClient) -> None:
    assert error(client.post("/api/search", json={"query": "fail"})) == (503, "unavailable", None)


# --- Health -------------------------------------------------------------------------------------------------


def test_health_is_ok(client: TestClient) -> None:
    response = client.get("/health")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "articles": 1,
        "passages": 2,
        "embed_model": "subjects",
        "answerer": "extractive",
        "model": None,
        "dense": "exact",
        "refined": None,
        "version": "0.1.0",
        "usage": None,
        "model_resting": False,
        "sent": [],
        "model_failures": 0,
        "revision": 0,
        "indexing": False,
        "last_ingest": None,
        "warnings": [],
    }


def test_health_says_why_nothing_can_be_answered() -> None:
    response = TestClient(create_api(HandMadeAssistant("no articles are indexed"))).get("/health")
    assert response.status_code == 503
    body = response.json()
    assert body["status"] == "no articles are indexed"
    assert body["error"] == {"type": "unavailable", "message": "no articles are indexed", "field": None}


# --- Keys ---------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(hand_made: HandMadeAssistant) -> TestClient:
    return TestClient(create_api(hand_made, api_keys=KEYS))


@pytest.mark.parametrize("key", KEYS)
def test_a_known_key_opens_the_api(locked: TestClient, key: str) -> None:
    headers = [(b"Authorization", f"Bearer {key}".encode())]
    assert locked.get("/api/articles", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "value", [None, "Bearer", "Bearer wrong", "Bearer first-key-and-more", "Basic first-key", "first-key"]
)
def test_without_a_known_key_the_api_stays_shut(locked: TestClient, value: str | None) -> None:
    response = locked.post("/api/ask", json={"question": "x"}, headers={"Authorization": value} if value else {})
    assert error(response) == (401, "unauthorized", None)
    assert response.headers["www-authenticate"] == "Bearer"


def test_without_a_known_key_nothing_can_be_rated(locked: TestClient) -> None:
    assert error(locked.post("/api/feedback", json={"answer_id": "a1", "rating": "up"})) == (401, "unauthorized", None)


def test_without_a_known_key_no_answer_can_be_opened(locked: TestClient) -> None:
    assert error(locked.get("/api/answers/a1")) == (401, "unauthorized", None)


def test_health_and_reference_need_no_key(locked: TestClient) -> None:
    assert [locked.get(path).status_code for path in ("/health", "/docs", "/openapi.json")] == [200, 200, 200]


# --- Headers and reference ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/health", None),
        ("GET", "/docs", None),
        ("GET", "/nothing", None),
        ("POST", "/api/ask", {"question": "Was?"}),
        ("POST", "/api/ask", {"question": "Was?", "stream": True}),
        ("POST", "/api/ask", {"question": "crash"}),
        ("POST", "/api/ask", {"question": "x" * 300_000}),
    ],
)
def test_every_response_has_the_security_headers(client: TestClient, method: str, path: str, body: Any) -> None:
    headers = client.request(method, path, json=body).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "script" not in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == headers["cross-origin-opener-policy"] == "same-origin"
    assert "microphone=()" in headers["permissions-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"


def test_the_reference_lists_every_route_and_needs_no_other_host(client: TestClient) -> None:
    page = client.get("/docs").text
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in page
    assert "://" not in page
    assert "<script" not in page


def test_the_openapi_document_describes_the_answer_field_for_field(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    answer = make_answer()
    assert set(schemas["Answer"]["properties"]) == set(asdict(answer))
    assert set(schemas["Citation"]["properties"]) == set(asdict(answer.citations[0]))
