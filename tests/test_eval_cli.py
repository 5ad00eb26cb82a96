"""The evaluation as people type it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from eval_fakes import (
    TEXTS,
    ScriptedAssistant,
    answer_from,
    answerable_cases,
    link,
    passage,
    perfect,
    refusal,
    unanswerable_cases,
)
from model_server import scripted_server, yes_to_all

from eval import parties
from eval.__main__ import main
from eval.scorers import JUDGE
from rag.types import Answer

CASES = [*answerable_cases(), *unanswerable_cases()]


@pytest.fixture
def assistant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ScriptedAssistant:
    """Plays a perfect assistant to the command, in a folder of its own with articles and questions."""
    made = ScriptedAssistant(perfect(CASES))

    monkeypatch.setattr(parties, "run_ingest", lambda *_, **__: None)
    monkeypatch.setattr(parties, "open_assistant", lambda _settings: made)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "news").mkdir()
    for name, text in TEXTS.items():
        Path("news", f"{name}.md").write_text(f"[Source Link]({link(name)})\n\n{text}\n", encoding="utf-8")
    lines = [
        {
            "id": case.id,
            "question": case.question,
            "question_lang": case.question_lang,
            "answers": list(case.answers),
            "source_links": list(case.source_links),
            "answerable": case.answerable,
            "kind": case.kind,
        }
        for case in CASES
    ]
    Path("q.jsonl").write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return made


RUN = ["run", "--articles", "news", "--questions", "q.jsonl"]


@pytest.mark.usefixtures("assistant")
def test_a_run_prints_its_figures_and_writes_its_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(RUN) == 0
    printed = capsys.readouterr().out
    assert re.search(r"hit@1 +│ 1\.00 \[1\.00, 1\.00\] n=1 .* 1\.00 \[1\.00, 1\.00\] n=3", printed)
    assert "6 cases: 3 refused, 0 failed, 0 with a gold answer that breaks off" in printed
    (folder,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"\d{8}T\d{6}Z-news", folder.name)
    assert {path.name for path in folder.iterdir()} == {
        "results.json",
        "run.json",
        "report.html",
        "report.md",
    }
    assert f"results: runs/{folder.name}" in printed.replace("\\", "/")


def test_a_failed_case_is_told_and_is_a_failed_run(
    assistant: ScriptedAssistant, capsys: pytest.CaptureFixture[str]
) -> None:
    assistant.script = {**perfect(CASES), CASES[0].question: RuntimeError("gone")}
    assert main(RUN) == 1
    captured = capsys.readouterr()
    assert "failed: en1: RuntimeError: gone" in captured.err
    assert "1 failed" in captured.out


@pytest.mark.usefixtures("assistant")
@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["run", "--articles", "nowhere"], "holds no article"),
        (["run", "--articles", "news"], "give --questions"),
        (["run", "--articles", "news", "--questions", "missing.jsonl"], "missing.jsonl: cannot be read"),
        (["run", "--articles", "news", "--questions", "bad.jsonl"], "bad.jsonl:1: "),
        (["run", "--articles", "news", "--questions", "q.jsonl", "--questions", "q.jsonl"], 'have the id "en1"'),
        (["compare", "nowhere", "nowhere"], "nowhere: cannot be read"),
        (["compare", "bad.jsonl", "bad.jsonl"], "is no results file"),
    ],
)
def test_what_cannot_be_done_is_one_line_on_stderr(
    argv: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.jsonl").write_text('{"id": 7}', encoding="utf-8")
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert says in captured.err


def test_a_folder_for_results_that_cannot_be_is_told_before_anything_is_asked(
    assistant: ScriptedAssistant, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*RUN, "--out", "q.jsonl"]) == 2
    assert "q.jsonl" in capsys.readouterr().err
    assert assistant.asked == []


def test_a_stopped_run_says_how_to_go_on_and_goes_on(
    assistant: ScriptedAssistant, capsys: pytest.CaptureFixture[str]
) -> None:
    assistant.script = {**perfect(CASES), CASES[2].question: KeyboardInterrupt()}
    assert main([*RUN, "--out", "a"]) == 130
    assert f"python -m eval run --resume {Path('a')}" in capsys.readouterr().err
    assistant.script = perfect(CASES)
    assistant.asked.clear()
    assert main(["run", "--resume", "a"]) == 0
    captured = capsys.readouterr()
    assert "going on: 2 of 6 questions are done" in captured.err
    assert "6 cases: 3 refused, 0 failed" in captured.out
    assert len(assistant.asked) == 4
    assert not Path("a", "unfinished.jsonl").exists()


def test_a_run_over_other_questions_is_not_gone_on_with(
    assistant: ScriptedAssistant, capsys: pytest.CaptureFixture[str]
) -> None:
    assistant.script = {**perfect(CASES), CASES[2].question: KeyboardInterrupt()}
    main([*RUN, "--out", "a"])
    lines = Path("q.jsonl").read_text(encoding="utf-8").split("\n")
    Path("q.jsonl").write_text("\n".join(lines[:-1]), encoding="utf-8")
    capsys.readouterr()
    assert main(["run", "--resume", "a"]) == 2
    assert "there changed: questions; begin a new one" in capsys.readouterr().err
    assert main(["run", "--resume", "nowhere"]) == 2
    assert "there is no run to go on with here" in capsys.readouterr().err


def test_a_stopped_run_is_neither_overwritten_nor_changed_in_mid_run(
    assistant: ScriptedAssistant, capsys: pytest.CaptureFixture[str]
) -> None:
    assistant.script = {**perfect(CASES), CASES[2].question: KeyboardInterrupt()}
    main([*RUN, "--out", "a"])
    capsys.readouterr()
    assert main([*RUN, "--out", "a"]) == 2
    assert "a run was stopped here; go on with `python -m eval run --resume a`" in capsys.readouterr().err
    assert main(["run", "--resume", "a", "--limit", "3", "--baseline"]) == 2
    assert "leave out --baseline, --limit" in capsys.readouterr().err


@pytest.mark.parametrize("always", ["YES", "I could not say."])
def test_a_judge_grades_and_says_how_far_it_can_be_trusted(
    assistant: ScriptedAssistant,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    always: str,
) -> None:
    readable = always == "YES"
    with scripted_server(yes_to_all if readable else lambda _: always) as server:
        monkeypatch.setenv("RAG_JUDGE_MODEL", "small")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        assert main([*RUN, "--out", "a"]) == 0
    printed = capsys.readouterr().out
    assert "Cohen's kappa" in printed
    results = json.loads(Path("a", "results.json").read_text(encoding="utf-8"))
    judge, graded = results["summary"]["judge"], results["summary"]["overall"]["judge_faithful"]
    if readable:
        assert graded == {"n": 3, "mean": 1.0, "low": 1.0, "high": 1.0}
        assert judge["agreement"]["kappa"] == 0.0  # whoever always says yes agrees by chance alone
    else:
        assert graded is None
        assert judge["unreadable"] == dict.fromkeys(JUDGE, 3)
        assert "verdicts that could not be read: 3 of judge_faithful" in printed
    assert "Judged by small" in Path("a", "report.html").read_text(encoding="utf-8")
    assert "never-to-be-used" not in Path("a", "results.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("bounds", "code", "says"),
    [
        (["hit@1=1.0", "dropped=0"], 0, None),
        (["answer_rate=0.6"], 0, None),
        (["answer_rate=0.7"], 1, "fail-under: answer_rate is 0.667, below 0.7"),
        (["judge_correct=0.5"], 1, "fail-under: judge_correct applies to no question"),
    ],
)
def test_a_figure_below_its_bound_is_a_failed_run(
    assistant: ScriptedAssistant, capsys: pytest.CaptureFixture[str], bounds: list[str], code: int, says: str | None
) -> None:
    if "answer_rate" in bounds[0]:
        assistant.script = {**perfect(CASES), CASES[0].question: refusal(CASES[0])}
    assert main([*RUN, *(part for bound in bounds for part in ("--fail-under", bound))]) == code
    assert (says or "") in capsys.readouterr().err


@pytest.mark.parametrize("bound", ["hit@1", "hit@1=much", "glory=0.5"])
def test_a_bound_that_is_none_is_refused(bound: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*RUN, "--fail-under", bound])
    assert "--fail-under" in capsys.readouterr().err


def test_a_leak_fails_the_run_loudly(assistant: ScriptedAssistant, capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES[1]
    leaking = replace(answer_from(case, "zh1"), passages=(replace(passage("zh1"), text=f"问：{case.question}答：王"),))
    assistant.script = {**perfect(CASES), case.question: leaking}
    assert main([*RUN, "--out", "a"]) == 1
    captured = capsys.readouterr()
    assert "NOT VALID: for 1 of 6 questions" in captured.out
    assert "failed: zh1: leak: passage zh1:0 of zh1.md holds the question nearly word for word" in captured.err
    assert json.loads(Path("a", "run.json").read_text(encoding="utf-8"))["leaked"] == 1


@pytest.mark.usefixtures("assistant")
def test_a_report_is_written_anew_from_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    main([*RUN, "--out", "a"])
    first = capsys.readouterr().out
    Path("a", "report.html").unlink()
    assert main(["report", "a"]) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == first.splitlines()[:-1]
    assert "谁创立了Scale？" in Path("a", "report.html").read_text(encoding="utf-8")


def test_a_setting_that_does_not_exist_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAG_NO_SUCH_THING", "1")
    assert main(["run"]) == 2
    assert "RAG_NO_SUCH_THING" in capsys.readouterr().err


def test_a_limit_asks_fewer_questions(assistant: ScriptedAssistant) -> None:
    assert main([*RUN, "--limit", "2", "--answerer", "extractive", "--out", "a"]) == 0
    assert [answerer for _, _, answerer in assistant.asked] == ["extractive", "extractive"]


@pytest.mark.parametrize("argv", [["run", "--limit", "0"], ["run", "--answerer", "parrot"], [], ["walk"]])
def test_impossible_arguments_are_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(argv)
    assert raised.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.usefixtures("assistant")
def test_a_source_that_no_article_has_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    Path("news", "de1.md").unlink()
    assert main(RUN) == 0
    assert "warning: questions with a source that no article here has: 1, the first is de1" in capsys.readouterr().err


def test_help_tells_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "(default: RAG_ARTICLES)" in printed
    assert "(default: RAG_RUNS/<UTC time>-<name>)" in printed


# --- Two runs ----------------------------------------------------------------------------------------------


def test_two_equal_runs_differ_in_nothing(assistant: ScriptedAssistant, capsys: pytest.CaptureFixture[str]) -> None:
    main([*RUN, "--out", "a"])
    main([*RUN, "--out", "b"])
    capsys.readouterr()
    assert main(["compare", "a", "b"]) == 0
    printed = capsys.readouterr().out
    assert "B − A over 6 cases in both runs\n" in printed
    assert "+0.000 [+0.000, +0.000] n=3" in printed
    assert "cases that got worse: 0\n" in printed
    assert len(assistant.asked) == 12


def test_a_case_that_got_worse_is_listed_with_what_fell(
    assistant: ScriptedAssistant, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*RUN, "--out", "a"])
    assistant.script = {**perfect(CASES), CASES[1].question: refusal(CASES[1])}
    main([*RUN, "--out", "b"])
    capsys.readouterr()
    assert main(["compare", "a", "b/results.json"]) == 0
    printed = capsys.readouterr().out
    assert "cases that got worse: 1\n" in printed
    assert "zh1  谁创立了Scale？" in printed
    # Both answers side by side, and the gold.
    assert re.search(r"Scale由Alexandr Wang创立于2016年。 \[1\] +│ refused: No article says it\.", printed)
    assert f"gold: {TEXTS['zh1']}" in printed
    assert "answer_rate 1.00 → 0.00" in printed
    # Of three answerable cases one fell from 1 to 0.
    assert re.search(r"answer_rate .*-0\.333 \[-1\.000, \+0\.000\] n=3", printed)


def test_a_case_that_fails_now_is_worst(assistant: ScriptedAssistant, capsys: pytest.CaptureFixture[str]) -> None:
    main([*RUN, "--out", "a"])
    worse: dict[str, Answer | BaseException] = {
        CASES[0].question: refusal(CASES[0]),
        CASES[2].question: ValueError("gone"),
    }
    assistant.script = {**perfect(CASES), **worse}
    main([*RUN, "--out", "b"])
    capsys.readouterr()
    main(["compare", "a", "b", "--worst", "1"])
    printed = capsys.readouterr().out
    assert "cases that got worse: 2\n" in printed
    assert "ValueError: gone" in printed
    assert "Who founded" not in printed
    assert "… and 1 more" in printed


@pytest.mark.usefixtures("assistant")
def test_cases_of_one_run_alone_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    main([*RUN, "--out", "a"])
    main([*RUN, "--out", "b", "--limit", "4"])
    capsys.readouterr()
    assert main(["compare", "a", "b"]) == 0
    assert "over 4 cases in both runs; 2 only in A, 0 only in B" in capsys.readouterr().out


@pytest.mark.usefixtures("assistant")
def test_runs_without_a_common_case_cannot_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    main([*RUN, "--out", "a"])
    text = Path("a", "results.json").read_text(encoding="utf-8").replace('"id": "', '"id": "other-')
    Path("b.json").write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert main(["compare", "a", "b.json"]) == 2
    assert "no case in common" in capsys.readouterr().err
