"""The rivals: what they are given, what they find, and that they say no more than they can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import settings_for
from eval_fakes import same_or_nothing
from llama_index.core import MockEmbedding
from llama_index.core.base.embeddings.base import BaseEmbedding

from eval.dataset import Case
from eval.rivals import DenseOnly, LexicalOnly, PlainPipeline, without_qa
from eval.runner import ask_rival
from eval.scorers import Tools
from rag.assembly.encoders import open_embedder
from rag.assembly.folder import STORE_FILE
from rag.assembly.ingest import run_ingest
from rag.reading.articles import read_article
from rag.storage.store import Store
from rag.types import Article, Lang


class LengthEmbedding(MockEmbedding):
    """A vector that a person can tell: which of three words a text holds."""

    def _vector(self, text: str) -> list[float]:
        return [0.1 + text.count("apple"), 0.1 + text.count("梨"), 0.1 + text.count("Pflaume")]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._vector(text)

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._vector(query)


def fruit_articles(folder: Path) -> list[Article]:
    texts = {
        "apple.md": "[Source Link](https://news.example/apple)\n\nThe apple is red. It is round. It grows. It falls."
        "\n\n## Questions & Answers:\n- Which fruit is a plum, Pflaume?\n   - Answer: The Pflaume Pflaume Pflaume.\n",
        "pear.md": "[原文链接](https://news.example/pear)\n\n梨是绿色的。梨很甜。\n",
        "plum.md": "[Quelle](https://news.example/plum)\n\nDie Pflaume ist blau. Sie ist süß.\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [read_article(folder / name, folder) for name in texts]


def fruit_embedder() -> BaseEmbedding:
    return LengthEmbedding(embed_dim=3)


def test_the_plain_pipeline_does_not_see_the_answer_key(tmp_path: Path) -> None:
    apple = fruit_articles(tmp_path)[0]
    assert sum(len(section.qa) for section in apple.sections) == 1
    text = without_qa(apple)
    assert "Pflaume" not in text
    assert "The apple is red." in text


def test_the_plain_pipeline_ranks_by_cosine_and_says_the_first_three_sentences(tmp_path: Path) -> None:
    rival = PlainPipeline(fruit_articles(tmp_path), fruit_embedder())
    answer = rival.ask("Pflaume?", "de")
    assert answer.passages[0].url == "https://news.example/plum"
    assert len(answer.passages) == 3
    assert answer.passages[0].score == pytest.approx(1.0)
    assert answer.answered
    assert len(rival.ask("apple?", "en").sentences) == 3
    assert "Die Pflaume ist blau." in answer.answer


def test_two_plain_pipelines_in_one_process_do_not_mix(tmp_path: Path) -> None:
    articles = fruit_articles(tmp_path)
    PlainPipeline(articles, fruit_embedder())
    alone = PlainPipeline(articles[1:2], fruit_embedder())
    assert [found.url for found in alone.search("apple?")] == ["https://news.example/pear"]


def test_a_rival_is_scored_on_what_it_has(tmp_path: Path) -> None:
    case = Case("1", "Pflaume?", "de", ("blau",), ("https://news.example/plum",))
    rival = PlainPipeline(fruit_articles(tmp_path), fruit_embedder())
    asked = ask_rival(rival, case, Tools(lambda _: None, same_or_nothing, {}))
    values = asked.scores
    assert (values["hit@1"], values["contains"], values["answer_rate"], values["right"]) == (1.0, 1.0, 1.0, 1.0)
    assert "quote_exact" not in values


QUESTIONS: list[tuple[Lang, str, str]] = [
    ("en", "Is the apple red and round?", "apple"),
    ("zh", "梨是什么颜色的？", "pear"),
    ("de", "Ist die Pflaume blau und süß?", "plum"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("fruit")
    fruit_articles(folder)
    settings = settings_for(tmp_path_factory.mktemp("data"))
    run_ingest(settings, [folder], include_qa=False)
    opened = Store(settings.data_dir / STORE_FILE)
    yield opened
    opened.close()


@pytest.mark.parametrize(("lang", "question", "fruit"), QUESTIONS)
def test_each_half_of_the_search_finds_alone_and_says_nothing(
    store: Store, tmp_path: Path, lang: Lang, question: str, fruit: str
) -> None:
    link = f"https://news.example/{fruit}"
    for rival in (DenseOnly(store, open_embedder(settings_for(tmp_path))), LexicalOnly(store)):
        found = rival.ask(question, lang)
        assert found.passages[0].url == link
        assert [passage.score for passage in found.passages] == sorted((p.score for p in found.passages), reverse=True)
        asked = ask_rival(rival, Case("1", question, lang, ("x",), (link,)), Tools(lambda _: None, same_or_nothing, {}))
        assert asked.scores["hit@1"] == 1.0
        assert "contains" not in asked.scores


def test_words_that_stand_nowhere_find_nothing_by_words_alone(store: Store) -> None:
    assert LexicalOnly(store).ask("Quantenchromodynamik?", "de").passages == ()
