"""Following folders: by the file system's events and, since those are missed on some disks, by a sweep now and then."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

from watchfiles import Change, watch

log = logging.getLogger(__name__)

SWEEP_SECONDS = 60.0
# A file that is being written is looked at once nothing has happened for so long, or after the second span.
QUIET_MS, PATIENCE_MS = 300, 1200


def follow(paths: Sequence[Path], sync: Callable[[], None], stop: Event, *, sweep: float = SWEEP_SECONDS) -> None:
    """Call ``sync`` soon after anything changes below ``paths``, and every ``sweep`` seconds, until ``stop`` is set.

    A path need not exist yet. Ctrl-C ends it, too, where it runs in the main thread.
    """
    while not stop.is_set():
        there = [path for path in paths if path.exists()]
        try:
            if not _follow(paths, there, sync, stop, sweep):
                return
        except (OSError, RuntimeError) as error:  # too many folders for the system's limit, or a disk without events
            log.warning("no events of the file system (%s); looking every %g s instead", error, sweep)
            stop.wait(sweep)
            sync()


def _follow(paths: Sequence[Path], there: list[Path], sync: Callable[[], None], stop: Event, sweep: float) -> bool:
    """Follow what is there; whether there is another set of paths to follow now."""
    if not there:
        return not stop.wait(sweep)
    changes = watch(
        *there,
        watch_filter=_concerns,
        step=QUIET_MS,
        debounce=PATIENCE_MS,
        rust_timeout=int(sweep * 1000),
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
    )
    for _ in changes:
        sync()
        if [path for path in paths if path.exists()] != there:
            return True
    return False


def _concerns(_change: Change, path: str) -> bool:
    return not Path(path).name.startswith(".")
