"""Bounds heavy questions: few at a time, of each caller and in all, in limited time, only while somebody waits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self

from starlette.requests import ClientDisconnect

from app.errors import Unavailable

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# A question whose work is estimated at more microseconds than this is heavy.
HEAVY_US = 300_000
# So is one that turns out to take so long.
LIGHT_TIMEOUT_S = 2.0
# How many heavy questions run at a time; the others wait for their turn.
MAX_RUNNING = 2
# How many may run or wait, of one key (or address) and in all.
MAX_PER_CALLER = 8
MAX_IN_ALL = 32
# How long a heavy question may take, waiting included.
HEAVY_TIMEOUT_S = 30.0
# How long questions go on once the server is asked to stop.
DRAIN_GRACE_S = 1.0

CURRENT_BUDGET: ContextVar[QueryBudget | None] = ContextVar("question", default=None)

TOO_MANY_MESSAGE = "Too many questions of this size are being answered; try again, or ask for less."
TOO_LONG_MESSAGE = "The question took too long to answer; narrow it by time, place or kind."
STOPPING_MESSAGE = "The server is stopping; ask again."


async def admit(cost_us: float) -> None:
    """Tell what the current question is about to cost; wait for a turn if that makes it heavy, or be refused (503)."""
    question = CURRENT_BUDGET.get()
    if question is not None:
        await question.admit(cost_us)


@contextmanager
def interruptible(*, timed: bool = True) -> Iterator[None]:
    """Let the current question be interrupted while it waits for work that is done off the event loop.

    Not `timed`, the work has a question of its own, which has the time limit.
    """
    question = CURRENT_BUDGET.get()
    if question is None:
        yield
        return
    question.watch(timed=timed)
    try:
        yield
    finally:
        question.unwatch()


def reset_budget() -> None:
    """Tell that the current question has something to send: what it reads next counts anew."""
    question = CURRENT_BUDGET.get()
    if question is not None:
        question.rest()


class HeavyQueryLimiter:
    """The heavy questions of one process: who asks them, how many run, and which may have to be interrupted."""

    def __init__(self, *, timeout_s: float = HEAVY_TIMEOUT_S, light_s: float = LIGHT_TIMEOUT_S) -> None:
        """Count a query as heavy after `light_s` seconds, and end it after `timeout_s`."""
        self.timeout_s = timeout_s
        self.light_s = light_s
        self.draining = False
        self.turns = asyncio.Semaphore(MAX_RUNNING)
        self.watched: set[QueryBudget] = set()
        self._callers: Counter[str] = Counter()

    def ask(self, caller: Callable[[], str], receive: Receive | None = None) -> QueryBudget:
        """Begin a question of this key or address; with `receive` it is interrupted when the client leaves."""
        return QueryBudget(self, caller, receive)

    def enter(self, caller: str) -> None:
        """Count one more heavy question; raises Unavailable (503) when there are too many."""
        if self.draining:
            raise Unavailable(STOPPING_MESSAGE)
        if self._callers.total() >= MAX_IN_ALL or self._callers[caller] >= MAX_PER_CALLER:
            raise Unavailable(TOO_MANY_MESSAGE, headers={"Retry-After": "5"})
        self._callers[caller] += 1

    def leave(self, caller: str) -> None:
        """Count one less."""
        self._callers[caller] -= 1
        if not self._callers[caller]:
            del self._callers[caller]

    def drain(self) -> None:
        """Take no more heavy questions, and after a moment end those that still run."""
        if self.draining:
            return
        self.draining = True
        asyncio.get_running_loop().call_later(DRAIN_GRACE_S, self._end_all)

    def _end_all(self) -> None:
        for question in list(self.watched):
            question.end(Unavailable(STOPPING_MESSAGE))


class QueryBudget:
    """What one task reads to answer a caller. It costs nothing to ask until the reading leaves the loop or is heavy."""

    def __init__(self, questions: HeavyQueryLimiter, caller: Callable[[], str], receive: Receive | None) -> None:
        self._name_caller = caller  # known only once the request is admitted
        self._caller = ""
        self._questions = questions
        self._receive = receive
        self._cost_us = 0.0
        self._waits = 0
        self._entered = False
        self._admitted = False
        self._running = False
        self._reason: Exception | None = None
        self._task: asyncio.Task[Any] | None = None
        self._ear: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        self._token = CURRENT_BUDGET.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        CURRENT_BUDGET.reset(self._token)
        self.rest()
        self._stop_watching()
        if self._reason is not None and self._task is not None:
            outer = self._task.uncancel()
            if isinstance(error, asyncio.CancelledError) and not outer:
                raise self._reason from None

    async def admit(self, cost_us: float) -> None:
        """Add to the cost; once that is heavy, wait for a turn."""
        self._cost_us += cost_us
        if self._cost_us < HEAVY_US or self._admitted:
            return
        self._enter()
        self._admitted = True
        self.watch()
        self._set_timer(self._questions.timeout_s, Unavailable(TOO_LONG_MESSAGE))
        await self._questions.turns.acquire()
        self._running = True

    def rest(self) -> None:
        """Give the turn back, and count the cost from nothing."""
        self._cost_us = 0.0
        if self._running:
            self._running = False
            self._questions.turns.release()
        if self._admitted:
            self._admitted = False
            self._leave()
            self.unwatch()

    def watch(self, *, timed: bool = True) -> None:
        """Notice from now on when the client leaves, the wait takes long or the server stops."""
        self._waits += 1
        if self._waits > 1 or self._task is None:
            return
        self._questions.watched.add(self)
        if self._receive is not None:
            self._ear = asyncio.create_task(self._listen(self._receive), name="client leaves")
        if timed and not self._entered:
            self._timer = asyncio.get_running_loop().call_later(self._questions.light_s, self._become_heavy)

    def unwatch(self) -> None:
        """The wait is over."""
        self._waits -= 1
        if self._waits == 0:
            self._stop_watching()

    def end(self, reason: Exception) -> None:
        """Interrupt the task; `reason` is what it raises."""
        if self._reason is None and self._task is not None and not self._task.done():
            self._reason = reason
            self._task.cancel()

    def _enter(self) -> None:
        if self._entered:
            return
        caller = self._name_caller()
        self._questions.enter(caller)
        self._caller, self._entered = caller, True

    def _leave(self) -> None:
        if self._entered:
            self._entered = False
            self._questions.leave(self._caller)

    def _become_heavy(self) -> None:
        """Count a question that takes long among the heavy ones; it runs already, so it does not wait."""
        try:
            self._enter()
        except Unavailable as refusal:
            self.end(refusal)
            return
        self._set_timer(self._questions.timeout_s - self._questions.light_s, Unavailable(TOO_LONG_MESSAGE))

    def _set_timer(self, delay_s: float, reason: Exception) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self.end, reason)

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.end(ClientDisconnect())

    def _stop_watching(self) -> None:
        self._waits = 0
        self._questions.watched.discard(self)
        self._leave()
        if self._ear is not None:
            self._ear.cancel()
        if self._timer is not None:
            self._timer.cancel()
