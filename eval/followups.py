"""Conversations: whether follow-up questions are understood, and questions about something else left as they are.

A file holds one conversation a line: ``{"id", "lang", "turns": [{"question", "article", "follow_up"}]}``. ``article``
is the file that answers, or null where none does; ``follow_up`` says that the question can't be understood alone.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table
from rich.text import Text

from eval.dataset import DatasetError
from eval.metrics import estimate_mean
from eval.parties import throwaway_assistant, throwaway_index
from eval.progress import progress_bar
from eval.tables import console_for, figure
from rag.assistant import Assistant
from rag.settings import load_settings
from rag.types import LANGS, Answer, Lang, Turn


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a conversation and what must be found for it."""

    question: str
    article: str | None
    follow_up: bool


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions that one person asks in this order."""

    id: str
    lang: Lang
    turns: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question, asked with the conversation before it and asked bare."""

    conversation: str
    lang: Lang
    asked: Asked
    first: bool  # of its conversation, so that nothing can be understood or dragged along
    standalone: str | None
    found: str | None  # the file of the first passage
    found_bare: str | None
    answered: bool

    @property
    def right(self) -> bool:
        """Whether the first passage is of the right article."""
        return self.found == self.asked.article

    @property
    def rewritten_rightly(self) -> bool:
        """Whether a follow-up was rewritten, and any other question was not."""
        return (self.standalone is not None) == self.asked.follow_up


Choice = Callable[[Outcome], bool]
Value = Callable[[Outcome], bool]


def _follow_up(one: Outcome) -> bool:
    return one.asked.follow_up and one.asked.article is not None


def _change(one: Outcome) -> bool:
    return not one.first and not one.asked.follow_up and one.asked.article is not None


# Each row: what it is called, which questions it counts, what is a success.
ROWS: tuple[tuple[str, Choice, Value], ...] = (
    ("follow-ups: right article first", _follow_up, lambda one: one.right),
    ("  asked bare", _follow_up, lambda one: one.found_bare == one.asked.article),
    ("  answered", _follow_up, lambda one: one.answered),
    ("topic changes: right article first", _change, lambda one: one.right),
    ("  asked bare", _change, lambda one: one.found_bare == one.asked.article),
    ("follow-ups rewritten", lambda one: one.asked.follow_up, lambda one: one.rewritten_rightly),
    ("others left as they are", lambda one: not one.asked.follow_up, lambda one: one.rewritten_rightly),
)


def followups_command(args: Namespace) -> int:
    """``python -m eval followups``."""
    print_outcomes(ask_file(args.file, args.articles), console_for(sys.stdout))
    return 0


def ask_file(path: Path, articles: Path | None) -> list[Outcome]:
    """The conversations of a file, asked over a folder of articles (None: that of the settings)."""
    conversations = load_conversations(path)
    settings = load_settings(articles=articles)
    with (
        progress_bar() as progress,
        throwaway_index(settings, settings.articles.resolve(), progress) as folder,
        throwaway_assistant(settings, folder) as assistant,
    ):
        return ask_all(assistant, conversations, progress)


def load_conversations(path: Path) -> list[Conversation]:
    """The conversations of a file, in its order.

    Raises:
        DatasetError: the file cannot be read, or a line is no conversation; names the file and the line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(parse_conversation(json.loads(line)))
            except ValueError as error:  # JSONDecodeError is one
                raise DatasetError(f"{path}:{number}: {error}") from error
    if not found:
        raise DatasetError(f"{path}: holds no conversation")
    return found


def parse_conversation(value: Any) -> Conversation:
    """One JSON object as a conversation.

    >>> turn = {"question": "Why?", "article": "a.md", "follow_up": True}
    >>> parse_conversation({"id": "1", "lang": "en", "turns": [turn]}).turns
    (Asked(question='Why?', article='a.md', follow_up=True),)
    >>> parse_conversation({"id": "1", "lang": "fr", "turns": [turn]})
    Traceback (most recent call last):
    ValueError: "lang" must be one of zh, en, de, not 'fr'
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("id"), str):
        raise ValueError('a conversation is an object with an "id"')
    lang, turns = value.get("lang"), value.get("turns")
    if lang not in LANGS:
        raise ValueError(f'"lang" must be one of {", ".join(LANGS)}, not {lang!r}')
    if not isinstance(turns, list) or not turns:
        raise ValueError('"turns" must be a list that holds a question')
    return Conversation(value["id"], lang, tuple(_parse_turn(turn) for turn in turns))


def _parse_turn(value: Any) -> Asked:
    if not isinstance(value, Mapping) or not isinstance(value.get("question"), str):
        raise ValueError('a turn is an object with a "question"')
    article, follow_up = value.get("article"), value.get("follow_up")
    if not (article is None or isinstance(article, str)) or not isinstance(follow_up, bool):
        raise ValueError('"article" must be a file name or null, "follow_up" true or false')
    return Asked(value["question"], article, follow_up)


def ask_all(assistant: Assistant, conversations: Sequence[Conversation], progress: Progress) -> list[Outcome]:
    """Every question of every conversation, with the answers that were really given as its history, and bare."""
    outcomes = []
    bar = progress.add_task("asking", total=sum(len(one.turns) for one in conversations))
    for conversation in conversations:
        history: list[Turn] = []
        for asked in conversation.turns:
            answer = assistant.ask(asked.question, history=history, include_qa=False)
            bare = assistant.ask(asked.question, include_qa=False) if history else answer
            outcomes.append(
                Outcome(
                    conversation.id,
                    conversation.lang,
                    asked,
                    first=not history,
                    standalone=answer.standalone_question,
                    found=_first_file(answer),
                    found_bare=_first_file(bare),
                    answered=answer.answered,
                )
            )
            history += [Turn("user", asked.question), Turn("assistant", answer.answer)]
            progress.advance(bar)
    return outcomes


def _first_file(answer: Answer) -> str | None:
    return answer.passages[0].file if answer.passages else None


def print_outcomes(outcomes: Sequence[Outcome], console: Console) -> None:
    """The figures by language of the conversation, and each question that went wrong."""
    console.print(table(outcomes))
    console.print("mean [95 % interval] n = questions", markup=False, highlight=False)
    for line in wrong(outcomes):
        console.print(line, markup=False, highlight=False)


def table(outcomes: Sequence[Outcome]) -> Table:
    """The figures by language of the conversation."""
    columns: dict[str, list[Outcome]] = {
        lang: [one for one in outcomes if one.lang == lang]
        for lang in LANGS
        if any(one.lang == lang for one in outcomes)
    }
    columns["all"] = list(outcomes)
    shown = Table("measure", *(Column(Text(name)) for name in columns), title="conversations", title_justify="left")
    for name, choice, value in ROWS:
        shown.add_row(Text(name), *(Text(_cell(group, choice, value)) for group in columns.values()))
    return shown


def _cell(outcomes: Iterable[Outcome], choice: Choice, value: Value) -> str:
    return figure(estimate_mean([float(value(one)) for one in outcomes if choice(one)]))


def wrong(outcomes: Iterable[Outcome]) -> list[str]:
    """A line for each question for which another article came first, or that was not rewritten rightly."""
    lines = []
    for one in outcomes:
        missed = one.asked.article is not None and not one.right
        if missed or not one.rewritten_rightly:
            what = f"found {one.found} in place of {one.asked.article}" if missed else "found rightly"
            how = f"as {one.standalone!r}" if one.standalone else "as it is"
            lines.append(f"{one.conversation}: {one.asked.question!r} asked {how}: {what}")
    return lines
