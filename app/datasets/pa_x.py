"""PA-X, the Peace Agreements Database: each agreement is a round of negotiation that was held and what it agreed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from app.datasets.base import Dataset, Draft, Layout, ReadOptions, Record, RowError, SourceRow, convert_rows
from app.datasets.cells import Cells, decode
from app.datasets.cells.extras import fit_extra
from app.datasets.codes.pa_x import (
    COLUMNS,
    FIRST_PROVISION,
    ISSUES,
    OUTCOMES,
    STAGES,
    issues_of,
    parties,
    third_parties,
)
from app.kinds.countries import country_named, three_letters

PAGE = "https://www.peaceagreements.org/view/"
NAMES = tuple(COLUMNS.split())
# Of the codes of provisions a 0 says that there is none; of these columns it is a value.
NO_PROVISION = (None, "", "0", "0.0", 0)
TEXTS = frozenset(name.casefold() for name in NAMES[: NAMES.index(FIRST_PROVISION)])


class PaX(Dataset):
    """PA-X agreements."""

    name: ClassVar = "pa_x"
    system: ClassVar = "pa-x"
    title: ClassVar = "PA-X Peace Agreements Database"
    publisher: ClassVar = "University of Edinburgh"
    url: ClassVar = "https://www.peaceagreements.org"
    licence: ClassVar = "PA-X terms (free for non-commercial use with attribution)"
    citation: ClassVar = (
        "Bell, C., S. Badanjak, J. Beujouan, R. Forster, T. Epple, A. Jamar, K. McNicholl, S. Molloy, K. Nash, "
        "J. Pospisil, R. Wilson and L. Wise. PA-X Peace Agreements Database and Dataset. University of Edinburgh."
    )
    layouts: ClassVar = (
        Layout("3", NAMES, frozenset({"AgtId", "Agt", "Dat", "PP", "PPName", "Stage", "Status"}), snapshot=True),
    )
    date_columns: ClassVar = ("Dat",)

    def read(self, rows: Iterable[SourceRow], options: ReadOptions) -> Iterator[Record]:
        """One round for each row, that is, for each agreement."""
        return convert_rows(rows, lambda row: draft(row, Cells(drop_empty_provisions(row), options.date_order)))


def drop_empty_provisions(row: SourceRow) -> SourceRow:
    """The row without the codes that say that an agreement has no such provision, which are nine tenths of it."""
    cells = row.values.items()
    return SourceRow(row.line, {name: cell for name, cell in cells if cell not in NO_PROVISION or is_text(name)})


def is_text(column: str) -> bool:
    """Whether a column is none of a provision's code."""
    return column.casefold() in TEXTS


def draft(row: SourceRow, cells: Cells) -> Draft:
    """A row as an event; a provision coded 0 is left out, the texts and codes without a home are in `extra`."""
    key = cells.required("AgtId").removesuffix(".0")
    title, day = cells.line_of("Agt") or f"Agreement {key}", cells.day("Dat")
    if day is None:
        raise RowError("missing", "The column Dat is empty.", column="Dat", remedy="Fill in the column Dat.")
    stage = decode(cells.text("Stage"), "Stage", dict(zip(STAGES, STAGES, strict=True)), f"One of {', '.join(STAGES)}.")
    status = cells.line_of("Status")
    provisions = {column: cells.whole(column) or 0 for columns in ISSUES.values() for column in columns}
    issues = issues_of(provisions, stage)
    members, others = parties(cells.text("Part") or ""), third_parties(cells.text("ThrdPart") or "")
    process, process_name = cells.text("PP"), cells.line_of("PPName")
    mediated = any(other["role"] == "mediator" for other in others)
    return Draft(
        key,
        {
            "kind": "negotiation_round",
            "status": "confirmed",
            "title": title,
            "started_at": day.isoformat(),
            "time_precision": "day",
            "locations": locations(cells),
            "actors": members + [other for other in others if other["name"] not in {one["name"] for one in members}],
            "sources": [{**PaX().as_source(), "url": f"{PAGE}{key}"}],
            "extra": fit_extra({**provision_codes(provisions), **rest(cells)}),
            "detail": {
                "state": "held",
                "process": process and {"key": f"pa-x-{process.removesuffix('.0')}", "name": process_name},
                "format": "mediated" if mediated else None,
                "issues": issues,
                "outcome": OUTCOMES.get((status or "").casefold(), "unknown"),
                "agreements": [
                    {
                        "title": title,
                        "signatories": [member["name"] for member in members],
                        "issue": issues[0],
                        "stage": stage,
                        "text_status": status,
                        "url": f"{PAGE}{key}",
                    }
                ],
            },
        },
        (row,),
        {
            "/title": "Agt",
            "/started_at": "Dat",
            "/locations/0": "Loc1ISO",
            "/locations/1": "Loc2ISO",
            "/actors": "Part",
            "/detail/process": "PP",
            "/detail/agreements/0/stage": "Stage",
        },
    )


def locations(cells: Cells) -> list[dict[str, Any]]:
    """The countries that the agreement is for; by the entity's name where it has no ISO 3166 code, as Kosovo."""
    entity, first = cells.line_of("Con"), country(cells, "Loc1ISO")
    names = (entity or "").split("/")
    if first is None and (len(names) == 1 or cells.whole("Loc1GWNO") is not None):
        first = country_named(names[0])
    found: list[dict[str, Any]] = []
    if entity is not None or first is not None:
        found.append({"name": entity, "country": first, "precision": "country" if first else "international"})
    if (second := country(cells, "Loc2ISO")) is not None:
        found.append({"country": second, "precision": "country"})
    return [{**place, "role": "jurisdiction"} for place in found]


def country(cells: Cells, column: str) -> str | None:
    """A country by three letters."""
    remedy = "Give a code of ISO 3166-1 alpha-3, such as UKR, or leave the cell empty."
    code: str | None = decode(
        cells.text(column), column, lambda text: three_letters().get(text.casefold()) or country_named(text), remedy
    )
    return code


def provision_codes(provisions: dict[str, int]) -> dict[str, int]:
    """The codes that are not 0."""
    return {column: value for column, value in provisions.items() if value}


def rest(cells: Cells) -> dict[str, Any]:
    """The other columns: texts with their full words, codes as numbers."""
    found = {**cells.keep("Part", "ThrdPart", "Loc1GWNO"), **cells.rest()}
    return {
        name: int(value) if not is_text(name) and str(value).isdecimal() else value for name, value in found.items()
    }
