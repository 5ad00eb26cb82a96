"""The fit of what the gate holds for certain, on features made up so that the right weights are known."""

from __future__ import annotations

import random

import pytest

from eval.claims import LabelledClaim
from eval.fitting import Seen, fit, spliced
from rag.support.certainty import FEATURES, NEW, score
from rag.types import Lang

TELLING = FEATURES.index("covered")
MISLEADING = FEATURES.index("meaning")


def claim(number: int, text: str = "Es kostet 5 Euro.", lang: Lang = "de", *, supported: bool = True) -> LabelledClaim:
    return LabelledClaim(str(number), f"Absatz {number}.", "de", text, lang, supported, "number")


def made_up() -> list[Seen]:
    """The share that is covered tells mostly what is true; the meaning tells it the wrong way round."""
    chance, seen = random.Random(1), []
    for number in range(300):
        true = number % 2 == 0
        found = [chance.random() for _ in FEATURES]
        found[NEW] = 0.2 * chance.random()
        found[TELLING] = (0.7 if true else 0.4) + 0.3 * chance.random()
        found[MISLEADING] = (0.2 if true else 0.6) + 0.3 * chance.random()
        seen.append(Seen(claim(number, supported=true), found))
    return seen


def test_what_tells_gets_weight_and_what_counts_the_wrong_way_none() -> None:
    weights = fit(made_up())
    assert weights["weights"][TELLING] > 0.5
    assert weights["weights"][MISLEADING] == 0
    covered, bare = [0.2] * len(FEATURES), [0.2] * len(FEATURES)
    covered[TELLING], bare[TELLING] = 0.95, 0.4
    assert score(covered, weights) > 0 > score(bare, weights)


def test_claims_against_which_a_check_speaks_are_not_fitted_on() -> None:
    seen = made_up()
    assert fit([*seen, *(Seen(claim(n), None) for n in range(50))]) == fit(seen)


@pytest.mark.parametrize(
    ("lang", "texts"),
    [("de", ("Der Zug fährt heute.", "Die Bank schließt morgen.")), ("zh", ("公司今天开业。", "银行明天关门。"))],
)
def test_a_splice_is_half_of_one_claim_and_half_of_another(lang: Lang, texts: tuple[str, str]) -> None:
    true = [claim(n, text, lang) for n, text in enumerate(texts)]
    for made in spliced([*true, claim(9, "Falsch.", lang, supported=False)], 10):
        assert not made.supported
        assert made.claim.strip() not in texts
        assert any(made.claim.startswith(text[:3]) for text in texts)
        assert any(made.claim.strip().endswith(text[-3:]) for text in texts)
