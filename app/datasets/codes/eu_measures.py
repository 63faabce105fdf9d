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
# Programmes that are named after the country whose conduct is to change; EU-UKR is about Ukraine and aimed at Russia.
ULTIMATE_TARGETS = {
    "EU-BLR": "BY",
    "EU-IRN": "IR",
    "EU-PRK": "KP",
    "EU-RUS": "RU",
    "EU-SYR": "SY",
    "EU-UKR": "RU",
}
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
