"""The page's tab of articles: search and read what is indexed, add files, remove an article."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from rag.assistant import Assistant
from rag.audit import audit
from rag.errors import ForeignArticleError, LockedError, RagError, UnknownArticleError
from rag.ingesting.library import Added
from rag.types import LANGS, Lang
from rag.web.frame import render_masthead
from rag.web.gradio_setup import gr
from rag.web.i18n import reader_lang, t
from rag.web.library_list import ANY, ORDERS, Wanted, arrange, outlets_of, tags_of
from rag.web.library_render import (
    LISTED,
    render_article,
    render_hint,
    render_list,
    render_notice,
    render_progress,
    render_results,
    say_more,
)
from rag.web.prose import to_plain
from rag.web.strings import LANG_NAMES, TEXTS, format_number
from rag.web.visitors import Visitors

log = logging.getLogger(__name__)

QUICK: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
UPLOADS_AT_ONCE = 2

_Step = tuple[str, int, int] | list[Added] | Exception  # how far an upload is, and at last what became of it


@dataclass(frozen=True, slots=True)
class _Finder:
    """Where one says which articles to list."""

    words: gr.Textbox
    order: gr.Dropdown
    lang: gr.Dropdown
    tag: gr.Dropdown
    outlet: gr.Dropdown

    @property
    def inputs(self) -> list[Any]:
        """The values of ``Wanted``, in its order."""
        return [self.words, self.order, self.lang, self.tag, self.outlet]


@dataclass(frozen=True, slots=True)
class LibraryParts:
    """What others connect to: ``only`` is clicked to ask the open article alone, ``open_id`` says which that is."""

    only: gr.Button
    open_id: gr.Textbox  # to be read with ``article_id_of``


@dataclass(frozen=True, slots=True)
class _Reader:
    """Where one article is read.

    ``open_id`` is written by ``page.js`` when a title is clicked: an id, and a number that makes each click a change.
    Empty when nothing is open.
    """

    open_id: gr.Textbox
    shown: gr.Markdown
    actions: gr.Row
    back: gr.Button
    only: gr.Button
    remove: gr.Button
    sure: gr.Column
    question: gr.Markdown
    yes: gr.Button
    no: gr.Button

    @property
    def outputs(self) -> list[Any]:
        """What changes when another article is opened, in the order of ``_closed``."""
        return [self.open_id, self.shown, self.actions, self.sure]


class Shelves:
    """The handlers of the tab's events."""

    def __init__(self, assistant: Assistant, visitors: Visitors | None = None) -> None:
        self._assistant = assistant
        self._visitors = visitors or Visitors()

    def find(self, words: str, order: str, lang: str, tag: str, outlet: str, request: gr.Request) -> tuple[Any, ...]:
        """The first of the articles that are looked for: the list, its button for more, and how many are shown."""
        wanted = _wanted(words, order, lang, tag, outlet)
        return *self._list(wanted, LISTED, reader_lang(request)), LISTED

    def more(
        self, words: str, order: str, lang: str, tag: str, outlet: str, shown: int, request: gr.Request
    ) -> tuple[Any, ...]:
        """The same list, longer."""
        wanted = _wanted(words, order, lang, tag, outlet)
        return *self._list(wanted, shown + LISTED, reader_lang(request)), shown + LISTED

    def _list(self, wanted: Wanted, shown: int, reader: Lang) -> tuple[Any, Any]:
        try:
            summaries = self._assistant.articles()
        except RagError as error:
            log.warning("the articles cannot be listed: %s", error)
            return render_notice(TEXTS[reader]["unavailable"], reader), gr.update(visible=False)
        found = arrange(summaries, wanted)
        more = say_more(len(found) - shown, reader)
        others = {other for one in found[:shown] for other in one.same_as}
        same = {one.id: one for one in summaries if one.id in others}
        return render_list(found, len(summaries), reader, shown, same), gr.update(value=more, visible=bool(more))

    def arrive(
        self, open_id: str, words: str, order: str, lang: str, tag: str, outlet: str, shown: int, request: gr.Request
    ) -> tuple[Any, ...]:
        """The tab was opened: the list, the tags and outlets that there are now, a hint if no article is open, and what
        changes articles, for those who may."""
        reader = reader_lang(request)
        try:
            summaries = self._assistant.articles()
        except RagError:  # which the list below says
            summaries = []
        tags, tag = _choices(tags_of(summaries), tag, reader)
        outlets, outlet = _choices(outlets_of(summaries), outlet, reader)
        hint = gr.skip() if open_id else render_hint(reader)
        changes = [gr.update(visible=self._visitors.may_write(request))] * 2
        return *self._list(_wanted(words, order, lang, tag, outlet), shown, reader), tags, outlets, hint, *changes

    def read(self, open_id: str, request: gr.Request) -> tuple[Any, ...]:
        """Open an article."""
        if not open_id:  # it was closed
            return tuple(gr.skip() for _ in range(4))
        lang = reader_lang(request)
        view = self._assistant.read(article_id_of(open_id))
        if view is None:
            return _closed(render_notice(TEXTS[lang]["articles_gone"], lang))
        return gr.skip(), render_article(view, lang), gr.update(visible=True), gr.update(visible=False)

    def close(self, request: gr.Request) -> tuple[Any, ...]:
        """Go back to the list."""
        return _closed(render_hint(reader_lang(request)))

    def ask(self, open_id: str, request: gr.Request) -> tuple[Any, ...]:
        """Ask whether the open article is really to go."""
        found = self._assistant.article(article_id_of(open_id))
        title = to_plain(found[0].title) if found else ""
        message = TEXTS[reader_lang(request)]["articles_remove_sure"].format(title=title)
        return gr.update(visible=True), render_notice(message, reader_lang(request))

    def remove(
        self, open_id: str, words: str, order: str, lang: str, tag: str, outlet: str, shown: int, request: gr.Request
    ) -> tuple[Any, ...]:
        """Remove the open article: what is read instead, and the list without it."""
        reader = reader_lang(request)
        texts = TEXTS[reader]
        if not self._visitors.may_write(request):
            return self._not_removed(texts["articles_read_only"], reader)
        article_id, who = article_id_of(open_id), self._visitors.name(request)
        found = self._assistant.article(article_id)
        try:
            self._assistant.remove(article_id)
            audit("removal", who=who, article_id=article_id, result="ok")
            message = texts["articles_removed"].format(title=to_plain(found[0].title) if found else "")
        except UnknownArticleError:
            message = texts["articles_gone"]
        except RagError as error:
            log.warning("cannot remove an article: %s", error)
            audit("removal", who=who, article_id=article_id, result="failed")
            return self._not_removed(_told(error, reader), reader)
        told = render_notice(message, reader)
        listed = self._list(_wanted(words, order, lang, tag, outlet), shown, reader)
        return *_closed(render_hint(reader)), "", told, *listed

    @staticmethod
    def _not_removed(message: str, reader: Lang) -> tuple[Any, ...]:
        stays = (gr.skip() for _ in range(4))
        return *stays, render_notice(message, reader), gr.skip(), gr.skip(), gr.skip()

    def add(
        self,
        files: list[dict[str, Any]] | None,
        words: str,
        order: str,
        lang: str,
        tag: str,
        outlet: str,
        shown: int,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        """Take in what was dropped: yields (box, how far it is or what became of it, list, its button for more)."""
        reader = reader_lang(request)
        if not self._visitors.may_write(request):  # the door takes nothing from them; this is for what comes besides
            yield None, render_notice(TEXTS[reader]["articles_read_only"], reader), gr.skip(), gr.skip()
            return
        taken, lost = _take(files or [])
        yield None, render_progress("", 0, 1, reader), gr.skip(), gr.skip()
        steps: Queue[_Step] = Queue()
        # In a thread of its own: whoever closes the page now still finds everything added later. Were the server to
        # stop, the files that are kept by then go in at its next start.
        context, who = copy_context(), self._visitors.name(request)
        threading.Thread(
            target=context.run, args=(self._add, taken, steps, who), name="add-articles", daemon=True
        ).start()
        while isinstance(step := _latest(steps), tuple):
            yield gr.skip(), render_progress(*step, reader), gr.skip(), gr.skip()
        if isinstance(step, list):
            told = render_results([*step, *lost], reader)
        else:
            told = render_notice(_told(step, reader), reader)
        yield gr.skip(), told, *self._list(_wanted(words, order, lang, tag, outlet), shown, reader)

    def refuse(self, refused: str, request: gr.Request) -> str:
        """An upload was not sent, since it is too large: ``refused`` is its size and the limit, in bytes."""
        lang = reader_lang(request)
        total, limit = (format_number(ceil(int(size) / 2**20), lang) for size in refused.split()[:2])
        return render_notice(TEXTS[lang]["articles_too_much"].format(total=total, limit=limit), lang)

    def head(self, request: gr.Request) -> str:
        """The head of the page, which says how many articles there are."""
        return render_masthead(self._assistant.health(), reader_lang(request))

    def _add(self, taken: Sequence[tuple[str, bytes]], steps: Queue[_Step], who: str) -> None:
        files = [name for name, _ in taken]
        try:
            added = self._assistant.add(taken, lambda name, done, of: steps.put((name, done, of)))
            audit("upload", who=who, files=files, outcomes=Counter(one.outcome for one in added), result="ok")
            steps.put(added)
        except Exception as error:  # whatever it is, who waits must hear of it
            log.warning("cannot add articles: %s", error, exc_info=not isinstance(error, RagError))
            audit("upload", who=who, files=files, result="failed")
            steps.put(error)


def build_library_tab(assistant: Assistant, masthead: gr.Markdown, visitors: Visitors) -> LibraryParts:
    """The tab, whose list is read anew whenever it is opened. What it changes shows in the ``masthead`` too."""
    shelves = Shelves(assistant, visitors)
    with gr.Tab(t("articles_tab"), elem_id="tab-articles") as tab, gr.Row(elem_id="shelves", equal_height=False):
        with gr.Column(scale=2, min_width=300, elem_id="shelf"):
            finder = _finder()
            box = gr.File(label=t("articles_add"), file_count="multiple", height=82, elem_id="articles-upload")
            told = gr.Markdown(elem_id="articles-told", latex_delimiters=[])
            listed = gr.Markdown(elem_id="articles", latex_delimiters=[])
            more = gr.Button("", elem_id="articles-more", size="sm", visible=False)
            shown = gr.State(LISTED)
        with gr.Column(scale=3, min_width=300, elem_id="desk"):
            reader = _reader()
            refused = gr.Textbox(elem_id="articles-refused", container=False)  # which shelf.js writes to
    arrived = [listed, more, finder.tag, finder.outlet, reader.shown, box, reader.remove]
    tab.select(shelves.arrive, [reader.open_id, *finder.inputs, shown], arrived, **QUICK)
    # Of a text box "input" tells of keys alone, not of what is pasted, deleted or composed.
    changed = [finder.words.change, *(choice.input for choice in finder.inputs[1:])]
    gr.on(changed, shelves.find, finder.inputs, [listed, more, shown], trigger_mode="always_last", **QUICK)
    more.click(shelves.more, [*finder.inputs, shown], [listed, more, shown], **QUICK)
    reader.open_id.change(shelves.read, reader.open_id, reader.outputs, trigger_mode="always_last", **QUICK)
    reader.back.click(shelves.close, None, reader.outputs, **QUICK)
    reader.remove.click(shelves.ask, reader.open_id, [reader.sure, reader.question], **QUICK)
    reader.no.click(lambda: gr.update(visible=False), None, reader.sure, **QUICK)
    gone = reader.yes.click(
        shelves.remove,
        [reader.open_id, *finder.inputs, shown],
        [*reader.outputs, reader.question, told, listed, more],
        show_progress="hidden",
        api_visibility="private",
    )
    come = box.upload(
        shelves.add,
        [box, *finder.inputs, shown],
        [box, told, listed, more],
        preprocess=False,  # which would leave an empty file behind for each that comes in
        show_progress="hidden",
        concurrency_limit=UPLOADS_AT_ONCE,
        api_visibility="private",
    )
    refused.change(shelves.refuse, refused, told, **QUICK)
    for change in (gone, come):
        change.then(shelves.head, None, masthead, **QUICK)
    return LibraryParts(reader.only, reader.open_id)


def _finder() -> _Finder:
    orders: list[tuple[Any, str]] = [(t(f"articles_{order}"), order) for order in ORDERS]
    langs: list[tuple[Any, str]] = [(t("all_langs"), ANY), *((LANG_NAMES[lang], lang) for lang in LANGS)]
    with gr.Column(elem_id="articles-finder"):
        words = gr.Textbox(elem_id="articles-search", label=t("articles_search"), lines=1, max_lines=1, max_length=200)
        with gr.Row(elem_id="articles-choices", equal_height=False):
            order = _choice("order", t("articles_sort"), orders)
            lang = _choice("lang", t("articles_lang"), langs)
            tag = _choice("tag", t("articles_tag"), langs[:1])
            outlet = _choice("outlet", t("articles_outlet"), langs[:1])
    return _Finder(words, order, lang, tag, outlet)


def _choice(name: str, label: Any, choices: list[tuple[Any, str]]) -> gr.Dropdown:
    return gr.Dropdown(choices, value=choices[0][1], label=label, elem_id=f"articles-{name}", min_width=90)


def _reader() -> _Reader:
    with gr.Row(elem_id="article-actions", equal_height=False, visible=False) as actions:
        back = gr.Button(t("articles_back"), elem_id="articles-back", size="sm", min_width=120, scale=0)
        only = gr.Button(t("articles_only"), elem_id="article-ask", size="sm", min_width=120, scale=0)
        remove = gr.Button(t("articles_remove"), elem_id="articles-remove", size="sm", min_width=160, scale=0)
    with gr.Column(elem_id="articles-sure", visible=False) as sure:
        question = gr.Markdown(elem_id="articles-sure-question", latex_delimiters=[])
        with gr.Row(equal_height=False):
            yes = gr.Button(t("articles_remove_yes"), elem_id="articles-remove-yes", size="sm", min_width=90, scale=0)
            no = gr.Button(t("articles_remove_no"), elem_id="articles-remove-no", size="sm", min_width=90, scale=0)
    shown = gr.Markdown(elem_id="article", latex_delimiters=[])
    open_id = gr.Textbox(elem_id="articles-open", container=False)
    return _Reader(open_id, shown, actions, back, only, remove, sure, question, yes, no)


def article_id_of(open_id: str) -> str:
    """The id of the article that is open; empty when none is."""
    return open_id.partition(" ")[0]


def _wanted(words: str, order: str, lang: str, tag: str, outlet: str) -> Wanted:
    return Wanted(words or "", order or ORDERS[0], lang or ANY, tag or ANY, outlet or ANY)


def _choices(known: Sequence[str], chosen: str, reader: Lang) -> tuple[Any, str]:
    """A drop-down list of what there is now, and what is chosen of it."""
    chosen = chosen if chosen in known else ANY
    choices = [(TEXTS[reader]["all_langs"], ANY), *((to_plain(one), one) for one in known)]
    return gr.update(choices=choices, value=chosen), chosen


def _closed(html: str) -> tuple[Any, ...]:
    """No article is open."""
    return "", html, gr.update(visible=False), gr.update(visible=False)


def _take(files: Sequence[dict[str, Any]]) -> tuple[list[tuple[str, bytes]], list[Added]]:
    """What Gradio put into its cache, which keeps nothing of it, and the files that are not there any more.

    Gradio has seen to it that the paths lead nowhere else. One path may come twice, and from two people at once: it is
    made from name and content.
    """
    named = [(str(file.get("orig_name") or Path(file["path"]).name), Path(file["path"])) for file in files]
    taken, lost = [], []
    for name, path in named:
        try:
            taken.append((name, path.read_bytes()))
        except OSError:
            lost.append(Added(to_plain(name), "failed", "not_written"))
    for _, path in named:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # another file of the same content may be in it
            path.parent.rmdir()
    return taken, lost


def _latest(steps: Queue[_Step]) -> _Step:
    """The newest of the steps that were told since; waits for one."""
    step = steps.get()
    try:
        while True:
            step = steps.get_nowait()
    except Empty:
        return step


def _told(error: Exception, lang: Lang) -> str:
    if isinstance(error, LockedError):
        return TEXTS[lang]["articles_busy"]
    return TEXTS[lang]["articles_foreign" if isinstance(error, ForeignArticleError) else "articles_failed"]
