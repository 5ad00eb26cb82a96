"""The page for everybody: what axe-core says of it, and what is needed by keyboard, magnified, or without motion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe import grave_findings
from page_fixtures import OpenPage, ask
from playwright.sync_api import Page, expect
from web_fakes import HandMadeAssistant, write_run

pytest_plugins = ["page_fixtures"]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
MAGNIFIED = {"width": 640, "height": 400}  # what is left of 1280 x 800 at 200 %
# Each look with each width, and the three languages taking turns.
LOOKS: dict[str, dict[str, Any]] = {
    "light on a phone, en": {"color_scheme": "light", "viewport": PHONE, "locale": "en-US"},
    "light on a desk, zh": {"color_scheme": "light", "viewport": DESK, "locale": "zh-CN"},
    "dark on a phone, de": {"color_scheme": "dark", "viewport": PHONE, "locale": "de-DE"},
    "dark on a desk, en": {"color_scheme": "dark", "viewport": DESK, "locale": "en-US"},
}
SPOILED = """() => {
  const box = document.querySelector('#masthead');
  box.append(document.createElement('button'), Object.assign(document.createElement('p'), {textContent: 'Pale'}));
  box.lastChild.style.color = '#ddd';
  box.lastChild.style.background = '#fff';
}"""
BLINK = 0.02  # seconds; nobody sees such a motion


# --- The states of the page, one after the other -------------------------------------------------------------


def empty(page: Page) -> None:
    expect(page.locator("#chat .welcome")).to_be_visible()


def answered(page: Page) -> None:
    ask(page, "How quickly does a data breach have to be reported?")
    expect(page.locator("#chat .answer:not(.going-on)")).to_contain_text("72 hours")
    page.locator("#chat a.cite").first.click()
    expect(page.locator("#sources .card:target mark")).to_be_visible()


def everything_unfolded(page: Page) -> None:
    page.locator("#filters button").first.click()
    page.locator("#filter-lang input").first.check()
    expect(page.locator("#filters-chosen .chip")).to_be_visible()
    page.locator("#history summary").click()
    expect(page.locator("#history .open-conversation").first).to_be_visible()
    page.locator("#chat a.cite").first.focus()
    expect(page.get_by_role("tooltip")).to_be_visible()


def refused(page: Page) -> None:
    ask(page, "What is Tesla's market share in Norway?")
    expect(page.locator("#chat .refusal")).to_be_visible()


def article_open(page: Page) -> None:
    page.locator("#tab-articles-button").click()
    page.locator("#articles .open-article").first.click()
    expect(page.locator("#article .reading")).to_be_visible()


def evaluated(page: Page) -> None:
    page.locator("#tab-evaluation-button").click()
    expect(page.locator("#runs .run").first).to_be_visible()


STATES: list[Callable[[Page], None]] = [empty, answered, everything_unfolded, refused, article_open, evaluated]


@pytest.fixture(scope="module", autouse=True)
def a_run(runs: Path) -> None:
    write_run(runs, "spoiled", leaked=3)


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_grave(site: str, open_page: OpenPage, look: str) -> None:
    page = open_page(site, **LOOKS[look])
    found = []
    for state in STATES:  # one after the other on one page: loading it is most of the work
        state(page)
        found += [f"{state.__name__}: {finding}" for finding in grave_findings(page)]
    assert not found, "\n\n".join(found)


def test_axe_would_find_a_button_without_a_name_and_words_too_pale_to_read(
    hand_made_site: str, open_page: OpenPage
) -> None:
    page = open_page(hand_made_site)
    page.evaluate(SPOILED)
    found = "\n".join(grave_findings(page))
    assert "button-name (critical)" in found
    assert "color-contrast (serious)" in found


# --- Magnified ----------------------------------------------------------------------------------------------


def test_at_twice_the_size_nothing_needs_sideways_scrolling(site: str, open_page: OpenPage) -> None:
    page = open_page(site, viewport=MAGNIFIED, device_scale_factor=2)
    for state in STATES:
        state(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= MAGNIFIED["width"], state.__name__


# --- By keyboard --------------------------------------------------------------------------------------------

FOCUSED = """() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const shadow = style.boxShadow !== 'none' && style.boxShadow;
  return {
    name: one.id || (one.closest('[id]')?.id ?? '') + ' ' + one.tagName.toLowerCase() + '.' + one.className,
    body: one === document.body,
    ring: (parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none' && style.outlineColor) || shadow,
    follows: !window.before || !!(window.before.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING),
    left: (window.before = one) && 0,
  };
}"""


def tabbed_through(page: Page) -> list[dict[str, Any]]:
    """From the question box on, what the Tab key comes to until it leaves the page."""
    page.locator("#question textarea").focus()
    page.evaluate(FOCUSED)
    reached: list[dict[str, Any]] = []
    while len(reached) < 100:
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        if reached[-1]["body"]:
            return reached[:-1]
    raise AssertionError(f"Tab never leaves the page: {[one['name'] for one in reached]}")


def test_tab_goes_through_the_page_in_the_order_of_its_parts(hand_made_site: str, open_page: OpenPage) -> None:
    page = open_page(hand_made_site)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#feedback-up")).to_be_visible()
    reached = tabbed_through(page)
    assert [one["name"] for one in reached if not one["follows"]] == []
    names = [one["name"] for one in reached]
    assert any("source" in name for name in names[names.index("ask") :]), names


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_has_the_focus_has_a_ring(hand_made_site: str, open_page: OpenPage, scheme: str) -> None:
    page = open_page(hand_made_site, color_scheme=scheme)
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#feedback-up")).to_be_visible()
    assert [one["name"] for one in tabbed_through(page) if not one["ring"]] == []


# --- Without motion -----------------------------------------------------------------------------------------

MOVING = """blink => {
  const seconds = list => Math.max(...list.split(',').map(parseFloat));
  const shown = [...document.querySelectorAll('.gradio-container *')]
    .filter(one => one.checkVisibility({opacityProperty: true, visibilityProperty: true}));
  const told = one => `${one.tagName.toLowerCase()}#${one.id}.${one.getAttribute('class')}`;
  const able = shown.filter(one => {
    const style = getComputedStyle(one);
    const moves = style.animationName !== 'none' && seconds(style.animationDuration) > blink;
    return moves || seconds(style.transitionDuration) > blink || style.scrollBehavior === 'smooth';
  });
  const timing = one => one.effect.getComputedTiming();
  const running = document.getAnimations().filter(one => timing(one).endTime > blink * 1000);
  return [...able.map(told), ...running.map(one => 'running in ' + told(one.effect.target))];
}"""


def test_who_wants_no_motion_sees_none(hand_made_site: str, open_page: OpenPage, hand_made: HandMadeAssistant) -> None:
    page = open_page(hand_made_site, reduced_motion="reduce")
    ask(page, "slow")
    expect(page.locator("#chat .notice")).to_be_visible()
    moving = page.evaluate(MOVING, BLINK)
    hand_made.released.set()
    expect(page.locator("#chat .answer:not(.going-on)")).to_be_visible()
    page.locator("#chat a.cite").first.click()
    expect(page.locator("#sources .card:target")).to_be_visible()
    moving += page.evaluate(MOVING, BLINK)
    assert not moving, "\n".join(sorted(set(moving)))
