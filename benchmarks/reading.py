"""Rows that read: pages, single events and the feed, beside the bare app, the plain way and the peers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from statistics import median

import httpx

from benchmarks.apps import plain_on, recorded_from, sitrep_on
from benchmarks.cases import READERS, Case, again, gets, plain_pages_and_ids, reading_cases, small_batch, take
from benchmarks.databases import Shelf, write_key
from benchmarks.figures import Figure, figure, missing
from benchmarks.load import send
from benchmarks.measure import Runner, measure, ratios
from benchmarks.options import Options
from benchmarks.peers import (
    DATASETTE,
    DURABLE,
    FASTIFY,
    TIPG,
    PeerMissing,
    Peers,
    datasette,
    durable_streams,
    fastify,
    tipg,
)
from benchmarks.servers import Server

UNDER_WRITES = "repeated-page-writes"
READ = ("repeated-page", UNDER_WRITES, "uncached-page", "page-peer", "by-id", "not-modified", "feed", "feed-filtered")
RECORDED_EACH = 16
# The stream of writes: so many commits a second of so many events each, by another process on the same database.
COMMITS, EACH = 40, 5
PEER_PAGES = 16
PATIENCE_S = 30.0
Side = tuple[Server, Iterator[bytes]]


def read(shelf: Shelf, options: Options, peers: Peers) -> Iterator[Figure]:
    """All rows that read, on copies of filled databases."""
    filled, plain_filled = shelf.sitrep(options.events), shelf.plain(options.events)
    with ExitStack() as stack:
        url, plain_url = stack.enter_context(shelf.copy(filled)), stack.enter_context(shelf.copy(plain_filled))
        key = asyncio.run(write_key(url))
        sitrep = stack.enter_context(sitrep_on(shelf, url))
        plain = stack.enter_context(plain_on(shelf, plain_url))
        cases = asyncio.run(reading_cases(sitrep.port, plain.port, options.events))
        asked = [case for case in cases if options.asks_for(*rows_of(case))]
        streams = {case.row: take(case.sitrep(), RECORDED_EACH) for case in asked}
        bare = stack.enter_context(recorded_from(sitrep, [each for some in streams.values() for each in some]))
        others = Others(stack, peers, plain_url)
        for case in asked:
            if options.left <= 0:
                return
            print(f"{shelf.dialect}: {case.row}", flush=True)
            three = {
                "sitrep": (sitrep, case.sitrep()),
                "bare": (bare, again(streams[case.row])()),
                "plain": (plain, (case.plain or case.sitrep)()),
            }
            yield from compare(
                shelf, case, {**three, **others.sides(case.row, streams[case.row], bare)}, options, others
            )
            if case.row == "repeated-page" and options.asks_for(UNDER_WRITES):
                yield under_writes(shelf, case, (url, key), (sitrep, bare), options)


def rows_of(case: Case) -> tuple[str, ...]:
    """The rows that come of a case."""
    more = {"repeated-page": (UNDER_WRITES,), "uncached-page": ("page-peer",)}
    return case.row, *more.get(case.row, ())


def compare(shelf: Shelf, case: Case, sides: Mapping[str, Side], options: Options, others: Others) -> Iterator[Figure]:
    """A case's figure: each side in parts of the bare app; and of a page that of the peer on this database."""
    runners = {name: Runner(server, stream, case.clients, case.most) for name, (server, stream) in sides.items()}
    measure(list(runners.values()), options.rounds, options.seconds)
    bare, sitrep = runners.pop("bare"), runners.pop("sitrep")
    beside = {name: median(ratios(bare.cpu, runner.cpu)) for name, runner in runners.items()}
    why = others.why(case.row)
    told = f"{1000 * median(sitrep.cpu):.3f} ms, bare {1000 * median(bare.cpu):.3f} ms"
    yield figure(case.row, shelf.dialect, ratios(bare.cpu, sitrep.cpu), beside, ". ".join(filter(None, (told, why))))
    if case.row == "uncached-page":
        name = DATASETTE if shelf.dialect == "sqlite" else TIPG
        if name in runners:
            times = ratios(runners[name].cpu, sitrep.cpu)
            told = f"{name}: {1000 * median(runners[name].cpu):.3f} ms"
            yield figure("page-peer", shelf.dialect, times, {}, told)
        else:
            yield missing("page-peer", shelf.dialect, why)


class Others:
    """The peers that answer a question as well; each is started when it is first asked for, and stays."""

    def __init__(self, stack: ExitStack, peers: Peers, plain_url: str) -> None:
        """Start them on the plain app's rows."""
        self._stack = stack
        self._peers = peers
        self._url = plain_url
        self._servers: dict[str, Server] = {}
        self._missing: dict[str, str] = {}

    def sides(self, row: str, requests: list[bytes], bare: Server) -> dict[str, Side]:
        """Each peer with its requests for this row."""
        makers: dict[str, Callable[[Server], Iterator[bytes]]] = {
            DATASETTE: lambda server: again(gets(*datasette_pages(server, self._url)))(),
            TIPG: lambda _server: again(gets(*tipg_pages()))(),
            FASTIFY: lambda server: again(gets(*fastify_targets(server, row)))(),
            DURABLE: lambda server: again(gets(*durable_pages(server, requests, bare)))(),
        }
        found = {}
        for name in self.asked(row):
            try:
                server = self._server(name)
                found[name] = server, makers[name](server)
            except (PeerMissing, httpx.HTTPError, AssertionError) as error:
                self._missing[name] = str(error) if isinstance(error, PeerMissing) else f"{name} did not answer."
        return found

    def asked(self, row: str) -> tuple[str, ...]:
        """Which peers have something to say to a row."""
        of_database = DATASETTE if self._url.startswith("sqlite") else TIPG
        return {"uncached-page": (of_database, FASTIFY), "by-id": (FASTIFY,), "feed": (DURABLE,)}.get(row, ())

    def why(self, row: str) -> str:
        """Why peers of this row are missing."""
        return " ".join(dict.fromkeys(self._missing[name] for name in self.asked(row) if name in self._missing))

    def _server(self, name: str) -> Server:
        if name not in self._servers:
            self._servers[name] = self._stack.enter_context(self._start(name))
        return self._servers[name]

    def _start(self, name: str) -> AbstractContextManager[Server]:
        if name == DATASETTE:
            return datasette(self._peers, self._url.removeprefix("sqlite:///"))
        if name == DURABLE:
            return durable_streams(self._peers)
        return tipg(self._peers, self._url) if name == TIPG else fastify(self._peers, self._url)


def datasette_pages(server: Server, url: str) -> list[str]:
    """Pages of the table, newest first, without counting it."""
    name = url.rpartition("/")[2].removesuffix(".db")
    base = f"/{name}/plainevent.json?_size=100&_sort_desc=started_at&_nocount=1&_nofacet=1&_nosuggest=1"
    targets = [base]
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=30, trust_env=False) as client:
        while len(targets) < PEER_PAGES:
            answer = client.get(targets[-1]).raise_for_status().json()
            assert len(answer["rows"]) == 100, "the page is not full"
            targets.append(str(httpx.URL(answer["next_url"]).raw_path, "ascii"))
    return targets


def tipg_pages() -> list[str]:
    """Pages of the table, newest first."""
    base = "/collections/public.plainevent/items?limit=100&sortby=-started_at"
    return [f"{base}&offset={100 * n}" for n in range(PEER_PAGES)]


def fastify_targets(server: Server, row: str) -> list[str]:
    """The same as are asked of the plain app."""
    pages, ids = asyncio.run(plain_pages_and_ids(server.port))
    return pages if row == "uncached-page" else [f"/events/{id}" for id in ids]


def durable_pages(server: Server, requests: list[bytes], bare: Server) -> list[str]:
    """A stream for each page of the feed, with its items."""
    base, targets = f"http://127.0.0.1:{server.port}", []
    with httpx.Client(timeout=30, trust_env=False, headers={"content-type": "application/json"}) as client:
        for n, request in enumerate(requests):
            page = client.get(f"http://127.0.0.1:{bare.port}{request.split(b' ', 2)[1].decode()}").raise_for_status()
            client.put(f"{base}/v1/stream/page-{n}").raise_for_status()
            client.post(f"{base}/v1/stream/page-{n}", json=page.json()["items"]).raise_for_status()
            targets.append(f"/v1/stream/page-{n}?offset=-1")
    return targets


def under_writes(
    shelf: Shelf, case: Case, written: tuple[str, str], servers: tuple[Server, Server], options: Options
) -> Figure:
    """The repeated page while another process of Sitrep writes to the same database at an even pace."""
    print(f"{shelf.dialect}: {UNDER_WRITES}", flush=True)
    (url, key), sitrep, bare = written, servers[0].pinned(), servers[1]
    with sitrep_on(shelf, url) as writer, steadily(writer, key) as pace:
        one, other = (Runner(server, case.sitrep(), READERS, case.most) for server in (sitrep, bare))
        measure([one, other], options.rounds, 2 * options.seconds)
        told = f"{pace.rate():.0f} events a second in {COMMITS} commits by another process"
    return figure(UNDER_WRITES, shelf.dialect, ratios(other.cpu, one.cpu), remark=told)


class Pace:
    """How many events were written since it began."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.written = 0

    def rate(self) -> float:
        """Events a second."""
        return self.written / (time.monotonic() - self.began)


@contextmanager
def steadily(writer: Server, key: str) -> Iterator[Pace]:
    """Write small batches at an even pace, as far as the machine keeps up, until the block ends."""
    pace, going, stop = Pace(), threading.Event(), threading.Event()

    def write() -> None:
        began, n = time.monotonic(), 0
        while not stop.wait(max(0.0, began + n / COMMITS - time.monotonic())):
            asyncio.run(send(writer.port, [small_batch(key, EACH)], 1))
            n += 1
            pace.written += EACH
            going.set()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        assert going.wait(PATIENCE_S), "nothing was written"
        pace.began, pace.written = time.monotonic(), 0
        yield pace
    finally:
        stop.set()
        thread.join()
