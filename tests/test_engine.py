"""The gate in its place: whatever an answerer claims, only what is proven becomes the answer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from rag.encoders.embedding import UseEmbedding
from rag.engine import CitedQueryEngine
from rag.nodes import Question, passage_of, to_node
from rag.support.judge import SupportJudge
from rag.types import AnswererName, Claim, Claimed, Draft, Lang, Passage

TEXTS: dict[Lang, str] = {
    "en": "Scale AI raised $1bn in May 2024. The round was led by Accel.",
    "de": "Scale AI sammelte im Mai 2024 eine Milliarde Dollar ein. Angeführt wurde die Runde von Accel.",
    "zh": "Scale AI在2024年5月筹集了10亿美元。本轮融资由Accel领投。",
}


class Found(BaseRetriever):
    """Finds the same passage whatever is asked."""

    def __init__(self, lang: Lang) -> None:
        super().__init__()
        text = TEXTS[lang]
        self._node = to_node(
            Passage(
                "p1", "a1", "Scale", "https://ft.com/1", "ft", None, lang, None, "body", text, 0, len(text), "a.md"
            ),
            list,
            [1.0],
        )

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [self._node]


class Scripted:
    """Says what it is told to, citing the first passage."""

    name: AnswererName = "llm"

    def __init__(self, *sentences: str, passage_id: str = "p1") -> None:
        self._claims = tuple(Claim(sentence, (Claimed(passage_id),)) for sentence in sentences)

    def draft(self, question: Question, nodes: Sequence[NodeWithScore]) -> Draft:
        assert [passage_of(node).passage_id for node in nodes] == ["p1"]
        return Draft(self._claims, 0.9, self.name, "scripted")


@pytest.fixture(scope="module")
def judge() -> SupportJudge:
    return SupportJudge(UseEmbedding())


def engine(judge: SupportJudge, lang: Lang, *sentences: str, passage_id: str = "p1") -> CitedQueryEngine:
    answerer = Scripted(*sentences, passage_id=passage_id)
    return CitedQueryEngine(Found(lang), [], answerer, judge=lambda question: judge)


@pytest.mark.parametrize(
    ("lang", "true", "false", "shown"),
    [
        ("en", "The round was led by Accel.", "The round was led by Sequoia.", "The round was led by Accel [1]."),
        ("de", "Angeführt wurde die Runde von Accel.", "Scale AI sammelte 2023 eine Milliarde Dollar ein.",
         "Angeführt wurde die Runde von Accel [1]."),
        ("zh", "本轮融资由Accel领投。", "Scale AI在2024年5月筹集了20亿美元。", "本轮融资由Accel领投[1]。"),
    ],
)  # fmt: skip
def test_a_true_sentence_is_shown_and_a_false_one_is_dropped(
    judge: SupportJudge, lang: Lang, true: str, false: str, shown: str
) -> None:
    answer = engine(judge, lang, false, true).ask(Question("?", lang=lang))
    assert (answer.answer, [sentence.text for sentence in answer.sentences]) == (shown, [true])
    assert [dropped.text for dropped in answer.dropped] == [false]
    assert [citation.url for citation in answer.citations] == ["https://ft.com/1"]
    assert (answer.answerer, answer.model) == ("llm", "scripted")


@pytest.mark.parametrize(
    ("lang", "message"),
    [("en", "no sentence could be proven"), ("de", "kein Satz"), ("zh", "没有一句话能得到原文证实")],
)
def test_when_nothing_survives_the_gate_the_answer_is_a_refusal(judge: SupportJudge, lang: Lang, message: str) -> None:
    answer = engine(judge, lang, "Elon Musk bought Scale AI in 2019.").ask(Question("?", lang=lang))
    assert answer.refusal is not None
    assert answer.refusal.reason == "unsupported"
    assert message in answer.refusal.message
    assert (answer.citations, answer.sentences) == ((), ())


def test_in_place_of_a_passage_that_was_not_handed_out_the_one_that_proves_it_is_cited(judge: SupportJudge) -> None:
    said = ("The round was led by Accel.", "The round was led by Sequoia.")
    answer = engine(judge, "en", *said, passage_id="p2").ask(Question("?", lang="en"))
    assert [(citation.number, citation.passage_id) for citation in answer.citations] == [(1, "p1")]
    assert [(dropped.text, dropped.reason) for dropped in answer.dropped] == [(said[1], "no_citation")]


def test_the_engine_is_a_query_engine_of_llamaindex(judge: SupportJudge) -> None:
    response = engine(judge, "en", "The round was led by Accel.").query("Who led the round?")
    assert str(response) == "The round was led by Accel [1]."
    assert [node.node.node_id for node in response.source_nodes] == ["p1"]


def test_timings_add_up_and_identify_the_slow_part(judge: SupportJudge) -> None:
    timings = engine(judge, "en", "The round was led by Accel.").ask(Question("?", lang="en")).timings_ms
    assert set(timings) == {"retrieve", "answer", "verify", "total"}
    assert timings["total"] == pytest.approx(timings["retrieve"] + timings["answer"] + timings["verify"], abs=0.05)
