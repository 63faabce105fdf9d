"""Decides commands as the store would, on what stands now, and writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from app.db import Database, array_param, rows_param
from app.errors import Problem
from app.events.write.commands import Command, EventVersion, LoadedEvents
from app.events.write.decide import apply, decide
from app.events.write.load import bodies_statement, collect, holders_statement, ids_statement
from app.events.write.transaction import CommandResult, Result
from app.kit.ids import IdSource, key_of


async def decide_only(db: Database, commands: Sequence[Command]) -> list[Result]:
    """What each command would come to, in order; a later one sees what the earlier ones of the list would do."""
    return await asyncio.to_thread(decide_all, commands, await load_unlocked(db, commands))


def decide_all(commands: Sequence[Command], world: LoadedEvents) -> list[Result]:
    """Decide the commands in order."""
    results: list[Result] = []
    for command in commands:
        try:
            decision = decide(command, world)
        except Problem as problem:
            results.append(problem)
            continue
        if decision.operation != "unchanged":
            apply(decision, world)
        results.append(CommandResult(decision, None))
    return results


async def load_unlocked(db: Database, commands: Sequence[Command]) -> LoadedEvents:
    """Read what the commands may change or name, without a lock on it."""
    world = LoadedEvents(datetime.now(UTC), IdSource())
    targets: set[int] = set()
    named: set[UUID] = set()
    pairs: set[tuple[str, str]] = set()
    for command in commands:
        collect(command, targets, named, pairs)
    keys_of_pairs = {}
    if pairs:
        values = rows_param(sorted(pairs), db.dialect)
        rows = await db.rows(holders_statement(db.dialect), values, offload=True, primary=True)
        keys_of_pairs = {(system, id): key for system, id, key in rows}
    keys = sorted(targets | set(keys_of_pairs.values()))
    if keys:
        values = {"keys": array_param(keys, db.dialect)}
        for id, kind, version, deleted, body, packed in await db.rows(
            bodies_statement(db.dialect), values, offload=True, primary=True
        ):
            world.events[key_of(id)] = EventVersion(id, kind, version, bool(deleted), body, packed)
    world.holders = {pair: world.events[key].id for pair, key in keys_of_pairs.items() if key in world.events}
    if named:
        values = {"keys": array_param([key_of(id) for id in named], db.dialect)}
        world.known = dict(await db.rows(ids_statement(db.dialect), values, offload=True, primary=True))
    return world
