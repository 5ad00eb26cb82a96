"""Shared parts of the tests: small articles, a readable fake embedder, the product over the sample articles."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from llama_index.core.bridge.pydantic import PrivateAttr

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.encoders.embedding import Embedder
from rag.settings import Settings

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "articles"
SHARED = ROOT.parent / "shared"  # data that is measured with, beside the checkout

collect_ignore = ["clients"]  # programs that run in processes of their own

# Imported by the files that drive a browser, and by no other: it brings Gradio and Playwright along.
pytest.register_assert_rewrite("page_fixtures", "browsing", "servers")

# One direction a subject, in the three languages, so that a test can tell by eye what is similar to what.
SUBJECTS = (
    ("cat", "katze", "猫"),
    ("dog", "hund", "狗"),
    ("money", "geld", "钱", "dollar"),
    ("moon", "mond", "月"),
)


class SubjectEmbedder(Embedder):
    """Counts subjects: a vector has one number a subject. What has none of them is similar to nothing."""

    _embedded: list[str] = PrivateAttr(default_factory=list)

    def __init__(self) -> None:
        super().__init__(model_name="subjects")

    @property
    def embedded(self) -> list[str]:
        """The texts that were embedded to be found, in order."""
        return self._embedded

    def _vector(self, text: str, *rest: float) -> list[float]:
        folded = text.casefold()
        return [*(float(sum(word in folded for word in subject)) for subject in SUBJECTS), *rest]

    def _get_text_embedding(self, text: str) -> list[float]:
        self._embedded.append(text)
        return self._vector(text, 0.1, 0.0)

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._vector(query, 0.0, 0.1)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._vector(query, 0.0, 0.1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that takes longest goes first: a worker takes whole files, and this one would be alone at last."""
    items.sort(key=lambda item: item.path.name != "test_quality.py")


@pytest.fixture
def embedder() -> SubjectEmbedder:
    return SubjectEmbedder()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write article files into one folder and return it."""
    folder = tmp_path / "texts"
    folder.mkdir()

    def write_files(**texts: str) -> Path:
        for name, text in texts.items():
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
        return folder

    return write_files


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test, and a key in the environment must never be used."""
    for name in list(os.environ):
        if name.startswith("RAG_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-to-be-used")


@pytest.fixture(autouse=True)
def clean_logging() -> Iterator[None]:
    """A command that sets up logging does so for its test alone."""
    loggers = [logging.getLogger(name) for name in (None, "rag")]
    before = [(one.level, [*one.handlers]) for one in loggers]
    yield
    for one, (level, handlers) in zip(loggers, before, strict=True):
        one.setLevel(level)
        one.handlers[:] = [handler for handler in one.handlers if handler in handlers]


def settings_for(data_dir: Path, **values: Any) -> Settings:
    """Settings that read no file of the machine."""
    return Settings(_env_file=None, data_dir=data_dir, **values)  # type: ignore[call-arg]


def made_index(factory: pytest.TempPathFactory, folder: Path, *, include_qa: bool = True) -> Path:
    """A data folder of one's own with the index of these articles, which is made once for all workers."""
    mine = factory.getbasetemp()
    ours = mine.parent if os.environ.get("PYTEST_XDIST_WORKER") else mine
    made = ours / f"index-{folder.name}-{'with' if include_qa else 'without'}-qa"
    with FileLock(f"{made}.lock"):
        if not made.exists():
            making = made.with_suffix(".making")
            report = run_ingest(settings_for(making), [folder], include_qa=include_qa)
            assert not report.failed, report.failed
            making.rename(made)
    return Path(shutil.copytree(made, factory.mktemp(folder.name) / "data"))


def shared_folder(name: str) -> Path:
    """A folder of the data beside the checkout. A clone alone does without it; a CI run must not."""
    folder = SHARED / name
    if not folder.is_dir():
        reason = f"the data to measure with is not beside this checkout: {folder}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    """The real product over the sample articles."""
    opened = open_assistant(settings_for(made_index(tmp_path_factory, SAMPLES)))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    """The real product over the two articles that its first user gave."""
    folder = shared_folder("seeds")
    opened = open_assistant(settings_for(made_index(tmp_path_factory, folder)))
    yield opened
    opened.close()
