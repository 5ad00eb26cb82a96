"""Every word of the page in its three languages, and how dates and durations are written in each."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from math import floor, log10

from rag.types import Lang

LANG_NAMES: dict[Lang, str] = {"zh": "中文", "en": "English", "de": "Deutsch"}  # each in its own language

TEXTS: dict[Lang, dict[str, str]] = {
    "en": {
        "tagline": "Answers from {articles} articles, every sentence with its source.",
        "refining": "Reading them a second time, for better answers: {refined} of {passages} passages.",
        "unavailable": "The articles cannot be searched right now. Please try again in a moment.",
        "welcome": "Ask in English, auf Deutsch oder 用中文.",
        "conversation": "Conversation",
        "question": "Your question",
        "placeholder": "What would you like to know?",
        "ask": "Ask",
        "stop": "Stop",
        "new": "New conversation",
        "filters": "Filters",
        "filter_lang": "Language of the articles",
        "all_langs": "All",
        "sources": "Sources",
        "no_sources": "The passages that an answer rests on appear here.",
        "searching": "Searching the articles …",
        "sent_nothing": "Nothing is sent to other servers.",
        "sent_chat": "Questions, with their conversation, and the passages found for them go to {to} ({model}).",
        "sent_judge": "Sentences of answers and the passages that they cite go to {to} ({model}).",
        "sent_embedding": "All texts and questions go to {to} ({model}).",
        "sent_index": "All texts are kept at {to}.",
        "model_resting": "The language model is failing, so sentences are quoted.",
        "understood": "Understood as: {question}",
        "tokens": "Tokens: {tokens_in} read, {tokens_out} written.",
        "cost": "Price: {cost}.",
        "reading_one": "Reading what 1 article says …",
        "reading_many": "Reading what {articles} articles say …",
        "without_model": "Answered in {time}, without a model.",
        "with_model": "Answered in {time}, with {model}.",
        "dropped_one": "1 sentence was left out because nothing proves it.",
        "dropped_many": "{count} sentences were left out because nothing proves them.",
        "disagreement": "The sources disagree about {about}:",
        "open_article": "Open the article at {host}",
        "file": "File: {file}",
        "qa": "Questions and answers",
        "back": "Back to the answer",
        "too_long": "Your question has {length} characters; {limit} are possible. Please shorten it.",
        "failed": "Something went wrong on our side. Please ask again.",
        "stopped": "Stopped.",
        "right": "That’s right",
        "wrong": "That’s wrong",
        "correct": "The right answer is …",
        "send": "Send",
        "thanks": "Thank you.",
        "not_kept": "Your rating could not be kept. Please try again in a moment.",
        "tab_chat": "Questions",
        "tab_evaluation": "Evaluation",
        "runs": "Evaluation runs",
        "no_runs": "There are no runs yet. Make one with {command}",
        "run_cases": "{cases} cases, {failed} failed",
        "run_leaked": "Not valid: in {leaked} cases a passage that was found held the question itself.",
        "run_figures": "Mean and, in brackets, its 95 % interval. n is the number of cases.",
        "run_version": "version {version}",
    },
    "de": {
        "tagline": "Antworten aus {articles} Artikeln, jeder Satz mit Beleg.",
        "refining": "Sie werden für bessere Antworten ein zweites Mal gelesen: {refined} von {passages} Passagen.",
        "unavailable": "Die Artikel lassen sich gerade nicht durchsuchen. Bitte gleich noch einmal versuchen.",
        "welcome": "Fragen Sie auf Deutsch, in English oder 用中文.",
        "conversation": "Gespräch",
        "question": "Ihre Frage",
        "placeholder": "Was möchten Sie wissen?",
        "ask": "Fragen",
        "stop": "Anhalten",
        "new": "Neues Gespräch",
        "filters": "Filter",
        "filter_lang": "Sprache der Artikel",
        "all_langs": "Alle",
        "sources": "Quellen",
        "no_sources": "Hier erscheinen die Textstellen, auf die sich eine Antwort stützt.",
        "searching": "Die Artikel werden durchsucht …",
        "sent_nothing": "An andere Server wird nichts geschickt.",
        "sent_chat": "Fragen, ihr Gespräch und die dafür gefundenen Textstellen gehen an {to} ({model}).",
        "sent_judge": "Sätze von Antworten und die zitierten Textstellen gehen an {to} ({model}).",
        "sent_embedding": "Alle Texte und Fragen gehen an {to} ({model}).",
        "sent_index": "Alle Texte liegen bei {to}.",
        "model_resting": "Das Sprachmodell ist gestört; deshalb wird wörtlich zitiert.",
        "understood": "Verstanden als: {question}",
        "tokens": "Tokens: {tokens_in} gelesen, {tokens_out} geschrieben.",
        "cost": "Preis: {cost}.",
        "reading_one": "1 Artikel wird gelesen …",
        "reading_many": "{articles} Artikel werden gelesen …",
        "without_model": "In {time} beantwortet, ohne Modell.",
        "with_model": "In {time} beantwortet, mit {model}.",
        "dropped_one": "1 Satz wurde weggelassen, weil ihn nichts belegt.",
        "dropped_many": "{count} Sätze wurden weggelassen, weil sie nichts belegt.",
        "disagreement": "Die Quellen widersprechen sich bei {about}:",
        "open_article": "Artikel bei {host} öffnen",
        "file": "Datei: {file}",
        "qa": "Fragen und Antworten",
        "back": "Zurück zur Antwort",
        "too_long": "Ihre Frage hat {length} Zeichen; möglich sind {limit}. Bitte kürzen Sie sie.",
        "failed": "Bei uns ist etwas schiefgegangen. Bitte fragen Sie noch einmal.",
        "stopped": "Angehalten.",
        "right": "Das stimmt",
        "wrong": "Das stimmt nicht",
        "correct": "Die richtige Antwort ist …",
        "send": "Senden",
        "thanks": "Danke.",
        "not_kept": "Ihre Bewertung ließ sich nicht festhalten. Bitte gleich noch einmal versuchen.",
        "tab_chat": "Fragen",
        "tab_evaluation": "Auswertung",
        "runs": "Auswertungen",
        "no_runs": "Es gibt noch keine Auswertung. Der Befehl dafür: {command}",
        "run_cases": "{cases} Fälle, {failed} gescheitert",
        "run_leaked": "Ungültig: In {leaked} Fällen stand die Frage selbst in einer gefundenen Textstelle.",
        "run_figures": "Mittelwert und in Klammern sein 95-%-Intervall. n ist die Zahl der Fälle.",
        "run_version": "Version {version}",
    },
    "zh": {
        "tagline": "从 {articles} 篇文章中作答，句句有出处。",
        "refining": "正在第二遍阅读以改进回答：{passages} 段中已完成 {refined} 段。",
        "unavailable": "目前无法检索文章，请稍后再试。",
        "welcome": "可以用中文、English 或 Deutsch 提问。",
        "conversation": "对话",
        "question": "您的问题",
        "placeholder": "您想了解什么？",
        "ask": "提问",
        "stop": "停止",
        "new": "新对话",
        "filters": "筛选",
        "filter_lang": "文章语言",
        "all_langs": "全部",
        "sources": "出处",
        "no_sources": "回答所依据的原文段落会显示在这里。",
        "searching": "正在检索文章……",
        "sent_nothing": "不向其他服务器发送任何内容。",
        "sent_chat": "问题及其对话和检索到的段落会发送至 {to}（{model}）。",
        "sent_judge": "回答中的句子和所引段落会发送至 {to}（{model}）。",
        "sent_embedding": "所有文章和问题会发送至 {to}（{model}）。",
        "sent_index": "所有文章保存在 {to}。",
        "model_resting": "语言模型出现故障，因此直接引用原文。",
        "understood": "理解为：{question}",
        "tokens": "读入 {tokens_in} 个词元，写出 {tokens_out} 个。",
        "cost": "费用：{cost}。",
        "reading_one": "正在阅读 1 篇文章……",
        "reading_many": "正在阅读 {articles} 篇文章……",
        "without_model": "用时 {time}，未使用模型。",
        "with_model": "用时 {time}，使用 {model}。",
        "dropped_one": "有 1 句话因没有依据而略去。",
        "dropped_many": "有 {count} 句话因没有依据而略去。",
        "disagreement": "各出处对{about}说法不一：",
        "open_article": "在 {host} 阅读原文",
        "file": "文件：{file}",
        "qa": "问与答",
        "back": "回到回答",
        "too_long": "您的问题有 {length} 个字符，最多 {limit} 个，请缩短后再问。",
        "failed": "我们这边出了点问题，请再问一次。",
        "stopped": "已停止。",
        "right": "答得对",
        "wrong": "答得不对",
        "correct": "正确的回答是……",
        "send": "发送",
        "thanks": "谢谢。",
        "not_kept": "未能保存您的评价，请稍后再试。",
        "tab_chat": "问答",
        "tab_evaluation": "评测",
        "runs": "评测记录",
        "no_runs": "还没有评测记录。运行以下命令即可生成：{command}",
        "run_cases": "{cases} 个问题，{failed} 个出错",
        "run_leaked": "无效：有 {leaked} 个问题，检索到的段落里就有问题本身。",
        "run_figures": "均值，括号内为其 95% 置信区间；n 为问题数。",
        "run_version": "版本 {version}",
    },
}

_MONTHS: dict[Lang, str] = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "zh": "1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",
}
_DATES: dict[Lang, str] = {
    "en": "{day} {month} {year}",
    "de": "{day}. {month} {year}",
    "zh": "{year}年{month}{day}日",
}
_MILLISECONDS: dict[Lang, str] = {"en": "ms", "de": "ms", "zh": "毫秒"}
_SECONDS: dict[Lang, str] = {"en": "s", "de": "s", "zh": "秒"}


def page_lang(accept_language: str | None) -> Lang:
    """The page's language for a browser: the first it accepts that we speak, else English.

    >>> page_lang("fr-FR,de-AT;q=0.8,en;q=0.9"), page_lang("zh-TW"), page_lang(None)
    ('en', 'zh', 'en')
    """
    wanted: list[tuple[float, str]] = []
    for entry in (accept_language or "").split(","):
        match = re.fullmatch(r"\s*([a-zA-Z]+)[-\w]*\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?", entry)
        if match:
            wanted.append((float(match[2] or 1), match[1].lower()))
    for _, code in sorted(wanted, key=lambda entry: -entry[0]):
        for lang in TEXTS:
            if code == lang:
                return lang
    return "en"


def format_date(iso: str, lang: Lang) -> str:
    """A calendar date as people write it; what is no date stays as it is.

    >>> [format_date("2024-05-21", lang) for lang in ("en", "de", "zh")]
    ['21 May 2024', '21. Mai 2024', '2024年5月21日']
    """
    try:
        day = date.fromisoformat(iso)
    except ValueError:
        return iso
    month = _MONTHS[lang].split()[day.month - 1]
    return _DATES[lang].format(day=day.day, month=month, year=day.year)


def format_moment(moment: datetime, lang: Lang) -> str:
    """A point in time to the minute; the page may be read in any time zone, so it is in UTC.

    >>> [format_moment(datetime(2024, 5, 21, 9, 5, tzinfo=UTC), lang) for lang in ("en", "de", "zh")]
    ['21 May 2024, 09:05 UTC', '21. Mai 2024, 09:05 UTC', '2024年5月21日 09:05 UTC']
    """
    there = moment.astimezone(UTC)
    return f"{format_date(there.date().isoformat(), lang)}{' ' if lang == 'zh' else ', '}{there:%H:%M} UTC"


def format_share(share: float, lang: Lang) -> str:
    """A share or score with two decimals.

    >>> format_share(0.976, "en"), format_share(1, "de")
    ('0.98', '1,00')
    """
    return f"{share:.2f}".replace(".", "," if lang == "de" else ".")


def format_number(number: int, lang: Lang) -> str:
    """A whole number with its thousands apart.

    >>> format_number(12345, "en"), format_number(12345, "de"), format_number(12345, "zh")
    ('12,345', '12.345', '12,345')
    """
    return f"{number:,}".replace(",", "." if lang == "de" else ",")


def format_cost(cost: float, lang: Lang) -> str:
    """A price with two decimals, or as many as it takes to tell two digits of a small one.

    >>> format_cost(1.5, "en"), format_cost(0.000123, "de"), format_cost(0.0, "en")
    ('1.50', '0,00012', '0.00')
    """
    digits = 2 if cost >= 1 or cost <= 0 else max(2, 1 - floor(log10(cost)))
    shown = f"{cost:.{digits}f}"
    return shown.replace(".", ",") if lang == "de" else shown


def format_duration(milliseconds: float, lang: Lang) -> str:
    """A duration in milliseconds, or in seconds from one on.

    >>> format_duration(18.4, "en"), format_duration(0.2, "en"), format_duration(2345, "de")
    ('18 ms', '1 ms', '2,3 s')
    """
    if milliseconds < 1000:
        return f"{max(1, round(milliseconds))} {_MILLISECONDS[lang]}"
    seconds = f"{milliseconds / 1000:.1f}"
    return f"{seconds.replace('.', ',') if lang == 'de' else seconds} {_SECONDS[lang]}"
