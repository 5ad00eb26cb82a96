"""The ablation: each part of the search is really left out, and of a whole run as many columns come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import SubjectEmbedder

from eval.__main__ import main
from eval.ablation import Ablation, ablations
from eval.results import load_run
from rag.ingesting.ingestion import Ingestor
from rag.storage.store import Store

TEXTS = {
    "right": "The cat Mimi is called Mimi. Mimi is a dollar.\n",
    "cats": "A cat sleeps all day long.\n",
    "clause": "A dollar is money and so are many other things of gold, while the dog of the house is called Rex.\n",
    "hund": "Der Hund heißt Rex.\n",
}


@pytest.fixture
def parts(tmp_path: Path, write: Callable[..., Path], embedder: SubjectEmbedder) -> Iterator[dict[str, Ablation]]:
    store = Store(tmp_path / "articles.sqlite3")
    Ingestor(store, embedder).run([write(**TEXTS)])
    yield {part.name: part for part in ablations(store, embedder, None)}
    store.close()


def test_without_the_words_the_meaning_alone_decides(parts: dict[str, Ablation]) -> None:
    asked = "Why is the cat called Mimi?"
    assert parts["all parts"].ask(asked, "en").passages[0].file == "right.md"
    assert parts["without the words"].ask(asked, "en").passages[0].file == "cats.md"


def test_without_clauses_a_long_sentence_is_less_like_the_question(parts: dict[str, Ablation]) -> None:
    def score(name: str) -> float:
        return next(p.score for p in parts[name].ask("What is a dog?", "en").passages if p.file == "clause.md")

    assert score("without clauses") < score("all parts")


def test_another_language_is_raised_or_left_out(parts: dict[str, Ablation]) -> None:
    def files(name: str) -> dict[str, float]:
        return {p.file: p.score for p in parts[name].ask("What is the dog called?", "en").passages}

    assert files("without raising other languages")["hund.md"] < files("all parts")["hund.md"]
    assert "hund.md" in files("all parts")
    assert "hund.md" not in files("in the question's language alone")


def test_an_ablation_says_its_best_sentence_and_never_refuses(parts: dict[str, Ablation]) -> None:
    for part in parts.values():
        answer = part.ask("Where is Atlantis?", "en")
        assert (answer.answered, len(answer.sentences)) == (True, 1), part.name
    assert "without the second encoder" not in parts  # there is none to leave out


def test_a_run_with_ablation_shows_each_part(tmp_path: Path, write: Callable[..., Path]) -> None:
    folder = write(
        a="The bridge over the Tamm was closed.\n\n## Questions & Answers:\n- Which bridge was closed?\n"
        "   - Answer: The bridge over the Tamm.\n"
    )
    assert main(["run", "--ablation", "--articles", str(folder), "--out", str(tmp_path / "out")]) == 0
    rivals = load_run(tmp_path / "out").summary.rivals
    assert {"all parts", "without the words", "without the second encoder"} <= set(rivals)
    assert all(rival.overall["hit@1"] is not None for rival in rivals.values())
