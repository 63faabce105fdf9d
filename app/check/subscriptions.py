"""Checks that subscriptions, deliveries and notices agree with the log and with their counters."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change
from app.check.report import Report
from app.db import Statement, Transaction
from app.subscriptions.tables import StoredDelivery, StoredNotice, StoredSubscription, SubscriptionHead

SEQ = sa.bindparam("seq", type_=sa.BigInteger)
S, D = StoredSubscription, StoredDelivery
STATUSES = ("queued", "sending", "retrying", "delivered", "dead", "cancelled")
COUNTERS = "counters"
HEADS = Statement(sa.select(col(SubscriptionHead.touched), col(SubscriptionHead.notices)))
HIGHEST = Statement(
    sa.select(
        sa.select(sa.func.coalesce(sa.func.max(col(S.touched)), 0)).scalar_subquery(),
        sa.select(sa.func.coalesce(sa.func.max(col(StoredNotice.id)), 0)).scalar_subquery(),
    )
)
OWN = sa.and_(col(D.subscription) == col(S.id), col(D.generation) == col(S.generation))


def bad(column: Any, *conditions: Any) -> Statement:
    """How many there are, and one of them as text."""
    return Statement(sa.select(sa.func.count(), sa.func.min(sa.cast(column, sa.Text))).where(*conditions))


RULES = {
    "subscriptions": {
        "has a cursor beyond the log": bad(col(S.id), sa.or_(col(S.cursor) > SEQ, col(S.cursor) < 0)),
        "has a mode that does not fit its address": bad(
            col(S.id), (col(S.mode) == "push") != sa.func.coalesce(col(S.url), "").like("http%")
        ),
    },
    "deliveries": {
        "is of a change that the log does not have": bad(col(D.id), sa.or_(col(D.seq) > SEQ, col(D.seq) < 1)),
        "has another epoch than its change": bad(
            col(D.id), col(Change.seq) == col(D.seq), col(Change.epoch) != col(D.epoch)
        ),
        "lies beyond its subscription's cursor": bad(col(D.id), OWN, col(D.counted), col(D.seq) > col(S.cursor)),
        "has no known status": bad(col(D.id), col(D.status).not_in(STATUSES)),
    },
}


async def check_subscriptions(tx: Transaction, report: Report, seq: int) -> None:
    """What is wrong here is reported only: no event says how it should be. The counters follow from their rows."""
    for name, rules in RULES.items():
        part = report.part(name, derived=False)
        for fault, statement in rules.items():
            [(count, example)] = await tx.rows(statement, {"seq": seq})
            if count:
                part.fault(f"{example} {fault}", count)
    heads, [highest] = await tx.rows(HEADS), await tx.rows(HIGHEST)
    part = report.part(COUNTERS)
    if len(heads) != 1 or any(there < needed for there, needed in zip(heads[0], highest, strict=True)):
        part.fault(f"subscription_head is {[tuple(row) for row in heads]}, its rows have {tuple(highest)}")
