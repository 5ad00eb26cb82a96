"""Language, sentences, clauses and tokens of Chinese, English and German text; pure functions.

All spans are ``(start, end)`` characters into the text that was passed in, end exclusive.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache
from itertools import pairwise

import sentencex
import snowballstemmer
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from rag.types import LANGS, Lang

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_HAN = re.compile(f"[{HAN}]")
_HAN_RUN = re.compile(f"[{HAN}]+")
_LOWER_WORD = re.compile(r"\b[a-zäöüß]+\b")
_ZH_ASKS = re.compile("[吗呢谁？]|什么|哪|何时|为何|多少|怎|几")

# --- Language ----------------------------------------------------------------------------------------------

_identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
_identifier.set_languages(list(LANGS))


def identify(text: str) -> tuple[Lang, float]:
    """The language of a text among zh, en and de, and how sure that is (1/3 to 1).

    A text with no evidence (a bare name, a number) comes out as English at 1/3.

    >>> identify("Wer führte die Serie-F-Runde an?")[0], identify("那估值呢？")[0], identify("42")
    ('de', 'zh', ('en', 0.3333333333333333))
    """
    han = len(_HAN.findall(text))
    if han and (_ZH_ASKS.search(text) or han >= 2 * len(_LOWER_WORD.findall(text))):
        # The statistical model sees every text with one Chinese name in it as Chinese, and some short
        # Chinese ones as not; counting characters settles both.
        return "zh", 1.0
    rest = _HAN_RUN.sub(" ", text) if han else text
    if not any(c.isalpha() for c in rest):
        return "en", 1 / 3
    lang, confidence = _identifier.classify(rest)
    if confidence < 0.34:
        return "en", 1 / 3
    return ("en" if lang == "zh" else lang), float(confidence)


# --- Sentences and clauses ---------------------------------------------------------------------------------

# "die 2. Bundesliga", "Im 19. Jahrhundert": after a determiner or preposition a number with a full stop is an
# ordinal, which the splitter takes for the end of a sentence when a noun (a capital) follows.
_DE_ORDINAL = re.compile(
    r"\b(?:der|die|das|dem|den|des|im|am|vom|zum|zur|beim|ein|eine|einen|einem|einer|dieser|diesem|seit|bis|ab|"
    r"ihr|ihre|ihren|sein|seine|seinen|jeder|jede)\s+\d{1,3}\.\s*$",
    re.IGNORECASE,
)
# A closing quotation mark that the splitter leaves at the head of the next sentence.
_STRAY_HEAD = re.compile(r"[”’“\"」』）)\]]+[。.!?！？]?\s*")
_MARKUP_ONLY = re.compile(r"[\s*_#>`~-]*")


def sentences(text: str, lang: Lang) -> list[tuple[int, int]]:
    """Spans of the sentences of a text, without the white space around them, in order.

    >>> t = "Am 1. Januar kam Dr. Meier in die 2. Bundesliga. Er blieb z. B. in Ulm."
    >>> [t[a:b] for a, b in sentences(t, "de")]
    ['Am 1. Januar kam Dr. Meier in die 2. Bundesliga.', 'Er blieb z. B. in Ulm.']
    >>> t = "公司筹集了10亿美元。估值为138亿美元！"
    >>> [t[a:b] for a, b in sentences(t, "zh")]
    ['公司筹集了10亿美元。', '估值为138亿美元！']
    """
    spans: list[tuple[int, int]] = []
    for line in re.finditer(r"[^\n]+", text):
        for boundary in sentencex.get_sentence_boundaries(lang, line.group()):
            start, end = line.start() + boundary["start_index"], line.start() + boundary["end_index"]
            joins = spans and spans[-1][0] >= line.start() and _belongs_before(text, spans[-1], start, end, lang)
            spans = [*spans[:-1], (spans[-1][0], end)] if joins else [*spans, (start, end)]
    stripped = (_strip(text, start, end) for start, end in spans)
    return [(a, b) for a, b in stripped if not _MARKUP_ONLY.fullmatch(text, a, b)]


def _belongs_before(text: str, before: tuple[int, int], start: int, end: int, lang: Lang) -> bool:
    if lang == "de" and _DE_ORDINAL.search(text[before[0] : before[1]]):
        return True
    return bool(_STRAY_HEAD.fullmatch(text, start, end))


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


_CLAUSE_END = re.compile(r"[,;:，；：](?!\d)|\s[–—-]\s|——")
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


# --- Plain text and tokens ---------------------------------------------------------------------------------

_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_EMPHASIS = re.compile(r"(\*{1,3}|_{2,3}|~~|`)(?=\S)(.+?)(?<=\S)\1")
_LEADING_MARK = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-*+]\s+)+", re.MULTILINE)


def plain(text: str) -> str:
    """A text without its Markdown marks: emphasis, link targets, list and heading signs. Words are untouched.

    >>> plain("- **Scale** raised [$1bn](https://ft.com) in `2024`")
    'Scale raised $1bn in 2024'
    """
    text = _LEADING_MARK.sub("", _LINK.sub(r"\1", text))
    while (shorter := _EMPHASIS.sub(r"\2", text)) != text:
        text = shorter
    return re.sub(r"\s+", " ", text.replace("**", "")).strip()


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


_WORD = re.compile(rf"[{HAN}]+|\d+(?:[.,]\d+)*|[^\W\d_]+(?<![{HAN}])", re.UNICODE)
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
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()):
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
    stop = _stop_tokens()
    return [
        token
        for token in tokens(text, lang)
        if token not in stop and not (_HAN.match(token) and any(char in stop for char in token))
    ]


@lru_cache(maxsize=1)
def _stop_tokens() -> frozenset[str]:
    both = (_stem(w, language).translate(_UMLAUT) for w in STOP_WORDS for language in ("german", "english"))
    return STOP_WORDS | frozenset(both)


@lru_cache(maxsize=100_000)
def _stem(word: str, language: str) -> str:
    stemmer = getattr(_stemmers, language, None)
    if stemmer is None:
        stemmer = snowballstemmer.stemmer(language)
        setattr(_stemmers, language, stemmer)
    return str(stemmer.stemWord(word))
