"""Files read in several processes: the same index as one process makes, whatever happens to one of them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from conftest import ROOT, SubjectEmbedder, settings_for

from ingest import main
from rag.assembly.encoders import open_embedder
from rag.errors import ArticleError
from rag.ingesting.indexing import ReadFile, Reading
from rag.ingesting.ingestion import Ingestor, IngestReport
from rag.ingesting.workers import ProcessWorkers, RayWorkers, Workers, in_order
from rag.storage.store import Store

TEXTS = {
    "cats": "A cat sleeps all day long in the house.\n",
    "hunde": "Ein Hund bellt laut im Garten.\n",
    "moon": "# 月亮\n\n月亮绕着地球转。\n\n## 问与答：\n\n- 月亮绕着什么转？\n  - 答：月亮绕着地球转。\n",
    "empty": "   \n",
    "money": "Money is counted in dollar and cent.\n",
}
STARS = '{"id": "stars", "body": {"raw": "A cat looks at the stars at night."}}'
READING = Reading(json_fields={"text": "body.raw"})
POISON = "poison"


class Deadly(SubjectEmbedder):
    """Ends its process, as one does that has no memory left, at one text."""

    def _get_text_embedding(self, text: str) -> list[float]:
        if POISON in text:
            os._exit(9)
        return super()._get_text_embedding(text)


@pytest.fixture(scope="module")
def processes() -> Iterator[Workers]:
    workers = ProcessWorkers(2, Deadly, READING)
    yield workers
    workers.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Workers]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'tests'}")  # the embedder of these tests is no package's
        workers = RayWorkers("local", Deadly, READING, number=2)
        yield workers
        workers.close()


def ingest(data: Path, folder: Path, workers: Workers | None) -> tuple[IngestReport, object]:
    """What a run says, and all that it wrote."""
    store = Store(data)
    try:
        report = Ingestor(store, SubjectEmbedder(), json_fields=READING.json_fields, workers=workers).run([folder])
        stored = sorted(store.load(store.passage_ids()), key=lambda one: one.passage.passage_id)
        written = [
            (one.passage, one.sentences, one.tokens, one.vector.tobytes(), one.units.tobytes()) for one in stored
        ]
        return report, (written, store.summaries(), [(file.path, file.failure) for file in store.files()])
    finally:
        store.close()


@pytest.mark.parametrize("kind", ["processes", "cluster"])
def test_workers_make_the_index_that_one_process_makes(
    request: pytest.FixtureRequest, tmp_path: Path, write: Callable[..., Path], kind: str
) -> None:
    workers: Workers = request.getfixturevalue(kind)
    folder = write(**TEXTS)
    (folder / "stars.json").write_text(STARS, encoding="utf-8")
    alone, theirs = (ingest(tmp_path / f"{name}.sqlite3", folder, w) for name, w in (("one", None), ("two", workers)))
    assert theirs[1] == alone[1]
    assert theirs[0].results == alone[0].results
    assert [(result.action, Path(result.path).stem) for result in theirs[0].results] == [
        ("added", "cats"),
        ("failed", "empty"),
        ("added", "hunde"),
        ("added", "money"),
        ("added", "moon"),
        ("added", "stars"),
    ]
    (folder / "cats.md").write_text("A cat hunts at night.\n", encoding="utf-8")
    again = [ingest(tmp_path / f"{name}.sqlite3", folder, w) for name, w in (("one", None), ("two", workers))]
    assert again[0][1] == again[1][1]
    assert (again[1][0].count("updated"), again[1][0].count("unchanged")) == (1, 4)


def test_a_file_that_ends_its_process_fails_alone(
    tmp_path: Path, write: Callable[..., Path], processes: Workers
) -> None:
    folder = write(**TEXTS, deadly=f"A dog that finds {POISON} is a dog no more.\n")
    report, _ = ingest(tmp_path / "articles.sqlite3", folder, processes)
    failed = {Path(result.path).stem: result.detail for result in report.failed}
    assert set(failed) == {"deadly", "empty"}
    assert "reading it ended the process" in failed["deadly"]
    assert report.count("added") == 4
    (folder / "deadly.md").unlink()
    (folder / "more.md").write_text("A dog sleeps in the garden.\n", encoding="utf-8")
    report, _ = ingest(tmp_path / "articles.sqlite3", folder, processes)  # others are as good as before
    assert report.count("added") == 1


class Counting:
    """Reads nothing and counts what is under way."""

    number = 2

    def __init__(self) -> None:
        self.under_way = self.most = 0

    def start(self, path: Path, root: Path) -> Callable[[], ReadFile]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)

        def wait() -> ReadFile:
            self.under_way -= 1
            if path.name == "bad":
                raise ArticleError("is bad")
            return ReadFile((), ())

        return wait

    def close(self) -> None:
        """Nothing is open."""


def test_no_more_than_two_files_a_worker_are_under_way_and_they_come_in_order() -> None:
    workers = Counting()
    jobs: list[tuple[int, tuple[Path, Path] | None]] = [
        (number, None if number % 5 == 4 else (Path("bad" if number == 7 else "good"), Path())) for number in range(40)
    ]
    came, bad = [], []
    for number, wait in in_order(workers, jobs):
        came.append(number)
        assert (wait is None) == (number % 5 == 4)
        try:
            if wait:
                wait()
        except ArticleError:
            bad.append(number)
    assert (came, bad) == (list(range(40)), [7])
    assert 2 <= workers.most <= 4


def test_what_a_worker_opens_its_encoder_with_goes_to_another_process(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, embed_model="openai:small", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    there = pickle.loads(pickle.dumps(partial(open_embedder, settings)))
    assert there().model_name == open_embedder(settings).model_name


@pytest.mark.parametrize("number", ["0", "-1", "two", "257"])
def test_a_number_of_workers_that_makes_no_sense_is_refused(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--workers", number])
    assert f"{number!r} is no number from 1 to 256" in capsys.readouterr().err
