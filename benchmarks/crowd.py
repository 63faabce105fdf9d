"""How long changes are on their way to healthy endpoints, with and without a crowd of bad ones in the same worker."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

import orjson

from benchmarks.deliveries import told
from benchmarks.events import events
from benchmarks.figures import Figure, figure
from benchmarks.measure import ratios

if TYPE_CHECKING:
    from benchmarks.deliveries import Desk
    from benchmarks.servers import Server

HEALTHY, FAILING, DRIPPING = 20, 200, 20
# The load of a turn: a change every so often.
EVERY_S = 0.1
CHANGES = 40
SETTLE_S = 1.0


def in_a_crowd(dialect: str, service: Desk, receiver: Server, rounds: int) -> Figure:
    """Quiet turns and turns with the bad ones, in turns."""
    home = f"http://127.0.0.1:{receiver.port}"
    for n in range(HEALTHY):
        service.until(service.subscribe(f"{home}/healthy/{n}"), status="active")
    bad = [service.subscribe(f"{home}/failing/{n}") for n in range(FAILING)]
    bad += [service.subscribe(f"{home}/dripping/{n}") for n in range(DRIPPING)]
    for id in bad:
        service.until(id, status="active")
        service.set(id, "paused")
    quiet: list[float] = []
    crowded: list[float] = []
    met: tuple[object, object] = (0, 0)
    turn(service, receiver)
    for n in range(rounds):
        for busy in (n % 2 == 0, n % 2 == 1):
            for id in bad:
                service.set(id, "active" if busy else "paused")
            time.sleep(SETTLE_S)
            figures = turn(service, receiver)
            assert not busy or met != (met := (figures["refused"], figures["dripped"])), "the crowd is not there"
            (crowded if busy else quiet).append(p99(figures["delays"]))
    remark = " / ".join(f"{1000 * median(found):.0f}" for found in (crowded, quiet)) + " ms"
    return figure("crowd", dialect, ratios(crowded, quiet), remark=remark)


def turn(service: Desk, receiver: Server) -> dict[str, list[float]]:
    """Write some changes at an even pace; what the receiver noted of them."""
    told(receiver, "/begin")
    begin = time.monotonic()
    for n, event in enumerate(events(CHANGES)):
        time.sleep(max(0.0, begin + n * EVERY_S - time.monotonic()))
        service.call("POST", "/events", event | {"external_ids": []})
    figures: dict[str, list[float]] = orjson.loads(told(receiver, f"/await/{HEALTHY * CHANGES}"))
    assert len(figures["delays"]) == HEALTHY * CHANGES
    return figures


def p99(delays: list[float]) -> float:
    """The delay that one in a hundred exceeds."""
    return sorted(delays)[int(len(delays) * 0.99)]
