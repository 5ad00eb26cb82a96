"""Bringing the truth in line with files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SubjectEmbedder

import ingest
from rag.encoders.embedding import Embedder
from rag.errors import ArticleError, EmbeddingError
from rag.ingesting.ingestion import Ingestor
from rag.storage.store import Store

CATS = "A cat sleeps all day long.\n\nIt wakes up for food.\n"
DOGS = "Ein Hund bellt laut im Garten.\n"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "articles.sqlite3")


@pytest.fixture
def ingestor(store: Store, embedder: SubjectEmbedder) -> Ingestor:
    return Ingestor(store, embedder)


def actions(ingestor: Ingestor, *paths: Path) -> dict[str, str]:
    return {Path(result.path).name: result.action for result in ingestor.run(paths).results}


def test_unchanged_files_are_not_embedded_again(
    ingestor: Ingestor, write: Callable[..., Path], embedder: SubjectEmbedder
) -> None:
    folder = write(cats=CATS, dogs=DOGS)
    assert actions(ingestor, folder) == {"cats.md": "added", "dogs.md": "added"}
    before = len(embedder.embedded)
    assert actions(ingestor, folder) == {"cats.md": "unchanged", "dogs.md": "unchanged"}
    assert len(embedder.embedded) == before


def test_a_changed_file_replaces_its_passages_and_keeps_its_id(
    ingestor: Ingestor, write: Callable[..., Path], store: Store
) -> None:
    folder = write(cats=CATS)
    ingestor.run([folder])
    (before,) = store.summaries()
    (folder / "cats.md").write_text("A cat climbs the tree.\n", encoding="utf-8")
    assert actions(ingestor, folder) == {"cats.md": "updated"}
    (after,) = store.summaries()
    assert after.id == before.id
    assert [s.passage.text for s in store.load(store.passage_ids())] == ["A cat climbs the tree."]


def test_a_removed_file_leaves_and_files_from_elsewhere_stay(
    ingestor: Ingestor, write: Callable[..., Path], store: Store, tmp_path: Path
) -> None:
    folder = write(cats=CATS, dogs=DOGS)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "moon.md").write_text("月亮绕着地球转。", encoding="utf-8")
    ingestor.run([folder, elsewhere])
    (folder / "cats.md").unlink()
    assert actions(ingestor, folder) == {"cats.md": "removed", "dogs.md": "unchanged"}
    assert {summary.file for summary in store.summaries()} == {"dogs.md", "moon.md"}


def test_a_folder_that_is_suddenly_empty_does_not_empty_the_index(
    ingestor: Ingestor, write: Callable[..., Path], store: Store
) -> None:
    folder = write(cats=CATS, dogs=DOGS)
    ingestor.run([folder])
    (folder / "cats.md").unlink()
    (folder / "dogs.md").unlink()
    with pytest.raises(ArticleError, match="holds no article any more, but 2 are indexed"):
        ingestor.run([folder])
    assert store.count()[0] == 2


def test_a_file_given_by_name_goes_in_and_out_by_name(
    ingestor: Ingestor, write: Callable[..., Path], store: Store
) -> None:
    folder = write(cats=CATS, dogs=DOGS)
    assert actions(ingestor, folder / "cats.md") == {"cats.md": "added"}
    (folder / "cats.md").unlink()
    assert actions(ingestor, folder / "cats.md") == {"cats.md": "removed"}
    with pytest.raises(ArticleError, match=r"cats\.md does not exist"):
        ingestor.run([folder / "cats.md"])


def test_files_of_the_same_name_in_two_folders_are_two_articles(
    ingestor: Ingestor, store: Store, tmp_path: Path
) -> None:
    for parent in ("a", "b"):
        folder = tmp_path / parent / "news"
        folder.mkdir(parents=True)
        (folder / "x.md").write_text(f"The cat of {parent} sleeps.", encoding="utf-8")
    ingestor.run([tmp_path / "a" / "news", tmp_path / "b" / "news"])
    assert len({summary.id for summary in store.summaries()}) == 2
    assert store.count() == (2, 2)


def test_a_bad_file_is_reported_and_the_others_go_in(
    ingestor: Ingestor, write: Callable[..., Path], store: Store
) -> None:
    folder = write(cats=CATS, empty="")
    (folder / "binary.md").write_bytes(b"\x00\x01\x02 not text")
    report = ingestor.run([folder])
    assert {Path(r.path).name: r.detail for r in report.failed} == {
        "binary.md": "is not a text file (it holds NUL characters)",
        "empty.md": "has no text",
    }
    assert store.count()[0] == 1


def test_a_file_that_goes_bad_keeps_its_indexed_version(
    ingestor: Ingestor, write: Callable[..., Path], store: Store
) -> None:
    folder = write(cats=CATS)
    ingestor.run([folder])
    (folder / "cats.md").write_text("", encoding="utf-8")
    (result,) = ingestor.run([folder]).results
    assert result.action == "failed"
    assert "the version indexed before stays" in result.detail
    assert store.count() == (1, 1)


def test_a_failing_embedder_leaves_the_old_version_searchable(
    ingestor: Ingestor, write: Callable[..., Path], store: Store
) -> None:
    class Broken(Embedder):
        def _get_text_embedding(self, text: str) -> list[float]:
            raise EmbeddingError("out of order")

        def _get_query_embedding(self, query: str) -> list[float]:
            return [1.0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return [1.0]

    folder = write(cats=CATS)
    ingestor.run([folder])
    (folder / "cats.md").write_text("A cat climbs the tree.\n", encoding="utf-8")
    with pytest.raises(EmbeddingError):
        Ingestor(store, Broken()).run([folder])
    assert [s.passage.text for s in store.load(store.passage_ids())] == [CATS.strip()]


def test_a_dry_run_writes_nothing(ingestor: Ingestor, write: Callable[..., Path], store: Store) -> None:
    report = ingestor.run([write(cats=CATS)], dry_run=True)
    assert report.count("added") == 1
    assert store.count() == (0, 0)


def test_an_index_for_evaluation_holds_no_pair(
    store: Store, write: Callable[..., Path], embedder: SubjectEmbedder
) -> None:
    folder = write(cats=CATS + "\n## Q&A\n\n- Does a cat sleep?\n  - Answer: Yes, all day long.\n")
    Ingestor(store, embedder, include_qa=False).run([folder])
    assert {s.passage.kind for s in store.load(store.passage_ids())} == {"body"}
    assert not any("Does a cat" in text for text in embedder.embedded)


# --- The command -------------------------------------------------------------------------------------------


def test_the_command_reports_and_exits_by_what_happened(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    folder = write(cats=CATS, dogs=DOGS)
    assert ingest.main([str(folder), *data]) == 0
    assert "2 added, 0 updated" in capsys.readouterr().out
    (folder / "empty.md").write_text("", encoding="utf-8")
    assert ingest.main([str(folder), "--json", *data]) == 1
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert (report["unchanged"], report["failed"], report["langs"]) == (2, 1, {"de": 1, "en": 1})
    assert "empty.md: has no text" in captured.err
    assert ingest.main([str(tmp_path / "nowhere"), *data]) == 2
    assert "nowhere does not exist" in capsys.readouterr().err


def test_a_rebuild_makes_the_index_anew_from_its_articles(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    folder = write(cats=CATS, dogs=DOGS)
    ingest.main([str(folder), "--data-dir", str(data)])
    Store(data / "articles.sqlite3").set_stamp({"embedder": "older", "chunker": "0"})
    assert ingest.main([str(folder), "--data-dir", str(data)]) == 2
    assert "embedder 'older'" in capsys.readouterr().err
    assert ingest.main(["--rebuild", str(folder), "--data-dir", str(data)]) == 0
    assert "2 added" in capsys.readouterr().out


def test_an_unknown_setting_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(os.environ, "RAG_CHNUK_SIZE", "3")
    assert ingest.main([]) == 2
    assert "unknown setting RAG_CHNUK_SIZE" in capsys.readouterr().err
