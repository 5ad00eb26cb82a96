"""Which sentences the extractive answerer chooses, and when it refuses."""

from __future__ import annotations

from llama_index.core.schema import NodeWithScore

from rag.answering.extractive import ExtractiveAnswerer
from rag.nodes import Question, ScoredSentence, to_node
from rag.types import Kind, Lang, Passage


def node(
    passage_id: str,
    sentences: list[tuple[str, float]],
    *,
    lang: Lang = "en",
    kind: Kind = "body",
    score: float = 1.0,
    article: str = "a1",
) -> NodeWithScore:
    """A passage of sentences, each with its evidence: coverage is this number, similarity twice as much."""
    text = " ".join(sentence for sentence, _ in sentences)
    scored = []
    for sentence, evidence in sentences:
        start = 10 + text.index(sentence)
        scored.append(ScoredSentence(start, start + len(sentence), 2 * evidence, evidence))
    passage = Passage(
        passage_id, article, "T", None, None, None, lang, None, kind, text, 10, 10 + len(text), "a.md", score
    )
    return to_node(passage, lambda: scored, [1.0])


def said(*nodes: NodeWithScore, lang: Lang = "en") -> list[str]:
    return [claim.text for claim in ExtractiveAnswerer().draft(Question("?", lang=lang), nodes).claims]


def test_the_best_sentence_comes_first_and_weak_ones_stay_unsaid() -> None:
    passage = node("p", [("Cats sleep.", 0.1), ("Scale **raised** $1bn.", 0.9), ("Accel led the round.", 0.8)])
    assert said(passage) == ["Scale raised $1bn.", "Accel led the round."]


def test_no_more_than_three_sentences_are_said() -> None:
    words = ["Apples grow.", "Rivers flow.", "Birds sing.", "Stars shine."]
    assert len(said(node("p", [(word, 0.9) for word in words]))) == 3


def test_nothing_is_said_when_the_best_is_not_enough() -> None:
    draft = ExtractiveAnswerer().draft(Question("?", lang="en"), [node("p", [("Cats sleep.", 0.3)], score=0.3)])
    assert draft.claims == ()
    assert 0 < draft.confidence < 0.5
    assert ExtractiveAnswerer().draft(Question("?", lang="en"), []).confidence == 0.0


def test_the_claim_names_the_exact_place_of_its_quotation() -> None:
    (claim,) = ExtractiveAnswerer().draft(Question("?", lang="en"), [node("p", [("Scale **raised** it.", 0.9)])]).claims
    (claimed,) = claim.claimed
    assert (claimed.passage_id, claimed.start, claimed.end) == ("p", 10, 10 + len("Scale **raised** it."))


def test_a_statement_is_not_repeated_in_almost_the_same_words() -> None:
    one = node("p1", [("Scale raised one billion dollars.", 0.9)])
    same = node("p2", [("In May Scale raised one billion dollars.", 0.85)])
    other = node("p3", [("The valuation doubled.", 0.84)])
    assert said(one, same, other) == ["Scale raised one billion dollars.", "The valuation doubled."]


def test_a_sentence_of_another_passage_must_come_nearer_to_the_best_one() -> None:
    best = node("p1", [("The tunnel is long.", 0.9), ("It took years.", 0.65)])
    assert said(best, node("p2", [("Birds sing.", 0.65)])) == ["The tunnel is long.", "It took years."]
    assert said(best, node("p2", [("Birds sing.", 0.8)])) == ["The tunnel is long.", "Birds sing.", "It took years."]


def test_words_do_not_count_across_languages_but_meaning_does() -> None:
    # The words that question and sentence share are enough in German; in English only meaning counts.
    german = node("p", [("Der Tunnel ist lang.", 0.5)], lang="de")
    assert said(german, lang="de") == ["Der Tunnel ist lang."]
    assert said(german, lang="en") == []
    assert said(node("p", [("Der Tunnel ist lang.", 0.6)], lang="de"), lang="en") == ["Der Tunnel ist lang."]


def test_to_an_answer_in_the_language_of_the_question_no_other_language_is_added() -> None:
    english, german = node("p1", [("The tunnel is long.", 0.9)]), node("p2", [("Der Berg ist hoch.", 0.9)], lang="de")
    assert said(english, german) == ["The tunnel is long."]


def test_the_language_of_the_question_leads_when_it_comes_near_a_better_sentence_in_another() -> None:
    german = node("p1", [("Der Tunnel ist lang.", 0.9)], lang="de")
    near, far = node("p2", [("The tunnel is long.", 0.72)]), node("p2", [("The tunnel is long.", 0.5)])
    assert said(german, near) == ["The tunnel is long."]
    assert said(german, far) == ["Der Tunnel ist lang."]
    assert said(german, near, lang="de") == ["Der Tunnel ist lang."]


def test_another_amount_is_shown_beside_the_best_in_whatever_language() -> None:
    best = node("p1", [("It is valued at $14bn.", 0.9), ("It grew.", 0.8), ("It hired.", 0.8)])
    other = node("p2", [("Es ist 13,8 Milliarden Dollar wert.", 0.8)], lang="de", article="a2")
    same = node("p2", [("Es ist 14 Milliarden Dollar wert.", 0.8)], lang="de", article="a2")
    weak = node("p2", [("Es ist 13,8 Milliarden Dollar wert.", 0.3)], lang="de", article="a2")
    here = node("p2", [("Es ist 13,8 Milliarden Dollar wert.", 0.8)], lang="de")
    assert said(best, other) == ["It is valued at $14bn.", "Es ist 13,8 Milliarden Dollar wert.", "It grew."]
    for agreeing in (same, weak, here):
        assert said(best, agreeing) == ["It is valued at $14bn.", "It grew.", "It hired."]


def test_the_answer_of_a_pair_is_said_whole_and_in_order() -> None:
    pair = node("p1", [("It has five layers.", 0.8), ("They keep it cold.", 0.9)], kind="qa")
    body = node("p2", [("The mirror is large.", 0.88)])
    assert said(pair, body) == ["It has five layers.", "They keep it cold.", "The mirror is large."]


def test_a_sentence_of_a_pair_is_not_added_to_an_answer_from_elsewhere() -> None:
    body, pair = node("p1", [("The mirror is large.", 0.9)]), node("p2", [("Around 75,000 a year.", 0.8)], kind="qa")
    assert said(body, pair) == ["The mirror is large."]
