"""The judge: what it asks, how its verdicts are read, what becomes of those that can't be, how far to trust it."""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import llama_index.core
import pytest
from eval_fakes import TEXTS, answer_from, answerable_cases, passage, refusal
from model_server import Reply, Request, asks_for_grade, prompt_of, refuse, scripted_server, smollm2_server, yes_to_all

from eval.dataset import Case, DatasetError
from eval.judge import LABELS, Judge, Label, count_missing, load_labels, read_grade, read_verdict
from eval.scorers import JUDGE, Score
from rag.errors import ChatModelError, ChatModelSetupError, SettingsError
from rag.types import LANGS, Usage

KEY = "sk-very-secret"
KNOWN = answerable_cases()
YES = {"zh": "是", "en": "YES", "de": "JA"}


def grade(reply: Callable[[Request], Reply | str], case: Case = KNOWN[0]) -> tuple[dict[str, Score], Judge]:
    """The scores of a right answer to a case, by a scripted model, and the judge afterwards."""
    with scripted_server(reply) as server:
        judge = Judge("small", server.base_url, KEY)
        return judge.grade(case, answer_from(case, case.id)), judge


def values(scores: dict[str, Score]) -> list[float | None]:
    return [scores[measure].value for measure in JUDGE]


# --- Reading what a model says -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        *(("YES", True), ("yes.", True), ("**Yes**, the passage says so.", True), ("YES\n\nIt says 57 km.", True)),
        *(("NO", False), ("No: no other number is given", False), ("Answer: NO", False), ("no - it says 57", False)),
        *(("Ja.", True), ("JA – im Text steht es.", True), ("Urteil: Nein", False), ("„Nein“, dort steht 57", False)),
        *(("是", True), ("是的。", True), ("「是」", True), ("答案：是", True), ("是，段落里写着57公里。", True)),
        *(("否", False), ("否。正确的长度是：57公里", False), ("不是。", False), ("判断：否。", False)),
        *(("ＹＥＳ", True), ("It says so twice.\nFinal answer: yes", True), ("<think>no or yes?</think>\nYes", True)),
        *(
            ("not yes", None),
            ("Yes and no", None),
            ("Yes, or rather: no.", None),
            ("YES/NO", None),
            ("YES or NO", None),
        ),
        *(
            ("No idea", None),
            ("Noble", None),
            ("Yesterday", None),
            ("I would say it is proven", None),
            ("yes\nno", None),
        ),
        *(("nicht ja", None), ("Ja und nein", None), ("Jawohl", None), ("Ja, oder doch nein", None), ("Niemals", None)),
        *(
            ("是否", None),
            ("是或否", None),
            ("不一定是", None),
            ("否，也是", None),
            ("可能是", None),
            ("是，但否", None),
        ),
        *(("", None), ("  \n", None), ("...", None), ("<think>yes", None), ("Empty Response", None)),
    ],
)
def test_a_verdict_is_read_strictly(text: str, verdict: bool | None) -> None:
    assert read_verdict(text) is verdict


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("4", 4.0), ("4.0\nRight.", 4.0), ("**5**\n\nAll of it.", 5.0), ("Score: 3", 3.0), ("4/5", 4.0)),
        *(("Punkte: 3,5", 3.5), ("5 von 5 Punkten\nAlles da.", 5.0), ("Note: 2.", 2.0)),
        *(("评分：４分", 4.0), ("5 分\n与标准答案一致。", 5.0), ("It lacks the year.\nGrade: 4", 4.0)),
        *(("", None), ("four", None), ("17", None), ("0", None), ("5.1", None), ("nan", None), ("-3", None)),
        *(("4 of 5 facts are right", None), ("2\nScore: 4", None), ("4-5", None), ("4 5", None), ("YES", None)),
    ],
)
def test_a_grade_is_read_strictly(text: str, expected: float | None) -> None:
    assert read_grade(text) == expected


# --- Grading -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: case.id)
def test_the_questions_are_in_the_case_s_language_and_hold_all_that_is_judged(case: Case) -> None:
    texts = (passage("en1"), passage("zh1"), passage("de1"))
    answer = replace(answer_from(case, case.id), passages=texts)
    with scripted_server(yes_to_all) as server:
        scores = Judge("small", server.base_url, KEY).grade(case, answer)
    assert values(scores) == [1.0, 1.0, 1.0]
    said = TEXTS[case.id]
    graded = [prompt for prompt in server.prompts if asks_for_grade(prompt)]
    relevant = [prompt for prompt in server.prompts if case.question in prompt and prompt not in graded]
    faithful = [prompt for prompt in server.prompts if case.question not in prompt]
    assert (len(graded), len(relevant), len(faithful)) == (1, 1, 1)
    assert all(said in prompt for prompt in server.prompts)
    assert case.question in graded[0]
    assert all(text in prompt for text in TEXTS.values() for prompt in (*relevant, *faithful))
    words = {"zh": "第一行只写一个", "en": "on the first line", "de": "in die erste Zeile"}
    for lang, word in words.items():
        assert all((word in prompt) is (lang == case.question_lang) for prompt in server.prompts)


def test_a_grade_of_one_to_five_becomes_nothing_to_all() -> None:
    def replies(grade_given: str) -> Callable[[Request], str]:
        return lambda request: grade_given if asks_for_grade(prompt_of(request)) else "NO"

    assert [values(grade(replies(given))[0]) for given in ("1", "2", "4", "4.5\nGood.", "5")] == [
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.25],
        [0.0, 0.0, 0.75],
        [0.0, 0.0, 0.875],
        [0.0, 0.0, 1.0],
    ]


def test_the_reason_is_what_the_model_said() -> None:
    scores, judge = grade(
        lambda request: "4\nNear enough." if asks_for_grade(prompt_of(request)) else "NO: it lacks 2016"
    )
    assert [scores[measure].reason for measure in JUDGE] == [
        "NO: it lacks 2016",
        "NO: it lacks 2016",
        "4 Near enough. (of 5)",
    ]
    assert (judge.model, judge.usage) == ("small", Usage(calls=3, tokens_in=60, tokens_out=9))


def test_a_refusal_is_not_graded() -> None:
    with scripted_server(yes_to_all) as server:
        scores = Judge("small", server.base_url, KEY).grade(KNOWN[0], refusal(KNOWN[0]))
    assert (scores, server.asked) == (dict.fromkeys(JUDGE, Score(None, "refused")), [])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"answerable": False}, "cannot be answered"),
        ({"answers": ()}, "no gold answer"),
        ({"truncated": True}, "the gold answer breaks off"),
    ],
)
def test_without_a_whole_gold_answer_there_is_nothing_to_be_correct_by(changes: dict[str, object], reason: str) -> None:
    scores, judge = grade(yes_to_all, replace(KNOWN[0], **changes))  # type: ignore[arg-type]  # one table for several
    assert (values(scores), scores["judge_correct"].reason) == ([1.0, 1.0, None], reason)
    assert judge.usage.calls == 2


def test_without_a_passage_there_is_nothing_to_be_faithful_to() -> None:
    bare = replace(answer_from(KNOWN[0], "en1"), passages=(), citations=())
    with scripted_server(yes_to_all) as server:
        scores = Judge("small", server.base_url, KEY).grade(KNOWN[0], bare)
    assert (values(scores), scores["judge_faithful"].reason) == ([None, None, 1.0], "no passage to hold it against")


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: case.id)
def test_passages_too_long_for_one_question_are_asked_about_in_several_with_nothing_downloaded(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A tokenizer and a sentence splitter are loaded for it, here for the first time; the network is closed.
    monkeypatch.setattr(llama_index.core, "global_tokenizer", None)
    text = TEXTS[case.id] + " "
    long = tuple(replace(passage(case.id), text=f"{number}. " + text * 200) for number in range(5))
    with scripted_server(yes_to_all) as server:
        scores = Judge("small", server.base_url, KEY).grade(case, replace(answer_from(case, case.id), passages=long))
    assert values(scores) == [1.0, 1.0, 1.0]
    so_far = {"zh": "判断是：是", "en": "verdict was: YES", "de": "lautete das Urteil: JA"}[case.question_lang]
    again = [prompt for prompt in server.prompts if so_far in prompt]
    assert len(again) >= 2
    assert all(TEXTS[case.id] in prompt for prompt in again)


def test_braces_are_text() -> None:
    case = replace(KNOWN[0], question="What is {query_str}?", answers=("{gold}",))
    answer = replace(answer_from(KNOWN[0], "en1"), passages=(replace(passage("en1"), text="A set {context_str} {0}."),))
    with scripted_server(yes_to_all) as server:
        assert values(Judge("small", server.base_url, KEY).grade(case, answer)) == [1.0, 1.0, 1.0]
    assert sum("What is {query_str}?" in prompt for prompt in server.prompts) == 2
    assert sum("A set {context_str} {0}." in prompt for prompt in server.prompts) == 2


def test_it_grades_inside_a_running_event_loop() -> None:
    async def inside() -> dict[str, Score]:
        return grade(yes_to_all)[0]

    assert values(asyncio.run(inside())) == [1.0, 1.0, 1.0]


# --- What can't be read, and servers that fail -------------------------------------------------------------


@pytest.mark.parametrize("garbage", ["Well, it depends.", "Kommt darauf an: ja und nein", "很难说是或否", "yes" * 50])
def test_what_cannot_be_read_is_counted_and_is_no_no(garbage: str) -> None:
    scores, _ = grade(lambda request: garbage)
    assert {(score.value, score.reason) for score in scores.values()} == {(None, f"unreadable: {garbage[:80]}")}
    assert count_missing([scores]) == (dict.fromkeys(JUDGE, 1), 0)


def test_a_reply_that_is_cut_off_or_empty_is_unreadable() -> None:
    scores, _ = grade(lambda request: Reply("YES, as the", finish="length"))
    assert scores["judge_faithful"].reason == (
        "unreadable: YES, as the (small was cut off: it did not finish within 1024 tokens)"
    )
    assert values(scores) == [None, None, None]
    assert count_missing([scores, grade(lambda request: "")[0]]) == (dict.fromkeys(JUDGE, 2), 0)


@pytest.mark.parametrize("status", [401, 404])
def test_a_server_that_can_never_answer_stops_at_the_first_question(status: int) -> None:
    with pytest.raises(ChatModelSetupError, match=f"refused to run small \\({status}\\)") as caught:
        grade(lambda request: refuse(status, f"no {KEY}"))
    assert KEY not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ChatModelSetupError, match="cannot be reached"):
        Judge("small", "http://127.0.0.1:9/v1", KEY).agreement()


def test_a_server_that_fails_later_costs_these_scores_alone() -> None:
    expired = False

    def reply(request: Request) -> Reply | str:
        return refuse(401, f"{KEY} has expired") if expired else yes_to_all(request)

    with scripted_server(reply) as server:
        judge = Judge("small", server.base_url, KEY)
        first = judge.grade(KNOWN[0], answer_from(KNOWN[0], "en1"))
        expired = True
        second = judge.grade(KNOWN[1], answer_from(KNOWN[1], "zh1"))
        expired = False
        third = judge.grade(KNOWN[2], answer_from(KNOWN[2], "de1"))
    assert [values(scores) for scores in (first, second, third)] == [[1.0] * 3, [None] * 3, [1.0] * 3]
    assert all("failed: " in score.reason and KEY not in score.reason for score in second.values())
    assert count_missing([first, second, third]) == (dict.fromkeys(JUDGE, 0), 3)


def test_a_server_that_is_broken_is_tried_again_and_then_given_up_for_this_case() -> None:
    asked: Counter[str] = Counter()

    def reply(request: Request) -> Reply | str:
        asked[prompt_of(request)] += 1
        return refuse(500, "out of memory") if asks_for_grade(prompt_of(request)) else yes_to_all(request)

    scores, _ = grade(reply)
    assert values(scores) == [1.0, 1.0, None]
    assert "failed to run small (500): out of memory" in scores["judge_correct"].reason
    assert (count_missing([scores])[1], sorted(asked.values())) == (1, [1, 1, 3])


def test_an_answer_longer_than_the_model_s_window_costs_its_scores_alone() -> None:
    endless = replace(answer_from(KNOWN[0], "en1"), sentences=(), answer="word " * 9000)
    with scripted_server(yes_to_all) as server:
        judge = Judge("small", server.base_url, KEY)
        scores = judge.grade(KNOWN[0], endless)
    assert values(scores) == [None, None, 1.0]
    assert count_missing([scores])[1] == 2


def test_without_a_server_and_a_key_there_is_no_judge() -> None:
    with pytest.raises(SettingsError, match="OPENAI_BASE_URL"):
        Judge("small", None, None)


# --- How far it can be trusted -----------------------------------------------------------------------------


def judged_by_hand(request: Request) -> str:
    """The person's own verdicts: a perfect judge."""
    prompt = prompt_of(request)
    by_grade = asks_for_grade(prompt)
    label = next(
        label
        for label in load_labels(LABELS)
        if label.answer in prompt and (label.question if by_grade else label.passages[0]) in prompt
    )
    if by_grade:
        return "4" if label.correct else "3"
    holds = label.relevant if label.question in prompt else label.faithful
    return YES[label.question_lang] if holds else {"zh": "否", "en": "NO", "de": "NEIN"}[label.question_lang]


def test_there_are_ten_labels_a_language_and_every_verdict_falls_both_ways() -> None:
    labels = load_labels(LABELS)
    assert Counter(label.question_lang for label in labels) == dict.fromkeys(LANGS, 10)
    assert len({label.id for label in labels}) == 30
    for lang in LANGS:
        for measure in JUDGE:
            said = [label.verdicts[measure] for label in labels if label.question_lang == lang]
            assert 3 <= sum(said) <= 8


def test_a_perfect_judge_agrees_fully() -> None:
    with scripted_server(judged_by_hand) as server:
        found = Judge("small", server.base_url, KEY).agreement()
    assert (found.n, found.unreadable, found.failed, found.agreement, found.kappa) == (90, 0, 0, 1.0, 1.0)
    assert {measure: (each.n, each.kappa) for measure, each in found.by_measure.items()} == dict.fromkeys(
        JUDGE, (30, 1.0)
    )


def test_a_judge_that_always_says_yes_agrees_no_more_than_chance() -> None:
    with scripted_server(yes_to_all) as server:
        found = Judge("small", server.base_url, KEY).agreement()
    assert (found.n, found.kappa) == (90, 0.0)
    assert found.agreement == pytest.approx((17 + 22 + 12) / 90)  # as many yes as there are among the labels


def test_replies_that_cannot_be_read_are_no_disagreement() -> None:
    with scripted_server(lambda request: "Who knows?") as server:
        found = Judge("small", server.base_url, KEY).agreement()
    assert (found.n, found.unreadable, found.agreement, found.kappa) == (0, 90, None, None)


def test_labels_of_one_s_own_can_be_used() -> None:
    label = Label(
        "1", "Wie lang?", "de", ("Er ist 57 km lang.",), "57 km.", "57 km", faithful=True, relevant=True, correct=False
    )
    with scripted_server(yes_to_all) as server:
        found = Judge("small", server.base_url, KEY).agreement([label])
    assert (found.n, found.agreement) == (3, 2 / 3)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "2: Expecting"),
        ("[]", "2: "),
        ('{"id": "1"}', "2: "),
        (
            '{"id": "1", "question": "?", "question_lang": "en", "passages": [], "answer": "a", "gold": "g", '
            '"faithful": "yes", "relevant": true, "correct": true}',
            '2: "faithful" must be true or false',
        ),
    ],
)
def test_a_line_that_is_no_label_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=f"{file}:{message}"):
        load_labels(file)


# --- A real model ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def smollm2() -> Iterator[str]:
    with smollm2_server() as base_url:
        yield base_url


def test_a_real_model_s_every_verdict_is_read_or_counted(smollm2: str) -> None:
    # So small a model rambles, above all in Chinese; cut off early that is the same, and sooner.
    judge = Judge("smollm2", smollm2, None, max_tokens=16)
    scores = [judge.grade(case, answer_from(case, case.id)) for case in KNOWN]
    given = [score for by_measure in scores for score in by_measure.values()]
    unreadable = [score for score in given if score.value is None]
    assert len(given) == 9
    assert all(score.value is None or 0 <= score.value <= 1 for score in given)
    assert all(score.reason.startswith("unreadable: ") for score in unreadable)
    counted, failed = count_missing(scores)
    assert (sum(counted.values()), failed) == (len(unreadable), 0)
    assert judge.usage.calls == 9
    assert judge.usage.tokens_in > 9 * 100


def test_a_real_server_names_what_it_refuses(smollm2: str) -> None:
    with pytest.raises(ChatModelError, match="404"):
        Judge("smollm2", f"{smollm2}/nowhere", None).agreement()
