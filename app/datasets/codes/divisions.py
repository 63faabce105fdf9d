"""Names of first-order divisions, as UCDP and ACLED write them in English, to codes of ISO 3166-2 (by pycountry)."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import pycountry

from app.datasets.codes import ukraine
from app.kinds.countries import plain

# Words for a division that stand beside its name.
WORDS = re.compile(
    r"\b(administrative|area|autonomous|capital|city|county|department|departamento|district|division|emirate|estado"
    r"|federal|federation|governorate|krai|kray|metropolitan|municipality|oblast|oblys|okrug|parish|prefecture|province"
    r"|provincia|region|republic|respublika|state|territory|voivodeship|wilaya|of|de|del|do|da|al|el|as|ash|ad|an)\b"
)
RUSSIAN = re.compile(r"(skaya|skiy|aya|iy)$")  # Kurskaya oblast' is Kursk, Belgorodskaya oblast' is Belgorod

# English names that are unlike those of the list, which writes them in the country's language.
ENGLISH = {
    "AF": {"hilmand": "AF-HEL", "hirat": "AF-HER", "paktya": "AF-PIA", "panjsher": "AF-PAN", "sari pul": "AF-SAR"},
    "DZ": {"algiers": "DZ-16"},
    "EG": {"cairo": "EG-C", "alexandria": "EG-ALX", "north sinai": "EG-SIN", "south sinai": "EG-JS"},
    "IQ": {"baghdad": "IQ-BG", "basrah": "IQ-BA", "mosul": "IQ-NI", "nineveh": "IQ-NI"},
    "IR": {"tehran": "IR-23", "sistan and baluchestan": "IR-11"},
    "PK": {"khyber pakhtunkwa": "PK-KP", "north west frontier": "PK-KP"},
    "RU": {"chechnya": "RU-CE", "ingushetia": "RU-IN", "kabardino balkaria": "RU-KB", "north ossetia": "RU-SE"},
    "SY": {
        "aleppo": "SY-HL",
        "damascus": "SY-DI",
        "dara": "SY-DR",
        "daraa": "SY-DR",
        "deir ez zor": "SY-DY",
        "hama": "SY-HM",
        "homs": "SY-HI",
        "latakia": "SY-LA",
        "quneitra": "SY-QU",
        "tartous": "SY-TA",
    },
    "UA": {"kyiv city": "UA-30", "sevastopol": "UA-40", "sevastopol city": "UA-40", "crimea": "UA-43"},
}


@lru_cache(4_096)
def division_named(country: str, name: str) -> str | None:
    """The code of a country's first-order division; None where it has no such name, or two.

    >>> division_named("SY", "Idlib governorate"), division_named("UA", "Donetsk oblast")
    ('SY-ID', 'UA-14')
    """
    full, bare = plain(name), _bare(plain(name))
    known = _names(country)
    return known.get(full) or known.get(bare)


def _bare(name: str) -> str:
    return " ".join(WORDS.sub(" ", name).split())


@cache
def _names(country: str) -> dict[str, str]:
    """Names of a country's divisions; one that two have is nobody's, unless one of them is of the first order."""
    tops: dict[str, set[str]] = {}
    parts: dict[str, set[str]] = {}
    for division in pycountry.subdivisions:
        for name in _spellings(country, division.name) if division.country_code == country else ():
            (tops if division.parent_code is None else parts).setdefault(name, set()).add(division.code)
    found = {name: next(iter(codes)) for names in (parts, tops) for name, codes in names.items() if len(codes) == 1}
    listed = {plain(name): place.admin1 for name, place in ukraine.DIVISIONS.items() if place.country == country}
    return found | {name: code for name, code in listed.items() if code is not None} | ENGLISH.get(country, {})


def _spellings(country: str, name: str) -> set[str]:
    parts = {plain(part) for part in (name, name.partition(",")[0], re.sub(r"[\[(].*?[\])]", "", name))}
    parts |= {_bare(part) for part in parts}
    if country == "RU":
        parts |= {RUSSIAN.sub(end, part) for part in parts for end in ("", "sk")}
    return parts - {""}
