"""How bad a case of ``results.json`` is, and why, in words: what a reader should look at first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.leak import NEARLY_WORD_FOR_WORD

Case = Mapping[str, Any]

# What can be said of a case, worst first: key: (how bad, in general words). Whoever is told something wrong is worse
# off than whoever is told nothing, and a failure says nothing of either.
REASONS: dict[str, tuple[int, str]] = {
    "leaked": (5, "leaked: the question stands in the index"),
    "failed": (5, "failed"),
    "answered_unanswerable": (4, "answered, but no article answers this"),
    "wrong_article": (4, "cites a wrong article"),
    "words_missing": (4, "the words asked for are missing"),
    "wrong": (4, "wrong"),
    "refused_answerable": (3, "refused, though an article answers it"),
    "refused_not_found": (3, "refused: the right article was not found"),
    "unproven": (2, "a sentence or quote is not proven"),
    "unjudged": (1, "answered; nothing tells whether rightly"),
    "also_wrong_article": (1, "right, but also cites a wrong article"),
    "not_first": (1, "right, but not in its first sentence"),
    "right": (1, "answered rightly"),
    "rightly_refused": (0, "rightly refused"),
}
_WRONG_FROM = 3
# What tells better from worse among right answers; those that apply are averaged.
_QUALITY = ("token_recall", "similarity", "contains_first", "cited_gold", "citation_precision")
_TITLE_CHARS = 70
_ERROR_CHARS = 160


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said of a case: a key of ``REASONS``, and the reason with this case's particulars."""

    key: str
    text: str

    @property
    def verdict(self) -> str:
        """``failed``, ``wrong``, ``unjudged`` or ``right``."""
        level = REASONS[self.key][0]
        if level >= _WRONG_FROM:
            return "failed" if self.key in ("leaked", "failed") else "wrong"
        return "unjudged" if self.key == "unjudged" else "right"


def badness(case: Case) -> tuple[int, float]:
    """How bad a case is; the greater, the worse.

    First by what went wrong: failed or leaked (5); a wrong answer: to a question that no article answers, from a
    wrong article, or without the words asked for (4); a refusal of what an article answers (3); a right answer with
    an unproven sentence (2); other answers (1); a right refusal (0). Then, among the wrong, by how sure the product was
    of what it did: an answer by its confidence, a refusal by what lacks to 1. Among the others, by what the
    mean of their word recall, similarity, and citation scores lacks to 1.

    >>> answer = {"answered": True, "confidence": 0.9}
    >>> gold = {"answerable": False}
    >>> wrong = {"answer": answer, "gold": gold, "error": None, "leak": 0.2, "scores": {}}
    >>> badness(wrong), badness({**wrong, "answer": None, "error": "TimeoutError: 30 s"})
    ((4, 0.9), (5, 0.0))
    """
    level = REASONS[finding(case).key][0]
    if case["answer"] is None:
        return level, 0.0
    confidence = float(case["answer"]["confidence"])
    if level >= _WRONG_FROM:
        return level, confidence if case["answer"]["answered"] else round(1 - confidence, 6)
    known = [value for measure in _QUALITY if (value := score(case, measure)) is not None]
    return level, round(1 - sum(known) / len(known), 6) if known else 0.0


def worst_first(cases: Sequence[Case]) -> list[Case]:
    """The cases by ``badness``; equally bad ones as they were asked."""
    return sorted(cases, key=badness, reverse=True)


def score(case: Case, measure: str) -> float | None:
    """A measure's value for a case; None where it does not apply."""
    found = case["scores"].get(measure)
    return None if found is None else found["value"]


def finding(case: Case) -> Finding:
    """What is to be said first of a case.

    >>> case = {"answer": {"answered": False}, "gold": {"answerable": True}, "leak": 0.2,
    ...         "found": [{"title": "Moon", "gold": False}, {"title": "Gotthard opens", "gold": True}]}
    >>> finding(case).text
    'refused, though “Gotthard opens” answers it at rank 2'
    """
    if case["leak"] >= NEARLY_WORD_FOR_WORD:
        return Finding("leaked", f"{REASONS['leaked'][1]} ({case['leak']:.2f} of it in one passage)")
    if case["answer"] is None:
        return Finding("failed", "failed: " + shorten(case["error"] or "without a message", _ERROR_CHARS))
    if case["answer"]["answered"]:
        return _answered(case) if case["gold"]["answerable"] else _plain("answered_unanswerable")
    return _refused(case) if case["gold"]["answerable"] else _plain("rightly_refused")


def _plain(key: str) -> Finding:
    return Finding(key, REASONS[key][1])


def _answered(case: Case) -> Finding:
    right = score(case, "right")
    if right == 0:
        return _wrong_answer(case)
    if _falls_short(case, "quote_exact") or _falls_short(case, "citation_recall"):
        return _plain("unproven")
    return _plain("unjudged") if right is None else _right_answer(case)


def _falls_short(case: Case, measure: str) -> bool:
    value = score(case, measure)
    return value is not None and value < 1


def _refused(case: Case) -> Finding:
    rank, title = gold_rank(case)
    if rank:
        return Finding("refused_answerable", f"refused, though “{title}” answers it at rank {rank}")
    return _plain("refused_not_found" if case["found"] and knows_gold(case) else "refused_answerable")


def _wrong_answer(case: Case) -> Finding:
    if score(case, "cited_gold") == 0:
        rank, title = gold_rank(case)
        found = f", though “{title}” stands at rank {rank}" if rank else "; the right one was not found"
        return Finding("wrong_article", f"{REASONS['wrong_article'][1]}{found if knows_gold(case) else ''}")
    if score(case, "contains") == 0:
        return _plain("words_missing")
    recall = score(case, "token_recall")
    if recall is not None:
        return Finding("words_missing", f"only {recall:.0%} of the words asked for")
    return Finding("wrong", f"wrong: {case['scores']['right']['reason']}")


def _right_answer(case: Case) -> Finding:
    if _falls_short(case, "cited_gold"):
        return _plain("also_wrong_article")
    return _plain("not_first" if score(case, "contains_first") == 0 else "right")


def gold_rank(case: Case) -> tuple[int | None, str]:
    """The rank of the first passage of a right article, from 1, and its title, shortened; None when none was found.

    >>> gold_rank({"found": [{"title": "Moon", "gold": False}]})
    (None, '')
    """
    for rank, passage in enumerate(case["found"], start=1):
        if passage["gold"]:
            return rank, shorten(passage["title"], _TITLE_CHARS)
    return None, ""


def knows_gold(case: Case) -> bool:
    """Whether the right article of a case is known."""
    return bool(case["gold"].get("source_links") or case["gold"].get("article_ids"))


def shorten(text: str, limit: int) -> str:
    """The text on one line, cut at the limit with an ellipsis.

    >>> shorten("Wer hat\\nScale gegründet?", 10)
    'Wer hat S…'
    """
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
