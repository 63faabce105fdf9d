"""Keeps the rollup in the transaction of every write: which events began in each hour and day, by kind and country."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import orjson

from app.db import Transaction
from app.events.documents import load_event
from app.events.index.map_rollup import update_map_rollup
from app.events.tables import HourlyRollup
from app.events.terms import HOUR, IndexTerms, index_terms
from app.events.write.commands import Decision

ANY_COUNTRY = ""
NO_COUNTRY = "~"
DAY = 24  # hours
LENGTHS = (1, DAY)
# What of a number is beyond these bits is summed apart, so that no sum of a column overflows.
LOW_BITS = 31
LOWER = (1 << LOW_BITS) - 1
BEYOND = "^"


class RollupKey(NamedTuple):
    """What is counted together."""

    kind: str
    country: str
    measure: str
    hours: int
    period: int


HourKey = tuple[str, str, str, int]  # kind, country, measure, and the hour since the Unix epoch


class RollupSums(NamedTuple):
    """How many events, and the sums of a measure over them."""

    events: int
    low: int = 0
    best: int = 0
    high: int = 0


Sums = tuple[int, int, int, int]  # as in RollupSums
ONE: Sums = (1, 0, 0, 0)


async def update_rollup(
    tx: Transaction, decisions: Iterable[Decision], rebuilt: Iterable[tuple[int, str, IndexTerms]] = ()
) -> None:
    """Bring the rollup and the map to where the decisions leave the events; in key order, so that writers do not cross.

    `rebuilt` is what indexing some of the events anew changes, which this transaction has done before; places stay.
    """
    changed = [state for decision in decisions for state in states(decision)]
    await count(tx, chain(rebuilt, changed))
    await update_map_rollup(tx, changed)


async def count(tx: Transaction, states: Iterable[tuple[int, str, IndexTerms]]) -> None:
    """Add events, given as 1 with kind and facts, to the rollup, or with -1 take them off."""
    hourly: defaultdict[HourKey, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for sign, kind, terms in states:
        for key, (events, low, best, high) in hour_cells(kind, terms):
            total = hourly[key]
            total[0] += sign * events
            if low or best or high:  # the lower bits of the highest may be naught
                total[1] += sign * low
                total[2] += sign * best
                total[3] += sign * high
    changed = {(*key[:3], 1, key[3]): sums for key, sums in hourly.items()}
    daily: defaultdict[tuple[str, str, str, int, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for (kind, country, measure, hour), sums in hourly.items():
        total = daily[kind, country, measure, DAY, hour // DAY]
        for n, number in enumerate(sums):
            total[n] += number
    changed.update(daily)
    rows = [(*cell, *total) for cell, total in sorted(changed.items()) if any(total)]
    await tx.add(HourlyRollup, RollupKey._fields, RollupSums._fields, rows)


def states(decision: Decision) -> Iterator[tuple[int, str, IndexTerms]]:
    """The state that a decision ends, to be taken off, and the one that it begins, to be added."""
    before = decision.before
    if before is not None and not before.deleted:
        yield -1, before.kind, index_terms(load_event(orjson.loads(before.body)))
    if decision.terms is not None:
        yield 1, decision.after.kind, decision.terms


def cells(kind: str, terms: IndexTerms) -> Iterator[tuple[RollupKey, Sums]]:
    """Where an event counts, by the hour and by the day."""
    for (of_kind, country, measure, hour), sums in hour_cells(kind, terms):
        for hours in LENGTHS:
            yield RollupKey(of_kind, country, measure, hours, hour // hours), sums


def hour_cells(kind: str, terms: IndexTerms) -> Iterator[tuple[HourKey, Sums]]:
    """Where an event counts: in its kind and any, in each of its countries and any, in each of its measures."""
    countries = {posting.value for posting in terms.postings if posting.facet == "country" and not posting.alias}
    measures = [part for measure, numbers in terms.measures.items() for part in parts(measure, numbers)]
    hour = terms.started_at // HOUR
    for country in (ANY_COUNTRY, *(countries or {NO_COUNTRY})):
        yield (ANY_COUNTRY, country, "", hour), ONE
        yield (kind, country, "", hour), ONE
        for measure, sums in measures:
            yield (kind, country, measure, hour), sums


def parts(measure: str, numbers: Iterable[int]) -> list[tuple[str, Sums]]:
    """A measure's numbers, cut in two where they are large."""
    low, best, high = numbers
    if max(low, best, high) <= LOWER:
        return [(measure, (1, low, best, high))]
    return [
        (measure, (1, low & LOWER, best & LOWER, high & LOWER)),
        (measure + BEYOND, (0, low >> LOW_BITS, best >> LOW_BITS, high >> LOW_BITS)),
    ]
