"""The page behind an API that listens already."""

from __future__ import annotations

import threading

from fastapi import FastAPI
from starlette.testclient import TestClient

from rag.web.late_page import LatePage


def page() -> FastAPI:
    made = FastAPI()
    made.get("/")(lambda: "the page")
    return made


def test_the_api_answers_before_the_page_is_there_and_who_asks_for_the_page_waits() -> None:
    go, api = threading.Event(), FastAPI()
    ended: list[FastAPI] = []

    def make() -> FastAPI:
        assert go.wait(60)
        return page()

    api.get("/health")(lambda: "ok")
    late = LatePage(make, lambda: None, ended.append)
    late.mount(api)
    with TestClient(api) as client:
        assert client.get("/health").json() == "ok"
        late.leave()  # nothing is open yet
        threading.Timer(0.1, go.set).start()
        assert client.get("/").json() == "the page"
        late.leave()
    assert len(ended) == 1


def test_a_page_that_cannot_be_put_together_is_told_to_readers_and_to_whoever_runs_the_server() -> None:
    failed, api = threading.Event(), FastAPI()

    def make() -> FastAPI:
        raise OSError("no such style")

    late = LatePage(make, failed.set, lambda app: None)
    late.mount(api)
    with TestClient(api) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "unavailable")
    assert failed.is_set()
    assert str(late.error) == "no such style"
