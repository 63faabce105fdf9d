"""Takes in what is due of each source: one process at a time, file after file, and notes what came of it."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import structlog

from app.db import Database, WriteConflict
from app.errors import Problem
from app.imports.report import ImportReport
from app.sources.config import Source, expand
from app.sources.failures import FetchFailed
from app.sources.fetch import Fetcher
from app.sources.http_client import FetchTools, GuardedClient
from app.sources.outcome import Imported, ImportFailed, ImportFile, Outcome, RunCounts
from app.sources.providers import Provider, SourceFile, providers
from app.sources.tables import LeaseLost, SourceState, lease, read_states, register, renew, save
from app.subscriptions.transport.url_guard import TargetPolicy

LEASE_S = 120.0
CONCURRENT_SOURCES = 4
POLL_S = 30.0
FIRST_WAIT = timedelta(minutes=1)
JITTER = 0.25
MAX_PROBLEM = 500
log = structlog.get_logger(__name__)


@dataclass
class Syncer:
    """Takes sources in. Their types keep tokens in memory, so that one of these serves a process for its life."""

    db: Database
    sources: Sequence[Source]
    import_file: ImportFile
    policy: TargetPolicy
    tools: FetchTools = field(default_factory=FetchTools)
    lease_s: float = LEASE_S
    new_id: Callable[[], UUID] = uuid4

    def __post_init__(self) -> None:
        types = providers()
        self._providers: dict[str, Provider] = {
            source.name: types[source.type](source, self.tools.now) for source in self.sources
        }
        self._slots = asyncio.Semaphore(CONCURRENT_SOURCES)
        self._datasets: dict[str | None, asyncio.Lock] = {}  # an import of a dataset goes before the next

    async def register(self) -> None:
        """Note every source of the file in the database."""
        await register(self.db, [source.noted for source in self.sources], self.tools.now())

    async def run(self, names: Sequence[str] = (), tell: Callable[[Outcome], None] = lambda _: None) -> list[Outcome]:
        """Take in what is due, or the named sources whether they are due or not; `tell` hears of each as it ends."""
        await self.register()

        async def one(source: Source) -> Outcome:
            outcome = await self.run_source(source, force=bool(names))
            tell(outcome)
            return outcome

        wanted = [source for source in self.sources if not names or source.name in names]
        found = await asyncio.gather(*map(one, wanted), return_exceptions=True)
        outcomes = [outcome for outcome in found if isinstance(outcome, Outcome)]
        for fault in found:
            if isinstance(fault, BaseException):
                raise fault
        return outcomes

    async def watch(self, tell: Callable[[Outcome], None]) -> None:
        """Take each source in whenever it is due, until cancelled; a database that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            for source in self.sources:
                group.create_task(self._follow(source, tell))

    async def _follow(self, source: Source, tell: Callable[[Outcome], None]) -> None:
        while True:
            pause = POLL_S
            try:
                await self.register()
                outcome = await self.run_source(source)
            except (Problem, WriteConflict) as problem:
                log.warning("a source waits for the database", source=source.name, problem=str(problem))
            else:
                if outcome.result not in {"not-due", "held"}:
                    tell(outcome)
                if outcome.next_run_at is not None:
                    left = (outcome.next_run_at - self.tools.now()).total_seconds()
                    pause = min(max(left, 0.0), POLL_S)
            await self.tools.sleep(pause)

    async def run_source(self, source: Source, *, force: bool = False) -> Outcome:
        """Take one source in if it is due and no other process does so just now."""
        async with self._datasets.setdefault(source.dataset, asyncio.Lock()), self._slots:
            state = await self._read(source.name)
            if not force and not state.is_due(self.tools.now()):
                return Outcome(source.name, "not-due", f"due at {at(state.next_run_at)}.", state.next_run_at)
            me = self.new_id()
            if not await lease(self.db, source.name, me, self.tools.now(), self._until()):
                return Outcome(source.name, "held", "another process takes it in just now.")
            state = await self._read(source.name)
            values: dict[str, Any] = {}
            try:
                async with self._keep_lease(source.name, me):
                    if not force and not state.is_due(self.tools.now()):  # another one has just done it
                        return Outcome(source.name, "not-due", f"due at {at(state.next_run_at)}.", state.next_run_at)
                    values, outcome = await self._take_in(source, state, me)
            except LeaseLost:
                return Outcome(source.name, "held", "another process has taken it over.")
            finally:
                with suppress(LeaseLost):
                    await asyncio.shield(save(self.db, source.name, me, values, release=True))
            return outcome

    async def _take_in(self, source: Source, state: SourceState, me: UUID) -> tuple[dict[str, Any], Outcome]:
        """Import what is new; gives what is to be stored of it and the outcome."""
        provider, began, counts = self._providers[source.name], self.tools.now(), RunCounts()
        provider.notes.clear()
        await save(self.db, source.name, me, {"last_attempt_at": began})
        version, newest = state.version, state.newest_event_at
        try:
            async with self._fetcher(source) as fetcher, aclosing(self._files(source, state, fetcher)) as files:
                async for file in files:
                    progress = orjson.dumps({**file.progress, "of": digest_url(source)}).decode()
                    values: dict[str, Any] = {"progress": progress, "version": file.version}
                    if file.path is not None:
                        imported = await self._import(source, file, provider)
                        counts.add(imported.report)
                        newest = max(filter(None, (newest, imported.newest_event_at)), default=None)
                        values |= {"rows": counts.rows, "newest_event_at": newest, "alive_at": self.tools.now()}
                    await save(self.db, source.name, me, values)
                    version = file.version
        except (FetchFailed, ImportFailed) as failure:
            return self._fail(source, state, failure)
        except (LeaseLost, Problem, WriteConflict):
            raise
        except Exception as fault:  # one source's odd answer must not end the others
            log.exception("a source failed in an unexpected way", source=source.name)
            return self._fail(source, state, ImportFailed(f"An unexpected fault: {type(fault).__name__}."))
        problem = " ".join(
            [*provider.notes, *([f"{counts.refused:,} rows refused, {counts.problem}"] * bool(counts.refused))]
        )
        now, due = self.tools.now(), next_run(state.next_run_at or began, source.every, self.tools.now())
        values = {"last_success_at": now, "failures": 0, "next_run_at": due}
        if not provider.always_has_news:
            values["alive_at"] = now
        values |= {"last_problem": problem[:MAX_PROBLEM] or None, "last_problem_at": now if problem else None}
        if not counts.files:
            told = f"nothing new; at {version}." if version else "nothing there yet."
            return values, Outcome(source.name, "unchanged", join(told, problem), due)
        return values, Outcome(source.name, "imported", join(counts.sentence(version), problem), due)

    async def _import(self, source: Source, file: SourceFile, provider: Provider) -> Imported:
        """Import a file; one that can never be read is left out where others would wait for it for ever."""
        try:
            return await self.import_file(source, file)
        except ImportFailed as failure:
            if failure.is_passing or not provider.leaves_out_unreadable:
                raise
            provider.notes.append(f"Left out {file.path.name if file.path else file.version}: {failure}")
            return Imported(ImportReport(source.dataset or "", dry_run=False))
        finally:
            if file.path is not None:
                file.path.unlink(missing_ok=True)

    def _fail(self, source: Source, state: SourceState, failure: Exception) -> tuple[dict[str, Any], Outcome]:
        """Say what went wrong, and when the next try is: the later, the more have failed, but within the interval."""
        now, failures = self.tools.now(), state.failures + 1
        wait = min(source.every, FIRST_WAIT * 2 ** min(failures - 1, 20)) * (1 + JITTER * self.tools.chance())
        asked = failure.retry_after if isinstance(failure, FetchFailed) else None
        due = now + max(wait, asked or timedelta(0))
        problem = str(failure)[:MAX_PROBLEM]
        values = {"failures": failures, "next_run_at": due, "last_problem": problem, "last_problem_at": now}
        return values, Outcome(source.name, "failed", f"{problem} Next try at {at(due)}.", due)

    def _files(self, source: Source, state: SourceState, fetcher: Fetcher) -> AsyncGenerator[SourceFile, None]:
        """Go on where the source stood, unless it has another URL now."""
        progress = orjson.loads(state.progress)
        is_same = progress.pop("of", None) == digest_url(source)
        return self._providers[source.name].files(progress if is_same else {}, fetcher)

    @asynccontextmanager
    async def _fetcher(self, source: Source) -> AsyncIterator[Fetcher]:
        """Give a downloader with a folder of its own that is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="sitrep-sync-") as folder:
            policy = TargetPolicy(self.policy.private, self.policy.http or source.allow_http, self.policy.ports)
            client = GuardedClient(policy, self.tools)
            fetcher = Fetcher(
                client,
                Path(folder),
                source.url,
                {name: expand(value) for name, value in source.headers.items()},
                source.max_mb * 1024**2,
                source.timeout.total_seconds(),
            )
            try:
                yield fetcher
            finally:
                await client.close()

    @asynccontextmanager
    async def _keep_lease(self, name: str, me: UUID) -> AsyncIterator[None]:
        """Renew the lease while the block runs."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(self.lease_s / 4)
                with suppress(Problem):  # the database is away: the lease may last until it is back
                    await renew(self.db, name, me, self._until())

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()

    def _until(self) -> datetime:
        return self.tools.now() + timedelta(seconds=self.lease_s)

    async def _read(self, name: str) -> SourceState:
        return next(state for state in await read_states(self.db) if state.name == name)


def digest_url(source: Source) -> str:
    """Name a URL without telling it."""
    return hashlib.sha256(source.url.encode()).hexdigest()[:16]


def next_run(due: datetime, every: timedelta, now: datetime) -> datetime:
    """Give the next time that is a whole number of intervals after the one that was due, so that runs do not drift."""
    return due + every * ((now - due) // every + 1) if due <= now else due


def at(moment: datetime | None) -> str:
    """Say a time to the second."""
    return "any time" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def join(*sentences: str) -> str:
    """Join sentences of which some are empty."""
    return " ".join(filter(None, sentences))
