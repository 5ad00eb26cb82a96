"""Our measures against the programs that others measure with: MLQA's script, and trec_eval through ir_measures.

``data/mlqa_sample.jsonl`` holds pairs made by hand and what MLQA's ``mlqa_evaluation_v1.py`` (Lewis et al. 2020) says
of each: its exact match and F1, best over the golds.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ir_measures
import pytest
from ir_measures import RR, R, Success, nDCG

from eval import metrics
from rag.types import LANGS, Lang

SAMPLE = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "mlqa_sample.jsonl").read_text(encoding="utf-8").splitlines()
]
CUTOFFS = (1, 3, 5, 10)
NEAR = 1e-9


@pytest.mark.parametrize("pair", SAMPLE, ids=lambda pair: f"{pair['lang']}-{pair['prediction']}")
def test_exact_match_and_token_f1_are_those_of_mlqa(pair: dict[str, Any]) -> None:
    text, golds, lang = pair["prediction"], pair["golds"], pair["lang"]
    assert metrics.exact_match(text, golds, lang) == pair["exact_match"]
    assert metrics.token_f1(text, golds, lang) == pytest.approx(pair["f1"], abs=NEAR)


def test_the_sample_has_right_wrong_and_partly_right_answers_in_every_language() -> None:
    kinds = Counter((pair["lang"], math.ceil(pair["f1"]) + math.floor(pair["f1"])) for pair in SAMPLE)
    assert all(kinds[lang, kind] >= 4 for lang in LANGS for kind in (0, 1, 2))
    assert all(sum(pair["lang"] == lang for pair in SAMPLE) >= 20 for lang in LANGS)


@pytest.mark.parametrize(
    ("text", "gold", "lang", "official", "ours"),
    [
        # MLQA: t细胞, ctls against 细胞, ctls: 2PR / (P + R) = 1/2. Ours: t, 细, 胞, ctls against 细, 胞, ctls: 6/7.
        ("T细胞 CTLs", "细胞 CTLs", "de", 1 / 2, 6 / 7),
        # MLQA: one word against another. Ours: 极, 光, 桥 against 极, 光, 桥, 的, 桥: 6/8 without the articles.
        ("the 极光桥", "极光桥的桥", "en", 0.0, 6 / 8),
    ],
)
def test_chinese_is_compared_by_its_characters_in_every_language_where_mlqa_takes_it_for_a_word(
    text: str, gold: str, lang: Lang, official: float, ours: float
) -> None:
    found = metrics.token_f1(text, [gold], lang)
    assert found == pytest.approx(ours, abs=NEAR)
    assert found != pytest.approx(official, abs=NEAR)


@pytest.mark.parametrize(("text", "gold", "lang"), [("the", "The", "en"), ("", "der", "de"), ("桥", "！", "zh")])
def test_a_gold_without_words_measures_nothing_where_mlqa_scores_it(text: str, gold: str, lang: Lang) -> None:
    assert metrics.exact_match(text, [gold], lang) is None
    assert metrics.token_f1(text, [gold], lang) is None


def a_ranking(rng: random.Random) -> tuple[list[bool], int]:
    """Up to 15 results, each right or not, and how many right ones exist, found or not; at least one."""
    relevant = [rng.random() < rng.choice((0.05, 0.3, 0.7)) for _ in range(rng.randint(1, 15))]
    return relevant, max(1, sum(relevant) + rng.randint(0, 4))


def as_ir_measures_says(rankings: Sequence[tuple[list[bool], int]]) -> dict[tuple[str, str], float]:
    """All measures of all rankings, by the ranking's number and the measure's name."""
    run, qrels = [], []
    for number, (relevant, total) in enumerate(rankings):
        for rank, right in enumerate(relevant):
            run.append(ir_measures.ScoredDoc(str(number), f"d{rank}", float(len(relevant) - rank)))
            qrels.append(ir_measures.Qrel(str(number), f"d{rank}", int(right)))
        qrels += [ir_measures.Qrel(str(number), f"lost{n}", 1) for n in range(total - sum(relevant))]
    wanted = [RR, *(measure @ k for measure in (Success, nDCG, R) for k in CUTOFFS)]
    return {(found.query_id, str(found.measure)): found.value for found in ir_measures.iter_calc(wanted, qrels, run)}


def test_retrieval_measures_are_those_of_trec_eval() -> None:
    rng = random.Random(20240521)
    rankings = [a_ranking(rng) for _ in range(200)]
    official = as_ir_measures_says(rankings)
    ours: dict[tuple[str, str], float | None] = {}
    for number, (relevant, total) in enumerate(rankings):
        query = str(number)
        ours[query, "RR"] = metrics.reciprocal_rank(relevant)
        for k in CUTOFFS:
            ours[query, f"Success@{k}"] = metrics.hit_at(relevant, k)
            ours[query, f"nDCG@{k}"] = metrics.ndcg_at(relevant, total, k)
            ours[query, f"R@{k}"] = metrics.recall_at(relevant, total, k)
    assert ours.keys() == official.keys()
    assert ours == pytest.approx(official, abs=NEAR)
    assert {round(value, 1) for value in official.values()} >= {0.0, 0.2, 0.5, 0.8, 1.0}  # not all alike
