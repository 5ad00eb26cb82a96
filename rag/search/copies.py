"""Other articles that say what a citation quotes: found in those that tell the same, proven sentence by sentence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from rag.language.sentences import sentences
from rag.language.text import HAN, plain
from rag.storage.truth import Truth
from rag.types import Also, Filters, Lang, Passage

MOST = 20  # other articles of one citation
# One sign for each kind of quotation mark and dash, and the wide forms of ASCII as ASCII. No more than that: NFKC would
# make 10² the same as 102.
_MARKS = str.maketrans(
    {
        **{chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)},
        **dict.fromkeys("“”„«»‟「」『』＂", '"'),
        **dict.fromkeys("‘’‚‛‹›´`＇", "'"),
        **dict.fromkeys("‐‑‒–—―−－", "-"),
    }
)
_BESIDE_HAN = re.compile(rf"(?<=[{HAN}，。、；：！？]) | (?=[{HAN}，。、；：！？])")


class Copies:
    """Finds where the words of a passage stand again, among the articles that a question may use."""

    def __init__(self, store: Truth, filters: Filters, *, include_qa: bool) -> None:
        self._store = store
        self._filters = filters
        self._include_qa = include_qa
        self._read: dict[tuple[str, Lang], list[tuple[Passage, str]]] = {}

    def also(self, passage: Passage, start: int, end: int) -> tuple[Also, ...]:
        """The places where the sentences around ``start:end`` stand word for word, one an article, whole sentences."""
        said = [words for a, b, words in _sentences(passage) if a < end and b > start]
        found: dict[str, Also] = {}
        for other, words in self._retold(passage) if said else ():
            if other.article_id not in found and said[0] in words and (place := _find(said, other)):
                found[other.article_id] = _also(other, *place)
                if len(found) == MOST:
                    break
        return tuple(found.values())

    def _retold(self, passage: Passage) -> list[tuple[Passage, str]]:
        """The passages of the other articles of the story, each with its words."""
        key = (passage.article_id, passage.lang)
        if key not in self._read:
            found = self._store.retold(*key, self._filters, include_qa=self._include_qa)
            self._read[key] = [(other, as_words(other.text, other.lang)) for other in found]
        return self._read[key]


def as_words(text: str, lang: Lang) -> str:
    """A text as its words and marks alone, however it is set: other quotation marks, dashes and spaces are the same.

    >>> as_words("Er sagte: „**Nein** – nie“.", "de")
    'Er sagte: "Nein - nie".'
    >>> as_words("它筹集了 10 亿美元，真的。", "zh"), as_words("It is $1bn, not €1bn.", "en")
    ('它筹集了10亿美元,真的。', 'It is $1bn, not €1bn.')
    """
    words = unicodedata.normalize("NFC", plain(text))
    return (_BESIDE_HAN.sub("", words) if lang == "zh" else words).translate(_MARKS)


def _sentences(passage: Passage) -> Iterator[tuple[int, int, str]]:
    """The sentences of a passage with their places in the article, and their words."""
    for a, b in sentences(passage.text, passage.lang):
        yield passage.start + a, passage.start + b, as_words(passage.text[a:b], passage.lang)


def _find(said: list[str], other: Passage) -> tuple[int, int] | None:
    """Where a passage has these sentences one after the other."""
    own = list(_sentences(other))
    for i in range(len(own) - len(said) + 1):
        if [words for _, _, words in own[i : i + len(said)]] == said:
            return own[i][0], own[i + len(said) - 1][1]
    return None


def _also(other: Passage, start: int, end: int) -> Also:
    return Also(
        passage_id=other.passage_id,
        article_id=other.article_id,
        title=other.title,
        url=other.url,
        author=other.author,
        date=other.date,
        quote=other.text[start - other.start : end - other.start],
        start=start,
        end=end,
        file=other.file,
    )
