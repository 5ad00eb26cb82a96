"""Embedding by a model behind an OpenAI-compatible server."""

from __future__ import annotations

# The client looks whether httpx is imported, and breaks where another thread has imported half of it.
import httpx  # noqa: F401
import openai
from llama_index.core.bridge.pydantic import PrivateAttr

from rag.encoders.embedding import Embedder
from rag.errors import EmbeddingError, SettingsError


class OpenAIEmbedding(Embedder):
    """A model of an OpenAI-compatible server. Texts and questions are sent to that server."""

    _client: openai.OpenAI = PrivateAttr()
    _model: str = PrivateAttr()

    def __init__(self, model: str, *, base_url: str | None, api_key: str | None) -> None:
        if not (base_url or api_key):
            raise SettingsError(f"RAG_EMBED_MODEL=openai:{model} needs OPENAI_API_KEY, or OPENAI_BASE_URL of a server")
        super().__init__(model_name=f"openai:{model}", embed_batch_size=64)
        self._model = model
        self._client = openai.OpenAI(base_url=base_url, api_key=api_key or "none", timeout=30.0)

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        try:
            answer = self._client.embeddings.create(
                model=self._model, input=[text or " " for text in texts], encoding_format="float"
            )
        except openai.OpenAIError as error:
            what = f"{self._client.base_url} did not embed with {self._model}: {error}"
            raise EmbeddingError(what, words=str(error)) from error
        by_index = sorted(answer.data, key=lambda item: item.index)
        if len(by_index) != len(texts):
            raise EmbeddingError(f"{self._model} returned {len(by_index)} vectors for {len(texts)} texts")
        return [item.embedding for item in by_index]
