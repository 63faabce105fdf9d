"""The rows of imports: begun, continued, moved on with each batch, ended, and read back as reports."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.auth.keys import utc_now
from app.db import Database, Statement, Transaction, UtcTime
from app.imports.lease import AtWork, Lease, LeaseLost, others_at_work
from app.imports.report import ImportReport, RowProblem
from app.imports.request import ImportRequest
from app.imports.tables import ImportRun

COUNTS = (
    "rows",
    "created",
    "updated",
    "unchanged",
    "skipped",
    "flagged",
    "refused",
    "unreadable",
    "vanished",
    "deleted",
)
MOVED = (*COUNTS, "cursor_from", "cursor", "problems_by", "skipped_by", "notes", "taken", "taken_late")
SAVED = (*MOVED, "problems")
REPORT_COLUMNS = [col(getattr(ImportRun, name)) for name in SAVED]
RUN = sa.bindparam("run", type_=sa.BigInteger)
NEWEST = Statement(sa.select(sa.func.max(col(ImportRun.id))))
READ_REPORT = Statement(sa.select(*REPORT_COLUMNS).where(col(ImportRun.id) == RUN))
TAKE_OVER = Statement(
    sa.update(ImportRun)
    .where(col(ImportRun.id) == RUN)
    .values(
        lease=sa.bindparam("held", type_=sa.Uuid()),
        holder=sa.bindparam("process"),
        heartbeat_at=sa.bindparam("now", type_=UtcTime),
    )
)
ABANDON = Statement(
    sa.update(ImportRun)
    .where(col(ImportRun.id) == RUN)
    .values(state="failed", ended_at=sa.bindparam("now", type_=UtcTime), lease=None, notes=sa.bindparam("told"))
)
MOVE_ON = Statement(
    sa.update(ImportRun)
    .where(col(ImportRun.id) == RUN, col(ImportRun.lease) == sa.bindparam("held", type_=sa.Uuid()))
    .values(
        {
            **{name: sa.bindparam("new_" + name, type_=getattr(ImportRun, name).type) for name in MOVED},
            "heartbeat_at": sa.bindparam("now", type_=UtcTime),
        }
    )
)
SAVE_PROBLEMS = Statement(sa.update(ImportRun).where(col(ImportRun.id) == RUN).values(problems=sa.bindparam("told")))
END = Statement(
    sa.update(ImportRun)
    .where(col(ImportRun.id) == RUN, col(ImportRun.lease) == sa.bindparam("held", type_=sa.Uuid()))
    .values(state=sa.bindparam("new_state"), ended_at=sa.bindparam("now", type_=UtcTime), lease=None)
)


@dataclass(slots=True)
class ImportProgress:
    """How far an import is: its report, and how many records of the file and of those held back are done.

    `saved` of the report's problems are stored already.
    """

    report: ImportReport
    taken: int = 0
    taken_late: int = 0
    saved: int = 0

    def copy(self) -> ImportProgress:
        """The same, to be changed."""
        report = replace(
            self.report,
            problems=list(self.report.problems),
            problems_by=self.report.problems_by.copy(),
            skipped_by=self.report.skipped_by.copy(),
            notes=list(self.report.notes),
        )
        return ImportProgress(report, self.taken, self.taken_late, self.saved)

    def skip(self, reasons: Counter[str]) -> None:
        """Count rows that are left out, by reason."""
        self.report.skipped_by.update(reasons)
        self.report.skipped += reasons.total()


def text(value: Any) -> str:
    """A value as the JSON of a column."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def options_of(request: ImportRequest) -> str:
    """What an import was asked for besides its file, so that only the same is continued."""
    return text({**asdict(request.options), "reading": dict(request.reading)})


async def begin(db: Database, request: ImportRequest, lease: Lease) -> ImportProgress:
    """Begin an import, or continue the one of the same file that was interrupted."""
    options = options_of(request)

    async def work(tx: Transaction) -> int:
        now = utc_now()
        same = None
        for run in await others_at_work(tx, request.dataset.name, now):
            if is_same(run, request, options):
                same = run.id
            elif run.state == "running":
                told = text(["It was interrupted, and another import of the dataset was begun."])
                await tx.run(ABANDON, {"run": run.id, "now": now, "told": told})
        taken = lease.taken()
        if same is not None:
            values = {"held": taken["lease"], "process": taken["holder"], "now": taken["heartbeat_at"]}
            await tx.run(TAKE_OVER, {"run": same, **values})
            return same
        [(newest,)] = await tx.rows(NEWEST)
        run_id = (newest or 0) + 1
        await tx.insert(ImportRun, [{**new_row(request, options), **taken, "id": run_id}])
        return run_id

    run = await db.write(work, alone=True)
    lease.keep(run)
    return await load_progress(db, run, request)


def is_same(run: AtWork, request: ImportRequest, options: str) -> bool:
    """Whether the interrupted import is of the same file, in the same way."""
    there = (run.state, run.sha256, run.layout, run.options)
    return there == ("running", request.sha256, request.layout.version, options)


def new_row(request: ImportRequest, options: str) -> dict[str, Any]:
    """The row of an import that begins, without its id and lease."""
    return {
        "dataset": request.dataset.name,
        "layout": request.layout.version,
        "file_name": request.file_name,
        "sha256": request.sha256,
        "size": request.size,
        "options": options,
        "state": "running",
        "by": request.by,
        "started_at": utc_now(),
        "ended_at": None,
        **dict.fromkeys((*COUNTS, "taken", "taken_late"), 0),
        "cursor_from": None,
        "cursor": None,
        "problems": "[]",
        "problems_by": "{}",
        "skipped_by": "{}",
        "notes": "[]",
        "undo": None,
    }


async def load_progress(db: Database, run: int, request: ImportRequest) -> ImportProgress:
    """How far the import is, as it is stored."""
    [row] = await db.rows(READ_REPORT, {"run": run}, primary=True)
    known = dict(zip(SAVED, row, strict=True))
    report = ImportReport(request.dataset.name, dry_run=False, id=run)
    read_report(report, known)
    return ImportProgress(report, known["taken"], known["taken_late"], len(report.problems))


def read_report(report: ImportReport, known: dict[str, Any]) -> None:
    """Fill a report from the columns of its import."""
    for name in (*COUNTS, "cursor_from", "cursor"):
        setattr(report, name, known[name])
    report.problems = [RowProblem(**problem) for problem in orjson.loads(known["problems"])]
    report.problems_by = Counter(orjson.loads(known["problems_by"]))
    report.skipped_by = Counter(orjson.loads(known["skipped_by"]))
    report.notes = orjson.loads(known["notes"])


async def move_on(tx: Transaction, lease: Lease, standing: ImportProgress) -> None:
    """Store how far the import is; raises LeaseLost if another process has it now."""
    report = standing.report
    values: dict[str, Any] = {name: getattr(report, name) for name in (*COUNTS, "cursor_from", "cursor")}
    values |= {"taken": standing.taken, "taken_late": standing.taken_late, "notes": text(report.notes)}
    values |= {"problems_by": text(report.problems_by), "skipped_by": text(report.skipped_by)}
    arguments = {"new_" + name: value for name, value in values.items()}
    if not await tx.run(MOVE_ON, {**arguments, "run": lease.run, "held": lease.token, "now": utc_now()}):
        raise LeaseLost
    if standing.saved < len(report.problems):
        await tx.run(SAVE_PROBLEMS, {"run": lease.run, "told": text([asdict(told) for told in report.problems])})
        standing.saved = len(report.problems)


async def end(tx: Transaction, lease: Lease, state: str) -> None:
    """End an import, or its undoing."""
    if not await tx.run(END, {"run": lease.run, "held": lease.token, "new_state": state, "now": utc_now()}):
        raise LeaseLost


async def fail(db: Database, lease: Lease, standing: ImportProgress, why: str) -> None:
    """End an import whose file cannot be read to its end; what was written before stands, and can be undone."""
    failed = standing.copy()
    failed.report.notes.append(f"The file could not be read to its end: {why}")

    async def work(tx: Transaction) -> None:
        await move_on(tx, lease, failed)
        await end(tx, lease, "failed")

    await db.write(work)
