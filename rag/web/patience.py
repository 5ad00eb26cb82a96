"""How long the server waits for a client on the wire, and for how many at once.

uvicorn waits for ever for a request that never ends, for a client that never reads, and lets headers grow without end;
what stands behind it sees a request only once it is whole. So this is done where the bytes come in.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

log = logging.getLogger(__name__)

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 5\r\ncontent-length: 0\r\n\r\n"
_LOOPBACK = "127.0.0.0/8", "::1/128"


@dataclass(frozen=True, slots=True)
class Patience:
    """What a client may take. Times in seconds."""

    head: float = 15.0  # until the headers are there, from the first moment of a connection on
    body: float = 20.0  # until a body is there, and one more for each ``body_rate`` bytes that came
    body_rate: int = 1000  # bytes a second; slower than any line on which somebody would read an answer
    reading: float = 60.0  # in which a client takes nothing of what is sent
    head_bytes: int = 64 * 1024
    connections: int = 512
    per_address: int = 64  # of them; none of this machine, nor of a proxy, who brings many
    exempt: Sequence[str] = ()  # addresses and networks of such proxies


class Connections:
    """The connections of a server. Where there are too many, one that has asked nothing gives way."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self._exempt = [ip_network(one, strict=False) for one in (*_LOOPBACK, *patience.exempt)]
        self._of_address: Counter[str] = Counter()
        self._idle: OrderedDict[PatientProtocol, None] = OrderedDict()  # without a whole request, longest first
        self._open = 0

    def let_in(self, one: PatientProtocol, address: str) -> bool:
        """Whether there is room for another connection; if so it counts."""
        counts = not self._is_exempt(address)
        if counts and self._of_address[address] >= self.patience.per_address:
            return False
        if self._open >= self.patience.connections:
            if not self._idle:
                return False
            waiting, _ = self._idle.popitem(last=False)
            waiting.give_up()
        self._open += 1
        self._of_address[address] += 1
        self._idle[one] = None
        return True

    def forget(self, one: PatientProtocol, address: str) -> None:
        """A connection was lost."""
        self._open -= 1
        self._idle.pop(one, None)
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]

    def waits(self, one: PatientProtocol, waiting: bool) -> None:
        """Whether a connection has no whole request of which something can be made."""
        if not waiting:
            self._idle.pop(one, None)
        elif one not in self._idle:
            self._idle[one] = None

    def _is_exempt(self, address: str) -> bool:
        try:
            known = ip_address(address)
        except ValueError:  # a socket of this machine has no address
            return True
        return any(known in network for network in self._exempt)


if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Base
else:
    _Base = AutoHTTPProtocol


class PatientProtocol(_Base):
    """uvicorn's protocol, with an end to its patience."""

    guard: Connections  # set by ``patient_protocol``

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._began = self.loop.time()
        self._came = 0  # bytes of the request that is under way
        self._stage = ""
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) else ""
        self._counted = self.guard.let_in(self, self._address)
        super().connection_made(transport)
        if not self._counted:
            transport.write(TOO_MANY)
            transport.close()
            return
        _notice_when_gone(transport.get_extra_info("socket"))
        self._wait_for("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, or was let go."""
        self._stop(self._timer)
        self._stop(self._stalled)
        if self._counted:
            self.guard.forget(self, self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        if self._stage == "":  # the first bytes of the next request
            self._wait_for("head")
        self._came += len(data)
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """A response is out, and a next request may come; until it begins uvicorn's own limit counts."""
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """The client does not take what is sent."""
        super().pause_writing()
        self._stop(self._stalled)
        self._stalled = self.loop.call_later(self.guard.patience.reading, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._stop(self._stalled)

    def give_up(self) -> None:
        """Let go of the connection, for others."""
        if not self.transport.is_closing():
            self.transport.abort()

    def _look(self) -> None:
        """See what is awaited now that something came or was sent."""
        under_way = self.cycle is not None and not self.cycle.response_complete
        if self.transport.is_closing():
            return
        if under_way and self.cycle.more_body:
            if self._stage != "body":
                self._wait_for("body")
        elif under_way or self._stage != "head":
            self._wait_for("")
        elif self._came > self.guard.patience.head_bytes:
            self._refuse(TOO_LARGE)
            return
        idle = not under_way or self.cycle.more_body
        self.guard.waits(self, idle)

    def _wait_for(self, stage: str) -> None:
        self._stop(self._timer)
        self._stage, self._began, self._came = stage, self.loop.time(), 0
        if stage:
            self._timer = self.loop.call_at(self._due(), self._late)

    def _due(self) -> float:
        patience = self.guard.patience
        if self._stage == "head":
            return self._began + patience.head
        return self._began + patience.body + self._came / patience.body_rate

    def _late(self) -> None:
        due = self._due()
        if self.flow.read_paused:  # it is we who do not read
            due = max(due, self.loop.time() + self.guard.patience.body)
        if due > self.loop.time():
            self._timer = self.loop.call_at(due, self._late)
            return
        self._refuse(TOO_SLOW)

    def _refuse(self, response: bytes) -> None:
        log.info("a connection from %s was closed: %s", self._address, response.split(b"\r\n")[0].decode()[9:])
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(response)
            self.transport.close()
        else:  # a response may have begun
            self.transport.close()

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


def patient_protocol(patience: Patience) -> type[asyncio.Protocol]:
    """The protocol for one server."""
    made: Any = type("Protocol", (PatientProtocol,), {"guard": Connections(patience)})
    return made  # type: ignore[no-any-return]


def _notice_when_gone(connection: Any) -> None:
    """Let the system ask whether the other side is still there: one whose line broke says nothing, and never leaves."""
    if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):  # Windows and macOS have names of their own for some
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
