"""Runs over a scripted assistant: what is asked, what is counted, and what a broken assistant cannot hide."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from eval_fakes import (
    TEXTS,
    ScriptedAssistant,
    answer_from,
    answerable_cases,
    citation,
    passage,
    perfect,
    refusal,
    unanswerable_cases,
)
from llama_index.core import MockEmbedding
from llama_index.core.base.embeddings.base import BaseEmbedding

from eval import runner
from eval.baseline import Baseline, without_qa
from eval.dataset import Case, choose_cases, read_articles
from eval.report import to_json, write_run
from eval.runner import CaseResult, Plan, Run, evaluate, run, throwaway_assistant
from eval.summary import MEASURES, Summary, summarise
from rag.articles import read_article
from rag.errors import QuestionError
from rag.settings import Settings, load_settings
from rag.types import Answer, Article

KNOWN = answerable_cases()
CASES = [*KNOWN, *unanswerable_cases()]


def summary_of(script: Mapping[str, Answer | Exception]) -> Summary:
    results = evaluate(ScriptedAssistant(script), CASES)
    return summarise([(result.case, result.ours) for result in results])


def means(summary: Summary) -> dict[str, float | None]:
    return {measure: found.mean if found else None for measure, found in summary.overall.items()}


def test_a_perfect_assistant_has_full_marks_in_every_measure_and_language() -> None:
    summary = summary_of(perfect(CASES))
    assert means(summary) == dict.fromkeys(MEASURES, 1.0)
    assert {lang: len(found) for lang, found in summary.by_lang.items()} == dict.fromkeys(
        ("zh", "en", "de"), len(MEASURES)
    )
    assert all(found is None or found.mean == 1.0 for group in summary.by_lang.values() for found in group.values())
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
    assert (found["quote_exact"], found["f1"]) == (1.0, 1.0)


def test_an_assistant_that_takes_the_wrong_article_is_caught() -> None:
    wrong = {"en1": "de1", "de1": "zh1", "zh1": "en1"}
    found = means(summary_of({**perfect(CASES), **{c.question: answer_from(c, wrong[c.id]) for c in KNOWN}}))
    assert (found["hit@1"], found["mrr"], found["cited_gold"], found["quote_exact"]) == (0.0, 0.0, 0.0, 1.0)


def test_an_assistant_whose_offsets_are_off_is_caught() -> None:
    off = {c.question: replace(answer_from(c, c.id), citations=(replace(citation(c.id), start=2),)) for c in KNOWN}
    found = means(summary_of({**perfect(CASES), **off}))
    assert (found["quote_exact"], found["cited_sentences"], found["cited_gold"]) == (0.0, 1.0, 1.0)


def test_the_articles_own_answers_are_shut_out() -> None:
    assistant = ScriptedAssistant(perfect(CASES))
    evaluate(assistant, CASES, answerer="llm")
    assert assistant.asked == [(case.question, False, "llm") for case in CASES]


@pytest.mark.parametrize("leak", ["passages", "citations"])
def test_an_answer_key_that_leaks_all_the_same_fails_the_case(leak: str) -> None:
    case = KNOWN[0]
    answer = answer_from(case, "en1")
    if leak == "passages":
        answer = replace(answer, passages=(*answer.passages, replace(passage("de1"), kind="qa")))
    else:
        answer = replace(answer, citations=(replace(citation("en1"), kind="qa"),))
    (result,) = evaluate(ScriptedAssistant({case.question: answer}), [case])
    assert result.error is not None
    assert "include_qa=False" in result.error


def test_a_case_that_raises_fails_and_the_run_goes_on() -> None:
    script: dict[str, Answer | Exception] = {**perfect(CASES), CASES[1].question: ValueError("no vector")}
    results = evaluate(ScriptedAssistant(script), CASES)
    assert [result.case.id for result in results] == [case.id for case in CASES]
    assert [result.error for result in results if result.error] == ["ValueError: no vector"]
    summary = summarise([(result.case, result.ours) for result in results])
    assert (summary.cases, summary.failed) == (6, 1)
    hits = summary.overall["hit@1"]
    assert hits is not None
    assert (hits.n, hits.mean) == (2, 1.0)


def test_an_answerer_that_is_not_set_up_stops_the_run_at_once() -> None:
    script = {case.question: QuestionError("answerer llm is not set up") for case in CASES}
    assistant = ScriptedAssistant(script)
    with pytest.raises(QuestionError):
        evaluate(assistant, CASES, answerer="llm")
    assert len(assistant.asked) == 1


def test_an_interval_says_how_many_cases_it_rests_on() -> None:
    summary = summary_of(perfect(CASES))
    counts = {measure: found.n for measure, found in summary.overall.items() if found}
    assert (counts["hit@1"], counts["refusal_recall"], counts["confidence_auc"]) == (3, 3, 6)


class LengthEmbedding(MockEmbedding):
    """A vector that a person can tell: which of three words a text holds."""

    def _vector(self, text: str) -> list[float]:
        return [0.1 + text.count("apple"), 0.1 + text.count("梨"), 0.1 + text.count("Pflaume")]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._vector(text)

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._vector(query)


def fruit_articles(folder: Path) -> list[Article]:
    texts = {
        "apple.md": "[Source Link](https://news.example/apple)\n\nThe apple is red. It is round. It grows. It falls."
        "\n\n## Questions & Answers:\n- Which fruit is a plum, Pflaume?\n   - Answer: The Pflaume Pflaume Pflaume.\n",
        "pear.md": "[原文链接](https://news.example/pear)\n\n梨是绿色的。梨很甜。\n",
        "plum.md": "[Quelle](https://news.example/plum)\n\nDie Pflaume ist blau. Sie ist süß.\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [read_article(folder / name, folder) for name in texts]


def fruit_embedder() -> BaseEmbedding:
    return LengthEmbedding(embed_dim=3)


def test_the_baseline_does_not_see_the_answer_key(tmp_path: Path) -> None:
    apple = fruit_articles(tmp_path)[0]
    assert sum(len(section.qa) for section in apple.sections) == 1
    text = without_qa(apple)
    assert "Pflaume" not in text
    assert "The apple is red." in text


def test_the_baseline_ranks_by_cosine_and_says_the_first_three_sentences(tmp_path: Path) -> None:
    rival = Baseline(fruit_articles(tmp_path), fruit_embedder())
    answer = rival.ask("Pflaume?", "de")
    assert answer.passages[0].url == "https://news.example/plum"
    assert len(answer.passages) == 3
    assert answer.passages[0].score == pytest.approx(1.0)
    assert answer.answered
    assert len(rival.ask("apple?", "en").sentences) == 3
    assert "Die Pflaume ist blau." in answer.answer


def test_two_baselines_in_one_process_do_not_mix(tmp_path: Path) -> None:
    articles = fruit_articles(tmp_path)
    Baseline(articles, fruit_embedder())
    alone = Baseline(articles[1:2], fruit_embedder())
    assert [found.url for found in alone.search("apple?")] == ["https://news.example/pear"]


def test_a_rival_is_scored_on_what_it_has(tmp_path: Path) -> None:
    case = Case("1", "Pflaume?", "de", ("blau",), ("https://news.example/plum",))
    assistant = ScriptedAssistant({case.question: refusal(case)})
    rival = Baseline(fruit_articles(tmp_path), fruit_embedder())
    (result,) = evaluate(assistant, [case], rival=rival)
    assert result.rival is not None
    values = {measure: score.value for measure, score in result.rival.scores.items()}
    assert (values["hit@1"], values["contains"], values["answer_rate"]) == (1.0, 1.0, 1.0)
    assert "quote_exact" not in values


# --- A whole run, with everything around it replaced -------------------------------------------------------


class Stage:
    """Stands in for the assembly: remembers the settings that the index was made with."""

    def __init__(self, script: Mapping[str, Answer | Exception]) -> None:
        self.assistant = ScriptedAssistant(script)
        self.settings: list[Settings] = []
        self.ingested: list[Path] = []

    def run_ingest(self, settings: Settings, paths: Sequence[Path], *, include_qa: bool) -> None:
        assert not include_qa
        assert settings.data_dir.is_dir()
        self.settings.append(settings)
        self.ingested.extend(paths)

    def open_assistant(self, settings: Settings) -> ScriptedAssistant:
        self.settings.append(settings)
        return self.assistant


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage(perfect(CASES))
    monkeypatch.setattr(runner, "run_ingest", made.run_ingest)
    monkeypatch.setattr(runner, "open_assistant", made.open_assistant)
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
    open_inside: list[bool] = []
    with throwaway_assistant(secret_settings(tmp_path / "people"), tmp_path / "news"):
        open_inside.append(not stage.assistant.closed)
    assert (open_inside, stage.assistant.closed) == ([True], True)
    assert stage.ingested == [tmp_path / "news"]
    used = stage.settings[-1]
    assert (used.chroma_url, used.articles) == (None, tmp_path / "news")
    assert used.data_dir != tmp_path / "people"
    assert not used.data_dir.exists()


def whole_run(stage: Stage, tmp_path: Path) -> Run:
    plan = Plan("news", tmp_path / "news", tuple(CASES))
    return run(plan, secret_settings(tmp_path), [])


def test_a_run_knows_what_it_was_made_with_and_keeps_no_secret(tmp_path: Path, stage: Stage) -> None:
    done = whole_run(stage, tmp_path)
    assert done.version == "0.0.0"
    assert done.settings["embed_model"] == "fake"
    assert done.settings["openai_base_url"] == "http://llm.example/v1"
    assert "secret" not in json.dumps(to_json(done))
    assert "chroma" not in json.dumps(done.settings)  # the run has an index of its own


def test_results_can_be_read_case_by_case(tmp_path: Path, stage: Stage) -> None:
    write_run(whole_run(stage, tmp_path), tmp_path / "out")
    written = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert set(written) == {"run", "settings", "summary", "cases"}
    case = written["cases"][1]
    assert {"id", "question", "question_lang", "truncated", "answer", "gold", "scores"} <= set(case)
    assert (case["question"], case["answer"]["citations"][0]["quote"]) == ("谁创立了Scale？", TEXTS["zh1"])
    assert case["gold"]["answers"] == [TEXTS["zh1"]]
    assert case["scores"]["hit@1"] == {"value": 1.0, "reason": "rank 1 of 1 passages"}
    assert case["scores"]["refusal_recall"]["value"] is None
    overall = written["summary"]["overall"]["hit@1"]
    assert overall == {"n": 3, "mean": 1.0, "low": 1.0, "high": 1.0}
    assert written["summary"]["baseline"] is None


def test_a_failed_case_is_written_with_its_error(tmp_path: Path, stage: Stage) -> None:
    stage.assistant.script = {**perfect(CASES), CASES[0].question: RuntimeError("gone")}
    done = whole_run(stage, tmp_path)
    assert [result.error for result in done.failed] == ["RuntimeError: gone"]
    case = to_json(done)["cases"][0]
    assert (case["answer"], case["scores"], case["error"]) == (None, {}, "RuntimeError: gone")


def test_a_question_that_is_no_valid_unicode_can_be_written(tmp_path: Path, stage: Stage) -> None:
    odd = Case("odd", "Wh\udc80?", "en", answerable=False)
    stage.assistant.script = {odd.question: refusal(odd)}
    done = run(Plan("odd", tmp_path, (odd,)), secret_settings(tmp_path), [])
    write_run(done, tmp_path / "out")
    written = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert written["cases"][0]["question"] == "Wh\udc80?"


def test_without_git_the_commit_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert runner.git_commit() is None


def test_a_failed_case_has_no_outcome() -> None:
    assert CaseResult(KNOWN[0], error="x").ours is None


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
    cases = choose_cases(articles, [])
    settings = load_settings(data_dir=tmp_path / "unused", embed_model="local-fast")
    done = run(Plan("news", news, tuple(cases), baseline=True), settings, articles)
    found = means(done.summary)
    assert (problems, done.failed) == ([], ())
    assert [found[name] for name in ("hit@5", "quote_exact", "cited_sentences")] == [1.0, 1.0, 1.0]
    assert done.rival_summary is not None
    assert means(done.rival_summary)["refusal_recall"] == 0.0
    assert not (tmp_path / "unused").exists()
