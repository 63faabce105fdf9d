"""How fast one worker delivers, beside a loop around httpx and a raw sender that post the same bytes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from benchmarks.figures import Figure, figure
from benchmarks.load import ask, request_bytes
from benchmarks.measure import ratios
from benchmarks.senders import IN_FLIGHT, by_httpx, raw, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.servers import Server

MOST_OPEN = 1_000
# How many of the events are delivered, and how many of these are posted by httpx, in a round.
DELIVERED, BY_HTTPX = 5_000, 600
PATIENCE_S = 60.0


class Desk:
    """A caller of the API who looks after subscriptions."""

    def __init__(self, server: Server, key: str) -> None:
        """Call this server."""
        headers = {"authorization": f"Bearer {key}"}
        base = f"http://127.0.0.1:{server.port}/v1"
        self._client = httpx.Client(base_url=base, headers=headers, timeout=PATIENCE_S, trust_env=False)

    def call(self, method: str, path: str, body: object | None = None) -> Any:
        """What the server answers."""
        answer = self._client.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def subscribe(self, url: str, start: str = "now", **push: int) -> str:
        """A new push subscription."""
        wanted = {"name": "bench", "mode": "push", "start": start, "push": {"url": url, **push}}
        return str(self.call("POST", "/subscriptions", wanted)["id"])

    def set(self, id: str, status: str) -> None:
        """Pause or go on."""
        self.call("PATCH", f"/subscriptions/{id}", {"status": status})

    def until(self, id: str, **wanted: object) -> dict[str, Any]:
        """Come back when the subscription has these values."""
        until = time.monotonic() + PATIENCE_S
        while True:
            found: dict[str, Any] = self.call("GET", f"/subscriptions/{id}")
            if all(found[name] == value for name, value in wanted.items()):
                return found
            assert time.monotonic() < until, found
            time.sleep(0.02)


def told(receiver: Server, path: str) -> bytes:
    """What the receiver answers."""
    [answer] = asyncio.run(ask(receiver.port, request_bytes(path)))
    return answer.body


@dataclass(slots=True)
class Side:
    """One way to send: `send` answers the seconds of processor time for `count` posts."""

    send: Callable[[], float]
    count: int
    receiver: Server
    cpu: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    def run(self) -> None:
        """One round: posts a second by the receiver's clock, and processor time for each."""
        told(self.receiver, "/begin")
        spent = self.send()
        found = orjson.loads(told(self.receiver, f"/await/{self.count}"))
        assert found["count"] == self.count, found
        self.cpu.append(spent / self.count)
        self.rate.append((self.count - 1) / found["seconds"])


def throughput(service: Desk, worker: Server, receiver: Server, *, events: int, rounds: int) -> tuple[Side, Side, Side]:
    """The worker, httpx and the raw sender, which took turns, each round in another order."""
    id = service.subscribe(f"http://127.0.0.1:{receiver.port}/fast", max_open=MOST_OPEN, max_in_flight=IN_FLIGHT)
    head = service.until(id, status="active")["cursor"]
    epoch, _, seq = head.partition("-")
    count = min(DELIVERED, events)
    start = f"{epoch}-{int(seq) - count:012d}"
    service.set(id, "paused")

    def deliver() -> float:
        """Seek back, go on, and pause once all is delivered and written."""
        service.call("POST", f"/subscriptions/{id}/seek", {"to": start})
        before = worker.cpu()
        service.set(id, "active")
        told(receiver, f"/await/{count}")
        service.until(id, lag=0, open=0)
        spent = worker.cpu() - before
        service.set(id, "paused")
        return spent

    told(receiver, "/keep")
    deliver()
    requests = split(told(receiver, "/kept"))
    few = requests[:BY_HTTPX]
    ours = Side(deliver, count, receiver)
    other = Side(lambda: by_httpx(receiver.port, few), len(few), receiver)
    lean = Side(lambda: raw(receiver.port, requests), count, receiver)
    sides = [ours, other, lean]
    for n in range(rounds):
        for side in sides[n % 3 :] + sides[: n % 3]:
            side.run()
    return ours, other, lean


def delivered(dialect: str, ours: Side, other: Side, lean: Side) -> Figure:
    """Processor time of the raw sender's post in parts of that of the worker's."""
    spent = " / ".join(f"{1000 * median(side.cpu):.3f}" for side in (ours, other, lean))
    rates = " / ".join(f"{median(side.rate):,.0f}" for side in (ours, other, lean))
    remark = f"worker / httpx / raw: {spent} ms, {rates} posts a second"
    return figure(
        "delivery", dialect, ratios(lean.cpu, ours.cpu), {"httpx": median(ratios(lean.cpu, other.cpu))}, remark
    )
