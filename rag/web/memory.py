"""The memory of a server that runs for months."""

from __future__ import annotations

import ctypes
import sys

ARENAS = 2
_M_ARENA_MAX = -8  # as malloc.h has it


def bound_arenas() -> bool:
    """Have all threads allocate from two arenas; must be called before there are many threads.

    glibc gives each thread an arena of its own, up to eight for each processor, and what one of them frees the others
    don't use: with 20 people asking for ten minutes that was 230 MB, and growing, where two arenas leave 50.
    False where there is no glibc. See mallopt(3).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return mallopt is not None and mallopt(_M_ARENA_MAX, ARENAS) == 1
