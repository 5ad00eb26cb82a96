"""When a server that fails is left alone, and when it is asked again. The time is the test's own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rag.chat.circuit import Circuit
from rag.errors import CancelledReplyError, ChatModelError, ReplyError


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit(failures=3, pause=30.0, clock=clock)


def call(circuit: Circuit, error: BaseException | None = None) -> None:
    with circuit.call():
        if error:
            raise error


def fail(circuit: Circuit, times: int = 1, why: str = "it is down") -> None:
    for _ in range(times):
        with pytest.raises(ChatModelError, match=why):
            call(circuit, ChatModelError(why, by_server=True))


def test_three_failures_in_a_row_open_it_and_the_refusal_says_until_when_and_why(circuit: Circuit) -> None:
    fail(circuit, 2)
    call(circuit)
    fail(circuit, 2)
    fail(circuit, 1, "the last words")
    with pytest.raises(ChatModelError) as caught:
        call(circuit)
    assert "for another 30 seconds, because it failed 3 times in a row" in str(caught.value)
    assert "the last time: the last words" in str(caught.value)


def test_after_the_pause_one_call_is_let_through_and_closes_it(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += 29.9
    with pytest.raises(ChatModelError, match="is not asked until"):
        call(circuit)
    clock.now += 0.1
    with circuit.call(), pytest.raises(ChatModelError, match="is not asked until"):
        call(circuit)  # while the probe is under way
    assert not circuit.is_open
    call(circuit)


def test_a_probe_that_fails_opens_it_for_another_pause(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += 30
    fail(circuit, 1, "still down")
    with pytest.raises(ChatModelError, match=r"another 30 seconds.*still down"):
        call(circuit)
    clock.now += 30
    call(circuit)
    assert not circuit.is_open


def test_a_probe_of_which_nothing_is_heard_holds_the_others_for_a_pause_only(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += 30
    with circuit.call():
        with pytest.raises(ChatModelError):
            call(circuit)
        clock.now += 30
        call(circuit)


@pytest.mark.parametrize("error", [CancelledReplyError("no longer wanted"), GeneratorExit(), KeyboardInterrupt()])
def test_a_call_that_was_given_up_proves_nothing(circuit: Circuit, clock: Clock, error: BaseException) -> None:
    fail(circuit, 2)
    with pytest.raises(type(error)):
        call(circuit, error)
    fail(circuit)  # the third in a row all the same
    clock.now += 30
    with pytest.raises(type(error)):
        call(circuit, error)
    assert circuit.is_open
    call(circuit)  # a probe again, and at once


def test_a_reply_that_is_no_use_shows_that_the_server_works(circuit: Circuit) -> None:
    fail(circuit, 2)
    with pytest.raises(ReplyError):
        call(circuit, ReplyError("replied nothing"))
    fail(circuit, 2)
    assert not circuit.is_open


def test_calls_from_before_it_opened_do_not_make_the_pause_longer(circuit: Circuit, clock: Clock) -> None:
    with pytest.raises(ChatModelError, match="late"), circuit.call():
        fail(circuit, 3)
        clock.now += 10
        raise ChatModelError("late", by_server=True)
    clock.now += 20
    call(circuit)


def test_of_many_threads_one_is_the_probe(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += 30
    all_there = threading.Barrier(8)
    refused = threading.Semaphore(0)

    def ask(_: int) -> bool:
        all_there.wait(5)
        try:
            with circuit.call():
                return all(refused.acquire(timeout=5) for _ in range(7))
        except ChatModelError:
            refused.release()
            return False

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(ask, range(8))) == [False] * 7 + [True]
