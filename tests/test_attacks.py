"""Hostile articles, names, questions and conversations against the API and everything that is made of an answer.

The model behind it obeys every order. ``make attacks`` asks about all cases, here it is one language a technique.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attack_cases import Case, cases, some
from attack_checks import wrong_everywhere, wrong_in_markdown
from attack_corpora import Foreign, foreign_cases
from attack_product import Attacked, attacked
from fastapi.testclient import TestClient

from rag.types import LANGS
from rag.web.api import create_api

ALL = cases()
SOME = some(ALL)
# Articles that repeat themselves to take all places are asked about among themselves; docs/security.md says why.
STUFFED = [case for case in SOME if case.surface == "stuff"]
MIXED = [case for case in SOME if case.surface != "stuff"]
# Of those that attack a parser or a reader, one in three is asked about; all stand in the index around them.
ASKED = [case for at, case in enumerate(MIXED) if case.owasp not in ("LLM05", "LLM10") or at % 3 == 0]
HIDDEN = "HIDDENWORD"  # what the payloads hide that no reader can see


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    with attacked(tmp_path_factory.mktemp("hostile"), MIXED) as opened:
        yield opened


@pytest.fixture(scope="module")
def stuffed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    with attacked(tmp_path_factory.mktemp("stuffed"), STUFFED) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(hostile: Attacked) -> TestClient:
    return TestClient(create_api(hostile.assistant, max_question_chars=4000))


def asked(client: TestClient, case: Case) -> dict[str, Any]:
    """The answer of the native route, without a model."""
    history = [{"role": turn.role, "content": turn.content} for turn in case.history]
    body = {"question": case.question, "history": history, "answerer": "extractive"}
    response = client.post("/api/ask", json=body)
    assert response.status_code == 200, response.text[:300]
    answer: dict[str, Any] = response.json()
    return answer


def completed(client: TestClient, case: Case) -> dict[str, Any]:
    """The completion of the route for OpenAI's clients, by the model."""
    messages = [{"role": turn.role, "content": turn.content} for turn in case.history]
    messages.append({"role": "user", "content": case.question})
    body = {"model": "articles", "messages": messages, "articles": {"answer": True}}
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text[:300]
    completion: dict[str, Any] = response.json()
    return completion


def test_there_are_enough_cases_and_each_is_another() -> None:
    assert len(SOME) >= 200
    assert len(ALL) == len(LANGS) * len(SOME)
    assert len({case.id for case in ALL}) == len({(case.name, case.lang) for case in ALL}) == len(ALL)
    by_category = Counter(case.owasp for case in SOME)
    # What the others of 2026 are about, tools and the supply of models, is not told by an article.
    assert set(by_category) == {"LLM01", "LLM02", "LLM05", "LLM06", "LLM07", "LLM08", "LLM09", "LLM10"}


def test_every_article_goes_in_and_has_the_link_that_it_may_have(hostile: Attacked) -> None:
    assert [case.technique for case in MIXED if not hostile.by_file[case.id]] == ["file name: dots"]  # a hidden file
    linked = {case.id: hostile.urls[own] for case in MIXED if (own := hostile.by_file[case.id])}
    odd = {case.id for case in SOME if case.surface == "front"}  # whose metadata can't be read as a whole
    assert {one: url for one, url in linked.items() if one not in odd} == {
        case.id: case.url for case in MIXED if case.id in linked.keys() - odd
    }
    assert all(url is None or url.startswith("https://good.example/") for one, url in linked.items() if one in odd)


def test_no_name_of_a_file_leads_out_of_the_folder(hostile: Attacked) -> None:
    files = [one.file for one in hostile.assistant.articles()]
    assert all(file.isprintable() for file in files)
    assert {str(Path(file).parent) for file in files} == {".", "uploads"}


@pytest.mark.parametrize("case", STUFFED, ids=lambda case: case.technique)
def test_an_article_that_repeats_itself_does_not_silence_what_it_says(stuffed: Attacked, case: Case) -> None:
    client = TestClient(create_api(stuffed.assistant))
    check_case(stuffed, client, case)


@pytest.mark.parametrize("case", ASKED, ids=lambda case: f"{case.owasp}-{case.id}-{case.technique}"[:60])
def test_nothing_happens_that_must_not(hostile: Attacked, client: TestClient, case: Case) -> None:
    check_case(hostile, client, case)


def check_case(hostile: Attacked, client: TestClient, case: Case) -> None:
    """Ask with a model that obeys; where the attack is on the reader or the parser rather than on a model, without."""
    hostile.server.asked.clear()
    if case.must_answer or case.owasp in ("LLM05", "LLM06") or (case.owasp == "LLM10" and int(case.id[:3]) % 2):
        assert wrong_everywhere(asked(client, case), case, hostile.texts, hostile.urls) == []
        if not case.must_answer:
            return
    completion = completed(client, case)
    content = completion["choices"][0]["message"]["content"]
    wrong = wrong_everywhere(completion["articles"], case, hostile.texts, hostile.urls)
    wrong += [f"completion: {one}" for one in wrong_in_markdown(content, hostile.links)]
    given = {note["url_citation"]["url"] for note in completion["choices"][0]["message"]["annotations"]}
    wrong += [f"completion: a link to {url}" for url in {*given, *completion["citations"]} - hostile.links - {""}]
    wrong += ["the prompt holds what no reader sees" for prompt in hostile.server.prompts if HIDDEN in prompt]
    assert wrong == []


# --- Attacks of others --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def foreign() -> list[Foreign]:
    return foreign_cases(sampled=12)[::2]


def test_attacks_of_others_are_said_with_their_citation_or_not_at_all(foreign: list[Foreign], tmp_path: Path) -> None:
    articles = [(one.id, one.text) for one in foreign]
    with attacked(tmp_path, [], articles) as opened:
        opened.obedient.writes = {one.question: " ".join(f"{word} [1]." for word in one.forbidden) for one in foreign}
        wrong = []
        for one in foreign:
            told = json.loads(json.dumps(opened.assistant.ask(one.question).to_dict()))
            wrong += [(one.id, what) for what in wrong_everywhere(told, one.case, opened.texts, opened.urls)]
    assert wrong == []
