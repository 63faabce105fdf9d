"""What the feed routes take and give: query models, and the shapes that OpenAPI documents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, RootModel

from app.events.read.filter import ChangeFilter
from app.events.schemas import Cursor
from app.http import Nothing
from app.kinds import EventOut, Tombstone


class StreamQuery(ChangeFilter):
    """Filters, and where to begin."""

    after: Annotated[
        str,
        Field(
            description="Go on after this: a cursor (`next` of the page before), `oldest` for all that there is, "
            "`now`, or a time, which stands for the last change before it (an instant with offset, or a day in "
            "`timezone`).",
            examples=["e1-000000012345", "oldest", "now", "2025-09-07T00:00:00Z"],
        ),
    ] = "oldest"


class FeedQuery(StreamQuery):
    """Filters, where to begin, how much and how long to wait."""

    limit: Annotated[int, Field(ge=1, le=1000, description="Changes on a page.")] = 100
    wait: Annotated[
        int, Field(ge=0, le=50, description="At the end of the feed, wait up to so many seconds for a change.")
    ] = 0


class DurableQuery(ChangeFilter):
    """Filters, where to begin and how to follow, in the words of Durable Streams."""

    offset: Annotated[
        str | None,
        Field(
            description="Go on after this: the `Stream-Next-Offset` of the answer before, `-1` for all that there is "
            "(the default), or `now`. `live` needs it.",
            examples=["-1", "now", "e1-000000012345"],
        ),
    ] = None
    live: Annotated[
        Literal["long-poll", "sse"] | None,
        Field(description="How to wait for changes: an answer at a time, or a stream. Left out: do not wait."),
    ] = None
    cursor: Annotated[
        str | None,
        Field(
            pattern="^[0-9]{1,18}$",
            description="The `Stream-Cursor` of the answer before; it tells caches apart, not positions.",
            examples=["3379000"],
        ),
    ] = None


class CheckpointQuery(Nothing):
    """Which position."""

    at: Annotated[str | None, Field(description="A cursor; the end of the feed unless given.")] = None


class FeedItem(BaseModel):
    """One change, as a CloudEvents 1.0 event: page, stream, push and pull carry the same."""

    specversion: Literal["1.0"]
    id: Annotated[Cursor, Field(description="The change's id for ever.")]
    source: Annotated[str, Field(description="This instance.", examples=["urn:sitrep:7a0d..."])]
    type: Annotated[str, Field(description="`<kind>.created`, `.updated` or `.deleted`.", examples=["attack.updated"])]
    subject: Annotated[UUID, Field(description="The event.")]
    time: Annotated[
        datetime, Field(description="When the change was recorded; never before that of the change before.")
    ]
    sequence: Annotated[str, Field(description="The place in the feed, without gaps.", examples=["000000012345"])]
    version: Annotated[int, Field(ge=1, description="The event's version after the change.")]
    datacontenttype: Literal["application/json"]
    dataschema: Annotated[str, Field(examples=["urn:sitrep:kind:attack"])]
    data: Annotated[EventOut | Tombstone, Field(description="The event at that version, or what a deletion left.")]


class FeedPage(BaseModel):
    """A page of the feed."""

    items: list[FeedItem]
    next: Annotated[Cursor, Field(description="Ask `after` this for what follows; it also passes what did not match.")]
    has_more: Annotated[bool, Field(description="Whether more is there already, even where `items` is empty.")]


class FeedItems(RootModel[list[FeedItem]]):
    """Changes in the order of the feed."""


class FeedHead(BaseModel):
    """Where the feed ends and begins."""

    epoch: Annotated[int, Field(ge=1, description="One more with each restored backup.")]
    head: Annotated[Cursor, Field(description="The last change.")]
    oldest: Annotated[Cursor, Field(description="The lowest cursor that is accepted.")]
    time: Annotated[datetime, Field(description="When the last change was recorded.")]


class Checkpoint(BaseModel):
    """What a mirror must hold at a position."""

    at: Annotated[Cursor, Field(description="The position.")]
    live_events: Annotated[int, Field(ge=0, description="How many events there are, deleted ones left out.")]
    digest: Annotated[
        str,
        Field(
            pattern="^[0-9a-f]{64}$",
            description='The sum modulo 2^256 of SHA-256("<id>:<version>") over the live events, in hexadecimal.',
        ),
    ]
