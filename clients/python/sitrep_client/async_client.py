"""The async client: every method hands its steps to `Calls` and does what they ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any, Self

import httpx

from sitrep_client.calls import Calls, checked_url
from sitrep_client.checkpoints import AnyCheckpoint
from sitrep_client.dataframes import Library
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
from sitrep_client.steps import Item, Items, Outcome, Pause, Request, Steps, T, resume
from sitrep_client.version import __version__


class AsyncClient:
    """One server of Sitrep.

    `key` is sent with each call. A call that gets no answer, or one such as 503, is tried `retries` times more, after
    the pause that the server asks for; every write is safe to repeat. Without `http`, a client of httpx, it makes one
    and closes it at the end; `sleep` is how it pauses.

        async with AsyncClient("https://sitrep.example.org", key) as sitrep:
            async for item in sitrep.follow(filter={"kind": "attack"}, checkpoint="attacks.cursor"):
                print(item["type"], item["subject"])
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        retries: int = 5,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._url = checked_url(url)
        self._headers = {"user-agent": f"sitrep-client/{__version__}"}
        if key is not None:
            self._headers["authorization"] = f"Bearer {key}"
        self._owns = http is None
        self._http = httpx.AsyncClient() if http is None else http
        self._sleep = sleep
        self._calls = Calls(retries)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Save the positions of its readers, and close its connections."""
        try:
            self._calls.keep_places()
        finally:
            if self._owns:
                await self._http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Make any call of the API, such as `request("GET", "/v1/me")`; the JSON of its answer, None without one."""
        return await self._run(self._calls.request(method, path, params=params, body=body, headers=headers))

    async def get(self, id: str, *, version: int | None = None, as_of: str | None = None) -> EventOut:
        """Give an event, as it is or as it was at a version, a time or a cursor."""
        return await self._run(self._calls.get(id, version, as_of))

    async def find(self, system: str, external_id: str) -> EventOut:
        """Give the event that has this external id."""
        return await self._run(self._calls.find(system, external_id))

    def pages(
        self,
        filter: ListFilter | None = None,
        *,
        sort: EventSort | None = None,
        as_of: str | None = None,
        fields: Sequence[EventField] | None = None,
        limit: int = 100,
    ) -> AsyncGenerator[EventList, None]:
        """Give the pages of the list; follow the feed from the first page's `as_of`.

        `sort` is newest first by default; `as_of` is a time or a cursor at which the list stood so; with `fields`,
        events have those fields only; `limit` is the size of a page, up to 1,000.
        """
        return self._iterate(self._calls.pages(filter, sort, as_of, fields, limit))

    async def events(
        self,
        filter: ListFilter | None = None,
        *,
        sort: EventSort | None = None,
        as_of: str | None = None,
        fields: Sequence[EventField] | None = None,
        limit: int = 100,
    ) -> AsyncGenerator[EventOut, None]:
        """Give every event that matches, page after page; the arguments are those of `pages`."""
        async for page in self.pages(filter, sort=sort, as_of=as_of, fields=fields, limit=limit):
            for event in page["items"]:
                yield event

    def revisions(self, id: str) -> AsyncGenerator[Revision, None]:
        """Give what was done to an event, newest first."""
        return self._iterate(self._calls.revisions(id))

    async def count(self, filter: ListFilter | None = None, *, as_of: str | None = None) -> int:
        """Count the events that match."""
        return await self._run(self._calls.count(filter, as_of))

    async def export(
        self,
        filter: ListFilter | None = None,
        *,
        format: ExportFormat = "ndjson",  # noqa: A002 (the API's name for it)
        as_of: str | None = None,
    ) -> bytes:
        """Give every event that matches as one file, whole in memory (docs/export.md)."""
        return await self._run(self._calls.export(filter, format, as_of))

    async def to_dataframe(
        self, filter: ListFilter | None = None, *, library: Library = "pandas", as_of: str | None = None
    ) -> Any:
        """Give the events that match as a data frame of pandas or polars, whichever is installed; one row an event.

        The columns are those of the CSV export: times are UTC datetimes, measures nullable integers, facets lists.
        """
        return await self._run(self._calls.to_dataframe(filter, library, as_of))

    async def series(
        self,
        interval: Interval,
        filter: Filter | None = None,
        *,
        measure: str | None = None,
        group_by: FacetName | None = None,
    ) -> list[SeriesRow]:
        """Count events, or add up a measure such as `launched`, over time; `timezone` of the filter moves midnight."""
        return await self._run(self._calls.series(interval, filter, measure, group_by))

    async def facets(
        self, facets: Sequence[FacetName], filter: Filter | None = None, *, limit: int | None = None
    ) -> Facets:
        """Count the values of facets, those of most events first."""
        return await self._run(self._calls.facets(facets, filter, limit))

    async def grid(self, zoom: int, filter: Filter | None = None, *, measure: str | None = None) -> MapGrid:
        """Count events, or add up a measure, by the cells of a map: `[lon, lat, count, low, best, high]` each."""
        return await self._run(self._calls.grid(zoom, filter, measure))

    async def kinds(self) -> list[Kind]:
        """Give the kinds with their facets and measures."""
        return await self._run(self._calls.kinds())

    async def head(self) -> FeedHead:
        """Tell where the feed ends and begins."""
        return await self._run(self._calls.head())

    def feed(self, after: str = "oldest", filter: FeedFilter | None = None) -> AsyncGenerator[FeedItem, None]:
        """Give every change after a cursor, a time or `oldest`, up to the last one, and end there."""
        return self._iterate(self._calls.feed(after, filter))

    def follow(
        self,
        after: str = "oldest",
        filter: FeedFilter | None = None,
        checkpoint: AnyCheckpoint | None = None,
    ) -> AsyncGenerator[FeedItem, None]:
        """Give every change after a position, in order, and wait for more without end.

        `after` is a cursor, `oldest`, `now` or a time; the position that the checkpoint holds goes before it. It is
        saved when a page has been taken and when the iterator or the client is left, and never passes an item before
        the next one is asked for: what was in hand when the program broke off comes again. A server that is away or
        busy is tried again without end; a refusal raises ApiError, a lost position CursorGone.
        """
        return self._iterate(self._calls.follow(after, filter, checkpoint))

    def follow_pages(self, after: str = "oldest", filter: FeedFilter | None = None) -> AsyncGenerator[FeedPage, None]:
        """Follow by pages: for those who save `next` in the same transaction as what they make of the items."""
        return self._iterate(self._calls.follow_pages(after, filter))

    async def create(self, event: EventIn, *, idempotency_key: str | None = None) -> EventOut:
        """Add an event, once however often it has to be sent.

        A key of one's own, such as the id of a job, makes it once over restarts of the program, too. Raises Invalid,
        and DuplicateExternalId where another event has one of its external ids.
        """
        return await self._run(self._calls.create(event, idempotency_key))

    async def upsert(
        self, system: str, external_id: str, event: EventIn | EventOut, *, if_match: int | None = None
    ) -> EventOut:
        """Add the event, or replace the one that has this external id; what is equal already stays as it is."""
        return await self._run(self._calls.upsert(system, external_id, event, if_match))

    async def replace(self, id: str, event: EventIn | EventOut, *, if_match: int) -> EventOut:
        """Replace an event whole, if it still has this version; else VersionMismatch."""
        return await self._run(self._calls.replace(id, event, if_match))

    async def patch(self, id: str, patch: Mapping[str, Any], *, if_match: int) -> EventOut:
        """Change some fields (RFC 7396: null takes out, lists are replaced), if the event still has this version."""
        return await self._run(self._calls.patch(id, patch, if_match))

    async def delete(
        self, id: str, reason: DeletionReason, *, superseded_by: str | None = None, if_match: int | None = None
    ) -> None:
        """Delete an event; its versions stay readable, but for the reason `legal`."""
        await self._run(self._calls.delete(id, reason, superseded_by, if_match))

    async def batch(
        self, items: Iterable[BatchItem], *, partial: bool = False, idempotency_key: str | None = None
    ) -> BatchOut:
        """Make up to 1,000 writes, all or none, or with `partial` each for itself; once however often it is sent."""
        return await self._run(self._calls.batch(items, partial, idempotency_key))

    async def _run(self, steps: Steps[T]) -> T:
        """Do what the steps ask for until they give their result."""
        outcome = None
        try:
            while True:
                outcome = await self._perform(resume(steps, outcome))
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def _iterate(self, steps: Items[T]) -> AsyncGenerator[T, None]:
        """Do what the steps ask for, and give their items."""
        outcome = None
        with closing(steps), suppress(StopIteration):
            while True:
                asked = resume(steps, outcome)
                if isinstance(asked, Item):
                    outcome = None
                    yield asked.value
                else:
                    outcome = await self._perform(asked)

    async def _perform(self, asked: Request | Pause) -> Outcome:
        """Wait, or send."""
        if isinstance(asked, Pause):
            await self._sleep(asked.seconds)
            return None
        try:
            headers = {**self._headers, **asked.headers}
            return await self._http.request(asked.method, self._url + asked.path, headers=headers, **asked.options())
        except httpx.HTTPError as error:
            return error
