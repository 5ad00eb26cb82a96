"""How far two judges agree beyond chance."""

from __future__ import annotations

from collections.abc import Sequence


def cohen_kappa(a: Sequence[bool], b: Sequence[bool]) -> float | None:
    """Agreement of two judges of the same things beyond what chance would give: 1 is full, 0 is chance, -1 the least.

    Source: Cohen 1960, "A Coefficient of Agreement for Nominal Scales". None where it is undefined: nothing was
    judged, or both judges said one and the same of everything, where chance alone agrees fully.

    The two agree on three of four: po = 3/4. The first says yes to 2/4 and the second to 3/4, so that chance agrees
    on pe = 2/4 · 3/4 + 2/4 · 1/4 = 1/2. Kappa = (po - pe) / (1 - pe) = (1/4) / (1/2) = 1/2.

    >>> cohen_kappa([True, True, False, False], [True, True, True, False])
    0.5
    >>> cohen_kappa([True, False], [False, True]), cohen_kappa([True, False], [True, True])
    (-1.0, 0.0)
    >>> cohen_kappa([], []), cohen_kappa([True, True], [True, True])
    (None, None)

    Raises:
        ValueError: the judges did not judge equally many things.
    """
    pairs = list(zip(a, b, strict=True))
    if not pairs:
        return None
    yes_a, yes_b = sum(first for first, _ in pairs) / len(pairs), sum(second for _, second in pairs) / len(pairs)
    by_chance = yes_a * yes_b + (1 - yes_a) * (1 - yes_b)
    if by_chance == 1:
        return None
    observed = sum(first == second for first, second in pairs) / len(pairs)
    return (observed - by_chance) / (1 - by_chance)
