"""Rows of one worker that delivers: beside other senders, and beside bad endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from benchmarks.apps import backing
from benchmarks.crowd import in_a_crowd
from benchmarks.databases import Shelf, write_key
from benchmarks.deliveries import Desk, delivered, throughput
from benchmarks.figures import Figure
from benchmarks.options import Options
from benchmarks.peers import Peers
from benchmarks.servers import receiving, serving, working

DELIVERED = ("delivery",)
CROWDED = ("crowd",)
CROWD_ROUNDS = 5
ENV = {"SITREP_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8", "SITREP_SECRET_KEY": "a key for benchmarks only"}


def deliver(shelf: Shelf, options: Options, _peers: Peers) -> Iterator[Figure]:
    """Posts to a lean receiver; where a run has the time, also beside endpoints that fail and drip."""
    crowd_asked = options.asks_for(*CROWDED) and not options.quick
    if not (crowd_asked or options.asks_for(*DELIVERED)):
        return
    with shelf.copy(shelf.sitrep(options.events)) as url, receiving() as receiver:
        key = asyncio.run(write_key(url))
        env, backend = {"SITREP_DATABASE_URL": url} | ENV, backing(shelf, url)
        with serving("sitrep", "app.main:create_api", env, backend) as server, working(env, backend) as worker:
            service = Desk(server, key)
            if options.asks_for(*DELIVERED):
                print(f"{shelf.dialect}: delivery", flush=True)
                sides = throughput(service, worker, receiver, events=options.events, rounds=options.rounds)
                yield delivered(shelf.dialect, *sides)
            if crowd_asked:
                print(f"{shelf.dialect}: crowd", flush=True)
                yield in_a_crowd(shelf.dialect, service, receiver, CROWD_ROUNDS)
