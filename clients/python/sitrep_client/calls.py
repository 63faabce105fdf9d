"""The calls of the API as steps; what they mean is told by the methods of `Client`, which have the same names."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast
from urllib.parse import quote
from uuid import uuid4
from weakref import WeakSet

import httpx

from sitrep_client.checkpoints import AnyCheckpoint, Place
from sitrep_client.dataframes import Library, dataframe
from sitrep_client.errors import Deleted, InvalidUrl, error_of
from sitrep_client.filters import pairs
from sitrep_client.models import (
    BatchItem,
    BatchOut,
    DeletionReason,
    EventField,
    EventIn,
    EventList,
    EventOut,
    EventSort,
    ExportFormat,
    FacetName,
    Facets,
    FeedFilter,
    FeedHead,
    FeedItem,
    FeedPage,
    Filter,
    Interval,
    Kind,
    ListFilter,
    MapGrid,
    Revision,
    SeriesRow,
)
from sitrep_client.steps import Item, Items, Pause, Request, Steps, pause_s, send

WAIT_S = 30
FEED_PAGE = 100


def checked_url(url: str) -> str:
    """The address of a server without a slash at its end; raises InvalidUrl."""
    with suppress(httpx.InvalidURL):
        parts = httpx.URL(url)
        if parts.scheme in {"http", "https"} and parts.host:
            return url.rstrip("/")
    raise InvalidUrl(f"{url!r} is not the address of a server, such as 'https://sitrep.example.org'.")


class Calls:
    """Every call, for one client: how often it tries again, and the readers whose positions it keeps."""

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._places: WeakSet[Place] = WeakSet()

    def keep_places(self) -> None:
        """Save the position of every reader that has a checkpoint."""
        for place in list(self._places):
            place.keep()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Steps[Any]:
        content = None if body is None else encode(body)
        given = {**({} if body is None else {"content-type": "application/json"}), **(headers or {})}
        response = yield from send(Request(method, path, pairs(params), given, content), self._retries)
        return read_json(response)

    def get(self, id: str, version: int | None, as_of: str | None) -> Steps[EventOut]:
        return self.request("GET", event_path(id), params={"version": version, "as_of": as_of})

    def find(self, system: str, external_id: str) -> Steps[EventOut]:
        return self.request("GET", external_path(system, external_id))

    def pages(
        self,
        filter: ListFilter | None,
        sort: EventSort | None,
        as_of: str | None,
        fields: Sequence[EventField] | None,
        limit: int,
    ) -> Items[EventList]:
        more = {"sort": sort, "as_of": as_of, "fields": fields, "limit": limit}
        cursor: str | None = None
        while True:
            params = {**(filter or {}), **more, "cursor": cursor}
            page: EventList = yield from self.request("GET", "/v1/events", params=params)
            yield Item(page)
            if (cursor := page["next"]) is None:
                return

    def revisions(self, id: str) -> Items[Revision]:
        cursor: str | None = None
        while True:
            page = yield from self.request("GET", f"{event_path(id)}/revisions", params={"cursor": cursor})
            yield from map(Item, page["items"])
            if (cursor := page["next"]) is None:
                return

    def count(self, filter: ListFilter | None, as_of: str | None) -> Steps[int]:
        found = yield from self.request("GET", "/v1/events/count", params={**(filter or {}), "as_of": as_of})
        return int(found["count"])

    def export(self, filter: ListFilter | None, file_format: ExportFormat, as_of: str | None) -> Steps[bytes]:
        request = Request("GET", "/v1/events/export", pairs(filter, format=file_format, as_of=as_of))
        response = yield from send(request, self._retries)
        return response.content

    def series(
        self, interval: Interval, filter: Filter | None, measure: str | None, group_by: FacetName | None
    ) -> Steps[list[SeriesRow]]:
        params = {**(filter or {}), "interval": interval, "measure": measure, "group_by": group_by}
        return self.request("GET", "/v1/stats/series", params=params)

    def facets(self, facets: Sequence[FacetName], filter: Filter | None, limit: int | None) -> Steps[Facets]:
        params = {**(filter or {}), "facet": facets, "limit": limit}
        return self.request("GET", "/v1/stats/facets", params=params)

    def grid(self, zoom: int, filter: Filter | None, measure: str | None) -> Steps[MapGrid]:
        return self.request("GET", "/v1/stats/grid", params={**(filter or {}), "zoom": zoom, "measure": measure})

    def kinds(self) -> Steps[list[Kind]]:
        found = yield from self.request("GET", "/v1/kinds")
        kinds: list[Kind] = found["items"]
        return kinds

    def head(self) -> Steps[FeedHead]:
        return self.request("GET", "/v1/feed/head")

    def create(self, event: EventIn, idempotency_key: str | None) -> Steps[EventOut]:
        return self.request("POST", "/v1/events", body=event, headers=once(idempotency_key))

    def upsert(self, system: str, external_id: str, event: EventIn | EventOut, if_match: int | None) -> Steps[EventOut]:
        return self.request("PUT", external_path(system, external_id), body=event, headers=matching(if_match))

    def replace(self, id: str, event: EventIn | EventOut, if_match: int) -> Steps[EventOut]:
        return self.request("PUT", event_path(id), body=event, headers=matching(if_match))

    def patch(self, id: str, patch: Mapping[str, Any], if_match: int) -> Steps[EventOut]:
        headers = {**matching(if_match), "content-type": "application/merge-patch+json"}
        return self.request("PATCH", event_path(id), body=patch, headers=headers)

    def delete(self, id: str, reason: DeletionReason, superseded_by: str | None, if_match: int | None) -> Steps[None]:
        params = pairs({"reason": reason, "superseded_by": superseded_by})
        request = Request("DELETE", event_path(id), params, matching(if_match))
        try:
            yield from send(request, self._retries)
        except Deleted as error:
            if not error.uncertain:  # else an earlier try deleted it
                raise

    def batch(self, items: Iterable[BatchItem], partial: bool, idempotency_key: str | None) -> Steps[BatchOut]:
        params, headers = {"partial": partial or None}, once(idempotency_key)
        return self.request("POST", "/v1/events/batch", params=params, body={"items": list(items)}, headers=headers)

    def to_dataframe(self, filter: ListFilter | None, library: Library, as_of: str | None) -> Steps[Any]:
        csv = yield from self.export(filter, "csv", as_of)
        return dataframe(csv, library)

    def feed(self, after: str, filter: FeedFilter | None) -> Items[FeedItem]:
        while True:
            page = yield from self._feed_page(after, 0, filter)
            yield from map(Item, page["items"])
            if not page["has_more"]:
                return
            after = page["next"]

    def follow_pages(self, after: str, filter: FeedFilter | None) -> Items[FeedPage]:
        wait = 0
        while True:
            page = yield from self._feed_page(after, wait, filter, retries=math.inf)
            yield Item(page)
            after, wait = page["next"], WAIT_S  # now a cursor: waiting at `now`, a lost call would lose changes

    def follow(self, after: str, filter: FeedFilter | None, checkpoint: AnyCheckpoint | None) -> Items[FeedItem]:
        self.keep_places()
        place = Place(checkpoint)
        self._places.add(place)
        at, wait = after if place.position is None else place.position, 0
        try:
            while True:
                page = yield from self._feed_page(at, wait, filter, retries=math.inf)
                epoch = page["next"].partition("-")[0]  # that of now, which the id of an item need not be of
                for item in page["items"]:
                    yield Item(item)
                    place.position = f"{epoch}-{item['sequence']}"
                place.position = at = page["next"]
                place.keep()
                wait = WAIT_S
        finally:
            place.keep()

    def _feed_page(
        self, after: str, wait: int, filter: FeedFilter | None, *, retries: float | None = None
    ) -> Steps[FeedPage]:
        """One page; a server that answers at once where it should wait is not asked again without a pause."""
        begun = time.monotonic()
        params = pairs({"after": after, "wait": wait, "limit": FEED_PAGE, **(filter or {})})
        request = Request("GET", "/v1/feed", params, read_timeout_s=WAIT_S + 15)
        response = yield from send(request, self._retries if retries is None else retries)
        document = read_json(response)
        if not isinstance(document, dict) or not document.keys() >= {"items", "next"}:
            raise error_of(response)
        page = cast("FeedPage", document)
        if wait and page["next"] == after and time.monotonic() - begun < 1:
            yield Pause(pause_s(0, None, random.random()))  # noqa: S311 (jitter guards nothing)
        return page


def encode(document: Any) -> bytes:
    """JSON as it is sent: UTF-8, without spaces."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def read_json(response: httpx.Response) -> Any:
    """The document of an answer; None where it has no body."""
    try:
        return response.json() if response.content else None
    except ValueError:
        raise error_of(response) from None


def event_path(id: str) -> str:
    """The address of an event."""
    return f"/v1/events/{quote(id, safe='')}"


def external_path(system: str, external_id: str) -> str:
    """The address of an event by its external id, which may hold slashes."""
    return f"/v1/events/by-external-id/{quote(system, safe='')}/{quote(external_id, safe='')}"


def matching(version: int | None) -> dict[str, str]:
    """The header that makes a write depend on the event's version."""
    return {} if version is None else {"if-match": f'"{version}"'}


def once(key: str | None) -> dict[str, str]:
    """The header by which the server knows a repeat; a key of one's own outlives a restart of the program."""
    return {"idempotency-key": key or str(uuid4())}
