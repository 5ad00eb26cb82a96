"""Articles: from a file to its sections, body blocks and question-and-answer pairs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from charset_normalizer import from_bytes

from rag.errors import ArticleError
from rag.links import checked_url, find_source_lines
from rag.markup import Element, blank_out, elements, heading_text, without_comments
from rag.metadata import FrontMatter, parse_date, parse_tags, read_front_matter
from rag.qa import asks, is_answer, is_qa_heading, parse_pairs
from rag.text import INVISIBLE, brief, identify, plain
from rag.types import LANGS, Article, Block, Lang, OfferedQuestion, ParseWarning, QAPair, Section, Span

SUFFIXES = (".md", ".markdown", ".txt")
READERS = "1"  # raise it when more files can be read: those that failed are then tried again
MAX_BYTES = 10 * 1024 * 1024  # an article is prose; larger files are something else
# Encodings that zh, en and de files come in, beside UTF-8. Left free, the detector takes short German texts for
# UTF-16, but that has zero bytes at every space and line end, and the others have none.
ENCODINGS = ["gb18030", "big5", "cp1252"]
WIDE_ENCODINGS = ["utf_16", "utf_16_le", "utf_16_be"]
MAX_TITLE, MAX_AUTHOR, MAX_DESCRIPTION, MAX_TAG = 300, 120, 1000, 80  # characters: these are labels, not text
MAX_TAGS = 50
MIN_RUN = {"zh": 60, "en": 160, "de": 160}  # a shorter foreign run is a quotation, not a section

URL_KEYS = (
    "url",
    "link",
    "source",
    "source_url",
    "canonical",
    "canonical_url",
    "original",
    "原文链接",
    "链接",
    "quelle",
)

_SECTION_LABEL = re.compile(
    r"(?:摘要|概要|总结|正文|简介|summary|abstract|introduction|zusammenfassung|einleitung)\s*[:：]?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A part of a file that can't be read, and why."""

    part: str
    reason: str

    def __str__(self) -> str:
        return f"{self.part}: {self.reason}"


def article_id(file: Path, root: Path, part: str = "") -> str:
    """The id of an article: from its file's name below the folder, so that it is the same on every machine, and from
    which part of the file it is."""
    key = f"{root.name}/{file.relative_to(root).as_posix()}" + (f"\x00{part}" if part else "")
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def read_article(path: Path, root: Path) -> Article:
    """Read and parse one file.

    Raises:
        ArticleError: it cannot be opened, is too large, empty, binary, in an unknown encoding, or without text.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe or a device would never end
            raise ArticleError("is not a regular file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ArticleError(f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise ArticleError(f"is larger than the {MAX_BYTES // 2**20} MB an article may have")
    text, warning = decode(data)
    # A name in another encoding than the system's comes with surrogates, which no database or page takes.
    name = path.relative_to(root).as_posix().encode("utf-8", "replace").decode()
    name = re.sub(r"[^\S ]", " ", INVISIBLE.sub("", name))  # one with line ends or direction marks is shown without
    return parse_article(text, article_id(path, root), name, warnings=(warning,) if warning else ())


def read_articles(path: Path, root: Path) -> Iterator[Article | Unreadable]:
    """Read and parse all that is in one file, in order; what of it can't be read comes with the reason.

    Raises:
        ArticleError: nothing in it can be read.
    """
    yield read_article(path, root)


def decode(data: bytes) -> tuple[str, ParseWarning | None]:
    """The text of a file with ``\\n`` line ends and without a byte-order mark, and a warning if it was guessed.

    >>> decode("\\ufeffStraße\\r\\n".encode())
    ('Straße\\n', None)
    """
    text, warning = _utf8(data), None
    if text is None:
        guess = from_bytes(data, cp_isolation=WIDE_ENCODINGS if b"\x00" in data else ENCODINGS).best()
        if guess is None:
            raise ArticleError("has an encoding that can't be told; save it as UTF-8")
        text, warning = str(guess).removeprefix("\ufeff"), ParseWarning("encoding", guess.encoding)
    if "\x00" in text:
        raise ArticleError("is not a text file (it holds NUL characters)")
    return text.replace("\r\n", "\n").replace("\r", "\n"), warning


def _utf8(data: bytes) -> str | None:
    """The text if it is UTF-8. English in UTF-16 would pass for it; every other byte of that is zero."""
    try:
        return data.decode("utf-8-sig") if 4 * data.count(b"\x00") < max(1, len(data)) else None
    except UnicodeDecodeError:
        return None


def parse_article(text: str, article_id: str, file: str, *, warnings: tuple[ParseWarning, ...] = ()) -> Article:
    """Parse the text of one article; all offsets point into ``text``.

    Raises:
        ArticleError: there is no text in it to index, or characters that are none.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ArticleError("holds characters that are no text (half of a surrogate pair)") from error
    meta = read_front_matter(text)
    visible = without_comments("\n" * meta.body_start + text[meta.body_start :])
    source_lines = find_source_lines(visible, meta.body_start)
    links = [*meta.all(*URL_KEYS), *(line.url for line in source_lines)]
    url = next((link for link in map(checked_url, links) if link), None)
    visible = blank_out(visible, sorted((line.start, line.end) for line in source_lines))
    title = meta.first("title", "titel", "标题", "headline")
    found = elements(text, visible)
    sections = _sections(list(_parts(found, text, visible, title)))
    if not sections:
        raise ArticleError("has no text")
    headings = (heading_text(heading.text) for section in sections for heading in section.headings)
    return Article(
        id=article_id,
        file=file,
        title=brief((title and plain(title)) or next(headings, None) or Path(file).stem, MAX_TITLE),
        text=text,
        sections=sections,
        url=url,
        author=_author(meta),
        date=next((d for v in meta.all("date", "datum", "日期", "published", "pubdate") if (d := parse_date(v))), None),
        description=_label(meta.first("description", "beschreibung", "描述", "summary", "excerpt"), MAX_DESCRIPTION),
        tags=_tags(meta.all("tag", "tags", "category", "categories", "keywords", "标签", "schlagworte")),
        warnings=warnings + meta.warnings,
    )


def offered_questions(text: str) -> tuple[OfferedQuestion, ...]:
    """The questions of an article's own Q&A sections, in order, each once.

    >>> [q.text for q in offered_questions("Text.\\n\\n## Q&A\\n\\n**Wer kam?**\\n\\nAntwort: Anna kam.")]
    ['Wer kam?']
    """
    try:
        article = parse_article(text, "", "")
    except ArticleError:  # it was made into passages by another version
        return ()
    asked = ((plain(pair.question.text), section.lang) for section in article.sections for pair in section.qa)
    return tuple(OfferedQuestion(question, lang) for question, lang in dict.fromkeys(asked) if question)


def _author(meta: FrontMatter) -> str | None:
    values = meta.all("author", "authors", "autor", "作者", "outlet", "publisher", "source", "quelle")
    return _label(next((value for value in values if "://" not in value), None), MAX_AUTHOR)


def _label(value: str | None, most: int) -> str | None:
    return (value and brief(value, most)) or None


def _tags(values: list[str]) -> tuple[str, ...]:
    return parse_tags(brief(value, MAX_TAGS * MAX_TAG) for value in values)[:MAX_TAGS]


# --- Sections ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the article in reading order, before it is sorted into language sections."""

    item: Block | QAPair | Span  # a Span is a heading
    sample: str  # plain text to tell the language from


def _sections(parts: list[_Part]) -> tuple[Section, ...]:
    langs = _langs(parts)
    sections = []
    for lang in dict.fromkeys(langs):
        items = [part.item for part, own in zip(parts, langs, strict=True) if own == lang]
        blocks = tuple(item for item in items if isinstance(item, Block))
        pairs = tuple(item for item in items if isinstance(item, QAPair))
        headings = tuple(item for item in items if isinstance(item, Span))
        if blocks or pairs:
            sections.append(Section(lang, headings, blocks, pairs))
    return tuple(sections)


def _parts(found: list[Element], text: str, visible: str, title: str | None) -> Iterator[_Part]:
    title = plain(title) if title else None
    heading: str | None = None
    index = 0
    while index < len(found):
        element = found[index]
        index += 1
        if element.kind == "rule":
            heading = None
        elif is_qa_heading(element.text) and (stop := _qa_end(found, index)) > index:
            for pair in parse_pairs(text, visible, found[index].span.start, found[stop - 1].span.end):
                yield _Part(pair, plain(pair.question.text + " " + pair.answer.text))
            index = stop
        elif _SECTION_LABEL.fullmatch(element.text) or not any(map(str.isalnum, element.text)):
            continue  # says nothing
        elif element.kind == "heading" or element.text == title:
            heading = brief(element.text.rstrip(" :："), MAX_TITLE)
            yield _Part(element.span, element.text)
        else:
            yield _Part(Block(element.span, heading), element.text)


def _qa_end(found: list[Element], start: int) -> int:
    """The index after the last element of a Q&A section; ``start`` when nothing is asked there.

    It ends at a rule or at a heading that is no question itself.
    """
    asked = False
    for index in range(start, len(found)):
        element = found[index]
        after = found[index + 1].span.text if index + 1 < len(found) else ""
        asks_here = asks(element.span.text) or is_answer(after)
        is_heading = element.kind == "heading" and element.span.text.lstrip().startswith("#")
        if (is_heading and not asks_here) or (element.kind == "rule" and not asks(after)):
            return index if asked else start
        asked = asked or asks_here
    return len(found) if asked else start


def _langs(parts: list[_Part]) -> list[Lang]:
    """One language a part: short foreign runs are quotations and follow their surroundings."""
    told, main = _told(parts)
    langs: list[Lang] = []
    for lang, run in groupby(zip(told, parts, strict=True), key=itemgetter(0)):
        sizes = [len(part.sample) for _, part in run]
        is_section = lang == main or sum(sizes) >= MIN_RUN[lang]
        langs += [lang if is_section else langs[-1] if langs else main] * len(sizes)
    return langs


def _told(parts: list[_Part]) -> tuple[list[Lang], Lang]:
    """The language of each part as far as it can be told, and the article's main one.

    What is too short to tell is as what it follows; a heading is as what it is over.
    """
    texts = [part.sample for part in parts if not isinstance(part.item, Span)]
    guesses = [identify(text) for text in texts]
    weight = dict.fromkeys(LANGS, 0.0)
    for text, (lang, sure) in zip(texts, guesses, strict=True):
        weight[lang] += len(text) * sure * (3 if lang == "zh" else 1)
    main = max(weight, key=lambda lang: weight[lang])
    told: list[Lang] = []
    for text, (lang, sure) in zip(texts, guesses, strict=True):
        is_sure = lang == "zh" or (sure > 0.9 and len(text) > 20)
        told.append(lang if is_sure else told[-1] if told else main)
    backwards: list[Lang] = []
    for part in reversed(parts):
        over = backwards[-1] if backwards else told[-1] if told else main
        backwards.append(over if isinstance(part.item, Span) else told.pop())
    return backwards[::-1], main
