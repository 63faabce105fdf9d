"""Codes that others keep: countries, subdivisions, currencies, languages (all by pycountry), ships, banks, EU acts."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Annotated, NamedTuple

import pycountry
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from app.kinds import withdrawn_codes as withdrawn
from app.kinds.field_errors import ValueRefused
from app.kinds.line_endings import clean_line, is_stored

KOSOVO = "XK"  # user-assigned, but the code that everybody uses
UNION = "EU"  # exceptionally reserved in ISO 3166-1
IMO = re.compile(r"(?:IMO ?)?([0-9]{7})", re.IGNORECASE)
BIC = re.compile(r"[A-Z0-9]{4}([A-Z]{2})[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
CELEX = re.compile(r"[0-9CE](?:19|20)[0-9]{2}[A-Z]{1,2}[0-9]{4}(?:R?\([0-9]{2}\))*(?:-[0-9]{8})?")
LIKE_CELEX = re.compile(r"[0235](?:19|20)[0-9]{2}[A-Z]{1,2}[0-9].*", re.IGNORECASE)
# Entries of ISO 3166-3 that only ended a name: the country goes on under the code of today.
RENAMED = frozenset({"AIDJ", "BUMM", "BYAA", "DYBJ", "HVBF", "NHVU", "RHZW", "TPTL", "ZRCD"})
CRYPTO = frozenset({"BTC", "ETH", "USDT"})


@cache
def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2, the alpha-2 and four-letter codes of ISO 3166-3 (`SU`, `SUHH`), and `XK`."""
    today = {country.alpha_2 for country in pycountry.countries}
    former = {code for country in pycountry.historic_countries for code in (country.alpha_2, country.alpha_4)}
    return frozenset(today | former | {KOSOVO})


@cache
def former_names() -> dict[str, tuple[str, ...]]:
    """For the code of a former state its spellings, the one to show first.

    An alpha-2 code that was used for one state only (`SU`) and the four-letter code mean the same. `CS` was two states:
    there the four letters are shown.
    """
    today = {country.alpha_2 for country in pycountry.countries}
    former = [(country.alpha_2, country.alpha_4) for country in pycountry.historic_countries]
    taken = [short for short, _ in former]
    names: dict[str, tuple[str, ...]] = {}
    for short, long in former:
        if short not in today and taken.count(short) == 1:
            names[short] = names[long] = (short, long)
        elif short not in today:
            names[long] = (long, short)
    return names


@cache
def subdivisions() -> frozenset[str]:
    """ISO 3166-2, with the codes that were withdrawn."""
    return frozenset(subdivision.code for subdivision in pycountry.subdivisions) | withdrawn.subdivisions()


@cache
def currencies() -> frozenset[str]:
    """ISO 4217, alphabetic, with the codes that were withdrawn, and the crypto-assets that sources count in."""
    return frozenset(currency.alpha_3 for currency in pycountry.currencies) | withdrawn.currencies() | CRYPTO


@cache
def languages() -> frozenset[str]:
    """ISO 639-1, and ISO 639-3 for languages that have no code there."""
    return frozenset(getattr(language, "alpha_2", language.alpha_3) for language in pycountry.languages)


def spellings(country: str) -> tuple[str, ...]:
    """The codes of one country, the one to show first."""
    return former_names().get(country, (country,))


@cache
@lru_cache(1_000)
def codes_of(country: str) -> tuple[str, ...]:
    """The codes under which an event of the country is found, its own first.

    A code that meant several former states (`CS`) is found as each of them, one that only ended with a name (`ZR`) as
    the country of today (`CD`) too.

    >>> codes_of("UA"), codes_of("CS"), codes_of("ZR")
    (('UA',), ('CS', 'CSHH', 'CSXX'), ('ZR', 'ZRCD', 'CD'))
    """
    found = list(spellings(country))
    if country not in former_names():
        found += [long for long, names in former_names().items() if country in names]
    return tuple(dict.fromkeys([*found, *(successor(code) for code in found if code in RENAMED)]))


@cache
def has_other_labels(country: str) -> bool:
    """Whether events that are shown under another code are found by this one too."""
    former = {code for state in pycountry.historic_countries for code in (state.alpha_2, state.alpha_4)}
    found = {codes_of(code)[0] for code in former if country in codes_of(code)}
    return bool(found - {spellings(country)[0]})


def successor(code: str) -> str:
    """The code of today of a country that only changed its name, by its code of four letters."""
    return code[:2] if code.endswith("AA") else code[2:]


class UnlistedCode(NamedTuple):
    """A code that its list does not have, and the sort of field that it stands in."""

    field: str
    code: str


def unlisted_code(field: str | None, code: str) -> UnlistedCode:
    """A code in a field; all fields of countries are of one sort."""
    return UnlistedCode("country" if field in {"countries", "ultimate_target"} else field or "", code)


def require_listed(check: Callable[[str], str]) -> AfterValidator:
    """The check of a code against a list that changes with the years.

    A stored event was judged when it was written; where the context has `doubts`, they are noted there.
    """

    def judge(code: str, info: ValidationInfo) -> str:
        try:
            return check(code)
        except ValueRefused:
            doubts = info.context.get("doubts") if info.context else None
            if doubts is not None:
                doubts.add(unlisted_code(info.field_name, code))
            elif not is_stored(info):
                raise
            return code

    return AfterValidator(judge)


def _country(code: str) -> str:
    if code not in countries():
        raise ValueRefused(
            "country", "A country is an ISO 3166-1 alpha-2 code in capitals, ISO 3166-3 for former states, or XK."
        )
    return code


def _party(code: str) -> str:
    return code if code == UNION else _country(code)


def _admin1(code: str) -> str:
    if code not in subdivisions():
        raise ValueRefused("admin1", "A first-order division is an ISO 3166-2 code, such as UA-30.")
    return code


def _currency(code: str) -> str:
    if code not in currencies():
        raise ValueRefused("currency", "A currency is an ISO 4217 code in capitals, or BTC, ETH or USDT.")
    return code


def _language(code: str) -> str:
    if code not in languages():
        raise ValueRefused("language", "A language is an ISO 639-1 code, or an ISO 639-3 code where that has none.")
    return code


def _imo(text: str) -> str:
    """Seven digits; the last is the last digit of the sum of the others times 7, 6, 5, 4, 3, 2."""
    match = IMO.fullmatch(text)
    digits = match[1] if match else ""
    if not digits or sum(int(d) * w for d, w in zip(digits, range(7, 1, -1), strict=False)) % 10 != int(digits[6]):
        raise ValueRefused("imo", "A ship's IMO number has seven digits, the last of which checks the others.")
    return digits


def _bic(code: str) -> str:
    match = BIC.fullmatch(code)
    if not match or match[1] not in countries():
        raise ValueRefused("bic", "A BIC has 8 or 11 capitals and digits, the fifth and sixth being a country.")
    return code


def _legal_act(text: str, info: ValidationInfo) -> str:
    number = text.removeprefix("CELEX").lstrip(": ")
    if LIKE_CELEX.fullmatch(number) and not CELEX.fullmatch(number) and not is_stored(info):
        raise ValueRefused("legal-act", "This looks like a CELEX number, but is none; one is 32014R0833.")
    return text


def _form(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


Country = Annotated[str, require_listed(_country), _form("^[A-Z]{2}([A-Z]{2})?$", "UA")]
Party = Annotated[str, require_listed(_party), _form("^[A-Z]{2}([A-Z]{2})?$", "EU")]
Admin1 = Annotated[str, require_listed(_admin1), _form("^[A-Z]{2}-[A-Z0-9]{1,3}$", "UA-30")]
Currency = Annotated[str, require_listed(_currency), _form("^[A-Z]{3,4}$", "EUR")]
Language = Annotated[str, require_listed(_language), _form("^[a-z]{2,3}$", "uk")]
Imo = Annotated[str, AfterValidator(_imo), _form("^([Ii][Mm][Oo] ?)?[0-9]{7}$", "9074729")]
Bic = Annotated[str, require_listed(_bic), _form("^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$", "SABRRUMM")]
LegalAct = Annotated[
    str,
    Field(min_length=1, max_length=300),
    BeforeValidator(clean_line),
    AfterValidator(_legal_act),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 300,
            "examples": ["32014R0833", "EO 14024", "S/RES/2231 (2015)", "SR 946.231.176.72"],
        }
    ),
]
