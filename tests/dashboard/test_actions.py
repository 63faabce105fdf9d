"""The buttons above the list in a browser: files, link, feed and citation have the events of the filter, no others."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from dashboard.conftest import asked, counted, query, ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeEvent
    from playwright.sync_api import Page

    from dashboard.conftest import Served

    Visit = Callable[..., Page]

FILTER = "kind=attack&kind=negotiation_round&since=2025-09-01"
EVERYWHERE = "bbox=-180,-90,180,90"
ENTRY = "{http://www.w3.org/2005/Atom}entry"


def of_table(data: bytes) -> list[str]:
    return [str(id_) for id_ in pq.read_table(io.BytesIO(data)).column("id").to_pylist()]


def of_map(data: bytes) -> list[str]:
    assert b"geo" in pq.read_metadata(io.BytesIO(data)).metadata
    return of_table(data)


def of_csv(data: bytes) -> list[str]:
    return [row["id"] for row in csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))]


# How the ids of a file are read, and whether it has only events with coordinates.
FILES: dict[str, tuple[Callable[[bytes], list[str]], bool]] = {
    "CSV": (of_csv, False),
    "Excel CSV": (of_csv, False),
    "GeoJSON": (lambda data: [feature["properties"]["id"] for feature in json.loads(data)["features"]], True),
    "Parquet": (of_table, False),
    "GeoParquet": (of_map, False),
    "NDJSON": (lambda data: [json.loads(line)["id"] for line in data.splitlines()], False),
}


@pytest.mark.parametrize("server", ["own_server", "closed_server"])
def test_every_file_opens_and_has_the_events_that_match(
    visit: Visit, request: pytest.FixtureRequest, make_event: MakeEvent, server: str
) -> None:
    served: Served = request.getfixturevalue(server)
    served.call("POST", "/v1/events", json=make_event(locations=[{"name": "Nowhere", "role": "target"}]))
    every, located = sorted(served.ids(FILTER)), sorted(served.ids(f"{FILTER}&{EVERYWHERE}"))
    assert 0 < len(located) < len(every) < served.get("/v1/events/count")["count"]
    page = visit(served, f"?{FILTER}")
    if server == "closed_server":
        page.get_by_role("dialog").get_by_label("Key", exact=True).fill(served.key)
        page.get_by_role("dialog").get_by_role("button", name="Continue").click()
    ready(page)

    for name, (read, mapped) in FILES.items():
        with page.expect_download() as started:
            page.get_by_role("button", name=name, exact=True).click()
        data = started.value.path().read_bytes()
        ids = read(data)
        if name != "GeoJSON":  # which has a feature for each place
            assert len(set(ids)) == len(ids), name
        assert sorted(set(ids)) == (located if mapped else every), name
        ending = name.lower().removeprefix("excel ")
        assert re.fullmatch(rf"sitrep-\d{{4}}-\d\d-\d\d\.{ending}", started.value.suggested_filename)
        expect(page.locator("#events .running")).to_be_hidden()
    page.get_by_label("Search", exact=True).fill("Nowhere")  # has no coordinates
    counted(page, 1)
    with page.expect_download() as started:
        page.get_by_role("button", name="GeoParquet", exact=True).click()
    assert len(of_map(started.value.path().read_bytes())) == 1
    page.get_by_role("button", name="GeoJSON", exact=True).click()
    expect(page.locator("#events .actions").get_by_role("alert")).to_contain_text("the file would be empty")


def test_a_copied_link_opens_what_was_seen(visit: Visit, open_server: Served) -> None:
    page = visit(open_server, "?fbclid=x", permissions=["clipboard-read", "clipboard-write"])
    ready(page)
    for kind in ("Attack", "Talks"):
        page.locator('[data-facet="kind"]').get_by_label(kind, exact=True).check()
    page.locator('[data-facet="status"]').get_by_label("reported", exact=True).check()
    page.locator("#events .sort select").select_option("-killed")
    page.locator("#series").get_by_label("Break down by").select_option("country")
    ready(page)
    count = open_server.get(f"/v1/events/count?{query(page, 'sort')}")["count"]
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{open_server.url}/?")

    other = visit(open_server, link.removeprefix(f"{open_server.url}/"))
    ready(other)
    expected = {"kind": ["attack", "negotiation_round"], "status": ["reported"], "sort": ["-killed"]}
    assert asked(other) == {**expected, "group_by": ["country"]}
    counted(other, count)
    for part in ("#chips .name", "#events h3", "#series .legend li"):
        assert other.locator(part).all_inner_texts() == page.locator(part).all_inner_texts() != []


def test_where_anybody_reads_the_feed_needs_no_token_and_a_citation_keeps(
    visit: Visit, own_server: Served, axe: Callable[..., None]
) -> None:
    page = visit(own_server, f"?{FILTER}")
    ready(page)
    every = sorted(own_server.ids(FILTER))
    page.get_by_role("button", name="Cite", exact=True).click()
    text = page.get_by_role("dialog").locator(".quoted").inner_text()
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Atom feed").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".quoted")).to_have_count(3)
    atom, geojson, table = dialog.locator(".quoted").all_inner_texts()
    expect(dialog.get_by_role("button", name="Make an address")).to_have_count(0)
    axe(page)

    feed = ET.fromstring(page.request.get(atom).text())  # noqa: S314 (ours)
    assert sorted(entry.findtext(f"{ENTRY.partition('}')[0]}}}id", "")[-36:] for entry in feed.iter(ENTRY)) == every
    assert {feature["properties"]["id"] for feature in page.request.get(geojson).json()["features"]} <= {*every}
    assert sorted(of_csv(page.request.get(table).body())) == every
    own_server.call("DELETE", f"/v1/events/{every[0]}?reason=erroneous")
    [link] = re.findall(r"http\S+", text)
    assert sorted(event["id"] for event in page.request.get(link).json()["items"]) == every
    assert f"{len(every)} events with kind attack, kind negotiation_round, since 2025-09-01" in text
