"""A language model that fails in every way, behind the whole product: each question is answered all the same."""

from __future__ import annotations

import itertools
import json
import logging
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from browsing import serving
from model_server import (
    DIE,
    DONE,
    HOLD,
    Given,
    Reply,
    Request,
    Step,
    Streamed,
    event,
    prompt_of,
    refuse,
    said,
    scripted_server,
)
from test_model_answers import (
    ANSWERS,
    FOLLOW_UPS,
    HISTORY,
    KEY,
    LIES,
    LINKS,
    QUESTIONS,
    REPLIES,
    REWRITING,
    Running,
    Script,
    check_proven,
    ingested,
    marked,
    perfect,
    product,
    product_at,
    running_product,
    texts_of,
    without_marker,
)
from test_streaming import SOON, posted

from rag.assistant import Assistant
from rag.chat.prompts import note
from rag.errors import CancelledReplyError
from rag.types import LANGS, Answer, Found, Lang, NoteReason, Said, Usage
from rag.web.api import create_api

SECRET = f'Traceback (most recent call last): File "/srv/llm.py" {KEY}'  # what a server blurts out


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ingested(tmp_path_factory.mktemp("faults"))


@pytest.fixture(autouse=True)
def whole_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever happens, nothing secret stands in the log, and no fault of a server is a crash of ours."""
    caplog.set_level(logging.DEBUG)
    yield
    for record in caplog.records:
        assert KEY not in record.getMessage()
        assert record.levelno < logging.WARNING or record.exc_info is None, record.getMessage()


def told_in_full(assistant: Assistant, question: str, **more: Any) -> tuple[list[Said], Answer]:
    """What was said on the way, and the answer, which takes nothing of it back."""
    found, *spoken, answer = assistant.stream(question, **more)
    assert isinstance(found, Found)
    assert isinstance(answer, Answer)
    sentences = [one for one in spoken if isinstance(one, Said)]
    assert [one.sentence for one in sentences] == list(answer.sentences)
    return sentences, answer


def check_quoted(assistant: Assistant, answer: Answer, lang: Lang, reason: NoteReason = "model_failed") -> None:
    """The articles answer, and readers are told why in their language, and nothing else."""
    check_proven(assistant, answer)
    assert (answer.answered, answer.answerer, answer.model) == (True, "extractive", None)
    assert answer.note == note(reason, lang)
    assert answer.citations[0].url == LINKS[lang]
    assert all(any(text in citation.passage for citation in answer.citations) for text in texts_of(answer))
    check_no_secret(json.dumps(answer.to_dict(include_passages=True)))


def check_no_secret(text: str) -> None:
    for secret in ("Traceback", "llm.py", KEY, "Error", "127.0.0.1"):
        assert secret not in text


# --- Before anything was written ----------------------------------------------------------------------------

FAULTS: dict[str, Given] = {
    "the key is wrong": refuse(401, SECRET),
    "the model is unknown": refuse(404, SECRET),
    "the question is too long": refuse(400, SECRET),
    "too many ask": refuse(429, SECRET),
    "too many ask for an hour": refuse(429, SECRET, retry_after="3600"),
    "it crashes": refuse(500, SECRET),
    "it is overloaded": refuse(503, SECRET),
    "it says HTML": Reply(body=f"<html>{SECRET}</html>".encode()),
    "it says no JSON": Reply(body=SECRET.encode()),
    "it streams no JSON": Streamed([f"data: {{{SECRET}\n\n".encode()]),
    "it streams an error": Streamed([event({"error": {"message": SECRET}})]),
    "it streams nothing": Streamed([DONE]),
    "it breaks off": Streamed([said("", role="assistant"), DIE]),
    "it breaks off before its first byte": Streamed([DIE]),
    "it hangs": HOLD,
    "it hangs after its first byte": Streamed([said("", role="assistant"), HOLD]),
    "it says nothing": Reply(""),
    "it says spaces": Reply(" \n "),
    "it ends without a reason and without a word": Streamed([said(""), DONE]),
    "it refuses": Reply("", more={"refusal": SECRET}),
    "it filters": Reply("", finish="content_filter"),
    "it only thinks": Streamed([said(None, reasoning_content=SECRET), said(None, "length"), DONE]),
    "it only calls a tool": Streamed([said(None, "tool_calls", tool_calls=[]), DONE]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_model_that_writes_nothing_is_replaced_by_quotes_in_each_language(data: Path, fault: str) -> None:
    with product(data, lambda request: FAULTS[fault], chat_timeout=0.5) as (assistant, server):
        for lang in LANGS:
            _, answer = told_in_full(assistant, QUESTIONS[lang])
            check_quoted(assistant, answer, lang)
            assert answer.dropped == ()
        assert assistant.ask(QUESTIONS["de"], answerer="extractive").note is None
    assert len(server.asked) >= 3


@pytest.mark.parametrize("address", ["refused", "unknown"])
def test_a_server_that_is_not_there_is_replaced_by_quotes(data: Path, address: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else answers here
        port = taken.getsockname()[1]
        url = f"http://127.0.0.1:{port}/v1" if address == "refused" else "http://does-not-exist.invalid/v1"
        with product_at(data, url, chat_timeout=1) as assistant:
            for lang in LANGS:
                answer = told_in_full(assistant, QUESTIONS[lang])[1]
                check_quoted(assistant, answer, lang)
                assert "does-not-exist" not in repr(answer)
                assert answer.usage is None
            assert assistant.health().model_resting


@pytest.mark.parametrize("first", [refuse(429, SECRET, retry_after_ms="20"), refuse(500, SECRET)])
def test_a_fault_that_passes_is_not_noticed(data: Path, first: Given) -> None:
    begun = threading.Event()

    def reply(request: Request) -> Given:
        if begun.is_set():
            return perfect(request)
        begun.set()
        return first

    with product(data, reply) as (assistant, server):
        answer = assistant.ask(QUESTIONS["zh"])
    assert (answer.answer, answer.note, len(server.asked)) == (ANSWERS["zh"], None, 2)


def test_nobody_waits_for_a_server_that_asks_for_an_hour(data: Path) -> None:
    with product(data, lambda request: refuse(429, SECRET, retry_after="3600")) as (assistant, server):
        check_quoted(assistant, assistant.ask(QUESTIONS["en"]), "en")
    assert len(server.asked) == 1


def test_a_server_that_hangs_is_hung_up_on(data: Path) -> None:
    with product(data, lambda request: HOLD, chat_timeout=0.5) as (assistant, server):
        check_quoted(assistant, assistant.ask(QUESTIONS["en"]), "en")
        assert server.gone.wait(SOON)
    assert len(server.asked) == 1


def test_a_false_sentence_before_the_fault_is_listed_as_dropped(data: Path) -> None:
    lie = LIES[0][1]

    def reply(request: Request) -> Given:
        return Streamed([said(f"{marked(request, lie)} And then"), DIE])

    with product(data, reply) as (assistant, _):
        answer = assistant.ask(QUESTIONS["en"])
        check_quoted(assistant, answer, "en")
    assert [dropped.text for dropped in answer.dropped] == [without_marker(lie)]


@pytest.mark.parametrize("lang", LANGS)
def test_a_follow_up_is_answered_without_the_model(data: Path, lang: Lang) -> None:
    with product(data, lambda request: refuse(500, SECRET)) as (assistant, server):
        answer = told_in_full(assistant, FOLLOW_UPS[lang][0], history=HISTORY[lang])[1]
        check_quoted(assistant, answer, lang)
        assert answer.standalone_question
        assert any(REWRITING[lang] in prompt for prompt in server.prompts)


# --- After a sentence was proven ----------------------------------------------------------------------------

FIRST: dict[Lang, str] = {
    "en": "The bridge is 640 metres long [{640}]. ",
    "de": "Die Strecke ist 2.400 Meter lang [{2.400}]. ",
    "zh": "新图书馆藏书120万册[{120万册}]。",
}
THEN: dict[Lang, str] = {"en": "Cars pay only", "de": "Eine Fahrt kostet nur", "zh": "新图书馆周一"}
CUTS: dict[str, tuple[Step, ...]] = {
    "it breaks off": (DIE,),
    "it stalls": (HOLD,),
    "it ends without a reason": (DONE,),
    "it ends without an end": (),
    "it says no JSON": (f"data: {{{SECRET}\n\n".encode(),),
    "it says an error": (event({"error": {"message": SECRET}}),),
    "it has no tokens left": (said(None, "length"), DONE),
    "it is filtered": (said(None, "content_filter"), DONE),
    "it refuses": (said(None, refusal=SECRET), said(None, "stop"), DONE),
    "it gives no known reason": (said(None, "insufficient_system_resource"), DONE),
}


@pytest.mark.parametrize("cut", CUTS)
def test_what_was_proven_before_the_fault_stays_and_readers_are_told(data: Path, cut: str) -> None:
    def reply(request: Request) -> Given:
        lang = next(lang for lang in LANGS if QUESTIONS[lang] in prompt_of(request))
        return Streamed([said(marked(request, FIRST[lang]) + THEN[lang]), *CUTS[cut]])

    with product(data, reply, chat_timeout=0.75) as (assistant, server):
        for lang in LANGS:
            spoken, answer = told_in_full(assistant, QUESTIONS[lang])
            check_proven(assistant, answer)
            assert texts_of(answer) == [without_marker(FIRST[lang]).strip()]
            assert (answer.answered, answer.answerer, answer.model) == (True, "llm", "small")
            assert answer.note == note("cut_off", lang)
            assert len(spoken) == 1
            assert answer.usage
            assert answer.usage.calls == 1
            check_no_secret(json.dumps(answer.to_dict(include_passages=True)))
    assert len(server.asked) == 3  # what has begun is not tried again


@pytest.mark.parametrize("cut", CUTS)
def test_half_a_sentence_is_never_said(data: Path, cut: str) -> None:
    halves: dict[Lang, str] = {
        "en": "The bridge is 640 metres",
        "de": "Die Strecke ist 2.400 Meter",
        "zh": "新图书馆藏书120万",
    }

    def reply(request: Request) -> Given:
        lang = next(lang for lang in LANGS if QUESTIONS[lang] in prompt_of(request))
        return Streamed([said(halves[lang]), *CUTS[cut]])

    with product(data, reply, chat_timeout=0.5) as (assistant, _):
        for lang in LANGS:
            check_quoted(assistant, told_in_full(assistant, QUESTIONS[lang])[1], lang)


# --- A model that does not stop -----------------------------------------------------------------------------


def test_of_an_endless_answer_the_beginning_is_read_and_the_rest_is_hung_up_on(data: Path) -> None:
    def reply(request: Request) -> Given:
        first = said(marked(request, FIRST["en"]))
        rest = (said(f"Giraffes are {'very ' * times}fond of opera. ") for times in itertools.count())
        return Streamed(itertools.chain([first], rest))

    with product(data, reply) as (assistant, server):
        answer = told_in_full(assistant, QUESTIONS["en"])[1]
        assert server.gone.wait(SOON)
        check_proven(assistant, answer)
    assert texts_of(answer) == ["The bridge is 640 metres long."]
    assert len(answer.dropped) < 10


def test_an_answer_that_is_one_endless_sentence_is_none(data: Path) -> None:
    def reply(request: Request) -> Given:
        return Streamed(said(f"the bridge {number} and ") for number in itertools.count())

    with product(data, reply, chat_max_tokens=32) as (assistant, server):
        answer = told_in_full(assistant, QUESTIONS["en"])[1]
        assert server.gone.wait(SOON)
        check_quoted(assistant, answer, "en")


def test_an_endless_thought_is_given_up(data: Path) -> None:
    def reply(request: Request) -> Given:
        return Streamed(said(None, reasoning_content=f"{SECRET} hm, ") for _ in itertools.count())

    with product(data, reply, chat_max_tokens=32) as (assistant, server):
        answer = told_in_full(assistant, QUESTIONS["de"])[1]
        assert server.gone.wait(SOON)
        check_quoted(assistant, answer, "de")


# --- A server that keeps failing ----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["it crashes", "it says HTML", "too many ask for an hour", "it hangs"])
def test_a_server_that_keeps_failing_is_left_alone(data: Path, fault: str) -> None:
    with product(data, lambda request: FAULTS[fault], chat_timeout=0.5) as (assistant, server):
        assert not assistant.health().model_resting
        for _ in range(3):
            check_quoted(assistant, assistant.ask(QUESTIONS["en"]), "en")
        asked = len(server.asked)
        assert asked >= 3
        for lang in LANGS:
            check_quoted(assistant, told_in_full(assistant, QUESTIONS[lang])[1], lang)
        answer = assistant.ask(FOLLOW_UPS["en"][0], history=HISTORY["en"])
        check_quoted(assistant, answer, "en")
        assert (answer.standalone_question is not None, answer.usage) == (True, None)
        assert len(server.asked) == asked
        health = assistant.health()
        assert (health.status, health.model_resting, health.answerer) == ("ok", True, "llm")


@pytest.mark.parametrize("fault", ["the key is wrong", "the question is too long", "it says nothing", "it refuses"])
def test_what_is_not_the_server_s_failure_does_not_make_it_rest(data: Path, fault: str) -> None:
    with product(data, lambda request: FAULTS[fault]) as (assistant, server):
        for _ in range(4):
            check_quoted(assistant, assistant.ask(QUESTIONS["zh"]), "zh")
        assert len(server.asked) >= 4
        assert not assistant.health().model_resting


def test_a_judge_that_keeps_failing_is_left_alone_and_the_answers_go_on(data: Path) -> None:
    def reply(request: Request) -> Given:
        return refuse(500, SECRET) if request["model"] == "strict" else perfect(request)

    with product(data, reply, judge_model="strict") as (assistant, server):
        for lang in LANGS:
            assert assistant.ask(QUESTIONS[lang]).answer == ANSWERS[lang]
        asked = [request["model"] for request in server.asked]
        assert asked.count("small") == 3
        assert asked.count("strict") < 3 * 3 * 3  # three sentences in each answer, three tries for each
        assert assistant.health().model_resting


# --- Over HTTP ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["the key is wrong", "it crashes", "it says no JSON", "it hangs", "it refuses"])
def test_over_http_a_fault_is_an_answer_with_a_note(data: Path, fault: str) -> None:
    with (
        product(data, lambda request: FAULTS[fault], chat_timeout=0.5) as (assistant, _),
        serving(create_api(assistant)) as site,
    ):
        asked = {"question": QUESTIONS["de"]}
        whole = httpx2.post(f"{site}/api/ask", json=asked, timeout=20)
        streamed = httpx2.post(f"{site}/api/ask", json={**asked, "stream": True}, timeout=20)
        messages = [{"role": "user", "content": QUESTIONS["de"]}]
        body = {"model": "articles", "messages": messages, "articles": {"answer": True}}
        chat = httpx2.post(f"{site}/v1/chat/completions", json=body, timeout=20)
    for response in (whole, streamed, chat):
        assert response.status_code == 200
        check_no_secret(response.text)
    names = re.findall(r"^event: (\w+)$", streamed.text, re.MULTILINE)
    assert names == ["passages", *["sentence"] * len(whole.json()["sentences"]), "answer"]
    for answer in (whole.json(), json.loads(streamed.text.rpartition("data: ")[2]), chat.json()["articles"]):
        assert (answer["answered"], answer["answerer"]) == (True, "extractive")
        assert answer["note"] == note("model_failed", "de")
    assert note("model_failed", "de") in chat.json()["choices"][0]["message"]["content"]


def test_over_http_an_answer_that_broke_off_keeps_what_was_said(data: Path) -> None:
    def reply(request: Request) -> Given:
        return Streamed([said(marked(request, FIRST["zh"]) + THEN["zh"]), DIE])

    with product(data, reply) as (assistant, _), serving(create_api(assistant)) as site:
        text = httpx2.post(f"{site}/api/ask", json={"question": QUESTIONS["zh"], "stream": True}, timeout=20).text
    blocks = [block.split("\ndata: ") for block in text.strip().split("\n\n")]
    (found, sentence, answer) = [(name.removeprefix("event: "), json.loads(value)) for name, value in blocks]
    assert [found[0], sentence[0], answer[0]] == ["passages", "sentence", "answer"]
    assert answer[1]["sentences"] == [sentence[1]]
    assert answer[1]["note"] == note("cut_off", "zh")


# --- Clients that leave -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(data: Path) -> Iterator[Running]:
    copied = shutil.copytree(data, data.parent / "running")
    with running_product(copied, judge_model="strict") as opened:
        yield opened


@pytest.fixture(scope="module")
def site(running: Running) -> Iterator[str]:
    with serving(create_api(running.assistant)) as address:
        yield address


def api_body(question: str, *, stream: bool, history: bool = False) -> tuple[str, str]:
    """Path and body of a question to the product's own API."""
    turns = [{"role": turn.role, "content": turn.content} for turn in HISTORY["en"]] if history else []
    return "/api/ask", json.dumps({"question": question, "history": turns, "stream": stream})


def chat_body(question: str, *, stream: bool, history: bool = False) -> tuple[str, str]:
    """The same to the OpenAI-compatible one."""
    turns = [{"role": turn.role, "content": turn.content} for turn in HISTORY["en"]] if history else []
    messages = [*turns, {"role": "user", "content": question}]
    return "/v1/chat/completions", json.dumps({"model": "articles", "messages": messages, "stream": stream})


def holding(where: str, there: threading.Event) -> Script:
    """A model that goes on in one place only when nobody listens any more."""

    def reply(request: Request) -> Given:
        here = (
            "judging" if request["model"] == "strict" else
            "rewriting" if REWRITING["en"] in prompt_of(request) else
            "writing"
        )  # fmt: skip
        if here == where:
            there.set()
            return HOLD
        if here == "judging":
            return "YES"
        return FOLLOW_UPS["en"][1] if here == "rewriting" else marked(request, REPLIES["en"])

    return reply


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("body", [api_body, chat_body])
@pytest.mark.parametrize("where", ["writing", "rewriting", "judging"])
def test_a_client_that_leaves_ends_the_call_of_the_model(
    running: Running, site: str, body: Any, stream: bool, where: str
) -> None:
    there = threading.Event()
    running.server.gone.clear()
    with running.following(holding(where, there)):
        path, text = body(FOLLOW_UPS["en"][0], stream=stream, history=True)
        with posted(site, path, text):
            assert there.wait(20)
            assert not running.server.gone.is_set()
        assert running.server.gone.wait(SOON)


@pytest.mark.parametrize(("body", "sentence"), [(api_body, b"event: sentence"), (chat_body, b"640 metres long")])
def test_a_client_that_leaves_after_a_sentence_does_so_too(
    running: Running, site: str, body: Any, sentence: bytes
) -> None:
    def reply(request: Request) -> Given:
        if request["model"] == "strict":
            return "YES"
        return Streamed([said(marked(request, FIRST["en"]) + THEN["en"]), HOLD])

    running.server.gone.clear()
    with running.following(reply):
        path, text = body(QUESTIONS["en"], stream=True)
        with posted(site, path, text, until=sentence):
            assert not running.server.gone.is_set()
        assert running.server.gone.wait(SOON)


def test_whoever_leaves_does_not_make_the_model_rest(running: Running, site: str) -> None:
    for _ in range(4):
        there = threading.Event()
        running.server.gone.clear()
        with running.following(holding("writing", there)), posted(site, *api_body(QUESTIONS["en"], stream=False)):
            assert there.wait(20)
        assert running.server.gone.wait(SOON)
    with running.following(lambda request: "YES" if request["model"] == "strict" else perfect(request)):
        answer = httpx2.post(f"{site}/api/ask", json={"question": QUESTIONS["en"]}, timeout=20).json()
    assert (answer["answer"], answer["note"]) == (ANSWERS["en"], None)
    assert not running.assistant.health().model_resting


def test_many_clients_that_leave_at_once_hold_nobody_up(running: Running, site: str) -> None:
    with running.following(holding("writing", threading.Event())):
        for number in range(50):
            path, text = (api_body, chat_body)[number % 2](QUESTIONS["en"], stream=number % 3 == 0)
            with posted(site, path, text):
                pass
    with running.following(lambda request: "YES" if request["model"] == "strict" else perfect(request)):
        answer = httpx2.post(f"{site}/api/ask", json={"question": QUESTIONS["de"]}, timeout=20).json()
    assert answer["answer"] == ANSWERS["de"]


def test_closing_the_assistant_ends_what_it_waits_for(data: Path) -> None:
    there = threading.Event()
    with scripted_server(holding("writing", there)) as server, ThreadPoolExecutor(1) as threads:
        with product_at(data, server.base_url) as assistant:
            asking = threads.submit(assistant.ask, QUESTIONS["en"])
            assert there.wait(20)
        assert server.gone.wait(SOON)
        with pytest.raises(CancelledReplyError):
            asking.result(20)


def test_a_stream_that_nobody_reads_to_its_end_is_hung_up_on(data: Path) -> None:
    def reply(request: Request) -> Given:
        return Streamed([said(marked(request, FIRST["en"]) + THEN["en"]), HOLD])

    with product(data, reply) as (assistant, server):
        told = assistant.stream(QUESTIONS["en"])
        assert isinstance(next(told), Found)
        assert isinstance(next(told), Said)
        told.close()  # type: ignore[attr-defined]  # what is iterated is a generator
        assert server.gone.wait(SOON)
        assert assistant.health().usage != Usage()
