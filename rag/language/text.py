"""Language, plain form and tokens of Chinese, English and German text; pure functions.

All spans are ``(start, end)`` characters into the text that was passed in, end exclusive.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from rag.types import LANGS, Lang

# Inside a character class: 々 and 〇, the ideographs and all their extensions.
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN = re.compile(f"[{HAN}]")
_HAN_RUN = re.compile(f"[{HAN}]+")
# Words that are no names: in lower case, or a question word that starts a sentence.
_LATIN_WORD = re.compile(r"\b(?:[a-zäöüß]+|Wh[aeio][a-z]*|How|W(?:er|e[mn]|as|ann|o|ie|arum)|Welche[mnrs]?)\b")
_ZH_GRAMMAR = re.compile("[的了是在和与及或被把从对为这那]")
_ENOUGH_TO_TELL = 2000  # characters: more text makes the model slower, not surer
_ZH_ASKS = re.compile("[吗呢谁？]|什么|哪|何时|为何|多少|怎|几")

# --- Language ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    # At first use, not at import: unpacking the model takes over half a second.
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGS))
    return identifier


def identify(text: str) -> tuple[Lang, float]:
    """The language of a text among zh, en and de, and how sure that is (1/3 to 1).

    A text with no evidence (a bare name, a number) comes out as English at 1/3.

    >>> identify("Wer führte die Serie-F-Runde an?")[0], identify("那估值呢？")[0], identify("42")
    ('de', 'zh', ('en', 0.3333333333333333))
    """
    han = len(_HAN.findall(text))
    if han and (_ZH_ASKS.search(text) or _is_mostly_chinese(text, han)):
        return "zh", 1.0
    rest = _HAN_RUN.sub(" ", text) if han else text
    if not any(c.isalpha() for c in rest):
        return "en", 1 / 3
    lang, confidence = _identifier().classify(rest[:_ENOUGH_TO_TELL].encode("utf-8", "replace").decode())
    if confidence < 0.34:
        return "en", 1 / 3
    return ("en" if lang == "zh" else lang), float(confidence)


def _is_mostly_chinese(text: str, han: int) -> bool:
    """Told by counting: the statistical model sees every text with one Chinese name in it as Chinese, and some
    short Chinese ones as not.
    """
    words = len(_LATIN_WORD.findall(text))
    return han >= 2 * words and (words < 2 or bool(_ZH_GRAMMAR.search(text)))


# --- Plain text and tokens ---------------------------------------------------------------------------------

_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\((?:[^()\n]|\([^()\n]*\))*\)")
# A single star between Latin letters or digits is no emphasis ("5*3*2", "Kund*innen"), nor are underscores inside
# a word ("snake_case"). What is emphasised holds no mark of its kind: the inner of two goes first.
_LATIN = "A-Za-z0-9\u00c0-\u024f"
_EMPHASIS = re.compile(
    r"(\*{2,3})(?=\S)([^*\n]++)(?<=\S)\1"
    rf"|(?<![{_LATIN}*])\*(?=\S)([^*\n]++)(?<=\S)\*(?![{_LATIN}*])"
    r"|(?<!\w)(_{1,3})(?=\S)([^_\n]++)(?<=\S)\4(?!\w)"
    r"|~~(?=\S)([^~\n]++)(?<=\S)~~"
    r"|`([^`\n]++)`"
)
_EMPHASIS_MARK = re.compile("[*_~`]")  # far sooner told than what it makes; most texts have none
# What a reader can't see: soft hyphens, zero-width, direction and tag characters, variation selectors, fillers, control
# characters but for white space. A word must not be cut by them, and nothing said in them.
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_LEADING_MARK = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+)+", re.MULTILINE)
_HAN_WRAP = re.compile(rf"(?<=[{HAN}，。、；：！？])[ \t]*\n[ \t]*(?=[{HAN}“‘「《（])")


def plain(text: str) -> str:
    """A text without Markdown marks (emphasis, link targets, list and heading signs) and invisible characters.

    >>> plain("- **Scale** raised [$1bn](https://ft.com) in `2024`")
    'Scale raised $1bn in 2024'
    """
    text = _LEADING_MARK.sub("", _LINK.sub(r"\1", _HAN_WRAP.sub("", INVISIBLE.sub("", text))))
    for _ in range(3):  # emphasis in emphasis
        if not _EMPHASIS_MARK.search(text):
            break
        text = _EMPHASIS.sub(lambda match: match[match.lastindex or 0], text)
    return re.sub(r"\s+", " ", text.replace("**", "")).strip()


def brief(text: str, most: int) -> str:
    """A text on one line, without what no reader can see, of so many characters at most.

    >>> brief("Wer\\n\\n\\u202efragt?", 40), brief("Wer fragt?", 6)
    ('Wer fragt?', 'Wer f…')
    """
    words = " ".join(INVISIBLE.sub("", text).split())
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


_GENDER = re.compile(r"(\w)[:*_;·]innen\b")
_GENDER_IN = re.compile(r"(\w)[:*_·]in\b")


def for_embedding(text: str) -> str:
    """The text that is embedded: plain, with German gender forms in a spelling that encoders have seen.

    >>> for_embedding("**Kund:innen**, Mitarbeiter*innen und Investor:innen")
    'Kunden, Mitarbeiter und Investoren'
    """

    def plural(match: re.Match[str]) -> str:
        stem_end = text_before[max(0, match.start() - 1) : match.start() + 1]
        return match.group(1) if stem_end == "er" else match.group(1) + "en"

    text_before = plain(text)
    return _GENDER_IN.sub(r"\1", _GENDER.sub(plural, text_before))


_WORD = re.compile(rf"[{HAN}]+|\d+(?:[.,]\d+)*|[^\W\d_{HAN}]+")
_UMLAUT = str.maketrans({"ä": "a", "ö": "o", "ü": "u"})
_stemmers = threading.local()  # a Snowball stemmer keeps state between calls

# Question words and other words of the grammar: they carry no evidence about which passage answers.
_GRAMMAR = """
    a an the of in on at to for from by with as is are was were be been being has have had do does did will would
    can could should may might must and or but not no if than then that this these those there it its he she they
    them his her their we you i who whom whose what which when where why how much many s t
    der die das den dem des ein eine einen einem einer eines und oder aber nicht kein keine ist sind war waren wird
    werden wurde wurden sein hat haben hatte hatten von vom zu zum zur im in an am auf aus bei mit nach für über
    unter um als wie wer wen wem wessen was welche welcher welches welchen welchem wann wo warum wieso woher wohin
    es er sie sich ihr ihre ihren ihrer ihm ihn man wir du ich dass ob auch noch nur so durch gegen
    的 了 是 在 和 与 及 或 也 有 被 把 从 对 为 于 由 以 之 其 这 那 此 个 吗 呢 吧 啊 谁 什 么 哪 何 几 多 少 怎 样
"""
STOP_WORDS = frozenset(_GRAMMAR.split())
# Words of one language's grammar that mean something in the other. Both lists apply to both languages otherwise,
# since the language of a short question is a guess.
_MEANINGFUL = {"en": {"war", "die", "man", "den"}, "de": {"who", "it", "not", "may", "has"}, "zh": set[str]()}


def tokens(text: str, lang: Lang) -> list[str]:
    """Index tokens: NFKC, case folded; Chinese as characters and pairs, German and English words stemmed.

    Latin words inside Chinese text are stemmed as English. Numbers keep their inner separators out, so that
    ``13,8`` and ``13.8`` are one token. No token holds white space.

    >>> tokens("Scale筹集了10亿美元", "zh")
    ['scale', '筹', '筹集', '集', '集了', '了', '10', '亿', '亿美', '美', '美元', '元']
    >>> tokens("Die Häuser kosteten 13,8 Mio.", "de")
    ['die', 'haus', 'kost', '13_8', 'mio']
    """
    found: list[str] = []
    for match in _WORD.finditer(unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).casefold()):
        word = match.group()
        if _HAN.match(word):
            for i, char in enumerate(word):
                found.append(char)
                if i + 1 < len(word):
                    found.append(word[i : i + 2])
        elif word[0].isdigit():
            found.append(re.sub(r"[.,]", "_", re.sub(r"(?<=\d)[.,](?=\d{3}(?!\d))", "", word)))
        else:
            found.append(_stem(word, "german" if lang == "de" else "english").translate(_UMLAUT))
    return found


def content_tokens(text: str, lang: Lang) -> list[str]:
    """The tokens that carry evidence: without stop words, and without Chinese pairs that hold one.

    >>> content_tokens("Who founded Scale AI and when?", "en"), content_tokens("谁创立了公司？", "zh")
    (['found', 'scale', 'ai'], ['创', '创立', '立', '公', '公司', '司'])
    """
    # What is longer than a sentence is asked about once: remembered by the thousand it would fill the memory.
    return list(_content_tokens(text, lang) if len(text) <= 1500 else _content_tokens.__wrapped__(text, lang))


@lru_cache(maxsize=4096)  # the sentences of what is often found are looked at for every question
def _content_tokens(text: str, lang: Lang) -> tuple[str, ...]:
    stop = _stop_tokens(lang)
    return tuple(
        token
        for token in tokens(text, lang)
        if token not in stop and not (_HAN.match(token) and any(char in stop for char in token))
    )


@lru_cache(maxsize=len(LANGS))
def _stop_tokens(lang: Lang) -> frozenset[str]:
    both = (_stem(w, language).translate(_UMLAUT) for w in STOP_WORDS for language in ("german", "english"))
    return (STOP_WORDS | frozenset(both)) - _MEANINGFUL[lang]


@lru_cache(maxsize=100_000)
def _stem(word: str, language: str) -> str:
    stemmer = getattr(_stemmers, language, None)
    if stemmer is None:
        stemmer = snowballstemmer.stemmer(language)
        setattr(_stemmers, language, stemmer)
    return str(stemmer.stemWord(word))
