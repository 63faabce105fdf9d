"""The shapes of events as the documents show them: what is sent, what comes back, and what a deletion leaves."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StrictInt, create_model

from app.kinds.base import StrictModel
from app.kinds.envelope import Event
from app.kinds.timestamps import Instant

Version = Annotated[StrictInt, Field(ge=1, description="One more with each accepted change.")]
Reason = Literal["duplicate", "erroneous", "retracted_by_source", "out_of_scope", "legal"]


def event_out(event: type[Event], flags: tuple[str, ...]) -> type[StrictModel]:
    """The event as the server gives it: the sent fields and the server's own, in the contract's order."""
    sent: dict[str, Any] = {name: (field.annotation, field) for name, field in event.model_fields.items()}
    kind, extra, detail = sent.pop("kind"), sent.pop("extra"), sent.pop("detail")
    flag_list = list[Literal[flags]]  # type: ignore[valid-type]  # the flags are those of the kinds found
    fields: dict[str, Any] = {
        "id": (UUID, Field(description="Made by the server, never used again.")),
        "kind": kind,
        "version": (Version, ...),
        **sent,
        "quality_flags": (flag_list, Field(description="Rules that a lenient import let this event break.")),
        "extra": extra,
        "detail": detail,
        "created_at": (Instant, Field(description="When the event was recorded.")),
        "updated_at": (Instant, Field(description="When this version was recorded.")),
    }
    return create_model(
        event.__name__.removesuffix("In") + "Out", __base__=StrictModel, __doc__=event.__doc__, **fields
    )


def tombstone(kinds: tuple[str, ...]) -> type[StrictModel]:
    """What is left of a deleted event."""
    fields: dict[str, Any] = {
        "id": (UUID, Field(description="The event's id.")),
        "kind": (Literal[kinds], Field(description="The event's kind.")),
        "version": (Version, ...),
        "deleted_at": (Instant, Field(description="When it was deleted.")),
        "reason": (Reason, Field(description="Why it was deleted.")),
        "superseded_by": (UUID | None, Field(description="The event that takes its place.")),
        "erased": (bool, Field(description="Whether its earlier versions are gone too, for legal reasons.")),
    }
    return create_model("Tombstone", __base__=StrictModel, __doc__="What is left of a deleted event.", **fields)
