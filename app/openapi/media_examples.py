"""What goes in and out beside plain JSON models: other media types, and an example for every body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from app.errors import PROBLEMS, FieldError, Problem
from app.events.formats.atom import ATOM
from app.events.formats.export import CSV, GEOJSON, JSON, NDJSON, PARQUET
from app.events.kinds_routes import serialize_kind
from app.events.schemas import FeatureCollection
from app.feed.schemas import FeedItem
from app.kinds import KINDS, EventOut, schema_of
from app.openapi import example_data as samples
from app.openapi.example_data import Examples, sample

SSE = "text/event-stream"
METRICS = """\
# HELP sitrep_http_requests_total Requests answered.
# TYPE sitrep_http_requests_total counter
sitrep_http_requests_total{method="GET",route="/v1/events",status="200"} 42.0
"""
INSTANCE = "/requests/5d2f8c1e90ab47d3f6012c84"


class Media(NamedTuple):
    """A media type that is no plain JSON: the type of the whole, or of each item of a stream of text."""

    whole: Any = None
    each: Any = None


MEDIA: dict[str, dict[str, Media]] = {
    "list_events_geojson": {GEOJSON: Media(whole=FeatureCollection)},
    "list_events_atom": {ATOM: Media()},
    "export_events": {
        NDJSON: Media(each=EventOut),
        CSV: Media(),
        GEOJSON: Media(whole=FeatureCollection),
        PARQUET: Media(whole=bytes),
    },
    "get_geojson_feed": {GEOJSON: Media(whole=FeatureCollection)},
    "get_atom_feed": {ATOM: Media()},
    "stream_feed": {SSE: Media(each=FeedItem)},
}

REQUESTS: dict[str, Callable[[], Examples]] = {
    "create_event": samples.events_in,
    "replace_event": samples.events_in,
    "upsert_event": samples.events_in,
    "patch_event": lambda: {"confirmed": sample("merge_patch")},
    "write_batch": lambda: {"batch": sample("batch_in")},
    "import_file": lambda: {"ucdp_ged": samples.FILE},
    "create_key": lambda: {"key": sample("new_key")},
    "create_feed_token": lambda: {"token": {"name": "Feed reader at the desk", "expires_at": None}},
    "create_subscription": lambda: {"push": sample("new_subscription"), "pull": {"name": "archive", "mode": "pull"}},
    "patch_subscription": lambda: {"pause": {"status": "paused"}, "narrow": {"filter": {"country": ["UA"]}}},
    "seek_subscription": lambda: {"replay": {"to": "2025-09-07T00:00:00Z"}, "skip": {"to": "now"}},
    "ack_events": lambda: {"taken": {"cursor": samples.AS_OF}},
    "rotate_secret": lambda: {"a_day": {"overlap_s": 86400}},
    "retry_deliveries": lambda: {
        "all": {"status": "dead"},
        "recent": {"status": "dead", "since": "2025-09-08T00:00:00Z"},
    },
}

RESPONSES: dict[tuple[str, str], Callable[[], Examples]] = {
    ("create_event", JSON): samples.events_out,
    ("replace_event", JSON): samples.events_out,
    ("upsert_event", JSON): samples.events_out,
    ("patch_event", JSON): lambda: {"event": {**sample("event"), "version": 2, "status": "confirmed"}},
    ("get_event", JSON): samples.events_out,
    ("find_by_external_id", JSON): samples.events_out,
    ("list_events", JSON): lambda: {"page": samples.page()},
    ("list_events_geojson", GEOJSON): lambda: {"map": samples.collection()},
    ("list_events_atom", ATOM): lambda: {"feed": samples.reader_feed()},
    ("count_events", JSON): lambda: {"count": sample("count")},
    ("export_events", NDJSON): lambda: {"lines": samples.export_example("ndjson")},
    ("export_events", CSV): lambda: {"table": samples.export_example("csv")},
    ("export_events", GEOJSON): lambda: {"map": samples.collection()},
    ("write_batch", JSON): lambda: {"results": sample("batch_out")},
    ("list_revisions", JSON): lambda: {"history": sample("revisions")},
    ("read_series", JSON): lambda: {"days": sample("series")},
    ("read_facets", JSON): lambda: {"countries": sample("facets")},
    ("read_grid", JSON): lambda: {"cells": sample("grid")},
    ("get_geojson_feed", GEOJSON): lambda: {"map": samples.collection()},
    ("get_atom_feed", ATOM): lambda: {"feed": samples.reader_feed()},
    ("read_feed", JSON): lambda: {"page": sample("feed")},
    ("read_durable_stream", JSON): lambda: {"items": sample("feed")["items"]},
    ("stream_feed", SSE): lambda: {"stream": samples.stream()},
    ("read_head", JSON): lambda: {"head": sample("head")},
    ("read_checkpoint", JSON): lambda: {"checkpoint": sample("checkpoint")},
    ("import_file", JSON): lambda: {"report": samples.import_report()},
    ("list_imports", JSON): lambda: {"page": {"items": [samples.import_head()], "next": None}},
    ("get_import", JSON): lambda: {"import": sample("import")},
    ("undo_import", JSON): lambda: {"undone": {**sample("import"), "state": "undone", "undo": samples.UNDONE}},
    ("list_sources", JSON): lambda: {"sources": {"items": [sample("source")]}},
    ("list_kinds", JSON): lambda: {"kinds": {"items": [serialize_kind(kind) for kind in KINDS]}},
    ("get_kind", JSON): lambda: {kind: {**serialize_kind(kind), "schema": abridge_schema(kind)} for kind in KINDS},
    ("create_subscription", JSON): lambda: {"push": samples.new_subscription()},
    ("list_subscriptions", JSON): lambda: {"page": {"items": [sample("subscription")], "next": None}},
    ("get_subscription", JSON): lambda: {"subscription": sample("subscription")},
    ("patch_subscription", JSON): lambda: {"paused": {**sample("subscription"), "version": 2, "status": "paused"}},
    ("seek_subscription", JSON): lambda: {"place": samples.PLACE},
    ("pull_events", JSON): lambda: {"page": samples.pull_example()},
    ("ack_events", JSON): lambda: {"place": samples.PLACE},
    ("ping_subscription", JSON): lambda: {
        "good": {"ok": True, "status_code": 204, "duration_ms": 12, "error": None},
        "late": {"ok": False, "status_code": None, "duration_ms": 15000, "error": "timeout"},
    },
    ("rotate_secret", JSON): lambda: {
        "secret": {"secret": samples.SECRET, "previous_expires_at": "2025-09-09T09:30:00Z"}
    },
    ("list_deliveries", JSON): lambda: {"page": {"items": [samples.delivery_head()], "next": None}},
    ("retry_deliveries", JSON): lambda: {"many": {"matched": 42}},
    ("get_delivery", JSON): lambda: {"delivery": sample("delivery")},
    ("retry_delivery", JSON): lambda: {"one": {"matched": 1}},
    ("list_notices", JSON): lambda: {"page": {"items": [sample("notice")], "next": None}},
    ("get_me", JSON): lambda: {"me": sample("me")},
    ("list_keys", JSON): lambda: {"keys": sample("keys")},
    ("create_key", JSON): lambda: {"key": sample("issued_key")},
    ("list_feed_tokens", JSON): lambda: {"tokens": {"items": [samples.feed_token()], "next": None}},
    ("create_feed_token", JSON): lambda: {"token": sample("issued_feed_token")},
    ("list_audit", JSON): lambda: {"trail": sample("audit")},
    ("read_metrics", "text/plain"): lambda: {"metrics": METRICS},
    ("is_alive", JSON): lambda: {"ok": sample("health")},
    ("is_ready", JSON): lambda: {"ok": sample("health")},
}

REFUSALS: dict[str, tuple[str, dict[str, Any]]] = {
    "malformed": ("The body is not JSON: Expecting value, line 3 column 12.", {}),
    "cursor-malformed": ("That is no cursor of this feed.", {}),
    "cursor-ahead": ("The cursor lies beyond the last change.", {}),
    "cursor-mismatch": ("The cursor was given out with another filter; start again without it.", {}),
    "unauthorized": ("This needs a key: send `Authorization: Bearer sitrep_...`.", {}),
    "forbidden": ("The key lacks the scope write.", {}),
    "not-found": ("There is no event with that id.", {}),
    "method-not-allowed": ("This path answers to GET, HEAD, POST.", {}),
    "request-timeout": ("The body did not arrive in 30 s.", {}),
    "duplicate-external-id": (
        "Another event holds newsroom:kyiv-air-attack.",
        {"existing": {"id": sample("event")["id"], "version": 3}},
    ),
    "import-running": (
        "Import 3 of this dataset runs in another process (api-1 17, last seen 2 s ago): try again when it has ended.",
        {},
    ),
    "subscription-mode": ("This call is for pull subscriptions, and this one has the other mode.", {}),
    "deleted": ("The event was deleted.", {"tombstone": sample("tombstone")}),
    "cursor-expired": (
        "The changes after that cursor were trimmed.",
        {"oldest": "e1-000000004711", "bootstrap": "/v1/events"},
    ),
    "cursor-epoch": (
        "The feed was restored since that cursor; read the list again.",
        {"oldest": "e2-000000000000", "bootstrap": "/v1/events"},
    ),
    "version-mismatch": ("The event changed since you read it.", {"current": 3}),
    "payload-too-large": ("The body may have 262144 bytes here.", {}),
    "uri-too-long": ("The path and the query string may have 8192 bytes each.", {}),
    "unsupported-media-type": ("Send the body as application/json in UTF-8.", {}),
    "validation": (
        sample("problem")["detail"],
        {"errors": [FieldError(**error) for error in sample("problem")["errors"]]},
    ),
    "idempotency-mismatch": ("This Idempotency-Key was used with another body.", {}),
    "precondition-required": ("Send If-Match with the version that you read.", {}),
    "too-many-requests": ("The quota of this key is used up.", {}),
    "headers-too-large": ("The header fields may have 16384 bytes in all.", {}),
    "internal": ("The request met a fault in the server. The id in `instance` finds it in the log.", {}),
    "schema-mismatch": (
        "The database is at revision 0002, older than 0003, which this Sitrep needs: run `sitrep migrate`.",
        {},
    ),
    "unavailable": ("The database does not answer; try again.", {}),
    "disk-full": ("The disk is full; nothing was stored.", {}),
}


def abridge_schema(kind: str) -> dict[str, Any]:
    """The head of a kind's JSON Schema: the whole is long, and its references would seem to be the document's."""
    return {key: value for key, value in schema_of(kind).items() if key in {"title", "description", "type", "required"}}


def problem_example(problem: type[Problem]) -> dict[str, Any]:
    """A problem as it is answered."""
    detail, members = REFUSALS.get(problem.slug, (problem.title + ".", {}))
    return {"summary": problem.title, "value": problem(detail, **members).document(INSTANCE)}


def shared_examples() -> dict[str, Any]:
    """The examples that many operations point to: every problem, and every kind both ways."""
    return {
        **{problem.slug: problem_example(problem) for problem in PROBLEMS.values()},
        **{f"{kind}_in": label_example(kind, event) for kind, event in samples.events_in().items()},
        **{f"{kind}_out": label_example(kind, event) for kind, event in samples.events_out().items()},
    }


def label_example(label: str, value: Any) -> dict[str, Any]:
    """An example with what it is of, in words."""
    return {"summary": label.replace("_", " ").capitalize(), "value": value}


def reference_examples(found: Examples) -> dict[str, Any]:
    """Examples of one body; events are pointed to."""
    for ending, events in (("in", samples.events_in()), ("out", samples.events_out())):
        if found is events:
            return {kind: {"$ref": f"#/components/examples/{kind}_{ending}"} for kind in events}
    return {label: label_example(label, value) for label, value in found.items()}
