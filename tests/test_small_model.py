"""A real model of 135 million parameters, which invents as it goes, behind the whole product."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from conftest import ROOT, SAMPLES, made_index, settings_for
from model_server import smollm2_server

from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.chat.prompts import note
from rag.types import Answer

QUESTIONS = [
    "Where did the last cases of wild polio in Africa occur?",
    "Who signed the Paris Agreement at the ceremony in New York?",
    "Which space agencies built the Webb telescope together?",
]


@pytest.fixture(scope="module")
def holds() -> Callable[[str, str], bool]:
    """The program of the sheet, which shares no code with the gate."""
    spec = importlib.util.spec_from_file_location("docs_sheet", ROOT / "docs" / "sheet.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast(Callable[[str, str], bool], module.holds)


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    data = made_index(tmp_path_factory, SAMPLES, include_qa=False)
    with smollm2_server() as url:
        settings = settings_for(
            data,
            articles=SAMPLES,
            chat_model="smollm2",
            openai_base_url=url,
            chat_timeout=600,
            chat_max_tokens=96,
        )
        opened = open_assistant(settings)
        yield opened
        opened.close()


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_it_says_is_proven_or_replaced_by_quotations(
    assistant: Assistant, holds: Callable[[str, str], bool], question: str
) -> None:
    answer = assistant.ask(question)
    quotes = {citation.number: citation.quote for citation in answer.citations}
    assert answer.answered
    assert all(sentence.citations for sentence in answer.sentences)
    if answer.answerer == "llm":
        said = [(sentence.text, " ".join(quotes[n] for n in sentence.citations)) for sentence in answer.sentences]
        assert [text for text, quoted in said if not holds(text, quoted)] == []
    else:
        assert answer.note in (note("nothing_proven", "en"), note("model_failed", "en"))
        assert _are_quotations(answer)
    assert answer.usage is not None
    assert answer.usage.tokens_in > 100


def _are_quotations(answer: Answer) -> bool:
    quoted = " ".join(citation.quote.replace("**", "") for citation in answer.citations)
    return all(sentence.text in quoted for sentence in answer.sentences)
