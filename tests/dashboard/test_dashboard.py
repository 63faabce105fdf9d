"""The dashboard as a whole, in a browser: it shows what the API gives, as it changes and after an outage."""

from __future__ import annotations

import random
import re
import time
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.sync_api import expect

from dashboard.conftest import asked, counted, ready
from dashboard.crowd import EVENTS, HEBREW, LONG_TAG, LONG_WORD
from dashboard.test_sources import HOSTILE, TABLE, keep_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeEvent
    from playwright.sync_api import Page

    from dashboard.conftest import RestartableServer

    Visit = Callable[..., Page]
    Axe = Callable[..., None]

IMAGES = Path(__file__).parents[2] / "docs" / "images"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
FOCUSED = "document.activeElement.outerHTML.slice(0, 200)"
TOPMOST = """(() => {
  const { top } = document.querySelector("#events .scroll").getBoundingClientRect();
  const rows = [...document.querySelectorAll("#events .entry")];
  return rows.find((row) => row.getBoundingClientRect().bottom > top).dataset.id;
})()"""
KEPT = (FOCUSED, TOPMOST, "scrollY", "String(getSelection())")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("?fbclid=IwAR0&utm_source=x&utm_medium=social&gclid=1&ref=hn&kind=attack", "kind=attack"),
        ("?kind=attack&since=2025-09-01&since=2024-01-01&q=drones&q=talks", "kind=attack&since=2025-09-01&q=drones"),
        (
            "?kind=attack&measure=nonsense&interval=x&group_by=id&country=&limit=1&cursor=x&sort=x&_=1#x=1",
            "kind=attack",
        ),
        ("?kind=attack&near=50,30&Kind=x&__proto__=1&constructor=1", "kind=attack"),
        ("?publisher=RFE/RL&launched_min=800", "publisher=RFE/RL&launched_min=800"),
    ],
)
def test_any_filter_of_the_api_works_and_the_rest_of_a_link_is_left_out(
    visit: Visit, open_server: Any, given: str, meant: str
) -> None:
    page = visit(open_server, given)

    ready(page)

    counted(page, open_server.get(f"/v1/events/count?{meant}")["count"])
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page).to_have_title(page.locator("#count").inner_text() + " · Sitrep")


def test_a_refusal_is_said_in_words_and_goes_with_its_cause(visit: Visit, open_server: Any, axe: Axe) -> None:
    page = visit(open_server, "?kind=war&country=UA&country=Ukrane&since=soon")
    told = page.get_by_role("alert")

    expect(told.locator("p").nth(0)).to_contain_text("Since “soon”: An instant is YYYY-MM-DDThh:mm:ss")
    expect(told.locator("p").nth(1)).to_contain_text(
        "Kind “war”: There is no such value. Choose Attack, Talks, Sanctions or Guarantee."
    )
    expect(page.locator("#live")).to_have_text("Waiting")
    expect(page.locator("#live")).to_have_accessible_name(re.compile("until the filter is mended"))
    expect(page.locator(".loading")).to_have_text(["Waits for a filter that is valid."] * 6)
    expect(page.locator('[aria-busy="true"]')).to_have_count(0)
    axe(page)
    page.get_by_role("button", name="Take “soon” off").press("Enter")
    page.get_by_role("button", name="Take off kind war").click()
    expect(told).to_contain_text("Country “Ukrane”: No country has that code or English name.")
    page.get_by_role("button", name="Take “Ukrane” off").click()

    expect(told).to_have_count(0)
    counted(page, open_server.get("/v1/events/count?country=UA")["count"])
    ready(page)
    expect(page.locator("#map .marks svg")).to_be_attached()


@pytest.mark.parametrize(
    "given",
    ["until=2025-99-99", "timezone=Nowhere", "bbox=x", "near=x&radius_km=x", "exclude=x", "missing=x", "kind=toString"],
)
def test_whatever_the_address_has_the_page_stands(visit: Visit, open_server: Any, given: str) -> None:
    page = visit(open_server, f"?{given}")

    expect(page.get_by_role("alert")).to_have_count(1)
    page.locator("#trouble").get_by_role("button", name="Take").click()

    ready(page)
    counted(page, 17)


def test_conditions_are_said_in_words(visit: Visit, open_server: Any) -> None:
    page = visit(open_server, "?q=substation&bbox=20,40,50,60&country=ZZ&actor_country=UA")
    told = ["words substation", "box 20,40,50,60", "country ZZ", "actor country Ukraine"]
    expect(page.locator("#chips li:not(:last-child)")).to_have_text(told)
    expect(page.get_by_role("alert")).to_contain_text("Country “ZZ”: No country has that code or English name.")


def test_without_a_network_it_says_offline(visit: Visit, open_server: Any) -> None:
    page = visit(open_server, outage=True)
    ready(page)

    page.context.set_offline(True)
    expect(page.locator("#live")).to_have_text("Offline")
    page.context.set_offline(False)

    ready(page)


def test_steady_traffic_neither_starves_nor_disturbs_the_page(
    visit: Visit, own_crowd_server: Any, make_event: MakeEvent
) -> None:
    attacks = own_crowd_server.get("/v1/events/count?kind=attack")["count"]
    page = visit(own_crowd_server, viewport={"width": 1360, "height": 300})
    ready(page)
    page.evaluate("""() => {
      window.counts = [];
      window.asked = 0;
      new MutationObserver(() => counts.push(document.querySelector("#count").textContent))
        .observe(document.querySelector("#count"), { characterData: true, childList: true, subtree: true });
      const counting = ({ name }) => name.includes("v1/events/count");
      new PerformanceObserver((list) => { asked += list.getEntries().filter(counting).length; })
        .observe({ type: "resource" });
    }""")
    box = page.locator('[data-facet="country"] input[value="UA"]')
    box.focus()
    page.evaluate("scrollTo(0, 120)")
    page.evaluate("document.querySelector('#events .scroll').scrollTop = 2000")
    expect(page.locator("#events [data-index='0']")).to_have_count(0)
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#series-title'))")
    before = [page.evaluate(script) for script in KEPT]
    began, written = time.monotonic(), 0

    while written < 200 and page.evaluate("counts.length") < 3:  # until the page has followed thrice
        own_crowd_server.call("POST", "/v1/events", json=make_event(title=f"Wave {written}"))
        written += 1
        page.wait_for_timeout(100)
        page.wait_for_timeout(100)

    assert page.evaluate("counts.length") >= 3, f"{written} changes starved the page"
    assert page.evaluate("asked") <= (time.monotonic() - began) / 2 + 2
    counted(page, EVENTS + written)
    ready(page)
    assert [page.evaluate(script) for script in KEPT] == before
    count = page.locator('[data-facet="kind"] li', has_text="Attack").locator(".count")
    expect(count).to_have_text(f"{attacks + written:,}")
    expect(page.locator("#events .pill")).to_have_text(f"{written} new events")


def test_after_an_outage_it_is_live_only_with_what_it_missed(
    visit: Visit, restartable_server: RestartableServer, make_event: MakeEvent
) -> None:
    served = restartable_server.served
    page = visit(served, "?kind=attack", outage=True)
    ready(page)

    restartable_server.stop()
    expect(page.locator("#live")).to_have_text("Reconnecting")
    page.locator('[data-facet="country"] input[value="UA"]').press("Space")
    expect(page.locator("#outage")).to_contain_text("cannot be reached")
    expect(page.get_by_role("alert")).to_have_count(1)
    page.evaluate("""() => {
      const text = (selector) => document.querySelector(selector).textContent;
      window.said = [];
      new MutationObserver(() => said.push([text("#live"), text("#count")]))
        .observe(document.body, { subtree: true, childList: true, characterData: true });
    }""")
    with restartable_server.elsewhere() as other:
        other.call("POST", "/v1/events", json=make_event(title="While nobody heard"))
    restartable_server.start()

    expect(page.locator("#live")).to_have_text("Live", timeout=60_000)
    now = served.get("/v1/events/count?kind=attack&country=UA")["count"]
    counted(page, now)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert {count for state, count in page.evaluate("said") if state == "Live"} == {f"{now:,} events"}
    served.call("POST", "/v1/events", json=make_event(title="Heard again"))
    counted(page, now + 1)


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


def test_without_a_key_it_asks_for_one(visit: Visit, closed_server: Any) -> None:
    attacks = closed_server.get("/v1/events/count?kind=attack")["count"]
    page = visit(closed_server, "?kind=attack")
    dialog = page.get_by_role("dialog")

    expect(dialog).to_contain_text("This server asks for a key")
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("nothing here without a key"))
    expect(page.locator("#live")).to_have_text("Offline")
    page.get_by_role("button", name="Enter a key").click()
    dialog.get_by_label("Key", exact=True).fill("sitrep_wrong")
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog).not_to_contain_text("Reading needs a key here.")
    dialog.get_by_label("Key", exact=True).fill(closed_server.key)
    dialog.get_by_role("button", name="Continue").click()
    ready(page)

    counted(page, attacks)
    assert closed_server.key not in page.url
    page.get_by_text("Use this view from code").click()
    expect(page.locator("#code dd").first).to_contain_text("/v1/events?kind=attack")
    assert page.locator("#code a").count() == 0  # a link could not send the key
    page.reload()
    ready(page)
    counted(page, attacks)


def test_a_wrong_key_that_was_kept_fails_once_and_locks_nobody_out(visit: Visit, own_server: Any) -> None:
    page = visit(own_server)
    ready(page)
    page.evaluate("sessionStorage.setItem('sitrep-key', 'sitrep_wrong')")
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status))
    dialog = page.get_by_role("dialog")
    for _ in range(3):
        page.reload()
        expect(dialog).to_contain_text("This server asks for a key")
        dialog.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("alert").first).to_contain_text("The page reads nothing until there is another one.")
    assert 3 <= statuses.count(401) <= 6
    assert 429 not in statuses

    page.get_by_role("button", name="Enter a key").click()
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Forget this one").click()  # anybody may read here
    ready(page)
    counted(page, 17)


STALE = {
    "name": "gdelt",
    "state": "failing",
    "stale": True,
    "freshness": {"since_newest_event_s": None, "since_last_success_s": 300_000},
}


def test_keys_lead_everywhere_in_few_stops(visit: Visit, crowd_server: Any) -> None:
    page = visit(crowd_server)
    page.route("**/v1/sources", lambda route: route.fulfill(json={"items": [STALE], "next": None}))
    page.reload()
    ready(page)
    expect(page.locator("#stale")).to_contain_text("gdelt")

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next event")
    page.keyboard.press("Escape")
    stops = 0
    while not page.evaluate("!!document.activeElement.closest('#events, #code')"):
        page.keyboard.press("Tab")
        stops += 1
        assert stops < 60, page.evaluate(FOCUSED)
    page.get_by_role("button", name="CSV", exact=True).focus()
    for key, name in (("ArrowRight", "Excel CSV"), ("End", "NDJSON"), ("Home", "CSV"), ("ArrowDown", "Excel CSV")):
        page.keyboard.press(key)
        expect(page.get_by_role("toolbar").get_by_role("button", name=name, exact=True)).to_be_focused()
    for key, name in (("Tab", "Copy link"), ("Shift+Tab", "Excel CSV")):
        page.keyboard.press(key)
        expect(page.get_by_role("button", name=name, exact=True)).to_be_focused()
    page.reload()
    ready(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="List of events")).to_be_focused()
    page.locator("#live").focus()  # a field takes the keys for itself
    page.keyboard.press("/")
    expect(page.get_by_label("Search", exact=True)).to_be_focused()
    page.keyboard.type("substation ")
    counted(page, crowd_server.get("/v1/events/count?q=substation")["count"])
    expect(page.get_by_label("Search", exact=True)).to_have_value("substation ")
    page.locator("#live").focus()
    page.keyboard.press("c")
    counted(page, EVENTS)
    assert asked(page) == {}


def test_addresses_for_programs_have_the_filter(visit: Visit, open_server: Any) -> None:
    page = visit(open_server, "?kind=attack&timezone=Europe/Kyiv&measure=killed")
    ready(page)

    page.get_by_text("Use this view from code").click()

    expect(page.locator("#code a")).to_have_count(7)
    for name, expected in (("Count", "/v1/events/count?"), ("Stream", "/v1/feed/stream?")):
        row = page.locator("#code dl div").filter(has=page.get_by_text(name, exact=True))
        expect(row.locator("a")).to_have_text(f"{expected}kind=attack&timezone=Europe%2FKyiv")


SIZES = {"phone": (390, 844), "tablet": (1024, 768), "desk": (1440, 900), "wall": (2560, 1300), "zoomed": (640, 450)}
SETTLED = {  # what a page has at last
    "overview": "#series path",
    "event": "#history li",
    "subscriptions": "#endpoints tbody a",
    "subscription": "#state .facts",
    "sources": "#imports tbody tr",
}


def test_every_page_fits_every_screen_by_day_and_night(
    visit: Visit, own_crowd_server: Any, tmp_path: Path, axe: Axe
) -> None:
    served, wrong = own_crowd_server, []
    wanted = {"name": LONG_WORD, "mode": "pull", "filter": {"tag": LONG_TAG}}
    made = served.call("POST", "/v1/subscriptions", json=wanted)
    served.call("POST", "/v1/imports/missile_attacks", content=TABLE.encode())
    keep_source(tmp_path, "gdelt", 3 * 86_400, failures=4, problem=HOSTILE)
    [event] = served.get("/v1/events?tag=odd&kind=attack&q=Donau*&limit=1")["items"]
    pages = {
        "overview": f"?place={LONG_WORD}&place={HEBREW}&tag={LONG_TAG}&group_by=place",
        "event": f"events/{event['id']}",
        "subscriptions": "subscriptions",
        "subscription": f"subscriptions?subscription={made['id']}",
        "sources": "sources",
    }
    page = visit(served, "sources")
    page.evaluate("key => sessionStorage.setItem('sitrep-key', key)", served.key)
    schemes: list[Literal["light", "dark"]] = ["light", "dark"]
    for name, address in pages.items():
        page.goto(f"{served.url}/{address}")
        expect(page.locator(SETTLED[name]).first).to_be_attached()
        expect(page.locator('[aria-busy="true"]')).to_have_count(0)
        expect(page.locator("h1")).to_have_count(1)
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            for size, (width, height) in SIZES.items():
                page.set_viewport_size({"width": width, "height": height})
                if (beyond := page.evaluate(OVERFLOW)) > 0:
                    wrong.append(f"{name}, {size}, {scheme}: wider than its window by {beyond} px")
                if size in {"phone", "desk"}:
                    axe(page)
        page.emulate_media(forced_colors="active")
        axe(page)
        page.emulate_media(forced_colors="none")
    assert wrong == []
    page.goto(f"{served.url}/{pages['overview']}")
    ready(page)
    page.emulate_media(media="print")
    expect(page.locator("#count")).to_be_visible()
    expect(page.locator("#filters")).to_be_hidden()


def test_a_phone_has_the_filter_closed(visit: Visit, crowd_server: Any, axe: Axe) -> None:
    page = visit(crowd_server, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    ready(page)
    attacks = crowd_server.get("/v1/events/count?kind=attack")["count"]

    expect(page.locator("#controls")).to_have_count(0)
    page.locator("#filters summary").first.tap()
    page.locator('[data-facet="kind"] label', has_text="Attack").tap()
    counted(page, attacks)
    page.locator("#filters summary").first.tap()
    expect(page.locator("#controls")).to_have_count(0)
    counted(page, attacks)
    axe(page)


def test_a_first_view_is_small(visit: Visit, crowd_server: Any) -> None:
    page = visit(crowd_server)
    ready(page)
    sizes = page.evaluate("performance.getEntries().map(({ name, transferSize }) => [transferSize ?? 0, name])")
    assert sum(size for size, _ in sizes) < 300_000, sorted(sizes)[-8:]


SLOW_MS = 300_000
SLOW_3G = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
SEEN = """() => {
  const parts = {
    frame: "header.bar nav", waiting: "#count[aria-busy=true]", count: "#count[aria-busy=false]",
    rows: ".entry h3", numbers: "#series path",
  };
  window.seen = [];
  new MutationObserver(() => {
    for (const [name, selector] of Object.entries(parts)) {
      if (!seen.includes(name) && document.querySelector(selector)) seen.push(name);
    }
  }).observe(document, { subtree: true, childList: true, attributes: true });
}"""
TRANSFERRED = """() => performance.getEntries().filter(({ transferSize }) => transferSize !== undefined)
  .map(({ name, transferSize }) => [name, transferSize])"""


def test_on_slow_3g_words_come_first_and_a_move_of_the_map_is_small(visit: Visit, crowd_server: Any) -> None:
    page = visit(crowd_server, "sources")
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW_3G)
    page.add_init_script(f"({SEEN})()")
    page.goto(crowd_server.url, wait_until="commit")
    expect(page.locator("#live")).to_have_text("Live", timeout=SLOW_MS)
    expect(page.locator('[aria-busy="true"]')).to_have_count(0, timeout=SLOW_MS)

    expect(page.locator("#series path").first).to_be_attached(timeout=SLOW_MS)
    assert page.evaluate("seen.slice(0, 2)") == ["frame", "waiting"]
    assert set(page.evaluate("seen.slice(2)")) == {"count", "rows", "numbers"}
    first = page.evaluate(TRANSFERRED)
    assert sum(size for _, size in first) < 300_000
    page.locator("#map .ground").focus()
    expect(page.locator("#map .frame")).to_have_attribute("data-state", "full", timeout=SLOW_MS)
    for key in ("+", "ArrowLeft", "+"):
        page.keyboard.press(key)
    with page.expect_response(lambda answer: "stats/grid" in answer.url, timeout=SLOW_MS):
        page.keyboard.press("+")
    expect(page.locator("#map")).to_have_attribute("aria-busy", "false", timeout=SLOW_MS)
    more = [(name, size) for name, size in page.evaluate(TRANSFERRED)[len(first) :] if "maplibre" not in name]
    assert any("stats/grid" in name for name, _ in more)
    assert sum(size for _, size in more) < 50_000


TOWNS = [
    ("Kyiv", "UA", "UA-30", 50.45, 30.52),
    ("Kharkiv", "UA", "UA-63", 49.99, 36.23),
    ("Odesa", "UA", "UA-51", 46.48, 30.73),
    ("Dnipro", "UA", "UA-12", 48.46, 35.04),
    ("Sumy", "UA", "UA-59", 50.91, 34.8),
    ("Lviv", "UA", "UA-46", 49.84, 24.03),
    ("Belgorod", "RU", None, 50.6, 36.59),
    ("Khartoum", "SD", None, 15.5, 32.56),
    ("Gaza", "PS", None, 31.5, 34.47),
    ("Sanaa", "YE", None, 15.35, 44.2),
    ("Goma", "CD", None, -1.68, 29.22),
    ("Beirut", "LB", None, 33.89, 35.5),
]


def dense(make_event: MakeEvent, count: int) -> list[dict[str, Any]]:
    """So many made-up attacks over a year, the same each time."""
    chance = random.Random(13)
    made = []
    for n in range(count):
        name, country, admin1, lat, lon = chance.choices(TOWNS, weights=range(len(TOWNS), 0, -1))[0]
        near = {"lat": round(lat + chance.gauss(0, 0.6), 3), "lon": round(lon + chance.gauss(0, 0.9), 3)}
        place = {"name": name, "country": country, "role": "target", **near, **({"admin1": admin1} if admin1 else {})}
        day = date(2025, 10, 1) - timedelta(days=int(365 * chance.random() ** 1.6))
        best = chance.randint(2, 90)
        launched = {"low": best - best // 9, "best": best, "high": best + best // 7, "qualifier": "approximately"}
        event = make_event(
            title=f"Example {n}: drones over {name}",
            started_at=f"{day}T00:00:00Z",
            timezone=None,
            locations=[place],
            detail={"munitions": [{"category": "uav_one_way_attack", "launched": launched}]},
        )
        made.append({"op": "create", "event": event})
    return made


def test_it_has_its_picture_taken(
    visit: Visit, own_server: Any, make_event: MakeEvent, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--screenshots"):
        pytest.skip("only with --screenshots")
    items = dense(make_event, 3000)
    for start in range(0, len(items), 500):
        own_server.call("POST", "/v1/events/batch", json={"items": items[start : start + 500]}, timeout=300)
    for look in ("light", "dark", "narrow"):
        size = {"width": 390, "height": 844} if look == "narrow" else {"width": 1440, "height": 1100}
        scheme = "dark" if look == "dark" else "light"
        page = visit(own_server, "?group_by=country", color_scheme=scheme, viewport=size)
        ready(page)
        page.screenshot(path=IMAGES / f"dashboard-{look}.png")
