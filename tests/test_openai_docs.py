"""The examples in docs/openai.md run as they are."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from browsing import serving
from openai_fakes import URL, ToldAssistant
from test_openai_clients import CLIENTS, DOCUMENT, PATIENCE, find_langchain, missing

from rag.answering.plain import MOST_CHARS, MOST_TOKENS
from rag.web.api import create_api
from rag.web.openai.models import ways
from rag.web.openai.schemas import MAX_STOPS, ChatRequest
from rag.web.streaming import HEARTBEAT

TEXT = DOCUMENT
BLOCKS = re.findall(r"^```(python|js)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serving(create_api(ToldAssistant())) as address:
        yield address


def run(kind: str, code: str) -> str:
    if kind == "python":  # in this process, which has loaded these clients
        find_langchain()
        with redirect_stdout(StringIO()) as printed:
            exec(code, {})
        return printed.getvalue()
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    if not (node and (CLIENTS / "node_modules/openai").is_dir()):
        missing("OpenAI's JavaScript client")
    command = [str(node), "--input-type=module", "--eval", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=CLIENTS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("kind", "code"), BLOCKS)
def test_an_example_runs_and_shows_the_answer(site: str, kind: str, code: str) -> None:
    assert "http://127.0.0.1:7860" in code
    printed = run(kind, code.replace("http://127.0.0.1:7860", site))
    assert f"[1]({URL})" in printed or "'text': 'Scale raised $1bn.'" in printed


def test_there_is_an_example_for_every_client() -> None:
    kinds = [kind for kind, _ in BLOCKS]
    assert (kinds.count("python"), kinds.count("js")) == (5, 1)  # LlamaIndex's is run with its client


def test_the_figures_are_those_of_the_code() -> None:
    assert f"{MOST_CHARS:,} characters" in TEXT
    assert f"{MOST_TOKENS} tokens" in TEXT
    assert f"every {HEARTBEAT:.0f} seconds" in TEXT
    assert f"up to {MAX_STOPS}" in TEXT


def test_every_model_and_field_is_told() -> None:
    for name in ways(ToldAssistant()):
        assert f"`{name}`" in TEXT
    for field in ChatRequest.model_fields:
        assert re.search(rf"`{field}\b", TEXT), field
