"""Events that several files of a dataset tell: what a later file adds goes to the event that an earlier one made."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlmodel import col

from app.changes import Change
from app.datasets.base import Dataset, Draft
from app.db import Database, Statement, any_of
from app.events.tables import StoredEvent
from app.events.write.commands import SERVER_FIELDS
from app.imports.entries import Entry
from app.imports.known import KNOWN, STANDS, Known
from app.imports.tables import ImportedRecord

TOLD_BEFORE = "the same event as in an earlier file"


class KnownEvent(NamedTuple):
    """A known record, and its event as it stands."""

    known: Known
    event: dict[str, Any]


def joins_files(dataset: Dataset) -> bool:
    """Whether several files of the dataset may tell one event."""
    return type(dataset).join_keys is not Dataset.join_keys


async def join_earlier(
    db: Database, dataset: Dataset, entries: Sequence[Entry], known: dict[str, Known], skipped: Counter[str]
) -> list[Entry]:
    """The entries, those that an earlier file told replaced by its event with what they add to it.

    Adds to `known` the records that they are joined to, and to `skipped` the rows that came under another key.
    """
    changed = [entry for entry in entries if isinstance(entry.record, Draft) and not is_as_before(entry, known)]
    keys = {entry.key: dataset.join_keys(entry.record.event) for entry in changed if isinstance(entry.record, Draft)}
    told = await find_known_events(db, dataset.name, keys, {key for several in keys.values() for key in several})
    of_key: dict[str | None, list[KnownEvent]] = defaultdict(list)
    for each in told.values():
        of_key[each.known.match_key].append(each)
    joined: dict[str, Entry] = {}
    for entry in entries:
        found = entry
        if entry.key in keys and isinstance(entry.record, Draft):
            near = [told[entry.key]] if entry.key in told else [one for key in keys[entry.key] for one in of_key[key]]
            found = first_joint(dataset, entry, entry.record, near, joined) or entry
        elif entry.key in joined:
            continue  # it is as it was, but another entry adds to its event
        if found.key != entry.key:
            skipped[TOLD_BEFORE] += len(entry.rows)
            known[found.key] = told[found.key].known
        joined[found.key] = found
    return list(joined.values())


def is_as_before(entry: Entry, known: Mapping[str, Known]) -> bool:
    """Whether nothing about an entry changed since the last import of it."""
    return entry.key in known and known[entry.key].hash == entry.hash


def first_joint(
    dataset: Dataset, entry: Entry, draft: Draft, near: Iterable[KnownEvent], joined: Mapping[str, Entry]
) -> Entry | None:
    """The entry as part of the first event that it tells; `joined` has those that this chunk changes already."""
    for told in near:
        earlier = joined.get(told.known.record)
        before = told.event
        if earlier is not None and isinstance(earlier.record, Draft) and earlier.hash != told.known.hash:
            before = earlier.record.event
        event = dataset.join(before, draft)
        if event is not None:
            rows = (*(earlier.rows if earlier else ()), *draft.rows)
            return Entry(Draft(told.known.record, event, rows, draft.columns), entry.hash, told.known.match_key)
    return None


async def find_known_events(
    db: Database, dataset: str, records: Iterable[str], match_keys: Iterable[str]
) -> dict[str, KnownEvent]:
    """The known records with one of these keys or match keys whose event is there, in two queries."""
    found: dict[str, KnownEvent] = {}
    for column, asked in (("record", list(records)), ("match_key", list(match_keys))):
        if asked:
            values = {"dataset": dataset, "asked": db.as_list(asked)}
            for *row, body in await db.rows(
                known_events_statement(column, db.dialect), values, offload=True, primary=True
            ):
                event = {name: value for name, value in orjson.loads(body).items() if name not in SERVER_FIELDS}
                found[row[0]] = KnownEvent(Known(*row), event)
    return found


@lru_cache(4)
def known_events_statement(column: str, dialect: str) -> Statement:
    """Records by their keys or match keys, many at once, with their events as they stand.

    Match keys are looked up apart, where the index has all that is asked for: else SQLite reads all of the dataset.
    """
    records = sa.inspect(ImportedRecord).local_table
    is_asked = any_of(col(ImportedRecord.record), "asked", dialect)
    if column == "match_key":
        other = records.alias("other")
        matches = other.c.dataset == sa.bindparam("dataset"), any_of(other.c.match_key, "asked", dialect)
        is_asked = col(ImportedRecord.record).in_(sa.select(other.c.record).where(*matches))
    current = sa.and_(col(Change.event) == col(StoredEvent.key), col(Change.version) == col(StoredEvent.version))
    return Statement(
        sa.select(*KNOWN, *STANDS, col(Change.body))
        .select_from(records)
        .join(StoredEvent, col(StoredEvent.key) == col(ImportedRecord.event))
        .join(Change, current)
        .where(
            col(ImportedRecord.dataset) == sa.bindparam("dataset"),
            is_asked,
            col(StoredEvent.deleted) == sa.false(),
        )
    )
