"""Bring the index in line with files and folders of articles."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from watchfiles import watch

from rag.assembly import run_ingest
from rag.errors import RagError
from rag.ingestion import ACTIONS, IngestReport, Step
from rag.settings import Settings, load_settings

ERR = Console(stderr=True, highlight=False)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 when a file failed, 2 when nothing could be done."""
    args = _parser().parse_args(argv)
    try:
        settings = load_settings(data_dir=args.data_dir)
        paths = args.paths or [settings.articles]
        code = _once(settings, paths, args)
        if args.watch and not args.dry_run:
            args.rebuild = False
            ERR.print("watching for changes; Ctrl-C stops")
            for _ in watch(*[path for path in paths if path.exists()], raise_interrupt=False):
                code = _try_once(settings, paths, args)
    except RagError as error:
        return _complain(error)
    except KeyboardInterrupt:
        ERR.print("stopped; what was written stays")
        return 130
    return code


def _try_once(settings: Settings, paths: list[Path], args: argparse.Namespace) -> int:
    """One run that must not end the watching: a folder may be empty for a moment, or another ingest be at work."""
    try:
        return _once(settings, paths, args)
    except RagError as error:
        return _complain(error)


def _complain(error: RagError) -> int:
    ERR.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ingest.py", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files and folders (default: RAG_ARTICLES)")
    parser.add_argument("--data-dir", type=Path, help="where the index is (default: RAG_DATA_DIR, .rag)")
    parser.add_argument("--rebuild", action="store_true", help="drop the index and make it anew from its articles")
    parser.add_argument("--watch", action="store_true", help="stay and follow changes")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, write nothing")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _once(settings: Settings, paths: list[Path], args: argparse.Namespace) -> int:
    with _progress(enabled=ERR.is_terminal and not args.json) as step:
        report = run_ingest(settings, paths, rebuild=args.rebuild, dry_run=args.dry_run, progress=step)
    for result in report.results:
        if result.detail:
            ERR.print(f"{result.action}: {result.path}: {result.detail}", markup=False, soft_wrap=True)
    if args.json:
        counts = {action: report.count(action) for action in ACTIONS}
        print(json.dumps({**counts, "duplicates": report.duplicates, **asdict(report)}, ensure_ascii=False))
    else:
        print(_summary(report, dry_run=args.dry_run))
    return 1 if report.failed else 0


def _summary(report: IngestReport, *, dry_run: bool) -> str:
    langs = ", ".join(f"{lang} {count}" for lang, count in report.langs.items()) or "none"
    done = ", ".join(f"{report.count(action)} {action}" for action in ACTIONS)
    tell = "tells" if report.duplicates == 1 else "tell"
    same = f" ({report.duplicates} of them {tell} what another article tells)" if report.duplicates else ""
    would = "would be: " if dry_run else ""
    return (
        f"{would}{done}{same}; the index holds {report.articles} articles, {report.passages} passages ({langs}); "
        f"{report.seconds} s"
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
