"""Workers for tests: in this process with a clock of the test's, or as processes that can be killed and frozen."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from receivers import KEY, LOOPBACK

from app.settings import Settings
from app.subscriptions.delivery.context import WorkerTimings
from app.subscriptions.delivery.metrics import DeliveryCounts
from app.subscriptions.delivery.worker import Worker
from app.subscriptions.transport.secret_cipher import SecretCipher
from app.subscriptions.transport.url_guard import TargetPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.feed.notifier import Notifier

FORKING = Path(__file__).with_name("forking_workers.py")
# A short lease lets a dead worker be noticed at once; a long one outlasts a busy machine.
SHORT_S, LONG_S = 0.6, 20.0
QUICK = WorkerTimings(lease_s=SHORT_S, beat_s=0.1, look_s=0.05, linger_s=0.5)
PATIENCE_S = 300.0


class Clock:
    """A time of day that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)

    def ticks(self) -> float:
        return self.now.timestamp()


def settings_for(url: str) -> Settings:
    """Settings of a worker that may call loopback."""
    return Settings(database_url=url, allow_private_targets=LOOPBACK, secret_key=SecretStr(KEY), log_level="error")


def worker_on(notifier: Notifier, url: str, clock: Clock, timings: WorkerTimings = QUICK) -> Worker:
    """A worker whose clocks are the test's, and whose retries come exactly on schedule.

    Its leases are measured by the test's clock too: on a busy machine a pass may take longer than a lease lasts.
    """
    settings = settings_for(url)
    counts = DeliveryCounts(CollectorRegistry())
    return Worker(
        notifier,
        SecretCipher(settings),
        TargetPolicy.of(settings),
        counts,
        timings=timings,
        now=clock,
        ticks=clock.ticks,
        jitter=lambda: 0.0,
    )


class Crew:
    """Processes that deliver."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.members: list[int] = []

    async def start(self) -> int:
        """One more; its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        self.members.append(int(await asyncio.wait_for(self._process.stdout.readline(), PATIENCE_S)))
        return self.members[-1]

    def kill(self, pid: int) -> None:
        """End it without a word."""
        os.kill(pid, signal.SIGKILL)
        self.members.remove(pid)

    def freeze(self, pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)

    def thaw(self, pid: int) -> None:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def crew(url: str, lease_s: float = SHORT_S) -> AsyncIterator[Crew]:
    """A crew without members yet; all of them are ended in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(FORKING),
        url,
        str(lease_s),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=FORKING.parents[2],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [FORKING.parent, *FORKING.parents[1:3]]))},
    )
    made = Crew(process)
    try:
        yield made
    finally:
        for pid in list(made.members):
            made.kill(pid)
        process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # or the loop warns of it
