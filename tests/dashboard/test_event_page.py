"""The page of an event, in a browser: all that it says, its claims, relations, versions and citations."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from dashboard.conftest import asked, broken, module

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeEvent
    from playwright.sync_api import Page

    from dashboard.conftest import RestartableServer

    Visit = Callable[..., Page]

HOSTILE = '<img src=x onerror="document.title=1"> \\input{x} {open} 100% & $5 #1 a_b ~ ^ "quoted" ' + "\u202etxt"
# Values that are told in other words or lead somewhere: instants, days, codes, addresses, ids and pointers.
TOLD_OTHERWISE = re.compile(r"\d{4}-\d\d-\d\d.*|[A-Z]{2}|[a-z0-9]+(_[a-z0-9]+)+|https?://.*|[0-9a-f-]{36}|/.*")
CHANGES = """rows => rows.map((row) =>
  [row.className, ...[...row.cells].map((cell) => cell.textContent.replace(/\\s+/g, " ").trim())])"""


def ready(page: Page) -> None:
    """The event and its history are there."""
    expect(page.locator("#history li").first).to_be_visible()
    expect(page.locator("#relations")).to_have_attribute("aria-busy", "false")


def texts(value: Any) -> list[str]:
    """Every text and number in a value; the qualifiers of a plain number go without saying."""
    if isinstance(value, dict):
        return [text for name, one in value.items() if name != "qualifier" for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    if value is None or isinstance(value, bool):
        return []
    return [value if isinstance(value, str) else f"{value:,}".removesuffix(".0")]


def test_every_kind_is_told_whole_and_without_a_fault_that_axe_knows(
    visit: Visit, open_server: Any, axe: Callable[..., None]
) -> None:
    for kind in ("attack", "negotiation_round", "sanction_move", "security_guarantee"):
        event = open_server.get(f"/v1/events?kind={kind}&limit=1")["items"][0]
        narrow = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"} if kind == "sanction_move" else {}
        page = visit(open_server, f"events/{event['id']}", **narrow)
        ready(page)

        expect(page).to_have_title(f"{event['title']} · Sitrep")
        expect(page.get_by_role("heading", level=1)).to_have_text(event["title"])
        shown = " ".join(page.locator("main").inner_text().split())
        told = [text for text in texts(event) if not TOLD_OTHERWISE.fullmatch(text)]
        assert [text for text in told if " ".join(text.split()).lower() not in shown.lower()] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        axe(page)


def test_what_a_later_release_adds_is_shown_by_its_name(visit: Visit, open_server: Any) -> None:
    event = open_server.get("/v1/events?kind=attack&limit=1")["items"][0]
    event["weather_report"] = {"wind_speed": 12, "sky": ["low_clouds", "fog"]}
    event["detail"]["decoy_ratio"] = {"low": 1, "best": 2, "high": 3, "qualifier": "nearly"}
    page = visit(open_server)
    page.route(f"**/v1/events/{event['id']}", lambda route: route.fulfill(json=event))

    page.goto(f"{open_server.url}/events/{event['id']}")
    ready(page)

    expect(page.locator("#record")).to_contain_text("weather report")
    expect(page.locator("#record")).to_contain_text("low clouds; fog")
    expect(page.locator("#detail")).to_contain_text("decoy rationearly 2 (1–3)")


def test_claims_stand_side_by_side_and_relations_lead_both_ways(
    visit: Visit, own_server: Any, make_event: MakeEvent
) -> None:
    other = own_server.call("POST", "/v1/events", json=make_event(title="The first wave"))
    sources = [{"publisher": "Wire A"}, {"publisher": "Wire B", "url": "https://example.org/b", "title": "Report B"}]
    claims = [
        {"field": "/detail/munitions/0/launched", "value": 800, "source": 0},
        {"field": "/detail/munitions/0/launched", "value": 823, "source": 1, "claimed_by": "Air force"},
        {"field": "/started_at", "value": "2025-09", "source": 1},
    ]
    relations = [{"type": "follows", "event_id": other["id"]}]
    event = make_event(title="The second wave", sources=sources, claims=claims, relations=relations)
    made = own_server.call("POST", "/v1/events", json=event)

    page = visit(own_server, f"events/{made['id']}")
    ready(page)
    table = page.locator("#claims table")
    expect(table.locator("thead th")).to_have_text(["Field", "This record", "Wire A", "Air force, in Wire B", "Wire B"])
    first, second = table.locator("tbody tr").evaluate_all(CHANGES)
    assert first[1:] == ["munitions 1, launched", "810", "800", "823", ""]
    assert second[5] == "2025-09"
    expect(page.locator("#sources a")).to_have_attribute("href", "https://example.org/b")
    page.locator("#relations").get_by_role("link", name="The first wave").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("The first wave")
    expect(page.locator("#relations")).to_contain_text("What points here")
    expect(page.locator("#relations li")).to_contain_text("The second wave")
    expect(page.locator("#relations li")).to_contain_text("follows this event")


def test_versions_are_compared_cited_followed_and_kept_after_a_deletion(
    visit: Visit, own_server: Any, make_event: MakeEvent
) -> None:
    munitions = [{"category": "uav_one_way_attack", "launched": 810}, {"category": "cruise_missile", "launched": 4}]
    made = own_server.call("POST", "/v1/events", json=make_event(title=HOSTILE, detail={"munitions": munitions}))
    path = f"/v1/events/{made['id']}"
    page = visit(own_server, f"events/{made['id']}?fbclid=1")
    ready(page)
    assert page.locator("main img, main [onerror]").count() == 0
    expect(page.locator(".banner")).to_have_count(0)

    munitions = [{"category": "ballistic_missile", "launched": 9}, {**munitions[0], "launched": 823}]
    change = {"title": "Told again", "detail": {"munitions": munitions}, "tags": ["night"]}
    own_server.call("PATCH", path, json=change, headers={"if-match": '"1"'})
    expect(page.locator(".banner")).to_contain_text("Version 2 is there.")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    page.get_by_role("button", name="Show it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Told again")
    expect(page.locator("#history li")).to_have_count(2)
    page.locator("#history summary").first.click()
    expect(page.locator(".changes tbody tr")).not_to_have_count(0)
    changes = page.locator(".changes tbody tr").evaluate_all(CHANGES)
    assert ["changed", "munitions › uav_one_way_attack › launched", "810", "823"] in changes
    assert ["changed", "title", " ".join(HOSTILE.split()), "Told again"] in changes
    assert {tuple(row[:2]) for row in changes} >= {
        ("removed", "munitions › cruise_missile"),
        ("added", "munitions › ballistic_missile"),
        ("added", "tags"),
    }

    page.goto(f"{own_server.url}/events/{made['id']}?version=1")
    ready(page)
    expect(page.locator(".banner")).to_contain_text("This is version 1 of 2")
    [first] = [item for item in own_server.get(f"{path}/revisions")["items"] if item["version"] == 1]
    page.locator("#cite summary").first.click()
    page.locator("#cite summary").last.click()
    expect(page.locator("#cite pre")).to_have_count(3)
    text, bibtex, csl = page.locator("#cite pre").all_inner_texts()
    url = f"{own_server.url}/events/{made['id']}?version=1"
    for cited in (text, bibtex, csl):
        assert f"version 1, feed cursor {first['cursor']}".replace("_", "\\_") in cited
        assert url in cited
    assert "\\textbackslash{}input\\textbraceleft{}x\\textbraceright{}" in bibtex
    assert "100\\% \\& \\$5 \\#1 a\\_b \\textasciitilde{} \\textasciicircum{}" in bibtex
    assert bibtex.count("{") == bibtex.count("}")
    [item] = json.loads(csl)
    assert (item["type"], item["version"], item["URL"]) == ("dataset", "1", url)
    assert item["title"] == HOSTILE
    as_of = first["cursor"]
    page.goto(f"{own_server.url}/events/{made['id']}?as_of={as_of}")
    expect(page.locator(".banner")).to_contain_text(f"as it stood at {as_of}")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    page.get_by_role("link", name="Go to the newest").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Told again")
    day = first["at"][:10]
    page.get_by_label("What it said at the end of").fill(day)
    page.get_by_role("button", name="Show that day").click()
    expect(page.locator(".banner")).to_contain_text("Version 2, as it stood at the end of")  # the whole day
    assert asked(page) == {"as_of": [day]}
    page.get_by_role("link", name="Follow the event").click()
    ready(page)
    page.get_by_label("What it said at the end of").fill("2025-10-01")
    page.get_by_role("button", name="Show that day").click()
    expect(page.locator(".banner")).to_contain_text(
        "At the end of 1 Oct 2025 (UTC) there was nothing of this event here."
    )
    expect(page.locator(".banner")).to_contain_text("It was first recorded here on")
    expect(page.get_by_role("heading", level=1)).to_have_text("Told again")
    expect(page.get_by_label("What it said at the end of")).to_have_value("2025-10-01")
    page.locator(".banner").get_by_role("link", name="Version 1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    page.goto(f"{own_server.url}/events/{made['id']}?version=9")
    expect(page.locator(".banner")).to_contain_text("There is no version 9; the newest is 2.")
    page.get_by_role("link", name="Go to the newest").click()
    ready(page)

    own_server.call("DELETE", f"{path}?reason=duplicate")
    expect(page.locator(".banner")).to_contain_text("The event was deleted.")
    page.get_by_role("button", name="Show it").click()
    expect(page.locator("#tombstone")).to_contain_text("it told again what another event tells (duplicate)")
    expect(page.get_by_role("heading", level=1)).to_have_text("Deleted: Told again")
    expect(page.locator("#history li")).to_have_count(3)
    page.locator("#history").get_by_role("link", name="Version 2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Told again")
    expect(page.locator(".banner")).to_contain_text("The event was deleted since.")


def test_on_a_phone_tables_break_no_word_and_long_lists_are_folded(
    visit: Visit, open_server: Any, axe: Callable[..., None]
) -> None:
    event = open_server.get("/v1/events?kind=sanction_move&limit=1")["items"][0]
    measure = event["detail"]["measures"][0]
    target: dict[str, Any] = {
        **dict.fromkeys(measure["targets"][0]),
        "aliases": [],
        "countries": [],
        "ids": [],
        "schema": "Vessel",
    }
    vessels = [
        target | {"name": f"Integrity Racer {n}", "imo": str(9381700 + n), "country": "UA", "registration": "160825"}
        for n in range(46)
    ]
    event["detail"]["measures"] = [{**measure, "targets": vessels}]
    event["extra"] = {"records": {vessel["name"]: {"reason": "Shipping. " * 30} for vessel in vessels}}
    page = visit(open_server, viewport={"width": 390, "height": 844})
    page.route(f"**/v1/events/{event['id']}", lambda route: route.fulfill(json=event))

    page.goto(f"{open_server.url}/events/{event['id']}")
    ready(page)

    assert broken(page, "main") == []
    rows = page.locator("#detail tbody tr")
    expect(rows).to_have_count(10)
    assert page.evaluate("document.documentElement.scrollHeight < 8000")
    box = page.get_by_role("group", name="Targets, table")
    expect(page.locator(".edges", has=box)).to_have_attribute("data-more", "right")
    box.evaluate("box => box.scrollTo(9999, 0)")
    expect(page.locator(".edges", has=box)).to_have_attribute("data-more", "left")
    axe(page)
    fold = page.locator("#detail").get_by_role("button", name="and 36 more")
    fold.press("Enter")
    expect(rows).to_have_count(46)
    page.locator("#detail .fold").press("Enter")
    expect(rows).to_have_count(10)
    page.emulate_media(media="print")
    expect(rows).to_have_count(46)
    expect(page.locator("#record dt", has_text="reason")).to_have_count(46)


def test_no_difference_between_versions_is_lost(visit: Visit, open_server: Any) -> None:
    page = visit(open_server, "events/00000000-0000-4000-8000-000000000000")
    expect(page.get_by_role("alert")).to_contain_text("There is no event with that id.")
    cases: list[tuple[Any, Any, list[tuple[str, str]]]] = [
        ({"a": None}, {}, []),
        ({"a": 0}, {"a": False}, [("a", "changed")]),
        ({"a": []}, {"a": ["x", "x"]}, [("a", "added")]),
        ({"a": ["x", "x", "y"]}, {"a": ["y", "x"]}, [("a 1", "removed"), ("a", "reordered")]),
        ({"a": [{"name": "n", "b": 1}]}, {"a": [{"name": "m", "b": 2}]}, [("a 0", "removed"), ("a 0", "added")]),
        ({"a": [{"name": "n", "b": 1}, {"name": "n", "b": 2}]}, {"a": [{"name": "n", "b": 2}]}, [("a 0", "removed")]),
        (
            {"a": [{"name": "n", "b": [{"c": 1, "d": 2}]}]},
            {"a": [{"name": "n", "b": [{"c": 1, "d": 3}]}]},
            [("a 0 b 0 d", "changed")],
        ),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": None}}}, [("a", "removed")]),
        ({"a": [1, [2]]}, {"a": [1, [3]]}, [("a 1", "removed"), ("a 1", "added")]),
    ]
    for before, after, expected in cases:
        found = module(page, "event/diff.js", "diff", before, after)
        words = [
            (" ".join(step if isinstance(step, str) else str(step["index"]) for step in one["path"]), one["kind"])
            for one in found
        ]
        assert sorted(words) == sorted(expected), (before, after, found)


def test_where_reading_needs_a_key_the_page_asks_for_it_and_gives_the_json(visit: Visit, closed_server: Any) -> None:
    event = closed_server.get("/v1/events?limit=1")["items"][0]
    page = visit(closed_server, f"events/{event['id']}")
    page.get_by_role("dialog").get_by_label("Key", exact=True).fill(closed_server.key)
    page.get_by_role("dialog").get_by_role("button", name="Continue").click()
    ready(page)

    page.locator("#json").get_by_role("button", name="Show").click()
    assert json.loads(page.locator("#json pre").inner_text()) == event
    with page.expect_download() as started:
        page.locator("#json").get_by_role("button", name="Save").click()
    assert json.loads(started.value.path().read_bytes()) == event
    assert started.value.suggested_filename == f"sitrep-{event['id']}-v{event['version']}.json"


def test_on_paper_it_has_the_event_and_no_controls(visit: Visit, open_server: Any) -> None:
    event = open_server.get("/v1/events?kind=sanction_move&limit=1")["items"][0]
    page = visit(open_server, f"events/{event['id']}")
    ready(page)

    page.emulate_media(media="print")

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("#cite pre").first).to_be_visible()
    assert page.locator("main button:visible, .bar nav:visible, #json:visible").count() == 0


def test_its_map_has_a_mark_at_each_place_and_is_left_out_without_one(
    visit: Visit, own_server: Any, make_event: MakeEvent
) -> None:
    kyiv: dict[str, Any] = {"name": "Kyiv", "lat": 50.45, "lon": 30.52, "role": "target"}
    odesa: dict[str, Any] = {"name": "Odesa", "lat": 46.48, "lon": 30.73, "role": "target"}
    unknown = {"name": "Nowhere", "role": "target"}
    made = own_server.call("POST", "/v1/events", json=make_event(locations=[kyiv, unknown, odesa]))
    page = visit(own_server, f"events/{made['id']}")
    ready(page)
    ground, points = page.locator(".place-map .ground"), page.locator(".place-map .point")
    expect(ground).to_have_accessible_name(re.compile("^Map of Kyiv; Odesa[.]"))
    expect(points.locator("title")).to_have_text(["Kyiv", "Odesa"])
    zoom = float(page.locator(".place-map .frame").get_attribute("data-zoom") or "")
    frame = ground.bounding_box()
    boxes = [points.nth(n).locator("circle").bounding_box() for n in range(2)]
    found = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes if box]
    world = 512 * 2**zoom
    east = (odesa["lon"] - kyiv["lon"]) / 360 * world
    north = (mercator(kyiv["lat"]) - mercator(odesa["lat"])) * world
    assert frame is not None
    for x, y in found:
        assert frame["x"] < x < frame["x"] + frame["width"]
        assert frame["y"] < y < frame["y"] + frame["height"]
    assert found[1][0] - found[0][0] == pytest.approx(east, abs=1.5)
    assert found[1][1] - found[0][1] == pytest.approx(north, abs=1.5)

    placeless = own_server.call("POST", "/v1/events", json=make_event(locations=[unknown]))
    page.goto(f"{own_server.url}/events/{placeless['id']}")
    ready(page)
    expect(page.locator("main")).to_contain_text("Nowhere")
    expect(page.locator(".place-map")).to_have_count(0)


def mercator(lat: float) -> float:
    """How far north a place is drawn, in shares of the world's square."""
    return math.asinh(math.tan(math.radians(lat))) / (2 * math.pi)


def test_after_an_outage_it_tells_what_it_missed(
    visit: Visit, restartable_server: RestartableServer, make_event: MakeEvent
) -> None:
    served = restartable_server.served
    made = served.call("POST", "/v1/events", json=make_event(title="Before"))
    page = visit(served, f"events/{made['id']}", outage=True)
    ready(page)

    restartable_server.stop()
    expect(page.locator("#outage")).to_contain_text("cannot be reached")
    expect(page.get_by_role("heading", level=1)).to_have_text("Before")
    with restartable_server.elsewhere() as other:
        other.call("PATCH", f"/v1/events/{made['id']}", json={"title": "After"}, headers={"if-match": '"1"'})
    restartable_server.start()

    expect(page.locator(".banner")).to_contain_text("Version 2 is there.", timeout=60_000)
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Show it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("After")
