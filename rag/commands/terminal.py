"""``python -m rag ask`` and ``search``: the index read in a terminal, whether or not a server runs beside it."""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from rag.errors import QuestionError, RagError
from rag.reading.links import checked_url
from rag.settings import Settings, load_settings
from rag.types import LANGS, Answer, Citation, Filters, Passage

if TYPE_CHECKING:  # its parts take seconds to import, which a wrong option should not wait for
    from rag.assistant import Assistant

FOUND, NOTHING, FAILED, INTERRUPTED = 0, 1, 2, 130
STDIN = "-"
CODES = "exit codes: 0 {found}, 1 {nothing}, 2 an error"
_UNSEEN = ("Cc", "Cf", "Cs")  # control characters, ESC among them, which would steer the terminal; what no one sees

Commands = Any  # argparse's own type of sub-commands is private


def add_ask(commands: Commands) -> None:
    """Add ``ask``."""
    said = "answer a question from the articles, with the sources of every sentence"
    codes = CODES.format(found="answered", nothing="refused: the articles do not answer")
    parser = commands.add_parser("ask", help=said, description=f"{said}.", epilog=codes)
    parser.add_argument(
        "text", metavar="QUESTION", help="in Chinese, English or German; - reads it from standard input"
    )
    parser.add_argument(
        "--answerer", choices=("extractive", "llm"), help="quotes or a model (default: a model where one is set up)"
    )
    _add_common(parser, top_k=8)
    parser.set_defaults(run=lambda args: _run(args, _ask))


def add_search(commands: Commands) -> None:
    """Add ``search``."""
    said = "find the passages that fit a query best, best first"
    codes = CODES.format(found="found", nothing="nothing found")
    parser = commands.add_parser("search", help=said, description=f"{said}.", epilog=codes)
    parser.add_argument("text", metavar="QUERY", help="words or a question; - reads it from standard input")
    _add_common(parser, top_k=5)
    parser.set_defaults(run=lambda args: _run(args, _search))


def _add_common(parser: argparse.ArgumentParser, *, top_k: int) -> None:
    parser.add_argument("--lang", action="append", choices=LANGS, default=[], help="articles in it alone; repeatable")
    parser.add_argument("--tag", action="append", default=[], help="articles with it alone; repeatable")
    parser.add_argument("--from", dest="date_from", type=_day, metavar="DAY", help="first day, as in 2024-05-21")
    parser.add_argument("--to", dest="date_to", type=_day, metavar="DAY", help="last day, inclusive")
    parser.add_argument("--top-k", type=int, choices=range(1, 51), default=top_k, metavar="1..50", help="passages")
    parser.add_argument("--json", action="store_true", help="print what the HTTP API answers")
    parser.add_argument("--data-dir", type=Path, help="where the index is (default: RAG_DATA_DIR, .rag)")


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2024-05-21") from None


# --- What is done -------------------------------------------------------------------------------------------


def _run(args: argparse.Namespace, command: Any) -> int:
    """A command over the index. Problems go to standard error, results alone to standard output."""
    complain = Console(stderr=True, highlight=False)
    try:
        settings = load_settings(data_dir=args.data_dir)
        text = sys.stdin.read().strip() if args.text == STDIN else args.text
        if len(text) > settings.max_question_chars:
            raise QuestionError(f"the text has more than {settings.max_question_chars} characters; shorten it")
        with _opened(settings) as assistant:
            return int(command(assistant, text, args))
    except RagError as error:
        complain.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


@contextmanager
def _opened(settings: Settings) -> Iterator[Assistant]:
    from rag.assembly.folder import STORE_FILE  # noqa: PLC0415
    from rag.assembly.serving import open_beside  # noqa: PLC0415

    if not (settings.data_dir / STORE_FILE).is_file():
        raise RagError(f"there is no index in {settings.data_dir}; run `python ingest.py`, or name it with --data-dir")
    assistant = open_beside(settings)
    try:
        yield assistant
    finally:
        assistant.close()


def _ask(assistant: Assistant, question: str, args: argparse.Namespace) -> int:
    answer = assistant.ask(question, filters=_filters(args), top_k=args.top_k, answerer=args.answerer)
    if args.json:
        _write_json(answer.to_dict())
    else:
        show_answer(answer, Console(highlight=False))
    return FOUND if answer.answered else NOTHING


def _search(assistant: Assistant, query: str, args: argparse.Namespace) -> int:
    found = assistant.search(query, filters=_filters(args), top_k=args.top_k)
    if args.json:
        _write_json({"results": [asdict(passage) for passage in found]})
    else:
        show_results(found, Console(highlight=False))
    return FOUND if found else NOTHING


def _filters(args: argparse.Namespace) -> Filters:
    return Filters(lang=tuple(args.lang), tags=tuple(args.tag), date_from=args.date_from, date_to=args.date_to)


# --- What is shown ------------------------------------------------------------------------------------------


def show_answer(answer: Answer, console: Console) -> None:
    """The answer, what to know of it, and its sources by number."""
    console.print(Text(_seen(answer.answer)), soft_wrap=True)
    if answer.note:
        console.print(Text(_seen(answer.note), style="italic"), soft_wrap=True)
    for citation in answer.citations:
        console.print()
        _show_source(citation.number, citation, citation.quote, console)
        for other in citation.also:
            where = checked_url(other.url) or other.file
            told = " · ".join(_seen(fact) for fact in (other.title, other.author, other.date, where) if fact)
            console.print(Text(f"    also in: {told}", style="dim"), soft_wrap=True)


def show_results(found: Sequence[Passage], console: Console) -> None:
    """The passages by number, each under its source."""
    for number, passage in enumerate(found, 1):
        if number > 1:
            console.print()
        _show_source(number, passage, passage.text, console)


def _show_source(number: int, source: Citation | Passage, words: str, console: Console) -> None:
    facts = " · ".join(_seen(fact) for fact in (source.title, source.author, source.date) if fact)
    console.print(Text.assemble((f"[{number}] ", "cyan"), (facts, "bold")), soft_wrap=True)
    url = checked_url(source.url)
    where = Text(url, style=f"link {url}") if url else Text(_seen(source.file))
    console.print(Text("    ") + where, soft_wrap=True)
    console.print(Text(f"    “{_seen(words)}”", style="dim"), soft_wrap=True)


def _seen(text: str) -> str:
    """A text on one line, without what could steer a terminal or hide in it.

    >>> _seen("Up\\x1b[2J and\\n\\u202edown")
    'Up[2J and down'
    """
    return "".join(c for c in " ".join(text.split()) if unicodedata.category(c) not in _UNSEEN)


def _write_json(value: dict[str, Any]) -> None:
    try:
        told = json.dumps(value, ensure_ascii=False)
        told.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # the terminal's encoding, or half a character in what was asked
        told = json.dumps(value)
    sys.stdout.write(told + "\n")
