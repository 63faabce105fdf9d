"""Sanctions of the European Union by the Official Journal: one move for each legal act, annex and day of listing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from app.datasets.base import (
    Dataset,
    DateOrder,
    Draft,
    Layout,
    ReadOptions,
    Record,
    RejectedRow,
    RowError,
    SourceRow,
    reject_row,
)
from app.datasets.cells import Cells, shorten
from app.datasets.cells.extras import fit_extra
from app.datasets.codes.eu_measures import cite, measures_in, subtype, ultimate_target
from app.datasets.codes.ftm import SCHEMAS, first_bic, first_imo
from app.datasets.grouping import group_rows
from app.kinds.base import MAX_ITEMS
from app.kinds.countries import country_named

DAY_FIRST: DateOrder = "day-first"
PAGE = "https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=CELEX:"
CELEX_YEAR = re.compile(r"[0-9CE]((?:19|20)[0-9]{2})[A-Z]")
LABELLED = re.compile(r"(.+?)\s*\([^()]*\)")  # a number and what sort of number it is
MAX_BYTES = 160 * 1024  # of the targets of one event as JSON: an event may have 256 KiB
MAX_RECORDS = 14 * 1024  # of what has no home as JSON: `extra` may have 16 KiB
NAMES = ("alias", "weakAlias", "previousName")
COUNTRIES = ("country", "jurisdiction", "nationality", "flag")
REGISTERS = ("registrationNumber", "ogrnCode", "taxNumber", "innCode", "idNumber", "kppCode", "okpoCode")
OTHER_NUMBERS = ("leiCode", "passportNumber", "mmsi", "ticker")
COLUMNS = (
    *("celex", "recordId", "programKey", "annex", "measure", "startDate", "reason", "schema", "name", *NAMES),
    *("country", "nationality", "jurisdiction", "birthDate", "birthPlace", "position", "passportNumber", "gender"),
    *("appearance", "ethnicity", "fatherName", "motherName", "incorporationDate", "legalForm", "sector"),
    *(*REGISTERS, "leiCode", "swiftBic", "ticker", "imoNumber", "mmsi", "flag", "address", "phone", "email"),
    *("website", "notes"),
)


class EuSanctions(Dataset):
    """Lists of the Official Journal as OpenSanctions keeps them by hand."""

    name: ClassVar = "eu_sanctions"
    system: ClassVar = "eu-sanctions"
    title: ClassVar = "EU sanctions by the Official Journal"
    publisher: ClassVar = "OpenSanctions"
    url: ClassVar = "https://www.opensanctions.org/datasets/eu_journal_sanctions/"
    licence: ClassVar = "CC BY-NC 4.0 (tables), Decision 2011/833/EU (legal acts)"
    citation: ClassVar = "OpenSanctions. EU Sanctions from the Official Journal. opensanctions.org."
    layouts: ClassVar = (
        Layout("journal", COLUMNS, frozenset({"celex", "annex", "measure", "startDate", "schema", "name"})),
    )

    def read(self, rows: Iterable[SourceRow], options: ReadOptions) -> Iterator[Record]:
        """One move for each legal act, programme, annex and day, wherever in the file its rows are."""
        del options  # the Official Journal writes the day first
        for found in group_rows(rows, move_key):
            if isinstance(found, tuple):
                yield from moves(found[1])
            else:
                yield found


def move_key(row: SourceRow) -> str:
    """What is equal for all targets of one move."""
    cells = Cells(row, DAY_FIRST)
    return repr([cells.required("celex"), cells.text("programKey"), cells.text("annex"), cells.day("startDate")])


def moves(rows: list[SourceRow]) -> Iterator[Draft | RejectedRow]:
    """One move of all rows, or several parts in the order of the file where there are too many for one event."""
    move, part = Move(rows[0]), 1
    for row in rows:
        try:
            if not move.add(row):
                yield move.draft(part)
                move, part = Move(row), part + 1
                move.add(row)
        except RowError as refusal:
            yield reject_row(row, refusal)
    try:
        if move.rows:
            yield move.draft(part)
    except RowError as refusal:
        yield reject_row(rows[0], refusal)


class Move:
    """A move as it grows row by row, until it is full."""

    def __init__(self, row: SourceRow) -> None:
        first = Cells(row, DAY_FIRST)
        self.celex, self.programme = first.required("celex"), first.line_of("programKey")
        self.annex, self.day = first.line_of("annex"), first.day("startDate")
        self.rows: list[SourceRow] = []
        self._targets: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
        self._reasons: set[str | None] = set()
        self._rest: dict[str, dict[str, Any]] = {}
        self._size = 0

    def add(self, row: SourceRow) -> bool:
        """Add the target of a row, unless the move is full: then it stays as it is, and False comes back."""
        cells = Cells(row, DAY_FIRST)
        found, rest = target(cells)
        size = len(orjson.dumps(found)) + 200
        if self.rows and (len(self.rows) == MAX_ITEMS or self._size + size > MAX_BYTES):
            return False
        reason = cells.text("reason")
        measure = cells.text("measure") or "", subtype(self.celex, self.annex or "", found["schema"])
        self._targets.setdefault(measure, []).append(found)
        self._reasons.add(reason)
        self._rest[f"{cells.text('recordId') or len(self.rows) + 1} {found['name']}"] = {**rest, "reason": reason}
        self._size += size
        self.rows.append(row)
        return True

    def draft(self, part: int) -> Draft:
        """The event; columns without a home are in `extra.records` by number and name of the target, while they fit."""
        year = CELEX_YEAR.match(self.celex)
        if self.day is None and year is None:
            raise RowError(
                "missing",
                "The column startDate is empty, and celex tells no year.",
                column="startDate",
                value=self.celex,
            )
        day, today = self.day and self.day.isoformat(), datetime.now(UTC).date()
        reason = next(iter(self._reasons)) if len(self._reasons) == 1 else None
        place = f"Annex {self.annex}" if self.annex else "the act"
        act = cite(self.celex, self.programme)
        count = f"{len(self.rows):,} target{'s' * (len(self.rows) > 1)}"
        return Draft(
            "/".join(
                [self.celex, self.programme or "-", self.annex or "-", day or "undated", *[str(part)] * (part > 1)]
            ),
            {
                "kind": "sanction_move",
                "status": "confirmed",
                "title": shorten(f"EU sanctions: {count} in {place} of {act}{f', part {part}' * (part > 1)}"),
                "started_at": day or f"{year and year[1]}-01-01",
                "time_precision": "day" if day else "year",
                "actors": [{"name": "European Union", "role": "initiator", "type": "igo", "country": "EU"}],
                "sources": [
                    {
                        "publisher": "Official Journal of the European Union",
                        "url": PAGE + quote(self.celex),
                        "title": self.celex,
                    },
                    EuSanctions().as_source(),
                ],
                "extra": fit_extra(
                    {
                        "annex": self.annex,
                        **({} if day else {"started_at": "No day is told; the year is that of the legal act."}),
                        **records(self._rest, keep_reason=reason is None),
                    }
                ),
                "detail": {
                    "authority": {"name": "European Union", "type": "igo", "country": "EU"},
                    "programme": {"id": self.programme, "legal_act": self.celex, "url": PAGE + quote(self.celex)},
                    "stage": "adopted" if self.day and self.day > today else "in_force",
                    "direction": "impose",
                    "ultimate_target": ultimate_target(self.celex, self.programme),
                    "measures": [
                        measure for key, targets in self._targets.items() for measure in measures(key, targets)
                    ],
                    "effective_on": day,
                    "reason": reason and shorten(reason),
                },
            },
            tuple(self.rows),
            {
                "/started_at": "startDate",
                "/detail/effective_on": "startDate",
                "/detail/programme/legal_act": "celex",
                "/detail/programme/id": "programKey",
                "/detail/measures": "name",
            },
        )


def measures(key: tuple[str, str | None], targets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The measures that a cell names; the first has the targets, so that none counts twice."""
    text, more = key
    first, *others = measures_in(text)
    return [{**first, **({"subtype": more} if more else {}), "targets": targets}, *others]


def target(cells: Cells) -> tuple[dict[str, Any], dict[str, Any]]:
    """The target that a row names, and what of the row has no home in it."""
    name, schema = shorten(cells.required("name")), cells.required("schema")
    countries, unknown = countries_of(cells)
    ships, banks = cells.listed("imoNumber"), cells.listed("swiftBic")
    imo, bic = first_imo(ships), first_bic(banks)
    numbers = [bare(text) for column in REGISTERS for text in cells.listed(column)]
    others = [text for column in OTHER_NUMBERS for text in cells.listed(column)]
    wrong = [text for text in (*ships, *banks) if text not in {imo, bic}]
    aliases = [shorten(text) for column in NAMES for text in cells.listed(column)]
    for column in ("celex", "recordId", "programKey", "annex", "measure", "startDate", "reason"):
        cells.raw(column)
    rest = {**({} if schema in SCHEMAS else {"schema": schema}), **unknown, **cells.rest()}
    return {
        "name": name,
        "aliases": [alias for alias in dict.fromkeys(aliases) if alias != name],
        "schema": schema if schema in SCHEMAS else "LegalEntity",
        "country": next(iter(countries), None),
        "countries": countries if len(countries) > 1 else [],
        "imo": imo,
        "bic": bic,
        "registration": next(iter(numbers), None),
        "ids": list(dict.fromkeys(map(shorten, (*numbers[1:], *others, *wrong)))),
        "status": "listed",
    }, rest


def countries_of(cells: Cells) -> tuple[list[str], dict[str, Any]]:
    """The countries of a target, and the columns with a name that is no country's."""
    found, unknown = [], {}
    for column in COUNTRIES:
        codes = [country_named(text) for text in cells.listed(column)]
        found += [code for code in codes if code is not None]
        if None in codes:
            unknown[column] = cells.text(column)
    return list(dict.fromkeys(found)), unknown


def bare(number: str) -> str:
    """A number without the words that tell its sort: `7704730655 (Tax ID/INN)`."""
    match = LABELLED.fullmatch(number)
    return shorten(match[1] if match else number)


def records(rest: dict[str, dict[str, Any]], *, keep_reason: bool) -> dict[str, Any]:
    """What of each row has no home, as long as there is room; then how many more had something."""
    told = {
        name: {column: value for column, value in values.items() if value and (keep_reason or column != "reason")}
        for name, values in rest.items()
    }
    found: dict[str, Any] = {}
    size = left_out = 0
    for name, values in told.items():
        size += len(orjson.dumps({name: values})) if values else 0
        if values and size <= MAX_RECORDS:
            found[name] = values
        elif values:
            left_out += 1
    return {"records": found, **({"records_left_out": left_out} if left_out else {})} if found or left_out else {}
