"""How alike an answer and its gold are in meaning, told by the encoder of the index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eval.metrics import similarity
from rag.encoders.embedding import Embedder, Matrix, embed_texts
from rag.language.text import for_embedding


class Likeness:
    """``metrics.similarity`` of texts: compare it only between runs with the same encoder."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._golds: dict[str, Matrix] = {}  # a question in three languages has the same golds

    def __call__(self, text: str, golds: Sequence[str]) -> float | None:
        """How alike the text and its nearest gold are; 0 for a text that says nothing, None without a gold."""
        known = [gold for gold in golds if gold.strip()]
        if not known or not text.strip():
            return 0.0 if known else None
        new = [gold for gold in dict.fromkeys(known) if gold not in self._golds]
        vectors = embed_texts(self._embedder, [for_embedding(one) for one in (text, *new)])
        self._golds.update(zip(new, vectors[1:], strict=True))
        return similarity(vectors[0], np.stack([self._golds[gold] for gold in known]))
