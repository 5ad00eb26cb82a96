"""Where LlamaIndex's types meet ours: the only module that knows the metadata keys of a node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from rag.types import Bill, Filters, Lang, Passage

_PASSAGE_KEYS = [name for name in Passage.__dataclass_fields__ if name not in ("text", "score")]


@dataclass
class Question(QueryBundle):
    """A question as the retriever takes it: its language and what may be used to answer it.

    ``standalone`` is a follow-up as it would be asked alone; None when the question itself stands alone. Once
    ``cancelled`` is set nobody waits for an answer any more. What language models take for it goes on the ``bill``.
    """

    lang: Lang = "en"
    filters: Filters = field(default_factory=Filters)
    top_k: int = 8
    include_qa: bool = True
    standalone: str | None = None
    cancelled: Event | None = None
    bill: Bill = field(default_factory=Bill)


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A sentence of a passage that may be said, with its evidence for the question at hand.

    ``similarity`` is that of meaning, on the scale of the passage's score; ``coverage`` the share of the question's
    words, weighted by their rarity, that stand in the sentence (0 to 1).
    """

    start: int
    end: int
    similarity: float
    coverage: float


class PassageNode(TextNode):
    """A passage with its sentences, which are scored when somebody asks for them: a search never does."""

    _sentences: Callable[[], Sequence[ScoredSentence]] = PrivateAttr()

    def __init__(self, sentences: Callable[[], Sequence[ScoredSentence]], **fields: Any) -> None:
        super().__init__(**fields)
        self._sentences = sentences


def to_node(
    passage: Passage, sentences: Callable[[], Sequence[ScoredSentence]], vector: Sequence[float]
) -> NodeWithScore:
    """A passage as LlamaIndex passes it around. Its metadata never leaks into text that is embedded or prompted."""
    metadata: dict[str, Any] = {key: getattr(passage, key) for key in _PASSAGE_KEYS}
    node = PassageNode(
        sentences,
        id_=passage.passage_id,
        text=passage.text,
        metadata=metadata,
        start_char_idx=passage.start,
        end_char_idx=passage.end,
        embedding=list(vector),
        excluded_embed_metadata_keys=list(metadata),
        excluded_llm_metadata_keys=list(metadata),
    )
    return NodeWithScore(node=node, score=passage.score)


def passage_of(node: NodeWithScore) -> Passage:
    """The passage in a node, with the node's score."""
    fields = {key: node.node.metadata[key] for key in _PASSAGE_KEYS}
    return Passage(**fields, text=node.node.get_content(), score=float(node.score or 0.0))


def sentences_of(node: NodeWithScore) -> Sequence[ScoredSentence]:
    """The sentences of the passage in a node, in order."""
    assert isinstance(node.node, PassageNode), "only the retriever knows how to score the sentences of a passage"
    return node.node._sentences()
