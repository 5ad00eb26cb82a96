"""Public question sets as articles and questions: what every importer needs.

An import is a folder with ``articles/``, ``questions.jsonl`` and ``import.json``, which says what it was made from.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eval.dataset import Case, DatasetError
from rag.errors import ArticleError
from rag.reading.articles import read_article
from rag.reading.links import find_source_lines
from rag.types import Lang

ARTICLES, QUESTIONS, MARKER = "articles", "questions.jsonl", "import.json"
MAX_TITLE = 300  # characters; metadata of more than 20,000 would be read as text
MAX_KEY = 100  # characters of a link's last part; what is longer is named by its checksum
_KEYS = ("id", "question", "question_lang", "answers", "source_links", "gold_text", "answerable", "kind")

_ERR = Console(stderr=True, highlight=False)
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_JOINER = "\u2060"  # an invisible character, which the product leaves out of plain text and of words


@dataclass(frozen=True, slots=True)
class Origin:
    """What an import is made from; ``files`` has the SHA-256 of each by its name."""

    source: str
    format: str
    files: Mapping[str, str]
    lang: Lang  # of the questions
    context_lang: Lang  # of the articles


@dataclass(frozen=True, slots=True)
class Document:
    """A text that becomes an article. ``name`` is what its file is called after."""

    name: str
    title: str
    text: str
    link: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something of the source that the import goes without: what it is, and why."""

    line: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import wrote to ``out``, and a line for everything of the source that it could not use."""

    articles: int
    questions: int
    unanswerable: int  # of the questions
    left_out: tuple[str, ...]
    out: Path


def write_import(
    out: Path,
    origin: Origin,
    documents: Iterable[Document | LeftOut],
    cases: Iterable[Case | LeftOut],
    *,
    total: int,
) -> Imported:
    """Write articles and questions to ``out``, all or nothing: until both are done, ``out`` is as it was.

    An earlier import that is there is replaced as a whole. A source that became no article is taken off its
    questions, and one without a source left is left out. An id that is taken gets a number. ``total`` is about how
    many documents there are, for the progress shown.

    Raises:
        DatasetError: ``out`` holds something else, or there is no article or no question.
        OSError: a file cannot be written.
    """
    lines: list[str] = []
    bar = Progress(*_COLUMNS, console=_ERR, transient=True, disable=not _ERR.is_terminal)
    with _in_place_of(out) as folder, bar:
        links = _write_articles(folder / ARTICLES, bar.track(documents, total, description="articles"), lines)
        asked = _asked(bar.track(cases, description="questions"), links, lines)
        if not links or not asked:
            why = f"; {lines[0]}" if lines else ""
            raise DatasetError(f"{origin.source}: holds no {'question to ask' if links else 'text'}{why}")
        _write(folder / QUESTIONS, "".join(map(_question_line, asked)))
        unanswerable = sum(not case.answerable for case in asked)
        counts = {"articles": len(links), "questions": len(asked), "unanswerable": unanswerable}
        record = {**asdict(origin), **counts, "left_out": lines}
        _write(folder / MARKER, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    return Imported(**counts, left_out=tuple(lines), out=out)


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


# --- The folder --------------------------------------------------------------------------------------------


@contextmanager
def _in_place_of(out: Path) -> Iterator[Path]:
    """A new folder, which takes the place of ``out`` when all went well and is gone when it did not."""
    target = out.resolve()  # what a symbolic link points to is replaced, not the link
    _refuse_foreign(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside it, since a folder can be renamed only within one file system.
    with TemporaryDirectory(prefix=".import-", dir=target.parent) as temporary:
        new, old = Path(temporary, "new"), Path(temporary, "old")
        new.mkdir()
        yield new
        try:
            if target.exists():
                target.rename(old)
            new.rename(target)
        except BaseException:  # Ctrl-C too
            if old.exists() and not target.exists():
                old.rename(target)
            raise


def _refuse_foreign(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise DatasetError(f"{out}: is a file; name a folder to import to")
    names = {file.name for file in out.iterdir()} if out.exists() else set()
    if names and not _is_import(out):
        raise DatasetError(f"{out}: is not empty and was not made by an import; name another folder")
    if foreign := sorted(name for name in names - {ARTICLES, QUESTIONS, MARKER} if not name.startswith(".")):
        raise DatasetError(f"{out / foreign[0]}: would be lost with the earlier import that it lies in; move it away")


def _is_import(folder: Path) -> bool:
    try:
        record = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and {"source", "files", "articles", "questions"} <= record.keys()


# --- Articles ----------------------------------------------------------------------------------------------


def _write_articles(folder: Path, documents: Iterable[Document | LeftOut], lines: list[str]) -> set[str]:
    """Write the documents that can be articles; returns their links."""
    folder.mkdir()
    links: set[str] = set()
    for document in documents:
        if isinstance(document, LeftOut):
            lines.append(document.line)
        elif _write_article(folder / file_name(len(links) + 1, document.name), document):
            links.add(document.link)
        else:
            start = document.text.strip()[:60]
            lines.append(
                f"text {json.dumps(start, ensure_ascii=False)} of {document.name}: cannot be read as an article"
            )
    return links


def _write_article(file: Path, document: Document) -> bool:
    """Write an article in the plainest form from which the product reads all of its text; False if there is none."""
    title = " ".join(document.title.split())
    title = title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1] + "…"
    fields = {"title": title, "url": document.link} if title else {"url": document.link}
    head = yaml.safe_dump(fields, allow_unicode=True, sort_keys=False, width=math.inf)
    for body in (document.text, _compact(document.text), _literal(document.text)):
        _write(file, f"---\n{head}---\n\n{body}\n")
        if _reads_back(file, body, document.link):
            return True
    file.unlink()
    return False


def _reads_back(file: Path, body: str, link: str) -> bool:
    """Whether all the text is in paragraphs, which are found and quoted: none in headings, questions, link lines."""
    try:
        article = read_article(file, file.parent)
    except ArticleError:
        return False
    spans = sorted((block.span.start, block.span.text) for section in article.sections for block in section.blocks)
    return article.url == link and "".join("".join(text for _, text in spans).split()) == "".join(body.split())


def _compact(text: str) -> str:
    """The text as one paragraph, its lines kept: the first is no heading of the next ones then."""
    return "\n".join(line for line in text.splitlines() if line.strip())


def _literal(text: str) -> str:
    """The text in a fence, where no sign is markup; what is read even there is told apart by an invisible character.

    >>> _literal("# One\\n\\nhttps://a.example/1").replace(_JOINER, "*").split("\\n")
    ['```', '# One', '*https://a.example/1', '```']
    """
    lines = _compact(text.replace("<!--", f"<{_JOINER}!--")).split("\n")
    marked = (_JOINER + line if _is_read_in_fence(line) else line for line in lines)
    return "\n".join(["```", *marked, "```"])


def _is_read_in_fence(line: str) -> bool:
    return line.lstrip().startswith(("```", "~~~")) or bool(find_source_lines(line, 0))


# --- Questions ---------------------------------------------------------------------------------------------


def _asked(cases: Iterable[Case | LeftOut], links: set[str], lines: list[str]) -> list[Case]:
    """The cases that can be asked over the articles of these links, each with an id of its own."""
    asked: list[Case] = []
    taken: set[str] = set()
    for case in cases:
        if isinstance(case, LeftOut):
            lines.append(case.line)
            continue
        known = tuple(link for link in case.source_links if link in links)
        if case.source_links and not known:
            lines.append(f"question {case.id}: none of its sources became an article")
            continue
        if gone := len(case.source_links) - len(known):
            lines.append(f"question {case.id}: asked without {gone} of its sources, which became no article")
        asked.append(replace(case, id=_free_id(case.id, taken), source_links=known))
    return asked


def _question_line(case: Case) -> str:
    return json.dumps({key: value for key, value in asdict(case).items() if key in _KEYS}, ensure_ascii=False) + "\n"


def _free_id(wanted: str, taken: set[str]) -> str:
    free, number = wanted, 2
    while free in taken:
        free, number = f"{wanted}-{number}", number + 1
    taken.add(free)
    return free


# --- Names and values --------------------------------------------------------------------------------------


def file_name(number: int, name: str) -> str:
    """A file name that every system takes, whatever the name holds: a number, and what is plain ASCII of the name.

    >>> file_name(7, "../Super_Bowl 50?"), file_name(8, "华沙")
    ('000007-super-bowl-50.md', '000008.md')
    """
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].rstrip("-")
    return f"{number:06d}-{slug}.md" if slug else f"{number:06d}.md"


def link_to(collection: str, key: str) -> str:
    """The link of an article: the same for the same key in every import.

    >>> link_to("scifact", "4983"), link_to("猫", "a/b")
    ('https://example.org/scifact/4983', 'https://example.org/%E7%8C%AB/a%2Fb')
    """
    parts = [quote(part, safe="") for part in (collection, key)]
    # A browser resolves "..", and no reader wants a link that is a page long.
    short = [part if part.strip(".") and len(part) <= MAX_KEY else digest(part) for part in parts]
    return "https://example.org/" + "/".join(short)


def digest(text: str) -> str:
    """A short name for a text, the same for the same text."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def checksums(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The SHA-256 of each of these files, as ``sha256sum`` prints it."""
    found = {}
    for name in names:
        with (folder / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def clean(text: str) -> str:
    """The text with a replacement character for each one that JSON can carry and a text file can't.

    >>> clean("a\\x00b\\ud800c")
    'a\ufffdb\ufffdc'
    """
    return _NO_TEXT.sub("\ufffd", text)
