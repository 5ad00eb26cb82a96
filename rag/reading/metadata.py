"""Front matter: the metadata block at the head of an article, read as strings and forgivingly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise

import dateparser
import yaml
from frontmatter.default_handlers import YAMLHandler

from rag.types import ParseWarning

MAX_DATE = 60  # characters
MAX_BLOCK = 20_000  # characters of metadata; what is longer is text, and would keep the YAML parser busy

_HANDLER = YAMLHandler()
_FIRST_RULE = re.compile(r"-{3,}[ \t]*\n?")
_KEY = re.compile(r"(\w[\w -]{0,40}?)\s{0,3}(?::(?=\s|$)|：)\s*(.*)")
_ITEM = re.compile(r"\s*-\s+(.*)")
_NOTHING = ("", "~", "null")
_TAG_WORD = re.compile(r"^Tag\s+(?!de[rs]\b)(?=\S)")  # not of "Tag der Arbeit"
_INDENTED = re.compile(r"[ \t]+\S")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The fields of a front matter block and the offset at which the article's body starts."""

    fields: dict[str, list[str]] = field(default_factory=dict)  # lower-case key -> values, none of them empty
    body_start: int = 0
    warnings: tuple[ParseWarning, ...] = ()

    def first(self, *keys: str) -> str | None:
        """The first value of the first of these keys that has one."""
        return next((self.fields[key][0] for key in keys if self.fields.get(key)), None)

    def all(self, *keys: str) -> list[str]:
        """The values of all these keys."""
        return [value for key in keys for value in self.fields.get(key, [])]


def read_front_matter(text: str) -> FrontMatter:
    """Read the block between two rules at the head of ``text``; empty when there is none.

    Values stay strings: YAML would make ``NO`` false, ``12:30`` 750 and ``1.10`` 1.1. A block that is not valid
    YAML is read line by line, with a warning.

    >>> fm = read_front_matter("---\\ntitle: a: b\\ntag: \\n\\n- Tag x\\n---\\nBody")
    >>> fm.fields, fm.body_start, [warning.code for warning in fm.warnings]
    ({'title': ['a: b'], 'tag': ['Tag x']}, 35, ['front_matter_lines'])
    """
    stripped = text.lstrip()
    if not _HANDLER.detect(stripped):
        return FrontMatter()
    try:
        block, body = _HANDLER.split(stripped)
    except ValueError:  # no second rule
        block, body = _FIRST_RULE.sub("", stripped, count=1), None
    lines = block[:MAX_BLOCK].strip("\n").split("\n")
    if not _KEY.fullmatch(next((line for line in lines if line.strip() and not line.startswith("#")), "")):
        return FrontMatter()  # a rule at the top of a text, not metadata
    if body is not None and len(block) <= MAX_BLOCK:
        body_start = len(text) - len(body.removeprefix("\n"))
        if (fields := _load(block)) is not None:
            return FrontMatter(fields, body_start)
        if not _holds_text(lines):
            return FrontMatter(_read_lines(lines), body_start, (ParseWarning("front_matter_lines"),))
    # The next rule, if there is one, belongs to the text: nothing of that may be lost.
    return FrontMatter(warnings=(ParseWarning("front_matter_open"),))


def _load(block: str) -> dict[str, list[str]] | None:
    try:
        # This loader makes nothing but strings, lists and dicts, whatever a tag asks for.
        loaded = _HANDLER.load(block, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    return _flatten(loaded) if isinstance(loaded, dict) else None


def _holds_text(lines: list[str]) -> bool:
    """Whether a line after a blank one is neither a key nor an item nor indented: a paragraph."""
    return any(
        line.strip() and not before.strip() and not (_KEY.fullmatch(line) or _ITEM.match(line) or _INDENTED.match(line))
        for before, line in pairwise(lines)
    )


def _flatten(loaded: dict[object, object]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for key, value in loaded.items():
        values = value if isinstance(value, list) else [value]
        strings = [v.strip() for v in values if isinstance(v, str) and v.strip() not in _NOTHING]
        if isinstance(key, str) and strings:
            fields[key.strip().casefold()] = strings
    return fields


def _read_lines(lines: Iterable[str]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    key = ""
    for line in lines:
        if match := _KEY.fullmatch(line.strip()):
            key, value = match.group(1).casefold(), match.group(2)
        elif item := _ITEM.match(line):
            value = item.group(1)
        else:
            continue
        if key and (unquoted := value.strip(" \t\"'")) not in _NOTHING:
            fields.setdefault(key, []).append(unquoted)
    return fields


def parse_date(text: str) -> str | None:
    """The calendar date that a person or a program wrote, as ISO; None when there is none.

    A time stamp keeps the date that it names; it is not moved to another time zone.

    >>> [parse_date(t) for t in ("2024-05-21T10:00:36.580Z", "21. Mai 2024", "2024年5月21日", "May 21, 2024")]
    ['2024-05-21', '2024-05-21', '2024-05-21', '2024-05-21']
    >>> parse_date("soon") is None, parse_date("2024-13-45") is None
    (True, True)
    """
    text = text.strip()[:MAX_DATE]
    try:
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        pass  # not ISO: a person's way of writing it
    # Absolute only: "yesterday" would be another day at each reading.
    settings = {"STRICT_PARSING": True, "DATE_ORDER": "DMY", "PARSERS": ["absolute-time"]}
    parsed = dateparser.parse(text, languages=["en", "de", "zh"], settings=settings)
    return parsed.date().isoformat() if parsed and parsed.date() <= date(2200, 1, 1) else None


def parse_tags(values: Iterable[str]) -> tuple[str, ...]:
    """Tags without the word "Tag" that some exporters put in front, commas split, each once.

    >>> parse_tags(["Tag technology", "AI, markets", "#AI"])
    ('technology', 'AI', 'markets')
    """
    parts = (part.strip(" \t\"'#[]") for value in values for part in re.split(r"[,，、;；]", value))
    cleaned = (_TAG_WORD.sub("", part) for part in parts)
    return tuple(dict.fromkeys(tag for tag in cleaned if tag))
