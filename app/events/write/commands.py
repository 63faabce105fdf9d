"""Commands on events, and the world that they are decided in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from app.errors import (
    Deleted,
    FieldError,
    NotFound,
)
from app.events.terms import IndexTerms
from app.kinds import CodeChange, Event
from app.kit.ids import IdSource, key_of

IfMatch = frozenset[int] | Literal["*"] | None
SERVER_FIELDS = ("id", "version", "created_at", "updated_at", "quality_flags")


@dataclass(frozen=True, slots=True)
class Create:
    """Add an event; a lenient one may break soft rules, and carries a quality flag for each that it breaks."""

    event: Event
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Upsert:
    """Add the event that an external id names, or replace it; `lenient` as for `Create`."""

    system: str
    external_id: str
    wanted: CodeChange
    sent: Mapping[str, Any] = field(default_factory=dict)
    if_match: IfMatch = None
    only_new: bool = False
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Replace:
    """Replace an event whole; `sent` holds the server-set fields that came back with it, `lenient` as for `Create`."""

    id: UUID
    wanted: CodeChange
    sent: Mapping[str, Any]
    if_match: IfMatch
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Patch:
    """Apply a JSON merge patch (RFC 7396) to the output form."""

    id: UUID
    patch: Mapping[str, Any]
    if_match: IfMatch
    in_batch: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete an event, leaving a tombstone."""

    id: UUID
    reason: str
    superseded_by: UUID | str | None = None
    if_match: IfMatch = None
    in_batch: bool = False


@dataclass(frozen=True, slots=True)
class Restore:
    """Add an event as an export tells it, with its id, version and times; `core` is its JSON from `status` to `detail`.

    Its relations may name events that are not there: they come later, were deleted, or were left out of the export.
    """

    id: UUID
    version: int
    event: Event
    core: bytes
    created_at: datetime
    updated_at: datetime


Command = Create | Upsert | Replace | Patch | Remove | Restore


@dataclass(slots=True)
class EventVersion:
    """An event as it stands, or its tombstone; never changed in place. `key` is its row key."""

    id: UUID
    kind: str
    version: int
    deleted: bool
    body: bytes
    packed: bytes | None = None
    key: int = field(init=False)

    def __post_init__(self) -> None:
        """Find the key, which is asked for again and again."""
        self.key = key_of(self.id)

    @property
    def core(self) -> bytes:
        """The part of the body that writers decide, without braces."""
        return core_of(self.body)


@dataclass(slots=True)
class Decision:
    """What a command comes to: a new version, a tombstone, or nothing; never changed in place."""

    operation: Literal["created", "updated", "deleted", "unchanged"]
    after: EventVersion
    updated_at: datetime
    before: EventVersion | None = None
    event: Event | None = None
    terms: IndexTerms | None = None
    changed: tuple[str, ...] = ()

    @property
    def released(self) -> list[tuple[str, str]]:
        """The external ids that the version before held."""
        if self.before is None:
            return []
        return [(known["system"], known["id"]) for known in orjson.loads(self.before.body)["external_ids"]]


@dataclass(slots=True)
class LoadedEvents:
    """The events a decision may look at, as earlier commands of the transaction left them."""

    now: datetime
    ids: IdSource
    expected: int = 1  # commands, for so many ids are made at once
    events: dict[int, EventVersion] = field(default_factory=dict)
    holders: dict[tuple[str, str], UUID] = field(default_factory=dict)
    known: dict[int, UUID] = field(default_factory=dict)
    _made: list[UUID] = field(default_factory=list)

    def new_id(self) -> UUID:
        """The id of an event to be."""
        if not self._made:
            self._made = self.ids.many(self.expected)[::-1]
        return self._made.pop()

    def find(self, id: UUID) -> EventVersion:
        """The live event; 404 or 410 otherwise."""
        found = self.events.get(key_of(id))
        if found is None or found.id != id:
            raise NotFound("There is no event with that id.")
        if found.deleted:
            raise Deleted("The event was deleted.", tombstone=orjson.loads(found.body))
        return found

    def exists(self, id: UUID) -> bool:
        """The id is or was an event's."""
        key = key_of(id)
        return self.known.get(key) == id or (key in self.events and self.events[key].id == id)


def core_of(body: bytes) -> bytes:
    """What of a version's body its writers decide, without braces."""
    return body[body.index(b'"status":') : body.rindex(b',"created_at":"')]


def content(event: Mapping[str, Any]) -> dict[str, Any]:
    """What of an event writers decide: all but the fields that the server sets."""
    return {name: value for name, value in event.items() if name not in SERVER_FIELDS}


def external_ids(event: Event | None) -> list[tuple[str, str]]:
    """The identifiers an event holds."""
    return [] if event is None else [(known.system, known.id) for known in event.external_ids]


def read_only(pointer: str) -> FieldError:
    """The server sets this field."""
    return FieldError(
        "read-only", "The server sets this field; leave it out or send back the current value.", pointer=pointer
    )
