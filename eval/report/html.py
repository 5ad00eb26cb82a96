"""The report of a run as one HTML file: opens offline, asks no other host, shows which answers are worst and why.

What stands still (heading, tables, plots, the ten worst) is HTML, escaped here. The cases are JSON in the page;
``report.js`` shows them, and puts text in as text alone.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Any
from urllib.parse import quote

from eval.report.figures import Figure, Matrix, Table, by_kind, headline, ordered, pair_matrix
from eval.report.plots import Plot, render_plots, spoken_sentences
from eval.report.verdicts import REASONS, badness, finding, gold_rank, worst_first
from eval.report.wording import HOW_TO_READ, Measure, blocks_of, kind_in_words
from rag.reading.links import checked_url

__all__ = ["badness", "render_html"]

Results = Mapping[str, Any]
Json = dict[str, Any]

WORST = 10
_PARTS = ("report.html", "report.css", "report.js")
# A file of more bytes than this is slow to send around; what is compressed can't be read in an editor.
_COMPRESS_FROM = 10_000_000
_PAIRED = ("hit@1", "recall@5")
_SAFE = "!'()*"  # what encodeURIComponent leaves as it is, beside letters, digits and -_.~
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # what no HTML file may hold


def render_html(results: Results) -> str:
    """The whole report, from the values of ``results.json``."""
    files_of = {name: files("eval.report").joinpath(name).read_text(encoding="utf-8") for name in _PARTS}
    run, summary = results["run"], results["summary"]
    data, encoding = _data(results)
    return Template(files_of["report.html"]).substitute(
        name=_text(run["name"]),
        css=files_of["report.css"],
        js=files_of["report.js"],
        facts=_facts(results),
        counts=_counts(summary),
        banner=_banner(summary),
        how_to_read=" ".join(f"<span>{_text(line)}</span>" for line in HOW_TO_READ),
        headline=_table("headline-table", "Figures by language of the question", headline(summary)),
        judge=_judge(summary),
        worst=_worst(results),
        plots="".join(_plot(plot) for plot in render_plots(results)),
        kinds=_table("kind-table", "Figures by kind of case", by_kind(summary)),
        pairs=_pairs(summary),
        legend=_legend(summary),
        settings=_settings(results),
        encoding=encoding,
        data=data,
    )


# --- The heading -------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    """A value as HTML text; characters that no file may hold are shown as replaced."""
    return escape(_UNSAFE.sub("\ufffd", str(value)))


def _facts(results: Results) -> str:
    run, settings = results["run"], results["settings"]
    model = f" with {settings['chat_model']}" if settings.get("chat_model") else ""
    facts = {
        "Answerer": f"{settings.get('answerer', 'unknown')}{model}",
        "Encoder": settings.get("embed_model", "unknown"),
        "Version": f"{run['version']}, commit {shorten_commit(run['commit'])}",
        "Started": f"{started(run['started'])}, took {run['seconds']:,.0f} s",
    }
    return "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in facts.items())


def started(moment: str) -> str:
    """The start of a run as people write it.

    >>> started("2026-11-25T02:16:00+00:00")
    '25 November 2026, 02:16 UTC'
    """
    at = datetime.fromisoformat(moment)
    return f"{at.day} {at:%B %Y, %H:%M} {at.tzname() or ''}".strip()


def shorten_commit(commit: str | None) -> str:
    """Enough of a commit to find it, and whether files were changed since.

    >>> shorten_commit("149d846debdfb6f17c17bab6fbac6a7ad7c74fa0-dirty"), shorten_commit(None)
    ('149d846debdf-dirty', 'unknown')
    """
    if commit is None:
        return "unknown"
    head, dash, rest = commit.partition("-")
    return f"{head[:12]}{dash}{rest}"


def _counts(summary: Results) -> str:
    parts = [
        (summary["cases"], "cases"),
        (summary["refused"], "refused"),
        (summary["failed"], "failed"),
        (summary["truncated"], "with a gold answer that breaks off"),
        (summary["leaked"], "leaked"),
    ]
    return "".join(f"<li><b>{count:,}</b> {_text(what)}</li>" for count, what in parts)


def banner_lines(summary: Results) -> list[str]:
    """What makes the figures invalid or incomplete, in a sentence each; nothing when all is well."""
    lines = []
    if leaked := summary["leaked"]:
        lines.append(
            f"These figures are not valid: for {leaked:,} of {summary['cases']:,} questions a passage was found that"
            " holds the question nearly word for word. Keep the articles' own questions out of the index."
        )
    if failed := summary["failed"]:
        lines.append(
            f"{failed:,} of {summary['cases']:,} cases failed and are in no mean; the worst cases below say with what."
        )
    return lines


def _banner(summary: Results) -> str:
    lines = "".join(f"<p>{_text(line)}</p>" for line in banner_lines(summary))
    return f'<div class="banner" role="alert">{lines}</div>' if lines else ""


# --- Tables ------------------------------------------------------------------------------------------------


def _table(name: str, caption: str, table: Table) -> str:
    # The box that scrolls can be reached and scrolled by keyboard.
    head = "".join(f'<th scope="col">{_text(column)}</th>' for column in table.columns)
    bodies = "".join(_block(block, rows, len(table.columns)) for block, rows in table.blocks)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(caption)}"><table id="{name}">'
        f'<caption class="unseen">{_text(caption)}</caption>'
        f'<thead><tr><th scope="col">measure</th>{head}</tr></thead>{bodies}</table></div>'
    )


def _block(name: str, rows: tuple[tuple[Measure, tuple[Figure, ...]], ...], columns: int) -> str:
    lines = "".join(
        f'<tr><th scope="row" title="{_text(measure.meaning)}">{_named(measure)}</th>'
        f"{''.join(_cell(figure) for figure in figures)}</tr>"
        for measure, figures in rows
    )
    return (
        f'<tbody><tr class="block"><th scope="rowgroup" colspan="{columns + 1}">{_text(name)}</th></tr>{lines}</tbody>'
    )


def _named(measure: Measure) -> str:
    lower = ' <small class="lower">lower is better</small>' if measure.lower_is_better else ""
    return f"{_text(measure.name)} <code>{_text(measure.id)}</code>{lower}"


def _cell(figure: Figure) -> str:
    if not figure.n:
        return '<td class="none"><span aria-label="applies to none">–</span></td>'
    best = (
        '<b class="best"><span aria-hidden="true">★ </span><span class="unseen">best: </span>' if figure.best else "<b>"
    )
    doubt = f"<small>n={figure.n:,}</small> <small>{figure.interval}</small>"
    return f'<td class="figure">{best}{figure.mean}</b> {doubt}</td>'


def _pairs(summary: Results) -> str:
    matrices = [matrix for measure in _PAIRED if (matrix := pair_matrix(summary, measure))]
    if not matrices:
        return '<p class="quiet">No answerable question has an article whose language is known.</p>'
    return f'<div class="matrices">{"".join(_matrix(matrix) for matrix in matrices)}</div>'


def _matrix(matrix: Matrix) -> str:
    measure = matrix.measure
    head = "".join(f'<th scope="col">{_text(lang)}</th>' for lang in matrix.columns)
    rows = "".join(
        f'<tr><th scope="row">{_text(lang)}</th>{"".join(_cell(figure) for figure in figures)}</tr>'
        for lang, figures in zip(matrix.rows, matrix.figures, strict=True)
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(measure.name)} by pair of languages">'
        f'<table class="matrix"><caption title="{_text(measure.meaning)}">{_named(measure)}</caption>'
        f'<thead><tr><th scope="col">question ↓ article →</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _legend(summary: Results) -> str:
    blocks = blocks_of([*summary["overall"], *(measure for group in summary["by_kind"].values() for measure in group)])
    return "".join(
        f"<h4>{_text(name)}</h4><dl>"
        + "".join(f"<div><dt>{_named(measure)}</dt><dd>{_text(measure.meaning)}</dd></div>" for measure in block)
        + "</dl>"
        for name, block in blocks
    )


def _judge(summary: Results) -> str:
    judge = summary.get("judge")
    return f'<p class="quiet">{_text(judge_line(judge))}</p>' if judge else ""


def judge_line(judge: Results) -> str:
    """How far the model that judged can be trusted, and what of its verdicts could not be read."""
    agreement = judge.get("agreement") or {}
    unreadable = sum((judge.get("unreadable") or {}).values())
    line = f"Judged by {judge['model']}; {unreadable:,} of its verdicts could not be read."
    if agreement.get("agreement") is None:
        return f"{line} How far it agrees with people was not measured."
    kappa = "" if agreement.get("kappa") is None else f" (Cohen's kappa {agreement['kappa']:.2f})"
    return f"{line} Of {agreement['n']:,} verdicts of people it agrees with {agreement['agreement']:.0%}{kappa}."


def _settings(results: Results) -> str:
    run = results["run"]
    values = {
        **{f"run: {key}": run[key] for key in ("commit", "cases_checksum", "articles_checksum")},
        **results["settings"],
        **{f"used: {key}": value for key, value in (results["summary"].get("usage") or {}).items()},
    }
    return "".join(f"<div><dt>{_text(key)}</dt><dd>{_text(_plain(value))}</dd></div>" for key, value in values.items())


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --- Plots and the worst cases -----------------------------------------------------------------------------


def _plot(plot: Plot) -> str:
    title = f'<h3 id="plot-{plot.id}-title">{_text(plot.title)}</h3>'
    words = f'<p id="plot-{plot.id}-words">{_text(plot.words)}</p>'
    n = f'<p class="quiet">{_text(plot.n)}</p>' if plot.n else ""
    return f"<figure>{title}{n}{plot.svg or ''}<figcaption>{words}</figcaption></figure>"


def _worst(results: Results) -> str:
    worst = worst_first(results["cases"])[:WORST]
    if not worst:
        return '<p class="quiet">This run has no case.</p>'
    return f'<ol class="worst">{"".join(_worst_case(case) for case in worst)}</ol>'


def _worst_case(case: Results) -> str:
    found, lang = finding(case), f' lang="{_text(case["question_lang"])}"'
    anchor = quote(_UNSAFE.sub("\ufffd", case["id"]), safe=_SAFE)
    answer = case["answer"]
    said = answer["answer"] if answer else case["error"] or ""
    confidence = f" · confidence {answer['confidence']:.2f}" if answer else ""
    golds = case["gold"]["answers"]
    wanted = (
        " / ".join(golds) if golds else "nothing: no article answers this" if not case["gold"]["answerable"] else "–"
    )
    # An unanswerable question may have answers where it is answered, which would mislead here.
    wanted = wanted if case["gold"]["answerable"] else "a refusal: no article answers this"
    return (
        f'<li class="{found.verdict}"><p class="why">{_text(found.text)}<small> · {_text(case["question_lang"])} ·'
        f" {_text(kind_in_words(case['gold']['kind']))}{confidence}</small></p>"
        f'<p class="question"{lang}><a href="#case-{_text(anchor)}">'
        f"{_text(case['question'])}</a></p>"
        f'<p class="said"><b>{"Said" if answer else "Error"}</b> <span{lang if answer else ""}>{_text(said)}</span></p>'
        f'<p class="said"><b>Wanted</b> <span{lang if golds else ""}>{_text(wanted)}</span></p></li>'
    )


def wanted_words(gold: Results) -> str:
    """What a case asks for, in a line. What is answered elsewhere is not asked for where no article answers it.

    >>> wanted_words({"answers": ["2016", "in 2016"], "answerable": True}), wanted_words({"answerable": False})
    ('2016 / in 2016', 'a refusal: no article answers this')
    """
    if not gold["answerable"]:
        return "a refusal: no article answers this"
    return " / ".join(gold["answers"]) or "no gold answer"


# --- The cases, for report.js ------------------------------------------------------------------------------


def _data(results: Results) -> tuple[str, str]:
    """The cases as the text of a script element, and how it is encoded: ``json``, or ``gzip`` in base 64."""
    plain = safe_json(payload(results))
    if len(plain.encode()) < _COMPRESS_FROM:
        return plain, "json"
    return base64.b64encode(gzip.compress(plain.encode(), compresslevel=6, mtime=0)).decode(), "gzip"


def safe_json(value: object) -> str:
    """JSON that may stand in a script element: no tag can end it, and it can be written as UTF-8.

    >>> safe_json({"text": "</script>\\u2028\\ud800猫"})
    '{"text":"\\\\u003c/script>\\\\u2028\\\\ud800猫"}'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<\u2028\u2029\x7f\ud800-\udfff]", lambda found: f"\\u{ord(found.group()):04x}", text)


def payload(results: Results) -> Json:
    """What ``report.js`` shows: the cases, worst first, and the words for their measures and reasons."""
    cases = [_case(case) for case in worst_first(results["cases"])]
    keys = Counter(case["key"] for case in cases)
    langs = {lang for case in cases for lang in case["article_langs"]}
    scored = [measure for case in cases for measure in case["scores"]]
    return {
        "blocks": [
            {"name": name, "measures": [{"id": m.id, "name": m.name, "lower": m.lower_is_better} for m in block]}
            for name, block in blocks_of(scored)
        ],
        "reasons": [{"key": key, "words": words, "n": keys[key]} for key, (_, words) in REASONS.items() if keys[key]],
        "langs": ordered({case["lang"] for case in cases}),
        "article_langs": ordered(langs),
        "kinds": [[kind, kind_in_words(kind)] for kind in sorted({case["kind"] for case in cases})],
        "cases": cases,
    }


def _case(case: Results) -> Json:
    found, answer, gold = finding(case), case["answer"], case["gold"]
    return {
        "id": case["id"],
        "question": case["question"],
        "lang": case["question_lang"],
        "kind": gold["kind"],
        "kind_words": kind_in_words(gold["kind"]),
        "truncated": case["truncated"],
        "answerable": gold["answerable"],
        "golds": gold["answers"],
        "gold_text": gold["gold_text"],
        "links": [link for link in (*gold["source_links"], *gold["also_links"]) if checked_url(link)],
        "article_langs": gold["article_langs"],
        "gold_rank": gold_rank(case)[0],
        "key": found.key,
        "verdict": found.verdict,
        "why": found.text,
        "answer": _answer(case) if answer else None,
        "found": [_found(passage) for passage in case["found"]],
        "scores": {measure: [score["value"], score["reason"]] for measure, score in case["scores"].items()},
        "error": case["error"],
        "leak": case["leak"],
        "others": _others(case),
    }


def _answer(case: Results) -> Json:
    answer = case["answer"]
    langs = [lang for _, lang in spoken_sentences(case)]
    return {
        "answered": answer["answered"],
        "text": answer["answer"],
        "confidence": answer["confidence"],
        "ms": answer["timings_ms"].get("total"),
        "sentences": [
            {"text": one["text"], "citations": one["citations"], "lang": lang}
            for one, lang in zip(answer["sentences"], langs, strict=True)
        ],
        "citations": [_citation(citation) for citation in answer["citations"]],
        "refusal": answer["refusal"]["reason"] if answer["refusal"] else None,
        "dropped": answer["dropped"],
        "disagreements": answer.get("disagreements") or [],
    }


def _citation(citation: Results) -> Json:
    before, after = around(citation)
    kept = {key: citation[key] for key in ("number", "title", "lang", "file", "quote")}
    return {**kept, "url": checked_url(citation["url"]), "before": before, "after": after}


def around(citation: Results) -> tuple[str | None, str | None]:
    """What stands in the passage before and after the quote; None when the quote does not stand where it should.

    Done here, because offsets count code points, and JavaScript's strings do not.

    >>> around({"passage": "𠮷野家1899年创立。", "passage_start": 100, "start": 103, "end": 107, "quote": "1899"})
    ('𠮷野家', '年创立。')
    >>> around({"passage": "Moon", "passage_start": 0, "start": 1, "end": 4, "quote": "Mars"})
    (None, None)
    """
    passage, quoted = citation["passage"], citation["quote"]
    at = citation["start"] - citation["passage_start"]
    if at < 0 or passage[at : at + len(quoted)] != quoted:
        return None, None
    return passage[:at], passage[at + len(quoted) :]


def _found(passage: Results) -> Json:
    kept = {key: passage[key] for key in ("title", "file", "lang", "score", "gold")}
    return {**kept, "url": checked_url(passage["url"])}


def _others(case: Results) -> list[Json]:
    """What rivals said, and we with the articles' own Q&A in the index."""
    asides = {**(case.get("rivals") or {}), **({"with Q&A": case["with_qa"]} if case.get("with_qa") else {})}
    return [{"name": name, "text": _said(aside["answer"]), "scores": aside["scores"]} for name, aside in asides.items()]


def _said(answer: str | Results) -> str:
    return answer if isinstance(answer, str) else str(answer["answer"])
