"""Where Chroma lives: in a folder of ours, or on a server (``chroma_server.py``).

An embedded Chroma is written by one process, its owner. Each build goes into a new generation folder; a pointer file
names the current one. When its owner closes a generation it seals it with a checksum of its files. A generation
without a matching seal (its owner was killed, a file was damaged or deleted) is never opened, since a damaged Chroma
may crash the process; it is built anew. This takes the place of trying it in a child process first: a probe can only
look at what it happens to read, costs a second start of Chroma, and would have to open files that nobody vouches for.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from rag.storage.sqlite import set_aside

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

# Bytes. Measured with Chroma 1.5.9: 200 to 300 a vector beside its numbers, and its SQLite file before the first one.
PER_PASSAGE, EMPTY = 500, 1 << 20
TOO_LARGE = 10  # times what is expected


class ChromaHome(Protocol):
    """Opens and closes the current collection, and makes a new one for a rebuild."""

    @property
    def where(self) -> str:
        """The place, for messages."""

    def open(self) -> Collection | None:
        """The current collection if it can be trusted, else None."""

    def create(self) -> Collection:
        """A new, empty collection, not yet the current one."""

    def publish(self) -> None:
        """Make the created collection the current one."""

    def is_bloated(self, passages: int, dimension: int) -> bool:
        """Whether the files of the collection are far larger than so many vectors can make them."""

    def discard(self) -> None:
        """Forget the current collection, so that the next is built anew."""

    def close(self, *, sound: bool = True) -> None:
        """Leave the current collection in a state that ``open`` trusts, unless it is not ``sound``."""


class EmbeddedHome:
    """Generations of an embedded Chroma in a folder; ``name`` is the collection's."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._client: Client | None = None
        self._generation: Path | None = None

    @property
    def where(self) -> str:
        """See ChromaHome."""
        return str(self._folder)

    def open(self) -> Collection | None:
        """See ChromaHome."""
        pointer = self._folder / "CURRENT"
        generation = self._folder / pointer.read_text().strip() if pointer.is_file() else None
        if generation is None or not generation.is_dir() or not _sealed(generation):
            return None
        _seal_of(generation).unlink()  # from here on the files change: only a clean close seals them again
        self._generation = generation
        self._client = self._connect(generation)
        if self._name not in [collection.name for collection in self._client.list_collections()]:
            return None  # of an index in another format
        return self._client.get_collection(self._name, embedding_function=None)

    def create(self) -> Collection:
        """See ChromaHome."""
        if self._folder.exists() and not self._folder.is_dir():
            set_aside(self._folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        numbers = [int(p.name[4:]) for p in self._folder.glob("gen-*") if p.name[4:].isdigit()]
        self._stop()
        self._generation = self._folder / f"gen-{max(numbers, default=0) + 1}"
        self._client = self._connect(self._generation)
        return self._client.create_collection(
            self._name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )

    def publish(self) -> None:
        """See ChromaHome."""
        assert self._generation is not None
        fresh = self._folder / "CURRENT.new"
        fresh.write_text(self._generation.name)
        fresh.replace(self._folder / "CURRENT")
        for old in self._folder.glob("gen-*"):
            if old.is_dir() and old != self._generation:
                shutil.rmtree(old, ignore_errors=True)
                _seal_of(old).unlink(missing_ok=True)

    def is_bloated(self, passages: int, dimension: int) -> bool:
        """See ChromaHome. A torn record makes hnswlib write its links without end; removed vectors stay in its files,
        so that after many removals a new build is smaller, too."""
        if self._generation is None:
            return False
        expected = passages * (4 * dimension + PER_PASSAGE) + EMPTY
        return any(file.stat().st_size > TOO_LARGE * expected for file in self._generation.rglob("*") if file.is_file())

    def discard(self) -> None:
        """See ChromaHome."""
        self._stop()
        if self._folder.is_dir():
            shutil.rmtree(self._folder, ignore_errors=True)

    def close(self, *, sound: bool = True) -> None:
        """See ChromaHome."""
        self._stop()
        if sound and self._generation is not None and self._generation.is_dir():
            _seal_of(self._generation).write_text(_checksum(self._generation))
            self._generation = None

    def _connect(self, folder: Path) -> Client:
        # Takes a second, and is first needed by a thread in the background.
        import chromadb  # noqa: PLC0415
        from chromadb.config import Settings as ChromaSettings  # noqa: PLC0415

        client = chromadb.PersistentClient(str(folder), settings=ChromaSettings(anonymized_telemetry=False))
        return cast("Client", client)  # annotated as an interface that lacks close()

    def _stop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _seal_of(generation: Path) -> Path:
    return generation.with_name(generation.name + ".seal")


def _sealed(generation: Path) -> bool:
    seal = _seal_of(generation)
    return seal.is_file() and seal.read_text() == _checksum(generation)


def _checksum(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()}\x00{file.stat().st_size}\x00".encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
