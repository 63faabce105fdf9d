"""What a command does to an event as it stands: pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from app.errors import (
    Deleted,
    DuplicateExternalId,
    FieldError,
    Invalid,
    PreconditionRequired,
    VersionMismatch,
)
from app.events.documents import (
    changed_pointers,
    load_event,
    merge_patch,
    not_before,
    serialize_tombstone,
    serialize_version,
)
from app.events.terms import index_terms
from app.events.write.commands import (
    SERVER_FIELDS,
    Command,
    Create,
    Decision,
    EventVersion,
    IfMatch,
    LoadedEvents,
    Patch,
    Remove,
    Restore,
    Upsert,
    content,
    external_ids,
    read_only,
)
from app.kinds import CodeChange, Event, broken_rules, canonical_json, parse_change, rule_values
from app.kit.ids import key_of

# The clock of another machine, on which an export was made, may be ahead by so much.
MAX_CLOCK_SKEW = timedelta(days=1)


def decide(command: Command, world: LoadedEvents, earlier: Sequence[UUID | None] = ()) -> Decision:
    """What the command does, or the Problem it raises; `earlier` are the ids that `#<index>` may name."""
    if isinstance(command, Create):
        return create(resolve_all(command.event, earlier), world, lenient=command.lenient)
    if isinstance(command, Upsert):
        return upsert(command, resolve_references(command.wanted, earlier), world)
    if isinstance(command, Restore):
        return restore(command, world)
    current = world.find(command.id)
    if isinstance(command, Remove):
        return remove(command, current, world, earlier)
    check_version(current, command.if_match, required=True)
    if isinstance(command, Patch):
        return replace(resolve_references(apply_patch(current, command), earlier), command.patch, current, world)
    wanted = resolve_references(command.wanted, earlier)
    return replace(wanted, command.sent, current, world, lenient=command.lenient)


def create(event: Event, world: LoadedEvents, *, lenient: bool = False) -> Decision:
    """Add an event whose external ids nobody holds."""
    errors, flags = flag_errors(event, None, world.now, lenient=lenient)
    refuse(errors + relation_errors(event, world, (), None))
    check_holders(event, None, world)
    id = world.new_id()
    body = serialize_version(
        id, event.kind, 1, canonical_json(event, flags), created_at=world.now, updated_at=world.now
    )
    after = EventVersion(id, event.kind, 1, deleted=False, body=body)
    return Decision("created", after, world.now, event=event, terms=index_terms(event))


def upsert(command: Upsert, wanted: CodeChange, world: LoadedEvents) -> Decision:
    """Create or replace by external id."""
    holder = world.holders.get((command.system, command.external_id))
    if holder is None:
        if command.if_match is not None:
            raise VersionMismatch("No event holds that external id, so it has no version to match.")
        refuse([read_only("/" + name) for name in SERVER_FIELDS if name in command.sent])
        wanted.check(None)
        return create(wanted.event, world, lenient=command.lenient)
    current = world.find(holder)
    if command.only_new:
        raise VersionMismatch("An event holds that external id already.", current=current.version)
    check_version(current, command.if_match, required=False)
    return replace(wanted, command.sent, current, world, lenient=command.lenient)


def replace(
    wanted: CodeChange,
    sent: Mapping[str, Any],
    current: EventVersion,
    world: LoadedEvents,
    *,
    lenient: bool = False,
) -> Decision:
    """The next version, or nothing when the content is the same."""
    event, was = wanted.event, orjson.loads(current.body)
    refuse(sent_errors(sent, was))
    check_kind(event.kind, current)
    wanted.check(was)
    errors, flags = flag_errors(event, was, world.now, lenient=lenient)
    text = canonical_json(event, flags)
    if text[1:-1] == current.core:
        return Decision("unchanged", current, world.now)
    created_at, updated_at = was["created_at"], not_before(world.now, was["updated_at"])
    body = serialize_version(
        current.id, current.kind, current.version + 1, text, created_at=created_at, updated_at=updated_at
    )
    changed = tuple(changed_pointers(was, orjson.loads(body)))
    if not changed:
        return Decision("unchanged", current, world.now)
    kept = {relation["event_id"] for relation in was["relations"]}
    refuse(errors + relation_errors(event, world, kept, current.id))
    check_holders(event, current.id, world)
    after = EventVersion(current.id, current.kind, current.version + 1, deleted=False, body=body)
    return Decision("updated", after, updated_at, current, event, index_terms(event), changed)


def restore(command: Restore, world: LoadedEvents) -> Decision:
    """Add the event as it was, byte for byte; nothing where it stands here just so."""
    id, kind = command.id, command.event.kind
    times = {"created_at": command.created_at, "updated_at": command.updated_at}
    body = serialize_version(id, kind, command.version, command.core, **times)
    current = world.events.get(key_of(id))
    if current is not None and current.body == body:
        return Decision("unchanged", current, world.now)
    if current is not None and current.deleted:
        raise Deleted("The event was deleted here.", tombstone=orjson.loads(current.body))
    if current is not None:
        raise VersionMismatch("The event stands here with other content or version.", current=current.version)
    if command.updated_at > world.now + MAX_CLOCK_SKEW:
        refuse([FieldError("range", "The event's last change lies in the future.", pointer="/updated_at")])
    check_holders(command.event, None, world)
    after = EventVersion(id, kind, command.version, deleted=False, body=body)
    return Decision("created", after, command.updated_at, event=command.event, terms=index_terms(command.event))


def remove(command: Remove, current: EventVersion, world: LoadedEvents, earlier: Sequence[UUID | None]) -> Decision:
    """Put a tombstone in the event's place."""
    check_version(current, command.if_match, required=False)
    successor = command.superseded_by
    if isinstance(successor, str):
        successor = resolve_reference(successor, earlier, "/superseded_by")
    parameter = None if command.in_batch else "superseded_by"
    if successor == current.id:
        refuse([refers_to_itself("/superseded_by", parameter)])
    if successor is not None and not world.exists(successor):
        refuse([unknown_event("/superseded_by", parameter)])
    deleted_at = not_before(world.now, orjson.loads(current.body)["updated_at"])
    body = serialize_tombstone(current, deleted_at, command.reason, successor)
    after = EventVersion(current.id, current.kind, current.version + 1, deleted=True, body=body)
    return Decision("deleted", after, deleted_at, current)


def apply(decision: Decision, world: LoadedEvents) -> None:
    """Let later commands see what this one did."""
    world.events[decision.after.key] = decision.after
    for pair in decision.released:
        if world.holders.get(pair) == decision.after.id:
            del world.holders[pair]
    for pair in external_ids(decision.event):
        world.holders[pair] = decision.after.id


def check_version(current: EventVersion, if_match: IfMatch, *, required: bool) -> None:
    """Optimistic concurrency: 428 without the header where it must be, 412 when the event moved on."""
    if if_match is None:
        if required:
            raise PreconditionRequired(
                "Send If-Match with the version you read, so that no change is overwritten unseen."
            )
        return
    if if_match != "*" and current.version not in if_match:
        raise VersionMismatch("The event changed since you read it.", current=current.version)


def check_kind(kind: object, current: EventVersion) -> None:
    """An event keeps its kind."""
    if kind != current.kind:
        refuse(
            [FieldError("read-only", f"The event is of kind {current.kind}; a kind never changes.", pointer="/kind")]
        )


def check_holders(event: Event, own: UUID | None, world: LoadedEvents) -> None:
    """Every external id is free or the event's own."""
    for pair in external_ids(event):
        holder = world.holders.get(pair)
        if holder is not None and holder != own:
            existing = {"id": str(holder), "version": world.events[key_of(holder)].version}
            raise DuplicateExternalId("Another event holds one of the external ids.", existing=existing)


def flag_errors(
    event: Event, was: dict[str, Any] | None, now: datetime, *, lenient: bool = False
) -> tuple[list[FieldError], list[str]]:
    """Broken soft rules that no quality flag excuses, and the flags of the new version.

    A lenient write flags whatever is broken. Another keeps the flags whose rule reads the same values as before.
    """
    broken = broken_rules(event, now=now)
    if lenient:
        return [], list(dict.fromkeys(rule.flag for rule in broken))
    if was is None or not was["quality_flags"]:
        return [rule.error for rule in broken], []
    before = load_event(was)
    flags = [flag for flag in was["quality_flags"] if rule_values(flag, event) == rule_values(flag, before)]
    return [rule.error for rule in broken if rule.flag not in flags], flags


def relation_errors(event: Event, world: LoadedEvents, kept: Collection[str], own: UUID | None) -> list[FieldError]:
    """New relations that name the event itself, or none that exists or existed."""
    errors = []
    for n, relation in enumerate(event.relations):
        where = f"/relations/{n}/event_id"
        if relation.event_id in kept:
            continue
        if relation.event_id == str(own):
            errors.append(refers_to_itself(where))
        elif not world.exists(UUID(relation.event_id)):
            errors.append(unknown_event(where))
    return errors


def sent_errors(sent: Mapping[str, Any], was: Mapping[str, Any]) -> list[FieldError]:
    """Server-set fields that came back changed; true is not version 1, whatever Python says."""
    return [
        read_only("/" + name)
        for name in SERVER_FIELDS
        if name in sent and (sent[name] != was[name] or sent[name] is True)
    ]


def refers_to_itself(pointer: str, parameter: str | None = None) -> FieldError:
    """The event cannot be named here; it came in a query where `parameter` says so."""
    return FieldError("itself", "The event cannot name itself here.", pointer=pointer, parameter=parameter)


def unknown_event(pointer: str, parameter: str | None = None) -> FieldError:
    """The id is no event's; it came in a query where `parameter` says so."""
    return FieldError("unknown-event", "No event has or had that id.", pointer=pointer, parameter=parameter)


def refuse(errors: Iterable[FieldError]) -> None:
    """Raise 422 with these errors, if there are any."""
    if found := tuple(errors):
        raise Invalid("The event was refused; see errors.", errors=found)


def resolve_references(wanted: CodeChange, earlier: Sequence[UUID | None]) -> CodeChange:
    """Put ids in the place of `#<index>`."""
    return wanted._replace(event=resolve_all(wanted.event, earlier))


def resolve_all(event: Event, earlier: Sequence[UUID | None]) -> Event:
    """Put ids in the place of `#<index>`."""
    if not any(relation.event_id.startswith("#") for relation in event.relations):
        return event
    relations = [
        relation.model_copy(
            update={"event_id": str(resolve_reference(relation.event_id, earlier, f"/relations/{n}/event_id"))}
        )
        if relation.event_id.startswith("#")
        else relation
        for n, relation in enumerate(event.relations)
    ]
    return event.model_copy(update={"relations": relations})


def resolve_reference(reference: str, earlier: Sequence[UUID | None], pointer: str) -> UUID:
    """The event that an earlier item of the batch made or changed."""
    index = int(reference[1:])
    found = earlier[index] if index < len(earlier) else None
    if found is None:
        raise Invalid("The event was refused; see errors.", errors=[unknown_event(pointer)])
    return found


def apply_patch(current: EventVersion, command: Patch) -> CodeChange:
    """The output form with the patch merged in, validated whole."""
    check_kind(command.patch.get("kind", current.kind), current)
    form = content(orjson.loads(current.body))
    return parse_change(merge_patch(form, content(command.patch)), batch=command.in_batch)
