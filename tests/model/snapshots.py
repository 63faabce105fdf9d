"""Every way of reading how the events stand: list, count, export, maps, statistics, fixed feeds, each asked twice."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import worlds
from calls import good
from drawing import VALUES

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from book import Book, Event, Question
    from drawing import Drawing

PERIODS = {"day": timedelta(hours=24), "week": timedelta(days=7), "month": timedelta(days=30)}
SCOPES = {"all": None, "attacks": "attack", "negotiations": "negotiation_round", "sanctions": "sanction_move",
          "guarantees": "security_guarantee"}  # fmt: skip
MEASURES = ["killed", "injured", "launched", "rounds", "targets_listed", "personnel"]
# How the values of a facet are counted: only by their labels. A facet that is not here has no second names.
LABELS: dict[str, Callable[[Event], list[str | None]]] = {
    "actor": lambda event: [actor["name"] for actor in event["actors"]],
    "initiator": lambda event: [actor["name"] for actor in event["actors"] if actor["role"] == "initiator"],
    "beneficiary": lambda event: (
        [actor["name"] for actor in event["actors"] if actor["role"] == "beneficiary"]
        if event["kind"] == "security_guarantee"
        else []
    ),
    "authority": lambda event: [(event["detail"].get("authority") or {}).get("name")],
    "programme": lambda event: [
        (event["detail"].get("programme") or {}).get("name") or (event["detail"].get("programme") or {}).get("id")
    ],
    "sanctioned_entity": lambda event: [
        target["name"] for row in event["detail"].get("measures", []) for target in row["targets"]
    ],
    "imo": lambda event: [
        target["imo"] for row in event["detail"].get("measures", []) for target in row["targets"] if target["imo"]
    ],
}


def labels(event: Event, facet: str) -> set[str]:
    """The values that an event counts for, folded."""
    found = LABELS[facet](event) if facet in LABELS else worlds.facet(event, facet)
    return {worlds.fold(value) for value in found if value is not None}


class Snapshots:
    """Asks one server how the events stand, and compares the answers with the model."""

    def __init__(self, drawing: Drawing, book: Book) -> None:
        self.drawing = drawing
        self.book = book
        self.compared = 0

    async def check(self, api: httpx.AsyncClient, question: Question) -> None:
        """One question in every form."""
        asked = [pair for pair in question if pair[0] != "change"]
        events = [event for event in self.book.live.values() if self.book.matches(event, asked)]
        for part in (self.listed, self.counted, self.exported, self.mapped, self.over_time, self.by_facet):
            try:
                for _ in range(2):  # the second answer may be a kept one
                    await part(api, asked, events)
                    self.compared += 1
            except AssertionError as failure:
                failure.add_note(f"{part.__name__} of {asked} at {self.book.cursor}")
                raise

    async def listed(self, api: httpx.AsyncClient, asked: Question, events: list[Event]) -> None:
        """Page by page in any order."""
        sort = self.drawing.random.choice(["started_at", "-started_at", "updated_at", "-updated_at"])
        params: Question = [*asked, ("sort", sort), ("limit", self.drawing.random.choice(["3", "100"]))]
        found: list[Event] = []
        cursor: str | None = None
        while True:
            page = good(await api.get(f"/v1/events?{urlencode([*params, *([('cursor', cursor)] if cursor else [])])}"))
            assert page["as_of"] == self.book.cursor
            found += page["items"]
            if (cursor := page["next"]) is None:
                break
        places = [(datetime.fromisoformat(event[sort.strip("-")]), event["id"]) for event in found]
        assert places == sorted(places, reverse=sort.startswith("-"))
        assert by_id(found) == by_id(events)

    async def counted(self, api: httpx.AsyncClient, asked: Question, events: list[Event]) -> None:
        """Now, and as it was."""
        now = good(await api.get(f"/v1/events/count?{urlencode(asked)}"))
        assert now == {"count": len(events), "as_of": self.book.cursor}
        then = self.drawing.random.randint(0, self.book.head)
        cursor = f"e{self.book.epoch}-{then:012d}"
        past = [event for event in self.book.state(then) if event["id"] not in self.book.erased]
        count = good(await api.get(f"/v1/events/count?{urlencode([*asked, ('as_of', cursor)])}"))["count"]
        most = len(self.book.state(then)) - len(past)
        least = sum(self.book.matches(event, asked) for event in past)
        assert least <= count <= least + most, f"as of {cursor}"

    async def exported(self, api: httpx.AsyncClient, asked: Question, events: list[Event]) -> None:
        answer = await api.get(f"/v1/events/export?{urlencode(asked)}")
        assert answer.status_code == 200, answer.text
        assert by_id([json.loads(line) for line in answer.content.splitlines()]) == by_id(events)

    async def mapped(self, api: httpx.AsyncClient, asked: Question, events: list[Event]) -> None:
        answer = good(await api.get(f"/v1/events/export?{urlencode([*asked, ('format', 'geojson')])}"))
        assert Counter(feature["id"] for feature in answer["features"]) == features(events)

    async def over_time(self, api: httpx.AsyncClient, asked: Question, events: list[Event]) -> None:
        """The series by group: every event in its bucket and groups, every number in the sum."""
        random = self.drawing.random
        facet, measure = random.choice([None, *VALUES]), random.choice(["count", *MEASURES])
        interval = random.choice(["month", "quarter", "year"])
        extra = [("interval", interval), ("measure", measure), *([("group_by", facet)] if facet else [])]
        answer = await api.get(f"/v1/stats/series?{urlencode([*asked, *extra])}")
        if answer.status_code == 422:  # too many rows: the model does not say when
            assert [error["code"] for error in answer.json()["errors"]] == ["too-many"], answer.text
            return
        rows = good(answer)
        buckets = sorted({(row["start"], row["end"]) for row in rows}, key=lambda ends: datetime.fromisoformat(ends[0]))
        expected: Counter[tuple[str, str | None, str]] = Counter()
        for event in events:
            start = bucket_of(counted_at(event, asked), buckets)
            groups: list[str | None] = [*sorted(labels(event, facet))] if facet else []
            for group in groups or [None]:
                expected[start, group, "count"] += 1
                for part in ("low", "best", "high") if measure != "count" else ():
                    expected[start, group, part] += worlds.total(event, measure, part) or 0
        given = Counter(
            {
                (row["start"], row["group"] and worlds.fold(row["group"]), part): row[part] or 0
                for row in rows
                for part in ("count", "low", "best", "high")
            }
        )
        assert +given == +expected, extra

    async def by_facet(self, api: httpx.AsyncClient, asked: Question, _events: list[Event]) -> None:
        facet = self.drawing.random.choice(list(VALUES))
        answer = good(await api.get(f"/v1/stats/facets?{urlencode([*asked, ('facet', facet), ('limit', '1000')])}"))
        others = [pair for pair in asked if pair[0] != facet]
        tally = Counter(
            value
            for event in self.book.live.values()
            if self.book.matches(event, others)
            for value in labels(event, facet)
        )
        rows = answer["facets"][facet]
        assert {worlds.fold(row["value"]): row["count"] for row in rows} == tally, facet
        assert rows == sorted(rows, key=lambda row: (-row["count"], row["value"]))

    async def check_fixed(self, api: httpx.AsyncClient) -> None:
        """A fixed feed in both forms; the minute may end meanwhile."""
        scope, period = self.drawing.random.choice(list(SCOPES)), self.drawing.random.choice(list(PERIODS))
        before = self.recent(scope, period)
        map_ = good(await api.get(f"/v1/feeds/{scope}_{period}.geojson"))
        atom = (await api.get(f"/v1/feeds/{scope}_{period}.atom")).text
        either = [before, self.recent(scope, period)]
        assert Counter(feature["id"] for feature in map_["features"]) in [features(events) for events in either]
        entries = set(re.findall("<entry>.*?urn:uuid:([0-9a-f-]{36})", atom, re.DOTALL))
        assert entries in [{event["id"] for event in events} for events in either]
        self.compared += 2

    def recent(self, scope: str, period: str) -> list[Event]:
        """The events of which some moment lies in the period that ends with the current minute."""
        until = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        since = until - timedelta(minutes=1) - PERIODS[period]
        return [
            event
            for event in self.book.live.values()
            if SCOPES[scope] in {None, event["kind"]} and worlds.overlaps(event, since, until)
        ]


def by_id(events: list[Event]) -> dict[str, Event]:
    """The events by id; each is there once."""
    found = {event["id"]: event for event in events}
    assert len(found) == len(events)
    return found


def features(events: list[Event]) -> Counter[str]:
    """What a map has: every located place of every event."""
    return Counter(
        f"{event['id']}/{n}"
        for event in events
        for n, place in enumerate(event["locations"])
        if place["lat"] is not None
    )


def counted_at(event: Event, asked: Question) -> datetime:
    """The moment at which an event counts: its beginning, but not before `since`."""
    named = dict(asked)
    since = worlds.instant_in(named.get("since"), ZoneInfo(named.get("timezone", "UTC")))
    begin = worlds.interval(event)[0]
    return begin if since is None else max(begin, since)


def bucket_of(at: datetime, buckets: list[tuple[str, str]]) -> str:
    [start] = [start for start, end in buckets if datetime.fromisoformat(start) <= at < datetime.fromisoformat(end)]
    return start
