"""An app of the web behind a real port, for the tests that speak to it over a socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue

from fastapi import FastAPI

from rag.web.server import Server, bind


@contextmanager
def serve(api: FastAPI) -> Iterator[str]:
    """An app on a free port of loopback."""
    ready: Queue[str] = Queue()
    server = Server(api, ready.put, lambda _: None)
    with bind("127.0.0.1", 0) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield ready.get(timeout=60)
        finally:
            server.should_exit = True
            thread.join(20)
