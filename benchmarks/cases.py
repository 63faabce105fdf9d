"""What is asked of the servers: for each case the same question in each one's own words."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from itertools import count, cycle, islice
from random import Random
from typing import TYPE_CHECKING, Any

import orjson

from app.changes import format_cursor
from app.http.pagination import encode_place
from app.kinds import micros
from benchmarks.events import FIRST, LAST, event
from benchmarks.load import ask, request_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

READERS = 4
WRITERS = 32
PAGES = 16
BATCH = 1_000
PAGE = 100
FEED_PAGES, FEED_MOST = 900, 40  # so many positions, and so few requests a round that none comes twice
# Values of the made-up events. 2 in 3 have the first, 1 in 12 both of the second, so that a page is full at any depth
# of 10,000 events too; 1 in 10 is of the kind.
ONE_FACET = "country=UA"
TWO_FACETS = "country=UA&munition=cruise_missile"
KIND = "kind=negotiation_round"
NUMBERS = count(10_000_000)
MIX = ("page", "create", "narrowed", "event", "page", "create", "event", "narrowed", "page", "create")


@dataclass(frozen=True, slots=True)
class Case:
    """A question, for a row of the results: the requests that ask it of Sitrep and of the plain app.

    Each call goes on with requests; where they are never the same twice, no answer that was kept can serve.
    """

    row: str
    sitrep: Callable[[], Iterator[bytes]]
    plain: Callable[[], Iterator[bytes]] | None = None
    clients: int = READERS
    most: int = 1_000
    name: str = ""


def again(requests: Sequence[bytes]) -> Callable[[], Iterator[bytes]]:
    """The same requests over and over."""
    return lambda: cycle(requests)


def gets(*targets: str) -> list[bytes]:
    return [request_bytes(target) for target in targets]


async def reading_cases(sitrep: int, plain: int, events: int) -> list[Case]:
    """Cases that read, put together by asking the servers on these ports for ids, cursors and ETags."""
    cursor = await first_cursor(sitrep)
    ids, etags = await some_events(sitrep)
    plain_pages, plain_ids = await plain_pages_and_ids(plain)
    known = [
        request_bytes(f"/v1/events/{id}", headers={"if-none-match": etag}) for id, etag in zip(ids, etags, strict=True)
    ]
    by_id = again(gets(*(f"/events/{id}" for id in plain_ids)))
    feed = again(gets(*(f"/feed?after={after}&limit=100" for after in steps(events))))
    of_kind = again(gets(*(f"/feed?after={after}&limit=100&{KIND}" for after in steps(events // 2))))
    pages = again(gets(*plain_pages))
    return [
        Case("repeated-page", again(gets("/v1/events?limit=100")), again(gets(plain_pages[0]))),
        Case("uncached-page", fresh_pages(cursor), pages),
        Case("by-id", again(gets(*(f"/v1/events/{id}" for id in ids))), by_id),
        Case("not-modified", again(known), by_id),
        Case("feed", fresh_feed_pages("limit=100", events - PAGE), feed),
        Case("feed-filtered", fresh_feed_pages(f"limit=100&{KIND}", events // 2), of_kind),
    ]


def fresh_pages(cursor: str, query: str = "") -> Callable[[], Iterator[bytes]]:
    """Pages of the list that nobody asked for before: each begins at another moment of the later years."""
    random = Random(1)
    first, last = micros(FIRST + (LAST - FIRST) / 4), micros(LAST)
    moments = (random.randrange(first, last) for _ in count())
    return lambda: (request_bytes(f"/v1/events?limit=100{query}&cursor={moved(cursor, at)}") for at in moments)


def fresh_feed_pages(query: str, positions: int) -> Callable[[], Iterator[bytes]]:
    """Pages of the feed that nobody asked for before, until every position has been the beginning of one."""
    places = cycle(Random(1).sample(range(positions), positions))
    return lambda: (request_bytes(feed_page(query, after)) for after in places)


def creating_case(key: str) -> Case:
    """Single creates of many clients."""
    return Case(
        "create",
        lambda: (created("/v1/events", key) for _ in count()),
        lambda: (created("/events", key) for _ in count()),
        clients=WRITERS,
    )


async def mixed_case(sitrep: int, plain: int, key: str) -> Case:
    """Pages, some of them narrowed, single events and single creates, of many clients."""
    query = f"&{ONE_FACET}"
    cursor, narrowed = await first_cursor(sitrep), await first_cursor(sitrep, query)
    ids, _ = await some_events(sitrep)
    plain_pages, plain_ids = await plain_pages_and_ids(plain)
    creating = creating_case(key)
    assert creating.plain is not None
    ours = {
        "page": fresh_pages(cursor)(),
        "narrowed": fresh_pages(narrowed, query)(),
        "event": cycle(gets(*(f"/v1/events/{id}" for id in ids))),
        "create": creating.sitrep(),
    }
    theirs = {
        "page": cycle(gets(*plain_pages)),
        "narrowed": cycle(gets(*(page + query for page in plain_pages))),
        "event": cycle(gets(*(f"/events/{id}" for id in plain_ids))),
        "create": creating.plain(),
    }
    return Case("mixed", lambda: mixed(ours), lambda: mixed(theirs), clients=WRITERS)


def mixed(sorts: Mapping[str, Iterator[bytes]]) -> Iterator[bytes]:
    """Requests of all sorts, ten and ten in the same order."""
    return (next(sorts[name]) for name in cycle(MIX))


async def deep_cases(port: int, events: int) -> list[Case]:
    """Cases that read one database of so many events at many depths, and never the same page twice."""
    middle, newest = micros(FIRST + (LAST - FIRST) / 2), micros(LAST)
    near = max(events - 2_000, 0)

    async def pages(name: str, query: str, at: int) -> Case:
        cursor = await first_cursor(port, query)
        target = f"/v1/events?limit=100{query}&cursor="
        stream = (request_bytes(target + moved(cursor, at - n)) for n in count())
        return Case("page-depth", lambda: stream, name=name)

    def feed(name: str, query: str, after: int) -> Case:
        stream = cycle([request_bytes(feed_page(query, after + n)) for n in range(FEED_PAGES)])
        return Case("feed-depth", lambda: stream, most=FEED_MOST, name=name)

    return [
        await pages("newest", "", newest),
        await pages("half way back", "", middle),
        await pages("one facet", f"&{ONE_FACET}", newest),
        await pages("two facets", f"&{TWO_FACETS}", newest),
        await pages("two facets, half way", f"&{TWO_FACETS}", middle),
        feed("beginning", "limit=100", 0),
        feed("middle", "limit=100", events // 2),
        feed("near the head", "limit=100", near),
        feed("beginning, two facets", TWO_FACETS, 0),
        feed("middle, two facets", TWO_FACETS, events // 2),
        feed("near the head, two facets", TWO_FACETS, near),
    ]


def feed_page(query: str, after: int) -> str:
    return f"/v1/feed?after={format_cursor(1, after)}&{query}"


def steps(events: int) -> list[int]:
    """Places spread over the log, each the end of a page."""
    return [events * n // PAGES // 100 * 100 for n in range(PAGES)]


def moved(cursor: str, at: int) -> str:
    """The list cursor of the same question at another place."""
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    return encode_place(at, struct.unpack(">qq", raw[:16])[1], raw[16:24])


async def first_cursor(port: int, query: str = "") -> str:
    """Where the second page of the list begins."""
    [page] = await ask(port, *gets(f"/v1/events?limit=100{query}"))
    return str(orjson.loads(page.body)["next"])


async def some_events(port: int) -> tuple[list[str], list[str]]:
    """The ids of some events, and their ETags."""
    [page] = await ask(port, *gets("/v1/events?limit=100"))
    ids = [item["id"] for item in orjson.loads(page.body)["items"][: 4 * PAGES]]
    answers = await ask(port, *gets(*(f"/v1/events/{id}" for id in ids)))
    return ids, [answer.headers["etag"] for answer in answers]


async def plain_pages_and_ids(port: int) -> tuple[list[str], list[str]]:
    """The first pages of the plain app's list, or of a peer's with the same routes, and some ids."""
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


def small_batch(key: str, items: int) -> bytes:
    """A POST of a few of them."""
    body = {"items": [{"op": "create", "event": fresh()} for _ in range(items)]}
    return request_bytes("/v1/events/batch", headers=bearer(key), body=orjson.dumps(body))


def fresh() -> dict[str, Any]:
    n = next(NUMBERS)
    return {**event(n, n + 1), "external_ids": [{"system": "bench", "id": f"new-{n}"}]}


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def take(requests: Iterator[bytes], number: int) -> list[bytes]:
    """The next so many requests."""
    return list(islice(requests, number))
