"""The list of articles page by page, and what a client need not be sent again."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from web_fakes import SUMMARY, HandMadeAssistant

from rag.storage.listing import in_order, place_of
from rag.types import ArticleSummary
from rag.web.api import create_api
from rag.web.catalogue_api import beyond


def article(id: str, date: str | None, title: str) -> ArticleSummary:
    return replace(SUMMARY, id=id, date=date, title=title)


NEWEST_FIRST = [
    article("a", "2024-05-21", "Über Katzen"),
    article("b", "2024-05-21", "猫"),
    article("c", "2024-05-21", "猫"),  # of one day and title: by id
    article("d", "2023-01-01", "On cats" * 100),
    article("e", None, "Cats"),
]


class Library(HandMadeAssistant):
    """Lists what it is given."""

    def __init__(self, listed: list[ArticleSummary]) -> None:
        super().__init__()
        self.listed = listed

    def articles(self) -> list[ArticleSummary]:
        return list(self.listed)


@pytest.fixture
def library() -> Library:
    return Library(NEWEST_FIRST)


@pytest.fixture
def client(library: Library) -> TestClient:
    return TestClient(create_api(library))


def page(client: TestClient, **asked: Any) -> dict[str, Any]:
    response = client.get("/api/articles", params=asked)
    assert response.status_code == 200
    return dict(response.json())


def ids(page: dict[str, Any]) -> list[str]:
    return [one["id"] for one in page["articles"]]


# --- Pages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
def test_the_pages_together_are_the_list(client: TestClient, limit: int) -> None:
    found, asked = [], {"limit": limit}
    while True:
        told = page(client, **asked)
        assert told["total"] == 5
        assert len(told["articles"]) <= limit
        found += ids(told)
        if told["next"] is None:
            break
        asked["cursor"] = told["next"]
    assert found == ["a", "b", "c", "d", "e"]


def test_what_is_added_or_removed_on_the_way_moves_nothing_else(client: TestClient, library: Library) -> None:
    first = page(client, limit=2)
    library.listed = [article("new", "2025-01-01", "New"), *library.listed]
    library.listed.remove(NEWEST_FIRST[1])  # the very one that the cursor points at
    second = page(client, limit=2, cursor=first["next"])
    assert (ids(first), ids(second)) == (["a", "b"], ["c", "d"])


def test_a_hundred_come_when_nothing_else_is_asked_for(client: TestClient, library: Library) -> None:
    library.listed = [article(f"{number:03}", "2024-01-01", "x") for number in range(101)]
    told = page(client)
    assert (len(told["articles"]), told["total"], told["next"] is None) == (100, 101, False)
    assert ids(page(client, cursor=told["next"])) == ["100"]


@given(
    st.lists(
        st.builds(article, st.text(), st.sampled_from([None, "2023-01-01", "2024-01-01"]), st.text()),
        unique_by=lambda one: one.id,
    )
)
def test_every_place_in_a_list_has_the_rest_of_it_beyond(listed: list[ArticleSummary]) -> None:
    ordered = in_order(listed)
    for number, one in enumerate(ordered, 1):
        assert beyond(place_of(one), ordered) == ordered[number:]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "all"}, "limit"),
        ({"cursor": "2"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "猫"}, "cursor"),
        ({"cursor": "x" * 2001}, "cursor"),
        *[
            ({"cursor": base64.urlsafe_b64encode(json.dumps(value).encode()).decode()}, "cursor")
            for value in (7, [], ["", ""], ["", "", 1], {"a": 1, "b": 2, "c": 3})
        ],
    ],
)
def test_what_is_no_page_is_refused_by_name(client: TestClient, asked: dict[str, Any], field: str) -> None:
    response = client.get("/api/articles", params=asked)
    told = response.json()["error"]
    assert (response.status_code, told["type"], told["field"]) == (422, "invalid", field)
    assert told["message"].startswith(f"{field}: ")


# --- What a client knows already ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/articles", "/api/articles?limit=2", "/api/articles/cats"])
def test_what_a_client_has_is_not_sent_again(client: TestClient, path: str) -> None:
    first = client.get(path)
    etag = first.headers["etag"]
    assert etag.startswith('"')
    assert first.headers["cache-control"] == "private, no-cache"
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert client.get(path, headers={"If-None-Match": '"other"'}).json() == first.json()


def test_a_change_is_sent(client: TestClient, library: Library) -> None:
    etag = client.get("/api/articles").headers["etag"]
    library.listed[0] = replace(library.listed[0], title="Changed")
    response = client.get("/api/articles", headers={"If-None-Match": etag})
    assert (response.status_code, response.headers["etag"] != etag) == (200, True)
