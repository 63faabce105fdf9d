"""Events as an Atom 1.0 feed (RFC 4287), with GeoRSS points, for feed readers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

import orjson

from app.events.documents import load_event
from app.events.formats.export import slices
from app.kinds import KINDS, Numbers, measures_of
from app.kit.offload import run_in_thread

ATOM = "application/atom+xml"
# What no XML 1.0 document may hold, though an event's text may.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


# Line readers cut at these.
SEPARATORS = {"\u2028": "&#8232;", "\u2029": "&#8233;"}


class Channel(NamedTuple):
    """What a feed says of itself.

    `base` is the address under which the reader sees the server; `path` and `following`, this page and the next, are
    relative to it.
    """

    id: str
    title: str
    updated: str
    base: str
    path: str
    following: str | None = None


async def atom_feed(channel: Channel, pages: AsyncIterator[Iterable[bytes]]) -> AsyncIterator[bytes]:
    """Give the document in pieces: an entry for each event, as it is stored."""
    yield opening(channel).encode()
    async for page in pages:
        for part in slices(page):
            yield await run_in_thread(entries, part, channel.base)
    yield b"</feed>\n"


def opening(channel: Channel) -> str:
    """The head of the feed."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:georss="http://www.georss.org/georss">\n'
        f"{element('id', channel.id)}{element('title', channel.title)}{element('updated', channel.updated)}"
        f"{link('self', channel.base + channel.path, ATOM)}{link('alternate', channel.base, 'text/html')}"
        f"{'' if channel.following is None else link('next', channel.base + channel.following, ATOM)}"
        f"<author>{element('name', 'Sitrep')}</author>\n"
    )


def entries(bodies: Iterable[bytes], base: str) -> bytes:
    """Write the entries of these events."""
    return "".join([entry(orjson.loads(body), base) for body in bodies]).encode()


def entry(event: dict[str, Any], base: str) -> str:
    """An event: what happened, where, in which numbers, and who says so."""
    id, kind = event["id"], event["kind"]
    parts = [
        element("id", f"urn:uuid:{id}"),
        element("title", event["title"]),
        element("updated", event["updated_at"]),
        element("published", event["created_at"]),
        link("alternate", f"{base}events/{id}", "text/html"),
        link("alternate", f"{base}v1/events/{id}", "application/json"),
        *(link("via", source["url"]) for source in event["sources"] if source["url"] is not None),
        f"<category term={attribute(kind)} label={attribute(KINDS[kind].title)}/>",
        *(f"<category term={attribute(tag)}/>" for tag in event["tags"]),
        element("summary", "\n".join(summary_of(event))),
        *points(event["locations"]),
    ]
    return f"<entry>{''.join(parts)}</entry>\n"


def summary_of(event: dict[str, Any]) -> Iterator[str]:
    """The summary in lines of plain text."""
    if event["summary"]:
        yield event["summary"]
    yield from line("When", [format_time(event)])
    yield from line("Where", filter(None, map(describe_location, event["locations"])))
    numbers = measures_of(load_event(event))
    yield from line("Numbers", [f"{name} {format_estimate(found)}" for name, found in numbers.items()])
    yield from line("Status", [event["status"]])
    yield from line("Sources", dict.fromkeys(source["publisher"] for source in event["sources"]))


def line(label: str, values: Iterable[str]) -> Iterator[str]:
    """`label: value, value`, or nothing where there is no value."""
    if text := ", ".join(values):
        yield f"{label}: {text}"


def format_time(event: dict[str, Any]) -> str:
    """The event's time as it is stored, with how exact the report is."""
    ended = "" if event["ended_at"] is None else f" to {event['ended_at']}"
    return f"{event['started_at']}{ended} ({event['time_precision']})"


def format_estimate(found: Numbers) -> str:
    """A number with its doubt: `810 (805 to 823)`."""
    return str(found.best) if found.low == found.high else f"{found.best} ({found.low} to {found.high})"


def describe_location(place: dict[str, Any]) -> str:
    """Write a location's name, division or country, and role, without what is not known."""
    country = place["country"] or place["admin1"]
    role = "" if place["role"] is None else f"({place['role']})"
    return " ".join(filter(None, [", ".join(filter(None, [place["name"], country])), role]))


def points(locations: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The first place that has coordinates, those of launches last."""
    located = [place for place in locations if place["lat"] is not None]
    for place in sorted(located, key=is_launch)[:1]:
        yield f"<georss:point>{place['lat']:.7f} {place['lon']:.7f}</georss:point>"


def is_launch(place: dict[str, Any]) -> bool:
    """Nothing happened there yet."""
    return bool(place["role"] == "launch")


def element(name: str, text: str) -> str:
    """An element that holds only text."""
    return f"<{name}>{escape(strip_forbidden(text), SEPARATORS)}</{name}>"


def link(relation: str, address: str, media: str | None = None) -> str:
    """A link of the feed or of an entry."""
    kind = "" if media is None else f" type={attribute(media)}"
    return f"<link rel={attribute(relation)} href={attribute(address)}{kind}/>"


def attribute(text: str) -> str:
    """A value in quotes."""
    return quoteattr(strip_forbidden(text), SEPARATORS)


def strip_forbidden(text: str) -> str:
    """The text without what XML cannot hold."""
    return FORBIDDEN.sub("\ufffd", text)
