"""Whether the citations of an answer prove it.

Citation recall and precision are those of ALCE (Gao et al. 2023, "Enabling Large Language Models to Generate Text
with Citations"). A ``Cited`` is a sentence with what each of its citations quotes, None for a number that no citation
has; ``entails`` says whether some quotes together support a sentence. ALCE asks a model for that; here it is whoever
calls, with the rule by which the product grants citations. A difference: more than three citations are not cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Cited = tuple[str, Sequence[str | None]]
Entails = Callable[[Sequence[str], str], bool]


def quote_stands(text: str, start: int, end: int, quote: str) -> bool:
    """Whether the quote is the article's text at its offsets, character for character, and not empty.

    >>> quote_stands("It doubled.", 3, 10, "doubled"), quote_stands("It doubled.", 2, 10, "doubled")
    (True, False)
    >>> quote_stands("It doubled.", -8, -1, "doubled"), quote_stands("It doubled.", 3, 3, "")
    (False, False)
    """
    return 0 <= start < end <= len(text) and text[start:end] == quote


def share(flags: Sequence[bool]) -> float | None:
    """Share of what holds: of citations whose quote stands, of sentences with a citation; None of nothing.

    >>> share([True, True, False, True]), share([])
    (0.75, None)
    """
    return sum(flags) / len(flags) if flags else None


def citation_recall(sentences: Sequence[Cited], entails: Entails) -> float | None:
    """Share of the sentences that their citations support together; one without a citation is not. None of nothing.

    >>> holds = lambda quotes, sentence: all(word in " ".join(quotes) for word in sentence.split())
    >>> citation_recall([("a b", ["a", "b"]), ("a c", ["a"]), ("a", []), ("a", ["a", None])], holds)
    0.25
    >>> citation_recall([], holds) is None
    True
    """
    return share([_supported(sentence, quotes, entails) for sentence, quotes in sentences])


def citation_precision(sentences: Sequence[Cited], entails: Entails) -> float | None:
    """Share of the citations that count: their sentence is supported, and by them alone or not without them.

    None when nothing is cited.

    Of "a b" both citations are needed; of "a" the second adds nothing; "c" is not supported at all: 3 of 5.

    >>> holds = lambda quotes, sentence: all(word in " ".join(quotes) for word in sentence.split())
    >>> citation_precision([("a b", ["a", "b"]), ("a", ["a", "b"]), ("c", ["a"])], holds)
    0.6
    >>> citation_precision([("a", [])], holds) is None
    True
    """
    return share([counts for sentence, quotes in sentences for counts in _counting(sentence, quotes, entails)])


def _supported(sentence: str, quotes: Sequence[str | None], entails: Entails) -> bool:
    known = [quote for quote in quotes if quote is not None]
    return bool(known) and len(known) == len(quotes) and entails(known, sentence)


def _counting(sentence: str, quotes: Sequence[str | None], entails: Entails) -> list[bool]:
    if not _supported(sentence, quotes, entails):
        return [False] * len(quotes)
    known = [quote for quote in quotes if quote is not None]
    others = [known[:at] + known[at + 1 :] for at in range(len(known))]
    return [
        entails([quote], sentence) or not (rest and entails(rest, sentence))
        for quote, rest in zip(known, others, strict=True)
    ]


def dropped_share(kept: int, dropped: int) -> float | None:
    """Share of an answerer's sentences that the gate did not let through, lower is better; None of nothing.

    >>> dropped_share(3, 1), dropped_share(0, 0)
    (0.25, None)
    """
    return dropped / (kept + dropped) if kept + dropped else None
