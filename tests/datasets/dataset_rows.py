"""Reading of a file as an import does it, for tests of datasets: rows in, drafts and events out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from app.datasets import DateOrder, DetectedLayout, Draft, ReadOptions, Record, SourceRow, datasets, detect
from app.kinds import Event, broken_rules, measures_of, parse_event


def table(columns: Sequence[str], *rows: dict[str, Any]) -> str:
    """CSV with those columns; what a row does not give is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def fit(first_rows: Sequence[Sequence[str]], dataset: str) -> DetectedLayout:
    """The layout of that dataset that the rows have."""
    [found] = [found for found in detect(datasets().values(), first_rows) if found.dataset.name == dataset]
    return found


def read(dataset: str, text: str, *, delimiter: str = ",", date_order: DateOrder | None = None) -> list[Record]:
    """What a dataset makes of a table, its layout found by the header, or by the first rows where there is none."""
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    found = fit(rows[:5], dataset)
    return list(found.dataset.read(source_rows(found, rows), ReadOptions(found.layout, date_order)))


def source_rows(found: DetectedLayout, rows: Iterable[Sequence[str]]) -> Iterator[SourceRow]:
    """The rows as a reader hands them out, the header left out."""
    lines = enumerate(rows, start=1)
    header = next(lines)[1] if found.layout.has_header else found.layout.columns
    for line, row in lines:
        yield SourceRow(line, {name: cell or None for name, cell in zip(header, row, strict=True)})


def read_objects(dataset: str, *objects: dict[str, Any]) -> list[Record]:
    """What a dataset makes of JSON objects."""
    found = fit([list(objects[0])], dataset)
    rows = (SourceRow(line, values) for line, values in enumerate(objects, start=1))
    return list(found.dataset.read(rows, ReadOptions(found.layout)))


def drafts(records: Iterable[Record]) -> list[Draft]:
    """The records, all of which are drafts."""
    found = list(records)
    assert [record for record in found if not isinstance(record, Draft)] == []
    return [record for record in found if isinstance(record, Draft)]


def event(draft: Draft) -> Event:
    """The event of a draft, as the import has it checked."""
    system = {dataset.name: dataset.system for dataset in datasets().values()}
    return parse_event({**draft.event, "external_ids": [{"system": next(iter(system.values())), "id": draft.key}]})


def flags(parsed: Event) -> list[tuple[str, str | None]]:
    """The soft rules that an event breaks, and where."""
    return [(rule.flag, rule.error.pointer) for rule in broken_rules(parsed)]


def sums(events: Iterable[Event], measure: str) -> tuple[int, int, int]:
    """Low, best and high of a measure over events."""
    found = [numbers for parsed in events if (numbers := measures_of(parsed).get(measure)) is not None]
    low, best, high = (sum(part) for part in zip(*found, strict=True)) if found else (0, 0, 0)
    return low, best, high
