"""Who keeps a list of sanctions, told from what OpenSanctions calls the list, its title, or the programme.

The names of data sets begin with a country's code (`us_ofac_sdn`), those of programmes too (`US-RUSHAR`), titles with
who publishes them ("UK FCDO Sanctions List"); see https://www.opensanctions.org/datasets/ and /programs/.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pycountry

from app.datasets.cells import shorten
from app.kinds.codes import countries
from app.kinds.countries import country_named

UNITED_NATIONS = {"name": "United Nations Security Council", "type": "igo", "country": None}
EUROPEAN_UNION = {"name": "European Union", "type": "igo", "country": "EU"}
MAX_NAMED = 3  # authorities whose names are that of their coalition
# How titles begin where that is no English name of a country.
ADJECTIVES = {
    "american": "US",
    "argentine": "AR",
    "australian": "AU",
    "belgian": "BE",
    "british": "GB",
    "bulgarian": "BG",
    "canadian": "CA",
    "chinese": "CN",
    "czech": "CZ",
    "dutch": "NL",
    "french": "FR",
    "indian": "IN",
    "indonesian": "ID",
    "israeli": "IL",
    "japanese": "JP",
    "kazakh": "KZ",
    "malaysian": "MY",
    "polish": "PL",
    "russian": "RU",
    "swiss": "CH",
    "turkish": "TR",
    "ukrainian": "UA",
}
# What lists of sanctions are called, beside lists of companies, officials and wanted people that know the entity too.
LISTS = re.compile(
    r"sanction|ofac|ofsi|\bfsf\b|_fsf$|_sc_|freez|gels_avoir|terror|embargo|travel.ban|designat|restrictive|dttot|nctc|"
    r"repet|seco|dfat|sema|nsdc|_sdn|_csl|consolidated|asset|blacklist|banned|debar|exclusion",
    re.IGNORECASE,
)


def is_sanctions_list(name: str) -> bool:
    """Whether a data set, given by name or title, is a list of sanctions by what it is called."""
    return LISTS.search(name) is not None


@cache
def keeper(name: str) -> dict[str, Any] | None:
    """Who keeps the list or programme of that name or title, as a sanctioning authority; None where unknown."""
    code, words = re.split(r"[_-]", name)[0].upper(), name.split()
    if len(words) == 1 and len(code) == 2:
        return authority("GB" if code == "UK" else code)
    for length in (3, 2, 1):
        if len(words) > length:
            text = " ".join(words[:length])
            found = ADJECTIVES.get(text.casefold()) or ("UN" if text == "UN" else country_named(text))
            if found is not None:
                return authority(found)
    return None


def authority(code: str) -> dict[str, Any] | None:
    """The state or organisation of states of that code, as a sanctioning authority."""
    if code in {"UN", "EU"}:
        return UNITED_NATIONS if code == "UN" else EUROPEAN_UNION
    country = pycountry.countries.get(alpha_2=code) if code in countries() else None
    if country is None:
        return None
    return {"name": getattr(country, "common_name", country.name), "type": "state", "country": code}


def joint_authority(authorities: list[dict[str, Any]]) -> dict[str, Any]:
    """One authority for all: several are a coalition that bears their names while they are few, else their number."""
    if len(authorities) == 1:
        return authorities[0]
    names = ", ".join(one["name"] for one in authorities)
    few = len(authorities) <= MAX_NAMED
    return {"name": shorten(names) if few else f"{len(authorities)} authorities", "type": "coalition", "country": None}
