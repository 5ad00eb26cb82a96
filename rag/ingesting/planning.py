"""What an ingest has to look at: the files that paths, folders and patterns name, and what of the index is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from rag.errors import ArticleError
from rag.ingesting.folders import expand, is_pattern, look_into
from rag.reading.formats import INDEXED
from rag.storage.truth import KnownFile


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do about some paths."""

    wanted: dict[Path, Path] = field(default_factory=dict)  # files to look at, each with the folder it is named from
    gone: set[str] = field(default_factory=set)  # paths of the index that are no longer there
    unreadable: list[tuple[Path, str]] = field(default_factory=list)  # folders; what is indexed from them stays
    others: Counter[str] = field(default_factory=Counter)  # files of no kind that can be read, by suffix


def make_plan(paths: Sequence[Path], known: Iterable[KnownFile]) -> Plan:
    """What to look at, and what is gone, of these files, folders and patterns.

    Raises:
        ArticleError: a path does not exist and nothing was indexed from it, or a folder lost all its articles.
    """
    indexed = [entry.path for entry in known]
    plan = Plan()
    for given in paths:
        path = given.expanduser().absolute() if is_pattern(given) else given.expanduser().resolve()
        if path.is_dir():
            _plan_folder(plan, given, path, indexed)
        elif path.is_file():
            plan.wanted.setdefault(path, path.parent)
        elif below := [one for one in indexed if one == str(path) or Path(one).is_relative_to(path)]:
            plan.gone.update(below)
        elif is_pattern(path):
            _plan_pattern(plan, path, indexed)
        else:
            raise ArticleError(f"{given} does not exist")
    plan.gone.difference_update(map(str, plan.wanted))
    return plan


def _plan_folder(plan: Plan, given: Path, folder: Path, indexed: Sequence[str]) -> None:
    found = look_into(folder)
    below = {one for one in indexed if Path(one).is_relative_to(folder)}
    if below and not found.files:  # an unmounted disk looks like this; it must not empty the index
        raise ArticleError(
            f"{given} holds no article any more, but {len(below)} are indexed from it; "
            "to remove them, name the files, or delete the data folder"
        )
    for file in found.files:
        plan.wanted.setdefault(file, folder)
    closed = [where for where, _ in found.unreadable]
    plan.gone.update(one for one in below if not any(Path(one).is_relative_to(where) for where in closed))
    plan.unreadable.extend(found.unreadable)
    plan.others.update(found.others)


def _plan_pattern(plan: Plan, pattern: Path, indexed: Sequence[str]) -> None:
    root = next(parent for parent in pattern.parents if not is_pattern(parent)).resolve()
    files = [found.resolve() for found in expand(pattern) if found.is_file() and found.name.lower().endswith(INDEXED)]
    below = {one for one in indexed if fnmatchcase(one, str(pattern))}
    if not files and not below:
        raise ArticleError(f"no article matches {pattern}")
    for file in files:
        plan.wanted.setdefault(file, root if file.is_relative_to(root) else file.parent)
    plan.gone.update(below)
