"""`related_to`: a relation of the event names one of these events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field

from app.events.read.conditions.base import Condition, TermGroup
from app.events.read.filter_parsers import EXAMPLE_ID, list_of, read_uuid
from app.events.terms import RELATED_TO


@dataclass(frozen=True)
class WithRelation(Condition):
    """The index lists the events that an event names."""

    parameters = {
        "related_to": Annotated[
            list[Annotated[UUID, BeforeValidator(read_uuid)]] | None,
            BeforeValidator(list_of),
            Field(description="Events whose own relations name this event."),
        ]
    }
    examples = {"related_to": [[EXAMPLE_ID]]}
    events: list[UUID]

    def terms(self) -> Iterable[TermGroup]:
        return [TermGroup(RELATED_TO, tuple(dict.fromkeys(map(str, self.events))))]
