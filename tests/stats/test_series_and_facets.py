"""Statistics agree with list, count and export for the same filter, whatever is asked and however it is counted."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import pytest
import worlds
from calls import faults, good, written
from conftest import client_of
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from app.db import Database
from app.events.index.rollup import cells
from app.events.tables import HourlyRollup
from app.events.terms import index_terms
from app.events.write.commands import content
from app.kinds import MEASURES, fold, measures_of, parse_event
from app.stats import ranges
from app.stats.buckets import bounds, with_offset
from app.stats.facets import facet_counts
from app.stats.schemas import FacetsQuery, SeriesQuery
from app.stats.series import series as series_of

if TYPE_CHECKING:
    from conftest import MakeApp, MakeEvent
    from httpx import AsyncClient

# The database stays from example to example, so that worlds grow; each example is right for itself.
GROWING = settings(
    max_examples=20,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# By client, and not by its id, which another is given when it is gone.
WORLDS: WeakKeyDictionary[AsyncClient, list[worlds.Event]] = WeakKeyDictionary()
INTERVALS = ["hour", "day", "week", "month", "quarter", "year"]
GROUPS: dict[str, Any] = {
    "kind": lambda event: {event["kind"]},
    "status": lambda event: {event["status"]},
    "tag": lambda event: set(event["tags"]),
    "publisher": lambda event: {fold(source["publisher"]) for source in event["sources"]},
    "country": lambda event: {p["country"] for p in event["locations"] if p["role"] != "launch" and p["country"]},
    "munition": lambda event: {m["category"] for m in event["detail"].get("munitions", ())},
}
NARROW = st.lists(
    st.sampled_from(
        [("kind", "attack"), ("kind", "sanction_move"), ("country", "UA"), ("country", "ru"), ("timezone", "UTC")]
        + [("since", day) for day in ("2025-09-07", "2025-09-06T21:00:00Z", "2025-09-07T10:30:00+03:00")]
        + [("until", day) for day in ("2025-10-26", "2025-09-08T00:00:00+00:00", "2025-09-07T23:59:59.999999Z")]
    ),
    max_size=3,
    unique_by=lambda pair: pair if pair[0] == "kind" else pair[0],
)
ASKED = st.tuples(
    st.one_of(worlds.questions(), NARROW),
    st.sampled_from(INTERVALS),
    st.sampled_from([None, *MEASURES]),
    st.sampled_from([None, *GROUPS]),
    st.sampled_from(["UTC", "Europe/Kyiv", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]),
)


async def add(api: AsyncClient, drawn: list[worlds.Event], known: list[worlds.Event]) -> None:
    """Write the events as one batch."""
    keys = ([{"system": "world", "id": f"{len(known) + n}:a/b"}] for n in range(len(drawn)))
    items = [{"op": "create", "event": {**event, "external_ids": next(keys)}} for event in drawn]
    results = good(await api.post("/v1/events/batch", json={"items": items}))["results"]
    known += [good(await api.get(f"/v1/events/{result['id']}")) for result in results]


async def exported(api: AsyncClient, question: worlds.Question) -> list[worlds.Event]:
    answer = await api.get(f"/v1/events/export?{urlencode(question)}")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def counted_at(event: worlds.Event, question: worlds.Question) -> datetime:
    """The moment at which an event counts: its beginning, but not before `since`."""
    since = worlds.instant_in(dict(question).get("since"), ZoneInfo(dict(question)["timezone"]))
    begin = worlds.interval(event)[0]
    return begin if since is None else max(begin, since)


def expected(
    events: list[worlds.Event], rows: list[Any], question: worlds.Question, facet: str | None
) -> Counter[tuple[str, str | None]]:
    """How many events belong to each start and group."""
    spans = sorted(
        {(datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"]), row["start"]) for row in rows}
    )
    counts: Counter[tuple[str, str | None]] = Counter()
    for event in events:
        at = counted_at(event, question)
        [start] = [text for begin, end, text in spans if begin <= at < end]
        groups = [None] if facet is None else sorted(GROUPS[facet](event)) or [None]
        counts.update((start, None if group is None else fold(group)) for group in groups)
    return counts


def sums(events: list[worlds.Event], measure: str) -> dict[str, int]:
    """The sums over all events."""
    found = [measures_of(parse_event(content(event))).get(measure) for event in events]
    return {
        part: sum(getattr(numbers, part) for numbers in found if numbers is not None)
        for part in ("low", "best", "high")
    }


@GROWING
@given(drawn=st.lists(worlds.events(), min_size=1, max_size=5), asked=st.lists(ASKED, min_size=4, max_size=4))
async def test_series_and_facets_agree_with_list_count_and_export(
    api: AsyncClient, drawn: list[worlds.Event], asked: list[tuple[Any, ...]]
) -> None:
    known = WORLDS.setdefault(api, [])
    await add(api, drawn, known)

    for abstract, interval, measure, facet, zone in asked:
        question = [pair for pair in worlds.about(known, abstract) if pair[0] not in {"timezone", "changed_since"}]
        question.append(("timezone", zone))
        events = await exported(api, question)
        assert good(await api.get(f"/v1/events/count?{urlencode(question)}"))["count"] == len(events)

        rows = await series(api, question, interval, measure, facet)
        check_buckets(rows, events, question, facet)
        check_sums(rows, events, measure, facet)
        for name in {facet, "country", "kind"} - {None}:
            await check_facet(api, question, name)


async def series(
    api: AsyncClient, question: worlds.Question, interval: str, measure: str | None, facet: str | None
) -> list[Any]:
    """The rows; by year where they would be too many."""
    chosen = {"measure": measure, "group_by": facet}
    extra = [(name, value) for name, value in chosen.items() if value is not None]
    query = urlencode([*question, *extra, ("interval", interval)])
    note(query)
    answer = await api.get(f"/v1/stats/series?{query}")
    if answer.status_code == 422:
        assert faults(answer) == [("interval", "too-many")]
        assert interval != "year"
        return await series(api, question, "year", measure, facet)
    rows: list[Any] = good(answer)
    return rows


def check_buckets(rows: list[Any], events: list[worlds.Event], question: worlds.Question, facet: str | None) -> None:
    """Every event is in its bucket and groups, and nothing else is; buckets follow each other without a gap."""
    spans = list(dict.fromkeys((row["start"], row["end"]) for row in rows))
    assert all(one[1] == next_[0] for one, next_ in pairwise(spans))
    counts = {(row["start"], None if row["group"] is None else fold(row["group"])): row["count"] for row in rows}
    assert len(counts) == len(rows)
    assert Counter({key: count for key, count in counts.items() if count}) == expected(events, rows, question, facet)
    labels = [row["group"] for row in rows[: len(rows) // max(len(spans), 1)]]
    assert labels == sorted(labels, key=lambda label: (label is None, label or ""))


def check_sums(rows: list[Any], events: list[worlds.Event], measure: str | None, facet: str | None) -> None:
    """The numbers add up to those of the events, where each counts in one group."""
    if measure is None:
        assert {row[part] for row in rows for part in ("low", "best", "high")} <= {None}
    elif facet in {None, "kind", "status"}:
        found = {part: sum(row[part] for row in rows) for part in ("low", "best", "high")}
        assert found == sums(events, measure)


async def check_facet(api: AsyncClient, question: worlds.Question, facet: str) -> None:
    """Each value's count is that of the filter with this value in place of the facet's own."""
    answer = good(await api.get(f"/v1/stats/facets?{urlencode([*question, ('facet', facet), ('limit', '1000')])}"))
    others = [pair for pair in question if pair[0] != facet]
    tally = Counter(fold(value) for event in await exported(api, others) for value in GROUPS[facet](event))

    counts = answer["facets"][facet]
    assert {fold(row["value"]): row["count"] for row in counts} == tally
    assert counts == sorted(counts, key=lambda row: (-row["count"], row["value"]))


STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "replace", "delete", "legal"]), st.integers(0, 99), worlds.events()),
    max_size=8,
)


@GROWING
@given(steps=STEPS)
async def test_the_tally_is_what_a_recount_gives(api: AsyncClient, db: Database, steps: list[Any]) -> None:
    for what, pick, event in steps:
        live = good(await api.get("/v1/events?limit=1000"))["items"]
        choice = [one for one in live if one["kind"] == event["kind"] or what != "replace"]
        if what == "create" or not choice:
            await written(api, event)
            continue
        old = choice[pick % len(choice)]
        if what == "replace":
            good(await api.put(f"/v1/events/{old['id']}", json=event, headers={"if-match": "*"}))
        else:
            reason = "legal" if what == "legal" else "duplicate"
            assert (await api.delete(f"/v1/events/{old['id']}?reason={reason}")).status_code == 204

    right: dict[Any, list[int]] = {}
    for event in await exported(api, []):
        for cell, numbers in cells(event["kind"], index_terms(parse_event(content(event)))):
            total = right.setdefault(tuple(cell), [0, 0, 0, 0])
            total[:] = [one + other for one, other in zip(total, numbers, strict=True)]
    kept = {tuple(row[:5]): list(row[5:]) for row in await db.rows(HourlyRollup.__table__.select())}  # type: ignore[attr-defined]  # SQLModel's own
    assert {cell: numbers for cell, numbers in kept.items() if any(numbers)} == right


def edges(first: str, last: str, interval: str, zone: str) -> list[str]:
    """The edges of the buckets from one instant to another."""
    ends = [
        (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        for text in (first, last)
    ]
    return [
        with_offset(edge, ZoneInfo(zone)).isoformat()
        for edge in bounds(ends[0], ends[1], interval, ZoneInfo(zone), 10_000)
    ]


def test_days_follow_the_clocks_of_the_zone() -> None:
    assert edges("2025-03-29T12:00:00Z", "2025-03-30T12:00:00Z", "day", "Europe/Kyiv") == [
        "2025-03-29T00:00:00+02:00", "2025-03-30T00:00:00+02:00", "2025-03-31T00:00:00+03:00",
    ]  # fmt: skip
    assert edges("2011-12-29T12:00:00Z", "2011-12-31T00:00:00Z", "day", "Pacific/Apia") == [
        "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00",
    ]  # fmt: skip
    assert edges("2018-11-04T03:30:00Z", "2018-11-04T03:30:00Z", "day", "America/Sao_Paulo") == [
        "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00",
    ]  # fmt: skip


def test_hours_that_clocks_show_twice_are_two_and_half_hours_belong_to_one() -> None:
    assert edges("2025-10-26T00:10:00Z", "2025-10-26T01:10:00Z", "hour", "Europe/Kyiv") == [
        "2025-10-26T03:00:00+03:00", "2025-10-26T03:00:00+02:00", "2025-10-26T04:00:00+02:00",
    ]  # fmt: skip
    assert edges("2025-04-05T14:00:00Z", "2025-04-05T15:40:00Z", "hour", "Australia/Lord_Howe") == [
        "2025-04-06T01:00:00+11:00", "2025-04-06T02:00:00+10:30", "2025-04-06T03:00:00+10:30",
    ]  # fmt: skip
    assert edges("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "hour", "Asia/Kathmandu") == [
        "2025-01-01T05:00:00+05:45", "2025-01-01T06:00:00+05:45",
    ]  # fmt: skip


def test_weeks_begin_on_monday_and_quarters_in_january() -> None:
    week = ["2024-12-30T00:00:00+00:00", "2025-01-06T00:00:00+00:00"]
    assert edges("2025-01-01T00:00:00Z", "2025-01-05T23:59:59Z", "week", "UTC") == week
    quarters = ["2025-01-01T00:00:00+00:00", "2025-04-01T00:00:00+00:00", "2025-07-01T00:00:00+00:00"]
    assert edges("2025-03-31T00:00:00Z", "2025-04-01T00:00:00Z", "quarter", "UTC") == quarters
    assert edges("2024-12-31T00:00:00Z", "2024-12-31T00:00:00Z", "month", "UTC")[-1] == "2025-01-01T00:00:00+00:00"


def test_an_offset_with_seconds_is_told_in_utc() -> None:
    assert (
        edges("1900-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "hour", "Europe/Kyiv")[0] == "1899-12-31T23:57:56+00:00"
    )


async def test_a_series_is_as_the_contract_shows_it(api: AsyncClient, make_event: MakeEvent) -> None:
    await written(
        api,
        make_event(detail={"munitions": [{"category": "other", "launched": {"low": 805, "best": 810, "high": 823}}]}),
    )

    rows = good(
        await api.get(
            "/v1/stats/series?measure=launched&since=2025-09-06&until=2025-09-08&timezone=Europe/Kyiv&interval=day"
        )
    )

    days = ["2025-09-06T00:00:00+03:00", "2025-09-07T00:00:00+03:00", "2025-09-08T00:00:00+03:00"]
    assert rows == [
        {"start": days[0], "end": days[1], "group": None, "count": 0, "low": 0, "best": 0, "high": 0},
        {"start": days[1], "end": days[2], "group": None, "count": 1, "low": 805, "best": 810, "high": 823},
    ]
    assert list(rows[0]) == ["start", "end", "group", "count", "low", "best", "high"]


async def test_an_event_that_reaches_into_the_range_counts_in_its_first_bucket(
    api: AsyncClient, make_event: MakeEvent
) -> None:
    await written(api, make_event(started_at="2025-08-01T00:00:00Z", ended_at="2025-09-20T00:00:00Z", timezone=None))

    for extra in ("", "&status=reported"):
        rows = good(await api.get(f"/v1/stats/series?since=2025-09-06&until=2025-09-09{extra}"))
        assert [row["count"] for row in rows] == [1, 0, 0]


async def test_sums_beyond_64_bits_are_exact(api: AsyncClient, make_event: MakeEvent) -> None:
    many = 2**63 - 1
    for _ in range(3):
        await written(api, make_event(detail={"munitions": [{"category": "other", "launched": many}]}))

    for extra in ("", "&status=reported", "&group_by=tag"):
        answer = await api.get(f"/v1/stats/series?measure=launched&interval=year{extra}")
        assert [row["best"] for row in json.loads(answer.text)] == [3 * many]

    estimate = {"low": 1, "best": 5, "high": 2**31}  # no lower bits in the highest
    await written(api, make_event(detail={"munitions": [{"category": "other", "launched": estimate}]}))
    [row] = good(await api.get("/v1/stats/series?measure=launched&interval=year"))
    assert [row[part] - 3 * many for part in estimate] == [*estimate.values()]


async def test_a_group_is_shown_as_it_is_spelt(api: AsyncClient, make_event: MakeEvent) -> None:
    names = ['"%d" of 100 %', "Київ % s", "{braces} \\ back"]
    await written(api, make_event(sources=[{"publisher": name, "url": "https://example.org/1"} for name in names]))

    for measure in ("count", "killed"):
        rows = good(await api.get(f"/v1/stats/series?interval=year&group_by=publisher&measure={measure}"))
        assert sorted(row["group"] for row in rows) == sorted(names)


async def test_an_empty_database_has_no_open_range(api: AsyncClient) -> None:
    assert good(await api.get("/v1/stats/series")) == []
    assert good(await api.get("/v1/stats/series?since=2025-01-01")) == []
    assert good(await api.get("/v1/stats/series?since=2025-01-02&until=2025-01-01")) == []
    assert good(await api.get("/v1/stats/series?since=2025-01-01&until=2025-01-02&group_by=country")) == []
    assert [row["count"] for row in good(await api.get("/v1/stats/series?since=2025-01-01&until=2025-01-03"))] == [0, 0]
    assert good(await api.get("/v1/stats/facets?facet=country"))["facets"] == {"country": []}


async def test_bad_questions_are_refused(api: AsyncClient) -> None:
    for query, name, code in (
        ("series?interval=minute", "interval", "enum"),
        ("series?measure=dead", "measure", "enum"),
        ("series?group_by=title", "group_by", "enum"),
        ("series?changed_since=2025-01-01", "changed_since", "unknown-parameter"),
        ("series?since=1900-01-01&until=2200-01-01", "interval", "too-many"),
        ("series?interval=day&interval=hour", "interval", "repeated"),
        ("facets?facet=title", "facet", "enum"),
        ("facets?facet=country&limit=0", "limit", "range"),
    ):
        [(parameter, given_)] = faults(await api.get(f"/v1/stats/{query}"))
        assert (parameter, given_) == (name, code), query
    assert faults(await api.get("/v1/stats/facets"))[0][0] == "facet"


async def test_buckets_of_many_groups_may_be_too_many(api: AsyncClient, make_event: MakeEvent) -> None:
    places = [{"name": code, "country": code, "role": "impact"} for code in ("UA", "PL", "RO")]
    sources = [{"publisher": code, "url": "https://example.org/1"} for code in ("a", "b", "c")]
    await written(api, make_event(locations=places, sources=sources))
    days = "since=2010-01-01&until=2019-03-01"  # 3,346 days

    for facet, more in (("country", ""), ("publisher", ""), ("country", "&status=reported")):
        narrow = f"{days}&group_by={facet}{more}"
        assert good(await api.get(f"/v1/stats/series?{narrow}")) == []
        wider = narrow.replace("2019-03-01", "2025-10-01").replace("2010-01-01", "2016-08-18")  # 3,331 days
        assert len(good(await api.get(f"/v1/stats/series?{wider}"))) == 3 * 3_331
        longer = wider.replace("2016-08-18", "2016-08-01")
        assert faults(await api.get(f"/v1/stats/series?{longer}")) == [("interval", "too-many")]


async def test_every_way_of_counting_gives_the_same(
    api: AsyncClient, db: Database, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, tags in enumerate((["a", "b"], ["a"], [], ["c", "b", "a"], ["b"], [])):
        last = None if n % 2 else "2025-12-01T00:00:00Z"
        begin = f"2025-0{n + 1}-01T12:00:00Z"
        await written(
            api, make_event(tags=tags, started_at=begin, ended_at=last, status=("reported", "confirmed")[n % 2])
        )
    around = {"bbox": "-180,-90,180,90"}
    asked: list[dict[str, Any]] = [
        {},
        {"status": ["reported"]},
        {"since": "2025-03-15"},
        {"until": "2025-05-01", **around},
        {"exclude": ["tag:c"]},
    ]
    monkeypatch.setattr(ranges, "size_of", lambda _: 1)  # estimates of a few events are none
    monkeypatch.setattr(ranges, "sum_of", lambda _: 1)

    found = []
    for row_us, find_us in ((0, 0), (1e9, 0), (1e9, 1e8)):  # rows where they are, among events, events for each value
        monkeypatch.setattr(ranges, "ROW_US", row_us)
        monkeypatch.setattr(ranges, "FIND_US", find_us)
        answers: list[Any] = []
        for values in asked:
            for facet, measure in (("tag", "killed"), ("status", "count"), (None, "killed")):
                query: dict[str, Any] = {"interval": "month", "group_by": facet, "measure": measure, **values}
                answers.append(json.loads(await series_of(db, SeriesQuery.model_validate(query))))
            answers.append(await facet_counts(db, FacetsQuery.model_validate({"facet": ["tag", "status"], **values})))
        found.append(answers)

    assert found[0] == found[1] == found[2]
    assert sum(row["count"] for row in found[0][0]) == 9
    assert found[0][3]["tag"] == [{"value": "a", "count": 3}, {"value": "b", "count": 3}, {"value": "c", "count": 1}]


async def test_facets_are_counted_without_their_own_filter_and_limited(api: AsyncClient, make_event: MakeEvent) -> None:
    for tags in (["a", "b"], ["a"], ["c"]):
        await written(api, make_event(tags=tags))

    answer = good(await api.get("/v1/stats/facets?facet=tag&facet=kind&tag=c&limit=2"))

    assert answer["facets"] == {
        "tag": [{"value": "a", "count": 2}, {"value": "b", "count": 1}],
        "kind": [{"value": "attack", "count": 1}],
    }


async def test_a_page_of_a_named_origin_may_read_statistics(make_app: MakeApp) -> None:
    app = await make_app(anonymous_read=True, cors_origins=("https://desk.example",))
    async with client_of(app) as client:
        named = await client.get("/v1/stats/series", headers={"origin": "https://desk.example"})
        strange = await client.get("/v1/stats/series", headers={"origin": "https://other.example"})

    assert named.headers["access-control-allow-origin"] == "https://desk.example"
    assert "ETag" in named.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in strange.headers


async def test_an_unchanged_series_is_not_sent_again(api: AsyncClient, make_event: MakeEvent) -> None:
    await written(api, make_event())
    first = await api.get("/v1/stats/series")

    again = await api.get("/v1/stats/series", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


async def test_a_former_state_is_counted_under_both_its_codes(api: AsyncClient, make_event: MakeEvent) -> None:
    belgrade = {"name": "Belgrade", "country": "YUCS", "role": "impact"}
    await written(api, make_event(started_at="1999-04-01T00:00:00Z", timezone=None, locations=[belgrade]))

    for n, code in enumerate(("CSHH", "CSXX")):  # both were CS
        place = {"name": "Somewhere", "country": code, "role": "impact"}
        await written(api, make_event(started_at=f"1999-05-0{n + 1}T00:00:00Z", timezone=None, locations=[place]))

    for n, code in enumerate(("CS", "ZR", "CD")):  # one of those two, and the country that is CD today
        place = {"name": "Somewhere", "country": code, "role": "impact"}
        await written(api, make_event(started_at=f"1999-06-0{n + 1}T00:00:00Z", timezone=None, locations=[place]))

    found = {
        "YU": 1,
        "YUCS": 1,
        "yucs": 1,
        "CSHH": 2,
        "CS": 3,
        "cs": 3,
        "Czechoslovakia": 2,
        "ZR": 1,
        "Zaire": 2,
        "CD": 2,
    }
    for code, count in found.items():
        for extra in ("", "&status=reported"):
            rows = good(await api.get(f"/v1/stats/series?interval=year&country={code}{extra}"))
            assert [row["count"] for row in rows] == [count], code
    groups = good(await api.get("/v1/stats/series?interval=year&group_by=country"))
    values = good(await api.get("/v1/stats/facets?facet=country"))["facets"]["country"]
    assert [row["group"] for row in groups] == [row["value"] for row in values]


async def test_two_servers_that_write_at_once_keep_one_tally(
    make_app: MakeApp, admin_key: str, make_event: MakeEvent
) -> None:
    apps = [await make_app(), await make_app()]
    async with client_of(apps[0], admin_key) as one, client_of(apps[1], admin_key) as other:
        posts = [written(api, make_event(title=f"Number {n}")) for n in range(20) for api in (one, other)]
        made = await asyncio.gather(*posts)
        gone = [
            api.delete(f"/v1/events/{event['id']}?reason=erroneous")
            for api, event in zip([one, other] * 5, made, strict=False)
        ]
        assert {answer.status_code for answer in await asyncio.gather(*gone)} == {204}

        [row] = good(await one.get("/v1/stats/series?measure=launched&kind=attack&country=UA&timezone=Europe/Kyiv"))

    assert (row["count"], row["best"]) == (30, 30 * 810)
