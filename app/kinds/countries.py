"""Countries and their divisions as people ask for them: by any code of ISO 3166, or by an English name."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from heapq import nlargest
from itertools import pairwise
from typing import Any

import pycountry

from app.kinds.codes import KOSOVO, RENAMED, UNION, countries, spellings, subdivisions, successor
from app.kinds.field_errors import ValueRefused
from app.kinds.strings import fold

# English names that pycountry lacks: common ones, former ones, and those of codes outside ISO 3166-1.
NAMES = {
    "AE": ("UAE", "Emirates"),
    "BA": ("Bosnia",),
    "BN": ("Brunei",),
    "BY": ("Byelorussia", "Belorussia", "Byelorussian SSR"),
    "BZ": ("British Honduras",),
    "CD": ("DR Congo", "DRC", "Congo-Kinshasa", "Democratic Republic of the Congo"),
    "CG": ("Congo-Brazzaville",),
    "CI": ("Ivory Coast",),
    "CV": ("Cape Verde",),
    "DD": ("East Germany",),
    "DE": ("West Germany",),
    "DJ": ("French Somaliland",),
    "ET": ("Abyssinia",),
    "GB": ("UK", "Great Britain", "Britain"),
    "IR": ("Persia",),
    "KH": ("Kampuchea",),
    "KR": ("Republic of Korea",),
    "LK": ("Ceylon",),
    "MD": ("Moldavia",),
    "MK": ("Macedonia", "FYROM", "The former Yugoslav Republic of Macedonia"),
    "MM": ("Burma",),
    "MO": ("Macau",),
    "NL": ("Holland",),
    "PS": ("Palestine", "Palestinian Territories", "Occupied Palestinian Territory", "West Bank and Gaza"),
    "RU": ("Russia",),
    "SU": ("Soviet Union",),
    "SY": ("Syria",),
    "SZ": ("Swaziland",),
    "TH": ("Siam",),
    "TL": ("East Timor",),
    "TR": ("Turkey", "Republic of Turkey"),
    "US": ("USA", "America"),
    "VA": ("Vatican", "Vatican City"),
    "VD": ("North Vietnam",),
    "WS": ("Western Samoa",),
    "YD": ("South Yemen",),
    "ZW": ("Rhodesia",),
    KOSOVO: ("XKX", "Kosovo"),
    UNION: ("EUE", "European Union"),
}
MAX_COMPARED_LENGTH = 100  # characters of an unknown text
COMPARED = 20  # known texts that are compared whole with it
SIMILAR = 0.7  # the ratio of `difflib` from which one is suggested
ACCEPTED = "Give an ISO 3166 code, such as UA or UKR, or an English name, such as Ukraine."


def read_country(text: str) -> str:
    """The code of a country given by any of its codes or names; raises Refused with the nearest there is.

    >>> read_country("ukr"), read_country("United Kingdom"), read_country("Ivory Coast")
    ('UA', 'GB', 'CI')
    """
    code = country_named(text)
    if code is None:
        near = country_spellings().nearest(plain(text))
        hint = ACCEPTED if near is None else f"The nearest is {describe_country(known_countries()[near])}."
        raise ValueRefused("country", f"No country has that code or English name. {hint}")
    return code


def country_named(text: str) -> str | None:
    """The code of a country given by any of its codes or names; None where no country is called so.

    >>> country_named("UK"), country_named("European Union"), country_named("OFAC")
    ('GB', 'EU', None)
    """
    return known_codes().get(fold(text)) or known_names().get(plain(text))


def read_division(text: str) -> str:
    """The code of a first-order division; raises Refused with the nearest there is."""
    code = known_divisions().get(fold(text))
    if code is None:
        country = fold(text).partition("-")[0]
        likely = division_spellings(country if country in divided() else None)
        near = likely.nearest(fold(text))
        hint = "Give a code such as UA-30." if near is None else f"The nearest is {known_divisions()[near]}."
        raise ValueRefused("admin1", f"No first-order division has that ISO 3166-2 code. {hint}")
    return code


class Spellings:
    """Finds the known text that is most like another, without comparing it with each."""

    def __init__(self, known: Iterable[str]) -> None:
        """Sort the texts by the pairs of letters that they have."""
        self._known = list(known)
        self._sizes = [len(pairs_of(text)) for text in self._known]
        self._having: dict[str, list[int]] = {}
        for n, text in enumerate(self._known):
            for pair in pairs_of(text):
                self._having.setdefault(pair, []).append(n)

    def nearest(self, text: str) -> str | None:
        """The most similar text, None where none is similar enough to be what was meant.

        Those that share most pairs of letters (Dice's coefficient) are compared whole.
        """
        short = text[:MAX_COMPARED_LENGTH]
        pairs = pairs_of(short)
        common = Counter(n for pair in pairs for n in self._having.get(pair, ()))
        shares = {n: both / (len(pairs) + self._sizes[n]) for n, both in common.items()}
        likely = [self._known[n] for n in nlargest(COMPARED, shares, key=shares.__getitem__)]
        return next(iter(get_close_matches(short, likely, n=1, cutoff=SIMILAR)), None)


def pairs_of(text: str) -> set[str]:
    """Neighbouring characters, the ends being spaces."""
    return {first + second for first, second in pairwise(f" {text} ")}


def describe_country(code: str) -> str:
    """A code with the name of its country."""
    country = pycountry.countries.get(alpha_2=code)
    name = NAMES.get(code, ("",))[-1] if country is None else getattr(country, "common_name", country.name)
    return f"{code} ({name})" if name else code


@cache
def three_letters() -> dict[str, str]:
    """Codes of today's countries by those of three letters, folded."""
    return {fold(country.alpha_3): country.alpha_2 for country in pycountry.countries}


@cache
def known_divisions() -> dict[str, str]:
    """Codes of first-order divisions by their folded form."""
    return {fold(code): code for code in sorted(subdivisions())}


@cache
def divided() -> frozenset[str]:
    """Countries that have divisions, folded."""
    return frozenset(code.partition("-")[0] for code in known_divisions())


@cache
def division_spellings(country: str | None) -> Spellings:
    """The divisions that can be suggested: those of the country, or all."""
    return Spellings(code for code in known_divisions() if country in {None, code.partition("-")[0]})


@cache
def known_countries() -> dict[str, str]:
    """Codes by all codes and names."""
    return {**known_names(), **known_codes()}


@cache
def country_spellings() -> Spellings:
    """The countries that can be suggested."""
    return Spellings(known_countries())


@cache
def known_codes() -> dict[str, str]:
    """Codes of two, three and four letters, folded; those of today go before those of former states."""
    found = dict(three_letters())
    found |= {fold(code): code for code in (*countries(), UNION)}
    for former in pycountry.historic_countries:
        found.setdefault(fold(former.alpha_3), spellings(former.alpha_4)[0])
    return found


@cache
def known_names() -> dict[str, str]:
    """English names, made plain; one that several countries could mean is not there unless it is exactly one's own."""
    names = {plain(name): code for code, given in NAMES.items() for name in given}
    for country in pycountry.countries:
        for name in own_names(country):
            names.setdefault(plain(name), country.alpha_2)
    loose: dict[str, set[str]] = {}
    for code, name in loose_names():
        loose.setdefault(plain(name), set()).add(code)
    return {name: codes.pop() for name, codes in loose.items() if len(codes) == 1} | names


def own_names(country: Any) -> Iterator[str]:
    """What a country of today is called, with `Republic of X` beside `X, Republic of`."""
    for kind in ("name", "common_name", "official_name"):
        name = getattr(country, kind, None)
        if name is not None:
            yield name
            before, _, after = name.partition(", ")
            yield f"{after} {before}"


def loose_names() -> Iterator[tuple[str, str]]:
    """Parts of names, and the names of former states."""
    for country in pycountry.countries:
        yield country.alpha_2, re.sub(r" \(.*\)", "", country.name).partition(", ")[0]
    for former in pycountry.historic_countries:
        code = successor(former.alpha_4) if former.alpha_4 in RENAMED else spellings(former.alpha_4)[0]
        before, _, after = former.name.partition(", ")
        yield from ((code, name) for name in (former.name, before, after, f"{after} {before}") if name)


def plain(name: str) -> str:
    """A name as it compares: base letters and digits only, without `the`, `St` for `Saint` and `&` for `and`."""
    letters = unicodedata.normalize("NFKD", fold(name.replace("&", " and ")))
    words = re.findall(r"[^\W_]+", "".join(c for c in letters if not unicodedata.combining(c) and c not in "'\u2019"))
    return " ".join({"st": "saint"}.get(word, word) for word in words if word != "the")
