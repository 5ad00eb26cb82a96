"""What of the retrieved passages comes first and is worth showing: of the time asked about, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from rag.nodes import Question, passage_of
from rag.periods import period_of, wants_newest
from rag.types import Passage

# Passages of one article in two languages: translations of each other had a cosine of .64 to .83 (25 pairs), other
# pairs of passages one of up to .65, 1 % of them above this bound (102 pairs; sample articles and seeds, on which it
# was chosen).
TWIN_SIMILARITY = 0.6


# What an article's date adds to its passages when the question names its time: enough to decide between passages that
# say much the same, and less than another subject costs (1 and more on the scale of the score).
RIGHT_TIME = 0.2
# A passage that scores this share of the best one's is about the same, so that the newer of them may go first.
SAME_SUBJECT = 0.7


class TimelyFirst(BaseNodePostprocessor):
    """Lifts passages whose article is of the time a question names, or the newest when it asks for what is newest.

    Takes nodes best first and returns all of them, best first. Articles without a date stay where they are.
    """

    today: Callable[[], date] = date.today

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if not nodes or not isinstance(query_bundle, Question):
            return nodes
        text, lang = query_bundle.query_str, query_bundle.lang
        if wants_newest(text, lang):
            lifted = _lift_newest(nodes)
        elif period := period_of(text, lang, self.today()):
            lifted = [_plus(node, RIGHT_TIME if period.holds(passage_of(node).date) else 0.0) for node in nodes]
        else:
            return nodes
        return sorted(lifted, key=lambda node: -(node.score or 0.0))


def _lift_newest(nodes: list[NodeWithScore]) -> list[NodeWithScore]:
    """Of the passages about the same, those of the newest date go before all others."""
    best = max(node.score or 0.0 for node in nodes)
    near = [node for node in nodes if (node.score or 0.0) >= SAME_SUBJECT * best]
    newest = max((passage_of(node).date or "" for node in near), default="")
    chosen = {node.node_id for node in near if newest and passage_of(node).date == newest}
    behind = best - max((node.score or 0.0 for node in near if node.node_id in chosen), default=best)
    return [_plus(node, behind + RIGHT_TIME if node.node_id in chosen else 0.0) for node in nodes]


def _plus(node: NodeWithScore, more: float) -> NodeWithScore:
    return NodeWithScore(node=node.node, score=(node.score or 0.0) + more)


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
