"""Replies that are streamed, from a server that does as it should and from one that misbehaves in every way."""

from __future__ import annotations

import itertools
import socket
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import httpx2
import openai
import pytest
from conftest import SAMPLES
from llama_index.core.base.llms.types import ChatMessage
from model_server import (
    DIE,
    DONE,
    HOLD,
    Given,
    Reply,
    Request,
    ScriptedServer,
    Step,
    Streamed,
    event,
    prompt_of,
    refuse,
    said,
    scripted_server,
    smollm2_server,
)

from rag.chat.circuit import Circuit
from rag.chat.failures import retry_after
from rag.chat.model import ChatModel
from rag.chat.reply import Reply as Received
from rag.chat.stream import Limits
from rag.errors import CancelledReplyError, ChatModelError, ChatModelSetupError, ReplyError
from rag.types import Usage

KEY = "sk-very-secret"
PATIENT = Limits(backoff=0.01)  # for what goes well, on cores that are busy
HASTY = Limits(connect=0.3, first_token=0.3, gap=0.3, total=20.0, backoff=0.01, longest_wait=0.5, settle=0.2)
AT_ONCE = 2.0  # seconds in which a server must see that nobody listens any more
HELLO = [ChatMessage(role="user", content="Hello")]


@contextmanager
def asked(
    reply: Callable[[Request], Given], limits: Limits = PATIENT, **options: Any
) -> Iterator[tuple[ChatModel, ScriptedServer]]:
    """A model behind a scripted server, closed afterwards."""
    with scripted_server(reply) as server:
        model = ChatModel("small", base_url=server.base_url, api_key=KEY, limits=limits, **options)
        try:
            yield model, server
        finally:
            model.close()


def read(stream: Generator[str, None, Received]) -> tuple[list[str], Received]:
    """All pieces and the reply."""
    pieces = []
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            return pieces, end.value


def failure_of(given: Given, limits: Limits = PATIENT, **options: Any) -> ChatModelError:
    """What is raised, with no secret in it."""
    with asked(lambda request: given, limits, **options) as (model, _), pytest.raises(ChatModelError) as caught:
        read(model.stream(HELLO))
    assert KEY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    return caught.value


# --- What goes well ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["It is 57 km long.", "Die Röhre ist 57 km lang.", "隧道 长 57 公里。"])
def test_a_reply_comes_in_pieces_and_whole_at_the_end(text: str) -> None:
    with asked(lambda request: text, max_tokens=50) as (model, server):
        pieces, reply = read(model.stream([ChatMessage(role="system", content="Be brief."), *HELLO]))
    assert len(pieces) == len(text.split())
    assert "".join(pieces) == reply.text == text
    assert (reply.finish, reply.tokens_in, reply.tokens_out, reply.calls, reply.estimated) == ("stop", 20, 3, 1, False)
    assert 0 < reply.seconds < 30
    assert model.usage == Usage(calls=1, tokens_in=20, tokens_out=3)
    assert server.asked == [
        {
            "model": "small",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
            "temperature": 0.0,
            "max_tokens": 50,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]
    assert server.keys == [f"Bearer {KEY}"]


def test_a_piece_is_there_before_the_next_is_written() -> None:
    read_first = threading.Event()

    def slowly() -> Iterator[bytes]:
        yield said("one ")
        assert read_first.wait(10)
        yield said("two", "stop")

    with asked(lambda request: Streamed(slowly())) as (model, _):
        stream = model.stream(HELLO, max_tokens=7)
        assert next(stream) == "one "
        read_first.set()
        pieces, reply = read(stream)
    assert (pieces, reply.text) == (["two"], "one two")


def test_characters_that_are_cut_on_the_wire_come_whole() -> None:
    text = "Füße, 长城, 🚄"
    data = said(text) + said(None, "stop") + DONE
    with asked(lambda request: Streamed(data[i : i + 1] for i in range(len(data)))) as (model, _):
        pieces, reply = read(model.stream(HELLO))
    assert (pieces, reply.text) == ([text], text)


def test_halves_of_an_emoji_in_two_pieces_are_joined_and_a_lone_half_can_be_encoded() -> None:
    texts = [r"by \ud83d", r"\ude84 train", r" or \ud83d", " foot"]
    pieces = [b'data: {"choices": [{"delta": {"content": "%s"}}]}\n\n' % text.encode() for text in texts]
    with asked(lambda request: Streamed([*pieces, said("", "stop")])) as (model, _):
        got, reply = read(model.stream(HELLO))
    assert "".join(got) == reply.text == "by 🚄 train or \ufffd foot"


def test_thoughts_are_left_out_and_keep_the_stream_alive() -> None:
    steps = [said(None, reasoning_content="Let me think"), said("57"), said(None, "stop"), DONE]
    with asked(lambda request: Streamed(steps)) as (model, _):
        assert read(model.stream(HELLO))[1].text == "57"


def test_streams_of_several_threads_do_not_mix() -> None:
    with asked(lambda request: " ".join([prompt_of(request)] * 50)) as (model, _), ThreadPoolExecutor(8) as threads:
        words = [f"w{number}" for number in range(16)]
        replies = threads.map(lambda word: read(model.stream([ChatMessage(content=word)]))[1].text, words)
        assert list(replies) == [" ".join([word] * 50) for word in words]
    assert model.usage == Usage(calls=16, tokens_in=320, tokens_out=48)


def test_nothing_is_sent_before_the_first_piece_is_asked_for() -> None:
    with asked(lambda request: "x") as (model, server):
        model.stream(HELLO).close()
        assert server.asked == []


def test_prices_make_a_cost() -> None:
    with asked(lambda request: "x", prices=(1.5, 10.0)) as (model, _):
        assert model.usage == Usage(cost=0.0)
        read(model.stream(HELLO))
        model.chat(HELLO)
    assert model.usage == Usage(2, 40, 6, 0.00012)


# --- Tokens that are not counted ---------------------------------------------------------------------------


def test_a_server_that_leaves_out_the_usage_is_estimated() -> None:
    with asked(lambda request: Streamed([said("57 km", "stop"), DONE])) as (model, _):
        _, reply = read(model.stream(HELLO))
        assert (reply.tokens_in, reply.tokens_out) == (model.count_tokens("Hello") + 8, model.count_tokens("57 km"))
    assert reply.estimated
    assert model.usage == Usage(1, reply.tokens_in, reply.tokens_out)


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_refuses_to_count_is_asked_without_and_not_again(status: int) -> None:
    def strict(request: Request) -> Given:
        return refuse(status, "extra fields not permitted") if "stream_options" in request else "57 km"

    with asked(strict) as (model, server):
        replies = [read(model.stream(HELLO))[1] for _ in range(2)]
    assert [(reply.text, reply.calls, reply.estimated) for reply in replies] == [("57 km", 2, True), ("57 km", 1, True)]
    assert ["stream_options" in request for request in server.asked] == [True, False, False]


def test_a_bad_question_does_not_end_the_counting() -> None:
    def too_long(request: Request) -> Given:
        return refuse(400, "too long") if prompt_of(request) == "Hello" else "57 km"

    with asked(too_long) as (model, server):
        with pytest.raises(ChatModelError, match=r"refused to run small \(400\): too long"):
            read(model.stream(HELLO))
        assert not read(model.stream([ChatMessage(content="short")]))[1].estimated
        with pytest.raises(ChatModelError):
            read(model.stream(HELLO))
    assert len(server.asked) == 4  # it is known by then that the server counts


@pytest.mark.parametrize("last", [HOLD, DIE, b"data: {no json\n\n", event({"error": {"message": "late"}})])
def test_what_comes_after_the_end_of_a_reply_does_not_matter(last: Step) -> None:
    with asked(lambda request: Streamed([said("57 km", "stop"), last]), HASTY) as (model, _):
        assert read(model.stream(HELLO))[1].text == "57 km"


# --- Servers that cannot be asked --------------------------------------------------------------------------


def test_a_refused_connection_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else answers here
        url = f"http://me:pass-word@127.0.0.1:{taken.getsockname()[1]}/v1"
        model = ChatModel("small", base_url=url, api_key=KEY)
        with pytest.raises(ChatModelSetupError, match=r"cannot be reached: .*start the server, or") as caught:
            read(model.stream(HELLO))
        model.close()
    assert "pass-word" not in "".join(traceback.format_exception(caught.value))
    assert model.usage == Usage()


def test_a_name_that_does_not_exist_is_told() -> None:
    model = ChatModel("small", base_url="http://nowhere.invalid/v1", api_key=KEY)
    with pytest.raises(ChatModelError, match=r"http://nowhere\.invalid/v1 (cannot be reached|did not answer)"):
        read(model.stream(HELLO))
    model.close()


def test_a_connection_that_is_not_taken_is_given_up() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):  # takes the only place in the queue
            model = ChatModel(
                "small",
                base_url=f"http://127.0.0.1:{full.getsockname()[1]}/v1",
                api_key=KEY,
                limits=replace(HASTY, connect=0.1),
            )
            with pytest.raises(ChatModelError, match=r"did not answer within 0\.1 seconds"):
                read(model.stream(HELLO))
            model.close()


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "set OPENAI_API_KEY to a key that it takes"),
        (404, "name a model that it serves, and see whether OPENAI_BASE_URL should end in /v1"),
    ],
)
def test_a_wrong_key_or_model_is_told_after_one_request(status: int, remedy: str) -> None:
    words = rf"refused to run small \({status}\): …: no; {remedy}"
    with (
        asked(lambda request: refuse(status, f"{KEY}: no")) as (model, server),
        pytest.raises(ChatModelSetupError, match=words) as caught,
    ):
        read(model.stream(HELLO))
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert (len(server.asked), model.usage) == (1, Usage())


# --- Trying again ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [refuse(429, "busy", retry_after_ms="20"), refuse(500, "oops"), Streamed([DIE])])
def test_what_passes_is_tried_again(first: Given) -> None:
    replies: list[Given] = [first, first, "here I am"]
    with asked(lambda request: replies.pop(0)) as (model, _):
        _, reply = read(model.stream(HELLO))
    assert (reply.text, reply.calls, model.usage.calls) == ("here I am", 3, 1)


def test_as_long_is_waited_as_the_server_asks_if_it_is_short() -> None:
    replies: list[Given] = [refuse(429, "busy", retry_after_ms="300"), "here I am"]
    with asked(lambda request: replies.pop(0)) as (model, _):
        assert read(model.stream(HELLO))[1].seconds >= 0.3


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_wait_long_is_given_up_at_once(status: int) -> None:
    with (
        asked(lambda request: refuse(status, "busy", retry_after="3600")) as (model, server),
        pytest.raises(ChatModelError, match="busy; it asks to wait 3600 seconds; "),
    ):
        read(model.stream(HELLO))
    assert len(server.asked) == 1


def test_a_server_that_stays_broken_is_given_up() -> None:
    with (
        asked(lambda request: refuse(500, "out of memory")) as (model, server),
        pytest.raises(ChatModelError, match=r"failed to run small \(500\): out of memory; try again later"),
    ):
        read(model.stream(HELLO))
    assert len(server.asked) == 3


def test_a_try_that_would_begin_too_late_is_not_waited_for() -> None:
    started = time.monotonic()
    error = failure_of(refuse(500, "oops"), replace(PATIENT, total=5.0, backoff=60.0))
    assert "(500)" in str(error)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": formatdate(0, usegmt=True)}, 0.0),
    ],
)
def test_the_wait_that_a_server_asks_for_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(busy(headers)) == seconds


def test_a_server_may_name_the_moment_to_try_again() -> None:
    before = time.time()
    wait = retry_after(busy({"retry-after": "Tue, 01 Jan 2030 00:00:00 GMT"}))
    assert wait is not None
    assert before <= 1893456000 - wait <= time.time()


def busy(headers: dict[str, str]) -> openai.RateLimitError:
    response = httpx2.Response(429, headers=headers, request=httpx2.Request("POST", "http://127.0.0.1/"))
    return openai.RateLimitError("busy", response=response, body=None)


# --- Servers that hang, die or say what is no reply --------------------------------------------------------


def test_a_hang_before_the_first_byte_is_given_up_and_not_tried_again() -> None:
    with asked(lambda request: HOLD, HASTY) as (model, server):
        with pytest.raises(ChatModelError, match=r"did not begin its reply within 0\.3 seconds; see whether"):
            read(model.stream(HELLO))
        assert server.gone.wait(AT_ONCE)
    assert len(server.asked) == 1


def test_signs_of_life_without_a_token_are_none() -> None:
    def pings() -> Iterator[bytes]:
        while True:
            yield b": ping\n\n"
            yield said("")

    with asked(lambda request: Streamed(pings()), HASTY) as (model, server):
        with pytest.raises(ChatModelError, match="did not begin its reply"):
            read(model.stream(HELLO))
        assert server.gone.wait(AT_ONCE)


def cut_off(*rest: Step, limits: Limits = PATIENT) -> ReplyError:
    error = failure_of(Streamed([said("57 km, "), said("因为"), *rest]), limits)
    assert isinstance(error, ReplyError)
    assert str(error).startswith("small was cut off")
    assert error.text == "57 km, 因为"
    return error


def test_a_stream_that_stalls_midway_is_cut_off() -> None:
    error = cut_off(HOLD, limits=HASTY)
    assert "did not go on with its reply within 0.3 seconds" in str(error)
    assert error.by_server


def test_a_stream_that_never_ends_is_cut_off_at_last() -> None:
    def on_and_on() -> Iterator[bytes]:
        yield said("so ")
        while True:
            yield said(None, reasoning_content=".") + b": ping\n\n" * 1000

    error = failure_of(Streamed(on_and_on()), replace(PATIENT, total=1.0), max_tokens=100_000_000)
    assert "was cut off" in str(error)
    assert "did not finish its reply within 1 seconds" in str(error)
    assert error.text == "so "


def test_a_stream_that_dies_midway_is_cut_off_and_not_tried_again() -> None:
    with asked(lambda request: Streamed([said("57 km"), DIE])) as (model, server):
        stream = model.stream(HELLO)
        assert next(stream) == "57 km"
        with pytest.raises(ReplyError, match=r"small was cut off: .* broke off the connection") as caught:
            next(stream)
    assert (caught.value.text, len(server.asked)) == ("57 km", 1)
    assert model.usage.calls == 1


def test_no_json_midway_is_cut_off() -> None:
    assert "see whether OPENAI_BASE_URL is an OpenAI-compatible server" in str(cut_off(b"data: {no json\n\n"))


def test_an_error_midway_is_cut_off_with_its_words() -> None:
    error = cut_off(event({"error": {"message": f"out of memory {KEY}"}}))
    assert "failed to run small: out of memory …; try again later" in str(error)


@pytest.mark.parametrize("ending", [[], [DONE]])
def test_a_reply_without_a_finish_reason_is_cut_off(ending: list[bytes]) -> None:
    error = cut_off(*ending)
    assert "ended before the reply did" in str(error)
    assert error.by_server


def test_a_reply_of_too_many_tokens_is_cut_off_with_its_text() -> None:
    error = failure_of(Reply("57 km, because", finish="length"), max_tokens=7)
    assert (str(error), error.text, error.by_server) == (
        "small was cut off: it did not finish within 7 tokens",
        "57 km, because",
        False,
    )


def test_a_finish_for_a_reason_of_its_own_is_cut_off() -> None:
    assert "was cut off (finish reason: abort)" in str(failure_of(Reply("57 km", finish="abort")))


@pytest.mark.parametrize("tokens", [100_000, None])
def test_a_model_that_does_not_stop_is_stopped(tokens: int | None) -> None:
    numbers = range(tokens) if tokens else itertools.count()
    with asked(lambda request: Streamed(said("word ") for _ in numbers), max_tokens=50) as (model, server):
        with pytest.raises(ReplyError, match=r"does not stop: more than 800 characters .* 50 tokens") as caught:
            read(model.stream(HELLO))
        assert server.gone.wait(AT_ONCE)
    assert len(caught.value.text) == 800


def test_a_hundred_thousand_tokens_in_one_piece_are_too_many() -> None:
    error = failure_of(Reply("x" * 500_000), max_tokens=50)
    assert "does not stop" in str(error)
    assert len(error.text) == 800


@pytest.mark.parametrize("text", ["", " \n", None])
def test_an_empty_reply_is_none(text: str | None) -> None:
    error = failure_of(Reply(text))
    assert isinstance(error, ReplyError)
    assert "small replied nothing (finish reason: stop)" in str(error)


def test_a_refusal_is_told_in_the_model_s_words() -> None:
    error = failure_of(Reply("", more={"refusal": f"I can't. {KEY}"}))
    assert isinstance(error, ReplyError)
    assert str(error) == "small refused to reply: I can't. …; ask in other words, or choose another model"


def test_a_filter_of_contents_is_a_refusal() -> None:
    error = failure_of(Reply("Some of it", finish="content_filter"))
    assert isinstance(error, ReplyError)
    assert (str(error), error.text) == (
        "small refused to reply; ask in other words, or choose another model",
        "Some of it",
    )


@pytest.mark.parametrize(
    "given",
    [
        Reply(body=b"<html>Log in</html>"),
        Reply(body=b"no json"),
        Reply(body={"choices": []}),
        Reply(body={"error": {"message": "in a 200"}}),
        Streamed([DONE]),
        Streamed([event({"choices": []}), DONE]),
        Streamed([event({}), event(None), event([1]), event({"choices": "x"}), event({"choices": [7]}), DONE]),
        Streamed([b"data: {no json\n\n"]),
        Streamed([b"data: " + b"[" * 100_000 + b"\n\n"]),
        Streamed([b"data: \xff\xfe\n\n"]),
    ],
)
def test_what_is_no_reply_at_all_names_the_address(given: Given) -> None:
    error = failure_of(given)
    assert "see whether OPENAI_BASE_URL is an OpenAI-compatible server" in str(error) or isinstance(error, ReplyError)
    assert error.by_server or isinstance(error, ReplyError)


def test_an_error_in_place_of_a_reply_is_told() -> None:
    error = failure_of(Streamed([event({"error": {"message": "no such model"}})]))
    assert type(error) is ChatModelError
    assert "failed to run small: no such model" in str(error)


# --- Cancelling --------------------------------------------------------------------------------------------


def test_a_stream_is_cancelled_while_it_waits_for_the_first_byte() -> None:
    there, cancelled = threading.Event(), threading.Event()

    def hang(request: Request) -> Given:
        there.set()
        return HOLD

    with asked(hang) as (model, server), ThreadPoolExecutor(1) as threads:
        reading = threads.submit(lambda: read(model.stream(HELLO, cancelled=cancelled)))
        assert there.wait(10)
        cancelled.set()
        assert server.gone.wait(AT_ONCE)
        with pytest.raises(CancelledReplyError, match="the reply of small was cancelled"):
            reading.result(AT_ONCE)
    assert model.usage == Usage()


def test_a_stream_is_cancelled_midway_also_when_nobody_asks_for_more() -> None:
    cancelled = threading.Event()
    with asked(lambda request: Streamed([said("57 "), said("km"), HOLD])) as (model, server):
        stream = model.stream(HELLO, cancelled=cancelled)
        assert next(stream) == "57 "
        cancelled.set()
        assert server.gone.wait(AT_ONCE)
        with pytest.raises(CancelledReplyError) as caught:
            next(stream)
    assert caught.value.text.startswith("57 ")
    assert model.usage.calls == 1


def test_a_stream_is_cancelled_while_it_waits_to_try_again() -> None:
    refused, cancelled = threading.Event(), threading.Event()

    def busy(request: Request) -> Given:
        refused.set()
        return refuse(500, "busy")

    with asked(busy, replace(PATIENT, backoff=60.0)) as (model, _), ThreadPoolExecutor(1) as threads:
        reading = threads.submit(lambda: read(model.stream(HELLO, cancelled=cancelled)))
        assert refused.wait(10)
        cancelled.set()
        with pytest.raises(CancelledReplyError):
            reading.result(AT_ONCE)


def test_what_is_cancelled_beforehand_is_not_sent() -> None:
    cancelled = threading.Event()
    cancelled.set()
    with asked(lambda request: "x") as (model, server):
        with pytest.raises(CancelledReplyError):
            next(model.stream(HELLO, cancelled=cancelled))
        assert server.asked == []


def test_closing_the_generator_closes_the_connection() -> None:
    with asked(lambda request: Streamed([said("57 "), HOLD])) as (model, server):
        stream = model.stream(HELLO)
        next(stream)
        stream.close()
        assert server.gone.wait(AT_ONCE)
        assert model.usage.calls == 1


def test_closing_the_model_ends_its_streams_and_its_thread() -> None:
    def threads() -> int:
        return sum(thread.name == "chat model" for thread in threading.enumerate())

    before = threads()
    with asked(lambda request: Streamed([said("57 "), HOLD])) as (model, server):
        stream = model.stream(HELLO)
        next(stream)
        assert threads() == before + 1
        model.close()
        model.close()
        assert server.gone.wait(AT_ONCE)
        with pytest.raises(CancelledReplyError):
            next(stream)
        with pytest.raises(ChatModelError, match="was closed"):
            next(model.stream(HELLO))
    assert threads() == before


# --- The circuit -------------------------------------------------------------------------------------------


def test_a_server_that_fails_three_times_is_left_alone_and_then_asked_once() -> None:
    now = [0.0]
    well = False

    def reply(request: Request) -> Given:
        return "well again" if well else refuse(500, "down")

    with asked(reply, replace(PATIENT, retries=0), circuit=Circuit(clock=lambda: now[0])) as (model, server):
        for _ in range(3):
            with pytest.raises(ChatModelError, match="down"):
                read(model.stream(HELLO))
        with pytest.raises(ChatModelError, match=r"is not asked until .* for another 30 seconds, .*down"):
            read(model.stream(HELLO))
        assert len(server.asked) == 3
        now[0] = 30.0
        with pytest.raises(ChatModelError, match=r"\(500\)"):
            read(model.stream(HELLO))
        now[0], well = 60.0, True
        assert read(model.stream(HELLO))[1].text == "well again"
        assert read(model.stream(HELLO))[1].text == "well again"
        assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("given", "opens"),
    [
        (Streamed([said("57"), DIE]), True),
        (Streamed([said("57")]), True),
        (HOLD, True),
        (Reply(body=b"<html>"), True),
        (refuse(429, "busy", retry_after="3600"), True),
        (refuse(401, "no"), False),
        (refuse(400, "too long"), False),
        (Reply(""), False),
        (Reply("57", finish="length"), False),
        (Reply("", more={"refusal": "No."}), False),
    ],
)
def test_only_failures_of_the_server_open_the_circuit(given: Given, opens: bool) -> None:
    circuit = Circuit()
    with asked(lambda request: given, replace(HASTY, retries=0), circuit=circuit) as (model, _):
        for _ in range(3):
            with pytest.raises(ChatModelError):
                read(model.stream(HELLO))
    assert circuit.is_open is opens


# --- A real model ------------------------------------------------------------------------------------------


def test_a_real_model_streams_is_counted_and_is_cancelled() -> None:
    question = [ChatMessage(role="user", content="What is the capital of France? Answer in one short sentence.")]
    long = [ChatMessage(role="user", content="Write a very long story about a tunnel under the Alps.")]
    cancelled = threading.Event()
    with smollm2_server() as base_url:
        model = ChatModel("smollm2", base_url=base_url, api_key=None, max_tokens=400)
        for text in (path.read_text(encoding="utf-8") for path in sorted(SAMPLES.glob("*.md"))):
            counted = httpx2.post(f"{base_url.removesuffix('/v1')}/tokenize", json={"content": text})
            assert len(counted.json()["tokens"]) <= model.count_tokens(text)
        pieces, reply = read(model.stream(question))
        assert "Paris" in reply.text
        assert "".join(pieces) == reply.text
        assert len(pieces) > 3
        assert (reply.estimated, reply.calls) == (False, 1)
        assert 0 < reply.tokens_out <= model.count_tokens(reply.text)
        with pytest.raises(ReplyError, match="did not finish within 5 tokens") as caught:
            read(model.stream(long, max_tokens=5))
        assert caught.value.text
        stream = model.stream(long, cancelled=cancelled)
        next(stream)
        cancelled.set()
        with pytest.raises(CancelledReplyError):
            read(stream)
        assert read(model.stream(question))[1].text == reply.text  # its only place is free again
        model.close()
