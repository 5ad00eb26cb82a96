"""Folders of articles: which files are in them. Links are followed, a loop of them once."""

from __future__ import annotations

import glob
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rag.reading.formats import INDEXED


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a folder and those below it."""

    files: list[Path] = field(default_factory=list)  # of articles, in order of their paths
    unreadable: list[tuple[Path, str]] = field(default_factory=list)  # folders that can't be opened, and why
    others: Counter[str] = field(default_factory=Counter)  # how many files of each other kind, by their suffix


def find_files(root: Path) -> list[Path]:
    """The article files of a folder and its subfolders, in order of their paths; hidden ones are left out."""
    return look_into(root).files


def look_into(root: Path) -> Contents:
    """What is in a folder. What starts with a dot is left out; a folder that several links lead to is entered once,
    by its own name where that is in the folder, too."""
    contents = Contents()
    seen: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        for folder, folders, names in os.walk(waiting.pop(0), onerror=lambda e: _note(contents, e)):
            here = Path(folder)
            if (identity := _identity(here)) is None or identity in seen:
                folders.clear()
                continue
            seen.add(identity)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            waiting += [here / name for name in folders if (here / name).is_symlink()]
            for name in names:
                _sort(contents, here, name)
    contents.files.sort()
    return contents


def expand(pattern: Path) -> list[Path]:
    """The files that a pattern such as ``news/**/*.md`` names, for shells that leave patterns as they are."""
    # pathlib's own does not follow links and takes no absolute pattern.
    return [Path(found) for found in sorted(glob.glob(str(pattern), recursive=True))]  # noqa: PTH207


def is_pattern(path: Path) -> bool:
    """Whether a path that does not exist is meant as a pattern.

    >>> is_pattern(Path("news/*.md")), is_pattern(Path("news/a.md"))
    (True, False)
    """
    return glob.has_magic(str(path))


def _sort(contents: Contents, folder: Path, name: str) -> None:
    if name.startswith("."):
        return
    if name.lower().endswith(INDEXED):
        contents.files.append(folder / name)
    else:
        contents.others[Path(name).suffix.lower()] += 1


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:  # it has gone since it was listed
        return None
    return found.st_dev, found.st_ino


def _note(contents: Contents, error: OSError) -> None:
    contents.unreadable.append((Path(error.filename), error.strerror or "can't be opened"))
