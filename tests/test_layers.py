"""The import arrows of the house: a module imports only from rows above its own."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

from conftest import ROOT

# Row by row; rooms (packages, or modules that stand alone) of a row do not import each other.
ROWS = [
    {"rag.types", "rag.errors", "rag.audit", "rag.logs", "rag.version"},
    {"rag.language", "rag.encoders", "rag.chat", "rag.nodes", "rag.keys"},
    {"rag.settings", "rag.reading", "rag.support", "rag.conversation"},
    {"rag.citations", "rag.storage", "rag.answering", "rag.privacy"},
    {"rag.engine", "rag.ingesting"},
    {"rag.search", "rag.maintenance"},
    {"rag.assistant"},
    {"rag.assembly", "rag.web"},
    {"rag.commands"},
    {"rag.__main__", "ingest", "chat_app", "eval"},
]
WEB = {"fastapi", "starlette", "gradio", "uvicorn"}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def sources() -> dict[str, str]:
    packages = [path for folder in ("rag", "eval") for path in sorted((ROOT / folder).rglob("*.py"))]
    paths = [*packages, ROOT / "ingest.py", ROOT / "chat_app.py"]
    return {module_of(path): path.read_text(encoding="utf-8") for path in paths}


def imports_of(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


SOURCES = sources()
IMPORTS = {module: imports_of(source) for module, source in SOURCES.items()}


def room_of(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "rag" else parts[0]


def row_of(module: str) -> int | None:
    return next((i for i, row in enumerate(ROWS) if room_of(module) in row), None)


def test_every_module_has_a_place_in_the_house() -> None:
    assert [module for module in SOURCES if module != "rag" and row_of(module) is None] == []


def test_imports_follow_the_arrows() -> None:
    against = []
    for module, imports in IMPORTS.items():
        own = row_of(module)
        for imported in imports:
            row = row_of(imported)
            if own is not None and row is not None and row >= own and room_of(imported) != room_of(module):
                against.append(f"{module} imports {imported}, which is not above it")
    assert against == []


def test_nothing_goes_round_in_a_room() -> None:
    graph = {module: (imports & IMPORTS.keys()) - {module} for module, imports in IMPORTS.items()}
    assert set(TopologicalSorter(graph).static_order()) == IMPORTS.keys()


def test_only_the_web_room_knows_the_web() -> None:
    assert [
        module
        for module, imports in IMPORTS.items()
        if {name.split(".")[0] for name in imports} & WEB and not module.startswith(("rag.web", "chat_app"))
    ] == []


def test_only_the_settings_read_the_environment() -> None:
    setting = re.compile(r'^os\.environ\["\w+"\] = .*$', flags=re.MULTILINE)
    others = {module: setting.sub("", source) for module, source in SOURCES.items() if module != "rag.settings"}
    assert [module for module, source in others.items() if "os.environ" in source or "getenv" in source] == []
