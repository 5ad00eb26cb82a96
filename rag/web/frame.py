"""What stands around questions and answers, as HTML: masthead, tools, welcome, words of the page itself.

Pure functions, like those of ``render``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rag.language.text import INVISIBLE
from rag.types import LANGS, Found, Health, Lang
from rag.web.entries import Trouble
from rag.web.prose import to_plain
from rag.web.strings import LANG_NAMES, TEXTS

_SKELETON = '<div class="skeleton"><span></span><span></span><span></span></div>'


def render_masthead(health: Health | None, lang: Lang, *, loading: bool = False) -> str:
    """The head of the page: its name, how many articles it answers from (None: it cannot, now), how far their second
    reading is while it goes on, and the languages to read the page in."""
    texts = TEXTS[lang]
    tagline = texts["unavailable"] if health is None else texts["tagline"].format(articles=health.articles)
    if health and health.refined is not None and health.refined < health.passages:
        tagline += " " + texts["refining"].format(refined=health.refined, passages=health.passages)
    lines = ["&nbsp;", "&nbsp;"] if loading else [escape(tagline), *(escape(line) for line in _sent(health, lang))]
    shown = "".join(f'<p lang="{lang}">{line}</p>' for line in lines)
    return f'<header class="masthead"><h1>Ask the Articles</h1>{_langs(lang)}<div class="about">{shown}</div></header>'


def _langs(chosen: Lang) -> str:
    names = "".join(
        f'<a class="lang{" chosen" if lang == chosen else ""}" id="lang-{lang}" href="?lang={lang}" lang="{lang}">'
        f"{LANG_NAMES[lang]}</a>"
        for lang in LANGS
    )
    return f'<nav class="langs">{names}</nav>'


def _sent(health: Health | None, lang: Lang) -> list[str]:
    """What leaves the server, and whether its model is well."""
    if health is None:
        return []
    texts = TEXTS[lang]
    lines = [texts[f"sent_{one.what}"].format(to=one.to, model=one.model) for one in health.sent]
    resting = [texts["model_resting"]] if health.model_resting else []
    return [" ".join([*resting, *(lines or [texts["sent_nothing"]])])]


def render_tools(lang: Lang) -> str:
    """The tools of the conversation. The list of earlier ones lies in the browser, whose script fills it in."""
    texts = TEXTS[lang]
    kinds = "".join(
        f'<li><button class="act save" id="save-{kind}">{escape(texts[f"save_{kind}"])}</button></li>'
        for kind in ("markdown", "html")
    )
    return (
        f'<div class="tools" lang="{lang}">'
        f'<details id="history"><summary>{escape(texts["history"])}</summary><div class="sheet"></div></details>'
        f'<details id="export"><summary>{escape(texts["save"])}</summary><div class="sheet"><ul>{kinds}</ul></div>'
        "</details></div>"
    )


def render_notice(message: str) -> str:
    """A message of the page itself: that it has stopped, or could not answer."""
    return f'<div class="notice">{lines(message)}</div>'


def render_searching(lang: Lang, found: Found | None = None) -> str:
    """What stands where the answer will be, until its first sentence is proven."""
    texts = TEXTS[lang]
    message = texts["searching"]
    if found is not None:
        articles = len({passage.article_id for passage in found.passages})
        message = texts["reading_one" if articles == 1 else "reading_many"].format(articles=articles)
    return f'<div class="notice searching">{escape(message)}{_SKELETON}</div>'


def render_waiting_sources(anchor: str, lang: Lang) -> str:
    """The panel until something is cited."""
    return (
        f'<section class="sources" id="sources-{anchor}"><h2>{escape(TEXTS[lang]["sources"])}</h2>{_SKELETON}</section>'
    )


def render_trouble(trouble: Trouble, lang: Lang) -> str:
    """Why a question has no answer."""
    return f'<div class="notice trouble">{escape(TEXTS[lang][trouble])}</div>'


def render_welcome(examples: Sequence[str], lang: Lang) -> str:
    """What stands where answers will be: in which languages to ask, and questions that the articles answer."""
    texts = TEXTS[lang]
    offered = f"<p>{escape(texts['examples'])}</p>{_offered(examples, lang)}" if examples else ""
    return f'<div class="notice welcome"><p>{escape(texts["welcome"])}</p>{offered}</div>'


def render_followups(questions: Sequence[str], anchor: str, asked_in: Lang, lang: Lang) -> str:
    """What could be asked next. Its anchor is that of the answer, by which the page knows whether it is up to date."""
    label = f'<p lang="{lang}">{escape(TEXTS[lang]["followups"])}</p>'
    offered = label + _offered(questions, asked_in) if questions else ""
    return f'<nav class="followups" id="followups-{anchor}">{offered}</nav>'


def _offered(questions: Sequence[str], lang: Lang) -> str:
    items = "".join(f'<li><a class="offered" href="#question">{escape(to_plain(one))}</a></li>' for one in questions)
    return f'<ul lang="{lang}">{items}</ul>'


def render_ledger(number: int, kept: Mapping[str, Any]) -> str:
    """What the browser is to keep: an entry with its number in the conversation, or with 0 a whole conversation.

    As letters that neither Markdown nor a sanitizer changes.
    """
    coded = base64.b64encode(json.dumps({"number": number, **kept}).encode("ascii")).decode("ascii")
    return f'<div class="ledger">{coded}</div>'


def lines(text: str) -> str:
    """Text as HTML, line by line.

    >>> lines("a < b\\n\\nc")
    'a &lt; b<br>c'
    """
    return "<br>".join(escape(line) for line in INVISIBLE.sub("", text).strip().splitlines() if line.strip())
