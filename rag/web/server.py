"""One server on one port: takes the port early, says when it is there, and stops without waiting for open pages."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from rag.errors import SettingsError

GRACE = 3  # seconds that answers under way get at the end


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


class Server(uvicorn.Server):
    """Serves an app; ``ready`` is called with its address once it listens, ``leave`` when it is about to stop."""

    def __init__(self, api: FastAPI, ready: Callable[[str], None], leave: Callable[[FastAPI], None]) -> None:
        super().__init__(uvicorn.Config(api, log_level="warning", timeout_graceful_shutdown=GRACE, server_header=False))
        self._api = api
        self._ready = ready
        self._leave = leave

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            self._ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to listen."""
        self._leave(self._api)
        await super().shutdown(sockets)
