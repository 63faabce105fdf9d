"""The plain way to build the same: FastAPI, SQLModel, an async session, response models, a commit for each request.

Written as the documentation of FastAPI and SQLModel teaches it: columns, JSON columns for what is nested, a link table
for what is filtered. A create keeps the promises of the contract that need a row: a key is asked for, an external id
is nobody else's, the change gets its place in a log. Where there was a choice the plain app got the cheaper one: six
filter values and not all, `detail` unchecked, no search, no places, no numbers, no order of commits in the log.
`POST /events/row` leaves even these away and writes one row. SQLite runs with the same WAL and `synchronous=FULL`.
"""

import hashlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from sqlalchemy import and_, event, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from benchmarks.plain_model import (
    BatchOut,
    ChangePage,
    EventIn,
    EventOut,
    EventPage,
    PlainChange,
    PlainEvent,
    PlainExternalId,
    PlainFacet,
    PlainKey,
    row_of,
    rows_of,
)

DATABASE = "BENCH_PLAIN_DATABASE"
# SQLAlchemy's own size, and none beyond it: of what was tried this cost the plain app least.
POOL = {"pool_size": 5, "max_overflow": 0}


def make_engine(url: str) -> AsyncEngine:
    """The engine with the drivers that SQLAlchemy names for asyncio."""
    if url.startswith("postgresql"):
        return create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), **POOL)
    engine = create_async_engine(url.replace("sqlite:///", "sqlite+aiosqlite:///"), **POOL)
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
    yield
    await app.state.engine.dispose()


def create_app() -> FastAPI:
    """The service."""
    app = FastAPI(lifespan=running)
    app.state.engine = make_engine(os.environ[DATABASE])
    app.include_router(router)
    return app


async def check_key(request: Request, session: Session) -> PlainKey:
    """The key of the request."""
    text = request.headers.get("authorization", "").removeprefix("Bearer ")
    key = await session.get(PlainKey, hashlib.sha256(text.encode()).hexdigest())
    if key is None:
        raise HTTPException(401)
    return key


Key = Annotated[PlainKey, Depends(check_key)]


@router.post("/events", status_code=201, response_model=EventOut)
async def create_event(wanted: EventIn, session: Session, _: Key) -> Any:
    """Add an event."""
    await check_free(session, [wanted])
    rows = rows_of(wanted)
    session.add_all(rows)
    await session.commit()
    return rows[0]


@router.post("/events/row", status_code=201, response_model=EventOut)
async def create_row(wanted: EventIn, session: Session) -> PlainEvent:
    """Add an event as one row, promising nothing."""
    row = row_of(wanted)
    session.add(row)
    await session.commit()
    return row


@router.post("/events/batch", response_model=BatchOut)
async def create_events(items: list[EventIn], session: Session, _: Key) -> dict[str, Any]:
    """Add events."""
    await check_free(session, items)
    rows = [rows_of(wanted) for wanted in items]
    session.add_all([row for some in rows for row in some])
    await session.commit()
    return {"ids": [event.id for event, *_ in rows if isinstance(event, PlainEvent)]}


async def check_free(session: AsyncSession, items: list[EventIn]) -> None:
    """Nobody holds an external id of these events."""
    pairs = [(known.system, known.id) for item in items for known in item.external_ids]
    asked = tuple_(col(PlainExternalId.system), col(PlainExternalId.id)).in_(pairs)
    if (await session.exec(select(PlainExternalId).where(asked).limit(1))).first() is not None:
        raise HTTPException(409)


@router.get("/events", response_model=EventPage)
async def list_events(  # noqa: PLR0917 (FastAPI names them)
    session: Session,
    before: datetime | None = None,
    before_id: UUID | None = None,
    kind: str | None = None,
    country: str | None = None,
    place: str | None = None,
    tag: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Newest first, by keyset."""
    wanted = narrowed(select(PlainEvent), kind, country, {"place": place, "tag": tag})
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
async def read_feed(session: Session, after: int = 0, kind: str | None = None, limit: int = 100) -> dict[str, Any]:
    """Oldest first, by keyset."""
    wanted = select(PlainChange).where(col(PlainChange.id) > after)
    if kind is not None:
        wanted = wanted.where(PlainChange.kind == kind)
    rows = (await session.exec(wanted.order_by(col(PlainChange.id)).limit(limit))).all()
    return {"items": rows, "next": rows[-1].id if rows else after}


def narrowed(
    wanted: SelectOfScalar[PlainEvent], kind: str | None, country: str | None, linked: Mapping[str, str | None]
) -> SelectOfScalar[PlainEvent]:
    """The filters: two columns, and a join for each value that has a row of its own."""
    if kind is not None:
        wanted = wanted.where(PlainEvent.kind == kind)
    if country is not None:
        wanted = wanted.where(PlainEvent.country == country)
    for facet, value in linked.items():
        if value is not None:
            link = aliased(PlainFacet)
            same = (col(link.event_id) == col(PlainEvent.id), col(link.facet) == facet, col(link.value) == value)
            wanted = wanted.join(link, and_(*same))
    return wanted
