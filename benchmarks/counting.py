"""How fast statistics answer over the whole range, beside a raw GROUP BY over the same events in the same database."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import orjson
import sqlalchemy as sa

from app.collecting import spare_collector
from app.db import Statement, open_database
from app.events.model import EventFacet, EventMeasure, FacetValue, StoredEvent
from app.kinds import micros, parse_instant
from app.stats.facets import facet_counts
from app.stats.series import series
from app.stats.shapes import FacetsQuery, SeriesQuery
from app.wire import read_query
from benchmarks.databases import administer, name_in
from benchmarks.report import Counted

if TYPE_CHECKING:
    from app.db import Database

LIMIT = 80.0
DAY = 86_400_000_000
NAME = "statistics"
THREE_YEARS = ("2022-09-01", "2025-09-01")


class Case(NamedTuple):
    """A question, the raw way to answer it, and how many times faster Sitrep must be, if anything is asked."""

    name: str
    asked: list[tuple[str, str]]
    raw: Statement
    limit: float | None = None


def raw_days(kind: str | None = None, measure: str | None = None, *, recent: bool = False) -> Statement:
    """Events by day of UTC, with the sums of a measure; of all years or of three."""
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
    if recent:
        begins = [micros(parse_instant(f"{text}T00:00:00Z")) for text in THREE_YEARS]
        wanted = wanted.where(event.started_at >= begins[0], event.started_at < begins[1])
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


RECENT = list(zip(("since", "until"), THREE_YEARS, strict=True))
KILLED = [("kind", "attack"), ("measure", "killed")]
CASES = (
    Case("days of three years", RECENT, raw_days(recent=True), LIMIT),
    Case("days of three years, killed", [*RECENT, *KILLED], raw_days("attack", "killed", recent=True), LIMIT),
    Case("months of all years", [("interval", "month")], raw_days(), LIMIT),
    Case("days of all years", [("interval", "day")], raw_days()),
    Case("days in Kyiv, attacks", [("kind", "attack"), ("timezone", "Europe/Kyiv")], raw_days("attack")),
    Case("days, one facet", [("munition", "cruise_missile")], raw_days("attack")),
    Case("countries, all events", [("facet", "country")], raw_values("country")),
    Case("countries of attacks", [("facet", "country"), ("kind", "attack")], raw_values("country", "attack")),
)


async def count_two_ways(dialect: str, url: str, rounds: int, only: str) -> list[Counted]:
    """Every case, both ways in turns."""
    if dialect == "postgresql":  # what is compared is the work, not the number of cores
        await administer(url, f"ALTER DATABASE {name_in(url)} SET max_parallel_workers_per_gather = 0")
    db = open_database(url)
    await db.connect()
    spare_collector()
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
    return await series(db, read_query(query, SeriesQuery))
