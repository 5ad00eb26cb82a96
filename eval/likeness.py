"""How alike an answer and its gold are in meaning, told by the encoder of the index."""

from __future__ import annotations

from collections.abc import Sequence

from rag.embedding import Embedder, Matrix, embed_texts
from rag.text import for_embedding


class Likeness:
    """The cosine of a text and the gold nearest to it, 0 to 1, higher is more alike; what points apart is 0.

    Source: semantic answer similarity (Risch et al. 2021) with two encodings in place of a cross-encoder. It hangs on
    the encoder: compare it only between runs with the same one. 0 for a text that says nothing, None without a gold.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._golds: dict[str, Matrix] = {}  # a question in three languages has the same golds

    def __call__(self, text: str, golds: Sequence[str]) -> float | None:
        """How alike the text and its nearest gold are."""
        known = [gold for gold in golds if gold.strip()]
        if not known:
            return None
        if not text.strip():
            return 0.0
        new = [gold for gold in dict.fromkeys(known) if gold not in self._golds]
        vectors = embed_texts(self._embedder, [for_embedding(one) for one in (text, *new)])
        self._golds.update(zip(new, vectors[1:], strict=True))
        return max(0.0, min(1.0, max(float(vectors[0] @ self._golds[gold]) for gold in known)))
