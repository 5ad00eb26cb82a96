"""Full and read-only disks, damaged files, jumping clocks: told with the command that mends it; nothing is lost."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from fault_cases import FAULTS, Index, fast_product

from rag.web.api import create_api

# What the user reads of each, by its main words. Where nothing stands, the case itself says all.
READS = {
    "the disk is full during an ingest": r"The disk (is full|failed).*What was written before is kept",
    "the data folder can't be written (read-only disk, another owner)": r"data cannot be written: .*--data-dir",
    "an article can't be read": r"a0\.md: cannot be read: Permission denied \(the version indexed before stays\)",
    "the index is cut short": r"is damaged: .*python ingest\.py --rebuild",
    "the index is full of other bytes": r"is damaged: file is not a database.*python ingest\.py --rebuild",
    "a folder is in the place of the index": r"is no file.*python ingest\.py --rebuild",
    "the index has 0 bytes": r"no articles are indexed; run `python ingest\.py`",
    "the index is damaged while a server reads it": r"the index is damaged; .*`python ingest\.py --rebuild`",
    "the file of ratings is damaged": r"is damaged.*kept aside as .*feedback\.sqlite3\.damaged-1.*a new one was begun",
    "the embedder fails half-way": r"answered 500",
    "two ingests at once": r"in use by process 4711; stop it before you start a second ingest",
    "two servers on one data folder": r"in use by process 4711; stop it before you start a second server on it",
}


@pytest.fixture(autouse=True)
def product() -> Iterator[None]:
    with fast_product():
        yield


@pytest.fixture
def index() -> Iterator[Index]:
    """In a folder of its own, since pytest closes its folders to other users, as whom some faults are played."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Index(Path(name))


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_told_and_loses_nothing(index: Index, what: str) -> None:
    seen = FAULTS[what](index)
    assert re.search(READS.get(what, ""), seen, re.DOTALL), seen
    index.ingest()
    index.nothing_lost()


def test_a_damaged_index_is_a_503_in_the_shape_of_the_api(index: Index) -> None:
    with index.served() as opened:
        client = TestClient(create_api(opened, max_question_chars=100), raise_server_exceptions=False)
        index.file.write_bytes(b"\x00" * index.file.stat().st_size)
        health, asked = client.get("/health"), client.post("/api/ask", json={"question": "When did it open?"})
        asked_as_openai = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "When?"}]})
    assert (health.status_code, asked.status_code, asked_as_openai.status_code) == (503, 503, 503)
    for response in (health, asked, asked_as_openai):
        assert "python ingest.py --rebuild" in response.json()["error"]["message"]
        assert str(index.data) not in response.text
