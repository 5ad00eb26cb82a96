"""Every block of code in ``docs/api.md`` is run against a real server, and what it shows was recorded from one."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import serving
from conftest import SAMPLES, settings_for
from record import EXAMPLES, PAGE, STREAM, record

from rag.__main__ import main
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.web.api import create_api

TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:7860"
LINK = "https://www.eurailpress.de/"


def blocks(language: str) -> list[str]:
    return [code for of, code in BLOCKS if of == language]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "texts").mkdir()
    shutil.copy(SAMPLES / "gotthard-basistunnel-2016.md", folder / "texts")
    assert not run_ingest(settings_for(folder / "data", embed_model="local-fast"), [folder / "texts"]).failed
    return folder / "data"


@pytest.fixture(scope="module")
def address(data: Path) -> Iterator[str]:
    assistant = open_assistant(settings_for(data, embed_model="local-fast"))
    with serving(create_api(assistant)) as served:
        yield served
    assistant.close()


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: re.findall(r"import (\w+)", code)[-1])
def test_the_python_of_the_page_runs(address: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code.replace(ADDRESS, address), PAGE.name, "exec"), {"__name__": "page"})
    assert "57" in capsys.readouterr().out  # kilometres


@pytest.mark.parametrize("code", [code for code in blocks("bash") if code.startswith("curl")])
def test_the_curl_of_the_page_runs(address: str, code: str) -> None:
    done = subprocess.run(["bash", "-c", code.replace(ADDRESS, address)], capture_output=True, text=True, check=True)
    assert LINK in done.stdout


@pytest.mark.parametrize("line", [line for code in blocks("bash") for line in code.splitlines() if "python -m" in line])
def test_the_commands_of_the_page_run(
    data: Path, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # where no .env lies
    monkeypatch.setenv("RAG_DATA_DIR", str(data))
    monkeypatch.setenv("RAG_EMBED_MODEL", "local-fast")
    before, command = line.split("python -m rag ")
    monkeypatch.setattr("sys.stdin", io.StringIO(before.removeprefix("echo ").strip(' |"')))
    assert main(shlex.split(command)) == 0
    assert LINK in capsys.readouterr().out


@pytest.mark.parametrize("code", blocks("json"), ids=lambda code: code.split('"')[5])
def test_the_settings_for_assistants_name_this_server(code: str) -> None:
    (server,) = json.loads(code)["mcpServers"].values()
    assert f"{ADDRESS}/mcp" in (server.get("url"), *server.get("args", ()))


def shape(value: Any) -> Any:
    """What kinds of values there are, and under which names."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return [shape(one) for one in value[:1]] if isinstance(value, list) else type(value).__name__


def events(stream: str) -> list[tuple[str, Any]]:
    parts = [block.split("\ndata: ") for block in stream.strip().split("\n\n")]
    return [(name.removeprefix("event: "), shape(json.loads(value))) for name, value in parts]


def test_the_examples_are_what_a_server_answers(tmp_path: Path) -> None:
    kept, now = json.loads(EXAMPLES.read_text(encoding="utf-8")), record(tmp_path)
    assert events(kept.pop("events")) == events(now.pop("events"))
    assert shape(kept) == shape(now)


def test_the_page_shows_the_recorded_stream() -> None:
    kept = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    (shown,) = STREAM.findall(TEXT)
    assert shown.strip() == kept["events"].strip()
