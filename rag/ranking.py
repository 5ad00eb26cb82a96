"""What of the retrieved passages is worth showing: no translation of another one, no copy of another one."""

from __future__ import annotations

import numpy as np
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from rag.nodes import Question, passage_of
from rag.types import Lang, Passage

# Passages of one article in two languages: translations of each other have a cosine of .60 to .81, others stay
# below .60 (measured on 26 pairs of the sample articles, paragraphs of zh and en sections).
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
        kept: list[NodeWithScore] = []
        for node in nodes:
            twin = next((i for i, other in enumerate(kept) if _are_twins(node, other)), None)
            if twin is None and len(kept) < top_k:
                kept.append(node)
            elif twin is not None and _is_preferred(passage_of(node).lang, passage_of(kept[twin]).lang, lang):
                kept[twin] = node
        return sorted(kept, key=lambda node: -(node.score or 0.0))


def _are_twins(one: NodeWithScore, other: NodeWithScore) -> bool:
    a, b = passage_of(one), passage_of(other)
    if _words(a) == _words(b):
        return True
    if a.article_id != b.article_id or a.lang == b.lang:
        return False
    return float(np.dot(one.node.embedding or [], other.node.embedding or [])) >= TWIN_SIMILARITY


def _words(passage: Passage) -> str:
    return "".join(c for c in passage.text if c.isalnum()).casefold()


def _is_preferred(new: Lang, kept: Lang, asked: Lang | None) -> bool:
    return new == asked and kept != asked
