"""``ingest.py --verify`` of an index in PostgreSQL, and making it anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from crash_rounds import text_of
from fault_cases import Index, fast_product

import ingest
from rag.assembly.ingest import run_ingest
from rag.assembly.verify import verify_index
from rag.maintenance.findings import Verification
from rag.storage.postgres import PostgresStore

pytest_plugins = ["servers"]


@pytest.fixture(autouse=True)
def product() -> Iterator[None]:
    with fast_product():
        yield


@pytest.fixture
def index(tmp_path: Path, database_url: str) -> Index:
    return Index(tmp_path, database_url=database_url)


def verified(index: Index) -> Verification:
    return verify_index(index.settings, [index.articles])


def write(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(statement.encode())


def test_an_index_as_it_should_be_is_clean_in_every_language(index: Index) -> None:
    report = verified(index)
    assert report.clean, report.findings
    assert dict(report.checked) == {"articles": 3, "passages": 12, "files": 3, "vectors": 12}


ONE = "(SELECT min(key) FROM rag_passages)"
OFF = {  # what is done to the index, and what is said of it
    "a text moved under its passages": (
        "UPDATE rag_articles SET text = 'x' || text",
        "says something else at its offsets",
    ),
    "a passage has another text": (
        f"UPDATE rag_passages SET text = 'x' || text WHERE key = {ONE}",
        "not its article's at its offsets",
    ),
    "a vector has another dimension": (
        f"UPDATE rag_passages SET vector = '\\x0000803f' WHERE key = {ONE}",
        "64 dimensions",
    ),
    "words are missing": (f"UPDATE rag_passages SET tokens = 'harbour' WHERE key = {ONE}", "not those of its text"),
    "a posting is missing": (
        f"DELETE FROM rag_postings WHERE passage = {ONE} AND term = (SELECT min(term) FROM rag_postings "
        f"WHERE passage = {ONE})",
        "not all found by the lexical index",
    ),
    "a posting is too many": ("INSERT INTO rag_postings SELECT min(id), 999, 1, 1 FROM rag_terms", "by other words"),
    "a posting says another length": (f"UPDATE rag_postings SET length = 3 WHERE passage = {ONE}", "another length"),
    "a word is counted wrongly": ("UPDATE rag_terms SET passages = passages + 1", "as many passages"),
    "codes of another vector": (
        f"UPDATE rag_codes SET embedder = (SELECT embedder FROM rag_codes WHERE key <> {ONE} LIMIT 1) "
        f"WHERE key = {ONE}",
        "another one's",
    ),
    "codes are missing": (f"DELETE FROM rag_codes WHERE key = {ONE}", "without codes"),
    "an article of no file": ("UPDATE rag_files SET path = '/elsewhere.md' WHERE path LIKE '%a0.md'", "of no file"),
    "a total is wrong": ("UPDATE rag_totals SET passages = passages + 1", "as many as is kept"),
    "a language is counted wrongly": ("UPDATE rag_langs SET passages = passages + 1", "as many as is kept"),
    "another model's stamp": (
        "UPDATE rag_meta SET value = replace(value, 'words', 'other') WHERE key = 'stamp'",
        "'other'",
    ),
}


@pytest.mark.parametrize("what", OFF)
def test_what_is_off_is_found(index: Index, database_url: str, what: str) -> None:
    statement, said = OFF[what]
    write(database_url, statement)
    report = verified(index)
    assert any(said in finding.what for finding in report.findings), report.findings
    assert "python ingest.py --rebuild" in {finding.remedy for finding in report.findings}


def test_a_file_that_changed_is_named(index: Index) -> None:
    index.write("a0", 2)
    (found,) = verified(index).findings
    assert (Path(found.where).name, found.what) == ("a0.md", "has changed since it was indexed")
    index.ingest()
    assert verified(index).clean


def test_a_rebuild_that_is_cut_off_is_finished_by_the_next_ingest_from_all_its_folders(
    index: Index, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a5.md").write_text(text_of("a5", 1), encoding="utf-8")
    run_ingest(index.settings, [other])
    write(database_url, OFF["another model's stamp"][0])  # a rebuild begins with nothing
    with monkeypatch.context() as cut:
        cut.setattr(PostgresStore, "put", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            index.ingest(rebuild=True)
    index.ingest()
    assert index.answers(None, "a0", "a5")
    assert verified(index).clean


def test_without_a_database_or_an_index_it_says_what_to_do(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(tmp_path), "--data-dir", str(tmp_path / "data"), "--verify"]
    for url, told in (
        (database_url, "there is no index"),
        ("postgresql://someone:secret@127.0.0.1:1/articles", "can't be used"),
    ):
        monkeypatch.setenv("RAG_DATABASE_URL", url)
        assert ingest.main(command) == 2
        said = capsys.readouterr().err
        assert told in said
        assert "secret" not in said
