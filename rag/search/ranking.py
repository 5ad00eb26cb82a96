"""What of the retrieved passages comes first and is worth showing: of the time asked about, and nothing twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import numpy as np
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from rag.language.periods import Period, period_of, wants_newest
from rag.nodes import Question, passage_of
from rag.types import Passage

# Passages of one article in two languages: translations of each other had a cosine of .64 to .83 (25 pairs), other
# pairs of passages one of up to .65, 1 % of them above this bound (102 pairs; sample articles and seeds, on which it
# was chosen).
TWIN_SIMILARITY = 0.6

_BETWEEN_WORDS = re.compile(r"[\W_]+")

# A passage that scores this share of the best one's is about the same, so that its date may decide.
SAME_SUBJECT = 0.7
# What being of another time costs a passage: enough to decide between passages that say much the same. Both bounds are
# guesses, tried on a dozen hand-made articles only.
OTHER_TIME = 0.2


class TimelyFirst(BaseNodePostprocessor):
    """Of passages about the same, puts those first whose article is of the time asked about, or the newest.

    The others are put back; nothing is put forward, since a date is no evidence that a question is answered. Takes
    nodes best first and returns all of them, best first.
    """

    today: Callable[[], date] = date.today

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if not nodes or not isinstance(query_bundle, Question):
            return nodes
        text, lang = query_bundle.query_str, query_bundle.lang
        best = max(_score(node) for node in nodes)
        near = [node for node in nodes if _score(node) >= SAME_SUBJECT * best]
        newest = wants_newest(text, lang)
        right = _newest(near) if newest else _of(near, period_of(text, lang, self.today()))
        if not right:
            return nodes
        # What is asked for as the newest must be it; a year may also be that of an older event in a newer article.
        most = max(_score(node) for node in right) if newest else best
        back = {node.node_id: min(_score(node), most) - OTHER_TIME for node in near if node not in right}
        ordered = [NodeWithScore(node=node.node, score=back.get(node.node_id, _score(node))) for node in nodes]
        return sorted(ordered, key=lambda node: -_score(node))


def _newest(nodes: list[NodeWithScore]) -> list[NodeWithScore]:
    """Those of the newest date; none when no article has one."""
    newest = max((passage_of(node).date or "" for node in nodes), default="")
    return [node for node in nodes if newest and passage_of(node).date == newest]


def _of(nodes: list[NodeWithScore], period: Period | None) -> list[NodeWithScore]:
    return [node for node in nodes if period and period.holds(passage_of(node).date)]


def _score(node: NodeWithScore) -> float:
    return node.score or 0.0


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


RANKING = (TimelyFirst(), WithoutTwins())  # what the product does with what was found, in this order


class _Ranked:
    """A node with what comparing it needs, worked out once."""

    def __init__(self, node: NodeWithScore, passage: Passage) -> None:
        self.node = node
        self.passage = passage
        self._words = _BETWEEN_WORDS.sub("", passage.text).casefold()
        self._vector = np.array(node.node.embedding or [])

    def is_twin_of(self, other: _Ranked) -> bool:
        if self._words == other._words:
            return True
        if self.passage.article_id != other.passage.article_id or self.passage.lang == other.passage.lang:
            return False
        return float(self._vector @ other._vector) >= TWIN_SIMILARITY
