"""Problems of the items of a batch: where their faults are, and one answer that tells the faults of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from app.errors import Deleted, FieldError, NotFound, PreconditionRequired, Problem, VersionMismatch
from app.events.write.commands import Command, Create, Patch, Remove, Restore

# A refused batch tells so many faults at most.
MAX_FAULTS = 1000
# The member of an item that a problem without errors is about, and how many parts the pointer of an item has.
AT_FAULT: dict[type[Problem], str] = {
    PreconditionRequired: "if_match",
    VersionMismatch: "if_match",
    NotFound: "id",
    Deleted: "id",
}
ITEM_PARTS = len(("", "items", "0"))


def with_item_pointer(problem: Problem, place: str) -> Problem:
    """A batch item's problem with pointers from the root of the batch."""
    if not place:
        return problem
    errors = [replace(error, pointer=f"{place}{error.pointer or ''}") for error in problem.errors]
    errors = errors or [FieldError(problem.slug, problem.detail, pointer=fault_pointer(problem, place))]
    return type(problem)(problem.detail, errors=errors, headers=problem.headers, **problem.members)


def fault_pointer(problem: Problem, place: str) -> str:
    """Where the fault of a problem without errors is: in the member of the item that it is about, else at `place`."""
    part = next((part for sort, part in AT_FAULT.items() if isinstance(problem, sort)), None)
    if part is None:
        return place
    return "/".join((*place.split("/")[:ITEM_PARTS], part))


def refers(command: Command | Problem, failed: Iterable[int]) -> bool:
    """Tell whether the command names an earlier item that failed: it cannot be judged."""
    names = {f"#{n}" for n in failed}
    if isinstance(command, Problem):
        return False
    if isinstance(command, Remove):
        return command.superseded_by in names
    if isinstance(command, Patch):
        relations = command.patch.get("relations")
        rows = relations if isinstance(relations, list) else []
        return any(isinstance(row, dict) and str(row.get("event_id")) in names for row in rows)
    event = command.event if isinstance(command, Create | Restore) else command.wanted.event
    return any(relation.event_id in names for relation in event.relations)


def merge_problems(problems: list[Problem]) -> Problem:
    """The first refusal, with the faults of all."""
    first, errors = problems[0], [error for problem in problems for error in problem.errors]
    if len(problems) == 1:
        return first
    detail = f"{len(problems)} items were refused; see errors. The first: {first.detail}"
    return type(first)(detail, errors=errors[:MAX_FAULTS], headers=first.headers, **first.members)


def without_undone(problem: Problem, written: Mapping[str, str]) -> Problem:
    """Name an earlier item of the same atomic batch in place of an `existing` event that goes with the batch.

    `written` tells which item wrote an event first, by the event's id.
    """
    item = written.get(problem.members.get("existing", {}).get("id", ""))
    if item is None:
        return problem
    detail = f"The event of {item} in this batch holds one of the external ids."
    errors = [replace(error, detail=detail) for error in problem.errors]
    members = {name: value for name, value in problem.members.items() if name != "existing"}
    return type(problem)(detail, errors=errors, headers=problem.headers, **members)
