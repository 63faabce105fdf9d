"""Sitrep behind a real nginx under a path prefix, as a browser, a feed reader and a stream see it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from nginx import NGINX, proxying
from playwright.sync_api import expect
from programs import free_port

from dashboard.conftest import PATIENCE_S, Served, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import MakeEvent
    from playwright.sync_api import Browser, Locator, Page

    Visit = Callable[..., Page]

DOCS = Path(__file__).parents[2] / "docs"
PREFIXED = """
server {{
    listen 127.0.0.1:{port};
    location /sitrep/ {{
        proxy_pass {upstream};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Prefix /sitrep;
    }}
}}
"""


@contextmanager
def proxied(served: Served, folder: Path, *, stripped: bool) -> Iterator[Served]:
    """The server behind an nginx of the test's own."""
    if NGINX is None:
        pytest.skip("there is no nginx here, and `make test` could not install Debian's")
    port = free_port()
    with proxying(folder, port, PREFIXED.format(port=port, upstream=served.url + ("/" if stripped else ""))):
        yield Served(f"http://127.0.0.1:{port}/sitrep", served.key)


@pytest.fixture(params=["stripped", "whole"])
def behind(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path, windows: list[Any]) -> Iterator[Served]:
    """A server with the samples under /sitrep of an nginx that strips the prefix, or passes it on."""
    with (
        serving(tmp_path, anonymous=True) as served,
        proxied(served, tmp_path, stripped=request.param == "stripped") as reached,
    ):
        yield reached
        for window in windows:
            window.close()


def until(holds: Callable[[], bool], button: Locator) -> None:
    """Press the button until it holds: the page may not listen yet when the button is there."""
    for _ in range(100):
        if holds():
            return
        button.dispatch_event("click")
        button.page.wait_for_timeout(100)
    raise AssertionError(button)


def test_the_pages_and_every_address_work_under_the_prefix(visit: Visit, behind: Served, make_event: MakeEvent) -> None:
    page = visit(behind, "?kind=attack&fbclid=x")
    expect(page.locator("#live")).to_have_text("Live")
    count = behind.get("/v1/events/count?kind=attack")["count"]
    expect(page.locator("#count")).to_have_text(f"{count} events")
    behind.call("POST", "/v1/events", json=make_event(title="Heard through the proxy"))
    expect(page.locator("#count")).to_have_text(f"{count + 1} events")  # by the stream, which nginx does not hold back

    page.goto(f"{behind.url}/docs")
    operation = page.locator("#operations-health-is_alive")
    until(lambda: operation.evaluate("block => block.classList.contains('is-open')"), operation.locator("button").first)
    page.get_by_role("button", name="Try it out").first.dispatch_event("click")
    with page.expect_response(re.compile("/livez$")) as tried:
        page.get_by_role("button", name="Execute").first.dispatch_event("click")
    assert (tried.value.status, urlsplit(tried.value.url).path) == (200, "/sitrep/livez")

    page.goto(f"{behind.url}/redoc")
    expect(page.locator("#reference h1").first).to_contain_text("Sitrep", timeout=PATIENCE_S * 1000)


def test_links_lead_on_under_the_prefix(behind: Served) -> None:
    with httpx.Client(trust_env=False, timeout=60, headers={"authorization": f"Bearer {behind.key}"}) as client:
        address, seen = f"{behind.url}/v1/events?limit=10", 0
        for _ in range(10):
            answer = client.get(address)
            seen += len(answer.json()["items"])
            if "next" not in answer.links:
                break
            address = str(httpx.URL(behind.url).join(answer.links["next"]["url"]))
        assert seen == behind.get("/v1/events/count")["count"]
        atom = client.get(f"{behind.url}/v1/feeds/all_month.atom").text
        assert re.search(r'rel="self" href="([^"]+)"', atom)[1] == f"{behind.url}/v1/feeds/all_month.atom"  # type: ignore[index]
        assert client.get(behind.url).status_code in {301, 308}
        exported = client.get(f"{behind.url}/v1/events/export")
        assert exported.headers["content-encoding"] == "gzip"
        assert len(exported.text.splitlines()) == seen


def test_the_example_for_browsers_hears_changes(visit: Visit, own_server: Any, make_event: MakeEvent) -> None:
    text = (DOCS / "stream.md").read_text(encoding="utf-8")
    example = re.findall(r"```js\n(.*?)```", text, re.DOTALL)[0].replace("https://sitrep.example.org", own_server.url)
    page = visit(own_server)
    expect(page.locator("#live")).to_have_text("Live")
    page.evaluate(
        f"() => {{ {example}; window.silent = 0; stream.onmessage = () => {{ window.silent += 1; }};"
        " return new Promise((resolve) => { stream.onopen = () => resolve(); }); }"
    )
    with page.expect_console_message(lambda said: "attack.created" in said.text) as heard:
        own_server.call("POST", "/v1/events", json=make_event(title="Heard by EventSource"))

    assert re.fullmatch(r"e1-\d{12} attack.created Heard by EventSource", heard.value.text)
    assert page.evaluate("() => window.silent") == 0
