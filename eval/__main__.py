"""The evaluation on the command line: ``python -m eval run`` and ``python -m eval compare``."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from eval import dataset
from eval.compare import compare, load_results, print_comparison
from eval.report import console_for, print_report, write_run
from eval.runner import Plan, run
from rag.errors import RagError
from rag.settings import load_settings

WORST = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 when all went well, 1 when a case failed, 2 when nothing could be done."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a Windows console may know no Chinese
    args = _parser().parse_args(argv)
    try:
        return _compare(args) if args.command == "compare" else _run(args)
    except (RagError, OSError) as error:  # an OSError says which file it is about
        _warn(f"error: {error}")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval", description="Measures the answers over a folder of articles."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    ask = commands.add_parser("run", help="ask every question and score the answers")
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
    ask.add_argument("--out", type=Path, metavar="DIR", help="where results go (default: runs/<UTC time>-<name>)")
    ask.add_argument("--baseline", action="store_true", help="ask a plain LlamaIndex and Chroma pipeline too")
    ask.add_argument("--limit", type=_positive, metavar="N", help="ask a fixed sample of N questions (default: all)")
    both = commands.add_parser("compare", help="what changed from run A to run B, and which questions got worse")
    both.add_argument("a", type=Path, metavar="A", help="folder or results.json of the run before")
    both.add_argument("b", type=Path, metavar="B", help="folder or results.json of the run after")
    both.add_argument(
        "--worst", type=_positive, metavar="N", default=WORST, help="questions listed (default: %(default)s)"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _run(args: argparse.Namespace) -> int:
    settings = load_settings(articles=args.articles)
    # The folder's name is part of what an article's id is made of, and "." has none.
    folder = settings.articles.resolve()
    articles, problems = dataset.read_articles(folder)
    cases = dataset.choose_cases(articles, args.questions, args.limit)
    problems += dataset.unknown_sources(cases, articles)
    for problem in problems:
        _warn(f"warning: {problem}")
    plan = Plan(folder.name, folder, tuple(cases), answerer=args.answerer, baseline=args.baseline)
    done = run(plan, settings, articles)
    print_report(done, console_for(sys.stdout))  # first: a folder that cannot be written must not cost the figures
    out = args.out or Path("runs") / f"{done.started:%Y%m%dT%H%M%SZ}-{done.name}"
    write_run(done, out)
    sys.stdout.write(f"results: {out}\n")
    for result in done.failed:
        _warn(f"failed: {result.case.id}: {result.error}")
    return 1 if done.failed else 0


def _compare(args: argparse.Namespace) -> int:
    found = compare(load_results(args.a), load_results(args.b))
    print_comparison(found, console_for(sys.stdout), worst=args.worst)
    return 0


def _warn(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
