"""What may come out of holding a claim against a passage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Supported:
    """A window of adjacent sentences, at ``passage.text[start:end]``, that says a claim. Support is 0 to 1.

    Where it is not ``certain`` nothing speaks against the claim, but it is worded too freely to be said without a
    second opinion.
    """

    start: int
    end: int
    support: float
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Unsupported:
    """What a passage does not say of a claim. ``near`` is how much of it the passage holds, 0 to 1.

    ``reason``: number, date, name, attribution, direction, negation, words (of another language: meaning); empty, where
    the claim states nothing; judge, where a second opinion is against it; wording, where there is none.
    """

    reason: str
    near: float = 0.0
