"""OpenSanctions: each sanctioned entity is a move with one target; as a table, as FollowTheMoney entities, as deltas.

A delta may carry an entity that is not merged yet with what other lists say of it. It has an id of its own then, and
becomes an event of its own beside the merged one, which has that id among the target's `ids`. The next snapshot lacks
it, so that it counts as vanished: import a snapshot once a day, with `--tombstone-missing`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from app.datasets.base import (
    Dataset,
    Draft,
    Layout,
    ReadOptions,
    Record,
    Removal,
    RowError,
    Skipped,
    SourceRow,
    convert_rows,
)
from app.datasets.cells import as_text, shorten
from app.datasets.cells.extras import fit_extra
from app.datasets.codes import ftm
from app.datasets.codes.sanction_lists import is_sanctions_list, joint_authority, keeper
from app.datasets.grouping import group_rows
from app.kinds.strings import fold

PAGE = "https://www.opensanctions.org/entities/"
MAX_NAMES, MAX_SOURCES = 1_000, 20
NOT_SANCTIONED, LINKED = "not sanctioned", "linked to sanctions, not sanctioned"
INITIATORS = {"igo": "igo", "state": "government"}
LISTS = ("aliases", "countries", "identifiers", "sanctions", "program_ids", "dataset")
SIMPLE = (
    *("id", "schema", "name", "aliases", "birth_date", "countries", "addresses", "identifiers", "sanctions", "phones"),
    *("emails", "program_ids", "dataset", "first_seen", "last_seen", "last_change"),
)
ENTITY = ("id", "caption", "schema", "properties", "referents", "datasets", "first_seen", "last_seen", "last_change")


class OpenSanctions(Dataset):
    """OpenSanctions' sanctioned entities."""

    name: ClassVar = "opensanctions"
    system: ClassVar = "opensanctions"
    title: ClassVar = "OpenSanctions"
    publisher: ClassVar = "OpenSanctions"
    url: ClassVar = "https://www.opensanctions.org"
    licence: ClassVar = "CC BY-NC 4.0 (commercial use needs a licence)"
    citation: ClassVar = "OpenSanctions. OpenSanctions database of sanctioned persons and entities. opensanctions.org."
    layouts: ClassVar = (
        Layout("simple", SIMPLE, frozenset({"id", "schema", "name", "sanctions", "dataset"}), snapshot=True),
        Layout("entities", (*ENTITY, "target"), frozenset({"id", "schema", "properties"}), snapshot=True),
        Layout("delta", ("op", "entity"), frozenset({"op", "entity"})),
    )

    def read(self, rows: Iterable[SourceRow], options: ReadOptions) -> Iterator[Record]:
        """One move for each entity that is sanctioned; the others are skipped."""
        if options.layout.version == "simple":
            return convert_rows(rows, from_table)
        return read_entities(rows)

    def match_key(self, event: Mapping[str, Any]) -> str | None:
        """An entity gets another id when it is merged: the same sort, name and ship's or register's number is the same.

        Without such a number it has none, since many people have one name.
        """
        [target] = event["detail"]["measures"][0]["targets"]
        number = target.get("imo") or target.get("registration")
        return None if number is None else f"{target['schema']}|{fold(target['name'])}|{number}"


@dataclass(frozen=True, slots=True)
class Listed:
    """What any layout tells of a sanctioned entity."""

    id: str
    schema: str
    name: str
    aliases: list[str]
    countries: list[str]
    numbers: ftm.Numbers
    lists: list[str]
    programmes: list[str]
    sanctions: ftm.Sanctions
    topics: list[str]
    first_seen: str | None
    urls: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


def from_table(row: SourceRow) -> Draft | Skipped:
    """A row of targets.simple.csv; the lists in its cells are CSV themselves, with semicolons, and `na` is Namibia."""
    cells = {name.casefold(): as_text(value) for name, value in row.values.items() if value is not None}
    lists = {name: split_values(cells.get(name, "")) for name in LISTS}
    for column in ("id", "schema", "name"):
        if not cells.get(column):
            raise RowError("missing", f"The column {column} is empty.", column=column, remedy="Fill it in.")
    if cells["schema"] not in ftm.SCHEMAS:
        return Skipped(row.line, ftm.no_target(cells["schema"]))
    if not (lists["sanctions"] or lists["program_ids"] or any(map(is_sanctions_list, lists["dataset"]))):
        return Skipped(row.line, NOT_SANCTIONED)
    known = {*LISTS, "id", "schema", "name", "last_seen"} - {"dataset", "sanctions"}
    return draft(
        (row,),
        Listed(
            id=cells["id"],
            schema=cells["schema"],
            name=cells["name"],
            aliases=lists["aliases"],
            countries=lists["countries"],
            numbers=ftm.numbers_in(cells["schema"], lists["identifiers"]),
            lists=lists["dataset"],
            programmes=lists["program_ids"],
            sanctions=ftm.sanctions_in(lists["sanctions"]),
            topics=["sanction"],
            first_seen=cells.get("first_seen"),
            extra={name: value for name, value in cells.items() if value and name not in known},
        ),
    )


def split_values(text: str) -> list[str]:
    """The values in a cell: between semicolons, in quotes where they hold one."""
    found = next(csv.reader([" ".join(text.split())], delimiter=";"), [])
    return sorted({value.strip() for value in found} - {""})


def read_entities(rows: Iterable[SourceRow]) -> Iterator[Record]:
    """Entities, or deltas of them, each with the sanctions that name it; what is said last of an entity holds."""
    for found in group_rows(rows, entity_key):
        if not isinstance(found, tuple):
            yield found
            continue
        key, members = found
        said = [row for row in members if not is_sanction(row)]
        sanctions = [row for row in members if is_sanction(row)]
        if said:
            yield from (Skipped(row.line, "changed again in the same file") for row in said[:-1])
            yield from convert_rows(said[-1:], partial(from_entity, key=key, sanctions=sanctions))
        else:
            yield from (
                Skipped(row.line, "a sanction of no entity in the file that has the topic") for row in sanctions
            )


def entity_of(row: SourceRow) -> tuple[str, Mapping[str, Any]]:
    """The operation (`ADD` in a snapshot) and the entity of a row."""
    op, entity = (row.values["op"], row.values.get("entity")) if "op" in row.values else ("ADD", row.values)
    if op not in {"ADD", "MOD", "DEL"}:
        raise RowError("op", "The delta has an unknown operation.", column="op", value=op, remedy="ADD, MOD or DEL.")
    if not isinstance(entity, Mapping) or not isinstance(entity.get("id"), str):
        raise RowError(
            "entity", "There is no entity with an id.", remedy='An entity has {"id", "schema", "properties"}.'
        )
    if op != "DEL" and not (isinstance(entity.get("schema"), str) and isinstance(entity.get("properties"), dict)):
        raise RowError("entity", "This is no FollowTheMoney entity.", remedy="It has a schema and properties.")
    return op, entity


def is_sanction(row: SourceRow) -> bool:
    """Whether a row adds a sanction, which names its entity."""
    op, entity = entity_of(row)
    return op != "DEL" and entity["schema"] == "Sanction"


def entity_key(row: SourceRow) -> str | Skipped:
    """The id of the entity that a row is about, or that it is about none that can be sanctioned."""
    op, entity = entity_of(row)
    if is_sanction(row):
        return next(iter(ftm.Properties(entity["properties"])("entity")), entity["id"])
    if op != "DEL" and entity["schema"] not in ftm.SCHEMAS:
        return Skipped(row.line, ftm.no_target(entity["schema"]))
    if op == "ADD" and not is_sanctioned(entity):
        return Skipped(row.line, LINKED if "sanction.linked" in ftm.topics_of(entity) else NOT_SANCTIONED)
    ident: str = entity["id"]
    return ident


def is_sanctioned(entity: Mapping[str, Any]) -> bool:
    """Whether the entity itself is the target of a sanction, by its topics or by a sanction within it."""
    return bool(ftm.sanctions_on(entity["properties"])) or any(topic in ftm.TOPICS for topic in ftm.topics_of(entity))


def from_entity(row: SourceRow, key: str, sanctions: list[SourceRow]) -> Draft | Removal:
    """A sanctioned entity; one that was deleted, or that is no longer sanctioned, is gone."""
    op, entity = entity_of(row)
    if op == "DEL" or not is_sanctioned(entity):
        return Removal(key, (row, *sanctions))
    get = ftm.Properties(entity["properties"])
    topics, names = get("topics"), get("name", "alias", "weakAlias", "previousName", "abbreviation")
    lists, referents = ftm.texts_of(entity.get("datasets")), ftm.texts_of(entity.get("referents"))
    told = [*ftm.sanctions_on(entity["properties"]), *(entity_of(other)[1] for other in sanctions)]
    return draft(
        (row, *sanctions),
        Listed(
            id=key,
            schema=entity["schema"],
            name=str(entity.get("caption") or next(iter(names), key)),
            aliases=names,
            countries=get("country", "jurisdiction", "nationality", "citizenship", "flag"),
            numbers=ftm.numbers_of(get, [key, *referents]),
            lists=lists,
            programmes=get("programId"),
            sanctions=ftm.sanctions_of(told, get("createdAt")),
            topics=topics,
            first_seen=entity.get("first_seen"),
            urls=get("sourceUrl"),
            extra={
                **{name: entity[name] for name in ("first_seen", "last_change") if entity.get(name)},
                "datasets": lists,
                **get.rest(),
            },
        ),
    )


def authorities_of(found: Listed) -> list[dict[str, Any]]:
    """Who sanctions the entity, by what tells it best: its sanctions, their programmes, the lists that it is on."""
    lists = [name for name in found.lists if is_sanctions_list(name)] or found.lists
    told = found.sanctions.authorities or [keep for name in (found.programmes or lists) if (keep := keeper(name))]
    unknown = {"name": next(iter(found.lists), "OpenSanctions"), "type": "state", "country": None}
    return list({one["name"]: {**one, "name": shorten(one["name"])} for one in told or [unknown]}.values())


def draft(rows: tuple[SourceRow, ...], found: Listed) -> Draft:
    """A sanctioned entity as an event."""
    authorities = authorities_of(found)
    authority = joint_authority(authorities)
    name, countries = shorten(found.name), ftm.countries_of(found.countries)
    since, precision = ftm.since(found.sanctions.begins, found.first_seen)
    day = since if precision == "day" and found.sanctions.begins else None
    today = datetime.now(UTC).date().isoformat()
    ended = found.sanctions.ends if found.sanctions.ends and found.sanctions.ends < today else None
    aliases = [alias for text in found.aliases if (alias := shorten(text)) and alias != name][:MAX_NAMES]
    measures = ftm.measures_of(found.topics, found.sanctions.provisions)
    target = {
        "name": name,
        "aliases": aliases,
        "schema": found.schema,
        "country": next(iter(countries), None),
        "countries": countries[1:] and countries,
        "imo": found.numbers.imo,
        "bic": found.numbers.bic,
        "registration": found.numbers.registration,
        "ids": list(dict.fromkeys([found.id, *map(shorten, found.numbers.ids)]))[:MAX_NAMES],
    }
    programme = found.sanctions.programme
    return Draft(
        found.id,
        {
            "kind": "sanction_move",
            "status": "confirmed",
            "title": shorten(f"{name}: sanctioned by {authority['name']}"),
            "started_at": since,
            "time_precision": precision,
            "actors": [
                *({**one, "role": "initiator", "type": INITIATORS[one["type"]]} for one in authorities),
                {
                    "name": name,
                    "role": "target",
                    "type": ftm.SCHEMAS[found.schema],
                    "country": next(iter(countries), None),
                    "ref": found.id,
                },
            ],
            "sources": [
                {**OpenSanctions().as_source(), "url": f"{PAGE}{found.id}/"},
                *ftm.web_sources(found.urls[:MAX_SOURCES]),
            ],
            "extra": fit_extra(found.extra),
            "detail": {
                "authority": authority,
                "programme": {"name": programme and shorten(programme), "id": next(iter(found.programmes), None)}
                if programme or found.programmes
                else None,
                "stage": "expired" if ended else "in_force" if since <= today else "adopted",
                "direction": "countermeasure" if "sanction.counter" in found.topics else "impose",
                "measures": [{**measures[0], "targets": [target]}, *measures[1:]],
                "effective_on": day,
                "expires_on": found.sanctions.ends,
                "reason": found.sanctions.reason and shorten(found.sanctions.reason),
            },
        },
        rows,
        {
            "/title": "name",
            "/started_at": "first_seen",
            "/detail/measures/0/targets/0/country": "countries",
            "/detail/measures/0/targets/0": "identifiers",
            "/detail/authority": "dataset",
        },
    )
