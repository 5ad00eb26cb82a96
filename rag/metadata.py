"""Front matter: the metadata block at the head of an article, read as strings and forgivingly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

import dateparser
import yaml
from frontmatter.default_handlers import YAMLHandler

_KEY = re.compile(r"^([^\W\d][\w -]*?)\s*[:：](?:\s+(.*)|)$")
_ITEM = re.compile(r"^\s*-\s+(.*)$")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The fields of a front matter block and the offset at which the article's body starts."""

    fields: dict[str, list[str]] = field(default_factory=dict)  # lower-case key -> values, none of them empty
    body_start: int = 0
    warnings: tuple[str, ...] = ()

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
    >>> fm.fields, fm.body_start, fm.warnings
    ({'title': ['a: b'], 'tag': ['Tag x']}, 34, ('front matter is not valid YAML, read line by line',))
    """
    handler = YAMLHandler()
    if not text.startswith("---") or not handler.detect(text):
        return FrontMatter()
    try:
        block, body = handler.split(text)
    except ValueError:  # no second rule
        return FrontMatter(warnings=("front matter has no end marker, read as text",))
    if not any(_KEY.match(line) for line in block.splitlines()):
        return FrontMatter()  # a rule at the top of a text, not metadata
    body_start = len(text) - len(body)
    try:
        loaded = handler.load(block, Loader=yaml.BaseLoader)
        if isinstance(loaded, dict):
            return FrontMatter(_flatten(loaded), body_start)
    except (yaml.YAMLError, RecursionError):
        pass  # read line by line below, and say so
    warning = "front matter is not valid YAML, read line by line"
    return FrontMatter(_read_lines(block.splitlines()), body_start, (warning,))


def _flatten(loaded: dict[object, object]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for key, value in loaded.items():
        values = value if isinstance(value, list) else [value]
        strings = [v.strip() for v in values if isinstance(v, str) and v.strip()]
        if isinstance(key, str) and strings:
            fields[key.strip().casefold()] = strings
    return fields


def _read_lines(lines: Iterable[str]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    key = None
    for line in lines:
        if match := _KEY.match(line.strip()):
            key = match.group(1).casefold()
            value = (match.group(2) or "").strip().strip("\"'")
            if value:
                fields.setdefault(key, []).append(value)
        elif key and (item := _ITEM.match(line)):
            fields.setdefault(key, []).append(item.group(1).strip().strip("\"'"))
    return fields


def parse_date(text: str) -> str | None:
    """The calendar date that a person or a program wrote, as ISO; None when there is none.

    A time stamp keeps the date that it names; it is not moved to another time zone.

    >>> [parse_date(t) for t in ("2024-05-21T10:00:36.580Z", "21. Mai 2024", "2024年5月21日", "May 21, 2024")]
    ['2024-05-21', '2024-05-21', '2024-05-21', '2024-05-21']
    >>> parse_date("soon") is None, parse_date("2024-13-45") is None
    (True, True)
    """
    try:
        return datetime.fromisoformat(text.strip()).date().isoformat()
    except ValueError:
        pass  # not ISO: a person's way of writing it
    parsed = dateparser.parse(
        text,
        languages=["en", "de", "zh"],
        settings={"STRICT_PARSING": True, "DATE_ORDER": "DMY", "RETURN_AS_TIMEZONE_AWARE": False},
    )
    return parsed.date().isoformat() if parsed and parsed.date() <= date(2200, 1, 1) else None


def parse_tags(values: Iterable[str]) -> tuple[str, ...]:
    """Tags without the word "Tag" that some exporters put in front, commas split, each once.

    >>> parse_tags(["Tag technology", "AI, markets", "#AI"])
    ('technology', 'AI', 'markets')
    """
    parts = (part.strip().lstrip("#") for value in values for part in re.split(r"[,，、;]", value))
    cleaned = (re.sub(r"^Tag\s+(?=\S)", "", part).strip() for part in parts)
    return tuple(dict.fromkeys(tag for tag in cleaned if tag))
