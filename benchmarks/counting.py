"""How fast statistics answer over the whole range, beside a raw GROUP BY over the same events in the same database."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import orjson
import sqlalchemy as sa

from app.db import Statement, open_database
from app.events.model import EventFacet, EventMeasure, FacetValue, StoredEvent
from app.stats.facets import facet_counts
from app.stats.series import series
from app.stats.shapes import FacetsQuery, SeriesQuery
from app.wire import read_query
from benchmarks.report import Counted

if TYPE_CHECKING:
    from app.db import Database

LIMIT = 80.0
DAY = 86_400_000_000
NAME = "statistics"


class Case(NamedTuple):
    """A question, the raw way to answer it, and how many times faster Sitrep must be, if anything is asked."""

    name: str
    asked: list[tuple[str, str]]
    raw: Statement
    limit: float | None = None


def raw_days(kind: str | None = None, measure: str | None = None) -> Statement:
    """Events by day of UTC, with the sums of a measure."""
    event: Any = StoredEvent
    number: Any = EventMeasure
    day = (sa.type_coerce(event.started_at, sa.BigInteger) // DAY).label("day")
    sums = [sa.func.sum(getattr(number, name)) for name in ("low", "best", "high")] if measure else []
    wanted = sa.select(day, sa.func.count(), *sums).where(event.deleted == sa.false())
    if measure:
        mine = sa.and_(number.event == event.key, number.measure == measure)
        wanted = wanted.select_from(sa.outerjoin(event, number, mine))
    if kind:
        wanted = wanted.where(event.kind == kind)
    return Statement(wanted.group_by(sa.literal_column("day")))


def raw_values(facet: str, kind: str | None = None) -> Statement:
    """Events by value of a facet."""
    event: Any = StoredEvent
    posting: Any = EventFacet
    value: Any = FacetValue
    joined = sa.join(value, posting, posting.value == value.id).join(event, event.key == posting.event)
    wanted = sa.select(value.value, sa.func.count()).select_from(joined)
    wanted = wanted.where(value.facet == facet, value.alias == sa.false(), event.deleted == sa.false())
    return Statement((wanted.where(event.kind == kind) if kind else wanted).group_by(value.value))


CASES = (
    Case("days, all events", [("interval", "day")], raw_days(), LIMIT),
    Case("months, all events", [("interval", "month")], raw_days(), LIMIT),
    Case("days, killed in attacks", [("kind", "attack"), ("measure", "killed")], raw_days("attack", "killed"), LIMIT),
    Case("days in Kyiv, attacks", [("kind", "attack"), ("timezone", "Europe/Kyiv")], raw_days("attack")),
    Case("days, one facet", [("munition", "cruise_missile")], raw_days("attack")),
    Case("countries, all events", [("facet", "country")], raw_values("country")),
    Case("countries of attacks", [("facet", "country"), ("kind", "attack")], raw_values("country", "attack")),
)


async def count_two_ways(dialect: str, url: str, rounds: int, only: str) -> list[Counted]:
    """Every case, both ways in turns."""
    db = open_database(url)
    await db.connect()
    try:
        return [await count_case(dialect, db, case, rounds) for case in CASES if only in f"{NAME}: {case.name}"]
    finally:
        await db.close()


async def count_case(dialect: str, db: Database, case: Case, rounds: int) -> Counted:
    """The median over the rounds of the ratio within a round; the first round warms both up."""
    print(f"{dialect}: {NAME}: {case.name}", flush=True)
    times = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        await answer(db, case)
        between = time.perf_counter()
        await db.rows(case.raw, heavy=True)
        times.append((between - began, time.perf_counter() - between))
    ours, raw = zip(*times[1:], strict=True)
    ratio = median(other / own for own, other in zip(ours, raw, strict=True))
    remark = f"{1000 * median(ours):.1f} / {1000 * median(raw):.1f}"
    return Counted(dialect, f"{NAME}: {case.name}", ratio, case.limit, remark)


async def answer(db: Database, case: Case) -> bytes:
    """What the route sends."""
    query = urlencode(case.asked).encode()
    if any(name == "facet" for name, _ in case.asked):
        return orjson.dumps(await facet_counts(db, read_query(query, FacetsQuery)))
    return orjson.dumps(await series(db, read_query(query, SeriesQuery)))
