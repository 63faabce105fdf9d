"""Names of the divisions of ISO 3166-2, by which the dashboard shows regions and finds them."""

from __future__ import annotations

import gettext
from collections.abc import Iterator
from functools import cache

import orjson
import pycountry

from app.datasets.codes.ukraine import DIVISIONS, TOWNS
from app.openapi.static_files import StaticFile

# Languages other than English in which a country's divisions are looked for.
LANGUAGES = {"BY": ("be", "ru"), "GE": ("ka",), "IL": ("he",), "RU": ("ru", "uk"), "UA": ("uk", "ru")}


@cache
def region_names() -> StaticFile:
    """JSON: for each code its names, first the one to show: `"UA-63": ["Kharkiv oblast", "Kharkivska oblast", ...]`."""
    names = {division.code: list(dict.fromkeys(names_of(division))) for division in pycountry.subdivisions}
    return StaticFile(orjson.dumps(names), "application/json")


def names_of(division: pycountry.SubdivisionHierarchy) -> Iterator[str]:
    """Its name as English texts have it, as ISO has it, and in the languages of its country."""
    yield from english().get(division.code, ())
    yield division.name
    for language in LANGUAGES.get(division.country_code, ()):
        yield translation(language).gettext(division.name)


@cache
def english() -> dict[str, list[str]]:
    """English names by code: of divisions, and of the cities that are divisions."""
    names: dict[str, list[str]] = {}
    for name, place in (*DIVISIONS.items(), *((city, TOWNS[city]) for city in ("Kyiv", "Sevastopol", "Crimea"))):
        is_oblast = place.country == "UA" and place == DIVISIONS.get(name)
        names.setdefault(str(place.admin1), []).append(f"{name} oblast" if is_oblast else name)
    return names


@cache
def translation(language: str) -> gettext.NullTranslations:
    """What pycountry has of ISO 3166-2 in a language."""
    return gettext.translation("iso3166-2", pycountry.LOCALES_DIR, [language], fallback=True)
