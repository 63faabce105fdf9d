"""How fast statistics answer over the whole range, beside a raw GROUP BY over the same events in the same database."""

from __future__ import annotations

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
from benchmarks.report import Counted

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Message

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
    app = create_app(Settings(database_url=url, anonymous_read=True), delivery=False)
    try:
        async with app.router.lifespan_context(app):
            asked = [case for case in CASES if only in f"{NAME}: {case.name}"]
            return [line for case in asked for line in await count_case(dialect, db, app, case, rounds)]
    finally:
        await db.close()


async def count_case(dialect: str, db: Database, app: FastAPI, case: Case, rounds: int) -> list[Counted]:
    """Counted anew, and asked again while nothing changed; the first round warms all of them up."""
    print(f"{dialect}: {NAME}: {case.name}", flush=True)
    times: tuple[list[float], ...] = ([], [], [])
    anew, again, raw = times
    for _ in range(rounds + 1):
        for taken, work in (
            (anew, answer(db, case)),
            (again, ask(app, case)),
            (raw, db.rows(case.raw, offload=True)),
        ):
            began = time.perf_counter()
            await work
            taken.append(time.perf_counter() - began)
    name = f"{NAME}: {case.name}"
    return [
        compared(dialect, told, case.limit, ours[1:], raw[1:])
        for told, ours in ((name, anew), (f"{name}, again", again))
    ]


def compared(dialect: str, name: str, limit: float | None, ours: list[float], raw: list[float]) -> Counted:
    """The median over the rounds of the ratio within a round."""
    ratio = median(other / own for own, other in zip(ours, raw, strict=True))
    return Counted(dialect, name, ratio, limit, f"{1000 * median(ours):.1f} / {1000 * median(raw):.1f}")


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

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
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
