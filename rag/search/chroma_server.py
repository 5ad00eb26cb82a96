"""A Chroma server, which several machines share."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import cast
from urllib.parse import urlsplit

import chromadb
import httpx
import numpy as np
from chromadb.api.client import Client
from chromadb.api.fastapi import FastAPI
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError, NotFoundError

from rag.errors import DenseIndexError


class ServerHome:
    """A collection on a Chroma server, which looks after its files; ``name`` is the collection's.

    One process at a time writes it, any number searches it. Every call ends within ``seconds``: a server that hangs
    must not hang the questions too.
    """

    def __init__(self, url: str, token: str | None, name: str, *, seconds: float = 20.0) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._name = name
        self._timeout = httpx.Timeout(seconds, connect=min(seconds, 3.0))

    @property
    def where(self) -> str:
        """See ChromaHome."""
        return self._url

    @cached_property
    def _client(self) -> Client:
        # Made at first use, since making it asks the server: an unreachable one must not stop the product.
        client = cast(
            Client,
            chromadb.HttpClient(
                host=self._url,  # whole, since a proxy may serve it below a path
                port=urlsplit(self._url).port or (443 if self._url.startswith("https:") else 80),
                ssl=self._url.startswith("https:"),
                headers=dict(self._headers),
                settings=ChromaSettings(anonymized_telemetry=False),
            ),
        )
        # It waits for ever, and no setting of its own says otherwise.
        cast(FastAPI, client._server)._session.timeout = self._timeout
        return client

    def open(self) -> Collection | None:
        """See ChromaHome.

        Raises:
            DenseIndexError: the server is away or lets us not in; the message says which.
        """
        self._knock()
        try:
            collection = self._client.get_collection(self._name, embedding_function=None)
        except NotFoundError:
            return None
        return collection if _answers(collection) else None

    def create(self) -> Collection:
        """See ChromaHome.

        Raises:
            DenseIndexError: as for ``open``.
        """
        self._knock()
        building = f"{self._name}-building"
        with contextlib.suppress(NotFoundError):
            self._client.delete_collection(building)
        self._building = self._client.create_collection(
            building, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        return self._building

    def publish(self) -> None:
        """See ChromaHome. Who has the old collection open is told at the next search that it is gone."""
        with contextlib.suppress(NotFoundError):
            self._client.delete_collection(self._name)
        self._building.modify(name=self._name)

    def is_bloated(self, passages: int, dimension: int) -> bool:
        """See ChromaHome: its files are not ours to see."""
        return False

    def discard(self) -> None:
        """See ChromaHome.

        Raises:
            DenseIndexError: as for ``open``.
        """
        self._knock()
        with contextlib.suppress(NotFoundError):
            self._client.delete_collection(self._name)

    def close(self, *, sound: bool = True) -> None:
        """See ChromaHome."""

    def _knock(self) -> None:
        """Raise what is the matter, in words: the client's own errors are a proxy's page of HTML, or nothing."""
        try:
            with httpx.Client(headers=self._headers, timeout=self._timeout) as client:
                status = client.get(f"{self._url}/api/v2/heartbeat").status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DenseIndexError(f"no Chroma server answers at {self._url} (RAG_CHROMA_URL): {error}") from error
        if status in (401, 403):
            raise DenseIndexError(
                f"the proxy in front of {self._url} refuses the token (HTTP {status}); set RAG_CHROMA_TOKEN to the one "
                "that it checks"
            )
        if status != 200:
            raise DenseIndexError(
                f"{self._url} answers with HTTP {status}; is it a Chroma server of version 1, and does it run?"
            )


def _answers(collection: Collection) -> bool:
    """Whether a collection can be searched: one that a killed server left damaged may list its ids and find nothing.

    A failure of the connection is raised, since it says nothing of the collection.
    """
    try:
        some = collection.get(limit=1, include=["embeddings"])["embeddings"]
        if some is None or not len(some):
            return True
        return bool(collection.query(query_embeddings=np.asarray(some), n_results=1, include=[])["ids"][0])
    except (ChromaError, ValueError):
        return False
