"""What an eye would see on the pages and no rule of accessibility has: circles, names of ticks, buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from dashboard.conftest import ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    Visit = Callable[..., Page]

# The circles that lie over a quarter of another one's number or more.
COVERED = """() => {
  const circles = [...document.querySelectorAll("#map .cluster")].map((one) => {
    const { left, top, width } = one.querySelector(".disc").getBoundingClientRect();
    return { text: one.querySelector("text").textContent, x: left + width / 2, y: top + width / 2, r: width / 2 };
  });
  return circles.flatMap((one, n) => circles.slice(0, n)
    .filter((other) => Math.hypot(one.x - other.x, one.y - other.y) < 0.8 * (one.r + other.r))
    .map((other) => `${one.text} and ${other.text}`));
}"""
# The names of ticks that end beyond the chart.
CUT = """(chart) => [...chart.querySelectorAll(".tick text")]
  .filter((one) => one.getBoundingClientRect().right > chart.getBoundingClientRect().right + 1)
  .map((one) => one.textContent)"""
# By how much the text of each button or link stands below the middle of it.
BELOW = """(all) => all.map((one) => {
  const range = document.createRange();
  range.selectNodeContents(one);
  const [text, box] = [range.getBoundingClientRect(), one.getBoundingClientRect()];
  return Math.abs(text.top + text.bottom - box.top - box.bottom) / 2;
})"""
BACKGROUND = "button => getComputedStyle(button).backgroundColor"


def test_numbers_in_the_circles_can_be_read_on_a_phone(visit: Visit, crowd_server: Any) -> None:
    page = visit(crowd_server, "?kind=attack&measure=launched", viewport={"width": 390, "height": 844})
    expect(page.locator("#map .cluster").nth(5)).to_be_attached()
    ready(page)
    assert page.evaluate(COVERED) == []


def test_the_last_tick_is_named_to_its_end(visit: Visit, crowd_server: Any) -> None:
    given = "?since=2022-09-19&until=2026-11-30&interval=week"
    page = visit(crowd_server, given, viewport={"width": 2560, "height": 1440})
    chart = page.get_by_role("slider", name="Time")
    expect(chart.locator(".tick text", has_text="21 Sept")).to_be_attached()
    assert chart.evaluate(CUT) == []


def test_buttons_look_alike_whatever_they_are(visit: Visit, open_server: Any) -> None:
    page = visit(open_server)
    ready(page)
    texts = page.locator("#events .actions :is(button, a)").evaluate_all(BELOW)
    assert len(texts) > 8
    assert max(texts) < 0.5

    page.locator("#live").focus()
    page.keyboard.press("?")
    first = page.get_by_role("dialog").get_by_role("button", name="Close").evaluate(BACKGROUND)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Cite", exact=True).click()
    assert page.get_by_role("dialog").get_by_role("button", name="Close").evaluate(BACKGROUND) == first
