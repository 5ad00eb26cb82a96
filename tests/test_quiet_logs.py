"""What the logs hold, and above the level of debugging never do: questions, articles, keys."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import settings_for
from fastapi.testclient import TestClient
from model_server import Given, Reply, Request, prompt_of, refuse, scripted_server
from web_fakes import HandMadeAssistant

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.keys import KeyFile, Keyring
from rag.logs import Format, Level, configure
from rag.web.api import create_api
from rag.web.wall import Access

# In the three languages, none of them a word of ours.
ASKED = {"en": "quetzalcoat", "de": "Quarzfräulein", "zh": "魑魅魍魉"}
WRITTEN = "zebraquagga"
TEXT = f"""# The {WRITTEN} of Lowmere

url: https://www.example.org/zebra

The {WRITTEN} of Lowmere was born in the harbour in May 2021.

Das {WRITTEN} frisst 14 Äpfel am Tag.

这只{WRITTEN}重38公斤。
"""
QUESTIONS = {
    "en": f"When was the {WRITTEN} of Lowmere born, {ASKED['en']}?",
    "de": f"Wie viele Äpfel frisst das {WRITTEN}, {ASKED['de']}?",
    "zh": f"这只{WRITTEN}有多重，{ASKED['zh']}？",
}


def echoes(request: Request) -> list[Given]:
    """Ways in which a model's server fails and repeats what it was asked."""
    prompt = prompt_of(request)[-150:]
    return [
        Reply("", more={"refusal": f"I won't say {prompt}"}),
        refuse(400, f"bad prompt: {prompt}"),
        Reply(body=f"<html>{prompt}".encode()),
        refuse(500, f"Traceback: {prompt}"),
    ]


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


def secrets_in(text: str, *more: str) -> list[str]:
    """Which of the words that belong into no log are in one."""
    return [word for word in (*ASKED.values(), WRITTEN, *more) if word.lower() in text.lower()]


@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_log_holds_no_question_no_article_and_no_key(tmp_path: Path, log: io.StringIO, form: Format) -> None:
    faults = [0]

    def fails(request: Request) -> Given:
        return echoes(request)[faults[-1]]

    folder = tmp_path / "articles"
    folder.mkdir()
    keys = KeyFile(tmp_path / "keys.json")
    token = keys.add("ci", "write")
    headers = {"Authorization": f"Bearer {token}"}
    with scripted_server(fails) as server:
        model = {"chat_model": "small", "openai_base_url": server.base_url, "openai_api_key": "sk-of-the-model"}
        settings = settings_for(tmp_path / "data", articles=folder, embed_model="local-fast", **model)
        run_ingest(settings, [folder])
        assistant = open_assistant(settings)
        configure(form, "info", log)
        client = TestClient(create_api(assistant, access=Access(Keyring(file=keys))), raise_server_exceptions=False)
        added = client.post("/api/ingest", json={"name": "lowmere", "text": TEXT}, headers=headers)
        assert added.status_code == 200, added.text
        for fault, lang in enumerate(("en", "de", "zh", "en")):
            faults.append(fault)
            asked = {"question": QUESTIONS[lang], "history": [{"role": "user", "content": ASKED[lang]}]}
            answer = client.post("/api/ask", json={**asked, "answerer": "llm"}, headers=headers)
            assert answer.status_code == 200, answer.text
        answer_id = answer.json()["id"]
        rating = {"answer_id": answer_id, "rating": "down", "correct_answer": ASKED["zh"], "comment": WRITTEN}
        assert client.post("/api/feedback", json=rating, headers=headers).status_code == 200
        client.post("/api/search", json={"query": ASKED["de"]}, headers=headers)
        client.get(f"/api/{ASKED['en']}?q={ASKED['en']}", headers=headers)
        client.get("/api/articles", headers={"Authorization": "Bearer ata_wrongkey"})
        assistant.close()
        assert len(server.asked) >= 4
    told = log.getvalue()
    assert secrets_in(told, token, token[4:20], "ata_wrongkey", "sk-of-the-model") == []
    assert "refused to run small (400)" in told  # what went wrong is told all the same
    assert told.count("rag.audit") == 2
    assert "key ci" in told


def test_a_crash_is_told_with_its_places_and_not_with_what_it_stumbled_over(log: io.StringIO) -> None:
    class Stumbling(HandMadeAssistant):
        def _answer(self, question: str, answerer: Any) -> Any:
            try:
                int(question)
            except ValueError as error:
                raise RuntimeError(f"cannot read {question}") from error

    configure("plain", "info", log)
    client = TestClient(create_api(Stumbling()), raise_server_exceptions=False)
    assert client.post("/api/ask", json={"question": QUESTIONS["en"]}).status_code == 500
    assert client.post("/api/ask", json={"question": QUESTIONS["de"], "stream": True}).status_code == 200
    told = log.getvalue()
    assert secrets_in(told) == []
    assert "builtins.RuntimeError\ncaused by\n" in told
    assert "test_quiet_logs.py" in told
    configure("plain", "debug", log)
    client.post("/api/ask", json={"question": QUESTIONS["en"], "stream": True})
    assert ASKED["en"] in log.getvalue()  # who debugs is told


# --- What a line looks like ---------------------------------------------------------------------------------


@pytest.fixture
def logger(log: io.StringIO) -> Iterator[logging.Logger]:
    configure("plain", "info", log)
    yield logging.getLogger("rag.test")


def test_every_line_of_a_request_has_its_id_in_both_formats(log: io.StringIO) -> None:
    client = TestClient(create_api(HandMadeAssistant()), raise_server_exceptions=False)
    forms: list[Format] = ["plain", "json"]
    for form in forms:
        configure(form, "info", log)
        client.post("/api/ask", json={"question": "fail"}, headers={"X-Request-ID": f"id-{form}"})
    plain, json_lines = log.getvalue().split('{"time"', maxsplit=1)
    assert [line.split()[1:4] for line in plain.splitlines()] == [
        ["WARNING", "rag.web.errors", "[id-plain]"],
        ["INFO", "rag.access", "[id-plain]"],
    ]
    warning, access = map(json.loads, ('{"time"' + json_lines).splitlines())
    assert warning["request_id"] == access["request_id"] == "id-json"
    assert (access["message"], access["status"]) == ("POST /api/ask", 503)


def test_nothing_that_is_logged_begins_a_line_of_its_own(logger: logging.Logger, log: io.StringIO) -> None:
    hostile = "a\n2026 INFO rag.audit forged\x1b[2J\u2028\ud800"
    extra = {"fields": {"file": hostile}}
    forms: tuple[Format, ...] = ("plain", "json")
    for form in forms:
        configure(form, "info", log)
        # To our own handler alone: pytest's keeps what it is told, and cannot send half a character on.
        (own,) = (one for one in logging.getLogger().handlers if getattr(one, "stream", None) is log)
        own.handle(logger.makeRecord(logger.name, logging.INFO, __file__, 1, "%s", (hostile,), None, extra=extra))
    plain, as_json = log.getvalue().splitlines()
    assert "\x1b" not in plain + as_json
    assert json.loads(as_json)["message"].startswith("a\n2026 INFO")


@pytest.mark.parametrize(("level", "expected"), [("info", 2), ("warning", 1), ("error", 0)])
def test_one_says_from_which_level_on(log: io.StringIO, level: Level, expected: int) -> None:
    configure("plain", level, log)
    for name in ("rag.test", "httpx2", "openai"):  # libraries are asked for warnings alone
        logging.getLogger(name).info("x")
    logging.getLogger("rag.test").warning("y")
    assert len(log.getvalue().splitlines()) == expected
