"""The page's tab of evaluation runs, and the route that serves their reports to whoever may see the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request
from starlette.responses import FileResponse, Response

from rag.types import Lang
from rag.web.errors import ApiError
from rag.web.gradio_setup import gr
from rag.web.i18n import reader_lang, t
from rag.web.runs import Figure, Run, find_report, list_runs
from rag.web.security import POLICY, REPORT
from rag.web.strings import TEXTS, format_moment, format_share

COMMAND = "python -m eval run"
NO_REPORT = "there is no report here; the page lists the runs that have one"


def build_evaluation_tab(runs: Path) -> None:
    """The tab, whose list is read anew whenever it is opened."""

    def show(request: gr.Request) -> str:
        return render_runs(list_runs(runs), reader_lang(request))

    with gr.Tab(t("tab_evaluation"), elem_id="tab-evaluation") as tab:
        shown = gr.Markdown(elem_id="runs", latex_delimiters=[])
    tab.select(show, None, shown, show_progress="hidden", queue=False, api_visibility="private")


def render_runs(runs: dict[str, Run], lang: Lang) -> str:
    """The list as HTML without line breaks, for ``runs`` by the names of their folders, in their order."""
    texts = TEXTS[lang]
    if runs:
        listed = "".join(_run(folder, run, lang) for folder, run in runs.items())
        listed += f'<p class="legend">{escape(texts["run_figures"])}</p>'
    else:
        listed = f'<p class="empty">{texts["no_runs"].format(command=f"<code>{COMMAND}</code>")}</p>'
    return f'<section class="runs" lang="{lang}"><h2>{escape(texts["runs"])}</h2>{listed}</section>'


def serve_reports(api: FastAPI, runs: Path, may_see: Callable[[Request], bool]) -> None:
    """The reports, for those who may see the page. Nothing else in this part of the address space."""

    @api.get("/evaluation/{run}/report.html", include_in_schema=False)
    def report(run: str, request: Request) -> Response:
        if not may_see(request):
            raise ApiError(401, "log in on the page first, then open the report from there")
        found = find_report(runs, run)
        if found is None:
            raise ApiError(404, NO_REPORT)
        return FileResponse(found, media_type="text/html", headers={"Cache-Control": "no-cache", POLICY: REPORT})

    @api.get("/evaluation/{rest:path}", include_in_schema=False)
    def nothing(rest: str) -> Response:
        raise ApiError(404, NO_REPORT)


def _run(folder: str, run: Run, lang: Lang) -> str:
    texts = TEXTS[lang]
    facts = [
        format_moment(run.started, lang),
        texts["run_version"].format(version=run.version) + (f" ({shorten(run.commit)})" if run.commit else ""),
        f"{run.answerer}, {run.embed_model}",
        texts["run_cases"].format(cases=run.cases, failed=run.failed),
    ]
    meta = " · ".join(f"<span>{_line(fact)}</span>" for fact in facts)
    leaked = texts["run_leaked"].format(leaked=run.leaked)
    warning = f'<p class="leaked"><strong>{escape(leaked)}</strong></p>' if run.leaked else ""
    figures = "".join(_figure(figure, lang) for figure in run.headline)
    link = f'<a href="evaluation/{quote(folder, safe="")}/report.html" target="_blank" rel="noopener">'
    return (
        f'<article class="run"><h3>{link}{_line(run.name)}</a></h3>'
        f'<p class="meta">{meta}</p>{warning}<dl>{figures}</dl></article>'
    )


def shorten(commit: str) -> str:
    """Enough of a commit to find it, and whether files were changed since.

    >>> shorten("149d846debdfb6f17c17bab6fbac6a7ad7c74fa0-dirty")
    '149d846debdf-dirty'
    """
    return re.sub(r"^([0-9a-f]{12})[0-9a-f]+", r"\1", commit)


def _figure(figure: Figure, lang: Lang) -> str:
    mean, low, high = (format_share(share, lang) for share in (figure.mean, figure.low, figure.high))
    return (
        f"<div><dt>{_line(figure.measure)}</dt><dd><strong>{mean}</strong> ({low}–{high}) "
        f"<span>n = {figure.n}</span></dd></div>"
    )


def _line(text: str) -> str:
    return escape(" ".join(text.split()))
