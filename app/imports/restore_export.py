"""Turns an event of an export into the command that adds it as it was: with its id, version, flags and times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel

from app.datasets import Draft
from app.errors import FieldError, Invalid
from app.events.write.commands import Restore, content
from app.kinds import FLAGS, ValueRefused, canonical_json, parse_change, parse_instant
from app.kinds.base import LATER
from app.kit.ids import read_id
from app.kit.json_lines import dump_json

# A cursor of the history has at most nine digits.
MAX_VERSION = 999_999_999
AROUND_CORE = frozenset({"id", "kind", "version", "created_at", "updated_at"})


def restore_command(draft: Draft) -> Restore:
    """The command for an event of an export. Raises `Invalid` with the pointer of each fault."""
    sent = draft.event
    if errors := list(server_field_errors(sent)):
        raise Invalid("The event is not valid.", errors=errors)
    event = parse_change(content(sent)).event  # a code that its list had when it was written may stay
    core = canonical_json(event, sent["quality_flags"])
    if dump_json({name: value for name, value in sent.items() if name not in AROUND_CORE}) != core:
        core = dump_json(as_written(event, orjson.loads(core), sent))
    return Restore(
        id=UUID(sent["id"]),
        version=sent["version"],
        event=event,
        core=core,
        created_at=parse_instant(sent["created_at"]),
        updated_at=parse_instant(sent["updated_at"]),
    )


def server_field_errors(sent: Mapping[str, Any]) -> Iterator[FieldError]:
    """What is wrong with the fields that a server had set."""
    if not isinstance(id := sent.get("id"), str) or read_id(id) is None:
        yield FieldError("uuid", "An event of an export has a UUID of version 7.", pointer="/id")
    version = sent.get("version")
    if type(version) is not int or not 1 <= version <= MAX_VERSION:
        yield FieldError("range", f"A version is a whole number from 1 to {MAX_VERSION:,}.", pointer="/version")
    flags = sent.get("quality_flags")
    if not isinstance(flags, list) or any(flag not in FLAGS for flag in flags) or len(flags) > len(set(flags)):
        detail = "Quality flags are a list of different words of the vocabulary."
        yield FieldError("enum", detail, pointer="/quality_flags", allowed=FLAGS)
    times: list[datetime] = []
    for name in ("created_at", "updated_at"):
        try:
            times.append(parse_instant(str(sent.get(name))))
        except ValueRefused as refusal:
            yield FieldError(refusal.code, refusal.detail, pointer=f"/{name}")
    if times != sorted(times):
        yield FieldError("order", "The event was updated before it was created.", pointer="/updated_at")


def as_written(event: Any, whole: Any, sent: Any) -> Any:
    """The JSON of an event, or of a part, without those fields that the sent one lacks as it is older than they are."""
    if isinstance(event, list) and isinstance(sent, list) and len(whole) == len(sent):
        return [as_written(*row) for row in zip(event, whole, sent, strict=True)]
    if not (isinstance(event, BaseModel) and isinstance(sent, dict)):
        return whole
    fields = {info.alias or name: name for name, info in type(event).model_fields.items()}
    later = {alias for alias, name in fields.items() if type(event).model_fields[name].json_schema_extra == LATER}
    return {
        alias: as_written(getattr(event, fields[alias]), value, sent.get(alias)) if alias in fields else value
        for alias, value in whole.items()
        if alias in sent or alias not in later
    }
