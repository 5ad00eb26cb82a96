"""A server left alone with its folder: people ask while programs write, rename, delete, upload and remove.

python bench/soak.py [MINUTES] [ASKERS]

At the end the index must equal the folder and pass `ingest.py --verify`, every answer must have come, every quotation
must have stood in some version of an article, and the memory must be what it was after the first third.
"""

from __future__ import annotations

import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx2
from product import ROOT, Served, serving
from search import SET
from timing import told

from eval.dataset import load_questions
from rag.reading.articles import article_id

MINUTES, ASKERS = 30.0, 20
BETWEEN = 1.0  # seconds between two changes of the folder
PATIENCE = 120  # seconds for an answer, and for the index to have caught up at the end
GROWTH = 1.05  # of the memory, at most
NOT_FOUND, BUSY = 404, 503
THINKING = 0.5  # seconds that an asker thinks


@dataclass
class Watch:
    """What was seen so far. Written by many threads, each appending alone."""

    end: float
    times: list[float] = field(default_factory=list)
    fresh: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)  # of all articles

    def going_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self.end


def main() -> int:
    """Print what happened; 0 if nothing was wrong."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    askers = int(sys.argv[2]) if len(sys.argv) > 2 else ASKERS
    with tempfile.TemporaryDirectory() as name:
        folder, data = Path(name) / "articles", Path(name) / "data"
        shutil.copytree(SET / "articles", folder)
        with serving(folder, data, {"RAG_RATE_PER_MINUTE": "0"}) as served:
            watch = Watch(time.monotonic() + minutes * 60)
            watch.versions += [path.read_text() for path in sorted(folder.iterdir())]
            _run(served, folder, watch, askers)
            good = _tell(served, folder, data, watch)
    return 0 if good else 1


def _run(served: Served, folder: Path, watch: Watch, askers: int) -> None:
    questions = [case.question for case in load_questions(SET / "questions.jsonl")]
    jobs: list[Callable[[], None]] = [
        *(lambda seed=seed: _ask_on(served, watch, random.Random(seed), questions) for seed in range(askers)),
        lambda: _change_on(folder, watch, random.Random(0)),
        lambda: _upload_on(served, watch, random.Random(1)),
        lambda: _wait_on(served, folder, watch),
        lambda: _look_on(served, watch),
    ]
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _ask_on(served: Served, watch: Watch, chance: random.Random, questions: list[str]) -> None:
    with httpx2.Client(base_url=served.address, timeout=PATIENCE) as client:
        while watch.going_on():
            started = time.perf_counter()
            try:
                answer = client.post("/api/ask", json={"question": chance.choice(questions)}).raise_for_status().json()
            except httpx2.HTTPError as error:
                watch.errors.append(f"ask: {type(error).__name__} {error}")
                continue
            watch.times.append((time.perf_counter() - started) * 1000)
            for citation in answer["citations"]:
                if not any(citation["quote"] in text for text in watch.versions):
                    watch.errors.append(f"a quotation stands in no version of an article: {citation['quote']}")
            time.sleep(THINKING)


def _change_on(folder: Path, watch: Watch, chance: random.Random) -> None:
    """What other programs do to a folder."""
    numbers = count()
    while watch.going_on():
        files = sorted(folder.rglob("*.md"))
        path, number = chance.choice(files), next(numbers)
        what = chance.choice(["add", "change", "front matter", "rename", "move", "delete"])
        if what == "add":
            _write(path.with_name(f"new-{number}.md"), chance.choice(watch.versions) + f"\n\nNote {number}.\n", watch)
        elif what == "change":
            _write(path, path.read_text() + f"\n\nThe desk added note number {number} to this article.\n", watch)
        elif what == "front matter":
            _write(path, path.read_text().replace("---\n", f"---\ndescription: version {number}\n", 1), watch)
        elif what == "rename":
            path.rename(path.with_name(f"renamed-{number}.md"))
        elif what == "move":
            (folder / f"folder-{number % 5}").mkdir(exist_ok=True)
            path.rename(folder / f"folder-{number % 5}" / f"moved-{number}.md")
        elif len(files) > 150:
            path.unlink()
        watch.done[what] += 1
        time.sleep(BETWEEN)


def _write(path: Path, text: str, watch: Watch) -> None:
    watch.versions.append(text)  # first: it may be quoted as soon as it is there
    path.write_text(text)


def _upload_on(served: Served, watch: Watch, chance: random.Random) -> None:
    kept: list[str] = []
    with httpx2.Client(base_url=served.address, timeout=PATIENCE) as client:
        for number in count():
            if not watch.going_on():
                return
            text = f"# Upload {number}\n\nOn day {number} the harbour of Rostock counted {number + 7} ships.\n"
            watch.versions.append(text)
            try:
                added = client.post("/api/ingest", json={"name": f"upload-{number}.md", "text": text})
                kept += [one["article_id"] for one in added.raise_for_status().json()["results"]]
                if len(kept) > 5:
                    gone = kept.pop(chance.randrange(len(kept)))
                    answer = client.delete(f"/api/articles/{gone}")
                    if answer.status_code == NOT_FOUND:  # another program was faster
                        watch.done["gone already"] += 1
                    else:
                        answer.raise_for_status()
            except httpx2.HTTPStatusError as error:
                if error.response.status_code == BUSY:  # the folder is being read: try again, it says
                    watch.done["told to wait"] += 1
                elif "No such file" in error.response.text:  # another program took the upload away before it was read
                    watch.done["gone already"] += 1
                else:
                    watch.errors.append(f"upload: {error} {error.response.text}")
            except httpx2.HTTPError as error:
                watch.errors.append(f"upload: {type(error).__name__} {error}")
            watch.done["upload"] += 1
            time.sleep(3 * BETWEEN)


def _wait_on(served: Served, folder: Path, watch: Watch) -> None:
    """How long a new file takes to be there for those who ask."""
    with httpx2.Client(base_url=served.address, timeout=PATIENCE) as client:
        for number in count():
            if not watch.going_on():
                return
            path = folder / "fresh" / f"{number}.md"
            path.parent.mkdir(exist_ok=True)
            started = time.perf_counter()
            _write(path, f"# Fresh {number}\n\nThe mayor of Wismar opened bridge number {number}.\n", watch)
            while client.get(f"/api/articles/{article_id(path, folder)}").status_code == NOT_FOUND:
                if (waited := time.perf_counter() - started) > PATIENCE:
                    watch.errors.append(f"not there after {waited:.0f} s: {path.name}")
                    return
                time.sleep(0.05)
            watch.fresh.append((time.perf_counter() - started) * 1000)
            path.unlink()
            time.sleep(10 * BETWEEN)


def _look_on(served: Served, watch: Watch) -> None:
    while watch.going_on():
        watch.memory.append(served.megabytes())
        time.sleep(5)


def _tell(served: Served, folder: Path, data: Path, watch: Watch) -> bool:
    differs = _differs(served, folder)
    verified = subprocess.run(
        [sys.executable, "ingest.py", str(folder), "--data-dir", str(data), "--verify"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    third = len(watch.memory) // 3
    before, after = statistics.median(watch.memory[third : third + 12]), statistics.median(watch.memory[-12:])
    print(told("POST /api/ask", watch.times))
    print(told("from a new file to GET /api/articles/{id}", watch.fresh))
    print(f"changes: {dict(watch.done)}")
    tenths = watch.memory[:: max(1, len(watch.memory) // 10)]
    print(f"memory over the time: {' '.join(f'{megabytes:.0f}' for megabytes in tenths)} MB")
    print(f"memory: {before:.0f} MB after a third, {after:.0f} MB at the end ({after / before - 1:+.1%})")
    print(f"errors: {len(watch.errors)}; index against folder: {differs or 'equal'}")
    for error in watch.errors[:10]:
        print(f"  {error}")
    print(f"verify: exit {verified.returncode}\n{verified.stdout}{verified.stderr}")
    return not watch.errors and not differs and not verified.returncode and after < before * GROWTH


def _differs(served: Served, folder: Path) -> str:
    """What the index has that the folder has not, or the other way round, once the server had time to catch up."""
    wanted = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.md"))
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        listed = _listed(served)
        if sorted(listed) == wanted:
            return ""
        time.sleep(1)
    return f"only in one of them: {sorted(set(listed) ^ set(wanted))[:10]}"


def _listed(served: Served) -> list[str]:
    listed: list[str] = []
    query: dict[str, str] = {}
    while True:
        page = httpx2.get(f"{served.address}/api/articles", params=query, timeout=PATIENCE).json()
        listed += [article["file"] for article in page["articles"]]
        if not page["next"]:
            return listed
        query = {"cursor": page["next"]}


if __name__ == "__main__":
    sys.exit(main())
