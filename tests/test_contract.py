"""The HTTP API keeps what its OpenAPI document says, whatever is sent."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from conftest import ROOT
from fastapi.testclient import TestClient
from web_fakes import HandMadeAssistant

from rag.web.api import create_api

METHODS = {"get", "post", "delete", "put", "patch"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(TestClient(create_api(HandMadeAssistant())).get("/openapi.json").json())


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All operations by method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def test_made_up_requests_of_all_kinds_are_answered_as_documented() -> None:
    command = [sys.executable, "bench/contract.py", "--cases", "24", "--phases", "examples,coverage,fuzzing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    made = re.search(r"^(\d+) cases in .*: the contract was kept$", done.stdout, re.MULTILINE)
    assert made, done.stdout
    assert int(made[1]) > 500


def test_every_operation_says_what_it_is_for_and_how_it_may_fail(document: dict[str, Any]) -> None:
    found = operations(document)
    assert len({one["operationId"] for one in found.values()}) == len(found)
    for name, operation in found.items():
        assert operation["summary"] and operation["description"] and operation["tags"], name
        assert re.fullmatch(r"[a-z_]+", operation["operationId"]), name
        needed = {"200"} if name == "GET /health" else {"200", "401", "403", "429", "503"}
        assert needed <= set(operation["responses"]), name
        if "requestBody" in operation:
            assert {"400", "413"} <= set(operation["responses"]), name


def test_every_route_under_api_shows_a_request_and_a_response(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name, operation in operations(document).items():
        if "/v1/" in name:
            continue
        shown = operation["responses"]["200"]["content"]["application/json"]["examples"]
        assert all(one["value"] for one in shown.values()), name
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if body is not None:
            assert schemas[body["$ref"].rsplit("/", 1)[-1]]["examples"] if "$ref" in body else body["examples"], name


@pytest.mark.parametrize("path", ["/api/ask", "/v1/chat/completions"])
def test_streams_are_documented_as_events(document: dict[str, Any], path: str) -> None:
    content = document["paths"][path]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/event-stream"}
