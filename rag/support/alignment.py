"""Which words of two texts, in one language or two, mean the same: similarities from 0 to 1."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from pypinyin import lazy_pinyin
from rapidfuzz import fuzz

from rag.encoders.embedding import Embedder, FineEncoder, Matrix, embed_texts
from rag.language.text import HAN, tokens
from rag.support.names import Known
from rag.support.reading import Reading, Word

_HAN = re.compile(f"[{HAN}]")
KEPT = 4096  # words whose vectors are remembered
# What a cosine of unrelated and of equal words is, with the first encoder, and with the finer one in its text.
_USE_RANGE = (0.35, 0.9)
_FINE_RANGE = (0.25, 0.7)
_SOUND = 75.0  # how alike, of 100, the consonants of two names must be
_BEGINNING = 4  # letters that two words of one stem share at least


class Aligner:
    """Compares texts word by word."""

    def __init__(self, embedder: Embedder, encoder: FineEncoder | None) -> None:
        self._embedder = embedder
        self._encoder = encoder
        self._vectors: dict[str, Matrix] = {}
        self._contexts = lru_cache(maxsize=64)(self._read)

    def similarities(self, one: Reading, other: Reading) -> npt.NDArray[np.float32]:
        """How near in meaning the words are: shape (words of the one, words of the other)."""
        if not one.words or not other.words:
            return np.zeros((len(one.words), len(other.words)), dtype=np.float32)
        near = _scaled(self._of_words(one) @ self._of_words(other).T, _USE_RANGE)
        if self._encoder is not None:
            near = (near + _scaled(self._contexts(one) @ self._contexts(other).T, _FINE_RANGE)) * np.float32(0.5)
        for i, a in enumerate(one.words):
            for j, b in enumerate(other.words):
                if a.kind and b.kind:
                    near[i, j] = max(near[i, j], _by_letters(a, one, b, other))
        for known in one.known:
            for same in other.known:
                if known.number == same.number:
                    near[np.ix_(_words_in(one, known), _words_in(other, same))] = 1.0
        return near

    def meaning(self, one: str, other: str) -> float:
        """How near in meaning two texts are as a whole, -1 to 1."""
        a, b = embed_texts(self._embedder, [one, other])
        return float(a @ b)

    def _of_words(self, reading: Reading) -> Matrix:
        texts = [word.text for word in reading.words]
        new = list(dict.fromkeys(text for text in texts if text not in self._vectors))
        if len(self._vectors) > KEPT:
            self._vectors.clear()
            new = list(dict.fromkeys(texts))
        self._vectors |= dict(zip(new, embed_texts(self._embedder, new), strict=True)) if new else {}
        return np.stack([self._vectors[text] for text in texts])

    def _read(self, reading: Reading) -> Matrix:
        assert self._encoder is not None
        ((_, contexts),) = self._encoder.read([[word.text for word in reading.words]], reading.lang)
        return contexts


def _words_in(reading: Reading, known: Known) -> list[int]:
    return [i for i, w in enumerate(reading.words) if w.start < known.end and known.start < w.end]


def _scaled(cosines: npt.NDArray[np.float32], between: tuple[float, float]) -> npt.NDArray[np.float32]:
    low, high = between
    scaled: npt.NDArray[np.float32] = np.clip((cosines - low) / (high - low), 0.0, 1.0).astype(np.float32)
    return scaled


def _by_letters(a: Word, one: Reading, b: Word, other: Reading) -> float:
    """How alike two words are written or, between scripts, sound."""
    if one.lang == other.lang == "zh":
        if a.text == b.text:
            return 1.0
        return 0.85 if len(min(a.text, b.text, key=len)) > 1 and (a.text in b.text or b.text in a.text) else 0.0
    if _HAN.search(a.text) and _HAN.search(b.text):
        return 0.0
    if _HAN.search(a.text) or _HAN.search(b.text):
        latin, han = (b, a) if _HAN.search(a.text) else (a, b)
        if "name" not in (latin.kind, han.kind):
            return 0.0
        return max(_by_sound(part, han.text) for part in latin.text.split("-"))
    return _by_stem(a.text, one.lang, b.text, other.lang)


@lru_cache(maxsize=KEPT)
def _by_stem(a: str, a_lang: str, b: str, b_lang: str) -> float:
    a, b = (re.sub(r"['’]s$", "", text.casefold()) for text in (a, b))
    if a == b or tokens(a, a_lang) == tokens(b, b_lang):  # type: ignore[arg-type]
        return 1.0
    short, long = sorted((a, b), key=len)
    if len(short) >= _BEGINNING and (long.startswith(short) or long.endswith(short)):
        return 0.85  # a part of a compound, a name with an ending
    return 0.0


@lru_cache(maxsize=KEPT)
def _by_sound(latin: str, han: str) -> float:
    """How alike a name in Latin letters and one in Chinese characters sound: 0, or near 1.

    >>> _by_sound("Zheng", "郑钦文") > 0.7, _by_sound("Wadephul", "瓦德富尔") > 0.7, _by_sound("Smith", "瓦德富尔")
    (True, True, 0.0)
    """
    latin = re.sub(r"['’]s$", "", latin.casefold())
    syllables = lazy_pinyin(han)
    spelt = "".join(syllables)
    if latin in (spelt, *syllables, "".join(syllables[1:])) and len(latin) > 1:
        return 1.0 if latin == spelt else 0.9
    one, other = _consonants(latin, _LATIN_SOUNDS), _consonants(spelt, _PINYIN_SOUNDS)
    if min(len(one), len(other)) < 2:
        return 0.0
    alike = fuzz.ratio(one, other)
    return 0.8 if alike >= _SOUND else 0.0


_LATIN_SOUNDS = (
    (r"tsch|sch|tch|ch(?=[ei])|sh|zh|cz|c(?=[eiy])|[szxj]|g(?=[ei])", "S"), (r"ph|[fvw]", "F"), (r"th|[dt]", "T"),
    (r"ck|ch|qu|[gkq]|c", "K"), (r"[bp]", "P"), (r"[lr]", "L"), (r"ng|[mn]", "N"), (r"[^A-Z]", ""), (r"(.)\1+", r"\1"),
)  # fmt: skip
_PINYIN_SOUNDS = (
    (r"zh|ch|sh|[zcsjqx]", "S"), (r"[fw]", "F"), (r"[dt]", "T"), (r"ng|[mn]", "N"), (r"[gkh]", "K"), (r"[bp]", "P"),
    (r"[lr]", "L"), (r"[^A-Z]", ""), (r"(.)\1+", r"\1"),
)  # fmt: skip


def _consonants(name: str, sounds: tuple[tuple[str, str], ...]) -> str:
    for pattern, sound in sounds:
        name = re.sub(pattern, sound, name)
    return name
