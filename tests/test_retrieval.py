"""Finding passages, and what of them is worth showing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import SubjectEmbedder
from llama_index.core.schema import QueryBundle

from rag.ingesting.ingestion import Ingestor
from rag.nodes import Question, passage_of, sentences_of
from rag.search.chroma import EmbeddedHome
from rag.search.dense import DenseIndex
from rag.search.ranking import WithoutTwins
from rag.search.retrieval import HybridRetriever, bm25_coverage, idf
from rag.storage.store import Store
from rag.types import Filters, Lang

TEXTS = {
    "paws": "The cat of the mayor is called Tiger. It weighs 14 pounds.\n",
    "bark": "Der Hund des Bürgermeisters heißt Rex und wiegt 30 Kilogramm.\n",
    "moon": "月亮距离地球约38万公里。月亮没有大气层。\n",
    "copy": "The cat of the mayor is called Tiger. It weighs 14 pounds.\n",
}

QUOTING = f"""{TEXTS["copy"]}
## What the neighbours say

Nobody in the street remembers when the animal moved in, but all agree that the house was empty for years before that,
and that the garden looks better since the mayor lives there. The baker at the corner says that business is good.
"""
BILINGUAL = """
# 市长的猫

市长的猫名叫老虎，它重达十四磅，整天都在市政厅里睡觉，深受市民喜爱，人们常常带着孩子来看它，给它带来许多小礼物和点心。

---

# The cat of the mayor

The cat of the mayor is called Tiger, weighs fourteen pounds, sleeps in the town hall all day long, and is loved by the
citizens, who often bring their children to see it and carry along many small presents and snacks for it.
"""


@pytest.fixture
def make(
    tmp_path: Path, write: Callable[..., Path], embedder: SubjectEmbedder
) -> Iterator[Callable[..., HybridRetriever]]:
    opened: list[DenseIndex] = []

    def build(**texts: str) -> HybridRetriever:
        store = Store(tmp_path / "articles.sqlite3")
        Ingestor(store, embedder).run([write(**texts)])
        dense = DenseIndex(store, EmbeddedHome(tmp_path / "chroma", "articles-test"))
        dense.sync()
        opened.append(dense)
        return HybridRetriever(store, dense, embedder)

    yield build
    for dense in opened:
        dense.close()


def files(retriever: HybridRetriever, question: QueryBundle) -> list[str]:
    return [passage_of(node).file for node in retriever.retrieve(question)]


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("Wie heißt der Hund?", "bark.md"),
        ("月亮离地球有多远？", "moon.md"),
        ("What is the dog called?", "bark.md"),  # across languages: nothing but the meaning matches
        ("有没有大气层", "moon.md"),  # by words alone: the fake embedder does not know them
    ],
)
def test_the_right_article_comes_first(make: Callable[..., HybridRetriever], asked: str, first: str) -> None:
    assert files(make(**TEXTS), QueryBundle(asked))[0] == first


def test_passages_come_best_first_with_their_sentences(make: Callable[..., HybridRetriever]) -> None:
    nodes = make(**TEXTS).retrieve(Question("How many pounds does the cat weigh?", lang="en"))
    scores = [node.score for node in nodes]
    assert scores == sorted(scores, key=lambda score: -(score or 0))
    best = passage_of(nodes[0])
    said = [best.text[s.start - best.start : s.end - best.start] for s in sentences_of(nodes[0])]
    assert said == ["The cat of the mayor is called Tiger.", "It weighs 14 pounds."]
    # "weigh" and "pounds" stand in the second sentence alone
    assert sentences_of(nodes[0])[1].coverage > sentences_of(nodes[0])[0].coverage


def test_a_filter_holds_for_both_searches(make: Callable[..., HybridRetriever]) -> None:
    retriever = make(**TEXTS)
    asked = "The cat of the mayor, Rex and the moon"
    assert set(files(retriever, Question(asked, lang="en", filters=Filters(lang=("zh",))))) == {"moon.md"}
    assert files(retriever, Question(asked, lang="en", filters=Filters(tags=("none",)))) == []


@pytest.mark.parametrize("asked", ["?!", "的", "the of and", "a" * 5000, "\x00", "猫" * 3000, 'AND OR NOT "* ^'])
def test_odd_questions_find_something_or_nothing_but_never_fail(
    make: Callable[..., HybridRetriever], asked: str
) -> None:
    assert isinstance(make(**TEXTS).retrieve(QueryBundle(asked)), list)


def test_an_empty_index_finds_nothing(make: Callable[..., HybridRetriever]) -> None:
    assert make().retrieve(QueryBundle("a cat")) == []


def test_a_copy_in_another_file_is_shown_once(make: Callable[..., HybridRetriever]) -> None:
    question = Question("What is the cat of the mayor called?", lang="en")
    nodes = make(**TEXTS | {"copy": QUOTING}).retrieve(question)
    ranked = WithoutTwins().postprocess_nodes(nodes, query_bundle=question)
    assert sum("Tiger" in passage_of(node).text for node in nodes) == 2
    assert sum("Tiger" in passage_of(node).text for node in ranked) == 1


@pytest.mark.parametrize(("asked", "lang"), [("What is the cat called?", "en"), ("市长的猫叫什么？", "zh")])
def test_of_twin_sections_the_one_in_the_language_of_the_question_is_shown(
    make: Callable[..., HybridRetriever], asked: str, lang: str
) -> None:
    question = Question(asked, lang=lang)  # type: ignore[arg-type]
    nodes = make(both=BILINGUAL).retrieve(question)
    assert {passage_of(node).lang for node in nodes} == {"zh", "en"}
    ranked = WithoutTwins().postprocess_nodes(nodes, query_bundle=question)
    assert [passage_of(node).lang for node in ranked] == [lang]


def test_the_translation_of_a_good_passage_is_found_with_it(make: Callable[..., HybridRetriever]) -> None:
    texts = {
        "right": "The cat of the mayor sleeps in the barn. The moon is bright.\n",
        "de": "Der Mond scheint hell.\n",  # nothing of the question, but what the other says
        "words": "The money of the mayor sleeps in the barn.\n",
    }
    found = files(make(**texts), Question("Where does the cat of the mayor sleep, in the barn?", lang="en"))
    assert found == ["right.md", "de.md", "words.md"]


def test_no_more_than_top_k_passages_are_kept(make: Callable[..., HybridRetriever]) -> None:
    question = Question("cat, dog, moon, money", lang="en", top_k=2)
    nodes = make(**TEXTS).retrieve(question)
    assert len(WithoutTwins().postprocess_nodes(nodes, query_bundle=question)) == 2


@pytest.mark.parametrize(
    ("lang", "asked", "standalone", "first"),
    [
        ("en", "How much does it weigh?", "How much does it weigh? (cat of the mayor)", {"paws.md", "copy.md"}),
        ("de", "Und wie schwer?", "Wie heißt der Hund des Bürgermeisters – und wie schwer?", {"bark.md"}),
        ("zh", "多远？", "月亮有没有大气层——多远？", {"moon.md"}),
    ],
)
def test_a_follow_up_is_searched_as_it_would_be_asked_alone(
    make: Callable[..., HybridRetriever], lang: Lang, asked: str, standalone: str, first: set[str]
) -> None:
    retriever = make(**TEXTS)
    nodes = retriever.retrieve(Question(asked, lang=lang, standalone=standalone))
    assert passage_of(nodes[0]).file in first
    # the score is that of the whole question, and its words are those that sentences are scored by
    alone = retriever.retrieve(Question(standalone, lang=lang))
    assert nodes[0].score == alone[0].score
    assert sentences_of(nodes[0]) == sentences_of(alone[0])


def test_a_passage_is_scored_by_the_better_of_both_forms(make: Callable[..., HybridRetriever]) -> None:
    retriever = make(**TEXTS)
    # not a follow-up at all, but taken for one: the question as it was asked still finds its article
    asked, standalone = "What is the cat of the mayor called?", "What is the cat of the mayor called? (moon, 月亮)"
    nodes = retriever.retrieve(Question(asked, lang="en", standalone=standalone))
    scores = [
        {passage_of(node).file: node.score or 0.0 for node in retriever.retrieve(Question(text, lang="en"))}
        for text in (asked, standalone)
    ]
    assert passage_of(nodes[0]).file in ("paws.md", "copy.md")
    own = [node for node in nodes if passage_of(node).lang == "en"]
    assert own
    for node in own:
        file = passage_of(node).file
        assert node.score == max(one.get(file, 0.0) for one in scores)


def test_a_question_that_stands_alone_is_encoded_once(
    make: Callable[..., HybridRetriever], embedder: SubjectEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    retriever = make(**TEXTS)
    encoded: list[str] = []
    kept = SubjectEmbedder._get_query_embedding

    def count(self: SubjectEmbedder, query: str) -> list[float]:
        encoded.append(query)
        return kept(self, query)

    monkeypatch.setattr(SubjectEmbedder, "_get_query_embedding", count)
    retriever.retrieve(Question("A cat?", lang="en"))
    assert encoded == ["A cat?"]
    retriever.retrieve(Question("And a dog?", lang="en", standalone="A cat – and a dog?"))
    assert encoded[1:] == ["A cat – and a dog?", "And a dog?"]


def test_coverage_ignores_word_order_and_falls_with_words_that_stand_nowhere() -> None:
    text = ["scale", "rais", "billion", "may"]
    known = bm25_coverage(idf({"scale": 1, "billion": 1}, ["scale", "billion"], 10), text, 4.0)
    unknown = bm25_coverage(idf({"scale": 1, "billion": 1}, ["scale", "billion", "norway"], 10), text, 4.0)
    assert known == bm25_coverage(idf({"scale": 1, "billion": 1}, ["scale", "billion"], 10), text[::-1], 4.0)
    assert 0 < unknown < known <= 1
    assert bm25_coverage({}, text, 4.0) == 0.0
