"""Runs as ``results.json`` has them, small enough to check by eye, for tests of the reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

GOTTHARD = "Der Tunnel wurde 2016 eröffnet. Er misst 57 Kilometer. Er kostete 12 Milliarden Franken."
YOSHINOYA = "𠮷野家创立于1899年。它卖牛肉饭。"  # its first character is two of JavaScript's
HOSTILE = "<img src=x onerror=alert(1)>"
END_OF_SCRIPT = "</script><script>alert(1)</script> \u2028"


def estimate(mean: float, n: int = 4) -> Json:
    return {"n": n, "mean": mean, "low": max(0.0, mean - 0.1), "high": min(1.0, mean + 0.1)}


def scores(**values: float | None) -> Json:
    """Scores by measure; ``hit_1`` stands for ``hit@1``."""
    return {name.replace("_1", "@1"): {"value": value, "reason": f"why {name}"} for name, value in values.items()}


def cited(number: int, passage: str, quote: str, lang: str, title: str, url: str | None) -> Json:
    at = 100 + passage.index(quote)
    return {
        **{"number": number, "title": title, "url": url, "lang": lang, "file": f"{lang}.md", "quote": quote},
        **{"passage": passage, "passage_start": 100, "start": at, "end": at + len(quote)},
    }


def answered(sentences: Sequence[tuple[str, list[int]]], citations: Sequence[Json], confidence: float) -> Json:
    said = " ".join(f"{text} {''.join(f'[{number}]' for number in numbers)}" for text, numbers in sentences)
    return {
        "answered": True,
        "answer": said,
        "sentences": [{"text": text, "citations": numbers, "support": 1.0} for text, numbers in sentences],
        "citations": list(citations),
        "refusal": None,
        "dropped": [],
        "disagreements": [],
        "confidence": confidence,
        "timings_ms": {"retrieve": 20.0, "total": 25.0 + 10 * confidence},
    }


def refused(message: str, confidence: float) -> Json:
    refusal = {"reason": "no_evidence", "message": message}
    return {**answered((), (), confidence), "answered": False, "answer": message, "refusal": refusal}


def passage(title: str, lang: str, *, gold: bool) -> Json:
    url = f"https://news.example/{lang}"
    return {
        "article_id": title,
        "title": title,
        "url": url,
        "file": f"{lang}.md",
        "lang": lang,
        "score": 0.8,
        "gold": gold,
    }


def case(
    case_id: str,
    lang: str,
    question: str,
    answer: Json | None,
    *,
    golds: Sequence[str] = (),
    article_lang: str | None = None,
    found: Sequence[Json] = (),
    kind: str = "own_qa",
    gold_text: str | None = None,
    **rest: Any,
) -> Json:
    """One case; without the language of a right article no article answers it."""
    links = [f"https://news.example/{article_lang}"] if article_lang else []
    gold = {
        **{"answers": list(golds), "source_links": links, "also_links": [], "article_ids": [], "gold_text": gold_text},
        **{"article_langs": [article_lang] if article_lang else [], "answerable": bool(article_lang), "kind": kind},
    }
    base = {"id": case_id, "question": question, "question_lang": lang, "truncated": False, "gold": gold}
    kept = {
        "answer": answer,
        "found": list(found),
        "scores": {},
        "error": None,
        "leak": 0.2,
        "rivals": {},
        "with_qa": None,
    }
    return {**base, **kept, **rest}


def right_in_german() -> Json:
    sentence = "Er misst 57 Kilometer."
    citations = [cited(1, GOTTHARD, sentence, "de", "Gotthard", "https://news.example/de")]
    answer = answered([(sentence, [1])], citations, 0.9)
    return case(
        *("gotthard.md#1", "de", "Wie lang ist der Tunnel?"),
        {**answer, "dropped": [{"text": "Er ist rot.", "reason": "unsupported"}]},
        golds=["57 Kilometer"],
        article_lang="de",
        found=[passage("Mond", "de", gold=False), passage("Gotthard", "de", gold=True)],
        gold_text=GOTTHARD,
        scores=scores(hit_1=0.0, right=1.0, contains_first=1.0, token_recall=1.0, quote_exact=1.0, dropped=0.5),
        rivals={"plain pipeline": {"answer": "Der Tunnel wurde 2016 eröffnet.", "scores": {"right": 0.0}}},
        with_qa={"answer": {"answer": "57 Kilometer, steht da.", "answered": True}, "scores": {"right": 1.0}},
    )


def wrong_article_in_chinese() -> Json:
    citations = [cited(1, YOSHINOYA, "1899", "zh", "吉野家", None)]
    return case(
        *("scale-zh", "zh", "谁创立了Scale？"),
        answered([("1899", [1])], citations, 0.8),
        golds=["Alexandr Wang"],
        article_lang="en",
        found=[passage("吉野家", "zh", gold=False), passage("Scale grows", "en", gold=True)],
        kind="cross_lingual",
        scores=scores(hit_1=0.0, right=0.0, contains=0.0, token_recall=0.0, cited_gold=0.0, quote_exact=1.0),
    )


def answered_what_nobody_knows() -> Json:
    citations = [cited(1, GOTTHARD, "Er kostete 12 Milliarden Franken.", "de", "Gotthard", "javascript:alert(1)")]
    return case(
        *("none-en", "en", "What did the moon cost?"),
        answered([("Er kostete 12 Milliarden Franken.", [1])], citations, 0.7),
        golds=["nothing"],
        kind="unanswerable_near",
        scores=scores(hit_1=None, right=0.0, refusal_recall=0.0),
    )


def refused_what_is_known() -> Json:
    return case(
        *("known-en", "en", "How long is the tunnel?"),
        refused("The articles do not answer this question.", 0.3),
        golds=["57 km"],
        article_lang="de",
        found=[passage("Gotthard", "de", gold=True)],
        kind="cross_lingual",
        scores=scores(hit_1=1.0, right=0.0, token_recall=0.0, answer_rate=0.0),
    )


def rightly_refused() -> Json:
    message = "这些文章没有回答这个问题。"
    return case(
        "none-zh", "zh", "现在几点？", refused(message, 0.1), kind="unanswerable_subject", scores=scores(right=1.0)
    )


def failed() -> Json:
    return case(
        "failed-de", "de", "Wer war es?", None, golds=["Wang"], article_lang="de", error="TimeoutError: 30 s | x"
    )


def hostile() -> Json:
    citations = [cited(1, f"Before {HOSTILE} after", HOSTILE, "en", HOSTILE, "https://news.example/en")]
    return case(
        *("a b/'#1", "en", f"{HOSTILE} \ud800 | what?"),
        answered([(END_OF_SCRIPT, [1])], citations, 0.6),
        golds=[HOSTILE],
        article_lang="en",
        found=[passage(HOSTILE, "en", gold=True)],
        kind=HOSTILE,
        truncated=True,
        scores=scores(hit_1=1.0, right=0.0, token_recall=0.25, cited_gold=1.0),
    )


# As a reader should meet them, and why.
WORST_FIRST = [
    ("failed-de", "failed: TimeoutError: 30 s | x"),
    ("scale-zh", "cites a wrong article, though “Scale grows” stands at rank 2"),
    ("none-en", "answered, but no article answers this"),
    ("a b/'#1", "only 25% of the words asked for"),
    ("known-en", "refused, though “Gotthard” answers it at rank 1"),
    ("gotthard.md#1", "answered rightly"),
    ("none-zh", "rightly refused"),
]


def small_run() -> Json:
    """A run of each thing that can become of a question, with rivals, the Q&A indexed too, and a judge."""
    cases = [
        *(right_in_german(), rightly_refused(), refused_what_is_known(), hostile()),
        *(answered_what_nobody_knows(), wrong_article_in_chinese(), failed()),
    ]
    rivals = {
        "plain pipeline": {
            "overall": {"hit@1": estimate(0.75), "right": estimate(0.2), "dropped": None},
            "by_lang": {},
        },
        "dense only": {
            "overall": {"hit@1": estimate(0.5), "right": estimate(0.33), "dropped": estimate(0.9)},
            "by_lang": {},
        },
    }
    overall = {"hit@1": estimate(0.5), "right": estimate(0.33), "exact_match": None, "dropped": estimate(0.25)}
    summary = {
        **{"cases": 7, "failed": 1, "truncated": 1, "refused": 2, "leaked": 0},
        "overall": overall,
        "by_lang": {"de": overall, "en": overall, "zh": {**overall, "hit@1": None}},
        "by_kind": {"cross_lingual": overall, "own_qa": overall},
        "by_pair": {"en→de": {"hit@1": estimate(0.91, 11), "recall@5": estimate(1.0, 11)}, "zh→en": {"hit@1": None}},
        "curves": {
            "roc": [[0.0, 0.0], [0.5, 0.75], [1.0, 1.0]],
            "risk_coverage": [[0.25, 0.0], [0.5, 0.2], [1.0, 0.5]],
            "threshold_coverage": 0.6,
        },
        "latency_ms": {"p50": 30.0, "p95": 33.0, "p99": 34.0},
        "usage": {"calls": 0, "tokens_in": 0, "tokens_out": 0, "cost": None},
        "judge": {
            "model": "judge-1",
            "unreadable": {"judge_faithful": 2, "judge_correct": 1},
            "agreement": {"n": 30, "unreadable": 1, "agreement": 0.9, "kappa": 0.8},
        },
        "rivals": rivals,
        "with_qa": {"overall": {"hit@1": estimate(0.99)}, "by_lang": {}},
    }
    return {"run": RUN, "settings": SETTINGS, "summary": summary, "cases": cases}


RUN = {
    **{"name": "articles", "started": "2026-11-25T02:16:00+00:00", "seconds": 126.3, "version": "0.1.0"},
    **{"commit": "149d846debdfb6f1", "cases_checksum": "c0ffee", "articles_checksum": "beef", "leaked": 0},
}
SETTINGS = {"answerer": "extractive", "embed_model": "use-multilingual-v3", "chat_model": None, "articles": "/texts"}


def empty_run() -> Json:
    """A run of no case at all."""
    none: Json = {"by_lang": {}, "by_kind": {}, "by_pair": {}, "latency_ms": {}, "rivals": {}, "with_qa": None}
    counts: Json = {"cases": 0, "failed": 0, "truncated": 0, "refused": 0, "leaked": 0, "judge": None, "usage": {}}
    curves: Json = {"roc": [], "risk_coverage": [], "threshold_coverage": None}
    summary = {**none, **counts, "overall": {"hit@1": None}, "curves": curves}
    return {"run": RUN, "settings": SETTINGS, "summary": summary, "cases": []}


def large_run(cases: int) -> Json:
    """A run of many cases, as long as real ones: Chinese, English, German in turn, each more confident."""
    base = small_run()
    shown = []
    for number in range(cases):
        lang = ("zh", "en", "de")[number % 3]
        text = {"zh": YOSHINOYA, "en": "It is long. ", "de": GOTTHARD}[lang] * 12
        citations = [
            cited(one, text, text[:20], lang, f"Title {one}", f"https://news.example/{one}") for one in (1, 2, 3)
        ]
        shown.append(
            case(
                *(f"case-{number}", lang, f"Question {number}?"),
                answered([(text, [1, 2, 3])], citations, number / cases),
                golds=[f"gold {number}"],
                article_lang=lang,
                found=[passage(f"Title {rank}", lang, gold=rank == 3) for rank in range(8)],
                gold_text=text,
                scores=scores(right=0.0, contains=0.0, hit_1=0.0, token_recall=0.0, chrf=0.1, similarity=0.2),
            )
        )
    return {**base, "summary": {**base["summary"], "cases": cases, "failed": 0}, "cases": shown}
