"""Clients that send slowly, never end, never read, or are too many, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from queue import Queue

import httpx2
import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, StreamingResponse

from rag.web.patience import Connections, Patience
from rag.web.server import Server, bind

HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def small_app() -> FastAPI:
    app = FastAPI()

    @app.post("/echo")
    async def echo(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    @app.get("/slow")
    async def slow() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 100_000
                await asyncio.sleep(0)  # a client that is gone is noticed beside this

        return StreamingResponse(pieces())

    return app


@contextmanager
def served(patience: Patience) -> Iterator[tuple[str, int]]:
    ready: Queue[str] = Queue()
    server = Server(small_app(), ready.put, lambda _: None, patience)
    with bind("127.0.0.1", 0) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            ready.get(timeout=60)
            yield bound.getsockname()[:2]
        finally:
            server.should_exit = True
            thread.join(20)


def connect(at: tuple[str, int]) -> socket.socket:
    client = socket.create_connection(at, timeout=20)
    client.settimeout(20)
    return client


def rest(client: socket.socket) -> bytes:
    """All that comes until the server hangs up."""
    came = b""
    try:
        while piece := client.recv(65536):
            came += piece
    except ConnectionError:
        pass
    return came


def dribble(client: socket.socket, stop: threading.Event) -> bytes:
    """Send a byte now and then, as whoever wants to hold a connection does, until the server hangs up."""
    client.setblocking(False)
    came = b""
    while not stop.is_set():
        try:
            client.send(b"a")
            came += client.recv(1000)
            if not came or came.endswith(b"\r\n\r\n"):
                break
        except BlockingIOError:
            pass
        except ConnectionError:
            break
        time.sleep(0.02)
    return came


QUICK = Patience(head=0.5, body=0.5, reading=0.5)


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, int]]:
    with served(QUICK) as at:
        yield at


def test_two_hundred_clients_that_dribble_are_closed_while_another_is_served() -> None:
    with served(Patience(head=1.0, body=1.0)) as at, ExitStack() as stack:
        address = f"http://{at[0]}:{at[1]}"
        slow = [stack.enter_context(connect(at)) for _ in range(200)]
        for number, client in enumerate(slow):
            client.sendall(HEAD + b"X-A: " if number % 2 else HEAD + b"Content-Length: 100000\r\n\r\n{")
            client.setblocking(False)
        open_still, served_meanwhile = set(slow), 0
        deadline = time.monotonic() + 30
        with httpx2.Client() as normal:
            while open_still and time.monotonic() < deadline:
                assert normal.post(f"{address}/echo", content=b"abc").text == "3"
                served_meanwhile += 1
                open_still = {client for client in open_still if not is_closed(client)}
        assert not open_still
        assert served_meanwhile > 1


def is_closed(client: socket.socket) -> bool:
    """Whether the server hung up; if not, it is sent one more byte."""
    try:
        client.send(b"a")
        return client.recv(1000) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize("begin", [b"", b"GET / HTT", HEAD, HEAD + b"X-A: b\r\n"])
def test_headers_that_never_end_are_not_waited_for(site: tuple[str, int], begin: bytes) -> None:
    with connect(site) as client:
        client.sendall(begin)
        assert rest(client).startswith(b"HTTP/1.1 408 ")


def test_a_byte_now_and_then_does_not_help(site: tuple[str, int]) -> None:
    with connect(site) as client:
        client.sendall(HEAD + b"X-A: ")
        assert dribble(client, threading.Event()).startswith((b"HTTP/1.1 408 ", b""))
        with pytest.raises(OSError):  # which one differs with who was faster
            for _ in range(100):
                client.send(b"a")
                time.sleep(0.01)


def test_a_next_request_on_the_same_connection_has_the_same_time(site: tuple[str, int]) -> None:
    with connect(site) as client:
        for _ in range(2):
            client.sendall(HEAD + b"Content-Length: 3\r\n\r\nabc")
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        client.sendall(HEAD)
        assert rest(client).startswith(b"HTTP/1.1 408 ")


def test_a_body_may_take_as_long_as_it_is_large() -> None:
    with served(Patience(body=0.5, body_rate=1000)) as at, connect(at) as client:
        client.sendall(HEAD + b"Content-Length: 6000\r\n\r\n")
        for _ in range(12):  # 1.2 s; each piece brings half a second
            client.sendall(b"a" * 500)
            time.sleep(0.1)
        assert b"\r\n\r\n6000" in client.recv(65536)


def test_headers_without_end_are_refused(site: tuple[str, int]) -> None:
    with connect(site) as client:
        try:
            client.sendall(HEAD + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(100)))
        except ConnectionError:
            return
        assert rest(client).startswith((b"HTTP/1.1 431 ", b""))
    with connect(site) as client:
        client.sendall(HEAD + b"X-A: " + b"a" * 30_000 + b"\r\nContent-Length: 0\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_who_reads_nothing_is_hung_up_on(site: tuple[str, int]) -> None:
    with connect(site) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(1.0)
        began = time.monotonic()
        rest(client)  # ends: the server is gone, and what is left is what lay in between
        assert time.monotonic() - began < 15


def test_where_there_are_too_many_who_asks_nothing_gives_way() -> None:
    with served(Patience(connections=20)) as at, ExitStack() as stack:
        idle = [stack.enter_context(connect(at)) for _ in range(30)]
        assert httpx2.post(f"http://{at[0]}:{at[1]}/echo", content=b"abc").text == "3"
        assert rest(idle[0]) == b""


class Held:
    """A connection that says whether it was given up."""

    def __init__(self) -> None:
        self.gone = False

    def give_up(self) -> None:
        self.gone = True


def test_one_address_has_only_so_many_but_a_proxy_and_this_machine_have_more() -> None:
    connections = Connections(Patience(per_address=2, exempt=["10.0.0.0/8"]))
    for address, expected in (
        ("192.0.2.1", [True, True, False]),
        ("192.0.2.2", [True, True, False]),
        ("10.1.2.3", [True] * 3),
        ("127.0.0.1", [True] * 3),
        ("", [True] * 3),
    ):
        assert [connections.let_in(Held(), address) for _ in range(3)] == expected  # type: ignore[arg-type]


def test_who_is_being_answered_does_not_give_way() -> None:
    connections = Connections(Patience(connections=2))
    busy, idle, late = Held(), Held(), Held()
    for one in (busy, idle):
        assert connections.let_in(one, "127.0.0.1")  # type: ignore[arg-type]
    connections.waits(busy, False)  # type: ignore[arg-type]
    assert connections.let_in(late, "127.0.0.1")  # type: ignore[arg-type]
    assert (busy.gone, idle.gone) == (False, True)
