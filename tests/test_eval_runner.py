"""Runs over a scripted assistant: what is asked, what is counted, and what a broken assistant cannot hide."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from eval_fakes import (
    LANGS_OF,
    TEXTS,
    ScriptedAssistant,
    answer_from,
    answerable_cases,
    citation,
    passage,
    perfect,
    refusal,
    same_or_nothing,
    unanswerable_cases,
)

from eval import parties, provenance
from eval.checkpoint import Checkpoint, load
from eval.dataset import Case, choose_cases, read_articles
from eval.parties import Parties, throwaway_index
from eval.plan import Plan
from eval.progress import progress_bar
from eval.records import Record, from_json, to_json
from eval.results import load_run, run_json, write_run
from eval.runner import Run, evaluate, run
from eval.scorers import JUDGE, LOWER_IS_BETTER, Tools
from eval.summary import MEASURES, Summary, summarise
from rag.errors import QuestionError
from rag.ingesting.ingestion import Step
from rag.settings import Settings, load_settings
from rag.types import Answer, AnswererName, Usage

KNOWN = answerable_cases()
CASES = [*KNOWN, *unanswerable_cases()]
TOLD = [measure for measure in MEASURES if measure not in JUDGE]  # without a judge
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def records_of(
    assistant: ScriptedAssistant, cases: Sequence[Case] = CASES, answerer: AnswererName | None = None
) -> tuple[Record, ...]:
    parties = Parties(assistant, Tools(TEXTS.get, same_or_nothing, LANGS_OF), answerer)
    return evaluate(parties, cases, progress_bar())


def summary_of(script: Mapping[str, Answer | BaseException]) -> Summary:
    return summarise(records_of(ScriptedAssistant(script)))


def plain(value: Any) -> Any:
    """A value as JSON knows it: lists and no tuples."""
    return json.loads(json.dumps(value))


def means(summary: Summary) -> dict[str, float | None]:
    return {measure: found.mean if found else None for measure, found in summary.overall.items()}


def test_a_perfect_assistant_has_full_marks_in_every_measure_and_language() -> None:
    summary = summary_of(perfect(CASES))
    best = {measure: 0.0 if measure in LOWER_IS_BETTER else 1.0 for measure in TOLD}
    assert {measure: mean for measure, mean in means(summary).items() if measure not in JUDGE} == best
    assert list(summary.by_lang) == ["zh", "en", "de"]
    for group in summary.by_lang.values():
        assert {measure: group[measure].mean for measure in TOLD if group[measure]} == best  # type: ignore[union-attr]
    assert {pair: found["hit@1"].mean for pair, found in summary.by_pair.items() if found["hit@1"]} == dict.fromkeys(
        ("de→de", "en→en", "zh→zh"), 1.0
    )
    assert list(summary.by_kind) == ["known", "unknown"]


def test_an_assistant_that_always_refuses_answers_nothing() -> None:
    found = means(summary_of({case.question: refusal(case) for case in CASES}))
    assert (found["answer_rate"], found["refusal_recall"], found["refusal_precision"]) == (0.0, 1.0, 0.5)
    assert found["confidence_auc"] == 0.5
    assert found["quote_exact"] is None


def test_an_assistant_that_never_refuses_is_caught() -> None:
    script = {case.question: answer_from(case, case.id if case.answerable else "en1") for case in CASES}
    found = means(summary_of(script))
    assert (found["answer_rate"], found["refusal_recall"], found["refusal_precision"]) == (1.0, 0.0, None)
    assert (found["quote_exact"], found["token_f1"]) == (1.0, 1.0)


def test_an_assistant_that_takes_the_wrong_article_is_caught() -> None:
    wrong = {"en1": "de1", "de1": "zh1", "zh1": "en1"}
    found = means(summary_of({**perfect(CASES), **{c.question: answer_from(c, wrong[c.id]) for c in KNOWN}}))
    assert (found["hit@1"], found["mrr"], found["cited_gold"], found["quote_exact"]) == (0.0, 0.0, 0.0, 1.0)


def test_an_assistant_whose_offsets_are_off_is_caught() -> None:
    off = {c.question: replace(answer_from(c, c.id), citations=(replace(citation(c.id), start=2),)) for c in KNOWN}
    found = means(summary_of({**perfect(CASES), **off}))
    assert (found["quote_exact"], found["citation_recall"], found["cited_gold"]) == (0.0, 1.0, 1.0)


def test_the_articles_own_answers_are_shut_out() -> None:
    assistant = ScriptedAssistant(perfect(CASES))
    records_of(assistant, answerer="llm")
    assert assistant.asked == [(case.question, False, "llm") for case in CASES]


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: case.question_lang)
@pytest.mark.parametrize("kind", ["qa", "body"])
def test_a_passage_that_holds_the_question_fails_the_case(case: Case, kind: str) -> None:
    leaking = replace(passage(case.id), text=f"- **{case.question}**\n  {TEXTS[case.id]}")
    if kind == "qa":
        leaking = replace(passage(case.id), kind="qa")
    answer = replace(answer_from(case, case.id), passages=(leaking,))
    (record,) = records_of(ScriptedAssistant({case.question: answer}), [case])
    assert record.error is not None
    assert f"passage {case.id}:0 of {case.id}.md holds the question nearly word for word (1.000" in record.error
    summary = summarise([record])
    assert (summary.leaked, summary.failed, summary.overall["hit@1"]) == (1, 1, None)


def test_asked_both_ways_a_leak_is_shown_and_measured() -> None:
    case = KNOWN[0]
    answer = replace(answer_from(case, case.id), passages=(replace(passage(case.id), text=case.question),))
    assistant = ScriptedAssistant({case.question: answer})
    tools = Tools(TEXTS.get, same_or_nothing, LANGS_OF)
    (record,) = evaluate(Parties(assistant, tools, with_qa=assistant), [case], progress_bar())
    assert (record.error, record.leak) == (None, 1.0)
    assert record.with_qa is not None
    assert record.with_qa.scores["hit@1"] == 1.0
    assert [include_qa for _, include_qa, _ in assistant.asked] == [False, True]
    summary = summarise([record])
    assert (summary.leaked, summary.failed) == (1, 0)
    assert summary.with_qa is not None


def test_a_case_that_raises_fails_and_the_run_goes_on() -> None:
    script: dict[str, Answer | BaseException] = {**perfect(CASES), CASES[1].question: ValueError("no vector")}
    records = records_of(ScriptedAssistant(script))
    assert [record.case.id for record in records] == [case.id for case in CASES]
    assert [record.error for record in records if record.error] == ["ValueError: no vector"]
    summary = summarise(records)
    assert (summary.cases, summary.failed) == (6, 1)
    hits = summary.overall["hit@1"]
    assert hits is not None
    assert (hits.n, hits.mean) == (2, 1.0)


def test_an_answerer_that_is_not_set_up_stops_the_run_at_once() -> None:
    script = {case.question: QuestionError("answerer llm is not set up") for case in CASES}
    assistant = ScriptedAssistant(script)
    with pytest.raises(QuestionError):
        records_of(assistant, answerer="llm")
    assert len(assistant.asked) == 1


def test_an_interval_says_how_many_cases_it_rests_on() -> None:
    summary = summary_of(perfect(CASES))
    counts = {measure: found.n for measure, found in summary.overall.items() if found}
    assert (counts["hit@1"], counts["refusal_recall"], counts["confidence_auc"]) == (3, 3, 6)


# --- A whole run, with everything around it replaced -------------------------------------------------------


class Stage:
    """Stands in for the assembly: remembers the settings that the index was made with."""

    def __init__(self, script: Mapping[str, Answer | BaseException]) -> None:
        self.assistant = ScriptedAssistant(script)
        self.settings: list[Settings] = []
        self.ingested: list[Path] = []

    def run_ingest(self, settings: Settings, paths: Sequence[Path], *, include_qa: bool, progress: Step) -> None:
        assert not include_qa
        progress("news", 1, 1)
        assert settings.data_dir.is_dir()
        self.settings.append(settings)
        self.ingested.extend(paths)

    def open_assistant(self, settings: Settings) -> ScriptedAssistant:
        self.settings.append(settings)
        return self.assistant


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage(perfect(CASES))
    monkeypatch.setattr(parties, "run_ingest", made.run_ingest)
    monkeypatch.setattr(parties, "open_assistant", made.open_assistant)
    return made


def secret_settings(data_dir: Path) -> Settings:
    return load_settings(
        data_dir=data_dir,
        chroma_url="http://chroma.example:8000",
        chroma_token="token-secret",
        api_keys="key-secret",
        openai_base_url="http://me:password-secret@llm.example/v1",
        openai_api_key="openai-secret",
    )


def test_the_index_of_a_run_is_its_own_and_is_thrown_away(tmp_path: Path, stage: Stage) -> None:
    with throwaway_index(secret_settings(tmp_path / "people"), tmp_path / "news", progress_bar()) as folder:
        assert folder.is_dir()
    assert stage.ingested == [tmp_path / "news"]
    used = stage.settings[-1]
    assert (used.chroma_url, used.data_dir) == (None, folder)
    assert folder != tmp_path / "people"
    assert not folder.exists()


def plan_of(tmp_path: Path, cases: Sequence[Case] = CASES, *, baseline: bool = False) -> Plan:
    return Plan("news", tmp_path / "news", tuple(cases), NOON, baseline=baseline)


def whole_run(stage: Stage, tmp_path: Path) -> Run:
    done = run(plan_of(tmp_path), secret_settings(tmp_path), [])
    assert stage.assistant.closed
    return done


def test_a_run_knows_what_it_was_made_with_and_keeps_no_secret(tmp_path: Path, stage: Stage) -> None:
    done = whole_run(stage, tmp_path)
    assert done.version == "0.0.0"
    assert done.settings["embed_model"] == "fake"
    assert done.settings["openai_base_url"] == "http://llm.example/v1"
    assert "secret" not in json.dumps(run_json(done))
    assert "chroma" not in json.dumps(done.settings)  # the run has an index of its own


def test_results_can_be_read_case_by_case(tmp_path: Path, stage: Stage) -> None:
    write_run(whole_run(stage, tmp_path), tmp_path / "out")
    written = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert set(written) == {"run", "settings", "summary", "cases"}
    case = written["cases"][1]
    assert {"id", "question", "question_lang", "truncated", "answer", "gold", "scores"} <= set(case)
    assert (case["question"], case["answer"]["citations"][0]["quote"]) == ("谁创立了Scale？", TEXTS["zh1"])
    assert case["gold"]["answers"] == [TEXTS["zh1"], "2016"]
    assert case["scores"]["hit@1"] == {"value": 1.0, "reason": "rank 1 of 1 passages"}
    assert case["scores"]["refusal_recall"]["value"] is None
    overall = written["summary"]["overall"]["hit@1"]
    assert overall == {"n": 3, "mean": 1.0, "low": 1.0, "high": 1.0}
    assert (written["summary"]["rivals"], written["summary"]["with_qa"], written["summary"]["judge"]) == (
        {},
        None,
        None,
    )
    assert case["found"][0]["gold"] is True
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "results.json",
        "run.json",
        "report.html",
        "report.md",
    }
    head = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert (head["name"], head["cases"], head["headline"][0]["measure"]) == ("news", 6, "right")


def test_a_run_that_is_read_again_is_the_same_run(tmp_path: Path, stage: Stage) -> None:
    stage.assistant.script = {**perfect(CASES), CASES[0].question: RuntimeError("gone")}
    done = whole_run(stage, tmp_path)
    write_run(done, tmp_path / "out")
    again = load_run(tmp_path / "out")
    assert plain(run_json(again)) == plain(run_json(done))
    assert again.summary == done.summary


def test_what_answers_cost_is_added_up(stage: Stage, tmp_path: Path) -> None:
    script = perfect(CASES)
    for case in CASES[:2]:
        script[case.question] = replace(script[case.question], usage=Usage(1, 900, 40, 0.25))
    stage.assistant.script = script
    assert whole_run(stage, tmp_path).summary.usage == Usage(2, 1800, 80, 0.5)


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path, stage: Stage) -> None:
    class StopError(BaseException):
        """Whatever ends a process in mid-run."""

    stage.assistant.script = {**perfect(CASES), CASES[3].question: StopError()}
    keep = Checkpoint.start(tmp_path / "out", {"questions": "these"})
    with pytest.raises(StopError):
        run(plan_of(tmp_path), secret_settings(tmp_path), [], keep=keep)
    keep.close()
    with (tmp_path / "out" / "unfinished.jsonl").open("a", encoding="utf-8") as file:
        file.write('\n{"id": "half a li')
    about, done = load(tmp_path / "out")
    assert (about, list(done)) == ({"questions": "these"}, [case.id for case in CASES[:3]])
    stage.assistant.script = perfect(CASES)
    stage.assistant.asked.clear()
    again = Checkpoint.go_on(tmp_path / "out")
    finished = run(plan_of(tmp_path), secret_settings(tmp_path), [], keep=again, done=done)
    assert [question for question, _, _ in stage.assistant.asked] == [case.question for case in CASES[3:]]
    assert [record.case.id for record in finished.records] == [case.id for case in CASES]
    assert means(finished.summary)["right"] == 1.0
    again.close()
    assert len(load(tmp_path / "out")[1]) == 6
    again.done()
    assert not (tmp_path / "out" / "unfinished.jsonl").exists()


def test_a_record_comes_back_from_json_as_it_was(stage: Stage, tmp_path: Path) -> None:
    for record in whole_run(stage, tmp_path).records:
        assert plain(to_json(from_json(plain(to_json(record))))) == plain(to_json(record))


def test_a_failed_case_is_written_with_its_error(tmp_path: Path, stage: Stage) -> None:
    stage.assistant.script = {**perfect(CASES), CASES[0].question: RuntimeError("gone")}
    done = whole_run(stage, tmp_path)
    assert [result.error for result in done.failed] == ["RuntimeError: gone"]
    case = run_json(done)["cases"][0]
    assert (case["answer"], case["scores"], case["error"]) == (None, {}, "RuntimeError: gone")


def test_a_question_that_is_no_valid_unicode_can_be_written(tmp_path: Path, stage: Stage) -> None:
    odd = Case("odd", "Wh\udc80?", "en", answerable=False)
    stage.assistant.script = {odd.question: refusal(odd)}
    done = run(plan_of(tmp_path, [odd]), secret_settings(tmp_path), [])
    write_run(done, tmp_path / "out")
    written = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert written["cases"][0]["question"] == "Wh\udc80?"


def test_without_git_the_commit_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance.git_commit() is None


def test_a_real_run_over_three_languages_proves_every_sentence(tmp_path: Path) -> None:
    news = tmp_path / "news"
    news.mkdir()
    qa = {
        "en": (
            "## Questions & Answers:",
            "Which bridge was closed?",
            "The bridge over the river Tamm was closed.",
            "Answer",
        ),
        "zh": ("## 问与答：", "哪座大桥关闭了？", "塔姆河上的大桥关闭了。", "答"),
        "de": (
            "## Fragen und Antworten",
            "Welche Brücke ist gesperrt?",
            "Die Brücke über die Tamm ist gesperrt.",
            "Antwort",
        ),
    }
    for lang, (title, question, answer, label) in qa.items():
        text = f"{answer}\n\n{title}\n- {question}\n   - {label}: {answer}\n"
        (news / f"{lang}.md").write_text(text, encoding="utf-8")
    articles, problems = read_articles(news)
    cases = choose_cases(articles, [], problems)
    settings = load_settings(data_dir=tmp_path / "unused", embed_model="local-fast")
    done = run(plan_of(tmp_path, cases, baseline=True), settings, articles)
    found = means(done.summary)
    assert (problems, done.failed) == ([], ())
    assert [found[name] for name in ("hit@5", "quote_exact", "citation_recall")] == [1.0, 1.0, 1.0]
    assert list(done.summary.rivals) == ["plain pipeline", "dense only", "lexical only"]
    plain, dense = (done.summary.rivals[name].overall for name in ("plain pipeline", "dense only"))
    assert plain["refusal_recall"] is not None
    assert plain["refusal_recall"].mean == 0.0
    assert dense["hit@5"] is not None
    assert (dense["hit@5"].mean, dense["contains"]) == (1.0, None)
    assert not (tmp_path / "unused").exists()
