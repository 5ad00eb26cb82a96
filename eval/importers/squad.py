"""Question sets in SQuAD's format: SQuAD 1.1 and 2, XQuAD, MLQA, GermanQuAD, DRCD, CMRC 2018 in both of its shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.dataset import Case, DatasetError
from eval.importers.writing import Document, Imported, LeftOut, Origin, checksums, clean, digest, link_to, write_import
from rag.language.sentences import sentences
from rag.types import Lang


@dataclass(frozen=True, slots=True)
class _Answer:
    text: str
    start: int  # where it stands in the context, or where the set says so


@dataclass(frozen=True, slots=True)
class _Question:
    id: str
    text: str
    answers: tuple[_Answer, ...]
    is_impossible: bool


@dataclass(frozen=True, slots=True)
class _Paragraph:
    place: str  # in the file, for messages
    title: str
    context: str
    questions: tuple[_Question, ...]

    @property
    def link(self) -> str:
        """From the text alone: the same paragraph has one link in all files of a set."""
        return link_to("squad", digest(self.context.strip()))


def import_squad(file: Path, lang: Lang, out: Path, context_lang: Lang | None = None) -> Imported:
    """Import a set whose questions are in ``lang``, and its paragraphs in ``context_lang`` (the same, if not given).

    Each paragraph is an article, the usual unit of retrieval on these sets; one that is there twice is one article.
    The gold text is the sentence that holds the answer, and null when no answer stands in the paragraph. A question
    that SQuAD 2 marks impossible cannot be answered from its own paragraph; that no other one answers it, nobody
    has checked.

    Raises:
        DatasetError: the file cannot be read or is not in this format, ``out`` holds something else, or nothing is
            left to ask.
        OSError: a file cannot be written.
    """
    paragraphs = _read(file)
    articles_in = context_lang or lang
    origin = Origin(file.name, "squad", checksums(file.parent, [file.name]), lang, articles_in)
    cases = _cases(paragraphs, lang, articles_in)
    return write_import(out, origin, _documents(paragraphs), cases, total=len(paragraphs))


def _documents(paragraphs: Sequence[_Paragraph]) -> Iterator[Document | LeftOut]:
    seen: set[str] = set()
    for paragraph in paragraphs:
        if not paragraph.context.strip():
            yield LeftOut(f"{paragraph.place}: the paragraph is empty")
        elif paragraph.link not in seen:
            seen.add(paragraph.link)
            yield Document(paragraph.title or paragraph.place, paragraph.title, paragraph.context, paragraph.link)


# --- Questions ---------------------------------------------------------------------------------------------


def _cases(paragraphs: Sequence[_Paragraph], lang: Lang, context_lang: Lang) -> Iterator[Case | LeftOut]:
    for paragraph in paragraphs:
        spans = sentences(paragraph.context, context_lang)
        for question in paragraph.questions:
            if not question.text:
                yield LeftOut(f"question {question.id}: has no text")
            elif question.is_impossible:
                yield Case(question.id, question.text, lang, answerable=False, kind="unanswerable")
            elif not question.answers:
                yield LeftOut(f"question {question.id}: has no answer and is not marked impossible")
            else:
                gold = _gold_text(paragraph.context, spans, question.answers)
                if gold is None:
                    yield LeftOut(f"gold text of question {question.id}: its paragraph holds none of its answers")
                yield Case(
                    id=question.id,
                    question=question.text,
                    question_lang=lang,
                    answers=tuple(dict.fromkeys(answer.text for answer in question.answers)),
                    source_links=(paragraph.link,),
                    gold_text=gold,
                    kind="same_language" if lang == context_lang else "cross_lingual",
                )


def _gold_text(context: str, spans: Sequence[tuple[int, int]], answers: Sequence[_Answer]) -> str | None:
    """The sentence with the first answer that the context holds; the sentences, when the answer runs over an end."""
    for answer in answers:
        start = _find(context, answer)
        if start is not None:
            end = start + len(answer.text)
            inside = [(a, b) for a, b in spans if a < end and start < b]
            return context[min([start, *(a for a, _ in inside)]) : max([end, *(b for _, b in inside)])]
    return None


def _find(context: str, answer: _Answer) -> int | None:
    """Where the answer stands; of several places the nearest to the one that the set names.

    Some sets count bytes, or another version of the text. An answer that overlaps itself is found too.

    >>> _find("10 und 10 sind 20", _Answer("10", 6)), _find("10", _Answer("20", 0))
    (7, None)
    """
    places = (match.start() for match in re.finditer(f"(?={re.escape(answer.text)})", context))
    return min(places, key=lambda place: abs(place - answer.start), default=None)


# --- The file ----------------------------------------------------------------------------------------------


def _read(file: Path) -> list[_Paragraph]:
    try:
        loaded = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file}: is not UTF-8 text ({error}); save it as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{file}: is not JSON: {error}") from error
    try:
        return list(_paragraphs(loaded))
    except ValueError as error:
        raise DatasetError(f"{file}: not in SQuAD's format: {error}") from error


def _paragraphs(loaded: object) -> Iterator[_Paragraph]:
    """The paragraphs of all articles. CMRC 2018 has them in a list, under names of its own."""
    whole = {"data": loaded} if isinstance(loaded, list) else _object(loaded, "the file")
    for number, value in enumerate(_list(whole, "data", "the file")):
        place = f"data[{number}]"
        article = _object(value, place)
        title = article.get("title")
        title = clean(title).strip() if isinstance(title, str) else ""
        if "paragraphs" not in article:
            yield _paragraph(article, title, place)
            continue
        for index, paragraph in enumerate(_list(article, "paragraphs", place)):
            at = f"{place}.paragraphs[{index}]"
            yield _paragraph(_object(paragraph, at), title, at)


def _paragraph(value: Mapping[str, Any], title: str, place: str) -> _Paragraph:
    context = _text(value, ("context", "context_text"), place)
    items = enumerate(_list(value, "qas", place))
    places = ((item, f"{place}.qas[{index}]") for index, item in items)
    return _Paragraph(place, title, context, tuple(_question(_object(item, at), at) for item, at in places))


def _question(value: Mapping[str, Any], place: str) -> _Question:
    answers = _list(value, "answers", place) if value.get("answers") else []
    named = value.get("id", value.get("query_id"))
    return _Question(
        # GermanQuAD has numbers; what has no id is called after its place.
        id=(clean(str(named)).strip() if isinstance(named, str | int) else "") or place,
        text=_text(value, ("question", "query_text"), place).strip(),
        answers=tuple(found for answer in answers if (found := _answer(answer, place)).text),
        is_impossible=value.get("is_impossible") is True,
    )


def _answer(value: object, place: str) -> _Answer:
    if isinstance(value, str):
        return _Answer(clean(value).strip(), 0)
    answer = _object(value, f"an answer of {place}")
    start = answer.get("answer_start")
    return _Answer(_text(answer, ("text",), place).strip(), start if isinstance(start, int) else 0)


def _object(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{place} must be an object")
    return value


def _list(value: Mapping[str, Any], key: str, place: str) -> list[Any]:
    found = value.get(key)
    if not isinstance(found, list):
        raise ValueError(f'"{key}" of {place} must be a list')
    return found


def _text(value: Mapping[str, Any], keys: Sequence[str], place: str) -> str:
    found = next((value[key] for key in keys if key in value), None)
    if not isinstance(found, str):
        raise ValueError(f'"{keys[0]}" of {place} must be text')
    return clean(found)
