"""Header fields: which call looks at which, and which come with which answer."""

from __future__ import annotations

from typing import Any

from app.openapi.text_patterns import PATTERNS

TEXT = {"type": "string"}
POSITION = "e1-000000012345"

REQUEST_HEADERS: dict[str, dict[str, Any]] = {
    "If-Match": {
        "description": 'The version that was read, as its ETag: `"3"`. Weak tags, lists and `*` do as well.',
        "schema": {**TEXT, "pattern": PATTERNS["If-Match"], "examples": ['"3"', "*"]},
    },
    "If-None-Match": {
        "description": "The ETag of what is already there; unchanged content is answered with 304 and no body.",
        "schema": {**TEXT, "examples": ['"3"']},
    },
    "Idempotency-Key": {
        "description": "1 to 255 printable characters. The same key with the same body gives the first answer again, "
        "for 24 hours.",
        "schema": {
            **TEXT,
            "minLength": 1,
            "maxLength": 512,
            "pattern": PATTERNS["Idempotency-Key"],
            "examples": ["8e03978e-40d5-43dd-bc93-6894a57f9324"],
        },
    },
    "Last-Event-ID": {
        "description": "The `id` of the last block that was received; it comes before `after`.",
        "schema": {**TEXT, "pattern": PATTERNS["Last-Event-ID"], "examples": [POSITION]},
    },
}

RESPONSE_HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {"description": "What this representation is called; send it back in `If-None-Match`.", "schema": TEXT},
    "Link": {"description": 'The next page, as `<...>; rel="next"`; absent on the last.', "schema": TEXT},
    "Location": {"description": "Where the new thing is.", "schema": {**TEXT, "format": "uri-reference"}},
    "As-Of": {
        "description": "The place in the feed at which this was read: follow the feed from here.",
        "schema": {**TEXT, "examples": [POSITION]},
    },
    "Feed-Cursor": {
        "description": "The place of this write in the feed; absent when nothing changed.",
        "schema": {**TEXT, "examples": [POSITION]},
    },
    "Idempotency-Replayed": {"description": "`true` when this answer was given before.", "schema": TEXT},
    "Cache-Control": {"description": "How long the answer may be kept.", "schema": TEXT},
    "X-Poll-Interval": {"description": "Seconds to wait before the next poll.", "schema": {"type": "integer"}},
    "Stream-Next-Offset": {
        "description": "Where to go on: the `offset` of the next call.",
        "schema": {**TEXT, "examples": [POSITION]},
    },
    "Stream-Up-To-Date": {"description": "`true` when there was no more; else absent.", "schema": TEXT},
    "Stream-Cursor": {"description": "Send it back as `cursor`, so that caches can join readers.", "schema": TEXT},
    "X-Content-Type-Options": {"description": "`nosniff`.", "schema": TEXT},
    "Cross-Origin-Resource-Policy": {"description": "`cross-origin`.", "schema": TEXT},
    "RateLimit": {"description": "What is left of the quota, where there is one.", "schema": TEXT},
    "RateLimit-Policy": {"description": "The quota, where there is one.", "schema": TEXT},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": TEXT},
    "Accept": {"description": "The media types that the call takes.", "schema": TEXT},
}

CHANGED = ("ETag", "Feed-Cursor")
ONCE = "Idempotency-Replayed"
ANSWERS: dict[str, tuple[str, ...]] = {
    "create_event": ("Location", *CHANGED, ONCE),
    "list_events": ("ETag", "Link", "As-Of", "Cache-Control"),
    "list_events_geojson": ("ETag", "Link", "As-Of", "Cache-Control"),
    "list_events_atom": ("ETag", "Link", "As-Of", "Cache-Control"),
    "count_events": ("As-Of", "Cache-Control"),
    "export_events": ("As-Of", "Cache-Control"),
    "write_batch": ("Feed-Cursor", ONCE),
    "import_file": ("Feed-Cursor",),
    "find_by_external_id": ("ETag", "Cache-Control"),
    "upsert_event": CHANGED,
    "get_event": ("ETag", "Cache-Control"),
    "list_revisions": ("Cache-Control",),
    "replace_event": CHANGED,
    "patch_event": CHANGED,
    "delete_event": ("Feed-Cursor",),
    "read_series": ("ETag", "Cache-Control"),
    "read_facets": ("As-Of", "Cache-Control"),
    "read_grid": ("As-Of", "Cache-Control"),
    "get_geojson_feed": ("ETag", "As-Of", "Cache-Control"),
    "get_atom_feed": ("ETag", "As-Of", "Cache-Control"),
    "read_feed": ("ETag", "Link", "Cache-Control", "X-Poll-Interval"),
    "read_durable_stream": (
        "ETag",
        "Cache-Control",
        "Stream-Next-Offset",
        "Stream-Up-To-Date",
        "Stream-Cursor",
        "X-Content-Type-Options",
        "Cross-Origin-Resource-Policy",
    ),
    "create_subscription": ("Location", "ETag", "Cache-Control", ONCE),
    "get_subscription": ("ETag", "Cache-Control"),
    "patch_subscription": ("ETag", "Cache-Control"),
    "read_head": ("Cache-Control",),
    "read_checkpoint": ("Cache-Control",),
}
REQUESTS: dict[str, dict[str, bool]] = {
    "create_event": {"Idempotency-Key": False},
    "write_batch": {"Idempotency-Key": False},
    "list_events": {"If-None-Match": False},
    "list_events_geojson": {"If-None-Match": False},
    "list_events_atom": {"If-None-Match": False},
    "find_by_external_id": {"If-None-Match": False},
    "get_event": {"If-None-Match": False},
    "upsert_event": {"If-Match": False, "If-None-Match": False},
    "replace_event": {"If-Match": True},
    "patch_event": {"If-Match": True},
    "delete_event": {"If-Match": False},
    "read_series": {"If-None-Match": False},
    "get_geojson_feed": {"If-None-Match": False},
    "get_atom_feed": {"If-None-Match": False},
    "read_feed": {"If-None-Match": False},
    "read_durable_stream": {"If-None-Match": False},
    "stream_feed": {"Last-Event-ID": False},
    "create_subscription": {"Idempotency-Key": False},
    "patch_subscription": {"If-Match": False},
    "delete_subscription": {"If-Match": False},
}


def request_headers(name: str) -> dict[str, bool]:
    """The header fields that an operation looks at, and whether it insists on them."""
    return REQUESTS.get(name, {})


def response_headers(name: str, status: int) -> tuple[str, ...]:
    """The header fields of an operation's answer."""
    made = ("Location",) if name == "upsert_event" and status == 201 else ()
    return (*made, *ANSWERS.get(name, ()))
