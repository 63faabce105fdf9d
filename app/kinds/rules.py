"""The facets, measures and rules of every event, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel

from app.errors import FieldError
from app.kinds.base import Estimate, Facet, FacetValue, Measure, Numbers, Rule, country_value, facet_value, total
from app.kinds.codes import codes_of
from app.kinds.envelope import Actor, Event, Location, Status, read_once
from app.kinds.field_errors import models_in, pointer


def actor_value(actor: Actor) -> FacetValue:
    """An actor by name; its aliases, ref and country find it too."""
    codes = () if actor.country is None else codes_of(actor.country)
    return facet_value(actor.name, *actor.aliases, actor.ref, *codes)


def actors_in(role: str) -> Callable[[Event], list[FacetValue]]:
    """Reads the actors with that role."""
    return lambda event: [actor_value(actor) for actor in event.actors if actor.role == role]


def _places(event: Event) -> list[Location]:
    return [place for place in event.locations if place.role != "launch"]


def _targets(event: Event) -> Iterator[str | None]:
    for actor in event.actors:
        if actor.role == "target":
            yield actor.country
    for place in event.locations:
        if place.role in {"target", "impact"}:
            yield place.country


def _countries(codes: Iterable[str | None]) -> list[FacetValue]:
    return [country_value(code) for code in codes if code is not None]


def _harmed(harm: str) -> Callable[[Event], Numbers | None]:
    return lambda event: total(row.count for row in event.casualties if row.measure == harm and row.subgroup is None)


FACETS = (
    Facet("kind", "The kind of event.", lambda event: [event.kind]),
    Facet("status", "How far the report is confirmed.", lambda event: [event.status], Status),
    Facet(
        "country",
        "Country of a location (ISO 3166), launch sites left out.",
        lambda event: _countries(place.country for place in _places(event)),
        codes="country",
    ),
    Facet(
        "admin1",
        "First-order division of a location (ISO 3166-2), launch sites left out.",
        lambda event: [place.admin1 for place in _places(event)],
        codes="admin1",
    ),
    Facet("place", "Name of a location, launch sites left out.", lambda event: [p.name for p in _places(event)]),
    Facet(
        "actor",
        "Name, alias or reference of an actor in any role, or any code or name of its country.",
        lambda event: [actor_value(actor) for actor in event.actors],
        codes="party",
    ),
    Facet(
        "actor_country",
        "Country of an actor in any role.",
        lambda event: _countries(a.country for a in event.actors),
        codes="country",
    ),
    Facet(
        "initiator",
        "Name, alias or reference of an actor who began it, or any code or name of its country.",
        actors_in("initiator"),
        codes="party",
    ),
    Facet(
        "target_country",
        "Country of an actor with role target, or of a location with role target or impact.",
        lambda event: _countries(_targets(event)),
        codes="country",
    ),
    Facet("publisher", "Who published a source.", lambda event: [source.publisher for source in event.sources]),
    Facet("tag", "A tag.", lambda event: event.tags),
)

MEASURES = (
    Measure("killed", "People killed, over casualty rows without subgroup.", _harmed("killed")),
    Measure("injured", "People injured, over casualty rows without subgroup.", _harmed("injured")),
)


class Branch(NamedTuple):
    """A field under which estimates lie: itself one (no branches) or an object, or a list of either."""

    field: str
    name: str
    branches: tuple[Branch, ...]


@cache
def _branches(model: type[BaseModel]) -> tuple[Branch, ...]:
    found = []
    for field, info in model.model_fields.items():
        for part in models_in(info.annotation):
            below = () if part is Estimate else _branches(part)
            if below or part is Estimate:
                found.append(Branch(field, info.alias or field, below))
    return tuple(found)


@read_once("_estimates")
def estimates(event: Event) -> list[Estimate]:
    """Every estimate of the event."""
    return _gather(event, _branches(type(event)), [])


def _gather(node: BaseModel, branches: tuple[Branch, ...], found: list[Estimate]) -> list[Estimate]:
    held = node.__dict__
    for field, _, below in branches:
        value = held[field]
        if value is None or value == []:
            continue
        rows = value if type(value) is list else [value]
        if below:
            for row in rows:
                _gather(row, below, found)
        else:
            found += rows
    return found


def _placed(event: Event) -> Iterator[tuple[tuple[str | int, ...], Estimate]]:
    return _walk(event, _branches(type(event)), ())


def _walk(
    node: BaseModel, branches: tuple[Branch, ...], path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Estimate]]:
    for field, name, below in branches:
        value = getattr(node, field)
        if not value and not isinstance(value, BaseModel):
            continue
        rows: list[tuple[tuple[str | int, ...], Any]] = (
            [((*path, name, index), row) for index, row in enumerate(value)]
            if isinstance(value, list)
            else [((*path, name), value)]
        )
        for where, row in rows:
            if below:
                yield from _walk(row, below, where)
            else:
                yield where, row


def _unordered(event: Event, _now: datetime) -> Iterator[FieldError]:
    if all(map(_is_ordered, estimates(event))):
        return
    for path, estimate in _placed(event):
        if not _is_ordered(estimate):
            yield FieldError("order", "low <= best <= high does not hold.", pointer=pointer(path))


def _is_ordered(estimate: Estimate) -> bool:
    low, best, high = estimate.low, estimate.best, estimate.high
    if low is not None and best is not None and high is not None:
        return low <= best <= high
    numbers = [n for n in (low, best, high) if n is not None]
    return numbers == sorted(numbers)


def _all_numbers(event: Event) -> object:
    return [(path, estimate.low, estimate.best, estimate.high) for path, estimate in _placed(event)]


def _ends_first(event: Event, _now: datetime) -> Iterator[FieldError]:
    if event.ended_at is not None and event.ended_at < event.started_at:
        yield FieldError("end-before-start", "The event ends before it starts.", pointer="/ended_at")


def _sourceless(event: Event, _now: datetime) -> Iterator[FieldError]:
    if not event.sources:
        yield FieldError("no-source", "An event needs at least one source.", pointer="/sources")


def _unknown_but_qualified(event: Event, _now: datetime) -> Iterator[FieldError]:
    if not any(map(_is_unknown_but_qualified, estimates(event))):
        return
    for path, estimate in _placed(event):
        if _is_unknown_but_qualified(estimate):
            yield FieldError("qualifier", "Without a number the qualifier is unknown.", pointer=pointer(path))


def _is_unknown_but_qualified(estimate: Estimate) -> bool:
    return estimate.best is None and estimate.qualifier != "unknown" and estimate.numbers() is None


def _days_without_end(event: Event, _now: datetime) -> Iterator[FieldError]:
    if event.time_precision == "days" and event.ended_at is None:
        yield FieldError("missing", "The precision `days` needs an end.", pointer="/ended_at")


def _half_places(event: Event, _now: datetime) -> Iterator[FieldError]:
    for index, place in enumerate(event.locations):
        where = f"/locations/{index}"
        if place.lat is None and place.lon is not None:
            yield FieldError("missing", "A longitude needs its latitude.", pointer=f"{where}/lat")
        if place.lon is None and place.lat is not None:
            yield FieldError("missing", "A latitude needs its longitude.", pointer=f"{where}/lon")
        if place.name is None and place.country is None and place.lat is None and place.lon is None:
            yield FieldError("missing", "A location has a name, a country or coordinates.", pointer=where)
        if place.admin1 is not None and place.admin1.split("-")[0] != place.country:
            yield FieldError("admin1", "The division is not one of the location's country.", pointer=f"{where}/admin1")


def _claims_of_nobody(event: Event, _now: datetime) -> Iterator[FieldError]:
    for index, claim in enumerate(event.claims):
        if claim.source >= len(event.sources):
            yield FieldError("range", "There is no such source.", pointer=f"/claims/{index}/source")


def _losses_of_nobody(event: Event, _now: datetime) -> Iterator[FieldError]:
    names = {actor.name for actor in event.actors}
    for index, row in enumerate(event.casualties):
        if row.actor is not None and row.actor not in names:
            where = f"/casualties/{index}/actor"
            yield FieldError("unknown-actor", "No actor of the event has this name.", pointer=where)


def _same_key_twice(event: Event, _now: datetime) -> Iterator[FieldError]:
    seen = set()
    for index, key in enumerate(event.external_ids):
        if (key.system, key.id) in seen:
            yield FieldError("duplicate", "This external id is given twice.", pointer=f"/external_ids/{index}")
        seen.add((key.system, key.id))


RULES = (
    Rule(_unordered, "bounds-order", _all_numbers),
    Rule(_ends_first, "end-before-start", lambda event: (event.started_at, event.ended_at)),
    Rule(_sourceless, "no-source", lambda event: len(event.sources)),
    Rule(_unknown_but_qualified),
    Rule(_days_without_end),
    Rule(_half_places),
    Rule(_claims_of_nobody),
    Rule(_losses_of_nobody),
    Rule(_same_key_twice),
)
