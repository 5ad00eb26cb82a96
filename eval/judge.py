"""A language model as judge: LlamaIndex's evaluators, with verdicts that are read strictly and checked against labels.

A verdict that can't be read is no verdict: it is counted, and never taken for a no. How far the judge can be trusted is
measured on answers that were labelled by hand (``data/judge_labels.jsonl``).
"""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from llama_index.core.async_utils import asyncio_run
from llama_index.core.evaluation import (
    BaseEvaluator,
    CorrectnessEvaluator,
    EvaluationResult,
    FaithfulnessEvaluator,
    RelevancyEvaluator,
)

from eval.dataset import Case, DatasetError
from eval.judge_prompts import prompts_in
from eval.metrics import cohen_kappa
from eval.scorers import JUDGE, Score, Scores, spoken
from rag.chat.model import ChatModel
from rag.errors import ChatModelError, ChatModelSetupError, ReplyError
from rag.types import LANGS, Answer, Lang, Usage

LABELS = Path(__file__).parent / "data" / "judge_labels.jsonl"
FAITHFUL, RELEVANT, CORRECT = JUDGE
CORRECT_FROM = 4  # of 5: the grade from which an answer counts as correct, as in LlamaIndex's own evaluator
BAR = (CORRECT_FROM - 1) / 4  # the same on the scale of 0 to 1; yes is 1 and no is 0
TIMEOUT = 300.0  # seconds: on a laptop the questions of a case wait for each other, and nobody waits for them
UNREADABLE, FAILED = "unreadable: ", "failed: "  # how the reasons of verdicts that are missing begin
SHOWN = 80  # characters of a reply in a reason


# --- Reading what a model says -----------------------------------------------------------------------------

_LABEL = (
    r"(?:(?:final |finale |最终)?"
    r"(?:answer|verdict|score|grade|antwort|urteil|punkte|note|答案|回答|判断|分数|得分|评分) ?: ?)?"
)
_VERDICT = re.compile(rf"{_LABEL}(?:(?P<yes>yes|ja|是|是的)|(?P<no>no|nein|否|不是))")
_GRADE = re.compile(rf"{_LABEL}(?P<grade>[1-5](?:[.,]\d+)?)(?: ?/ ?5| out of 5| von 5)?(?: ?(?:分|points?|punkten?))?")
# A clause that says the opposite of the verdict before it: "or rather no", "答案是否".
_BEFORE = r"(?:但|也|又|或|还是|(?:答案|判断)[是为]?)? ?"
_SAYS_YES = re.compile(rf"(?:.*\W)?(?:yes|ja)|{_BEFORE}(?:是|是的)")
_SAYS_NO = re.compile(rf"(?:.*\W)?(?:no|nein)|{_BEFORE}(?:否|不是)")
_THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)  # some servers leave them in the reply
_MARKUP = re.compile(r"""[*_`#"'“”„「」『』]""")
_CLAUSE_END = re.compile(r"[.!?,;:。、—–()]|\s-\s")


def read_verdict(text: str) -> bool | None:
    """The verdict of a reply in any of the three languages; None where there is none, or more than one.

    A verdict is the first clause of the reply, or its last line. LlamaIndex takes any text with "yes" in it for a yes
    and any other for a no.

    >>> read_verdict("YES"), read_verdict("**Nein.** Im Text steht 57."), read_verdict("答案：是。")
    (True, False, True)
    >>> [read_verdict(text) for text in ("not yes", "Yes and no", "Yes, or rather: no.", "No idea", "是否", "")]
    [None, None, None, None, None, None]
    """
    lines = _lines(text)
    clauses = [part.strip() for line in lines for part in _CLAUSE_END.split(_without_label(line)) if part.strip()]
    places = (_VERDICT.fullmatch(place) for place in (*clauses[:1], *lines[-1:]))
    verdict = next((match for match in places if match), None)
    if verdict is None:
        return None
    yes = verdict["yes"] is not None
    opposite = _SAYS_NO if yes else _SAYS_YES
    return None if any(opposite.fullmatch(clause) for clause in clauses) else yes


def read_grade(text: str) -> float | None:
    """The grade of a reply, 1 to 5, which stands alone on its first or last line; None where there is none, or two.

    LlamaIndex's own reader raises an error when there is no second line, and takes nan or 17 for a grade.

    >>> read_grade("4.5\\nRight."), read_grade("评分：5分"), read_grade("Punkte: 3,5 / 5"), read_grade("**2**")
    (4.5, 5.0, 3.5, 2.0)
    >>> [read_grade(text) for text in ("17", "nan", "5.5", "0", "4 of 5 facts are right", "2\\nScore: 4", "four", "")]
    [None, None, None, None, None, None, None, None]
    """
    lines = _lines(text)
    places = (_GRADE.fullmatch(place) for place in (*lines[:1], *lines[-1:]))
    found = {float(match["grade"].replace(",", ".")) for match in places if match}
    grade = found.pop() if len(found) == 1 else None
    return grade if grade is not None and grade <= 5 else None


def _lines(text: str) -> list[str]:
    # NFKC makes full-width letters, digits and colons plain ones.
    plain = unicodedata.normalize("NFKC", _THOUGHTS.sub("", text, count=1)).casefold()
    lines = (" ".join(_MARKUP.sub("", line).split()).strip(".!。 ") for line in plain.split("\n"))
    return [line for line in lines if line]


def _without_label(line: str) -> str:
    return re.sub(rf"^{_LABEL}", "", line)


# --- Values ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Label:
    """A question with an answer, and what was labelled by hand."""

    id: str
    question: str
    question_lang: Lang
    passages: tuple[str, ...]
    answer: str
    gold: str
    faithful: bool
    relevant: bool
    correct: bool

    @property
    def verdicts(self) -> dict[str, bool]:
        """The labels by measure."""
        return {FAITHFUL: self.faithful, RELEVANT: self.relevant, CORRECT: self.correct}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the judge agrees with labels. ``n`` are the verdicts that were given and read; shares are of these."""

    n: int
    unreadable: int
    failed: int  # verdicts that the server did not give
    agreement: float | None
    kappa: float | None  # Cohen's; None where it is undefined
    by_measure: Mapping[str, Agreement] = field(default_factory=dict)  # of each verdict apart


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge says of one thing: a value from 0 to 1, or why there is none."""

    value: float | None
    reason: str
    outcome: Literal["read", "unreadable", "failed"]


# --- The judge ---------------------------------------------------------------------------------------------


class Judge:
    """Grades answers through LlamaIndex's evaluators, with a model of an OpenAI-compatible server."""

    def __init__(self, model: str, base_url: str | None, api_key: str | None, *, max_tokens: int = 1024) -> None:
        """Nothing is sent yet. ``max_tokens`` is for one reply: a verdict, its reason, a model's thoughts.

        Raises:
            SettingsError: neither a server nor a key is given.
        """
        self.model = model
        self._llm = ChatModel(model, base_url=base_url, api_key=api_key, max_tokens=max_tokens, timeout=TIMEOUT)
        self._evaluators = {lang: _evaluators(self._llm, lang) for lang in LANGS}
        self._asked = False

    @property
    def usage(self) -> Usage:
        """Replies and tokens so far, those for ``agreement`` included."""
        return self._llm.usage

    def grade(self, case: Case, answer: Answer) -> Scores:
        """Whether an answer is faithful to its passages, relevant to its question, and correct by the gold answer.

        Faithful and relevant are 1 or 0; a grade of 1 to 5 becomes 0 to 1.

        Raises:
            ChatModelSetupError: the very first question to the server shows that none could do better.
        """
        if not answer.answered:
            return dict.fromkeys(JUDGE, Score(None, "refused"))
        found = [*(citation.quote for citation in answer.citations), *(passage.text for passage in answer.passages)]
        contexts = tuple(dict.fromkeys(text for text in found if text.strip()))
        no_gold = _no_gold(case)
        gold = "" if no_gold else "\n".join(case.answers)
        verdicts = self._verdicts(case.question, case.question_lang, spoken(answer), contexts, gold)
        no_context = Score(None, "no passage to hold it against")
        missing = {FAITHFUL: no_context, RELEVANT: no_context, CORRECT: Score(None, no_gold)}
        return missing | {measure: Score(verdict.value, verdict.reason) for measure, verdict in verdicts.items()}

    def agreement(self, labels: Sequence[Label] | None = None) -> Agreement:
        """How far the judge agrees with these labels, by default those that come with the evaluation.

        Correct is a grade of 4 or 5.

        Raises:
            ChatModelSetupError: the very first question to the server shows that none could do better.
        """
        pairs: dict[str, list[tuple[bool, Verdict]]] = {measure: [] for measure in JUDGE}
        for label in load_labels(LABELS) if labels is None else labels:
            given = self._verdicts(label.question, label.question_lang, label.answer, label.passages, label.gold)
            for measure, verdict in given.items():
                pairs[measure].append((label.verdicts[measure], verdict))
        by_measure = {measure: _agreement(measure_pairs) for measure, measure_pairs in pairs.items()}
        return _agreement([pair for measure_pairs in pairs.values() for pair in measure_pairs], by_measure)

    def _verdicts(
        self, question: str, lang: Lang, answer: str, contexts: Sequence[str], gold: str
    ) -> dict[str, Verdict]:
        """The verdicts that apply, asked at the same time."""
        evaluators = self._evaluators[lang]
        asked: dict[str, Coroutine[Any, Any, EvaluationResult]] = {}
        if contexts:
            for measure in (FAITHFUL, RELEVANT):
                asked[measure] = evaluators[measure].aevaluate(query=question, response=answer, contexts=contexts)
        if gold:
            asked[CORRECT] = evaluators[CORRECT].aevaluate(query=question, response=answer, reference=gold)
        results: list[EvaluationResult | BaseException] = asyncio_run(_all_of(asked.values()))
        first, self._asked = not self._asked, self._asked or bool(asked)
        setup = next((result for result in results if isinstance(result, ChatModelSetupError)), None)
        if first and setup:
            raise setup
        return {measure: _verdict(measure, result) for measure, result in zip(asked, results, strict=True)}


def count_missing(graded: Iterable[Scores]) -> tuple[dict[str, int], int]:
    """Of all graded answers, the verdicts that could not be read, by measure, and those the server did not give."""
    reasons = [(measure, scores[measure].reason) for scores in graded for measure in JUDGE if measure in scores]
    unreadable = {name: sum(name == m and why.startswith(UNREADABLE) for m, why in reasons) for name in JUDGE}
    return unreadable, sum(why.startswith(FAILED) for _, why in reasons)


def _evaluators(llm: ChatModel, lang: Lang) -> dict[str, BaseEvaluator]:
    prompts = prompts_in(lang)
    # Templates, not strings: FaithfulnessEvaluator puts its own English prompt in place of a string.
    return {
        FAITHFUL: FaithfulnessEvaluator(llm, eval_template=prompts.faithful, refine_template=prompts.faithful_again),
        RELEVANT: RelevancyEvaluator(llm, eval_template=prompts.relevant, refine_template=prompts.relevant_again),
        CORRECT: CorrectnessEvaluator(
            llm,
            eval_template=prompts.correct,
            score_threshold=CORRECT_FROM,
            parser_function=lambda text: (read_grade(text), text),
        ),
    }


async def _all_of(asked: Iterable[Coroutine[Any, Any, EvaluationResult]]) -> list[EvaluationResult | BaseException]:
    return await asyncio.gather(*asked, return_exceptions=True)


def _verdict(measure: str, result: EvaluationResult | BaseException) -> Verdict:
    if isinstance(result, ReplyError):
        return _unreadable(result.text, str(result))
    # A ValueError is LlamaIndex's, when an answer alone is longer than the model's window.
    if isinstance(result, ChatModelError | ValueError):
        return Verdict(None, f"{FAILED}{result}", "failed")
    if isinstance(result, BaseException):
        raise result
    said = result.feedback or ""
    if measure == CORRECT:
        grade = result.score
        return _unreadable(said) if grade is None else Verdict((grade - 1) / 4, f"{_shown(said)} (of 5)", "read")
    yes = read_verdict(said)  # not ``passing``, which is false of everything without "yes" in it
    return _unreadable(said) if yes is None else Verdict(float(yes), _shown(said), "read")


def _unreadable(said: str, why: str = "") -> Verdict:
    return Verdict(None, f"{UNREADABLE}{_shown(said)}" + (f" ({why})" if why else ""), "unreadable")


def _shown(said: str) -> str:
    return " ".join(said.split())[:SHOWN]


def _no_gold(case: Case) -> str:
    """Why there is nothing to be correct by; empty when there is."""
    if not case.answerable:
        return "cannot be answered"
    if not case.answers:
        return "no gold answer"
    return "the gold answer breaks off" if case.truncated else ""


# --- Labels ------------------------------------------------------------------------------------------------


def load_labels(path: Path) -> list[Label]:
    """The labels of a file with one JSON object a line.

    Raises:
        DatasetError: a line is no label; names the file, the line and what is wrong with it.
    """
    labels = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if line.strip():
            try:
                labels.append(_label(json.loads(line)))
            except (ValueError, TypeError, KeyError) as error:  # no JSON, or a field too many or too few
                raise DatasetError(f"{path}:{number}: {error}") from error
    return labels


def _label(value: dict[str, Any]) -> Label:
    label = Label(**{**value, "passages": tuple(value["passages"])})
    for name in ("faithful", "relevant", "correct"):
        if not isinstance(getattr(label, name), bool):
            raise ValueError(f'"{name}" must be true or false')
    return label


def _agreement(pairs: Sequence[tuple[bool, Verdict]], by_measure: Mapping[str, Agreement] | None = None) -> Agreement:
    read = [(said, verdict.value >= BAR) for said, verdict in pairs if verdict.value is not None]
    outcomes = [verdict.outcome for _, verdict in pairs]
    return Agreement(
        n=len(read),
        unreadable=outcomes.count("unreadable"),
        failed=outcomes.count("failed"),
        agreement=sum(person == judge for person, judge in read) / len(read) if read else None,
        kappa=cohen_kappa([person for person, _ in read], [judge for _, judge in read]),
        by_measure=by_measure or {},
    )
