"""Where an answer ends for a client that wants less of it: after a whole sentence, for half of one is unproven."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import ceil
from typing import Literal

Finish = Literal["stop", "length"]

_HAN = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_END_MARKS = re.compile(r"[\s.。!！?？…\"'“”’»«」』）)]*\Z")  # without which a sentence says the same


class Cut:
    """Admits the sentences of an answer one by one, until one of them holds a stop sequence or goes over the limit.

    ``max_tokens`` counts the words of the sentences, estimated; not the links, and not the list of sources.
    """

    def __init__(self, stop: Sequence[str] = (), max_tokens: int | None = None) -> None:
        self._stop = [one for one in stop if one]
        self._left = self.max_tokens = max_tokens
        self.finish: Finish | None = None  # why there is no more; None: there may be

    def admit(self, sentence: str) -> str:
        """What of a sentence may be said: all of it, all but the marks at its end, or nothing from here on.

        >>> cut = Cut(stop=["."], max_tokens=50)
        >>> cut.admit("Scale raised $1bn."), cut.admit("It is valued at $14bn."), cut.finish
        ('Scale raised $1bn', '', 'stop')
        >>> cut = Cut(max_tokens=6)
        >>> cut.admit("Scale raised $1bn."), cut.admit("It is valued at $14bn."), cut.finish
        ('Scale raised $1bn.', '', 'length')
        """
        if self.finish:
            return ""
        before, stopped = self.stopped(sentence)
        if stopped:
            self.finish = "stop"
            end = len(before)
            sentence = sentence[:end].rstrip() if _END_MARKS.match(sentence, end) else ""
        tokens = count_tokens(sentence)
        if self._left is not None and tokens > self._left:
            self.finish = "length"
            return ""
        self._left = None if self._left is None else self._left - tokens
        return sentence

    def stopped(self, text: str) -> tuple[str, bool]:
        """What of a text stands before the first stop sequence, and whether there is one."""
        found = [at for one in self._stop if (at := text.find(one)) >= 0]
        return (text[: min(found)], True) if found else (text, False)


def count_tokens(text: str) -> int:
    """About how many tokens a text has: one a Chinese character, one for four of other scripts.

    >>> count_tokens("Scale AI"), count_tokens("公司筹集了10亿美元。")
    (2, 10)
    """
    han = len(_HAN.findall(text))
    return han + ceil((len(text) - han) / 4)
