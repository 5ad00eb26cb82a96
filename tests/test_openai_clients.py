"""The clients that people have, as they are installed, against a real server: what each of them sees of an answer."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import serving
from conftest import ROOT
from openai_fakes import URL, ToldAssistant, ask, connect, content_of, extra

from rag.web.api import create_api

CLIENTS = Path(__file__).parent / "clients"
LLAMA_INDEX = Path(sys.prefix) / "llama-index"
LANGCHAIN = Path(sys.prefix) / "langchain"
QUESTION = "筹集了多少？"  # its answer has Chinese in it
EMOJI = "Wer sagt 😀?"
DOCUMENT = (ROOT / "docs/openai.md").read_text(encoding="utf-8")
PATIENCE = 120  # seconds


@pytest.fixture(scope="module")
def assistant() -> ToldAssistant:
    return ToldAssistant()


@pytest.fixture(scope="module")
def site(assistant: ToldAssistant) -> Iterator[str]:
    with serving(create_api(assistant)) as address:
        yield address


@pytest.fixture(scope="module")
def content(site: str) -> str:
    """What OpenAI's own client sees."""
    with connect(site) as client:
        return content_of(ask(client, QUESTION))


def missing(what: str) -> None:
    """A clone alone does without some clients; a CI run must not."""
    reason = f"{what} is not installed; `make test` does it"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def told_by(command: list[str], env: dict[str, str] | None = None) -> dict[str, Any]:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, **(env or {})}, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


# --- LangChain ----------------------------------------------------------------------------------------------


def find_langchain() -> None:
    """From here on it can be imported; what the product has, too, is the product's."""
    if not LANGCHAIN.is_dir():
        missing("LangChain's client")
    if str(LANGCHAIN) not in sys.path:
        sys.path.append(str(LANGCHAIN))


def langchain(site: str, **settings: Any) -> Any:
    find_langchain()
    from langchain_openai import ChatOpenAI  # noqa: PLC0415

    server: dict[str, Any] = {"base_url": f"{site}/v1", "api_key": "any", "max_retries": 0, "timeout": 60}
    return ChatOpenAI(model="articles", temperature=0.5, **server, **settings)


def test_langchain_sees_the_text_with_its_links(site: str, assistant: ToldAssistant, content: str) -> None:
    model = langchain(site, max_tokens=256, stop=["\nObservation:"])
    reply = model.invoke(QUESTION)
    assert reply.content == content
    assert f"[1]({URL})" in content
    assert reply.response_metadata["finish_reason"] == "stop"
    assert reply.usage_metadata
    assert reply.usage_metadata["output_tokens"] > 0
    pieces = list(model.stream(QUESTION))
    assert "".join(str(piece.content) for piece in pieces) == content
    assert len([piece for piece in pieces if piece.content]) > 1


def test_langchain_sees_it_asynchronously_too(site: str, content: str) -> None:
    model = langchain(site)

    async def both() -> tuple[object, str]:
        whole = await model.ainvoke(QUESTION)
        return whole.content, "".join([str(piece.content) async for piece in model.astream(QUESTION)])

    assert asyncio.run(both()) == (content, content)


def test_langchains_conversation_is_the_history(site: str, assistant: ToldAssistant, content: str) -> None:
    find_langchain()
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage  # noqa: PLC0415
    from langchain_core.prompts import ChatPromptTemplate  # noqa: PLC0415

    prompt = ChatPromptTemplate.from_messages(
        [SystemMessage("Be kind."), HumanMessage(QUESTION), AIMessage(content), ("human", "{question}")]
    )
    (prompt | langchain(site)).invoke({"question": "And how much?"})
    asked = assistant.asked[-1]
    assert asked["question"] == "And how much?"
    assert [turn.role for turn in asked["history"]] == ["user", "assistant"]
    assert "http" not in asked["history"][1].content


def test_langchain_can_ask_for_the_whole_answer(site: str) -> None:
    model = langchain(site, extra_body={"articles": {"answer": True, "source_list": False}})
    text = str(model.invoke(QUESTION).content)
    assert f"[1]({URL})" in text
    assert "**" not in text


# --- LlamaIndex ---------------------------------------------------------------------------------------------


def test_llama_index_sees_the_text_with_its_links(site: str, content: str) -> None:
    if not (LLAMA_INDEX / "openai").is_dir():
        missing("LlamaIndex's client")
    path = os.pathsep.join([str(LLAMA_INDEX), *filter(None, [os.environ.get("PYTHONPATH")])])
    (documented,) = re.findall(r"^```python llama-index\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    example = documented.replace("http://127.0.0.1:7860", site)
    program = str(CLIENTS / "llama_index_client.py")
    told = told_by([sys.executable, program, f"{site}/v1", QUESTION, example], {"PYTHONPATH": path})
    assert f"[1]({URL})" in told["example"]
    assert told["openai"].startswith("2.")  # what its users have
    assert told["content"] == told["streamed"] == told["streamed_async"] == told["completed"] == content
    assert told["citations"] == [URL]


# --- JavaScript ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", [QUESTION, EMOJI])
def test_the_javascript_client_sees_what_the_python_client_sees(site: str, question: str) -> None:
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    if not (node and (CLIENTS / "node_modules/openai").is_dir()):
        missing("OpenAI's JavaScript client")
    assert node
    told = told_by([node, str(CLIENTS / "ask.mjs"), f"{site}/v1", question])
    with connect(site) as client:
        whole = ask(client, question)
    assert told["models"] == ["articles", "articles-extractive", "articles-plain"]
    assert told["content"] == told["streamed"] == told["helped"] == content_of(whole)
    assert told["answered"] is True
    assert told["marked"] == [
        content_of(whole)[a.url_citation.start_index : a.url_citation.end_index]
        for a in whole.choices[0].message.annotations or []
    ]
    assert set(told["marked"]) <= {f"[1]({URL})", f"[3]({URL})"}
    assert told["citations"] == extra(whole)["citations"]
    assert told["usage"]["total_tokens"] > 0
    assert told["refused"] == {"name": "BadRequestError", "status": 400, "param": "n"}
