"""The command ``python chat_app.py``, started as a user starts it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mcp import Client
from web_fakes import write_run

from chat_app import main

ROOT = Path(__file__).parent.parent
ARTICLE = "# Von Katzen\n\nhttps://example.org/cats\n\nDie Katze fraß am Montag drei Mäuse im Garten.\n"


@pytest.fixture
def options(tmp_path: Path, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments for one article and a fresh data folder, started where no ``.env`` lies."""
    monkeypatch.chdir(tmp_path)
    return ["--port", "0", "--articles", str(write(katzen=ARTICLE)), "--data-dir", str(tmp_path / "data")]


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what has nothing to do with the finer encoder, which takes seconds to load."""
    monkeypatch.setenv("RAG_EMBED_MODEL", "local-fast")


@pytest.fixture
def process(options: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The command, running."""
    command = [sys.executable, str(ROOT / "chat_app.py"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


def address(process: subprocess.Popen[str]) -> str:
    """Where it says that it listens."""
    assert process.stdout is not None
    match = re.fullmatch(r"Ask the Articles: (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
    assert match, process.communicate()[1]
    return match[1]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[list[str]], tuple[int, str]]:
    """The command within this process, for what ends by itself: exit code and messages."""
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)

    def run_main(arguments: list[str]) -> tuple[int, str]:
        code = main(arguments)
        return code, capsys.readouterr().err

    return run_main


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_indexes_serves_page_and_api_and_ends_cleanly(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    url = address(process)
    with urllib.request.urlopen(f"{url}/health") as response:
        assert json.load(response)["articles"] == 1
    with urllib.request.urlopen(url) as response:
        assert "<gradio-app" in response.read().decode()
    assert tools(url) == ["ask", "search"]
    with urllib.request.urlopen(f"{url}/gradio_api/heartbeat/tab") as open_page:
        open_page.readline()  # an open page must not keep it from ending
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in errors


def tools(url: str) -> list[str]:
    """The names of the tools at /mcp, which the page must leave alone."""

    async def listed() -> list[str]:
        async with Client(f"{url}/mcp") as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    return asyncio.run(listed())


@pytest.mark.usefixtures("fast")
def test_a_file_that_came_while_it_was_off_is_indexed_at_the_next_start(options: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "chat_app.py"), *options]
    for files in (1, 2):
        (tmp_path / "texts" / f"hund{files}.md").write_text(
            f"Der Hund Nummer {files} bellt im Garten.", encoding="utf-8"
        )
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
            url = address(started)
            wait_for(url, files + 1)
            started.terminate()
            started.communicate(timeout=20)


@pytest.mark.usefixtures("fast")
def test_the_folder_is_followed_while_it_serves(options: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "chat_app.py"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        url, new = address(started), tmp_path / "texts" / "hund.md"
        for change, expected in (
            (lambda: new.write_text("Der Hund bellt laut im Garten.", encoding="utf-8"), 2),
            (lambda: new.rename(new.with_name("bello.md")), 2),
            (lambda: new.with_name("bello.md").unlink(), 1),
        ):
            change()
            wait_for(url, expected)
        started.terminate()
        _, errors = started.communicate(timeout=20)
    assert "hund.md" in errors
    assert "removed" in errors


def wait_for(url: str, expected: int) -> None:
    deadline = time.monotonic() + 30
    while articles(url) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert articles(url) == expected


def articles(url: str) -> int:
    with urllib.request.urlopen(f"{url}/health") as response:
        return int(json.load(response)["articles"])


@pytest.mark.usefixtures("fast")
def test_with_users_the_page_and_its_reports_ask_who_is_there(
    options: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_run(tmp_path / "measured", "a")
    monkeypatch.setenv("RAG_RUNS", "measured")
    monkeypatch.setenv("RAG_USERS", "anna:secret")
    command = [sys.executable, str(ROOT / "chat_app.py"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        url = address(started)
        for path in ("config", "evaluation/a/report.html"):
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(f"{url}/{path}")
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        browser.open(f"{url}/login", data=b"username=anna&password=secret").close()
        with browser.open(f"{url}/config") as response:
            assert response.status == 200
        with browser.open(f"{url}/evaluation/a/report.html") as response:
            assert "Report of a" in response.read().decode()
        started.terminate()
        started.communicate(timeout=20)


@pytest.mark.usefixtures("fast")  # first, so that the process has it too
def test_a_second_server_on_the_same_data_is_refused(
    process: subprocess.Popen[str], options: list[str], run: Callable[[list[str]], tuple[int, str]]
) -> None:
    address(process)
    code, errors = run(options)
    assert code == 2
    assert str(process.pid) in errors


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--host", "0.0.0.0"], {}, "RAG_API_KEYS"),
        (["--host", "192.0.2.1"], {"RAG_API_KEYS": "k"}, "cannot listen on RAG_HOST=192.0.2.1"),
        (["--articles", "missing"], {}, "missing does not exist"),
        ([], {"RAG_ARTICELS": "x"}, "unknown setting RAG_ARTICELS"),
    ],
)
def test_what_cannot_be_served_is_said(
    options: list[str],
    run: Callable[[list[str]], tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    message: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, errors = run([*options, *arguments])
    assert code == 2
    assert message in errors
