"""Says about the rows of a file what the store says about events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.errors import FieldError, Problem
from app.imports.entries import Entry
from app.imports.report import RowProblem
from app.kinds import BrokenRule, Event, broken_rules

MAX_VALUE = 200
MAX_ALLOWED = 8


def refusals(entry: Entry, problem: Problem, event: Event | None) -> list[RowProblem]:
    """Why a record was refused, once for each rule and column; `event` is None where it could not be validated."""
    if not problem.errors:
        holder = problem.members.get("existing", {}).get("id")
        detail = f"{problem.detail} It is event {holder}." if holder else problem.detail
        return [RowProblem(entry.line, problem.slug, detail)]
    soft = {} if event is None else {place(broken.error): broken for broken in broken_rules(event)}
    return once(row_problem(entry, error, remedy_of(error, soft)) for error in problem.errors)


def flags_of(entry: Entry, event: Event) -> list[RowProblem]:
    """The rules that an event breaks, each with its flag."""
    return once(row_problem(entry, broken.error, None, broken.flag) for broken in broken_rules(event))


def once(problems: Iterable[RowProblem]) -> list[RowProblem]:
    """Leave out what is told already: the same code about the same column."""
    return list({(told.code, told.column, told.flag): told for told in problems}.values())


def row_problem(entry: Entry, error: FieldError, remedy: str | None, flag: str | None = None) -> RowProblem:
    """A fault of an event at a JSON pointer as one of a row, with the column that the value came from."""
    column = column_of(entry, error.pointer or "")
    line, value = entry.line, None
    for row in entry.rows:
        if column is not None and row.values.get(column) is not None:
            line, value = row.line, str(row.values[column])[:MAX_VALUE]
            break
    detail = error.detail if column is not None or not error.pointer else f"{error.pointer}: {error.detail}"
    return RowProblem(line, error.code, detail, column, value, remedy, flag)


def column_of(entry: Entry, pointer: str) -> str | None:
    """The column that the value at a pointer came from: that of the pointer itself or of what it lies in."""
    columns: Mapping[str, str] = getattr(entry.record, "columns", {})
    while pointer and pointer not in columns:
        pointer = pointer.rpartition("/")[0]
    return columns.get(pointer)


def remedy_of(error: FieldError, soft: Mapping[tuple[str, str], BrokenRule]) -> str | None:
    """What would do: `--lenient` for a soft rule, the permitted values where there are few."""
    if (broken := soft.get(place(error))) is not None:
        return f"Correct the row, or import it with --lenient: the event then carries the flag {broken.flag}."
    if error.allowed and len(error.allowed) <= MAX_ALLOWED:
        return f"Use one of: {', '.join(map(str, error.allowed))}."
    return None


def place(error: FieldError) -> tuple[str, str]:
    """What an error is about."""
    return error.code, error.pointer or ""
