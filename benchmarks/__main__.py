"""Fills databases with events and prints what Sitrep costs beside a bare ceiling and beside the plain SQLModel way."""

from __future__ import annotations

import argparse
import asyncio
import pickle
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bare import RECORDED
from benchmarks.cases import Case, deep_cases, first_cursor, reading_cases, take, writing_cases
from benchmarks.counting import count_two_ways
from benchmarks.crowd import CASE as CROWD
from benchmarks.crowd import in_a_crowd
from benchmarks.databases import Shelf, add_plain_key, default_cache, name_in, postgres, write_key
from benchmarks.deliveries import RATES, Desk, rates, throughput
from benchmarks.exporting import export_all
from benchmarks.load import ask
from benchmarks.measure import Runner, compare, measure
from benchmarks.plain import DATABASE
from benchmarks.raw_inserts import CASE as RAW_INSERTS
from benchmarks.raw_inserts import batches_and_raw_inserts
from benchmarks.report import Counted, Exported, Line, Sent, milliseconds, show
from benchmarks.servers import Server, receiving, serving, working

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bare import Known

DIALECTS = ("sqlite", "postgresql")
DEPTH_LIMIT = 1.3
DEPTH_ROUNDS = 3
DISTINCT = 64
DELIVERING = {"SITREP_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8", "SITREP_SECRET_KEY": "a key for benchmarks only"}
CROWD_ROUNDS = 5


def main() -> int:
    """Exit with 1 if asked to check and a requirement fails."""
    options = read_options()
    options.cache.mkdir(parents=True, exist_ok=True)
    lines: list[Line | Sent | Counted | Exported] = []
    with ExitStack() as running:
        server = running.enter_context(postgres(options.cache)) if "postgresql" in options.databases else ""
        for dialect in options.databases:
            shelf = Shelf(dialect, options.cache, server)
            lines += three_ways(shelf, options)
            lines += inserting(shelf, options)
            lines += sending(shelf, options)
            lines += in_depth(shelf, options) if options.depth else []
    show(lines)
    return 1 if options.check and not all(line.holds for line in lines) else 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000, help="events in the database (10000)")
    parser.add_argument("--databases", type=names, default=DIALECTS, help="sqlite,postgresql")
    parser.add_argument("--depth", type=int, nargs="?", const=1_000_000, help="compare with so many events (1000000)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds that the sides take turns for (7)")
    parser.add_argument("--seconds", type=float, default=0.3, help="seconds of a side's turn, about (0.3)")
    parser.add_argument("--only", default="", help="only cases with this in their name")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where filled databases are kept")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a requirement does not hold")
    return parser.parse_args()


def names(text: str) -> tuple[str, ...]:
    """A comma separated list of databases."""
    found = tuple(text.split(","))
    if unknown := set(found) - set(DIALECTS):
        message = f"not a database: {', '.join(sorted(unknown))}"
        raise argparse.ArgumentTypeError(message)
    return found


def three_ways(shelf: Shelf, options: argparse.Namespace) -> list[Line]:
    """Sitrep, the plain way and the ceiling, on copies of filled databases."""
    print(f"{shelf.dialect}: filling with {options.events:,} events where that is not done yet", flush=True)
    filled, plain_filled = shelf.sitrep(options.events), shelf.plain(options.events)
    with shelf.copy(filled) as url, shelf.copy(plain_filled) as plain_url:
        key = asyncio.run(write_key(url))
        asyncio.run(add_plain_key(plain_url, key))
        with sitrep_on(shelf, url) as sitrep, plain_on(shelf, plain_url) as plain:
            reads = asyncio.run(reading_cases(sitrep.port, plain.port, options.events))
            asked = [case for case in [*reads, *writing_cases(key)] if options.only in case.name]
            with ceilings(sitrep, reads) as (reading, writing):
                return [
                    run_case(shelf.dialect, case, [sitrep, plain, writing if case.writes else reading], options)
                    for case in asked
                ]


def run_case(dialect: str, case: Case, servers: list[Server], options: argparse.Namespace) -> Line:
    """One case, three ways."""
    print(f"{dialect}: {case.name}", flush=True)
    streams = [case.sitrep(), (case.plain or case.sitrep)(), case.sitrep()]
    runners = [Runner(server, stream, case.clients, case.most) for server, stream in zip(servers, streams, strict=True)]
    measure(runners, options.rounds, options.seconds)
    one, plain, bare = runners
    return Line(dialect, case.name, compare(one, plain), compare(one, bare), case.limit, milliseconds(runners))


def two_depths(shelf: Shelf, options: argparse.Namespace) -> list[Line]:
    """The same questions to a small and to a large database."""
    print(f"{shelf.dialect}: filling with {options.depth:,} events where that is not done yet", flush=True)
    small, large = shelf.sitrep(options.events), shelf.sitrep(options.depth)
    with sitrep_on(shelf, small) as one, sitrep_on(shelf, large) as other:
        cases = [
            deep_cases(events, asyncio.run(first_cursor(server.port)))
            for server, events in ((other, options.depth), (one, options.events))
        ]
        return [
            run_depth(shelf.dialect, (deep, case), (other, one), options)
            for deep, case in zip(*cases, strict=True)
            if options.only in case.name
        ]


def in_depth(shelf: Shelf, options: argparse.Namespace) -> list[Line | Counted | Exported]:
    """What only a large database shows."""
    return [*two_depths(shelf, options), *statistics(shelf, options), *exports(shelf, options)]


def exports(shelf: Shelf, options: argparse.Namespace) -> list[Exported]:
    """Whole files of the large database."""
    large = shelf.sitrep(options.depth)
    with sitrep_on(shelf, large) as server:
        return export_all(shelf.dialect, server, options.only)


def statistics(shelf: Shelf, options: argparse.Namespace) -> list[Counted]:
    """Statistics over all events of the large database."""
    return asyncio.run(count_two_ways(shelf.dialect, shelf.sitrep(options.depth), options.rounds, options.only))


def run_depth(
    dialect: str, cases: tuple[Case, Case], servers: tuple[Server, Server], options: argparse.Namespace
) -> Line:
    """One case at two depths; more rounds, because the limit is near 1."""
    print(f"{dialect}: {cases[0].name}", flush=True)
    runners = [
        Runner(server, case.sitrep(), case.clients, case.most) for server, case in zip(servers, cases, strict=True)
    ]
    measure(runners, DEPTH_ROUNDS * options.rounds, options.seconds / 2)
    found = compare(*runners)
    return Line(dialect, cases[0].name, None, None, DEPTH_LIMIT, milliseconds(runners), deep=found)


def inserting(shelf: Shelf, options: argparse.Namespace) -> list[Sent]:
    """Batches, beside the driver alone with the same rows."""
    if options.only not in RAW_INSERTS:
        return []
    filled = shelf.sitrep(options.events)
    with shelf.copy(filled) as url, shelf.copy(filled) as raw_url:
        key = asyncio.run(write_key(url))
        with sitrep_on(shelf, url) as server:
            urls = (url, raw_url)
            return [asyncio.run(batches_and_raw_inserts(shelf.dialect, server, key, urls, options.rounds))]


def sending(shelf: Shelf, options: argparse.Namespace) -> list[Sent]:
    """One worker that delivers, beside other senders and beside bad endpoints."""
    throughput_asked, crowd_asked = (any(options.only in name for name in names) for names in (RATES, [CROWD]))
    if not (throughput_asked or crowd_asked):
        return []
    with shelf.copy(shelf.sitrep(options.events)) as url, receiving() as receiver:
        key = asyncio.run(write_key(url))
        env = {"SITREP_DATABASE_URL": url} | DELIVERING
        with (
            serving("sitrep", "app.main:create_api", env, backing(shelf, url)) as server,
            working(env, backing(shelf, url)) as worker,
        ):
            service, lines = Desk(server, key), []
            if throughput_asked:
                print(f"{shelf.dialect}: deliveries", flush=True)
                sides = throughput(service, worker, receiver, events=options.events, rounds=options.rounds)
                lines += rates(shelf.dialect, *sides)
            if crowd_asked:
                print(f"{shelf.dialect}: {CROWD}", flush=True)
                lines.append(in_a_crowd(shelf.dialect, service, receiver, CROWD_ROUNDS))
    return lines


def sitrep_on(shelf: Shelf, url: str) -> AbstractContextManager[Server]:
    """Sitrep as it is served, readable by anybody."""
    env = {"SITREP_DATABASE_URL": url, "SITREP_ANONYMOUS_READ": "true"}
    return serving("sitrep", "app.main:create_app", env, backing(shelf, url))


def plain_on(shelf: Shelf, url: str) -> AbstractContextManager[Server]:
    """The plain app."""
    return serving("plain", "benchmarks.plain:create_app", {DATABASE: url}, backing(shelf, url))


def backing(shelf: Shelf, url: str) -> str | None:
    """The database whose backends work for the server."""
    return name_in(url) if shelf.dialect == "postgresql" else None


@contextmanager
def ceilings(sitrep: Server, reads: list[Case]) -> Iterator[tuple[Server, Server]]:
    """The bare app with what Sitrep answers to these cases, and Sitrep with no database."""
    requests = list(dict.fromkeys(request for case in reads for request in take(case.sitrep(), DISTINCT)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recorded"
        path.write_bytes(pickle.dumps(asyncio.run(record(sitrep.port, requests))))
        nothing = {"SITREP_DATABASE_URL": f"sqlite:///{folder}/unused.db"}
        with (
            serving("bare", "benchmarks.bare:recorded", {RECORDED: str(path)}) as reading,
            serving("nowhere", "benchmarks.bare:nowhere", nothing) as writing,
        ):
            yield reading, writing


async def record(port: int, requests: list[bytes]) -> Known:
    """What Sitrep answers."""
    known: Known = {}
    for request, answer in zip(requests, await ask(port, *requests), strict=True):
        path, _, query = request.split(b" ", 2)[1].partition(b"?")
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items() if name != "date"]
        known[path, query, b"if-none-match" in request] = answer.status, headers, answer.body
    return known


if __name__ == "__main__":
    sys.exit(main())
