"""Reading the feed through the index of the log gives what a full scan gives, whatever was written and however."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
import worlds
from calls import good, written
from conftest import set_block_size
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from app.changes import ChangeBlock, LogHead
from app.changes.facet_index import BLOCK, decode_bits, encode_bits, index_further, matching, sequences
from app.check.log_index import EXTENT, NAME
from app.check.replay import PACKED
from app.check.run import check
from app.db import Statement
from app.errors import Invalid
from app.events.index.reindex import index_log_online, rebuild_online
from app.events.read.filter import ChangeFilter
from app.feed.matcher import Matcher
from app.feed.reader import PageReader
from app.feed.recent_changes import RecentChanges
from app.feed.schemas import FeedQuery
from app.http import read_query
from app.subscriptions.delivery.change_reader import ChangeReader

if TYPE_CHECKING:
    from fastapi import FastAPI
    from httpx import AsyncClient

    from app.changes import ChangeLog
    from app.db import Database, Transaction

SMALL = 32
WRITES = st.lists(
    st.tuples(
        st.sampled_from(["create", "create", "replace", "delete", "legal"]), st.integers(0, 1000), worlds.events()
    ),
    min_size=5,
    max_size=25,
)
ASKED = st.tuples(worlds.questions(), worlds.CHANGES, st.sampled_from([7, 100]), st.integers(0, 1000))
BETWEEN = st.sampled_from(["nothing", "nothing", "lose", "further", "build", "reindex", "trim"])


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that a test fills many of."""
    set_block_size(monkeypatch, SMALL)


class World:
    """What was written, and the two readers."""

    def __init__(self, app: FastAPI, db: Database) -> None:
        self.log: ChangeLog = app.state.services.log
        self.recent: RecentChanges = app.state.services.notifier.recent
        self.db = db
        self.live: list[worlds.Event] = []

    async def write(self, api: AsyncClient, drawn: list[Any]) -> None:
        """Write a batch; what is replaced or deleted was there before it."""
        items: list[dict[str, Any]] = []
        left = list(self.live)
        for what, pick, event in drawn:
            alike = [old for old in left if what in {"delete", "legal"} or old["kind"] == event["kind"]]
            if what == "create" or not alike:
                keys = [{"system": "world", "id": f"{event['title']}:{len(items)}:{id(items)}"}]
                items.append({"op": "create", "event": {**event, "external_ids": keys}})
                continue
            old = alike[pick % len(alike)]
            left.remove(old)
            if what == "replace":
                body = {**event, "external_ids": old["external_ids"]}
                items.append({"op": "replace", "id": old["id"], "if_match": old["version"], "event": body})
            else:
                reason = "legal" if what == "legal" else "duplicate"
                items.append({"op": "delete", "id": old["id"], "reason": reason})
        results = good(await api.post("/v1/events/batch", json={"items": items}))["results"]
        written = {result["id"] for result in results if result["status"] in {200, 201}}
        self.live = [old for old in left if old["id"] not in written]
        self.live += [good(await api.get(f"/v1/events/{one}")) for one in sorted(written)]

    async def disturb(self, what: str) -> None:
        """What may happen to the index beside the writes."""
        if what == "lose":  # the log of an earlier program, of which nothing is indexed

            async def lose(tx: Transaction) -> None:
                await tx.run(Statement(sa.delete(ChangeBlock)))
                await tx.run(Statement(sa.update(LogHead).values(indexed=0)))

            await self.db.write(lose)
            self.recent.by_value.clear()
        elif what == "further":
            await self.db.write(index_further)
        elif what == "build":
            await index_log_online(self.db)
        elif what == "reindex":
            await rebuild_online(self.db, everything=True)
        elif what == "trim":
            head = await self.log.head()
            to = head.oldest + (head.seq - head.oldest) // 3
            await self.db.write(lambda tx: tx.run(Statement(sa.update(LogHead).values(oldest=to))))

    async def read(self, wanted: FeedQuery, place: tuple[int, int], recent: RecentChanges | None) -> list[Any]:
        """All matches after a position, so many a page, each page with its end; without `recent` by a scan."""
        after, limit = place
        matcher, head, pages = Matcher(wanted), await self.log.head(), []
        reader = PageReader(self.log, matcher, recent or RecentChanges(1))
        with pytest.MonkeyPatch.context() as patch:
            if recent is None:
                patch.setattr(Matcher, "slots", [])
            more = True
            while more:
                page = await reader.page(after, limit, head)
                assert page.next > after or not page.more
                pages.append(([(p.entry.seq, p.item) for p in page.pieces], page.next, page.more))
                after, more = page.next, page.more
        return pages


WORLDS: dict[int, World] = {}


@settings(
    max_examples=12,
    phases=[Phase.explicit, Phase.generate],  # the world has grown meanwhile, so a smaller example would be another
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=WRITES, between=BETWEEN, asked=st.lists(ASKED, min_size=6, max_size=6))
@pytest.mark.usefixtures("small_blocks")
async def test_the_index_finds_what_a_scan_finds(  # noqa: PLR0917 (what is drawn, and where it is written)
    app: FastAPI, api: AsyncClient, db: Database, drawn: list[Any], between: str, asked: list[Any]
) -> None:
    world = WORLDS.setdefault(id(api), World(app, db))
    await world.write(api, drawn)
    await world.disturb(between)
    head = await world.log.head()
    for abstract, sorts, limit, pick in asked:
        question = [pair for pair in worlds.about(world.live, abstract) if pair[0] != "changed_since"]
        try:
            wanted = read_query(urlencode([*question, *sorts]).encode(), FeedQuery)
        except Invalid:
            continue
        note(str((question, sorts)))
        after = head.oldest + pick % (head.seq - head.oldest + 1)
        right = await world.read(wanted, (after, limit), None)
        assert await world.read(wanted, (after, limit), world.recent) == right
        assert await world.read(wanted, (after, limit), RecentChanges(1)) == right
    report = await check(db, lambda _done, _of: None)
    assert not [part.line() for name, part in report.parts.items() if part.faults and name in {NAME, EXTENT, PACKED}]


async def test_a_rare_value_is_found_without_reading_the_log(app: FastAPI, api: AsyncClient, make_event: Any) -> None:
    for first in range(0, 2 * BLOCK, BLOCK):
        items = [{"op": "create", "event": make_event(tags=["common"])} for _ in range(BLOCK // 2)]
        items[7]["event"] = make_event(tags=["rare"])
        for _ in range(2):
            good(await api.post("/v1/events/batch", json={"items": items}))
        assert (await app.state.services.log.head()).indexed == first + BLOCK
    log = app.state.services.log
    asked: list[Any] = []
    plain = log.db.rows

    async def rows(statement: Any, values: Any = None, **more: Any) -> Any:
        found = await plain(statement, values, **more)
        asked.append(len(found))
        return found

    reader = PageReader(log, Matcher(FeedQuery.model_validate({"tag": ["rare"]})), RecentChanges(1))
    log.db.rows = rows
    try:
        page = await reader.page(0, 100, await log.head())
    finally:
        log.db.rows = plain
    assert [piece.entry.seq for piece in page.pieces] == [8, 520, 1032, 1544]
    assert max(asked) < 20


@given(st.sets(st.integers(1, BLOCK)))
def test_bits_are_read_as_they_were_stored(numbers: set[int]) -> None:
    bits = sum(1 << number - 1 for number in numbers)
    assert decode_bits(encode_bits(bits)) == bits
    assert len(encode_bits(bits)) <= BLOCK // 8
    assert list(sequences(2, bits)) == sorted(2 * BLOCK + number for number in numbers)


async def test_a_change_wakes_only_the_filters_that_it_may_concern(
    app: FastAPI, api: AsyncClient, make_event: Any
) -> None:
    notifier = app.state.services.notifier
    woken: set[str] = set()
    filters: dict[str, Any] = {str(n): {"tag": [f"tag-{n}"], "country": ["UA"]} for n in range(50)}
    filters |= {"all": {}, "words": {"q": "drones"}, "gone": {"tag": ["tag-3"], "change": ["deleted"]}}
    filters |= {"key": {"external_id": ["desk:7"]}, "barred": {"tag": ["tag-3"], "exclude": ["kind:attack"]}}
    readers = {
        name: ChangeReader(notifier, ChangeFilter.model_validate(wanted), partial(woken.add, name))
        for name, wanted in filters.items()
    }
    places = dict.fromkeys(readers, 0)

    async def heard() -> dict[str, int]:
        """Whoever was woken by the last write, and how many changes each then found; all then rest at the end."""
        await notifier.wait(max(places.values()), 20)
        found, waked = {}, set(woken)
        for name, reader in readers.items():
            page = await reader.read(places[name], 100, notifier.head)
            places[name] = page.next
            assert page.next == notifier.head.seq
            assert name in waked or not page.pieces
            if name in waked:
                found[name] = len(page.pieces)
        woken.clear()
        return found

    event = await written(api, make_event(tags=["other"]))
    await heard()
    for tags, more in ((["tag-3"], {"3": 1}), (["tag-7", "new"], {"3": 1, "7": 1}), (["tag-7"], {"7": 1})):
        put = make_event(tags=tags, external_ids=[{"system": "desk", "id": "7"}])
        good(await api.put(f"/v1/events/{event['id']}", json=put, headers={"if-match": "*"}))
        found = await heard()
        found.pop("words")
        assert found == {"all": 1, "key": 1, **more}
    for reader in readers.values():
        reader.close()


@given(
    st.dictionaries(st.integers(0, 3), st.dictionaries(st.integers(0, 3), st.integers(0, (1 << BLOCK) - 1))),
    st.lists(st.lists(st.integers(0, 3), min_size=1), min_size=1, max_size=3),
    st.integers(0, 4 * BLOCK),
    st.integers(0, 4 * BLOCK),
)
def test_changes_with_a_value_of_each_list_are_found_within_bounds(
    blocks: dict[int, dict[int, int]], slots: list[list[int]], after: int, upto: int
) -> None:
    def has(seq: int, slot: int) -> bool:
        return bool(blocks.get((seq - 1) // BLOCK, {}).get(slot, 0) >> (seq - 1) % BLOCK & 1)

    expected = [
        seq for seq in range(after + 1, upto + 1) if all(any(has(seq, slot) for slot in some) for some in slots)
    ]
    assert list(matching(blocks, slots, after, upto)) == expected
