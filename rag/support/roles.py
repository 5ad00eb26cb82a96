"""Checks of who does what in a claim: names stand in their roles."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.support.comparison import Comparison
from rag.support.names import in_sounds
from rag.support.reading import Reading
from rag.types import Lang

CLOSE = 0.1  # clauses whose share of a claim's words differs by less are equally good
CLOSE_SPEECH = 0.06  # the same where the claim is about who said it
# How alike two names must be to be one, within a language and across.
SAME_NAME = {True: 0.84, False: 0.45}
SOUNDS_ALIKE = 0.8  # how alike words of two scripts must sound to be one name
SURNAME = 0.7  # from which a word with a capital is a name of the passage
_SAYS: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:sa(?:id|ys?)|according|told|call(?:s|ed)|describ\w+|critici\w+|warn\w+|announc\w+|accus\w+|argu\w+"
        r"|claim\w+|prais\w+|not(?:ed|es)|add(?:ed|s)|expect\w*|think\w*|believ\w*|demand\w*|welcom\w+|predict\w*"
        r"|confirm\w*|report(?:s|ed)|insist\w*|complain\w*|promis\w+)\b"
    ),
    "de": re.compile(
        r"\b(?:sag\w*|erklär\w*|nann\w+|laut|zufolge|kritisier\w*|warn\w*|forder\w*|verlang\w*|kündigt\w*|beton\w*"
        r"|nach (?:Ansicht|Angaben|Worten|Darstellung|Auskunft|Einschätzung)|begrüß\w*|lob\w*|erwart\w*|rechne\w*"
        r"|mein\w*|teilt\w*|hält|halten|bezeichne\w*|warf\w*|sprach\w*|bestätig\w*|vermut\w*|sieht|versprach\w*)\b"
    ),
    "zh": re.compile(
        r"说|称|表示|公布|报告|认为|指出|批评|警告|宣布|指责|强调|预计|看来|呼吁|质疑|坦言|透露|承认|要求|承诺"
    ),
}
SPEECH: dict[Lang, int] = {"en": 30, "de": 30, "zh": 6}  # characters between a name and what it is said to say
TITLE = 2  # words before a name that mostly say who that is
_PLACED: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:in|at|from|near|to|into|across|on)(?: the)?(?: \w+){0,2} $"),
    "de": re.compile(r"\b(?:in|aus|ab|bei|im|am|nach|ins)(?: \w+){0,1} $"),
    "zh": re.compile(r"[在从赴抵]$"),
}


def names_in_role(c: Comparison) -> str | None:
    """No name stands where the passage has another name, or says what another says."""
    there = named(c.text)
    said = sorted({*named(c.said), *(i for i in c.told(("content",)) if _is_name_there(c, i))})
    if not said or not there:
        return None
    claimed = {j for j in there if c.near[said, j].max() >= SAME_NAME[c.same_lang]}
    first = {j for j in claimed if c.clause[j] == c.clause[there[0]]}
    for i in said:
        own = [j for j in claimed if c.near[i, j] >= SAME_NAME[c.same_lang]]
        speaker = speaks(c.said, i)
        if not own or (not speaker and set(own) & first):
            continue  # what a passage is about is named once
        rivals = [j for j in there if j not in claimed and _like(c, i, j) and not is_aside(c.text, j)]
        topic = {k for k in said if k != i and any(c.near[k, j] >= SAME_NAME[c.same_lang] for j in first)}
        if _belongs_to_another(c, own, rivals, _beside(c, i, speaker, topic), speaker):
            return "attribution" if speaker else "name"
    return None


def is_aside(reading: Reading, j: int) -> bool:
    """Whether a name stands in brackets, as a party or a short form does, or in quotes, as a title does."""
    return reading.text[: reading.words[j].start].endswith(("(", "（", "»", "„", "“", '"', "《", "«"))


def _is_name_there(c: Comparison, i: int) -> bool:
    """Whether a word that may be anything in the claim is a name in the passage: a surname at the head of it."""
    if not c.said.words[i].text[0].isupper():
        return False
    names = [j for j, word in enumerate(c.text.words) if word.kind == "name"]
    if not c.same_lang:  # between scripts only what is written by its sound can be told from other words
        names = [j for j in names if c.text.words[j].text.isascii() or in_sounds(c.text.words[j].text)]
    return any(c.near[i, j] >= SURNAME for j in names)


def names_of(c: Comparison) -> tuple[list[int], list[int]]:
    """The names of the claim and of the passage, those among them that only the other text shows to be names."""
    said = {*named(c.said), *(i for i in c.told(("content",)) if _is_name_there(c, i))}
    bar = SAME_NAME[True] if c.same_lang else SOUNDS_ALIKE
    known = [i for i in said if c.said.words[i].kind == "name"]
    there = {*named(c.text)}
    if known:
        alike = c.near[known].max(axis=0) >= bar
        content = [j for j, word in enumerate(c.text.words) if word.kind in ("content", "place") and alike[j]]
        there.update(j for j in content if c.text.lang == "zh" or c.text.words[j].text[0].isupper())
    return sorted(said), sorted(there)


def _belongs_to_another(
    c: Comparison, own: Sequence[int], rivals: Sequence[int], beside: Sequence[int], speaks: bool
) -> bool:
    if len(beside) < 2 or not rivals:
        return False
    score = {clause: c.said_in(beside, clause) for clause in c.clauses}
    best = max(score, key=lambda clause: score[clause])
    near = max(score[int(c.clause[j])] for j in own)
    if near >= score[best] - (CLOSE_SPEECH if speaks else CLOSE):
        return False
    sentence = c.sentence[c.clause == best][0]
    shared = any(c.sentence[j] == sentence for j in own)
    subject = _subject_clauses(c, best, {*own, *rivals})
    if shared and any(c.clause[j] in subject for j in own):
        return False
    # Who does something is named before it; who says something, before or after.
    against = [j for j in rivals if c.sentence[j] == sentence and (speaks or c.clause[j] <= best)]
    against = [j for j in against if not shared or c.clause[j] in subject]
    return bool(against)


def _subject_clauses(c: Comparison, clause: int, subjects: set[int]) -> set[int]:
    """A clause and, where no possible subject stands in it, those before it in its sentence back to one that has."""
    sentence = c.sentence[c.clause == clause][0]
    before = [x for x in reversed(c.clauses) if x <= clause and c.sentence[c.clause == x][0] == sentence]
    found: set[int] = set()
    for one in before:
        found.add(one)
        if any(c.clause[j] == one for j in subjects):
            break
    return found


def named(reading: Reading) -> list[int]:
    """The words that name somebody or something; of a full name the last."""
    named = {
        i
        for i, word in enumerate(reading.words)
        if (word.kind in ("name", "place") and not reading.is_title(i) and not any(map(str.isdigit, word.text)))
        or (reading.known_at(i) and word.kind != "number")
    }
    if reading.lang == "zh":
        return sorted(named)
    return [i for i in sorted(named) if not (i + 1 in named and reading.words[i + 1].start - reading.words[i].end == 1)]


def is_country(reading: Reading, i: int) -> bool:
    """Whether a word is a country's name, or says that somebody is from there."""
    known = reading.known_at(i)
    return known is not None and known.is_country


def _like(c: Comparison, i: int, j: int) -> bool:
    """Whether a name of the passage could stand in a name's place: a country for a country, a place for a place."""
    if is_country(c.said, i) or is_country(c.text, j):
        return is_country(c.said, i) and is_country(c.text, j)
    return is_place(c.said, i) == is_place(c.text, j)


def is_place(reading: Reading, i: int) -> bool:
    """Whether a name says where something is: it stands after "in", "at" and the like."""
    start = reading.words[first_of_name(reading, i)].start
    return reading.words[i].kind == "place" or bool(_PLACED[reading.lang].search(reading.text[:start]))


def first_of_name(reading: Reading, i: int) -> int:
    """The first word of a full name that ends with a word."""
    words = reading.words
    while i > 0 and words[i - 1].kind == "name" and words[i].start - words[i - 1].end <= 1:
        i -= 1
    return i


def _beside(c: Comparison, i: int, speaks: bool, topic: set[int]) -> list[int]:
    """The words that tell something of a name: of its clause or, where somebody says something, all; without the name
    and the title before it, nor what the passage is about."""
    words, first = c.said.words, first_of_name(c.said, i)
    told = [k for k in c.told() if not first - TITLE <= k <= i and k not in topic]
    inside = [k for k in told if words[k].clause == words[i].clause]
    return told if speaks or len(inside) < 2 else inside


def says(reading: Reading, i: int) -> bool:
    """Whether a word is a verb of saying."""
    return bool(_SAYS[reading.lang].search(reading.words[i].text))


def speaks(reading: Reading, i: int) -> bool:
    """Whether a text has somebody say something, next to a name."""
    word, far, text = reading.words[i], SPEECH[reading.lang], reading.text
    before = "" if reading.lang == "zh" else text[max(0, word.start - far) : word.end]
    return bool(_SAYS[reading.lang].search(before + text[word.end : word.end + far]))
