"""The plain way to build the same: FastAPI, SQLModel, an async session, response models, a commit for each request.

Written as the documentation of FastAPI and SQLModel teaches it, with columns for what is filtered and JSON columns
for what is nested. Where there was a choice it got the cheaper one: `detail` is an open object, there are no keys, no
log of changes, no search, no filter but three columns. SQLite runs with the same WAL and `synchronous=FULL`.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from pydantic import BaseModel
from sqlalchemy import JSON, DateTime, Index, event, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

DATABASE = "BENCH_PLAIN_DATABASE"


class Location(BaseModel):
    """A place."""

    name: str | None = None
    country: str | None = None
    admin1: str | None = None
    lat: float | None = Field(default=None, ge=-90, le=90)
    lon: float | None = Field(default=None, ge=-180, le=180)
    precision: str | None = None
    role: str | None = None


class Actor(BaseModel):
    """Who took part."""

    name: str
    role: str
    type: str
    country: str | None = None
    ref: str | None = None


class Estimate(BaseModel):
    """A number and how far it may be trusted."""

    low: int | None = None
    best: int | None = None
    high: int | None = None
    qualifier: str = "unknown"


class Casualty(BaseModel):
    """People harmed."""

    measure: str
    group: str
    subgroup: str | None = None
    count: Estimate | int


class Source(BaseModel):
    """Who says so."""

    publisher: str
    url: str | None = None
    title: str | None = None
    published_at: datetime | None = None
    language: str | None = None
    scale: str | None = None


class ExternalId(BaseModel):
    """A key elsewhere."""

    system: str
    id: str


class EventIn(BaseModel):
    """An event as a writer sends it."""

    kind: str
    status: str = "reported"
    title: str
    summary: str | None = None
    started_at: datetime
    ended_at: datetime | None = None
    time_precision: str = "instant"
    timezone: str | None = None
    locations: list[Location] = []
    actors: list[Actor] = []
    casualties: list[Casualty] = []
    sources: list[Source] = []
    claims: list[dict[str, Any]] = []
    external_ids: list[ExternalId] = []
    relations: list[dict[str, Any]] = []
    tags: list[str] = []
    extra: dict[str, Any] = {}
    detail: dict[str, Any]


class EventOut(EventIn):
    """An event as it is answered."""

    id: UUID
    version: int
    quality_flags: list[str]
    created_at: datetime
    updated_at: datetime


class EventPage(BaseModel):
    """A page of events."""

    items: list[EventOut]
    next: str | None


class Change(BaseModel):
    """An event in the feed."""

    id: int
    type: str
    subject: UUID
    time: datetime
    data: EventOut


class ChangePage(BaseModel):
    """A page of the feed."""

    items: list[Change]
    next: int


class BatchOut(BaseModel):
    """What a batch made."""

    ids: list[UUID]


def instant(*, nullable: bool = False) -> Any:
    """A column of instants."""
    return Field(default=None if nullable else ..., sa_type=DateTime(timezone=True))


def json_list() -> Any:
    """A column of nested rows."""
    return Field(default_factory=list, sa_type=JSON)


class PlainEvent(SQLModel, table=True):
    """An event: one row."""

    __table_args__ = (Index("plain_started", "started_at", "id"), Index("plain_country", "country", "started_at"))
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    sequence: int = Field(index=True)
    kind: str = Field(index=True)
    country: str | None
    version: int = 1
    status: str
    title: str
    summary: str | None
    started_at: datetime = instant()
    ended_at: datetime | None = instant(nullable=True)
    time_precision: str
    timezone: str | None
    locations: list[dict[str, Any]] = json_list()
    actors: list[dict[str, Any]] = json_list()
    casualties: list[dict[str, Any]] = json_list()
    sources: list[dict[str, Any]] = json_list()
    claims: list[dict[str, Any]] = json_list()
    external_ids: list[dict[str, Any]] = json_list()
    relations: list[dict[str, Any]] = json_list()
    tags: list[str] = json_list()
    quality_flags: list[str] = json_list()
    extra: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = instant()
    updated_at: datetime = instant()


class Numbers:
    """Where the feed's sequence stands; one process, so that memory will do."""

    last = 0


def row_of(wanted: EventIn) -> PlainEvent:
    """The row of a new event."""
    Numbers.last += 1
    now = datetime.now(UTC)
    nested = {"locations", "actors", "casualties", "sources", "external_ids"}
    return PlainEvent(
        **wanted.model_dump(exclude=nested),
        **wanted.model_dump(mode="json", include=nested),
        sequence=Numbers.last,
        country=next((place.country for place in wanted.locations), None),
        created_at=now,
        updated_at=now,
    )


def make_engine(url: str) -> AsyncEngine:
    """The engine with the drivers that SQLAlchemy names for asyncio."""
    if url.startswith("postgresql"):
        return create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=20)
    engine = create_async_engine(url.replace("sqlite:///", "sqlite+aiosqlite:///"))
    event.listen(engine.sync_engine, "connect", set_pragmas)
    return engine


def set_pragmas(connection: Any, _record: Any) -> None:
    """As safe as Sitrep is."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """A session for each request."""
    async with AsyncSession(request.app.state.engine, expire_on_commit=False) as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]
router = APIRouter()


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """From the first connection to the last."""
    async with AsyncSession(app.state.engine) as session:
        newest = await session.exec(select(PlainEvent.sequence).order_by(col(PlainEvent.sequence).desc()).limit(1))
        Numbers.last = newest.first() or 0
    yield
    await app.state.engine.dispose()


def create_app() -> FastAPI:
    """The service."""
    app = FastAPI(lifespan=running)
    app.state.engine = make_engine(os.environ[DATABASE])
    app.include_router(router)
    return app


@router.post("/events", status_code=201, response_model=EventOut)
async def create_event(wanted: EventIn, session: Session) -> PlainEvent:
    """Add an event."""
    row = row_of(wanted)
    session.add(row)
    await session.commit()
    return row


@router.post("/events/batch", response_model=BatchOut)
async def create_events(items: list[EventIn], session: Session) -> dict[str, Any]:
    """Add events."""
    rows = [row_of(wanted) for wanted in items]
    session.add_all(rows)
    await session.commit()
    return {"ids": [row.id for row in rows]}


@router.get("/events", response_model=EventPage)
async def list_events(  # noqa: PLR0917 (FastAPI names them)
    session: Session,
    before: datetime | None = None,
    before_id: UUID | None = None,
    kind: str | None = None,
    country: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Newest first, by keyset."""
    wanted = narrowed(select(PlainEvent), kind, country)
    if before is not None:
        wanted = wanted.where(tuple_(col(PlainEvent.started_at), col(PlainEvent.id)) < tuple_(before, before_id))
    newest = wanted.order_by(col(PlainEvent.started_at).desc(), col(PlainEvent.id).desc()).limit(limit)
    rows = (await session.exec(newest)).all()
    after = f"before={quote(rows[-1].started_at.isoformat())}&before_id={rows[-1].id}" if rows else None
    return {"items": rows, "next": after}


@router.get("/events/{id}", response_model=EventOut)
async def get_event(id: UUID, session: Session) -> PlainEvent:
    """One event."""
    row = await session.get(PlainEvent, id)
    if row is None:
        raise HTTPException(404)
    return row


@router.get("/feed", response_model=ChangePage)
async def read_feed(
    session: Session, after: int = 0, kind: str | None = None, country: str | None = None, limit: int = 100
) -> dict[str, Any]:
    """Oldest first, by keyset."""
    wanted = narrowed(select(PlainEvent).where(col(PlainEvent.sequence) > after), kind, country)
    rows = (await session.exec(wanted.order_by(col(PlainEvent.sequence)).limit(limit))).all()
    return {"items": [change_of(row) for row in rows], "next": rows[-1].sequence if rows else after}


def narrowed(wanted: SelectOfScalar[PlainEvent], kind: str | None, country: str | None) -> SelectOfScalar[PlainEvent]:
    """The filters."""
    if kind is not None:
        wanted = wanted.where(PlainEvent.kind == kind)
    if country is not None:
        wanted = wanted.where(PlainEvent.country == country)
    return wanted


def change_of(row: PlainEvent) -> dict[str, Any]:
    """An event in its feed item."""
    kind = f"{row.kind}.created"
    return {"id": row.sequence, "type": kind, "subject": row.id, "time": row.updated_at, "data": row}
