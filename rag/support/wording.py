"""Words of Chinese, English and German text with their kinds; pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import rjieba

from rag.language.text import STOP_WORDS
from rag.support.names import in_sounds
from rag.types import Lang

_LATIN_WORD = re.compile(r"[^\W\d_]+(?:['’.&-][^\W\d_]+)*(?:[-]?\d+\w*)*|\d+[^\W\d_]+\w*")
# German adjectives, which have a capital at the head of a sentence: "Betriebsbedingte Kündigungen".
_ADJECTIVE = re.compile(
    r"(?:\w{4}t|ig|lich|sch|bar|sam|los|end)e[nrsm]?$|^(?:Neu|Alt|All|Viel|Mehrer|Einig|Erst|Zweit|Groß|Beid|Dies|Jed|Jen|Manch|Solch|Welch|Kein|Wenig|Ander|Letzt"
    r"|Best|Höh|Lang|Kurz|Klein)e[nrsm]?$"
)
_APPOSITION = re.compile(r", (?:an?|the|whose|which|who|its)\b")  # "Greenport, an environmental group, ..."
_NAME_TAGS = {"nr", "nrt", "nrfg", "ns", "nt", "nz"}
_SPEECH = {"说", "称", "表示", "认为", "指出", "警告", "宣布", "批评", "强调", "透露", "回应", "介绍", "坦言"}
_EMPTY_TAGS = {"x", "uj", "ul", "uz", "ug", "ud", "uv", "p", "c", "u", "y", "r", "d", "f", "e", "o"}
_MORE = """
    said says say according while whereas although though after before also its itself into over about around
    more most than up down now yet still only both other another such very own out off when during under
    vor noch schon außer wegen trotz seit bis zwischen ohne hinter neben durch gegen während obwohl weil wenn als auch
    sagte sagt laut sowie sei seien habe hätten würden mehr etwa rund dass deren dessen dem denen soll sollen sollte
    wurde worden damit dabei dazu bereits nun dann zwar doch zwei beim ins am im des
    说 表示 称 认为 指出 等 该 将 已 则 并 而 但 约 至 到 后 前 中 上 下 再 又 还 就 都 让 使 向
"""
_MORE_STOP = frozenset(_MORE.split())


def words_of(text: str, lang: Lang, first: int, last: int) -> Iterator[tuple[int, int, str]]:
    """The words of a piece of a text, with their kinds: content, name, place, or none for words of the grammar.

    A place is a German word that may be the name of one. Known are the tags of the Chinese segmenter, and capitals.

    >>> t = "Petra Lindner kam aus Chemnitz"
    >>> [(t[a:b], kind) for a, b, kind in words_of(t, "de", 0, len(t))]
    [('Petra', 'name'), ('Lindner', 'name'), ('kam', 'content'), ('aus', ''), ('Chemnitz', 'place')]
    """
    if lang == "zh":
        yield from _chinese(text, first, last)
        return
    for match in _LATIN_WORD.finditer(text, first, last):
        yield *match.span(), _kind(text, lang, match)


def _chinese(text: str, first: int, last: int) -> Iterator[tuple[int, int, str]]:
    at = first
    for word, tag in _joined(_full_names(rjieba.tag(text[first:last]))):
        start, at = at, at + len(word)
        if not any(char.isalnum() for char in word):
            continue
        stop = tag in _EMPTY_TAGS or word in _MORE_STOP or (len(word) == 1 and word in STOP_WORDS)
        named = (tag in _NAME_TAGS and _may_name(word, tag)) or (word[0].isascii() and word[0].isalpha())
        yield start, at, "name" if named else "" if stop else "content"


def _may_name(word: str, tag: str) -> bool:
    """Whether a word is as long as the names are that the segmenter takes it for: it takes others for names, too."""
    if tag in ("nr", "nz", "nrt", "nrfg"):
        return (1 < len(word) < 4 and tag == "nr") or (len(word) > 1 and in_sounds(word))
    return len(word) > 1


def _full_names(tagged: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Words with their tags, a surname and the given name that the segmenter took off it put together again."""
    at = 0
    while at < len(tagged):
        (word, tag), after = tagged[at], [*tagged[at + 1 : at + 3], ("", ""), ("", "")]
        (given, given_tag), (verb, _) = after[:2]
        after_name = at > 0 and tagged[at - 1][1].startswith("nr")  # "斯塔默任命": 任 is no surname there
        surname = tag == "nr" and len(word) == 1 and len(given) <= 2 and given_tag not in _EMPTY_TAGS and not after_name
        cut_off = tag.startswith("nr") and len(word) == 2 and len(given) == 1 and verb in _SPEECH
        if given and given.isalpha() and (surname or cut_off):
            yield word + given, "nr"
            at += 2
        else:
            yield word, tag
            at += 1


def _joined(tagged: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Words with their tags, the pieces of a name from another language put together again."""
    name: list[tuple[str, str]] = []
    for word, tag in [*_untitled(tagged), ("", "")]:
        if word and in_sounds(word + "·") and (tag not in _EMPTY_TAGS or word == "·" or (name and tag != "p")):
            name.append((word, tag))
            continue
        joined = "".join(piece for piece, _ in name)
        if len(joined) > 2 and len(name) > 1 and any(t in _NAME_TAGS for _, t in name):
            yield joined, "nr"
        else:
            yield from name
        name = []
        if word:
            yield word, tag


def _untitled(tagged: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Words with their tags, the end of a title and a verb taken off a name: "部长达蒂", "孔帕尼称"."""
    for word, tag in tagged:
        if tag.startswith("nr") and len(word) > 2 and word[0] in "长官员席":
            yield word[0], "n"
            yield word[1:], tag
        elif tag.startswith("nr") and len(word) > 2 and word[-1] in "称说于将":
            yield word[:-1], tag
            yield word[-1], "v"
        else:
            yield word, tag


def _kind(text: str, lang: Lang, match: re.Match[str]) -> str:
    word = match.group()
    folded = word.casefold().removesuffix("'s").removesuffix("’s")
    if folded in STOP_WORDS or folded in _MORE_STOP or (len(word) == 1 and not word.isupper()):
        return ""
    if not word[0].isupper() and not any(c.isupper() for c in word[1:]):
        return "content"
    if any(c.isupper() for c in word[1:]):
        return "name"
    head = text[: match.start()].rstrip(" \"“„‚»«'")
    opens = not head or head[-1] in ".!?:\n"
    if lang == "en":
        named = not opens or _beside_capital(text, match) or _APPOSITION.match(text, match.end())
        return "name" if named else "content"
    if _beside_capital(text, match):
        return "name"
    return "place" if _after_preposition(head, word) else "content"


def _beside_capital(text: str, match: re.Match[str]) -> bool:
    """Whether a capitalised word stands beside another: a first name and a surname."""
    following = re.match(r" ([A-ZÄÖÜ][\w-]+)", text[match.end() : match.end() + 40])
    before = re.search(r"([A-ZÄÖÜ][\w-]+) $", text[max(0, match.start() - 40) : match.start()])
    return any(m and m[1].casefold() not in STOP_WORDS and not _ADJECTIVE.search(m[1]) for m in (following, before))


def _after_preposition(head: str, word: str) -> bool:
    return bool(re.search(r"\b(?:in|aus|nach|ab|bei|von|gegen|für)$", head)) and not word.endswith(
        ("ung", "heit", "keit", "en", "er")
    )
