"""What the browser keeps of a conversation and gives back: nothing is lost, and nothing in it is trusted."""

from __future__ import annotations

import json
from dataclasses import asdict
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from talk_fakes import Desk, kept_in, reader
from test_web_render import HOSTILE, Tags
from web_fakes import HandMadeAssistant, make_answer, make_citation, make_passage, make_refusal

from rag.errors import LockedError
from rag.storage.feedback import FeedbackStore
from rag.types import LANGS, Answer, ArticleSummary, Disagreement, Dropped, Filters, Lang, Sentence, Usage
from rag.web.chat_tab import build_chat_tab, connect_chat
from rag.web.conversation import Conversation
from rag.web.entries import MAX_ENTRIES, Entry, read_entries, to_json
from rag.web.frame import render_ledger
from rag.web.gradio_setup import gr
from rag.web.strings import TEXTS
from rag.web.talk import Talk

FULL = make_answer(
    dropped=(Dropped("Der Hund flog.", "unsupported"),),
    disagreements=(Disagreement("die Zahl der Mäuse", (1,)),),
    answerer="llm",
    model="small",
    standalone_question="Was fraß die Katze nachts?",
    note="Gekürzt.",
    usage=Usage(1, 12, 3, 0.5),
)
FILTERS = Filters(("de", "zh"), ("猫", "Tag"), ("Tierblatt",), "2024-05-21", "2024-06-01", ("cats", "dogs"))
KINDS = {
    "answer": Entry("Was fraß die Katze?", answer=make_answer()),
    "everything": Entry("Was fraß die Katze?", FILTERS, FULL),
    "refusal": Entry("天气怎么样？", answer=make_refusal("天气怎么样？", "zh")),
    "interrupted": Entry("And then?", trouble="interrupted"),
    "stopped": Entry("Und dann?", FILTERS, trouble="stopped"),
    "unavailable": Entry("然后呢？", trouble="unavailable"),
    "failed": Entry("And then?", trouble="failed"),
}
TEXTS_OF_ALL_KINDS = [
    "🐈‍⬛ 😀",
    "a\x00b",
    "</script><script>alert(1)</script>",
    "**x** _y_ [z](http://a.test)",
    "猫\u2028\u202e",
]


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk(HandMadeAssistant())


# --- There and back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", KINDS.values(), ids=KINDS)
def test_every_kind_of_entry_comes_back_as_it_was(entry: Entry) -> None:
    assert read_entries(to_json([entry])) == (entry,)
    assert read_entries(json.dumps([entry.to_dict()])) == (entry,)


def test_a_whole_conversation_comes_back_in_order() -> None:
    assert read_entries(to_json(list(KINDS.values()))) == tuple(KINDS.values())


@given(st.text(max_size=60), st.sampled_from([None, "stopped"]))
def test_any_text_comes_back_through_the_ledger(text: str, trouble: Any) -> None:
    answer = None if trouble else make_answer(text, citations=(make_citation(title=text, passage=text),))
    entry = Entry(text, Filters(tags=(text,)), answer, trouble)
    told = kept_in(render_ledger(3, {"entry": entry.to_dict()}))
    assert told["number"] == 3
    assert read_entries(json.dumps([told["entry"]])) == (entry,)


@pytest.mark.parametrize("text", TEXTS_OF_ALL_KINDS)
def test_nothing_in_a_ledger_is_markup(text: str) -> None:
    ledger = render_ledger(0, {"entries": [Entry(text, answer=make_answer(text)).to_dict()]})
    assert kept_in(ledger)["entries"][0]["question"] == text
    assert ledger.count("<") == 2


def test_half_of_a_surrogate_pair_is_written_so_that_a_browser_can_read_it() -> None:
    ledger = render_ledger(1, {"entry": Entry("half \ud83d", trouble="stopped").to_dict()})
    ledger.encode()
    assert kept_in(ledger)["entry"]["question"] == "half \ud83d"


# --- What cannot be read ------------------------------------------------------------------------------------


def spoiled(**changes: Any) -> str:
    """An answer that was tampered with, as JSON."""
    entry = KINDS["everything"].to_dict()
    entry["answer"] |= changes
    return json.dumps([entry])


def citing(**changes: Any) -> str:
    return spoiled(citations=[asdict(make_citation()) | changes])


UNREADABLE = {
    "no JSON": "][",
    "nothing but a number": "7",
    "null": "null",
    "an object": "{}",
    "a list of texts": '["Was?"]',
    "a list of nulls": "[null]",
    "no question": '[{"trouble": "stopped"}]',
    "a question that is a number": '[{"question": 1, "trouble": "stopped"}]',
    "a question that is null": '[{"question": null, "trouble": "stopped"}]',
    "an unknown trouble": '[{"question": "Was?", "trouble": "thanks"}]',
    "an unknown language": '[{"question": "Was?", "trouble": "failed", "filters": {"lang": ["fr"]}}]',
    "filters that are a list": '[{"question": "Was?", "trouble": "failed", "filters": []}]',
    "a tag that is a number": '[{"question": "Was?", "trouble": "failed", "filters": {"tags": [1]}}]',
    "half of a surrogate pair": '[{"question": "\\ud83d", "trouble": "stopped"}]',
    "deeply nested": "[" * 100_000,
    "an answer that is a text": '[{"question": "Was?", "answer": "Nichts."}]',
    "an answer without an id": spoiled(id=None),
    "a truth that is a text": spoiled(answered="true"),
    "sentences that are no list": spoiled(sentences={}),
    "a number that is a text": citing(number="1"),
    "a number with a fraction": citing(number=1.5),
    "a passage that is null": citing(passage=None),
    "not a number": spoiled(timings_ms={"total": float("nan")}),
    "endless": spoiled(timings_ms={"total": float("inf")}),
    "endless when read": spoiled(confidence=0.5).replace('"confidence": 0.5', '"confidence": 1e999'),
    "a price that is not a number": spoiled(usage=asdict(Usage(1, 1, 1, float("nan")))),
    "more than there may be": to_json([KINDS["stopped"]] * (MAX_ENTRIES + 1)),
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_conversation_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="conversation"):
        read_entries(text)


@pytest.mark.parametrize("lang", LANGS)
def test_what_is_no_conversation_is_told_in_the_readers_language(desk: Desk, lang: Lang) -> None:
    for text in UNREADABLE.values():
        changes = desk.restore(text, lang)
        assert TEXTS[lang]["not_restored"] in desk.shown(changes)
        assert changes[desk.parts.conversation].entries == ()
        assert kept_in(changes[desk.parts.ledger])["entries"] == []  # what is asked next is another conversation


def test_an_entry_with_neither_an_answer_nor_a_trouble_is_told(desk: Desk) -> None:
    text = '[{"question": "Eins?"}]'
    with pytest.raises(ValueError, match="reason"):
        Conversation.of(read_entries(text), "en")
    assert TEXTS["en"]["not_restored"] in desk.shown(desk.restore(text))


def test_an_error_tells_where_and_not_what() -> None:
    with pytest.raises(ValueError, match=r"conversation: 0\.trouble") as told:
        read_entries('[{"question": "geheim", "trouble": "geheim"}]')
    assert "geheim" not in str(told.value)
    assert told.value.__suppress_context__


def test_as_many_as_there_may_be_come_back(desk: Desk) -> None:
    changes = desk.restore(to_json([KINDS["stopped"]] * MAX_ENTRIES))
    assert len(desk.asked(changes)) == MAX_ENTRIES


# --- What can be read and is strange ------------------------------------------------------------------------

STRANGE = {
    "a field that is not known": '[{"question": "Was?", "trouble": "stopped", "more": 1}]',
    "no text at all": '[{"question": "", "trouble": "stopped"}]',
    "an answer and a trouble": json.dumps([KINDS["answer"].to_dict() | {"trouble": "failed"}]),
    "no timings": spoiled(timings_ms={}),
    "a very long time": spoiled(timings_ms={"total": 1e308}),
    "a time that runs backwards": spoiled(timings_ms={"total": -1e308}),
    "the smallest price": spoiled(usage=asdict(Usage(1, 1, 1, 5e-324))),
    "a price below nothing": spoiled(usage=asdict(Usage(1, 1, 1, -5.0))),
    "a huge number of tokens": spoiled(usage=asdict(Usage(1, 10**4000, -1))),
    "a huge price": spoiled(usage={"calls": 1, "tokens_in": 1, "tokens_out": 1, "cost": 10**400}),
    "huge places": citing(start=-(10**4000), end=10**4000, number=10**4000),
    "an impossible date": citing(date="9999-99-99"),
    "a citation of nothing": spoiled(sentences=[asdict(Sentence("Eins.", (9, 9), 0.0))]),
    "a disagreement of nothing": spoiled(disagreements=[asdict(Disagreement("x", (9,)))]),
    "two citations of one number": spoiled(citations=[asdict(make_citation())] * 2),
    "nothing said": spoiled(answered=False, sentences=[], citations=[], answer=""),
    "an empty refusal": spoiled(refusal={"reason": "no_evidence", "message": ""}),
    "impossible days": json.dumps([Entry("?", Filters(date_from="x", date_to="-1"), FULL).to_dict()]),
}


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_what_is_strange_is_shown_or_told(desk: Desk, text: str, lang: Lang) -> None:
    changes = desk.restore(text, lang)
    told = TEXTS[lang]["not_restored"] in desk.shown(changes)
    assert told != bool(changes[desk.parts.conversation].entries)
    assert not Tags(desk.shown(changes)).open


def hostile_answer() -> Answer:
    """Nothing in it means well."""
    words: dict[str, Any] = {"title": HOSTILE, "author": HOSTILE, "heading": HOSTILE, "file": HOSTILE, "date": HOSTILE}
    citation = make_citation(**words, url="javascript:alert(1)", quote=HOSTILE, passage=HOSTILE, passage_id='"><b>')
    passage = asdict(make_passage()) | words | {"url": "javascript:alert(1)", "text": HOSTILE, "passage_id": "other"}
    return make_answer(
        HOSTILE,
        id='"><img src=x onerror=alert(1)>',
        sentences=(Sentence(HOSTILE, (1,), 1.0),),
        citations=(citation,),
        dropped=(Dropped(HOSTILE, HOSTILE),),
        disagreements=(Disagreement(HOSTILE, (1,)),),
        model=HOSTILE,
        note=HOSTILE,
        standalone_question=HOSTILE,
        answerer="llm",
        passages=(type(make_passage())(**passage),),
    )


@pytest.mark.parametrize("lang", LANGS)
def test_hostile_words_that_come_back_are_only_text(desk: Desk, lang: Lang) -> None:
    answer = hostile_answer()
    refused = make_refusal(HOSTILE)
    entries = [Entry(HOSTILE, answer=answer), Entry(HOSTILE, answer=refused), Entry(HOSTILE, answer=answer)]
    html = desk.shown(desk.restore(to_json(entries), lang))
    tags = Tags(html).seen
    assert unescape(html).count("onerror=alert(1)") > 20  # it is all there
    assert not {tag for tag, _ in tags} & {"img", "script", "iframe", "b"}
    assert not [name for _, attrs in tags for name in attrs if name.startswith("on")]
    assert {link["href"][:8] for tag, link in tags if tag == "a" and link["href"]} <= {
        "#source-",
        "#cite-1-",
        "#cite-3-",
    }


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.test", 'https://a.test/"onclick="x']
)
def test_no_link_that_comes_back_leads_astray(desk: Desk, url: str) -> None:
    entry = Entry("Was?", answer=make_answer(citations=(make_citation(url=url),)))
    links = [attrs for tag, attrs in Tags(desk.shown(desk.restore(to_json([entry])))).seen if tag == "a"]
    assert len(links) == 2  # from the answer to its source, and back
    assert all((link["href"] or "").startswith("#") and "onclick" not in link for link in links)


# --- Restoring ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGS)
def test_a_conversation_is_shown_again_in_the_readers_language(desk: Desk, lang: Lang) -> None:
    parts, entries = desk.parts, list(KINDS.values())
    changes = desk.restore(to_json(entries), lang)
    assert changes[parts.conversation] == Conversation.of(entries, lang)
    assert len(desk.asked(changes)) == len(entries)
    for trouble in ("interrupted", "stopped", "unavailable", "failed"):
        assert TEXTS[lang][trouble] in desk.shown(changes)
    assert parts.ledger not in changes  # the browser has it


def test_the_sources_of_the_latest_answer_lie_open_and_the_others_wait(desk: Desk) -> None:
    entries = [Entry("Eins?", answer=make_answer("Eins?")), Entry("Zwei?", answer=make_answer("Zwei?"))]
    changes = desk.restore(to_json([*entries, KINDS["stopped"]]))
    assert '<p class="for" lang="de">Zwei?</p>' in changes[desk.parts.sources]
    assert '<p class="for" lang="de">Eins?</p>' in changes[desk.parts.earlier]
    assert "Zwei?" not in changes[desk.parts.earlier]


def test_the_latest_answer_can_be_rated_and_where_there_is_none_nothing(desk: Desk) -> None:
    rated = desk.parts.rating.rated
    for kinds, answer_id in ((("stopped", "answer"), "a1"), (("answer", "stopped"), None)):
        restored = desk.restore(to_json([KINDS[kind] for kind in kinds]))[desk.parts.conversation]
        assert desk.ended(restored)[rated] == answer_id


@pytest.mark.parametrize("wanted", ["", "1", "1\n", "\n"])
def test_without_a_wish_nothing_changes(desk: Desk, wanted: str) -> None:
    assert desk.parts.chat not in desk.talk.restore(wanted, reader())


def test_an_answer_that_was_given_is_opened_by_its_id(tmp_path: Path) -> None:
    store = FeedbackStore(tmp_path / "feedback.sqlite3")
    desk = Desk(HandMadeAssistant(feedback=store))
    given = desk.after("Was fraß die Katze?").entries[0].answer
    assert given is not None
    changes = desk.restore(f"answer:{given.id}")
    assert desk.asked(changes) == ["Was fraß die Katze?"]
    assert "Die Katze <strong>fraß</strong> 3 Mäuse." in desk.shown(changes)
    assert kept_in(changes[desk.parts.ledger])["entries"][0]["answer"]["id"] == given.id
    for unknown in ("answer:", "answer:a99", "answer:\x00", "answer:\ud83d", "answer:" + "x" * 10_000):
        assert TEXTS["en"]["not_restored"] in desk.shown(desk.restore(unknown))
    store.close()


class Locked(HandMadeAssistant):
    """Its index cannot be read just now."""

    def articles(self) -> list[ArticleSummary]:
        raise LockedError("process 7 owns the index")


def test_a_conversation_is_shown_although_the_articles_cannot_be_listed() -> None:
    desk = Desk(Locked())
    assert desk.asked(desk.restore(to_json([KINDS["answer"]]))) == ["Was fraß die Katze?"]


def test_restoring_does_not_stop_what_is_asked_right_after_it(desk: Desk) -> None:
    box = desk.parts.restore
    with gr.Blocks() as blocks:
        parts = build_chat_tab(gr.Markdown())
        connect_chat(parts, Talk(desk.assistant, parts, 200), 2)
    events = {name for one in blocks.fns.values() for target, name in one.targets if target == parts.restore._id}
    assert events
    assert "change" not in events or box not in desk.restore(to_json([KINDS["answer"]]))
