"""Rounds of killing an ingest: a folder changes, a process brings the index in line, and is killed at some moment.

Shared by test_crash.py and bench/crash.py. After every round the index must hold exactly what was acknowledged, the
one change in flight either done or not, and nothing else; every check of ``--verify`` must pass; and a reader that asks
all the while must never see an error or half an article.

The controller has no threads, so that it can fork; its children do the work with everything imported.
"""

from __future__ import annotations

import json
import os
import random
import re
import select
import shutil
import signal
import sys
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import chromadb.config  # noqa: F401  which the product imports when it needs it: the children are to find it loaded
import numpy as np

from rag.assembly import encoders, ingest
from rag.assembly.folder import STORE_FILE
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant, open_beside
from rag.assembly.verify import verify_index
from rag.encoders.embedding import Embedder
from rag.ingesting.ingestion import stamp_of
from rag.language.text import identify, tokens
from rag.maintenance.checking import check_truth
from rag.maintenance.evidence import SqliteEvidence, reading
from rag.maintenance.findings import Verification
from rag.settings import Settings
from rag.storage import connections
from rag.storage.prints import print_of
from rag.storage.sqlite import connect as sqlite_connect
from rag.storage.store import Store
from rag.types import LANGS

DIMENSION = 64
ROUNDS_A_WORLD = 20  # after which folder and index begin anew
CHROMA_EVERY = 40  # rounds of which one builds Chroma, too
MOST_FILES = 8
PASSAGES = 4  # of each article: three paragraphs and a pair
PAUSE = 0.05  # seconds between two questions of the reader, which shares the cores
LANGUAGES = {
    "en": (
        "The harbour of {mark} opened its gates in the year {year} after long years of careful building works. "
        "Ships of {mark} carry grain and timber across the water to the markets in the north every week. ",
        "## Questions & Answers:\n\n- When did the harbour of {mark} open its gates?\n"
        "  - Answer: The harbour of {mark} opened its gates in the year {year}.\n",
        "When did the harbour of {mark} open its gates?",
    ),
    "de": (
        "Der Hafen von {mark} öffnete seine Tore im Jahr {year} nach langen Jahren sorgfältiger Bauarbeiten am Ufer. "
        "Die Schiffe von {mark} bringen jede Woche Getreide und Holz über das Wasser zu den Märkten im Norden. ",
        "## Fragen und Antworten:\n\n- Wann öffnete der Hafen von {mark} seine Tore?\n"
        "  - Antwort: Der Hafen von {mark} öffnete seine Tore im Jahr {year}.\n",
        "Wann öffnete der Hafen von {mark} seine Tore?",
    ),
    "zh": (
        "{mark}港口经过多年的精心建设,于{year}年正式开放,成为当地最重要的贸易中心之一,吸引了许多商人前来。"
        "{mark}的船只每周都把粮食和木材运过水面,送到北方的各个市场,供当地居民购买和使用,从不间断。",
        "## 问与答:\n\n- {mark}港口是哪一年开放的?\n  - 答:{mark}港口于{year}年正式开放。\n",
        "{mark}港口是哪一年开放的?",
    ),
}


def text_of(name: str, version: int) -> str:
    """A version of an article; every sentence of it says which it is."""
    lang = list(LANGUAGES)[int(name[1:]) % 3]
    paragraph, pair, _ = LANGUAGES[lang]
    parts = [paragraph.format(mark=mark(name, version, part), year=1500 + version) for part in range(3)]
    return "\n\n".join([f"# {mark(name, version, 9)}", *parts, pair.format(mark=mark(name, version, 8), year=version)])


def mark(name: str, version: int, part: int) -> str:
    """A word that names article, version and paragraph."""
    return f"{name}x{version}x{part}"


class WordEmbedder(Embedder):
    """Adds up a random direction a word, always the same: what shares words is similar, at no cost."""

    def __init__(self) -> None:
        super().__init__(model_name="words")

    def _get_text_embedding(self, text: str) -> list[float]:
        vector = np.full(DIMENSION, 1e-3)
        for word in tokens(text, "en"):
            vector += np.random.default_rng(zlib.crc32(word.encode())).normal(size=DIMENSION)
        return [float(number) for number in vector]


EMBEDDER = WordEmbedder()


@dataclass
class Tally:
    """What became of all rounds."""

    rounds: int = 0
    landed: int = 0
    where: dict[str, int] = field(default_factory=dict)  # what was going on when it was killed
    ambiguous: int = 0  # changes in flight
    questions: int = 0
    answers: int = 0
    failures: list[str] = field(default_factory=list)  # each with its round


@dataclass(frozen=True)
class Killing:
    """How a process is killed: after so many seconds, statements or steps of SQLite's; one of them."""

    by: str
    at: float


class World:
    """A folder and its index, through some rounds."""

    def __init__(self, home: Path, tally: Tally) -> None:
        self.articles, self.data = home / "articles", home / "data"
        self.articles.mkdir(parents=True)
        self.settings = Settings(_env_file=None, data_dir=self.data, embed_model="local-fast")  # type: ignore[call-arg]
        self.tally = tally
        self.versions: Counter[str] = Counter()
        self.cost = {"seconds": 0.2, "statements": 200.0, "steps": 200.0}  # of a run, learnt from those that finished

    def first(self, chance: random.Random) -> tuple[bool, list[dict[str, Any]]]:
        """Put something into the folder and the index, so that there is something to ask."""
        for name in chance.sample([f"a{n}" for n in range(MOST_FILES)], 3):
            self._write(name)
        return self._run(None, rebuild=False, chroma=False)

    # --- A round ----------------------------------------------------------------------------------------------

    def play(self, chance: random.Random, *, chroma: bool) -> list[str]:
        """Change the folder, kill the run that follows it, and say what is wrong then."""
        rebuild = self._change(chance)
        before, target = self._indexed(), self._folder()
        by = "seconds" if chroma else chance.choice(list(self.cost))
        killing = Killing(by, chance.uniform(0, (4 if chroma else 1) * self.cost[by]))
        landed, notes = self._run(killing, rebuild=rebuild, chroma=chroma)
        self.tally.rounds += 1
        self.tally.landed += landed
        if landed:
            where = _where(notes)
            self.tally.where[where] = self.tally.where.get(where, 0) + 1
        wrong = [note["error"] for note in notes if "error" in note]
        wrong += self._compare(before, target, notes) + self._off(None)
        if chroma:
            wrong += self._opened(chance)
        elif chance.random() < 0.4:  # else the next round goes on from here
            _, notes = self._run(None, rebuild=False, chroma=False)
            wrong += [note["error"] for note in notes if "error" in note] + self._off([self.articles])
            wrong += [] if self._indexed() == self._folder() else ["a run to the end did not bring the index in line"]
        return wrong

    def _change(self, chance: random.Random) -> bool:
        """Add, change, rename or remove some files; whether the index is to be rebuilt instead."""
        here = sorted(self.articles.iterdir())
        what = chance.choice(["add", "add", "update", "update", "remove", "move", "mixed", "rebuild"])
        if what in ("add", "mixed") or len(here) < 3:
            for name in chance.sample([f"a{n}" for n in range(MOST_FILES)], 3):
                self._write(name)
        if what in ("update", "mixed"):
            for path in chance.sample(here, min(2, len(here))):
                self._write(path.stem.split("-")[0], path)
        if what in ("remove", "mixed") and len(here) > 3:
            for path in chance.sample(here, 2):
                path.unlink(missing_ok=True)
        if what == "move" and here:
            path = chance.choice(here)
            if path.exists():
                path.rename(path.with_name(f"{path.stem.split('-')[0]}-{self.tally.rounds}.md"))
        return what == "rebuild"

    def _write(self, name: str, path: Path | None = None) -> None:
        self.versions[name] += 1
        (path or self.articles / f"{name}.md").write_text(text_of(name, self.versions[name]), encoding="utf-8")

    # --- The process that is killed ---------------------------------------------------------------------------

    def _run(self, killing: Killing | None, *, rebuild: bool, chroma: bool) -> tuple[bool, list[dict[str, Any]]]:
        """Whether the kill landed, and what the process told before."""

        def work(note: Callable[..., None]) -> None:
            counts = _tell_all(note, killing)
            if not chroma:
                ingest._derive = lambda *a, **k: None
            note(started=True)
            begun = time.perf_counter()
            report = run_ingest(self.settings, [self.articles], rebuild=rebuild)
            note(finished=True, seconds=time.perf_counter() - begun, **counts)
            assert not report.failed, report.failed

        with _forked(work) as (pid, pipe):
            notes = Notes(pipe)
            if killing is not None and killing.by == "seconds":
                notes.wait("started")
                notes.wait("finished", killing.at)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            told = notes.rest()
            _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        finished = next((note for note in told if "finished" in note), None)
        if finished and not chroma:
            for what in self.cost:
                self.cost[what] = 0.7 * self.cost[what] + 0.3 * finished[what]
        if not killed and not finished and not any("error" in note for note in told):
            told.append({"error": f"the process ended with status {status}"})
        return killed and not finished, told

    # --- What must be true ------------------------------------------------------------------------------------

    def _folder(self) -> dict[str, str]:
        return {str(path): path.read_text(encoding="utf-8") for path in self.articles.iterdir()}

    def _indexed(self) -> dict[str, str]:
        if not (self.data / STORE_FILE).exists():
            return {}
        with _closing(Store(self.data / STORE_FILE)), reading(self.data / STORE_FILE) as db:
            return {row["path"]: row["text"] for row in db.execute("SELECT path, text FROM articles")}

    def _compare(self, before: dict[str, str], target: dict[str, str], notes: list[dict[str, Any]]) -> list[str]:
        """Whether each file's article is the old or the new version, and the one that was acknowledged."""
        after, wrong = self._indexed(), []
        done = {path for note in notes if "done" in note for path in note["paths"]}
        begun = [note["paths"] for note in notes if "begin" in note and note["begin"] != "settle"]
        in_flight = [] if not begun or set(begun[-1]) <= done else begun[-1]
        self.tally.ambiguous += bool(in_flight)
        for path in sorted({*before, *target, *after}):
            old, new, now = before.get(path), target.get(path), after.get(path)
            allowed = [new] if path in done else [old, new] if path in in_flight else [old]
            if now not in allowed:
                wrong.append(f"{Path(path).name}: {now and now[:20]!r} in place of {[a and a[:20] for a in allowed]}")
        if len(in_flight) > 1:  # one transaction: all of it or nothing
            moved = {after.get(path) == target.get(path) for path in in_flight if before.get(path) != target.get(path)}
            wrong += ["half a transaction"] if len(moved) > 1 else []
        return wrong

    def _off(self, paths: list[Path] | None) -> list[str]:
        """What ``--verify`` finds, and where the manifest says another thing than the articles."""
        if not (self.data / STORE_FILE).exists():
            return []
        report = Verification()
        with reading(self.data / STORE_FILE) as db:
            check_truth(SqliteEvidence(db), stamp_of(EMBEDDER), paths, report)
            counted = db.execute("SELECT path, (SELECT count(*) FROM passages WHERE article_id = id) FROM articles")
            wrong = [f"{path} has {number} passages" for path, number in counted if number != PASSAGES]
        return wrong + [f"{one.where}: {one.what}" for one in report.findings]

    def _opened(self, chance: random.Random) -> list[str]:
        """What a server finds that starts now, Chroma included."""

        def work(note: Callable[..., None]) -> None:
            run_ingest(self.settings, [self.articles])
            opened = open_assistant(self.settings)
            try:
                name = Path(chance.choice(sorted(self._folder()))).stem.split("-")[0]
                answer = opened.ask(question_of(name, self.versions[name]))
                deadline = time.monotonic() + 60
                while opened.health().dense != "chroma" and time.monotonic() < deadline:
                    time.sleep(0.01)
                note(answered=answer.answered, dense=opened.health().dense)
            finally:
                opened.close()
            note(off=[f"{one.where}: {one.what}" for one in verify_index(self.settings, [self.articles]).findings])

        with _forked(work) as (pid, pipe):
            told = Notes(pipe).rest()
            os.waitpid(pid, 0)
        said: dict[str, Any] = {key: value for note in told for key, value in note.items()}
        wrong = [said["error"]] if "error" in said else list(said.get("off", ["nothing was verified"]))
        return wrong if said.get("dense") == "chroma" else [*wrong, "Chroma was not built"]


def question_of(name: str, version: int) -> str:
    """A question that this version of the article answers."""
    return LANGUAGES[list(LANGUAGES)[int(name[1:]) % 3]][2].format(mark=mark(name, version, 8))


def play(
    rounds: int,
    seed: str,
    home: Path,
    *,
    only: int | None = None,
    told: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Rounds until so many kills have landed, or those that lead to one of them, and it; now and then it is told how
    far they are."""
    encoders._embedded = lru_cache(lambda: EMBEDDER)
    for lang in LANGS:  # loads what the children then find loaded
        identify(LANGUAGES[lang][0])
        print_of(LANGUAGES[lang][0], lang)
    tally, number = Tally(), 0 if only is None else only - only % ROUNDS_A_WORLD
    while (tally.landed < rounds if only is None else number <= only) and number < 3 * rounds + ROUNDS_A_WORLD:
        world = World(home / f"world-{number // ROUNDS_A_WORLD}", tally)
        _, notes = world.first(random.Random(f"{seed}/{number}"))
        tally.failures += [f"round {number}: {note['error']}" for note in notes if "error" in note]
        with _read_meanwhile(world):
            for number in range(number, number + ROUNDS_A_WORLD):  # noqa: B020  goes on counting
                chance = random.Random(f"{seed}/{number}/round")
                wrong = world.play(chance, chroma=number % CHROMA_EVERY == CHROMA_EVERY - 1)
                tally.failures += [f"round {number}: {one}" for one in wrong]
                if tally.landed == rounds or number == only:
                    break
        number += 1
        if not tally.failures:
            shutil.rmtree(world.data.parent)
        told(tally)
    return tally


# --- The reader ---------------------------------------------------------------------------------------------


def read_all_the_while(world: World, stop: int, note: Callable[..., None]) -> None:
    """Ask and look until ``stop`` is closed, and tell what was wrong."""
    chance = random.Random(world.tally.rounds)
    opened = open_beside(world.settings)
    asked = answered = 0
    while not select.select([stop], [], [], PAUSE)[0]:
        with reading(world.data / STORE_FILE) as db:
            rows = db.execute(
                "SELECT a.path, a.text, count(p.key) AS number FROM articles a LEFT JOIN passages p "
                "ON p.article_id = a.id GROUP BY a.id"
            ).fetchall()
        for row in rows:
            found = set(re.findall(r"(a\d+)x(\d+)x\d", row["text"]))
            if row["number"] != PASSAGES or [row["text"]] != [text_of(n, int(v)) for n, v in found]:
                note(error=f"a reader saw half an article: {row['path']}, {row['number']} passages")
        if rows:
            answer = opened.ask(question_of(*_named(chance.choice(rows)["text"])))
            asked += 1
            answered += answer.answered
            for wrong in _wrong_quotes(answer):
                note(error=wrong)
    note(asked=asked, answered=answered)


@contextmanager
def _read_meanwhile(world: World) -> Iterator[None]:
    stop, hold = os.pipe()
    with _forked(lambda note: read_all_the_while(world, stop, note), hold) as (pid, pipe):
        os.close(stop)
        yield
        os.close(hold)
        told = Notes(pipe).rest()
        os.waitpid(pid, 0)
    said = next((note for note in told if "asked" in note), {"asked": 0, "answered": 0})
    world.tally.questions += said["asked"]
    world.tally.answers += said["answered"]
    wrong = [note["error"] for note in told if "error" in note]
    world.tally.failures += [f"the reader of round {world.tally.rounds} and before: {one}" for one in wrong]


def _named(text: str) -> tuple[str, int]:
    name, version = re.findall(r"(a\d+)x(\d+)x\d", text)[0]
    return name, int(version)


def _wrong_quotes(answer: Any) -> Iterator[str]:
    versions: dict[str, set[tuple[str, int]]] = {}
    for one in answer.citations:
        name, version = _named(one.quote)
        versions.setdefault(one.article_id, set()).add((name, version))
        if text_of(name, version)[one.start : one.end] != one.quote:
            yield f"a quote is not of its version: {one.quote!r}"
    yield from (f"an answer quotes two versions: {found}" for found in versions.values() if len(found) > 1)


# --- Processes ----------------------------------------------------------------------------------------------


class Notes:
    """What a child tells through its pipe, a line of JSON each."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._told: list[dict[str, Any]] = []
        self._half = b""

    def wait(self, key: str, seconds: float = 60.0) -> None:
        """Until it told this, or it is too late, or it ended."""
        deadline = time.monotonic() + seconds
        while not any(key in note for note in self._told):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._pipe], [], [], left)[0] or not self._take():
                return

    def rest(self) -> list[dict[str, Any]]:
        """All that it told, once it has ended."""
        while self._take():
            pass
        return self._told

    def _take(self) -> bool:
        data = os.read(self._pipe, 1 << 16)
        *lines, self._half = (self._half + data).split(b"\n")
        self._told += [json.loads(line) for line in lines]
        return bool(data)


@contextmanager
def _forked(work: Callable[[Callable[..., None]], None], *close: int) -> Iterator[tuple[int, int]]:
    """A child that does this and tells notes; its process id and the pipe that they come through."""
    out, into = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for one in (out, *close):
                os.close(one)

            def note(**values: object) -> None:
                os.write(into, json.dumps(values).encode() + b"\n")

            try:
                work(note)
                code = 0
            except BaseException:  # noqa: BLE001  whatever it is, the controller must hear of it
                note(error=traceback.format_exc()[-1500:])
        finally:
            os._exit(code)
    os.close(into)
    try:
        yield pid, out
    finally:
        os.close(out)


@contextmanager
def _closing(opened: Store) -> Iterator[None]:
    try:
        yield
    finally:
        opened.close()


def _tell_all(note: Callable[..., None], killing: Killing | None) -> Counter[str]:
    """In a child: have the store tell what it begins and what is written, and SQLite kill the process when it is time;
    what is counted to that end."""
    counts: Counter[str] = Counter()

    def count(what: str, statement: str = "") -> int:
        counts[what] += 1
        if killing and killing.by == what and counts[what] > killing.at:
            note(killed=" ".join(statement.removeprefix("-- ").split()[:2]) or "within a statement")
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def connect(path: Path) -> Any:
        db = sqlite_connect(path)
        db.set_trace_callback(lambda statement: count("statements", statement))
        db.set_progress_handler(lambda: count("steps"), 50)
        return db

    def telling(name: str, paths: Callable[..., list[str]]) -> None:
        real = getattr(Store, name)

        def wrapper(self: Store, *args: Any, **kwargs: Any) -> None:
            about = paths(*args)
            note(begin=name, paths=about)
            real(self, *args, **kwargs)
            note(done=name, paths=about) if name != "settle" else note(settled=about)

        setattr(Store, name, wrapper)

    connections.connect = connect  # type: ignore[assignment, attr-defined]
    telling("put", lambda article, path, *rest: [path])
    telling("settle", lambda file, *rest: [file.path])
    telling("move", lambda old, new, root: [old, new])
    telling("forget", list)
    return counts


def _where(notes: list[dict[str, Any]]) -> str:
    last: dict[str, Any] = next((note for note in reversed(notes) if {"begin", "done", "settled"} & note.keys()), {})
    doing = last.get("begin") or ("between" if last else "before the first change")
    return f"{doing}" + next((f", at {note['killed']}" for note in notes if "killed" in note), "")
