"""`sitrep import --preview`: the first events of a file as they would be stored."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from app.cli.error_messages import print_error

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.datasets import Dataset, Draft, Record
    from app.errors import FieldError


def print_events(dataset: Dataset, records: Iterable[Record], n: int) -> int:
    """Print so many events as indented JSON, and on stderr what is wrong with them; 1 if one would be refused."""
    from app.datasets import Draft, RejectedRow, Removal

    shown, status = 0, 0
    for record in records:
        if isinstance(record, RejectedRow):
            print_error(f"line {record.line}: {record.detail}")
            status = 1
        elif isinstance(record, Removal):
            print_error(f"line {record.rows[0].line}: {record.key} is to be removed.")
        elif isinstance(record, Draft):
            event, faults = read_event(dataset, record)
            for fault in faults:
                print_error(f"line {record.rows[0].line}: {fault.pointer or ''} {fault.detail}".replace(":  ", ": "))
            status = 1 if faults else status
            typer.echo(json.dumps(event, indent=2, ensure_ascii=False, default=str))
            shown += 1
            if shown == n:
                break
    return status


def read_event(dataset: Dataset, draft: Draft) -> tuple[Any, list[FieldError]]:
    """The event as it would be stored, with flags for the soft rules that it breaks, or as read, and its faults."""
    import orjson

    from app.errors import FieldError, Problem
    from app.events.write.parse_commands import upsert_of
    from app.kinds import broken_rules, canonical_json

    if dataset.is_restore:
        return draft.event, []
    try:
        event = upsert_of(dataset.system, draft.key, draft.event, None, batch=False).wanted.event
    except Problem as problem:
        return draft.event, list(problem.errors) or [FieldError(problem.slug, problem.detail)]
    broken = broken_rules(event)
    flags = list(dict.fromkeys(rule.flag for rule in broken))
    return {"kind": event.kind, **orjson.loads(canonical_json(event, flags))}, [rule.error for rule in broken]
