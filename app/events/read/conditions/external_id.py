"""`external_id`: the event holds one of these identifiers of other systems."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.events.read.conditions.base import Condition, TermGroup
from app.events.read.filter_parsers import list_of
from app.events.terms import EXTERNAL_ID
from app.kinds.line_endings import strip_invisible


def read_external_id(value: Any) -> str:
    """`system:id`, split at the first colon."""
    system, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (colon and system and strip_invisible(rest)):
        raise PydanticCustomError("external-id", "Give system:id, such as acled:UKR12345.")
    return f"{system}:{strip_invisible(rest)}"


@dataclass(frozen=True)
class WithExternalId(Condition):
    """The index lists every external identifier."""

    parameters = {
        "external_id": Annotated[
            list[Annotated[str, BeforeValidator(read_external_id)]] | None,
            BeforeValidator(list_of),
            Field(description="`system:id`; the first colon splits."),
        ]
    }
    examples = {"external_id": [["newsroom:kyiv-air-attack"]]}
    patterns = {"external_id": r"^[^:\u0000-\u001f\u007f-\u009f]+:[^\u0000-\u001f\u007f-\u009f]+$"}
    external_ids: list[str]

    def terms(self) -> Iterable[TermGroup]:
        return [TermGroup(EXTERNAL_ID, tuple(dict.fromkeys(self.external_ids)))]
