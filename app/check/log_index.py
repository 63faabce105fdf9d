"""Works out what the log by facet value should hold, from the states that its changes carry."""

from __future__ import annotations

import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change, LogHead
from app.changes import facet_index as index
from app.check.paging import pages
from app.check.report import Report
from app.check.row_store import RowStore
from app.db import Statement, Transaction

TABLE = sa.inspect(Change).local_table
COLUMNS = tuple(TABLE.c[name] for name in ("seq", "before", "after"))
INDEXED = Statement(sa.select(col(LogHead.indexed)))
NAME = "change_block"
EXTENT = "extent of the index"


async def replay_log(tx: Transaction, report: Report, scratch: RowStore, seq: int) -> None:
    """Write the blocks of a log of so many changes into the scratch, as far as its head says that it is indexed."""
    found = await tx.rows(INDEXED)
    indexed = found[0][0] if found else 0
    if indexed % index.BLOCK or indexed > seq:
        report.part(EXTENT).fault(f"the log has {seq:,} changes, of which {indexed:,} are indexed")
    end = min(indexed, seq) // index.BLOCK * index.BLOCK
    right = {row[0]: row[1:] for row in scratch.file.execute("SELECT seq, before, after FROM packs")}
    waiting: list[tuple[int, bytes | None, bytes | None]] = []
    async for rows in pages(tx, COLUMNS, COLUMNS[:1]):
        for at, *states in rows:
            if at > end:
                return
            waiting.append((at, *right.get(at, states)))
            if at % index.BLOCK == 0:
                bits = index.block_bits(waiting)
                block = index.block_of(at)
                scratch.want(NAME, [(slot, block, index.encode_bits(found)) for slot, found in bits.items()])
                waiting = []
