"""The tab of articles as HTML: the list, one article with its passages, and what became of an upload.

Pure functions, like those of ``render``: what comes from outside is escaped, links go to http and https alone, and no
result holds a line break.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from rag.ingesting.library import Added
from rag.reading.links import checked_url
from rag.reading.markup import without_comments
from rag.reading.metadata import read_front_matter
from rag.types import ArticleSummary, ArticleView, Lang, Passage
from rag.web.also import also_in_words, outlets
from rag.web.beside import host_of
from rag.web.library_list import outlet_of
from rag.web.prose import to_html, to_plain
from rag.web.strings import LANG_NAMES, TEXTS, format_date, format_number

LISTED = 200  # at first; more are shown when somebody wants them
_PARAGRAPHS = re.compile(r"\n[ \t]*\n")


def render_list(
    found: Sequence[ArticleSummary],
    total: int,
    lang: Lang,
    shown: int = LISTED,
    same: Mapping[str, ArticleSummary] | None = None,
) -> str:
    """The first so many of the articles that were found, out of all that there are; ``same`` has those that tell the
    same as one of them, by their ids."""
    texts = TEXTS[lang]
    if total == 0:
        return _listing(f'<p class="empty">{escape(texts["articles_none"])}</p>', lang)
    one = texts["articles_count_one"] if total == 1 else texts["articles_count"].format(count=_number(total, lang))
    found_of = texts["articles_found"].format(found=_number(len(found), lang), count=_number(total, lang))
    count = f'<p class="count">{escape(one if len(found) == total else found_of)}</p>'
    if not found:
        return _listing(f'{count}<p class="empty">{escape(texts["articles_no_match"])}</p>', lang)
    items = "".join(_item(summary, lang, same or {}) for summary in found[:shown])
    return _listing(f"{count}<ul>{items}</ul>", lang)


def say_more(left: int, lang: Lang) -> str:
    """What the button says that lists the next of the articles; nothing when none are left."""
    return TEXTS[lang]["articles_more"].format(more=_number(min(left, LISTED), lang)) if left > 0 else ""


def render_notice(message: str, lang: Lang) -> str:
    """A word of the page itself."""
    return f'<section class="notice" lang="{lang}"><p class="empty">{escape(message)}</p></section>'


def render_hint(lang: Lang) -> str:
    """What stands where an article will be; a phone has no room for it."""
    hint = escape(TEXTS[lang]["articles_choose"])
    return f'<section class="hint" lang="{lang}"><p class="empty">{hint}</p></section>'


def render_article(view: ArticleView, lang: Lang) -> str:
    """One article to be read: what is known of it, what it offers to answer, and its text passage by passage."""
    texts, one = TEXTS[lang], view.summary
    title = escape(to_plain(one.title))
    about = f'<p class="about">{escape(to_plain(one.description))}</p>' if one.description else ""
    offered = "".join(
        f'<li lang="{asked.lang}"><a class="offered" href="#question">{escape(" ".join(asked.text.split()))}</a></li>'
        for asked in view.questions
    )
    questions = (
        f'<section class="questions"><h3>{escape(texts["articles_offered"])}</h3><ul>{offered}</ul></section>'
        if offered
        else ""
    )
    return (
        f'<article class="reading" id="article-{escape(one.id)}" lang="{lang}" tabindex="-1">'
        f'<h2 lang="{_first(one, lang)}">{title}</h2>'
        f'<p class="meta">{_meta(one, lang)}</p>{about}{_tags(one)}<p class="open">{_origin(one, lang)}</p>'
        f"{questions}<h3>{escape(texts['articles_text'])}</h3>"
        f'<div class="text" lang="{_first(one, lang)}">{"".join(_text(view, lang))}</div></article>'
    )


def render_results(results: Sequence[Added], lang: Lang) -> str:
    """What became of each uploaded file."""
    texts = TEXTS[lang]
    heads = "".join(f"<th>{escape(texts[key])}</th>" for key in ("articles_file", "articles_outcome"))
    rows = "".join(_row(result, lang) for result in results)
    failed = sum(result.outcome == "failed" for result in results)
    counts = {"taken": _number(len(results) - failed, lang), "failed": _number(failed, lang)}
    return (
        f'<section class="results" lang="{lang}"><h3>{escape(texts["articles_added"].format(**counts))}</h3>'
        f'<div class="rows" tabindex="0"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def render_progress(name: str, done: int, of: int, lang: Lang) -> str:
    """How far the reading of an upload is."""
    texts = TEXTS[lang]
    told = texts["articles_reading"].format(done=done, of=of, name=to_plain(name)) if name else texts["articles_adding"]
    share = 100 * done // max(1, of)
    return (
        f'<section class="progress" lang="{lang}"><p>{escape(told)}</p>'
        f'<div class="bar"><div class="done" style="width:{share}%"></div></div></section>'
    )


def _listing(content: str, lang: Lang) -> str:
    return f'<section class="listing" lang="{lang}">{content}</section>'


def _item(one: ArticleSummary, lang: Lang, same: Mapping[str, ArticleSummary]) -> str:
    link = f'<a class="open-article" href="#article-{escape(one.id)}">{escape(to_plain(one.title))}</a>'
    url = checked_url(one.url)
    origin = f" · {_link(url, f'{host_of(url)} ↗')}" if url else ""
    opened = f'<span class="opened">{escape(TEXTS[lang]["articles_opened"])}</span>'  # shown when shelf.js says so
    return (
        f'<li class="item">{opened}<h3 lang="{_first(one, lang)}">{link}</h3>'
        f'<p class="meta">{_meta(one, lang)}{origin}</p>{_also(one, lang, same)}{_tags(one)}</li>'
    )


def _also(one: ArticleSummary, lang: Lang, same: Mapping[str, ArticleSummary]) -> str:
    """In which other outlets the same article stands."""
    others = outlets(same[other] for other in one.same_as if other in same)
    told = also_in_words(others, lang, lambda outlet: escape(outlet.name))
    return f'<p class="also">{told}</p>' if told else ""


def _meta(one: ArticleSummary, lang: Lang) -> str:
    texts = TEXTS[lang]
    passages = texts["articles_passages"].format(count=_number(one.passages, lang))
    facts = [
        ("outlet", to_plain(outlet_of(one))),
        ("date", format_date(one.date, lang) if one.date else ""),
        ("langs", ", ".join(LANG_NAMES[known] for known in one.langs)),
        ("passages", texts["articles_passages_one"] if one.passages == 1 else passages),
    ]
    return " · ".join(f'<span class="{name}">{escape(value)}</span>' for name, value in facts if value)


def _tags(one: ArticleSummary) -> str:
    tags = " ".join(f'<span class="tag">{escape(to_plain(tag))}</span>' for tag in one.tags)
    return f'<p class="tags">{tags}</p>' if tags else ""


def _origin(one: ArticleSummary, lang: Lang) -> str:
    url = checked_url(one.url)
    if url is None:
        return f'<span class="file">{escape(TEXTS[lang]["file"].format(file=to_plain(one.file)))}</span>'
    return _link(url, TEXTS[lang]["open_article"].format(host=host_of(url)))


def _link(url: str, label: str) -> str:
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{escape(label)}</a>'


def _text(view: ArticleView, lang: Lang) -> Iterator[str]:
    """The whole text but its front matter: passages, and what stands between them."""
    text = without_comments(view.text)
    at = read_front_matter(view.text).body_start
    for number, passage in enumerate(view.passages, 1):
        start = max(at, passage.start)  # an index of another version might hold passages that overlap
        yield _between(text[at:start])
        yield _passage(text[start : max(start, passage.end)], passage, number, lang)
        at = max(at, passage.end)
    yield _between(text[at:])


def _passage(text: str, passage: Passage, number: int, lang: Lang) -> str:
    kind = f" {escape(TEXTS[lang]['articles_qa'])}" if passage.kind == "qa" else ""
    return (
        f'<div class="passage {passage.kind}" id="passage-{escape(passage.passage_id)}" lang="{passage.lang}">'
        f'<span class="place">{number}{kind}</span>{"".join(_paragraphs(text))}</div>'
    )


def _between(text: str) -> str:
    """Headings, links and whatever else is no passage, but for the mark of a list before one."""
    shown = "".join(_paragraphs(text)) if any(map(str.isalnum, text)) else ""
    return f'<div class="between">{shown}</div>' if shown else ""


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in _PARAGRAPHS.split(text):
        if shown := to_html(paragraph.strip()):
            yield f"<p>{shown}</p>"


def _row(result: Added, lang: Lang) -> str:
    texts = TEXTS[lang]
    outcome = escape(texts[f"articles_outcome_{result.outcome}"])
    said = [texts[f"articles_reason_{result.reason}"].format(limit=result.limit)] if result.reason else []
    said += [texts[f"articles_warning_{one.code}"].format(value=to_plain(one.value)) for one in result.warnings]
    why = "".join(f' <span class="why">{escape(one)}</span>' for one in said)
    name = escape(to_plain(result.name))
    if result.article_id:
        name = f'<a class="open-article" href="#article-{escape(result.article_id)}">{name}</a>'
    return f'<tr class="{result.outcome}"><td>{name}</td><td>{outcome}{why}</td></tr>'


def _first(one: ArticleSummary, lang: Lang) -> Lang:
    return one.langs[0] if one.langs else lang


def _number(count: int, lang: Lang) -> str:
    return format_number(count, lang)
