"""The filter's panel in a browser: its counts are the API's, and what is chosen in it is the filter in the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from dashboard.conftest import asked, counted, query, ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeEvent
    from playwright.sync_api import Locator, Page

    Visit = Callable[..., Page]
    Axe = Callable[..., None]

COUNTS = """lists => Object.fromEntries(lists.map((list) => [
  list.closest("details").dataset.facet,
  [...list.querySelectorAll("li")]
    .map((row) => [row.querySelector("input").value, row.querySelector(".count")?.textContent])
    .filter(([, count]) => count).map(([value, count]) => [value, Number(count.replace(",", ""))]),
]))"""


def facet(page: Page, name: str) -> Locator:
    return page.locator(f'[data-facet="{name}"]')


def check(page: Page, served: Any) -> None:
    """Each count in the panel, and the count above the charts, is the API's for the same filter."""
    counted(page, served.get(f"/v1/events/count?{query(page)}")["count"])
    ready(page)
    shown = page.locator("#filters .values").evaluate_all(COUNTS)
    assert {"kind", "status", "country"} <= shown.keys()
    names = "&".join(f"facet={name}" for name in shown)
    truth = served.get(f"/v1/stats/facets?{names}&limit=1000&{query(page)}")["facets"]
    for name, rows in shown.items():
        there = [(row["value"], row["count"]) for row in truth[name]]
        assert {*there[: min(len(rows), 8)]} <= {*map(tuple, rows)} <= {*there}, name


def test_values_are_chosen_left_out_and_missing(visit: Visit, crowd_server: Any) -> None:
    page = visit(crowd_server)
    ready(page)
    check(page, crowd_server)

    facet(page, "kind").get_by_label("Sanctions", exact=True).check()
    check(page, crowd_server)
    facet(page, "kind").get_by_label("Attack", exact=True).check()
    check(page, crowd_server)
    assert asked(page) == {"kind": ["sanction_move", "attack"]}
    facet(page, "country").get_by_role("button", name="Leave out Ukraine").click()
    check(page, crowd_server)
    facet(page, "kind").get_by_label("Attack", exact=True).uncheck()
    facet(page, "stage").locator("summary").click()
    facet(page, "stage").get_by_label("adopted", exact=True).check()
    facet(page, "admin1").locator("summary").click()
    facet(page, "admin1").get_by_label("without any", exact=True).check()
    expected = {"kind": ["sanction_move"], "exclude": ["country:UA"], "stage": ["adopted"], "missing": ["admin1"]}
    assert asked(page) == expected
    expect(page.locator("#chips .name")).to_have_text(["kind", "stage", "not country", "without"])
    check(page, crowd_server)

    facet(page, "kind").get_by_label("Sanctions", exact=True).uncheck()
    facet(page, "kind").get_by_label("Talks", exact=True).check()  # which have no stage
    assert asked(page) == {"kind": ["negotiation_round"], "exclude": ["country:UA"], "missing": ["admin1"]}
    page.get_by_role("button", name="Take off not country Ukraine").click()
    expect(page.get_by_role("button", name="Take off without region")).to_be_focused()
    check(page, crowd_server)
    page.go_back()
    expect(facet(page, "country").get_by_role("button", name="Leave out Ukraine")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("button", name="Clear all").click()
    check(page, crowd_server)


def test_the_status_is_a_filter(visit: Visit, own_server: Any, make_event: MakeEvent) -> None:
    for status in ("confirmed", "disputed"):
        own_server.call("POST", "/v1/events", json=make_event(status=status))
    page = visit(own_server)
    ready(page)
    for status, count in (("confirmed", 1), ("disputed", 2)):
        facet(page, "status").get_by_label(status, exact=True).check()
        counted(page, count)
    check(page, own_server)
    assert asked(page) == {"status": ["confirmed", "disputed"]}
    expect(facet(page, "status").get_by_label("without any")).to_have_count(0)  # every event has one
    facet(page, "status").get_by_role("button", name="Leave out disputed").click()
    counted(page, 1)
    assert asked(page) == {"status": ["confirmed"], "exclude": ["status:disputed"]}
    check(page, own_server)
    facet(page, "status").get_by_label("confirmed", exact=True).uncheck()
    counted(page, 18)
    check(page, own_server)


def test_a_region_is_found_by_its_names(visit: Visit, open_server: Any) -> None:
    page = visit(open_server)
    ready(page)
    region = facet(page, "admin1")
    region.locator("summary").click()
    search = region.get_by_label("Search Region")
    for text in ("ua-63", "Kharkiv", "kharkivska obl", "Харківська"):  # no sample lies there
        search.fill(text)
        expect(region.locator("ul.values label").first).to_have_text("Kharkiv oblast (UA-63)")

    search.press("Enter")

    assert asked(page) == {"admin1": ["UA-63"]}
    expect(page.get_by_role("button", name="Take off region Kharkiv oblast (UA-63)")).to_be_visible()
    check(page, open_server)


def test_a_row_of_a_facet_is_a_stop_of_the_tab_key(visit: Visit, open_server: Any) -> None:
    page = visit(open_server)
    ready(page)

    facet(page, "kind").locator("input").first.focus()
    for key in ("ArrowDown", "Space"):
        page.keyboard.press(key)
    second = facet(page, "kind").locator("input").nth(1)
    expect(second).to_be_focused()
    expect(second).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#chips .name")).to_have_text(["not kind"])
    expect(facet(page, "kind").locator("button[aria-pressed=true]")).to_be_focused()
    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.matches('[data-facet=status] summary')")


def test_words_days_zone_and_numbers(visit: Visit, own_server: Any, make_event: MakeEvent, axe: Axe) -> None:
    for day, killed in (("2024-02-28", 4), ("2024-02-29", 7), ("2024-03-01", 9)):
        dead = [{"measure": "killed", "group": "civilian", "count": killed}]
        own_server.call("POST", "/v1/events", json=make_event(started_at=f"{day}T12:00:00Z", casualties=dead))
    page = visit(own_server)
    ready(page)

    page.get_by_label("From", exact=True).fill("2024-02-29")
    page.get_by_label("Until", exact=True).fill("2024-02-29")
    counted(page, 1)  # the whole of that day
    assert asked(page) == {"since": ["2024-02-29"], "until": ["2024-03-01"]}
    expect(page.locator("#chips")).to_contain_text("until 29 Feb 2024")
    page.get_by_label("Until", exact=True).fill("2024-03-01")
    counted(page, 2)
    facet(page, "numbers").locator("summary").click()
    page.locator('[name="killed_min"]').fill("8")
    page.locator('[name="killed_min"]').press("Enter")
    counted(page, 1)
    page.locator("[name=timezone]").fill("europe/kyiv")
    page.locator("[name=timezone]").press("Tab")
    expect(page.locator("#chips")).to_contain_text("timezone Europe/Kyiv")
    page.locator("[name=timezone]").fill("Mars")
    page.locator("[name=timezone]").press("Tab")
    expect(page.get_by_role("alert")).to_contain_text("no zone of that name")
    check(page, own_server)
    page.get_by_label("Until", exact=True).fill("2024-01-01")
    expect(page.get_by_text("From is after Until")).to_be_visible()
    page.get_by_label("From", exact=True).fill("")
    page.get_by_label("From", exact=True).press_sequentially("0229")
    expect(page.locator("#field-since-fault")).to_have_count(0)  # it is still being typed
    page.get_by_label("From", exact=True).press("Enter")
    expect(page.locator("#field-since-fault")).to_contain_text("incomplete")
    expect(page.get_by_label("From", exact=True)).to_have_attribute("aria-invalid", "true")
    axe(page, "#filters")
    page.get_by_role("button", name="Clear all").click()
    expect(page.get_by_label("From", exact=True)).to_have_value("")
    counted(page, 20)


def test_values_are_sought_and_shown_to_the_last(visit: Visit, crowd_server: Any) -> None:
    page = visit(crowd_server)
    ready(page)
    tags = facet(page, "tag")
    tags.locator("summary").click()
    expect(tags.locator("li")).to_have_count(9)  # eight, and "without any"
    tags.get_by_role("button", name="Show more").click()
    expect(tags.locator('[value^="tag-"]')).to_have_count(60)
    tags.get_by_label("Search Tag").fill("TAG-5")
    expect(tags.locator('[value^="tag-"]')).to_have_count(10)
    tags.get_by_label("Search Tag").fill("tag-57")
    tags.get_by_label("Search Tag").press("Enter")

    assert asked(page) == {"tag": ["tag-57"]}
    counted(page, crowd_server.get("/v1/events/count?tag=tag-57")["count"])
