"""Serve the chat page and the HTTP API over a folder of articles."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

from rag.assembly import open_assistant, run_ingest
from rag.assistant import Assistant
from rag.errors import RagError
from rag.settings import Settings, load_settings
from rag.web.api import create_api
from rag.web.chat import build_chat, mount
from rag.web.server import Server, bind


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 2 when nothing could be served."""
    args = _parser().parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM):  # the server, once stopped by one, raises it again
        signal.signal(number, _leave)
    try:
        settings = load_settings(host=args.host, port=args.port, articles=args.articles, data_dir=args.data_dir)
        with bind(settings.host, settings.port) as bound:
            assistant = open_assistant(settings)
            try:
                _serve(assistant, settings, bound)
            finally:
                assistant.close()
    except RagError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _serve(assistant: Assistant, settings: Settings, bound: socket.socket) -> None:
    if not assistant.health().articles:
        print(f"indexing {settings.articles} ...", file=sys.stderr, flush=True)
        run_ingest(settings, [settings.articles])
    keys = [key.get_secret_value() for key in settings.api_keys]
    api = create_api(assistant, api_keys=keys, max_question_chars=settings.max_question_chars)
    mount(api, build_chat(assistant, max_question_chars=settings.max_question_chars))
    Server(api, lambda address: print(f"Ask the Articles: {address}", flush=True)).run(sockets=[bound])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chat_app.py", description=__doc__)
    parser.add_argument("--host", help="address to listen on (default: RAG_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port; 0 takes a free one (default: RAG_PORT, 7860)")
    parser.add_argument(
        "--articles", type=Path, help="indexed first if nothing is yet (default: RAG_ARTICLES, articles)"
    )
    parser.add_argument("--data-dir", type=Path, help="where the index is (default: RAG_DATA_DIR, .rag)")
    return parser


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
