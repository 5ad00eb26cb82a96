"""Answerers: what they take and return. They claim citations; ``citations.verify`` alone grants them."""

from collections.abc import Sequence
from typing import Protocol

from llama_index.core.schema import NodeWithScore

from rag.nodes import Question
from rag.types import AnswererName, Draft


class Answerer(Protocol):
    """Drafts an answer from passages, best first. Everything it claims will be checked."""

    @property
    def name(self) -> AnswererName:
        """The name that the answer carries."""

    def draft(self, question: Question, nodes: Sequence[NodeWithScore]) -> Draft:
        """Claims that answer the question, best first; none when the passages don't hold an answer."""
