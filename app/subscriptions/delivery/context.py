"""What every dispatcher of a worker works with, and the times it keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from app.changes import Head
from app.feed.notifier import Notifier
from app.group_commit import GroupCommitter
from app.kit.ids import IdSource
from app.subscriptions.delivery.metrics import DeliveryCounts
from app.subscriptions.delivery.queue import MemoryBudget
from app.subscriptions.delivery.result_writer import Outcome, ResultBatch
from app.subscriptions.transport.secret_cipher import SecretCipher
from app.subscriptions.transport.url_guard import TargetPolicy

# So many subscriptions are taken up at once; more would wait for connections until they gave up.
LOADED_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class WorkerTimings:
    """The times of a worker in seconds.

    A worker that has not beaten for `lease_s` is dead to the others; it stops by itself before that.
    """

    lease_s: float = 5.0
    beat_s: float = 1.0
    look_s: float = 0.25
    gather_s: float = 0.05  # for results to be written together while others follow
    mark_s: float = 0.1  # a request that takes longer is shown as `sending`
    keep_s: float = 1.0  # how long the cursor may stand still while nothing matches
    linger_s: float = 1.5  # for requests in flight when the worker stops


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What a dispatcher works with; clock, chance and network come in from outside."""

    notifier: Notifier
    writer: GroupCommitter[ResultBatch, Outcome]
    cipher: SecretCipher
    rules: TargetPolicy
    counts: DeliveryCounts
    now: Callable[[], datetime]
    ticks: Callable[[], float]
    jitter: Callable[[], float]
    new_id: IdSource
    holds: Callable[[], bool]
    timings: WorkerTimings = field(default_factory=WorkerTimings)
    budget: MemoryBudget = field(default_factory=MemoryBudget)
    loading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOADED_AT_ONCE))

    async def head(self) -> Head:
        """Where the log ends: as the notifier knows it while it watches, else as the database says."""
        return (
            self.notifier.head if self.notifier.head.epoch and self.notifier.waiting else await self.notifier.log.head()
        )
