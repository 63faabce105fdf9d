"""Rows of a deep database: the same questions as to a small one, statistics, and exports."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from benchmarks.apps import sitrep_on
from benchmarks.cases import deep_cases
from benchmarks.counting import count_two_ways
from benchmarks.databases import Shelf
from benchmarks.exporting import export_all
from benchmarks.figures import Figure, missing, worst
from benchmarks.measure import Runner, measure, ratios
from benchmarks.options import Options
from benchmarks.peers import Peers

DEEP = ("page-depth", "feed-depth")
COUNTED = ("statistics", "statistics-facet")
EXPORTED = ("export",)
EXPORT_LEAST = 500_000


def deepen(shelf: Shelf, options: Options, _peers: Peers) -> Iterator[Figure]:
    """Pages and feed, at many places of both databases; a row's figure is that of its worst case."""
    small, large = shelf.sitrep(options.events), shelf.sitrep(options.deep)
    with sitrep_on(shelf, small) as one, sitrep_on(shelf, large) as other:
        sides = [
            asyncio.run(deep_cases(server.port, events))
            for server, events in ((other, options.deep), (one, options.events))
        ]
        found: dict[str, dict[str, list[float]]] = {row: {} for row in DEEP if options.asks_for(row)}
        for deep, case in zip(*sides, strict=True):
            if case.row not in found:
                continue
            print(f"{shelf.dialect}: {case.row}, {case.name}", flush=True)
            runners = [
                Runner(*side, case.clients, case.most) for side in ((other, deep.sitrep()), (one, case.sitrep()))
            ]
            measure(runners, 2 * options.rounds, options.seconds / 2)  # more rounds, because the target is near 1
            found[case.row][case.name] = ratios(runners[0].cpu, runners[1].cpu)
    told = f"{options.deep:,} over {options.events:,} events"
    for row, cases in found.items():
        yield worst(row, shelf.dialect, cases, told)


def count_deep(shelf: Shelf, options: Options, _peers: Peers) -> Iterator[Figure]:
    """Statistics over all events."""
    yield from asyncio.run(count_two_ways(shelf.dialect, shelf.sitrep(options.deep), options))


def export_deep(shelf: Shelf, options: Options, _peers: Peers) -> Iterator[Figure]:
    """Whole files."""
    if options.deep < EXPORT_LEAST:
        yield missing("export", shelf.dialect, f"A file of {options.deep:,} events is too small to tell: --depth.")
        return
    with sitrep_on(shelf, shelf.sitrep(options.deep)) as server:
        yield export_all(shelf.dialect, server)
