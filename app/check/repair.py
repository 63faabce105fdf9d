"""Puts right what a check found wrong, row by row; events, versions and the bodies of changes are never touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import SQLModel, col

from app.changes import Change, LogHead, facet_index
from app.changes.epoch import RAISE_EPOCH
from app.check.derived_tables import MODELS, TEXTS, DerivedTable, derived_table, derived_tables
from app.check.facet_values import FacetValueIds
from app.check.full_text import WORDS, rebuild_texts
from app.check.log_chain import LogChain
from app.check.replay import PACKED
from app.check.report import Report
from app.check.row_store import RowStore, chunks
from app.check.subscriptions import COUNTERS, HIGHEST
from app.db import Statement, Transaction, UtcTime
from app.db.compiler import read_instant
from app.events.index.full_text import delete_texts, record_texts
from app.events.tables import FacetValue
from app.events.terms import to_unit_vector
from app.subscriptions.tables import SubscriptionHead

FULL: Any = sa.case(
    (col(LogHead.indexed) > sa.bindparam("at", type_=sa.BigInteger), sa.bindparam("at", type_=sa.BigInteger)),
    else_=col(LogHead.indexed),
)
HEAD = Statement(
    sa.update(LogHead).values(
        seq=sa.bindparam("at", type_=sa.BigInteger),
        oldest=sa.case((col(LogHead.oldest) > sa.bindparam("at"), sa.bindparam("at")), else_=col(LogHead.oldest)),
        indexed=FULL - FULL % sa.bindparam("block", type_=sa.BigInteger),
        live=sa.bindparam("now_live", type_=sa.BigInteger),
        digest=sa.bindparam("now_digest", type_=sa.LargeBinary),
    )
)
POINTS = "event_point"
# The next microsecond: processes that keep answers, which compare the head, forget them.
TOUCH = Statement(sa.update(LogHead).values(time=sa.type_coerce(col(LogHead.time), sa.BigInteger) + 1))
NOT_BEFORE = Statement(
    sa.update(LogHead)
    .where(col(LogHead.time) < sa.bindparam("last", type_=UtcTime))
    .values(time=sa.bindparam("last", type_=UtcTime))
)
NO_COUNTERS = Statement(sa.delete(SubscriptionHead))


async def repair(tx: Transaction, scratch: RowStore, chain: LogChain, names: FacetValueIds, report: Report) -> None:
    """Rebuild all that is derived; the caller commits."""
    if not any(part.faults and part.derived for part in report.parts.values()):
        return
    if report.part(WORDS).faults:
        rebuild_texts(tx)
    for model in MODELS:
        await repair_table(tx, scratch, model)
    await repair_texts(tx, scratch)
    await repair_changes(tx, scratch)
    await repair_names(tx, scratch, names)
    await repair_counters(tx, report)
    digest = chain.digest.to_bytes(32, "big")
    await tx.run(HEAD, {"at": chain.seq, "block": facet_index.BLOCK, "now_live": chain.live, "now_digest": digest})
    if chain.time is not None:
        await tx.run(NOT_BEFORE, {"last": chain.time})
    await tx.run(TOUCH)
    if report.part(PACKED).faults or names.made:
        await tx.rows(RAISE_EPOCH)  # processes that remember ids of values, and readers of filtered feeds, begin anew


async def repair_table(tx: Transaction, scratch: RowStore, model: type[SQLModel]) -> None:
    """Take out what is wrong or in the way, and put in what is missing."""
    table = derived_table(model)
    for rows in chunks(dict_rows(table, scratch.surplus_rows(table.name))):
        await tx.delete(model, table.key_names, rows)
    for rows in chunks(dict_rows(table, scratch.missing_rows(table.name))):
        await tx.delete(model, table.key_names, rows)
        await tx.insert(model, rows)


def dict_rows(table: DerivedTable, rows: Iterable[Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Rows of the scratch as the database takes them."""
    columns = [(column.name, column.type) for column in table.columns]
    for row in rows:
        found = {name: to_column_type(kind, value) for (name, kind), value in zip(columns, row, strict=True)}
        if table.name == POINTS:  # rounded for the comparison
            found |= dict(zip("xyz", to_unit_vector(found["lat"], found["lon"]), strict=True))
        yield found


def to_column_type(kind: Any, value: Any) -> Any:
    """A plain value as its column has it."""
    if isinstance(kind, sa.Uuid):
        return UUID(value)
    if isinstance(kind, UtcTime):
        return read_instant(value)
    return bool(value) if isinstance(kind, sa.Boolean) else value


async def repair_texts(tx: Transaction, scratch: RowStore) -> None:
    """The same for the text index, which has statements of its own."""
    table = next(table for table in derived_tables(tx.dialect) if table.name == TEXTS)
    names = ["key", *(column.name for column in table.columns[1:])]
    for rows in chunks(scratch.surplus_rows(TEXTS)):
        await forget_texts(tx, [row[0] for row in rows])
    for rows in chunks(scratch.missing_rows(TEXTS)):
        await forget_texts(tx, [row[0] for row in rows])
        if tx.dialect == "sqlite":
            for row in rows:
                await tx.run(record_texts("sqlite"), dict(zip(names, row, strict=True)))
        else:
            await tx.run(record_texts("postgresql"), dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


async def forget_texts(tx: Transaction, keys: Sequence[int]) -> None:
    """Take texts out of the index."""
    if tx.dialect == "sqlite":
        for key in keys:
            await tx.run(delete_texts("sqlite"), {"key": key})
    else:
        await tx.run(delete_texts("postgresql"), {"keys": keys})


async def repair_changes(tx: Transaction, scratch: RowStore) -> None:
    """The ids that changes carry, and their counts and digests."""
    for table, names in (("packs", ("seq", "before", "after")), ("marks", ("seq", "live", "digest"))):
        found = scratch.file.execute(f"SELECT * FROM {table}")  # noqa: S608 (our names)
        for rows in chunks(dict(zip(names, row, strict=True)) for row in found):
            await tx.update(Change, ("seq",), rows)


async def repair_names(tx: Transaction, scratch: RowStore, names: FacetValueIds) -> None:
    """The spelling of values, and the estimates of their events."""
    for rows in chunks(scratch.file.execute("SELECT * FROM relabelled")):
        await tx.update(FacetValue, ("id",), [{"id": id, "label": label} for id, label in rows])
    for rows in chunks(names.wrong_counts()):
        await tx.update(FacetValue, ("id",), [{"id": id, "events": count} for id, _, count in rows])


async def repair_counters(tx: Transaction, report: Report) -> None:
    """Counters that are behind their rows."""
    if report.part(COUNTERS).faults:
        [(touched, notices)] = await tx.rows(HIGHEST)
        await tx.run(NO_COUNTERS)
        await tx.insert(SubscriptionHead, [{"id": 1, "touched": touched, "notices": notices}])
