"""Articles: from a file to its sections, body blocks and question-and-answer pairs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from rag.errors import ArticleError
from rag.language.text import INVISIBLE, brief, plain
from rag.reading.formats import MAX_FILE_BYTES, documents
from rag.reading.formats.document import Document, Field, JsonFields
from rag.reading.links import checked_url, find_source_lines
from rag.reading.markup import blank_out, elements, heading_text, without_comments
from rag.reading.metadata import FrontMatter, parse_date, parse_tags, read_front_matter
from rag.reading.sections import sections_of
from rag.types import Article, OfferedQuestion, ParseWarning, Section, Unreadable

MAX_BYTES = 10 * 1024 * 1024  # of an article's text: the longest novels have half of it
MAX_TOLD = 20  # parts that can't be read, told one by one
MAX_TITLE, MAX_AUTHOR, MAX_DESCRIPTION, MAX_TAG = 300, 120, 1000, 80  # characters: these are labels, not text
MAX_TAGS = 50
MAX_BEGINNING = 80  # characters of a text that stand for its title

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


def article_id(file: Path, root: Path, part: str = "") -> str:
    """The id of an article: from its file's name below the folder, so that it is the same on every machine, and from
    which part of the file it is."""
    key = f"{root.name}/{file.relative_to(root).as_posix()}" + (f"\x00{part}" if part else "")
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def read_article(path: Path, root: Path) -> Article:
    """Read and parse a file that holds one article.

    Raises:
        ArticleError: it can't be read, or holds several.
    """
    found = list(islice((one for one in read_articles(path, root) if isinstance(one, Article)), 2))
    if len(found) > 1:
        raise ArticleError("holds several articles")
    return found[0]


def read_articles(path: Path, root: Path, json_fields: JsonFields | None = None) -> Iterator[Article | Unreadable]:
    """Read and parse all that is in one file, in order; what of it can't be read comes with the reason.

    ``json_fields`` says where in JSON the fields of an article are.

    Raises:
        ArticleError: nothing in it can be read: it can't be opened, is too large, empty, binary, in an unknown
            encoding, broken, or without text.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe or a device would never end
            raise ArticleError("is not a regular file")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ArticleError(f"cannot be read: {error.strerror}") from error
    # A name in another encoding than the system's comes with surrogates, which no database or page takes.
    name = path.relative_to(root).as_posix().encode("utf-8", "replace").decode()
    name = re.sub(r"[^\S ]", " ", INVISIBLE.sub("", name))  # one with line ends or direction marks is shown without
    yield from parse_file(data, name, lambda part: article_id(path, root, part), json_fields)


def parse_file(
    data: bytes, file: str, make_id: Callable[[str], str], json_fields: JsonFields | None = None
) -> Iterator[Article | Unreadable]:
    """Parse all that is in the bytes of a file, whose format its name says; ``make_id`` makes ids of parts.

    Raises:
        ArticleError: nothing in it can be read. Where something can, nothing is raised.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ArticleError(f"is larger than the {MAX_FILE_BYTES // 2**20} MB a file may have")
    taken: set[str] = set()
    found, unread, first = 0, 0, None
    for one in documents(data, file, json_fields):
        parsed = _parsed(one, file, make_id, taken) if isinstance(one, Document) else one
        if isinstance(parsed, Article):
            found += 1
        else:
            unread += 1
            first = first or parsed
            if unread > MAX_TOLD:
                continue
        yield parsed
    if not found:
        raise ArticleError(str(first) if first else "holds no article")
    if unread > MAX_TOLD:
        yield Unreadable("and", f"{unread - MAX_TOLD} more that can't be read")


def _parsed(one: Document, file: str, make_id: Callable[[str], str], taken: set[str]) -> Article | Unreadable:
    part, number = one.part, 1
    while part in taken:  # a feed may list the same entry twice
        number += 1
        part = f"{one.part} ({number})"
    taken.add(part)
    try:
        if len(one.text) > MAX_BYTES // 4 and len(one.text.encode("utf-8", "replace")) > MAX_BYTES:
            raise ArticleError(f"is larger than the {MAX_BYTES // 2**20} MB an article may have; divide it")
        text = one.text.replace("\x00", "")  # written as an escape; a file that holds one as it is, is none of text
        name = f"{file}/{one.file}" if one.file else file
        return parse_article(text, make_id(part), name, part=part, fields=one.fields, warnings=one.warnings)
    except ArticleError as error:
        if not part:
            raise
        return Unreadable(part, str(error))


def parse_article(
    text: str,
    article_id: str,
    file: str,
    *,
    part: str = "",
    fields: Mapping[Field, list[str]] | None = None,
    warnings: tuple[ParseWarning, ...] = (),
) -> Article:
    """Parse the text of one article; all offsets point into ``text``.

    ``fields`` are what its file says of it beside the text; they come before those of its front matter.

    Raises:
        ArticleError: there is no text in it to index, or characters that are none.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ArticleError("holds characters that are no text (half of a surrogate pair)") from error
    meta = read_front_matter(text)
    for name, values in (fields or {}).items():
        meta.fields[name] = [*values, *meta.fields.get(name, [])]
    visible = without_comments("\n" * meta.body_start + text[meta.body_start :])
    source_lines = find_source_lines(visible, meta.body_start)
    links = [*meta.all(*URL_KEYS), *(line.url for line in source_lines)]
    url = next((link for link in map(checked_url, links) if link), None)
    visible = blank_out(visible, sorted((line.start, line.end) for line in source_lines))
    title = meta.first("title", "titel", "标题", "headline")
    found = elements(text, visible)
    sections = sections_of(found, text, visible, title)
    if not sections:
        raise ArticleError("has no text")
    headings = (heading_text(heading.text) for section in sections for heading in section.headings)
    return Article(
        id=article_id,
        file=file,
        title=brief((title and plain(title)) or next(headings, None) or _name(file, part, sections), MAX_TITLE),
        text=text,
        sections=sections,
        url=url,
        author=_author(meta),
        date=next((d for v in meta.all("date", "datum", "日期", "published", "pubdate") if (d := parse_date(v))), None),
        description=_label(meta.first("description", "beschreibung", "描述", "summary", "excerpt"), MAX_DESCRIPTION),
        tags=_tags(meta.all("tag", "tags", "category", "categories", "keywords", "标签", "schlagworte")),
        warnings=warnings + meta.warnings,
        part=part,
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


def _name(file: str, part: str, sections: tuple[Section, ...]) -> str:
    """What an article without a title is called: as its file, or as it begins where the file holds others, too."""
    is_alone = not part or file.endswith(f"/{part}")  # the latter in an archive
    begins = next((block.span.text for section in sections for block in section.blocks), None)
    return Path(file).stem if is_alone or not begins else brief(plain(begins), MAX_BEGINNING)


def _author(meta: FrontMatter) -> str | None:
    values = meta.all("author", "authors", "autor", "作者", "outlet", "publisher", "source", "quelle")
    return _label(next((value for value in values if "://" not in value), None), MAX_AUTHOR)


def _label(value: str | None, most: int) -> str | None:
    return (value and brief(value, most)) or None


def _tags(values: list[str]) -> tuple[str, ...]:
    return parse_tags(brief(value, MAX_TAGS * MAX_TAG) for value in values)[:MAX_TAGS]
