"""A browser and servers for it: real ones on loopback, with the samples."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from processes import FORKS, Forked
from programs import free_port

from dashboard.crowd import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

PATIENCE_S = 300.0
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card; drawing all the rest so takes twice the time
)
AXE = Path(__file__).with_name("vendor") / "axe-core" / "axe.min.js"
FAULTS = """async (within) => {
  // Colours half way to others have no contrast; what inherits one may begin when that has ended.
  const moving = () => document.getAnimations().filter((one) => one instanceof CSSTransition);
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  while (moving().length) await Promise.all(moving().map((one) => one.finished.catch(() => null)));
  const { violations } = await axe.run(within ?? document, { resultTypes: ["violations"] });
  const told = ({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`;
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${told(node)}`));
}"""
BROKEN = """(within) => [...document.querySelectorAll(`${within} :is(th, td)`)].flatMap((cell) => {
  const [found, range] = [[], document.createRange()];
  const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    for (const { 0: word, index } of texts.currentNode.data.matchAll(/[\\p{L}\\p{N},.]+/gu)) {
      range.setStart(texts.currentNode, index);
      range.setEnd(texts.currentNode, index + word.length);
      if (new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1) found.push(word);
    }
  }
  return found;
})"""
# What a browser says of a refusal that the page handles, of drawing the map without a graphics card, and what it asks
# of the address on its own account.
EXPECTED = re.compile(
    r"Failed to load resource: the server responded with a status of (401|403|404|410|412|422)"
    r"|\[\.WebGL-\w+\]GL Driver Message .* GPU stall due to ReadPixels"
)
OUTAGE = re.compile(r"net::ERR_|status of 503")


# What `make test` tries of each page. All of it is `make dashboard`, which takes some minutes.
ALWAYS = {
    "test_a_first_view_is_small",
    "test_a_phone_has_the_filter_closed",
    "test_a_place_that_is_named_as_its_country_is_written_once",
    "test_a_pull_subscription_is_made_read_and_acknowledged_by_the_keyboard_alone",
    "test_a_refusal_is_said_in_words_and_goes_with_its_cause",
    "test_addresses_for_programs_have_the_filter",
    "test_after_an_outage_it_is_live_only_with_what_it_missed",
    "test_any_filter_of_the_api_works_and_the_rest_of_a_link_is_left_out",
    "test_circles_hold_every_event_split_and_lead_to_it",
    "test_every_number_is_the_apis",
    "test_every_page_fits_every_screen_by_day_and_night",
    "test_files_feeds_and_citations_work_where_reading_needs_a_key",
    "test_it_fits_reads_from_right_to_left_and_has_no_fault_that_axe_knows",
    "test_it_has_no_fault_that_axe_knows_and_each_call_an_address",
    "test_keys_lead_everywhere_in_few_stops",
    "test_keys_walk_the_list_and_the_table",
    "test_links_lead_on_under_the_prefix",
    "test_no_difference_between_versions_is_lost",
    "test_one_finger_scrolls_the_page_and_two_zoom",
    "test_steady_traffic_neither_starves_nor_disturbs_the_page",
    "test_the_example_for_browsers_hears_changes",
    "test_the_pages_and_every_address_work_under_the_prefix",
    "test_values_are_chosen_left_out_and_missing",
    "test_where_reading_needs_a_key_the_page_asks_for_it_and_gives_the_json",
    "test_which_sources_are_stale_is_said_above_the_dashboard_and_explained_a_click_away",
    "test_without_a_key_it_asks_for_one",
    "test_words_days_zone_and_numbers",
}
HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests of the pages to `make dashboard`."""
    if config.getoption("--dashboard") or config.getoption("--screenshots"):
        return
    later = [
        item for item in items if item.path.is_relative_to(HERE) and getattr(item, "originalname", "") not in ALWAYS
    ]
    config.hook.pytest_deselected(items=later)
    items[:] = [item for item in items if item not in set(later)]


@dataclass
class Served:
    """A server with the samples, and a key that may do everything."""

    url: str
    key: str

    def call(self, method: str, path: str, **sent: Any) -> Any:
        """The JSON of an answer, asked for with the key."""
        headers = {"authorization": f"Bearer {self.key}", **sent.pop("headers", {})}
        answer = httpx.request(method, self.url + path, headers=headers, trust_env=False, **sent)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def ids(self, question: str) -> list[str]:
        """The ids of the list, page by page; the count is theirs."""
        ids: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(f"/v1/events?{question}&limit=1000&fields=id{cursor and '&cursor='}{cursor}")
            ids += [event["id"] for event in page["items"]]
            cursor = page["next"]
        assert self.get(f"/v1/events/count?{question}")["count"] == len(ids)
        return ids

    def get(self, path: str) -> Any:
        return self.call("GET", path)


@dataclass
class RestartableServer:
    """A server that a test stops and starts again at the same address."""

    folder: Path
    served: Served
    running: ExitStack

    def stop(self) -> None:
        """End the process, and with it every stream."""
        self.running.close()

    def start(self) -> None:
        """Start it again; anybody may read."""
        port = urlsplit(self.served.url).port
        self.running.enter_context(started(self.folder, environment_of(self.folder, anonymous=True), "serve", port))

    @contextmanager
    def elsewhere(self) -> Iterator[Served]:
        """The same database at another address, to write where no page hears of it."""
        with started(self.folder, environment_of(self.folder), "serve") as other:
            yield Served(other.url, self.served.key)


@dataclass
class Window:
    """A page of the browser, and what went wrong in it."""

    page: Page
    outage: bool = False
    wrong: list[str] = field(default_factory=list)

    def watch(self, host: str) -> None:
        """Note what the console complains of, and every request that goes elsewhere."""
        page = self.page
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda said: self.note(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.note(str(error)))
        page.on("request", lambda request: self.leave(request.url, host))

    def note(self, text: str) -> None:
        if not EXPECTED.match(text) and not (self.outage and OUTAGE.search(text)):
            self.wrong.append(text)

    def close(self) -> None:
        """Close the page with all that it has open."""
        self.page.context.close()

    def leave(self, url: str, host: str) -> None:
        if urlsplit(url).scheme not in {"data", "blob"} and urlsplit(url).netloc != host:
            self.wrong.append(f"asked {url}")


def ready(page: Page) -> None:
    """Wait until the stream is open, and no part of the page is waiting for an answer."""
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator('[aria-busy="true"]')).to_have_count(0)


def counted(page: Page, count: int) -> None:
    """Expect the page to say so many events."""
    expect(page.locator("#count")).to_have_text(f"{count:,} event{'' if count == 1 else 's'}")


def asked(page: Page) -> dict[str, list[str]]:
    """The query of the page's address."""
    return parse_qs(page.evaluate("location.search.slice(1)"))  # Playwright hears of a new address a moment later


def query(page: Page, *without: str) -> str:
    """The filter as the API is asked with it: the address without what concerns the page alone."""
    left_out = {"measure", "compare", "interval", "group_by", *without}
    pairs = [(name, value) for name, values in asked(page).items() if name not in left_out for value in values]
    return urlencode(pairs)


def module(page: Page, name: str, call: str, *given: Any) -> Any:
    """What a function of one of the page's modules gives."""
    root = page.locator('meta[name="sitrep-assets"]').get_attribute("content")
    address = f"new URL(`${{root}}/dashboard/{name}`, location.href)"
    script = f"async ([root, ...given]) => (await import({address})).{call}(...given)"
    return page.evaluate(script, [root, *given])


def broken(page: Page, within: str) -> list[str]:
    """The words and numbers of tables that are broken into two lines."""
    found: list[str] = page.evaluate(BROKEN, within)
    return found


def swipe(page: Page, *fingers: tuple[float, float, float, float]) -> None:
    """Move fingers over the page, as a thumb does: each from a point by so much."""
    session = page.context.new_cdp_session(page)

    def touch(kind: str, part: float) -> None:
        points = [{"x": x + dx * part, "y": y + dy * part, "id": n} for n, (x, y, dx, dy) in enumerate(fingers)]
        sent = {"type": kind, "touchPoints": points if kind != "touchEnd" else []}
        session.send("Input.dispatchTouchEvent", sent)

    touch("touchStart", 0)
    for step in range(1, 11):
        touch("touchMove", step / 10)
        page.wait_for_timeout(20)
    touch("touchEnd", 1)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, which `make test` installs; gone with this folder, as its loop keeps others out."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("there is no Chromium here, and `make test` could not install Debian's")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()


@contextmanager
def serving(folder: Path, *, anonymous: bool, **settings: str) -> Iterator[Served]:
    """A server of its own process: `demo`, and after it `serve` where reading needs a key; both have `settings`."""
    environment = environment_of(folder) | settings
    with started(folder, environment, "demo") as demo:
        if anonymous:
            yield demo
            return
    with started(folder, environment, "serve") as server:
        yield Served(server.url, demo.key)


def environment_of(folder: Path, *, anonymous: bool = False) -> dict[str, str]:
    """What a process is told: the database in the folder, and whether anybody may read."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("SITREP_")}
    return {
        **own,
        "SITREP_DATABASE_URL": f"sqlite:///{folder}/sitrep.db",
        **({"SITREP_ANONYMOUS_READ": "true"} if anonymous else {}),
    }


@contextmanager
def started(folder: Path, environment: dict[str, str], command: str, port: int | None = None) -> Iterator[Served]:
    """Run the command until the block is left."""
    port, out = port or free_port(), folder / f"{command}.out"
    process = Forked([command, "--host", "127.0.0.1", "--port", str(port)], out, out, environment, folder)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(process, url, out)
        found = re.search(r"sitrep_[a-z2-7]{10}_\S+", out.read_text(encoding="utf-8"))
        yield Served(url, found[0] if found else "")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def wait_for(process: Forked, url: str, out: Path) -> None:
    """Come back when the server is ready."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert process.poll() is None, out.read_text(encoding="utf-8")
        try:
            if httpx.get(f"{url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError(out.read_text(encoding="utf-8"))


@pytest.fixture(scope="package")
def open_server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that everybody may read; tests leave its samples as they are."""
    with serving(tmp_path_factory.mktemp("open"), anonymous=True) as served:
        yield served


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `pushing` has its database."""
    return tmp_path_factory.mktemp("pushing")


@pytest.fixture(scope="module")
def pushing(browser: Browser, folder: Path) -> Iterator[Served]:
    """A server that may call this machine; each test has subscriptions of its own."""
    with serving(folder, anonymous=True, SITREP_ALLOW_PRIVATE_TARGETS="127.0.0.0/8") as served:
        yield served


@pytest.fixture(scope="session")
def crowd_database(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of 20,000 events to copy; the worker that comes first makes it, the others wait for it."""
    own = tmp_path_factory.getbasetemp()
    path = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "crowd.db"
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            part = path.with_suffix(".part")
            shutil.copy(sqlite_template, part)
            making = FORKS.Process(target=fill, args=(part,))  # the browser has the loop of this process
            making.start()
            making.join(PATIENCE_S)
            assert making.exitcode == 0
            part.rename(path)
    return path


@pytest.fixture(scope="package")
def crowd_server(browser: Browser, crowd_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of 20,000 events that everybody may read; tests leave them as they are."""
    folder = tmp_path_factory.mktemp("crowd")
    with copied(crowd_database, folder), serving(folder, anonymous=True) as served:
        yield served


@contextmanager
def copied(database: Path, folder: Path) -> Iterator[None]:
    """Let servers find a copy of the database in the folder."""
    copy = folder / "sitrep.db"
    shutil.copy(database, copy)
    yield
    copy.unlink()


@pytest.fixture
def windows() -> list[Window]:
    """The pages of the test; a server closes them before it ends, or they would complain that it is gone."""
    return []


@pytest.fixture
def own_server(browser: Browser, tmp_path: Path, windows: list[Window]) -> Iterator[Served]:
    """A server of the test's own, to write to."""
    with serving(tmp_path, anonymous=True) as served:
        yield served
        close(windows)


@pytest.fixture
def own_crowd_server(browser: Browser, crowd_database: Path, tmp_path: Path, windows: list[Window]) -> Iterator[Served]:
    """A server of 20,000 events of the test's own, to write to."""
    with copied(crowd_database, tmp_path), serving(tmp_path, anonymous=True) as served:
        yield served
        close(windows)


@pytest.fixture
def closed_server(browser: Browser, crowd_database: Path, tmp_path: Path, windows: list[Window]) -> Iterator[Served]:
    """A server of 20,000 events where reading needs a key."""
    with copied(crowd_database, tmp_path), serving(tmp_path, anonymous=False) as served:
        yield served
        close(windows)


@pytest.fixture
def restartable_server(
    browser: Browser, crowd_database: Path, tmp_path: Path, windows: list[Window]
) -> Iterator[RestartableServer]:
    """A server of 20,000 events of the test's own that it can stop and start again."""
    with copied(crowd_database, tmp_path), ExitStack() as running:
        served = running.enter_context(serving(tmp_path, anonymous=True))
        yield RestartableServer(tmp_path, served, running)
        close(windows)


def close(windows: list[Window]) -> None:
    """Close every page."""
    for window in windows:
        window.close()


@pytest.fixture
def visit(browser: Browser, windows: list[Window]) -> Iterator[Callable[..., Page]]:
    """Open a page; what it does wrong fails the test at its end, but for what a meant outage makes it say."""

    def open_(served: Served, query: str = "", *, outage: bool = False, **look: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1360, "height": 900}, "timezone_id": "UTC", **look})
        window = Window(context.new_page(), outage)
        windows.append(window)
        window.watch(urlsplit(served.url).netloc)
        window.page.goto(f"{served.url}/{query}")
        return window.page

    yield open_
    close(windows)
    assert [text for window in windows for text in window.wrong] == []


@pytest.fixture
def axe() -> Callable[..., None]:
    """Assert that axe finds nothing wrong with a page, or with what a selector finds in it: `axe(page, "#events")`."""

    def check(page: Page, within: str | None = None) -> None:
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert page.evaluate(FAULTS, within) == []

    return check
