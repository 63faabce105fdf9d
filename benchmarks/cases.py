"""What is asked of the servers: for each case the same question in each one's own words."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from itertools import count, cycle, islice
from typing import TYPE_CHECKING, Any

import orjson

from app.changes import format_cursor
from app.http.pagination import encode_place
from app.kinds import micros
from benchmarks.events import FIRST, LAST, event
from benchmarks.load import ask, request_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

READERS = 4
WRITERS = 32
PAGES = 16
BATCH = 1_000
# Values of the made-up events. 2 in 3 have the first, 1 in 12 both of the second, so that a page is full at any depth
# of 10,000 events too; 1 in 7 both of the third; 1 in 10 is of the kind.
ONE_FACET = "country=UA"
TWO_FACETS = "country=UA&munition=cruise_missile"
TWO_TAGS = "country=UA&tag=port"
KIND = "kind=negotiation_round"
NUMBERS = count(10_000_000)


@dataclass(frozen=True, slots=True)
class Case:
    """A question: the requests that ask it of Sitrep and of the plain app; a write has fresh ones each time."""

    name: str
    sitrep: Callable[[], Iterator[bytes]]
    plain: Callable[[], Iterator[bytes]] | None = None
    clients: int = READERS
    writes: bool = False
    limit: float | None = None
    most: int = 4_000


def again(requests: Sequence[bytes]) -> Callable[[], Iterator[bytes]]:
    """The same requests over and over."""
    return lambda: cycle(requests)


def gets(*targets: str) -> list[bytes]:
    return [request_bytes(target) for target in targets]


async def reading_cases(sitrep: int, plain: int, events: int) -> list[Case]:
    """Cases that read, put together by asking the servers on these ports for ids, cursors and ETags."""
    pages, ids, etags = await sitrep_pages(sitrep)
    plain_pages, plain_ids = await plain_pages_and_ids(plain)
    known = [
        request_bytes(f"/v1/events/{id}", headers={"if-none-match": etag}) for id, etag in zip(ids, etags, strict=True)
    ]
    by_id = again(gets(*(f"/events/{id}" for id in plain_ids)))
    feed = again(gets(*(f"/feed?after={after}&limit=100" for after in steps(events))))
    of_kind = again(gets(*(f"/feed?after={after}&limit=100&{KIND}" for after in steps(events // 2))))
    return [
        Case("page of 100", again(gets(*pages)), again(gets(*plain_pages)), limit=0.25),
        Case("page, one facet", again(gets(f"/v1/events?{ONE_FACET}")), again(gets(f"/events?{ONE_FACET}"))),
        Case("page, two facets", again(gets(f"/v1/events?{TWO_TAGS}")), again(gets(f"/events?{TWO_TAGS}"))),
        Case("event by id", again(gets(*(f"/v1/events/{id}" for id in ids))), by_id),
        Case("event, 304", again(known), by_id),
        Case("feed page", again(gets(*feed_pages("limit=100", events))), feed),
        Case("feed page, one facet", again(gets(*feed_pages(KIND, events // 2))), of_kind),
    ]


def writing_cases(key: str) -> list[Case]:
    """Cases that write."""
    return [
        Case(
            "create, 32 clients",
            lambda: (created("/v1/events", key) for _ in count()),
            lambda: (created("/events", key) for _ in count()),
            clients=WRITERS,
            writes=True,
            limit=1 / 3,
        ),
        Case(
            "create, plain: one row",
            lambda: (created("/v1/events", key) for _ in count()),
            lambda: (created("/events/row", key) for _ in count()),
            clients=WRITERS,
            writes=True,
        ),
        Case(
            "batch of 1,000",
            lambda: (batch("/v1/events/batch", key, wrapped=True) for _ in count()),
            lambda: (batch("/events/batch", key, wrapped=False) for _ in count()),
            clients=1,
            writes=True,
            most=3,
        ),
    ]


def deep_cases(events: int, cursor: str) -> list[Case]:
    """Cases that read one database of so many events at many depths; `cursor` continues its first page."""
    middle = micros(FIRST + (LAST - FIRST) / 2)
    deep = moved(cursor, middle)
    near = max(events - 2_000, 0)
    return [
        Case("page, first", again(gets("/v1/events?limit=100"))),
        Case("page, half way back", again(gets(f"/v1/events?limit=100&cursor={deep}"))),
        Case("page, one facet", again(gets(f"/v1/events?limit=100&{ONE_FACET}"))),
        Case("page, two facets", again(gets(f"/v1/events?limit=100&{TWO_FACETS}"))),
        Case("page, two facets, half way back", again(gets(f"/v1/events?limit=100&{TWO_FACETS}&until=2019-12-01"))),
        Case("feed, beginning", again(gets(feed_page("limit=100", 0)))),
        Case("feed, middle", again(gets(feed_page("limit=100", events // 200 * 100)))),
        Case("feed, near the head", again(gets(feed_page("limit=100", near)))),
        Case("feed, beginning, two facets", again(gets(feed_page(TWO_FACETS, 0)))),
        Case("feed, middle, two facets", again(gets(feed_page(TWO_FACETS, events // 2)))),
        Case("feed, near the head, two facets", again(gets(feed_page(TWO_FACETS, near)))),
    ]


def feed_page(query: str, after: int) -> str:
    return f"/v1/feed?after={format_cursor(1, after)}&{query}"


def feed_pages(query: str, events: int) -> list[str]:
    return [feed_page(query, after) for after in steps(events)]


def steps(events: int) -> list[int]:
    """Places spread over the log, each the end of a page."""
    return [events * n // PAGES // 100 * 100 for n in range(PAGES)]


def moved(cursor: str, at: int) -> str:
    """The list cursor of the same question at another place."""
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    return encode_place(at, struct.unpack(">qq", raw[:16])[1], raw[16:24])


async def first_cursor(port: int) -> str:
    """Where the second page of the list begins."""
    [page] = await ask(port, *gets("/v1/events?limit=100"))
    return str(orjson.loads(page.body)["next"])


async def sitrep_pages(port: int) -> tuple[list[str], list[str], list[str]]:
    """The first pages of the list, some ids, and the ETags of those events."""
    targets = ["/v1/events?limit=100"]
    ids: list[str] = []
    while len(targets) <= PAGES:
        [page] = await ask(port, *gets(targets[-1]))
        found = orjson.loads(page.body)
        ids += [item["id"] for item in found["items"][:4]]
        targets.append(f"/v1/events?limit=100&cursor={found['next']}")
    answers = await ask(port, *gets(*(f"/v1/events/{id}" for id in ids)))
    return targets[:PAGES], ids, [answer.headers["etag"] for answer in answers]


async def plain_pages_and_ids(port: int) -> tuple[list[str], list[str]]:
    """The same of the plain app."""
    targets, ids = ["/events?limit=100"], []
    while len(targets) <= PAGES:
        [page] = await ask(port, *gets(targets[-1]))
        found = orjson.loads(page.body)
        ids += [item["id"] for item in found["items"][:4]]
        targets.append(f"/events?limit=100&{found['next']}")
    return targets[:PAGES], ids


def created(target: str, key: str) -> bytes:
    """A POST of an event that was never sent before."""
    return request_bytes(target, headers=bearer(key), body=orjson.dumps(fresh()))


def batch(target: str, key: str, *, wrapped: bool) -> bytes:
    """A POST of a thousand of them."""
    items = [fresh() for _ in range(BATCH)]
    body: Any = {"items": [{"op": "create", "event": item} for item in items]} if wrapped else items
    return request_bytes(target, headers=bearer(key), body=orjson.dumps(body))


def fresh() -> dict[str, Any]:
    n = next(NUMBERS)
    return {**event(n, n + 1), "external_ids": [{"system": "bench", "id": f"new-{n}"}]}


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def take(requests: Iterator[bytes], number: int) -> list[bytes]:
    """The next so many requests."""
    return list(islice(requests, number))
