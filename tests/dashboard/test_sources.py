"""The page of sources and the dashboard's line about them: what is stale is seen at once, and why."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from .conftest import RestartableServer, Served

    Visit = Callable[..., Page]

NAMES = (
    "name, type, interval_s, added_at, progress, failures, told_stale, "
    "last_success_at, alive_at, next_run_at, last_problem"
)
DAY_S = 86_400
OUTAGE_MS = 240_000  # the page asks ever more seldom, up to two minutes apart
HOSTILE = "The server <b>stands</b> still; " + "x" * 300
TABLE = """time_start,time_end,model,launched,destroyed,source
2031-09-06 17:00,2031-09-07 9:30,Shahed-136/131,810.0,700.0,kpszsu/posts/1
2031-09-07 17:00,2031-09-08 9:30,Shahed-136/131,10.0,700.0,kpszsu/posts/2
"""


def keep_source(folder: Path, name: str, since_s: int | None, **more: Any) -> None:
    """Store a source that was last taken in so long ago."""
    now = int(time.time())
    at = None if since_s is None else (now - since_s) * 1_000_000
    due = None if since_s is None else (now - since_s + 900) * 1_000_000
    values = (name, "plain", 900, 0, "{}", more.get("failures", 0), 1, at, at, due, more.get("problem"))
    with closing(sqlite3.connect(folder / "sitrep.db", timeout=60)) as database, database:
        database.execute(f"INSERT INTO source ({NAMES}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608 (ours)


def test_which_sources_are_stale_is_said_above_the_dashboard_and_explained_a_click_away(
    visit: Visit, own_server: Served, tmp_path: Path, axe: Callable[..., None]
) -> None:
    page = visit(own_server)
    expect(page.get_by_role("heading", level=1)).to_have_text("17 events")
    expect(page.locator("#stale")).to_have_count(0)
    keep_source(tmp_path, "ucdp", 130)
    page.reload()
    expect(page.locator("#stale")).to_contain_text(re.compile(r"^Sources: ucdp \d minutes ago\."))
    keep_source(tmp_path, "gdelt", 3 * DAY_S, failures=4, problem=HOSTILE)
    keep_source(tmp_path, "acled", None)
    page.reload()

    expect(page.locator("#stale")).to_contain_text(
        "2 of 3 sources are stale: acled (never taken in) and gdelt (taken in 3 days ago)."
    )
    page.get_by_role("link", name="What is wrong").click()
    expect(page.locator("#freshness")).to_contain_text("2 of 3 sources are stale")
    rows = page.locator("#sources tbody tr")
    expect(rows.locator(".state")).to_have_text(["stale, new", "stale, failing", "ok"])
    expect(rows.nth(1)).to_contain_text(HOSTILE)
    expect(rows.nth(1)).to_contain_text("was due 2 days ago: no “sitrep sync” is running")
    axe(page)
    page.set_viewport_size({"width": 390, "height": 800})
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    axe(page)


def test_the_summary_has_the_colour_of_the_worst(visit: Visit, own_server: Served, tmp_path: Path) -> None:
    def border() -> str:
        page.reload()
        colour = "box => getComputedStyle(box).borderLeftColor"
        return str(page.locator("#freshness").evaluate(colour))

    page = visit(own_server, "sources")
    keep_source(tmp_path, "ucdp", 130)
    well = border()
    keep_source(tmp_path, "attacks", 130, failures=1, problem="The server stands still.")
    failing = border()
    expect(page.locator("#freshness")).to_have_text("No source is stale, but attacks is failing.")
    keep_source(tmp_path, "gdelt", 3 * DAY_S)

    assert len({well, failing, border()}) == 3


def test_imports_are_listed_with_their_report_and_taken_back_by_those_who_may(visit: Visit, own_server: Served) -> None:
    report = own_server.call("POST", "/v1/imports/missile_attacks", content=TABLE.encode())
    page = visit(own_server, "sources")
    expect(page.locator("#sources")).to_contain_text("No source is set up")
    row = page.locator("#imports tbody tr").first
    expect(row).to_contain_text(f"{report['created']} created, {report['refused']} refused")
    expect(page.get_by_role("button", name=re.compile("Take back"))).to_have_count(0)

    page.evaluate("key => sessionStorage.setItem('sitrep-key', key)", own_server.key)
    page.reload()
    page.get_by_role("button", name="Report of import 1").click()
    expect(page.locator("#imports .attempts tbody tr")).to_have_count(len(report["problems"]))
    expect(page.locator("#imports .attempts")).to_contain_text(report["problems"][0]["detail"])
    page.get_by_role("button", name="Take back import 1").click()
    page.get_by_role("button", name="Take it back").click()

    expect(page.locator("#imports .outcome")).to_have_text("Import 1 is taken back: 1 deleted.")
    expect(row.locator(".state")).to_have_text("taken back")
    assert own_server.get("/v1/events/count")["count"] == 17


def test_where_reading_needs_a_key_it_asks_for_one(visit: Visit, closed_server: Served, tmp_path: Path) -> None:
    keep_source(tmp_path, "ucdp", 130)
    closed_server.call("POST", "/v1/imports/missile_attacks", content=TABLE.encode())
    page = visit(closed_server, "sources")
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    dialog = page.get_by_role("dialog")
    expect(page.locator("#sources")).not_to_contain_text("ucdp")
    dialog.get_by_label("Key", exact=True).fill(closed_server.key)
    dialog.get_by_role("button", name="Continue").click()

    expect(page.locator("#sources tbody th")).to_contain_text(["ucdp"])
    expect(page.locator("#imports")).to_have_attribute("aria-busy", "false")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("button", name="Take back import 1")).to_be_visible()
    expect(page.get_by_role("button", name="Forget the key")).to_be_visible()
    page.get_by_role("link", name="Dashboard").click()
    expect(page.locator("#stale")).to_contain_text("ucdp")
    assert [address for address in [*addresses, page.url] if closed_server.key in address] == []


def test_after_an_outage_it_comes_back_by_itself(
    visit: Visit, restartable_server: RestartableServer, tmp_path: Path
) -> None:
    keep_source(tmp_path, "ucdp", 130)
    page = visit(restartable_server.served, "sources", outage=True)
    rows = page.locator("#sources tbody tr")
    expect(rows).to_have_count(1)

    restartable_server.stop()
    expect(page.locator("#outage")).to_contain_text("cannot be reached", timeout=OUTAGE_MS)
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(rows).to_have_count(1)
    keep_source(tmp_path, "gdelt", 3 * DAY_S)
    restartable_server.start()

    expect(rows).to_have_count(2, timeout=OUTAGE_MS)
    expect(page.locator("#freshness")).to_contain_text("1 of 2 sources is stale")
    expect(page.get_by_role("alert")).to_have_count(0)
