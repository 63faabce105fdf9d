"""What five people come for, walked as they would: from the first page, by what they see, in few presses."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from dashboard.conftest import counted, ready
from dashboard.test_sources import DAY_S, keep_source
from dashboard.test_subscriptions import endpoint, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import MakeEvent
    from playwright.sync_api import Locator, Page

    from dashboard.conftest import Served

    Visit = Callable[..., Page]

KHARKIV = {"name": "Kharkiv", "country": "UA", "admin1": "UA-63", "lat": 49.99, "lon": 36.23, "role": "target"}
SEPTEMBER_20_US = 1_758_326_400_000_000


@dataclass
class Hand:
    """Somebody at a page, who counts presses and typed fields."""

    page: Page
    presses: int = 0
    fields: int = 0

    def press(self, what: Locator) -> None:
        what.click()
        self.presses += 1

    def button(self, name: str) -> None:
        self.press(self.page.get_by_role("button", name=name, exact=True))

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_label(label, exact=True).select_option(label=option)
        self.presses += 1

    def type(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)
        self.fields += 1

    @property
    def spent(self) -> tuple[int, int]:
        return self.presses, self.fields


def strike(make: MakeEvent, title: str, day: str, target: str, place: dict[str, Any], **numbers: int) -> dict[str, Any]:
    munition = {"category": "uav_one_way_attack", "launched": 8, **numbers}
    detail = {"munitions": [munition], "targets": [{"category": target}]}
    return make(title=title, started_at=day, timezone="Europe/Kyiv", locations=[place], detail=detail)


def listing(served: Served, authority: dict[str, Any], ship: str) -> str:
    """A sanction on a ship; its id."""
    event = {
        "kind": "sanction_move",
        "title": f"{authority['name']} lists the tanker {ship}",
        "started_at": "2026-01-15T00:00:00Z",
        "time_precision": "day",
        "sources": [{"publisher": "Example Wire", "url": "https://example.org/1"}],
        "detail": {
            "authority": authority,
            "stage": "in_force",
            "direction": "tighten",
            "measures": [{"type": "asset_freeze", "targets": [{"schema": "Vessel", "name": ship}]}],
        },
    }
    return str(served.call("POST", "/v1/events", json=event)["id"])


EU = {"name": "European Union", "type": "igo", "country": "EU"}
US = {"name": "United States", "type": "state", "country": "US"}


def test_strikes_on_energy_in_kharkiv_oblast_this_winter_as_a_table_into_excel(
    visit: Visit, pushing: Served, make_event: MakeEvent
) -> None:
    sumy = {**KHARKIV, "name": "Sumy", "admin1": "UA-59"}
    for title, day, target, place in (
        ("A power plant, Чугуїв", "2025-12-01", "energy", KHARKIV),
        ("A substation", "2026-02-28", "energy", KHARKIV),
        ("After the winter", "2026-03-02", "energy", KHARKIV),
        ("A school", "2026-01-10", "education", KHARKIV),
        ("Elsewhere", "2026-01-10", "energy", sumy),
    ):
        pushing.call("POST", "/v1/events", json=strike(make_event, title, day, target, place))
    page = visit(pushing)
    hand = Hand(page)

    hand.press(page.get_by_role("checkbox", name="Attack"))
    hand.press(page.get_by_role("group", name="Attack").get_by_text("Target", exact=True))
    hand.press(page.get_by_role("checkbox", name="energy"))
    hand.press(page.locator("#filters").get_by_text("Region", exact=True))
    hand.type("Search Region", "Kharkiv")
    page.keyboard.press("Enter")
    hand.type("From", "2025-12-01")
    hand.type("Until", "2026-02-28")
    counted(page, 2)
    with page.expect_download() as saved:
        hand.button("Excel CSV")

    content = saved.value.path().read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert {line["title"] for line in lines} == {"A power plant, Чугуїв", "A substation"}
    assert len(lines) == 2
    assert {line["admin1"] for line in lines} == {"UA-63"}
    assert hand.spent == (5, 3)


def test_tell_my_server_when_the_eu_lists_a_vessel(visit: Visit, pushing: Served) -> None:
    for authority in (EU, US):
        listing(pushing, authority, "Before")
    page = visit(pushing)
    hand = Hand(page)

    with endpoint() as hook:
        hand.press(page.get_by_role("link", name="Subscriptions"))
        hand.type("Key", pushing.key)
        hand.button("Continue")
        hand.press(page.get_by_text("New subscription", exact=True).first)
        hand.type("Find a condition", "vessel")
        hand.press(page.get_by_role("button", name="measure subtype: vessel listing"))
        hand.type("Find a condition", "european")
        hand.press(page.get_by_role("button", name="authority: European Union"))
        hand.type("Address of your endpoint", hook.url())
        hand.button("Create the subscription")
        secret = page.locator("#secret").inner_text()
        hand.button("I have kept the secret")
        page.wait_for_url(re.compile("subscription="))
        made = pushing.get(f"/v1/subscriptions/{page.url.rpartition('=')[2]}")
        assert made["filter"] == {"measure_subtype": ["vessel_listing"], "authority": ["European Union"]}
        listing(pushing, US, "Not meant")
        meant = listing(pushing, EU, "Meant")

        wait_for(page, lambda: bool(hook.changes))
        hook.changes[0].verify(secret)
        assert [change.item["subject"] for change in hook.changes] == [meant]
        pushing.call("DELETE", f"/v1/subscriptions/{made['id']}")
    assert hand.spent == (7, 4)


def test_what_did_this_event_say_on_1_october_cite_it(
    visit: Visit, pushing: Served, folder: Path, make_event: MakeEvent
) -> None:
    made = pushing.call("POST", "/v1/events", json=make_event(title="Blackout in Zmiiv"))
    with closing(sqlite3.connect(folder / "sitrep.db", timeout=60)) as database, database:
        database.execute("UPDATE change SET time = ?", (SEPTEMBER_20_US,))  # all that there is was recorded that day
    change = {"title": "Blackout in Zmiiv, told again"}
    pushing.call("PATCH", f"/v1/events/{made['id']}", json=change, headers={"if-match": '"1"'})
    page = visit(pushing, permissions=["clipboard-read", "clipboard-write"])
    hand = Hand(page)

    hand.type("Search", "Zmiiv")
    hand.press(page.get_by_role("link", name="Blackout in Zmiiv, told again"))
    hand.type("What it said at the end of", "2025-10-01")
    hand.button("Show that day")
    expect(page.get_by_role("heading", level=1)).to_have_text("Blackout in Zmiiv")
    hand.button("Copy text")
    expect(page.get_by_text("Copied.")).to_be_visible()

    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("“Blackout in Zmiiv” (Attack, ")
    assert f"event {made['id']}, version 1, feed cursor" in text
    assert f"{pushing.url}/events/{made['id']}?version=1" in text
    assert hand.spent == (3, 2)


def test_compare_launched_and_intercepted_by_month(visit: Visit, pushing: Served, make_event: MakeEvent) -> None:
    for month, launched, intercepted in ((1, 40, 31), (2, 60, 44), (3, 50, 0)):
        day = f"2024-{month:02}-05"
        numbers = {"launched": launched, "intercepted": intercepted}
        pushing.call("POST", "/v1/events", json=strike(make_event, "A wave", day, "energy", KHARKIV, **numbers))
    page = visit(pushing)
    ready(page)
    hand = Hand(page)

    hand.choose("Measure", "Launched")
    hand.choose("Compare with", "and intercepted")
    hand.choose("Interval", "month")
    chart = page.get_by_role("region", name="Over time")
    expect(chart).to_contain_text("per month")
    hand.press(chart.get_by_text("As a table"))
    with page.expect_download() as saved:
        hand.button("Download this table (CSV)")

    series = [pushing.get(f"/v1/stats/series?interval=month&measure={one}") for one in ("launched", "intercepted")]
    wanted = {row["start"]: (row["best"], beside["best"]) for row, beside in zip(*series, strict=True)}
    head, *lines = csv.reader(io.StringIO(saved.value.path().read_text(encoding="utf-8-sig")))
    columns = [head.index(f"{one}: best") for one in ("launched", "intercepted")]
    found = {line[0]: tuple(int(line[column]) for column in columns) for line in lines}
    assert found == wanted
    assert [found[f"2024-0{month}-01T00:00:00+00:00"] for month in (1, 2, 3)] == [(40, 31), (60, 44), (50, 0)]
    shown = chart.locator('tbody tr[data-start^="2024-02"] td')
    expect(shown.filter(has_text=re.compile("^(60|44)$"))).to_have_text(["60", "44"])
    assert hand.spent == (5, 0)


def test_which_sources_are_stale(visit: Visit, pushing: Served, folder: Path) -> None:
    keep_source(folder, "ucdp", 130)
    keep_source(folder, "gdelt", 3 * DAY_S, failures=4, problem="The server stands still.")
    page = visit(pushing)
    hand = Hand(page)

    expect(page.get_by_text("1 of 2 sources is stale: gdelt (taken in 3 days ago).")).to_be_visible()
    hand.press(page.get_by_role("link", name="What is wrong"))

    row = page.get_by_role("row", name=re.compile("gdelt"))
    expect(row).to_contain_text("The server stands still.")
    expect(row).to_contain_text("3 days ago")
    assert hand.spent == (1, 0)
