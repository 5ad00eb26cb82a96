"""Where one says which articles may answer, and the chips that show what was chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from html import escape
from typing import Any

from rag.types import LANGS, ArticleSummary, Filters, Lang
from rag.web.gradio_setup import gr
from rag.web.i18n import t
from rag.web.library_list import tags_of
from rag.web.prose import to_plain
from rag.web.strings import LANG_NAMES, TEXTS, format_date

OFFERED = 300  # articles, tags or outlets to choose from; the tab of articles finds the others


@dataclass(frozen=True, slots=True)
class FilterBar:
    """Its parts. Two are written by the page's script, with a number that makes each time a change.

    ``drop`` when a chip is clicked: a field, and which of its values; ``picked`` when somebody chose a day. (A box
    tells of a change also when the server makes it, and then before the others have theirs.)
    """

    langs: gr.CheckboxGroup
    tags: gr.Dropdown
    outlets: gr.Dropdown
    date_from: gr.Textbox
    date_to: gr.Textbox
    articles: gr.Dropdown
    chips: gr.Markdown
    drop: gr.Textbox
    picked: gr.Textbox

    @property
    def inputs(self) -> list[Any]:
        """What ``read`` reads."""
        return [self.langs, self.tags, self.outlets, self.date_from, self.date_to, self.articles]

    @property
    def outputs(self) -> list[Any]:
        """What changes."""
        return [*self.inputs, self.chips]

    def read(self, chosen: Sequence[Any]) -> Filters:
        """The filters that the values of ``inputs`` stand for."""
        langs, tags, outlets, first, last, articles = chosen
        return Filters(
            lang=tuple(lang for lang in LANGS if lang in (langs or ())),
            tags=tuple(tags or ()),
            authors=tuple(outlets or ()),
            date_from=_day(first),
            date_to=_day(last),
            article_ids=tuple(articles or ()),
        )

    def values(self, filters: Filters) -> list[Any]:
        """What ``read`` makes these filters of."""
        lists = (filters.lang, filters.tags, filters.authors, filters.article_ids)
        langs, tags, outlets, articles = (list(values) for values in lists)
        return [langs, tags, outlets, filters.date_from or "", filters.date_to or "", articles]

    def choices(self, articles: Sequence[ArticleSummary]) -> dict[Any, Any]:
        """What there is to choose from, now."""
        return {
            self.tags: gr.update(choices=_named(tags_of(articles)[:OFFERED])),
            self.outlets: gr.update(choices=_named(_outlets(articles)[:OFFERED])),
            self.articles: gr.update(choices=_titled(articles[:OFFERED])),
        }

    def showing(self, filters: Filters, articles: Sequence[ArticleSummary], lang: Lang) -> dict[Any, Any]:
        """The bar with these filters chosen, as far as there still are such articles."""
        chosen = [one for one in articles if one.id in filters.article_ids]
        tags, outlets = tags_of(articles), _outlets(articles)
        known = replace(
            filters,
            tags=tuple(tag for tag in filters.tags if tag in tags),
            authors=tuple(author for author in filters.authors if author in outlets),
            article_ids=tuple(one.id for one in chosen),
            date_from=_day(filters.date_from),
            date_to=_day(filters.date_to),
        )
        values = dict(zip(self.inputs, self.values(known), strict=True))
        offered = {
            self.tags: _choosing(_named(tags), _named(known.tags)),
            self.outlets: _choosing(_named(outlets), _named(known.authors)),
            self.articles: _choosing(_titled(articles[: OFFERED + len(chosen)]), _titled(chosen)),
        }
        return {**values, **offered, self.chips: render_chips(known, articles, lang)}


def build_filter_bar() -> FilterBar:
    """The bar, folded, and under it the chips of what was chosen."""
    chips = gr.Markdown(elem_id="filters-chosen", latex_delimiters=[])
    with gr.Accordion(t("filters"), open=False, elem_id="filters"):
        langs: list[tuple[Any, str]] = [(LANG_NAMES[lang], lang) for lang in LANGS]
        with gr.Row(equal_height=False):
            of_lang = gr.CheckboxGroup(langs, label=t("filter_lang"), elem_id="filter-lang", min_width=220)
            since = gr.Textbox(label=t("filter_from"), elem_id="filter-from", max_lines=1, min_width=140)
            until = gr.Textbox(label=t("filter_to"), elem_id="filter-to", max_lines=1, min_width=140)
        with gr.Row(equal_height=False):
            tags = _many(t("filter_tags"), "filter-tags")
            outlets = _many(t("filter_outlets"), "filter-outlets")
            articles = _many(t("filter_articles"), "filter-articles")
    drop, picked = (
        gr.Textbox(elem_id=f"filters-{name}", container=False, elem_classes=["wire"]) for name in ("drop", "picked")
    )
    return FilterBar(of_lang, tags, outlets, since, until, articles, chips, drop, picked)


def without(filters: Filters, dropped: str) -> Filters:
    """The filters without one value, named as on its chip; ``all`` drops all. What names none changes nothing.

    >>> without(Filters(lang=("de", "zh"), date_to="2024-05-21"), "lang 0")
    Filters(lang=('zh',), tags=(), authors=(), date_from=None, date_to='2024-05-21', article_ids=())
    """
    name, index, *_ = *dropped.split(" "), ""
    if name == "all":
        return Filters()
    fields = {field: getattr(filters, field) for field in Filters.__dataclass_fields__}
    value = fields.get(name)
    if isinstance(value, str):
        fields[name] = None
    elif isinstance(value, tuple):
        fields[name] = tuple(one for i, one in enumerate(value) if str(i) != index)
    return Filters(**fields)


def render_chips(filters: Filters, articles: Sequence[ArticleSummary], lang: Lang) -> str:
    """A chip for each value that was chosen; a click takes it away."""
    texts = TEXTS[lang]
    chips = [
        f'<button class="chip" id="chip-{name}-{index}" title="{escape(texts["filter_drop"])}">{escape(words)}</button>'
        for name, index, words in describe(filters, articles, lang)
    ]
    if not chips:
        return ""
    if len(chips) > 1:
        chips.append(f'<button class="chip all" id="chip-all-0">{escape(texts["filter_drop_all"])}</button>')
    return f'<div class="chips" lang="{lang}"><span>{escape(texts["filter_only"])}</span> {" ".join(chips)}</div>'


def describe(filters: Filters, articles: Sequence[ArticleSummary], lang: Lang) -> Iterator[tuple[str, int, str]]:
    """Each value of the filters: its field, its place there, and how it is told in the reader's language."""
    texts = TEXTS[lang]
    titles = {one.id: to_plain(one.title) for one in articles}
    for index, known in enumerate(filters.lang):
        yield "lang", index, LANG_NAMES[known]
    for index, tag in enumerate(filters.tags):
        yield "tags", index, to_plain(tag)
    for index, author in enumerate(filters.authors):
        yield "authors", index, to_plain(author)
    if filters.date_from:
        yield "date_from", 0, texts["filter_since"].format(date=format_date(filters.date_from, lang))
    if filters.date_to:
        yield "date_to", 0, texts["filter_until"].format(date=format_date(filters.date_to, lang))
    for index, article in enumerate(filters.article_ids):
        yield "article_ids", index, titles.get(article, texts["articles_gone"])


def _many(label: Any, name: str) -> gr.Dropdown:
    return gr.Dropdown([], multiselect=True, label=label, elem_id=name, min_width=200)


def _choosing(choices: Sequence[tuple[str, str]], chosen: Sequence[tuple[str, str]]) -> Any:
    offered = [*chosen, *(one for one in choices if one not in chosen)][: max(OFFERED, len(chosen))]
    return gr.update(choices=offered, value=[value for _, value in chosen])


def _outlets(articles: Sequence[ArticleSummary]) -> list[str]:
    """All outlets that are named, the most frequent first."""
    counts = Counter(one.author for one in articles if one.author)
    return [outlet for outlet, _ in counts.most_common()]


def _named(values: Sequence[str]) -> list[tuple[str, str]]:
    return [(to_plain(value), value) for value in values]


def _titled(articles: Sequence[ArticleSummary]) -> list[tuple[str, str]]:
    return [(to_plain(one.title), one.id) for one in articles]


def _day(typed: Any) -> str | None:
    """An ISO date; what is none, or half typed, does not restrict."""
    try:
        return date.fromisoformat(str(typed or "").strip()).isoformat()
    except ValueError:
        return None
