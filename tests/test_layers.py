"""The import arrows of the house: a module imports only from rows above its own."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from conftest import ROOT

# Row by row; modules of a row do not import each other.
ROWS = [
    {"rag.types", "rag.errors"},
    {"rag.quantity_words", "rag.keys", "rag.audit", "rag.logs", "rag.locks", "rag.sql", "rag.sqlite"},
    {"rag.settings", "rag.text", "rag.nodes", "rag.quantities", "rag.periods", "rag.answering.prompts"},
    {"rag.sentences", "rag.disagreement", "rag.decoding"},
    {"rag.metadata", "rag.links", "rag.qa", "rag.embedding", "rag.answering", "rag.conversation", "rag.chat"},
    {"rag.markup", "rag.chunking", "rag.units", "rag.e5", "rag.formats", "rag.prints", "rag.changes"},
    {"rag.support", "rag.stories", "rag.truth"},
    {"rag.citations", "rag.sections", "rag.rows", "rag.database", "rag.postgres_tables"},
    {"rag.articles"},
    {"rag.folders", "rag.migrations"},
    {
        "rag.store",
        "rag.postgres",
        "rag.feedback",
        "rag.remote_embedding",
        "rag.chroma",
        "rag.uploads",
        "rag.backup",
        "rag.answering.reply",
    },
    {
        "rag.ownership",
        "rag.shared_feedback",
        "rag.flat",
        "rag.privacy",
        "rag.planning",
        "rag.indexing",
        "rag.watching",
        "rag.upkeep",
        "rag.copies",
        "rag.restoring",
    },
    {"rag.dense", "rag.workers"},
    {"rag.ingestion", "rag.retrieval", "rag.ranking", "rag.answering.extractive"},
    {"rag.answering.llm", "rag.answering.plain"},
    {"rag.refinement", "rag.library", "rag.checking"},
    {"rag.checking_dense", "rag.repair"},
    {"rag.engine", "rag.suggesting"},
    {"rag.assistant"},
    {"rag.assembly"},
    {"rag.web"},
    {"rag.keys_command", "rag.backup_command", "rag.terminal"},
    {"rag.__main__", "ingest", "chat_app", "eval"},
]
ROOMS = ("rag.web", "rag.e5", "rag.formats", "rag.chat", "rag.support", "rag.conversation")  # packages of one row
WEB = {"fastapi", "starlette", "gradio", "uvicorn"}


def sources() -> list[Path]:
    packages = [path for folder in ("rag", "eval") for path in sorted((ROOT / folder).rglob("*.py"))]
    return [*packages, ROOT / "ingest.py", ROOT / "chat_app.py"]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def row_of(module: str) -> int | None:
    exact = next((i for i, row in enumerate(ROWS) if module in row), None)
    if exact is not None:
        return exact
    room = next((name for name in ROOMS if module.startswith(f"{name}.")), None)
    package = room or module.split(".", maxsplit=1)[0]
    return next((i for i, row in enumerate(ROWS) if package in row), None)


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_imports_follow_the_arrows(path: Path) -> None:
    module = module_of(path)
    if module == "rag":
        return
    own = row_of(module)
    assert own is not None, f"{module} has no place in the house; give it one in ROWS"
    for imported in imports_of(path):
        row = row_of(imported)
        if row is None or imported.split(".")[0] not in ("rag", "eval", "ingest", "chat_app"):
            continue
        inside_own_package = ROWS[own] & {*ROOMS, "eval"} and row == own
        assert row < own or inside_own_package or imported == module, (
            f"{module} imports {imported}, which is not above it"
        )


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_only_the_web_room_knows_the_web(path: Path) -> None:
    module = module_of(path)
    if module.startswith(("rag.web", "chat_app")):
        return
    assert not {name.split(".")[0] for name in imports_of(path)} & WEB


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_only_the_settings_read_the_environment(path: Path) -> None:
    if module_of(path) == "rag.settings":
        return
    text = re.sub(r'^os\.environ\["\w+"\] = .*$', "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert "os.environ" not in text
    assert "getenv" not in text
