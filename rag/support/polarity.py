"""Words that turn a statement around: negations, and directions with their opposites; pure functions.

The lists are of the three languages at large: what news say of prices, votes, matches, deals and courts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.types import LANGS, Lang

# A statement with a refusal in it is as negative as one with a "not": "rejected" and "did not accept" agree.
_NEGATIONS: dict[Lang, str] = {
    "en": (
        r"(?<!whether or )\bnot\b(?! only| least| just)|\w+n['’]t\b|\bno\b(?! doubt)|\bnever\b|\bnone\b"
        r"|\bnobody\b|\bno one\b|\bnothing\b|\bneither\b|\bwithout\b|\bcannot\b|\brefus(?:e|es|ed|ing)\b"
        r"|\bden(?:y|ies|ied|ying)\b|\breject\w*|\bfail(?:s|ed|ing|ure)? to\b|\bdeclin(?:es|ed|ing|e) to\b"
        r"|\brul(?:es|ed|e|ing) out\b|\byet to\b|\bstill (?:has|have|needs?) to\b"
        r"|\bdisput\w+|\bunable\b|\bunclear\b|\bunlikely\b"
        r"|\bdismiss(?:ed|es|ing)?\b|\bexclud\w+|\bturn(?:s|ed|ing)? down\b|\bvoted? against\b|\bbarred\b"
        r"|\bforbidden\b|\bcancel\w*|\black(?:s|ed|ing)?\b|\babsent\b|\babandon\w*|\bscrap(?:ped|s)?\b"
        r"|\bg[ai]ve(?:s|n)? up(?= (?:its|his|her|their|the|a)\b)|\brelinquish\w*|\bwaiv\w+|\bun(?:profitable"
        r"|proven|known|decided|harmed|hurt|changed)\b"
    ),
    "de": (
        r"\bnicht\b(?! nur| zuletzt)|\bkein\w*|\bnie\b|\bniemals\b|\bniemand\w*|\bnichts\b|\bohne\b|\bweder\b"
        r"|\bnirgend\w*|\bverweiger\w+|\bverzicht\w+|\babgelehnt\w*|\bablehn\w*|\blehn(?:t|te|ten|en)\b"
        r"|\bzurückgewiesen\b|\bzurückweis\w+|\bwies(?:en)?\b(?=.*\bzurück\b)|\bweist\b(?=.*\bzurück\b)"
        r"|\bbestreite\w*|\bbestritt\w*|\bdementier\w+|\bausgeschlossen\b|\bausschließ\w+|\bschl(?:oss|ießt"
        r"|ossen)\b(?=.*\baus\b)|\bscheiter\w+|\bfehl(?:t|te|ten|en)\b|\babgesagt\b|\babsag\w*|\bun(?:klar"
        r"|bekannt|verändert|zuverlässig|möglich|sicher|gewiss|vollständig|gültig|wahrscheinlich|zulässig"
        r"|begründet|rechtmäßig|fähig|zufrieden|geklärt|entschieden|bewiesen|vereinbar|beteiligt|genügend"
        r"|nötig)\w*|\bm[uü]ss(?:en)? noch\b|\bsteh(?:t|en)(?=[^.;]* noch aus\b)"
        r"|\bstimmte\w* dagegen\b|\buntersag\w+|\bverboten\b"
    ),
    "zh": (
        r"没有(?!达到)|没(?!收|落|有)|尚未|尚待|有待|仍需|尚需|未(?!来|成年|婚|必|达)|无法|无需|无(?!人机|线|国界|锡|锋|数|条件|疑|论|花|限|力)"
        r"|不(?!过|仅|但|断|久|少|同|足|良|满|当|管|论|锈|动产|堪|幸|平|明飞|止|安|法|再)|不再|无一|并非"
        r"|非(?=是|因)|拒绝|拒(?=不)|否认|驳回|取消|排除|放弃|否决|禁止|免于|从未"
    ),
}
_NEGATION = {lang: re.compile(pattern, re.IGNORECASE) for lang, pattern in _NEGATIONS.items()}

# An axis has two ends, and may have a middle; each with words of the three languages.
_AXES: dict[str, tuple[dict[Lang, str], ...]] = {
    "size": (
        {
            "en": (
                r"rise[sn]?|rising|rose|increas\w*|grow\w*|grew|climb\w*|jump\w*|surg\w+|soar\w*|advanc(?:es|ed|ing)"
                r"|gain(?:s|ed|ing)?|higher|more|above|exceed\w*|up(?= (?:from|to|by|about|some|[\d$€£]))|rais(?:e|es"
                r"|ed|ing)|rall(?:y|ied)|expand\w*|warmer|longer|bigger|larger|greater|lift(?:s|ed|ing)?(?! off)"
                r"|improv\w+|beat(?: expectations)"
            ),
            "de": (
                r"steig\w*|stieg\w*|gestiegen\w*|anstieg\w*|wuchs\w*|wächst|wachs\w*|gewachsen\w*|zunahm\w*|zugenommen"
                r"|zunehm\w*|n(?:ahm\w*|immt)(?=[^.;]* zu\b)|zulegen|zugelegt|leg(?:t\w*|en)(?=[^.;]* zu\b)"
                r"|kletter\w*|erhöh\w*|angehoben|anheb\w+|anhob\w*"
                r"|hob\w*|höher\w*|mehr|über|überst\w+|aufschlag|zuwachs|größer\w*|häufiger\w*|plus|teurer|länger"
            ),
            "zh": (
                r"上升|上涨|增长|增加|增至|上调|提高|攀升|升至|涨|高于|超过|多于|扩大|飙升|上浮|增幅|涨幅|更多|更频繁"
                r"|多(?=了|\d)|升(?!空|级|降)"
            ),
        },
        {
            "en": (
                r"fall(?:s|en|ing)?|fell|drop(?:s|ped|ping)?(?! out)|declin(?:e|es|ed|ing)(?! to)|decreas\w*|shrank"
                r"|shrink\w*|shrunk|slump\w*|tumbl\w*|plung\w*|plummet\w*|slid(?:e|es|ing)?|lower\w*|fewer|less|below"
                r"|under(?= the\b| its\b| \d)|down(?= (?:from|to|by|about|some|[\d$€£]))|cut(?:s|ting)?|reduc\w*|sank"
                r"|sink\w*|colder|cooler|shorter|smaller"
                r"|miss(?:es|ed)(?= (?:its|the|their|that)\b)"
                r"|f[ae]ll(?:s|ing)? short|dip(?:s|ped)?|eas(?:ed|es)|weaken\w*|worsen\w*|los(?:e|es"
                r"|t)(?= (?:about |around |some )?[\d$€£]| \w+ per)"
            ),
            "de": (
                r"fiel\w*|fäll(?:t|en)|gefallen|sank\w*|sink\w*|gesunken\w*|zurückgegangen|rückgang\w*"
                r"|g(?:ing\w*|eh(?:t|en))(?=[^.;]* zurück\b)|abnahm\w*|abgenommen|n(?:ahm\w*|immt)(?=[^.;]* ab\b)"
                r"|g(?:ab\w*|ibt|eben)(?=[^.;]* nach\b)|nachgegeben"
                r"|schrumpf\w*|verring\w*|senk\w*|gesenkt\w*|gekürzt\w*"
                r"|kürz\w*|reduzier\w*|niedriger\w*|weniger|unter|geringer\w*|tiefer\w*|einbruch|einbrach\w*"
                r"|br(?:ach\w*|icht)(?=[^.;]* ein\b)|minus|abschlag|billiger|verfehl\w*"
                r"|kürzer\w*|kleiner\w*|seltener\w*|verlor\w*"
            ),
            "zh": (
                r"下降|下跌|减少|减至|下调|降低|降至|跌(?!倒)|低于|少于|缩小|下滑|骤降|锐减|降幅|跌幅|收窄|更少|缩短|没有达到|未达到?|不及"
                r"|少(?=了|\d)|降(?!落|雨|临|级)"
            ),
        },
        {
            "en": r"unchanged|stable|flat|steady",
            "de": r"unverändert\w*|stabil\w*|gleich geblieben",
            "zh": r"不变|持平|稳定",
        },
    ),
    "outcome": (
        {
            "en": (
                r"w[io]n(?:s|ning|ner)?|victor\w*|beat(?:s|en|ing)?|defeat(?:s|ed|ing)|succe(?:ed|eded|eds|ss)"
                r"|profit\w*"
            ),
            "de": r"gewann\w*|gewinn\w*|gewonnen|sieg\w*|besieg\w*|schlug\w*|geschlagen|setzt\w* sich durch",
            "zh": r"战胜|击败|获胜|夺冠|胜(?!任)|赢|淘汰|力克|大胜|盈利|当选",
        },
        {
            "en": r"los(?:e|es|ing|t|s|ses)|defeat(?= (?:to|by|against))|beaten by",
            "de": r"verlor\w*|verlier\w*|verloren|verlust\w*|unterlag\w*|unterlieg\w*|unterlegen|niederlage\w*",
            "zh": r"负于|不敌|输|落败|败给|败(?=北|选|于)|亏损",
        },
    ),
    "place": (
        {"en": r"ahead|in front", "de": r"vorsprung|voraus", "zh": r"领先|优势"},
        {"en": r"behind|trail\w*", "de": r"rückstand|hinter", "zh": r"落后|劣势"},
    ),
    "trade": (
        {
            "en": r"buy\w*|bought|acquir\w*|purchas\w*|takeover|take over",
            "de": r"kauf(?:t|te|ten|en)|gekauft|erw(?:arb|irbt|orben|erben)\w*|übern(?:immt|ahm|ehmen|ommen)\w*",
            "zh": r"收购|购买|买(?!卖)|购入|购得",
        },
        {
            "en": r"sell\w*|sold|sale of|divest\w*",
            "de": r"verkauf\w*|veräußer\w*|abgestoßen",
            "zh": r"出售|卖(?!力)|售出|抛售|转让",
        },
    ),
    "verdict": (
        {
            "en": r"prais\w*|welcom\w*|applaud\w*",
            "de": r"begrüß\w*|lob(?:t|te|ten|en)|gelobt",
            "zh": r"欢迎|赞扬|称赞|赞成|支持",
        },
        {
            "en": r"critici\w*|condemn\w*|regret\w*|deplor\w*",
            "de": r"kritisier\w*|verurteil\w*|bemängel\w*|bedauer\w*|protestier\w*",
            "zh": r"批评|谴责|指责|抗议|遗憾",
        },
    ),
    "site": (
        {"en": r"open(?:s|ed|ing)?", "de": r"eröffn\w*", "zh": r"开设|开业|开张"},
        {
            "en": r"clos(?:e|es|ed|ing|ure)|shut\w*",
            "de": r"schlie(?:ßt|ßen)|geschlossen|schließung",
            "zh": r"关闭|停业|关停",
        },
    ),
    "consent": (
        {
            "en": (
                r"agree[sd]?|grant(?:s|ed)|accept\w*|approv\w+|consent\w*|back(?:s|ed)|favou?r(?:s|ed)|advocat\w*"
                r"|uph(?:eld|olds?)"
            ),
            "de": (
                r"zustimm\w*|stimmt\w* zu|zugestimmt|angenommen|nimmt an|billig(?:t|te|ten)|befürwort\w*|bewillig\w*"
                r"|genehmigt\w*"
            ),
            "zh": r"同意|批准|通过(?=了)|采纳",
        },
        {
            "en": r"reject\w*|refus(?:es|ed|ing)|turn(?:s|ed) down|oppos(?:e[sd]?|ing)|overturn\w*",
            "de": r"lehn(?:t|te|ten)|abgelehnt|ablehn\w*|verweiger\w*|zurückgewiesen|untersag\w*",
            "zh": r"拒绝|驳回|否决|反对|推翻",
        },
    ),
    "keep": (
        {
            "en": r"keeps?|kept|retain\w*|preserv\w*",
            "de": r"behalt\w*|behält|behielt\w*|beibehalten",
            "zh": r"保留|保持|维持",
        },
        {"en": r"los(?:e|es|t|ing)|forfeit\w*", "de": r"verlier\w*|verlor\w*|eingebüßt", "zh": r"失去|丧失|丢掉"},
    ),
    "permit": (
        {
            "en": r"allow\w*|permit(?:s|ted)?|legali\w+",
            "de": r"erlaub\w*|gestatte\w*|zugelassen",
            "zh": r"允许|准许|许可",
        },
        {
            "en": r"ban(?:s|ned)?|prohibit\w*|outlaw\w*",
            "de": r"verb(?:ot|oten|ieten|ietet)\w*",
            "zh": r"禁止|不准|不许",
        },
    ),
    "guilt": (
        {"en": r"guilty|convict\w*", "de": r"schuldig\w*|verurteilt\w*", "zh": r"有罪|判刑|获刑"},
        {
            "en": r"innocent|acquit\w*|exonerat\w*",
            "de": r"unschuldig\w*|freigesprochen\w*|freispruch\w*",
            "zh": r"无罪|清白",
        },
    ),
    "grade": (
        {
            "en": r"high(?:er|ly)?|strong(?:er|ly)?|large|big",
            "de": r"hoh\w*|hoch|höher\w*|stark\w*|groß\w*",
            "zh": r"较高|很高|偏高|更高|较大|强劲|较强",
        },
        {
            "en": r"low(?:er)?|weak(?:er|ly)?|small",
            "de": r"niedrig\w*|gering\w*|schwach\w*|klein\w*",
            "zh": r"较低|很低|偏低|更低|较小|疲软|偏弱|较弱",
        },
    ),
    "staff": (
        {"en": r"hir(?:e|es|ed|ing)|recruit\w*", "de": r"eingestellt|einstell\w*", "zh": r"招聘|聘用|招募"},
        {
            "en": r"fir(?:es|ed|ing)|sack(?:s|ed)|lay(?:s|ing)? off|laid off",
            "de": r"entl(?:ässt|assen|ieß)\w*|gekündigt|streich\w*|gestrichen",
            "zh": r"解雇|裁员|裁减|开除",
        },
    ),
    "membership": (
        {
            "en": r"join(?:s|ed|ing)?|enter(?:s|ed)?",
            "de": r"beitr(?:itt|eten|at)\w*|beigetreten|tritt bei",
            "zh": r"加入|参加",
        },
        {
            "en": r"leav(?:e|es|ing)|left|quit(?:s)?|withdr[ae]w\w*",
            "de": r"austr(?:itt|eten|at)\w*|ausgetreten|verl(?:ässt|ieß|assen)",
            "zh": r"退出|离开|脱离",
        },
    ),
    "shipping": (
        {"en": r"export\w*", "de": r"export\w*|ausfuhr\w*|ausführ\w*", "zh": r"出口"},
        {"en": r"import(?:s|ed|ing)?", "de": r"import\w*|einfuhr\w*", "zh": r"进口"},
    ),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A word with a direction, at ``text[start:end]``: the end of an axis it points to, 1 or -1; 0 for no change."""

    start: int
    end: int
    axis: str
    sign: int


def _of_end(words: str, lang: Lang) -> re.Pattern[str]:
    return re.compile(words if lang == "zh" else rf"\b(?:{words})\b", re.IGNORECASE)


_ENDS = {
    lang: [
        (axis, sign, _of_end(end[lang], lang))
        for axis, ends in _AXES.items()
        for sign, end in zip((1, -1, 0), ends, strict=False)
    ]
    for lang in LANGS
}


def negations(text: str, lang: Lang) -> list[tuple[int, int]]:
    """The spans of negations, refusals and failures among them, in order.

    >>> t = "It did not accept; she refused."
    >>> [t[a:b] for a, b in negations(t, "en")], len(negations("不过未来没有计划", "zh"))
    (['not', 'refused'], 1)
    """
    return [match.span() for match in _NEGATION[lang].finditer(text)]


def directions(text: str, lang: Lang) -> list[Mark]:
    """The words with a direction, in order.

    >>> [(m.axis, m.sign) for m in directions("Der Umsatz stieg, der Gewinn fiel unter eine Million.", "de")]
    [('size', 1), ('outcome', 1), ('size', -1), ('size', -1)]
    """
    found = [Mark(*match.span(), axis, sign) for axis, sign, words in _ENDS[lang] for match in words.finditer(text)]
    return sorted(found, key=lambda mark: mark.start)
