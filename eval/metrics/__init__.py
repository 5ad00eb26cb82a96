"""Measures: pure functions over plain values, each with its source and an example worked by hand.

From 0 to 1, and higher is better unless the measure says otherwise; ranks start at 1. What cannot be measured is None,
never zero.
"""

from eval.metrics.agreement import cohen_kappa
from eval.metrics.answers import (
    chrf,
    contains,
    count_words,
    exact_match,
    in_language,
    normalise,
    similarity,
    token_f1,
    token_recall,
)
from eval.metrics.citations import Cited, citation_precision, citation_recall, dropped_share, quote_stands, share
from eval.metrics.doubt import Estimate, estimate_auc, estimate_mean, percentiles
from eval.metrics.refusals import refusal_precision, refusal_recall, risk_coverage, roc_auc, roc_curve
from eval.metrics.retrieval import hit_at, ndcg_at, recall_at, reciprocal_rank

__all__ = [
    "Cited",
    "Estimate",
    "chrf",
    "citation_precision",
    "citation_recall",
    "cohen_kappa",
    "contains",
    "count_words",
    "dropped_share",
    "estimate_auc",
    "estimate_mean",
    "exact_match",
    "hit_at",
    "in_language",
    "ndcg_at",
    "normalise",
    "percentiles",
    "quote_stands",
    "recall_at",
    "reciprocal_rank",
    "refusal_precision",
    "refusal_recall",
    "risk_coverage",
    "roc_auc",
    "roc_curve",
    "share",
    "similarity",
    "token_f1",
    "token_recall",
]
