"""Follow-up questions: whether a question hangs on what was said before, and what a question is about.

Told by words alone: pronouns, fragments, and whether a question names anything of its own. Pure functions in three
languages; all of them take time in proportion to the text, so texts must be bounded by who calls.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal

from rag.conversation.words import (
    ADDRESSES,
    ASK_ZH,
    ASKED,
    ASKS_ABOUT,
    AUXILIARY,
    BACK_DE,
    BACK_EN,
    BACK_ZH,
    CLAUSE_BREAK,
    DATES,
    DEFINITE,
    DO,
    EDGES_ZH,
    EXISTING,
    EXPLETIVE,
    GENERIC,
    GENERIC_ZH,
    GRAMMAR,
    GRAMMAR_ZH,
    LEADING,
    LIKE_NAME_ZH,
    NAME_ZH,
    OPENING,
    STARTS,
    TAILS,
    UNIQUE,
)
from rag.language.text import HAN, content_tokens
from rag.types import Lang

# alone: can be asked by itself. reference: says what it asks, not of what ("What did it replace?"). fragment: says
# neither, or another case of what was asked ("Why?", "And in Germany?").
Link = Literal["alone", "reference", "fragment"]

MAX_SUBJECTS = 4  # phrases that stand for what a conversation is about; more would drown what is asked

# --- Words -------------------------------------------------------------------------------------------------


def _generic_words(lang: Lang) -> frozenset[str]:
    return frozenset(token for word in GENERIC[lang] for token in content_tokens(word, lang))


_GENERIC_STEMS: dict[Lang, frozenset[str]] = {"en": _generic_words("en"), "de": _generic_words("de")}


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a question in English or German."""

    text: str
    start: int
    end: int
    first: bool
    grammar: bool
    generic: bool

    @property
    def low(self) -> str:
        return self.text.casefold()

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()


_HAN_RUN = re.compile(f"[{HAN}]+")
_WORD = re.compile(r"\w+(?:[-.'’&]\w+)*")


def _words(text: str, lang: Lang) -> list[_Word]:
    found = []
    for match in _WORD.finditer(text):
        word = match.group()
        low = word.casefold()
        first = not text[: match.start()].strip("\"'„“ ")
        # A capital letter tells the name from the word that is written alike: US, WHO.
        grammar = low in GRAMMAR[lang] and not (len(word) > 1 and word.isupper())
        stems = content_tokens(re.sub(r"['’]s$", "", word), lang)
        generic = all(stem in _GENERIC_STEMS[lang] for stem in stems)
        found.append(_Word(word, match.start(), match.end(), first, grammar, generic))
    return found


# --- Whether it hangs on what was said ---------------------------------------------------------------------


def link(question: str, lang: Lang, known: Set[str] = frozenset()) -> Link:
    """How a question hangs on a conversation, whose content words are ``known``.

    >>> link("Why?", "en"), link("What did it replace?", "en"), link("What is the capital of France?", "en")
    ('fragment', 'reference', 'alone')
    >>> link("那估值呢？", "zh"), link("Und von Emsland?", "de"), link("Wie alt ist Angela Merkel?", "de")
    ('reference', 'fragment', 'alone')
    """
    if ADDRESSES[lang].match(question):
        return "alone"
    return _link_zh(question, known) if lang == "zh" else _link_latin(question, lang, known)


def _link_latin(question: str, lang: Lang, known: Set[str]) -> Link:
    lead = LEADING[lang].match(question)
    rest = question[lead.end() :] if lead else question
    words = _words(rest, lang)
    content = [w for w in words if not w.grammar]
    whole = bool(STARTS[lang].match(rest)) and not (lead and ASKS_ABOUT.search(lead.group()))
    if not content:
        return "fragment"
    back = _points_back(rest, lang)
    own = _own(words, lang, known)
    if whole and not back and own:
        return "alone"
    if not whole and not lead and own and not back:
        # A few bare words are a search of their own, unless they begin like the end of a sentence: "In Germany?"
        return "fragment" if words[0].grammar and words[0].low in TAILS[lang] else "alone"
    if whole:
        return "reference"
    attribute = all(w.generic and not _is_verb(w) for w in content) and not re.search(
        r"\d|\b(?:before|after|other|next|previous)\b", rest
    )
    return "reference" if attribute and not (back and lang == "de") else "fragment"


def _points_back(text: str, lang: Lang) -> bool:
    """Whether a pronoun or a demonstrative means something that the question itself does not name before it."""
    pattern = BACK_EN if lang == "en" else BACK_DE
    cleared = EXPLETIVE.sub(lambda match: " " * len(match.group()), text)
    for match in pattern.finditer(cleared):
        if match.lastgroup == "here":
            return True
        said = match.group()
        if lang == "de" and (said == "Sie" or said[0].isupper()) and match.start() > 0:
            continue  # the polite form
        before = text[: match.start()]
        named = any(not w.grammar and not w.generic and w.capital and not w.first for w in _words(before, lang))
        owned_or_later = match.lastgroup == "owned" or CLAUSE_BREAK.search(before.strip())
        if not (named and owned_or_later):
            return True
    return False


def _own(words: Sequence[_Word], lang: Lang, known: Set[str]) -> bool:
    """Whether the question names a subject of its own: a name, or a thing that is not just "the" thing."""
    definite, asked, far = False, False, 0
    for at, word in enumerate(words):
        if word.grammar:
            # What there is ("Gab es Warnungen?") is asked of something else.
            definite = word.low in DEFINITE[lang] or (word.low in EXISTING and at < 3)
            asked = word.low in ASKED
            continue
        if word.low in UNIQUE or _is_name(words, at, lang):
            return True
        if word.generic or word.text[0].isdigit() or word.low in DATES:
            continue
        new = not set(content_tokens(word.text, lang)) <= known
        after_be = at > 0 and words[at - 1].low in ("be", "been", "being", "get", "got")
        if not new or (lang == "en" and (_is_verb(word) or after_be)):
            continue
        if lang == "de" and (not word.capital or (word.first and len(words) > 1)):
            continue
        if not definite and not asked:
            return True
        far += 1
    return far >= 3


def _is_verb(word: _Word) -> bool:
    return word.low.endswith(("ed", "ing")) and len(word.low) > 4


def _is_name(words: Sequence[_Word], at: int, lang: Lang) -> bool:
    word = words[at]
    if word.low in DATES or (word.first and len(words) == 1) or not word.capital:
        return False
    if len(word.text) > 1 and sum(c.isupper() for c in word.text) > 1:
        return True
    if lang == "en":
        return not word.generic or not word.first
    # German writes all nouns with a capital: a name is what stands next to another, or has a number.
    following = words[at + 1] if at + 1 < len(words) else None
    preceding = words[at - 1] if at else None
    return not word.first and any(
        other is not None
        and not other.grammar
        and not other.first
        and (other.capital or other.text[0].isdigit())
        and (other.capital or other is following)
        and not (word.generic and other.generic)
        and not (word.generic and other.text[0].isdigit())
        for other in (following, preceding)
    )


def _link_zh(question: str, known: Set[str]) -> Link:
    lead = LEADING["zh"].match(question)
    rest = question[lead.end() :] if lead else question
    asks = bool(ASK_ZH.search(rest))
    ellipsis = bool(re.search("呢[？?。]?$", rest.strip())) and not asks
    residue = _own_zh(rest, known)
    says = bool(re.search(r"[^\W_]", GRAMMAR_ZH.sub("", ASK_ZH.sub("", rest))))
    if ellipsis or (lead and not asks):
        attribute = not residue and bool(GENERIC_ZH.search(rest)) and not re.search(r"\d|[前后]", rest)
        return "reference" if attribute else "fragment"
    if not says:
        return "fragment"
    if lead or _points_back_zh(rest) or not residue:
        return "reference"
    return "alone"


def _points_back_zh(text: str) -> bool:
    for match in BACK_ZH.finditer(text):
        before = text[: match.start()]
        clause = re.search(r"[，、；和与及]$|[，；]", before)
        if match.lastgroup == "here" or not (clause and _says_zh(before)):
            return True
    return False


def _says_zh(text: str) -> bool:
    return bool(NAME_ZH.search(text) or _runs_zh(text, frozenset()))


def _own_zh(text: str, known: Set[str]) -> bool:
    """Whether a question names a subject of its own.

    Chinese leaves out what is understood and marks no names: a word of two or three characters that was not said before
    counts as one only where it looks like it, or is what something is asked of ("月球的直径").
    """
    if NAME_ZH.search(text):
        return True
    ask = ASK_ZH.search(text)
    before, after = (text[: ask.start()], text[ask.end() :]) if ask else (text, "")
    said_before, said_after = _runs_zh(before, known), _runs_zh(after, known)
    nothing: frozenset[str] = frozenset()
    owner = re.match(rf"([{HAN}]+?)的[{HAN}]", before)
    # A name counts whether it was spoken of or not.
    named = any(LIKE_NAME_ZH.search(run) for run in _runs_zh(before, nothing) + _runs_zh(after, nothing))
    dated = re.search(r"\d{4}", before) and said_before
    defined = re.match("什么是|什么叫|何谓", text) and said_after
    if named or dated or defined or (owner and _runs_zh(owner.group(1), known)):
        return True
    if ask and not said_before and ask.group().startswith("谁"):
        return sum(map(len, said_after)) > (2 if "了" in after else 3)
    # What asks whether something is so has its verb before the word that asks.
    return sum(map(len, said_before)) > (5 if ask and ask.group() == "吗" else 3)


def _runs_zh(text: str, known: Set[str]) -> list[str]:
    """Words of content, as far as they can be told, that were not said before."""
    rest = GRAMMAR_ZH.sub(" ", GENERIC_ZH.sub(" ", BACK_ZH.sub(" ", ASK_ZH.sub(" ", text))))
    runs = (EDGES_ZH.sub("", match.group()) for match in _HAN_RUN.finditer(rest))
    return [run for run in runs if len(run) > 1 and not all(run[i : i + 2] in known for i in range(len(run) - 1))]


# --- What a question is about ------------------------------------------------------------------------------


def subjects(question: str, lang: Lang, *, strict: bool = False) -> list[str]:
    """The phrases that say what a question is about, in order, without what it asks of it.

    With ``strict`` those alone that are surely things; else what there is.

    >>> subjects("Who led the Series F round of Scale AI?", "en")
    ['Series F round', 'Scale AI']
    >>> subjects("Welche Leistung haben die letzten drei deutschen Atomkraftwerke zusammen?", "de")
    ['letzten drei deutschen Atomkraftwerke']
    >>> subjects("良渚古城遗址是哪一年列入《世界遗产名录》的？", "zh")
    ['良渚古城遗址']
    """
    found, rest = _subjects_zh(question) if lang == "zh" else _subjects_latin(question, lang)
    return list(dict.fromkeys(found or ([] if strict else rest)))[:MAX_SUBJECTS]


def _subjects_latin(question: str, lang: Lang) -> tuple[list[str], list[str]]:
    words = _words(question, lang)
    found: list[str] = []
    rest: list[str] = []
    asks = next((at for at, word in enumerate(words) if lang == "en" and word.low in DO and at < 4), None)
    for run, before in _runs(words, question):
        verb = asks is not None and words.index(run[0]) in (asks + 1, asks + 2) and len(run) > 1
        kept = _trimmed(run[:-1] if verb and not run[-1].capital else run, before, lang)
        if not kept or (lang == "de" and not any(word.capital or word.text[0].isdigit() for word in kept)):
            continue
        phrase = question[kept[0].start : kept[-1].end]
        named = any(_is_name(words, words.index(w), lang) or w.text[0].isdigit() for w in kept)
        thing = any(not w.generic for w in kept) and (lang == "de" or before in OPENING)
        asked = before in ASKED
        (found if (named or thing) and not asked else rest).append(phrase)
    return found, rest


def is_named(phrase: str, lang: Lang) -> bool:
    """Whether a phrase of a question is a name, or holds one.

    >>> is_named("Berlin Marathon", "en"), is_named("women's race", "en"), is_named("《京都议定书》", "zh")
    (True, False, True)
    """
    if lang == "zh":
        return bool(NAME_ZH.search(phrase))
    if lang == "en":
        return any(word.capital for word in _words(phrase, lang))
    # In German a phrase that is one noun is more often a thing than a name, unless it is written in a foreign way.
    words = [word for word in _words(phrase, lang) if word.capital]
    return len(words) > 1 or any("-" in word.text or word.text[1:].lower() != word.text[1:] for word in words)


def _runs(words: Sequence[_Word], text: str) -> list[tuple[list[_Word], str]]:
    """Words of content that stand side by side, each run with the word before it."""
    runs: list[tuple[list[_Word], str]] = []
    before = ""
    for at, word in enumerate(words):
        if word.grammar:
            before = word.low
            continue
        joined = at and not words[at - 1].grammar and not text[words[at - 1].end : word.start].strip()
        if joined and runs:
            runs[-1][0].append(word)
        else:
            runs.append(([word], before))
        before = ""
    return runs


def _trimmed(run: list[_Word], before: str, lang: Lang) -> list[_Word]:
    """A run without the verbs around it."""
    kept = list(run)
    if before == "who" and len(kept) > 1 and not kept[0].capital:
        kept.pop(0)
    while kept and _ends_nothing(kept, before, lang):
        kept.pop()
    if lang == "de" and before not in DEFINITE[lang]:
        while kept and not (kept[0].capital or kept[0].text[0].isdigit()):
            kept.pop(0)
    return kept


def _ends_nothing(kept: Sequence[_Word], before: str, lang: Lang) -> bool:
    last = kept[-1]
    if last.capital or last.text[0].isdigit():
        return False
    if lang == "de":
        return True
    after_name = len(kept) > 1 and before in AUXILIARY and kept[0].capital
    return after_name or _is_verb(last) or (last.generic and len(kept) > 1 and before not in OPENING)


_ZH_EDGE = re.compile(
    r"^(?:是|在|由|从|有|把|被|将|于|的|了|，|、|和|与)+|(?:是|在|由|从|有|一共|总共|于|被|的|了|都|，|、|和|与|向|对|为)+$"
)

_ZH_VERB = re.compile(
    "(?:发现|发明|提出|成立|创立|建立|获得|得到|发布|公布|宣布|举行|生效|通过|出生|收购|采用|使用|发射)了?$"
)


def _subjects_zh(question: str) -> tuple[list[str], list[str]]:
    text = LEADING["zh"].sub("", question, count=1).strip("？?。 ")
    ask = ASK_ZH.search(text)
    parts = [text[: ask.start()], re.sub(rf"^[{HAN}]{{1,3}}了", "", text[ask.end() :])] if ask else [text]
    for part in parts:
        phrase = re.sub("呢$", "", part)
        while (shorter := _ZH_EDGE.sub("", phrase)) != phrase:
            phrase = shorter
        if "的" not in phrase:
            phrase = _ZH_VERB.sub("", phrase) or phrase
        if _says_zh(phrase) and not BACK_ZH.fullmatch(phrase):
            return ([phrase], []) if NAME_ZH.search(phrase) else ([], [phrase])
    return [], []


# --- Whom an answer names ----------------------------------------------------------------------------------

_PEOPLE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:they|them|their|he|him|his|she|her|who else|the (?:two|three|others?))\b", re.IGNORECASE),
    "de": re.compile(r"\b(?:sie|ihr(?:e[nmrs]?)?|er|ihn|ihm|ihnen|deren|denen|diese[nr]?|sein(?:e[nmrs]?)?)\b"),
    "zh": re.compile(r"[他她]|两人|三人|双方"),
}
_ZH_PART = rf"(?:(?![的由和与授予给人员家者长官将是在及报获于为说设表宣主提建创])[{HAN}]){{2,6}}"
_NAME_OF: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b[A-ZÀ-Þ][\w’-]+(?: [A-ZÀ-Þ][\w’-]+){1,3}"),
    "de": re.compile(r"\b[A-ZÄÖÜ][\w-]+(?: [A-ZÄÖÜ][\w-]+){1,3}"),
    "zh": re.compile(rf"{_ZH_PART}(?:·{_ZH_PART})+"),
}
MAX_NAMES = 3
_DETERMINER = re.compile(r"^(?:The|In|On|At|A|Der|Die|Das|Den|Dem|Im|Am|Bei|Beim|Mit|Nach) ")


def means_people(question: str, lang: Lang) -> bool:
    """Whether a question speaks of somebody without a name."""
    return bool(_PEOPLE[lang].search(question))


def names(text: str, lang: Lang) -> list[str]:
    """Names of several words in the text of an answer, those of people among them.

    >>> names("The round was led by Alexandr Wang and Lucy Guo.", "en"), names("发言人法比奥拉·贾诺蒂报告。", "zh")
    (['Alexandr Wang', 'Lucy Guo'], ['法比奥拉·贾诺蒂'])
    """
    found = (_DETERMINER.sub("", match.group()) for match in _NAME_OF[lang].finditer(text))
    return list(dict.fromkeys(name for name in found if " " in name or lang == "zh"))[:MAX_NAMES]
