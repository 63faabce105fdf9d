"""The dashboard as a reader sees it, in a browser: what it shows is what the API gives, now and as it changes."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeEvent
    from playwright.sync_api import Page

    Visit = Callable[..., Page]

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def ready(page: Page) -> None:
    """Everything is drawn, and the stream is open."""
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator("body")).not_to_have_class("busy")


def counted(page: Page, count: int) -> None:
    expect(page.locator("#count")).to_have_text(f"{count:,} event{'' if count == 1 else 's'}")
    expect(page.locator("body")).not_to_have_class("busy")


def asked(page: Page) -> dict[str, list[str]]:
    """The query of the page's address."""
    return parse_qs(urlsplit(page.url).query)


def query(page: Page, *without: str) -> str:
    """The filter as the API is asked with it."""
    pairs = [(name, value) for name, values in asked(page).items() if name not in without for value in values]
    return urlencode(pairs)


def table_of(page: Page) -> list[list[int]]:
    """The numbers of the series, as its table has them."""
    rows = page.locator("#series .numbers tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].slice(1).map(cell => cell.textContent))"
    )
    return [[int(cell.replace(",", "")) for cell in row] for row in rows]


def check_charts(page: Page, served: Any) -> None:
    """Each number that is shown is the API's for the same filter."""
    filter_ = query(page, "measure")
    count = served.get(f"/v1/events/count?{filter_}")["count"]
    counted(page, count)
    listed = served.get(f"/v1/events?limit=50&{filter_}")["items"]
    expect(page.locator("#list > li")).to_have_count(len(listed))
    measure = asked(page).get("measure", ["count"])[0]
    rows = [row for row in served.get(f"/v1/stats/series?interval=day&measure={measure}&{filter_}") if row["count"]]
    parts = ["count"] if measure == "count" else ["count", "low", "best", "high"]
    assert table_of(page) == [[row[part] for part in parts] for row in rows]
    located = [(event["id"], place) for event in listed for place in event["locations"] if place["lat"] is not None]
    places = {(f"{place['lat']:.2f}", f"{place['lon']:.2f}") for _, place in located}
    points = page.locator("#map circle")
    expect(points).to_have_count(len(places))
    sizes = points.evaluate_all("points => points.map(point => Number(point.dataset.events))")
    ids: dict[tuple[str, str], set[str]] = {}
    for id_, place in located:
        ids.setdefault((f"{place['lat']:.2f}", f"{place['lon']:.2f}"), set()).add(id_)
    assert sorted(sizes) == sorted(len(found) for found in ids.values())
    staged = [event["id"] for event in listed if event["kind"] in {"negotiation_round", "sanction_move"}]
    marks = page.locator("#timeline .mark").evaluate_all("marks => marks.map(mark => mark.dataset.id)")
    assert sorted(marks) == sorted(staged)


@pytest.mark.parametrize(
    "filter_",
    [
        "",
        "?kind=attack&measure=launched&timezone=Europe/Kyiv",
        "?kind=sanction_move&stage=threatened",
        "?country=UA&since=2025-09-01&until=2025-09-08&measure=killed",
        "?q=istanbul&kind=negotiation_round",
        "?bbox=22,44,41,53",
    ],
)
def test_every_number_is_the_apis(visit: Visit, open_server: Any, filter_: str) -> None:
    page = visit(open_server, filter_)

    ready(page)

    check_charts(page, open_server)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("?fbclid=IwAR0&utm_source=x&utm_medium=social&gclid=1&ref=hn&kind=attack", "kind=attack"),
        ("?kind=attack&since=2025-09-01&since=2024-01-01&q=drones&q=talks", "kind=attack&since=2025-09-01&q=drones"),
        ("?kind=attack&measure=nonsense&country=&limit=1&cursor=x&as_of=x&sort=x&_=1#fbclid=1", "kind=attack"),
        ("?kind=attack&near=50,30&Kind=x&__proto__=1&constructor=1", "kind=attack"),
    ],
)
def test_what_links_bring_beside_the_filter_is_left_out(visit: Visit, open_server: Any, given: str, meant: str) -> None:
    page = visit(open_server, given)

    ready(page)

    counted(page, open_server.get(f"/v1/events/count?{meant}")["count"])
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator("#list > li")).to_have_count(len(open_server.get(f"/v1/events?limit=50&{meant}")["items"]))


def test_filters_are_chosen_in_the_bar_and_kept_in_the_address(visit: Visit, open_server: Any) -> None:
    page = visit(open_server)
    ready(page)

    page.locator("#controls").get_by_label("Kind").select_option("sanction_move")
    counted(page, 5)
    page.locator("#own").get_by_label("Stage", exact=False).first.select_option("threatened")
    counted(page, open_server.get("/v1/events/count?kind=sanction_move&stage=threatened")["count"])
    page.get_by_label("Country", exact=True).fill("US")
    page.get_by_label("Country", exact=True).press("Enter")
    expect(page.locator("#chips li button .name")).to_have_text(["kind", "stage", "country"])

    assert asked(page) == {"kind": ["sanction_move"], "stage": ["threatened"], "country": ["US"]}
    check_charts(page, open_server)
    page.go_back()
    page.go_back()
    counted(page, 5)
    expect(page.locator("#controls").get_by_label("Kind")).to_have_value("sanction_move")
    page.get_by_role("button", name="Take off kind sanction_move").click()
    counted(page, 17)
    assert asked(page) == {}


def test_a_box_drawn_on_the_map_is_a_filter(visit: Visit, open_server: Any) -> None:
    page = visit(open_server)
    ready(page)
    kyiv = page.locator("#map circle", has_text="Kyiv").first.bounding_box()
    assert kyiv is not None

    page.mouse.move(kyiv["x"] - 12, kyiv["y"] - 12)
    page.mouse.down()
    page.mouse.move(kyiv["x"] + 20, kyiv["y"] + 20, steps=4)
    page.mouse.up()
    expect(page.locator("#chips .name")).to_have_text(["bbox"])
    ready(page)

    west, south, east, north = map(float, asked(page)["bbox"][0].split(","))
    assert west < 30.52 < east
    assert south < 50.45 < north
    check_charts(page, open_server)
    assert 0 < page.locator("#list > li").count() < 17
    page.locator("#map svg").press("Escape")
    counted(page, 17)


def test_a_box_is_drawn_by_keyboard_too(visit: Visit, open_server: Any) -> None:
    page = visit(open_server)
    ready(page)
    page.locator("#map svg").focus()

    for key in ("ArrowRight", "ArrowUp", "Shift+ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#chips .name")).to_have_text(["bbox"])
    ready(page)

    check_charts(page, open_server)


def test_what_happens_now_appears_changes_and_goes(visit: Visit, own_server: Any, make_event: MakeEvent) -> None:
    page = visit(own_server, "?kind=attack")
    ready(page)
    counted(page, 2)

    made = own_server.call("POST", "/v1/events", json=make_event(title="Rockets over Sumy"))
    arrived = page.locator(f'#list [data-id="{made["id"]}"]')
    expect(arrived.locator("h3")).to_have_text("Rockets over Sumy")
    expect(arrived).to_have_class(re.compile("fresh"))
    counted(page, 3)
    check_charts(page, own_server)

    change = {"title": "Rockets over Sumy, again", "status": "confirmed"}
    own_server.call("PATCH", f"/v1/events/{made['id']}", json=change, headers={"if-match": '"1"'})
    expect(arrived.locator("h3")).to_have_text("Rockets over Sumy, again")
    expect(arrived.locator(".status")).to_have_text("confirmed")
    arrived.get_by_role("button", name="History, 2 versions").click()
    expect(arrived.locator(".history li")).to_have_count(2)

    own_server.call("DELETE", f"/v1/events/{made['id']}?reason=erroneous")
    expect(arrived).to_have_count(0)
    counted(page, 2)
    check_charts(page, own_server)


def test_a_pause_holds_the_page_still(visit: Visit, own_server: Any, make_event: MakeEvent) -> None:
    page = visit(own_server)
    ready(page)

    page.keyboard.press("p")
    expect(page.locator("#live")).to_have_text("Paused")
    own_server.call("POST", "/v1/events", json=make_event(title="Meanwhile"))
    counted(page, 17)
    page.locator("#live").click()

    counted(page, 18)
    ready(page)


def test_a_link_leads_to_one_event_and_to_any_filter_of_the_api(visit: Visit, open_server: Any) -> None:
    event = open_server.get("/v1/events?kind=attack&limit=1")["items"][0]
    page = visit(open_server, f"?id={event['id']}")
    ready(page)
    counted(page, 1)
    expect(page.locator("#list h3")).to_have_text([event["title"]])

    page = visit(open_server, "?publisher=RFE/RL&launched_min=800")
    ready(page)
    expect(page.locator("#chips .name")).to_have_text(["publisher", "launched min"])
    counted(page, 1)


def test_a_refusal_is_said_in_words(visit: Visit, open_server: Any) -> None:
    page = visit(open_server, "?kind=war")

    expect(page.get_by_role("alert")).to_have_text("That value is not in the vocabulary.")


def test_without_a_key_it_asks_for_one(visit: Visit, closed_server: Any) -> None:
    page = visit(closed_server, "?kind=attack")
    dialog = page.get_by_role("dialog")

    expect(dialog).to_contain_text("A key, please")
    dialog.get_by_label("Key", exact=True).fill("sitrep_wrong")
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog.locator("#key-why")).not_to_contain_text("Reading needs a key here.")
    dialog.get_by_label("Key", exact=True).fill(closed_server.key)
    dialog.get_by_role("button", name="Continue").click()
    ready(page)

    check_charts(page, closed_server)
    assert closed_server.key not in page.url
    page.reload()
    ready(page)
    counted(page, 2)


def test_it_says_how_fresh_the_sources_are_and_which_are_silent(visit: Visit, own_server: Any, tmp_path: Path) -> None:
    now = int(time.time())
    columns = (
        "name, type, interval_s, added_at, progress, failures, told_stale, last_success_at, alive_at, last_problem"
    )
    with closing(sqlite3.connect(tmp_path / "sitrep.db", timeout=60)) as database, database:
        for name, since, problem in (("gdelt", 10_000, "The server <b>stands</b> still."), ("ucdp", 130, None)):
            at = (now - since) * 1_000_000
            values = (name, "plain", 900, 0, "{}", 0, 0, at, at, problem)
            database.execute(f"INSERT INTO source ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608 (ours)
    page = visit(own_server)

    ready(page)

    silent = "Data may be old: gdelt was last taken in 2 hours ago. The server <b>stands</b> still."
    expect(page.locator("#stale")).to_have_text(silent)
    expect(page.locator("#fresh")).to_have_text(re.compile(r"Sources: gdelt 2 hours ago, ucdp \d minutes ago"))


def test_keys_do_what_the_help_says(visit: Visit, open_server: Any) -> None:
    page = visit(open_server)
    ready(page)

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next and previous event")
    page.keyboard.press("Escape")
    for key in ("j", "j", "k", "Enter"):
        page.keyboard.press(key)
    page.wait_for_function("document.activeElement === document.querySelector('#list > li')")
    expect(page.locator("#list > li").first.locator(".history li")).to_have_count(1)
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.type("drone")
    counted(page, open_server.get("/v1/events/count?q=drone")["count"])
    page.locator("h2").first.click()
    page.keyboard.press("c")
    counted(page, 17)


def test_what_an_event_says_is_never_markup(visit: Visit, own_server: Any, make_event: MakeEvent) -> None:
    hostile = '<img src=x onerror="document.title=1"><b>bold</b>'
    sources = [{"publisher": hostile, "url": "https://example.org/?a=%22onmouseover"}]
    own_server.call("POST", "/v1/events", json=make_event(title=hostile, summary=hostile, sources=sources))

    page = visit(own_server)
    ready(page)

    expect(page.locator("#list h3").filter(has_text="bold")).to_have_text(hostile)
    assert page.locator("#list img, #list b").count() == 0
    link = page.locator("#list .sources a")
    expect(link).to_have_attribute("href", sources[0]["url"])
    expect(link).to_have_attribute("rel", "noreferrer noopener")


def test_a_timeline_mark_leads_to_its_event(visit: Visit, open_server: Any) -> None:
    page = visit(open_server)
    ready(page)
    mark = page.locator("#timeline .mark").first
    id_ = mark.get_attribute("data-id")

    mark.press("Enter")

    expect(page.locator(f'#list [data-id="{id_}"]')).to_be_focused()


LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1360, "height": 1240}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1360, "height": 1240}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}
CONTRAST = """() => {
  const luminance = (colour) => {
    const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  return ["h2", ".note", "#list .line time", "#list .kind", "#list .text", "#list dt", "#list dd", ".tools a", "#count"]
    .flatMap((selector) => [...document.querySelectorAll(selector)].slice(0, 12).map((element) => {
      const [one, other] = [getComputedStyle(element).color, behind(element)].map(luminance).sort((a, b) => b - a);
      return [selector, (one + 0.05) / (other + 0.05)];
    }));
}"""


@pytest.mark.parametrize("look", LOOKS)
def test_it_is_legible_by_day_by_night_and_on_a_phone(
    visit: Visit, open_server: Any, look: str, request: pytest.FixtureRequest
) -> None:
    page = visit(open_server, **LOOKS[look])
    ready(page)
    expect(page.locator("#map circle").first).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [found for found in page.evaluate(CONTRAST) if found[1] < 4.5] == []
    unnamed = "controls => controls.filter(c => !(c.labels?.length || c.textContent.trim() || c.ariaLabel)).length"
    assert page.locator("input, select, button").evaluate_all(unnamed) == 0
    if request.config.getoption("--screenshots"):
        page.screenshot(path=IMAGES / f"dashboard-{look}.png")
