"""A model's reply, read as it comes: sentences with the passages they cite."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from rag.language.sentences import sentences
from rag.language.text import plain
from rag.types import Claim, Claimed, Lang

# Citation markers as models write them: [1], [1, 2], [1-3], 【1】, ［1］, [1†source], [^1], [passage 1].
_OPEN, _CLOSE = r"[\[【［〔]", r"[\]】］〕]"
_INSIDE = r"[^\[\]【】［］〔〕\n]"
_MARKER = re.compile(
    rf"{_OPEN}\s*\^?\s*((?:[^\W\d_]+\.?\s+)?\d{{1,3}}(?:\s*[-–,、，;~～至]\s*\d{{1,3}})*){_INSIDE}{{0,12}}{_CLOSE}"
)
_HALF = re.compile(rf"{_OPEN}{_INSIDE}{{0,16}}$")
_RANGE = re.compile(r"(\d{1,3})(?:\s*[-–~～至]\s*(\d{1,3}))?")
_LONGEST_RANGE = 10
LONGEST = 1500  # characters of a sentence; a small model can go on for ever
LONGEST_REPLY = 100_000  # characters, thoughts included; eight sentences have a tenth of it
# Markers that stand after the mark that ends a sentence belong to that sentence.
_AFTER_END = re.compile(rf"([.!?。！？…][\"”’»」』）)]*)((?:\s*{_MARKER.pattern})+)")
_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_LIST_NUMBER = re.compile(r"^\s*(?:[-*•]\s+)?\d{1,2}[.)、]\s*(?=\D)")
_LABEL = re.compile(r"^\s*(?:answer|antwort|response|答案|回答|答)\s*[:：]\s*", re.IGNORECASE)
# A list of sources at the end says nothing; the product has its own.
_SOURCES = re.compile(
    r"^\W*(?:sources?|references?|quellen?(?:verzeichnis|angaben)?|来源|参考(?:资料|文献))\W*(?:[:：]|$)", re.IGNORECASE
)
_SPACE_BEFORE_MARK = re.compile(r"\s+(?=[.,;:!?。，；：！？…])")


class ReplyReader:
    """Takes a reply piece by piece and gives out each sentence once it is whole, with its citation markers.

    ``allowed`` says which passage each number stands for; other numbers are ignored.
    """

    def __init__(self, allowed: Mapping[int, str], lang: Lang) -> None:
        self._allowed = allowed
        self._lang = lang
        self._text = ""
        self._unfinished = 0  # characters of the sentence that is not whole yet
        self._given = 0  # how many sentences of the text were given out
        self._ended = False

    def read(self, pieces: Iterable[str]) -> Iterator[Claim]:
        """The claims of a whole reply, each as soon as the next sentence has begun.

        What comes after a sentence that does not end is not read.
        """
        for piece in pieces:
            self._text += piece
            yield from self._whole(last=False)
            if self._unfinished > LONGEST or len(self._text) > LONGEST_REPLY:
                return
        yield from self._whole(last=True)

    def _whole(self, *, last: bool) -> Iterator[Claim]:
        if not last and self._text.lower().count("<think") > self._text.lower().count("</think"):
            return
        text = _AFTER_END.sub(lambda m: m[2] + m[1], _THOUGHT.sub("", self._text))
        spans = sentences(text, self._lang)
        # A sentence is whole when the next one has begun with a word: before that its markers may still follow.
        done = len(spans) if last else max(0, len(spans) - 1 - _is_marker_to_be(text, spans))
        self._unfinished = len(text) - spans[done][0] if len(spans) > done else 0
        for start, end in spans[self._given : done]:
            self._given += 1
            self._ended = self._ended or bool(_SOURCES.match(text[start:end]))
            claim = None if self._ended else _claim(text[start:end], self._allowed)
            if claim:
                yield claim


def _is_marker_to_be(text: str, spans: list[tuple[int, int]]) -> bool:
    return bool(spans) and not any(c.isalpha() for c in text[spans[-1][0] : spans[-1][1]][:20])


def _claim(said: str, allowed: Mapping[int, str]) -> Claim | None:
    """A sentence without its markers, and what they stand for; None where no word is left."""
    numbers = [number for match in _MARKER.finditer(said) for number in _numbers(match[1])]
    text = _HALF.sub("", _MARKER.sub("", said))
    text = _SPACE_BEFORE_MARK.sub("", _LABEL.sub("", _LIST_NUMBER.sub("", plain(text)))).strip()
    if not any(c.isalnum() for c in text):
        return None
    cited = dict.fromkeys(allowed[number] for number in numbers if number in allowed)
    return Claim(text, tuple(Claimed(passage_id) for passage_id in cited))


def _numbers(inside: str) -> Iterator[int]:
    """The numbers in a marker, ranges written out.

    >>> list(_numbers("1-3, 5"))
    [1, 2, 3, 5]
    """
    for first, last in _RANGE.findall(inside):
        start, end = int(first), int(last or first)
        yield from range(start, end + 1) if 0 <= end - start <= _LONGEST_RANGE else (start,)
