"""Serve the chat page and the HTTP API over a folder of articles."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.errors import RagError
from rag.ingesting.ingestion import ACTIONS, IngestReport
from rag.ingesting.watching import follow
from rag.keys import Keyring
from rag.logs import configure
from rag.privacy import describe
from rag.settings import Settings, load_settings
from rag.web.memory import bound_arenas
from rag.web.server import Server, bind, leave_at_once
from rag.web.traffic import Traffic

if TYPE_CHECKING:
    from fastapi import FastAPI

    from rag.web.wall import Access

log = logging.getLogger("rag.server")

INGEST_SECONDS = 10.0  # that an ingest beside the server gets to finish the article at hand


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 2 when nothing could be served."""
    args = _parser().parse_args(argv)
    bound_arenas()
    for number in (signal.SIGINT, signal.SIGTERM):  # the server, once stopped by one, raises it again
        signal.signal(number, _leave)
    traffic = Traffic()
    try:
        settings = load_settings(host=args.host, port=args.port, articles=args.articles, data_dir=args.data_dir)
        configure(settings.log_format, settings.log_level)
        with bind(settings.host, settings.port) as bound:
            assistant = open_assistant(settings, later=True)
            try:
                for one in assistant.health().sent:
                    print(describe(one), file=sys.stderr, flush=True)
                started = Event()
                with _indexed(assistant, settings, traffic, started):
                    _serve(assistant, settings, bound, traffic, started)
            finally:
                assistant.close()
                log.info("stopped; the index is sealed")
    except RagError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


@contextmanager
def _indexed(assistant: Assistant, settings: Settings, traffic: Traffic, started: Event) -> Iterator[None]:
    """The index in line with the articles: before serving if it is empty, else once it has
    ``started``, and from then on."""
    stop, turn = Event(), threading.Lock()
    is_empty = not assistant.health().articles
    if is_empty:
        print(f"indexing {settings.articles} ...", file=sys.stderr, flush=True)
        _report(settings, traffic)

    def sync() -> None:
        started.wait()
        with turn:
            if not traffic.stopping:
                _try_report(settings, traffic)

    # Both at once: what changes while the files are gone through must not be missed.
    jobs: list[Callable[[], None]] = [partial(follow, [settings.articles], sync, stop)] if settings.watch else []
    jobs += [] if is_empty else [sync]
    threads = [threading.Thread(target=job, name="ingest", daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # told once already
            signal.signal(number, leave_at_once)
        traffic.stopping = True
        stop.set()
        started.set()
        for thread in threads:
            thread.join(INGEST_SECONDS)


class _LeavingError(Exception):
    """The server stops; what is not indexed yet waits for the next start."""


def _report(settings: Settings, traffic: Traffic) -> None:
    def step(what: str, done: int, of: int) -> None:
        if traffic.stopping:
            raise _LeavingError

    report = run_ingest(settings, [settings.articles], progress=step)
    for result in report.results:
        if result.news:
            print(f"{result.action}: {result.path} {result.detail}".rstrip(), file=sys.stderr, flush=True)
    if report.changed:
        _tell_ingest(report, settings)


def _tell_ingest(report: IngestReport, settings: Settings) -> None:
    fields: dict[str, float] = {action: report.count(action) for action in ACTIONS}
    fields |= {"articles": report.articles, "passages": report.passages, "seconds": report.seconds}
    log.info("the index is in line with %s", settings.articles, extra={"fields": fields})
    if report.failed:
        log.warning("%d files could not be indexed; mend or remove them, each is read anew then", len(report.failed))


def _try_report(settings: Settings, traffic: Traffic) -> None:
    if not settings.articles.is_dir():  # a disk that is not mounted; what was indexed from it stays
        log.warning("the folder of articles %s is not there at the moment", settings.articles)
        return
    try:
        _report(settings, traffic)
    except _LeavingError:
        log.info("the ingest stopped after an article; the next start goes on from there")
    except RagError as error:
        log.warning("the index was not brought in line: %s", error)


def _serve(assistant: Assistant, settings: Settings, bound: socket.socket, traffic: Traffic, started: Event) -> None:
    # Imported here, not above: it takes a second, in which the encoder's weights load on the other core.
    from rag.web.api import create_api  # noqa: PLC0415
    from rag.web.late_page import LatePage  # noqa: PLC0415
    from rag.web.patience import Patience  # noqa: PLC0415

    api = create_api(
        assistant,
        access=_access(assistant, settings),
        max_question_chars=settings.max_question_chars,
        max_upload_mb=settings.max_upload_mb,
        max_upload_files=settings.max_upload_files,
        traffic=traffic,
    )
    patience = Patience(connections=settings.max_connections, exempt=settings.trusted_proxies)

    def ready(address: str) -> None:
        print(f"Ask the Articles: {address}", flush=True)
        _tell_start(assistant, settings, address)
        assistant.begin()
        started.set()

    page = LatePage(partial(_page, assistant, settings), lambda: server.handle_exit(signal.SIGTERM, None), _end_streams)
    if settings.is_local or settings.users:
        page.mount(api)
    else:
        print("the API alone is served: the page needs RAG_USERS=name:password here", file=sys.stderr)
    server = Server(api, ready, lambda _: page.leave(), patience, traffic=traffic, stop_seconds=settings.stop_seconds)
    server.run(sockets=[bound])
    if page.error:
        raise page.error


def _page(assistant: Assistant, settings: Settings) -> FastAPI:
    """The page as an app of its own. Gradio takes seconds to import and to put together."""
    from fastapi import FastAPI  # noqa: PLC0415

    from rag.web.chat import build_chat, mount  # noqa: PLC0415
    from rag.web.errors import install_handlers  # noqa: PLC0415
    from rag.web.rates import Rates  # noqa: PLC0415
    from rag.web.visitors import Visitors  # noqa: PLC0415

    blocks = build_chat(
        assistant,
        runs=settings.runs,
        max_question_chars=settings.max_question_chars,
        visitors=Visitors(Rates(settings.rate_per_minute), settings.read_only_users),
    )
    logins = [user.get_secret_value().split(":", 1) for user in settings.users]
    page = FastAPI(openapi_url=None)
    install_handlers(page)
    return mount(
        page,
        blocks,
        runs=settings.runs,
        users=[(name, password) for name, password in logins],
        read_only=settings.read_only_users,
        max_upload_mb=settings.max_upload_mb,
        root_path=settings.root_path,
    )


def _end_streams(page: FastAPI) -> None:
    from rag.web.chat import end_streams  # noqa: PLC0415  imported by now

    end_streams(page)


def _access(assistant: Assistant, settings: Settings) -> Access:
    """Who may come in, how often, and for how long."""
    from rag.web.turnstile import AT_ONCE_QUOTED, AT_ONCE_WRITTEN  # noqa: PLC0415  as above
    from rag.web.wall import Access  # noqa: PLC0415

    keys = [key.get_secret_value() for key in settings.api_keys]
    at_once = AT_ONCE_QUOTED if assistant.health().model is None else AT_ONCE_WRITTEN
    ring = Keyring(keys, settings.key_file, open_without=settings.is_local)
    return Access(
        keys=ring,
        rate_per_minute=settings.rate_per_minute,
        answers_at_once=settings.answers_at_once or at_once,
        answers_waiting=settings.answers_waiting,
        request_timeout=settings.request_timeout,
        cors_origins=settings.cors_origins,
        trusted_proxies=settings.trusted_proxies,
        root_path=settings.root_path,
        local_only=settings.is_local and not (ring.is_locked and settings.users),
    )


def _tell_start(assistant: Assistant, settings: Settings, address: str) -> None:
    """One line with all that an operator asks first, and one for each thing to look after."""
    health = assistant.health()
    locked = bool(settings.api_keys or settings.key_file.read())
    api = "with a key" if locked else "for everybody on this machine"
    page = "with a login" if settings.users else "for everybody on this machine" if settings.is_local else "not served"
    fields = {
        "version": health.version,
        "data_dir": str(settings.data_dir.resolve()),
        "articles": health.articles,
        "passages": health.passages,
        "embed_model": health.embed_model,
        "answerer": health.answerer,
        "model": health.model,
        "dense": health.dense,
        "address": address,
        "api": api,
        "page": page,
    }
    log.info("serving", extra={"fields": fields})
    for warning in health.warnings:
        log.warning("%s", warning)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chat_app.py", description=__doc__)
    parser.add_argument("--host", help="address to listen on (default: RAG_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port; 0 takes a free one (default: RAG_PORT, 7860)")
    parser.add_argument(
        "--articles", type=Path, help="folder that is indexed at start (default: RAG_ARTICLES, articles)"
    )
    parser.add_argument("--data-dir", type=Path, help="where the index is (default: RAG_DATA_DIR, .rag)")
    return parser


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(number, leave_at_once)
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
