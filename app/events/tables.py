"""The tables of events and of the one inverted index that every filter reads."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.db import BigKey, UtcTime

WITHOUT_ROWID = {"sqlite_with_rowid": False}


class StoredEvent(SQLModel, table=True):
    """Where an event stands now; its public JSON is the body of the change with this version."""

    __tablename__ = "event"
    __table_args__ = (sa.Index("event_updated", "updated_at", "key"),)
    key: int = Field(primary_key=True, sa_type=BigKey, sa_column_kwargs={"autoincrement": False})
    id: UUID
    kind: str
    version: int
    started_at: int = Field(sa_type=sa.BigInteger)
    ends_at: int = Field(sa_type=sa.BigInteger)
    updated_at: datetime = Field(sa_type=UtcTime)
    span: int = Field(sa_type=sa.SmallInteger)
    deleted: bool


class FacetValue(SQLModel, table=True):
    """One value of one facet among the events of one length class; `events` is a planner's estimate."""

    __tablename__ = "facet_value"
    __table_args__ = (sa.UniqueConstraint("facet", "value", "span", "alias", name="facet_value_key"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=BigKey)
    facet: str
    value: str
    span: int = Field(sa_type=sa.SmallInteger)
    alias: bool
    label: str
    events: int = Field(sa_type=sa.BigInteger)


class EventFacet(SQLModel, table=True):
    """An event has a facet value now, and has had it since its version `since`."""

    __tablename__ = "event_facet"
    __table_args__ = WITHOUT_ROWID
    value: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    started_at: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    event: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    since: int


class PastFacet(SQLModel, table=True):
    """An event had a facet value from its version `since` up to, but without, its version `upto`."""

    __tablename__ = "past_facet"
    __table_args__ = WITHOUT_ROWID
    value: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    started_at: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    event: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    since: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    upto: int


class EventPoint(SQLModel, table=True):
    """A located place of an event, in degrees and as a point on the unit sphere."""

    __tablename__ = "event_point"
    __table_args__ = WITHOUT_ROWID
    event: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    n: int = Field(primary_key=True, sa_type=sa.SmallInteger, sa_column_kwargs={"autoincrement": False})
    lat: float
    lon: float
    x: float
    y: float
    z: float


class EventMeasure(SQLModel, table=True):
    """A number that statistics may sum; `best`, which falls back to low and high, is what `_min` and `_max` compare."""

    __tablename__ = "event_measure"
    __table_args__ = WITHOUT_ROWID
    event: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    measure: str = Field(primary_key=True)
    low: int = Field(sa_type=sa.BigInteger)
    best: int = Field(sa_type=sa.BigInteger)
    high: int = Field(sa_type=sa.BigInteger)


class HourlyRollup(SQLModel, table=True):
    """Events that began in an hour or a day of UTC, and the sum of a measure; `app/events/index/rollup.py` keeps it.

    The table keeps its first name, by which migration 0004 has it filled by this program.
    `kind` and `country` are "" for any, `country` is "~" for events in none, `measure` is "" for the count of events.
    A period is so many `hours` long, 1 or 24, and numbered from the Unix epoch.
    """

    __tablename__ = "tally"
    __table_args__ = WITHOUT_ROWID
    kind: str = Field(primary_key=True)
    country: str = Field(primary_key=True)
    measure: str = Field(primary_key=True)
    hours: int = Field(primary_key=True, sa_type=sa.SmallInteger, sa_column_kwargs={"autoincrement": False})
    period: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    events: int = Field(sa_type=sa.BigInteger)
    low: int = Field(sa_type=sa.BigInteger)
    best: int = Field(sa_type=sa.BigInteger)
    high: int = Field(sa_type=sa.BigInteger)


class MapRollup(SQLModel, table=True):
    """Located places by the cells of a map at one zoom; `app/events/index/map_rollup.py` keeps it.

    `fresh` is the least zoom at which no earlier place of the same event is in the same cell. Degrees are whole
    numbers of 1e-7.
    """

    __tablename__ = "map_rollup"
    __table_args__ = WITHOUT_ROWID
    kind: str = Field(primary_key=True)
    cell: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    fresh: int = Field(primary_key=True, sa_type=sa.SmallInteger, sa_column_kwargs={"autoincrement": False})
    places: int = Field(sa_type=sa.BigInteger)
    lat: int = Field(sa_type=sa.BigInteger)
    lon: int = Field(sa_type=sa.BigInteger)


class ExternalId(SQLModel, table=True):
    """Which event holds an identifier of another system."""

    __tablename__ = "external_id"
    __table_args__ = WITHOUT_ROWID
    system: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    event: int = Field(sa_type=sa.BigInteger)


class StoredIdempotentResponse(SQLModel, table=True):
    """A 2xx answer kept for 24 hours under the caller's Idempotency-Key."""

    __tablename__ = "idempotency"
    __table_args__ = (sa.Index("idempotency_created", "created_at"),)
    owner: str = Field(primary_key=True)
    route: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    body_hash: bytes
    status: int
    headers: str
    body: bytes
    event: int | None = Field(sa_type=sa.BigInteger)
    created_at: datetime = Field(sa_type=UtcTime)


class IndexState(SQLModel, table=True):
    """Whether the index holds a facet, measure or text of a kind as a program with this fingerprint reads it.

    `state` is "ready" or "building"; `progress` is the last event rebuilt. A row named after the fingerprint of a whole
    registry tells which programs may write: "ready", or "superseded" by another registry.
    """

    __tablename__ = "index_state"
    name: str = Field(primary_key=True)
    fingerprint: str
    state: str
    progress: int | None = Field(sa_type=sa.BigInteger)
