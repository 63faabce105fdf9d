"""The bytes of versions and tombstones, merge patches on them, and what differs between two."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from app.events.write.commands import EventVersion, content
from app.kinds import Event, EventIn, format_instant
from app.kinds.line_endings import STORED

_STORED: TypeAdapter[Event] = TypeAdapter(EventIn)


def load_event(stored: dict[str, Any]) -> Event:
    """The event that a stored version holds; what it may hold was judged when it was written."""
    return _STORED.validate_python(content(stored), context=STORED)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def changed_pointers(was: Any, now: Any, pointer: str = "") -> list[str]:
    """JSON pointers to what changed; lists count as one value, `version` and `updated_at` are no content.

    A field that one version does not have, since it was declared later, is null or [].
    """
    exact = pointer.startswith("/extra")
    if not (isinstance(was, dict) and isinstance(now, dict)):
        return [] if is_same(was, now, exact=exact) else [pointer]
    skipped = {"version", "updated_at"} if not pointer else set()
    return [
        found
        for name in {**was, **now}
        if name not in skipped
        for found in (
            changed_pointers(was.get(name), now.get(name), f"{pointer}/{escape_pointer(name)}")
            if not exact or (name in was and name in now)
            else [f"{pointer}/{escape_pointer(name)}"]
        )
    ]


def is_same(one: Any, other: Any, *, exact: bool) -> bool:
    """Whether two values are the same; where that is not `exact`, an absent field is null or []."""
    if exact:
        return orjson.dumps(one) == orjson.dumps(other)  # for Python 1, 1.0 and true are equal
    if isinstance(one, dict) and isinstance(other, dict):
        claim = "claimed_by" in one
        return all(is_same(one.get(n), other.get(n), exact=claim and n == "value") for n in {**one, **other})
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(is_same(*pair, exact=False) for pair in zip(one, other, strict=True))
    empty = one in (None, []) and other in (None, [])
    return empty or (type(one) is type(other) and bool(one == other))


def escape_pointer(name: str) -> str:
    """A name within a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def not_before(now: datetime, before: str) -> datetime:
    """Now, but never before the version before: a clock may jump back."""
    return max(now, datetime.fromisoformat(before))


def serialize_version(
    id: UUID,
    kind: str,
    version: int,
    core: bytes,
    *,
    created_at: datetime | str,
    updated_at: datetime,
) -> bytes:
    """The public JSON of a version, byte for byte as every reader will get it."""
    created = created_at if isinstance(created_at, str) else format_instant(created_at)
    head = f'{{"id":"{id}","kind":"{kind}","version":{version},'
    tail = f',"created_at":"{created}","updated_at":"{format_instant(updated_at)}"}}'
    return head.encode() + core[1:-1] + tail.encode()


def serialize_tombstone(current: EventVersion, deleted_at: datetime, reason: str, successor: UUID | None) -> bytes:
    """What stands in a deleted event's place."""
    return orjson.dumps(
        {
            "id": str(current.id),
            "kind": current.kind,
            "version": current.version + 1,
            "deleted_at": format_instant(deleted_at),
            "reason": reason,
            "superseded_by": None if successor is None else str(successor),
            "erased": reason == "legal",
        }
    )


def is_tombstone(body: bytes) -> bool:
    """All that is left of a deleted event, or of a version that was erased."""
    return "deleted_at" in orjson.loads(body)
