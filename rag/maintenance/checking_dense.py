"""Verifying Chroma against the truth: the same ids, every vector finds itself, and what it finds is what is nearest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.encoders.embedding import Matrix
from rag.maintenance.evidence import Evidence
from rag.maintenance.findings import Finding, Step, Verification

if TYPE_CHECKING:  # takes a second to import
    from chromadb.api.models.Collection import Collection

ALLOWED = 0.005  # share of vectors that an approximate index may not find by themselves
SAMPLE, NEAREST, RECALL = 100, 10, 0.99  # questions, passages of each, and the share of them that must be found
TIE = 1e-5  # similarities that differ by less are the same in single precision


def check_dense(
    evidence: Evidence, collection: Collection, remedy: str, report: Verification, progress: Step | None = None
) -> Iterator[Finding]:
    """What is off in a collection. ``remedy`` says how it is built anew."""
    held, counted = set(collection.get(include=[])["ids"]), collection.count()
    wanted = {passage_id for ids, _ in evidence.vectors() for passage_id in ids}
    report.checked["vectors"] = counted
    off = {
        "passages have no vector": len(wanted - held),
        "vectors belong to no passage": len(held - wanted),
        "vectors are counted that have no id": max(0, counted - len(held)),
    }
    if wanted and held:
        lost = _lost(evidence, collection, len(wanted), progress)
        off["vectors do not find themselves"] = lost if lost > ALLOWED * len(wanted) else 0
        recall = _recall(evidence, collection)
        if recall < RECALL:
            yield Finding("chroma", collection.name, f"finds {recall:.3f} of what is nearest, not {RECALL}", remedy)
    yield from (Finding("chroma", collection.name, f"{n} {what}", remedy) for what, n in off.items() if n)


def _batches(evidence: Evidence) -> Iterator[tuple[list[str], Matrix]]:
    for ids, blobs in evidence.vectors():
        yield ids, _matrix(blobs)


def _matrix(blobs: list[bytes]) -> Matrix:
    return np.frombuffer(b"".join(blobs), dtype=np.float32).reshape(len(blobs), -1)


def _nearest(collection: Collection, matrix: Matrix, number: int) -> list[list[str]]:
    found: Any = collection.query(query_embeddings=matrix, n_results=number, include=["distances"])
    return [list(ids) for ids in found["ids"]]


def _lost(evidence: Evidence, collection: Collection, number: int, progress: Step | None) -> int:
    """How many vectors are not what is found first by them, nor the same as that."""
    lost = done = 0
    for ids, matrix in _batches(evidence):
        if progress:
            progress("vectors", done, number)
        done += len(ids)
        found = [first[0] if first else "" for first in _nearest(collection, matrix, 1)]
        for own, other, vector in zip(ids, found, matrix, strict=True):
            if own != other:
                near = evidence.vector(other)
                lost += near is None or float(_matrix([near])[0] @ vector) < 1 - TIE
    return lost


def _recall(evidence: Evidence, collection: Collection) -> float:
    """The share of the passages nearest to a sample of passages that Chroma finds."""
    _, number = evidence.count()
    chosen = set(np.random.default_rng(0).permutation(number)[:SAMPLE].tolist())
    every = (blob for _, blobs in evidence.vectors() for blob in blobs)
    asked = _matrix([blob for at, blob in enumerate(every) if at in chosen])
    nearest = min(NEAREST, number)
    best = np.full((len(asked), nearest), -np.inf, dtype=np.float32)  # similarities, in order of nothing
    for _, matrix in _batches(evidence):
        best = np.partition(np.hstack([best, asked @ matrix.T]), -nearest, axis=1)[:, -nearest:]
    worst = best.min(axis=1)
    hits = 0
    for vector, ids, bound in zip(asked, _nearest(collection, asked, nearest), worst, strict=True):
        for passage in ids:
            near = evidence.vector(passage)
            hits += near is not None and float(_matrix([near])[0] @ vector) >= bound - TIE
    return float(hits / (len(asked) * nearest))
