"""The chat page in a real browser, on a person's path. No request may leave this machine."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest
from page_fixtures import LIMIT, OpenPage, ask
from playwright.sync_api import Route, expect
from web_fakes import HandMadeAssistant, write_run

from rag.storage.feedback import FeedbackStore
from rag.types import Filters, Turn

pytest_plugins = ["page_fixtures"]


# --- A person's path, over the real product -----------------------------------------------------------------


def test_a_chinese_question_is_answered_and_its_citation_opens_the_marked_passage(
    site: str, open_page: OpenPage
) -> None:
    page = open_page(site, locale="zh-CN")
    page.locator("#question textarea").fill("屠呦呦从哪本古书得到启发？")
    page.locator("#ask").click()
    expect(page.locator("#chat .asked")).to_have_text("屠呦呦从哪本古书得到启发？")
    expect(page.locator("#chat .answer")).to_contain_text("肘后备急方")
    expect(page.locator("#chat .note")).to_contain_text("未使用模型")

    citation = page.locator("#chat a.cite").first
    expect(citation).to_have_text("[1]")
    citation.click()
    card = page.locator("#sources .card:target")
    expect(card).to_be_in_viewport()
    expect(card.locator("mark")).to_contain_text("肘后备急方")
    expect(card.locator(".title")).to_contain_text("屠呦呦")
    expect(card.locator(".meta")).to_contain_text("2015年10月5日 · 中文")
    link = card.locator(".open a")
    expect(link).to_have_attribute("href", "https://www.nobelprize.org/prizes/medicine/2015/press-release/")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener noreferrer")


@pytest.mark.parametrize(
    ("locale", "button", "question", "expected"),
    [
        ("de-AT", "Fragen", "Wie lang ist der Gotthard-Basistunnel?", "57"),
        ("en-GB", "Ask", "How quickly does a data breach have to be reported?", "72 hours"),
    ],
)
def test_the_page_speaks_the_language_of_its_reader(
    site: str, open_page: OpenPage, locale: str, button: str, question: str, expected: str
) -> None:
    page = open_page(site, locale=locale)
    expect(page.locator("#ask")).to_have_text(button)
    ask(page, question)
    expect(page.locator("#chat .answer")).to_contain_text(expected)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(site: str, open_page: OpenPage, scheme: str) -> None:
    page = open_page(site, viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True)
    ask(page, "How quickly does a data breach have to be reported? " + "x" * 60)
    page.locator("#chat a.cite").first.click()
    expect(page.locator("#sources .card:target")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(22, 24, 27)") == (scheme == "dark")


# --- Sending ------------------------------------------------------------------------------------------------


def test_enter_sends_and_shift_enter_breaks_the_line(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    box = page.locator("#question textarea")
    box.fill("Was fraß")
    box.press("Shift+Enter")
    box.press_sequentially("die Katze?")
    box.press("Enter")
    expect(page.locator("#chat .asked")).to_have_text("Was fraßdie Katze?")  # the break is an element
    expect(page.locator("#chat .asked br")).to_have_count(1)
    expect(page.locator("#chat .answer")).to_be_visible()
    expect(box).to_have_value("")


def test_an_empty_question_does_nothing(hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant) -> None:
    page = open_page(hand_made_site)
    ask(page, "  ")
    page.locator("#ask").click()
    page.wait_for_timeout(300)
    assert hand_made.asked == []
    expect(page.locator("#chat .asked")).to_have_count(0)


def test_a_question_that_is_too_long_is_explained_and_stays_in_the_box(
    hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant
) -> None:
    page = open_page(hand_made_site)
    ask(page, "x" * (LIMIT + 1))
    expect(page.locator("#chat .notice").last).to_contain_text("201 characters; 200 are possible")
    expect(page.locator("#question textarea")).to_have_value("x" * (LIMIT + 1))
    assert hand_made.asked == []


def test_a_slash_brings_the_reader_back_to_the_question_box(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site, locale="de-DE")
    box = page.locator("#question textarea")
    page.locator("#masthead").click()
    page.keyboard.press("/")
    expect(box).to_be_focused()
    expect(box).to_have_value("")
    page.keyboard.press("/")
    expect(box).to_have_value("/")  # typed, where there is something to type in


def test_a_question_that_an_article_answers_is_asked_with_one_click(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site, locale="de-DE")
    expect(page.locator("#chat .welcome")).to_contain_text("Zum Beispiel:")
    page.get_by_text("Was fraß die Katze?").click()
    expect(page.locator("#chat .answer")).to_contain_text("Die Katze fraß 3 Mäuse.")


def test_everything_works_by_keyboard(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    expect(page.locator("#question textarea")).to_be_focused()
    page.keyboard.type("Was fraß die Katze?")
    page.keyboard.press("Tab")
    expect(page.locator("#ask")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#chat .answer")).to_be_visible()
    page.locator("#chat a.cite").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sources .card:target")).to_be_focused()


def test_controls_have_names(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    expect(page.get_by_role("textbox", name="Your question")).to_be_visible()
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    page.locator("#filters").get_by_role("button").click()
    expect(page.get_by_role("checkbox", name="Deutsch")).to_be_visible()
    expect(page.get_by_label("From", exact=True)).to_have_attribute("type", "date")


# --- Answers, refusals, faults ------------------------------------------------------------------------------


def test_a_refusal_shows_its_message_and_empties_the_sources(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#sources .card")).to_have_count(1)
    ask(page, "天气怎么样？")
    expect(page.locator("#chat .refusal")).to_have_text("这些文章没有回答这个问题。")
    expect(page.locator("#sources .card")).to_have_count(0)


def test_a_citation_of_an_earlier_answer_brings_its_sources_back(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#sources .for")).to_have_text("Was fraß die Katze?")
    ask(page, "Und der Hund?")
    expect(page.locator("#sources .for")).to_have_text("Und der Hund?")
    page.locator("#chat a.cite").first.click()
    expect(page.locator("#sources .for")).to_have_text("Was fraß die Katze?")
    expect(page.locator("#sources .card:target mark")).to_have_text("Die Katze fraß 3 Mäuse.")
    page.locator("#chat a.cite").last.click()
    expect(page.locator("#sources .for")).to_have_text("Und der Hund?")


@pytest.mark.parametrize(
    ("question", "message"),
    [("fail", "cannot be searched right now"), ("crash", "Something went wrong on our side")],
)
def test_a_fault_is_told_plainly_and_the_next_question_is_answered(
    hand_made_site: str, open_page: OpenPage, question: str, message: str
) -> None:
    page = open_page(hand_made_site)
    ask(page, question)
    expect(page.locator("#chat .notice").last).to_contain_text(message)
    expect(page.locator("body")).not_to_contain_text("secret")
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#chat .answer")).to_be_visible()


def test_a_slow_answer_can_be_stopped_and_another_asked_at_once(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    ask(page, "slow")
    expect(page.locator("#chat .asked")).to_have_text("slow")
    expect(page.locator("#ask")).to_be_hidden()
    page.locator("#stop").click()
    expect(page.locator("#chat .notice").last).to_have_text("Stopped.")
    expect(page.locator("#stop")).to_be_hidden()
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#chat .answer")).to_be_visible()


def test_pressing_enter_twice_asks_once(hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant) -> None:
    page = open_page(hand_made_site)
    hand_made.forget()
    box = page.locator("#question textarea")
    box.fill("slow")
    box.press("Enter")
    box.press("Enter")
    expect(page.locator("#chat .asked")).to_have_text("slow")
    hand_made.released.set()
    expect(page.locator("#chat .answer")).to_be_visible()
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#chat .answer")).to_have_count(2)
    assert [asked["question"] for asked in hand_made.asked] == ["slow", "Was fraß die Katze?"]


def test_hostile_words_load_nothing(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    image = '<img src="http://images.test/a.png"> ![i](http://images.test/b.png) [x](javascript:alert(1))'
    ask(page, image)
    expect(page.locator("#chat .asked")).to_have_text(image)
    expect(page.locator("#chat .answer")).to_be_visible()
    expect(page.locator("#chat img, #sources img")).to_have_count(0)


def test_no_source_text_is_read_out_as_a_label(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#chat .answer")).to_be_visible()
    expect(page.locator("#chat [data-testid=bot][aria-label], #chat [data-testid=user][aria-label]")).to_have_count(0)


# --- Conversation and filters -------------------------------------------------------------------------------


def test_a_follow_up_brings_what_was_said(
    hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant
) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#chat .answer")).to_have_count(1)
    ask(page, "Und dann?")
    expect(page.locator("#chat .answer")).to_have_count(2)
    said = (Turn("user", "Was fraß die Katze?"), Turn("assistant", "Die Katze **fraß** 3 Mäuse.[1]"))
    assert [asked["history"] for asked in hand_made.asked] == [(), said]


def test_the_language_filter_reaches_the_assistant(
    hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant
) -> None:
    page = open_page(hand_made_site)
    ask(page, "Eins?")
    expect(page.locator("#chat .answer")).to_have_count(1)
    page.locator("#filters").get_by_role("button").click()
    page.get_by_role("checkbox", name="中文").check()
    expect(page.locator("#filters-chosen .chip")).to_have_text("中文")
    ask(page, "Zwei?")
    expect(page.locator("#chat .answer")).to_have_count(2)
    assert [asked["filters"] for asked in hand_made.asked] == [Filters(), Filters(lang=("zh",))]


def test_a_new_conversation_forgets_the_old_one(
    hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant
) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#sources .card")).to_have_count(1)
    page.locator("#new").click()
    expect(page.locator("#chat .asked")).to_have_count(0)
    expect(page.locator("#sources .card")).to_have_count(0)
    ask(page, "Und dann?")
    expect(page.locator("#chat .answer")).to_have_count(1)
    assert hand_made.asked[-1]["history"] == ()


# --- What people say of an answer ---------------------------------------------------------------------------


def last_rating(feedback: FeedbackStore) -> tuple[str, str, str | None]:
    """Question, rating and right answer of the newest rating."""
    rated = feedback.rated()[-1]
    return rated.answer["question"], rated.rating, rated.correct_answer


@pytest.mark.parametrize(
    ("locale", "right", "thanks"),
    [("en-US", "That’s right", "Thank you."), ("de-DE", "Das stimmt", "Danke."), ("zh-CN", "答得对", "谢谢。")],
)
def test_an_answer_is_rated_with_one_click(
    hand_made_site: str, open_page: OpenPage, feedback: FeedbackStore, locale: str, right: str, thanks: str
) -> None:
    page = open_page(hand_made_site, locale=locale)
    expect(page.locator("#feedback-up, #feedback-down")).to_have_count(0)
    ask(page, f"Was fraß die Katze ({locale})?")
    page.get_by_role("button", name=right, exact=True).click()
    expect(page.locator("#feedback-told[aria-live=polite]")).to_have_text(thanks)
    expect(page.locator("#feedback-up")).to_have_class(re.compile(r"\bchosen\b"))
    expect(page.locator("#feedback-correct")).to_have_count(0)
    assert last_rating(feedback) == (f"Was fraß die Katze ({locale})?", "up", None)


@pytest.mark.parametrize(
    ("locale", "wrong", "label", "send", "correct"),
    [
        ("en-US", "That’s wrong", "The right answer is …", "Send", "It’s three mice."),
        ("de-DE", "Das stimmt nicht", "Die richtige Antwort ist …", "Senden", "Drei Mäuse – <b>größere</b>."),
        ("zh-CN", "答得不对", "正确的回答是……", "发送", "三只老鼠。"),
    ],
)
def test_of_a_wrong_answer_the_page_asks_what_is_right(
    hand_made_site: str,
    open_page: OpenPage,
    feedback: FeedbackStore,
    locale: str,
    wrong: str,
    label: str,
    send: str,
    correct: str,
) -> None:
    page = open_page(hand_made_site, locale=locale)
    ask(page, "Was fraß die Katze?")
    page.get_by_role("button", name=wrong, exact=True).click()
    box = page.get_by_role("textbox", name=label)
    expect(box).to_be_visible()
    assert last_rating(feedback) == ("Was fraß die Katze?", "down", None)
    page.get_by_role("button", name=send, exact=True).click()  # nothing is in it yet
    box.fill(correct)
    page.get_by_role("button", name=send, exact=True).click()
    expect(box).to_have_count(0)
    expect(page.locator("#feedback-down")).to_have_class(re.compile(r"\bchosen\b"))
    assert last_rating(feedback) == ("Was fraß die Katze?", "down", correct)


def test_what_is_sent_while_an_earlier_click_is_under_way_is_kept(
    hand_made_site: str, open_page: OpenPage, feedback: FeedbackStore
) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    page.locator("#feedback-down").click()
    box, send = page.locator("#feedback-correct textarea, #feedback-correct input"), page.locator("#feedback-send")
    expect(box).to_be_visible()
    held: list[Route] = []
    page.route("**/gradio_api/**", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/gradio_api/**"):
        send.click()  # nothing is in it yet
    box.fill("Drei Mäuse.")
    send.click()
    held[0].continue_()
    expect(box).to_have_count(0)
    assert last_rating(feedback) == ("Was fraß die Katze?", "down", "Drei Mäuse.")


def test_the_latest_answer_is_rated_and_a_second_thought_counts(
    hand_made_site: str, open_page: OpenPage, feedback: FeedbackStore
) -> None:
    page = open_page(hand_made_site)
    ask(page, "Eins?")
    page.locator("#feedback-down").click()
    expect(page.locator("#feedback-correct")).to_be_visible()
    ask(page, "Zwei?")
    expect(page.locator("#chat .answer")).to_have_count(2)
    expect(page.locator("#feedback-correct")).to_have_count(0)
    expect(page.locator("#feedback-told")).to_have_text("")
    expect(page.locator("#feedback .chosen")).to_have_count(0)
    page.locator("#feedback-down").click()
    expect(page.locator("#feedback-correct")).to_be_visible()
    page.locator("#feedback-up").click()
    expect(page.locator("#feedback-correct")).to_have_count(0)
    newest = [(rated.answer["question"], rated.rating) for rated in feedback.rated()[-2:]]
    assert newest == [("Eins?", "down"), ("Zwei?", "up")]


def test_a_refusal_can_be_right(hand_made_site: str, open_page: OpenPage, feedback: FeedbackStore) -> None:
    page = open_page(hand_made_site)
    ask(page, "天气怎么样？")
    expect(page.locator("#chat .refusal")).to_be_visible()
    page.locator("#feedback-up").click()
    expect(page.locator("#feedback-told")).to_have_text("Thank you.")
    assert feedback.rated()[-1].answer["answered"] is False
    assert last_rating(feedback) == ("天气怎么样？", "up", None)


def test_without_an_answer_there_is_nothing_to_rate(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#feedback-up")).to_be_visible()
    ask(page, "fail")
    expect(page.locator("#chat .notice").last).to_contain_text("cannot be searched right now")
    expect(page.locator("#feedback-up")).to_have_count(0)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#feedback-up")).to_be_visible()
    page.locator("#new").click()
    expect(page.locator("#chat .asked")).to_have_count(0)
    expect(page.locator("#feedback-up")).to_have_count(0)


def test_a_rating_that_cannot_be_kept_is_said_and_what_was_typed_stays(
    hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    page.locator("#feedback-down").click()
    page.locator("#feedback-correct textarea").fill("Drei Mäuse.")
    monkeypatch.setattr(hand_made, "_feedback", None)
    page.locator("#feedback-send").click()
    expect(page.locator("#feedback-told")).to_contain_text("could not be kept")
    expect(page.locator("#feedback-correct textarea")).to_have_value("Drei Mäuse.")


def test_a_rating_is_given_by_keyboard(hand_made_site: str, open_page: OpenPage, feedback: FeedbackStore) -> None:
    page = open_page(hand_made_site)
    ask(page, "Mit Tasten?")
    page.locator("#feedback-up").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#feedback-down")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#feedback-correct")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#feedback-correct textarea")).to_be_focused()
    page.keyboard.type("Drei.")
    page.keyboard.press("Enter")
    expect(page.locator("#feedback-correct")).to_have_count(0)
    assert last_rating(feedback) == ("Mit Tasten?", "down", "Drei.")


# --- Evaluation runs ----------------------------------------------------------------------------------------


def test_the_runs_are_listed_anew_whenever_the_tab_is_opened_and_open_their_reports(
    hand_made_site: str, open_page: OpenPage, runs: Path
) -> None:
    page = open_page(hand_made_site, locale="de-DE")
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#chat .answer")).to_be_visible()
    page.get_by_role("tab", name="Auswertung").click()
    expect(page.locator("#runs .empty code")).to_have_text("python -m eval run")

    write_run(runs, "läufe 评测", started="2024-05-21T09:05:00+00:00")
    write_run(runs, "spoiled", leaked=3, started="2024-05-22T09:05:00+00:00")
    page.get_by_role("tab", name="Fragen").click()
    expect(page.locator("#chat .answer")).to_be_visible()
    page.get_by_role("tab", name="Auswertung").click()
    expect(page.locator("#runs .run h3")).to_have_text(["spoiled", "läufe 评测"])
    first, second = page.locator("#runs .run").all()
    expect(first.locator(".leaked")).to_contain_text("Ungültig")
    expect(second.locator(".leaked")).to_have_count(0)
    expect(second.locator(".meta")).to_contain_text("21. Mai 2024, 09:05 UTC")
    expect(second.locator("dd")).to_have_text("0,98 (0,95–1,00) n = 64")
    with page.expect_popup() as popup:
        page.get_by_role("link", name="läufe 评测").click()
    expect(popup.value.locator("h1")).to_have_text("Report of läufe 评测")
    popup.value.close()


def test_the_tabs_work_by_keyboard_and_on_a_phone(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site, viewport={"width": 390, "height": 844}, has_touch=True)
    page.get_by_role("tab", name="Evaluation").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#runs h2")).to_be_visible()
    expect(page.locator("#question")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_run_whose_name_leads_out_is_not_served(hand_made_site: str) -> None:
    assert httpx2.get(f"{hand_made_site}/evaluation/%2e%2e/report.html").status_code == 404


# --- The server around the page -----------------------------------------------------------------------------


def test_the_page_and_its_parts_have_the_security_headers(hand_made_site: str) -> None:
    for path in ("/", "/config", "/theme.css", "/nothing"):
        assert "default-src 'none'" in httpx2.get(hand_made_site + path).headers["content-security-policy"]


def test_a_mistyped_route_is_not_answered_by_the_page(hand_made_site: str) -> None:
    assert httpx2.get(f"{hand_made_site}/api/aks").json()["error"]["type"] == "not_found"
    assert httpx2.get(f"{hand_made_site}/api/ask").status_code == 405
