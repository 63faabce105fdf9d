"""Events over time in a browser: numbers are the API's, and a time is chosen by mouse, touch and keys."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from dashboard.conftest import asked, broken, counted, query, ready, swipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conftest import MakeEvent
    from playwright.sync_api import Page

    Visit = Callable[..., Page]
    Axe = Callable[..., None]

DAYS_AGO = [datetime.now(UTC).date() - timedelta(days=n) for n in range(30)]
CELLS = """rows => rows.map((row) => [
  row.dataset.start, ...[...row.cells].slice(1).map((cell) => Number(cell.textContent.replaceAll(",", ""))),
])"""

# Whether the box ends with a row, and has at least ten if there are so many.
WHOLE_ROWS = """(box) => {
  const end = box.getBoundingClientRect().top + box.clientHeight;
  const rows = [...box.querySelectorAll("tbody tr")].map((row) => row.getBoundingClientRect());
  const seen = rows.filter(({ bottom }) => bottom <= end + 1);
  return seen.length >= Math.min(10, rows.length) && !rows.some(({ top, bottom }) => top < end - 1 && bottom > end + 1);
}"""


def table_of(page: Page) -> list[list[Any]]:
    """The rows of the table: the start, and the numbers."""
    if page.locator("#series .numbers[open]").count() == 0:
        page.locator("#series .numbers summary").click()
    expect(page.locator("#series .numbers tbody tr").first).to_be_attached()
    rows: list[list[Any]] = page.locator("#series .numbers tbody tr").evaluate_all(CELLS)
    return rows


def telling(rows: list[dict[str, Any]]) -> list[str]:
    """The parts of a measure that the table has: low and high only where a row has another number there."""
    return [part for part in ("low", "best", "high") if part == "best" or any(row[part] != row["best"] for row in rows)]


def series(served: Any, page: Page, interval: str, measure: str = "count", more: str = "") -> list[dict[str, Any]]:
    rows = served.get(f"/v1/stats/series?interval={interval}&measure={measure}{more}&{query(page)}")
    return list(rows)


@pytest.mark.parametrize(
    ("given", "interval", "measure"),
    [
        ("", "week", "count"),
        ("?kind=attack&measure=launched&timezone=Europe/Kyiv", "week", "launched"),
        (f"?country=UA&since={DAYS_AGO[9]}&until={DAYS_AGO[2]}&measure=killed&timezone=Europe/Kyiv", "hour", "killed"),
        ("?kind=sanction_move&interval=quarter", "quarter", "count"),
    ],
)
def test_every_number_is_the_apis(visit: Visit, crowd_server: Any, given: str, interval: str, measure: str) -> None:
    page = visit(crowd_server, given)
    ready(page)

    rows = [row for row in series(crowd_server, page, interval, measure) if row["count"]]
    parts = ["count"] if measure == "count" else ["count", *telling(rows)]
    if page.locator("#series .numbers[open]").count() == 0:
        page.locator("#series .numbers summary").click()
    expect(page.locator("#series .numbers tbody tr")).to_have_count(len(rows))
    assert table_of(page) == [[row["start"], *(row[part] for part in parts)] for row in rows]
    expect(page.locator("#series .note").first).to_contain_text(f"per {interval}")


def test_two_measures_are_compared(visit: Visit, open_server: Any, axe: Axe) -> None:
    page = visit(open_server, "?kind=attack&measure=launched&interval=month")
    ready(page)
    page.get_by_label("Compare with").select_option("intercepted")
    expect(page.locator("#series .line-second")).to_be_attached()
    ready(page)

    both = [series(open_server, page, "month", measure) for measure in ("launched", "intercepted")]
    parts = ("low", "best", "high")

    def numbers(*shown: Iterable[str]) -> list[list[Any]]:
        return [
            [row["start"], row["count"], *(row[part] for part in shown[0]), *(beside[part] for part in shown[1])]
            for row, beside in zip(*both, strict=True)
        ]

    assert table_of(page) == [row for row in numbers(*map(telling, both)) if row[1]]
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download this table").click()
    lines = [line.split(",") for line in saved.value.path().read_text(encoding="utf-8-sig").splitlines()]
    assert lines[0][2:] == ["Events", *(f"{name}: {part}" for name in ("launched", "intercepted") for part in parts)]
    assert [[line[0], *map(int, line[2:])] for line in lines[1:]] == numbers(parts, parts)
    axe(page, "#series")


@pytest.mark.parametrize("width", [1440, 390])
def test_tables_break_no_number_and_show_that_there_is_more(visit: Visit, open_server: Any, width: int) -> None:
    months = [f"{2023 + n // 12}-{n % 12 + 1:02}-01T00:00:00+00:00" for n in range(25)]
    rows = [
        {"start": start, "end": end, "count": 108, "low": 3906 + n, "best": 13907, "high": 1013908, "group": None}
        for n, (start, end) in enumerate(pairwise(months))
    ]
    page = visit(open_server, viewport={"width": width, "height": 900})
    page.route("**/v1/stats/series?*", lambda route: route.fulfill(json=rows))
    page.goto(f"{open_server.url}/?measure=launched&compare=intercepted&interval=month")
    ready(page)

    for panel in ("#series", "#map"):
        page.locator(f"{panel} .numbers summary").click()
        box = page.locator(f"{panel} .scroll-box")
        expect(box.locator("tbody tr").first).to_be_visible()
        assert broken(page, f"{panel} .numbers") == []
        assert box.evaluate(WHOLE_ROWS)
        edges = box.locator("..")
        more = box.evaluate("box => box.scrollWidth > box.clientWidth + 1")
        assert ("right" in (edges.get_attribute("data-more") or "")) == more
        if more:
            box.press("End")
            for _ in range(12):
                box.press("ArrowRight")
            expect(edges).to_have_attribute("data-more", re.compile("left"))
            expect(edges).not_to_have_attribute("data-more", re.compile("right"))


@pytest.mark.parametrize("facet", ["kind", "country", "munition"])
def test_a_breakdown_adds_up(visit: Visit, open_server: Any, facet: str, axe: Axe) -> None:
    page = visit(open_server, "?interval=month" + ("&kind=attack" if facet == "munition" else ""))
    ready(page)
    page.get_by_label("Break down by").select_option(facet)
    expect(page.locator("#series .legend li").first).to_be_visible()
    ready(page)

    heads = page.locator("#series .legend .note").all_inner_texts()
    named = f"/v1/stats/facets?facet={facet}&limit=1000&{query(page)}"
    counts = [row["count"] for row in open_server.get(named)["facets"][facet]]
    drawn = [int(head.replace(",", "")) for head in heads]
    assert drawn[:7] == counts[:7]
    assert len(drawn) == (8 if len(counts) > 7 else len(counts))
    for row in table_of(page):
        assert sum(row[2:]) >= row[1] or facet != "kind"
    assert asked(page)["group_by"] == [facet]
    axe(page, "#series")


def test_a_time_is_chosen_by_mouse_touch_and_keys(visit: Visit, open_server: Any) -> None:
    page = visit(open_server, "?since=2025-09-01&until=2025-10-01&interval=day")
    ready(page)
    chart = page.get_by_role("slider", name="Time")

    chart.focus()
    for key in ("Home", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    expect(chart).to_have_attribute("aria-valuetext", "4 Sept 2025: 0 events")
    page.keyboard.press("Escape")
    expect(page.locator("#series .apply")).to_have_count(0)
    for key in ("Home", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert asked(page) == {"since": ["2025-09-02"], "until": ["2025-09-05"], "interval": ["day"]}
    counted(page, open_server.get(f"/v1/events/count?{query(page)}")["count"])
    page.go_back()
    ready(page)

    expect(page.locator("#series-keys")).to_contain_text("Drag to choose a time.")
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 80, steps=4)
    page.mouse.up()
    expect(page.locator("#chips")).not_to_contain_text("30 Sept")
    assert "2025-09-01" < asked(page)["since"][0] < asked(page)["until"][0] < "2025-10-01"
    ready(page)
    assert sum(row[1] for row in table_of(page)) == open_server.get(f"/v1/events/count?{query(page)}")["count"]


def test_a_swipe_scrolls_and_a_tap_asks_first(visit: Visit, open_server: Any) -> None:
    page = visit(open_server, "?interval=month", viewport={"width": 390, "height": 600}, has_touch=True, is_mobile=True)
    ready(page)
    chart = page.get_by_role("slider", name="Time")
    chart.scroll_into_view_if_needed()
    box, before = chart.bounding_box(), page.evaluate("scrollY")
    assert box is not None
    swipe(page, (box["x"] + 150, box["y"] + 100, 0, -200))
    page.wait_for_function("before => scrollY > before + 50", arg=before)
    assert asked(page) == {"interval": ["month"]}
    expect(page.locator("#series .apply")).to_have_count(0)

    expect(page.locator("#series-keys")).to_contain_text("Tap a time, or swipe sideways over several; a button")
    chart.tap()
    expect(page.locator("#series .readout")).to_have_text(re.compile(r": \d+ events?$"))
    page.locator("#series .apply").tap()
    assert asked(page).keys() == {"since", "until", "interval"}
    page.go_back()
    ready(page)
    box = chart.bounding_box()
    assert box is not None
    swipe(page, (box["x"] + 100, box["y"] + 100, 150, 0))
    expect(page.locator("#series .apply")).to_contain_text("–")
    assert asked(page) == {"interval": ["month"]}


def test_intervals_and_presets(visit: Visit, own_server: Any, make_event: MakeEvent) -> None:
    old = own_server.call("POST", "/v1/events", json=make_event(started_at="1950-01-01T00:00:00Z"))
    page = visit(own_server, "?interval=hour")

    alert = page.locator("#series").get_by_role("alert")
    expect(alert).to_contain_text("more than 10,000 rows")  # said, with a way out
    alert.get_by_role("button", name="per month").click()
    expect(page.locator("#series svg path").first).to_be_visible()
    expect(alert).to_have_count(0)
    page.get_by_label("Interval").select_option("")
    expect(page.locator("#series .note").first).to_contain_text("per quarter")

    page.goto(f"{own_server.url}/?id={old['id']}")  # one bucket: the axis ends with it
    ready(page)
    assert [row[0] for row in table_of(page)] == ["1950-01-01T00:00:00+00:00"]
    expect(page.locator("#series .readout")).to_have_text("1 Jan 1950 to 1 Jan 1950")
    assert page.locator("#series .tick text").filter(has_text="20").count() == 0

    for name, kept in (("24 h", True), ("7 d", True), ("30 d", True), ("1 y", True), ("All", False)):
        preset = page.locator("#series").get_by_role("button", name=name, exact=True)
        preset.click()
        expect(preset).to_have_attribute("aria-pressed", "true")
        assert asked(page).get("period", []) == ([name.replace(" ", "")] if kept else [])
        expect(page.locator("#series .trouble")).to_have_count(0)


@pytest.mark.parametrize(
    ("period", "name"), [("24h", "last 24 hours"), ("7d", "last 7 days"), ("30d", "last 30 days"), ("1y", "last year")]
)
def test_what_goes_with_a_period_is_said_of_each(visit: Visit, open_server: Any, period: str, name: str) -> None:
    page = visit(open_server, f"?period={period}")
    expect(page.locator("#events .actions .hint")).to_have_text(
        f"The link keeps the period “{name}”, which moves with time. "
        "A file has the events of that period as it is now. "
        "An Atom feed and a webhook go on by themselves, so they leave the period out."
    )


def test_a_period_moves_with_time_and_what_the_api_is_asked_with_it(visit: Visit, open_server: Any) -> None:
    page = visit(open_server)
    ready(page)

    def shows(today: str, since: str) -> None:
        page.clock.set_fixed_time(f"{today}T10:20:30Z")
        page.reload()
        ready(page)
        counted(page, open_server.get(f"/v1/events/count?country=UA&since={since}")["count"])
        expect(page.get_by_label("From", exact=True)).to_have_value(since[:10])
        expect(page.locator("#code dd").nth(1)).to_have_text(
            f"/v1/events/count?country=UA&{urlencode({'since': since})}"
        )
        expect(page.locator("#code dd").nth(6)).to_have_text("/v1/feed/stream?country=UA")

    page.goto(f"{open_server.url}/?country=UA&period=24h")
    shows("2025-09-08", "2025-09-07T10:00:00Z")
    page.get_by_role("button", name="7 d", exact=True).click()
    shows("2025-09-09", "2025-09-02")
    shows("2025-09-10", "2025-09-03")
    assert asked(page) == {"country": ["UA"], "period": ["7d"]}
    expect(page.locator("#chips li").nth(1)).to_have_text("time last 7 days")
    expect(page.locator("#events .actions .hint")).to_contain_text("An Atom feed and a webhook go on by themselves")
    webhook = page.get_by_role("link", name="Webhook from this filter").get_attribute("href")
    assert webhook == f"{open_server.url}/subscriptions?country=UA"
    page.get_by_role("button", name="Atom feed").click()
    addresses = page.get_by_role("dialog").locator(".quoted")
    expect(addresses.first).to_have_text(f"{open_server.url}/v1/events.atom?country=UA")
    expect(addresses.last).to_contain_text("export?country=UA&since=2025-09-03&format=csv")
    page.keyboard.press("Escape")

    page.get_by_label("Until", exact=True).fill("2025-09-09")
    counted(page, open_server.get("/v1/events/count?country=UA&since=2025-09-03&until=2025-09-10")["count"])
    assert asked(page) == {"country": ["UA"], "since": ["2025-09-03"], "until": ["2025-09-10"]}
    page.get_by_role("button", name="30 d", exact=True).click()
    page.get_by_role("button", name="Take off time last 30 days").click()
    expect(page.locator("#chips li")).to_have_count(1)
    assert asked(page) == {"country": ["UA"]}
