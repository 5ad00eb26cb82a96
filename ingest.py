"""Bring the index in line with files and folders of articles."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Event

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rag.assembly import run_ingest
from rag.errors import RagError
from rag.ingestion import ACTIONS, FileResult, IngestReport, Step
from rag.settings import Settings, load_settings
from rag.watching import follow

ERR = Console(stderr=True, highlight=False)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 when a file failed, 2 when nothing could be done."""
    args = _parser().parse_args(argv)
    try:
        settings = load_settings(data_dir=args.data_dir, ray_address=args.ray)
        paths = args.paths or [settings.articles]
        code = _once(settings, paths, args)
        if args.watch and not args.dry_run:
            args.rebuild = False
            ERR.print("watching for changes; Ctrl-C stops")
            follow(paths, lambda: _try_once(settings, paths, args), Event())
    except RagError as error:
        return _complain(error)
    except KeyboardInterrupt:
        ERR.print("stopped; what was written stays")
        return 130
    return code


def _try_once(settings: Settings, paths: list[Path], args: argparse.Namespace) -> None:
    """One run that must not end the watching: a folder may be empty for a moment, or another ingest be at work."""
    there = [path for path in paths if path.exists()]
    for path in paths:
        if path not in there:  # a disk that is not mounted; what was indexed from it stays
            ERR.print(f"{path} is not there at the moment", markup=False, soft_wrap=True)
    try:
        if there:
            _once(settings, there, args, quiet=True)
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


def _once(settings: Settings, paths: list[Path], args: argparse.Namespace, *, quiet: bool = False) -> int:
    """One run; ``quiet`` says nothing where nothing changed."""
    with _progress(enabled=ERR.is_terminal and not args.json) as step:
        report = run_ingest(
            settings, paths, rebuild=args.rebuild, dry_run=args.dry_run, workers=args.workers, progress=step
        )
    if quiet and not report.changed:
        return 0
    for result in report.results:
        if told := _told(result):
            ERR.print(told, markup=False, soft_wrap=True)
    if args.json:
        counts = {action: report.count(action) for action in ACTIONS}
        print(json.dumps({**counts, **asdict(report)}, ensure_ascii=False))
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
    return (
        f"{'would be: ' if dry_run else ''}{done}{f' (left aside: {aside})' if aside else ''}; "
        f"the index holds {report.articles} articles, {report.passages} passages ({langs}); {report.seconds} s"
    )


@contextmanager
def _progress(*, enabled: bool) -> Iterator[Step | None]:
    if not enabled:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=ERR, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def step(what: str, done: int, of: int) -> None:
            bar.update(task, description=what[-40:], completed=done, total=of)

        yield step


if __name__ == "__main__":
    sys.exit(main())
