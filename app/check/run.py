"""Runs a check on one snapshot of the database, and on request rebuilds what it finds wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from app.check.derived_tables import compare_tables, make_tables, read_tables
from app.check.facet_values import FacetValueIds
from app.check.full_text import check_texts
from app.check.log_chain import check_log
from app.check.log_index import replay_log
from app.check.repair import repair
from app.check.replay import PACKED, replay
from app.check.report import VERSIONS, Report
from app.check.row_store import RowStore
from app.check.subscriptions import check_subscriptions
from app.db import Database, Transaction
from app.db.sqlite import SqliteDatabase
from app.db.sqlite_file import damaged_file

NAMES = "facet_value"
ESTIMATES = "estimates"
# A process that is killed loses what it counted in its last second; estimates only steer the plan of a query.
SLACK = 100


@dataclass(slots=True)
class Check:
    """One check; with `mend` it rebuilds in the same transaction what it finds wrong."""

    told: Callable[[int, int], None]
    mend: bool = False

    async def run(self, tx: Transaction) -> Report:
        """Compare everything that is derived with what the stored versions call for."""
        report, scratch = Report(), RowStore()
        try:
            await self._compare(tx, report, scratch)
        finally:
            scratch.close()
        return report

    async def _compare(self, tx: Transaction, report: Report, scratch: RowStore) -> None:
        chain = await check_log(tx, report, scratch)
        report.part(VERSIONS, derived=False)
        report.part(PACKED)
        names = FacetValueIds(tx, scratch, report.part(NAMES), make=self.mend)
        await names.load()
        make_tables(scratch, tx.dialect)
        await replay(tx, report, scratch, names, lambda done: self.told(done, report.changes))
        await replay_log(tx, report, scratch, chain.seq)
        await read_tables(tx, scratch)
        compare_tables(report, scratch, tx.dialect)
        check_texts(tx, report)
        check_estimates(names, report)
        await check_subscriptions(tx, report, chain.seq)
        if self.mend and report.is_sound:
            await repair(tx, scratch, chain, names, report)


def check_estimates(names: FacetValueIds, report: Report) -> None:
    """How far off the planner's estimates are; only what is far off is a fault."""
    part, wrong = report.part(ESTIMATES), names.wrong_counts()
    for id, events, n in wrong:
        if events < 0 or events > 4 * n + SLACK or 10 * (events + SLACK) < n:
            part.fault(f"value {id} counts {events:,} events, there are {n:,}")
    if wrong:
        part.note = f"{len(wrong):,} lag behind; only the planner reads them"


async def refuse_damaged_pages(db: Database) -> None:
    """Raise Unavailable when SQLite finds its own file damaged; the check itself finds what is wrong with words."""
    if isinstance(db, SqliteDatabase):
        rows = await db.rows(sa.text("PRAGMA integrity_check"), offload=True)
        if faults := [fault for (fault,) in rows if fault != "ok" and "FTS5" not in fault]:
            raise damaged_file(db.path, faults[0].replace("\n", " "))


async def check(db: Database, told: Callable[[int, int], None]) -> Report:
    """Check on a snapshot, beside whoever writes."""
    await refuse_damaged_pages(db)
    return await db.read(Check(told).run)


async def check_and_repair(db: Database, told: Callable[[int, int], None]) -> Report:
    """Check again while nobody else writes, and rebuild what is wrong in that same transaction."""
    return await db.write(Check(told, mend=True).run, alone=True)
