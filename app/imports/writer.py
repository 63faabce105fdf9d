"""Writes batches of an import, each in one transaction with what remembers it, or tells what that would come to."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

from app.db import Database, Transaction
from app.events.write.idempotency import ResponseData
from app.events.write.store import Store
from app.events.write.transaction import Result, WriteRequest
from app.imports.batch import Batch
from app.imports.dry_run import decide_only
from app.imports.lease import Lease
from app.imports.outcome import Outcome, record_results
from app.imports.report import ImportReport, RowProblem
from app.imports.request import ImportRequest, Progress
from app.imports.runs import ImportProgress, end, move_on

# Bodies of this size are always worked on apart from the event loop.
LARGE = 1024 * 1024
# How far an import is is stored so often where its rows change nothing.
QUIET_S = 1.0


class BatchWriter(ABC):
    """Takes an import on batch by batch; `standing` is how far it is."""

    def __init__(self, db: Database, request: ImportRequest, progress: Progress, standing: ImportProgress) -> None:
        """Go on from where the import stands."""
        self.standing = standing
        self._db = db
        self._request = request
        self._progress = progress

    @property
    def report(self) -> ImportReport:
        """The report so far."""
        return self.standing.report

    @property
    def run(self) -> int:
        """The import's id, 0 where nothing is written."""
        return self.report.id or 0

    async def write(self, batch: Batch) -> None:
        """Do what the batch asks for, and tell how far the import is."""
        outcome = await self._settle(batch)
        self.standing = outcome.standing
        self.tell(outcome.told)
        self._progress(self.report)

    def tell(self, problems: Sequence[RowProblem]) -> None:
        """Let whoever asked for it hear of problems."""
        if self._request.on_problem is not None:
            for problem in problems:
                self._request.on_problem(problem)

    @abstractmethod
    async def end(self) -> None:
        """End the import as done."""

    @abstractmethod
    async def _settle(self, batch: Batch) -> Outcome: ...

    def _outcome(self, batch: Batch, results: list[Result]) -> Outcome:
        return record_results(self.standing, batch, results, self._request.dataset.name)


class DryWriter(BatchWriter):
    """Tells what batches would come to, and writes nothing."""

    async def end(self) -> None:
        """Do nothing."""

    async def _settle(self, batch: Batch) -> Outcome:
        results = await decide_only(self._db, [item.command for item in batch.items])
        return await asyncio.to_thread(self._outcome, batch, results)


class StoreWriter(BatchWriter):
    """Writes each batch with what remembers it: exactly once, as both are in one transaction.

    A transaction that is tried again settles anew from the same standing. It raises LeaseLost, and writes nothing,
    where another process took the import over.
    """

    def __init__(
        self,
        db: Database,
        request: ImportRequest,
        progress: Progress,
        standing: ImportProgress,
        *,
        store: Store,
        lease: Lease,
    ) -> None:
        """The import is the lease's."""
        super().__init__(db, request, progress, standing)
        self._store = store
        self._lease = lease
        self._stored_at = time.monotonic()

    async def end(self) -> None:
        """End the import as done, with all that its report tells."""

        async def work(tx: Transaction) -> None:
            await move_on(tx, self._lease, self.standing)
            await end(tx, self._lease, "done")

        await self._db.write(work)

    async def _settle(self, batch: Batch) -> Outcome:
        outcomes: list[Outcome] = []

        async def within(tx: Transaction, results: list[Result]) -> None:
            outcome = self._outcome(batch, results)
            await move_on(tx, self._lease, outcome.standing)
            await outcome.store(tx)
            outcomes.append(outcome)

        if batch.items:
            commands = [item.command for item in batch.items]
            await self._store.run(
                WriteRequest(commands, self._request.by, no_answer, atomic=False, places=(), size=LARGE, within=within)
            )
        elif time.monotonic() - self._stored_at > QUIET_S:
            await self._db.write(lambda tx: within(tx, []))
        else:
            return self._outcome(batch, [])
        self._stored_at = time.monotonic()
        return outcomes[-1]


def no_answer(results: list[Result]) -> ResponseData:
    """Answer nothing: the outcome was taken within the transaction."""
    del results
    return ResponseData(204)
