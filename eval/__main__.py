"""The evaluation on the command line; ``python -m eval --help`` lists the commands."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from eval import claims, commands, fitting, followups
from eval.summary import MEASURES
from rag.errors import RagError
from rag.types import LANGS

WORST = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 when all went well, 1 when a run is not what it should be, 2 when nothing could be done."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a Windows console may know no Chinese
    args = _parser().parse_args(argv)
    try:
        return int(args.does(args))
    except (RagError, OSError) as error:  # an OSError says which file it is about
        commands.warn(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval", description="Measures the answers over a folder of articles."
    )
    parts = parser.add_subparsers(dest="command", required=True)
    _add_run(parts.add_parser("run", help="ask every question and score the answers"))
    _add_compare(parts.add_parser("compare", help="what changed from run A to run B, and which questions got worse"))
    _add_report(parts.add_parser("report", help="print a run again and write its report anew"))
    _add_cases(parts.add_parser("cases", help="questions from what people said of answers"))
    _add_import(parts.add_parser("import", help="articles and questions from a public set"))
    _add_claims(parts.add_parser("claims", help="how many true and false claims the gate keeps"))
    fit = parts.add_parser("fit", help="fit the weights by which the gate tells what is certain")
    fit.set_defaults(does=fitting.fit_command)
    fit.add_argument("files", type=Path, nargs="+", metavar="FILE", help="claims, one JSON object a line")
    _add_followups(parts.add_parser("followups", help="whether follow-up questions find the right article"))
    return parser


def _add_run(ask: argparse.ArgumentParser) -> None:
    ask.set_defaults(does=commands.run_command)
    ask.add_argument("--articles", type=Path, metavar="DIR", help="articles to ask about (default: RAG_ARTICLES)")
    ask.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        action="append",
        default=[],
        help="questions, one JSON object a line; may be given more than once "
        "(default: the articles' own questions and answers, and some that no article answers)",
    )
    ask.add_argument("--answerer", choices=("extractive", "llm"), help="who answers (default: as the settings say)")
    ask.add_argument("--out", type=Path, metavar="DIR", help="where results go (default: RAG_RUNS/<UTC time>-<name>)")
    ask.add_argument(
        "--baseline",
        action="store_true",
        help="ask a plain LlamaIndex and Chroma pipeline too, and either half of our search alone",
    )
    ask.add_argument(
        "--ablation",
        action="store_true",
        help="ask our search with each of its parts left out in turn, too; all of these say their best sentence alone",
    )
    ask.add_argument(
        "--qa",
        choices=("without", "both"),
        default="without",
        help="both: ask also with the articles' own questions and answers in the index, side by side; the figures "
        "with them measure nothing but that they are found (default: %(default)s)",
    )
    ask.add_argument("--limit", type=_positive, metavar="N", help="ask a fixed sample of N questions (default: all)")
    ask.add_argument(
        "--fail-under",
        type=_bound,
        metavar="MEASURE=X",
        action="append",
        default=[],
        help="exit with 1 when the mean of a measure is below X, e.g. hit@1=0.9; may be given more than once",
    )
    ask.add_argument("--resume", type=Path, metavar="DIR", help="go on with the run that was stopped in this folder")


def _add_compare(both: argparse.ArgumentParser) -> None:
    both.set_defaults(does=commands.compare_command)
    both.add_argument("a", type=Path, metavar="A", help="folder or results.json of the run before")
    both.add_argument("b", type=Path, metavar="B", help="folder or results.json of the run after")
    both.add_argument(
        "--worst", type=_positive, metavar="N", default=WORST, help="questions listed (default: %(default)s)"
    )


def _add_report(report: argparse.ArgumentParser) -> None:
    report.set_defaults(does=commands.report_command)
    report.add_argument("run", type=Path, metavar="RUN", help="folder of a run")


def _add_cases(cases: argparse.ArgumentParser) -> None:
    parts = cases.add_subparsers(dest="what", required=True)
    drafts = parts.add_parser("from-feedback", help="drafts of questions from the answers that people rated")
    drafts.set_defaults(does=commands.feedback_command)
    drafts.add_argument("--data-dir", type=Path, metavar="DIR", help="where the feedback is (default: RAG_DATA_DIR)")
    drafts.add_argument(
        "--out", type=Path, metavar="FILE", required=True, help="questions file that drafts are added to"
    )
    look = parts.add_parser("review", help="look at each draft and keep or drop it; only what is kept is asked")
    look.set_defaults(does=commands.review_command)
    look.add_argument("file", type=Path, metavar="FILE", help="questions file with drafts")


def _add_import(importer: argparse.ArgumentParser) -> None:
    parts = importer.add_subparsers(dest="what", required=True)
    squad = parts.add_parser("squad", help="a file in the form of SQuAD: XQuAD, MLQA, CMRC, GermanQuAD, DRCD, SQuAD 2")
    squad.set_defaults(does=commands.squad_command)
    squad.add_argument("file", type=Path, metavar="FILE", help="the set's JSON file")
    squad.add_argument("--lang", choices=LANGS, required=True, help="language of the questions")
    squad.add_argument("--context-lang", choices=LANGS, help="language of the texts (default: that of the questions)")
    beir = parts.add_parser("beir", help="a folder in the form of BEIR: corpus.jsonl, queries.jsonl, qrels/")
    beir.set_defaults(does=commands.beir_command)
    beir.add_argument("folder", type=Path, metavar="DIR", help="the set's folder")
    beir.add_argument("--lang", choices=LANGS, default="en", help="language of the questions (default: %(default)s)")
    beir.add_argument("--split", default="test", help="which judgements: qrels/<SPLIT>.tsv (default: %(default)s)")
    for part in (squad, beir):
        part.add_argument("--out", type=Path, metavar="DIR", required=True, help="where articles and questions go")


def _add_claims(claimed: argparse.ArgumentParser) -> None:
    claimed.set_defaults(does=claims.claims_command)
    claimed.add_argument("files", type=Path, nargs="+", metavar="FILE", help="claims, one JSON object a line")
    claimed.add_argument("--failures", action="store_true", help="list each claim that was judged wrongly")


def _add_followups(asked: argparse.ArgumentParser) -> None:
    asked.set_defaults(does=followups.followups_command)
    asked.add_argument("file", type=Path, metavar="FILE", help="conversations, one JSON object a line")
    asked.add_argument("--articles", type=Path, metavar="DIR", help="articles to ask about (default: RAG_ARTICLES)")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _bound(text: str) -> tuple[str, float]:
    measure, _, value = text.partition("=")
    if measure not in MEASURES:
        raise argparse.ArgumentTypeError(f"there is no measure {measure!r}; there are {', '.join(MEASURES)}")
    try:
        return measure, float(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"write {measure}=0.9, not {text!r}") from error


if __name__ == "__main__":
    sys.exit(main())
