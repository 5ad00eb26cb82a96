"""Killing an ingest at any moment loses nothing that a second run does not bring back."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SAMPLES, settings_for

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.storage.store import Store

KILLS = 4  # of whole programs; crash_rounds.py kills many more, of processes that start at once
ROUNDS = 200


def state(data: Path) -> tuple[object, ...]:
    """All that an index holds and finds, but for its internal keys."""
    store = Store(data / "articles.sqlite3")
    try:
        stored = sorted(store.load(store.passage_ids()), key=lambda s: s.passage.passage_id)
        rows = [(s.passage, s.sentences, s.unit_of, s.tokens, s.vector.tobytes(), s.units.tobytes()) for s in stored]
        return store.summaries(), rows, store.stamp(), store.languages()
    finally:
        store.close()


def start(articles: Path, data: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ROOT / "ingest.py"), str(articles), "--data-dir", str(data)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)


def written(data: Path) -> int:
    """How many articles are in, as seen from outside; 0 before there is an index."""
    try:
        with sqlite3.connect(f"file:{data / 'articles.sqlite3'}?mode=ro", uri=True, timeout=5) as db:
            return int(db.execute("SELECT count(*) FROM articles").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few of the samples, in each language."""
    folder = tmp_path_factory.mktemp("articles")
    for name in ("gdpr-2018", "gotthard-basistunnel-2016", "kiptum-marathon-record-2023", "tu-youyou-nobel-2015"):
        shutil.copy(SAMPLES / f"{name}.md", folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, articles: Path) -> tuple[object, ...]:
    data = tmp_path_factory.mktemp("undisturbed")
    run_ingest(settings_for(data), [articles])
    return state(data)


def test_kills_and_a_last_run_end_with_the_index_of_an_undisturbed_run(
    tmp_path: Path, articles: Path, undisturbed: tuple[object, ...]
) -> None:
    chance = random.Random(20240521)
    number_of_articles = len(list(articles.iterdir()))
    killed_while_writing = 0
    for kill in range(KILLS):
        data = tmp_path / str(kill % 2)  # some runs go on where a killed one stopped
        before = written(data)
        process = start(articles, data)
        # Wait for a sign of progress, then a random moment: kills spread over reading, embedding and writing.
        aim = before + chance.randint(0, max(0, number_of_articles - before - 1))
        deadline = time.monotonic() + 60
        while written(data) < aim + (kill > 0) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(chance.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        code = process.wait()
        assert code in (-signal.SIGKILL, 0), "the process was neither killed nor had it finished"
        killed_while_writing += code == -signal.SIGKILL
    assert killed_while_writing >= KILLS // 2  # a test in which nothing is killed shows nothing
    for number in range(2):
        data = tmp_path / str(number)
        report = run_ingest(settings_for(data), [articles])
        assert not report.failed
        assert state(data) == undisturbed
        opened = open_assistant(settings_for(data))
        try:
            assert "57 Kilometer" in opened.ask("Wie lang ist der Gotthard-Basistunnel?").answer
        finally:
            opened.close()


def test_a_server_that_was_killed_leaves_an_index_that_opens(tmp_path: Path, articles: Path) -> None:
    run_ingest(settings_for(tmp_path), [articles])
    script = (
        "import sys, time; from pathlib import Path; from rag.settings import Settings;"
        "from rag.assembly.serving import open_assistant;"
        "a = open_assistant(Settings(_env_file=None, data_dir=Path(sys.argv[1])));"
        "print(a.ask('Wie lang ist der Gotthard-Basistunnel?').answered, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert process.stdout is not None
    assert process.stdout.readline() == b"True\n"
    process.kill()
    process.wait()
    process.stdout.close()
    opened = open_assistant(settings_for(tmp_path))
    try:
        assert opened.ask("Wie lang ist der Gotthard-Basistunnel?").answered
        deadline = time.monotonic() + 60
        while opened.health().dense != "chroma" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert opened.health().dense == "chroma"
    finally:
        opened.close()


def rounds(code: str, *args: str) -> dict[str, Any]:
    """What bench/crash.py counts, with this code run first."""
    begin = f"import sys; sys.argv[1:] = {list(args)!r}; sys.path[:0] = ['bench', 'tests']; import crash"
    script = f"{begin}\n{code}\ncrash.main()"
    environment = {**os.environ, "PYTHONPATH": "."}
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert run.stdout, run.stderr
    counted: dict[str, Any] = json.loads(run.stdout)
    return counted


def test_two_hundred_kills_lose_nothing_and_no_reader_meets_an_error() -> None:
    told = rounds("", str(ROUNDS), "20261127", "--json")
    assert told["failures"] == []
    assert told["landed"] == ROUNDS
    assert told["answers"] > ROUNDS / 4  # a reader that reads nothing meets no error
    doing = {where.split(",")[0] for where in told["where"]}
    assert doing >= {"put", "settle", "forget", "between"}  # kills at every kind of change
    assert told["ambiguous"] > ROUNDS / 10


# An article in two transactions, and one that is not removed: what the rounds are there to find.
BROKEN = """
from rag.storage.store import Store
put, forget = Store.put, Store.forget
def half(self, article, path, root, digest, chunks):
    put(self, article, path, root, digest, chunks[:1])
    put(self, article, path, root, digest, chunks)
Store.put, Store.forget = half, lambda self, paths: forget(self, list(paths)[1:])
"""


def test_a_store_that_breaks_its_word_is_found_out() -> None:
    found = "".join(rounds(BROKEN, "30", "1", "--json")["failures"])
    assert "has 1 passages" in found or "saw half an article" in found
    assert "in place of [None]" in found
