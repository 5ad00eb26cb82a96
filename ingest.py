"""Bring the index in line with files and folders of articles."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Event
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rag.assembly.ingest import run_ingest
from rag.assembly.verify import verify_index
from rag.errors import RagError
from rag.ingesting.ingestion import ACTIONS, FileResult, IngestReport, Step
from rag.ingesting.watching import follow
from rag.settings import Settings, load_settings

ERR = Console(stderr=True, highlight=False)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 when a file failed, 2 when nothing could be done."""
    args = _parser().parse_args(argv)
    try:
        with _told_to_stop() as stop:
            return _run(args, stop)
    except RagError as error:
        return _complain(error)
    except KeyboardInterrupt:
        ERR.print("stopped; what was written stays")
        return 130


def _run(args: argparse.Namespace, stop: Event) -> int:
    settings = load_settings(data_dir=args.data_dir, ray_address=args.ray)
    paths = args.paths or [settings.articles]
    if args.verify:
        return _verify(settings, paths, args, stop)
    code = _once(settings, paths, args, stop)
    if args.watch and not args.dry_run:
        args.rebuild = False
        ERR.print("watching for changes; Ctrl-C stops")
        follow(paths, lambda: _try_once(settings, paths, args, stop), stop)
    return code


@contextmanager
def _told_to_stop() -> Iterator[Event]:
    """Set by a first signal to stop, so that the article at hand is finished. A second one ends at once."""
    stop = Event()

    def tell(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        ERR.print("stopping after this article; once more stops at once")

    if threading.current_thread() is not threading.main_thread():  # where no signal comes
        yield stop
        return
    before = {number: signal.signal(number, tell) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _try_once(settings: Settings, paths: list[Path], args: argparse.Namespace, stop: Event) -> None:
    """One run that must not end the watching: a folder may be empty for a moment, or another ingest be at work."""
    there = [path for path in paths if path.exists()]
    for path in paths:
        if path not in there:  # a disk that is not mounted; what was indexed from it stays
            ERR.print(f"{path} is not there at the moment", markup=False, soft_wrap=True)
    try:
        if there:
            _once(settings, there, args, stop, quiet=True)
    except RagError as error:
        _complain(error)


def _complain(error: RagError) -> int:
    ERR.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ingest.py", description=__doc__)
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="files, folders, patterns (default: RAG_ARTICLES)"
    )
    parser.add_argument("--data-dir", type=Path, help="where the index is (default: RAG_DATA_DIR, .rag)")
    parser.add_argument("--rebuild", action="store_true", help="drop the index and make it anew from its articles")
    parser.add_argument("--watch", action="store_true", help="stay and follow changes, whoever makes them")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, write nothing")
    parser.add_argument("--verify", action="store_true", help="prove the index against its articles, write nothing")
    parser.add_argument(
        "--workers", type=_number, default=1, metavar="N", help="processes that read and embed files (default: 1)"
    )
    parser.add_argument(
        "--ray", metavar="ADDRESS", help="a Ray cluster that does, instead (default: RAG_RAY_ADDRESS); local: here"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 256")
    return int(text)


def _verify(settings: Settings, paths: list[Path], args: argparse.Namespace, stop: Event) -> int:
    with _progress(stop, enabled=ERR.is_terminal and not args.json) as step:
        report = verify_index(settings, paths, step)
    if args.json:
        print(json.dumps({"clean": report.clean, **asdict(report)}, ensure_ascii=False))
        return 0 if report.clean else 1
    for one in report.findings:
        ERR.print(f"{one.kind}: {one.where}: {one.what} -> {one.remedy}", markup=False, soft_wrap=True)
    for note in report.notes:
        ERR.print(f"note: {note}", markup=False, soft_wrap=True)
    checked = ", ".join(f"{number} {what}" for what, number in report.checked.items()) or "nothing"
    off = ", ".join(f"{number} {kind}" for kind, number in report.off.items())
    print(f"checked {checked}; {f'off: {off}' if off else 'nothing is off'}")
    return 0 if report.clean else 1


def _once(settings: Settings, paths: list[Path], args: argparse.Namespace, stop: Event, *, quiet: bool = False) -> int:
    """One run; ``quiet`` says nothing where nothing changed."""
    with _progress(stop, enabled=ERR.is_terminal and not args.json) as step:
        report = run_ingest(
            settings, paths, rebuild=args.rebuild, dry_run=args.dry_run, workers=args.workers, progress=step
        )
    if quiet and not report.changed:
        return 0
    for note in report.notes:
        ERR.print(note, style="yellow", markup=False, soft_wrap=True)
    for result in report.results:
        if told := _told(result):
            ERR.print(told, markup=False, soft_wrap=True)
    if args.json:
        counts = {action: report.count(action) for action in ACTIONS}
        print(json.dumps({**counts, "duplicates": report.duplicates, **asdict(report)}, ensure_ascii=False))
    else:
        print(_summary(report, dry_run=args.dry_run))
    return 1 if report.failed else 0


def _told(result: FileResult) -> str:
    """What is worth a line of its own."""
    if result.moved_from:
        return f"{result.action}: {result.moved_from} -> {result.path} {result.detail}".rstrip()
    return f"{result.action}: {result.path}: {result.detail}" if result.detail else ""


def _summary(report: IngestReport, *, dry_run: bool) -> str:
    langs = ", ".join(f"{lang} {count}" for lang, count in report.langs.items()) or "none"
    done = ", ".join(f"{report.count(action)} {action}" for action in ACTIONS)
    aside = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in sorted(report.others.items()))
    tell = "tells" if report.duplicates == 1 else "tell"
    same = f" ({report.duplicates} of them {tell} what another article tells)" if report.duplicates else ""
    return (
        f"{'would be: ' if dry_run else ''}{done}{same}{f' (left aside: {aside})' if aside else ''}; "
        f"the index holds {report.articles} articles, {report.passages} passages ({langs}); {report.seconds} s"
    )


@contextmanager
def _progress(stop: Event, *, enabled: bool) -> Iterator[Step]:
    """Called between two articles, which is where a run may end."""

    def look(what: str, done: int, of: int) -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    if not enabled:
        yield look
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=ERR, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def step(what: str, done: int, of: int) -> None:
            look(what, done, of)
            bar.update(task, description=what[-40:], completed=done, total=of)

        yield step


if __name__ == "__main__":
    sys.exit(main())
