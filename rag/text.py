"""Language, sentences, clauses and tokens of Chinese, English and German text; pure functions.

All spans are ``(start, end)`` characters into the text that was passed in, end exclusive.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import sentencex
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


# --- Sentences and clauses ---------------------------------------------------------------------------------

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
# Soft hyphens, zero-width and direction characters: a reader can't see them, a word must not be cut by them.
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
_LEADING_MARK = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+)+", re.MULTILINE)
_HAN_WRAP = re.compile(rf"(?<=[{HAN}，。、；：！？])[ \t]*\n[ \t]*(?=[{HAN}“‘「《（])")


def plain(text: str) -> str:
    """A text without Markdown marks (emphasis, link targets, list and heading signs) and invisible characters.

    >>> plain("- **Scale** raised [$1bn](https://ft.com) in `2024`")
    'Scale raised $1bn in 2024'
    """
    text = _LEADING_MARK.sub("", _LINK.sub(r"\1", _HAN_WRAP.sub("", _INVISIBLE.sub("", text))))
    for _ in range(3):  # emphasis in emphasis
        text = _EMPHASIS.sub(lambda match: match[match.lastindex or 0], text)
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
    for match in _WORD.finditer(unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()):
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
    stop = _stop_tokens(lang)
    return [
        token
        for token in tokens(text, lang)
        if token not in stop and not (_HAN.match(token) and any(char in stop for char in token))
    ]


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
