"""Saying which articles may answer: what is read of the boxes, what the chips tell, what a click on one takes away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from talk_fakes import Desk, reader
from test_web_render import HOSTILE, Tags
from web_fakes import SUMMARY, HandMadeAssistant, make_answer

from rag.types import LANGS, ArticleSummary, Filters, Lang
from rag.web.entries import Entry, to_json
from rag.web.filter_bar import OFFERED, describe, render_chips, without
from rag.web.strings import TEXTS

EVERYTHING = Filters(("zh", "de"), ("猫", "Tag animals"), ("Tierblatt",), "2024-05-21", "2024-06-01", ("cats", "dogs"))


def article(name: str, **changes: Any) -> ArticleSummary:
    return replace(SUMMARY, id=name, title=f"On {name}", **changes)


SHELF = [
    article("cats", tags=("Tag animals", "猫"), author="Tierblatt"),
    article("dogs", tags=("Tag animals",), author="Dog & Co"),
    article("moon", tags=("space",), author="Dog & Co"),
    article("plain", tags=(), author=None),
]


class Shelf(HandMadeAssistant):
    """Has the articles that it is given."""

    def __init__(self, articles: Sequence[ArticleSummary]) -> None:
        super().__init__()
        self.shelf = list(articles)

    def articles(self) -> list[ArticleSummary]:
        return self.shelf


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk(Shelf(SHELF))


def chips(html: str) -> dict[str, str]:
    """The words of the chips by their ids."""
    found = re.findall(r'<button class="chip(?: all)?" id="([^"]*)"[^>]*>(.*?)</button>', html)
    assert len(dict(found)) == len(found)
    return {name: unescape(words) for name, words in found}


def clicked(chip: str) -> str:
    """What the page's script says when a chip is clicked."""
    found = re.fullmatch(r"chip-(.+)-(\d+)", chip)
    assert found
    return f"{found[1]} {found[2]}"


# --- The boxes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "filters",
    [Filters(), EVERYTHING, Filters(date_from="2024-05-21"), Filters(date_to="2024-05-21"), Filters(tags=("猫",))],
)
def test_what_is_shown_as_chosen_is_read_as_chosen(desk: Desk, filters: Filters) -> None:
    assert desk.parts.filters.read(desk.parts.filters.values(filters)) == filters


def test_boxes_that_were_never_touched_do_not_restrict(desk: Desk) -> None:
    assert desk.parts.filters.read([None] * 6) == Filters()
    assert desk.parts.filters.read([[], [], [], "", "", []]) == Filters()


def test_only_known_languages_are_read(desk: Desk) -> None:
    assert desk.parts.filters.read([["fr", "de", "zh", "de"], [], [], "", "", []]).lang == ("zh", "de")


@pytest.mark.parametrize(
    "typed",
    [
        *["", "2", "2024", "2024-05", "2024-5-1", "2024-02-30", "2023-02-29", "2024-13-01", "21.05.2024", "0000-00-00"],
        *[
            "gestern",
            "昨天",
            "２０２４-０５-２１",
            "99999-01-01",
            "-2024-05-21",
            "2024-05-21T10:00",
            "\x00",
            None,
            0,
            [],
        ],
    ],
)
def test_a_day_that_is_half_typed_or_impossible_does_not_restrict(desk: Desk, typed: Any) -> None:
    assert desk.parts.filters.read([[], [], [], typed, typed, []]) == Filters()


def test_a_day_is_read_as_the_calendar_writes_it(desk: Desk) -> None:
    read = desk.parts.filters.read([[], [], [], " 2024-02-29 ", "2024-12-31\n", []])
    assert (read.date_from, read.date_to) == ("2024-02-29", "2024-12-31")


def test_what_there_is_to_choose_from_is_told_when_the_page_opens(desk: Desk) -> None:
    changes, bar = desk.talk.greet(reader()), desk.parts.filters
    assert changes[bar.articles]["choices"][0] == ("On cats", "cats")
    assert changes[bar.outlets]["choices"] == [("Dog & Co", "Dog & Co"), ("Tierblatt", "Tierblatt")]  # the most first
    assert {tag for _, tag in changes[bar.tags]["choices"]} == {"Tag animals", "猫", "space"}


def test_there_is_an_end_to_what_is_offered_but_not_to_what_is_chosen() -> None:
    shelf = [article(f"a{number}", tags=(f"t{number}",), author=f"o{number}") for number in range(OFFERED + 100)]
    desk = Desk(Shelf(shelf))
    bar = desk.parts.filters
    assert all(len(changed["choices"]) == OFFERED for changed in bar.choices(shelf).values())
    last = shelf[-1]
    shown = bar.showing(Filters(article_ids=(last.id,), tags=last.tags, authors=("o399",)), shelf, "en")
    for box in (bar.articles, bar.tags, bar.outlets):
        offered = [value for _, value in shown[box]["choices"]]
        assert len(offered) == len(set(offered)) == OFFERED
        assert shown[box]["value"] == [offered[0]]
    everything = bar.showing(Filters(article_ids=tuple(one.id for one in shelf)), shelf, "en")[bar.articles]
    assert len(everything["choices"]) == len(everything["value"]) == len(shelf)


# --- The chips ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("en", ["since 21 May 2024", "until 1 June 2024"]),
        ("de", ["ab 21. Mai 2024", "bis 1. Juni 2024"]),
        ("zh", ["2024年5月21日起", "截至2024年6月1日"]),
    ],
)
def test_what_was_chosen_is_told_in_the_readers_language(lang: Lang, told: list[str]) -> None:
    assert list(describe(EVERYTHING, SHELF, lang)) == [
        ("lang", 0, "中文"),
        ("lang", 1, "Deutsch"),
        ("tags", 0, "猫"),
        ("tags", 1, "Tag animals"),
        ("authors", 0, "Tierblatt"),
        ("date_from", 0, told[0]),
        ("date_to", 0, told[1]),
        ("article_ids", 0, "On cats"),
        ("article_ids", 1, "On dogs"),
    ]


@pytest.mark.parametrize("lang", LANGS)
def test_an_article_that_is_gone_is_told_as_gone(lang: Lang) -> None:
    (told,) = describe(Filters(article_ids=("birds",)), SHELF, lang)
    assert told == ("article_ids", 0, TEXTS[lang]["articles_gone"])


@pytest.mark.parametrize("lang", LANGS)
def test_a_chip_for_each_and_one_for_all_of_them(lang: Lang) -> None:
    assert render_chips(Filters(), SHELF, lang) == ""
    assert list(chips(render_chips(Filters(tags=("猫",)), SHELF, lang))) == ["chip-tags-0"]
    shown = chips(render_chips(EVERYTHING, SHELF, lang))
    assert len(shown) == 10
    assert shown["chip-all-0"] == TEXTS[lang]["filter_drop_all"]
    assert TEXTS[lang]["filter_only"] in render_chips(EVERYTHING, SHELF, lang)


def test_a_click_on_a_chip_takes_away_what_it_tells_and_nothing_else() -> None:
    shown = chips(render_chips(EVERYTHING, SHELF, "en"))
    assert without(EVERYTHING, clicked("chip-all-0")) == Filters()
    for chip, words in shown.items():
        if chip != "chip-all-0":
            left = [told for _, _, told in describe(without(EVERYTHING, clicked(chip)), SHELF, "en")]
            assert left == [told for told in list(shown.values())[:-1] if told != words]


@pytest.mark.parametrize(
    "dropped", ["lang 9", "lang", "lang x", "lang -1", "lang ²", "nothing 0", "__class__ 0", " 0", "all0"]
)
def test_what_names_no_chip_takes_nothing_away(dropped: str) -> None:
    assert without(EVERYTHING, dropped) == EVERYTHING


def test_chips_of_very_many_articles() -> None:
    shelf = [article(f"a{number}") for number in range(400)]
    filters = Filters(article_ids=tuple(one.id for one in shelf))
    shown = chips(render_chips(filters, shelf, "en"))
    assert len(shown) == 401
    assert shown["chip-article_ids-399"] == "On a399"
    assert without(filters, clicked("chip-article_ids-399")).article_ids == filters.article_ids[:-1]


@pytest.mark.parametrize("lang", LANGS)
def test_hostile_titles_are_only_text_in_chips(lang: Lang) -> None:
    title = f'{HOSTILE}\n\n# </button><script>alert(1)</script> <img src="http://evil.test/a.png"'
    shelf = [replace(article("cats", tags=(title,), author=title), title=title)]
    html = render_chips(Filters(("de",), (title,), (title,), None, None, ("cats",)), shelf, lang)
    tags = Tags(html)
    assert {tag for tag, _ in tags.seen} == {"div", "span", "button"}
    assert {name for tag, attrs in tags.seen if tag == "button" for name in attrs} == {"class", "id", "title"}
    assert not tags.open
    assert "\n" not in html  # a blank line would end the HTML
    assert unescape(html).count("<script>") == 3


# --- What the page does with them ---------------------------------------------------------------------------


def test_chips_follow_what_is_chosen(desk: Desk) -> None:
    bar = desk.parts.filters
    changes = desk.talk.narrow(reader("de"), *bar.values(Filters(tags=("猫",), date_from="2024-05-21")))
    assert set(changes) == {bar.chips}
    assert list(chips(changes[bar.chips]).values()) == ["猫", "ab 21. Mai 2024", "Alle entfernen"]


def test_a_click_on_a_chip_changes_boxes_and_chips(desk: Desk) -> None:
    bar = desk.parts.filters
    changes = desk.talk.widen(reader(), "tags 0", *bar.values(EVERYTHING))
    assert changes[bar.tags]["value"] == ["Tag animals"]
    assert "猫" not in chips(changes[bar.chips]).values()


def test_the_article_that_is_read_is_the_only_one_asked(desk: Desk) -> None:
    bar = desk.parts.filters
    changes = desk.talk.only(reader(), "dogs 7", *bar.values(Filters(("de",), article_ids=("cats",))))
    assert changes[bar.articles]["value"] == ["dogs"]
    assert changes[bar.langs] == ["de"]
    assert list(chips(changes[bar.chips]).values()) == ["Deutsch", "On dogs", "Remove all"]


@pytest.mark.parametrize("lang", LANGS)
def test_filters_of_a_conversation_come_back_without_what_is_gone(desk: Desk, lang: Lang) -> None:
    bar = desk.parts.filters
    gone = Filters(
        ("de",), ("猫", "gone"), ("Tierblatt", "Gone & Co"), "2024-05-21", None, article_ids=("birds", "dogs")
    )
    entries = [Entry("Eins?", Filters(("zh",)), make_answer()), Entry("Zwei?", gone, make_answer())]
    changes = desk.restore(to_json(entries), lang)
    assert changes[bar.langs] == ["de"]
    assert (changes[bar.tags]["value"], changes[bar.outlets]["value"]) == (["猫"], ["Tierblatt"])
    assert changes[bar.articles]["value"] == ["dogs"]
    assert (changes[bar.date_from], changes[bar.date_to]) == ("2024-05-21", "")
    assert len(chips(changes[bar.chips])) == 6
    assert TEXTS[lang]["articles_gone"] not in chips(changes[bar.chips]).values()


@pytest.mark.parametrize("day", ["gestern", "2024-02-30", "x\n\n![i](http://evil.test/a.png)"])
def test_a_restored_day_that_is_none_is_not_told_as_a_filter(desk: Desk, day: str) -> None:
    entry = Entry("Eins?", Filters(date_from=day), make_answer())
    assert desk.restore(to_json([entry]))[desk.parts.filters.chips] == ""


def test_a_conversation_without_filters_takes_away_those_that_were_chosen(desk: Desk) -> None:
    bar = desk.parts.filters
    changes = desk.restore(to_json([Entry("Eins?", answer=make_answer())]))
    assert [changes[bar.langs], changes[bar.tags]["value"], changes[bar.articles]["value"]] == [[], [], []]
    assert changes[bar.chips] == ""
