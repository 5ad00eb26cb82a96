"""Ingestion: parse, embed, write, and only then drop the old. A file that fails is reported; the rest goes in."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from rag.articles import find_files, read_article
from rag.chunking import VERSION, chunk
from rag.embedding import Embedder, embed_texts, unit
from rag.errors import ArticleError
from rag.store import SCHEMA_VERSION, EmbeddedChunk, Known, Store
from rag.types import Article, ParseWarning
from rag.units import is_whole, units_of

log = logging.getLogger(__name__)

Action = Literal["added", "updated", "unchanged", "removed", "failed"]
ACTIONS: tuple[Action, ...] = get_args(Action)
Step = Callable[[str, int, int], None]  # what is going on, done, of


@dataclass(frozen=True, slots=True)
class FileResult:
    """What happened to one file. ``detail`` says why it failed, or what the ``warnings`` say.

    ``same_as`` are the ids of articles that were there already and tell the same in nearly the same words.
    """

    path: str
    action: Action
    detail: str = ""
    warnings: tuple[ParseWarning, ...] = ()
    same_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What a run did and what the index holds after it."""

    results: tuple[FileResult, ...]
    articles: int
    passages: int
    langs: dict[str, int] = field(default_factory=dict)  # passages of each language
    seconds: float = 0.0

    def count(self, action: Action) -> int:
        """How many files this happened to."""
        return sum(result.action == action for result in self.results)

    @property
    def duplicates(self) -> int:
        """How many of the files that went in tell what another article tells."""
        return sum(bool(result.same_as) for result in self.results)

    @property
    def failed(self) -> tuple[FileResult, ...]:
        """The files that did not go in."""
        return tuple(result for result in self.results if result.action == "failed")


def stamp_of(embedder: Embedder) -> dict[str, str]:
    """What makes an index; another stamp means that the index must be built anew."""
    dimension = str(embedder.dimension)
    return {"embedder": embedder.model_name, "dimension": dimension, "chunker": VERSION, "schema": SCHEMA_VERSION}


class Ingestor:
    """Brings the truth in line with files and folders."""

    def __init__(self, store: Store, embedder: Embedder, *, include_qa: bool = True) -> None:
        self._store = store
        self._embedder = embedder
        self._include_qa = include_qa  # an evaluation's index must not hold the answers

    def run(self, paths: Sequence[Path], *, dry_run: bool = False, progress: Step | None = None) -> IngestReport:
        """Index what is new or changed under these files and folders and remove what is gone from there.

        Files indexed from elsewhere stay. With ``dry_run`` nothing is written.

        Raises:
            ArticleError: a path does not exist and nothing was indexed from it.
            EmbeddingError: the embedder failed; what was written before stays.
        """
        started = time.perf_counter()
        known = {entry.path: entry for entry in self._store.known()}
        wanted, gone = _plan(paths, known.values())
        results = [FileResult(path, "removed") for path in sorted(gone)]
        for done, (path, root) in enumerate(wanted):
            if progress:
                progress(path.name, done, len(wanted))
            results.append(self._one(path, root, known.get(str(path)), dry_run=dry_run))
        if progress:
            progress("", len(wanted), len(wanted))
        if gone and not dry_run:  # last: a file that only moved is found again before its old entry goes
            self._store.remove([known[path].id for path in gone])
        articles, passages = self._store.count()
        return IngestReport(
            tuple(results), articles, passages, self._store.languages(), round(time.perf_counter() - started, 2)
        )

    def _one(self, path: Path, root: Path, known: Known | None, *, dry_run: bool) -> FileResult:
        try:
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            if known and known.sha256 == sha256:
                return FileResult(str(path), "unchanged")
            article = read_article(path, root)
        except (ArticleError, OSError) as error:
            kept = " (the version indexed before stays)" if known else ""
            return FileResult(str(path), "failed", f"{error}{kept}")
        same_as: tuple[str, ...] = ()
        if not dry_run:
            article = self._with_free_id(article, path, known)
            self._store.put(article, path, root, sha256, self._embed(article))
            same_as = self._store.same_as(article.id)
        detail = "; ".join(map(str, article.warnings))
        return FileResult(str(path), "updated" if known else "added", detail, article.warnings, same_as)

    def _with_free_id(self, article: Article, path: Path, known: Known | None) -> Article:
        """A file keeps its id; one whose id is taken (same name, other folder) gets one from its full path."""
        if known:
            return replace(article, id=known.id)
        if any(entry.id == article.id and entry.path != str(path) for entry in self._store.known()):
            return replace(article, id=hashlib.blake2b(str(path).encode(), digest_size=6).hexdigest())
        return article

    def _embed(self, article: Article) -> list[EmbeddedChunk]:
        chunks = [c for c in chunk(article) if c.sentences and (self._include_qa or c.passage.kind != "qa")]
        units = [units_of(c.passage, [(s.start, s.end) for s in c.sentences]) for c in chunks]
        vectors = embed_texts(self._embedder, [text for texts, _ in units for text in texts])
        if self._store.stamp() is None:
            self._store.set_stamp(stamp_of(self._embedder))
        embedded, at = [], 0
        for c, (texts, unit_of) in zip(chunks, units, strict=True):
            own = vectors[at : at + len(texts)]
            at += len(texts)
            # The passage's vector is the mean of its sentences' (and its question's): measured as good as
            # encoding the passage once more, at half the work.
            whole = own[[i for i, is_whole in enumerate(is_whole(unit_of)) if is_whole]]
            embedded.append(EmbeddedChunk(c, unit(np.mean(whole, axis=0, keepdims=True))[0], own, unit_of))
        return embedded


def _plan(paths: Sequence[Path], known: Iterable[Known]) -> tuple[list[tuple[Path, Path]], set[str]]:
    """The files to look at, each with the folder it is named from, and the indexed paths that are gone."""
    known = list(known)
    wanted: dict[Path, Path] = {}
    gone: set[str] = set()
    for given in paths:
        path = given.expanduser().resolve()
        below = {entry.path for entry in known if entry.path == str(path) or Path(entry.path).is_relative_to(path)}
        if path.is_dir():
            found = find_files(path)
            if below and not found:  # an unmounted disk looks like this; it must not empty the index
                raise ArticleError(
                    f"{given} holds no article any more, but {len(below)} are indexed from it; "
                    "to remove them, name the files, or delete the data folder"
                )
            wanted |= {file: path for file in found if file not in wanted}
            gone |= below - {str(file) for file in found}
        elif path.is_file():
            wanted.setdefault(path, path.parent)
        elif below:
            gone |= below
        else:
            raise ArticleError(f"{given} does not exist")
    return list(wanted.items()), gone - {str(path) for path in wanted}
