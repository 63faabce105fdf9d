"""The tools, all of them reading: each is a call of the API, cut to a size that fits a conversation."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from app.kinds import FACETS, MEASURES
from app.mcp.answers import (
    Changes,
    ChangeSummary,
    EventCount,
    EventSeries,
    EventWithHistory,
    Facet,
    FacetCounts,
    FoundEvents,
    Kinds,
    KindSummary,
    Measure,
    cite,
    summarize,
)
from app.mcp.api_caller import CURRENT, ApiCaller
from app.mcp.arguments import ChangeFilter, EventFilter, pairs_of

MAX_EVENTS = 50
MAX_HISTORY = 50
MAX_ROWS = 1_000
MAX_VALUES = 100
EVERY, EVERY_CHANGE = EventFilter(), ChangeFilter()

Filtered = Annotated[EventFilter, Field(description="Which events; all of them unless given.")]
AsOf = Annotated[
    str | None, Field(description="As it stood at a position of the feed (an `as_of`), or at an instant with offset.")
]
Limit = Annotated[int, Field(ge=1, le=MAX_EVENTS, description=f"At most {MAX_EVENTS}.")]


async def search_events(
    filter: Filtered = EVERY,
    sort: Annotated[
        str, Field(description="`started_at`, `updated_at` or a measure; with `-` in front the largest first.")
    ] = "-started_at",
    limit: Limit = 20,
    cursor: Annotated[str | None, Field(description="`next` of the page before, with the same filter.")] = None,
    as_of: AsOf = None,
) -> FoundEvents:
    """Find events of armed conflict, diplomacy and sanctions, newest first; each comes with a citation.

    Call `list_kinds` first to learn the kinds, facets and measures. Read on with `next`.
    """
    api = CURRENT.get()
    pairs = [*filter.pairs(), ("sort", sort), ("limit", str(limit))]
    found = await api.get("v1/events", [*pairs, *pairs_of({"cursor": cursor, "as_of": as_of})])
    return FoundEvents(
        events=[summarize(api, event) for event in found["items"]],
        next=found["next"],
        as_of=found["as_of"],
        permalink=api.address("v1/events", [*pairs, ("as_of", found["as_of"])]),
    )


async def get_event(
    id: Annotated[str, Field(description="The event's id.")],
    version: Annotated[int | None, Field(ge=1, description="An older version; the newest unless given.")] = None,
    as_of: AsOf = None,
) -> EventWithHistory:
    """Get one event in full, at any version or time, with the history of its versions.

    Sources disagree: `claims` holds what each says, estimates have low, best and high.
    """
    api = CURRENT.get()
    position = await end_of_feed(api)
    path = f"v1/events/{quote(id, safe='')}"
    event = await api.get(path, list(pairs_of({"version": version, "as_of": as_of})))
    history = await api.get(f"{path}/revisions", [("limit", str(MAX_HISTORY))])
    cited = cite(api, event["id"], event["version"])
    return EventWithHistory(event=event, history=history["items"], citation=cited, as_of=position)


async def count_events(filter: Filtered = EVERY, as_of: AsOf = None) -> EventCount:
    """Count the events that match."""
    api, pairs = CURRENT.get(), filter.pairs()
    found = await api.get("v1/events/count", [*pairs, *pairs_of({"as_of": as_of})])
    permalink = api.address("v1/events/count", [*pairs, ("as_of", found["as_of"])])
    return EventCount(count=found["count"], as_of=found["as_of"], permalink=permalink)


async def count_over_time(
    filter: Filtered = EVERY,
    interval: Literal["hour", "day", "week", "month", "quarter", "year"] = "month",
    measure: Annotated[
        str, Field(description="A measure to sum beside the count of events, such as `launched` or `killed`.")
    ] = "count",
    group_by: Annotated[str | None, Field(description="A facet: a row for each of its values.")] = None,
) -> EventSeries:
    """Count events over time, and sum a measure with its uncertainty; `since` and `until` of the filter bound it."""
    api = CURRENT.get()
    position = await end_of_feed(api)
    asked = {"interval": interval, "measure": measure, "group_by": group_by}
    pairs = [*filter.pairs(), *pairs_of(asked)]
    rows = await api.get("v1/stats/series", pairs)
    if len(rows) > MAX_ROWS:
        raise ToolError(
            f"That would be {len(rows)} rows, more than {MAX_ROWS}: take a longer interval, a shorter time "
            "(`since`, `until`), or no `group_by`."
        )
    return EventSeries(rows=rows, as_of=position, permalink=api.address("v1/stats/series", pairs))


async def count_by_facet(
    facets: Annotated[list[str], Field(min_length=1, max_length=10, description="Facets, as `list_kinds` names them.")],
    filter: Filtered = EVERY,
    limit: Annotated[int, Field(ge=1, le=MAX_VALUES, description="Values of each facet, those of most events.")] = 20,
) -> FacetCounts:
    """Count the events by the values of facets, each facet without its own filter."""
    api = CURRENT.get()
    pairs = [*filter.pairs(), *pairs_of({"facet": facets, "limit": limit})]
    found = await api.get("v1/stats/facets", pairs)
    return FacetCounts(**found, permalink=api.address("v1/stats/facets", pairs))


async def changes_since(
    cursor: Annotated[
        str,
        Field(description="An `as_of` or `next` from before, an instant with offset, a day, or `oldest`."),
    ],
    filter: Annotated[ChangeFilter, Field(description="Which changes; all of them unless given.")] = EVERY_CHANGE,
    limit: Limit = 20,
) -> Changes:
    """Tell what changed since a position: events that were created, corrected or deleted, each change once, in order.

    Go on with `next` until `has_more` is false; keep it to ask again later.
    """
    api = CURRENT.get()
    pairs = [*filter.pairs(), ("after", cursor), ("limit", str(limit))]
    page = await api.get("v1/feed", pairs)
    changes = []
    for item in page["items"]:
        is_gone = "deleted_at" in item["data"]
        changes.append(
            ChangeSummary(
                change_id=item["id"],
                type=item["type"],
                time=item["time"],
                event=None if is_gone else summarize(api, item["data"]),
                tombstone=item["data"] if is_gone else None,
                citation=cite(api, item["subject"], item["version"]),
            )
        )
    return Changes(changes=changes, next=page["next"], has_more=page["has_more"], as_of=page["next"])


async def list_kinds() -> Kinds:
    """List the kinds of events, and every facet and measure that filters, groups and sums know."""
    api = CURRENT.get()
    position = await end_of_feed(api)
    found = await api.get("v1/kinds")
    kinds = [KindSummary(**{**kind, "facets": [facet["name"] for facet in kind["facets"]]}) for kind in found["items"]]
    facets = [Facet(name=facet.name, description=facet.description, values=facet.values) for facet in FACETS.values()]
    measures = [Measure(name=measure.name, description=measure.description) for measure in MEASURES.values()]
    return Kinds(kinds=kinds, facets=facets, measures=measures, as_of=position)


async def end_of_feed(api: ApiCaller) -> str:
    """Read where the feed ends, before what is read next."""
    return str((await api.get("v1/feed/head"))["head"])


TOOLS = (search_events, get_event, count_events, count_over_time, count_by_facet, changes_since, list_kinds)
