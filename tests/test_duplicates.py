"""The same story in several files: linked, shown once with all its sources, and never in the way of others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import SubjectEmbedder, settings_for
from web_fakes import QUOTE, SUMMARY, make_answer, make_citation

from ingest import main as ingest
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.ingesting.ingestion import Ingestor
from rag.storage.store import Store
from rag.types import LANGS, Also, Answer, Citation, Filters, Lang
from rag.web.entries import Entry, read_entries, to_json
from rag.web.export_copy import answer_as_html, answer_as_text
from rag.web.export_html import conversation_as_html
from rag.web.export_markdown import conversation_as_markdown
from rag.web.library_render import render_list
from rag.web.mcp.text import answer_text
from rag.web.openai.text import CitedText, without_sources
from rag.web.render import render_sources
from rag.web.strings import TEXTS

STORIES: dict[Lang, str] = {
    "en": (
        "The town of Lowmere opened its new harbour bridge on Monday after four years of work. "
        "The bridge is 640 metres long and has two lanes for bicycles. "
        "The mayor thanked the workers and said that the ferry will keep running until the summer. "
        "Shop owners in the old town hope that more visitors will come to see the market hall."
    ),
    "de": (
        "Die Stadt Niederhafen hat am Montag nach vier Jahren Bauzeit ihre neue Hafenbrücke eröffnet. "
        "Die Brücke ist 640 Meter lang und hat zwei Spuren für Fahrräder. "
        "Die Bürgermeisterin dankte den Arbeitern und sagte, dass die Fähre bis zum Sommer weiter verkehrt. "
        "Die Händler der Altstadt hoffen, dass mehr Besucher kommen, um die Markthalle zu sehen."
    ),
    "zh": (
        "低港市经过四年施工，周一正式开通了新的港口大桥。大桥全长640米，设有两条自行车道。"
        "市长感谢了建设者，并表示轮渡将继续运营到夏天。老城区的店主们希望有更多游客前来参观市场大厅。"
    ),
}
ASKED: dict[Lang, str] = {"en": "How long is the bridge?", "de": "Wie lang ist die Brücke?", "zh": "大桥有多长？"}
SAID: dict[Lang, str] = {
    "en": "The bridge is 640 metres long and has two lanes for bicycles.",
    "de": "Die Brücke ist 640 Meter lang und hat zwei Spuren für Fahrräder.",
    "zh": "大桥全长640米，设有两条自行车道。",
}
OTHERS: dict[Lang, tuple[str, str]] = {  # a word that another editor changed, and what the sentence asked about became
    "en": ("Shop owners", "The bridge has two lanes for bicycles."),
    "de": ("Die Händler", "Die Brücke hat zwei Spuren für Fahrräder."),
    "zh": ("店主们", "大桥设有两条自行车道。"),
}
WEATHER: dict[Lang, str] = {
    "en": (
        "The temperature rises to {} degrees in the afternoon and falls to {} degrees at night. The wind blows from "
        "the west at {} kilometres an hour. The chance of rain is {} per cent. Drivers should take care in the morning "
        "because fog may lower visibility. The next report follows in the evening."
    ),
    "de": (
        "Die Temperatur steigt am Nachmittag auf {} Grad und fällt in der Nacht auf {} Grad. Der Wind weht aus Westen "
        "mit {} Kilometern in der Stunde. Die Wahrscheinlichkeit für Regen liegt bei {} Prozent. Autofahrer sollten am "
        "Morgen vorsichtig sein, da Nebel die Sicht einschränken kann. Der nächste Bericht folgt am Abend."
    ),
    "zh": (
        "下午气温升至{}度，夜间降至{}度。西风每小时{}公里。降雨概率为百分之{}。"
        "早晨可能有雾，能见度较低，驾驶员应当小心慢行。下一次天气预报将于今天晚间发布，请市民留意。"
    ),
}


def outlet(text: str, name: str, day: int = 1, *, linked: bool = True) -> str:
    """An article of an outlet, of a day in May."""
    link = f"[Source Link](https://{name}.example.org/bridge)\n\n" if linked else ""
    return f"---\ntitle: Bridge in {name}\ndate: 2024-05-{day:02}\nauthor: {name}\n---\n\n{link}{text}\n"


@pytest.fixture
def told(tmp_path: Path, write: Callable[..., Path]) -> Iterator[Callable[..., dict[str, set[str]]]]:
    """Ingest these articles, in the order of their names, and say which tell the same as which."""
    store = Store(tmp_path / "articles.sqlite3")

    def ingested(**texts: str) -> dict[str, set[str]]:
        Ingestor(store, SubjectEmbedder()).run([write(**texts)])
        summaries = store.summaries()
        names = {one.id: one.file.removesuffix(".md") for one in summaries}
        assert all((one.story is None) == (not one.same_as) for one in summaries)
        return {names[one.id]: {names[other] for other in one.same_as} for one in summaries}

    yield ingested
    store.close()


@pytest.mark.parametrize("lang", ["en", "de", "zh"])
def test_copies_are_linked_also_with_another_head_and_words(
    told: Callable[..., dict[str, set[str]]], lang: Lang
) -> None:
    word, _ = OTHERS[lang]
    edited = outlet(STORIES[lang].replace(word, {"en": "Merchants", "de": "Die Läden", "zh": "商人们"}[lang]), "b", 3)
    found = told(a=outlet(STORIES[lang], "a"), b=edited, c=STORIES[lang].replace("640", "**640**"))
    assert found == {"a": {"b", "c"}, "b": {"a", "c"}, "c": {"a", "b"}}


def test_a_translation_tells_another_story_and_so_does_a_text_on_something_else(
    told: Callable[..., dict[str, set[str]]],
) -> None:
    found = told(**STORIES, moon="The moon was seen above the harbour of Lowmere, and the town was pleased with it.")
    assert found == {"en": set(), "de": set(), "zh": set(), "moon": set()}


@pytest.mark.parametrize("lang", ["en", "de", "zh"])
def test_reports_of_one_template_tell_different_stories(told: Callable[..., dict[str, set[str]]], lang: Lang) -> None:
    reports = [WEATHER[lang].format(*numbers) for numbers in ((21, 9, 30, 40), (12, 3, 55, 80))]
    assert told(monday=reports[0], tuesday=reports[1]) == {"monday": set(), "tuesday": set()}


def test_a_chain_of_small_changes_does_not_link_what_is_far_apart(told: Callable[..., dict[str, set[str]]]) -> None:
    paragraphs = [f"The {who} of the town came by {how} and stayed for {what}.\n\n" for who, how, what in MANY]
    window = {f"a{start}": "".join(paragraphs[start : start + 14]) for start in range(0, 12, 2)}
    found = told(**window)
    assert "a2" in found["a0"]  # six of seven are the same
    assert "a10" not in found["a0"]
    assert all(abs(int(one[1:]) - int(other[1:])) < 6 for one, others in found.items() for other in others)


def test_what_is_removed_or_rewritten_is_linked_no_longer(
    told: Callable[..., dict[str, set[str]]], tmp_path: Path
) -> None:
    story = STORIES["en"]
    told(a=story, b=story, c=story)
    assert told(b="The cat slept in the garden all day long.") == {"a": {"c"}, "b": set(), "c": {"a"}}
    (tmp_path / "texts" / "a.md").unlink()
    assert told() == {"b": set(), "c": set()}
    assert told(a=story) == {"a": {"c"}, "b": set(), "c": {"a"}}


MANY = [
    ("baker", "bus", "tea"),
    ("teacher", "train", "lunch"),
    ("doctor", "bicycle", "the concert"),
    ("farmer", "tractor", "the fair"),
    ("singer", "car", "two songs"),
    ("painter", "boat", "the view"),
    ("judge", "tram", "a speech"),
    ("tailor", "ferry", "a fitting"),
    ("pilot", "plane", "an hour"),
    ("writer", "foot", "the reading"),
    ("gardener", "van", "the roses"),
    ("cook", "scooter", "the soup"),
    ("nurse", "taxi", "the night"),
    ("plumber", "lorry", "the repairs"),
    ("dancer", "coach", "the ball"),
    ("banker", "limousine", "the auction"),
    ("student", "skateboard", "the debate"),
    ("sailor", "yacht", "the regatta"),
    ("hunter", "horse", "the feast"),
    ("priest", "carriage", "the service"),
    ("miner", "lift", "the shift"),
    ("clown", "unicycle", "the circus"),
    ("clerk", "subway", "the meeting"),
    ("carpenter", "pickup", "the roof"),
]


# --- Answers ------------------------------------------------------------------------------------------------


@pytest.fixture
def product(tmp_path: Path, write: Callable[..., Path]) -> Iterator[Callable[..., Assistant]]:
    opened: list[Assistant] = []

    def build(**texts: str) -> Assistant:
        settings = settings_for(tmp_path / "data", embed_model="local-fast", articles=tmp_path / "texts")
        run_ingest(settings, [write(**texts)])
        opened.append(open_assistant(settings))
        return opened[-1]

    yield build
    for assistant in opened:
        assistant.close()


def sources(assistant: Assistant, answer: Answer) -> list[tuple[str, list[str]]]:
    """The outlet of each citation and those that say it too; each quote is where it says."""
    for citation in answer.citations:
        places: list[Citation | Also] = [citation, *citation.also]
        for one in places:
            found = assistant.article(one.article_id)
            assert found is not None
            assert found[1][one.start : one.end] == one.quote
    return [(one.author or "", [other.author or "" for other in one.also]) for one in answer.citations]


@pytest.mark.parametrize("lang", ["en", "de", "zh"])
def test_an_answer_names_every_outlet_that_says_it_word_for_word(product: Callable[..., Assistant], lang: Lang) -> None:
    story, (_, edited) = STORIES[lang], OTHERS[lang]
    assistant = product(
        old=outlet(story, "old", 1),
        new=outlet(story.replace("640", "**640**"), "new", 5),
        bare=outlet(story, "bare", 9, linked=False),
        edited=outlet(story.replace(SAID[lang], edited), "edited", 3),
    )
    assert {len(one.same_as) for one in assistant.articles()} == {3}
    answer = assistant.ask(ASKED[lang])
    assert sources(assistant, answer)[0] == ("new", ["old", "bare"])  # what can be opened first, then the newest
    only = assistant.ask(ASKED[lang], filters=Filters(authors=("old", "bare")))
    assert sources(assistant, only)[0] == ("old", ["bare"])  # nothing that the question leaves out


def test_what_another_outlet_says_otherwise_is_found_too(product: Callable[..., Assistant]) -> None:
    story = STORIES["en"]
    assistant = product(
        a=outlet(story, "a"), b=outlet(story.replace("640 metres", "460 metres"), "b"), c=outlet(story, "c")
    )
    found = assistant.search(ASKED["en"])
    assert sorted(one.text.count("640 metres") for one in found) == [0, 1]


def test_copies_do_not_crowd_out_another_article(product: Callable[..., Assistant]) -> None:
    bridge = "\n\n".join(f"{line}. It is the bridge of the harbour of Lowmere." for line in STORIES["en"].split(". "))
    copies = {f"copy{n:02}": outlet(f"{bridge}\n\nEdition {n}.", f"paper{n:02}", 1 + n % 28) for n in range(30)}
    assistant = product(**copies, ferry="The ferry over the harbour has carried bicycles since 1904.\n")
    assert assistant.articles()[0].same_as
    found = assistant.search("Which bridge in the harbour has lanes for bicycles?", top_k=8)
    assert "ferry.md" in {one.file for one in found}
    assert len({one.text for one in found}) == len(found)
    answer = assistant.ask(ASKED["en"])
    assert len(answer.citations[0].also) == 20  # no more are named


def test_when_the_first_copy_goes_the_other_takes_its_place(product: Callable[..., Assistant]) -> None:
    assistant = product(a=outlet(STORIES["en"], "a", 2), b=outlet(STORIES["en"], "b", 1))
    first = assistant.ask(ASKED["en"]).citations[0]
    assert (first.author, [one.author for one in first.also]) == ("a", ["b"])
    assistant.remove(first.article_id)
    answer = assistant.ask(ASKED["en"])
    assert sources(assistant, answer)[0] == ("b", [])
    assert [one.same_as for one in assistant.articles()] == [()]


def test_ingest_says_how_many_tell_what_another_tells(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_EMBED_MODEL", "local-fast")
    folder = write(a=STORIES["en"], b=STORIES["en"], c="The cat slept.")
    assert ingest([str(folder), "--data-dir", str(tmp_path / "data"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["added"], report["duplicates"]) == (3, 1)
    write(d=STORIES["en"])
    assert ingest([str(folder), "--data-dir", str(tmp_path / "data")]) == 0
    assert "1 added" in (said := capsys.readouterr().out)
    assert "1 of them tells what another article tells" in said


# --- What is shown ------------------------------------------------------------------------------------------


def make_also(name: str, url: str | None) -> Also:
    return Also(
        f"p-{name}", f"a-{name}", f"Katzen in {name}", url, name, "2024-05-22", QUOTE, 0, len(QUOTE), f"{name}.md"
    )


ALSO = (
    make_also("Tagblatt", "https://tagblatt.example/katzen?a=1&b=2"),
    make_also("<b>Bote</b>", None),
    make_also("Falle", "javascript:alert(1)"),
)
RETOLD = make_answer(citations=(make_citation(also=ALSO),))
MADE = datetime(2024, 5, 21, tzinfo=UTC)


def lines_with(shown: str, words: str) -> list[str]:
    return [line for line in shown.splitlines() if words in line]


@pytest.mark.parametrize("lang", LANGS)
def test_the_card_of_a_source_names_the_others_with_links_that_are_safe(lang: Lang) -> None:
    card = render_sources(RETOLD, "1-a1", lang)
    also = card.partition('<p class="also">')[2].partition("</p>")[0]
    assert also.startswith(TEXTS[lang]["also_in"].partition("{")[0])
    assert '<a href="https://tagblatt.example/katzen?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">' in also
    assert also.count("<a ") == 1
    assert "javascript" not in card
    assert "<b>" not in also
    assert 'class="also"' not in render_sources(make_answer(), "1-a1", lang)


@pytest.mark.parametrize("lang", LANGS)
def test_exports_name_the_others(lang: Lang) -> None:
    entry = Entry("Was fraß die Katze?", answer=RETOLD)
    words = TEXTS[lang]["also_in"].partition("{")[0].strip()
    url = "https://tagblatt.example/katzen?a=1"
    for shown in (
        conversation_as_html([entry], lang, made=MADE),
        conversation_as_markdown([entry], lang, made=MADE),
        answer_as_text(entry, lang),
        answer_as_html(entry, lang),
    ):
        (line,) = lines_with(shown, words)
        assert url in line
        assert "Falle" in line
        assert "javascript" not in shown
    assert read_entries(to_json([entry])) == (entry,)


def test_chat_clients_and_tools_list_the_others_and_never_cite_them() -> None:
    said = CitedText()
    assert list(said.end(RETOLD))
    assert "[Tagblatt](https://tagblatt.example/katzen?a=1&b=2)" in said.text.splitlines()[-1]
    assert [one["url_citation"]["url"] for one in said.annotations] == [make_citation().url]
    assert without_sources(said.text) == "Die Katze fraß 3 Mäuse [1]."
    assert "[Tagblatt](https://tagblatt.example/katzen?a=1&b=2)" in answer_text(RETOLD)


@pytest.mark.parametrize("lang", LANGS)
def test_the_list_of_articles_says_where_the_same_stands(lang: Lang) -> None:
    one = replace(SUMMARY, story=1, same_as=("other", "gone"))
    other = replace(SUMMARY, id="other", author="<i>Tagblatt</i>", story=1, same_as=("cats", "gone"))
    listed = render_list([one], 2, lang, same={"other": other})
    assert TEXTS[lang]["also_in"].format(names="&lt;i&gt;Tagblatt&lt;/i&gt;") in listed
    assert 'class="also"' not in render_list([SUMMARY], 1, lang)
