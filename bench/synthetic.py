"""As many passages as one likes within minutes: real sentences put together anew, with the vectors they really have.

A passage is three to six sentences of one language. The embedder's vector of a passage is the mean of its sentences'
by definition; the second encoder's is nearly so. Some noise keeps two passages of the same sentences apart. In each
sentence the longest word may be a made-up one, out of more of them the larger the index is, as names are.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.encoders.embedding import Embedder, FineEncoder, Matrix, embed_texts, unit
from rag.ingesting.folders import find_files
from rag.language.sentences import sentences
from rag.reading.articles import read_article
from rag.reading.chunking import Chunk
from rag.reading.units import is_whole, units_of
from rag.storage.store import Store
from rag.storage.truth import EmbeddedChunk, Refined
from rag.types import LANGS, Article, Block, Lang, Passage, Section, Span

SENTENCES = 400  # of each language that are really encoded
OF_ARTICLE = 10  # passages
NOISE = 0.01  # on each number of a vector of length one
RENAMED = 0.3  # share of the sentences with a made-up word
SYLLABLES = ("ba", "ko", "ri", "lum", "ten", "sa", "vor", "mi", "dax", "el", "nu", "gra", "pel", "os", "thi", "wen")
CHARACTERS = "金木水火土山川江海云风雷林石田光明东西南北中天地人大小高长安平和新华国民生文化学"


@dataclass(frozen=True, slots=True)
class Said:
    """A real sentence with the vectors of its units: it and its clauses, by both encoders."""

    text: str
    units: Matrix
    fine: Matrix


def encoded(folders: Sequence[Path], embedder: Embedder, encoder: FineEncoder) -> dict[Lang, list[Said]]:
    """Sentences of the articles in these folders, as many as ``SENTENCES`` of each language, encoded."""
    found: dict[Lang, dict[str, None]] = {lang: {} for lang in LANGS}
    for path in (path for folder in folders for path in find_files(folder)):
        for section in read_article(path, path.parent).sections:
            for block in section.blocks:
                text = block.span.text
                whole = (" ".join(text[a:b].split()) for a, b in sentences(text, section.lang))
                found[section.lang].update(dict.fromkeys(one for one in whole if len(one) > 20))
    pool = {}
    for lang, texts in found.items():
        chosen = random.Random(0).sample(list(texts), min(SENTENCES, len(texts)))
        pool[lang] = [_said(text, lang, embedder, encoder) for text in chosen]
    return {lang: said for lang, said in pool.items() if said}


def _said(text: str, lang: Lang, embedder: Embedder, encoder: FineEncoder) -> Said:
    texts, _ = units_of(_passage("", lang, text, 0, len(text)), [(0, len(text))])
    fine = np.array([vector for vector, _ in encoder.read([[text] for text in texts], lang)])
    return Said(text, embed_texts(embedder, texts), fine)


def articles(pool: dict[Lang, list[Said]], passages: int) -> Iterator[tuple[Article, list[EmbeddedChunk]]]:
    """Articles of ten passages each, one language after the other, with the vectors of both encoders."""
    chance, numbers = random.Random(1), np.random.default_rng(1)
    noise = {size: NOISE * numbers.normal(size=(4096, size)).astype(np.float32) for size in _sizes(pool)}
    langs = list(pool)
    for number, first in enumerate(range(0, passages, OF_ARTICLE)):
        lang = langs[number % len(langs)]
        count = min(OF_ARTICLE, passages - first)
        chosen = [chance.choices(pool[lang], k=chance.randint(3, 6)) for _ in range(count)]
        wording = [[_renamed(said.text, lang, chance, 10 * passages) for said in of_one] for of_one in chosen]
        article = _article(number, lang, wording)
        chunks = zip(_chunks(article, lang, wording), chosen, strict=True)
        yield article, [_embedded(cut, of_one, noise, chance.randrange(4096)) for cut, of_one in chunks]


def fill(store: Store, pool: dict[Lang, list[Said]], passages: int) -> None:
    """Write so many passages, the second encoder's vectors included."""
    for number, (article, chunks) in enumerate(articles(pool, passages)):
        store.put(article, f"/synthetic/{article.file}", "/synthetic", str(number), chunks)


def _sizes(pool: dict[Lang, list[Said]]) -> set[int]:
    one = next(iter(pool.values()))[0]
    return {one.units.shape[1], one.fine.shape[1]}


def _renamed(text: str, lang: Lang, chance: random.Random, words: int) -> str:
    if chance.random() > RENAMED:
        return text
    number = int(words ** chance.random())  # as often rare as frequent, as words are
    if lang == "zh":
        at = chance.randrange(len(text) - 2)
        size = len(CHARACTERS)
        return text[:at] + CHARACTERS[number % size] + CHARACTERS[number // size % size] + text[at + 2 :]
    word = ""
    while number:
        number, digit = divmod(number, len(SYLLABLES))
        word += SYLLABLES[digit]
    longest = max(text.split(), key=len)
    return text.replace(longest, word.capitalize() or "Ba", 1)


def _article(number: int, lang: Lang, wording: list[list[str]]) -> Article:
    title = f"# {number}"
    paragraphs = [("" if lang == "zh" else " ").join(of_one) for of_one in wording]
    text = "\n\n".join([title, *paragraphs]) + "\n"
    blocks, at = [], len(title) + 2
    for paragraph in paragraphs:
        blocks.append(Block(Span(at, at + len(paragraph), paragraph)))
        at += len(paragraph) + 2
    section = Section(lang, (), tuple(blocks), ())
    day = f"20{10 + number % 15}-{1 + number % 12:02}-{1 + number % 28:02}"
    return Article(
        f"a{number}", f"{number}.md", str(number), text, (section,), f"https://example.org/{number}",
        f"outlet {number % 40}", day, None, (f"tag {number % 25}",),
    )  # fmt: skip


def _chunks(article: Article, lang: Lang, wording: list[list[str]]) -> list[Chunk]:
    between = 0 if lang == "zh" else 1
    chunks = []
    for block, of_one in zip(article.sections[0].blocks, wording, strict=True):
        spans, at = [], block.span.start
        for text in of_one:
            spans.append(Span(at, at + len(text), text))
            at += len(text) + between
        passage = _passage(article.id, lang, block.span.text, block.span.start, block.span.end)
        chunks.append(Chunk(passage, tuple(spans)))
    return chunks


def _passage(article_id: str, lang: Lang, text: str, start: int, end: int) -> Passage:
    passage_id = hashlib.blake2b(f"{article_id}\x00{start}\x00{text}".encode(), digest_size=8).hexdigest()
    return Passage(
        passage_id, article_id, article_id[1:], None, None, None, lang, None, "body", text, start, end, article_id
    )


def _embedded(chunk: Chunk, of_one: list[Said], noise: dict[int, Matrix], at: int) -> EmbeddedChunk:
    units = np.vstack([said.units for said in of_one])
    units = unit(units + noise[units.shape[1]][at])
    unit_of = tuple(index for index, said in enumerate(of_one) for _ in said.units)
    return EmbeddedChunk(chunk, _mean(units[is_whole(unit_of)]), units, unit_of, _refined(of_one, noise, at))


def _refined(of_one: list[Said], noise: dict[int, Matrix], at: int) -> Refined:
    units = np.vstack([said.fine for said in of_one])
    units = unit(units + noise[units.shape[1]][at])
    alone = np.array([said.fine[0] for said in of_one])
    whole = _mean(units)
    return Refined(whole, units, unit(alone + whole))  # a sentence as understood in its passage lies between the two


def _mean(rows: Matrix) -> Matrix:
    mean: Matrix = unit(rows.mean(axis=0, keepdims=True))[0]
    return mean
