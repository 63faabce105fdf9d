"""Filters: the list, the count, the export, `matches()` and a plain reading of the contract give the same events."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID
from weakref import WeakKeyDictionary

import sqlalchemy as sa
import worlds
from calls import faults, found, good, written
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sqlmodel import col

from app.db import WriteConflict
from app.events.read.filter import EventFilter
from app.events.schemas import ListQuery
from app.events.tables import FacetValue
from app.events.terms import index_terms
from app.events.write.commands import content
from app.http import read_query
from app.kinds import parse_event

if TYPE_CHECKING:
    from conftest import MakeEvent
    from httpx import AsyncClient

    from app.db import Database

TIMES = ["-started_at", "started_at", "-updated_at", "updated_at"]
SORTS = [*TIMES, *TIMES, *(sign + name for name in worlds.MEASURES for sign in ("", "-"))]
# The database stays from example to example, so that worlds grow; each example is right for itself.
GROWING = settings(
    max_examples=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Past:
    """Every state of a world: what each change left, kept in plain Python."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, worlds.Event | None]] = []
        self.erased: set[str] = set()

    def seen(self, question: worlds.Question) -> list[int]:
        """The changes before or after which their event matched; of what was erased nothing is known."""
        found, states = [], dict[str, worlds.Event]()
        for seq, (id, event) in enumerate(self.changes, 1):
            if id not in self.erased and worlds.heard(states.get(id), event, question):
                found.append(seq)
            if event is not None:
                states[id] = event
        return found

    def at(self, seq: int) -> dict[str, worlds.Event]:
        """The live events after that many changes, by id."""
        states: dict[str, worlds.Event] = {}
        for id, event in self.changes[:seq]:
            if event is None or id in self.erased:
                states.pop(id, None)
            else:
                states[id] = event
        return states


# By client, and not by its id, which another is given when it is gone.
WORLDS: WeakKeyDictionary[AsyncClient, list[worlds.Event]] = WeakKeyDictionary()
PASTS: WeakKeyDictionary[AsyncClient, Past] = WeakKeyDictionary()
ASKED = st.tuples(worlds.questions(), st.sampled_from(SORTS), st.sampled_from([1, 2, 3, 7, 100]))


async def add(api: AsyncClient, *drawn: worlds.Event, known: list[worlds.Event]) -> None:
    """Write the events as one batch, keyed, each related to some before it."""
    first, items = len(known), []
    for n, event in enumerate(drawn):
        relations = [{"type": "follows", "event_id": f"#{n - 1}"}] if n else []
        relations += [{"type": "part_of", "event_id": known[(first * 7 + n) % first]["id"]}] if first else []
        keys = [{"system": "world", "id": f"{first + n}:a/b"}]
        items.append({"op": "create", "event": {**event, "relations": relations, "external_ids": keys}})
    results = good(await api.post("/v1/events/batch", json={"items": items}))["results"]
    known += [good(await api.get(f"/v1/events/{result['id']}")) for result in results]


def order(event: worlds.Event, sort: str) -> tuple[str, str]:
    """Where an event stands: instants of one length, so that they compare as text."""
    text = event[sort.removeprefix("-")]
    return text if "." in text else text.replace("Z", ".000000Z"), event["id"]


def ordered(events: list[worlds.Event], sort: str) -> list[str]:
    """Their ids in order; by a measure those without it come last, in either direction."""
    measure, down = sort.removeprefix("-"), sort.startswith("-")
    if sort in TIMES:
        chosen = sorted(events, key=lambda event: order(event, sort), reverse=down)
    else:
        counted = [(worlds.total(event, measure), event["id"], event) for event in events]
        known = sorted((row for row in counted if row[0] is not None), key=lambda row: row[:2], reverse=down)
        rest = sorted((row for row in counted if row[0] is None), key=lambda row: row[1], reverse=down)
        chosen = [event for _, _, event in (*known, *rest)]
    return [event["id"] for event in chosen]


async def pages(api: AsyncClient, query: str, limit: int) -> list[worlds.Event]:
    """Every event of the list, page by page; no page but the last is short, none is empty but an only one."""
    events: list[worlds.Event] = []
    address: str | None = f"/v1/events?limit={limit}&{query}"
    while address is not None:
        answer = await api.get(address)
        page = good(answer)
        events += page["items"]
        address = answer.headers.get("link", "<>").partition(">")[0].removeprefix("<") or None
        assert (page["next"] is not None) == (address is not None)
        assert len(page["items"]) == limit or address is None
        assert page["items"] or len(events) == 0
    return events


async def exported(api: AsyncClient, query: str) -> list[worlds.Event]:
    answer = await api.get(f"/v1/events/export?{query}")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def ours(events: list[worlds.Event], question: worlds.Question) -> list[worlds.Event]:
    """Those that `matches()` lets through."""
    asked = read_query(urlencode(question).encode(), ListQuery)
    since = next((value for name, value in question if name == "changed_since"), None)
    later = [event for event in events if since is None or worlds.passes(event, "changed_since", [since], "")]
    return [event for event in later if asked.matches(index_terms(parse_event(content(event))), UUID(event["id"]))]


@GROWING
@given(drawn=st.lists(worlds.events(), min_size=1, max_size=5), asked=st.lists(ASKED, min_size=4, max_size=4))
async def test_list_count_export_and_matches_agree_with_the_contract(
    api: AsyncClient, db: Database, drawn: list[worlds.Event], asked: list[tuple[worlds.Question, str, int]]
) -> None:
    known = WORLDS.setdefault(api, [])
    await add(api, *drawn, known=known)
    await misjudge(db, len(known) % 4)

    for abstract, sort, limit in asked:
        question = worlds.about(known, abstract)
        query = urlencode(question)
        right = [event for event in known if worlds.matches(event, question)]
        note(query)
        listed = await pages(api, f"{query}&sort={sort}", max(limit, len(right) // 4))

        assert [event["id"] for event in ours(known, question)] == [event["id"] for event in right]
        assert [event["id"] for event in listed] == ordered(right, sort)
        assert all(event in right for event in listed)
        assert good(await api.get(f"/v1/events/count?{query}"))["count"] == len(right)
        assert [event["id"] for event in await exported(api, query)] == ordered(right, "-started_at")


async def misjudge(db: Database, way: int) -> None:
    """Spoil the planner's estimates, by which it chooses what to read first: the answers must not depend on them."""
    if way:
        judged = sa.update(FacetValue).values(events=(col(FacetValue.id) * way % 3) * 30_000)
        with suppress(WriteConflict):  # the store may be counting just now
            await db.write(lambda tx: tx.run(judged))


STEPS = st.tuples(
    st.sampled_from(["create", "create", "replace", "replace", "delete"]),
    st.integers(0, 1000),
    worlds.events(),
    st.sampled_from(["duplicate", "erroneous", "legal"]),
)


async def step(api: AsyncClient, past: Past, /, what: str, pick: int, event: worlds.Event, reason: str) -> None:  # noqa: PLR0917 (the parts of a drawn step)
    """Create, replace or delete an event; only one of the same kind can be replaced."""
    live = sorted(past.at(len(past.changes)).values(), key=lambda stored: str(stored["id"]))
    choice = [stored for stored in live if what == "delete" or stored["kind"] == event["kind"]]
    if what == "create" or not choice:
        stored = await written(api, {**event, "external_ids": [{"system": "world", "id": str(len(past.changes))}]})
        past.changes.append((stored["id"], stored))
        return
    old = choice[pick % len(choice)]
    if what == "delete":
        assert (await api.delete(f"/v1/events/{old['id']}?reason={reason}")).status_code == 204
        past.changes.append((old["id"], None))
        past.erased |= {old["id"]} if reason == "legal" else set()
        return
    body = {**event, "external_ids": old["external_ids"]}
    put = await api.put(f"/v1/events/{old['id']}", json=body, headers={"if-match": "*"})
    if good(put)["version"] > old["version"]:
        past.changes.append((old["id"], put.json()))


@GROWING
@given(
    steps=st.lists(STEPS, min_size=1, max_size=5),
    asked=st.lists(st.tuples(ASKED, st.integers(0, 10_000), worlds.CHANGES), min_size=4, max_size=4),
)
async def test_lists_and_counts_of_the_past_are_what_they_were(
    api: AsyncClient, db: Database, steps: list[Any], asked: list[tuple[Any, int, worlds.Question]]
) -> None:
    past = PASTS.setdefault(api, Past())
    for change in steps:
        await step(api, past, *change)
    await misjudge(db, len(past.changes) % 4)

    for (abstract, sort, limit), pick, changes in asked:
        seq = pick % (len(past.changes) + 1)
        states = list(past.at(seq).values())
        question = worlds.about(states, abstract)
        query = urlencode([*question, ("as_of", f"e1-{seq:012d}")])
        right = [event for event in states if worlds.matches(event, question)]
        note(query)
        listed = await pages(api, f"{query}&sort={sort}", max(limit, len(right) // 4))

        assert [event["id"] for event in listed] == ordered(right, sort)
        assert all(event in right for event in listed)
        assert good(await api.get(f"/v1/events/count?{query}"))["count"] == len(right)
        assert [event["id"] for event in await exported(api, query)] == ordered(right, "-started_at")
        followed = [pair for pair in question if pair[0] != "changed_since"] + changes
        assert await fed(api, past, followed) == past.seen(followed)


async def fed(api: AsyncClient, past: Past, question: worlds.Question) -> list[int]:
    """The changes that the feed gives for a question, but for those of erased events."""
    items = good(await api.get(f"/v1/feed?limit=1000&{urlencode(question)}"))["items"]
    return [int(item["sequence"]) for item in items if item["subject"] not in past.erased]


async def test_every_filter_finds_what_it_names_and_nothing_else(api: AsyncClient, make_event: MakeEvent) -> None:
    event = await written(
        api,
        make_event(
            status="confirmed",
            tags=["night"],
            external_ids=[{"system": "acled", "id": "UKR:1/2"}],
            actors=[
                {"name": "Russia", "role": "initiator", "type": "government", "country": "RU", "ref": "Q159"},
                {"name": "Ukraine", "role": "target", "type": "government", "country": "UA"},
            ],
        ),
    )
    related = await written(
        api,
        {
            "kind": "negotiation_round",
            "title": "Talks in Geneva",
            "started_at": "2025-11-23T00:00:00Z",
            "sources": [{"publisher": "Reuters"}],
            "relations": [{"type": "responds_to", "event_id": event["id"]}],
            "detail": {"process": {"key": "geneva-2025"}, "state": "held"},
        },
    )

    for query in (
        "kind=attack",
        "status=confirmed",
        "country=UA",
        "country=ua",
        "country=FR&country=UA",
        "admin1=UA-30",
        "place=kyiv",
        "bbox=30,50,31,51",
        "near=50.45,30.52&radius_km=0",
        "near=50.45,30.52&radius_km=1000",
        "since=2025-09-07&until=2025-09-08&timezone=Europe/Kyiv",
        "since=2025-09-07T20:59:59.999999Z&until=2025-10-01",
        "until=2025-09-06T21:00:00.000001Z",
        f"id={event['id']}",
        f"id={event['id'].upper()}&id=0197f2a0-0000-7000-8000-000000000001",
        "actor=russia",
        "actor=Q159",
        "actor=RU",
        "actor_country=UA",
        "initiator=ru",
        "target_country=UA",
        "publisher=example+wire",
        "tag=night",
        "external_id=acled:UKR:1/2",
        "q=drones",
        "q=%22reached+the+city%22+kyi*",
        "killed_min=3",
        "killed_max=3",
        "killed_min=1&killed_max=9",
        "launched_min=810",
        "munition=uav_one_way_attack",
        "attack_state=carried_out",
        f"kind=attack&place=Kyiv&q=wave&killed_min=3&id={event['id']}&tag=night&bbox=30,50,31,51",
    ):
        assert await found(api, query) == [event["id"]], query
        assert good(await api.get(f"/v1/events/count?{query}"))["count"] == 1, query
    for query in ("kind=negotiation_round", f"related_to={event['id']}", "process=geneva-2025", "talks_state=held"):
        assert await found(api, query) == [related["id"]], query
    for query in (
        "status=disputed",
        "country=RU",
        "admin1=UA-43",
        "place=kyi",
        "bbox=31,50,32,51",
        "since=2025-09-07T21:00:00Z&until=2025-09-08",
        "until=2025-09-06T21:00:00Z",
        "since=2025-11-24",
        "id=0197f2a0-0000-7000-8000-000000000001",
        "initiator=Ukraine",
        "target_country=RU",
        "external_id=acled:UKR",
        "external_id=ACLED:UKR:1/2",
        f"related_to={related['id']}",
        "q=%22city+reached%22",
        "q=drone",
        "killed_min=4",
        "killed_max=2",
        "injured_min=0",
        "launched_max=809",
        "rounds_max=0",
        "kind=attack&process=geneva-2025",
    ):
        assert await found(api, query) == [], query


async def test_a_time_with_no_moment_in_it_holds_no_event(api: AsyncClient, make_event: MakeEvent) -> None:
    await written(api, make_event(time_precision="year"))

    for query in (
        "since=2025-09-07&until=2025-09-07",
        "since=2025-09-08&until=2025-09-07",
        "since=2025-09-07T00:00:00Z&until=2025-09-07T00:00:00Z",
    ):
        for path in ("", f"as_of=e1-{1:012d}&"):
            assert await found(api, path + query) == []
            assert good(await api.get(f"/v1/events/count?{path}{query}"))["count"] == 0
            assert await exported(api, path + query) == []


async def test_places_of_launch_do_not_count(api: AsyncClient, make_event: MakeEvent) -> None:
    launch = {"name": "Kursk", "country": "RU", "lat": 51.7, "lon": 36.2, "role": "launch"}
    event = await written(api, make_event(locations=[launch]))

    for query in ("country=RU", "place=Kursk", "bbox=36,51,37,52", "near=51.7,36.2&radius_km=10", "target_country=RU"):
        assert await found(api, query) == [], query
    assert await found(api, "kind=attack") == [event["id"]]


async def test_a_box_may_cross_the_antimeridian_and_touch_the_poles(api: AsyncClient, make_event: MakeEvent) -> None:
    ids = {}
    for name, lat, lon in (
        ("fiji", -17, 179.5),
        ("samoa", -14, -172),
        ("line", 0, 180),
        ("pole", 90, 13),
        ("rome", 42, 12),
    ):
        place = {"name": name, "lat": lat, "lon": lon, "role": "impact"}
        ids[(await written(api, make_event(locations=[place])))["id"]] = name

    for query, names in (
        ("bbox=170,-20,-170,5", {"fiji", "samoa", "line"}),
        ("bbox=-180,-20,-170,5", {"samoa", "line"}),
        ("bbox=170,-20,180,5", {"fiji", "line"}),
        ("bbox=180,-1,-180,1", {"line"}),
        ("bbox=-180,-90,180,90", {"fiji", "samoa", "line", "pole", "rome"}),
        ("bbox=-180,90,-170,90", set()),
        ("bbox=13,89,13,90", {"pole"}),
        ("near=89.99,-100&radius_km=5", {"pole"}),
        ("near=0,-179.99&radius_km=2", {"line"}),
        ("near=-17,-179.9&radius_km=100", {"fiji"}),
        ("near=0,0&radius_km=1000", set()),
    ):
        assert {ids[id] for id in await found(api, query)} == names, query


async def test_each_order_visits_every_event_once_ties_too(api: AsyncClient, make_event: MakeEvent) -> None:
    known: list[worlds.Event] = []
    same = [make_event(title=str(n), started_at="2025-09-07T00:00:00Z") for n in range(7)]
    await add(api, *same, known=known)
    await add(api, *(make_event(title=str(n)) for n in range(4)), known=known)

    for sort in TIMES:
        for query in (
            f"sort={sort}",
            f"sort={sort}&kind=attack&country=UA&country=RU",
        ):
            for limit in (1, 2, 5, 11, 12):
                listed = await pages(api, query, limit)
                assert [event["id"] for event in listed] == ordered(known, sort), (query, limit)


async def test_events_that_come_and_go_do_not_disturb_a_walk(api: AsyncClient, make_event: MakeEvent) -> None:
    known: list[worlds.Event] = []
    await add(api, *(make_event(title=str(n)) for n in range(6)), known=known)
    rest = ordered(known, "-started_at")
    first = await api.get("/v1/events?limit=2")

    await api.delete(f"/v1/events/{rest[1]}?reason=duplicate")
    await written(api, make_event(started_at="2030-01-01T00:00:00Z"))
    second = good(await api.get(f"/v1/events?limit=10&cursor={good(first)['next']}"))

    assert [event["id"] for event in second["items"]] == rest[2:]


async def test_a_zone_is_allowed_wherever_filters_are_and_by_itself_narrows_nothing(
    api: AsyncClient, make_event: MakeEvent
) -> None:
    event = await written(api, make_event())

    assert await found(api, "timezone=Asia/Tokyo") == [event["id"]]
    assert good(await api.get("/v1/events/count?timezone=Asia/Tokyo"))["count"] == 1
    assert await exported(api, "timezone=Asia/Tokyo") == [event]


async def test_an_unknown_word_of_a_vocabulary_is_told_with_those_allowed(api: AsyncClient) -> None:
    refused = await api.get("/v1/events?attack_state=carried_out&attack_state=done")

    assert faults(refused) == [("attack_state", "enum")]
    assert refused.json()["errors"][0]["allowed"] == ["planned", "threatened", "carried_out", "foiled"]


async def test_every_facet_and_measure_of_every_kind_is_a_parameter(api: AsyncClient) -> None:
    names: set[str] = set()
    for kind in good(await api.get("/v1/kinds"))["items"]:
        names |= {facet["name"] for facet in kind["facets"]}
        names |= {f"{measure}_{end}" for measure in kind["measures"] for end in ("min", "max")}

    assert names <= EventFilter.model_fields.keys()
    for name in sorted(names):
        answer = await api.get("/v1/events", params={name: "1" if name.endswith(("_min", "_max")) else "no such value"})
        assert answer.status_code == 200 or faults(answer) in [[(name, "enum")], [(name, "country")]]


async def test_a_word_that_thousands_of_events_hold_is_found_as_well(api: AsyncClient) -> None:
    """Few matches are looked up by their keys, many are probed one by one: the answers are of one kind."""
    bare = {"kind": "attack", "started_at": "2025-09-07T00:00:00Z", "sources": [{"publisher": "p"}], "detail": {}}
    made: list[worlds.Event] = []
    for start in range(0, 2100, 700):
        events = [
            {**bare, "title": f"Drones over {n}", "tags": ["even"] if n % 2 == 0 else [], "summary": "raid"}
            for n in range(start, start + 700)
        ]
        items = [{"op": "create", "event": event} for event in events]
        results = good(await api.post("/v1/events/batch", json={"items": items}))["results"]
        made += [{**event, "id": result["id"]} for event, result in zip(events, results, strict=True)]

    for query, right in (
        ("q=drones", made),
        ("q=dro*&tag=even", made[::2]),
        ('q="drones over" raid', made),
        ('q="drones over 7"', made[7:8]),
        ("q=drones over 8&tag=even", made[8:9]),
        ('q="over drones"', []),
        ('q="8 raid"', []),
        ("q=drones&changed_since=2020-01-01", made),
        ("changed_since=2020-01-01&tag=even", made[::2]),
        ("q=raid&changed_since=2100-01-01", []),
        ("q=drones&as_of=e1-000000000701", made[:701]),
    ):
        for sort in ("-started_at", "updated_at"):
            listed = await pages(api, f"{query}&sort={sort}", 1000)
            chosen = [event["id"] for event in right]
            assert [event["id"] for event in listed] == (chosen[::-1] if sort.startswith("-") else chosen), query
        assert good(await api.get(f"/v1/events/count?{query}"))["count"] == len(right), query
