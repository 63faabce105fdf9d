"""The page to try the API, in a browser: whoever reads it, by day and by night."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    Visit = Callable[..., Page]


def test_it_has_no_fault_that_axe_knows_and_each_call_an_address(
    visit: Visit, open_server: Any, axe: Callable[..., None]
) -> None:
    page = visit(open_server, "docs")
    call = page.locator("#operations .opblock", has_text="List events").first
    expect(call).to_be_visible()
    axe(page)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html.dark-mode")).to_be_attached()
    axe(page)

    call.locator(".opblock-summary-control").click()

    expect(call.locator(".opblock-body")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/docs#/events/list_events$"))
    page.locator("[id$=-create_event] .opblock-summary-control").click()  # which has a body
    call.get_by_role("button", name="Try it out").click()
    expect(call.get_by_role("button", name="Execute")).to_be_visible()
    axe(page, ".opblock.is-open")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html.dark-mode")).to_have_count(0)
    axe(page, ".opblock.is-open")
    page = visit(open_server, "docs")
    webhook = page.locator(".webhooks .opblock").first
    webhook.locator(".opblock-summary-control").click()
    expect(webhook.locator(".opblock-body")).to_be_visible()
    axe(page)


def test_no_call_has_a_fault_that_axe_knows_once_it_is_opened(
    visit: Visit, open_server: Any, axe: Callable[..., None]
) -> None:
    page = visit(open_server, "docs", reduced_motion="reduce")
    calls = page.locator("#operations .opblock")
    expect(calls.first).to_be_visible()
    assert calls.count() > 50
    for n in range(calls.count()):
        call = calls.nth(n)
        call.locator(".opblock-summary-control").click()
        expect(call.locator(".opblock-body")).to_be_visible()
        trial = call.get_by_role("button", name="Try it out")
        if trial.count():  # a webhook is no call
            trial.click()
            expect(call.get_by_role("button", name="Execute")).to_be_visible()
            axe(page, f"#{call.get_attribute('id')}")
        call.locator(".opblock-summary-control").click()
        expect(call.locator(".opblock-body")).to_be_hidden()
