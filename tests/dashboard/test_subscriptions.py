"""The page of subscriptions in a browser, with an endpoint that really receives."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import expect
from receivers import Receiver, receiving
from standardwebhooks import Webhook

from .conftest import PATIENCE_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from .conftest import RestartableServer, Served

    Visit = Callable[..., Page]

OUTAGE_MS = 8 * PATIENCE_MS  # the pages ask ever more seldom, up to two minutes apart
HOSTILE = ("<img src=x onerror=alert(1)>", "\u202e\u0645\u0631\u062d\u0628\u0627", "x" * 290, "a'\"&lt;{{7*7}}")


@contextmanager
def endpoint() -> Iterator[Receiver]:
    """An endpoint on a loop of its own, since the browser holds this thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opened = receiving()
    try:
        yield asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result()
        asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with endpoint() as receiver:
        yield receiver


def manage(visit: Visit, served: Served, query: str = "", key: str | None = None, **look: Any) -> Page:
    """The page, opened by a reader who enters the key."""
    page = visit(served, f"subscriptions{query}", permissions=["clipboard-read", "clipboard-write"], **look)
    page.get_by_label("Key", exact=True).fill(key or served.key)
    page.get_by_role("button", name="Continue").click()
    return page


def subscribe(served: Served, url: str | None = None, **fields: Any) -> dict[str, Any]:
    """A subscription, made by the API."""
    push = {} if url is None else {"push": {"url": url, **fields.pop("push", {})}}
    wanted = {"name": "desk", "mode": "pull" if url is None else "push", "filter": {}, **push, **fields}
    made: dict[str, Any] = served.call("POST", "/v1/subscriptions", json=wanted)
    return made


def standing(served: Served, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = served.get(f"/v1/subscriptions/{id_}")
    return found


def id_of(page: Page) -> str:
    page.wait_for_url(re.compile("subscription="))
    return page.url.rpartition("=")[2]


def state(page: Page, word: str) -> None:
    """The state that stands beside the name."""
    expect(page.locator(".head .state")).to_have_text(word)


def wait_for(page: Page, holds: Callable[[], bool]) -> None:
    """Come back when it holds; meanwhile the page goes on."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while not holds():
        assert time.monotonic() < end
        page.wait_for_timeout(20)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_webhook_from_a_filter_is_made_tested_and_followed_to_the_bytes_that_were_sent(
    visit: Visit, pushing: Served, hook: Receiver, axe: Callable[..., None]
) -> None:
    page = manage(visit, pushing, "?kind=sanction_move&country=US&country=UA&fbclid=x")
    asked = "kind=sanction_move&country=US&country=UA"
    count = pushing.get(f"/v1/events/count?{asked}")["count"]

    expect(page.locator(".meaning")).to_contain_text("kind sanctions; country United States or Ukraine")
    expect(page.locator(".meaning a")).to_have_text(re.compile(rf"^{count} events? match"))
    values = page.locator(".filter-rows .row input")
    assert [values.nth(n).input_value() for n in range(3)] == ["sanction_move", "US", "UA"]
    page.get_by_label("Find a condition").fill("vessel")
    page.get_by_role("button", name="measure subtype: vessel listing").click()
    expect(page.get_by_label("Find a condition")).to_be_focused()
    assert values.nth(3).input_value() == "vessel_listing"
    page.get_by_role("button", name="Remove the condition measure subtype vessel_listing").click()
    values.nth(2).fill("Atlantis")
    page.get_by_label("Address of your endpoint").fill("http://localhost:1/")
    page.get_by_label("The oldest change").check()
    press(page, "Create the subscription")
    expect(page.locator(".filter-rows .fault")).to_contain_text("country")
    expect(values.nth(2)).to_be_focused()
    page.get_by_role("button", name="Remove the condition country Atlantis").click()
    press(page, "Create the subscription")
    address = page.get_by_label("Address of your endpoint")
    expect(address).to_be_focused()
    expect(address).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".field .fault")).to_be_visible()
    axe(page)
    address.fill(hook.url())
    page.get_by_label("Name", exact=True).last.fill("sanctions desk")
    press(page, "Create the subscription")

    secret = page.locator("#secret").inner_text()
    press(page, "Copy the secret")
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    axe(page)
    press(page, "I have kept the secret")
    expect(page.get_by_role("heading", level=1)).to_have_text("sanctions desk")
    id_ = id_of(page)
    state(page, "active")
    press(page, "Send a test")
    expect(page.locator("#state .outcome")).to_contain_text("answered the signed ping with 200")
    listed = [item["change_id"] for item in pushing.get(f"/v1/subscriptions/{id_}/deliveries")["items"]]
    expect(page.locator("#deliveries tbody th")).to_have_text(listed)
    expect(page.locator("#deliveries .state").last).to_have_text("delivered")

    page.get_by_role("button", name="Details").first.click()
    expect(page.locator(".attempts tbody tr")).to_have_count(1)
    press(page, "Show the payload")
    press(page, "Copy the exact bytes")
    expect(page.get_by_text("Copied.")).to_be_visible()
    sent = next(received for received in hook.changes if received.id == listed[0])
    assert page.evaluate("navigator.clipboard.readText()").encode() == sent.body
    sent.verify(secret)
    page.get_by_label("Indent for reading").uncheck()
    expect(page.locator(".payload code")).to_have_text(sent.body.decode())
    press(page, "Send it again")
    expect(page.locator(".attempts tbody tr")).to_have_count(2)
    assert hook.ids.count(listed[0]) == 2
    axe(page)


def test_what_is_no_condition_yet_is_told_and_nothing_is_sent(
    visit: Visit, pushing: Served, hook: Receiver, axe: Callable[..., None]
) -> None:
    total = pushing.get("/v1/events/count")["count"]
    before = len(pushing.get("/v1/subscriptions")["items"])
    page = manage(visit, pushing, "?new=1")
    search = page.get_by_label("Find a condition")
    fault = page.locator(".filter-rows .fault")
    page.get_by_label("Address of your endpoint").fill(hook.url())
    expect(page.locator(".every")).to_contain_text(f"every change of every event: {total} events now")

    search.fill("vessel")
    press(page, "Create the subscription")
    expect(fault).to_have_text("“vessel” is not a condition yet: choose one below, or empty the field.")
    expect(search).to_be_focused()
    expect(search).to_have_attribute("aria-invalid", "true")
    axe(page)
    search.press("Enter")
    expect(page.get_by_label("Value of measure subtype")).to_have_value("vessel_listing")
    expect(search).to_have_value("")
    expect(fault).to_have_count(0)
    expect(page.locator(".every")).to_be_empty()

    press(page, "Add “change”")
    value = page.get_by_label("Value of change")
    expect(value).to_be_focused()
    press(page, "Create the subscription")
    expect(fault).to_have_text("Write a value, or remove this condition.")
    expect(value).to_be_focused()
    value.fill("created")
    expect(page.locator(".meaning")).not_to_contain_text("correction")
    press(page, "Add a condition")
    page.get_by_label("Value of the condition").fill("vessel")
    press(page, "Create the subscription")
    expect(fault).to_have_text("Choose a name for this value, or remove it.")
    expect(page.get_by_label("Name", exact=True).nth(2)).to_be_focused()
    axe(page)
    assert len(pushing.get("/v1/subscriptions")["items"]) == before

    page.get_by_label("Value of the condition").fill("")
    press(page, "Create the subscription")
    press(page, "I have kept the secret")
    assert standing(pushing, id_of(page))["filter"] == {"measure_subtype": ["vessel_listing"], "change": ["created"]}
    press(page, "Edit")
    page.get_by_role("dialog").get_by_label("Find a condition").fill("no such thing")
    press(page, "Save")
    expect(fault).to_contain_text("“no such thing” is not a condition yet")


def test_an_endpoint_that_fails_is_explained_paused_mended_moved_and_retried(
    visit: Visit, pushing: Served, hook: Receiver, folder: Path
) -> None:
    hook.answer = lambda received: 200 if received.is_ping else 500
    made = subscribe(pushing, hook.url(), start="oldest", name="fragile")
    total = int(made["cursor"].partition("-")[2]) + made["lag"]
    page = manage(visit, pushing)
    page.get_by_role("link", name="fragile").click()

    state(page, "failing")
    expect(page.locator(".explained")).to_contain_text("requests in a row have failed")
    expect(page.locator(".explained")).to_contain_text("status 500")
    press(page, "Pause")
    state(page, "paused")
    hook.answer = lambda _: 503
    press(page, "Send a test")
    expect(page.locator("#state .outcome")).to_contain_text("failed after")
    expect(page.locator("#state .outcome")).to_contain_text("status 503")
    hook.answer = lambda _: 204
    press(page, "Resume")
    state(page, "active")
    press(page, "Move the cursor")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".meaning")).to_contain_text("goes back")
    expect(dialog.locator(".meaning")).to_contain_text("higher webhook-generation")
    dialog.get_by_label("Now").check()
    expect(dialog.locator(".meaning")).to_contain_text("stands there already")
    dialog.get_by_label("A time").check()
    dialog.get_by_label("Time (UTC)").fill("2020-01-01T00:00")
    expect(dialog.locator(".meaning")).to_contain_text(f"goes back {total} changes")
    press(page, "Move it")
    expect(page.locator("#state .outcome")).to_contain_text("The cursor is at e1-000000000000 now")
    expect(page.get_by_role("button", name="Move the cursor")).to_be_focused()
    wait_for(page, lambda: [item.headers["webhook-generation"] for item in hook.changes].count("1") == total)
    expect(page.locator(".facts")).to_contain_text("Open0 of at most 100")

    with closing(sqlite3.connect(folder / "sitrep.db")) as db, db:
        db.execute("UPDATE delivery SET status = 'dead' WHERE generation = 1")
    press(page, f"Retry all dead ({total})")
    before = len(hook.changes)
    press(page, "Retry them")
    expect(page.locator("#state .outcome")).to_have_text(f"Sent again: {total}.")
    expect(page.locator("#state .facts")).to_contain_text("Dead0")
    expect(page.get_by_role("button", name=re.compile("Retry all dead"))).to_have_count(0)
    wait_for(page, lambda: len(hook.changes) == before + total)

    press(page, "Rotate the secret")
    page.get_by_label("One hour").check()
    press(page, "Make a new secret")
    secret = page.locator("#secret").inner_text()
    press(page, "I have kept the secret")
    expect(page.get_by_role("dialog")).to_have_count(0)
    press(page, "Send a test")
    expect(page.locator("#state .outcome")).to_contain_text("answered the signed ping with 204")
    for one in (made["secret"], secret):
        Webhook(one).verify(hook.received[-1].body, hook.received[-1].headers)
    press(page, "Delete")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_focused()
    press(page, "Delete")
    press(page, "Delete it")
    expect(page.get_by_role("heading", level=1)).to_have_text("Subscriptions")
    expect(page.get_by_role("link", name="fragile")).to_have_count(0)


def test_what_is_typed_survives_refreshes_and_nobodys_change_is_overwritten_unseen(
    visit: Visit, pushing: Served, hook: Receiver
) -> None:
    made = subscribe(
        pushing,
        hook.url(),
        filter={"kind": "attack", "bbox": [22, 44, 41, 53]},
        push={"headers": {"X-Desk": "a", "Authorization": "b"}},
    )
    page = manage(visit, pushing, f"?subscription={made['id']}")
    state(page, "active")
    press(page, "Edit")
    dialog = page.get_by_role("dialog")
    name = dialog.get_by_label("Name", exact=True).first
    name.fill("mine")
    pushing.call("PATCH", f"/v1/subscriptions/{made['id']}", json={"name": "theirs", "filter": {"kind": ["attack"]}})

    expect(page.locator(".head h1")).to_have_text("theirs")
    expect(name).to_have_value("mine")
    expect(name).to_be_focused()
    press(page, "Save")
    expect(dialog.locator(".trouble")).to_contain_text("Nothing was saved")
    assert standing(pushing, made["id"])["name"] == "theirs"
    press(page, "Keep what I typed")
    dialog.get_by_role("button", name="Remove the condition kind attack").click()
    dialog.get_by_text("Pace and own headers").click()
    dialog.get_by_role("button", name="Remove the header X-Desk").click()
    dialog.get_by_label("Unfinished at most").fill("many")
    press(page, "Save")
    expect(dialog.get_by_label("Unfinished at most")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Unfinished at most").fill("1")
    dialog.get_by_label("Sent at once").fill("")
    press(page, "Save")

    expect(page.locator("#state .outcome")).to_have_text("Saved.")
    found = standing(pushing, made["id"])
    assert (found["name"], found["filter"]) == ("mine", {"bbox": [22, 44, 41, 53]})
    assert (found["push"]["max_open"], found["push"]["headers"]) == (1, {"Authorization": "***"})
    expect(page.locator(".facts")).to_contain_text("in strict order")


def test_a_pull_subscription_is_made_read_and_acknowledged_by_the_keyboard_alone(visit: Visit, pushing: Served) -> None:
    page = manage(visit, pushing)
    page.get_by_role("link", name="New subscription").press("Enter")
    expect(page.get_by_role("heading", name="New subscription")).to_be_focused()
    # Past the search, add a condition: its name has the focus, and country is the second.
    for keys in ("Tab", "Tab", "Enter", "ArrowDown", "ArrowDown"):
        page.keyboard.press(keys)
    expect(page.locator(".filter-rows select")).to_have_value("country")
    page.keyboard.press("Tab")
    page.keyboard.type("Ukraine")
    expect(page.locator(".meaning")).to_contain_text("country Ukraine")
    page.get_by_label("Push").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("country Ukraine")
    id_ = id_of(page)
    made = standing(pushing, id_)
    assert (made["mode"], made["filter"], made["cursor"]) == ("pull", {"country": ["Ukraine"]}, "e1-000000000000")
    page.get_by_role("button", name="Show what comes next").press("Enter")
    given = pushing.get(f"/v1/subscriptions/{id_}/events?limit=20")
    expect(page.locator("#pulling tbody th")).to_have_text([item["id"] for item in given["items"]])
    page.get_by_role("button", name=f"Acknowledge up to {given['next']}").press("Enter")
    expect(page.locator("#pulling .outcome")).to_contain_text("Nothing is left")
    assert standing(pushing, id_)["lag"] == 0
    page.get_by_role("button", name="Delete").press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Subscriptions")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.go_back()
    expect(page.get_by_role("alert")).to_contain_text("There is no subscription with that id")


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (720, "light")])
def test_hostile_texts_stay_texts_on_a_phone_and_at_twice_the_size(
    visit: Visit, pushing: Served, axe: Callable[..., None], width: int, scheme: str
) -> None:
    made = [subscribe(pushing, name=text, filter={"tag": [text], "q": text}) for text in HOSTILE]
    page = manage(visit, pushing, viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=width == 390)
    scale = {390: 1, 720: 2}[width]
    page.evaluate("scale => { document.documentElement.style.fontSize = `${scale * 100}%`; }", scale)

    for one in made:
        expect(page.get_by_role("link", name=one["name"], exact=True).first).to_be_attached()
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert page.evaluate(fits)
    axe(page)
    page.locator("#endpoints tbody a").nth(1).click()
    expect(page.locator("#state .facts")).to_be_visible()
    press(page, "Edit")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate(fits)
    assert page.locator("dialog").evaluate("box => box.scrollWidth <= box.clientWidth")
    axe(page)
    for one in made:
        pushing.call("DELETE", f"/v1/subscriptions/{one['id']}")


def test_a_key_is_asked_for_and_one_that_may_not_subscribe_is_told_so(visit: Visit, closed_server: Served) -> None:
    def make(*scopes: str) -> str:
        made = closed_server.call("POST", "/v1/keys", json={"name": "reader", "scopes": scopes})
        return str(made["key"])

    page = manage(visit, closed_server, key=make("read"))

    expect(page.get_by_role("alert")).to_contain_text("has the scope read and may not subscribe")
    press(page, "Use another key")
    page.get_by_label("Key", exact=True).fill(make("subscribe"))
    press(page, "Continue")
    expect(page.locator("#endpoints")).to_contain_text("No subscription yet")
    expect(page.locator("#notices")).to_have_count(0)
    press(page, "New feed token")
    page.get_by_label("Name", exact=True).fill("my reader")
    press(page, "Make it")
    token = page.locator(".secret code").inner_text()
    assert httpx.get(f"{closed_server.url}/v1/events.atom?token={token}", trust_env=False).is_success
    press(page, "I have kept it")
    press(page, "Revoke my reader")
    press(page, "Revoke it")
    expect(page.locator("#feed-tokens")).to_contain_text("None.")
    assert httpx.get(f"{closed_server.url}/v1/events.atom?token={token}", trust_env=False).status_code == 401
    assert page.evaluate("Object.keys(localStorage)") == []


def test_an_endpoint_that_gives_up_is_a_notice_that_leads_to_it(
    visit: Visit, pushing: Served, hook: Receiver, axe: Callable[..., None]
) -> None:
    page = manage(visit, pushing)
    notices = page.locator("#notices")
    expect(notices).to_have_attribute("aria-busy", "false")
    before = notices.locator("li").count()
    hook.answer = lambda received: 200 if received.is_ping else 410
    made = subscribe(pushing, hook.url(), start="oldest", name="gone for good")
    wait_for(page, lambda: standing(pushing, made["id"])["status"] == "disabled")
    page.reload()

    expect(notices.locator("li")).to_have_count(before + 1)
    told = pushing.get("/v1/notices?limit=1000")["items"][-1]
    assert (told["type"], told["subscription_id"]) == ("subscription.disabled", made["id"])
    expect(notices.locator("li").first).to_contain_text(f"subscription.disabled {told['detail']}")
    axe(page, "#notices")
    notices.get_by_role("link", name="show the subscription").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("gone for good")
    state(page, "disabled")
    expect(page.locator(".explained")).to_contain_text("410")
    pushing.call("DELETE", f"/v1/subscriptions/{made['id']}")


def test_after_an_outage_the_list_and_an_endpoint_come_back_by_themselves(
    visit: Visit, restartable_server: RestartableServer
) -> None:
    served = restartable_server.served
    made = subscribe(served, name="before")
    page = manage(visit, served, outage=True)
    expect(page.get_by_role("link", name="before")).to_be_visible()
    other = manage(visit, served, f"?subscription={made['id']}", outage=True)
    state(other, "active")

    restartable_server.stop()
    for seen in (page, other):
        expect(seen.locator("#outage")).to_contain_text("cannot be reached")
        expect(seen.get_by_role("alert")).to_have_count(1)
    expect(page.get_by_role("link", name="before")).to_be_visible()
    state(other, "active")
    with restartable_server.elsewhere() as elsewhere:
        elsewhere.call("PATCH", f"/v1/subscriptions/{made['id']}", json={"name": "after"})
    restartable_server.start()

    expect(page.get_by_role("link", name="after")).to_be_visible(timeout=OUTAGE_MS)
    expect(other.get_by_role("heading", level=1)).to_have_text("after", timeout=OUTAGE_MS)
    for seen in (page, other):
        expect(seen.get_by_role("alert")).to_have_count(0)
