"""Verifying the index: that every row of the truth says what its article, and the article what its file, says.

All is read within one transaction that never writes, so that it may run beside a server and an ingest and sees whole
articles only, and article by article, so that memory does not grow with the index.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.encoders.embedding import Matrix
from rag.errors import ArticleError, DamagedError
from rag.ingesting.indexing import digest_of
from rag.ingesting.ingestion import file_hash
from rag.ingesting.planning import make_plan
from rag.language.text import tokens
from rag.maintenance.evidence import Evidence
from rag.maintenance.findings import BEHIND, REBUILD, Finding, Step, Verification
from rag.reading.articles import read_articles
from rag.reading.chunking import passage_id
from rag.reading.formats.document import JsonFields
from rag.reading.units import units_of
from rag.storage.changes import decode, encode
from rag.storage.truth import KnownFile
from rag.types import Passage, Unreadable

EVERY = 50  # rows between two steps of the progress
HALF = 5e-3  # how far from one the length of a vector may be that is kept in half precision, and
SINGLE = 1e-3  # in single precision


def check_truth(
    evidence: Evidence,
    stamp: Mapping[str, str],
    paths: Sequence[Path] | None,
    report: Verification,
    progress: Step | None = None,
    json_fields: JsonFields | None = None,
) -> None:
    """Fill a report with all that is off in the truth; ``stamp`` is what an index made today would have. Without
    ``paths`` it is not held against the files; ``json_fields`` is how JSON among these is read."""
    try:
        made = evidence.stamp() or dict(stamp)
        differs = [f"{key} {made.get(key)!r}, now {now!r}" for key, now in stamp.items() if made.get(key) != now]
        report.add(Finding("stamp", evidence.where, f"was made with {what}", REBUILD) for what in differs)
        if made.get("schema") != stamp["schema"]:
            return  # its tables are others
        report.add(evidence.structure())
        report.add(check_articles(evidence, report, progress))
        if paths is not None:
            report.add(check_files(evidence, paths, report, progress, json_fields))
    except DamagedError as error:
        report.add([Finding("file", evidence.where, str(error), REBUILD)])


def check_articles(evidence: Evidence, report: Verification, progress: Step | None = None) -> Iterator[Finding]:
    """Every article's passages: texts at their offsets, sentences, words, vectors of the model's dimension."""
    dimension = int((evidence.stamp() or {}).get("dimension", 0))
    number, _ = evidence.count()
    fine: set[int] = set()  # dimensions of the fine encoder's vectors, one at most
    for done, article in enumerate(evidence.articles()):
        if progress and done % EVERY == 0:
            progress("articles", done, number)
        report.count("articles")
        seen: Counter[tuple[str, str]] = Counter()
        for passage in evidence.passages(article["id"]):
            report.count("passages")
            where = f"{article['path']}, passage {passage['passage_id']}"
            try:
                off = list(_check_passage(article, passage, seen, dimension, fine))
            except (ValueError, TypeError, IndexError, KeyError) as error:  # bytes or JSON that are none
                off = [f"cannot be read: {error}"]
            yield from (Finding("passage", where, what, REBUILD) for what in off)


def check_files(
    evidence: Evidence,
    paths: Sequence[Path],
    report: Verification,
    progress: Step | None = None,
    json_fields: JsonFields | None = None,
) -> Iterator[Finding]:
    """The manifest against the files as they are today, and the articles of each against what it reads as."""
    known = evidence.files()
    for done, file in enumerate(known):
        if progress and done % EVERY == 0:
            progress("files", done, len(known))
        report.count("files")
        if file.failure is not None:
            report.notes.append(f"{file.path} did not go in: {file.failure}")
        else:
            off = _off(evidence, file, json_fields)
            yield from (Finding(BEHIND, file.path, what, f"python ingest.py {file.path}") for what in off)
    try:
        plan = make_plan(paths, known)
    except ArticleError as error:
        report.notes.append(str(error))
        return
    for path in plan.wanted.keys() - {Path(file.path) for file in known}:
        yield Finding(BEHIND, str(path), "is not indexed", f"python ingest.py {path}")


# --- Passages -----------------------------------------------------------------------------------------------


def _check_passage(
    article: Any, row: Any, seen: Counter[tuple[str, str]], dimension: int, fine: set[int]
) -> Iterator[str]:
    text = article["text"][row["start"] : row["end"]]
    if not 0 <= row["start"] < row["end"] <= len(article["text"]):
        yield "its offsets are outside of its article"
    if passage_id(row["article_id"], row["kind"], seen[row["kind"], text], text) != row["passage_id"]:
        yield "the article says something else at its offsets"  # since its id was made from its text
    seen[row["kind"], text] += 1
    spans = [(a, b) for a, b in json.loads(row["sentences"])]
    edges = [row["start"], *(edge for span in spans for edge in span), row["end"]]
    if not spans or edges != sorted(edges) or any(a == b for a, b in spans):
        yield "its sentences are not within it, or not in order"
    words = tokens(text, row["lang"])
    if (row["tokens"] or "").split() != words or row["length"] != len(words):
        yield "its words in the lexical index are not those of its text"
    passage = Passage(
        **{name: row[name] for name in ("passage_id", "article_id", "lang", "heading", "kind", "start", "end")},
        **{name: article[name] for name in ("title", "url", "author", "date", "file")},
        text=text,
    )
    unit_of = json.loads(row["unit_of"])
    if unit_of != list(units_of(passage, spans)[1]):
        yield "its vectors are of other sentences"
    yield from _check_vectors(row, len(unit_of), len(spans), dimension, fine)


def _check_vectors(row: Any, units: int, sentences: int, dimension: int, fine: set[int]) -> Iterator[str]:
    vector = np.frombuffer(row["vector"], dtype=np.float32)
    if vector.size != dimension or not _is_unit(vector[None], SINGLE):
        yield f"its vector is not one of {dimension} dimensions and length one"
    elif row["code"] is not None and row["code"] != encode(vector):
        yield "the code of its vector is another one's"
    rows = np.frombuffer(row["units"], dtype=np.float16).astype(np.float32)
    if rows.size != units * dimension or not _is_unit(rows.reshape(units, -1), HALF):
        yield f"its sentences' vectors are not {units} of {dimension} dimensions and length one"
    if row["refined"] is not None:
        refined = np.frombuffer(row["refined"], dtype=np.float16).astype(np.float32)
        size, rest = divmod(refined.size, 1 + units + sentences)
        fine.add(size)
        if rest or len(fine) > 1 or not _is_unit(refined.reshape(-1, size)[: 1 + units], HALF):
            yield "its vectors by the second encoder do not fit it"
        elif not _is_code_of(row["fine_code"], refined[:size]):
            yield "the code of its vector by the second encoder is another one's"


def _is_code_of(code: bytes | None, vector: Matrix) -> bool:
    """Whether it was made from this vector, before that was kept in half precision."""
    if code is None:
        return False
    numbers, scales = decode([code])
    return numbers.shape[1] == len(vector) and bool(np.allclose(numbers[0] * scales[0], vector, atol=HALF))


def _is_unit(matrix: Matrix, tolerance: float) -> bool:
    lengths = np.linalg.norm(matrix, axis=1)
    return bool(np.isfinite(matrix).all() and np.allclose(lengths, 1.0, atol=tolerance))


# --- Files --------------------------------------------------------------------------------------------------


def _off(evidence: Evidence, file: KnownFile, json_fields: JsonFields | None) -> Iterator[str]:
    path = Path(file.path)
    if not path.is_file():
        yield "is gone"
        return
    if not file.sha256:
        yield "was not read to its end"
        return
    indexed = evidence.parts(file.path)
    try:
        if file_hash(path, path.stat().st_size) != file.sha256:
            yield "has changed since it was indexed"
            return
        found = list(read_articles(path, Path(file.root), json_fields))
    except (ArticleError, OSError) as error:
        yield f"was indexed and can no longer be read: {error}"
        return
    read = {one.part: one for one in found if not isinstance(one, Unreadable)}
    # Where a part can't be read, what was indexed of it before stays.
    parts = read.keys() if len(read) < len(found) else indexed.keys() | read.keys()
    for part in sorted(parts):
        name = f"its part {part} " if part else ""
        if part not in indexed or part not in read:
            yield f"{name}is {'not indexed' if part in read else 'indexed, but not in it'}"
        elif (digest_of(read[part]), read[part].text) != indexed[part]:
            yield f"{name}is read in another way than it was indexed"
