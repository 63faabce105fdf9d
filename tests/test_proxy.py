"""What trusted proxies say of a request: addresses under a path prefix, and nothing believed that is no address."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from calls import good, problem, written
from conftest import client_of
from hypothesis import given
from hypothesis import strategies as st

from app.proxy import read_prefix
from app.settings import PATH_PREFIX, SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import FastAPI

    MakeApp = Callable[..., Awaitable[FastAPI]]
    MakeEvent = Callable[..., dict[str, Any]]

PREFIXED = {"x-forwarded-prefix": "/sitrep"}
HOSTILE = (
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "https://evil.example",
    "evil",
    "/a/../v1",
    "/.",
    "/a//b",
    "/a b",
    "/a?b",
    "/a#b",
    "/<script>",
    '/a"b',
    "/%2e%2e",
    "/v1",
    "/v1/events",
    "/docs",
    "/assets/x",
    "/" + "a" * 300,
    "/a, evil",
    "/a, //b",
)


@pytest.mark.parametrize("stripped", [True, False])
@pytest.mark.parametrize("how", ["setting", "field", "both"])
async def test_every_address_begins_with_the_prefix(
    make_app: MakeApp, admin_key: str, make_event: MakeEvent, how: str, *, stripped: bool
) -> None:
    settings = {"field": {}, "setting": {"root_path": "/sitrep/"}, "both": {"root_path": "/other"}}[how]
    app = await make_app(**settings)
    base = "" if stripped else "/sitrep"
    async with client_of(app, admin_key) as api:
        if how != "setting":
            api.headers.update(PREFIXED)
        created = await api.post(f"{base}/v1/events", json=make_event(), headers={"idempotency-key": "once"})
        again = await api.post(f"{base}/v1/events", json=make_event(), headers={"idempotency-key": "once"})
        id = good(created, 201)["id"]
        await written_at(api, base, make_event(title="Another"))
        listed = await api.get(f"{base}/v1/events?limit=1")
        fed = await api.get(f"{base}/v1/feed?limit=1")
        kept = [await api.get(f"{base}/v1/events?limit=1"), await api.get(f"{base}/v1/feed?limit=1")]
        expired = await api.get(f"{base}/v1/feed?after=e9-000000000001")
        document = good(await api.get(f"{base}/openapi.json"))
        atom = (await api.get(f"{base}/v1/feeds/all_month.atom")).text
        body = {"name": "n", "mode": "pull", "filter": {}}
        subscribed = await api.post(f"{base}/v1/subscriptions", json=body)
        refused = await api.put(f"{base}/v1/events/count")

    assert created.headers["location"] == again.headers["location"] == f"/sitrep/v1/events/{id}"
    assert again.headers["idempotency-replayed"] == "true"
    assert listed.headers["link"].startswith("</sitrep/v1/events?limit=1&cursor=")
    assert fed.headers["link"].startswith("</sitrep/v1/feed?after=e1-")
    assert [answer.headers["link"] for answer in kept] == [listed.headers["link"], fed.headers["link"]]
    assert problem(expired, 410)["bootstrap"] == "/sitrep/v1/events"
    assert [server["url"] for server in document["servers"]] == ["/sitrep"]
    assert 'href="http://sitrep.test/sitrep/v1/feeds/all_month.atom"' in atom
    assert subscribed.headers["location"].startswith("/sitrep/v1/subscriptions/")
    problem(refused, 405)


async def written_at(api: httpx.AsyncClient, base: str, event: dict[str, Any]) -> None:
    good(await api.post(f"{base}/v1/events", json=event), 201)


async def test_the_prefix_alone_leads_to_the_dashboard(make_app: MakeApp) -> None:
    async with client_of(await make_app(root_path="/sitrep")) as reader:
        led = await reader.get("/sitrep?kind=attack")
        page = await reader.get("/sitrep/")

    assert (led.status_code, led.headers["location"]) == (308, "/sitrep/?kind=attack")
    assert page.headers["content-type"].startswith("text/html")


async def test_kept_answers_do_not_lead_one_caller_to_the_address_of_another(
    make_app: MakeApp, admin_key: str, make_event: MakeEvent
) -> None:
    app = await make_app()
    addresses = (
        "http://sitrep.test/",
        "http://sitrep.test/one/",
        "https://sitrep.test/one/",
        "https://other.test/one/",
    )
    async with client_of(app, admin_key) as api:
        await written(api, make_event())
        for path in ("/v1/feeds/all_month.atom", "/v1/events/count", "/openapi.json"):
            for address in addresses * 2:
                url = httpx.URL(address)
                said = {
                    "x-forwarded-prefix": url.path,
                    "x-forwarded-proto": url.scheme,
                    "x-forwarded-host": url.host,
                }
                text = (await api.get(path, headers=said)).text
                if path.endswith(".atom"):
                    assert f'href="{address}v1/feeds/all_month.atom"' in text
                    assert not [other for other in addresses if other != address and f'"{other}v1' in text]
                elif path == "/openapi.json":
                    assert json.loads(text)["servers"][0]["url"] == (url.path.rstrip("/") or "/")
        assert len(app.state.services.response_cache._kept) == len(addresses) + 1
        for n in range(30):
            good(await api.get("/openapi.json", headers={"x-forwarded-prefix": f"/p{n}"}))
    assert len(app.state.documents) <= 8


@pytest.mark.parametrize("prefix", HOSTILE)
async def test_a_hostile_prefix_is_ignored(
    make_app: MakeApp, admin_key: str, make_event: MakeEvent, prefix: str
) -> None:
    async with client_of(await make_app(), admin_key) as api:
        answer = await api.post("/v1/events", json=make_event(), headers={"x-forwarded-prefix": prefix})
        atom = (await api.get("/v1/feeds/all_day.atom", headers={"x-forwarded-prefix": prefix})).text

    assert answer.headers["location"].startswith("/v1/events/")
    assert 'href="http://sitrep.test/v1/feeds/all_day.atom"' in atom


@pytest.mark.parametrize("host", ["evil.example/x", "a b", '"x', "<script>", "a" * 300, "x:999999", "user@evil", "é"])
async def test_a_hostile_host_is_ignored(make_app: MakeApp, admin_key: str, host: str) -> None:
    async with client_of(await make_app(), admin_key) as api:
        fields = {b"x-forwarded-host": host.encode()}
        atom = (await api.get("/v1/feeds/all_day.atom", headers=fields)).text

    assert 'href="http://sitrep.test/v1/feeds/all_day.atom"' in atom


async def test_nobody_but_a_trusted_proxy_is_believed(make_app: MakeApp, admin_key: str) -> None:
    app = await make_app(forwarded_allow_ips="10.1.0.0/16,::1")
    said = {**PREFIXED, "x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}
    seen = []
    for peer in ("10.1.2.3", "::1", "10.2.0.1", "127.0.0.1"):
        transport = httpx.ASGITransport(app, client=(peer, 1))
        headers = {"authorization": f"Bearer {admin_key}", **said}
        async with httpx.AsyncClient(transport=transport, base_url="http://sitrep.test", headers=headers) as api:
            text = (await api.get("/v1/feeds/all_day.atom")).text
        seen.append('href="https://evil.example/sitrep/v1/feeds' in text)

    assert seen == [True, True, False, False]


@given(st.lists(st.text(max_size=20), max_size=3))
def test_whatever_is_sent_the_prefix_is_a_plain_path(fields: list[str]) -> None:
    prefix = read_prefix(fields, "/default")
    assert prefix == "" or PATH_PREFIX.fullmatch(prefix)


@pytest.mark.parametrize(
    ("fields", "prefix"),
    [
        ([], "/default"),
        ([""], "/default"),
        (["/"], ""),
        (["/a"], "/a"),
        (["/a/"], "/a"),
        (["/a, /b/"], "/a/b"),
        (["/a", "/b"], "/a/b"),
        (["/v2.1~x/y-z_"], "/v2.1~x/y-z_"),
        *[([text], "/default") for text in HOSTILE],
    ],
)
def test_prefixes_of_several_proxies_are_joined(fields: list[str], prefix: str) -> None:
    assert read_prefix(fields, "/default") == prefix


@pytest.mark.parametrize("prefix", [text for text in HOSTILE if text != "evil"])
def test_a_root_path_that_is_none_stops_the_start(prefix: str) -> None:
    with pytest.raises(SettingsError, match="SITREP_ROOT_PATH: must be a path prefix"):
        read_settings(root_path=prefix)


@pytest.mark.parametrize("trusted", ["proxy", "10.0.0.1/8", "*,10.0.0.1", "10.0.0.300"])
def test_proxies_are_addresses_or_networks(trusted: str) -> None:
    with pytest.raises(SettingsError, match="SITREP_FORWARDED_ALLOW_IPS: must be addresses or networks"):
        read_settings(forwarded_allow_ips=trusted)


def test_everybody_may_be_a_proxy() -> None:
    assert read_settings(forwarded_allow_ips="*").forwarded_allow_ips == ("*",)
