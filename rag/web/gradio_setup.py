"""Gradio, imported without looking up its servers and without writing files.

Import ``gr`` from here and not from Gradio, so that this runs first.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Gradio would ask its own servers and the model hub at start.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
# Around every event it asks matplotlib for its backend, which at first loads half of it to find one for a screen.
os.environ["MPLBACKEND"] = "agg"


@contextmanager
def _without_stub_files() -> Iterator[None]:
    """Keep Gradio from parsing its own sources at every import to write type stubs into its package.

    That is half of its import time, and fails where the installation is read-only. It skips a class whose file
    can't be told, so within this context it is told none.
    """
    getfile: Callable[..., str] = inspect.getfile

    def getfile_for_others(thing: object) -> str:
        if sys._getframe(1).f_globals.get("__name__") == "gradio.component_meta":
            raise OSError("no stub file, please")
        return getfile(thing)

    inspect.getfile = getfile_for_others  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = getfile


with _without_stub_files():
    import gradio as gr

__all__ = ["gr"]
