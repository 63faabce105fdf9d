"""The pages for people: open to all, whole without a network, and guarded against scripts that are not ours."""

from __future__ import annotations

import gzip
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from calls import problem
from described import APP, DOCUMENT

from app.compression import compress
from app.main import create_app
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ASSETS = Path(__file__).parents[2] / "app" / "openapi" / "assets"
DASHBOARD = Path(__file__).parents[2] / "app" / "dashboard"
PAGES = ("/", "/docs", "/redoc")
FOR_EVER = "public, max-age=31536000, immutable"


class Links(HTMLParser):
    """Every address that a page names, and whether it has scripts or styles of its own."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.addresses += [value for name in ("href", "src") if (value := told.get(name))]
        if (tag == "script" and "src" not in told) or tag == "style" or {"style", "onclick", "onload"} & told.keys():
            self.inline.append(tag)


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key; the pages need no database."""
    transport = httpx.ASGITransport(APP)
    async with httpx.AsyncClient(transport=transport, base_url="http://sitrep.test", trust_env=False) as opened:
        yield opened


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_open_and_names_only_what_is_here(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    links = Links(answer.text)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert links.addresses
    assert links.inline == []
    for address in set(links.addresses):
        assert "//" not in address
        found = await browser.get(str(httpx.URL(f"http://sitrep.test{path}").join(address)))
        assert found.status_code == (401 if "/v1/" in str(found.url) else 200), address


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_allows_no_script_but_ours(browser: httpx.AsyncClient, path: str) -> None:
    headers = (await browser.get(path)).headers
    rules = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == rules["style-src"] == "'self'"
    assert rules.get("worker-src") == {"/": "'self'", "/redoc": "blob:"}.get(path)
    assert rules.get("style-src-elem", "'self'") == ("'self' 'unsafe-inline'" if path == "/redoc" else "'self'")
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("tiles", "origin"),
    [
        ("https://tiles.example.org/{z}/{x}/{y}@2x.png?key=a&b=c", "https://tiles.example.org"),
        ("http://[::1]:8080/maps/world.pmtiles", "http://[::1]:8080"),
    ],
)
async def test_the_dashboard_alone_may_read_the_tiles_that_are_set(tiles: str, origin: str) -> None:
    app = create_app(Settings(database_url="sqlite:///nowhere.db", tiles_url=tiles))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sitrep.test") as browser:
        for path in PAGES:
            answer = await browser.get(path)
            policy = answer.headers["content-security-policy"]
            rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
            told = f'<meta name="sitrep-tiles" content="{html.escape(tiles)}">'

            assert policy.count(origin) == (2 if path == "/" else 0)
            assert rules["img-src"] == ("'self' " + origin + " data:" if path == "/" else "'self' data:")
            assert rules["connect-src"] == ("'self' " + origin if path == "/" else "'self'")
            assert (told in answer.text) is (path == "/")


async def test_assets_are_kept_for_ever_under_an_address_that_changes_with_them(browser: httpx.AsyncClient) -> None:
    [style] = [link for link in Links((await browser.get("/docs")).text).addresses if link.endswith("/docs.css")]

    now, before = await browser.get(f"/{style}"), await browser.get("/assets/0123456789ab/docs.css")

    assert now.headers["cache-control"] == FOR_EVER
    assert before.headers["cache-control"] == "no-cache"
    assert now.content == before.content == (ASSETS / "docs.css").read_bytes()


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("style.css", "text/css; charset=utf-8"),
        ("docs.js", "text/javascript; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
        ("vendor/redoc/redoc.standalone.js", "text/javascript; charset=utf-8"),
    ],
)
async def test_an_asset_says_what_it_is(browser: httpx.AsyncClient, name: str, media: str) -> None:
    answer = await browser.get(f"/assets/x/{name}")

    assert answer.headers["content-type"] == media
    assert answer.content == (ASSETS / name).read_bytes()


@pytest.mark.parametrize(
    "path", ["x/nothing.css", "x/docs.html", "x/vendor/redoc/VERSION", "x/..%2f..%2fpages.py", "x/"]
)
async def test_what_is_no_asset_is_not_found(browser: httpx.AsyncClient, path: str) -> None:
    problem(await browser.get(f"/assets/{path}"), 404, "not-found")


async def test_the_document_is_served_as_it_is_written(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/openapi.json", headers={"accept-encoding": "identity"})

    assert answer.headers["content-type"] == "application/json"
    snapshot = json.loads((ASSETS.parents[2] / "openapi" / "openapi.json").read_bytes())
    assert answer.content == json.dumps(snapshot, separators=(",", ":"), ensure_ascii=False).encode()
    assert json.loads(answer.content) == DOCUMENT


@pytest.mark.parametrize("coding", ["identity", "gzip", "gzip;q=0", "br, gzip;q=0.5"])
async def test_who_has_the_document_gets_no_second_copy(browser: httpx.AsyncClient, coding: str) -> None:
    first = await browser.get("/openapi.json", headers={"accept-encoding": coding})
    again = await browser.get(
        "/openapi.json", headers={"accept-encoding": coding, "if-none-match": first.headers["etag"]}
    )

    packed = "gzip" in coding and coding.partition(";")[2] != "q=0"
    assert first.headers.get("content-encoding") == ("gzip" if packed else None)
    assert first.headers["etag"].endswith('-gzip"') is packed
    assert "Accept-Encoding" in first.headers["vary"]
    assert (again.status_code, again.content) == (304, b"")


async def test_a_page_has_its_head_and_refuses_other_methods(browser: httpx.AsyncClient) -> None:
    head = await browser.head("/docs")

    assert (head.status_code, head.content) == (200, b"")
    assert problem(await browser.post("/docs"), 405)["detail"] == "This path answers to GET, HEAD."


async def test_the_icon_is_where_browsers_look_for_it(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/favicon.ico")

    assert answer.headers["content-type"] == "image/vnd.microsoft.icon"
    assert answer.content[:4] == b"\x00\x00\x01\x00"


async def test_the_first_page_leads_to_the_others_without_a_script(browser: httpx.AsyncClient) -> None:
    text = (await browser.get("/")).text

    for link in ('href="./docs"', 'href="./redoc"', 'href="./openapi.json"', 'href="./v1/feeds/all_day.atom"'):
        assert link in text


@pytest.mark.parametrize(
    "home",
    sorted(path for room in (ASSETS, DASHBOARD) for path in (room / "vendor").iterdir() if path.is_dir()),
    ids=lambda home: home.name,
)
def test_programs_of_others_come_with_licence_and_version(home: Path) -> None:

    assert (home / "LICENSE").stat().st_size > 500
    name, version = (home / "VERSION").read_text(encoding="utf-8").split()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert name in (home.parent / "README.md").read_text(encoding="utf-8")
    assert version in (ASSETS.parents[2] / "openapi" / "vendor").read_text(encoding="utf-8")


def test_no_program_calls_for_its_maker() -> None:
    for path in ASSETS.rglob("*.js"):
        assert b"cdn." not in path.read_bytes(), path.name


def test_compression_is_the_same_every_time() -> None:
    body = b"sitrep " * 1000
    assert compress(body) == compress(body)
    assert gzip.decompress(compress(body)) == body
