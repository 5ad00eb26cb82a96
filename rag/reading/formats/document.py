"""What a reader makes of a file: the text of an article, and what the file says about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from rag.types import ParseWarning, Unreadable

Field = Literal["title", "url", "author", "date", "description", "tags"]
JsonFields = Mapping[str, str]  # a field's name, "text" or "id" -> where it is in an object, e.g. "body.raw"


@dataclass(frozen=True, slots=True)
class Document:
    """An article before it is parsed. ``text`` is Markdown or plain text with ``\\n`` line ends.

    ``fields`` are as their writer wrote them: neither links nor dates are checked yet. ``part`` is its key within a
    file that holds several, "" where the file is the article. ``file`` is the file's own path within an archive.
    """

    text: str
    part: str = ""
    fields: Mapping[Field, list[str]] = field(default_factory=dict)
    warnings: tuple[ParseWarning, ...] = ()
    file: str = ""


# From a file's bytes to its articles. What keeps all of a file out is an ArticleError, before anything is yielded.
Reader = Callable[[bytes], Iterator[Document | Unreadable]]


def filled(**fields: str | list[str] | None) -> dict[Field, list[str]]:
    """The fields that say something.

    >>> filled(title=" Neues ", author=None, tags=["KI", ""])
    {'title': ['Neues'], 'tags': ['KI']}
    """
    lists = {name: [value] if isinstance(value, str) else value or [] for name, value in fields.items()}
    stripped = {name: [one.strip() for one in values if one and one.strip()] for name, values in lists.items()}
    return {name: values for name, values in stripped.items() if values}  # type: ignore[misc]
