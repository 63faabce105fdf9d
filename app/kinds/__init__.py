"""What an event is: the envelope, the kinds found in this package, and all that is read from an event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from app.errors import FieldError, Invalid
from app.kinds import rules
from app.kinds.base import INT64, REMEMBERED, FacetValue, Kind, Numbers, Rule, StrictModel, facet_value
from app.kinds.codes import UnlistedCode
from app.kinds.envelope import NAMES, Event, interval, points, read_once
from app.kinds.field_errors import CODES, MAX_ERRORS, ValueRefused, field_errors
from app.kinds.output_models import Reason, event_out, tombstone
from app.kinds.registry import (
    RESERVED,
    FacetSpec,
    MeasureSpec,
    event_of,
    facet_specs,
    flags_of,
    kinds_in,
    measure_specs,
)
from app.kinds.strings import fits_index, fold
from app.kinds.timestamps import format_instant, format_micros, from_micros, micros, midnights, parse_instant
from app.kinds.tokenizer import WordPosition, search_text, texts_at, value_in, word_positions
from app.kinds.unlisted_codes import LISTED, CodeChange
from app.kit.json_lines import escape_line_separators

__all__ = [
    "CODES",
    "FACETS",
    "FIELDS",
    "FLAGS",
    "KINDS",
    "MEASURES",
    "RESERVED",
    "BrokenRule",
    "CodeChange",
    "Event",
    "EventIn",
    "EventOut",
    "FacetEntry",
    "FacetSpec",
    "FacetValue",
    "Kind",
    "MeasureSpec",
    "Numbers",
    "Reason",
    "Tombstone",
    "ValueRefused",
    "WordPosition",
    "broken_rules",
    "canonical_json",
    "facets_of",
    "fold",
    "format_instant",
    "format_micros",
    "from_micros",
    "interval",
    "measures_of",
    "micros",
    "parse_change",
    "parse_event",
    "parse_instant",
    "points",
    "read_once",
    "rule_values",
    "schema_of",
    "search_text",
    "word_positions",
    "words_of",
]

KINDS: dict[str, type[Kind]] = kinds_in(__path__, __name__)
FACETS: dict[str, FacetSpec] = facet_specs(KINDS)
MEASURES: dict[str, MeasureSpec] = measure_specs(KINDS)
FLAGS: tuple[str, ...] = flags_of(KINDS)

_IN = {name: event_of(kind) for name, kind in KINDS.items()}
_OUT = {name: event_out(event, FLAGS) for name, event in _IN.items()}
FIELDS: tuple[str, ...] = tuple(dict.fromkeys(name for event in _OUT.values() for name in event.model_fields))
_FACETS = {
    name: tuple((facet.name, facet.of) for facet in (*rules.FACETS, *kind.facets)) for name, kind in KINDS.items()
}
_MEASURES = {
    name: tuple((measure.name, measure.of) for measure in (*rules.MEASURES, *kind.totals))
    for name, kind in KINDS.items()
}
_RULES: dict[str, tuple[Rule, ...]] = {name: (*rules.RULES, *kind.rules) for name, kind in KINDS.items()}
_HARD_RULES = {name: [rule.broken for rule in every if rule.flag is None] for name, every in _RULES.items()}
_SOFT_RULES = {name: [(rule.flag, rule.broken) for rule in every if rule.flag] for name, every in _RULES.items()}
_NAMES = {
    name: tuple(tuple(path.split(".")) for path in (*NAMES, *(f"detail.{path}" for path in kind.names)))
    for name, kind in KINDS.items()
}
_KIND = Field(discriminator="kind")

if TYPE_CHECKING:
    EventIn = Event
    EventOut = StrictModel
    Tombstone = StrictModel
else:
    EventIn = Annotated[Union[tuple(_IN.values())], _KIND]  # noqa: UP007 (the operator takes no tuple)
    EventOut = Annotated[Union[tuple(_OUT.values())], _KIND]  # noqa: UP007 (likewise)
    Tombstone = tombstone(tuple(KINDS))


class BrokenRule(NamedTuple):
    """A soft rule that an event breaks: the flag that excuses it, and the error that a strict write gets."""

    flag: str
    error: FieldError


def parse_event(data: object, *, base: str = "", batch: bool = False) -> Event:
    """Read an event as a writer sends it: shapes and hard rules; the soft rules are `broken_rules`.

    `base` goes before every pointer; with `batch` a relation may name "#<index>" of an earlier item.
    Raises `Invalid` with the first 100 errors.
    """
    return _checked(_validated(data, base, {"batch": batch}), base)


def _checked(event: Event, base: str) -> Event:
    errors = [*_hard_errors(event), *_unindexable(event)]
    if errors:
        raise _invalid([_below(base, error) for error in errors[:MAX_ERRORS]])
    return event


def parse_change(data: object, *, base: str = "", batch: bool = False) -> CodeChange:
    """Read an event that is to take another's place, as `parse_event` does.

    A code that its list does not have, or no longer, is in doubt: it may stay where the event had it before, as
    `CodeChange.check` tells.
    """
    try:
        return CodeChange(parse_event(data, base=base, batch=batch))
    except Invalid as refusal:
        if any(error.code not in LISTED for error in refusal.errors):
            raise
        errors = [replace(error, pointer=(error.pointer or "").removeprefix(base)) for error in refusal.errors]
    doubts: set[UnlistedCode] = set()
    event = _checked(_validated(data, base, {"batch": batch, "doubts": doubts}), base)
    return CodeChange(event, frozenset(doubts), tuple(errors))


def _validated(data: object, base: str, context: dict[str, object]) -> Event:
    model = _IN[_kind_of(data, base)]
    if isinstance(data, dict):
        context["midnights"] = midnights(data)
    try:
        return model.model_validate(data, context=context)
    except ValidationError as refusal:
        raise _invalid(field_errors(refusal, model, base)) from None


def _kind_of(data: object, base: str) -> str:
    if not isinstance(data, dict):
        raise _invalid([FieldError("type", "An event is an object.", pointer=base)])
    kind = data.get("kind")
    if isinstance(kind, str) and kind in KINDS:
        return kind
    code, detail = ("enum", "There is no such kind.") if "kind" in data else ("missing", "This field is required.")
    raise _invalid([FieldError(code, detail, pointer=f"{base}/kind", allowed=tuple(KINDS))])


def _invalid(errors: list[FieldError]) -> Invalid:
    return Invalid("The event is not valid.", errors=errors)


def _below(base: str, error: FieldError) -> FieldError:
    return FieldError(error.code, error.detail, pointer=f"{base}{error.pointer}", allowed=error.allowed)


def _hard_errors(event: Event) -> Iterator[FieldError]:
    now = datetime.now(UTC)
    for broken in _HARD_RULES[event.kind]:
        yield from broken(event, now)


def _unindexable(event: Event) -> Iterator[FieldError]:
    """What no index could hold: sums beyond 64 bits, and names that a kind did not declare as `Name`."""
    for name, numbers in measures_of(event).items():
        if max(numbers) > INT64:
            yield FieldError("range", f"The sum for the measure {name} is too large.", pointer="")
    for entry in facets_of(event):
        if not entry.fits:
            yield FieldError("too-long", f"A value of the facet {entry[0]} is too long.", pointer="")


def broken_rules(event: Event, *, base: str = "", now: datetime | None = None) -> list[BrokenRule]:
    """The soft rules that the event breaks: a strict write refuses any, a lenient import flags it."""
    now = now or datetime.now(UTC)
    return [
        BrokenRule(flag, _below(base, error))
        for flag, broken in _SOFT_RULES[event.kind]
        for error in broken(event, now)
    ]


def rule_values(flag: str, event: Event) -> object:
    """All the values that the rule of a flag reads; None where the event's kind has no such rule."""
    return next((rule.reads(event) for rule in _RULES[event.kind] if rule.flag == flag), None)


def canonical_json(event: Event, quality_flags: Sequence[str]) -> bytes:
    """The event as canonical JSON, from `status` to `detail`, every field present: equal events, equal bytes."""
    head = event.__pydantic_serializer__.to_json(event, exclude={"kind", "extra", "detail"})
    text = b'%b,"quality_flags":%b,"extra":%b,"detail":%b}' % (
        head[:-1],
        orjson.dumps(list(quality_flags)),
        orjson.dumps(event.extra),
        event.detail.__pydantic_serializer__.to_json(event.detail),
    )
    return escape_line_separators(text)


class FacetEntry(tuple[str, FacetValue]):  # noqa: SLOT001 (an instance has a member)
    """A facet and one of its values: one object for all events that have it, as long as it is remembered."""

    fits: bool
    __hash__ = object.__hash__


@lru_cache(REMEMBERED)
def facet_entry(facet: str, value: FacetValue | str) -> FacetEntry:
    """A facet with a value, and whether the index can hold it."""
    named = facet_value(value) if isinstance(value, str) else value
    entry = FacetEntry((facet, named))
    entry.fits = all(map(fits_index, (named.label, *named.aliases)))
    return entry


@read_once("_facets")
def facets_of(event: Event) -> tuple[FacetEntry, ...]:
    """The facet values of an event, the envelope's and its kind's, each label once per facet."""
    found: list[FacetEntry] = []
    for facet, of in _FACETS[event.kind]:
        entries = [facet_entry(facet, value) for value in of(event) if value is not None]
        if len(entries) > 1 and len({entry[1].label for entry in entries}) < len(entries):
            entries = [facet_entry(facet, value) for value in _merged(entry[1] for entry in entries)]
        found += entries
    return tuple(found)


def _merged(values: Iterable[FacetValue]) -> Iterable[FacetValue]:
    """The values of one facet, those with the same label as one."""
    found: dict[str, FacetValue] = {}
    for new in values:
        known = found.setdefault(new.label, new)
        if known.aliases != new.aliases:
            found[new.label] = FacetValue(new.label, tuple(dict.fromkeys((*known.aliases, *new.aliases))))
    return found.values()


def words_of(event: Event | Mapping[str, Any]) -> str:
    """Title, summary and names of an event, or of its public JSON, as they are indexed for search."""
    kind: str = value_in(event, "kind")
    texts = [value_in(event, "title"), value_in(event, "summary")]
    return search_text([*texts, *texts_at(event, _NAMES[kind])])


@read_once("_measures")
def measures_of(event: Event) -> dict[str, Numbers]:
    """The numbers of an event, the envelope's measures and its kind's; one that has no number is absent."""
    return {name: numbers for name, of in _MEASURES[event.kind] if (numbers := of(event)) is not None}


def schema_of(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the kind's events as the server gives them."""
    return TypeAdapter(_OUT[kind]).json_schema(mode="serialization")
