"""Collections in BEIR's layout: a corpus, queries, and judgements of which document is relevant to which query."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.dataset import Case, DatasetError
from eval.importers.writing import Document, Imported, LeftOut, Origin, checksums, clean, link_to, write_import
from rag.types import Lang

CORPUS, QUERIES = "corpus.jsonl", "queries.jsonl"


def import_beir(folder: Path, out: Path, lang: Lang = "en", split: str = "test") -> Imported:
    """Import a collection: each document is an article, each query with a relevant document in it a question.

    There are no gold answers: what these sets measure is whether the right article is found. A document without a
    text says its title. Queries of other splits are no questions of this one.

    Raises:
        DatasetError: a file is missing or not in this layout, ``out`` holds something else, or nothing is left to
            ask.
        OSError: a file cannot be read or written.
    """
    qrels = f"qrels/{split}.tsv"
    names = (CORPUS, QUERIES, qrels)
    for name in names:
        if not (folder / name).is_file():
            raise DatasetError(f"{folder / name}: is missing; a BEIR folder holds {', '.join(names)}{_splits(folder)}")
    collection = folder.resolve().name
    relevant = _read_qrels(folder / qrels)
    origin = Origin(collection, "beir", checksums(folder, names), lang, lang)
    documents = _documents(folder / CORPUS, collection)
    cases = _cases(folder / QUERIES, relevant, collection, lang)
    return write_import(out, origin, documents, cases, total=_count_lines(folder / CORPUS))


def _splits(folder: Path) -> str:
    found = sorted(file.stem for file in folder.glob("qrels/*.tsv"))
    return f" (there are judgements for: {', '.join(found)})" if found else ""


def _count_lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def _documents(file: Path, collection: str) -> Iterator[Document | LeftOut]:
    seen: set[str] = set()
    for place, value in _objects(file):
        name = _id(value, place)
        title, text = _text(value, "title", place), _text(value, "text", place)
        if name in seen:
            yield LeftOut(f"document {name}: is there a second time")
        elif not (text or title):
            yield LeftOut(f"document {name}: has no text")
        else:
            seen.add(name)
            yield Document(name, title, text or title, link_to(collection, name))


def _cases(
    file: Path, relevant: Mapping[str, tuple[str, ...]], collection: str, lang: Lang
) -> Iterator[Case | LeftOut]:
    seen: set[str] = set()
    for place, value in _objects(file):
        name, text = _id(value, place), _text(value, "text", place)
        if name not in relevant:
            continue
        seen.add(name)
        if not text:
            yield LeftOut(f"question {name}: has no text")
        elif not relevant[name]:
            yield LeftOut(f"question {name}: no document is judged relevant")
        else:
            links = tuple(link_to(collection, document) for document in relevant[name])
            yield Case(name, text, lang, source_links=links, kind="retrieval")
    yield from (LeftOut(f"question {name}: is judged, but not in {QUERIES}") for name in relevant if name not in seen)


def _read_qrels(file: Path) -> dict[str, tuple[str, ...]]:
    """The documents that are relevant to each query that was judged, each once."""
    relevant: dict[str, dict[str, None]] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for number, row in enumerate(csv.reader(lines, delimiter="\t"), start=1):
                if not row or (number == 1 and row[-1].strip() == "score"):
                    continue
                query, document, score = _judgement(row, f"{file}:{number}")
                judged = relevant.setdefault(query, {})
                if score > 0:
                    judged[document] = None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{file}: is not a table in UTF-8: {error}") from error
    return {query: tuple(documents) for query, documents in relevant.items()}


def _judgement(row: list[str], place: str) -> tuple[str, str, float]:
    try:
        query, document, score = row
        return clean(query).strip(), clean(document).strip(), float(score)
    except ValueError as error:
        raise DatasetError(f"{place}: must be query-id, corpus-id and score, a number, between tabs") from error


def _objects(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a JSON-lines file, each with its place for messages."""
    try:
        with file.open(encoding="utf-8-sig", newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"{file}:{number}", _object(line, f"{file}:{number}")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file}: is not UTF-8 text ({error}); save it as UTF-8") from error


def _object(line: str, place: str) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{place}: is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise DatasetError(f"{place}: must be a JSON object")
    return value


def _id(value: Mapping[str, Any], place: str) -> str:
    found = value.get("_id")
    name = clean(str(found)).strip() if isinstance(found, str | int) else ""
    if not name:
        raise DatasetError(f'{place}: "_id" must be text that is not empty')
    return name


def _text(value: Mapping[str, Any], key: str, place: str) -> str:
    found = value.get(key) or ""
    if not isinstance(found, str):
        raise DatasetError(f'{place}: "{key}" must be text')
    return clean(found).strip()
