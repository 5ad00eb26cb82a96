"""Indexing one article: what is new of it is embedded, the rest is known already, and all is written at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path

import numpy as np

from rag.encoders.embedding import Embedder, embed_texts, unit
from rag.reading.articles import read_articles
from rag.reading.chunking import Chunk, chunk
from rag.reading.formats.document import JsonFields
from rag.reading.units import is_whole, units_of
from rag.storage.truth import EmbeddedChunk, Known, KnownFile, StoredPassage, Truth
from rag.types import Article, Passage, Unreadable


class Indexer:
    """Writes articles into the truth. ``stamp`` is what the first of them says of the whole index.

    With ``anew`` nothing is taken over from what is there.
    """

    def __init__(
        self, store: Truth, embedder: Embedder, stamp: dict[str, str], *, include_qa: bool, anew: bool = False
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._stamp = stamp
        self._include_qa = include_qa
        self._anew = anew

    def put(
        self, article: Article, known: Known | None, file: KnownFile, ready: Sequence[EmbeddedChunk] | None = None
    ) -> None:
        """Write an article of a file in place of what is ``known`` of it, unless that says the same.

        ``ready`` are its passages where another process has embedded them.

        Raises:
            EmbeddingError: the embedder failed; what was there stays.
        """
        digest = digest_of(article)
        if known and known.digest == digest and not self._anew:
            return
        article = replace(article, id=known.id if known else self._free_id(article, file))
        embedded = self._embed(article, known, ready or ())
        if self._store.stamp() is None:
            self._store.set_stamp(self._stamp)
        self._store.put(article, file.path, file.root, digest, embedded)

    def _free_id(self, article: Article, file: KnownFile) -> str:
        """Its own, or one from its full path where another has it: the same name in another folder, or a file that was
        renamed and whose old name is used again, which may happen more than once."""
        place = f"{file.path}\x00{article.part}"
        others = (place if number == 0 else f"{place}\x00{number}" for number in count())
        ids = chain([article.id], (hashlib.blake2b(one.encode(), digest_size=6).hexdigest() for one in others))
        return next(one for one in ids if not self._store.known(article_id=one))

    def _embed(self, article: Article, known: Known | None, ready: Sequence[EmbeddedChunk]) -> list[EmbeddedChunk]:
        before = self._store.load(self._store.passage_ids(known.id)) if known and not self._anew else []
        if ready and not before and ready[0].chunk.passage.article_id == article.id:
            return list(ready)
        chunks = _chunks(article, include_qa=self._include_qa)
        same = {_words(stored.passage, stored.sentences): stored for stored in before}
        done = {_says(one.chunk): one for one in ready}
        fresh = iter(_embedded(self._embedder, [c for c in chunks if _says(c) not in same and _says(c) not in done]))
        return [
            _taken_over(c, same[_says(c)])
            if _says(c) in same
            else replace(done[_says(c)], chunk=c)
            if _says(c) in done
            else next(fresh)
            for c in chunks
        ]


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: with their questions and answers or without, and where in JSON the fields are."""

    include_qa: bool = True
    json_fields: JsonFields | None = None


USUAL = Reading()


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What was read of a file, embedded: its articles with their passages, and what of it could not be read."""

    articles: tuple[tuple[Article, tuple[EmbeddedChunk, ...]], ...]
    unread: tuple[Unreadable, ...]


def read_file(path: Path, root: Path, embedder: Embedder, reading: Reading = USUAL) -> ReadFile:
    """Read a file and embed it, without the index: in another process than the one that writes.

    Raises:
        ArticleError: it can't be read.
        EmbeddingError: the embedder failed.
    """
    read = list(read_articles(path, root, reading.json_fields))
    articles = [one for one in read if not isinstance(one, Unreadable)]
    return ReadFile(
        tuple((one, tuple(_embedded(embedder, _chunks(one, include_qa=reading.include_qa)))) for one in articles),
        tuple(one for one in read if isinstance(one, Unreadable)),
    )


def _chunks(article: Article, *, include_qa: bool) -> list[Chunk]:
    return [c for c in chunk(article) if c.sentences and (include_qa or c.passage.kind != "qa")]


def _embedded(embedder: Embedder, chunks: Sequence[Chunk]) -> list[EmbeddedChunk]:
    units = [units_of(c.passage, [(s.start, s.end) for s in c.sentences]) for c in chunks]
    vectors = embed_texts(embedder, [text for texts, _ in units for text in texts])
    embedded, at = [], 0
    for c, (texts, unit_of) in zip(chunks, units, strict=True):
        own = vectors[at : at + len(texts)]
        at += len(texts)
        # The passage's vector is the mean of its sentences' (and its question's): measured as good as
        # encoding the passage once more, at half the work.
        whole = own[[i for i, is_whole in enumerate(is_whole(unit_of)) if is_whole]]
        embedded.append(EmbeddedChunk(c, unit(np.mean(whole, axis=0, keepdims=True))[0], own, unit_of))
    return embedded


def digest_of(article: Article) -> str:
    """A hash of all that was read of an article, whatever its id: another means that it must be written anew."""
    labels = (article.file, article.title, article.url, article.author, article.date, article.description)
    told = json.dumps([*labels, article.tags, [str(warning) for warning in article.warnings], article.text])
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def _words(passage: Passage, spans: Iterable[tuple[int, int]]) -> Hashable:
    """What a passage's vectors are made from, wherever in its article it stands."""
    relative = tuple((start - passage.start, end - passage.start) for start, end in spans)
    return passage.kind, passage.lang, passage.text, relative


def _says(one: Chunk) -> Hashable:
    return _words(one.passage, ((span.start, span.end) for span in one.sentences))


def _taken_over(one: Chunk, stored: StoredPassage) -> EmbeddedChunk:
    return EmbeddedChunk(one, stored.vector, stored.units, stored.unit_of, stored.refined)
