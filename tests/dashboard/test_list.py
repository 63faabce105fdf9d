"""The events as a list and as a table, in a browser: thousands of rows, live changes, downloads, keyboard, phones."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from dashboard.conftest import module, swipe
from dashboard.crowd import ARABIC

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeEvent
    from playwright.sync_api import Page

    Visit = Callable[..., Page]

# Scroll on for some steps; give the rows that were drawn by their index, and whether the end is reached.
SCROLL = """async (steps) => {
  const region = document.querySelector("#events .scroll");
  const seen = {};
  for (let step = 0; step < steps; step++) {
    for (const row of region.querySelectorAll("[data-id]")) seen[row.dataset.index] = row.dataset.id;
    const below = region.scrollHeight - region.scrollTop - region.clientHeight;
    if (region.querySelector(".end") && below < 2) return [seen, true];
    region.scrollTop += 1200;
    for (let n = 0; n < 2; n++) await new Promise(requestAnimationFrame);
  }
  return [seen, false];
}"""
INDEX = "Number(document.activeElement.closest('[data-index]').dataset.index)"
CELLS = """rows => rows.slice(0, 10).map((row) =>
  [row.dataset.id, ...[...row.children].map((cell) => cell.textContent.trim())])"""


def rows(page: Page) -> Any:
    return page.locator("#events [data-id]")


def ready(page: Page) -> None:
    """The list is there, and the stream is open."""
    expect(rows(page).first).to_be_visible()
    expect(page.locator("#live")).to_have_text("Live")


def until(page: Page, script: str, arg: Any = None) -> None:
    """The script comes to give true; wait_for_function would need what the policy forbids."""
    for _ in range(600):
        if page.evaluate(script, arg):
            return
        page.wait_for_timeout(100)
    raise AssertionError(script, arg, page.url)


def span(line: dict[str, str], measure: str) -> str:
    """What a line of a CSV says of a measure."""
    low, best, high = (line[f"{measure}_{part}"] for part in ("low", "best", "high"))
    return best if low == best == high else f"{best} ({low}–{high})"


def as_table(page: Page) -> None:
    page.get_by_role("button", name="Table", exact=True).click()
    expect(page.get_by_role("grid")).to_be_visible()


def test_a_search_that_finds_nothing_says_how_it_is_read_and_what_is_chosen_elsewhere(
    visit: Visit, own_server: Any, make_event: MakeEvent
) -> None:
    place = {"name": "Kharkiv", "country": "UA", "admin1": "UA-63", "lat": 50.0, "lon": 36.2, "role": "target"}
    own_server.call("POST", "/v1/events", json=make_event(locations=[place]))
    page = visit(own_server, "?q=nowhere in Kharkiv oblast of Ukraine")
    told = page.locator("#events .empty")

    expect(told).to_contain_text('every word of the search must occur in it. OR between two words and "quotes" around')
    expect(told).to_contain_text("The filter has “Kharkiv” under Region and “Ukraine” under Country.")
    page.goto(f"{own_server.url}/?tag=nowhere")
    expect(told).to_have_text("No event matches. Take a filter off, or wait: new ones are told here.")


def test_scrolling_gives_each_event_once_while_others_arrive(
    visit: Visit, own_crowd_server: Any, make_event: MakeEvent
) -> None:
    before = own_crowd_server.ids("kind=sanction_move")
    assert len(before) > 2_500  # more pages than stay in memory
    [event] = own_crowd_server.get("/v1/events?kind=sanction_move&limit=1")["items"]
    page = visit(own_crowd_server, "?kind=sanction_move")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/v1/events?" in request.url else None)
    ready(page)
    first = rows(page).first.get_attribute("data-id")

    seen: dict[str, str] = {}
    arrived: list[str] = []
    done = False
    while not done:
        drawn, done = page.evaluate(SCROLL, 20)
        assert {index: id_ for index, id_ in drawn.items() if seen.setdefault(index, id_) != id_} == {}
        if len(arrived) < 3:
            new = make_event(kind="sanction_move", started_at="2030-01-01T00:00:00Z", detail=event["detail"])
            arrived.append(own_crowd_server.call("POST", "/v1/events", json=new)["id"])

    assert [seen[str(index)] for index in range(len(seen))] == before
    cursors = [found[1] for url in asked if "sort=" in url and (found := re.search(r"[?&]cursor=([^&]*)", url))]
    assert len({*cursors}) == len(cursors) == -(-len(before) // 100) - 1
    assert page.evaluate("document.querySelectorAll('#events [data-id]').length") < 80
    page.evaluate("document.querySelector('#events .scroll').scrollTop = 0")
    expect(page.locator(f'#events [data-id="{first}"] h3')).to_be_visible()
    pill = page.get_by_role("button", name="3 new events")
    expect(pill).to_be_visible()
    assert rows(page).first.get_attribute("data-id") == first
    pill.click()
    expect(rows(page).first).to_have_attribute("data-id", re.compile("|".join(arrived)))
    expect(pill).to_be_hidden()


def test_the_table_has_the_numbers_and_the_orders_of_the_api(visit: Visit, crowd_server: Any) -> None:
    page = visit(crowd_server, "?kind=attack")
    ready(page)
    as_table(page)
    grid = page.get_by_role("grid")
    count = crowd_server.get("/v1/events/count?kind=attack")["count"]
    expect(grid).to_have_attribute("aria-rowcount", str(count + 1))

    page.locator("#events .menu summary").click()
    for name in ("Injured", "Sources"):  # one more, and one less
        page.get_by_role("group", name="Columns of the table").get_by_label(name, exact=True).click()
    page.keyboard.press("Escape")
    expect(page.locator("#events .menu summary")).to_be_focused()
    for name, sort in (("Killed", "-killed"), ("Killed", "killed"), ("Launched", "-launched"), ("Time", "")):
        grid.get_by_role("button", name=name).click()
        expect(grid.get_by_role("columnheader", name=name)).to_have_attribute(
            "aria-sort", "ascending" if sort == "killed" else "descending"
        )
        items = crowd_server.get(f"/v1/events?kind=attack&limit=10&sort={sort or '-started_at'}")["items"]
        expect(rows(page).nth(9)).to_have_attribute("data-id", items[9]["id"])
        shown = rows(page).evaluate_all(CELLS)
        query = "&".join(f"id={event['id']}" for event in items)
        export = page.request.get(f"{crowd_server.url}/v1/events/export?format=csv&{query}").text()
        lines = {line["id"]: line for line in csv.DictReader(io.StringIO(export))}
        assert [row[0] for row in shown] == [event["id"] for event in items]
        for id_, *cells in shown:
            line = lines[id_]
            country = module(page, "common/labels.js", "label", "country", line["country"])
            assert cells[3:6] == [line["place"], country, span(line, "killed")]
            assert cells[7] == span(line, "launched")
    page.reload()
    expect(grid.get_by_role("columnheader")).to_have_text(
        [
            re.compile(name)
            for name in ("Time", "Kind", "Title", "Place", "Country", "Killed", "Injured", "Launched", "Inter")
        ]
    )
    assert "sort" not in page.url


def test_the_columns_follow_the_kinds_until_some_are_chosen(visit: Visit, open_server: Any) -> None:
    page = visit(open_server, "?kind=attack")
    ready(page)
    as_table(page)
    heads = page.get_by_role("grid").get_by_role("columnheader")

    def expect_heads(*names: str) -> None:
        expect(heads).to_have_text([re.compile(f"^{name}") for name in names])

    common = ("Time", "Kind", "Title", "Place", "Country", "Killed")
    expect_heads(*common, "Launched", "Intercepted", "Sources")
    page.goto(f"{open_server.url}/?kind=attack&kind=sanction_move")
    expect_heads(*common, "Injured", "Sources")
    page.goto(f"{open_server.url}/?kind=sanction_move")
    expect_heads(*common, "Targets listed", "Sources")
    page.locator("#events .menu summary").click()
    page.get_by_role("group", name="Columns of the table").get_by_label("Country").click()
    page.goto(f"{open_server.url}/?kind=attack")
    expect_heads("Time", "Kind", "Title", "Place", "Killed", "Targets listed", "Sources")


def test_the_table_shows_that_there_is_more_and_where_a_text_is_cut(visit: Visit, crowd_server: Any) -> None:
    page = visit(crowd_server, "?tag=odd&q=Donau*", viewport={"width": 1440, "height": 900})
    ready(page)
    as_table(page)
    edges = page.locator(".edges", has=page.get_by_role("grid"))
    expect(edges).to_have_attribute("data-more", re.compile("right"))
    page.locator('[data-index="0"] [aria-colindex="1"]').focus()
    page.keyboard.press("End")
    expect(edges).to_have_attribute("data-more", re.compile("left"))
    expect(edges).not_to_have_attribute("data-more", re.compile("right"))

    cut = page.locator('[data-index="0"] [aria-colindex="3"]')
    expect(cut).to_have_css("-webkit-line-clamp", "5")  # and with it an ellipsis
    lines, whole = cut.evaluate("""(cell) => {
      const line = parseFloat(getComputedStyle(cell).lineHeight);
      return [cell.clientHeight / line, cell.scrollHeight / line];
    }""")
    assert round(lines, 1) == 5.0 < whole


def test_changes_come_in_place_and_leave_focus_scroll_and_selection(
    visit: Visit, own_crowd_server: Any, make_event: MakeEvent
) -> None:
    def make(title: str) -> str:
        event = make_event(title=title, tags=["live"], started_at="2020-01-01", summary="Words to select.")
        return str(own_crowd_server.call("POST", "/v1/events", json=event)["id"])

    made = [make(f"Event {n}") for n in range(12)]
    page = visit(own_crowd_server, "?tag=live&sort=started_at")
    ready(page)
    row = {id_: page.locator(f'#events [data-id="{id_}"]') for id_ in made}
    page.locator("#events .scroll").evaluate("region => { region.scrollTop = 300; }")
    row[made[4]].focus()
    page.evaluate("id => getSelection().selectAllChildren(document.querySelector(`[data-id='${id}'] .text`))", made[4])
    top = page.evaluate("document.querySelector('#events .scroll').scrollTop")
    place = row[made[4]].bounding_box()

    change = {"title": "Event 5, told again", "status": "confirmed", "summary": "Long. " * 40}
    own_crowd_server.call("PATCH", f"/v1/events/{made[3]}", json=change, headers={"if-match": '"1"'})
    own_crowd_server.call("PATCH", f"/v1/events/{made[5]}", json={"tags": ["other"]}, headers={"if-match": '"1"'})
    own_crowd_server.call("DELETE", f"/v1/events/{made[6]}?reason=erroneous")
    new = make("Event 12")

    expect(row[made[3]].locator("h3")).to_have_text("Event 5, told again")
    expect(row[made[3]].locator(".mark")).to_have_text("Changed")
    expect(row[made[5]].locator(".mark")).to_have_text("No longer matches")
    expect(row[made[6]].locator(".mark")).to_have_text("Deleted")
    expect(row[made[6]].locator("h3")).to_have_css("text-decoration-line", "line-through")
    expect(page.get_by_role("button", name="1 new event")).to_be_visible()
    expect(row[made[4]]).to_be_focused()
    assert page.evaluate("String(getSelection())") == "Words to select."
    assert page.locator("#events [data-id]").count() <= 12
    assert abs(page.evaluate("document.querySelector('#events .scroll').scrollTop") - top) < 200
    assert place is not None
    page.get_by_role("button", name="1 new event").press("Enter")
    expect(page.locator(f'#events [data-id="{new}"]')).to_have_count(1)
    expect(page.locator(f'#events [data-id="{made[6]}"]')).to_have_count(0)
    expect(page.locator("#events .mark")).to_have_count(0)


def test_keys_walk_the_list_and_the_table(visit: Visit, crowd_server: Any) -> None:
    page = visit(crowd_server, "?kind=sanction_move")
    ready(page)

    def focused(index: int, column: int | None = None) -> None:
        cell = "" if column is None else f" [aria-colindex='{column}']"
        expect(page.locator(f"#events [data-index='{index}']{cell}")).to_be_focused()

    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    focused(1)
    page.locator("#events .scroll").evaluate("region => { region.scrollTop = 9000; }")
    expect(page.locator("#events [data-index='0']")).to_have_count(0)
    focused(1)
    page.keyboard.press("j")
    focused(2)
    assert page.locator("#events .edges [tabindex='0']").count() == 2  # the region that scrolls, and one row

    as_table(page)
    page.locator("#events .scroll").focus()
    page.evaluate("document.querySelector('#events .scroll').scrollTop = 0")
    page.locator('[data-index="0"] [aria-colindex="1"]').focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "PageDown", "ArrowUp"):
        page.keyboard.press(key)
    focused(10, 3)
    expect(page.locator("#events [data-index='10']")).to_have_attribute("aria-rowindex", "12")
    deep = 0
    for _ in range(600):  # each time to the last row that is there
        page.keyboard.press("Control+End")
        if (deep := page.evaluate(INDEX)) > 1_000:
            break
        page.wait_for_timeout(50)
    assert deep > 1_000
    id_ = crowd_server.ids("kind=sanction_move")[deep]
    expect(page.locator(f"#events [data-index='{deep}']")).to_have_attribute("data-id", id_)
    page.keyboard.press("Control+Home")
    focused(0, 1)
    id_ = rows(page).first.get_attribute("data-id")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/events/{id_}")


FILES = {
    "CSV": "format=csv",
    "Excel CSV": "format=csv&excel=true",
    "GeoJSON": "format=geojson",
    "NDJSON": "format=ndjson",
}


def test_a_place_that_is_named_as_its_country_is_written_once(visit: Visit, open_server: Any) -> None:
    page = visit(open_server)
    for name, country, written in (
        ("United States", "US", "United States"),
        ("united states", "US", "united states"),
        ("Kharkiv, Ukraine", "UA", "Kharkiv, Ukraine"),
        ("New Ukraine", "UA", "New Ukraine, Ukraine"),
        ("Kyiv", "UA", "Kyiv, Ukraine"),
        ("Kyiv", None, "Kyiv"),
        (None, "UA", "Ukraine"),
        (None, None, ""),
    ):
        assert module(page, "common/labels.js", "placeName", {"name": name, "country": country}) == written
    expect(page.locator("#events dd").get_by_text("United States", exact=True).first).to_be_attached()
    expect(page.locator("#events dd", has_text="United States, United States")).to_have_count(0)


def test_a_day_outside_the_filter_tells_its_zone(visit: Visit, own_server: Any, make_event: MakeEvent) -> None:
    for title, zone in (("Midnight in Kyiv", "Europe/Kyiv"), ("Evening in UTC", None)):
        event = make_event(title=title, started_at="2024-12-31T22:00:00Z", time_precision="day", timezone=zone)
        own_server.call("POST", "/v1/events", json=event)
    page = visit(own_server, "?since=2024-12-31&until=2025-01-01")
    ready(page)
    of = {title: page.locator(".entry", has_text=title).locator("time") for title in ("Midnight", "Evening")}
    expect(of["Midnight"]).to_have_text("1 Jan 2025, Europe/Kyiv")
    expect(of["Evening"]).to_have_text("31 Dec 2024")
    expect(page.locator("#series")).to_contain_text(
        "What began before 31 Dec 2024 and went on counts in the first hour."
    )
    page.goto(f"{own_server.url}/?until=2025-02-01")
    expect(of["Midnight"]).to_have_text("1 Jan 2025")


def test_files_feeds_and_citations_work_where_reading_needs_a_key(visit: Visit, closed_server: Any) -> None:
    page = visit(closed_server, "?kind=sanction_move")
    page.get_by_role("dialog").get_by_label("Key", exact=True).fill(closed_server.key)
    page.get_by_role("dialog").get_by_role("button", name="Continue").click()
    ready(page)
    headers = {"authorization": f"Bearer {closed_server.key}"}

    for name, format_ in FILES.items():
        with page.expect_download() as started:
            page.get_by_role("button", name=name, exact=True).click()
        assert re.fullmatch(r"sitrep-\d{4}-\d\d-\d\d\.(csv|geojson|ndjson)", started.value.suggested_filename)
        wanted = page.request.get(
            f"{closed_server.url}/v1/events/export?kind=sanction_move&{format_}", headers=headers
        ).body()
        assert started.value.path().read_bytes() == wanted
        expect(page.locator("#events .running")).to_be_hidden()

    page.get_by_role("button", name="Atom feed").click()
    page.get_by_role("dialog").get_by_role("button", name="Make an address").click()
    feed = page.get_by_role("dialog").locator(".quoted").first.inner_text()
    assert "/v1/events.atom?kind=sanction_move&token=sitrep_feed_" in feed
    assert page.request.get(feed).text().count("<entry>") == 100
    page.get_by_role("dialog").get_by_role("button", name="Revoke the token").click()
    expect(page.get_by_role("dialog")).to_contain_text("The token is revoked")
    assert page.request.get(feed).status == 401
    page.get_by_role("dialog").get_by_role("button", name="Close").click()

    page.get_by_role("button", name="Cite", exact=True).click()
    text = page.get_by_role("dialog").locator(".quoted").inner_text()
    [link] = re.findall(r"http\S+", text)
    as_of = page.request.get(link, headers=headers).json()["as_of"]
    count = closed_server.get("/v1/events/count?kind=sanction_move")["count"]
    assert text.startswith(f"Sitrep: {count:,} events with kind sanction_move, as of feed cursor {as_of}")
    page.get_by_role("button", name="Close").click()
    webhook = page.get_by_role("link", name="Webhook from this filter").get_attribute("href")
    assert webhook == f"{closed_server.url}/subscriptions?kind=sanction_move"
    assert closed_server.key not in page.content() + page.url


def test_what_fails_is_said_and_mended(visit: Visit, crowd_server: Any) -> None:
    page = visit(crowd_server)
    ready(page)
    page.route("**/v1/events/export*", lambda route: route.fulfill(status=422, json={"detail": "No such format."}))
    page.get_by_role("button", name="CSV", exact=True).click()
    expect(page.locator("#events .actions").get_by_role("alert")).to_have_text("CSV: No such format.")
    broken = [True]
    page.route(
        "**/v1/events?*cursor=*",
        lambda route: route.fulfill(status=422, json={"detail": "Not now."}) if broken else route.continue_(),
    )
    page.evaluate(SCROLL, 20)

    again = page.locator("#events .scroll").get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    assert rows(page).count() > 0
    broken.clear()
    again.click()
    expect(again).to_be_hidden()
    expect(page.locator("#events .note").first).to_have_text(re.compile("^[2-9]00 loaded"))


@pytest.mark.parametrize("look", ["phone", "dark", "zoomed"])
def test_it_fits_reads_from_right_to_left_and_has_no_fault_that_axe_knows(
    visit: Visit, crowd_server: Any, axe: Callable[..., None], look: str
) -> None:
    looks: dict[str, dict[str, Any]] = {
        "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
        "dark": {"color_scheme": "dark"},
        "zoomed": {"viewport": {"width": 680, "height": 450}, "device_scale_factor": 2},  # 1360 by 900 at 200 %
    }
    page = visit(crowd_server, "?tag=odd", **looks[look])
    ready(page)

    expect(page.locator("#events h3", has_text=ARABIC).first).to_have_css("direction", "rtl")
    for view in ("list", "table"):
        if view == "table":
            as_table(page)
        expect(rows(page).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        axe(page, "#events")
    expect(page.locator("#events a", has_text=ARABIC).first.locator("..")).to_have_css("direction", "rtl")


IN_SIGHT = """(id) => {
  const box = document.querySelector(`#events [data-id="${id}"]`)?.getBoundingClientRect();
  return Boolean(box) && box.bottom > 0 && box.top < innerHeight;
}"""


@pytest.mark.parametrize("view", ["list", "table"])
def test_a_phone_scrolls_the_list_with_the_page_and_gets_past_it(visit: Visit, crowd_server: Any, view: str) -> None:
    page = visit(
        crowd_server, "?kind=sanction_move", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    ready(page)
    if view == "table":
        as_table(page)
    rows(page).first.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")

    swipe(page, (200, 700, 0, -600))
    until(page, "(before) => scrollY > before + 50", before)
    assert page.evaluate("document.querySelector('#events .scroll').scrollTop") == 0
    expect(page.get_by_role("button", name="Show more events")).to_be_attached()
    assert rows(page).count() <= 10
    page.get_by_text("Use this view from code").tap()  # which is below it
    expect(page.locator("#code a").first).to_be_visible()

    page.get_by_role("button", name="Show more events").tap()
    expect(page.locator("#events [data-index='10']")).to_be_attached()
    page.keyboard.press("j")
    for n in range(12, 65):  # beyond what is shown
        page.keyboard.press("j")
        expect(page.locator(f"#events [data-index='{n}']")).to_be_attached()
    assert page.locator("#events [data-id]").count() < 60
    last = page.locator("#events [data-index='64']")
    id_ = last.get_attribute("data-id")
    until(page, IN_SIGHT, id_)
    last.locator("a").first.tap()
    page.wait_for_url(f"**/events/{id_}")
    page.go_back()
    until(page, IN_SIGHT, id_)
    page.reload()
    until(page, IN_SIGHT, id_)


# Where the head of the table is, and its first cell beside that of the row below; whether it is to be seen.
HEAD = """() => {
  const [head, cell] = ["columnheader", "gridcell"].map((role) => document.querySelector(`.grid [role=${role}]`));
  const { top, left } = head.getBoundingClientRect();
  const seen = head.contains(document.elementFromPoint(Math.max(left, 0) + 40, top + 12));
  return [Math.round(top), Math.round(left - cell.getBoundingClientRect().left), seen];
}"""
# By how much the row that has the focus stands below the head.
CLEAR = """() => {
  const [head, row] = [document.querySelector(".grid .head"), document.activeElement.closest("[role=row]")];
  return Math.round(row.getBoundingClientRect().top - head.getBoundingClientRect().bottom);
}"""


def test_the_head_of_the_table_stays_in_sight_on_a_phone(visit: Visit, crowd_server: Any) -> None:
    page = visit(
        crowd_server, "?kind=sanction_move", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    ready(page)
    as_table(page)
    page.get_by_role("button", name="Show more events").tap()
    page.locator("#events [data-index='20']").scroll_into_view_if_needed()
    assert page.evaluate("document.querySelector('#events .grid').getBoundingClientRect().top") < 0

    assert page.evaluate(HEAD) == [0, 0, True]
    page.locator("#events .scroll").evaluate("box => box.scrollBy(60, 0)")
    assert page.evaluate("document.querySelector('#events .scroll').scrollLeft") == 60
    assert page.evaluate(HEAD) == [0, 0, True]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [390, 1360])
def test_a_key_leads_to_rows_below_the_head(visit: Visit, crowd_server: Any, width: int) -> None:
    page = visit(crowd_server, "?kind=sanction_move", viewport={"width": width, "height": 844})
    ready(page)
    as_table(page)
    for key, steps in (("j", 30), ("k", 25)):
        for _ in range(steps):
            page.keyboard.press(key)
    expect(page.locator("#events [data-index='4'] :focus")).to_be_attached()
    assert page.evaluate(CLEAR) >= 0


def test_the_place_in_the_box_is_kept_for_those_who_come_back(visit: Visit, crowd_server: Any) -> None:
    page = visit(crowd_server, "?kind=sanction_move")
    ready(page)
    page.locator("#events .scroll").evaluate("region => { region.scrollTop = 9000; }")
    expect(page.locator("#events [data-index='0']")).to_have_count(0)
    page.locator("#events [data-id] h3 a").nth(5).click()
    page.wait_for_url("**/events/*")
    id_ = page.url.rpartition("/")[2]

    page.go_back()
    until(page, IN_SIGHT, id_)
    page.goto(f"{crowd_server.url}/?kind=sanction_move")  # which is no way back
    ready(page)
    expect(page.locator("#events [data-index='0']")).to_be_attached()
    assert page.evaluate("document.querySelector('#events .scroll').scrollTop") == 0


def test_a_link_that_is_clicked_while_a_search_is_typed_leads_on(
    visit: Visit, own_server: Any, make_event: MakeEvent
) -> None:
    own_server.call("POST", "/v1/events", json=make_event(title="Blackout in Zmiiv"))
    page = visit(own_server)
    link = page.get_by_role("link", name="Blackout in Zmiiv")
    expect(link).to_be_visible()
    expect(page.locator('[aria-busy="true"]')).to_have_count(0)

    page.get_by_label("Search", exact=True).fill("Zmiiv")
    link.click()
    page.wait_for_url("**/events/*")
    expect(page.get_by_role("heading", level=1)).to_have_text("Blackout in Zmiiv")
