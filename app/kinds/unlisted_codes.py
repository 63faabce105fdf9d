"""Codes that their lists do not have, or no longer: a new event may not have them, a stored one keeps those it had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from app.errors import FieldError, Invalid
from app.kinds.codes import UnlistedCode, unlisted_code
from app.kinds.envelope import Event

# The refusals that come from lists which change with the years.
LISTED = frozenset({"admin1", "bic", "country", "currency", "language", "timezone"})


class CodeChange(NamedTuple):
    """An event that is to take another's place, the codes in it that no list has, and their refusal."""

    event: Event
    doubts: frozenset[UnlistedCode] = frozenset()
    errors: tuple[FieldError, ...] = ()

    def check(self, before: dict[str, Any] | None) -> None:
        """Refuse the doubtful codes that the version `before`, if any, did not have in fields of their sort."""
        if not self.doubts:
            return
        new = self.doubts - set(strings(before, ""))
        if new:
            named = tuple(error for error in self.errors if value_at(self.event, error) in new)
            raise Invalid("The event is not valid.", errors=named or self.errors)


def strings(value: Any, field: str) -> Iterator[UnlistedCode]:
    """Every string below a JSON value, with the name of the field that it stands in."""
    if isinstance(value, str):
        yield unlisted_code(field, value)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from strings(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part, field)


def value_at(event: Event, error: FieldError) -> UnlistedCode:
    """The code that an error is about, with the name of its field."""
    found: Any = event
    field = ""
    for step in (error.pointer or "").split("/"):
        if isinstance(found, list) and step.isdigit():
            found = found[int(step)]
        elif step in getattr(type(found), "model_fields", ()):
            field, found = step, getattr(found, step)
    return unlisted_code(field, found if isinstance(found, str) else "")
