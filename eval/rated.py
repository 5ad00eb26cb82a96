"""Cases from what people said of answers. They are drafts, which a person reviews before they count."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.prompt import Prompt

from eval.dataset import DatasetError, parse_case
from rag.storage.feedback import Rated

KIND = "feedback"


def drafts(rated: Iterable[Rated]) -> list[dict[str, Any]]:
    """A draft of a case for each rated answer, as a line of a questions file; ``note`` says what a person said.

    An answer rated up is a gold answer with its sources, and a refusal rated up a question that cannot be answered. Of
    an answer rated down only the question is known, and what the person said the right answer is.
    """
    return [_draft(one) for one in rated]


def _draft(rated: Rated) -> dict[str, Any]:
    answer = rated.answer
    good = rated.rating == "up"
    said = " ".join(sentence["text"] for sentence in answer["sentences"])
    right = (rated.correct_answer or "").strip() or (said if good else "")
    cited = [citation["url"] for citation in answer["citations"] if citation["url"]]
    return {
        "id": f"feedback-{answer['id']}",
        "question": answer.get("standalone_question") or answer["question"],
        "question_lang": answer["question_lang"],
        "answers": [right] if right else [],
        # Whoever rates down may do so because the sources are wrong.
        "source_links": list(dict.fromkeys(cited)) if good else [],
        "gold_text": None,
        "answerable": not good or bool(answer["answered"]),
        "kind": KIND,
        "reviewed": False,
        "note": _note(rated),
    }


def _note(rated: Rated) -> str:
    said = [f"rated {rated.rating} at {rated.when}"]
    said += [f"comment: {rated.comment}"] if rated.comment else []
    return "; ".join([*said, f"the answer was: {rated.answer['answer']}"])


def write_drafts(lines: list[dict[str, Any]], out: Path) -> tuple[int, int]:
    """Add drafts to a questions file; those it has stay as they were reviewed. Returns how many were added and had.

    Raises:
        DatasetError: the file is there and is no questions file.
    """
    known = read_lines(out) if out.exists() else []
    ids = {line["id"] for line in known}
    new = [line for line in lines if line["id"] not in ids]
    _write(out, [*known, *new])
    return len(new), len(lines) - len(new)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a questions file with every key they have, in order.

    Raises:
        DatasetError: the file cannot be read, or a line is no case.
    """
    lines = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                value = json.loads(line)
                parse_case(value)
            except ValueError as error:
                raise DatasetError(f"{path}:{number}: {error}") from error
            lines.append(value)
    return lines


def review(path: Path, console: Console) -> tuple[int, int]:
    """Show each draft of a file to a person, who keeps or drops it. Returns how many were kept and dropped.

    The file is written after each decision, so that stopping loses none.
    """
    lines = read_lines(path)
    counts = {"keep": 0, "drop": 0}
    waiting = [line for line in lines if not line.get("reviewed", True) and not line.get("dropped")]
    for number, line in enumerate(waiting, start=1):
        console.rule(f"{number} of {len(waiting)}")
        for key in ("question", "answers", "source_links", "answerable", "note"):
            console.print(f"{key}: {line.get(key)}", markup=False, highlight=False)
        try:
            choice = _decide(line, console)
        except EOFError:  # nobody is there to type
            break
        if choice != "later":
            counts[choice] += 1
            _write(path, lines)
    return counts["keep"], counts["drop"]


def _decide(line: dict[str, Any], console: Console) -> str:
    """What a person makes of a draft, which is changed accordingly."""
    choice = Prompt.ask("keep it as a case?", choices=["keep", "drop", "answer", "later"], console=console)
    if choice == "answer":
        line["answers"] = [Prompt.ask("the right answer", console=console)]
        line["answerable"] = True
        choice = "keep"
    if choice != "later":
        # What was dropped stays in the file: else the same feedback would bring it back.
        line["reviewed" if choice == "keep" else "dropped"] = True
    return choice


def _write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
