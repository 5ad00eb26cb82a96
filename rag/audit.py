"""The audit log: one line for every change, saying who changed what, and what came of it."""

from __future__ import annotations

import logging
from typing import Any

NAME = "rag.audit"

_log = logging.getLogger(NAME)


def audit(action: str, *, who: str, result: str, **what: Any) -> None:
    """Write a line. ``what`` names the things that were changed, by ids and file names, never by what they say."""
    _log.info("%s", action, extra={"fields": {"who": who, **what, "result": result}})
