"""What of the retrieved passages is worth showing: no translation of another one, no copy of another one."""

from __future__ import annotations

import numpy as np
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from rag.nodes import Question, passage_of
from rag.types import Passage

# Passages of one article in two languages: translations of each other had a cosine of .64 to .83 (25 pairs), other
# pairs of passages one of up to .65, 1 % of them above this bound (102 pairs; sample articles and seeds, on which it
# was chosen).
TWIN_SIMILARITY = 0.6


class WithoutTwins(BaseNodePostprocessor):
    """Keeps one of the passages that say the same: the one in the question's language, else the best.

    Twins are the translations of a paragraph in the sections of one article, and word-for-word copies anywhere.
    Takes nodes best first and returns the best ``top_k``, best first.
    """

    top_k: int = 8

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        lang = query_bundle.lang if isinstance(query_bundle, Question) else None
        top_k = query_bundle.top_k if isinstance(query_bundle, Question) else self.top_k
        kept: list[_Ranked] = []
        for node in nodes:
            new = _Ranked(node, passage_of(node))
            twin = next((i for i, other in enumerate(kept) if new.is_twin_of(other)), None)
            if twin is None and len(kept) < top_k:
                kept.append(new)
            elif twin is not None and new.passage.lang == lang != kept[twin].passage.lang:
                kept[twin] = new
        return sorted((ranked.node for ranked in kept), key=lambda node: -(node.score or 0.0))


class _Ranked:
    """A node with what comparing it needs, worked out once."""

    def __init__(self, node: NodeWithScore, passage: Passage) -> None:
        self.node = node
        self.passage = passage
        self._words = "".join(c for c in passage.text if c.isalnum()).casefold()
        self._vector = np.array(node.node.embedding or [])

    def is_twin_of(self, other: _Ranked) -> bool:
        if self._words == other._words:
            return True
        if self.passage.article_id != other.passage.article_id or self.passage.lang == other.passage.lang:
            return False
        return float(self._vector @ other._vector) >= TWIN_SIMILARITY
