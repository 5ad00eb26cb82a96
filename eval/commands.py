"""What each command of the evaluation does."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from eval import checkpoint, dataset, rated
from eval.checkpoint import Checkpoint
from eval.compare import compare, print_comparison
from eval.dataset import DatasetError, articles_checksum, cases_checksum
from eval.importers.beir import import_beir
from eval.importers.squad import import_squad
from eval.importers.writing import Imported
from eval.judge import Judge
from eval.plan import Plan
from eval.provenance import git_commit
from eval.records import Record
from eval.results import load_run, write_run
from eval.runner import Run, run
from eval.scorers import LOWER_IS_BETTER
from eval.tables import console_for, print_report
from rag.assembly.base import open_feedback
from rag.assembly.folder import FEEDBACK_FILE
from rag.settings import Settings, load_settings
from rag.types import Article

# What of the command line makes a run; a run that is gone on with takes it from the checkpoint.
_KEPT = ("articles", "questions", "answerer", "baseline", "ablation", "qa", "limit")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that can begin, or go on."""

    plan: Plan
    settings: Settings
    articles: Sequence[Article]
    out: Path
    keep: Checkpoint
    done: dict[str, Record]


def run_command(args: Namespace) -> int:
    """``python -m eval run``."""
    ready = _go_on(args) if args.resume else _begin(args)
    try:
        done = run(ready.plan, ready.settings, ready.articles, keep=ready.keep, done=ready.done)
    except BaseException:
        ready.keep.close()
        warn(f"stopped; what was done is kept: python -m eval run --resume {ready.out}")
        raise
    print_report(done, console_for(sys.stdout))  # first: a folder that cannot be written must not cost the figures
    write_run(done, ready.out)
    ready.keep.done()
    sys.stdout.write(f"results: {ready.out}\n")
    for record in done.failed:
        warn(f"failed: {record.case.id}: {record.error}")
    missed = [line for measure, bound in args.fail_under if (line := _missed(done, measure, bound))]
    for line in missed:
        warn(line)
    return 1 if done.failed or missed else 0


def _begin(args: Namespace) -> Prepared:
    started = datetime.now(UTC)
    kept = {key: _plain(getattr(args, key)) for key in _KEPT}
    plan, settings, articles = _plan(kept, started)
    out = args.out or settings.runs / f"{started:%Y%m%dT%H%M%SZ}-{plan.name}"
    about = {"kept": kept, "started": started.isoformat(), **_identity(plan, articles)}
    return Prepared(plan, settings, articles, out, Checkpoint.start(out, about), {})


def _go_on(args: Namespace) -> Prepared:
    out = args.resume
    given = [key for key in (*_KEPT, "out") if getattr(args, key) not in (None, [], False, "without")]
    if given:
        raise DatasetError(f"--resume asks what the run was begun with; leave out --{', --'.join(given)}")
    about, done = checkpoint.load(out)
    plan, settings, articles = _plan(about["kept"], datetime.fromisoformat(about["started"]))
    changed = [key for key, value in _identity(plan, articles).items() if about[key] != value]
    if changed:
        raise DatasetError(f"{out}: the run cannot go on, since there changed: {', '.join(changed)}; begin a new one")
    warn(f"going on: {len(done)} of {len(plan.cases)} questions are done")
    return Prepared(plan, settings, articles, out, Checkpoint.go_on(out), done)


def _plan(kept: dict[str, Any], started: datetime) -> tuple[Plan, Settings, Sequence[Article]]:
    settings = load_settings(articles=kept["articles"])
    # The folder's name is part of what an article's id is made of, and "." has none.
    folder = settings.articles.resolve()
    articles, problems = dataset.read_articles(folder)
    questions = [Path(name) for name in kept["questions"]]
    cases = dataset.choose_cases(articles, questions, problems, kept["limit"])
    for problem in problems:
        warn(f"warning: {problem}")
    key = settings.openai_api_key
    judge = (
        Judge(settings.judge_model, settings.openai_base_url, key.get_secret_value() if key else None)
        if settings.judge_model
        else None
    )
    # Public sets lie in SET/articles beside their questions.
    name = folder.parent.name if questions and folder.name == "articles" else folder.name
    plan = Plan(
        name,
        folder,
        tuple(cases),
        started,
        answerer=kept["answerer"],
        baseline=kept["baseline"],
        ablation=kept["ablation"],
        qa=kept["qa"],
        judge=judge,
    )
    return plan, settings, articles


def _identity(plan: Plan, articles: Sequence[Article]) -> dict[str, Any]:
    """What must be the same for two halves of a run to make one."""
    return {
        "commit": git_commit(),
        "questions": cases_checksum(plan.cases),
        "articles": articles_checksum(articles),
        "judge": plan.judge.model if plan.judge else None,
    }


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value.resolve())
    return [str(item.resolve()) for item in value] if isinstance(value, list) else value


def _missed(done: Run, measure: str, bound: float) -> str | None:
    estimate = done.summary.overall[measure]
    if estimate is None:
        return f"fail-under: {measure} applies to no question, so it cannot be {bound}"
    if measure in LOWER_IS_BETTER:
        return f"fail-under: of {measure} less is better: {estimate.mean:.3f}" if estimate.mean > bound else None
    return f"fail-under: {measure} is {estimate.mean:.3f}, below {bound}" if estimate.mean < bound else None


def compare_command(args: Namespace) -> int:
    """``python -m eval compare``."""
    print_comparison(compare(load_run(args.a), load_run(args.b)), console_for(sys.stdout), worst=args.worst)
    return 0


def report_command(args: Namespace) -> int:
    """``python -m eval report``."""
    found = load_run(args.run)
    print_report(found, console_for(sys.stdout))
    write_run(found, args.run)
    sys.stdout.write(f"report: {args.run / 'report.html'}\n")
    return 0


def feedback_command(args: Namespace) -> int:
    """``python -m eval cases from-feedback``."""
    settings = load_settings(data_dir=args.data_dir)
    store = open_feedback(settings)
    if store is None:
        raise DatasetError(f"{settings.data_dir / FEEDBACK_FILE}: no answer was rated yet")
    try:
        drafts = rated.drafts(store.rated())
    finally:
        store.close()
    added, had = rated.write_drafts(drafts, args.out)
    sys.stdout.write(f"{args.out}: {added} drafts added, {had} were there\n")
    sys.stdout.write(f"they count once you have looked at them: python -m eval cases review {args.out}\n")
    return 0


def review_command(args: Namespace) -> int:
    """``python -m eval cases review``."""
    kept, dropped = rated.review(args.file, Console())
    sys.stdout.write(f"{args.file}: {kept} kept, {dropped} dropped\n")
    return 0


def squad_command(args: Namespace) -> int:
    """``python -m eval import squad``."""
    return _told(import_squad(args.file, args.lang, args.out, context_lang=args.context_lang))


def beir_command(args: Namespace) -> int:
    """``python -m eval import beir``."""
    return _told(import_beir(args.folder, args.out, args.lang, args.split))


def _told(found: Imported) -> int:
    for line in found.left_out:
        warn(f"left out: {line}")
    out = found.out
    sys.stdout.write(
        f"{out}: {found.articles} articles, {found.questions} questions, {found.unanswerable} of them unanswerable\n"
        f"python -m eval run --articles {out / 'articles'} --questions {out / 'questions.jsonl'} --baseline\n"
    )
    return 0


def warn(line: str) -> None:
    """Say what is wrong, on stderr."""
    sys.stderr.write(line + "\n")
