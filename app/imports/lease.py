"""Lets one process at a time work on the imports of a dataset, and another go on where one was killed."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import col

from app.auth.keys import utc_now
from app.db import Database, Statement, Transaction, UtcTime, WriteConflict
from app.errors import ImportRunning, Problem
from app.imports.tables import ImportRun

# A process that gave no sign for so long is taken for dead.
LEASE = timedelta(seconds=30)
HEARTBEAT_S = 5.0
# The leases that tasks of this process hold.
HELD_HERE: set[UUID] = set()

AT_WORK = Statement(
    sa.select(
        *(
            col(getattr(ImportRun, name))
            for name in ("id", "lease", "holder", "heartbeat_at", "state", "sha256", "layout", "options")
        )
    ).where(
        col(ImportRun.dataset) == sa.bindparam("dataset"),
        sa.or_(col(ImportRun.state) == "running", col(ImportRun.state) == "undoing"),
    )
)
BEAT = Statement(
    sa.update(ImportRun)
    .where(col(ImportRun.id) == sa.bindparam("run"), col(ImportRun.lease) == sa.bindparam("held", type_=sa.Uuid()))
    .values(heartbeat_at=sa.bindparam("now", type_=UtcTime))
)


class LeaseLost(Exception):
    """Another process took the import over; what this one was about to write is not written."""


class AtWork(NamedTuple):
    """An import that somebody works on, or worked on when it was killed."""

    id: int
    lease: UUID | None
    holder: str
    heartbeat_at: datetime
    state: str
    sha256: str
    layout: str
    options: str

    def is_alive(self, now: datetime) -> bool:
        """Whether its process may still write; one of this machine is asked, another is believed for 30 seconds."""
        if self.lease is None:
            return False
        host, _, process = self.holder.partition(" ")
        if host != socket.gethostname():
            return now - self.heartbeat_at < LEASE
        if int(process) == os.getpid():
            return self.lease in HELD_HERE
        return is_running(int(process)) and now - self.heartbeat_at < LEASE

    def refusal(self, now: datetime) -> ImportRunning:
        """Why nobody else may begin."""
        verb = "runs" if self.state == "running" else "is being taken back"
        ago = max(0, round((now - self.heartbeat_at).total_seconds()))
        return ImportRunning(
            f"Import {self.id} of this dataset {verb} in another process ({self.holder}, last seen {ago} s ago): try "
            f"again when it has ended. One that was killed can be continued {LEASE.seconds} s after its last sign."
        )


def is_running(process: int) -> bool:
    """Whether there is a process of that number on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def holder() -> str:
    """This process, as others are told of it."""
    return f"{socket.gethostname()} {os.getpid()}"


async def others_at_work(tx: Transaction, dataset: str, now: datetime) -> list[AtWork]:
    """The interrupted imports of a dataset; raises ImportRunning while one is alive."""
    found = [AtWork(*row) for row in await tx.rows(AT_WORK, {"dataset": dataset})]
    for run in found:
        if run.is_alive(now):
            raise run.refusal(now)
    return found


class Lease:
    """The right to work on one import, kept by signs of life until `close`."""

    def __init__(self, db: Database) -> None:
        """Make a new right; whoever stores it in the import's row has it."""
        self.db = db
        self.token = uuid4()
        self.run = 0
        self._beating: asyncio.Task[None] | None = None
        HELD_HERE.add(self.token)

    def taken(self) -> dict[str, Any]:
        """The columns of the import's row that say who works on it."""
        return {"lease": self.token, "holder": holder(), "heartbeat_at": utc_now()}

    def keep(self, run: int) -> None:
        """Give signs of life for the import."""
        self.run = run
        self._beating = asyncio.create_task(self._beat())

    async def close(self) -> None:
        """Give no more signs of life."""
        HELD_HERE.discard(self.token)
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            with suppress(Problem, WriteConflict):
                await self.db.write(self._sign)

    async def _sign(self, tx: Transaction) -> None:
        await tx.run(BEAT, {"run": self.run, "held": self.token, "now": utc_now()})
