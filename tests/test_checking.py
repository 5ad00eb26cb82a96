"""``ingest.py --verify``: whatever is off in an index is found, and named with the command that mends it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from crash_rounds import text_of
from fault_cases import Index, fast_product, wait_for

import ingest
from rag.assembly.ingest import run_ingest
from rag.assembly.verify import verify_index
from rag.maintenance.findings import Verification
from rag.storage.store import Store


@pytest.fixture(autouse=True)
def product() -> Iterator[None]:
    with fast_product():
        yield


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path)


def verified(index: Index) -> Verification:
    return verify_index(index.settings, [index.articles])


def write(index: Index, *statements: str) -> None:
    db = sqlite3.connect(index.file)
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()


def test_an_index_as_it_should_be_is_clean_in_every_language(index: Index) -> None:
    report = verified(index)
    assert report.clean
    assert report.notes == []
    assert dict(report.checked) == {"articles": 3, "passages": 12, "files": 3, "vectors": 12}


ONE = "(SELECT min(key) FROM passages)"
OFF = {  # what is done to the index, and what is said of it
    "a text moved under its passages": ("UPDATE articles SET text = 'x' || text", "says something else at its offsets"),
    "a passage reaches beyond its article": (f'UPDATE passages SET "end" = 99999 WHERE key = {ONE}', "outside of"),
    "a sentence reaches beyond its passage": (
        f"UPDATE passages SET sentences = '[[0, 9999]]' WHERE key = {ONE}",
        "not within",
    ),
    "a vector has another dimension": (f"UPDATE passages SET vector = x'0000803f' WHERE key = {ONE}", "64 dimensions"),
    "a vector is no number": (f"UPDATE passages SET units = zeroblob(length(units)) WHERE key = {ONE}", "length one"),
    "a second vector is cut short": (f"UPDATE passages SET refined = x'0000' WHERE key = {ONE}", "second encoder"),
    "a unit belongs to another sentence": (f"UPDATE passages SET unit_of = '[7]' WHERE key = {ONE}", "other sentences"),
    "a list is none": (f"UPDATE passages SET sentences = '[[' WHERE key = {ONE}", "cannot be read"),
    "words are missing": (f"UPDATE lexical SET tokens = 'harbour' WHERE rowid = {ONE}", "not those of its text"),
    "a lexical row is missing": (f"DELETE FROM lexical WHERE rowid = {ONE}", "not in the lexical index"),
    "a lexical row is too many": ("INSERT INTO lexical(rowid, tokens) VALUES (999, 'x')", "without a passage"),
    "the lexical index lost a word": (f"UPDATE lexical_content SET c0 = 'x' WHERE id = {ONE}", "other words"),
    "a tag of no article": ("INSERT INTO tags VALUES ('none', 'tag')", "belongs to no row of articles"),
    "an article of no file": ("UPDATE files SET path = '/elsewhere.md' WHERE path LIKE '%a0.md'", "of no file"),
    "another model's stamp": (
        "UPDATE meta SET value = replace(value, 'words', 'other') WHERE key = 'stamp'",
        "'other'",
    ),
}


@pytest.mark.parametrize("what", OFF)
def test_what_is_off_is_found_and_a_rebuild_mends_it(index: Index, what: str) -> None:
    statement, said = OFF[what]
    write(index, statement)
    report = verified(index)
    assert any(said in finding.what for finding in report.findings), report.findings
    assert "python ingest.py --rebuild" in {finding.remedy for finding in report.findings}
    index.ingest(rebuild=True)
    index.nothing_lost()


def test_files_that_changed_or_went_or_came_are_named_with_the_command_that_takes_them_in(index: Index) -> None:
    index.write("a0", 2)
    (index.articles / "a1.md").unlink()
    index.write("a3")
    found = {Path(one.where).name: (one.what, one.remedy) for one in verified(index).findings}
    assert {name: what for name, (what, _) in found.items()} == {
        "a0.md": "has changed since it was indexed",
        "a1.md": "is gone",
        "a3.md": "is not indexed",
    }
    assert found["a0.md"][1] == f"python ingest.py {index.articles / 'a0.md'}"
    index.ingest()
    assert verified(index).clean


def _swap(vectors: dict[str, list[float]]) -> dict[str, list[float]]:
    return dict(zip(vectors, [*list(vectors.values())[1:], next(iter(vectors.values()))], strict=True))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda c, v: c.delete(ids=list(v)[:2]), "2 passages have no vector"),
        (lambda c, v: c.upsert(ids=["stray"], embeddings=[v[min(v)]]), "1 vectors belong to no passage"),
        (lambda c, v: c.upsert(ids=list(v), embeddings=list(_swap(v).values())), "do not find themselves"),
    ],
    ids=["missing", "stray", "swapped"],
)
def test_chroma_is_held_against_the_truth(index: Index, harm: Callable[..., object], said: str) -> None:
    with index.served() as opened:  # the owner, whose hands alone may touch it
        wait_for(lambda: opened.health().dense == "chroma")
        collection = opened._dense._collection
        assert collection is not None
        held = collection.get(include=["embeddings"])
        harm(collection, dict(zip(held["ids"], np.asarray(held["embeddings"]).tolist(), strict=True)))
    report = verified(index)
    assert any(said in finding.what for finding in report.findings), report.findings
    assert all("built anew" in finding.remedy for finding in report.findings)
    index.ingest(rebuild=True)
    index.nothing_lost()


def test_beside_a_running_server_chroma_is_left_to_it_and_the_index_is_not_written(index: Index) -> None:
    with index.served():
        before = index.file.read_bytes()
        report = verified(index)
        assert index.file.read_bytes() == before
    assert report.clean
    assert "vectors" not in report.checked
    assert "in use by process" in report.notes[0]


def test_the_command_prints_what_is_off_and_its_exit_code_tells(
    index: Index, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_EMBED_MODEL", "local-fast")
    command = [str(index.articles), "--data-dir", str(index.data), "--verify"]
    assert ingest.main(command) == 0
    assert "checked 3 articles, 12 passages, 3 files, 12 vectors; nothing is off" in capsys.readouterr().out
    index.write("a0", 2)
    assert ingest.main([*command, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["clean"], told["off"]) == (False, {"behind": 1})
    index.file.write_bytes(b"no database " * 999)
    assert ingest.main(command) == 1
    assert "python ingest.py --rebuild" in capsys.readouterr().err
    index.file.unlink()
    assert ingest.main(command) == 2
    assert "there is no index" in capsys.readouterr().err


def test_a_rebuild_that_is_cut_off_is_finished_by_the_next_ingest_from_all_its_folders(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a5.md").write_text(text_of("a5", 1), encoding="utf-8")
    run_ingest(index.settings, [other])
    write(index, "UPDATE meta SET value = replace(value, 'words', 'other') WHERE key = 'stamp'")  # begins with nothing
    with monkeypatch.context() as cut:
        cut.setattr(Store, "put", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            index.ingest(rebuild=True)
    index.ingest()
    assert index.answers(None, "a0", "a5")
    assert not list(index.data.glob("rebuilding*"))
