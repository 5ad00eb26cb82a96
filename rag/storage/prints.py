"""Fingerprints of texts: how much of their wording two texts share, told without the texts at hand.

A text is the set of its runs of three words (in Chinese: characters); MinHash keeps a few numbers of such a set, from
which the share that two sets have in common can be estimated, and of which some are the same in near copies, so that
these are found by looking up (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rag.language.text import HAN, tokens
from rag.types import Kind, Lang

if TYPE_CHECKING:
    from datasketch import MinHash

RUN = 3  # words; a word changed changes three runs
# Of two texts that share .8 of their runs 99.99 % have a band in common, of .7 98.8 %, of .4 22 %.
BANDS, ROWS = 24, 5
MAY_DIFFER = 2  # numbers: one that was brought up to date
SEED = 1
_AT_ONCE = 5000  # runs: a book must not fill the memory
_IS_PAIR = re.compile(f"[{HAN}]{{2}}")


@dataclass(frozen=True, slots=True)
class Print:
    """What is kept of the wording of a text in one language, and the numbers in it."""

    lang: Lang
    values: npt.NDArray[np.uint32]  # shape (BANDS * ROWS,)
    numbers: frozenset[str]

    @property
    def bands(self) -> list[int]:
        """Numbers of which near copies have one in common, nearly always, and other texts seldom."""
        rows = self.values.astype("<u4").reshape(BANDS, ROWS)
        return [_number(f"{self.lang}{place}".encode() + row.tobytes()) for place, row in enumerate(rows)]

    def to_bytes(self) -> bytes:
        """What ``read_print`` reads."""
        return self.values.astype("<u4").tobytes()

    def likeness(self, other: Print) -> float:
        """The estimated share of their runs that two texts have in common, 0 to 1; none across languages."""
        return float(np.mean(self.values == other.values)) if self.lang == other.lang else 0.0

    def is_filled_in_otherwise(self, other: Print) -> bool:
        """Whether the numbers are so different that these are two articles of one template, however alike.

        >>> one, other = print_of("From 21 down to 9, wind 30.", "en"), print_of("From 7 down to 2, wind 4.", "en")
        >>> one.is_filled_in_otherwise(other), one.is_filled_in_otherwise(one)
        (True, False)
        """
        differing = len(self.numbers ^ other.numbers)
        return differing > max(MAY_DIFFER, len(self.numbers | other.numbers) / 2)


def print_of(text: str, lang: Lang) -> Print | None:
    """The fingerprint of a text, the same on every machine; None of a text without a word.

    >>> one, other = print_of("Der Hund schläft.", "de"), print_of("Der **Hund** schläft", "de")
    >>> one.likeness(other), one.likeness(print_of("The dog is asleep.", "en"))
    (1.0, 0.0)
    """
    words = [word for word in tokens(text, lang) if not _IS_PAIR.fullmatch(word)]
    if not words:
        return None
    sketch = _empty().copy()
    runs = ("\x00".join(words[i : i + RUN]).encode("utf-8", "replace") for i in range(max(1, len(words) - RUN + 1)))
    while some := list(islice(runs, _AT_ONCE)):
        sketch.update_batch(some)
    return Print(lang, sketch.hashvalues.astype(np.uint32), frozenset(word for word in words if word[0].isdigit()))


def read_print(lang: Lang, values: bytes, numbers: str) -> Print:
    """A fingerprint as it was kept."""
    return Print(lang, np.frombuffer(values, dtype="<u4"), frozenset(numbers.split()))


def prints_of(passages: Iterable[tuple[Kind, Lang, str]]) -> list[Print]:
    """A fingerprint of what an article's passages (kind, language and text of each) say in each language, its questions
    and answers left out."""
    said: dict[Lang, list[str]] = {}
    for kind, lang, text in passages:
        if kind == "body":
            said.setdefault(lang, []).append(text)
    prints = (print_of("\n\n".join(texts), lang) for lang, texts in said.items())
    return [one for one in prints if one is not None]


@lru_cache(maxsize=1)
def _empty() -> MinHash:
    # Imported here alone: it takes most of a second, which who only asks should not wait for.
    from datasketch import MinHash  # noqa: PLC0415

    return MinHash(num_perm=BANDS * ROWS, seed=SEED, scheme="affine32")


def _number(key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest(), "big", signed=True)
