"""Where the figures of a run come from: its settings, without secrets, and the commit of the code."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from eval.plan import Plan
from rag.settings import Settings
from rag.types import Health


def run_settings(settings: Settings, health: Health, plan: Plan) -> dict[str, Any]:
    """The settings of a run as JSON values, without secrets, and what they came to.

    Keys, tokens, and passwords in a link are left out; so is what a run does not use: where people's own index, its
    Chroma server and the page are.
    """
    unused = {"data_dir", "chroma_url", "chroma_token", "host", "port", "runs"}
    secret = {key for key, value in settings if _is_secret(value)}
    shown = settings.model_dump(mode="json", exclude=secret | unused)
    public = {key: _without_password(value) if isinstance(value, str) else value for key, value in shown.items()}
    return {
        **public,
        "articles": str(plan.articles),
        "answerer": plan.answerer or health.answerer,
        "chat_model": health.model,
        "embed_model": health.embed_model,
        "include_qa": plan.qa,
        "baseline": plan.baseline,
        "ablation": plan.ablation,
    }


def _is_secret(value: object) -> bool:
    return isinstance(value, SecretStr) or (
        isinstance(value, tuple) and any(isinstance(item, SecretStr) for item in value)
    )


def _without_password(value: str) -> str:
    """A link without the parts that may hold a key; other text as it is.

    >>> _without_password("https://me:secret@llm.example/v1?key=secret"), _without_password("local")
    ('https://llm.example/v1', 'local')
    """
    return re.sub(r"(?<=://)[^/]*@|\?.*", "", value) if "://" in value else value


def git_commit() -> str | None:
    """The commit this code is at, with ``-dirty`` when files differ from it; None outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):  # no git on this machine, or one that hangs
        return None
    return done.stdout.strip() or None
