"""Events of any kind, drawn from the models themselves, so that a new kind is drawn too."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue

from app.kinds import KINDS, Event, base, codes, envelope, sanction_move, security_guarantee
from app.kinds import line_endings as lines
from app.kinds import strings as text
from app.kinds import timestamps as instants

LETTERS = st.characters(exclude_categories=["Cs", "Cc"])
# Names and titles: something to see, with or without what is taken off at the ends.
LINES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", " ", "\ufeff", "\u200b"]),
    st.text(LETTERS, max_size=250).map(lambda line: f"a{line}"),
    st.sampled_from(["", "\n", "\u00ad"]),
)
WHOLE = st.integers(0, 2**63 - 1) | st.integers(0, 5)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(LETTERS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(LETTERS, max_size=5), inner, max_size=3),
    max_leaves=5,
)
INSTANTS = st.builds(
    "{}T{}{}{}".format,
    st.dates(instants.parse_day("1901-01-01"), instants.parse_day("2199-12-31")),
    st.times().map(lambda time: time.replace(microsecond=0).isoformat()),
    st.sampled_from(["", ".5", ".000001", ".999999", ".123456789"]),
    st.sampled_from(["Z", "z", "+03:00", "-23:59"]),
)
NAMES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (text.Text, LINES),
    (text.Name, LINES.map(lambda line: line[:20])),
    (text.Summary, st.text(LETTERS | st.sampled_from("\n\t"), min_size=1, max_size=50)),
    (text.Lines, st.text(LETTERS | st.sampled_from("\n\t"), min_size=1, max_size=50)),
    (text.Slug, st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8})?", fullmatch=True)),
    (text.System, st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)),
    (text.Pointer, st.from_regex(r"(/([a-z]|~[01]){0,5}){1,3}", fullmatch=True)),
    (text.Url, st.sampled_from(["https://example.org/a", "http://[::1]:80/?q=é"])),
    (text.EventReference, st.uuids().map(str) | st.uuids().map(lambda uuid: str(uuid).upper())),
    (codes.Country, st.sampled_from(["UA", "RU", "XK", "SU", "SUHH", "CSXX"])),
    (codes.Party, st.sampled_from(["UA", "EU"])),
    (codes.Currency, st.sampled_from(["EUR", "USD", "HRK", "USDT"])),
    (codes.Language, st.sampled_from(["uk", "en", "kmr"])),
    (codes.Imo, st.sampled_from(["9074729", "IMO9074729", "imo 9308065"])),
    (codes.Bic, st.sampled_from(["SABRRUMM", "SABRRUMMXXX"])),
    (codes.LegalAct, st.sampled_from(["32014R0833", "EO 14024", "S/RES/2231 (2015)"])),
    (instants.Instant, INSTANTS),
    (instants.EventTime, INSTANTS),
    (instants.Day, st.dates(instants.parse_day("1900-01-01"), instants.parse_day("2200-12-31")).map(str)),
    (instants.Zone, st.sampled_from(["Europe/Kyiv", "UTC", "Asia/Kathmandu"])),
    (base.Whole, WHOLE | st.integers(0, 2**53).map(float)),
    (base.Number, st.floats(0, 1e9) | st.integers(0, 10**9)),
    (base.Money, st.floats(0, 1e9) | st.integers(0, 10**9)),
    (envelope.Extra, st.dictionaries(st.text(LETTERS, max_size=5), JSON, max_size=3)),
    (JsonValue, JSON),
    (bool, st.booleans()),
    (int, st.integers(1, 9)),
    (str, st.just("")),  # the kind, which is set below
    (base.Kind, st.just({})),  # the detail, likewise
]


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """JSON values that a field with that annotation takes."""
    for known, strategy in NAMES:
        if annotation == known:
            return strategy
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is list:
        return st.lists(values(parts[0]), max_size=2)
    if parts:  # Annotated, or a union with null
        return st.one_of(*(values(part) if part is not type(None) else st.none() for part in _types(origin, parts)))
    if annotation is base.Estimate:
        return WHOLE | objects(annotation).map(_consistent)
    return objects(annotation).map(REPAIRS.get(annotation, lambda value: value))


def _types(origin: Any, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    return parts[:1] if origin is Annotated else parts


def objects(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with the model's required fields and some of the others."""
    hints = get_type_hints(model, include_extras=True)
    fields = {field.alias or name: (values(hints[name]), field) for name, field in model.model_fields.items()}
    return st.fixed_dictionaries(
        {name: strategy for name, (strategy, field) in fields.items() if field.is_required()},
        optional={name: strategy for name, (strategy, field) in fields.items() if not field.is_required()},
    )


def _consistent(estimate: dict[str, Any]) -> dict[str, Any]:
    numbers = [estimate.get(part) for part in ("low", "best", "high")]
    return {} if not any(number is not None for number in numbers) else estimate


def _located(place: dict[str, Any]) -> dict[str, Any]:
    return {**place, "name": place.get("name") or "x"}


def _priced(row: dict[str, Any]) -> dict[str, Any]:
    money = row.get("amount") is not None and row.get("currency") is not None
    return row if money else {**row, "amount": None, "currency": None}


def _measured(row: dict[str, Any]) -> dict[str, Any]:
    names = ("rate_low_pct", "rate_pct", "rate_high_pct")
    rates = sorted(row[name] for name in names if row.get(name) is not None)
    return {**_priced(row), **dict.fromkeys(names), **dict(zip(names, rates, strict=False))}


def _bounded(detail: dict[str, Any]) -> dict[str, Any]:
    return {**detail, "pledgers": None}


def _subtyped(detail: dict[str, Any]) -> dict[str, Any]:
    return {**detail, "sub_event_type": None}


REPAIRS: dict[Any, Any] = {
    envelope.Location: _located,
    sanction_move.SanctionMeasure: _measured,
    security_guarantee.Contribution: _priced,
    KINDS["security_guarantee"]: _bounded,
    KINDS["attack"]: _subtyped,
}
PLACES = st.fixed_dictionaries(
    {"lat": st.floats(-90, 90), "lon": st.floats(-180, 180), "country": st.just("UA")},
    optional={"admin1": st.sampled_from(["UA-30", "UA-43", None]), "role": st.sampled_from(["launch", "venue"])},
)
NAMES += [(codes.Admin1, st.none()), (envelope.Latitude, st.none()), (envelope.Longitude, st.none())]


@st.composite
def events(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Events of the kind as a writer may send them; some break soft rules, none a hard one."""
    event = draw(objects(Event))
    detail = draw(values(KINDS[kind]))
    if "measures" in detail:
        detail["measures"] = detail["measures"] or [{"type": "unspecified"}]
    event.update(kind=kind, detail=detail, locations=[*event.get("locations", []), draw(PLACES)])
    event["claims"] = [{**claim, "source": 0} for claim in event.get("claims", [])] if event.get("sources") else []
    keys = {(key["system"], lines.strip_invisible(key["id"])): key for key in event.get("external_ids", [])}
    event["external_ids"] = list(keys.values())
    names = [actor["name"] for actor in event.get("actors", [])]
    for row in event.get("casualties", []):
        row["actor"] = draw(st.sampled_from(names)) if names and row.get("actor") is not None else None
    if event.get("time_precision") == "days" and event.get("ended_at") is None:
        event["time_precision"] = "day"
    return event
