"""A worker's place among the workers: it beats to show life, watches the others, and frees what the dead held."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog

from app.db import Database, Transaction
from app.subscriptions.delivery.context import WorkerTimings
from app.subscriptions.delivery.leases import (
    DEREGISTER,
    HEARTBEAT,
    WORKERS,
    HeartbeatSeen,
    evict,
    free,
    register,
    stalled,
    watch_heartbeats,
)

# A lease is trusted for this part of its length; the rest is for those who would take it over.
TRUSTED_PART = 0.7
log = structlog.get_logger(__name__)


class Membership:
    """Who is alive, by beats alone: the clocks of two machines need not agree."""

    def __init__(
        self, db: Database, timings: WorkerTimings, ticks: Callable[[], float], new_id: Callable[[], UUID]
    ) -> None:
        """Not registered until register() is called."""
        self.id = UUID(int=0)
        self.enlisted = False
        self._db = db
        self._timings = timings
        self._ticks = ticks
        self._new_id = new_id
        self._signs: dict[UUID, HeartbeatSeen] = {}
        self._beaten = self._trusted_until = float("-inf")

    def holds(self) -> bool:
        """The leases are surely this worker's: it beat not long ago."""
        return self._ticks() < self._trusted_until

    @property
    def is_due(self) -> bool:
        """It is time for the next beat."""
        return self.enlisted and self._ticks() - self._beaten >= self._timings.beat_s

    async def register(self, now: datetime) -> None:
        """Appear among the workers, under a new name."""
        self.id, asked = self._new_id(), self._ticks()

        async def work(tx: Transaction) -> None:
            await register(tx, self.id, now)

        await self._db.write(work)
        self.enlisted = True
        self._trust(asked)

    async def beat(self) -> bool:
        """Show life; False when the others have declared this worker dead and freed what it held."""
        asked = self._ticks()

        async def work(tx: Transaction) -> int:
            return await tx.run(HEARTBEAT, {"me": self.id})

        if not await self._db.write(work):
            log.warning("this worker was taken for dead", worker=str(self.id))
            self.enlisted = False
            return False
        self._trust(asked)
        return True

    async def watch(self) -> bool:
        """Free what silent workers held; whether workers came or went."""
        beats = await self.beats()
        changed = beats.keys() != self._signs.keys()
        self._signs = watch_heartbeats(self._signs, beats, self._ticks())
        for dead in stalled(self._signs, self.id, self._ticks(), self._timings.lease_s):
            log.warning("a worker is silent; its subscriptions are freed", worker=str(dead))
            await self.evict(dead, self._signs.pop(dead).beat)
        return changed

    async def beats(self) -> dict[UUID, int]:
        """Every worker and its beat."""
        return dict(await self._db.rows(WORKERS, primary=True))

    async def evict(self, worker: UUID, beat: int | None) -> None:
        """Free what a worker held, unless it beat again; None: one that is not in the table at all."""

        async def work(tx: Transaction) -> bool:
            return await evict(tx, worker, beat)

        await self._db.write(work)

    async def deregister(self) -> None:
        """Give every lease back and leave the table."""
        if not self.enlisted:
            return

        async def work(tx: Transaction) -> None:
            await tx.run(DEREGISTER, {"me": self.id})
            await free(tx, self.id)

        await self._db.write(work)
        self.enlisted = False

    def _trust(self, asked: float) -> None:
        self._beaten, self._trusted_until = asked, asked + TRUSTED_PART * self._timings.lease_s
