"""From a rated answer to a question of the evaluation, with a person in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import settings_for
from rich.console import Console

from eval import rated
from eval.__main__ import main
from eval.dataset import DatasetError, choose_cases, load_questions, parse_case
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant

LINK = "https://news.example/tamm"
ASKED = {
    "en": "Which bridge was closed in May?",
    "zh": "五月关闭的是哪座大桥？",
    "de": "Welche Brücke wurde im Mai gesperrt?",
}
TEXTS = {
    "en": "The bridge over the river Tamm was closed in May.",
    "zh": "塔姆河上的大桥在五月关闭了。",
    "de": "Die Brücke über die Tamm wurde im Mai gesperrt.",
}


@pytest.fixture
def assistant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Assistant]:
    """The real product over one article in three languages, in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "news").mkdir()
    for lang, text in TEXTS.items():
        (tmp_path / "news" / f"{lang}.md").write_text(f"[Source Link]({LINK})\n\n{text}\n", encoding="utf-8")
    settings = settings_for(tmp_path / ".rag")
    run_ingest(settings, [tmp_path / "news"])
    opened = open_assistant(settings)
    yield opened
    opened.close()


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("lang", ASKED)
def test_a_good_answer_is_a_gold_answer_with_its_source(assistant: Assistant, tmp_path: Path, lang: str) -> None:
    answer = assistant.ask(ASKED[lang])
    assistant.rate(answer.id, "up", comment="👍")
    assert main(["cases", "from-feedback", "--out", "q.jsonl"]) == 0
    (line,) = lines_of(tmp_path / "q.jsonl")
    case = parse_case(line)
    assert (case.question, case.question_lang, case.answers) == (ASKED[lang], lang, (TEXTS[lang],))
    assert (case.source_links, case.answerable, case.reviewed) == ((LINK,), True, False)
    assert "👍" in line["note"]


def test_of_a_bad_answer_only_what_the_person_says_is_kept(assistant: Assistant, tmp_path: Path) -> None:
    answer = assistant.ask(ASKED["de"])
    assistant.rate(answer.id, "down", correct_answer="Keine, es war der Tunnel.")
    main(["cases", "from-feedback", "--out", "q.jsonl"])
    case = parse_case(lines_of(tmp_path / "q.jsonl")[0])
    assert (case.answers, case.source_links, case.answerable) == (("Keine, es war der Tunnel.",), (), True)


def test_a_refusal_that_was_right_is_a_question_without_an_answer(assistant: Assistant, tmp_path: Path) -> None:
    answer = assistant.ask("明天彩票的中奖号码是什么？")
    assert not answer.answered
    assistant.rate(answer.id, "up")
    main(["cases", "from-feedback", "--out", "q.jsonl"])
    case = parse_case(lines_of(tmp_path / "q.jsonl")[0])
    assert (case.answers, case.answerable) == ((), False)


def test_what_is_there_already_stays_as_it_was_reviewed(
    assistant: Assistant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for lang in ("en", "de"):
        assistant.rate(assistant.ask(ASKED[lang]).id, "up")
        main(["cases", "from-feedback", "--out", "q.jsonl"])
        lines = lines_of(tmp_path / "q.jsonl")
        lines[0]["reviewed"] = True
        (tmp_path / "q.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert [line["reviewed"] for line in lines_of(tmp_path / "q.jsonl")] == [True, False]
    assert "1 drafts added, 1 were there" in capsys.readouterr().out


def test_without_feedback_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cases", "from-feedback", "--data-dir", str(tmp_path), "--out", "q.jsonl"]) == 2
    assert "no answer was rated yet" in capsys.readouterr().err


# --- Review ------------------------------------------------------------------------------------------------


def draft(number: int, **changes: Any) -> dict[str, Any]:
    line = {"id": f"f{number}", "question": f"Frage {number}?", "question_lang": "de", "answers": ["Ulm"]}
    return {**line, "reviewed": False, "note": "rated up", **changes}


def review(path: Path, typed: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    left = list(typed)

    def type_next(_prompt: object = None) -> str:
        if not left:
            raise EOFError
        return left.pop(0)

    monkeypatch.setattr("builtins.input", type_next)
    return rated.review(path, Console(quiet=True))


def test_a_person_keeps_drops_mends_or_puts_off_each_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "q.jsonl"
    rated.write_drafts([draft(1), draft(2), draft(3, answers=[], answerable=False), draft(4)], path)
    assert review(path, ["keep", "drop", "answer", "Neu-Ulm", "later"], monkeypatch) == (2, 1)
    problems: list[str] = []
    cases = choose_cases([], [path], problems)
    assert [(case.id, case.answers, case.answerable) for case in cases] == [
        ("f1", ("Ulm",), True),
        ("f3", ("Neu-Ulm",), True),
    ]
    assert problems[0].startswith("questions left out because no person has reviewed and kept them: 2")
    # The one that was put off is shown again, the one that was dropped is not, and does not come back.
    assert review(path, ["keep"], monkeypatch) == (1, 0)
    assert rated.write_drafts([draft(2)], path) == (0, 1)


def test_decisions_are_kept_when_the_person_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "q.jsonl"
    rated.write_drafts([draft(1), draft(2)], path)
    assert review(path, ["keep"], monkeypatch) == (1, 0)
    assert [case.reviewed for case in load_questions(path)] == [True, False]


def test_drafts_that_nobody_looked_at_are_not_asked(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    rated.write_drafts([draft(1)], path)
    with pytest.raises(DatasetError, match="none of the 1 questions was reviewed and kept"):
        choose_cases([], [path], [])


def test_a_file_that_holds_no_questions_is_not_added_to(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Notizen\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"notes\.txt:1"):
        rated.write_drafts([draft(1)], path)
    assert path.read_text(encoding="utf-8") == "Notizen\n"
