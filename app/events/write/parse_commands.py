"""Reads the bodies of writes, single or batch, into commands, and renders the results of a batch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from pydantic import ValidationError

from app.errors import FieldError, Invalid, NotFound, PayloadTooLarge, Problem
from app.events.schemas import ITEMS, CreateItem, DeleteItem, Item, PatchItem, ReplaceItem, UpsertItem
from app.events.terms import index_terms
from app.events.write.batch_problems import with_item_pointer
from app.events.write.commands import (
    SERVER_FIELDS,
    Command,
    Create,
    IfMatch,
    Patch,
    Remove,
    Replace,
    Upsert,
    content,
    read_only,
)
from app.events.write.idempotency import ResponseData
from app.events.write.transaction import CommandResult, Result
from app.kinds import CodeChange, Event, parse_change, parse_event
from app.kinds.field_errors import MAX_ERRORS, field_errors
from app.kinds.line_endings import strip_invisible
from app.kit.ids import read_id
from app.kit.json_lines import dump_json

MAX_ITEMS = 1000
MAX_ITEM_BYTES = 256 * 1024
STATUS = {"created": 201, "updated": 200, "unchanged": 200, "deleted": 204}
# Where an item's own pointers begin within it.
PARTS = {"create": "/event", "upsert": "/event", "replace": "/event", "patch": "/patch", "delete": ""}
ITEM_POINTER = re.compile(r"/items/([0-9]+)(?:/|\Z)", re.ASCII)
REFERENCE = re.compile(r"#(0|[1-9][0-9]{0,3})\Z", re.ASCII)


def read_batch(data: object) -> list[object]:
    """The items of a batch body, each still to be read."""
    if not isinstance(data, dict) or set(data) != {"items"} or not isinstance(data["items"], list):
        raise Invalid(
            "The batch was refused; see errors.", errors=[FieldError("type", 'Give {"items": [...]}.', pointer="")]
        )
    items: list[object] = data["items"]
    if len(items) > MAX_ITEMS:
        raise Invalid(
            "The batch was refused; see errors.",
            errors=[FieldError("too-long", "A batch has at most 1,000 items.", pointer="/items")],
        )
    return items


def isolate_items(data: object, faults: list[FieldError]) -> object:
    """Put its refusal in the place of each item that holds what cannot be stored: the others stand for themselves.

    Raises Invalid with all faults where one of them is not in an item.
    """
    body = data if isinstance(data, dict) else {}
    items = body.get("items")
    by_item: dict[int, list[FieldError]] = {}
    for fault in faults:
        found = ITEM_POINTER.match(fault.pointer or "")
        if found is None or not isinstance(items, list):
            raise Invalid("The body has values that cannot be stored; see errors.", errors=faults[:MAX_ERRORS])
        by_item.setdefault(int(found[1]), []).append(fault)
    refusals = {n: item_problem(found[:MAX_ERRORS]) for n, found in by_item.items()}
    return {**body, "items": [refusals.get(n, item) for n, item in enumerate(items or ())]}


def read_items(items: Sequence[object]) -> tuple[list[Command | Problem], list[str]]:
    """A command or a refusal for each item, and where each one's pointers begin."""
    commands: list[Command | Problem] = []
    places = []
    for n, item in enumerate(items):
        if isinstance(item, Problem):
            places.append(f"/items/{n}")
            commands.append(item)
            continue
        op = item.get("op") if isinstance(item, dict) else None
        places.append(f"/items/{n}{PARTS.get(op, '') if isinstance(op, str) else ''}")
        try:
            commands.append(read_item(item))
        except Problem as problem:
            commands.append(with_item_pointer(problem, f"/items/{n}"))
    return commands, places


def read_item(item: object) -> Command:
    """One item as a command; pointers are the item's own."""
    if not isinstance(item, dict):
        raise item_problem([FieldError("type", "An item is an object.", pointer="")])
    op = item.get("op")
    model = ITEMS.get(op) if isinstance(op, str) else None
    if model is None:
        raise item_problem([FieldError("enum", "An item has an op.", pointer="/op", allowed=list(ITEMS))])
    if len(orjson.dumps(item)) > MAX_ITEM_BYTES:
        raise PayloadTooLarge("An item has at most 256 KiB.")
    try:
        return command_of(model.model_validate(item))
    except ValidationError as refusal:
        raise item_problem(field_errors(refusal, model, "")) from None


def item_problem(errors: list[FieldError]) -> Invalid:
    """422 for an item."""
    return Invalid("The event was refused; see errors.", errors=errors)


def command_of(item: Item) -> Command:
    """The command that an item asks for."""
    if isinstance(item, CreateItem):
        event = read_new(item.event, "/event")
        index_terms(event)  # remembered: a third less to do while the transaction holds its locks
        return Create(event)
    if isinstance(item, UpsertItem):
        return upsert_of(item.system, item.external_id, item.event, parse_if_match_field(item.if_match), base="/event")
    if isinstance(item, ReplaceItem):
        wanted, sent = read_known(item.event, "/event")
        return Replace(known_id(item.id), wanted, sent, parse_if_match_field(item.if_match))
    if isinstance(item, PatchItem):
        return Patch(known_id(item.id), item.patch, parse_if_match_field(item.if_match), in_batch=True)
    if isinstance(item, DeleteItem):
        return Remove(
            known_id(item.id),
            item.reason,
            successor(item.superseded_by),
            parse_if_match_field(item.if_match),
            in_batch=True,
        )
    message = f"no command for {type(item).__name__}"
    raise TypeError(message)


def parse_if_match_field(version: int | None) -> IfMatch:
    """The version an item was made for."""
    return None if version is None else frozenset({version})


def known_id(text: str) -> UUID:
    """The id of the event to change; what cannot be one is not found."""
    found = read_id(text)
    if found is None:
        raise NotFound("There is no event with that id.")
    return found


def successor(text: str | None) -> UUID | str | None:
    """An event id or `#<index>`."""
    if text is None or REFERENCE.match(text):
        return text
    try:
        return UUID(text)
    except ValueError:
        raise item_problem([FieldError("uuid", "Give an event id or #<index>.", pointer="/superseded_by")]) from None


def read_new(data: object, base: str = "", *, batch: bool = True) -> Event:
    """An event to add: the server sets its own fields."""
    if isinstance(data, dict) and (found := [name for name in SERVER_FIELDS if name in data]):
        raise item_problem([read_only(f"{base}/{name}") for name in found])
    return parse_event(data, base=base, batch=batch)


def read_known(data: object, base: str = "", *, batch: bool = True) -> tuple[CodeChange, dict[str, Any]]:
    """An event to put in another's place, and the server-set fields that came back with it."""
    if not isinstance(data, dict):
        return parse_change(data, base=base, batch=batch), {}
    sent = {name: data[name] for name in SERVER_FIELDS if name in data}
    return parse_change(content(data), base=base, batch=batch), sent


def upsert_of(
    system: str,
    external_id: str,
    data: object,
    if_match: IfMatch,
    *,
    base: str = "",
    only_new: bool = False,
    batch: bool = True,
) -> Upsert:
    """An upsert, its external id added to the event if it is not there."""
    external_id = strip_invisible(external_id)
    pair = {"system": system, "id": external_id}
    if isinstance(data, dict):
        known = data.get("external_ids")
        if known is None:
            data = {**data, "external_ids": [pair]}
        elif isinstance(known, list) and not any(is_same_key(row, pair) for row in known):
            data = {**data, "external_ids": [*known, pair]}
    wanted, sent = read_known(data, base, batch=batch)
    return Upsert(system, external_id, wanted, sent, if_match, only_new)


def is_same_key(row: Any, pair: dict[str, str]) -> bool:
    """Whether a row of `external_ids`, as it was sent, is that external id."""
    return (
        isinstance(row, dict)
        and {name: strip_invisible(v) if isinstance(v, str) else v for name, v in row.items()} == pair
    )


def batch_response(results: Sequence[Result], instance: str) -> ResponseData:
    """200 with one result an item."""
    shown = [serialize_result(n, result, instance) for n, result in enumerate(results)]
    cursors = [result.cursor for result in results if isinstance(result, CommandResult) and result.cursor]
    headers = {"content-type": "application/json", **({"feed-cursor": cursors[-1]} if cursors else {})}
    return ResponseData(200, dump_json({"results": shown}), headers)


def serialize_result(index: int, result: Result, instance: str) -> dict[str, Any]:
    """One item's result."""
    if isinstance(result, Problem):
        problem = result.document(instance)
        return {
            "index": index,
            "status": result.status,
            "id": None,
            "version": None,
            "cursor": None,
            "problem": problem,
        }
    after = result.decision.after
    return {
        "index": index,
        "status": STATUS[result.decision.operation],
        "id": str(after.id),
        "version": after.version,
        "cursor": result.cursor,
        "problem": None,
    }
