"""A run: writes, readers that come, go and resume, servers that end and begin, and after each round a comparison."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from book import Book
from calls import let_moment_pass
from drawing import Drawing
from readers import DurablePoll, DurableStream, LongPoll, Poll, Pull, Push, Reader, Stream, WaitingPull
from snapshots import Snapshots
from writing import Writer

from app.feed.schemas import FeedQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    from drawing import Question
    from receivers import Receiver
    from stage import Stage

ALLOWED = frozenset(FeedQuery.model_fields)
WAYS: list[type[Reader]] = [Poll, LongPoll, *[Stream] * 3, DurablePoll, DurableStream, Pull, WaitingPull, Push]
BEGINNINGS = ["oldest", "now", "cursor", "resumed"]


@dataclass
class Figures:
    """What a run did."""

    rounds: int = 0
    changes: int = 0
    readers: int = 0
    given: int = 0
    comparisons: int = 0
    disturbances: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        others = ", ".join(f"{count} x {name}" for name, count in sorted(self.disturbances.items()))
        return (
            f"{self.rounds} rounds, {self.changes} changes, {self.readers} readers, "
            f"{self.given} changes given to them, {self.comparisons} comparisons; {others}"
        )


class Play:
    """One run of one seed on one database."""

    def __init__(self, seed: int, stage: Stage, endpoint: Receiver, *, crowd: int) -> None:
        self.drawing = Drawing(seed)
        self.random = self.drawing.random
        self.stage = stage
        self.endpoint = endpoint
        self.crowd = crowd
        self.book = Book()
        self.writer = Writer(self.drawing, self.book)
        self.snapshots = Snapshots(self.drawing, self.book)
        self.readers: list[Reader] = []
        self.figures = Figures()

    async def run(self, goes_on: Callable[[int], bool], plan: dict[int, str]) -> Figures:
        """Warm up, then play rounds; `plan` says in which round something disturbs, None: whenever chance has it."""
        try:
            await self.warm_up()
            while goes_on(self.figures.rounds):
                await self.round(plan.get(self.figures.rounds) if plan else self.chance())
        finally:
            await asyncio.gather(*(reader.close() for reader in self.readers))
        return self.figures

    async def warm_up(self) -> None:
        """Let both servers serve many values and filters before anything is compared from the end of the feed."""
        for name in ("inner", "outer"):
            for question in ([("kind", "attack")], [("country", "UA"), ("status", "reported")], []):
                await self.admit(Stream(self.book, self.stage.at(name), question, 0, beginning="oldest"))
        for _ in range(12):
            await self.write()
        await self.settle()

    async def round(self, disturbance: str | None) -> None:
        """Some readers come, some writes are made, something may disturb; then all is compared."""
        self.figures.rounds += 1
        while len(self.readers) < self.crowd:
            await self.admit(self.draw_reader())
        for _ in range(self.random.randint(1, 4)):
            await self.write()
        if self.random.random() < 0.5:
            await self.drop_connections()
        if disturbance is not None:
            await getattr(self, disturbance)()
            self.figures.disturbances[disturbance] = self.figures.disturbances.get(disturbance, 0) + 1
        await self.write()
        await self.settle()
        await self.look()
        await self.dismiss()

    def chance(self) -> str | None:
        ways = ["restart_inner", "restart_outer", "kill_outer", "raise_epoch", "ask_otherwise", None]
        return self.random.choices(ways, [3, 1, 1, 2, 10, 30])[0]

    def draw_reader(self) -> Reader:
        """A reader of any sort, from the beginning, from somewhere, or from the end."""
        question, way = self.draw_question(), self.random.choice(WAYS)
        client = self.stage.at(self.random.choice(["inner", "outer"]))
        place = self.random.choice([self.book.head, self.book.head, self.random.randint(0, self.book.head)])
        if issubclass(way, Stream):
            beginning = self.random.choice(BEGINNINGS)
            place = {"oldest": 0, "now": self.book.head}.get(beginning, place)
            return way(self.book, client, question, place, beginning=beginning)
        if way is Push:
            path = f"/{len(self.endpoint.received)}-{self.random.randrange(10**9)}"
            return Push(self.book, client, question, place, endpoint=self.endpoint, path=path)
        return way(self.book, client, question, place)

    def draw_question(self) -> Question:
        return self.drawing.question(list(self.book.live.values()), ALLOWED)

    async def admit(self, reader: Reader) -> None:
        self.readers.append(reader)
        self.figures.readers += 1
        await reader.open()

    async def write(self, name: str | None = None) -> None:
        """Some writes, all through one server if it is named."""
        self.drawing.step += 1
        await self.writer.volley(lambda: self.stage.client(name) if name else self.stage.any(self.random))
        self.figures.changes = self.book.head

    async def settle(self) -> None:
        """Every reader has what the model says."""
        given = await asyncio.gather(*(reader.settle() for reader in self.readers))
        self.figures.given += sum(given)
        self.figures.comparisons += len(given)

    async def look(self) -> None:
        """How the events stand: at once from the server that wrote last, after a moment from the other one too."""
        known = self.snapshots.compared
        await let_moment_pass()
        for name in self.random.sample(["inner", "outer"], 2):
            for _ in range(self.random.choice([0, 1])):
                await self.write(name)
            api = self.stage.client(name)
            await self.snapshots.check(api, self.draw_question())
            await self.snapshots.check_fixed(api)
            await let_moment_pass()
        self.figures.comparisons += self.snapshots.compared - known

    async def drop_connections(self) -> None:
        """Some readers lose their connection, miss some changes, and go on from where they were."""
        lost = [reader for reader in self.readers if self.random.random() < 0.3]
        await asyncio.gather(*(reader.close() for reader in lost))
        await self.write()
        await asyncio.gather(*(reader.open() for reader in lost))

    async def dismiss(self) -> None:
        """Make room for other readers."""
        for reader in self.random.sample(self.readers, min(len(self.readers), 2)):
            self.readers.remove(reader)
            await reader.close()
            if isinstance(reader, Pull):
                await reader.forget()

    async def restart_inner(self) -> None:
        await self.stage.stop_inner()
        await self.stage.start_inner()

    async def restart_outer(self) -> None:
        await self.stage.stop_outer(signal.SIGTERM)
        await self.stage.start_outer()

    async def kill_outer(self) -> None:
        await self.stage.stop_outer(signal.SIGKILL)
        await self.stage.start_outer()

    async def raise_epoch(self) -> None:
        """All cursors of before are refused from now on."""
        await self.settle()
        await self.stage.raise_epoch()
        await let_moment_pass()
        self.book.epoch += 1
        await asyncio.gather(*(reader.restart() for reader in self.readers))

    async def ask_otherwise(self) -> None:
        """Subscriptions get another filter."""
        await self.settle()
        for reader in self.readers:
            if isinstance(reader, Pull):
                await reader.ask(self.draw_question())


def for_seconds(seconds: float) -> Callable[[int], bool]:
    """Go on for so long."""
    end = time.monotonic() + seconds
    return lambda _rounds: time.monotonic() < end


def noted(failure: BaseException, seed: int, play: Play) -> Any:
    """Say with a failure how to come back to it."""
    failure.add_note(f"seed {seed}, round {play.figures.rounds}; again: make soak SEED={seed}; {play.figures}")
