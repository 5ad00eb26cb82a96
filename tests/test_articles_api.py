"""The routes that add articles and remove them, over the real product."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import settings_for
from fastapi.testclient import TestClient
from httpx2 import Response

from rag.assembly import serving
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.storage.locks import OwnerLock
from rag.web.api import create_api

CAT = "# Von Katzen\n\nDie Katze fraß am Montag drei Mäuse im Garten.\n"
DOG = "# Dogs\n\nThe dog slept in front of the house all day long.\n"
MOON = "# 月亮\n\n昨天晚上的月亮又大又圆，猫坐在屋顶上看月亮。\n"
JUNK = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
FORM = {"Content-Type": "multipart/form-data; boundary=line"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "articles"
    made.mkdir()
    return made


@pytest.fixture
def product(folder: Path, tmp_path: Path) -> Iterator[Assistant]:
    opened = open_assistant(settings_for(tmp_path / "data", articles=folder, embed_model="local-fast"))
    yield opened
    opened.close()


@pytest.fixture
def client(product: Assistant) -> TestClient:
    api = create_api(product, max_upload_mb=1, max_upload_files=3)
    return TestClient(api, raise_server_exceptions=False)


def error(response: Response) -> tuple[int, str, str | None]:
    """Status, type and field of an error in the one shape."""
    body = response.json()
    assert set(body) == {"error"}
    assert body["error"]["message"]
    return response.status_code, body["error"]["type"], body["error"]["field"]


def upload(client: TestClient, *files: tuple[str, bytes], **headers: str) -> Response:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return client.post("/api/ingest", files=[("files", file) for file in files], headers=named)


def told(response: Response) -> list[tuple[str, str, str | None]]:
    assert response.status_code == 200, response.text
    return [(one["name"], one["outcome"], one["reason"]) for one in response.json()["results"]]


# --- Adding -------------------------------------------------------------------------------------------------


def test_files_go_in_and_can_be_asked_about_at_once(client: TestClient, folder: Path) -> None:
    response = upload(client, ("katze.md", CAT.encode()), ("月亮.txt", MOON.encode()), ("photo.md", JUNK))
    assert told(response) == [
        ("katze.md", "added", None),
        ("月亮.txt", "added", None),
        ("photo.md", "failed", "not_text"),
    ]
    body = response.json()
    assert (body["articles"], body["passages"]) == (2, 2)
    assert body["results"][2]["detail"] == "it is not a text file, or in an unknown encoding; save it as UTF-8"
    answer = client.post("/api/ask", json={"question": "Was fraß die Katze am Montag?"}).json()
    assert answer["citations"][0]["article_id"] == body["results"][0]["article_id"]
    assert sorted(path.name for path in (folder / "uploads").iterdir()) == ["katze.md", "月亮.txt"]


def test_a_guess_is_told_with_a_code_and_in_english(client: TestClient) -> None:
    (result,) = upload(client, ("katze.md", f"---\ntitle: a: b\n---\n\n{CAT}".encode())).json()["results"]
    assert result["detail"] == "front matter is not valid YAML, read line by line"
    assert result["warnings"] == [{"code": "front_matter_lines", "value": ""}]


def test_an_archive_goes_in_file_by_file(client: TestClient) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("news/katze.md", CAT)
        archive.writestr("news/leer.md", "")
    response = upload(client, ("news.zip", made.getvalue()))
    assert told(response) == [("news.zip/news/katze.md", "added", None), ("news.zip/news/leer.md", "failed", "empty")]


@pytest.mark.parametrize(("name", "file"), [("Über Hunde", "Über Hunde.md"), ("hund.txt", "hund.txt")])
def test_a_text_goes_in_as_json(client: TestClient, folder: Path, name: str, file: str) -> None:
    response = client.post("/api/ingest", json={"name": name, "text": DOG})
    assert told(response) == [(file, "added", None)]
    assert (folder / "uploads" / file).read_text() == DOG
    again = client.post("/api/ingest", json={"name": name, "text": DOG})
    assert told(again) == [(file, "unchanged", None)]


def test_a_hostile_name_stays_in_the_folder(client: TestClient, folder: Path, tmp_path: Path) -> None:
    response = client.post("/api/ingest", json={"name": "../../../x\r\n.md", "text": DOG})
    assert response.status_code == 200
    assert [path.relative_to(folder).as_posix() for path in tmp_path.rglob("*x*.md")] == ["uploads/x.md"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "..", "text": DOG}, "text"),
        ({"name": ".x.md", "text": DOG}, "name"),
        ({"name": "a.md", "text": " "}, "text"),
        ({"name": "a.md", "text": "a\x00b" * 50}, "text"),
        ({"name": "a.md", "text": 7}, "text"),
        ({"name": "a.md"}, "text"),
        ({"name": "", "text": DOG}, "name"),
        ({"name": "a.md", "text": DOG, "titel": "x"}, "titel"),
        ([], None),
    ],
)
def test_a_text_that_is_no_article_is_refused_with_the_field(client: TestClient, body: Any, field: str | None) -> None:
    field = "name" if body and body["name"] == ".." else field
    assert error(client.post("/api/ingest", json=body)) == (422, "invalid", field)


def test_a_body_that_is_no_json_and_one_of_another_kind_are_refused(client: TestClient) -> None:
    json_header = {"Content-Type": "application/json"}
    for content in (b"{", b"\xff", b"[" * 100_000):
        assert error(client.post("/api/ingest", content=content, headers=json_header)) == (400, "bad_request", None)
    text = {"Content-Type": "text/plain"}
    body = json.dumps({"name": "a", "text": DOG})
    assert error(client.post("/api/ingest", content=body, headers=text)) == (422, "invalid", None)
    assert error(client.post("/api/ingest")) == (422, "invalid", None)


def test_a_form_without_files_or_with_too_many_is_refused(client: TestClient) -> None:
    assert error(client.post("/api/ingest", content=b"--line--\r\n", headers=FORM)) == (422, "invalid", "files")
    assert error(client.post("/api/ingest", content=b"nonsense", headers=FORM)) == (422, "invalid", "files")
    assert error(upload(client, *((f"{n}.md", CAT.encode()) for n in range(4)))) == (413, "too_large", "files")
    part = b'--line\r\nContent-Disposition: form-data; name="lang"\r\n\r\nde\r\n--line--\r\n'
    assert error(client.post("/api/ingest", content=part, headers=FORM)) == (422, "invalid", "lang")


def test_a_body_that_is_too_large_is_refused_whether_or_not_its_length_is_known(client: TestClient) -> None:
    def chunks(size: int) -> Iterator[bytes]:
        yield b'--line\r\nContent-Disposition: form-data; name="files"; filename="a.md"\r\n\r\n'
        for _ in range(size // 2**16):
            yield b"Wort " * (2**16 // 5)
        yield b"\r\n--line--\r\n"

    assert error(upload(client, ("a.md", b"a" * (2 * 2**20)))) == (413, "too_large", None)
    assert error(client.post("/api/ingest", content=chunks(2 * 2**20), headers=FORM)) == (413, "too_large", None)
    assert told(client.post("/api/ingest", content=chunks(2**18), headers=FORM)) == [("a.md", "added", None)]


def test_other_routes_take_no_more_than_before(client: TestClient) -> None:
    assert error(client.post("/api/ask", json={"question": "x" * 300_000})) == (413, "too_large", None)


# --- Removing -----------------------------------------------------------------------------------------------


def test_what_is_removed_is_found_no_more_and_its_file_is_kept(
    client: TestClient, folder: Path, tmp_path: Path
) -> None:
    added = upload(client, ("katze.md", CAT.encode())).json()["results"][0]
    response = client.delete(f"/api/articles/{added['article_id']}")
    assert response.status_code == 200
    assert response.json()["article_id"] == added["article_id"]
    assert (tmp_path / "data" / "removed" / response.json()["kept_as"]).read_text() == CAT
    assert client.get(f"/api/articles/{added['article_id']}").status_code == 404
    assert client.get("/api/articles").json() == {"articles": [], "total": 0, "next": None}
    assert error(client.delete(f"/api/articles/{added['article_id']}")) == (404, "not_found", "article_id")


def test_an_article_from_another_folder_is_not_removed(
    client: TestClient, write: Callable[..., Path], tmp_path: Path
) -> None:
    run_ingest(settings_for(tmp_path / "data", embed_model="local-fast"), [write(katze=CAT)])
    (article,) = client.get("/api/articles").json()["articles"]
    assert error(client.delete(f"/api/articles/{article['id']}")) == (409, "conflict", "article_id")
    assert client.get(f"/api/articles/{article['id']}").status_code == 200


# --- Who may, and when --------------------------------------------------------------------------------------


def test_while_an_ingest_is_under_way_nothing_changes(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 0.05)
    lock = OwnerLock(tmp_path / "data" / "ingest.lock")
    lock.acquire("ingest")
    for response in (upload(client, ("a.md", CAT.encode())), client.delete("/api/articles/x")):
        assert error(response) == (503, "unavailable", None)
        assert response.headers["retry-after"] == "5"
    lock.release()
    assert told(upload(client, ("a.md", CAT.encode()))) == [("a.md", "added", None)]


def test_with_keys_both_routes_need_one_and_no_body_is_read_without(product: Assistant) -> None:
    client = TestClient(create_api(product, api_keys=["key"]))
    assert error(upload(client, ("a.md", CAT.encode()))) == (401, "unauthorized", None)
    assert error(client.post("/api/ingest", content=b"{", headers={"Content-Type": "application/json"}))[0] == 401
    assert error(client.delete("/api/articles/x")) == (401, "unauthorized", None)
    assert told(upload(client, ("a.md", CAT.encode()), Authorization="Bearer key")) == [("a.md", "added", None)]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_can_change_nothing(client: TestClient, folder: Path, site: str) -> None:
    assert error(upload(client, ("a.md", CAT.encode()), Sec_Fetch_Site=site)) == (403, "forbidden", None)
    response = client.delete("/api/articles/x", headers={"Sec-Fetch-Site": site})
    assert error(response) == (403, "forbidden", None)
    assert list(folder.iterdir()) == []
    assert told(upload(client, ("a.md", CAT.encode()), Sec_Fetch_Site="same-origin")) == [("a.md", "added", None)]


def test_the_routes_are_described(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    body = document["paths"]["/api/ingest"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}
    assert set(document["components"]["schemas"]["Added"]["properties"]) >= {"name", "outcome", "reason", "detail"}
    page = client.get("/docs").text
    assert "DELETE /api/articles/{article_id}" in page
    assert "POST /api/ingest" in page
