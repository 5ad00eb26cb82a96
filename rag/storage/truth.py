"""What is true of the articles: the values that the store of it takes and gives, and what it can be asked.

``store.py`` keeps it in SQLite, for one machine, ``postgres.py`` in PostgreSQL, for several.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from rag.encoders.embedding import Matrix
from rag.errors import IndexMismatchError
from rag.reading.chunking import Chunk
from rag.storage.changes import Keys, Kind, Mark, Rows
from rag.types import Article, ArticleSummary, Filters, Lang, LastIngest, Passage

# Postings that a search may read; it takes the rarest terms first. So many stand for a question of some words
# among about 30,000 passages, in a fraction of the time that the encoders take.
MOST_POSTINGS = 10_000
ENOUGH_POSTINGS = 300  # which the rarest terms must have together before a frequent one is left out

# A thousand copies must make neither the list of articles long nor an answer slow.
MOST_SAME = 50  # articles that one names
MOST_RETOLD = 2000  # passages that are looked through for a quote

SCHEMA_VERSION = "3"  # of the tables, in SQLite and PostgreSQL alike


@dataclass(frozen=True, slots=True)
class Refined:
    """A passage's vectors by the fine encoder: the whole, its units, and its sentences as understood in it.

    Shapes (dimensions,), (units, dimensions) and (sentences, dimensions).
    """

    vector: Matrix
    units: Matrix
    sentences: Matrix


@dataclass(frozen=True, slots=True)
class EmbeddedChunk:
    """A chunk with its vectors. ``units`` are its sentences, their clauses and, of a pair, the question:
    shape (units, dimensions); ``unit_of`` says to which sentence each belongs, -1 for the question."""

    chunk: Chunk
    vector: Matrix
    units: Matrix
    unit_of: tuple[int, ...]
    refined: Refined | None = None  # known already where the same text was read before


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage as the retriever needs it: with vectors, sentence spans and lexical tokens."""

    passage: Passage
    sentences: tuple[tuple[int, int], ...]
    vector: Matrix
    units: Matrix
    unit_of: tuple[int, ...]
    tokens: tuple[str, ...]
    refined: Refined | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """An article that is indexed: of which file, of which part of it, and a hash of all that was read of it."""

    id: str
    path: str
    part: str
    digest: str


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as it was when it was last read, and by what; ``root`` is the folder that it is named from.

    ``failure`` says why it could not be read (then the version before stays), ``detail`` what was guessed.
    """

    path: str
    root: str
    size: int
    mtime_ns: int
    checked_ns: int  # when that was
    sha256: str
    reader: str
    failure: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Relisted:
    """How the articles differ from what they were at an earlier mark."""

    mark: Mark  # of now
    ids: set[str]  # of all that are there
    changed: set[str]  # those of them that came or changed since


class Truth(Protocol):
    """Articles, passages, vectors and the lexical index. Safe to call from many threads, and from many processes.

    Each method that writes does all of it in one transaction, or nothing; readers are never blocked by it and see the
    state before or after.
    """

    def close(self) -> None:
        """Close what is open, for all threads; safe to call twice."""

    # --- Stamp and revision ---

    def stamp(self) -> dict[str, str] | None:
        """What made this index (embedder, dimension, chunker, schema); None before anything is in it."""

    def check_stamp(self, expected: dict[str, str]) -> None:
        """Refuse an index that was made otherwise.

        Raises:
            IndexMismatchError: naming what differs and what to run.
        """

    def set_stamp(self, stamp: dict[str, str]) -> None:
        """Say what makes this index."""

    def revision(self) -> int:
        """A number that grows with every change."""

    def contents(self) -> str:
        """Another string whenever articles came, went or changed; a second reading changes nothing."""

    def mark(self) -> Mark:
        """The point in the log of changes that the index is at."""

    def changed(self, since: Mark) -> tuple[Mark, set[str], set[str]] | None:
        """The point that the index is at, and the ids of the passages that came and that went since another; None when
        that is too long ago to tell."""

    def codes(self, kind: Kind, since: Mark | None) -> AbstractContextManager[tuple[Mark, Mark | None, Iterator[Rows]]]:
        """The codes of the vectors of passages that changed since a point, or of all where that is too long ago (then
        the second value is None), and the point that they are of."""

    def note_ingest(self, done: LastIngest) -> None:
        """Say that an ingest has ended."""

    def last_ingest(self) -> LastIngest | None:
        """When and how the last ingest ended; None before the first, or where only older versions did one."""

    def derived(self) -> int:
        """The revision that the dense index was in line with when its owner last said so; -1 before."""

    def set_derived(self, revision: int) -> None:
        """Say that the dense index is in line with a revision, to those who only search it."""

    # --- Writing ---

    def put(self, article: Article, path: str, root: str, digest: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """Write an article and its passages in place of what is there of its part of the file.

        Its file is in the manifest from now on, as not read to its end: should it never be settled, and the file be
        put back as it was, it must not pass for what is written here.
        """

    def settle(self, file: KnownFile, gone: Iterable[str] = ()) -> None:
        """Say that a file was read to its end, and remove the articles that are no longer in it."""

    def move(self, old: str, new: str, root: str) -> None:
        """A file has another path; its articles keep their ids. It counts as not read until it is settled."""

    def forget(self, paths: Iterable[str]) -> None:
        """Remove files from the manifest with their articles and all that belongs to those."""

    def clear(self) -> None:
        """Remove everything, the stamp too."""

    def expect_refiner(self, model: str) -> None:
        """Say which fine encoder is in use; what another one made is dropped."""

    def refine(self, found: Mapping[str, Refined]) -> None:
        """Write the fine encoder's vectors of these passages; those that are gone are left out."""

    # --- Reading ---

    def files(self) -> list[KnownFile]:
        """Every file that was read, in order of their paths."""

    def known(self, *, path: str | None = None, article_id: str | None = None) -> list[Known]:
        """The articles of the index, of a file, or the one with an id."""

    def count(self) -> tuple[int, int]:
        """Articles and passages."""

    def refined(self) -> int:
        """How many passages have the fine encoder's vectors."""

    def unrefined(self, limit: int) -> list[StoredPassage]:
        """The first passages that the fine encoder has not seen."""

    def languages(self) -> dict[str, int]:
        """How many passages each language has."""

    def summaries(self, ids: Iterable[str] | None = None) -> list[ArticleSummary]:
        """All articles, or those of these ids that are there, in no order."""

    def relisted(self, since: Mark) -> Relisted | None:
        """Which articles came, went or changed since then; None where the log does not go back as far."""

    def same_as(self, article_id: str) -> tuple[str, ...]:
        """The ids of the other articles that tell the same in nearly the same words."""

    def stories_of(self, ids: Iterable[str]) -> dict[str, tuple[int, str]]:
        """Those of these passages that are of a story which several articles tell, with the story and the article."""

    def retold(self, article_id: str, lang: Lang, filters: Filters, *, include_qa: bool) -> list[Passage]:
        """What may be used of the other articles that tell the same: those with a link first, the newest first."""

    def text(self, article_id: str) -> str | None:
        """The whole text of an article, into which all offsets point."""

    def select(self, filters: Filters, *, include_qa: bool) -> Keys | None:
        """The keys of the passages that may be used; None when nothing restricts."""

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """The ids of the passages with these keys; those that are gone are left out."""

    def passage_ids(self, article_id: str | None = None) -> set[str]:
        """The ids of all passages, or of an article's."""

    def vectors(self, ids: Sequence[str] | None = None) -> tuple[list[str], Matrix]:
        """Passage vectors with their ids, all of them when ``ids`` is None: shape (passages, dimensions)."""

    def refined_vectors(self) -> tuple[list[str], Matrix]:
        """The fine encoder's passage vectors with their ids: shape (refined passages, dimensions)."""

    def lexical(self, terms: Sequence[str], limit: int, keys: Keys | None = None) -> list[str]:
        """The ids of the passages that hold these tokens best by BM25, best first, among those with these keys."""

    def document_frequency(self, terms: Iterable[str]) -> dict[str, int]:
        """In how many passages each token stands; absent when in none."""

    def mean_length(self) -> float:
        """The mean number of tokens of a passage; 1 when there is none."""

    def load(self, ids: Iterable[str]) -> list[StoredPassage]:
        """Passages with all that ranking needs; ids that are gone are left out."""


def rarest(frequency: Mapping[str, int]) -> list[str]:
    """The tokens to search for: all where they stand in few passages together, else the rarest.

    >>> rarest({"the": 90_000, "tower": 2_000, "bridge": 9_000, "lumen": 3})
    ['lumen', 'tower']
    """
    chosen: list[str] = []
    postings = 0
    for term in sorted(frequency, key=lambda term: frequency[term]):
        if postings + frequency[term] <= MOST_POSTINGS or postings < ENOUGH_POSTINGS:
            chosen.append(term)
            postings += frequency[term]
    return chosen


def refuse_other(found: dict[str, str] | None, expected: dict[str, str], where: str) -> None:
    """Refuse an index ``where`` something was made otherwise than is expected; one without a stamp is empty.

    Raises:
        IndexMismatchError: naming what differs and what to run.
    """
    if found is None or found == expected:
        return
    keys = {**found, **expected}
    differs = [f"{k} {found.get(k)!r}, now {expected.get(k)!r}" for k in keys if found.get(k) != expected.get(k)]
    raise IndexMismatchError(
        f"the index in {where} was made with {'; '.join(differs)}. "
        "Run `python ingest.py --rebuild` to make it anew from the articles"
    )
