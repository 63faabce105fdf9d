"""`id`: the event is one of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field

from app.events.read.conditions.base import Condition
from app.events.read.filter_parsers import EXAMPLE_ID, list_of, read_uuid


@dataclass(frozen=True)
class WithIds(Condition):
    """The event has one of the ids.

    Readers ask for them by name, as `ids`: an event is looked up by its key, without the index.
    """

    parameters = {
        "id": Annotated[
            list[Annotated[UUID, BeforeValidator(read_uuid)]] | None,
            BeforeValidator(list_of),
            Field(description="These events only."),
        ]
    }
    examples = {"id": [[EXAMPLE_ID]]}
    ids: list[UUID]
