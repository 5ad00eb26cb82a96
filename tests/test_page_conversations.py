"""Conversations that are kept in the browser, and questions that are asked anew, in a real browser."""

from __future__ import annotations

import json

from page_fixtures import OpenPage, ask
from playwright.sync_api import Page, Response, expect
from web_fakes import HandMadeAssistant

from rag.storage.feedback import FeedbackStore
from rag.types import Filters

pytest_plugins = ["page_fixtures"]

KEPT = """() => JSON.stringify(Object.keys(localStorage).filter((key) => key.startsWith("ask:conversation:"))
  .map((key) => JSON.parse(localStorage.getItem(key)).entries.map((one) => one.question)).sort())"""


def fresh(page: Page) -> Page:
    """A page in a browser that keeps nothing yet."""
    page.evaluate("localStorage.clear()")
    return page


def ask_each(page: Page, *questions: str) -> None:
    """Ask one after the other, each once the one before is answered."""
    before = page.locator("#chat .answer").count()
    for number, question in enumerate(questions, 1):
        ask(page, question)
        expect(page.locator("#chat .answer")).to_have_count(before + number)


def expect_kept(page: Page, *conversations: list[str]) -> None:
    """The browser keeps these conversations, told by their questions."""
    page.wait_for_function(
        f"(kept) => ({KEPT})() === kept", arg=json.dumps(sorted(conversations), separators=(",", ":"))
    )


def open_latest(page: Page) -> None:
    if not page.locator("#history[open]").count():
        page.locator("#history summary").click()
    page.locator(".open-conversation").first.click()


# --- Kept, and back again -----------------------------------------------------------------------------------


def test_after_a_reload_the_conversation_goes_on_with_its_filters(
    hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant
) -> None:
    page = fresh(open_page(hand_made_site))
    page.locator("#filters").get_by_role("button").click()
    page.get_by_role("checkbox", name="中文").check()
    expect(page.locator("#filters-chosen .chip")).to_have_text("中文")
    ask_each(page, "Eins?")
    expect_kept(page, ["Eins?"])
    page.reload()
    expect(page.locator("#chat .asked")).to_have_text("Eins?")
    expect(page.locator("#filters-chosen .chip")).to_have_text("中文")
    expect(page.locator("#followups a")).to_be_visible()
    ask_each(page, "Zwei?")
    expect_kept(page, ["Eins?", "Zwei?"])
    asked = hand_made.asked[-1]
    assert [turn.content for turn in asked["history"] if turn.role == "user"] == ["Eins?"]
    assert asked["filters"] == Filters(lang=("zh",))


def test_an_earlier_conversation_is_opened_and_another_one_deleted(hand_made_site: str, open_page: OpenPage) -> None:
    page = fresh(open_page(hand_made_site))
    ask_each(page, "Eins?", "Zwei?")
    page.locator("#new").click()
    expect(page.locator("#chat .asked")).to_have_count(0)
    ask_each(page, "Drei?")
    expect_kept(page, ["Drei?"], ["Eins?", "Zwei?"])
    page.locator("#history summary").click()
    page.get_by_role("button", name="Delete: Drei?").click()
    expect_kept(page, ["Eins?", "Zwei?"])
    expect(page.locator("#chat .asked")).to_have_count(0)  # it was the one that was shown
    open_latest(page)
    expect(page.locator("#chat .asked")).to_have_text(["Eins?", "Zwei?"])


def test_the_list_stays_open_when_one_of_it_is_deleted(hand_made_site: str, open_page: OpenPage) -> None:
    page = fresh(open_page(hand_made_site))
    for question in ("Eins?", "Zwei?"):
        page.locator("#new").click()
        expect(page.locator("#chat .asked")).to_have_count(0)
        ask_each(page, question)
    expect_kept(page, ["Eins?"], ["Zwei?"])
    page.locator("#history summary").click()
    page.get_by_role("button", name="Delete: Eins?").click()
    expect_kept(page, ["Zwei?"])
    expect(page.locator("#history .open-conversation")).to_be_visible(timeout=2000)


SLOW_LINE = """(() => {
  const quick = window.fetch;
  window.fetch = async (...given) => {
    const response = await quick(...given);
    if (response.url.includes("/queue/join")) await new Promise((then) => setTimeout(then, 700));
    return response;
  };
})()"""


def has_begun_anew(response: Response) -> bool:
    """Whether the page was emptied: that and the greeting alone are sent without values."""
    return "/run/predict" in response.url and '"data":[],' in (response.request.post_data or "")


def test_a_new_conversation_begun_before_the_question_has_arrived_stays_empty(
    hand_made_site: str, open_page: OpenPage
) -> None:
    page = open_page(hand_made_site)
    page.add_init_script(SLOW_LINE)
    with page.expect_response(has_begun_anew):  # the greeting
        page.reload()
    fresh(page)
    for number, question in enumerate(("Eins?", "Zwei?"), 1):
        with page.expect_response(has_begun_anew):
            with page.expect_request("**/queue/join*"):
                ask(page, question)
            page.locator("#new").click()
        expect(page.locator("#chat .asked")).to_have_count(0)
        ask_each(page, f"{number} + 1?")
        expect(page.locator("#chat .asked")).to_have_text([f"{number} + 1?"])
        page.locator("#new").click()
        expect(page.locator("#chat .asked")).to_have_count(0)


def test_a_conversation_that_is_opened_again_is_kept_whole(hand_made_site: str, open_page: OpenPage) -> None:
    page = fresh(open_page(hand_made_site))
    ask_each(page, "Eins?", "Zwei?")
    expect_kept(page, ["Eins?", "Zwei?"])
    page.reload()
    expect(page.locator("#chat .answer")).to_have_count(2)
    page.locator("#new").click()
    expect(page.locator("#chat .asked")).to_have_count(0)
    open_latest(page)
    expect(page.locator("#chat .answer")).to_have_count(2)
    ask_each(page, "Drei?")
    expect_kept(page, ["Eins?", "Zwei?", "Drei?"])


def test_a_very_long_conversation_is_not_lost_when_the_page_is_loaded_anew(
    hand_made_site: str, open_page: OpenPage
) -> None:
    page = fresh(open_page(hand_made_site))
    ask_each(page, "Eins?")
    expect_kept(page, ["Eins?"])
    page.evaluate("""() => {
      const [key] = Object.keys(localStorage).filter((one) => one.startsWith("ask:conversation:"));
      const entries = Array.from({ length: 201 }, (_, at) => ({ question: `${at}?`, trouble: "stopped" }));
      localStorage.setItem(key, JSON.stringify({ at: Date.now(), entries }));
    }""")
    page.reload()
    expect(page.locator("#chat .asked").last).to_have_text("200?")


# --- Asked anew ---------------------------------------------------------------------------------------------


def test_an_edited_question_takes_the_place_of_the_old_one(hand_made_site: str, open_page: OpenPage) -> None:
    page = fresh(open_page(hand_made_site))
    ask_each(page, "Eins?", "Zwei?", "Drei?")
    box = page.locator("#question textarea")
    page.locator("#edit-2").click()
    expect(page.locator("#editing")).to_contain_text("Question 2 is asked anew")
    expect(box).to_have_value("Zwei?")
    expect(box).to_be_focused()
    page.locator("#editing .cancel").click()
    expect(page.locator("#editing")).to_have_count(0)
    expect(box).to_have_value("")
    page.locator("#edit-2").click()
    ask(page, "Zwei, neu?")
    expect(page.locator("#chat .asked")).to_have_text(["Eins?", "Zwei, neu?"])
    expect(page.locator("#chat .answer")).to_have_count(2)
    expect(page.locator("#editing")).to_have_count(0)
    expect_kept(page, ["Eins?", "Zwei, neu?"])


def test_what_was_stopped_is_asked_again_with_one_click(
    hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant
) -> None:
    page = fresh(open_page(hand_made_site))
    ask(page, "slow")
    expect(page.locator("#chat .asked")).to_have_text("slow")
    page.locator("#stop").click()
    expect(page.locator("#chat .trouble")).to_have_text("Stopped.")
    hand_made.released.set()
    page.locator("#again-1").click()
    expect(page.locator("#chat .answer")).to_be_visible()
    expect(page.locator("#chat .asked")).to_have_text(["slow"])
    expect_kept(page, ["slow"])


def test_asking_again_while_an_answer_is_under_way_costs_no_conversation(
    hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant
) -> None:
    page = fresh(open_page(hand_made_site))
    ask_each(page, "Eins?")
    ask(page, "slow")
    expect(page.locator("#chat .asked")).to_have_count(2)
    expect(page.locator("#stop")).to_be_visible()
    page.locator("#again-1").click(force=True)
    hand_made.released.set()
    expect(page.locator("#chat .answer")).to_have_count(2)
    expect(page.locator("#stop")).to_be_hidden()
    ask(page, "Neu?")
    expect(page.locator("#chat .asked").last).to_have_text("Neu?")
    expect(page.locator("#chat .asked")).to_have_text(["Eins?", "slow", "Neu?"])


# --- A word on an answer ------------------------------------------------------------------------------------


def test_a_right_answer_may_be_commented_on(hand_made_site: str, open_page: OpenPage, feedback: FeedbackStore) -> None:
    page = fresh(open_page(hand_made_site))
    ask_each(page, "Was fraß die Katze?")
    page.locator("#feedback-up").click()
    page.get_by_role("textbox", name="Comment").fill("Schön kurz.")
    expect(page.locator("#feedback-correct")).to_have_count(0)
    page.locator("#feedback-send").click()
    expect(page.locator("#feedback-comment")).to_have_count(0)
    rated = feedback.rated()[-1]
    assert (rated.rating, rated.comment, rated.correct_answer) == ("up", "Schön kurz.", None)


def test_of_a_wrong_answer_both_can_be_said(hand_made_site: str, open_page: OpenPage, feedback: FeedbackStore) -> None:
    page = fresh(open_page(hand_made_site))
    ask_each(page, "Was fraß die Katze?")
    page.locator("#feedback-down").click()
    page.locator("#feedback-correct textarea").fill("Drei Mäuse.")
    page.locator("#feedback-comment textarea").fill("Es fehlte das Tier.")
    page.locator("#feedback-comment textarea").press("Enter")
    expect(page.locator("#feedback-comment")).to_have_count(0)
    rated = feedback.rated()[-1]
    assert (rated.rating, rated.comment, rated.correct_answer) == ("down", "Es fehlte das Tier.", "Drei Mäuse.")
