"""The model: every change that was acknowledged, what each must be to a reader, and how the events stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import worlds

Event = dict[str, Any]
Question = list[tuple[str, str]]
# What only the body of an event tells; a body that was erased passes.
BODILY = ("bbox", "near", "q")


class Change(NamedTuple):
    """One change: the event before and after it, and the item that readers get."""

    seq: int
    epoch: int
    operation: str
    before: Event | None
    after: Event | None
    event: Event

    @property
    def cursor(self) -> str:
        return f"e{self.epoch}-{self.seq:012d}"


class Expected(NamedTuple):
    """The sequences that a reader must have been given, and those that it may have been given."""

    must: list[int]
    may: set[int]


def asks_body(question: Question) -> bool:
    """Whether the question is about more than the index knows of an event that was erased."""
    return any(name in BODILY or name.endswith(("_min", "_max")) for name, _ in question)


def is_of_sort(change: Change, question: Question) -> bool:
    """Whether the question is about changes of this sort."""
    sorts = {value for name, value in question if name == "change"}
    return not sorts or change.operation in sorts


@dataclass
class Book:
    """What happened, in order."""

    epoch: int = 1
    changes: list[Change] = field(default_factory=list)
    live: dict[str, Event] = field(default_factory=dict)
    gone: dict[str, Event] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    _known: dict[tuple[str, int, str], bool] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return len(self.changes)

    @property
    def cursor(self) -> str:
        return f"e{self.epoch}-{self.head:012d}"

    def record(self, cursor: str, after: Event | None, tombstone: Event | None = None) -> None:
        """Note a change with the event after it, or with the tombstone that a deletion left."""
        epoch, seq = int(cursor[1:].split("-", maxsplit=1)[0]), int(cursor.rpartition("-")[2])
        assert (epoch, seq) == (self.epoch, self.head + 1), f"{cursor} after {self.cursor}"
        event = after or tombstone
        assert event is not None
        before = self.live.get(event["id"])
        assert event["version"] == (1 if before is None else before["version"] + 1)
        operation = "deleted" if after is None else "updated" if before else "created"
        self.changes.append(Change(seq, epoch, operation, before, after, event))
        if after is not None:
            self.live[event["id"]] = after
            return
        self.gone[event["id"]] = self.live.pop(event["id"])
        if event["erased"]:
            self.erased.add(event["id"])

    def matches(self, event: Event | None, question: Question) -> bool:
        """The state passes all filters but `change`."""
        if event is None:
            return False
        key = event["id"], event["version"], repr(question)
        if key not in self._known:
            if len(self._known) > 200_000:
                self._known.clear()
            self._known[key] = worlds.matches(event, [pair for pair in question if pair[0] != "change"])
        return self._known[key]

    def expected(self, question: Question, after: int, upto: int | None = None) -> Expected:
        """What a reader of the changes behind `after` gets."""
        changes = self.changes[after:upto]
        must = [change.seq for change in changes if is_of_sort(change, question) and self.concerns(change, question)]
        return Expected(must, self.open_to_doubt(question, [change.seq for change in changes]) - set(must))

    def concerns(self, change: Change, question: Question) -> bool:
        """The state before or the state after passes the filters."""
        return self.matches(change.before, question) or self.matches(change.after, question)

    def open_to_doubt(self, question: Question, seqs: list[int]) -> set[int]:
        """Those of these changes whose bodies were erased, so that it cannot be told any more whether they match."""
        if not asks_body(question):
            return set()
        changes = [self.changes[seq - 1] for seq in seqs]
        return {change.seq for change in changes if change.event["id"] in self.erased and is_of_sort(change, question)}

    def check_item(self, item: Event, erased: set[str]) -> None:
        """A feed item is that of its change, byte for byte as JSON; of an event erased before, only the tombstone."""
        change = self.changes[int(item["sequence"]) - 1]
        event = change.event
        assert item["id"] == change.cursor
        assert item["subject"] == event["id"]
        assert item["version"] == event["version"]
        assert item["type"] == f"{event['kind']}.{change.operation}"
        if event["id"] in self.erased and item["data"].get("erased"):
            assert item["data"].keys() == TOMBSTONE
        else:
            assert event["id"] not in erased or change.operation == "deleted", "an erased body was given out"
            assert item["data"] == event

    def state(self, seq: int) -> list[Event]:
        """The events as they stood after a change."""
        found: dict[str, Event | None] = {}
        for change in self.changes[:seq]:
            found[change.event["id"]] = change.after
        return [event for event in found.values() if event is not None]


TOMBSTONE = {"id", "kind", "version", "deleted_at", "reason", "superseded_by", "erased"}
