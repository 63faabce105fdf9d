"""Every way of following the changes: each reader notes what it was given, and is held to the model."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
from calls import good
from drawing import as_filter
from receivers import becomes

from app.changes import STALE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from book import Book, Question
    from receivers import Receiver

PATIENCE_S = 60.0
# How long a reader rests before it knocks again at a server that is away.
REST_S = 0.05


class Reader:
    """Reads one question from a position on; `client` gives the server that it reads from now."""

    ordered = True

    def __init__(self, book: Book, client: Callable[[], httpx.AsyncClient], question: Question, after: int) -> None:
        self.book = book
        self.client = client
        self.question = question
        self.start = self.position = after
        self.given: list[int] = []
        self.items: list[tuple[Any, set[str]]] = []
        self.total = 0
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    def __str__(self) -> str:
        return f"{type(self).__name__} of {self.question} after {self.start}"

    async def open(self) -> None:
        """Begin."""

    async def close(self) -> None:
        """End, for good or for a while."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def fetch(self) -> None:
        """Read on, where this is not done all the time."""

    def take(self, item: Any, erased: set[str]) -> None:
        """Note an item, and which events had been erased before it was asked for."""
        self.given.append(int(item["sequence"]))
        self.items.append((item, erased))
        self._news.set()

    def has_all(self) -> bool:
        """All that it must have is here, or it says to have passed it."""
        missing = set(self.book.expected(self.question, self.start).must) - set(self.given)
        return not missing or self.position >= self.book.head

    async def settle(self) -> int:
        """Wait until it should have everything, and compare; the number of changes that it was given."""
        await self.fetch()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not self.has_all():
                    if self._task is not None and self._task.done():
                        self._task.result()
                    self._news.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.05):
                            await self._news.wait()
        return self.compare()

    def compare(self) -> int:
        """What it was given is what the model says, each change once and in order."""
        must, may = self.book.expected(self.question, self.start)
        given = self.given if self.ordered else sorted(set(self.given))
        assert all(one < next_ for one, next_ in pairwise(given)), f"{self}: out of order: {given}"
        may |= self.book.open_to_doubt(self.question, given)  # is not waited for, and may come after a comparison
        missing, extra = sorted(set(must) - set(given)), sorted(set(given) - set(must) - may)
        lost = [self.book.changes[seq - 1] for seq in missing[:3]]
        assert not missing, f"{self} at {self.position} was not given {missing} of {self.book.head}: {lost}"
        odd = [self.book.changes[seq - 1] for seq in extra[:3]]
        assert not extra, f"{self} was given {extra}, which do not match: {odd}"
        for item, erased in self.items:
            self.book.check_item(item, erased)
        self.start, count = self.book.head, len(self.given)
        self.total += count
        self.given.clear()
        self.items.clear()
        return count

    async def restart(self) -> None:
        """A new epoch has begun: cursors of before are refused, and reading begins at the end."""
        await self.close()
        self.start = self.position = self.book.head
        await self.open()


class Poll(Reader):
    """Follows `next`, a few changes a page."""

    async def fetch(self) -> None:
        """Read to the end; what another server wrote is there after a moment, and not told to be later."""
        clock = asyncio.get_running_loop().time
        due = clock() + STALE_S
        while True:
            erased, is_due = set(self.book.erased), clock() >= due
            asked = urlencode([*self.question, *self.place(), ("limit", "7")])
            page = good(await self.client().get(f"/v1/feed?{asked}"))
            for item in page["items"]:
                self.take(item, erased)
            assert page["has_more"] or int(page["next"].rpartition("-")[2]) >= self.position
            self.position = int(page["next"].rpartition("-")[2])
            if not page["has_more"]:
                if is_due or self.has_all():
                    return
                await asyncio.sleep(REST_S)

    def place(self) -> list[tuple[str, str]]:
        return [("after", f"e{self.book.epoch}-{self.position:012d}")]

    async def restart(self) -> None:
        answer = await self.client().get(f"/v1/feed?after=e{self.book.epoch - 1}-{self.position:012d}")
        assert answer.status_code == 410, answer.text
        await super().restart()


class LongPoll(Poll):
    """Waits for each page."""

    async def open(self) -> None:
        self._task = asyncio.create_task(self.follow())

    async def follow(self) -> None:
        while True:
            erased, asked = set(self.book.erased), [*self.question, *self.place(), ("wait", "20"), ("limit", "50")]
            try:
                answer = await self.client().get(f"/v1/feed?{urlencode(asked)}")
            except httpx.TransportError:
                await asyncio.sleep(REST_S)
                continue
            if answer.status_code in {410, 503}:
                await asyncio.sleep(REST_S)  # a new epoch, which `restart` tells of, or a server that goes down
                continue
            page = good(answer)
            for item in page["items"]:
                self.take(item, erased)
            self.position = int(page["next"].rpartition("-")[2])

    async def fetch(self) -> None:
        return

    async def restart(self) -> None:
        await Reader.restart(self)


class Stream(Reader):
    """Server-sent events; `beginning` names the first position, later ones are resumed by the last id."""

    def __init__(self, *rest: Any, beginning: str = "cursor") -> None:
        super().__init__(*rest)
        self.beginning = beginning
        self.begun = False

    def __str__(self) -> str:
        return f"{super().__str__()} from {self.beginning}"

    async def open(self) -> None:
        self._begun = asyncio.Event()
        self._task = asyncio.create_task(self.follow())
        waiting = asyncio.create_task(self._begun.wait())
        await asyncio.wait([waiting, self._task], return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_S)
        waiting.cancel()
        if self._task.done():
            self._task.result()

    async def follow(self) -> None:
        while True:
            try:
                await self.listen()
            except httpx.TransportError:
                await asyncio.sleep(REST_S)

    async def listen(self) -> None:
        """One connection, to its end."""
        erased = set(self.book.erased)
        address, headers = self.request()
        async with self.client().stream("GET", address, headers=headers) as response:
            if response.status_code in {410, 503}:
                await asyncio.sleep(REST_S)
                return
            assert response.status_code == 200, await response.aread()
            text = b""
            async for piece in response.aiter_bytes():
                text += piece
                *blocks, text = text.split(b"\n\n")
                for block in blocks:
                    self.hear(block, erased)

    def request(self) -> tuple[str, dict[str, str]]:
        """What it asks now, and by which header fields."""
        cursor = f"e{self.book.epoch}-{self.position:012d}"
        resumed = self.begun or self.beginning == "resumed"
        after = {"oldest": "oldest", "now": "now"}.get(self.beginning, cursor)
        asked = urlencode([*self.question, *([] if resumed else [("after", after)])])
        return f"/v1/feed/stream?{asked}", {"last-event-id": cursor} if resumed else {}

    def hear(self, block: bytes, erased: set[str]) -> None:
        """One block: the first says that the stream has begun, others carry a position and perhaps a change."""
        fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
        if "retry" in fields:
            self.begun = True
            self._begun.set()
        if "data" in fields:
            self.take(json.loads(fields["data"]), erased)
        if "id" in fields:
            self.position = int(fields["id"].rpartition("-")[2])
            self._news.set()

    async def restart(self) -> None:
        self.begun, self.beginning = False, "cursor"
        await super().restart()


class DurablePoll(LongPoll):
    """Long polls of the Durable Streams protocol."""

    async def follow(self) -> None:
        while True:
            erased, asked = set(self.book.erased), [*self.question, *self.offset(), ("live", "long-poll")]
            try:
                answer = await self.client().get(f"/v1/streams/events?{urlencode(asked)}")
            except httpx.TransportError:
                await asyncio.sleep(REST_S)
                continue
            if answer.status_code in {410, 503}:
                await asyncio.sleep(REST_S)
                continue
            for item in [] if answer.status_code == 204 else good(answer):
                self.take(item, erased)
            self.position = int(answer.headers["stream-next-offset"].rpartition("-")[2])

    def offset(self) -> list[tuple[str, str]]:
        return [("offset", self.place()[0][1])]


class DurableStream(Stream):
    """Server-sent events of the Durable Streams protocol."""

    def request(self) -> tuple[str, dict[str, str]]:
        cursor = f"e{self.book.epoch}-{self.position:012d}"
        offset = cursor if self.begun else {"oldest": "-1", "now": "now"}.get(self.beginning, cursor)
        return f"/v1/streams/events?{urlencode([*self.question, ('offset', offset), ('live', 'sse')])}", {}

    def hear(self, block: bytes, erased: set[str]) -> None:
        """One block: changes, or the position after them; the first position says that the stream has begun."""
        fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
        data = json.loads(fields["data"])
        if fields["event"] == "data":
            for item in data:
                self.take(item, erased)
            return
        self.position = int(data["streamNextOffset"].rpartition("-")[2])
        self.begun = True
        self._begun.set()
        self._news.set()


class Pull(Reader):
    """A pull subscription: reads again what it did not acknowledge, and its filter may change."""

    def __init__(self, *rest: Any) -> None:
        super().__init__(*rest)
        self.id = ""
        self.last = self.start

    async def open(self) -> None:
        if not self.id:
            wanted = {"name": "model", "mode": "pull", "filter": as_filter(self.question)}
            start = {"start": f"e{self.book.epoch}-{self.position:012d}"}
            self.id = good(await self.client().post("/v1/subscriptions", json=wanted | start), 201)["id"]

    def take(self, item: Any, erased: set[str]) -> None:
        """Note an item; what was not acknowledged is given again."""
        if int(item["sequence"]) > self.last:
            self.last = int(item["sequence"])
            super().take(item, erased)

    async def fetch(self) -> None:
        path = f"/v1/subscriptions/{self.id}"
        while True:
            erased = set(self.book.erased)
            page = good(await self.client().get(f"{path}/events?limit=7"))
            assert good(await self.client().get(f"{path}/events?limit=7&wait=1" if page["items"] else path))
            for item in page["items"]:
                self.take(item, erased)
            good(await self.client().post(f"{path}/ack", json={"cursor": page["next"]}))
            self.position = int(page["next"].rpartition("-")[2])
            if not page["has_more"]:
                return

    async def ask(self, question: Question) -> None:
        """Ask something else from now on."""
        patch = {
            **dict.fromkeys(as_filter(self.question)),
            **as_filter(question),
        }  # a merge patch takes names away by null
        good(await self.client().patch(f"/v1/subscriptions/{self.id}", json={"filter": patch}))
        self.question = question

    async def forget(self) -> None:
        """End the subscription."""
        answer = await self.client().delete(f"/v1/subscriptions/{self.id}")
        assert answer.status_code == 204, answer.text


class WaitingPull(Pull):
    """Waits for each page of a pull subscription."""

    async def open(self) -> None:
        await super().open()
        self._task = asyncio.create_task(self.follow())

    async def follow(self) -> None:
        path = f"/v1/subscriptions/{self.id}"
        while True:
            try:
                erased = set(self.book.erased)
                answer = await self.client().get(f"{path}/events?wait=20")
                if answer.status_code in {410, 503}:
                    await asyncio.sleep(REST_S)
                    continue
                page = good(answer)
                for item in page["items"]:
                    self.take(item, erased)
                await self.client().post(f"{path}/ack", json={"cursor": page["next"]})
            except httpx.TransportError:
                await asyncio.sleep(REST_S)
                continue
            self.position = int(page["next"].rpartition("-")[2])

    async def fetch(self) -> None:
        return

    async def ask(self, question: Question) -> None:
        await self.close()
        await super().fetch()  # the cursor may stand where something matched last
        self.compare()  # what came late came by the old question
        await super().ask(question)
        await self.open()


class Push(Pull):
    """A push subscription with an endpoint on loopback; a delivery may come twice, in any order."""

    ordered = False

    def __init__(self, *rest: Any, endpoint: Receiver, path: str) -> None:
        super().__init__(*rest)
        self.endpoint = endpoint
        self.path = path
        self.read = 0

    async def open(self) -> None:
        if self.id:
            return
        wanted = {"name": "model", "mode": "push", "filter": as_filter(self.question)}
        start = {"start": f"e{self.book.epoch}-{self.position:012d}", "push": {"url": self.endpoint.url(self.path)}}
        self.id = good(await self.client().post("/v1/subscriptions", json=wanted | start), 201)["id"]

    async def fetch(self) -> None:
        return

    def has_all(self) -> bool:
        for received in self.endpoint.changes[self.read :]:  # in any order, and perhaps twice
            self.read += 1
            if received.path == self.path and int(received.item["sequence"]) > self.start:
                Reader.take(self, received.item, set())
        missing = set(self.book.expected(self.question, self.start).must) - set(self.given)
        return not missing

    async def settle(self) -> int:
        """Wait until the cursor has passed all, so that what does not match is seen too."""
        try:
            given = await super().settle()
        except AssertionError as failure:
            failure.add_note(f"the subscription now: {await self.state()}")
            raise
        self.position = self.book.head
        return given

    async def state(self) -> list[Any]:
        """The subscription and its latest deliveries, as the API shows them."""
        path = f"/v1/subscriptions/{self.id}"
        return [(await self.client().get(address)).json() for address in (path, f"{path}/deliveries?limit=10")]

    async def ask(self, question: Question) -> None:
        """Ask something else, once everything was read by the old question."""
        await becomes(self.client(), self.id, lag=0, open=0)
        self.has_all()
        self.compare()  # what came late came by the old question
        await super().ask(question)

    async def restart(self) -> None:
        self.start = self.position = self.book.head
