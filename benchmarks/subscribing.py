"""What a change that concerns nobody costs a worker with many narrow subscriptions, beside one with few."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from statistics import median

import orjson
from pydantic import SecretStr

from app.auth.keys import utc_now
from app.changes import ChangeLog
from app.db import Transaction, open_database
from app.kit.ids import IdSource
from app.settings import Settings
from app.subscriptions.management.updates import new_subscription, read_new
from app.subscriptions.statements import CALLERS, oldest_needed_cursor, touch
from app.subscriptions.tables import StoredSubscription, row_of
from app.subscriptions.transport.secret_cipher import SecretCipher
from app.subscriptions.transport.signing import new_secret
from benchmarks.apps import backing
from benchmarks.cases import bearer, fresh, small_batch
from benchmarks.databases import Shelf, write, write_key
from benchmarks.deliveries import told
from benchmarks.delivering import ENV
from benchmarks.figures import Figure, figure
from benchmarks.load import request_bytes, send
from benchmarks.measure import ratios
from benchmarks.options import Options
from benchmarks.peers import Peers
from benchmarks.servers import Server, receiving, serving, working

SUBSCRIBED = ("subscriptions",)
NUMBERS = (10_000, 100, 10)
TAGS_EACH = 20  # of the events that have the tags which are subscribed to
MARK = "the-mark"
# The load of a turn: so many commits of so many events, one every so often.
COMMITS, EACH, EVERY_S = 120, 5, 0.025
QUIET_S = 3.0
PATIENCE_S = 120.0


@dataclass(slots=True)
class Side:
    """A worker with so many subscriptions, and the server by which changes come to it."""

    number: int
    worker: Server
    receiver: Server
    key: str
    quiet: float = 0.0
    port: int = 0
    cpu: list[float] = field(default_factory=list)

    def rest(self) -> None:
        """Note what the worker takes in a second in which nothing is written."""
        before = self.worker.cpu()
        time.sleep(QUIET_S)
        self.quiet = (self.worker.cpu() - before) / QUIET_S

    def run(self) -> None:
        """One round: write at an even pace until the worker has posted the last change, the only one that matches."""
        told(self.receiver, "/begin")
        before, began = self.worker.cpu(), time.monotonic()
        for n in range(COMMITS):
            time.sleep(max(0.0, began + n * EVERY_S - time.monotonic()))
            asyncio.run(send(self.port, [small_batch(self.key, EACH)], 1))
        body = orjson.dumps(fresh() | {"tags": [MARK]})
        asyncio.run(send(self.port, [request_bytes("/v1/events", headers=bearer(self.key), body=body)], 1))
        told(self.receiver, "/await/1")
        self.cpu.append((self.worker.cpu() - before) / (COMMITS * EACH + 1))


def subscribe(shelf: Shelf, options: Options, _peers: Peers) -> Iterator[Figure]:
    """Workers with many and with few subscriptions, each on its own database, take turns."""
    print(f"{shelf.dialect}: subscriptions", flush=True)
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        sides = [begin(stack, shelf, options, number, receiver) for number in NUMBERS]
        for n in range(-1, options.rounds):
            first = n % len(sides)
            for side in sides[first:] + sides[:first]:
                side.run()
    for side in sides:
        del side.cpu[0]  # it warmed up
    spent = " / ".join(f"{1000 * median(side.cpu):.2f}" for side in sides)
    quiet = " / ".join(f"{1000 * side.quiet:.0f}" for side in sides)
    remark = f"10,000 / 100 / 10: {spent} ms a change, in which is what a second without changes takes, {quiet} ms"
    many, _, few = (side.cpu for side in sides)
    yield figure("subscriptions", shelf.dialect, ratios(many, few), remark=remark)


def begin(stack: ExitStack, shelf: Shelf, options: Options, number: int, receiver: Server) -> Side:
    """A worker that has taken up its subscriptions; only its own backends count, so the server starts last."""
    url = stack.enter_context(shelf.copy(shelf.sitrep(options.events)))
    key = asyncio.run(write_key(url))
    asyncio.run(write_tags(url))
    asyncio.run(make_subscriptions(url, number, f"http://127.0.0.1:{receiver.port}/fast"))
    env, backend = {"SITREP_DATABASE_URL": url} | ENV, backing(shelf, url)
    worker = stack.enter_context(working(env, backend))
    wait_until_taken_up(url)
    side = Side(number, worker.pinned(), receiver, key)
    side.rest()
    side.port = stack.enter_context(serving("sitrep", "app.main:create_api", env, backend)).port
    return side


async def write_tags(url: str) -> None:
    """Events with every tag that is subscribed to, so that the index knows each, and one with none of them."""
    last, tags = NUMBERS[0], [tag(n) for n in range(NUMBERS[0])]
    found = [fresh() | {"tags": tags[n : n + TAGS_EACH]} for n in range(0, last, TAGS_EACH)]
    await write(url, [[*found, fresh()]], len(found) + 1)


async def make_subscriptions(url: str, number: int, target: str) -> None:
    """So many that nothing written later matches and one for the mark, as their routes make them, and active.

    They begin one change before the end, which none of them matches: whoever has read that has taken them up.
    """
    db = open_database(url)
    await db.connect()
    try:
        cursor = (await ChangeLog(db).head(primary=True)).seq - 1
        cipher, new_id = (
            SecretCipher(Settings(database_url=url, secret_key=SecretStr(ENV["SITREP_SECRET_KEY"]))),
            IdSource(),
        )
        rows = []
        for wanted in (*({"country": "UA", "tag": tag(n)} for n in range(number)), {"tag": MARK}):
            body = {"name": "bench", "mode": "push", "filter": wanted, "push": {"url": target}}
            made = new_subscription(
                new_id(), "bench", read_new(body), cursor=cursor, secret=new_secret(), cipher=cipher, now=utc_now()
            )
            rows.append(row_of(CALLERS, replace(made, status="active", verified=True, ping_due=False)))

        async def work(tx: Transaction) -> None:
            same = {"touched": await touch(tx), "worker": None, "token": 0}
            await tx.insert(StoredSubscription, [row | same for row in rows])

        await db.write(work)
    finally:
        await db.close()


def wait_until_taken_up(url: str) -> None:
    """Come back when the worker has read to the end of the log for every subscription, and stored that."""
    until = time.monotonic() + PATIENCE_S
    while asyncio.run(is_behind(url)):
        assert time.monotonic() < until, "the worker has not taken up the subscriptions"
        time.sleep(0.2)


async def is_behind(url: str) -> bool:
    """Some cursor is not at the end of the log yet."""
    db = open_database(url)
    await db.connect()
    try:
        return await oldest_needed_cursor(db) != (await ChangeLog(db).head(primary=True)).seq
    finally:
        await db.close()


def tag(n: int) -> str:
    """What the subscription of this number asks for."""
    return f"watched-{n}"
