"""A key that is revoked while a page is open: the page says so, asks for another one and goes on where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from dashboard.conftest import Served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import MakeEvent
    from playwright.sync_api import Locator, Page

    Visit = Callable[..., Page]

FEW = 8  # what was under way when the key was revoked may fail
HALF_A_MINUTE_MS = 30_000


def changes(path: str, desk: Served, make_event: MakeEvent) -> Iterator[tuple[str, str]]:
    """Make changes that the page at the path tells: each time where, and which text."""
    if path.startswith("?"):
        now = desk.get("/v1/events/count?kind=attack&country=UA")["count"]
        yield "#count", f"{now:,} events"
        for n in (1, 2):
            desk.call("POST", "/v1/events", json=make_event(title=f"After {n}"))
            yield "#count", f"{now + n:,} events"
    elif path.startswith("events/"):
        yield "#history .note", "1 version"
        for n in (1, 2):
            change = {"title": f"After {n}"}
            desk.call("PATCH", f"/v1/{path}", json=change, headers={"if-match": f'"{n}"'})
            yield "#history .note", f"{n + 1} versions"
    else:
        yield "#endpoints .nothing", "No subscription yet."
        for n in (1, 2):
            desk.call("POST", "/v1/subscriptions", json={"name": f"desk {n}", "mode": "pull", "filter": {}})
            yield f"#endpoints tbody tr:nth-child({n})", "desk"


def enter(dialog: Locator, key: str) -> None:
    dialog.get_by_label("Key", exact=True).fill(key)
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize("path", ["?kind=attack&country=UA", "events/{id}", "subscriptions"])
def test_a_revoked_key_is_told_and_asked_for_and_the_page_goes_on(
    visit: Visit, closed_server: Served, make_event: MakeEvent, path: str
) -> None:
    def issue() -> dict[str, Any]:
        wanted = {"name": "reader", "scopes": ["read", "write", "subscribe"]}
        made: dict[str, Any] = closed_server.call("POST", "/v1/keys", json=wanted)
        return made

    def revoke(key: dict[str, Any]) -> None:
        closed_server.call("DELETE", f"/v1/keys/{key['id']}")

    path = path.format(id=closed_server.call("POST", "/v1/events", json=make_event(title="Before"))["id"])
    first, second, third = issue(), issue(), issue()
    change = changes(path, Served(closed_server.url, third["key"]), make_event)
    page = visit(closed_server, path)
    page.clock.install()
    page.reload()
    dialog = page.get_by_role("dialog")
    sent: list[str] = []

    def tells() -> None:
        where, text = next(change)
        expect(page.locator(where)).to_contain_text(text)

    def asks_nothing() -> None:
        sent.clear()
        for _ in range(20):
            page.clock.fast_forward(HALF_A_MINUTE_MS)
        assert sent == []

    enter(dialog, first["key"])
    tells()
    address = page.url
    page.on("request", lambda request: sent.append(request.url) if "/v1/" in request.url else None)
    page.evaluate("() => { window.unbroken = true; }")

    revoke(first)
    expect(dialog).to_contain_text("The key was revoked.")
    assert len(sent) <= FEW
    asks_nothing()
    enter(dialog, second["key"])
    tells()
    assert page.evaluate("unbroken")

    revoke(second)
    expect(dialog).to_contain_text("The key was revoked.")
    dialog.get_by_role("button", name="Cancel").click()
    locked = page.get_by_role("alert")
    expect(locked).to_contain_text("The key was revoked. The page reads nothing until")
    asks_nothing()
    expect(locked).to_have_count(1)
    locked.get_by_role("button", name="Enter a key").click()
    enter(dialog, third["key"])
    tells()
    expect(locked).to_have_count(0)
    assert page.url == address


def test_what_another_key_may_do_is_known_at_once(visit: Visit, closed_server: Served) -> None:
    first = closed_server.call("POST", "/v1/keys", json={"name": "reader", "scopes": ["subscribe"]})
    page = visit(closed_server, "subscriptions")
    dialog = page.get_by_role("dialog")
    enter(dialog, first["key"])
    expect(page.locator("#endpoints .nothing")).to_be_visible()
    expect(page.locator("#notices")).to_have_count(0)

    closed_server.call("DELETE", f"/v1/keys/{first['id']}")
    expect(dialog).to_contain_text("The key was revoked.")
    enter(dialog, closed_server.key)
    expect(page.locator("#notices")).to_be_visible()  # which are for admins
    expect(page.get_by_role("alert")).to_have_count(0)
