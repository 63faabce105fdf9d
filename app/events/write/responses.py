"""Finished answers to writes, names of pages, and what a request says beside its body."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from array import array
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.errors import NotFound
from app.events.read.rows import Row
from app.events.write.idempotency import IdempotencyKey, IdempotentRequest, ResponseData
from app.events.write.transaction import CommandResult
from app.http import parse_idempotency_key
from app.kinds.line_endings import strip_invisible
from app.kit.offload import run_in_thread

JSON = "application/json"
SYSTEM = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
MAX_ID_LENGTH = 300
# Hashing more bytes takes milliseconds.
LARGE_BODY = 1024 * 1024


def event_response(answer: ResponseData) -> Response:
    """An answer as HTTP."""
    return Response(answer.body, answer.status, answer.headers)


def created_response(outcome: CommandResult) -> ResponseData:
    """201 with the event and where it is."""
    after = outcome.decision.after
    headers = {
        "content-type": JSON,
        "location": f"/v1/events/{after.id}",
        "etag": f'"{after.version}"',
        **cursor(outcome),
    }
    return ResponseData(201, after.body, headers, after.key)


def stored_response(outcome: CommandResult) -> ResponseData:
    """The event as it stands now: 201 when new, 200 otherwise."""
    if outcome.decision.operation == "created":
        return created_response(outcome)
    after = outcome.decision.after
    return ResponseData(
        200, after.body, {"content-type": JSON, "etag": f'"{after.version}"', **cursor(outcome)}, after.key
    )


def deleted_response(outcome: CommandResult) -> ResponseData:
    """204."""
    return ResponseData(204, b"", cursor(outcome))


def page_etag(rows: Sequence[Row], following: str | None, media: str) -> str:
    """A weak ETag over items and next: equal versions are equal bytes."""
    told = hashlib.blake2b(media.encode(), digest_size=12)
    told.update(repr(following).encode())
    told.update(array("q", [row.key for row in rows]))
    told.update(array("q", [row.version for row in rows]))
    return f'W/"{told.hexdigest()}"'


def cursor(outcome: CommandResult) -> dict[str, str]:
    """The place of the change in the feed; nothing when nothing changed."""
    return {} if outcome.cursor is None else {"feed-cursor": outcome.cursor}


async def idempotent_request(request: Request, owner: str) -> IdempotentRequest | None:
    """The Idempotency-Key and the hash of the body it came with."""
    key = parse_idempotency_key(request.headers.get("idempotency-key"))
    if key is None:
        return None
    place = IdempotencyKey(owner, f"{request.method} {request.url.path}", key)
    raw = await request.body()
    digest = await run_in_thread(hashlib.sha256, raw) if len(raw) > LARGE_BODY else hashlib.sha256(raw)
    return IdempotentRequest(place, digest.digest())


def reject_bad_address(request: Request, system: str, external_id: str) -> None:
    """An address that no external id can have leads nowhere, whether one reads there or writes."""
    possible = (
        SYSTEM.fullmatch(system) and 1 <= len(strip_invisible(external_id)) <= MAX_ID_LENGTH and is_utf8(request.scope)
    )
    if not possible or any(unicodedata.category(character) in {"Cc", "Cs"} for character in external_id):
        raise NotFound("No event holds that external id, and none can.")


def is_utf8(scope: Scope) -> bool:
    """The path as it came is UTF-8; servers decode it whatever it is, so that several would name one id."""
    try:
        unquote_to_bytes(scope.get("raw_path", b"")).decode()
    except UnicodeDecodeError:
        return False
    return True
