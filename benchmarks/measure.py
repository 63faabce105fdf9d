"""Runs blocks of requests in turns against the servers that are compared, and takes the medians of paired ratios."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.load import send
from benchmarks.servers import Server

WARM_UP = 12
FEWEST = 3


@dataclass(slots=True)
class Runner:
    """One server's side of a case: where its requests come from, and what each round cost."""

    server: Server
    requests: Iterator[bytes]
    clients: int
    most: int
    each_round: int = 0
    cpu: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    def warm_up(self, seconds: float) -> None:
        """Bring caches and compiled statements to where they stay, and choose how many requests make a round."""
        number = min(WARM_UP, self.most)
        self._send(number)
        took, _ = self._send(number)
        self.each_round = max(min(FEWEST, self.most), min(self.most, int(seconds * number / took)))
        self.cpu.clear()
        self.rate.clear()

    def run(self) -> None:
        """One round: processor seconds for each request, and requests for each second."""
        took, cpu = self._send(self.each_round)
        self.cpu.append(cpu / self.each_round)
        self.rate.append(self.each_round / took)

    def _send(self, number: int) -> tuple[float, float]:
        requests = [request for request, _ in zip(self.requests, range(number), strict=False)]
        before = self.server.cpu()
        block = asyncio.run(send(self.server.port, requests, self.clients))
        return block.seconds, self.server.cpu() - before


def measure(runners: list[Runner], rounds: int, seconds: float) -> None:
    """Let the sides take turns, each round in another order."""
    for runner in runners:
        runner.warm_up(seconds)
    for n in range(rounds):
        first = n % len(runners)
        for runner in runners[first:] + runners[:first]:
            runner.run()


def ratios(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """The first side in units of the other, round by round."""
    return [a / b for a, b in zip(one, other, strict=True)]
