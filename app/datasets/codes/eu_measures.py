"""Measures of the European Union's sanctions, as OpenSanctions' tables of the Official Journal call them, and by annex.

The annexes are those of Council Regulation (EU) No 833/2014 as amended up to 2026 (CELEX 32014R0833).
"""

from __future__ import annotations

import re

MEASURES = {
    "arms embargo": "arms_embargo",
    "arms restrictions": "arms_restrictions",
    "asset freeze": "asset_freeze",
    "asset freezing": "asset_freeze",
    "export control": "export_control",
    "export controls": "export_control",
    "export restrictions": "export_control",
    "financial restrictions": "financial_restrictions",
    "import restrictions": "import_restrictions",
    "investment ban": "investment_ban",
    "prohibition to satisfy claims": "prohibition_to_satisfy_claims",
    "sectoral sanctions": "sectoral_sanctions",
    "services ban": "services_ban",
    "transportation restrictions": "transportation_restrictions",
    "travel ban": "travel_ban",
}
SUBTYPES = {
    ("32014R0833", "III"): "capital_market_restriction",
    ("32014R0833", "IV"): "military_end_user",
    ("32014R0833", "V"): "capital_market_restriction",
    ("32014R0833", "VI"): "capital_market_restriction",
    ("32014R0833", "XII"): "capital_market_restriction",
    ("32014R0833", "XIII"): "capital_market_restriction",
    ("32014R0833", "XIV"): "swift_exclusion",
    ("32014R0833", "XV"): "broadcasting_ban",
    ("32014R0833", "XIX"): "transaction_ban",
    ("32014R0833", "XLII"): "vessel_listing",
    ("32014R0833", "XLIV"): "transaction_ban",
    ("32014R0833", "XLV"): "transaction_ban",
    ("32014R0833", "XLVII"): "transaction_ban",
    ("32014R0833", "XLIX"): "transaction_ban",
    ("32014R0833", "LIII"): "transaction_ban",
}
# Programmes against the conduct of a country: its code, its name. EU-UKR is about Ukraine and aimed at Russia.
PROGRAMMES = {
    "EU-BDI": ("BI", "Burundi"),
    "EU-BLR": ("BY", "Belarus"),
    "EU-GIN": ("GN", "Guinea"),
    "EU-IRN": ("IR", "Iran"),
    "EU-MMR": ("MM", "Myanmar"),
    "EU-NIC": ("NI", "Nicaragua"),
    "EU-PRK": ("KP", "North Korea"),
    "EU-RUS": ("RU", "Russia"),
    "EU-SYR": ("SY", "Syria"),
    "EU-UKR": ("RU", "Russia, territorial integrity of Ukraine"),
    "EU-VEN": ("VE", "Venezuela"),
    "EU-ZWE": ("ZW", "Zimbabwe"),
}
# What legal acts are about, by their titles (https://eur-lex.europa.eu, https://www.sanctionsmap.eu).
ACTS = {
    "32001R2580": "terrorism",
    "32002R0881": "ISIL and Al-Qaida",
    "32004R0314": "Zimbabwe",
    "32005R1183": "DR Congo",
    "32006R0765": "Belarus",
    "32009R1284": "Guinea",
    "32010R0356": "Somalia",
    "32011D0235": "Iran, human rights",
    "32011R0101": "Tunisia",
    "32011R0359": "Iran, human rights",
    "32011R0753": "Afghanistan",
    "32012R0036": "Syria",
    "32012R0267": "Iran",
    "32012R0377": "Guinea-Bissau",
    "32013R0401": "Myanmar",
    "32014D0145": "Russia, territorial integrity of Ukraine",
    "32014D0512": "Russia",
    "32014R0224": "Central African Republic",
    "32014R0269": "Russia, territorial integrity of Ukraine",
    "32014R0692": "Crimea and Sevastopol",
    "32014R0747": "Sudan",
    "32014R0833": "Russia",
    "32014R1352": "Yemen",
    "32015R0735": "South Sudan",
    "32015R1755": "Burundi",
    "32016R0044": "Libya",
    "32016R1686": "ISIL and Al-Qaida",
    "32017R1509": "North Korea",
    "32017R1770": "Mali",
    "32017R2063": "Venezuela",
    "32018R1542": "chemical weapons",
    "32019R0796": "cyber-attacks",
    "32019R1716": "Nicaragua",
    "32020R1998": "human rights",
    "32021R1275": "Lebanon",
    "32022R0263": "Donetsk, Kherson, Luhansk and Zaporizhzhia",
    "32022R2309": "Haiti",
    "32023R0888": "Moldova",
    "32023R1529": "Iran, missiles and drones",
    "32023R2147": "Sudan",
    "32024R1485": "Russia, repression",
    "32024R2642": "Russia, destabilising activities",
}
YEAR_FIRST_SINCE = 2015  # regulations were numbered No 833/2014 before, and are (EU) 2024/1485 since
CELEX = re.compile(r"[0-9CE]([0-9]{4})([RD])([0-9]{4})")
SEPARATOR = re.compile(r"\s*[;,&+/]\s*|\s+and\s+")


def measures_in(text: str) -> list[dict[str, str]]:
    """The measures that a cell names, `other` with its words for one that is not known."""
    found = []
    for words in SEPARATOR.split(text.strip()):
        kind = MEASURES.get(words.casefold())
        if words:
            found.append({"type": kind} if kind else {"type": "other", "subtype": words[:300]})
    return found or [{"type": "unspecified"}]


def subtype(celex: str, annex: str, schema: str) -> str | None:
    """What an annex does to those in it, more exactly; ships are listed as such whatever the act."""
    return SUBTYPES.get((celex, annex.partition(".")[0])) or ("vessel_listing" if schema == "Vessel" else None)


def cite(celex: str, programme: str | None) -> str:
    """A legal act as it is cited, with what it is about where that is known; a number of another sort as it is.

    >>> cite("32014R0833", "EU-RUS"), cite("32098R0007", "EU-BLR"), cite("52024PC0001", None)
    ('Regulation 833/2014 (Russia)', 'Regulation 2098/7 (Belarus)', '52024PC0001')
    """
    match = CELEX.fullmatch(celex)
    if match is None:
        return celex
    year, number = int(match[1]), int(match[3])
    is_regulation = match[2] == "R"
    order = f"{number}/{year}" if is_regulation and year < YEAR_FIRST_SINCE else f"{year}/{number}"
    about = ACTS.get(celex) or PROGRAMMES.get(programme or "", ("", ""))[1]
    return f"{'Regulation' if is_regulation else 'Decision'} {order}{f' ({about})' if about else ''}"


def ultimate_target(celex: str, programme: str | None) -> str | None:
    """The country whose conduct is to change, by the programme, else by the act; None where it is none's or unknown.

    >>> ultimate_target("32014R0269", "EU-UKR"), ultimate_target("32019R0796", None)
    ('RU', None)
    """
    if programme is not None:
        return PROGRAMMES.get(programme, (None,))[0]
    names = {name: code for code, name in PROGRAMMES.values()}
    return names.get(ACTS.get(celex, "").partition(",")[0])
