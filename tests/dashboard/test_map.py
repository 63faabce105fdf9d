"""The map in a browser: its numbers are the API's, it filters, and it neither traps the keyboard nor the finger."""

from __future__ import annotations

import re
from math import asinh, pi, radians, tan
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from dashboard.conftest import PATIENCE_MS, Served, ready, swipe
from dashboard.crowd import KYIV

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeEvent
    from playwright.sync_api import Page

    Visit = Callable[..., Page]

POLL_MS = 100
SLOW_MS = 8 * PATIENCE_MS  # software draws for WebGL, beside other tests
NO_WEBGL = """
  const own = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
    return kind === "webgl2" ? null : own.call(this, kind, ...more);
  };
"""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TOLD = {
    "attack": "Attack",
    "negotiation_round": "Talks",
    "sanction_move": "Sanctions",
    "security_guarantee": "Guarantee",
}
# Of a row of the legend: the kind, its number and its colour; of a circle: the kinds that its title tells, and its rim.
LEGEND = """rows => rows.map((row) =>
  [row.childNodes[1].data.trim(), Number(row.querySelector(".note").textContent),
    getComputedStyle(row.querySelector("i")).backgroundColor])"""
RIMS = """circles => circles.map((circle) => [
  circle.querySelector("title").textContent.split("\\n").slice(1).map((line) => line.split(":")[0]),
  [...circle.querySelectorAll(".rim")].map((rim) => getComputedStyle(rim).stroke),
])"""
SUM = "() => [...document.querySelectorAll('#map .cluster')].reduce((sum, one) => sum + Number(one.dataset.count), 0)"

CIRCLES = """all => all.map(({ dataset: { key, count } }) => [...key.split("/")[1].split(","), count].map(Number))"""
# Bytes that came of the API's answers.
ANSWERED = """() => performance.getEntriesByType("resource").filter(({ name }) => name.includes("/v1/"))
  .reduce((sum, { transferSize }) => sum + transferSize, 0)"""
WORLD = "-180,-90,180,90"
ZOOMED = "(least) => Number(document.querySelector('#map .frame').dataset.zoom) >= least"


def look(page: Page) -> Any:
    return page.locator("#map .frame")


def turned_to(page: Page) -> None:
    """MapLibre has taken over."""
    expect(look(page)).to_have_attribute("data-state", "full", timeout=SLOW_MS)


def until(page: Page, script: str, arg: Any = None) -> None:
    """The script comes to give true; wait_for_function would need what the policy forbids."""
    for _ in range(SLOW_MS // POLL_MS):
        if page.evaluate(script, arg):
            return
        page.wait_for_timeout(POLL_MS)
    raise AssertionError(script, arg, page.evaluate(SUM), page.url)


def adds_up(page: Page, total: int) -> None:
    """The circles hold so many events."""
    until(page, f"(total) => ({SUM})() === total", total)


def circles(page: Page) -> dict[tuple[int, int], int]:
    """The count of each circle, by column and row of its cell."""
    return {(x, y): count for x, y, count in page.locator("#map .cluster").evaluate_all(CIRCLES)}


def grid(served: Served, zoom: int, box: str = "") -> dict[tuple[int, int], int]:
    """The same by the API."""
    cells = served.get(f"/v1/stats/grid?zoom={zoom}{box and '&bbox='}{box}")["cells"]
    return {cell(lon, lat, zoom): count for lon, lat, count, *_ in cells}


def cell(lon: float, lat: float, zoom: int) -> tuple[int, int]:
    """The column and the row of the web map that a point lies in."""
    side = 4 * 2**zoom
    return int((lon + 180) / 360 * side), int((1 - asinh(tan(radians(lat))) / pi) / 2 * side)


def as_the_grid(page: Page, served: Served, asked: dict[str, list[str]]) -> bool:
    """The circles have what the API says of the box asked for, up to two cells of which lie outside the frame."""
    box, zoom = asked["bbox"][0], int(asked["zoom"][0])
    west, south, east, north = map(float, box.split(","))
    (left, top), (right, bottom) = cell(west, north, zoom), cell(east, south, zoom)
    cells = grid(served, zoom, box)
    inner = {(x, y): n for (x, y), n in cells.items() if left + 2 <= x <= right - 2 and top + 2 <= y <= bottom - 2}
    assert inner
    return inner.items() <= circles(page).items() <= cells.items()


def zoom_of(page: Page) -> str:
    return (page.locator("#map .cluster").first.get_attribute("data-key") or "").partition("/")[0]


def area_of(page: Page) -> tuple[float, float, float, float]:
    page.locator("#map .ground").scroll_into_view_if_needed()
    box = page.locator("#map .ground").bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def filters(page: Page, pattern: str, served: Served) -> dict[str, str]:
    """What a part of the map put into the address; the page counts as the API does, and draws what it counts."""
    page.wait_for_url(re.compile(pattern))
    query = page.evaluate("location.search.slice(1)")
    count = served.get(f"/v1/events/count?{query}")["count"]
    expect(page.locator("#count")).to_have_text(f"{count:,} event{'' if count == 1 else 's'}")
    expect(page.locator("#map .area")).to_have_count(1)
    adds_up(page, count)
    return dict(re.findall(r"(bbox|near|radius_km)=([^&]+)", query.replace("%2C", ",")))


def test_circles_hold_every_event_split_and_lead_to_it(
    visit: Visit, crowd_server: Served, axe: Callable[..., None]
) -> None:
    page = visit(crowd_server)
    asked: list[dict[str, list[str]]] = []
    page.on("request", lambda one: asked.append(parse_qs(urlsplit(one.url).query)) if "/grid?" in one.url else None)
    page.wait_for_selector("#map .cluster", state="attached")
    adds_up(page, crowd_server.get(f"/v1/events/count?bbox={WORLD}")["count"])
    assert circles(page) == grid(crowd_server, int(zoom_of(page)))
    loaded = "() => performance.getEntriesByType('resource').filter(({ name }) => /maplibre|detail-/.test(name)).length"
    assert page.evaluate(loaded) == 0

    page.locator("#map .ground").focus()
    turned_to(page)
    before = page.evaluate(ANSWERED)
    for move in ("++", ["ArrowLeft", "ArrowUp"]):
        asked.clear()
        for name in move:
            page.keyboard.press(name)
        for _ in range(SLOW_MS // POLL_MS):
            if asked and as_the_grid(page, crowd_server, asked[-1]):
                break
            page.wait_for_timeout(POLL_MS)
        assert as_the_grid(page, crowd_server, asked[-1])
        assert 0 < page.evaluate(ANSWERED) - before < 50_000
        before = page.evaluate(ANSWERED)

    page = visit(crowd_server, "?q=Mapped")
    adds_up(page, 20)
    assert crowd_server.get("/v1/events/count?q=Mapped")["count"] == 20

    page.locator("#map .ground").focus()
    turned_to(page)
    adds_up(page, 20)
    page.locator("#map .cluster[data-count='18']").click()
    page.locator("#map .cluster[data-count='12']").click(timeout=SLOW_MS)

    here = page.locator("#map .here")
    expect(here.get_by_role("heading")).to_be_focused()
    expect(here.locator("li a")).to_have_count(12)
    axe(page, "#map")
    box = f"{KYIV[1]},{KYIV[0]},{KYIV[1]},{KYIV[0]}"
    id_ = crowd_server.get(f"/v1/events?bbox={box}&q=Mapped&limit=1")["items"][0]["id"]
    expect(here.locator("li a").first).to_have_attribute("href", f"{crowd_server.url}/events/{id_}")
    page.keyboard.press("Escape")
    expect(page.locator("#map .ground")).to_be_focused()


def test_keys_and_buttons_move_the_map_and_its_size_may_change(visit: Visit, crowd_server: Served) -> None:
    page = visit(crowd_server, "?q=Mapped&bbox=20,40,50,60&measure=killed", color_scheme="dark")
    adds_up(page, 18)
    ground = page.locator("#map .ground")
    expect(ground).to_have_attribute("aria-label", re.compile("Arrow keys move it"))
    ground.focus()
    turned_to(page)
    before = float(look(page).get_attribute("data-zoom") or "")

    for key in ("+", "+", "-", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
    until(page, ZOOMED, before + 0.99)
    page.keyboard.press("0")
    adds_up(page, 18)
    best = crowd_server.get("/v1/stats/grid?q=Mapped&bbox=20,40,50,60&measure=killed&zoom=12")["cells"]
    shown = "(circles) => circles.reduce((sum, one) => sum + Number(one.dataset.value), 0)"
    assert page.locator("#map .cluster").evaluate_all(shown) == sum(cell[4] for cell in best)

    stops = []
    for _ in range(12):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.closest('#map') ? document.activeElement.textContent : ''"))
    assert stops[: stops.index("As a table") + 1] == ["+", "As a table"]
    page.keyboard.press("Shift+Tab")
    page.locator("#map summary").press("Enter")
    expect(page.locator("#map tbody th").first).to_contain_text("Ukraine")
    page.evaluate("document.querySelector('#map').hidden = true")
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.querySelector('#map').hidden = false")
    page.emulate_media(color_scheme="light")
    expect(page.locator("#map canvas")).to_have_css("width", f"{area_of(page)[2]:.0f}px", timeout=SLOW_MS)
    adds_up(page, 18)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_box_and_a_radius_are_the_filter(visit: Visit, crowd_server: Served) -> None:
    page = visit(crowd_server, "?q=Mapped")
    page.context.add_init_script(NO_WEBGL)
    page.reload()
    adds_up(page, 20)
    expect(page.locator("#map .unable")).to_contain_text("no WebGL 2")
    x, y, width, height = area_of(page)

    page.get_by_role("button", name="Box", exact=True).click()
    expect(page.get_by_role("button", name="Box", exact=True)).to_have_attribute("aria-pressed", "true")
    page.mouse.move(x + 2, y + 2)
    page.mouse.down()
    page.mouse.move(x + width - 60, y + height / 3)
    page.mouse.move(x + width - 60, y + height - 4)
    page.mouse.up()
    west, _, east, _ = map(float, filters(page, "bbox=", crowd_server)["bbox"].split(","))
    assert west != east
    expect(page.get_by_role("button", name="Box", exact=True)).to_have_attribute("aria-pressed", "false")

    page.get_by_role("button", name="Clear area").click()
    adds_up(page, 20)
    page.get_by_role("button", name="Radius", exact=True).click()
    circle = page.locator("#map .cluster[data-count='18']").bounding_box()
    assert circle is not None
    page.mouse.click(circle["x"] + 12, circle["y"] + 12)
    page.mouse.click(circle["x"] + 32, circle["y"] + 12)
    found = filters(page, "radius_km=", crowd_server)
    assert 0 < float(found["radius_km"]) <= 1000
    assert "bbox" not in found

    page.get_by_role("button", name="Box", exact=True).click()
    page.locator("#map .ground").focus()
    for key in ("ArrowLeft", "ArrowUp", "Enter", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert [*filters(page, "bbox=", crowd_server)] == ["bbox"]
    page = visit(crowd_server, "?q=Mapped&bbox=170,-30,-170,0")
    adds_up(page, 2)
    drawn = "area => area.getBoundingClientRect().width"
    assert page.locator("#map .area").evaluate(drawn) < area_of(page)[2]


def test_one_finger_scrolls_the_page_and_two_zoom(visit: Visit, crowd_server: Served) -> None:
    page = visit(crowd_server, "?q=Mapped", viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True)
    adds_up(page, 20)
    x, y, width, height = area_of(page)
    middle = (x + width / 2, y + height / 2)
    before, scrolled = float(look(page).get_attribute("data-zoom") or ""), page.evaluate("scrollY")

    for finger in (120, 120):
        swipe(page, (*middle, 0, finger))
        until(page, "(before) => scrollY < before", scrolled)
        turned_to(page)
        scrolled = page.evaluate("scrollY")
    assert page.url.endswith("?q=Mapped")
    assert float(look(page).get_attribute("data-zoom") or "") == before

    x, y, width, height = area_of(page)
    middle = (x + width / 2, y + height / 2)
    swipe(page, (middle[0] - 20, middle[1], -80, 0), (middle[0] + 20, middle[1], 80, 0))
    until(page, ZOOMED, before + 0.5)
    assert page.evaluate("visualViewport.scale") == 1

    page.get_by_role("button", name="Radius", exact=True).tap()
    expect(page.locator("#map > .hint")).to_contain_text("Tap the middle and then the edge. Two fingers move the map;")
    at = float(look(page).get_attribute("data-zoom") or "")
    x, y, width, height = area_of(page)
    middle = (x + width / 2, y + height / 2)
    swipe(page, (middle[0] - 20, middle[1], -60, 0), (middle[0] + 20, middle[1], 60, 0))
    until(page, ZOOMED, at + 0.3)
    page.get_by_role("button", name="Box", exact=True).tap()
    expect(page.locator("#map > .hint")).to_contain_text("Tap two corners. Two fingers move the map;")
    x, y, width, height = area_of(page)
    page.touchscreen.tap(x + 20, y + 20)
    page.touchscreen.tap(x + width - 70, y + height - 30)
    page.wait_for_url(re.compile("bbox="))


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        ("placeless", ("No event that matches has coordinates.", "No event that matches has coordinates, so the file")),
        ("unknown", ("Nothing to show: no event matches.", "No event matches, so the file would be empty.")),
    ],
)
def test_an_empty_map_and_file_say_whether_events_match(
    visit: Visit, own_server: Served, make_event: MakeEvent, tag: str, told: tuple[str, str]
) -> None:
    place = {"name": "Nowhere", "role": "target"}
    own_server.call("POST", "/v1/events", json=make_event(locations=[place], tags=["placeless"]))
    page = visit(own_server, f"?tag={tag}")
    ready(page)

    expect(page.locator("#map .nowhere")).to_have_text(told[0])
    page.get_by_role("button", name="GeoJSON", exact=True).click()
    expect(page.locator("#events .actions").get_by_role("alert")).to_contain_text(told[1])


def test_a_kind_has_one_colour_in_the_legend_on_circles_and_on_its_page(visit: Visit, open_server: Served) -> None:
    facets = open_server.get("/v1/stats/facets?facet=kind")["facets"]["kind"]
    located = open_server.get("/v1/events?bbox=-180,-90,180,90&limit=100")["items"]
    page = visit(open_server)
    page.wait_for_selector("#map .cluster", state="attached")
    ready(page)
    seen: dict[str, dict[str, str]] = {}
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        rows = page.locator("#map .legend li").evaluate_all(LEGEND)
        seen[scheme] = legend = {kind: colour for kind, _, colour in rows}
        assert {kind: count for kind, count, _ in rows} == {TOLD[row["value"]]: row["count"] for row in facets}
        circles = page.locator("#map .cluster").evaluate_all(RIMS)
        assert {kind for kinds, _ in circles for kind in kinds} == {TOLD[event["kind"]] for event in located}
        for kinds, colours in circles:
            assert colours == [legend[kind] for kind in kinds]
    assert len({colour for legend in seen.values() for colour in legend.values()}) == 2 * len(TOLD)

    for kind, event in {event["kind"]: event for event in located}.items():
        page.goto(f"{open_server.url}/events/{event['id']}")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            expect(page.locator(".place-map .rim").first).to_have_css("stroke", seen[scheme][TOLD[kind]])


TRANSFERRED = """() => performance.getEntriesByType("resource").filter(({ name }) => !name.includes("maplibre"))
  .map(({ name, transferSize }) => [name, transferSize])"""


@pytest.mark.parametrize("place", ["22,44,40.5,52.5", "33,29,37,34", "12,40,24,49"])
def test_no_view_of_a_tour_of_the_map_is_large(visit: Visit, crowd_server: Served, place: str) -> None:
    page = visit(crowd_server)
    adds_up(page, crowd_server.get(f"/v1/events/count?bbox={WORLD}")["count"])
    page.goto(f"{crowd_server.url}/?bbox={place}")
    page.wait_for_selector("#map .area", state="attached")
    page.locator("#map .ground").focus()
    turned_to(page)
    zoom = float(look(page).get_attribute("data-zoom") or "")
    had = page.evaluate(TRANSFERRED)

    for key in ("+", "+", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowUp", "ArrowLeft", "+", "0"):
        if key == "0":  # once the map has come to rest
            until(page, f"() => ({TRANSFERRED})().some(([name]) => name.includes('world-atlas/detail-'))")
        page.keyboard.press(key)
        zoom += key == "+"
        if key != "0":
            until(page, ZOOMED, zoom - 0.05)
        expect(page.locator("#map")).to_have_attribute("aria-busy", "false", timeout=SLOW_MS)
        have = page.evaluate(TRANSFERRED)
        assert sum(size for _, size in have[len(had) :]) < 50_000, have[len(had) :]
        had = have
    lines = [(name, size) for name, size in page.evaluate(TRANSFERRED) if "world-atlas/detail-" in name]
    assert len({name for name, _ in lines}) == len(lines)  # each once
    assert sum(size for _, size in lines) < 50_000
