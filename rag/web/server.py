"""One server on one port: takes the port early, says when it is there, and stops when all answers are given."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from rag.errors import SettingsError
from rag.web.patience import Patience, patient_protocol
from rag.web.traffic import Traffic

GRACE = 3  # seconds in which connections close at the end


def bind(host: str, port: int) -> socket.socket:
    """A socket that holds the port (0: a free one) without listening yet.

    Raises:
        SettingsError: the port is taken, or the host is not an address of this machine.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if sys.platform != "win32":  # there it would let two servers share a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        reason = error.strerror or error
        raise SettingsError(f"cannot listen on RAG_HOST={host}, RAG_PORT={port}: {reason}") from error
    return bound


def leave_at_once(number: int, frame: FrameType | None = None) -> None:
    """End the process as a signal would: nothing is lost, but the dense index is built anew at the next start."""
    os.write(2, b"told to stop once more: ending at once\n")
    os._exit(128 + number)


class Server(uvicorn.Server):
    """Serves an app; ``ready`` is called with its address once it listens, ``leave`` when it is about to stop.

    A first signal to stop lets the ``traffic`` finish, for ``stop_seconds`` at most; a second one does not.
    """

    def __init__(
        self,
        api: FastAPI,
        ready: Callable[[str], None],
        leave: Callable[[FastAPI], None],
        patience: Patience | None = None,
        *,
        traffic: Traffic | None = None,
        stop_seconds: float = 30.0,
    ) -> None:
        patience = patience or Patience()
        config = uvicorn.Config(
            api,
            http=patient_protocol(patience),
            ws="none",  # neither the page nor the API uses WebSockets
            proxy_headers=False,  # ``rag.web.proxy`` looks at them, and takes those of strangers away
            log_config=None,  # its records go where ours go
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=GRACE,
            server_header=False,
        )
        super().__init__(config)
        self._api = api
        self._ready = ready
        self._leave = leave
        self._traffic = traffic or Traffic()
        self._stop_seconds = stop_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            self._ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    async def main_loop(self) -> None:
        """Serve until told to stop, and then until all is done that was begun."""
        await super().main_loop()
        await self._traffic.finish(self._stop_seconds)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal to stop."""
        if self.should_exit:
            leave_at_once(sig)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to listen."""
        self._leave(self._api)
        await super().shutdown(sockets)
