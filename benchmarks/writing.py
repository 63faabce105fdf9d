"""Rows that write over HTTP: single creates, also among reads, and batches beside the driver alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

from benchmarks.apps import nowhere, plain_on, sitrep_on
from benchmarks.cases import creating_case, mixed_case
from benchmarks.databases import Shelf, add_plain_key, write_key
from benchmarks.figures import Figure, figure
from benchmarks.measure import Runner, measure, ratios
from benchmarks.options import Options
from benchmarks.peers import Peers
from benchmarks.raw_inserts import batches_and_raw_inserts

WRITTEN = ("create", "create-plain", "mixed", "batch")


def write(shelf: Shelf, options: Options, _peers: Peers) -> Iterator[Figure]:
    """All rows that write, on copies of filled databases."""
    filled, plain_filled = shelf.sitrep(options.events), shelf.plain(options.events)
    with ExitStack() as stack:
        url, plain_url = stack.enter_context(shelf.copy(filled)), stack.enter_context(shelf.copy(plain_filled))
        key = asyncio.run(write_key(url))
        asyncio.run(add_plain_key(plain_url, key))
        sitrep = stack.enter_context(sitrep_on(shelf, url))
        plain = stack.enter_context(plain_on(shelf, plain_url))
        if options.asks_for("batch"):
            raw_url = stack.enter_context(shelf.copy(filled))
            urls = (url, raw_url)
            yield asyncio.run(batches_and_raw_inserts(shelf.dialect, (sitrep, plain), key, urls, options.rounds))
        if options.asks_for("create", "create-plain"):
            print(f"{shelf.dialect}: create", flush=True)
            case = creating_case(key)
            assert case.plain is not None
            ceiling = stack.enter_context(nowhere())
            sides = [(sitrep, case.sitrep()), (plain, case.plain()), (ceiling, case.sitrep())]
            one, other, bare = runners = [Runner(server, stream, case.clients, case.most) for server, stream in sides]
            measure(runners, options.rounds, 2 * options.seconds)
            told = " / ".join(f"{1000 * median(runner.cpu):.2f}" for runner in runners)
            beside = {"plain": median(ratios(bare.cpu, other.cpu))}
            remark = f"Sitrep / plain / no database: {told} ms"
            yield figure("create", shelf.dialect, ratios(bare.cpu, one.cpu), beside, remark)
            yield figure("create-plain", shelf.dialect, ratios(one.cpu, other.cpu))
        if options.asks_for("mixed"):
            print(f"{shelf.dialect}: mixed", flush=True)
            case = asyncio.run(mixed_case(sitrep.port, plain.port, key))
            assert case.plain is not None
            sides = [(sitrep, case.sitrep()), (plain, case.plain())]
            one, other = runners = [Runner(server, stream, case.clients, case.most) for server, stream in sides]
            measure(runners, options.rounds, 4 * options.seconds)
            told = " / ".join(f"{1000 * median(runner.cpu):.2f}" for runner in runners)
            yield figure(
                "mixed", shelf.dialect, ratios(one.cpu, other.cpu), remark=f"Sitrep / plain: {told} ms a request"
            )
