"""A table of one's own as a dataset: each row becomes the draft of an event, as the layout says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar

from app.datasets import Dataset, Draft, Layout, ReadOptions, Record, SourceRow
from app.datasets.base import convert_rows
from app.datasets.cells import Cells, Moment
from app.imports.mapping.fields import EACH, Field, Path
from app.imports.mapping.values import Reader, Style, moment_text

TIMES = frozenset({("started_at",), ("ended_at",)})


@dataclass(frozen=True, slots=True)
class Source:
    """The columns that give a field: joined, or put into a template such as `Drones over {Where}`."""

    reader: Reader
    columns: tuple[str, ...]
    template: str | None = None
    joint: str = " "

    def text(self, cells: Cells) -> Any:
        """The value as the row has it, None where all its columns are empty."""
        if self.template is None and len(self.columns) == 1:
            return cells.raw(self.columns[0])
        texts = {column: cells.text(column) for column in self.columns}
        if not any(texts.values()):
            return None
        if self.template is None:
            return self.joint.join(text for text in texts.values() if text)
        return " ".join(PLACE.sub(lambda place: texts[place[1]] or "", self.template).split())


PLACE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Plan:
    """What a layout's file comes to: where each field of an event comes from."""

    kind: str
    keys: tuple[str, ...]
    sources: tuple[Source, ...]
    constants: Mapping[Path, Any]
    ignored: tuple[str, ...]
    style: Style
    time_zone: str | None
    lacking: tuple[str, ...]

    @cached_property
    def needed(self) -> dict[Path, list[str]]:
        """The entries of lists that columns fill, each with the columns' fields that it cannot be without."""
        found: dict[Path, list[str]] = {}
        for field in [source.reader.field for source in self.sources]:
            for entry in entries_of(field.path):
                own = field.is_required and field.path[:-1] == entry
                found.setdefault(entry, []).extend([field.path[-1]] if own else [])
        return found


class MappedDataset(Dataset):
    """The dataset of a layout of one's own; `lacking` names the fields that every event needs and the layout lacks."""

    plan: ClassVar[Plan]

    def read(self, rows: Iterable[SourceRow], options: ReadOptions) -> Iterator[Record]:
        """Make one draft of each row."""
        style = replace(self.plan.style, date_order=self.plan.style.date_order or options.date_order)
        return convert_rows(rows, lambda row: draft_of(row, self.plan, style))

    def notes(self) -> list[str]:
        """The fields that the layout lacks, so that no event of it would be taken."""
        return [
            f"The layout gives no {field}, which every event of kind {self.plan.kind} needs: "
            "add it to [columns], [templates] or [constants]."
            for field in self.plan.lacking
        ]


def mapped_dataset(plan: Plan, layout: Layout, **about: Any) -> MappedDataset:
    """The dataset of a plan; `about` has its name, system, title and the like."""
    days = [source for source in plan.sources if source.reader.field.sort in {"day", "moment"}]
    columns = () if plan.style.date_order else tuple(source.columns[0] for source in days)
    made: MappedDataset = type(
        "OwnLayout", (MappedDataset,), {**about, "layouts": (layout,), "date_columns": columns, "plan": plan}
    )()
    return made


def draft_of(row: SourceRow, plan: Plan, style: Style) -> Draft:
    """The draft of one row. Raises RowError."""
    cells = Cells(row, style.date_order)
    key = "/".join(cells.required(column) for column in plan.keys)
    values: dict[Path, Any] = {}
    columns: dict[Path, str] = {}
    for source in plan.sources:
        found = source.reader.read(source.text(cells), style)
        for path, value in spread(source.reader.field, found):
            values[path], columns[path] = value, source.columns[0]
    days = [value.is_day for path, value in values.items() if path in TIMES and isinstance(value, Moment)]
    add_constants(values, plan)
    remove_incomplete(values, columns, plan)
    event, pointers = nest_values({path: moment_text(value) for path, value in values.items()})
    if any(days):
        event.setdefault("time_precision", "day")
    if plan.time_zone is not None:
        event.setdefault("timezone", plan.time_zone)
    for column in plan.ignored:
        cells.raw(column)
    extra = cells.rest() | {name: value for (first, name, *_), value in pairs(values) if first == "extra"}
    event = {"kind": plan.kind, **event, "extra": extra}
    event.setdefault("detail", {})
    return Draft(key, event, (row,), {pointers[path]: column for path, column in columns.items() if path in pointers})


def pairs(values: Mapping[Path, Any]) -> Iterator[tuple[Path, Any]]:
    """The values whose path has more than one step."""
    return ((path, value) for path, value in values.items() if len(path) > 1)


def spread(field: Field, found: Any) -> Iterator[tuple[Path, Any]]:
    """The value under its path, or each part of a cell under the path of an entry of its own."""
    if found is None:
        return
    if EACH not in field.path:
        yield field.path, found
        return
    for n, part in enumerate(found):
        yield with_index(field.path, str(n)), part


def with_index(path: Path, number: str) -> Path:
    """The path with a number in the place of `*`."""
    return tuple(number if step == EACH else step for step in path)


def add_constants(values: dict[Path, Any], plan: Plan) -> None:
    """Add what is the same in each row; under `*` to each entry that the row has there."""
    for path, value in plan.constants.items():
        if EACH not in path:
            values.setdefault(path, value)
            continue
        at = path.index(EACH)
        for number in {other[at] for other in values if len(other) > at and other[:at] == path[:at]}:
            values.setdefault(with_index(path, number), value)


def remove_incomplete(values: dict[Path, Any], columns: Mapping[Path, str], plan: Plan) -> None:
    """Remove the entries of lists that this row has nothing for, with what is constant in them.

    Those are the entries of which all columns are empty, or one that an entry needs, such as the number of casualties.
    """
    filled = {entry for path in columns for entry in entries_of(path)}
    for entry in {entry for path in values for entry in entries_of(path)}:
        needed = plan.needed.get(entry, plan.needed.get(with_star(entry, plan.needed)))
        if needed is not None and (entry not in filled or any((*entry, name) not in columns for name in needed)):
            for path in [path for path in values if path[: len(entry)] == entry]:
                del values[path]


@lru_cache(10_000)
def entries_of(path: Path) -> tuple[Path, ...]:
    """The entries of lists that a value lies in."""
    return tuple(path[: n + 1] for n, step in enumerate(path) if step == EACH or step.isdigit())


def with_star(entry: Path, known: Mapping[Path, Any]) -> Path:
    """The entry as a layout names it that says `*` for its number."""
    found = ((*entry[:n], EACH, *entry[n + 1 :]) for n, step in enumerate(entry) if step.isdigit())
    return next((path for path in found if path in known), entry)


def nest_values(values: Mapping[Path, Any]) -> tuple[dict[str, Any], dict[Path, str]]:
    """The object that the paths describe, lists without gaps, and the JSON pointer of each value in it."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        if path[0] == "extra":
            continue
        node = tree
        for step in path[:-1]:
            node = node.setdefault(step, {})
        node[path[-1]] = Leaf(value)
    pointers: dict[Path, str] = {}
    return {name: _built(node, (name,), f"/{name}", pointers) for name, node in tree.items()}, pointers


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value, which may be an object itself."""

    value: Any


def _built(node: Any, path: Path, pointer: str, pointers: dict[Path, str]) -> Any:
    if isinstance(node, Leaf):
        pointers[path] = pointer
        return node.value
    if all(step.isdigit() for step in node):
        steps = sorted(node, key=int)
        return [_built(node[step], (*path, step), f"{pointer}/{n}", pointers) for n, step in enumerate(steps)]
    return {step: _built(below, (*path, step), f"{pointer}/{step}", pointers) for step, below in node.items()}
