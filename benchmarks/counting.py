"""How fast statistics answer over the whole range, beside a raw GROUP BY over the same events in the same database."""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import orjson
import sqlalchemy as sa

from app.db import Statement, open_database
from app.events.tables import EventFacet, EventMeasure, FacetValue, StoredEvent
from app.http import read_query
from app.kinds import micros, parse_instant
from app.main import create_app
from app.settings import Settings
from app.stats.facets import facet_counts
from app.stats.schemas import FacetsQuery, SeriesQuery
from app.stats.series import series
from benchmarks.databases import administer, name_in
from benchmarks.figures import Figure, shortened, worst
from benchmarks.measure import ratios
from benchmarks.options import Options

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Message

    from app.db import Database

DAY = 86_400_000_000
FULL, OTHER = "statistics", "statistics-facet"
THREE_YEARS = ("2022-09-01", "2025-09-01")


class Case(NamedTuple):
    """A question of a row, and the raw way to answer it."""

    row: str
    name: str
    asked: list[tuple[str, str]]
    raw: Statement


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
    Case(FULL, "days of three years", RECENT, raw_days(recent=True)),
    Case(FULL, "the same, killed", [*RECENT, *KILLED], raw_days("attack", "killed", recent=True)),
    Case(FULL, "months of all years", [("interval", "month")], raw_days()),
    Case(FULL, "countries of attacks", [("facet", "country"), ("kind", "attack")], raw_values("country", "attack")),
    Case(OTHER, "days of a munition", [("munition", "cruise_missile")], raw_days("attack")),
    Case(
        OTHER, "days of attacks in Kyiv's zone", [("kind", "attack"), ("timezone", "Europe/Kyiv")], raw_days("attack")
    ),
)


async def count_two_ways(dialect: str, url: str, options: Options) -> list[Figure]:
    """Every case, both ways in turns; a row's figure is that of its worst case."""
    if dialect == "postgresql":  # what is compared is the work, not the number of cores
        await administer(url, f"ALTER DATABASE {name_in(url)} SET max_parallel_workers_per_gather = 0")
    db = open_database(url)
    await db.connect()
    app = create_app(Settings(database_url=url, anonymous_read=True), delivery=False)
    found = []
    try:
        async with app.router.lifespan_context(app):
            for row in filter(options.asks_for, (FULL, OTHER)):
                counted = {case.name: await count(dialect, db, app, case, options) for case in CASES if case.row == row}
                again = ", ".join(shortened(median(again)) for _, again in counted.values())
                remark = f"Asked again while nothing changed: {again}. {options.deep:,} events"
                found.append(worst(row, dialect, {name: anew for name, (anew, _) in counted.items()}, remark))
    finally:
        await db.close()
    return found


async def count(
    dialect: str, db: Database, app: FastAPI, case: Case, options: Options
) -> tuple[list[float], list[float]]:
    """How many times faster, counted anew, and asked again while nothing changed; the first round warms up."""
    print(f"{dialect}: {case.row}, {case.name}", flush=True)
    times: tuple[list[float], ...] = ([], [], [])
    for _ in range(options.rounds + 1):
        ways = answer(db, case), ask(app, case), db.rows(case.raw, offload=True)
        for taken, work in zip(times, ways, strict=True):
            began = time.perf_counter()
            await work
            taken.append(time.perf_counter() - began)
    anew, again, raw = (taken[1:] for taken in times)
    return ratios(raw, anew), ratios(raw, again)


async def ask(app: FastAPI, case: Case) -> bytes:
    """The whole answer of the app to a request, through all that a server puts it through."""
    path = "/v1/stats/facets" if is_of_facets(case) else "/v1/stats/series"
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(case.asked).encode(),
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
    }
    sent: list[Message] = []

    coming: asyncio.Queue[Message] = asyncio.Queue()
    coming.put_nowait({"type": "http.request"})

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, coming.get, send)  # who waits for a caller that hangs up waits for ever
    assert sent[0]["status"] == 200, sent
    return b"".join(message.get("body", b"") for message in sent)


def is_of_facets(case: Case) -> bool:
    """It counts values, not buckets."""
    return any(name == "facet" for name, _ in case.asked)


async def answer(db: Database, case: Case) -> bytes:
    """What the route sends, counted anew."""
    query = urlencode(case.asked).encode()
    if is_of_facets(case):
        return orjson.dumps(await facet_counts(db, read_query(query, FacetsQuery)))
    return await series(db, read_query(query, SeriesQuery))
