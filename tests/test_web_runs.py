"""The list of evaluation runs: reading it, showing it, and serving the reports to whoever may see the page."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from web_fakes import HandMadeAssistant, write_run

from rag.types import Lang
from rag.web.api import create_api
from rag.web.chat import build_chat, mount
from rag.web.evaluation import render_runs
from rag.web.runs import MAX_BYTES, find_report, list_runs


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder for runs, with a secret beside it."""
    write_run(tmp_path, "elsewhere")
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


# --- Reading ------------------------------------------------------------------------------------------------


def test_runs_come_newest_first_whatever_their_names_and_time_zones(runs: Path) -> None:
    write_run(runs, "b", started="2024-05-21T09:05:00+00:00")
    write_run(runs, "a", started="2024-05-21T12:00:00+02:00")
    write_run(runs, "c", started="2023-12-31T23:59:00+00:00")
    assert list(list_runs(runs)) == ["a", "b", "c"]


def test_a_run_says_what_was_measured_and_how(runs: Path) -> None:
    write_run(runs, "läufe-评测", name="Vorher", leaked=3, failed=2)
    run = list_runs(runs)["läufe-评测"]
    assert (run.name, run.version, run.commit) == ("Vorher", "0.1.0", "149d846")
    assert (run.cases, run.failed, run.leaked) == (88, 2, 3)
    [figure] = run.headline
    assert (figure.measure, figure.n, figure.mean, figure.low, figure.high) == ("hit@1", 64, 0.976, 0.95, 1.0)


def test_without_a_folder_there_are_no_runs(runs: Path) -> None:
    assert list_runs(runs / "missing") == {}
    assert find_report(runs / "missing", "a") is None
    assert list_runs(runs) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "\ufeff{}",
        '{"name": "only"}',
        json.dumps({"pad": "x" * MAX_BYTES}),
        "[" * 50_000,
    ],
)
def test_a_broken_run_is_left_out_and_logged(runs: Path, caplog: pytest.LogCaptureFixture, text: str) -> None:
    (write_run(runs, "broken") / "run.json").write_text(text, encoding="utf-8")
    write_run(runs, "whole")
    assert list(list_runs(runs)) == ["whole"]
    assert "broken" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        {"started": "yesterday"},
        {"started": "2024-05-21T09:05:00"},
        {"cases": -1},
        {"cases": "many"},
        {"leaked": None},
        {"name": "\ud800"},
        {"headline": [{"measure": "hit@1", "n": 1, "mean": float("nan"), "low": 0.0, "high": 1.0}]},
        {"headline": {"hit@1": 1.0}},
    ],
)
def test_a_run_with_an_impossible_value_is_left_out(runs: Path, changes: dict[str, Any]) -> None:
    values = json.loads((write_run(runs, "whole") / "run.json").read_text(encoding="utf-8"))
    (write_run(runs, "wrong") / "run.json").write_text(json.dumps(values | changes), encoding="utf-8")
    assert list(list_runs(runs)) == ["whole"]


def test_what_is_no_run_is_left_out(runs: Path, caplog: pytest.LogCaptureFixture) -> None:
    (runs / "notes.txt").write_text("no folder", encoding="utf-8")
    (runs / "under way").mkdir()
    (runs / "link").symlink_to(runs.parent / "elsewhere")
    with caplog.at_level(logging.INFO):
        assert list_runs(runs) == {}
    assert "no run.json in" in caplog.text


def test_a_report_is_found_by_the_name_of_its_folder_alone(runs: Path) -> None:
    made = write_run(runs, "a b-评测")
    assert find_report(runs, "a b-评测") == made.resolve() / "report.html"
    for name in (
        "",
        ".",
        "..",
        "../elsewhere",
        "../runs/a b-评测",
        "a b-评测/",
        "./a b-评测",
        "A",
        "\0",
        "\ud800",
        "x" * 999,
    ):
        assert find_report(runs, name) is None


def test_a_report_that_is_a_link_out_is_refused(runs: Path) -> None:
    report = write_run(runs, "a") / "report.html"
    report.unlink()
    assert find_report(runs, "a") is None
    report.symlink_to(runs.parent / "elsewhere" / "report.html")
    assert find_report(runs, "a") is None
    (runs / "b").symlink_to(runs.parent / "elsewhere")
    assert find_report(runs, "b") is None


# --- Showing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lang", "when", "cases", "figure", "warning"),
    [
        ("en", "21 May 2024, 09:05 UTC", "88 cases, 2 failed", "0.98</strong> (0.95–1.00)", "Not valid: in 3 cases"),
        ("de", "21. Mai 2024, 09:05 UTC", "88 Fälle, 2 gescheitert", "0,98</strong> (0,95–1,00)", "Ungültig: In 3"),
        ("zh", "2024年5月21日 09:05 UTC", "88 个问题，2 个出错", "0.98</strong> (0.95–1.00)", "无效：有 3 个问题"),
    ],
)
def test_a_run_is_shown_in_the_language_of_the_page(
    runs: Path, lang: Lang, when: str, cases: str, figure: str, warning: str
) -> None:
    write_run(runs, "a", failed=2, leaked=3)
    html = render_runs(list_runs(runs), lang)
    for shown in (when, cases, figure, warning, "n = 64", "0.1.0 (149d846)", "extractive, use-multilingual-v3"):
        assert shown in html
    assert "\n" not in html


def test_only_a_run_with_leaks_is_marked(runs: Path) -> None:
    write_run(runs, "clean", commit=None)
    html = render_runs(list_runs(runs), "en")
    assert "Not valid" not in html
    assert "version 0.1.0</span>" in html


@pytest.mark.parametrize("lang", ["en", "de", "zh"])
def test_without_runs_the_command_that_makes_one_is_named(lang: Lang) -> None:
    assert "<code>python -m eval run</code>" in render_runs({}, lang)


def test_names_are_text_and_never_markup(runs: Path) -> None:
    hostile = '<img src=x>\n\n"&'
    folder = 'a b"<x>&?#%2e'
    write_run(runs, folder, name=hostile, version=hostile, commit=hostile)
    html = render_runs(list_runs(runs), "en")
    assert "&lt;img src=x&gt; &quot;&amp;</a>" in html
    assert "<img" not in html
    assert "\n" not in html
    assert 'href="evaluation/a%20b%22%3Cx%3E%26%3F%23%252e/report.html"' in html


# --- Serving ------------------------------------------------------------------------------------------------


def serve(runs: Path, users: list[tuple[str, str]]) -> FastAPI:
    """API and page over these runs."""
    assistant = HandMadeAssistant()
    api = create_api(assistant, api_keys=["a-key"] if users else [])
    return mount(api, build_chat(assistant, runs=runs), runs=runs, users=users)


@pytest.fixture(scope="module")
def served_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two runs and a link to one that lies outside."""
    folder = tmp_path_factory.mktemp("served")
    write_run(folder, "elsewhere")
    for name in ("a", "läufe-评测"):
        write_run(folder / "runs", name)
    (folder / "runs" / "link").symlink_to(folder / "elsewhere")
    return folder / "runs"


@pytest.fixture(scope="module")
def open_site(served_runs: Path) -> FastAPI:
    return serve(served_runs, [])


@pytest.fixture(scope="module")
def locked_site(served_runs: Path) -> FastAPI:
    return serve(served_runs, [("anna", "geheim"), ("李", "秘密")])


@pytest.fixture
def client(open_site: FastAPI) -> TestClient:
    """A browser before the page without a login."""
    return TestClient(open_site, raise_server_exceptions=False)


@pytest.fixture
def locked(locked_site: FastAPI) -> TestClient:
    """A browser before the page with logins."""
    return TestClient(locked_site, raise_server_exceptions=False)


def test_a_report_is_served_as_it_is_with_the_security_headers(client: TestClient) -> None:
    response = client.get("/evaluation/läufe-评测/report.html")
    assert response.status_code == 200
    assert response.text == "<!doctype html><h1>Report of läufe-评测</h1>"
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'; " in response.headers["content-security-policy"]
    assert "unsafe-eval" not in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "%2e%2e/report.html",
        "%2e/report.html",
        "..%2felsewhere/report.html",
        "%2e%2e%2felsewhere/report.html",
        "..%5celsewhere/report.html",
        "%00/report.html",
        "elsewhere/report.html",
        "link/report.html",
        "a/run.json",
        "a/report.html/",
        "a",
        "",
    ],
)
def test_nothing_but_reports_of_runs_is_served(client: TestClient, path: str) -> None:
    response = client.get(f"/evaluation/{path}")
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer a-key"}, {"Cookie": "access-token=x; access-token-unsecure=x"}],
    ids=["nothing", "key of the API", "invented cookie"],
)
def test_with_logins_a_report_needs_one(locked: TestClient, headers: dict[str, str]) -> None:
    response = locked.get("/evaluation/a/report.html", headers=headers)
    assert response.status_code == 401
    assert "log in on the page first" in response.json()["error"]["message"]
    assert locked.get("/evaluation/missing/report.html", headers=headers).status_code == 401


@pytest.mark.parametrize(("name", "password"), [("anna", "geheim"), ("李", "秘密")])
def test_a_login_opens_the_reports_until_it_ends(locked: TestClient, name: str, password: str) -> None:
    assert locked.post("/login", data={"username": name, "password": "wrong"}).status_code == 400
    assert locked.get("/evaluation/a/report.html").status_code == 401
    assert locked.post("/login", data={"username": name, "password": password}).status_code == 200
    assert "Report of a" in locked.get("/evaluation/a/report.html").text
    locked.get("/logout")
    assert locked.get("/evaluation/a/report.html").status_code == 401


def test_without_the_page_there_are_no_reports() -> None:
    client = TestClient(create_api(HandMadeAssistant(), api_keys=["a-key"]))
    response = client.get("/evaluation/a/report.html", headers={"Authorization": "Bearer a-key"})
    assert response.status_code == 404


def test_the_reports_are_not_in_the_openapi_document(client: TestClient) -> None:
    assert not [path for path in client.get("/openapi.json").json()["paths"] if "evaluation" in path]
