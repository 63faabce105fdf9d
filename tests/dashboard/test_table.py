"""The table's orders and columns in a browser: they are the API's, and stay with the reader or with the link."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from dashboard.conftest import asked, ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeEvent
    from playwright.sync_api import Page

    from dashboard.conftest import Served

    Visit = Callable[..., Page]

IDS = "rows => rows.map((row) => row.dataset.id)"


def test_it_sorts_by_change_and_measure_and_keeps_its_columns(
    visit: Visit, own_server: Served, make_event: MakeEvent
) -> None:
    made = []
    for n in (5, 1, 9):
        dead = [{"measure": "killed", "group": "civilian", "count": n}]
        made.append(own_server.call("POST", "/v1/events", json=make_event(casualties=dead, tags=["sorted"])))
    for event in made[1::-1]:
        path, match = f"/v1/events/{event['id']}", {"if-match": '"1"'}
        own_server.call("PATCH", path, json={"status": "confirmed"}, headers=match)
    page = visit(own_server, "?tag=sorted")
    ready(page)
    page.get_by_role("button", name="Table", exact=True).click()
    grid = page.get_by_role("grid")
    heads = grid.get_by_role("columnheader")
    page.locator("#events .menu summary").click()
    columns = page.get_by_role("group", name="Columns of the table")
    for name in ("Country", "Injured", "Sources", "Changed (UTC)", "Version"):
        columns.get_by_label(name, exact=True).click()
    page.keyboard.press("Escape")

    orders = set()
    for name, sort in (
        ("Changed", "-updated_at"),
        ("Changed", "updated_at"),
        ("Killed", "-killed"),
        ("Killed", "killed"),
    ):
        grid.get_by_role("button", name=name).click()
        order = "descending" if sort[0] == "-" else "ascending"
        expect(grid.get_by_role("columnheader", name=name)).to_have_attribute("aria-sort", order)
        ids = [event["id"] for event in own_server.get(f"/v1/events?tag=sorted&sort={sort}")["items"]]
        expect(page.locator("#events [data-id]").first).to_have_attribute("data-id", ids[0])
        assert page.locator("#events [data-id]").evaluate_all(IDS) == ids
        assert asked(page) == {"tag": ["sorted"], "sort": [sort]}
        orders.add(tuple(ids))
    assert len(orders) == 4

    chosen = [re.compile(f"^{name}") for name in ("Time", "Kind", "Title", "Place", "Killed", "Changed", "Version")]
    for address in (page.url, f"{own_server.url}/?kind=attack&sort=killed"):  # the same page, and a link
        page.goto(address)
        expect(heads).to_have_text(chosen)
        expect(grid.get_by_role("columnheader", name="Killed")).to_have_attribute("aria-sort", "ascending")
    page.reload()
    expect(heads).to_have_text(chosen)
