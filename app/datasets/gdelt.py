"""GDELT events, versions 1.0 and 2.0: those whose CAMEO verb is one of our kinds, each once however often it was sent.

Which verbs those are stands in `app.datasets.codes.cameo`. Rows of equal day, actors, verb and place that were added
within three hours of the first (1.0 tells the day only: on it) are one event with all their sources, also in files that
are imported one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from app.datasets.base import Dataset, Draft, Layout, ReadOptions, Record, RowError, Skipped, SourceRow, reject_row
from app.datasets.cells import Cells, shorten
from app.datasets.cells.extras import fit_extra
from app.datasets.codes import cameo, fips
from app.datasets.codes.gdelt import ACTOR_TYPES, DERIVED, columns, looks_like
from app.datasets.codes.gdelt_repeats import APART, MAX_REPEATS, NUMBERS, date_added, join, repeat, same_event
from app.datasets.grouping import group_rows
from app.kinds.field_errors import ValueRefused
from app.kinds.strings import web_address
from app.kinds.timestamps import EPOCH

SAME = "the same event again"
EQUAL = (
    *("SQLDATE", "Actor1Code", "Actor1Name", "Actor2Code", "Actor2Name"),
    *("ActionGeo_Type", "ActionGeo_FullName", "ActionGeo_FeatureID", "ActionGeo_Lat", "ActionGeo_Long"),
)
PRECISIONS = {"1": "country", "2": "admin1", "3": "exact", "4": "exact", "5": "admin1"}
CODED = (
    *(f"Actor{n}{part}" for n in (1, 2) for part in ("Code", "CountryCode", "KnownGroupCode", *ACTOR_TYPES)),
    *("ActionGeo_CountryCode", "ActionGeo_ADM1Code", "ActionGeo_FeatureID"),
)
OLD, NEW = columns(has_divisions=False), columns(has_divisions=True)
REQUIRED = frozenset({"GLOBALEVENTID", "SQLDATE", "EventCode", "QuadClass", "ActionGeo_Type"})


class Gdelt(Dataset):
    """GDELT's event database."""

    name: ClassVar = "gdelt"
    system: ClassVar = "gdelt"
    title: ClassVar = "GDELT Event Database"
    publisher: ClassVar = "The GDELT Project"
    url: ClassVar = "https://www.gdeltproject.org"
    licence: ClassVar = "GDELT terms (free for any use with attribution and a link)"
    citation: ClassVar = (
        "Leetaru, K. and P. A. Schrodt (2013). GDELT: Global Data on Events, Location and Tone, 1979-2012."
    )
    layouts: ClassVar = (
        Layout("1.0", OLD, REQUIRED, has_header=False, recognises=lambda rows: looks_like(rows, len(OLD))),
        Layout("2.0", NEW, REQUIRED, has_header=False, recognises=lambda rows: looks_like(rows, len(NEW))),
        Layout("before 2013-04", OLD[:-1], REQUIRED, has_header=False, recognises=lambda rows: looks_like(rows, 57)),
        Layout("2.0 with header", NEW, REQUIRED),
    )

    def read(self, rows: Iterable[SourceRow], options: ReadOptions) -> Iterator[Record]:
        """One event for all rows that tell of it; rows whose verb has no kind are skipped, and counted by its class."""
        del options
        for found in group_rows(rows, event_key):
            if isinstance(found, tuple):
                for event in apart(found[1]):
                    yield from records(event)
            else:
                yield found

    def match_key(self, event: Mapping[str, Any]) -> str:
        """The same for all rows that tell one event and were added in the same three hours."""
        return same_event(event)

    def join_keys(self, event: Mapping[str, Any]) -> tuple[str, ...]:
        """An event is looked for in the three hours before those of the row, in them, and in those after."""
        return tuple(dict.fromkeys(same_event(event, step) for step in (-1, 0, 1)))

    def join(self, event: Mapping[str, Any], draft: Draft) -> dict[str, Any] | None:
        """What an earlier file told, with the sources and numbers of the draft."""
        keys = {each["id"] for each in event["external_ids"] if each["system"] == self.system}
        return join(event, draft.key, draft.event, is_first=draft.key in keys)


def event_key(row: SourceRow) -> str | Skipped:
    """What is equal for all rows of one event: day, actors, verb and place; or that a verb has no kind here."""
    cells = Cells(row)
    code, verb = verb_of(cells)
    if verb is None:
        return Skipped(row.line, f"no kind for CAMEO {code[:2]} ({cameo.ROOTS[code[:2]]})")
    number(cells)
    return "\t".join([code, *(cells.text(column) or "" for column in EQUAL)])


def verb_of(cells: Cells) -> tuple[str, cameo.Verb | None]:
    """The CAMEO code of a row, and what it is to us. Raises `RowError` for a code that CAMEO has not."""
    text = cells.required("EventCode")
    code = cameo.event_code(text, cells.text("EventRootCode"))
    if code is None:
        raise RowError(
            "code",
            "The column EventCode has no CAMEO code of the class in EventRootCode.",
            column="EventCode",
            value=text,
            remedy="Give a code of three or four digits, such as 061.",
        )
    return code, cameo.VERBS.get(code)


def apart(rows: list[SourceRow]) -> Iterator[list[SourceRow]]:
    """Split equal rows into those that are one event: added within three hours of its first."""
    if len(rows) == 1:
        yield rows
        return
    event: list[SourceRow] = []
    begin = EPOCH
    for row in sorted(rows, key=lambda row: (date_added(Cells(row).text("DATEADDED")), number(Cells(row)))):
        time = date_added(Cells(row).text("DATEADDED"))
        if event and time - begin > APART:
            yield event
            event = []
        begin = begin if event else time
        event.append(row)
    yield event


def number(cells: Cells) -> int:
    """The id as a number, so that the order of rows decides nothing."""
    found = cells.whole("GLOBALEVENTID")
    if found is None:
        raise RowError("missing", "The column GLOBALEVENTID is empty.", column="GLOBALEVENTID", remedy="Give the id.")
    return found


def records(rows: list[SourceRow]) -> Iterator[Record]:
    """One event with the sources of all its rows; each beyond the first counts as the same again."""
    try:
        yield draft(rows)
    except RowError as refusal:
        yield reject_row(rows[0], refusal)
    yield from (Skipped(row.line, SAME) for row in rows[1:])


def draft(rows: list[SourceRow]) -> Draft | Skipped:
    """The event that all these rows tell of, the first of which settles what they tell differently."""
    cells = Cells(rows[0])
    code, verb = verb_of(cells)
    day = cells.day("SQLDATE")
    if verb is None or day is None:
        raise RowError(
            "missing", "The column SQLDATE is empty.", column="SQLDATE", remedy="Fill in the column SQLDATE."
        )
    roles = ROLES[verb.kind]
    roles = ("mediator", roles[1]) if code in cameo.MEDIATIONS else roles
    actors = [actor for n, role in enumerate(roles, 1) if (actor := actor_of(cells, n, role))]
    detail = dict(verb.detail)
    if verb.kind == "sanction_move":
        if not actors or actors[0]["role"] != "initiator" or not can_sanction(actors[0]):
            return Skipped(rows[0].line, f"sanctions by no state or organisation of states (CAMEO {code})")
        detail |= sanctions(detail, actors)
    place = location(cells, PLACES.get((verb.kind, verb.detail.get("state", ""))))
    parties = [{name: value for name, value in actor.items() if name != "bare"} for actor in actors]
    where = f" ({place['name']})" if place and place["name"] else ""
    who = join_actors(actors, "and" if verb.kind == "negotiation_round" else "against")
    for column in (*DERIVED, "GLOBALEVENTID", "SOURCEURL", *EQUAL):
        cells.raw(column)
    repeats = [repeat(str(number(again)), numbers(again)) for again in map(Cells, rows[1 : MAX_REPEATS + 1])]
    rest = {**numbers(cells), **cells.keep(*CODED), **cells.rest(), "EventCode": code}
    return Draft(
        str(number(cells)),
        {
            "kind": verb.kind,
            "status": "reported",
            "title": shorten(f"{verb.label}{f': {who}' if who else ''}{where}"),
            "started_at": day.isoformat(),
            "time_precision": "day",
            "locations": [place] if place else [],
            "actors": parties,
            "sources": sources(rows),
            "extra": fit_extra({**rest, "repeats": repeats} if repeats else rest),
            "detail": detail,
        },
        (rows[0],),
        {
            "/started_at": "SQLDATE",
            "/locations/0/lat": "ActionGeo_Lat",
            "/locations/0/lon": "ActionGeo_Long",
            "/locations/0": "ActionGeo_FullName",
            "/actors/0": "Actor1Name",
            "/actors/1": "Actor2Name",
            "/sources": "SOURCEURL",
        },
    )


# What the place is to an event of that kind and state; threats and sanctions were only spoken of there.
PLACES = {
    ("attack", "carried_out"): "impact",
    ("negotiation_round", "held"): "venue",
    ("negotiation_round", "collapsed"): "venue",
}
ROLES = {
    "attack": ("initiator", "target"),
    "negotiation_round": ("participant", "participant"),
    "sanction_move": ("initiator", "target"),
}


def actor_of(cells: Cells, n: int, role: str) -> dict[str, Any] | None:
    """The first or second actor; `bare` tells that its code is that of a country and nothing else."""
    code, country = cells.text(f"Actor{n}Code"), cells.text(f"Actor{n}CountryCode")
    name = cells.line_of(f"Actor{n}Name") or code
    if name is None:
        return None
    types = (cameo.ACTOR_TYPES.get(cells.text(f"Actor{n}{column}") or "") for column in ACTOR_TYPES)
    in_union = cells.text(f"Actor{n}KnownGroupCode") == cameo.EUROPEAN_UNION
    return {
        "name": name,
        "role": role,
        "type": next(filter(None, types), "other"),
        "country": "EU" if in_union else cameo.actor_country(country),
        "bare": code is not None and code == country and cameo.actor_country(country) is not None,
    }


def join_actors(actors: list[dict[str, Any]], joint: str) -> str:
    """The actors for the title: `A against B`, and `against B` where nobody says who did it."""
    names = f" {joint} ".join(actor["name"] for actor in actors)
    return f"{joint} {names}" if joint == "against" and [actor["role"] for actor in actors] == ["target"] else names


def can_sanction(actor: dict[str, Any]) -> bool:
    """Whether the actor is a state, its government, or an organisation of states; not a company or a crowd."""
    return actor["bare"] or actor["type"] in {*cameo.STATE_TYPES, "igo"}


def sanctions(detail: dict[str, Any], actors: list[dict[str, Any]]) -> dict[str, Any]:
    """Who sanctions whom."""
    first, *others = actors
    targets = [
        {"name": one["name"], "schema": "Country" if one["bare"] else "LegalEntity", "country": one["country"]}
        for one in others
    ]
    [measure] = detail["measures"]
    return {
        "authority": {
            "name": first["name"],
            "type": "igo" if first["type"] == "igo" else "state",
            "country": first["country"],
        },
        "ultimate_target": next((one["country"] for one in others if one["bare"]), None),
        "measures": [{**measure, "targets": targets}],
    }


def location(cells: Cells, role: str | None) -> dict[str, Any] | None:
    """Where it happened: in a country, in a first-order division, or in a town; None where it is not told.

    A division whose code ends in 00 is none: `Philippine Islands, Philippines (general)`, `Red Sea, Oceans`.
    """
    precision = PRECISIONS.get((cells.text("ActionGeo_Type") or "").removesuffix(".0"))
    name, code = cells.line_of("ActionGeo_FullName"), cells.text("ActionGeo_CountryCode")
    lat, lon = cells.number("ActionGeo_Lat"), cells.number("ActionGeo_Long")
    country = fips.country_codes().get(code or "")
    if precision is None or (name is None and country is None and (lat is None or lon is None)):
        return None
    is_general = (cells.text("ActionGeo_ADM1Code") or "").endswith("00")
    parts = (name or "").split(", ")
    division = fips.division(cells.text("ActionGeo_ADM1Code"), parts[-2] if len(parts) > 1 else None)
    return {
        "name": name,
        "country": country,
        "admin1": division if division and division.partition("-")[0] == country else None,
        "lat": lat if lon is not None else None,
        "lon": lon if lat is not None else None,
        "precision": precision if not is_general else "international" if country is None else "country",
        "role": role,
    }


def sources(rows: list[SourceRow]) -> list[dict[str, Any]]:
    """Where the rows come from, each once: the first article's address or the name of its source; and GDELT itself."""
    texts = dict.fromkeys(Cells(row).text("SOURCEURL") for row in rows)
    return [*(source(text) for text in texts if text is not None), Gdelt().as_source()]


def source(text: str) -> dict[str, Any]:
    """An address with its host as publisher, or a publisher's name."""
    try:
        web_address(text)
    except ValueRefused:
        return {"publisher": shorten(text)}
    return {"publisher": (urlsplit(text).hostname or "").removeprefix("www."), "url": text[:2000]}


def numbers(cells: Cells) -> dict[str, Any]:
    """How often and in what tone a row's event was told, and when it was added."""
    found: dict[str, Any] = {
        name: cells.whole(name) if name.startswith("Num") else cells.number(name) for name in NUMBERS
    }
    return {**{name: value for name, value in found.items() if value is not None}, **cells.keep("DATEADDED")}
