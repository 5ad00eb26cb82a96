"""Blocking steps told as they come: in order, and given up the moment that nobody listens any more."""

from __future__ import annotations

import asyncio
import contextvars
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager

import pytest
from browsing import serving
from fastapi import FastAPI
from starlette.types import Message
from web_fakes import make_answer

from rag.types import Answer, Found, Update
from rag.web.streaming import EventStream, begun, updates

SOON = 2.0  # seconds in which an upstream call must end


@contextmanager
def posted(address: str, path: str, body: str = "{}", until: bytes = b"") -> Iterator[None]:
    """A request that was sent, and answered until something has come; the client hangs up at the end."""
    host, port = address.removeprefix("http://").split(":")
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(f"{head}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode())
        seen = b""
        while until not in seen:
            received = client.recv(65536)
            assert received, seen
            seen += received
        yield


class Upstream:
    """Steps that say when they began to wait and when they were ended."""

    def __init__(self) -> None:
        self.waiting = threading.Event()
        self.ended = threading.Event()

    def waits(self, cancelled: threading.Event) -> Iterator[Update]:
        """One step, then a call upstream that ends when it is told to."""
        try:
            yield Found(())
            self.waiting.set()
            assert cancelled.wait(20)
        finally:
            self.ended.set()

    def floods(self, _: threading.Event) -> Iterator[Update]:
        """More than any client that does not read can be sent."""
        try:
            while True:
                yield make_answer(answer="x" * 100_000)
        finally:
            self.ended.set()


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


async def collect(make: Callable[[threading.Event], Iterator[Update]]) -> list[Update]:
    return [step async for step in updates(make)]


def test_the_steps_come_in_order_and_nothing_is_cancelled() -> None:
    events: list[threading.Event] = []

    def steps(cancelled: threading.Event) -> Iterator[Update]:
        events.append(cancelled)
        yield Found(())
        yield make_answer()

    assert asyncio.run(collect(steps)) == [Found(()), make_answer()]
    assert not events[0].is_set()


def test_the_loop_is_free_while_a_step_blocks() -> None:
    release = threading.Event()

    def steps(_: threading.Event) -> Iterator[Update]:
        assert release.wait(20)
        yield Found(())

    async def both() -> list[Update]:
        task = asyncio.create_task(collect(steps))
        await asyncio.sleep(0)
        release.set()
        return await task

    assert asyncio.run(both()) == [Found(())]


@pytest.mark.parametrize("before", [0, 1])
def test_an_error_of_a_step_comes_out_as_it_is(before: int) -> None:
    def steps(_: threading.Event) -> Iterator[Update]:
        yield from [Found(())] * before
        raise KeyError("a")

    with pytest.raises(KeyError, match="a"):
        asyncio.run(collect(steps))


def test_what_a_step_sets_for_its_context_is_there_for_the_next_and_can_be_reset() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)

    def steps(_: threading.Event) -> Iterator[Update]:
        token = variable.set(1)
        yield Found(())
        assert variable.get() == 1
        variable.reset(token)
        yield Found(())

    assert len(asyncio.run(collect(steps))) == 2


def test_whoever_leaves_between_two_steps_ends_the_rest(upstream: Upstream) -> None:
    async def first() -> Update:
        async with aclosing(updates(upstream.waits)) as steps:
            return await anext(steps)

    assert asyncio.run(first()) == Found(())
    assert upstream.ended.wait(SOON)
    assert not upstream.waiting.is_set()


def test_whoever_is_cancelled_within_a_step_does_not_wait_for_its_end(upstream: Upstream) -> None:
    async def cancelled_within() -> None:
        task = asyncio.create_task(collect(upstream.waits))
        await asyncio.to_thread(upstream.waiting.wait, 20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    asyncio.run(cancelled_within())
    assert upstream.ended.wait(SOON)


def test_an_iterator_that_cannot_be_closed_is_left_alone() -> None:
    async def first() -> Update:
        async with aclosing(updates(lambda _: iter([make_answer(), make_answer()]))) as steps:
            return await anext(steps)

    assert asyncio.run(first()) == make_answer()


# --- Over a real connection ---------------------------------------------------------------------------------


@pytest.fixture
def site(upstream: Upstream) -> Iterator[str]:
    """A server of two streams: one waits for its upstream call, one never stops to send."""
    api = FastAPI()

    def stream(make: Callable[[threading.Event], Iterator[Update]]) -> EventStream:
        async def events() -> AsyncGenerator[str]:
            async with aclosing(updates(make)) as steps:
                async for step in steps:
                    yield f"data: {step.answer if isinstance(step, Answer) else 'found'}\n\n"

        return EventStream(events())

    api.post("/waits")(lambda: stream(upstream.waits))
    api.post("/floods")(lambda: stream(upstream.floods))
    with serving(api) as address:
        yield address


def test_a_client_that_leaves_ends_the_upstream_call_while_it_waits(upstream: Upstream, site: str) -> None:
    with posted(site, "/waits", until=b"data: found"):
        assert upstream.waiting.wait(20)
    assert upstream.ended.wait(SOON)


def test_a_client_that_leaves_while_it_is_sent_to_ends_the_steps(upstream: Upstream, site: str) -> None:
    with posted(site, "/floods", until=b"data: x"):
        assert not upstream.ended.is_set()
    assert upstream.ended.wait(SOON)


# --- Silence ------------------------------------------------------------------------------------------------


async def sent_by(stream: EventStream) -> str:
    """The whole body, to a client that stays."""
    sent: list[bytes] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))

    await stream({"type": "http"}, receive, send)
    return b"".join(sent).decode()


def test_a_stream_in_silence_says_that_it_is_still_there() -> None:
    async def told() -> str:
        go_on = asyncio.Event()

        async def events() -> AsyncGenerator[str]:
            yield "data: 1\n\n"
            await go_on.wait()
            yield "data: 2\n\n"

        asyncio.get_running_loop().call_later(0.2, go_on.set)
        return await sent_by(EventStream(events(), heartbeat=0.02))

    first, *comments, last, rest = asyncio.run(told()).split("\n\n")
    assert (first, last, rest) == ("data: 1", "data: 2", "")
    assert comments
    assert {comment[0] for comment in comments} == {":"}


def test_a_stream_that_goes_on_says_nothing_else() -> None:
    async def events() -> AsyncGenerator[str]:
        for number in range(20):
            yield f"data: {number}\n\n"

    assert ":" not in asyncio.run(sent_by(EventStream(events()))).replace("data: ", "")


def test_what_goes_wrong_in_a_stream_is_raised() -> None:
    async def events() -> AsyncGenerator[str]:
        yield "data: 1\n\n"
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        asyncio.run(sent_by(EventStream(events())))


def test_what_goes_wrong_before_it_has_begun_is_raised_at_once() -> None:
    async def steps() -> AsyncGenerator[float]:
        yield 1 / int("0")

    with pytest.raises(ZeroDivisionError):
        asyncio.run(begun(steps(), 60))


@pytest.mark.parametrize("within", [60, 0])
def test_steps_that_have_begun_are_the_same_steps(within: float) -> None:
    ended: list[bool] = []

    async def steps() -> AsyncGenerator[int]:
        try:
            await asyncio.sleep(0.01)
            for number in range(5):
                yield number
        finally:
            ended.append(True)

    async def some(most: int) -> list[int]:
        taken = []
        async with aclosing(await begun(steps(), within)) as told:
            async for number in told:
                taken.append(number)
                if len(taken) == most:
                    break
        return taken

    assert asyncio.run(some(9)) == [0, 1, 2, 3, 4]
    assert asyncio.run(some(2)) == [0, 1]
    assert ended == [True, True]
