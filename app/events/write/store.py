"""Runs lists of commands in one transaction: load, decide, write the index, append the changes, commit."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends

from app.changes import STALE_S, Head
from app.db import Database, WriteConflict
from app.errors import Problem
from app.events.index.readiness import is_complete
from app.events.index.writer import IndexWriter, add_estimates
from app.events.write.commands import LoadedEvents, Remove
from app.events.write.idempotency import ResponseData
from app.events.write.transaction import LARGE_WRITE, LargeWrite, WriteRequest, WriteTransaction
from app.group_commit import GroupCommitter
from app.http import FromServices
from app.kit.ids import IdSource

ESTIMATES_INTERVAL_S = 1.0
FINAL_ESTIMATES_TIMEOUT_S = 0.5


class Store:
    """The public write path: every event that is written, by whatever way, goes through `run`."""

    def __init__(
        self,
        db: Database,
        committed: Callable[[Head], None] = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`committed` is told, after each commit that changed something, where the log ends with it."""
        self.db = db
        self._committed = committed
        self._clock = clock
        self._ids = IdSource()
        self._index = IndexWriter()
        self._estimates: Counter[int] = Counter()
        self._estimating: asyncio.Task[None] | None = None
        self._writer: GroupCommitter[WriteRequest, ResponseData] = GroupCommitter(
            self._run, lambda job: len(job.commands)
        )

    def start(self) -> None:
        """Begin to take writes."""
        self._writer.start()

    async def stop(self) -> None:
        """Finish what was accepted."""
        await self._writer.stop()
        if self._estimating is not None:
            self._estimating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._estimating
        with contextlib.suppress(Problem, WriteConflict, TimeoutError):
            async with asyncio.timeout(FINAL_ESTIMATES_TIMEOUT_S):
                await self._add_estimates()

    async def run(self, job: WriteRequest) -> ResponseData:
        """Do a job and answer after its commit; an erasure when no process has what was erased any more."""
        answer = await self._writer.submit(job)
        if any(isinstance(command, Remove) and command.reason == "legal" for command in job.commands):
            await asyncio.sleep(STALE_S)
        return answer

    async def _run(self, jobs: list[WriteRequest]) -> list[ResponseData | Exception]:
        attempt, answers = await self._attempt(jobs)
        self._index.learn(attempt.learned)
        if attempt.head is not None:
            self._estimates.update(attempt.counted)
            self._committed(attempt.head)
            self._schedule_estimates()
        return answers

    async def _attempt(self, jobs: list[WriteRequest]) -> tuple[WriteTransaction, list[ResponseData | Exception]]:
        """Run the jobs; much work is done apart from the event loop, where the database does not do so anyway."""
        apart = self.db.dialect == "sqlite" or sum(job.size for job in jobs) > LARGE_WRITE
        try:
            attempt = await self._transaction(jobs, apart=apart)
            return attempt, await self.db.write(attempt.run, apart=apart)
        except LargeWrite:
            attempt = await self._transaction(jobs, apart=True)
            return attempt, await self.db.write(attempt.run, apart=True)

    async def _transaction(self, jobs: list[WriteRequest], *, apart: bool) -> WriteTransaction:
        count = sum(len(job.commands) for job in jobs)
        world, is_indexed = LoadedEvents(self._clock(), self._ids, count), await is_complete(self.db)
        return WriteTransaction(jobs, world, self._index, apart=apart, is_indexed=is_indexed)

    def _schedule_estimates(self) -> None:
        if self._estimating is None or self._estimating.done():
            self._estimating = asyncio.create_task(self._estimate_soon())

    async def _estimate_soon(self) -> None:
        await asyncio.sleep(ESTIMATES_INTERVAL_S)
        with contextlib.suppress(Problem, WriteConflict):
            await self._add_estimates()

    async def _add_estimates(self) -> None:
        counts, self._estimates = self._estimates, Counter()
        if not counts:
            return
        await self.db.write(lambda tx: add_estimates(tx, counts))


StoreDep = Annotated[Store, Depends(FromServices("store"))]
