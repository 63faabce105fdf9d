"""FollowTheMoney, the words of OpenSanctions: which entities can be sanctioned, and what their properties mean to us.

Schemata and properties: https://followthemoney.tech/explorer/; topics: https://www.opensanctions.org/docs/topics/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from urllib.parse import urlsplit

from app.datasets.base import RowError
from app.datasets.codes.sanction_lists import authority, keeper
from app.kinds.codes import BIC, IMO, UNION, countries
from app.kinds.field_errors import ValueRefused
from app.kinds.sanction_move import MeasureType
from app.kinds.strings import web_address

# Schemata of which an entity can be the target of sanctions, and what sort of actor it is.
SCHEMAS = {
    "Person": "individual",
    "Organization": "other",
    "Company": "company",
    "LegalEntity": "other",
    "PublicBody": "government",
    "Vessel": "vessel",
    "Airplane": "other",
    "Vehicle": "other",
    "CryptoWallet": "other",
    "Security": "other",
}
# Topics that say that an entity is sanctioned, and the sort of measure; `sanction.linked` says that another is.
TOPICS = {
    "sanction": "unspecified",
    "sanction.counter": "unspecified",
    "asset.frozen": "asset_freeze",
    "debarment": "debarment",
    "export.control": "export_control",
}
DATE = re.compile(r"((?:19|20|21)[0-9]{2})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01]))?)?")
FULL = len("2022-02-25")
IDENTIFIERS = (
    *("wikidataId", "leiCode", "innCode", "ogrnCode", "taxNumber", "vatCode", "idNumber", "passportNumber", "dunsCode"),
    *("okpoCode", "kppCode", "uniqueEntityId", "mmsi", "callSign", "serialNumber", "publicKey", "isin", "ticker"),
    *("uscCode", "sayariId", "npiCode", "cikCode"),
)


def no_target(schema: str) -> str:
    """Why an entity of that schema is skipped."""
    return f"no target of sanctions: {schema[:60]}"


class Properties:
    """The properties of an entity; tells afterwards which were not read.

    Their values are sorted, since one release has them in another order than the next.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = {name: in_order(value) for name, value in values.items()}
        self._read = {"sanctions"}

    def __call__(self, *names: str) -> list[str]:
        """The texts of these properties, each once."""
        self._read.update(names)
        found = (value for name in names for value in as_list(self._values.get(name)) if isinstance(value, str))
        return list(dict.fromkeys(text for value in found if (text := value.strip())))

    def rest(self) -> dict[str, Any]:
        """The properties that were not read."""
        return {name: value for name, value in self._values.items() if name not in self._read}


def in_order(value: Any) -> Any:
    """A list of texts sorted; anything else as it is."""
    return sorted(value) if isinstance(value, list) and all(isinstance(text, str) for text in value) else value


def as_list(value: Any) -> list[Any]:
    """A property's values; one that stands alone is one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def texts_of(value: Any) -> list[str]:
    """The texts in a list, in their order."""
    return sorted(text for text in as_list(value) if isinstance(text, str))


def topics_of(entity: Mapping[str, Any]) -> list[str]:
    """The topics of an entity."""
    return texts_of(entity["properties"].get("topics"))


def sanctions_on(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sanctions within an entity, where a file has them there (targets.nested.json)."""
    return [part for part in as_list(properties.get("sanctions")) if isinstance(part, dict)]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What identifies an entity: a ship's and a bank's number if they are valid, one of a register, and all others."""

    imo: str | None
    bic: str | None
    registration: str | None
    ids: list[str]


def numbers_of(get: Properties, ids: list[str]) -> Numbers:
    """The numbers among an entity's properties; one whose check digit is wrong is an id like others."""
    registrations = get("registrationNumber")
    ships, banks = get("imoNumber"), get("swiftBic")
    imo, bic = first_imo(ships), first_bic(banks)
    others = [number for number in (*ships, *banks) if number not in {imo, bic} and number != f"IMO{imo}"]
    return Numbers(imo, bic, next(iter(registrations), None), [*ids, *registrations[1:], *others, *get(*IDENTIFIERS)])


def numbers_in(schema: str, texts: list[str]) -> Numbers:
    """The numbers in a list that does not tell of what sort they are."""
    imo = first_imo(text for text in texts if schema == "Vessel")
    bic = first_bic(text for text in texts if schema != "Vessel" and not text.isalpha())
    return Numbers(imo, bic, None, [text for text in texts if text not in {imo, bic, f"IMO{imo}"}])


def first_imo(texts: Iterable[str]) -> str | None:
    """The first valid IMO number, as seven digits."""
    for text in texts:
        match = IMO.fullmatch(text.strip())
        if match and sum(int(d) * w for d, w in zip(match[1], range(7, 1, -1), strict=False)) % 10 == int(match[1][6]):
            return match[1]
    return None


def first_bic(texts: Iterable[str]) -> str | None:
    """The first valid identifier of a bank."""
    matches = (BIC.fullmatch(text) for text in texts)
    return next((match[0] for match in matches if match and match[1] in countries()), None)


@dataclass(frozen=True, slots=True)
class Sanctions:
    """What is told of the sanctions against an entity: dates as they are written, a day, month or year."""

    authorities: list[dict[str, Any]] = field(default_factory=list)
    programme: str | None = None
    provisions: list[str] = field(default_factory=list)
    begins: list[str] = field(default_factory=list)
    ends: str | None = None
    reason: str | None = None


def sanctions_of(told: list[Mapping[str, Any]], created: list[str]) -> Sanctions:
    """The sanctions of FollowTheMoney; they have ended when the last of them has."""
    each = [Properties(part["properties"]) for part in told if isinstance(part.get("properties"), dict)]
    ends = [max(found) if (found := get("endDate")) else "" for get in each]
    return Sanctions(
        authorities=[keep for get in each if (keep := authority_of(get))],
        programme=next((text for get in each for text in get("program")), None),
        provisions=[text for get in each for text in get("provisions")],
        begins=[text for get in each for text in get("listingDate", "startDate")] or created,
        ends=max(ends) if ends and all(len(day) == FULL and DATE.fullmatch(day) for day in ends) else None,
        reason=next((text for get in each for text in get("reason")), None),
    )


def authority_of(get: Properties) -> dict[str, Any] | None:
    """Who sanctions, by name and country, else by the programme."""
    code = next((text.upper() for text in get("country")), "")
    known = authority(code) or next((keep for text in get("programId") if (keep := keeper(text))), None)
    name = next(iter(get("authority")), None)
    if name is None:
        return known
    return {"name": name, "type": known["type"] if known else "state", "country": known["country"] if known else None}


def sanctions_in(texts: list[str]) -> Sanctions:
    """The sanctions of the table: programme, reason, status, first and last day, joined by ` - `."""
    parts = [[part.strip() for part in text.split(" - ")] for text in texts]
    days = [[part for part in each if DATE.fullmatch(part)] for each in parts]
    return Sanctions(
        programme=next((part for each in parts for part in each if part and not DATE.fullmatch(part)), None),
        begins=[each[0] for each in days if each],
    )


def since(begins: list[str], first_seen: str | None) -> tuple[str, str]:
    """The earliest day, and its precision; where none is told, the day on which OpenSanctions saw the entity first.

    Raises `RowError` where that is missing too.
    """
    for texts in (begins, [(first_seen or "")[:FULL]]):
        found = sorted(text[:FULL] for text in texts if DATE.fullmatch(text[:FULL]))
        if found:
            text = next((day for day in found if len(day) == FULL and day.startswith(found[0])), found[0])
            return text + "-01-01"[len(text) - FULL :] if len(text) < FULL else text, PRECISIONS[len(text)]
    raise RowError(
        "missing",
        "Nothing tells since when the entity is sanctioned.",
        column="first_seen",
        remedy="Give the day of the listing, or first_seen.",
    )


PRECISIONS = {4: "year", 7: "month", FULL: "day"}


def countries_of(codes: Iterable[str]) -> list[str]:
    """Codes of FollowTheMoney as ISO 3166 codes, each once: `ru`, `suhh`; that of a part (`ge-ab`) is its country's."""
    found = (code.partition("-")[0].upper() for code in codes)
    return list(dict.fromkeys(code for code in found if code in countries() or code == UNION))


def measures_of(topics: list[str], provisions: list[str]) -> list[dict[str, Any]]:
    """The measures against an entity: those that are told, else those that its topics stand for."""
    known = get_args(MeasureType)
    told = [re.sub(r"[^a-z]+", "_", text.casefold()).strip("_") for text in provisions]
    kinds = [text for text in told if text in known] or [TOPICS[topic] for topic in topics if topic in TOPICS]
    return [{"type": kind} for kind in dict.fromkeys(kinds)] or [{"type": "unspecified"}]


def web_sources(urls: Iterable[str]) -> Iterator[dict[str, str]]:
    """The addresses as sources, each published by its host."""
    for url in urls:
        try:
            web_address(url)
        except ValueRefused:
            continue
        yield {"publisher": (urlsplit(url).hostname or "").removeprefix("www."), "url": url}
