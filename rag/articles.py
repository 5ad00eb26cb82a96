"""Articles: from a file to its sections, body blocks and question-and-answer pairs."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from rag.errors import ArticleError
from rag.links import checked_url, find_source_lines
from rag.markup import Element, blank_out, elements, without_comments
from rag.metadata import FrontMatter, parse_date, parse_tags, read_front_matter
from rag.qa import is_qa_heading, is_question, parse_pairs
from rag.text import identify, plain
from rag.types import LANGS, Article, Block, Lang, QAPair, Section, Span

SUFFIXES = (".md", ".markdown", ".txt")
MAX_BYTES = 10 * 1024 * 1024  # an article is prose; larger files are something else
# Encodings that zh, en and de files come in. Left free, the detector takes short German texts for UTF-16.
ENCODINGS = ["gb18030", "big5", "cp1252", "utf_16", "utf_16_le", "utf_16_be"]
MIN_RUN = {"zh": 60, "en": 160, "de": 160}  # a shorter foreign run is a quotation, not a section

_SECTION_LABEL = re.compile(
    r"(?:摘要|概要|总结|正文|简介|summary|abstract|introduction|zusammenfassung|einleitung)\s*[:：]?", re.IGNORECASE
)


def find_files(root: Path) -> list[Path]:
    """The article files of a folder and its subfolders, in order of their paths; hidden ones are left out."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder, n) for n in names if n.lower().endswith(SUFFIXES) and not n.startswith(".")]
    return sorted(found)


def article_id(file: Path, root: Path) -> str:
    """The id of a file: from its name below the folder, so that it is the same on every machine."""
    key = f"{root.name}/{file.relative_to(root).as_posix()}"
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def read_article(path: Path, root: Path) -> Article:
    """Read and parse one file.

    Raises:
        ArticleError: it cannot be opened, is too large, empty, binary, in an unknown encoding, or without text.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ArticleError(f"is {size / 1e6:.0f} MB, more than the {MAX_BYTES // 2**20} MB an article may have")
        data = path.read_bytes()
    except OSError as error:
        raise ArticleError(f"cannot be read: {error.strerror}") from error
    text, warning = decode(data)
    file = path.relative_to(root).as_posix()
    return parse_article(text, article_id(path, root), file, warnings=(warning,) if warning else ())


def decode(data: bytes) -> tuple[str, str | None]:
    """The text of a file with ``\\n`` line ends and without a byte-order mark, and a warning if it was guessed.

    >>> decode("\\ufeffStraße\\r\\n".encode())
    ('Straße\\n', None)
    """
    warning = None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        guess = from_bytes(data, cp_isolation=ENCODINGS).best()
        if guess is None:
            raise ArticleError("has an encoding that can't be told; save it as UTF-8") from None
        text, warning = str(guess).removeprefix("\ufeff"), f"not UTF-8, read as {guess.encoding}"
    if "\x00" in text:
        raise ArticleError("is not a text file (it holds NUL characters)")
    return text.replace("\r\n", "\n").replace("\r", "\n"), warning


def parse_article(text: str, article_id: str, file: str, *, warnings: tuple[str, ...] = ()) -> Article:
    """Parse the text of one article; all offsets point into ``text``.

    Raises:
        ArticleError: there is no text in it to index.
    """
    meta = read_front_matter(text)
    visible = without_comments("\n" * meta.body_start + text[meta.body_start :])
    url = checked_url(meta.first("url", "link", "source", "source_url", "canonical", "原文链接", "quelle"))
    for line in find_source_lines(visible, meta.body_start):
        url = url or checked_url(line.url)
        visible = blank_out(visible, line.start, line.end)
    title = meta.first("title", "titel", "标题", "headline")
    found = elements(text, visible)
    sections = _sections(found, text, visible, title)
    if not sections:
        raise ArticleError("has no text")
    headings = [heading.text for section in sections for heading in section.headings]
    return Article(
        id=article_id,
        file=file,
        title=plain(title) if title else plain(headings[0]) if headings else Path(file).stem,
        text=text,
        sections=sections,
        url=url,
        author=_author(meta),
        date=next((d for v in meta.all("date", "datum", "日期", "published", "pubdate") if (d := parse_date(v))), None),
        description=meta.first("description", "beschreibung", "描述", "summary", "excerpt"),
        tags=parse_tags(meta.all("tag", "tags", "category", "categories", "keywords", "标签", "schlagworte")),
        warnings=warnings + meta.warnings,
    )


def _author(meta: FrontMatter) -> str | None:
    values = meta.all("author", "authors", "autor", "作者", "outlet", "publisher", "source", "quelle")
    return next((value for value in values if "://" not in value), None)


# --- Sections ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the article in reading order, before it is sorted into language sections."""

    item: Block | QAPair | Span  # a Span is a heading
    sample: str  # plain text to tell the language from


def _sections(found: list[Element], text: str, visible: str, title: str | None) -> tuple[Section, ...]:
    parts = list(_parts(found, text, visible, title))
    langs = _smooth(parts, [identify(part.sample) for part in parts])
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
    heading: str | None = None
    index = 0
    while index < len(found):
        element = found[index]
        index += 1
        if element.kind == "rule":
            heading = None
        elif is_qa_heading(element.text):
            stop = _qa_end(found, index)
            if stop > index:
                for pair in parse_pairs(text, visible, found[index].span.start, found[stop - 1].span.end):
                    yield _Part(pair, plain(pair.question.text + " " + pair.answer.text))
            index = stop
        elif element.kind == "heading" or (title and element.text == plain(title)):
            if not _SECTION_LABEL.fullmatch(element.text):
                heading = element.text.rstrip(" :：")
                yield _Part(element.span, element.text)
        else:
            yield _Part(Block(element.span, heading), element.text)


def _qa_end(found: list[Element], index: int) -> int:
    """The index after the last element of a Q&A section: it ends at a rule or at a heading that asks nothing."""
    while index < len(found):
        element = found[index]
        if element.kind == "rule":
            break
        if element.kind == "heading" and not is_question(element.text) and element.span.text.lstrip().startswith("#"):
            break
        index += 1
    return index


def _smooth(parts: list[_Part], guesses: list[tuple[Lang, float]]) -> list[Lang]:
    """One language a part: what is too short to tell, and short foreign runs, follow their surroundings."""
    weight = dict.fromkeys(LANGS, 0.0)
    for part, (lang, sure) in zip(parts, guesses, strict=True):
        weight[lang] += len(part.sample) * sure * (3 if lang == "zh" else 1)
    main = max(weight, key=lambda lang: weight[lang])
    langs: list[Lang] = []
    for part, (lang, sure) in zip(parts, guesses, strict=True):
        told = lang == "zh" or (sure > 0.9 and len(part.sample) > 20)
        langs.append(lang if told else langs[-1] if langs else main)
    runs: list[list[int]] = []
    for i, lang in enumerate(langs):
        if runs and langs[runs[-1][0]] == lang:
            runs[-1].append(i)
        else:
            runs.append([i])
    for position, run in enumerate(runs):
        lang = langs[run[0]]
        if lang != main and sum(len(parts[i].sample) for i in run) < MIN_RUN[lang]:
            heir = langs[runs[position - 1][0]] if position else main
            for i in run:
                langs[i] = heir
    return langs
