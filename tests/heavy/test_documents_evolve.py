"""A release with a new field, facet, measure and tokenizer on stored events: refused until built, then right.

EVOLUTION_EVENTS sets another number of events than 1,500; `make nightly` takes 10,000.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
import sqlalchemy as sa
from calls import good, written
from cli.conftest import PATIENCE_S, bearer
from conftest import client_of, load_samples
from crowds import multiply
from programs import free_port
from sqlmodel import col

from app.auth.keys import create_key
from app.changes import Change
from app.db import Database, Statement, Transaction
from app.events.tables import EventFacet, FacetValue, HourlyRollup, IndexState

if TYPE_CHECKING:
    from conftest import MakeApp, MakeEvent

ROOT = Path(__file__).parents[2]
ROUNDS = slice(100, 110), slice(200, 210), slice(300, 310)
EVENTS = int(os.environ.get("EVOLUTION_EVENTS", "1500"))
# What the next release does to files of `app/kinds`.
EDITS = {
    "attack.py": [
        ("    optional_field,\n", "    later_optional_field,\n    optional_field,\n"),
        (
            '    targets: list[Target] = list_field("What was attacked.")\n',
            """    targets: list[Target] = list_field("What was attacked.")
    weather: Text | None = later_optional_field("What the weather was.")
""",
        ),
        (
            "    facets: ClassVar = (\n",
            """    facets: ClassVar = (
        Facet("target_outcome", "Outcome.", lambda event: [each.outcome for each in event.detail.targets], Outcome),
        Facet("weather", "What the weather was.", lambda event: [event.detail.weather]),
""",
        ),
        ("boolean_value(event.detail.civilian_targeting)", "boolean_value(bool(event.detail.civilian_targeting))"),
        (
            "    totals: ClassVar = (\n",
            '    totals: ClassVar = (\n        Measure("suppressed", "Munitions lost.", _fired("suppressed")),\n',
        ),
    ],
    # Words are found without the s of their plural.
    "tokenizer.py": [
        (f"    {line}\n", f'    word = word.removesuffix("s") or word\n    {line}\n')
        for line in (
            'name, sound = NAME_ENDING.sub("y", word), _sound(word)',
            'if word.isascii():\n        return NAME_ENDING.sub("y", word), FOREIGN + _sound(word)',
        )
    ],
}
# What asks for nothing that is new or changed.
OLD_QUESTIONS = (
    "/v1/events/count",
    "/v1/events/count?country=UA",
    "/v1/events/count?munition=uav_one_way_attack&killed_min=3",
    "/v1/events/count?kind=attack&missing=tag",
    "/v1/events?actor=Russia&sort=-killed&limit=5",
    "/v1/stats/series?interval=year&measure=launched&group_by=country",
    "/v1/stats/facets?facet=munition&facet=kind",
    "/v1/stats/grid?zoom=2&measure=launched",
    "/v1/feed?munition=uav_one_way_attack&limit=20",
)
REFUSED = {
    "/v1/events?target_outcome=hit": "the facet target_outcome",
    "/v1/events/count?exclude=target_outcome:hit": "the facet target_outcome",
    "/v1/events/count?missing=weather": "the facet weather",
    "/v1/events.geojson?civilian_targeting=false": "the facet civilian_targeting",
    "/v1/events/export?format=csv&target_outcome=hit": "the facet target_outcome",
    "/v1/events?sort=-suppressed": "the measure suppressed",
    "/v1/events?suppressed_min=1": "the measure suppressed",
    "/v1/events?q=drone": "words (q)",
    "/v1/events?q=-drone&as_of=e1-000000000005": "words (q)",
    "/v1/stats/series?measure=suppressed": "the measure suppressed",
    "/v1/stats/series?group_by=target_outcome": "the facet target_outcome",
    "/v1/stats/grid?zoom=2&measure=suppressed": "the measure suppressed",
    "/v1/stats/facets?facet=civilian_targeting": "the facet civilian_targeting",
    "/v1/stats/facets?facet=kind&q=drone": "words (q)",
    "/v1/feed/stream?target_outcome=hit": "the facet target_outcome",
    "/v1/feed?target_outcome=hit": "the facet target_outcome",
}


class Program:
    """A copy of the package, with the edits of the next release or without, on one database."""

    def __init__(self, folder: Path, url: str, edits: dict[str, list[tuple[str, str]]]) -> None:
        for part in ("app", "migrations"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        for name, pairs in edits.items():
            path = folder / "app" / "kinds" / name
            text = path.read_text(encoding="utf-8")
            for before, after in pairs:
                assert text.count(before) == 1, before
                text = text.replace(before, after)
            path.write_text(text, encoding="utf-8")
        self.folder, self.port = folder, free_port()
        paths = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": ""}  # its second start is faster
        self._environment = {**os.environ, **paths, "SITREP_DATABASE_URL": url, "SITREP_LOG_LEVEL": "error"}
        self.server = self.start("serve", "--port", str(self.port))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command."""
        command = [sys.executable, "-m", "app", *arguments]
        pipe = subprocess.PIPE if arguments[0] != "serve" else None
        return subprocess.Popen(command, cwd=self.folder, env=self._environment, stdout=pipe)  # noqa: S603 (our own)

    async def run(self, *arguments: str) -> str:
        """Run a command to its end; what it says on stdout."""
        process = self.start(*arguments)
        out, _ = await asyncio.to_thread(process.communicate, timeout=PATIENCE_S)
        return out.decode()

    def client(self, key: str) -> httpx.AsyncClient:
        """A caller of its server."""
        address = f"http://127.0.0.1:{self.port}"
        return httpx.AsyncClient(base_url=address, headers=bearer(key), trust_env=False, timeout=PATIENCE_S)

    def end(self) -> None:
        """Kill the server."""
        self.server.kill()
        self.server.wait(PATIENCE_S)


Start = Callable[[str, dict[str, list[tuple[str, str]]]], Program]


@pytest.fixture
def program(database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts programs on the test's database, and ends them."""
    started: list[Program] = []

    def start(name: str, edits: dict[str, list[tuple[str, str]]]) -> Program:
        started.append(Program(tmp_path / name, database_url, edits))
        return started[-1]

    yield start
    for each in started:
        each.end()


async def until(holds: Callable[[], Any]) -> None:
    """Wait until it holds; bounded."""
    end = time.monotonic() + PATIENCE_S
    while not await holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def is_ready(client: httpx.AsyncClient) -> bool:
    """The server answers that it is ready."""
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def fill(db: Database, make_app: MakeApp, make_event: MakeEvent) -> None:
    """Write some 40 events and copy them until there are so many; then give a few of them a history."""
    app = await make_app(delivery=False)
    key = (await create_key(db, "newsroom", ["admin"]))[1]
    async with client_of(app, key) as api:
        await load_samples(app.state.services.store)
        for n in range(24):
            await written(api, attack(make_event, n))
        [(first,)] = await db.rows(Statement(sa.select(sa.func.count()).select_from(Change)))
        times = EVENTS // first
        await multiply(db, times)

        async def count_copies(tx: Transaction) -> None:
            names = ("events", "low", "best", "high")
            await tx.run(sa.update(HourlyRollup).values({name: sa.column(name) * (times + 1) for name in names}))

        await db.write(count_copies)
        for event in (await listed(api, "kind=attack"))[:60:2]:
            put = attack(make_event, len(event["id"]) + event["version"])
            good(await api.put(f"/v1/events/{event['id']}", json=put, headers={"if-match": "*"}))
        for event, reason in zip((await listed(api, "kind=attack"))[60:64], ("duplicate", "legal") * 2, strict=True):
            assert (await api.delete(f"/v1/events/{event['id']}?reason={reason}")).status_code == 204


def attack(make_event: MakeEvent, n: int, **detail: Any) -> dict[str, Any]:
    """An attack that differs with the number in all that is new or changed."""
    outcome = (None, "hit", "damaged")[n % 3]
    munition = {"category": "uav_one_way_attack", "launched": 10 + n, "suppressed": n % 5 or None}
    return make_event(
        title=("Drones over Kyiv", "A drone over Lviv", "Missiles over Odesa")[n % 3],
        summary=f"Number {n}.",
        detail={
            "munitions": [munition],
            "targets": [{"category": "energy", "outcome": outcome}],
            "civilian_targeting": (None, True, False)[n % 3],
            **detail,
        },
    )


async def listed(api: httpx.AsyncClient, query: str) -> list[dict[str, Any]]:
    """Every event that the list gives, page by page."""
    found, following = [], ""
    while True:
        page = good(await api.get(f"/v1/events?limit=1000&{query}{following}"))
        found += page["items"]
        if page["next"] is None:
            return found
        following = f"&cursor={page['next']}"


async def versions(db: Database) -> dict[int, tuple[bytes, bytes]]:
    """The bytes and the digest of every version that is stored."""
    columns = (col(Change.seq), col(Change.body), col(Change.digest))
    return {seq: (body, digest) for seq, body, digest in await db.rows(Statement(sa.select(*columns)))}


async def progress(db: Database) -> int | None:
    """How far the index is, the last event of it."""
    [(found,)] = await db.rows(Statement(sa.select(sa.func.min(col(IndexState.progress)))))
    return None if found is None else int(found)


async def indexed_anew(db: Database) -> list[dict[str, int]]:
    """The first row of the new facet in the index, of an event that the building has passed."""
    reached = await progress(db)
    names = ("value", "started_at", "event", "since")
    rows = (
        sa.select(*(sa.inspect(EventFacet).local_table.c[name] for name in names))
        .join(FacetValue, col(FacetValue.id) == col(EventFacet.value))
        .where(col(FacetValue.facet) == "target_outcome", col(EventFacet.event) <= (-1 if reached is None else reached))
        .order_by(col(EventFacet.event))
        .limit(1)
    )
    return [dict(zip(names, row, strict=True)) for row in await db.rows(Statement(rows))]


async def take_out_one(db: Database) -> dict[str, int]:
    """Remove that row."""
    [row] = await indexed_anew(db)

    async def remove(tx: Transaction) -> None:
        await tx.delete(EventFacet, ("value", "started_at", "event"), [row])

    await db.write(remove)
    return row


async def put_back(db: Database, row: dict[str, int]) -> None:
    """Add a row that is not there."""

    async def add(tx: Transaction) -> None:
        await tx.insert(EventFacet, [row])

    await db.write(add)


async def require_valid(api: httpx.AsyncClient, bodies: Iterable[bytes]) -> None:
    """Every version has what the published schema requires, and the new field is not among that."""
    schema = good(await api.get("/v1/kinds/attack"))["schema"]
    required = set(schema["required"]), set(schema["$defs"]["Attack"]["required"])
    assert "weather" not in required[1]
    assert "Absent in versions" in schema["$defs"]["Attack"]["properties"]["weather"]["description"]
    for event in map(orjson.loads, bodies):
        if event["kind"] == "attack" and "deleted_at" not in event:
            assert (required[0] <= event.keys(), required[1] <= event["detail"].keys()) == (True, True)
            assert "weather" not in event["detail"]


async def require_refusals(api: httpx.AsyncClient) -> None:
    """Each question that would read what is new or changed is told why it is not answered; others are answered."""
    for path, reason in REFUSED.items():
        answer = await api.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), path
        assert f"The index of {reason} is new or changed" in answer.json()["detail"], path
        assert int(answer.headers["retry-after"]) > 0


async def old_answers(api: httpx.AsyncClient) -> list[Any]:
    """The answers to what asks for nothing new."""
    return [good(await api.get(path)) for path in OLD_QUESTIONS]


async def require_right_answers(api: httpx.AsyncClient) -> None:
    """List, count, facets, statistics, words, order and feed agree with what the events themselves say."""
    events = await listed(api, "kind=attack")
    facts = {event["id"]: (outcomes_of(event), suppressed_of(event), event["detail"]) for event in events}
    for outcome in ("hit", "damaged"):
        right = {id for id, (outcomes, _, _) in facts.items() if outcome in outcomes}
        assert {event["id"] for event in await listed(api, f"target_outcome={outcome}")} == right
        assert good(await api.get(f"/v1/events/count?target_outcome={outcome}"))["count"] == len(right)
    counts = good(await api.get("/v1/stats/facets?facet=target_outcome&facet=civilian_targeting&facet=weather"))[
        "facets"
    ]
    told = {(facet, row["value"]): row["count"] for facet, rows in counts.items() for row in rows}
    assert told["target_outcome", "hit"] == sum("hit" in outcomes for outcomes, _, _ in facts.values())
    truly = sum(bool(detail["civilian_targeting"]) for *_, detail in facts.values())
    assert told["civilian_targeting", "true"] == truly
    assert told["civilian_targeting", "false"] == len(facts) - truly
    assert told["weather", "Fog"] == sum(detail.get("weather") == "Fog" for *_, detail in facts.values())
    assert (
        good(await api.get("/v1/events/count?kind=attack&missing=weather"))["count"]
        == len(facts) - told["weather", "Fog"]
    )
    for narrowed, held in (
        ("", events),
        ("&country=UA", [e for e in events if is_in(e, "UA")]),
        ("&q=over+number", [e for e in events if " over " in e["title"]]),
    ):
        rows = good(await api.get(f"/v1/stats/series?interval=year&measure=suppressed&kind=attack{narrowed}"))
        assert sum(row["best"] for row in rows) == sum(map(suppressed_of, held)), narrowed
    assert good(await api.get("/v1/events/count?suppressed_min=4"))["count"] == sum(
        n >= 4 for _, n, _ in facts.values()
    )
    ordered = good(await api.get("/v1/events?sort=-suppressed&limit=50"))["items"]
    assert [suppressed_of(event) for event in ordered] == sorted((n for _, n, _ in facts.values()), reverse=True)[:50]
    drones = {event["id"] for event in events if "rone" in event["title"] and "Number" in (event["summary"] or "")}
    for word in ("drone", "drones"):
        found = {event["id"] for event in await listed(api, f"kind=attack&q={word}+number")}
        assert found == drones, word
    missiles = sum(event["title"].startswith("Missiles") for event in events)
    assert good(await api.get("/v1/events/count?kind=attack&q=missile+number"))["count"] == missiles


def outcomes_of(event: dict[str, Any]) -> set[str]:
    """What became of its targets."""
    return {target["outcome"] for target in event["detail"]["targets"]} - {None}


def is_in(event: dict[str, Any], country: str) -> bool:
    """It has a place in the country."""
    return any(place["country"] == country for place in event["locations"] if place["role"] != "launch")


def suppressed_of(event: dict[str, Any]) -> int:
    """How many munitions were lost."""
    if event["kind"] != "attack" or event["detail"]["state"] != "carried_out":
        return 0
    rows = [munition["suppressed"] for munition in event["detail"]["munitions"]]
    return sum(row["best"] for row in rows if row is not None and row["best"] is not None)


async def write_meanwhile(api: httpx.AsyncClient, make_event: MakeEvent, places: slice) -> None:
    """Create, change and delete events, old ones among them, with what only the new release knows."""
    for n in range(3):
        await written(api, attack(make_event, n, weather="Fog"))
    for event in (await listed(api, "kind=attack&until=2030-01-01"))[places]:
        put = attack(make_event, event["version"] + 1, weather="Fog")
        good(await api.put(f"/v1/events/{event['id']}", json=put, headers={"if-match": "*"}))
    gone = (await listed(api, "kind=attack"))[places][-1]["id"]
    assert (await api.delete(f"/v1/events/{gone}?reason=legal")).status_code == 204


async def test_a_release_with_another_index_is_right_on_old_events_once_it_is_built(
    db: Database, make_app: MakeApp, make_event: MakeEvent, program: Start
) -> None:
    await fill(db, make_app, make_event)
    key = (await create_key(db, "evolution", ["admin"]))[1]
    old, new = program("old", {}), program("new", EDITS)
    async with old.client(key) as to_old, new.client(key) as to_new:
        await until(lambda: is_ready(to_old))
        await until(lambda: is_ready(to_new))
        before = await old_answers(to_old)
        head = good(await to_old.get("/v1/feed/checkpoint"))
        stored = await versions(db)

        assert await old_answers(to_new) == before
        await require_refusals(to_new)
        await write_meanwhile(to_new, make_event, ROUNDS[0])
        await require_refusals(to_new)

        migrating = new.start("migrate")
        await until(lambda: indexed_anew(db))
        migrating.send_signal(signal.SIGKILL)
        await asyncio.to_thread(migrating.communicate)
        assert await progress(db) is not None
        now = await old_answers(to_new)
        await require_refusals(to_new)
        assert await old_answers(to_new) == now
        assert (await to_old.post("/v1/events", json=make_event())).json()["type"] == "/problems/schema-mismatch"
        await write_meanwhile(to_new, make_event, ROUNDS[1])
        mark = await take_out_one(db)

        assert (await new.run("migrate")).startswith("The database is at revision")
        assert await progress(db) is None
        await put_back(db, mark)  # it is still out: what was done before the kill was not done again
        await require_right_answers(to_new)
        await write_meanwhile(to_new, make_event, ROUNDS[2])
        await require_right_answers(to_new)

        report = await new.run("check")
        parts = {line[:20].strip(): line[20:].strip() for line in report.splitlines()[1:]}
        for part in ("event_facet", "past_facet", "event_measure", "event_text", "tally", "ids of changes", "versions"):
            assert parts[part].startswith("ok"), report
        after = await versions(db)
        kept = {seq: each for seq, each in stored.items() if after[seq] == each}
        erased = [after[seq][0] for seq in stored.keys() - kept.keys()]
        assert len(erased) <= 2 * len(ROUNDS)
        assert all(b'"erased":true' in body for body in erased)
        assert good(await to_new.get(f"/v1/feed/checkpoint?at={head['at']}")) == head
        await require_valid(to_new, (body for body, _ in kept.values()))
        assert (await new.run("reindex")).strip() == "The index is complete."
