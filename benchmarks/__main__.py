"""Measures every row of the table of targets beside its ceiling, the plain way and peers: `python -m benchmarks`."""

from __future__ import annotations

import asyncio
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from types import FrameType

from benchmarks.databases import Shelf, fetch, postgres
from benchmarks.delivering import CROWDED, DELIVERED, deliver
from benchmarks.depth import COUNTED, DEEP, EXPORTED, count_deep, deepen, export_deep
from benchmarks.figures import Figure, missing
from benchmarks.importing import IMPORTED, import_rows
from benchmarks.options import INSTALL_LIMIT_S, Options, read_options
from benchmarks.peers import Peers
from benchmarks.reading import READ, read
from benchmarks.report import on_terminal, told_slower
from benchmarks.results import FOLDER, QUICK_FOLDER, Run, in_order, load, machine, now, save, slower
from benchmarks.starting import STARTED, start
from benchmarks.streams import STREAMED, stream
from benchmarks.subscribing import SUBSCRIBED, subscribe
from benchmarks.writing import WRITTEN, write

Section = Callable[[Shelf, Options, Peers], Iterator[Figure]]
Work = tuple[tuple[str, ...], str, Callable[[], Iterator[Figure]]]
SHALLOW: tuple[tuple[tuple[str, ...], Section], ...] = (
    (READ, read),
    (WRITTEN, write),
    (STREAMED, stream),
    (DELIVERED + CROWDED, deliver),
    (SUBSCRIBED, subscribe),
    (IMPORTED, import_rows),
)
DEEPER: tuple[tuple[tuple[str, ...], Section], ...] = (
    (COUNTED, count_deep),
    (DEEP, deepen),
    (EXPORTED, export_deep),
)
TAKING_LONG = (*CROWDED, *SUBSCRIBED, *EXPORTED)


def main() -> int:
    """Exit with 1 if asked to check and a target is missed, with 130 if the run was stopped."""
    options = read_options()
    options.cache.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, stop)
    figures: list[Figure] = []
    version = ""
    try:
        with ExitStack() as running:
            server = running.enter_context(postgres(options.cache)) if "postgresql" in options.databases else ""
            if server:
                version = str(asyncio.run(fetch(server, "SHOW server_version"))[0][0])
            for rows, database, work in works(options, server):
                figures += done(rows, database, work, options)
    except KeyboardInterrupt:
        print("\nStopped: nothing was kept.", file=sys.stderr)
        return 130
    tell(in_order(figures), options, version)
    return 1 if options.check and any(figure.verdict == "missed" for figure in figures) else 0


def stop(_signal: int, _frame: FrameType | None) -> None:
    """End as on Ctrl-C, so that every server is ended too."""
    raise KeyboardInterrupt


def works(options: Options, server: str) -> Iterator[Work]:
    """What there is to do, in an order in which what takes longest comes last."""
    peers = Peers(options.cache, min(options.left / 3, INSTALL_LIMIT_S))
    shelves = [Shelf(dialect, options.cache, server) for dialect in options.databases]
    yield STARTED, "", partial(start, options)
    for sections in (SHALLOW, DEEPER):
        for shelf in shelves:
            for rows, section in sections:
                kept = tuple(row for row in rows if not (options.quick and row in TAKING_LONG))
                yield kept, shelf.dialect, partial(section, shelf, options, peers)


def done(rows: tuple[str, ...], database: str, work: Callable[[], Iterator[Figure]], options: Options) -> list[Figure]:
    """The figures of these rows; those that fail or for which there was no time say so."""
    asked = [row for row in rows if options.asks_for(row)]
    if not asked:
        return []
    found: list[Figure] = []
    why = "There was no time left for it."
    try:
        if options.left > 0:
            found.extend(work())
    except Exception:  # noqa: BLE001 (one row that fails leaves the others their results)
        traceback.print_exc()
        why = "It failed: see what the run printed."
    kept = [figure for figure in found if figure.row in asked]
    return kept + [missing(row, database, why) for row in asked if row not in {figure.row for figure in found}]


def tell(figures: list[Figure], options: Options, version: str) -> None:
    """Print the figures, compare them with the last results, and keep those of a whole run."""
    sizes = options.quick, options.events, options.deep
    run = Run(now(), machine(version), *sizes, options.rounds, options.load, tuple(figures))
    folder = QUICK_FOLDER if options.quick else FOLDER
    last = load(folder)
    print("\n" + on_terminal(figures), run.heading(), sep="\n")
    if last is not None and last.size == run.size:
        print(told_slower(slower(figures, last.figures), last.date))
    if options.whole:
        save(run, folder)
        print(f"Kept in {folder.relative_to(FOLDER.parents[1])}.")


if __name__ == "__main__":
    sys.exit(main())
