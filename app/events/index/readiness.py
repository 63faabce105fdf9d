"""Tells which facets, measures and words the index holds as this program reads them, and refuses the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from weakref import WeakKeyDictionary, WeakMethod

import sqlalchemy as sa
from sqlmodel import col

from app.db import Database, Statement, Transaction, WriteConflict
from app.errors import Problem, SchemaMismatch, Unavailable
from app.events.index.fingerprint import REGISTRY, components, components_of, kind_of, registry
from app.events.tables import FacetValue, IndexState
from app.events.terms import SIGNATURE, magnitude_facet
from app.kinds import FACETS, MEASURES

READY, BUILDING, SUPERSEDED = "ready", "building", "superseded"
# A row of this name is there while all events are indexed anew although nothing has changed.
EVERYTHING = "everything"
# What a facet of the index is asked for in the name of.
MAGNITUDES = {magnitude_facet(measure): measure for measure in MEASURES}
RETRY_S = 10
REFRESH_INTERVAL_S = 1.0

STATES = Statement(
    sa.select(col(IndexState.name), col(IndexState.fingerprint), col(IndexState.state), col(IndexState.progress))
)
REGISTERED = Statement(sa.select(col(IndexState.state)).where(col(IndexState.name) == sa.bindparam("name")))
SUPERSEDE = Statement(
    sa.update(IndexState).where(col(IndexState.name).startswith(f"{REGISTRY}:")).values(state=SUPERSEDED)
)
HAS_KIND = Statement(
    sa.select(col(FacetValue.id)).where(col(FacetValue.facet) == "kind", col(FacetValue.value) == sa.bindparam("kind"))
)
HAS_EVENTS = Statement(sa.select(col(FacetValue.id)).limit(1))


class IndexReadiness:
    """What of the index of one database cannot be read yet, as this process last saw it."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.unready: frozenset[str] = frozenset()
        self.is_known = False
        self.read_at = 0.0
        self._on_ready: list[WeakMethod[Callable[[], None]]] = []

    def call_when_ready(self, callback: Callable[[], None]) -> None:
        """Call this method whenever a part of the index that could not be read has become readable."""
        self._on_ready.append(WeakMethod(callback))

    async def refresh(self, db: Database) -> None:
        """Read it from where all else is read; a kind of which there is no event yet is ready as it is."""
        rows = await db.rows(STATES)
        new = new_kinds(name for name, *_ in rows)
        if new and not self.is_known:
            with suppress(Problem, WriteConflict):
                await db.write(adopt)
                rows = await db.rows(STATES, primary=True)
        held = {name: found for name, found, state, _ in rows if state == READY}
        before = self.unready
        self.unready = frozenset(name for name, found in components().items() if held.get(name) != found)
        self.is_known, self.read_at = True, time.monotonic()
        if before - self.unready:
            for method in self._on_ready:
                if (callback := method()) is not None:
                    callback()


_KNOWN: WeakKeyDictionary[Database, IndexReadiness] = WeakKeyDictionary()


def readiness_of(db: Database) -> IndexReadiness:
    """What this process knows of the index of a database."""
    return _KNOWN.setdefault(db, IndexReadiness())


async def is_complete(db: Database) -> bool:
    """Whether every event is indexed as this program reads it; False too where that cannot be found out."""
    known = readiness_of(db)
    if not known.is_known or (known.unready and time.monotonic() > known.read_at + REFRESH_INTERVAL_S):
        with suppress(Problem):
            await known.refresh(db)
    return known.is_known and not known.unready


async def require_ready(
    db: Database, *, facets: Iterable[str] = (), measures: Iterable[str] = (), words: bool = False
) -> None:
    """Raise Unavailable when a question would read a part of the index that some events are not in yet."""
    known = readiness_of(db)
    if not known.is_known:
        await known.refresh(db)
    if not known.unready:
        return
    asked = {f"the facet {name}": components_of("facet", name) for name in facets}
    asked |= {f"the measure {name}": components_of("measure", name) for name in measures}
    asked |= {"words (q)": frozenset(name for name in components() if name.startswith("text:"))} if words else {}
    if any(parts & known.unready for parts in asked.values()):
        await known.refresh(db)
    if missing := [name for name, parts in asked.items() if parts & known.unready]:
        raise Unavailable(
            f"The index of {' and '.join(missing)} is new or changed and does not hold every event yet: "
            "`sitrep migrate` builds it. What does not ask for that works.",
            headers={"Retry-After": str(RETRY_S)},
        )


async def require_indexed(
    db: Database,
    groups: Iterable[tuple[str, Iterable[str]]],
    *,
    stored: bool = False,
    facets: Iterable[str] = (),
    measures: Iterable[str] = (),
    words: bool = False,
) -> None:
    """`require_ready` for conditions on the index, each a facet and its values, and for what else is asked for.

    With `stored` they are held against ids that changes carry, where a list of the facets that an event has must be
    the one that this program makes.
    """
    facets, measures = set(facets), set(measures)
    for facet, values in groups:
        if facet == SIGNATURE:
            facets |= FACETS.keys() if stored else set(values)
        elif facet in MAGNITUDES:
            measures.add(MAGNITUDES[facet])
        elif facet in FACETS:
            facets.add(facet)
    if facets or measures or words:
        await require_ready(db, facets=sorted(facets), measures=sorted(measures), words=words)


async def require_current(tx: Transaction | Database) -> None:
    """Raise SchemaMismatch when the index is kept by a program with other facets, measures or words."""
    if [tuple(row) for row in await tx.rows(REGISTERED, {"name": registry()})] == [(SUPERSEDED,)]:
        raise SchemaMismatch(
            "The index of this database is kept by a Sitrep with other facets, measures or words than this one: "
            "run that one, or `sitrep migrate` of this one."
        )


async def register(tx: Transaction) -> list[str]:
    """Let the index be the one of this program, and name what of it has to be built.

    Whoever writes with another registry is refused from now on. What no event can be in is ready at once.
    """
    rows = {row[0]: row for row in await tx.rows(STATES)}
    mine = components()
    changed = [name for name, found in mine.items() if name not in rows or rows[name][1] != found]
    gone = [name for name in rows if name not in mine and name != EVERYTHING and not name.startswith(f"{REGISTRY}:")]
    if changed or gone or rows.get(registry(), (None,) * 3)[2] != READY:
        await tx.run(SUPERSEDE)
        await tx.delete(IndexState, ("name",), [{"name": name} for name in (*changed, *gone, registry())])
        states = [(name, READY if await is_empty(tx, kind_of(name)) else BUILDING) for name in changed]
        await tx.insert(IndexState, [state_row(name, mine[name], state) for name, state in states])
        await tx.insert(IndexState, [state_row(registry(), "", READY)])
    return [name for name, _, state, _ in await tx.rows(STATES) if state == BUILDING]


async def begin_anew(tx: Transaction) -> None:
    """Have every event indexed anew; what filters read meanwhile stays as it is."""
    if EVERYTHING not in {name for name, *_ in await tx.rows(STATES)}:
        await tx.insert(IndexState, [state_row(EVERYTHING, "", BUILDING)])


async def adopt(tx: Transaction) -> None:
    """Take in the kinds that the database has never heard of: no event is to be indexed anew."""
    names = [name for name, *_ in await tx.rows(STATES)]
    for kind in new_kinds(names):
        if await is_empty(tx, kind):
            found = {name: found for name, found in components().items() if kind_of(name) == kind}
            await tx.insert(IndexState, [state_row(name, hashed, READY) for name, hashed in found.items()], ignore=True)


def new_kinds(names: Iterable[str]) -> list[str]:
    """The kinds of this program of which no component has a row."""
    known = {kind_of(name) for name in names if name.count(":") > 0 and not name.startswith(f"{REGISTRY}:")}
    return sorted({kind_of(name) for name in components()} - known)


async def is_empty(tx: Transaction, kind: str) -> bool:
    """Whether there never was an event of the kind; of any kind for the envelope."""
    return not await (tx.rows(HAS_KIND, {"kind": kind}) if kind else tx.rows(HAS_EVENTS))


def state_row(name: str, fingerprint: str, state: str) -> dict[str, str | None]:
    """A row of the table."""
    return {"name": name, "fingerprint": fingerprint, "state": state, "progress": None}
