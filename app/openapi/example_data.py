"""What the document shows as examples: the sample events as they are sent, as they come back, and as files."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from app.events.formats.atom import Channel, entry, opening
from app.events.formats.csv import csv_header
from app.events.formats.export import FORMATS
from app.kinds import KINDS, MEASURES, canonical_json, facets_of, measures_of, parse_event
from app.samples import load

FOLDER = Path(__file__).with_name("examples")
AS_OF = "e1-000000000012"
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD5Gyzx6aNPgE="  # noqa: S105 (an example)
SOURCE = "urn:sitrep:019928a0-51c4-7b3e-9d12-6a0f4e8b7c31"
BASE = "https://sitrep.example.org/"
UPDATED = "2025-09-08T09:30:00Z"
FILE = "id,type_of_violence,where_prec\n1,1,2\n"
UNDONE = {
    "deleted": 12,
    "replaced": 39,
    "restored": 0,
    "left": 1,
    "problems": ["Event 019928a0-51c4-7b3e-9d12-6a0f4e8b7c31 (412734) is left as it is: it was changed since."],
}
PLACE = {"cursor": AS_OF, "lag": 3, "generation": 1}

Examples = dict[str, Any]


@cache
def sample(name: str) -> Any:
    """One file of examples/."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@cache
def events_in() -> Examples:
    """An event of every kind that has an example, as a writer sends it."""
    return {kind: sample(kind) for kind in KINDS if (FOLDER / f"{kind}.json").is_file()}


@cache
def events_out() -> Examples:
    """The same events as they come back."""
    return {kind: to_output(event, number) for number, (kind, event) in enumerate(events_in().items())}


def to_output(event: Any, number: int) -> Any:
    """An event with the fields that the server sets; they are those of the sample that has them, but for the id."""
    shown = sample("event")
    if shown["kind"] == event["kind"]:
        return shown
    inner = json.loads(canonical_json(parse_event(event), []))
    own = {"id": f"{shown['id'][:-2]}{number:02x}", "kind": event["kind"], "version": 1}
    return {**own, **inner, "created_at": shown["created_at"], "updated_at": shown["updated_at"]}


def bodies() -> list[bytes]:
    """The events as they are stored."""
    return [orjson.dumps(event) for event in events_out().values()]


def page() -> Any:
    """A page of two events, with more behind it."""
    return {"items": list(events_out().values())[:2], "next": "bGltaXQ9Mg.5f1a", "as_of": AS_OF}


def collection() -> Any:
    """A page on the map."""
    return orjson.loads(export_example("geojson"))


def export_example(name: str) -> str:
    """A file of one event."""
    style = FORMATS[name]
    head = csv_header() if name == "csv" else style.head
    return (head + style.write(bodies()[:1]) + style.tail(AS_OF)).decode()


def reader_feed() -> str:
    """An Atom feed of one event."""
    about = Channel(f"{SOURCE}#all_day", "All events of the last 24 hours", UPDATED, BASE, "v1/feeds/all_day.atom")
    return f"{opening(about)}{entry(next(iter(events_out().values())), BASE)}</feed>\n"


def stream() -> str:
    """What a reader of the stream receives: a change, then a heartbeat."""
    item = sample("feed")["items"][0]
    return f"retry: 3000\n\nid: {item['id']}\nevent: change\ndata: {json.dumps(item)}\n\nid: {AS_OF}\n\n"


def new_subscription() -> Any:
    """A new push subscription with its secret."""
    fresh = {"status": "pending", "last_success_at": None, "secret": SECRET}
    return {**sample("subscription"), **fresh}


def pull_example() -> Any:
    """A page of a pull subscription."""
    return {**sample("feed"), "committed": "e1-000000000010", "lag": 2}


def delivery_head() -> Any:
    """A delivery as lists show it."""
    shown = {name: value for name, value in sample("delivery").items() if name != "attempts"}
    return {**shown, "attempt_count": 1}


def feed_token() -> Any:
    """A feed token as lists show it."""
    return {name: value for name, value in sample("issued_feed_token").items() if name != "token"}


def import_head() -> Any:
    """An import as lists show it."""
    return {name: value for name, value in sample("import").items() if name != "problems"}


def import_report() -> Any:
    """What a call that imports answers."""
    of_the_file = (
        "layout",
        "file_name",
        "sha256",
        "size",
        "options",
        "state",
        "by",
        "started_at",
        "seen_at",
        "ended_at",
        "undo",
    )
    return {
        "dry_run": False,
        **{name: value for name, value in sample("import").items() if name not in of_the_file},
    }


@cache
def filter_values() -> dict[str, list[Any]]:
    """Values for the filters, read from the events: the first of each facet, the size of each measure."""
    found: dict[str, list[Any]] = {}
    for data in (*events_in().values(), *(item["event"] for item in load())):
        event = parse_event(data, batch=True)
        for name, value in facets_of(event):
            found.setdefault(name, [[value.label]])
        for name, numbers in measures_of(event).items():
            found.setdefault(f"{name}_min", [numbers.low])
            found.setdefault(f"{name}_max", [numbers.high])
    for name in MEASURES:
        found.setdefault(f"{name}_min", [1])
        found.setdefault(f"{name}_max", [100])
    return found
