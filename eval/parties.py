"""Who is asked in a run: the assistant over a fresh index, and its rivals over the same articles."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rich.progress import Progress

from eval.ablation import ablations
from eval.dataset import gold_langs
from eval.judge import Judge
from eval.likeness import Likeness
from eval.plan import Plan
from eval.rivals import DenseOnly, LexicalOnly, PlainPipeline, Rival
from eval.scorers import ArticleText, Tools
from rag.assembly.encoders import open_embedder, open_encoder
from rag.assembly.folder import STORE_FILE
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.settings import Settings
from rag.storage.store import Store
from rag.types import AnswererName, Article


@dataclass(frozen=True, slots=True)
class Parties:
    """Who is asked, and what scoring needs."""

    assistant: Assistant
    tools: Tools
    answerer: AnswererName | None = None
    rivals: Sequence[Rival] = ()
    with_qa: Assistant | None = None
    judge: Judge | None = None


@contextmanager
def open_parties(plan: Plan, settings: Settings, articles: Sequence[Article], progress: Progress) -> Iterator[Parties]:
    """Everybody who is asked, over fresh indexes that are gone afterwards."""
    with ExitStack() as stack:
        folder = stack.enter_context(throwaway_index(settings, plan.articles, progress))
        assistant = stack.enter_context(throwaway_assistant(settings, folder))
        embedder = open_embedder(settings)
        rivals: list[Rival] = []
        store = Store(folder / STORE_FILE)
        stack.callback(store.close)
        if plan.baseline:
            rivals += [PlainPipeline(articles, embedder), DenseOnly(store, embedder), LexicalOnly(store)]
        if plan.ablation:
            rivals += ablations(store, embedder, open_encoder(settings))
        with_qa = None
        if plan.qa == "both":
            other = stack.enter_context(throwaway_index(settings, plan.articles, progress, include_qa=True))
            with_qa = stack.enter_context(throwaway_assistant(settings, other))
        tools = Tools(article_text(assistant), Likeness(embedder), gold_langs(articles))
        yield Parties(assistant, tools, plan.answerer, rivals, with_qa, plan.judge)


def article_text(assistant: Assistant) -> ArticleText:
    """Looks up an article's whole text by its id, each once."""

    @cache
    def text_of(article_id: str) -> str | None:
        found = assistant.article(article_id)
        return found[1] if found else None

    return text_of


@contextmanager
def throwaway_index(
    settings: Settings, articles: Path, progress: Progress, *, include_qa: bool = False
) -> Iterator[Path]:
    """A data folder with a fresh index of these articles, which is gone afterwards."""
    # On Windows a file that Chroma still holds cannot be deleted; that must not cost the run its results.
    with tempfile.TemporaryDirectory(prefix="eval-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        bar = progress.add_task("indexing with Q&A" if include_qa else "indexing", total=None)

        def step(_: str, at: int, of: int) -> None:
            progress.update(bar, completed=at, total=of)

        # Shut out twice, here and in each question: the answer key must not even weigh in the words' rarity.
        run_ingest(_own(settings, folder), [articles], include_qa=include_qa, progress=step)
        yield folder


@contextmanager
def throwaway_assistant(settings: Settings, folder: Path) -> Iterator[Assistant]:
    """An assistant over a data folder of the run's own."""
    assistant = open_assistant(_own(settings, folder))
    try:
        yield assistant
    finally:
        assistant.close()


def _own(settings: Settings, folder: Path) -> Settings:
    # Embedded, also where servers are set: those hold what people are using.
    servers = {"database_url": None, "chroma_url": None, "chroma_token": None}
    return settings.model_copy(update={"data_dir": folder, **servers})
