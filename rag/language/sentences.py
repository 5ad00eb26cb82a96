"""Sentences and clauses of Chinese, English and German text; pure functions.

All spans are ``(start, end)`` characters into the text that was passed in, end exclusive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import sentencex

from rag.language.text import HAN
from rag.types import Lang

# No sentence is longer: what runs on without an end is cut, since nobody can quote it. It also bounds the
# splitter, whose time grows with the square of a line full of opening quotation marks.
MAX_SENTENCE = 4000
WRAP_WIDTHS = range(30, 121)  # columns at which plain text is wrapped by hand or by a mail program

_PARAGRAPH = re.compile(r"[^\n]+(?:\n[^\n]+)*")
_LINE = re.compile(r"[^\n]+")
_SPACE = re.compile(r"\s")
_NEXT_WORD = re.compile(rf"[ \t]*([{HAN}]|[^\s{HAN}]+)")
_OPENS_ITEM = re.compile(r"[ \t]*(?:[-*+•>|#]|\d{1,3}[.)、]|```|~~~)")

# What the splitter takes for the end of a sentence, and is not.
# "die 2. Bundesliga", "im 18. und 19. Jahrhundert": an ordinal before a noun, which starts with a capital.
_DE_ORDINAL = re.compile(
    r"(?:\b(?:der|die|das|dem|den|des|im|am|vom|zum|zur|beim|ein|eine|einen|einem|einer|dieser|diesem|seit|bis|ab|"
    r"ihr|ihre|ihren|sein|seine|seinen|jeder|jede)|\d\.(?:\s+\w+)?\s+(?:und|oder|bis|sowie))\s+\d{1,3}\.\s*$",
    re.IGNORECASE,
)
_ABBREVIATION = re.compile(
    r"(?<![A-Za-z])(?:Dr|Mr|Mrs|Ms|Prof|Ft|St|approx|Dipl|Fa|Abs|Bd|Bsp|inkl|zzgl|Tsd|Mrz|Okt|Dez|Hl|Kap|geb|Hrsg|Kfm)\.\s*$"
)
_ZH_INITIAL = re.compile(r"(?<![A-Za-z])[A-Z]\.\s*$")  # "U.S. 公司", whose letters are no words there
_ITEM_NUMBER = re.compile(r"\s*\d{1,3}[.)]\s*")  # "2. Platz: Ulm", at the start of a sentence
# A closing quotation mark that the splitter leaves at the head of the next sentence.
_STRAY_HEAD = re.compile(r"[”’“\"」』）)\]]+[。.!?！？]?\s*")
# “我们很好。”他说。 is one sentence.
_ZH_QUOTED = re.compile(r"\s*[“‘「『].*[。！？!?…][”’」』]\s*", re.DOTALL)
_ZH_SPEAKER = re.compile(r"[^，。！？；：“”「」]{1,10}?(?:说|问|答|道|称|表示|指出|写|喊|补充|强调)")
# What it does not take for the end, and is: "250 km/h. Weil", "3 m. Long". Not "50 v. Chr.".
_UNIT_END = re.compile(r"(?:\d\s?[ghlmt]|/[hs])\.(?=\s+[A-ZÄÖÜ„“\"])")
_MARK = re.compile(r"\*{1,3}|_{1,3}")
_LOOK_BACK = 60  # characters before a boundary that decide whether it is one
_MARKUP_ONLY = re.compile(r"[\s*_#>`~-]*")


def sentences(text: str, lang: Lang) -> list[tuple[int, int]]:
    """Spans of the sentences of a text, without the white space around them, in order.

    A line end is the end of a sentence unless the line was wrapped.

    >>> t = "Am 1. Januar kam Dr. Meier in die 2. Bundesliga. Er blieb z. B. in Ulm."
    >>> [t[a:b] for a, b in sentences(t, "de")]
    ['Am 1. Januar kam Dr. Meier in die 2. Bundesliga.', 'Er blieb z. B. in Ulm.']
    >>> t = "公司筹集了10亿美元。估值为138亿美元！"
    >>> [t[a:b] for a, b in sentences(t, "zh")]
    ['公司筹集了10亿美元。', '估值为138亿美元！']
    """
    spans: list[tuple[int, int]] = []
    for first, last in _stretches(text):
        for span in _boundaries(text, first, last, lang):
            if spans and spans[-1][0] >= first and _belongs_before(text, spans[-1], span, lang):
                spans[-1] = (spans[-1][0], span[1])
            else:
                spans.append(span)
    stripped = (_strip(text, start, end) for start, end in spans)
    return [(a, b) for a, b in stripped if not _MARKUP_ONLY.fullmatch(text, a, b)]


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """The lines of a text, those that were wrapped in one."""
    for paragraph in _PARAGRAPH.finditer(text):
        lines = [line.span() for line in _LINE.finditer(text, *paragraph.span())]
        width = max(end - start for start, end in lines)
        first = lines[0][0]
        for (start, end), (following, _) in pairwise(lines):
            if not _is_wrapped(text, start, end, following, width):
                yield first, end
                first = following
        yield first, lines[-1][1]


def _is_wrapped(text: str, start: int, end: int, following: int, width: int) -> bool:
    """Whether a line ended because the next word would not have fitted into the width of its paragraph."""
    if width not in WRAP_WIDTHS or _OPENS_ITEM.match(text, following) or text.startswith("  ", end - 2):
        return False
    word = _NEXT_WORD.match(text, following, following + width)
    return word is not None and end - start + 1 + len(word.group(1)) > width


def _boundaries(text: str, first: int, last: int, lang: Lang) -> Iterator[tuple[int, int]]:
    """The splitter's sentences, which follow each other without a gap, and none longer than MAX_SENTENCE."""
    while first < last:
        end = min(last, first + MAX_SENTENCE)
        # One character for one, so that the offsets hold: a wrapped line end is a space here. The splitter panics,
        # past every "except Exception", on wide spaces beside a capital, and takes no lone surrogate.
        line = _SPACE.sub(" ", text[first:end]).encode("utf-8", "replace").decode()
        bounds = sentencex.get_sentence_boundaries(lang, line)
        cuts = [0]
        for cut in (cut for bound in bounds for cut in (*_unit_ends(line, bound), bound["end_index"])):
            if cut > cuts[-1]:
                cuts.append(_past_closing_mark(line, cuts[-1], cut))
        if end < last:
            if len(cuts) > 2:
                cuts.pop()  # the last sentence goes on after this window
            else:
                cuts[-1] = line.rfind(" ") + 1 or len(line)
        yield from ((first + a, first + b) for a, b in pairwise(cuts))
        first += cuts[-1]


def _unit_ends(line: str, boundary: dict[str, int]) -> list[int]:
    return [m.end() for m in _UNIT_END.finditer(line, boundary["start_index"], boundary["end_index"])]


def _past_closing_mark(line: str, start: int, cut: int) -> int:
    """A cut, moved past the mark that ends the emphasis of a whole sentence: "**Ja.** Nein."."""
    mark = _MARK.match(line, cut)
    return mark.end() if mark and line.count(mark.group(), start, cut) % 2 else cut


def _belongs_before(text: str, before: tuple[int, int], this: tuple[int, int], lang: Lang) -> bool:
    if this[1] - before[0] > MAX_SENTENCE:
        return False
    tail = text[max(before[0], before[1] - _LOOK_BACK) : before[1]]
    if _ABBREVIATION.search(tail) or (lang == "de" and _DE_ORDINAL.search(tail)):
        return True
    if lang == "zh" and (
        _ZH_INITIAL.search(tail) or (_ZH_SPEAKER.match(text, *this) and _ZH_QUOTED.fullmatch(text, *before))
    ):
        return True
    return bool(_ITEM_NUMBER.fullmatch(text, *before) or _STRAY_HEAD.fullmatch(text, *this))


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


_CLAUSE_END = re.compile(r"[,:](?!\d)|[;，；：]|\s[–—-]\s|——")
_MIN_CLAUSE = {"zh": 6, "en": 15, "de": 15}


def clauses(sentence: str, lang: Lang) -> list[str]:
    """The clauses of a sentence, cut at commas, colons and dashes; too short ones stay with what precedes.

    >>> clauses("Zu den Kunden von Scale AI, die Daten bekommen, zählen: Microsoft, Toyota, GM", "de")
    ['Zu den Kunden von Scale AI', 'die Daten bekommen, zählen: Microsoft, Toyota, GM']
    """
    cuts = [0, *(m.end() for m in _CLAUSE_END.finditer(sentence)), len(sentence)]
    pieces = [sentence[a:b] for a, b in pairwise(cuts)]
    joined: list[str] = []
    for piece in pieces:
        if joined and (len(piece.strip()) < _MIN_CLAUSE[lang] or len(joined[-1].strip()) < _MIN_CLAUSE[lang]):
            joined[-1] += piece
        else:
            joined.append(piece)
    return [piece.strip(" ,;:，；：–—-\t\n") for piece in joined]


_TERMINAL = re.compile(r"[.!?。！？…][\"'”’“»«」』）)\]*_\s]*$")


def ends_complete(text: str) -> bool:
    """Whether a text ends with the mark of a finished sentence, closing quotes and emphasis aside.

    >>> ends_complete("Es war „gut.“"), ends_complete("训练其生成式人工")
    (True, False)
    """
    return bool(_TERMINAL.search(text))
