"""Reading made-up rows as a dataset does, and validating the drafts as an import would."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.datasets import Dataset, Draft, ReadOptions, RejectedRow, Removal, Skipped, SourceRow, datasets
from app.datasets.base import Layout
from app.kinds import broken_rules, canonical_json, parse_event


@dataclass
class Read:
    """What came of the rows: events by key as they would be stored, and the rest."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    skipped: list[tuple[int, str]] = field(default_factory=list)
    refused: list[RejectedRow] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)


def layout_of(dataset: Dataset, version: str) -> Layout:
    """A layout by its version."""
    return next(layout for layout in dataset.layouts if layout.version == version)


def source_rows(rows: Iterable[Mapping[str, Any]], begin: int = 2) -> Iterator[SourceRow]:
    """The rows with their lines, those after a header unless told otherwise."""
    return (SourceRow(line, row) for line, row in enumerate(rows, begin))


def read(name: str, version: str, rows: Iterable[Mapping[str, Any]]) -> Read:
    """Read rows by a dataset, and validate each draft with its key; every draft must be valid."""
    dataset, found = datasets()[name], Read()
    for record in dataset.read(source_rows(rows), ReadOptions(layout_of(dataset, version))):
        match record:
            case Draft():
                event = parse_event({**record.event, "external_ids": [{"system": dataset.system, "id": record.key}]})
                assert record.key not in found.events
                found.events[record.key] = orjson.loads(canonical_json(event, [])) | {"kind": event.kind}
                found.drafts.append(record)
                found.flags += [broken.flag for broken in broken_rules(event)]
            case Removal(key=key):
                found.removed.append(key)
            case Skipped(line=line, reason=reason):
                found.skipped.append((line, reason))
            case RejectedRow():
                found.refused.append(record)
    return found
