"""The commands ``python -m rag backup`` and ``restore``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import BackupError
from rag.settings import Settings, load_settings

if TYPE_CHECKING:
    from rag.maintenance.backup import Places, Progress


def add_backup(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of ``python -m rag``."""
    about = (
        "keep the index, the feedback, the keys, removed and uploaded articles in one file, also while a server runs"
    )
    parser = commands.add_parser("backup", help=about, description=about)
    parser.add_argument(
        "file", nargs="?", type=Path, help="the zip file to make (default: articles-DATE-TIME.zip in this folder)"
    )
    parser.add_argument("--without-uploads", action="store_true", help="leave the uploaded articles out")
    _add_places(parser)
    parser.set_defaults(run=_backup)


def add_restore(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of ``python -m rag``."""
    about = "put a backup in place of the data folder, while no server runs; what was there is kept aside"
    parser = commands.add_parser("restore", help=about, description=about)
    parser.add_argument("file", type=Path, help="what `python -m rag backup` made")
    _add_places(parser)
    parser.set_defaults(run=_restore)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help="where the index is (default: RAG_DATA_DIR, .rag)")
    parser.add_argument("--articles", type=Path, help="the folder of articles (default: RAG_ARTICLES, articles)")


def _backup(args: argparse.Namespace) -> int:
    from rag.maintenance.backup import back_up  # noqa: PLC0415
    from rag.version import app_version  # noqa: PLC0415  takes seconds, which --help should not

    settings = _settings(args)
    _refuse_shared(settings, "pg_dump")
    places = _places(settings, with_uploads=not args.without_uploads)
    target = args.file or Path(f"articles-{datetime.now():%Y%m%d-%H%M%S}.zip")
    with _shown() as progress:
        made = back_up(places, target, version=app_version(), progress=progress)
    counts = ", ".join(f"{count} {what}" for what, count in made.counts.items())
    print(f"{target}: {counts}; {target.stat().st_size / 2**20:.1f} MB")
    return 0


def _restore(args: argparse.Namespace) -> int:
    from rag.assembly.folder import INGEST_LOCK  # noqa: PLC0415  as above
    from rag.maintenance.restoring import restore  # noqa: PLC0415
    from rag.storage.migrations import OWNER_LOCK  # noqa: PLC0415
    from rag.storage.truth import SCHEMA_VERSION  # noqa: PLC0415

    settings = _settings(args)
    _refuse_shared(settings, "pg_restore")
    with _shown() as progress:
        done = restore(
            args.file,
            settings.data_dir,
            settings.articles,
            newest_schema=int(SCHEMA_VERSION),
            locks=(OWNER_LOCK, INGEST_LOCK),
            progress=progress,
        )
    counts = ", ".join(f"{count} {what}" for what, count in done.manifest.counts.items())
    print(f"{settings.data_dir}: {counts}, as of {done.manifest.made}; {done.uploads} uploaded files put back")
    if done.aside:
        print(f"what was there before is kept in {done.aside}; delete it when you no longer need it")
    if done.relocated:
        print(f"its articles are now those of {settings.articles}; they were in {done.manifest.articles_folder}")
    for name in done.differing:
        print(f"left as it is, since it says something else: {settings.articles / 'uploads' / name}", file=sys.stderr)
    print("the dense index is made from it when the server starts; questions are answered meanwhile")
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    # It listens nowhere; what a host needs must not keep anyone from this.
    return load_settings(
        host="127.0.0.1", root_path="", trusted_proxies=(), data_dir=args.data_dir, articles=args.articles
    )


def _refuse_shared(settings: Settings, instead: str) -> None:
    if settings.database_url:
        raise BackupError(
            "this is for an index in SQLite, and RAG_DATABASE_URL keeps this one in PostgreSQL: use its own "
            f"{instead} for the index and the answers, and copy the folder of articles and {settings.data_dir}"
        )


def _places(settings: Settings, *, with_uploads: bool) -> Places:
    from rag.assembly.folder import FEEDBACK_FILE, REMOVED, STORE_FILE  # noqa: PLC0415  as above
    from rag.ingesting.library import UPLOADS  # noqa: PLC0415
    from rag.keys import FILE_NAME  # noqa: PLC0415
    from rag.maintenance.backup import Places  # noqa: PLC0415

    folder = settings.data_dir
    return Places(
        index=folder / STORE_FILE,
        feedback=folder / FEEDBACK_FILE,
        keys=folder / FILE_NAME,
        removed=folder / REMOVED,
        articles=settings.articles,
        uploads=settings.articles / UPLOADS if with_uploads else None,
    )


@contextmanager
def _shown() -> Iterator[Progress | None]:
    """Progress for whoever sits at a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)
