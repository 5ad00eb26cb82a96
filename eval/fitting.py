"""The weights by which the gate tells what is certain: ``python -m eval fit FILE ...``.

A logistic regression with ridge penalty on claims made by hand that pass the gate's checks, and on claims spliced from
two true ones, as a small model writes them. A feature whose weight comes out with the wrong sign is left out. The bound
is the score that nearly all of the false claims stay below, each scored by weights fitted without its passage.
"""

from __future__ import annotations

import hashlib
import json
import random
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from eval.claims import LabelledClaim, load_claims
from eval.progress import progress_bar
from rag.assembly.encoders import open_embedder, open_encoder
from rag.settings import load_settings
from rag.support.certainty import FEATURES, FOR, WEIGHTS, score
from rag.support.judge import SupportJudge

# Share of the false claims that must stay below the bound, within a language and across. A wrong marker is repaired
# within a language only, so that there a claim is held against many passages: the bound must be the higher one.
DROPPED = {True: 0.98, False: 0.95}
SPLICES = 0.3  # of as many claims as there are
RIDGE = 3.0
FOLDS = 8
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """A claim as the gate sees it; no features where a check speaks against it."""

    claim: LabelledClaim
    found: list[float] | None

    @property
    def within(self) -> bool:
        """Whether claim and passage are in one language."""
        return self.claim.claim_lang == self.claim.passage_lang

    @property
    def fold(self) -> int:
        """Claims about one passage are in one fold."""
        return int(hashlib.sha256(self.claim.passage.encode()).hexdigest(), 16) % FOLDS


def fit_command(args: Namespace) -> int:
    """Fit the weights to the claims of files and write them where the gate reads them."""
    claims = [claim for path in args.files for claim in load_claims(path)]
    claims += spliced(claims, round(len(claims) * SPLICES))
    settings = load_settings()
    judge = SupportJudge(open_embedder(settings), open_encoder(settings))
    with progress_bar() as progress:
        bar = progress.add_task("looking", total=len(claims))
        seen = []
        for claim in claims:
            seen.append(Seen(claim, judge.features(claim.claim, claim.claim_lang, claim.passage, claim.passage_lang)))
            progress.advance(bar)
    fitted = {
        "within": _fitted([one for one in seen if one.within]),
        "across": _fitted([one for one in seen if not one.within]),
    }
    WEIGHTS.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")
    Console(stderr=True).print(f"wrote {WEIGHTS}", highlight=False)
    return 0


def spliced(claims: Sequence[LabelledClaim], count: int) -> list[LabelledClaim]:
    """False claims: the first half of a true one, with the second half of another in its language."""
    chance = random.Random(5)
    true = [claim for claim in claims if claim.supported]
    found: list[LabelledClaim] = []
    while len(found) < count:
        one = chance.choice(true)
        other = chance.choice([claim for claim in true if claim.claim_lang == one.claim_lang])
        if other.claim != one.claim:
            made = "".join(_halves(one)[0] + _halves(other)[1])
            found.append(replace(one, claim=made, supported=False, kind="spliced"))
    return found


def _halves(claim: LabelledClaim) -> tuple[list[str], list[str]]:
    parts = list(claim.claim) if claim.claim_lang == "zh" else [f"{word} " for word in claim.claim.split()]
    return parts[: len(parts) // 2], parts[len(parts) // 2 :]


def _fitted(seen: Sequence[Seen]) -> dict[str, Any]:
    """Weights, and the bound on scores of claims whose passage the weights were not fitted on."""
    scores = []
    for fold in range(FOLDS):
        weights = fit([one for one in seen if one.fold != fold])
        scores += [
            (one.claim.kind, score(one.found, weights) if one.found else -np.inf)
            for one in seen
            if one.fold == fold and not one.claim.supported
        ]
    made_by_hand = [found for kind, found in scores if kind != "spliced"]
    bound = float(np.quantile(made_by_hand, DROPPED[seen[0].within], method="higher"))
    return {**fit(seen), "bound": round(bound, 3)}


def fit(seen: Sequence[Seen]) -> dict[str, Any]:
    """The weights of the features, 0 for one that would count the wrong way."""
    found = np.array([one.found for one in seen if one.found])
    true = np.array([one.claim.supported for one in seen if one.found])
    mean, spread = found.mean(axis=0), found.std(axis=0)
    scale = np.where(spread > 0.001, spread, 1.0)  # what never varies tells nothing
    scaled = (found - mean) / scale
    sign = np.array([1.0 if name in FOR else -1.0 for name in FEATURES])
    used = np.ones(len(FEATURES), dtype=bool)
    while True:
        weights, intercept = _ridge(scaled[:, used], true)
        wrong = weights * sign[used] < 0
        if not wrong.any():
            break
        used[np.flatnonzero(used)[int(np.argmin(weights * sign[used]))]] = False
    every = np.zeros(len(FEATURES))
    every[used] = weights
    return {
        "features": list(FEATURES),
        "mean": [round(float(x), 4) for x in mean],
        "scale": [round(float(x), 4) for x in scale],
        "weights": [round(float(x), 4) for x in every],
        "intercept": round(float(intercept), 4),
    }


def _ridge(x: Floats, true: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
    """Logistic regression by Newton's method; the intercept is not penalised."""
    rows = np.column_stack([x, np.ones(len(x))])
    penalty = np.diag([RIDGE] * x.shape[1] + [0.0])
    weights = np.zeros(rows.shape[1])
    for _ in range(50):
        likely = 1.0 / (1.0 + np.exp(-rows @ weights))
        gradient = rows.T @ (likely - true) + penalty @ weights
        step = np.linalg.solve((rows.T * (likely * (1 - likely))) @ rows + penalty, gradient)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights[:-1], float(weights[-1])
